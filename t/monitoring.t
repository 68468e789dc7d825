# examples/monitoring/: the alerts are valid, fire when they should, and not when they should not; a real Prometheus
# scrapes nginx, and knows what the dashboard asks for; the queries for Loki match what nginx logs. `make test` brings
# Prometheus and its promtool along.

use strict;
use warnings;

use File::Temp qw( tempdir );
use HTTP::Tiny;
use JSON::PP qw( decode_json );
use Test::More;
use Time::HiRes qw( sleep );

use lib 't/lib', 't/operations/lib';

use Nginx qw( free_port );
use Server ();

my ($promtool, $prometheus) = map {
    my $program = $_;
    (grep {-x} map {"$_/$program"} split /:/, $ENV{PATH})[0]
        or plan skip_all => "there is no $program"
} qw( promtool prometheus );

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

my $rules = content('examples/monitoring/alerts.yaml');
write_file('rules.yaml', $rules);
is system("$promtool check rules $folder/rules.yaml >&2"), 0, 'promtool accepts the alerts';

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
      - series: nginx_cors_dry_run_changes_total{policy="is_tried",change="lost"}
        values: 0x240 7x120
      - series: nginx_cors_dry_run_changes_total{policy="is_tried",change="gained"}
        values: 0+60x360
      - series: nginx_cors_dry_run_changes_total{policy="is_over",change="lost"}
        values: 9x360
      - series: nginx_cors_policies_last_load_success{instance="one",file="cors.yaml"}
        values: 1x100 0x20 1x240
      - series: nginx_cors_policies_last_load_success{instance="two",file="cors.yaml"}
        values: 1x360
      - series: nginx_cors_policies_workers{instance="one",file="cors.yaml",state="stale"}
        values: 0x100 3x5 0x95 2x160
      - series: nginx_cors_policies_workers{instance="one",file="cors.yaml",state="current"}
        values: 4x360
      - series: nginx_cors_policies_info{job="api",instance="one",file="cors.yaml",sha256="aa"}
        values: 1x360
      - series: nginx_cors_policies_info{job="api",instance="two",file="cors.yaml",sha256="aa"}
        values: 1x100 _x260
      - series: nginx_cors_policies_info{job="api",instance="two",file="cors.yaml",sha256="bb"}
        values: _x101 1x259
      - series: nginx_cors_policies_info{job="other",instance="three",file="cors.yaml",sha256="cc"}
        values: 1x360
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
      - alertname: CorsPoliciesRefused
        eval_time: 104m
      - alertname: CorsPoliciesRefused
        eval_time: 110m
        exp_alerts:
          - exp_labels: { instance: one, file: cors.yaml, severity: warning }
            exp_annotations:
              summary: nginx on one refuses the last change of cors.yaml
      - alertname: CorsPoliciesRefused
        eval_time: 130m
      - alertname: CorsPoliciesStale
        eval_time: 120m
      - alertname: CorsPoliciesStale
        eval_time: 220m
        exp_alerts:
          - exp_labels: { instance: one, file: cors.yaml, state: stale, severity: warning }
            exp_annotations:
              summary: 2 workers of nginx on one do not have the newest cors.yaml in force
      - alertname: CorsPoliciesDiffer
        eval_time: 100m
      - alertname: CorsPoliciesDiffer
        eval_time: 150m
        exp_alerts:
          - exp_labels: { job: api, file: cors.yaml, severity: warning }
            exp_annotations:
              summary: 2 versions of cors.yaml are in force on the machines of api
      - alertname: CorsDryRunLoses
        eval_time: 200m
      - alertname: CorsDryRunLoses
        eval_time: 270m
        exp_alerts:
          - exp_labels: { policy: is_tried, severity: info }
            exp_annotations:
              summary: With the policy is_tried in force, 7 requests of the last hour would be lost
  - interval: 1m
    input_series:
      - series: nginx_cors_requests_total{policy="has_few",request="actual",decision="denied_origin",mode="enforced"}
        values: 0+6x360
      - series: nginx_cors_requests_total{policy="has_few",request="actual",decision="allowed",mode="enforced"}
        values: 0+60x100 6000+2x260
      - series: nginx_cors_requests_total{policy="has_hardly_any",request="actual",decision="denied_origin",mode="enforced"}
        values: 0+1x360
    alert_rule_test:
      - alertname: CorsDenialShare
        eval_time: 90m
      - alertname: CorsDenialShare
        eval_time: 130m
        exp_alerts:
          - exp_labels: { policy: has_few, severity: warning }
            exp_annotations:
              summary: The policy has_few refuses 75% of its CORS requests
END
is system("cd $folder && $promtool test rules tests.yaml >&2"), 0, 'each alert fires when it should, and only then';

# What one finds by one name.
sub named {
    my ($what, @things) = @_;
    return map { ref $_ eq 'HASH' ? (exists $_->{$what} && !ref $_->{$what} ? $_->{$what} : (), named($what, values %$_))
        : ref $_ eq 'ARRAY' ? named($what, @$_) : () } @things;
}

my $dashboard = decode_json(content('examples/monitoring/grafana-dashboard.json'));
my @queries   = named(expr => $dashboard);
cmp_ok @queries, '>=', 10, 'the dashboard has queries';
my ($loki) = map { { /^([a-z-]+): \|-\n  (.*)$/mg } } content('examples/monitoring/loki-queries.yaml');

