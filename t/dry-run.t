# cors_policy_dry_run: decide, count and log, and touch nothing.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    enforce: true
>>> page.txt
a page
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
});

log_level('info');
no_shuffle();
run_tests();

__DATA__

=== the response is what it would be without the policy
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin https://mine.example;
    add_header Access-Control-Made-Up yes;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example", ""]
--- response_headers eval
[("Access-Control-Allow-Origin: https://mine.example
Access-Control-Made-Up: yes
! Vary") x 3]
--- response_body eval
["ok\n", "ok\n", "ok\n"]



=== a preflight goes where it went
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "$request_method\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
--- response_body
OPTIONS



=== a denial is logged, and says so
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- error_log eval
qr{\[info\] .* CORS policy "api": denied_origin, origin: "https://evil\.example", dry run, client: }



=== the decision is known, and nothing is sent
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "$cors_policy $cors_decision [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
api allowed []



=== inherited, and switched off again
--- config
cors_policy api;
cors_policy_dry_run on;
location = /dry {
    return 200 "ok\n";
}
location = /wet {
    cors_policy_dry_run off;
    return 200 "ok\n";
}
--- request eval
["GET /dry", "GET /wet"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["! Access-Control-Allow-Origin
! Vary",
"Access-Control-Allow-Origin: https://app.example.com
Vary: Origin"]



=== it stays with the policy over an internal redirect
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    try_files /missing /page.txt;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- response_body
a page
