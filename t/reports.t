# What went wrong elsewhere, as it was reported: each of these must be impossible here.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com, https://admin.example.com]
    allow_methods: [GET, PUT]
    allow_headers: [Authorization]
    allow_credentials: true
  pattern:
    allow_origins: ['regex:https://(www|app)\.example\.com']
>>> htpasswd
user:{PLAIN}password
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    return if defined $block->must_die;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== nginx-gateway-fabric #5315: two Access-Control-Allow-Origin headers, the application's and the proxy's
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header Access-Control-Allow-Origin $http_origin;
    return 200 "application\n";
}
--- config
location = /t {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- raw_response_headers_unlike: (?i)allow-origin[\s\S]*allow-origin



=== nginx-gateway-fabric #5182: a preflight sent on to the application because of rewrite break
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    return 404 "application\n";
}
--- config
location /api/ {
    cors_policy api;
    rewrite ^/api/(.*) /$1 break;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
OPTIONS /api/t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT



=== nginx-gateway-fabric #5119: a preflight without credentials gets 401 from basic authentication
--- config
location = /t {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
    try_files /cors.yaml =404;
}
--- request eval
["OPTIONS /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Headers: authorization",
"Origin: https://app.example.com
Authorization: Basic dXNlcjpwYXNzd29yZA==",
"Origin: https://app.example.com"]
--- error_code eval
[204, 200, 401]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Headers: Authorization
Access-Control-Allow-Credentials: true",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true"]



=== ingress-nginx #10206: a trailing comma in the list of origins silently allows every origin
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: ["https://app.example.com,"]
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log eval
qr{cors\.yaml:4: policies\.api\.allow_origins\[0\]: "https://app\.example\.com,"}



=== ingress-nginx #10206, as YAML has it: an empty entry
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins:
      - https://app.example.com
      -
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log
cors.yaml:6: policies.api.allow_origins[1]



=== ingress-nginx #7162: a list of origins sent as one comma-separated header
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://admin.example.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com",
 "Access-Control-Allow-Origin: https://admin.example.com"]



=== ingress-nginx #7162: nor can such a list be configured
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: ["https://app.example.com, https://admin.example.com"]
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log
policies.api.allow_origins[0]



=== add_header without always: error responses without CORS headers
--- config
location = /403 {
    cors_policy api;
    deny all;
}
location = /502 {
    cors_policy api;
    return 502;
}
--- request eval
["GET /403", "GET /502"]
--- more_headers
Origin: https://app.example.com
--- error_code eval
[403, 502]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true") x 2]
--- no_error_log
[alert]



=== rs/cors #10: Vary present only when the origin matched
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example", ""]
--- response_headers eval
["Vary: Origin", "Vary: Origin", "Vary: Origin"]



=== PortSwigger: a regular expression without anchors
--- config
location = /t {
    cors_policy pattern;
    return 200 "ok\n";
}
--- request eval
[("GET /t") x 4]
--- more_headers eval
["Origin: https://www.example.com",
 "Origin: https://www.example.com.evil.net",
 "Origin: https://evil.net/?https://www.example.com",
 "Origin: https://wwwxexample.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://www.example.com",
 ("! Access-Control-Allow-Origin") x 3]



=== PortSwigger: a regular expression with an unescaped dot
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: ['regex:https://www.example\.com']
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log
policies.api.allow_origins[0]
