# Actual requests: what a response carries for an allowed origin, a denied one, and none.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins:
      - https://app.example.com
      - https://*.partner.example
      - http://localhost:*
    deny_origins: [https://old.partner.example]
    allow_methods: [GET, PUT]
    allow_headers: [Authorization]
    expose_headers: [ETag, X-Total]
    allow_credentials: true
    max_age: 10m
  public:
    allow_origins: ["*"]
    expose_headers: [ETag]
  bare:
    allow_origins: [https://app.example.com]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
});

no_shuffle();
run_tests();

__DATA__

=== an allowed origin is reflected, with what the policy says about actual requests and no more
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag, X-Total
Vary: Origin
! Access-Control-Allow-Methods
! Access-Control-Allow-Headers
! Access-Control-Max-Age
! Access-Control-Allow-Private-Network
! Timing-Allow-Origin
--- response_body
ok
--- no_error_log
[error]



=== a denied origin gets the response without CORS headers, and Vary
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
! Access-Control-Expose-Headers
Vary: Origin
--- response_body
ok



=== a request without Origin gets Vary, for caches
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
! Access-Control-Expose-Headers
Vary: Origin



=== what a policy does not set is not sent
--- config
location = /t {
    cors_policy bare;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Credentials
! Access-Control-Expose-Headers
Vary: Origin



=== subdomains match the wildcard, at any depth
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.partner.example", "Origin: https://b.a.partner.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.partner.example",
 "Access-Control-Allow-Origin: https://b.a.partner.example"]



=== the wildcard matches neither the domain itself, nor another port, scheme or suffix
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
[("GET /t") x 5]
--- more_headers eval
["Origin: https://partner.example",
 "Origin: https://a.partner.example:8443",
 "Origin: http://a.partner.example",
 "Origin: https://a.partner.example.evil.example",
 "Origin: https://apartner.example"]
--- response_headers eval
[("! Access-Control-Allow-Origin") x 5]



=== a port wildcard matches any port, none included
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: http://localhost", "Origin: http://localhost:3000", "Origin: http://localhost:x"]
--- response_headers eval
["Access-Control-Allow-Origin: http://localhost",
 "Access-Control-Allow-Origin: http://localhost:3000",
 "! Access-Control-Allow-Origin"]



=== deny_origins refuses what a wildcard lets in
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://old.partner.example
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== a policy for everybody answers everybody alike, without Vary
--- config
location = /t {
    cors_policy public;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://anything.example", "Origin: null", ""]
--- response_headers eval
[("Access-Control-Allow-Origin: *
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Credentials
! Vary") x 3]



=== a repeated Origin matches nothing
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
Origin: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== a repeated Origin does not change the answer to everybody
--- config
location = /t {
    cors_policy public;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
Origin: https://evil.example
--- response_headers
Access-Control-Allow-Origin: *



=== an empty, an over-long and a malformed Origin match nothing
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
[("GET /t") x 5]
--- more_headers eval
["Origin: ",
 "Origin: https://" . "a." x 200 . "partner.example",
 "Origin: https://evil.example#.partner.example",
 "Origin: https://user\@a.partner.example",
 "Origin: https://app.example.com/"]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 5]



=== the name of the header is found in any case, among many others
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers eval
CORE::join("\n", map({ "X-Header-$_: $_" } 1 .. 60), "oRIGIN: https://app.example.com")
--- response_headers
Access-Control-Allow-Origin: https://app.example.com



=== another header is not taken for Origin
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
X-Origin: https://app.example.com
Origins: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin



=== HTTP/1.0
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- raw_request eval
"GET /t HTTP/1.0\r
Host: localhost\r
Origin: https://app.example.com\r
\r
"
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== HEAD has the headers of GET
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request
HEAD /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body:



=== a location without a policy is untouched
--- config
location = /t {
    add_header Access-Control-Allow-Origin https://mine.example;
    add_header Access-Control-Allow-Methods GET;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://mine.example
Access-Control-Allow-Methods: GET
! Vary



=== without a policy, OPTIONS goes where it went
--- config
location = /t {
    return 200 "$request_method\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
--- response_body
OPTIONS
