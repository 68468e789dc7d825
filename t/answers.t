# Answers: a preflight that is answered is the policy's, whole, whatever stands around the policy; and so is
# the status page.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_headers: [X-A]
    max_age: 10m
  two_hundred:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    preflight_status: 200
  keep:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    expose_headers: [ETag]
    upstream_headers: keep
  keep_200:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    upstream_headers: keep
    preflight_status: 200
  keep_forward:
    allow_origins: [https://app.example.com]
    upstream_headers: keep
    preflight: forward
  keep_public:
    allow_origins: ["*"]
    upstream_headers: keep
  private:
    allow_origins: [https://app.example.com]
    allow_private_network: true
  private_public:
    allow_origins: ["*"]
    allow_private_network: true
>>> before.txt
before
>>> after.txt
after
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== filters of the body: a preflight with 200 has none, of length zero
--- config
location = /before.txt { root html; }
location = /after.txt { root html; }
location = /sub {
    cors_policy two_hundred;
    sub_filter_types *;
    sub_filter a b;
    sub_filter_once off;
    return 500;
}
location = /addition {
    cors_policy two_hundred;
    addition_types *;
    add_before_body /before.txt;
    add_after_body /after.txt;
    return 500;
}
location = /gzip {
    cors_policy two_hundred;
    gzip on;
    gzip_types *;
    gzip_min_length 0;
    gzip_vary on;
    return 500;
}
location = /gunzip {
    cors_policy two_hundred;
    gunzip on;
    gzip_static always;
    return 500;
}
location = /ssi {
    cors_policy two_hundred;
    ssi on;
    ssi_types *;
    return 500;
}
location = /charset {
    cors_policy two_hundred;
    charset utf-8;
    charset_types *;
    return 500;
}
location = /all {
    cors_policy two_hundred;
    sub_filter_types *;
    sub_filter a b;
    addition_types *;
    add_after_body /after.txt;
    gzip on;
    gzip_types *;
    gzip_min_length 0;
    ssi on;
    ssi_types *;
    return 500;
}
--- request eval
["OPTIONS /sub", "OPTIONS /addition", "OPTIONS /gzip", "OPTIONS /gunzip", "OPTIONS /ssi", "OPTIONS /charset", "OPTIONS /all"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Accept-Encoding: gzip
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Content-Length: 0
! Transfer-Encoding
! Content-Encoding
! Content-Type
! ETag
! Last-Modified") x 7]
--- response_body eval
[("") x 7]



=== filters of the body: a denied preflight with 200, too
--- config
location = /after.txt { root html; }
location = /all {
    cors_policy two_hundred;
    sub_filter_types *;
    sub_filter a b;
    addition_types *;
    add_after_body /after.txt;
    gzip on;
    gzip_types *;
    gzip_min_length 0;
    ssi on;
    ssi_types *;
    return 500;
}
--- request
OPTIONS /all
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: PUT
Accept-Encoding: gzip
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin
Content-Length: 0
! Transfer-Encoding
! Content-Encoding
--- response_body:



=== filters of the body: a preflight with 204 has no length either
--- config
location = /before.txt { root html; }
location = /after.txt { root html; }
location = /sub {
    cors_policy api;
    sub_filter_types *;
    sub_filter a b;
    return 500;
}
location = /addition {
    cors_policy api;
    addition_types *;
    add_before_body /before.txt;
    add_after_body /after.txt;
    return 500;
}
location = /gzip {
    cors_policy api;
    gzip on;
    gzip_types *;
    gzip_min_length 0;
    return 500;
}
location = /ssi {
    cors_policy api;
    ssi on;
    ssi_types *;
    return 500;
}
location = /charset {
    cors_policy api;
    charset utf-8;
    charset_types *;
    return 500;
}
--- request eval
["OPTIONS /sub", "OPTIONS /addition", "OPTIONS /gzip", "OPTIONS /ssi", "OPTIONS /charset"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Accept-Encoding: gzip
--- error_code eval
[204, 204, 204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
! Content-Length
! Transfer-Encoding
! Content-Encoding
! Content-Type") x 5]
--- response_body eval
[("") x 5]



=== filters of the body: what follows on the connection is the next response
--- config
location = /after.txt { root html; }
location = /all {
    cors_policy two_hundred;
    sub_filter_types *;
    sub_filter a b;
    addition_types *;
    add_after_body /after.txt;
    return 500;
}
location = /next {
    return 200 "the next one\n";
}
--- pipelined_requests eval
["OPTIONS /all", "GET /next"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers eval
["Content-Length: 0", "Content-Length: 13"]
--- response_body eval
["", "the next one\n"]



=== an error that leads to a named location with a policy: its answer, with its status
--- http_config
log_format status '$request_method $uri $status';
--- config
access_log logs/status.log status;
location = /not-found {
    cors_policy off;
    error_page 404 405 @answered;
    return 404;
}
location = /cors.yaml {
    cors_policy off;
    error_page 404 405 @answered;
    root html;
}
location = /two-hundred {
    cors_policy off;
    error_page 404 405 @two_hundred;
    return 404;
}
location = /overwritten {
    cors_policy off;
    error_page 404 =418 @answered;
    return 404;
}
location @answered {
    cors_policy api;
    return 500;
}
location @two_hundred {
    cors_policy two_hundred;
    return 500;
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/status.log;
}
--- request eval
["OPTIONS /not-found", "OPTIONS /cors.yaml", "OPTIONS /two-hundred", "OPTIONS /overwritten", "GET /log"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[204, 204, 200, 204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT") x 4, ""]
--- response_body eval
["", "", "", "", "OPTIONS /not-found 204
OPTIONS /cors.yaml 204
OPTIONS /two-hundred 200
OPTIONS /overwritten 204
"]



=== the same for an origin that is denied
--- config
location = /t {
    cors_policy off;
    error_page 404 @answered;
    return 404;
}
location @answered {
    cors_policy api;
    return 500;
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
Vary: Origin



=== an actual request keeps its error in the named location
--- config
location = /t {
    cors_policy off;
    error_page 404 @answered;
    return 404;
}
location @answered {
    cors_policy api;
    return 404 "named\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body
named



=== the status page, though the headers alone take longer than what is let through at once
--- config eval
"location = /status {
    cors_policy_status;
    limit_rate 8k;
    postpone_output 0;
" . ("    add_header X-Long " . "x" x 3000 . ";\n") x 4 . "}"
--- request eval
["GET /status", "HEAD /status", "GET /status?format=json"]
--- timeout: 30
--- response_body_like eval
[qr/\A# HELP [\s\S]*nginx_cors_policies_workers\{file="[^"]+",state="stale"\} 0\n\z/, qr/\A\z/, qr/\A\{.*\}\n\z/]



=== keep and add_header: an answered preflight is the policy's, whole
--- config
add_header Access-Control-Allow-Origin *;
location = /keep {
    cors_policy keep;
    return 500;
}
location = /always {
    add_header Access-Control-Allow-Origin * always;
    add_header Access-Control-Allow-Methods DELETE always;
    add_header Access-Control-Allow-Credentials true always;
    cors_policy keep;
    return 500;
}
location = /two-hundred {
    cors_policy keep_200;
    return 500;
}
--- request eval
["OPTIONS /keep", "OPTIONS /always", "OPTIONS /two-hundred"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[204, 204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
! Access-Control-Allow-Credentials
Vary: Origin") x 3]



=== keep and add_header: a denied preflight gets none of them
--- config
add_header Access-Control-Allow-Origin *;
location = /keep {
    cors_policy keep;
    return 500;
}
location = /always {
    add_header Access-Control-Allow-Origin * always;
    add_header Access-Control-Allow-Methods DELETE always;
    cors_policy keep;
    return 500;
}
location = /two-hundred {
    cors_policy keep_200;
    return 500;
}
--- request eval
["OPTIONS /keep", "OPTIONS /always", "OPTIONS /two-hundred"]
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: PUT
--- error_code eval
[204, 204, 200]
--- response_headers eval
[("! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
Vary: Origin") x 3]



=== keep and add_header: a preflight for everybody
--- config
add_header Access-Control-Allow-Origin https://old.example;
location = /t {
    cors_policy keep_public;
    return 500;
}
--- request
OPTIONS /t
--- more_headers
Origin: https://any.example
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: *
Access-Control-Allow-Methods: GET, HEAD, POST



=== keep and add_header: actual responses and forwarded preflights are left as they are
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header Access-Control-Allow-Origin https://application.example;
        add_header Access-Control-Allow-Methods PATCH;
        return 200 "application\n";
    }
}
--- config
location = /actual {
    add_header Access-Control-Allow-Origin *;
    cors_policy keep;
    return 200 "ok\n";
}
location = /forwarded {
    cors_policy keep_forward;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /forwarded-add {
    add_header Access-Control-Allow-Origin *;
    cors_policy keep_forward;
    return 200 "ok\n";
}
location = /application {
    cors_policy keep;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /actual", "OPTIONS /forwarded", "OPTIONS /forwarded-add", "GET /application"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers eval
["Access-Control-Allow-Origin: *
! Access-Control-Expose-Headers
! Vary",
"Access-Control-Allow-Origin: https://application.example
Access-Control-Allow-Methods: PATCH
! Vary",
"Access-Control-Allow-Origin: *
! Access-Control-Allow-Methods",
"Access-Control-Allow-Origin: https://application.example
Access-Control-Allow-Methods: PATCH
! Access-Control-Expose-Headers"]



=== a private network: Vary names what was asked, whether it was or not
--- config
location = /private {
    cors_policy private;
    return 200 "ok\n";
}
location = /public {
    cors_policy private_public;
    return 200 "ok\n";
}
--- request eval
["OPTIONS /private", "OPTIONS /private", "OPTIONS /public", "OPTIONS /public"]
--- more_headers eval
[("Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Private-Network: true",
"Origin: https://app.example.com
Access-Control-Request-Method: GET") x 2]
--- error_code eval
[204, 204, 204, 204]
--- raw_response_headers_like eval
[(qr/^Vary: (?=[^\r]*\bOrigin\b)[^\r]*\bAccess-Control-Request-Private-Network\b/m) x 2,
 (qr/^Vary: [^\r]*\bAccess-Control-Request-Private-Network\b/m) x 2]



=== a private network: Vary of everything else does not name it
--- config
location = /private {
    cors_policy private;
    return 200 "ok\n";
}
location = /public {
    cors_policy private_public;
    return 200 "ok\n";
}
location = /api {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /private", "GET /public", "OPTIONS /api"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Private-Network: true
--- error_code eval
[200, 200, 204]
--- response_headers eval
["Vary: Origin", "! Vary", "Vary: Origin"]
