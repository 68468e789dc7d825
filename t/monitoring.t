# What docs/operations.md gives to Prometheus: the alert is valid, fires when denials rise, and does
# not where they do not. Prometheus's promtool judges; `make test` brings it along.

use strict;
use warnings;

use File::Temp qw( tempdir );
use Test::More;

my $promtool = (grep {-x} map {"$_/promtool"} split /:/, $ENV{PATH})[0]
    or plan skip_all => 'there is no promtool';

my $folder = tempdir(CLEANUP => 1);

sub content {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$file>;
}

sub write_file {
    my ($name, $text) = @_;
    open my $file, '>', "$folder/$name" or die "$name: $!\n";
    print {$file} $text;
    close $file or die "$name: $!\n";
    return;
}

my ($rules) = content('docs/operations.md') =~ /^```yaml\n(groups:\n.*?)^```$/ms;
ok $rules, 'docs/operations.md has rules for Prometheus' or BAIL_OUT('nothing to test');
write_file('rules.yaml', $rules);
is system("$promtool check rules $folder/rules.yaml >&2"), 0, 'promtool accepts them';

# A sample each minute for six hours; what rises does so after four.
write_file('tests.yaml', <<'END');
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: nginx_cors_requests_total{policy="rises",request="actual",decision="denied_origin",mode="enforced"}
        values: 0+6x240 2040+600x120
      - series: nginx_cors_requests_total{policy="rises_in_preflights",request="preflight",decision="denied_method",mode="enforced"}
        values: 0+6x240 2040+600x120
      - series: nginx_cors_requests_total{policy="is_new",request="actual",decision="denied_origin",mode="enforced"}
        values: _x230 0x10 600+600x120
      - series: nginx_cors_requests_total{policy="is_much_as_ever",request="actual",decision="denied_origin",mode="enforced"}
        values: 0+600x360
      - series: nginx_cors_requests_total{policy="is_rare",request="actual",decision="denied_origin",mode="enforced"}
        values: 0x240 1+6x120
      - series: nginx_cors_requests_total{policy="is_allowed",request="actual",decision="allowed",mode="enforced"}
        values: 0+6x240 2040+600x120
      - series: nginx_cors_requests_total{policy="is_tried",request="actual",decision="denied_origin",mode="dry_run"}
        values: 0+6x240 2040+600x120
    alert_rule_test:
      - alertname: CorsDenials
        eval_time: 240m
      - alertname: CorsDenials
        eval_time: 260m
        exp_alerts:
          - exp_labels: { policy: rises, severity: warning }
            exp_annotations:
              summary: The policy rises refuses 10.0 requests a second, far more than an hour ago
          - exp_labels: { policy: rises_in_preflights, severity: warning }
            exp_annotations:
              summary: The policy rises_in_preflights refuses 10.0 requests a second, far more than an hour ago
          - exp_labels: { policy: is_new, severity: warning }
            exp_annotations:
              summary: The policy is_new refuses 10.0 requests a second, far more than an hour ago
END
is system("cd $folder && $promtool test rules tests.yaml >&2"), 0,
    'the alert fires for a policy that suddenly refuses more, and for no other';

done_testing();
