# cors_policy_dry_run: decide, count and log, and touch nothing.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    enforce: true
>>> watched.yaml
version: 1
policies:
  watched:
    allow_origins: [https://app.example.com]
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



=== a variable says for each request whether it is a dry run
--- http_config
map $arg_dry $dry {
    default $arg_dry;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
    return 200 "reached $cors_decision\n";
}
--- request eval
[map { "GET /t?dry=$_" } 'on', 'off', '', 'on', 'off']
--- more_headers eval
[("Origin: https://app.example.com") x 3, ("Origin: https://evil.example") x 2]
--- error_code eval
[200, 200, 200, 200, 403]
--- response_headers eval
["! Access-Control-Allow-Origin\n! Vary",
("Access-Control-Allow-Origin: https://app.example.com\nVary: Origin") x 2,
"! Access-Control-Allow-Origin\n! Vary",
"! Access-Control-Allow-Origin\nVary: Origin"]
--- no_error_log
[error]



=== a preflight goes by the variable, too
--- http_config
map $arg_dry $dry {
    default $arg_dry;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
    try_files /missing /page.txt;
}
--- request eval
[map { "OPTIONS /t?dry=$_" } 'on', 'off', '']
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[405, 204, 204]
--- response_headers eval
["! Access-Control-Allow-Origin", ("Access-Control-Allow-Origin: https://app.example.com") x 2]



=== another value is no dry run, and an error
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run "$arg_dry";
    return 200 "reached\n";
}
--- request
GET /t?dry=yes
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- error_log
[error]
invalid value "yes" of "cors_policy_dry_run", neither "on" nor "off"



=== where no policy applies, the variable is not asked
--- config
location = /t {
    cors_policy_dry_run "$arg_dry";
    return 200 "reached [$cors_policy]\n";
}
--- request
GET /t?dry=yes
--- response_body
reached []
--- no_error_log
[error]



=== set in the location assigns before the policy acts
--- config
location /t/ {
    cors_policy api;
    cors_policy_dry_run $dry;
    set $dry $arg_dry;
    try_files /missing /page.txt;
}
--- request eval
["OPTIONS /t/?dry=on", "OPTIONS /t/?dry=off", "GET /t/?dry=on", "GET /t/"]
--- more_headers eval
[("Origin: https://app.example.com
Access-Control-Request-Method: GET") x 2, ("Origin: https://evil.example") x 2]
--- error_code eval
[405, 204, 200, 403]
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com",
"! Vary", "Vary: Origin"]



=== the variable is evaluated once, with the policy
--- http_config
map $uri $dry {
    /t      on;
    default off;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
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



=== the policy may be named by a variable, too
--- config
cors_policy_dry_run $arg_dry;
location = /t {
    cors_policy $arg_policy;
    return 200 "[$cors_policy] $cors_decision\n";
}
--- request eval
["GET /t?policy=api&dry=on", "GET /t?policy=api&dry=off", "GET /t?dry=on", "GET /t?policy=off&dry=off"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com",
("! Access-Control-Allow-Origin") x 2]
--- response_body eval
["[api] allowed\n", "[api] allowed\n", "[] \n", "[] \n"]



=== a policy that can be replaced
--- http_config
cors_policy_file ../html/watched.yaml watch=5s;
--- config
cors_policy watched;
cors_policy_dry_run "$arg_dry";
location = /t {
    return 200 "$cors_policy $cors_decision\n";
}
--- request eval
["GET /t?dry=on", "GET /t?dry=off", "GET /t", "OPTIONS /t?dry=on", "OPTIONS /t?dry=off"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 200, 200, 200, 204]
--- response_headers eval
["! Access-Control-Allow-Origin", ("Access-Control-Allow-Origin: https://app.example.com") x 2,
"! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com"]



=== a server does not answer preflights by itself where a variable may make it a dry run
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
    server_name whole.example;
    cors_policy api;
    cors_policy_dry_run $arg_dry;
    return 200 "the server\n";
}
--- config
--- request eval
["OPTIONS /?dry=on", "OPTIONS /?dry=off"]
--- more_headers
Host: whole.example
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com"]
--- response_body eval
["the server\n", "the server\n"]



=== a variable that needs the decision ends nowhere
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $cors_decision;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
reached
--- error_log
cycle while evaluating variable
