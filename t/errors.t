# Errors: a page must be able to read them, whoever made them.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    expose_headers: [ETag]
  strict:
    allow_origins: [https://strict.example.com]
>>> htpasswd
user:{PLAIN}password
>>> error.html
a page about errors
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers || defined $block->raw_request;
    $block->set_value(no_error_log => '[alert]');
});

no_shuffle();
run_tests();

__DATA__

=== 401 of basic authentication
--- config
location = /t {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request
GET /t
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin
WWW-Authenticate: Basic realm="closed"



=== 401 of auth_request
--- config
location = /t {
    cors_policy api;
    auth_request /auth;
}
location = /auth {
    internal;
    return 401;
}
--- request
GET /t
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 403, 404, 405, 410, 500 and 503 of nginx itself
--- config
cors_policy api;
location = /403 { deny all; }
location = /404 { root /nowhere; }
location = /405 { try_files /error.html =500; }
location = /410 { return 410; }
location = /500 { rewrite ^ /500 last; }
location = /503 { return 503 "later\n"; }
--- request eval
["GET /403", "GET /404", "POST /405\nbody", "GET /410", "GET /500", "GET /503"]
--- error_code eval
[403, 404, 405, 410, 500, 503]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin") x 6]



=== 413, before the rewrite phase
--- config
location = /t {
    cors_policy api;
    client_max_body_size 1;
    proxy_pass http://127.0.0.1:1;
}
--- request
POST /t
too much
--- error_code: 413
--- response_headers
Access-Control-Allow-Origin: https://app.example.com



=== 502 of a proxy
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        return 444;
    }
}
--- config
cors_policy api;
location = /502 {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /502
--- error_code: 502
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== errors of the application
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location = /400 { return 400; }
    location = /404 { return 404; }
    location = /500 { return 500; }
    location = /503 { return 503; }
}
--- config
location ~ ^/\d+$ {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /400", "GET /404", "GET /500", "GET /503"]
--- error_code eval
[400, 404, 500, 503]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 4]



=== 400, 414 and 494, before a location is known: the server's policy
--- config
cors_policy api;
large_client_header_buffers 2 1k;
--- raw_request eval
["GET / HTTP/1.1\r
Origin: https://app.example.com\r
Connection: close\r
\r
",
"GET /" . "x" x 2000 . " HTTP/1.1\r
Host: localhost\r
Origin: https://app.example.com\r
Connection: close\r
\r
",
"GET / HTTP/1.1\r
Host: localhost\r
Origin: https://app.example.com\r
X-Long: " . "x" x 2000 . "\r
Connection: close\r
\r
"]
--- error_code eval
[400, 414, 400]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin",
"Access-Control-Allow-Origin: https://app.example.com
Vary: Origin"]



=== an error page at a URI, whose location inherits
--- config
location = /t {
    cors_policy api;
    error_page 404 /error.html;
    root /nowhere;
}
--- request
GET /t
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin
--- response_body
a page about errors



=== an error page in a named location
--- config
location = /t {
    cors_policy api;
    error_page 404 @error;
    root /nowhere;
}
location @error {
    return 404 "named\n";
}
--- request
GET /t
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
named



=== an error page that is a redirect
--- config
location = /t {
    cors_policy api;
    error_page 404 https://other.example/;
    root /nowhere;
}
--- request
GET /t
--- error_code: 302
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== an error page of intercepted errors
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header Access-Control-Allow-Origin * always;
        return 500;
    }
}
--- config
location = /t {
    cors_policy api;
    proxy_intercept_errors on;
    error_page 500 /error.html;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- error_code: 500
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
a page about errors



=== the location of the error page has a policy of its own
--- config
location = /t {
    cors_policy api;
    error_page 404 /error.html;
    root /nowhere;
}
location = /error.html {
    cors_policy strict;
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://strict.example.com"]
--- error_code eval
[404, 404]
--- response_headers eval
["! Access-Control-Allow-Origin",
"Access-Control-Allow-Origin: https://strict.example.com
! Access-Control-Expose-Headers"]



=== the location of the error page says off
--- config
location = /t {
    cors_policy api;
    error_page 404 /error.html;
    root /nowhere;
}
location = /error.html {
    cors_policy off;
}
--- request
GET /t
--- error_code: 404
--- response_headers
! Access-Control-Allow-Origin
! Vary



=== a location that says off keeps its error page off
--- config
cors_policy api;
location = /t {
    cors_policy off;
    error_page 404 /error.html;
    root /nowhere;
}
--- request
GET /t
--- error_code: 404
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- response_body
a page about errors
