# Redirects, and returns of the server: preflights come before nginx's own redirect to a trailing slash, and
# before what a whole server answers, where the policy of the server is beyond doubt.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
  other:
    allow_origins: [https://other.example]
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
  two_hundred:
    allow_origins: [https://app.example.com]
    preflight_status: 200
  forward:
    allow_origins: [https://app.example.com]
    preflight: forward
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;
    # One question by most of them: an allowed preflight.
    $block->set_value(more_headers => "Origin: https://app.example.com\nAccess-Control-Request-Method: PUT")
        unless defined $block->more_headers || defined $block->raw_request;
});

no_shuffle();
run_tests();

__DATA__

=== a trailing slash: a preflight gets the answer of the location's policy
--- config
location /api/ {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["OPTIONS /api", "OPTIONS /api?x=1", "OPTIONS /api"]
--- more_headers eval
[("Origin: https://app.example.com
Access-Control-Request-Method: PUT") x 2,
"Origin: https://evil.example
Access-Control-Request-Method: PUT"]
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Vary: Origin
! Location") x 2,
"! Access-Control-Allow-Origin
Vary: Origin
! Location"]



=== a trailing slash: everything else is redirected
--- config
location /api/ {
    cors_policy api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /api", "OPTIONS /api", "OPTIONS /api", "POST /api\nbody"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Origin: https://app.example.com", "Access-Control-Request-Method: PUT", "Origin: https://app.example.com"]
--- error_code eval
[301, 301, 301, 301]
--- raw_response_headers_like eval
[(qr{^Location: http://localhost:\d+/api/\r}m) x 4]



=== a trailing slash, by every kind of upstream
--- config
location /fastcgi/ { cors_policy api; fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /uwsgi/ { cors_policy api; uwsgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /scgi/ { cors_policy api; scgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /memcached/ { cors_policy api; set $memcached_key x; memcached_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location = /exact/ { cors_policy api; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location ^~ /prefix/ { cors_policy api; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /outer/ {
    location /outer/inner/ { cors_policy api; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
}
--- request eval
["OPTIONS /fastcgi", "OPTIONS /uwsgi", "OPTIONS /scgi", "OPTIONS /memcached", "OPTIONS /exact", "OPTIONS /prefix",
 "OPTIONS /outer/inner", "GET /exact", "GET /fastcgi"]
--- error_code eval
[(204) x 7, 301, 301]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 9]



=== a trailing slash, by policies of every origin
--- config
cors_policy api;
location /inherited/ { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /variable/ { cors_policy $arg_policy; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /strict/ { cors_policy strict; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /two-hundred/ { cors_policy two_hundred; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request eval
["OPTIONS /inherited", "OPTIONS /variable?policy=api", "OPTIONS /strict", "OPTIONS /two-hundred"]
--- error_code eval
[204, 204, 204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
! Location") x 4]



=== a trailing slash, where no policy answers: nginx's redirect
--- config
cors_policy api;
location /off/ { cors_policy off; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /variable/ { cors_policy $arg_policy; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /forward/ { cors_policy forward; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /dry/ { cors_policy_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request eval
["OPTIONS /off", "OPTIONS /variable", "OPTIONS /variable?policy=off", "OPTIONS /forward", "OPTIONS /dry"]
--- error_code eval
[301, 301, 301, 301, 301]
--- raw_response_headers_like eval
[map qr{^Location: http://localhost:\d+/$_/}m, "off", "variable", "variable", "forward", "dry"]



=== a trailing slash: counted once, and its headers are those of the location
--- config
location /api/ {
    cors_policy api;
    add_header X-Location api;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /status {
    cors_policy_status;
}
--- request eval
["OPTIONS /api", "GET /status"]
--- error_code eval
[204, 200]
--- response_headers eval
["X-Location: api", "! X-Location"]
--- response_body_like eval
["", qr/policy="api",request="preflight",decision="allowed",mode="enforced"\} 1\n/]



=== a trailing slash: what is wrong with the request itself comes first
--- config
location /api/ {
    cors_policy api;
    client_max_body_size 4;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
OPTIONS /api
more than four
--- error_code: 413
--- no_error_log
[alert]



=== a return of the server: a preflight gets the answer of the server's policy
--- config
cors_policy api;
return 301 https://www.example.com$request_uri;
--- request eval
["OPTIONS /t", "OPTIONS /t", "OPTIONS /"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Origin: https://evil.example
Access-Control-Request-Method: PUT",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT"]
--- error_code eval
[204, 204, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
Vary: Origin
! Location",
"! Access-Control-Allow-Origin
Vary: Origin
! Location",
"Access-Control-Allow-Origin: https://app.example.com
! Location"]



=== a return of the server: everything else gets it
--- config
cors_policy api;
return 301 https://www.example.com$request_uri;
--- request eval
["GET /t", "OPTIONS /t", "OPTIONS /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT", "Origin: https://app.example.com", "Access-Control-Request-Method: PUT"]
--- error_code eval
[301, 301, 301]
--- response_headers eval
["Location: https://www.example.com/t
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Methods", "Location: https://www.example.com/t", "Location: https://www.example.com/t"]



=== a return of the server, with preflight_status 200
--- config
cors_policy two_hundred;
return 308 https://www.example.com$request_uri;
--- request
OPTIONS /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Content-Length: 0
! Location
--- response_body:



=== a return of the server behind a policy further down, and counted once
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    return 403 "no\n";
    cors_policy api;
}
--- config
location = /t {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /status {
    cors_policy_status;
}
--- request eval
["OPTIONS /t", "GET /t", "GET /status"]
--- error_code eval
[204, 403, 200]
--- response_body_like eval
["", qr/\Ano\n\z/, qr/policy="api",request="actual",decision="allowed",mode="enforced"\} 1\n[\s\S]*policy="api",request="preflight",decision="allowed",mode="enforced"\} 1\n/]



=== rewrite and if of the server
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy api;
    rewrite ^/(.*)$ https://www.example.com/$1 permanent;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy api;
    rewrite ^/(.*)$ /other/$1 redirect;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3;
    cors_policy api;
    if ($request_method = OPTIONS) {
        return 403;
    }
    if ($http_origin) {
        return 405;
    }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_4;
    cors_policy api;
    if ($http_origin) {
        rewrite ^ https://www.example.com/ redirect;
    }
}
--- config
location = /permanent { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location = /redirect { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
location = /if { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_3; }
location = /if-rewrite { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_4; }
--- request eval
["OPTIONS /permanent", "OPTIONS /redirect", "OPTIONS /if", "OPTIONS /if-rewrite",
 "GET /permanent", "GET /redirect", "GET /if", "GET /if-rewrite"]
--- error_code eval
[204, 204, 204, 204, 301, 302, 405, 302]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com") x 8]



=== a return of the server with an error page: the policy answers the preflight all the same
--- config
cors_policy api;
error_page 403 /cors.yaml;
if ($arg_no) {
    return 403;
}
--- request eval
["OPTIONS /t?no=1", "GET /t?no=1"]
--- error_code eval
[204, 403]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT",
"Access-Control-Allow-Origin: https://app.example.com"]



=== a return of the server with an error page that it answers itself
--- config
cors_policy api;
error_page 403 /sorry;
return 403;
--- request eval
["OPTIONS /t", "GET /t"]
--- error_code eval
[204, 403]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT",
"Access-Control-Allow-Origin: https://app.example.com"]



=== a return of the server with an error page in a named location
--- config
cors_policy api;
error_page 403 = @sorry;
return 403;
location @sorry {
    return 200 "sorry\n";
}
--- request eval
["OPTIONS /t", "GET /t"]
--- error_code eval
[204, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT",
"Access-Control-Allow-Origin: https://app.example.com"]



=== return 444 stays what it is
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy api;
    return 444;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy api;
    if ($request_method = OPTIONS) {
        return 444;
    }
}
--- config
location = /return { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location = /if { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- request eval
["OPTIONS /return", "OPTIONS /if"]
--- error_code eval
[502, 502]
--- error_log
upstream prematurely closed connection
--- no_error_log
[alert]



=== 400 stays what it is: a preflight without Host
--- config
cors_policy api;
return 301 https://www.example.com$request_uri;
--- raw_request eval
"OPTIONS /t HTTP/1.1\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
Connection: close\r
\r
"
--- error_code: 400



=== 494 stays what it is: a preflight with too long a header
--- config
large_client_header_buffers 2 1k;
cors_policy api;
return 301 https://www.example.com$request_uri;
--- raw_request eval
"OPTIONS /t HTTP/1.1\r
Host: localhost\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
X-Long: @{['x' x 2000]}\r
Connection: close\r
\r
"
--- error_code: 400
--- response_body_like: Request Header Or Cookie Too Large



=== 413 stays what it is, where the server does not answer
--- config
cors_policy api;
set $nothing at-all;
location = /t {
    client_max_body_size 4;
    return 500;
}
--- request
OPTIONS /t
more than four
--- error_code: 413
--- no_error_log
[alert]



=== a location with a setting of its own: nothing changes
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy api;
    location / { cors_policy other; }
    return 301 https://www.example.com/;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy api;
    return 301 https://www.example.com/;
    location /a/ {
        location /a/b/ { cors_policy off; }
    }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3;
    cors_policy api;
    return 301 https://www.example.com/;
    location @named { cors_policy api; }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_4;
    cors_policy api;
    return 301 https://www.example.com/;
    location = /x {
        if ($arg_x) { cors_policy other; }
    }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_5;
    cors_policy api;
    return 301 https://www.example.com/;
    location ~ \.php$ { cors_policy_dry_run off; }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_6;
    cors_policy api;
    return 301 https://www.example.com/;
    location = /x { cors_policy_dry_run on; }
}
--- config
location = /location { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location = /nested { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
location = /named { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_3; }
location = /if { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_4; }
location = /dry-run-off { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_5; }
location = /dry-run-on { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_6; }
--- request eval
["OPTIONS /location", "OPTIONS /nested", "OPTIONS /named", "OPTIONS /if", "OPTIONS /dry-run-off", "OPTIONS /dry-run-on"]
--- error_code eval
[301, 301, 301, 301, 301, 301]
--- response_headers eval
[("Location: https://www.example.com/") x 6]



=== a location with a setting in another server does not count
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy api;
    return 301 https://www.example.com/;
    location / { root html; }
    location /a/ { location /a/b/ { if ($arg_x) { set $x y; } } }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    location / { cors_policy other; }
}
--- config
location = /t { cors_policy off; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request
OPTIONS /t
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com



=== a policy that is a variable, is forwarded, tried out, off, or of http: nothing changes
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy $arg_policy;
    return 301 https://www.example.com/;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy forward;
    return 301 https://www.example.com/;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3;
    cors_policy api;
    cors_policy_dry_run on;
    return 301 https://www.example.com/;
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_4;
    cors_policy off;
    return 301 https://www.example.com/;
}
--- config
location = /variable { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/?policy=api; }
location = /forward { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
location = /dry { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_3; }
location = /off { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_4; }
--- request eval
["OPTIONS /variable", "OPTIONS /forward", "OPTIONS /dry", "OPTIONS /off"]
--- error_code eval
[301, 301, 301, 301]
--- response_headers eval
["Location: https://www.example.com/
Access-Control-Allow-Origin: https://app.example.com",
("Location: https://www.example.com/
! Access-Control-Allow-Origin") x 3]



=== inherited from http: nothing changes
--- http_config
cors_policy api;
--- config
return 301 https://www.example.com/;
--- request
OPTIONS /t
--- error_code: 301
--- response_headers
Location: https://www.example.com/



=== a dry run of http: nothing changes
--- http_config
cors_policy_dry_run on;
--- config
cors_policy api;
return 301 https://www.example.com/;
--- request
OPTIONS /t
--- error_code: 301
--- response_headers
Location: https://www.example.com/
! Access-Control-Allow-Origin



=== what a server only rewrites is answered in its location, with what the location adds
--- http_config
log_format where '$uri $status';
--- config
cors_policy api;
add_header X-Where server always;
access_log off;
rewrite ^/a$ /b;
rewrite ^/last$ /b last;
rewrite ^/break$ /b break;
if ($arg_to) {
    rewrite ^ /b;
}
set $something else;
location = /b {
    add_header X-Where location always;
    access_log logs/where.log where;
    return 500;
}
location = /log {
    default_type text/plain;
    alias logs/where.log;
}
--- request eval
["OPTIONS /a", "OPTIONS /last", "OPTIONS /break", "OPTIONS /any?to=b", "OPTIONS /b", "GET /log"]
--- error_code eval
[204, 204, 204, 204, 204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
X-Where: location") x 5, "X-Where: server"]
--- response_body eval
[("") x 5, "/b 204\n" x 5]



=== an if of the server that is not true: the location answers
--- config
cors_policy two_hundred;
if ($arg_no) {
    return 301 https://www.example.com/;
}
location = /t {
    add_header X-Where location always;
    return 500;
}
--- request eval
["OPTIONS /t", "OPTIONS /t?no=1"]
--- error_code eval
[200, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
X-Where: location",
"Access-Control-Allow-Origin: https://app.example.com
! X-Where
! Location"]



=== enforce: a return of the server answers everybody, as before
--- config
cors_policy strict;
return 200 "of the server\n";
--- request eval
["OPTIONS /t", "GET /t"]
--- more_headers eval
["Origin: https://evil.example
Access-Control-Request-Method: GET", "Origin: https://evil.example"]
--- error_code eval
[204, 200]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 2]
