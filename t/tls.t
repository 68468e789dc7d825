# TLS, with HTTP/1.1 and HTTP/2; client certificates, which preflights come without.

use Test::Nginx::Socket;

# One certificate for both sides, made anew each time.
my $certificate = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\
    -subj /CN=localhost -days 1 -keyout - -out - 2>/dev/null`;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;
my ($minor) = $nginx =~ m{nginx/1\.(\d+)};

if (!$certificate) {
    plan(skip_all => 'no openssl to make a certificate with');
}
elsif ($nginx !~ /--with-http_ssl_module/) {
    plan(skip_all => 'nginx is built without TLS');
}
else {
    plan('no_plan');
}

my $without_http2
    = $nginx !~ /--with-http_v2_module/ ? 'nginx is built without HTTP/2'
    : $INC{'Test/Nginx/Util.pm'} && $minor < 26
    ? 'Test::Nginx turns HTTP/2 on by a directive that nginx has since 1.25.1'
    :                                         '';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_credentials: true
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => "$policies>>> tls.pem\n$certificate");

    # The server under test speaks TLS; the scaffold's speaks to it, with a certificate where the
    # client asks for that.
    my $http = <<'_EOC_';
cors_policy_file ../html/cors.yaml;
ssl_certificate ../html/tls.pem;
ssl_certificate_key ../html/tls.pem;
ssl_client_certificate ../html/tls.pem;
map $http_x_certificate $certificate {
    yes $document_root/tls.pem;
    default "";
}
_EOC_
    $block->set_value(http_config => $http . ($block->http_config // ''));
    if (defined $block->http2) {
        $block->set_value(skip_nginx => "1: > 0.0.0: $without_http2") if $without_http2;
    }
    else {
        $block->set_value(config => <<'_EOC_');
location / {
    root html;
    proxy_set_header Host $http_host;
    proxy_ssl_session_reuse off;
    proxy_ssl_certificate $certificate;
    proxy_ssl_certificate_key $certificate;
    proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /named/ {
    proxy_set_header Host $http_host;
    proxy_ssl_server_name on;
    proxy_ssl_name one.example;
    proxy_ssl_session_reuse off;
    proxy_ssl_certificate $document_root/tls.pem;
    proxy_ssl_certificate_key $document_root/tls.pem;
    proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /plain/ {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
_EOC_
    }
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => "[alert]\n[crit]");
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== HTTP/1.1: an actual request
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    cors_policy api;
    return 200 "$scheme $ssl_protocol\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: http://app.example.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin"]
--- response_body_like eval
[("^https TLSv1\\.[23]\$") x 2]



=== HTTP/1.1: a preflight
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    cors_policy api;
    location / {
        return 200 "not reached\n";
    }
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Vary: Origin



=== HTTP/2: an actual request
--- config
listen 127.0.0.1:$TEST_NGINX_SERVER_PORT ssl http2;
cors_policy api;
location = /t {
    return 200 "$scheme $server_protocol\n";
}
--- http2
--- curl_protocol: https
--- curl_options: --insecure
--- request
GET /t
--- response_headers
access-control-allow-origin: https://app.example.com
access-control-allow-credentials: true
vary: Origin
--- response_body
https HTTP/2.0



=== HTTP/2: a preflight
--- config
listen 127.0.0.1:$TEST_NGINX_SERVER_PORT ssl http2;
cors_policy api;
location = /t {
    return 200 "not reached\n";
}
--- http2
--- curl_protocol: https
--- curl_options: --insecure
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
access-control-allow-origin: https://app.example.com
access-control-allow-methods: GET, PUT
vary: Origin



=== plain HTTP on the port of TLS: the policy of the server
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    cors_policy api;
    location / {
        return 200 "not reached\n";
    }
}
--- request
GET /plain/
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body_like: sent to HTTPS port



=== plain HTTP on the port of TLS, with a redirect
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    cors_policy api;
    error_page 497 =307 https://tls.example$request_uri;
    location / {
        return 200 "not reached\n";
    }
}
--- request
GET /plain/
--- error_code: 307
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
Location: https://tls.example/plain/



=== a client certificate that a location asks for: preflights come without one, and are answered
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_verify_client optional;
    location / {
        cors_policy api;
        if ($ssl_client_verify != SUCCESS) {
            return 403;
        }
        return 200 "known\n";
    }
}
--- request eval
["OPTIONS /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com",
"Origin: https://app.example.com
X-Certificate: yes"]
--- error_code eval
[204, 403, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 3]



=== a client certificate that the server demands: a page can read that it is missing
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_verify_client on;
    cors_policy api;
    location / {
        return 200 "known\n";
    }
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com",
"Origin: https://app.example.com
X-Certificate: yes"]
--- error_code eval
[400, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 2]



=== the same origin, where a policy enforces
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    cors_policy strict;
    location / {
        return 200 "reached\n";
    }
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://site.example
Host: site.example",
"Origin: https://evil.example
Host: site.example"]
--- error_code eval
[200, 403]



=== misdirected: nginx answers when it has read Host, and knows no Origin then; a preflight is no exception
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    server_name one.example;
    cors_policy api;
    return 200 "not reached\n";
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    server_name two.example;
    ssl_verify_client on;
    return 200 "not reached\n";
}
--- request eval
["GET /named/t", "OPTIONS /named/t", "GET /named/t"]
--- more_headers eval
["Origin: https://app.example.com
Host: two.example",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT
Host: two.example",
"Origin: https://evil.example
Host: two.example"]
--- error_code eval
[421, 421, 421]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 3]
--- response_body_like eval
[("421 Misdirected Request") x 3]
