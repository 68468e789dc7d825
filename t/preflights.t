# Preflights: answered by the module, before anything else in nginx touches the request.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT, DELETE]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [ETag]
    allow_credentials: true
    max_age: 10m
  public:
    allow_origins: ["*"]
    allow_methods: "*"
    allow_headers: ["*", Authorization]
    max_age: 0
  echo:
    allow_origins: [https://app.example.com]
    allow_methods: "*"
    allow_headers: "*"
    allow_credentials: true
  least:
    allow_origins: [https://app.example.com]
  internal:
    allow_origins: [https://app.example.com]
    allow_private_network: true
  two_hundred:
    allow_origins: [https://app.example.com]
    preflight_status: 200
  forward:
    allow_origins: [https://app.example.com]
    preflight: forward
>>> htpasswd
user:{PLAIN}password
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

=== an allowed preflight: 204 with everything the browser asks about, and no body
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
Access-Control-Request-Headers: authorization,content-type
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: GET, PUT, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type
Access-Control-Expose-Headers: ETag
Access-Control-Max-Age: 600
Vary: Origin
! Access-Control-Allow-Private-Network
! Timing-Allow-Origin
! Content-Type
! Content-Length
--- response_body:



=== a denied origin gets 204 with none of the headers
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: PUT
--- error_code: 204
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
! Access-Control-Allow-Methods
! Access-Control-Allow-Headers
! Access-Control-Expose-Headers
! Access-Control-Max-Age
Vary: Origin



=== a method or header that is not allowed gets the headers that say what is
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- request eval
["OPTIONS /t", "OPTIONS /t", "OPTIONS /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PATCH",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-secret",
"Origin: https://app.example.com
Access-Control-Request-Method: put"]
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type") x 3]



=== what a policy does not set is not sent
--- config
location = /t {
    cors_policy least;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, HEAD, POST
! Access-Control-Allow-Credentials
! Access-Control-Allow-Headers
! Access-Control-Expose-Headers
! Access-Control-Max-Age
Vary: Origin



=== without credentials, * is sent as *
--- config
location = /t {
    cors_policy public;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://anything.example
Access-Control-Request-Method: PATCH
Access-Control-Request-Headers: x-anything
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: *
Access-Control-Allow-Methods: *
Access-Control-Allow-Headers: *, Authorization
Access-Control-Max-Age: 0
! Access-Control-Allow-Credentials
! Vary



=== with credentials, where * would be a name, what is asked for is echoed
--- config
location = /t {
    cors_policy echo;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PATCH
Access-Control-Request-Headers: x-a,x-b
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: PATCH
Access-Control-Allow-Headers: x-a,x-b
Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers



=== several Access-Control-Request-Headers lines are echoed as they came
--- config
location = /t {
    cors_policy echo;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-a, x-b
Access-Control-Request-Headers: x-c
--- error_code: 204
--- response_headers
Access-Control-Allow-Headers: x-a, x-b, x-c



=== what is no list of names is not echoed
--- config
location = /t {
    cors_policy echo;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-a, <script>
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Headers



=== two Access-Control-Request-Method lines are no method, and are not echoed
--- config
location = /t {
    cors_policy echo;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Method: PATCH
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Methods



=== a private network is granted where it is asked for and the policy says so
--- config
location = /t {
    cors_policy internal;
    return 200 "not reached\n";
}
location = /other {
    cors_policy least;
    return 200 "not reached\n";
}
--- request eval
["OPTIONS /t", "OPTIONS /t", "OPTIONS /other"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Private-Network: true",
"Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Private-Network: true"]
--- error_code eval
[204, 204, 204]
--- response_headers eval
["Access-Control-Allow-Private-Network: true",
"! Access-Control-Allow-Private-Network",
"! Access-Control-Allow-Private-Network"]



=== before return and rewrite
--- config
location = /return {
    cors_policy api;
    return 403;
}
location = /break {
    cors_policy api;
    rewrite ^ /missing break;
}
location = /last {
    cors_policy api;
    rewrite ^ /return last;
}
location = /redirect {
    cors_policy api;
    rewrite ^ https://other.example/ permanent;
}
--- request eval
["OPTIONS /return", "OPTIONS /break", "OPTIONS /last", "OPTIONS /redirect"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
! Location") x 4]



=== before authentication
--- config
location = /basic {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
location = /request {
    cors_policy api;
    auth_request /auth;
}
location = /auth {
    internal;
    return 401;
}
--- request eval
["OPTIONS /basic", "OPTIONS /request"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type
Access-Control-Allow-Credentials: true
! WWW-Authenticate") x 2]



=== before access rules and limit_except
--- config
location = /deny {
    cors_policy api;
    deny all;
}
location = /satisfy {
    cors_policy api;
    satisfy any;
    deny all;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
location = /limit {
    cors_policy api;
    limit_except GET {
        deny all;
    }
}
--- request eval
["OPTIONS /deny", "OPTIONS /satisfy", "OPTIONS /limit"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 3]



=== before rate limits, and without counting
--- http_config
limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config
location = /t {
    cors_policy api;
    limit_req zone=one;
    limit_req_status 429;
    root html;
    try_files /cors.yaml =404;
}
--- request eval
["OPTIONS /t", "OPTIONS /t", "GET /t", "GET /t"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204, 200, 429]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 4]
--- no_error_log
[alert]



=== before a limit on methods in the application: the preflight never reaches it
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    access_log logs/application.log;
    return 404 "application\n";
}
--- config
location = /t {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /log {
    default_type text/plain;
    alias logs/application.log;
}
--- request eval
["OPTIONS /t", "GET /log"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 200]
--- response_body eval
["", ""]



=== OPTIONS without Access-Control-Request-Method is an ordinary request
--- config
location = /t {
    cors_policy api;
    return 200 "$request_method\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
--- response_body
OPTIONS



=== OPTIONS without Origin is an ordinary request
--- config
location = /t {
    cors_policy api;
    return 200 "$request_method\n";
}
--- request
OPTIONS /t
--- more_headers
Access-Control-Request-Method: PUT
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
Vary: Origin
--- response_body
OPTIONS



=== another method with Access-Control-Request-Method is an actual request
--- config
location = /t {
    cors_policy api;
    return 200 "$request_method\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Methods
--- response_body
GET



=== preflight_status 200: an empty body of length zero
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
--- error_code: 200
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Content-Length: 0
! Content-Type
! Transfer-Encoding
--- response_body:



=== preflight: forward leaves the answer to the application, as it is
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header Access-Control-Allow-Origin https://application.example;
        add_header Access-Control-Allow-Methods "GET, $http_access_control_request_method";
        return 200 "application\n";
    }
}
--- config
location = /t {
    cors_policy forward;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers
Access-Control-Allow-Origin: https://application.example
Access-Control-Allow-Methods: GET, PUT
--- response_body
application



=== preflight: forward leaves the answer alone where nginx makes it a GET
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header X-Accel-Redirect /answer;
        return 200;
    }
}
--- config
location = /accelerated {
    cors_policy forward;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /error {
    cors_policy forward;
    error_page 404 =204 /answer;
    return 404;
}
location = /answer {
    internal;
    add_header Access-Control-Allow-Origin https://application.example;
    add_header Access-Control-Allow-Methods PUT;
    return 204;
}
--- request eval
["OPTIONS /accelerated", "OPTIONS /error", "GET /error"]
--- more_headers eval
[("Origin: https://app.example.com\nAccess-Control-Request-Method: PUT") x 3]
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://application.example\nAccess-Control-Allow-Methods: PUT\n! Vary") x 2,
"Access-Control-Allow-Origin: https://app.example.com\n! Access-Control-Allow-Methods\nVary: Origin"]



=== preflight: forward still decides actual requests
--- config
location = /t {
    cors_policy forward;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== a body is read and forgotten: the next request on the connection is answered
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
location = /next {
    return 200 "the next one\n";
}
--- raw_request eval
"OPTIONS /t HTTP/1.1\r
Host: localhost\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
Content-Length: 11\r
\r
hello worldGET /next HTTP/1.1\r
Host: localhost\r
Connection: close\r
\r
"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body_like: ^HTTP/1\.1 200 OK[\s\S]*the next one$



=== a chunked body, too
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
location = /next {
    return 200 "the next one\n";
}
--- raw_request eval
"OPTIONS /t HTTP/1.1\r
Host: localhost\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
Transfer-Encoding: chunked\r
\r
5\r
hello\r
0\r
\r
GET /next HTTP/1.1\r
Host: localhost\r
Connection: close\r
\r
"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body_like: ^HTTP/1\.1 200 OK[\s\S]*the next one$



=== HTTP/1.0
--- config
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- raw_request eval
"OPTIONS /t HTTP/1.0\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
\r
"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com



=== headers that nginx adds to every response are on the answer too
--- config
add_header X-Frame-Options DENY always;
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
X-Frame-Options: DENY
Access-Control-Allow-Origin: https://app.example.com



=== add_header cannot break the answer
--- config
location = /t {
    cors_policy api;
    add_header Access-Control-Allow-Origin * always;
    add_header Access-Control-Allow-Methods DELETE always;
    return 200 "not reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT, DELETE
