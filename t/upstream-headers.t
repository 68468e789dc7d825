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
