# CORS headers that something else set: the application, a cache, add_header.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    expose_headers: [ETag]
    allow_credentials: true
  timing:
    allow_origins: [https://app.example.com]
    timing_allow_origin: true
  keep:
    allow_origins: [https://app.example.com]
    upstream_headers: keep
  merge:
    allow_origins: [https://app.example.com]
    expose_headers: [ETag]
    upstream_headers: merge
  merge-credentials:
    allow_origins: [https://app.example.com]
    allow_credentials: true
    upstream_headers: merge
  merge-everybody:
    allow_origins: ["*"]
    upstream_headers: merge
  merge-forward:
    allow_origins: [https://app.example.com]
    allow_credentials: true
    allow_methods: "*"
    allow_headers: "*"
    max_age: 5
    preflight: forward
    upstream_headers: merge
_EOC_

# An application that gets CORS wrong in every way at once.
my $application = <<'_EOC_';
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location = /careless {
        add_header Access-Control-Allow-Origin * always;
        add_header Access-Control-Allow-Origin $http_origin always;
        add_header Access-Control-Allow-Credentials true always;
        add_header access-control-expose-headers Secret always;
        add_header ACCESS-CONTROL-ALLOW-METHODS * always;
        add_header Access-Control-Max-Age 99999 always;
        add_header Access-Control-Made-Up yes always;
        add_header Timing-Allow-Origin * always;
        add_header X-Application yes always;
        return 200 "application\n";
    }
    location = /error {
        add_header Access-Control-Allow-Origin * always;
        return 500 "application error\n";
    }
    location = /none {
        return 200 "application\n";
    }
    location = /exposing {
        add_header Access-Control-Allow-Origin https://elsewhere.example always;
        add_header Access-Control-Allow-Credentials true always;
        add_header Access-Control-Expose-Headers "X-Total, etag,, X Y" always;
        add_header access-control-expose-headers "x-total , *" always;
        add_header Access-Control-Allow-Methods PUT always;
        add_header Vary Accept always;
        return 200 "application\n";
    }
    location = /preflight {
        add_header Access-Control-Allow-Origin * always;
        add_header Access-Control-Allow-Methods "PUT, PATCH" always;
        add_header Access-Control-Allow-Methods DELETE always;
        add_header access-control-max-age 60 always;
        add_header Access-Control-Expose-Headers X-Total always;
        add_header Access-Control-Made-Up yes always;
        return 204;
    }
    location = /preflight-headers {
        add_header Access-Control-Allow-Headers X-Listed always;
        return 200;
    }
}
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(http_config => "cors_policy_file ../html/cors.yaml;\n$application");
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== an allowed origin: the application's headers are replaced
--- config
location / {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /careless
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
! Access-Control-Max-Age
! Access-Control-Made-Up
Timing-Allow-Origin: *
X-Application: yes
--- raw_response_headers_unlike: (?i)secret
--- response_body
application



=== a denied origin and none: the application's headers are removed
--- config
location / {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /careless", "GET /careless"]
--- more_headers eval
["Origin: https://evil.example", ""]
--- raw_response_headers_unlike eval
[qr/access-control-/i, qr/access-control-/i]
--- response_headers eval
["Vary: Origin", "Vary: Origin"]



=== a failing application: its error carries the policy's headers, once
--- config
location / {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /error
--- more_headers
Origin: https://app.example.com
--- error_code: 500
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
--- response_body
application error



=== Timing-Allow-Origin is replaced where the policy sends its own
--- config
location / {
    cors_policy timing;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /careless", "GET /careless"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example"]
--- response_headers eval
["Timing-Allow-Origin: https://app.example.com", "! Timing-Allow-Origin"]



=== add_header beside the module: its CORS headers are replaced, its others stay
--- config
location = /t {
    cors_policy api;
    add_header Access-Control-Allow-Origin *;
    add_header Access-Control-Allow-Headers Everything always;
    add_header X-Frame-Options DENY;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Headers
X-Frame-Options: DENY



=== keep: a response that has Access-Control-Allow-Origin is left exactly as it is
--- config
location / {
    cors_policy keep;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /error
--- more_headers
Origin: https://app.example.com
--- error_code: 500
--- response_headers
Access-Control-Allow-Origin: *
! Vary



=== keep: a response without it gets the policy's
--- config
location / {
    cors_policy keep;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /none
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== merge: the names that the application exposes are added, each once, in one line
--- config
location / {
    cors_policy merge;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /exposing
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Credentials
! Access-Control-Allow-Methods
Access-Control-Expose-Headers: ETag, X-Total, *
Vary: Accept, Origin
--- response_body
application



=== merge: with credentials * does not count, and a policy need not expose anything
--- config
location / {
    cors_policy merge-credentials;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /exposing", "GET /none", "GET /error"]
--- more_headers
Origin: https://app.example.com
--- error_code eval
[200, 200, 500]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: X-Total, etag",
"Access-Control-Allow-Credentials: true
! Access-Control-Expose-Headers",
"Access-Control-Allow-Credentials: true
! Access-Control-Expose-Headers"]



=== merge: of an application that exposes hundreds of names, the first 128 count
--- config eval
my $many = CORE::join ',', map { "X-$_" } 1 .. 500;
my $lines = CORE::join '', map { "add_header Access-Control-Expose-Headers X-$_;\n" } 1 .. 200;
"location /line {
    cors_policy merge;
    add_header Access-Control-Expose-Headers '$many';
    return 200;
}
location /lines {
    cors_policy merge;
    $lines
    return 200;
}"
--- request eval
["GET /line", "GET /lines"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
my $value = CORE::join ', ', 'ETag', map { "X-$_" } 1 .. 128;
[("Access-Control-Expose-Headers: $value") x 2]



=== merge: nothing of the application's where the origin is not allowed
--- config
location / {
    cors_policy merge;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /exposing", "GET /exposing"]
--- more_headers eval
["Origin: https://evil.example", ""]
--- raw_response_headers_unlike eval
[qr/access-control-/i, qr/access-control-/i]
--- response_headers eval
["Vary: Accept, Origin", "Vary: Accept, Origin"]



=== merge: where everybody may read, with Origin or without
--- config
location / {
    cors_policy merge-everybody;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /exposing", "GET /exposing"]
--- more_headers eval
["Origin: https://any.example", ""]
--- response_headers eval
[("Access-Control-Allow-Origin: *
Access-Control-Expose-Headers: X-Total, etag, *
Vary: Accept") x 2]



=== merge: a forwarded preflight keeps the application's methods, headers and max-age; the policy's stand in
--- config
location / {
    cors_policy merge-forward;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["OPTIONS /preflight", "OPTIONS /preflight-headers", "OPTIONS /none", "OPTIONS /error"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PURGE
Access-Control-Request-Headers: x-a
Access-Control-Request-Headers: x-b
--- error_code eval
[204, 200, 200, 500]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: PUT, PATCH, DELETE
Access-Control-Allow-Headers: x-a, x-b
Access-Control-Max-Age: 60
Access-Control-Expose-Headers: X-Total
! Access-Control-Made-Up
Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: PURGE
Access-Control-Allow-Headers: X-Listed
Access-Control-Max-Age: 5",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: PURGE
Access-Control-Allow-Headers: x-a, x-b
Access-Control-Max-Age: 5",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: PURGE
Access-Control-Max-Age: 5"]



=== merge: a forwarded preflight of another origin keeps nothing; in a dry run everything
--- config
location / {
    cors_policy merge-forward;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /dry/ {
    cors_policy merge-forward;
    cors_policy_dry_run on;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/;
}
--- request eval
["OPTIONS /preflight", "OPTIONS /dry/preflight"]
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: PUT
--- error_code eval
[204, 204]
--- response_headers eval
["! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
! Access-Control-Max-Age
! Access-Control-Expose-Headers
Vary: Origin", "Access-Control-Allow-Origin: *
Access-Control-Made-Up: yes
! Vary"]



=== merge: an answered preflight is the policy's alone
--- config
location / {
    cors_policy merge;
    add_header Access-Control-Expose-Headers X-Total;
    add_header Access-Control-Allow-Methods DELETE;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
OPTIONS /preflight
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
Access-Control-Allow-Methods: GET, HEAD, POST
Access-Control-Expose-Headers: ETag
