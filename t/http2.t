# HTTP/2, where header names are lower case, and a body comes in frames of its own.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_headers: [Content-Type]
    expose_headers: [ETag]
    allow_credentials: true
    max_age: 10m
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: ["http://localhost:8080", https://api.example.net]
  two_hundred:
    allow_origins: [https://app.example.com]
    preflight_status: 200
>>> page.txt
a page
_EOC_

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;
my ($minor) = $nginx =~ m{nginx/1\.(\d+)};

my $missing
    = $nginx !~ /--with-http_v2_module/ ? 'nginx is built without HTTP/2'
    : $INC{'Test/Nginx/Util.pm'} && $minor < 26
    ? 'Test::Nginx turns HTTP/2 on by a directive that nginx has since 1.25.1'
    :                                         '';

add_block_preprocessor(sub {
    my ($block) = @_;
    # curl 7.88 often takes it for an error that a response comes before it has sent all of a body;
    # nginx as the client, in a block that says no_http2, does not.
    $block->set_value(http2      => '') unless defined $block->no_http2;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => '[alert]');
    $block->set_value(skip_nginx   => "1: > 0.0.0: $missing") if $missing;
});

no_shuffle();
run_tests();

__DATA__

=== an allowed actual request
--- config
location = /t {
    cors_policy api;
    return 200 "$server_protocol\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
access-control-allow-origin: https://app.example.com
access-control-allow-credentials: true
access-control-expose-headers: ETag
! access-control-allow-methods
vary: Origin
--- raw_response_headers_unlike: Access|Vary
--- response_body
HTTP/2.0



=== a denied origin, and none
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://evil.example", ""]
--- response_headers eval
[("! access-control-allow-origin
! access-control-allow-credentials
vary: Origin") x 2]



=== a preflight
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: content-type
--- error_code: 204
--- response_headers
access-control-allow-origin: https://app.example.com
access-control-allow-credentials: true
access-control-allow-methods: GET, PUT
access-control-allow-headers: Content-Type
access-control-expose-headers: ETag
access-control-max-age: 600
vary: Origin
! content-type
! content-length
--- response_body:



=== a preflight with a body, and the next request
--- no_http2
--- http_config
upstream http2 {
    server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    keepalive 1;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 http2;
    location / {
        cors_policy api;
        return 200 "$server_protocol\n";
    }
}
--- config
location = /t {
    grpc_pass http2;
}
--- request eval
["OPTIONS /t\n" . "body" x 5000, "GET /t"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[204, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Vary: Origin",
"Access-Control-Allow-Origin: https://app.example.com
Vary: Origin"]
--- response_body eval
["", "HTTP/2.0\n"]



=== a preflight that is answered with 200
--- config
location = /t {
    cors_policy two_hundred;
    return 404;
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_headers
access-control-allow-origin: https://app.example.com
content-length: 0
! content-type
--- response_body:



=== HEAD
--- config
location = /page.txt {
    cors_policy api;
}
--- request
HEAD /page.txt
--- more_headers
Origin: https://app.example.com
--- response_headers
access-control-allow-origin: https://app.example.com
vary: Origin
content-length: 7
--- response_body:



=== errors
--- config
cors_policy api;
location = /403 { deny all; }
location = /502 { proxy_pass http://127.0.0.1:1; }
--- request eval
["GET /403", "GET /404", "GET /502"]
--- more_headers
Origin: https://app.example.com
--- error_code eval
[403, 404, 502]
--- response_headers eval
[("access-control-allow-origin: https://app.example.com
access-control-allow-credentials: true
vary: Origin") x 3]



=== the headers of an application, whose names have any case
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header ACCESS-CONTROL-ALLOW-ORIGIN *;
    add_header access-control-allow-methods *;
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
access-control-allow-origin: https://app.example.com
! access-control-allow-methods
--- response_body
application



=== a page that is refused, and one of the same origin: what Host is in HTTP/1 is :authority here
--- config
location = /t {
    cors_policy strict;
    return 200 "reached\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://app.example.com",
 "Origin: http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}
Host: 127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}"]
--- error_code eval
[403, 200, 200]



=== gzip with gzip_vary
--- config
location = /page.txt {
    cors_policy api;
    gzip on;
    gzip_vary on;
    gzip_types text/plain;
    gzip_min_length 1;
}
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
Accept-Encoding: gzip
--- response_headers
access-control-allow-origin: https://app.example.com
content-encoding: gzip
vary: Accept-Encoding, Origin



=== own_origins: :authority, in any case, with its port; of the others, not even a preflight
--- config
location = /t {
    cors_policy own;
    add_header x-decision $cors_decision always;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "OPTIONS /t", "OPTIONS /t", "DELETE /t"]
--- more_headers eval
["Host: LOCALHOST:8080", "Host: api.example.net:443", "Host: localhost", "Host: evil.example:8080",
"Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Host: api.example.net
Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Host: api.example.net
Sec-Fetch-Site: cross-site"]
--- error_code eval
[200, 200, 403, 403, 403, 204, 403]
--- response_headers eval
["x-decision: none", "x-decision: none", "x-decision: denied_host", "x-decision: denied_host",
"x-decision: denied_host
! access-control-allow-origin", "access-control-allow-origin: https://app.example.com", "x-decision: denied_site"]
