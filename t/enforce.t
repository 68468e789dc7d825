# enforce: who is not allowed does not reach the application.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    enforce: true
  forward:
    allow_origins: [https://app.example.com]
    enforce: true
    preflight: forward
  lax:
    allow_origins: [https://app.example.com]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies . ($block->user_files // ''));
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== a denied origin gets 403, before the location does anything
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "POST /t", "DELETE /t", "OPTIONS /t"]
--- more_headers
Origin: https://evil.example
--- error_code eval
[403, 403, 403, 403]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 4]



=== an allowed origin and a request without one pass
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", ""]
--- response_body eval
["reached\n", "reached\n"]



=== without enforce, a denied origin reaches the application as ever
--- config
location = /t {
    cors_policy lax;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- response_body
reached



=== the same origin passes: host and port of Origin are those of Host
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- raw_request eval
[map "GET /t HTTP/1.1\r
Host: $_->[0]\r
Origin: $_->[1]\r
Connection: close\r
\r
", ["site.example", "https://site.example"],
   ["site.example:8443", "https://site.example:8443"],
   ["site.example:443", "https://site.example"],
   ["SITE.example", "https://site.example"],
   ["site.example:8443", "https://site.example"],
   ["site.example", "https://other.example"],
   ["site.example", "null"]]
--- error_code eval
[200, 200, 200, 200, 403, 403, 403]



=== repeated and malformed origins are refused
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Origin: https://app.example.com", "Origin: ", "Origin: null"]
--- error_code eval
[403, 403, 403]



=== a WebSocket handshake of a foreign page
--- config
keepalive_timeout 0;
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Connection: Upgrade, close
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Origin: https://evil.example
--- error_code: 403



=== a preflight is answered, not refused
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
! Access-Control-Allow-Origin



=== a forwarded preflight reaches the application
--- config
location = /t {
    cors_policy forward;
    return 200 "reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: GET
--- response_body
reached



=== the page about the error is one that the policy is in force for
--- config
location = /t {
    cors_policy api;
    error_page 403 /error;
    return 200 "reached\n";
}
location = /error {
    internal;
    return 403 "$cors_policy $cors_decision\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- error_code: 403
--- response_body
api denied_origin



=== mirror around the error page: no copy of a refused request reaches the application
--- config
mirror /mirror;
error_page 403 /denied.html;
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
location = /file.txt {
    cors_policy api;
}
location = /denied.html {
    internal;
}
location = /mirror {
    internal;
    error_page 403 = @application;
    set $to /application;
    if ($request_method = GET) {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT$to;
    }
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application;
}
location @application {
    rewrite ^ /application break;
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT;
}
location = /application {
    mirror off;
    access_log logs/application.log;
    return 204;
}
location = /log {
    mirror off;
    default_type text/plain;
    alias logs/application.log;
}
--- user_files
>>> file.txt
file
>>> denied.html
denied
--- request eval
["GET /t", "POST /t\na=b", "GET /file.txt", "GET /log", "GET /file.txt", "GET /log"]
--- more_headers eval
[("Origin: https://evil.example") x 3, "", "Origin: https://app.example.com", ""]
--- error_code eval
[403, 403, 403, 200, 200, 200]
--- response_body_like eval
["^denied\$", "^denied\$", "^denied\$", "^\$", "^file\$", "GET /application"]



=== post_action: a refused request does not reach the application after its response
--- config
location /named { cors_policy api; post_action @application; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /uri { cors_policy api; post_action /application-uri; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /page { cors_policy api; error_page 403 /denied.html; return 200; }
location /if { cors_policy api; post_action /application-if; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /asks { cors_policy api; post_action /asking; return 200; }
location = /denied.html { post_action @application; }
location = /application-if { if ($request_uri) { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; } }
location = /asking { auth_request /application; alias html/denied.html; }
location @application { rewrite ^ /application break; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
location = /application-uri { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location = /application { access_log logs/application.log; return 204; }
location = /log { default_type text/plain; alias logs/application.log; }
--- user_files
>>> denied.html
denied
--- request eval
["POST /named\na=b", "POST /uri\na=b", "POST /page\na=b", "DELETE /named", "POST /if\na=b", "POST /asks\na=b", "GET /log", "GET /named", "GET /log"]
--- more_headers eval
[("Origin: https://evil.example") x 6, "", "Origin: https://app.example.com", ""]
--- error_code eval
[(403) x 6, 200, 204, 200]
--- response_body_like eval
["403 Forbidden", "403 Forbidden", "^denied\$", ("403 Forbidden") x 3, "^\$", "^\$", "(?:[^\\n]* /application [^\\n]*\\n){2}"]



=== an error that nginx finds before the policy is known: the policy of the location that it leads to
--- no_error_log: [alert]
--- config
error_page 413 = @application;
location = /t { cors_policy api; client_max_body_size 1; return 200; }
location @application { cors_policy api; rewrite ^ /application break; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
location = /application { return 200 "reached\n"; }
--- request eval
["POST /t\na=b", "POST /t\na=b"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://app.example.com"]
--- error_code eval
[403, 200]
--- response_body_like eval
["403 Forbidden", "reached"]
