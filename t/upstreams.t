# Each kind of upstream. The application sends wrong CORS headers, and the response must have those of the policy only.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    expose_headers: [ETag]
    allow_credentials: true
  forward:
    allow_origins: [https://app.example.com]
    preflight: forward
>>> page.txt
a page
_EOC_

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;

# What an application writes that takes CORS into its own hands; SCGI and uWSGI take it as it is.
sub careless {
    my ($status) = @_;
    return join "\r\n", "Status: $status", 'Content-Type: text/plain',
        'Access-Control-Allow-Origin: *', 'access-control-allow-origin: https://evil.example',
        'Access-Control-Allow-Credentials: true', 'Access-Control-Allow-Methods: Everything',
        'Vary: Origin', 'X-Application: yes', '', "application\n";
}

# The records that carry the output of an application in FastCGI (its specification, section 3.3).
sub fastcgi {
    my ($output) = @_;
    my $record = sub {
        my ($type, $content) = @_;
        return pack('CCnnCx', 1, $type, 1, length $content, 0) . $content;
    };
    my ($stdout, $end_request) = (6, 3);
    return join '', $record->($stdout, $output), $record->($stdout, ''),
        $record->($end_request, "\0" x 8);
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => "[alert]\n[crit]");

    # --- needs http_v2: a module that not every nginx is built with.
    if (defined(my $module = $block->needs)) {
        delete $block->{needs};
        $block->set_value(skip_nginx => "1: > 0.0.0: nginx is built without $module")
            if $nginx !~ /--with-${module}_module/;
    }
});

no_shuffle();
run_tests();

__DATA__

=== HTTP
--- config
location = /t {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\n" . main::careless('200 OK')
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
X-Application: yes
--- response_body
application



=== FastCGI
--- config
location = /t {
    cors_policy api;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::fastcgi(main::careless('200 OK'))
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
X-Application: yes
--- response_body
application



=== FastCGI: an error of the application
--- config
location = /t {
    cors_policy api;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::fastcgi(main::careless('500 Internal Server Error'))
--- request
GET /t
--- error_code: 500
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Allow-Methods
Vary: Origin
--- response_body
application



=== FastCGI: a denied origin
--- config
location = /t {
    cors_policy api;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::fastcgi(main::careless('200 OK'))
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- raw_response_headers_unlike: (?i)access-control
--- response_headers
Vary: Origin
X-Application: yes



=== FastCGI: X-Accel-Redirect
--- config
location = /t {
    cors_policy api;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /page.txt {
    internal;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::fastcgi("X-Accel-Redirect: /page.txt\r\n" . main::careless('200 OK'))
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin
--- response_body
a page



=== SCGI
--- config
location = /t {
    cors_policy api;
    scgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::careless('200 OK')
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
X-Application: yes
--- response_body
application



=== uWSGI
--- config
location = /t {
    cors_policy api;
    uwsgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::careless('404 Not Found')
--- request
GET /t
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
X-Application: yes
--- response_body
application



=== gRPC
--- needs: http_v2
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 http2;
    add_header Access-Control-Allow-Origin *;
    add_header X-Application yes;
    default_type application/grpc-web;
    return 200 "application\n";
}
--- config
location = /t {
    cors_policy api;
    grpc_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin
X-Application: yes
--- response_body
application



=== memcached
--- config
location = /t {
    cors_policy api;
    set $memcached_key key;
    memcached_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"VALUE key 0 6\r\nvalue\n\r\nEND\r\n"
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
value



=== a preflight does not need the application: none of them listens
--- config
cors_policy api;
location = /http { proxy_pass http://127.0.0.1:1; }
location = /fastcgi { fastcgi_pass 127.0.0.1:1; }
location = /scgi { scgi_pass 127.0.0.1:1; }
location = /uwsgi { uwsgi_pass 127.0.0.1:1; }
location = /memcached { set $memcached_key key; memcached_pass 127.0.0.1:1; }
--- request eval
["OPTIONS /http", "OPTIONS /fastcgi", "OPTIONS /scgi", "OPTIONS /uwsgi", "OPTIONS /memcached"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[(204) x 5]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Vary: Origin") x 5]



=== none of them listens: 502, which a page can read
--- config
cors_policy api;
location = /http { proxy_pass http://127.0.0.1:1; }
location = /fastcgi { fastcgi_pass 127.0.0.1:1; }
location = /scgi { scgi_pass 127.0.0.1:1; }
location = /uwsgi { uwsgi_pass 127.0.0.1:1; }
location = /memcached { set $memcached_key key; memcached_pass 127.0.0.1:1; }
--- request eval
["GET /http", "GET /fastcgi", "GET /scgi", "GET /uwsgi", "GET /memcached"]
--- error_code eval
[(502) x 5]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 5]



=== an application that takes too long: 504
--- config
location = /t {
    cors_policy api;
    proxy_read_timeout 200ms;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1s
--- tcp_reply: too late
--- request
GET /t
--- error_code: 504
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== what is no HTTP: 502
--- config
location = /t {
    cors_policy api;
    proxy_http_version 1.1;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nno header\0\r\n\r\n"
--- request
GET /t
--- error_code: 502
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== the second of two, after an error of the first: the headers are there once
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header Access-Control-Allow-Origin https://first.example always;
    return 503;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    add_header Access-Control-Allow-Origin https://second.example;
    return 200 "second\n";
}
upstream application {
    server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    server 127.0.0.1:$TEST_NGINX_RAND_PORT_2 backup;
}
--- config
location = /t {
    cors_policy api;
    proxy_next_upstream http_503;
    proxy_pass http://application;
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
second



=== forward: the application answers the preflight, through FastCGI too
--- config
location = /t {
    cors_policy forward;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
main::fastcgi("Status: 204\r\nAccess-Control-Allow-Origin: https://application.example\r\n\r\n")
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://application.example
! Access-Control-Allow-Methods
