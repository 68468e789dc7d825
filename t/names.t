# Names: a site's own variables win over the module's, and nothing that a configuration can write reaches
# what the module remembers about a request.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => ($block->http_config // '') . "\ncors_policy_file ../html/cors.yaml;\n");
    $block->set_value(no_error_log => "[alert]\n[crit]\n[emerg]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== where nobody has them, they are the module's
--- config
location = /t {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
[api] [allowed] [https://app.example.com]



=== map
--- http_config
map $http_origin $cors_policy { default map-1; }
map $http_origin $cors_decision { default map-2; }
map $http_origin $cors_allow_origin { default map-3; }
map $http_origin $cors_change { default map-4; }
log_format cors '[$cors_policy] [$cors_decision] [$cors_allow_origin] [$cors_change]';
--- config
location = /t {
    cors_policy api;
    access_log logs/cors.log cors;
    add_header X-Decision $cors_decision;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin] [$cors_change]\n";
}
location = /none {
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin] [$cors_change]\n";
}
location = /if {
    cors_policy api;
    if ($cors_decision = map-2) {
        return 200 "the site's own\n";
    }
    return 200 "the module's\n";
}
location = /log {
    default_type text/plain;
    alias logs/cors.log;
}
--- request eval
["GET /t", "GET /none", "GET /if", "GET /log"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["X-Decision: map-2
Access-Control-Allow-Origin: https://app.example.com", "! Access-Control-Allow-Origin",
 "Access-Control-Allow-Origin: https://app.example.com", "! Access-Control-Allow-Origin"]
--- response_body eval
["[map-1] [map-2] [map-3] [map-4]\n", "[map-1] [map-2] [map-3] [map-4]\n", "the site's own\n",
 "[map-1] [map-2] [map-3] [map-4]\n"]



=== a map of one of them, in a site that has no policies at all
--- http_config
map $http_origin $cors_allow_origin {
    default "";
    https://app.example.com $http_origin;
}
--- config
location = /t {
    add_header Access-Control-Allow-Origin $cors_allow_origin always;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com", "! Access-Control-Allow-Origin"]



=== a map behind what uses it, and the module's for the names that the site does not have
--- http_config
log_format cors '[$cors_decision]';
map $cors_decision $note { default "of the $cors_decision"; }
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    return 200 "[$cors_decision]\n";
}
map $host $cors_decision { default site; }
--- config
location = /t {
    cors_policy api;
    return 200 "[$note] [$cors_policy]\n";
}
location = /p {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /t", "GET /p"]
--- response_body eval
["[of the site] [api]\n", "[site]\n"]



=== a map that names the policy
--- http_config
map $host $cors_policy { default api; }
--- config
location = /t {
    cors_policy $cors_policy;
    return 200 "[$cors_policy] [$cors_decision]\n";
}
--- request eval
["GET /t", "OPTIONS /t"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 2]
--- response_body eval
["[api] [allowed]\n", ""]



=== in any case
--- http_config
map $http_origin $CORS_Policy { default map-1; }
map $http_origin $Cors_Decision { default map-2; }
--- config
location = /t {
    cors_policy api;
    set $CORS_ALLOW_ORIGIN set-3;
    return 200 "[$cors_policy] [$CORS_DECISION] [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
[map-1] [map-2] [set-3]



=== geo
--- http_config
geo $cors_policy { default geo-1; }
geo $cors_decision { default geo-2; }
geo $cors_allow_origin { default geo-3; }
--- config
location = /t {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body
[geo-1] [geo-2] [geo-3]



=== split_clients
--- http_config
split_clients $remote_addr $cors_policy { * split-1; }
split_clients $remote_addr $cors_decision { * split-2; }
split_clients $remote_addr $cors_allow_origin { * split-3; }
--- config
location = /t {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
[split-1] [split-2] [split-3]



=== set, in one location: the module's does not show through in another
--- config
location = /set {
    set $cors_policy set-1;
    set $cors_decision set-2;
    set $cors_allow_origin set-3;
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
location = /other {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request eval
["GET /set", "GET /other", "GET /set"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 3]
--- response_body eval
["[set-1] [set-2] [set-3]\n", "[] [] []\n", "[set-1] [set-2] [set-3]\n"]



=== set, in another server
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    set $cors_decision set;
    return 200 "[$cors_decision]\n";
}
--- config
location = /p {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /t {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision]\n";
}
--- request eval
["GET /p", "GET /t"]
--- more_headers
Origin: https://app.example.com
--- response_body eval
["[set]\n", "[api] []\n"]



=== set, over an internal redirect
--- config
location = /t {
    set $cors_policy set;
    cors_policy api;
    error_page 404 /error;
    return 404;
}
location = /error {
    return 404 "[$cors_policy] [$cors_decision]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body
[set] [allowed]



=== auth_request_set
--- config
location = /t {
    cors_policy api;
    auth_request /auth;
    auth_request_set $cors_policy $upstream_http_x_policy;
    auth_request_set $cors_decision $upstream_status;
    root html;
    add_header X-Note "[$cors_policy] [$cors_decision]";
    try_files /cors.yaml =404;
}
location = /auth {
    internal;
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/answer;
}
location = /answer {
    add_header X-Policy authorized;
    return 204;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
X-Note: [authorized] [204]
Access-Control-Allow-Origin: https://app.example.com



=== a capture of a location
--- config
location ~ ^/(?<cors_policy>[a-z]+)/(?<CORS_Decision>[a-z]+)$ {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
location = /other {
    cors_policy api;
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request eval
["GET /one/two", "GET /other"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 2]
--- response_body eval
["[one] [two] [https://app.example.com]\n", "[] [] [https://app.example.com]\n"]



=== a capture of a rewrite, and of an if
--- config
rewrite ^/old/(?<cors_allow_origin>[a-z]+)$ /new last;
location = /new {
    cors_policy api;
    if ($http_origin ~ ^https://(?<cors_decision>[a-z]+)) {
        add_header X-If yes;
    }
    return 200 "[$cors_policy] [$cors_decision] [$cors_allow_origin]\n";
}
--- request
GET /old/one
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body
[api] [app] [one]



=== a capture of a server's name
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    server_name ~^(?<cors_policy>[a-z]+)\.site\.example$;
    location / {
        cors_policy api;
        return 200 "[$cors_policy] [$cors_decision]\n";
    }
}
--- config
location = /t {
    proxy_set_header Host tenant.site.example;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
[tenant] [allowed]



=== a name in quotes, with spaces: nothing reaches what the module remembers
--- config
cors_policy api;
location = /t {
    set "$cors_policy in force" "$arg_x";
    return 200 "ok\n";
}
location = /file {
    set "$cors_policy in force" "$arg_x";
    set "$ " "$arg_x";
    set "$  " "$arg_x";
    set "$cors_policy remembers" "$arg_x";
    set "$cors policy" "$arg_x";
    root html;
    error_page 404 /error;
}
location = /error {
    set "$cors_policy in force" "";
    return 404 "error\n";
}
--- request eval
["GET /t?x=AAAAAAAAAAAAAAAAAAAAAAAA", "GET /file?x=AAAAAAAAAAAAAAAAAAAAAAAA", "OPTIONS /file?x=AAAAAAAAAAAAAAAAAAAAAAAA",
 "GET /t?x=", "GET /t"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 404, 204, 200, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 5]
--- response_body eval
["ok\n", "error\n", "", "ok\n", "ok\n"]



=== the same name by map and by geo, and in http
--- http_config
cors_policy api;
map $arg_x "$cors_policy in force" { default $arg_x; }
geo "$ " { default AAAAAAAAAAAAAAAAAAAAAAAA; }
--- config
location = /t {
    set $copy "${cors_policy}";
    return 200 "[$copy]\n";
}
location = /set {
    set "$cors_policy in force" "$arg_x";
    set "$ " "$arg_x";
    root html;
    try_files /none /t;
}
--- request eval
["GET /t?x=AAAAAAAAAAAAAAAAAAAAAAAA", "GET /set?x=AAAAAAAAAAAAAAAAAAAAAAAA"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 2]
--- response_body eval
["[api]\n", "[api]\n"]