SKIP: {
    skip 'TEST_NGINX_LOAD_MODULES names no module' if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

    # nginx does not outlive the test, however that ends.
    local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;
    my $server = Server->new;
    my $policies = "version: 1\npolicies:\n  api:\n    allow_origins: [https://app.example.com]\n";
    $server->write_file('cors.yaml', $policies);
    $server->write_conf(http => 'cors_policy_file cors.yaml watch=1s;', server => <<'END');
        cors_policy api;
        location /api { return 200 "ok\n"; }
        location /tried {
            cors_policy_dry_run on;
            add_header Access-Control-Allow-Origin $http_origin;
            add_header Access-Control-Expose-Headers X-Total;
            return 200 "ok\n";
        }
END
    $server->start;

    my $page = $server->request('GET', '/status') =~ s/\A.*?\r\n\r\n//sr;
    my %is_served = map { $_ => 1 } $page =~ /^# TYPE (\w+) /mg;
    for my $text (@queries, $rules, named(query => $dashboard)) {
        my @metrics = $text =~ /\b(?<!:)(nginx_cors_(?!denials)\w+)/g;
        is_deeply [ grep { !$is_served{$_} } @metrics ], [], "nginx has the metrics of " . substr($text =~ s/\s+/ /gr, 0, 60);
    }
    write_file('page.txt', $page);
    is system("$promtool check metrics < $folder/page.txt >&2"), 0, 'promtool accepts the metrics';

    my $port = free_port();
    write_file('prometheus.yaml', <<"END");
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [$folder/rules.yaml]
scrape_configs:
  - job_name: nginx-cors
    metrics_path: /status
    static_configs: [{ targets: ["127.0.0.1:@{[$server->port]}"] }]
END
    my $running = bless {}, 'Nginx';
    $running->launch([ $prometheus, "--config.file=$folder/prometheus.yaml", "--storage.tsdb.path=$folder/data",
        "--web.listen-address=127.0.0.1:$port", '--log.level=error' ]);
    my $http = HTTP::Tiny->new(timeout => 10);
    my $api  = sub {
        my ($path, %query) = @_;
        my $query    = $http->www_form_urlencode(\%query);
        my $response = $http->get("http://127.0.0.1:$port/api/v1/$path?$query");
        return $response->{success} ? decode_json($response->{content}) : { status => "$response->{status} $response->{content}" };
    };
    my $load = sub {
        $server->request('GET', '/api',   "Origin: $_") for 'https://app.example.com', 'https://evil.example';
        $server->request('GET', '/tried', "Origin: $_") for 'https://app.example.com', 'https://shop.example.com';
        $server->request('OPTIONS', '/api', 'Origin: https://app.example.com', 'Access-Control-Request-Method: PUT');
        return;
    };
    # A good change, and then a bad one, under load.
    my $is_seen = sub {
        my ($query) = @_;
        return Server::wait_for(30, sub { $load->(); sleep 0.2; scalar @{ $api->(query => query => $query)->{data}{result} // [] } });
    };
    ok $is_seen->('rate(nginx_cors_requests_total{decision="denied_origin",mode="enforced"}[5s]) > 0'), 'Prometheus scrapes nginx';
    ok $is_seen->('nginx_cors_policies_last_load_success == 1'), 'and sees that the policies are good';
    $server->write_file('cors.yaml', "$policies    max_age: soon\n");
    ok $is_seen->('nginx_cors_policies_last_load_success == 0'),   'and that a change is refused';
    ok $is_seen->('ALERTS{alertname="CorsPoliciesRefused",alertstate="pending"}'), 'for which an alert is about to fire';
    is_deeply [ sort map { $_->{name} } grep { $_->{type} eq 'alerting' } map { @{ $_->{rules} } } @{ $api->('rules')->{data}{groups} } ],
        [ sort $rules =~ /- alert: (\w+)/g ], 'it has all alerts';
    for my $query (@queries) {
        my %value = (job => '.*', policy => '.*', __rate_interval => '5s');
        my $filled = $query =~ s/\$(\w+)/$value{$1} \/\/ "?"/ger;
        my $answer = $api->(query => query => $filled);
        my $shown  = substr $query, 0, 70;
        is $answer->{status}, 'success', "Prometheus takes $shown" or diag explain $answer;
        # Nothing was loaded in the last minute but what nginx began with.
        next if $query =~ /^changes/;
        cmp_ok scalar @{ $answer->{data}{result} }, '>', 0, '… and has an answer' or diag $filled;
    }
    $running->quit(10, 15);
    $server->stop;

    # The expressions are those of Go, which Perl has too.
    my %lines = (
        'dry-run-lost'   => qr/lost, denied_origin, origin: "https:\/\/shop/,
        'dry-run-missed' => qr/headers, allowed, .* missed: "x-total"/,
        'denied'         => qr/"api": denied_origin, origin: "https:\/\/evil/,
        'refused-files'  => qr/are not taken over/,
    );
    my $log = $server->log;
    is_deeply [ sort keys %$loki ], [ sort keys %lines ], 'there are queries for Loki';
    for my $name (sort keys %lines) {
        my ($contained) = $loki->{$name} =~ /\|= `([^`]*)`/;
        my ($regexp)    = $loki->{$name} =~ /regexp `([^`]*)`/;
        my @found = grep { index($_, $contained) >= 0 && (!$regexp || /$regexp/) } split /\n/, $log;
        ok scalar(grep { $_ =~ $lines{$name} } @found), "the query $name finds what nginx logs" or diag $log;
    }
}

done_testing();
