# Vary: on every response whose headers depend on the origin, and never twice.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
  public:
    allow_origins: ["*"]
  almost_public:
    allow_origins: ["*"]
    deny_origins: [https://evil.example]
  echo:
    allow_origins: [https://app.example.com]
    allow_methods: "*"
    allow_headers: "*"
    allow_credentials: true
>>> page.html
0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_shuffle();
run_tests();

__DATA__

=== allowed, denied and without Origin
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



=== a Vary that names it already is not repeated, whoever wrote it and however
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header Vary $arg_vary;
        return 200 "ok\n";
    }
}
--- config
location /proxy {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /add {
    cors_policy api;
    add_header Vary Origin;
    return 200 "ok\n";
}
--- request eval
["GET /add", "GET /proxy?vary=Origin", "GET /proxy?vary=origin", "GET /proxy?vary=accept,ORIGIN,x",
 "GET /proxy?vary=*"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["Vary: Origin", "Vary: Origin", "Vary: origin", "Vary: accept,ORIGIN,x", "Vary: *"]



=== a Vary about something else stays, beside it
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header Vary Accept-Language;
        add_header Vary X-Original;
        return 200 "ok\n";
    }
}
--- config
location /proxy {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /proxy
--- response_headers
Vary: Accept-Language, X-Original, Origin



=== what an echoed preflight varies on is completed, not repeated
--- config
location = /t {
    cors_policy echo;
    add_header Vary "Accept, origin" always;
    return 200 "ok\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
Vary: Accept, origin, Access-Control-Request-Method, Access-Control-Request-Headers



=== beside gzip_vary
--- config
location = /page.html {
    cors_policy api;
    gzip on;
    gzip_vary on;
    gzip_min_length 1;
}
--- request
GET /page.html
--- more_headers
Origin: https://app.example.com
Accept-Encoding: gzip
--- raw_response_headers_like eval
qr/^(?=[\s\S]*Vary: Accept-Encoding\r\n)(?=[\s\S]*Vary: Origin\r\n)(?=[\s\S]*Content-Encoding: gzip\r\n)/
--- raw_response_headers_unlike eval
qr/Vary: Origin\r\n[\s\S]*Vary: Origin\r\n/
--- response_body_like: ^\x1f\x8b



=== a policy for everybody has none
--- config
location = /t {
    cors_policy public;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "OPTIONS /t"]
--- more_headers eval
["Origin: https://app.example.com", "",
"Origin: https://app.example.com
Access-Control-Request-Method: GET"]
--- error_code eval
[200, 200, 204]
--- response_headers eval
["! Vary", "! Vary", "! Vary"]



=== a policy for everybody but some has it
--- config
location = /t {
    cors_policy almost_public;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example", ""]
--- response_headers eval
["Vary: Origin
Access-Control-Allow-Origin: *",
"Vary: Origin
! Access-Control-Allow-Origin",
"Vary: Origin"]
