# `cors-policy check` of nginx.conf says what `nginx -t` says: both accept a configuration, or both
# refuse it, and name the same line.

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( dirname );
use File::Path qw( make_path );
use File::Temp qw( tempdir );
use Test::More;

use lib 't/lib';

use Nginx qw( binary modules output_of spew );

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module' if !modules();

my ($module) = map { abs_path($_) } grep {m{/[^/]*cors_policy[^/]*\.so$}} modules();
my ($tool) = grep {-x} map {"$_/cors-policy"} $module ? dirname($module) : (), abs_path('dist') // ();
plan skip_all => 'there is no cors-policy beside the module or in dist/' if !$tool;

my $load = join '', map {"load_module $_;\n"} map { abs_path($_) } modules();

my $API = "version: 1\npolicies:\n  api:\n    allow_origins: [\"https://app.example.com\"]\n";

# Each case: a name; what stands in `http`; the line of it with the mistake, or 0 if there is none; other
# files.
my @cases = (
    [ 'no policies', 'server { listen 127.0.0.1:1; }', 0 ],
    [ 'a block', <<'END', 0 ],
cors_policy_define api {
    allow_origins https://app.example.com "https://*.partner.example";
    allow_credentials on;
    allow_methods GET PUT;
    max_age 10m;
}
server { location / { cors_policy api; } }
END
    [ 'a document', 'cors_policy_file cors.yaml; server { cors_policy api; }', 0, { 'cors.yaml' => $API } ],
    [ 'a document in a folder, watched', 'cors_policy_file a/cors.yaml watch=5s;', 0, { 'a/cors.yaml' => $API } ],
    [ 'a document that is named twice', "cors_policy_file cors.yaml;\ncors_policy_file cors.yaml watch=1m30s;", 0,
        { 'cors.yaml' => $API } ],
    [ 'a list of a document', 'cors_policy_file cors.yaml;', 0, {
        'cors.yaml' => $API =~ s/allow_origins: .*/allow_origins_file: list.txt/r,
        'list.txt'  => "https://a.example\n",
    } ],
    [ 'a list of a block in an included file, relative to nginx.conf', 'include a/*.conf;', 0, {
        'a/x.conf' => 'cors_policy_define api { allow_origins_file list.txt; }',
        'list.txt' => "https://a.example\n",
    } ],
    [ 'an included block with keys in another file', "cors_policy_define api { include keys.conf; }\n", 0,
        { 'keys.conf' => "allow_origins *;\n" } ],
    [ 'rules', <<'END', 0 ],
cors_policy_define api {
    enforce on;
    rule { allow_origins https://a.example; allow_credentials on; }
    rule { allow_origins https://b.example; dangerously_allow null_origin; }
}
END
    [ 'every place of a setting', <<'END', 0 ],
map $remote_addr $dry { default on; }
cors_policy_define api { allow_origins *; }
cors_policy off;
cors_policy_dry_run on;
server {
    cors_policy api;
    location / {
        cors_policy $host;
        cors_policy_dry_run OFF;
        if ($arg_x) { cors_policy api; }
        location /a/ { cors_policy "a-$host"; cors_policy_dry_run $dry; }
    }
    location /status { cors_policy_status; }
}
END
    [ 'a policy that is defined behind its use', "server { cors_policy api; }\ncors_policy_define api { allow_origins *; }", 0 ],
    [ 'a pattern of includes that finds nothing', "include *.none;\ncors_policy off;", 0 ],
    [ 'a warning', "cors_policy_define api { allow_origins *; max_age 2d; }", 0 ],
    [ 'an open guard', 'cors_policy_define api { allow_origins null; dangerously_allow null_origin; }', 0 ],
    [ 'an entry of map that looks like a directive', 'map $host $x { cors_policy 1; }', 0 ],

    [ 'a mistake in a block', "cors_policy_define api {\n    allow_origins https://app.example.com/;\n}", 2 ],
    [ 'a guard', "cors_policy_define api {\n    allow_origins null;\n}", 2 ],
    [ 'a mistake in a rule', "cors_policy_define api {\n  rule {\n    allow_origins A;\n  }\n}", 3 ],
    [ 'a block without origins', "\ncors_policy_define api { allow_credentials on; }", 2 ],
    [ 'a boolean of YAML', "cors_policy_define api {\n    allow_origins *;\n    enforce true;\n}", 3 ],
    [ 'an unknown key', "cors_policy_define api {\n    allow_origins *;\n    allow_method PUT;\n}", 3 ],
    [ 'a key without a value', "cors_policy_define api {\n    allow_origins;\n}", 2 ],
    [ 'a key with two values', "cors_policy_define api {\n    allow_origins *;\n    max_age 1 2;\n}", 3 ],
    [ 'a key with a block', "cors_policy_define api {\n    allow_origins { }\n}", 2 ],
    [ 'a rule in a rule', "cors_policy_define api {\n    rule {\n        rule { allow_origins *; }\n    }\n}", 3 ],
    [ 'a rule with a name', "cors_policy_define api {\n    rule a { allow_origins *; }\n}", 2 ],
    [ 'a rule without a block', "cors_policy_define api {\n    rule;\n}", 2 ],
    [ 'a policy without a name', "\ncors_policy_define { allow_origins *; }", 2 ],
    [ 'a policy without a block', "\ncors_policy_define api;", 2 ],
    [ 'a policy named off', "\ncors_policy_define off { allow_origins *; }", 2 ],
    [ 'a list that is not there', "cors_policy_define api {\n    allow_origins_file none.txt;\n}", 2 ],
    [ 'two policies with one name', "cors_policy_define api { allow_origins *; }\ncors_policy_define api { allow_origins *; }", 2 ],
    [ 'one name in a document and in a block', "cors_policy_file cors.yaml;\ncors_policy_define api { allow_origins *; }", 2,
        { 'cors.yaml' => $API } ],
    [ 'an unknown policy', "cors_policy_define api { allow_origins *; }\nserver {\n    cors_policy apis;\n}", 3 ],
    [ 'an unknown policy in an if', "server { location / {\n    if (\$arg_x) { cors_policy api; }\n} }", 2 ],
    [ 'a name that is empty', "\ncors_policy '';", 2 ],
    [ 'two settings in one block', "cors_policy off;\ncors_policy off;", 2 ],
    [ 'two dry runs in one block', "cors_policy_dry_run on;\ncors_policy_dry_run on;", 2 ],
    [ 'a dry run that is no flag', "\ncors_policy_dry_run maybe;", 2 ],
    [ 'a setting without a name', "\ncors_policy;", 2 ],
    [ 'a setting with a block', "\ncors_policy api { }", 2 ],
    [ 'a setting in limit_except', "server { location / { limit_except GET {\n    cors_policy off;\n} } }", 2 ],
    [ 'a setting in an if of the server', "server { if (\$arg_x) {\n    cors_policy off;\n} }", 2 ],
    [ 'a dry run in an if', "server { location / { if (\$arg_x) {\n    cors_policy_dry_run on;\n} } }", 2 ],
    [ 'a block in a server', "server {\n    cors_policy_define api { allow_origins *; }\n}", 2 ],
    [ 'a document in a server', "server {\n    cors_policy_file cors.yaml;\n}", 2, { 'cors.yaml' => $API } ],
    [ 'the counters in a server', "server {\n    cors_policy_status;\n}", 2 ],
    [ 'the counters with an argument', "server { location / {\n    cors_policy_status on;\n} }", 2 ],
    [ 'a directive that is misspelled', "\ncors_polcy_file cors.yaml;", 2, { 'cors.yaml' => $API } ],
    [ 'a watch that is no time', "\ncors_policy_file cors.yaml watch=5x;", 2, { 'cors.yaml' => $API } ],
    [ 'a watch of nothing', "\ncors_policy_file cors.yaml watch=0;", 2, { 'cors.yaml' => $API } ],
    [ 'a watch of a year', "\ncors_policy_file cors.yaml watch=1y;", 2, { 'cors.yaml' => $API } ],
    [ 'a path that is empty', "\ncors_policy_file '';", 2 ],
    [ 'a document that is not there', "\ncors_policy_file none.yaml;", -1 ],
    [ 'a document with a mistake', "\ncors_policy_file cors.yaml;", -1, { 'cors.yaml' => "$API    max_age: x\n" } ],
    [ 'a document without a version', "\ncors_policy_file cors.yaml;", -1, { 'cors.yaml' => $API =~ s/^.*\n//r } ],
    [ 'a brace that is missing', "cors_policy_define api {\n    allow_origins *;\n", -1 ],
    [ 'a mistake in an included file', "include a/*.conf;", -1,
        { 'a/x.conf' => 'cors_policy_define api { allow_origins https://A.example; }' } ],
);

for my $case (@cases) {
    my ($name, $http, $line, $files) = @$case;
    my $folder = tempdir(CLEANUP => 1);
    make_path("$folder/logs");
    for my $path (keys %{ $files // {} }) {
        make_path(dirname("$folder/$path"));
        spew("$folder/$path", $files->{$path});
    }
    # The folders that are compiled into a packaged nginx are not there.
    my $temporary = join "\n", map { "${_}_temp_path $folder/$_;" } qw(client_body proxy fastcgi uwsgi scgi);
    my $before    = "${load}pid $folder/nginx.pid;\nerror_log stderr;\nevents { }\n"
        . "http {\naccess_log off;\n$temporary\n";
    spew("$folder/nginx.conf", "$before$http\n}\n");

    my ($nginx_status, $nginx) = output_of([ binary(), '-t', '-p', $folder, '-c', "$folder/nginx.conf" ]);
    my ($tool_status, $check)
        = output_of([ $tool, 'check', '--as', 'nginx', "$folder/nginx.conf" ]);
    my $is_refused = $nginx_status != 0 ? 1 : 0;
    is($is_refused, $line != 0 ? 1 : 0, "$name: nginx") or diag $nginx;
    is($tool_status >> 8, 2 * $is_refused, "$name: the same") or diag "$nginx\n$check";
    next if $line <= 0;
    my $expected = ($before =~ tr/\n//) + $line;
    like($nginx, qr/nginx\.conf:$expected$/m, "$name: nginx names line $expected");
    like($check, qr/nginx\.conf:$expected: /, "$name: the line is the same");
}

done_testing();
