# cors_policy with variables; $cors_policy, $cors_decision and $cors_allow_origin.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  a:
    allow_origins: [https://a.example]
    allow_headers: [X-A]
  b:
    allow_origins: [https://b.example]
  public:
    allow_origins: ["*"]
>>> page.txt
a page
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[alert]\n[crit]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== a variable names the policy
--- http_config
map $arg_tenant $tenant_policy {
    one a;
    two b;
    default off;
}
--- config
location = /t {
    cors_policy $tenant_policy;
    return 200 "$cors_policy\n";
}
--- request eval
["GET /t?tenant=one", "GET /t?tenant=two", "GET /t?tenant=one"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://b.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example",
 "Access-Control-Allow-Origin: https://b.example",
 "! Access-Control-Allow-Origin
Vary: Origin"]
--- response_body eval
["a\n", "b\n", "a\n"]
--- no_error_log
[error]



=== a part of a name
--- config
location = /t {
    cors_policy pub$arg_rest;
    return 200 "$cors_policy\n";
}
--- request
GET /t?rest=lic
--- response_headers
Access-Control-Allow-Origin: *
--- response_body
public



=== empty and off mean none
--- config
location = /t {
    cors_policy $arg_name;
    return 200 "[$cors_policy$cors_decision$cors_allow_origin]\n";
}
--- request eval
["GET /t", "GET /t?name=off", "OPTIONS /t?name=off"]
--- more_headers
Origin: https://a.example
Access-Control-Request-Method: GET
--- response_headers eval
["! Access-Control-Allow-Origin
! Vary", "! Access-Control-Allow-Origin
! Vary", "! Access-Control-Allow-Origin
! Vary"]
--- response_body eval
["[]\n", "[]\n", "[]\n"]
--- no_error_log
[error]



=== an unknown name is logged, and means none
--- config
location = /t {
    cors_policy $arg_name;
    return 200 "ok\n";
}
--- request
GET /t?name=nobody
--- more_headers
Origin: https://a.example
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- error_log eval
qr/\[error\] .*unknown CORS policy "nobody"/



=== preflights, too
--- config
location = /t {
    cors_policy $arg_name;
    return 200 "not reached\n";
}
--- request
OPTIONS /t?name=a
--- more_headers
Origin: https://a.example
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://a.example



=== what was found out stays in force over an internal redirect that changes the variable
--- config
location = /t {
    cors_policy $arg_name;
    error_page 404 /error;
    return 404;
}
location = /error {
    return 404 "[$arg_name] $cors_policy\n";
}
--- request
GET /t?name=a
--- more_headers
Origin: https://a.example
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
[] a



=== a variable that the location itself sets
--- config
location = /page.txt {
    set $tenant_policy a;
    cors_policy $tenant_policy;
}
--- request eval
["GET /page.txt", "OPTIONS /page.txt"]
--- more_headers
Origin: https://a.example
Access-Control-Request-Method: GET
--- error_code eval
[200, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://a.example
Vary: Origin") x 2]



=== in http and server, for servers of many tenants
--- http_config
map $host $tenant_policy {
    hostnames;
    one.example a;
    default off;
}
cors_policy $tenant_policy;
--- config
location = /t {
    return 200 "ok\n";
}
--- raw_request eval
"GET /t HTTP/1.1\r
Host: one.example\r
Origin: https://a.example\r
Connection: close\r
\r
"
--- response_headers
Access-Control-Allow-Origin: https://a.example



=== in an if
--- config
location = /page.txt {
    cors_policy off;
    if ($arg_name) {
        cors_policy $arg_name;
    }
}
--- request eval
["GET /page.txt?name=a", "GET /page.txt", "OPTIONS /page.txt?name=a"]
--- more_headers
Origin: https://a.example
Access-Control-Request-Method: GET
--- error_code eval
[200, 200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example",
 "! Access-Control-Allow-Origin",
 "Access-Control-Allow-Origin: https://a.example"]
--- response_body eval
["a page\n", "a page\n", ""]



=== a variable that does not exist
--- config
cors_policy $no_such_variable;
--- must_die
--- error_log
unknown "no_such_variable" variable



=== the decisions
--- http_config
log_format cors '$request_method [$cors_policy] [$cors_decision] [$cors_allow_origin]';
--- config
access_log logs/cors.log cors;
location = /a {
    cors_policy a;
    return 200 "ok\n";
}
location = /public {
    cors_policy public;
    return 200 "ok\n";
}
location = /none {
    return 200 "ok\n";
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/cors.log;
}
--- request eval
["GET /a", "GET /a", "GET /a", "OPTIONS /a", "OPTIONS /a", "OPTIONS /a", "OPTIONS /a",
 "GET /public", "GET /public", "GET /none", "GET /log"]
--- more_headers eval
["Origin: https://a.example",
 "Origin: https://evil.example",
 "",
"Origin: https://a.example
Access-Control-Request-Method: GET",
"Origin: https://a.example
Access-Control-Request-Method: PUT",
"Origin: https://a.example
Access-Control-Request-Method: GET
Access-Control-Request-Headers: x-b",
"Origin: https://evil.example
Access-Control-Request-Method: GET",
 "Origin: https://a.example", "", "Origin: https://a.example", ""]
--- error_code eval
[200, 200, 200, 204, 204, 204, 204, 200, 200, 200, 200]
--- response_body eval
["ok\n", "ok\n", "ok\n", "", "", "", "", "ok\n", "ok\n", "ok\n",
"GET [a] [allowed] [https://a.example]
GET [a] [denied_origin] []
GET [a] [none] []
OPTIONS [a] [allowed] [https://a.example]
OPTIONS [a] [denied_method] [https://a.example]
OPTIONS [a] [denied_header] [https://a.example]
OPTIONS [a] [denied_origin] []
GET [public] [allowed] [*]
GET [public] [none] [*]
GET [] [] []
"]



=== in map, if and add_header
--- http_config
map $cors_decision $note {
    allowed "welcome";
    default "not you: $cors_decision";
}
--- config
location = /t {
    cors_policy a;
    add_header X-Note $note always;
    add_header X-Origin $cors_allow_origin always;
    if ($cors_decision = denied_origin) {
        return 403 "no\n";
    }
    return 200 "yes\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://evil.example"]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Note: welcome
X-Origin: https://a.example
Access-Control-Allow-Origin: https://a.example",
"X-Note: not you: denied_origin
! X-Origin
! Access-Control-Allow-Origin"]



=== in what a subrequest or the application gets to know
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    return 200 "$http_x_decision\n";
}
--- config
location = /t {
    cors_policy a;
    proxy_set_header X-Decision "$cors_policy $cors_decision";
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- more_headers
Origin: https://a.example
--- response_body
a allowed
