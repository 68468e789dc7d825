# enforce: who is not allowed does not reach the application.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    enforce: true
  forward:
    allow_origins: [https://app.example.com]
    enforce: true
    preflight: forward
  lax:
    allow_origins: [https://app.example.com]
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: ["http://localhost:8080", https://api.example.net, http://plain.example]
  own-forward:
    allow_origins: [https://app.example.com]
    enforce: true
    preflight: forward
    own_origins: [https://api.example.net]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies . ($block->user_files // ''));
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;
});

no_shuffle();
run_tests();

__DATA__

=== a denied origin gets 403, before the location does anything
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "POST /t", "DELETE /t", "OPTIONS /t"]
--- more_headers
Origin: https://evil.example
--- error_code eval
[403, 403, 403, 403]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 4]



=== an allowed origin and a request without one pass
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", ""]
--- response_body eval
["reached\n", "reached\n"]



=== without enforce, a denied origin reaches the application as ever
--- config
location = /t {
    cors_policy lax;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- response_body
reached



=== the same origin passes: host and port of Origin are those of Host
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- raw_request eval
[map "GET /t HTTP/1.1\r
Host: $_->[0]\r
Origin: $_->[1]\r
Connection: close\r
\r
", ["site.example", "https://site.example"],
   ["site.example:8443", "https://site.example:8443"],
   ["site.example:443", "https://site.example"],
   ["SITE.example", "https://site.example"],
   ["site.example:8443", "https://site.example"],
   ["site.example", "https://other.example"],
   ["site.example", "null"]]
--- error_code eval
[200, 200, 200, 200, 403, 403, 403]



=== repeated and malformed origins are refused
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Origin: https://app.example.com", "Origin: ", "Origin: null"]
--- error_code eval
[403, 403, 403]



=== a WebSocket handshake of a foreign page
--- config
keepalive_timeout 0;
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Connection: Upgrade, close
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Origin: https://evil.example
--- error_code: 403



=== a preflight is answered, not refused
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: GET
--- error_code: 204
--- response_headers
! Access-Control-Allow-Origin



=== a forwarded preflight reaches the application
--- config
location = /t {
    cors_policy forward;
    return 200 "reached\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: GET
--- response_body
reached



=== the page about the error is one that the policy is in force for
--- config
location = /t {
    cors_policy api;
    error_page 403 /error;
    return 200 "reached\n";
}
location = /error {
    internal;
    return 403 "$cors_policy $cors_decision\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- error_code: 403
--- response_body
api denied_origin



=== mirror around the error page: no copy of a refused request reaches the application
--- config
mirror /mirror;
error_page 403 /denied.html;
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
location = /file.txt {
    cors_policy api;
}
location = /denied.html {
    internal;
}
location = /mirror {
    internal;
    error_page 403 = @application;
    set $to /application;
    if ($request_method = GET) {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT$to;
    }
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application;
}
location @application {
    rewrite ^ /application break;
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT;
}
location = /application {
    mirror off;
    access_log logs/application.log;
    return 204;
}
location = /log {
    mirror off;
    default_type text/plain;
    alias logs/application.log;
}
--- user_files
>>> file.txt
file
>>> denied.html
denied
--- request eval
["GET /t", "POST /t\na=b", "GET /file.txt", "GET /log", "GET /file.txt", "GET /log"]
--- more_headers eval
[("Origin: https://evil.example") x 3, "", "Origin: https://app.example.com", ""]
--- error_code eval
[403, 403, 403, 200, 200, 200]
--- response_body_like eval
["^denied\$", "^denied\$", "^denied\$", "^\$", "^file\$", "GET /application"]



=== post_action: a refused request does not reach the application after its response
--- config
location /named { cors_policy api; post_action @application; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /uri { cors_policy api; post_action /application-uri; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /page { cors_policy api; error_page 403 /denied.html; return 200; }
location /if { cors_policy api; post_action /application-if; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location /asks { cors_policy api; post_action /asking; return 200; }
location = /denied.html { post_action @application; }
location = /application-if { if ($request_uri) { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; } }
location = /asking { auth_request /application; alias html/denied.html; }
location @application { rewrite ^ /application break; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
location = /application-uri { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/application; }
location = /application { access_log logs/application.log; return 204; }
location = /log { default_type text/plain; alias logs/application.log; }
--- user_files
>>> denied.html
denied
--- request eval
["POST /named\na=b", "POST /uri\na=b", "POST /page\na=b", "DELETE /named", "POST /if\na=b", "POST /asks\na=b", "GET /log", "GET /named", "GET /log"]
--- more_headers eval
[("Origin: https://evil.example") x 6, "", "Origin: https://app.example.com", ""]
--- error_code eval
[(403) x 6, 200, 204, 200]
--- response_body_like eval
["403 Forbidden", "403 Forbidden", "^denied\$", ("403 Forbidden") x 3, "^\$", "^\$", "(?:[^\\n]* /application [^\\n]*\\n){2}"]



=== an error that nginx finds before the policy is known: the policy of the location that it leads to
--- no_error_log: [alert]
--- config
error_page 413 = @application;
location = /t { cors_policy api; client_max_body_size 1; return 200; }
location @application { cors_policy api; rewrite ^ /application break; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
location = /application { return 200 "reached\n"; }
--- request eval
["POST /t\na=b", "POST /t\na=b"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://app.example.com"]
--- error_code eval
[403, 200]
--- response_body_like eval
["403 Forbidden", "reached"]



=== a form of the site itself, under Referrer-Policy: no-referrer; and of a sandboxed frame
--- config
location = /t {
    cors_policy api;
    return 200 "reached $cors_decision\n";
}
--- request eval
["POST /t\na=b", "POST /t\na=b"]
--- more_headers eval
["Origin: null
Sec-Fetch-Site: same-origin", "Origin: null
Sec-Fetch-Site: cross-site"]
--- error_code eval
[200, 403]
--- response_body_like eval
["^reached denied_origin\$", "403 Forbidden"]



=== a foreign page without Origin: a link passes, a POST does not
--- config
location = /t {
    cors_policy api;
    add_header X-Decision $cors_decision always;
    return 200 "reached\n";
}
--- request eval
["GET /t", "HEAD /t", "OPTIONS /t", "POST /t\na=b", "DELETE /t"]
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code eval
[200, 200, 200, 403, 403]
--- response_headers eval
["X-Decision: none", "X-Decision: none", "X-Decision: none", "X-Decision: denied_site
Vary: Origin", "X-Decision: denied_site"]



=== a denied site on an error page, where the method is GET: it is still the POST of the client
--- config
location = /t {
    cors_policy api;
    error_page 403 /error;
    return 200 "reached\n";
}
location = /error {
    internal;
    return 403 "$request_method $cors_decision\n";
}
--- request
POST /t
a=b
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code: 403
--- response_body
GET denied_site



=== own_origins: Host in any case, with its port, or the default port of an entry
--- config
location = /t {
    cors_policy own;
    return 200 "reached\n";
}
--- raw_request eval
[map "GET /t HTTP/1.1\r
Host: $_\r
Connection: close\r
\r
", "localhost:8080", "LOCALHOST:8080", "api.example.net", "Api.Example.Net:443", "plain.example:80",
   "plain.example", "localhost", "localhost:80", "api.example.net:80", "api.example.net:8080",
   "plain.example:443", "evil.example", "evil.example:8080", "api.example.net.evil.example", "127.0.0.1:8080"]
--- error_code eval
[(200) x 6, (403) x 9]



=== own_origins: the absolute form names a host too, and HTTP/1.0 may name none
--- config
location /t {
    cors_policy own;
    return 200 "reached $cors_decision\n";
}
error_page 403 = @refused;
location @refused {
    return 403 "$cors_decision\n";
}
--- raw_request eval
["GET http://localhost:8080/t HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n",
 "GET http://LOCALHOST:8080/t HTTP/1.1\r\nHost: api.example.net\r\nConnection: close\r\n\r\n",
 "GET http://localhost:8080?t HTTP/1.0\r\n\r\n",
 "GET https://api.example.net/t HTTP/1.0\r\n\r\n",
 "GET http://localhost/t HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n",
 "GET http://evil.example:8080/t HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n",
 "GET http://localhost:8080/t HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
 "GET http://localhost:8081/t HTTP/1.0\r\n\r\n",
 "GET /t HTTP/1.0\r\n\r\n",
 "GET /t HTTP/1.0\r\nHost:\r\n\r\n"]
--- error_code eval
[200, 200, 404, 200, (403) x 6]
--- response_body_like eval
[("^reached none\$") x 2, "404 Not Found", "^reached none\$", ("^denied_host\$") x 6]



=== own_origins: a rebound name is refused whatever it says, and so is its preflight
--- config
location = /t {
    cors_policy own;
    add_header X-Decision $cors_decision always;
    return 200 "reached\n";
}
location = /forward {
    cors_policy own-forward;
    add_header X-Decision $cors_decision always;
    return 200 "reached\n";
}
--- request eval
["GET /t", "POST /t\na=b", "POST /t\na=b", "OPTIONS /t", "OPTIONS /forward", "GET /t"]
--- more_headers eval
["Host: evil.example
Sec-Fetch-Site: same-origin",
"Host: evil.example
Origin: http://evil.example",
"Host: evil.example
Origin: https://app.example.com",
"Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Host: api.example.net
Origin: https://app.example.com"]
--- error_code eval
[403, 403, 403, 403, 403, 200]
--- response_headers eval
[("! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
Vary: Origin
X-Decision: denied_host") x 5, "Access-Control-Allow-Origin: https://app.example.com
X-Decision: allowed"]



=== own_origins: to an own host, preflights are answered or forwarded
--- config
location = /t {
    cors_policy own;
    return 200 "reached\n";
}
location = /forward {
    cors_policy own-forward;
    return 200 "reached\n";
}
--- request eval
["OPTIONS /t", "OPTIONS /forward"]
--- more_headers
Host: api.example.net
Origin: https://evil.example
Access-Control-Request-Method: PUT
--- error_code eval
[204, 200]



=== own_origins: without Sec-Fetch-Site, the origin has to be in the list, not that of Host
--- config
location = /t {
    cors_policy own;
    return 200 "reached\n";
}
--- request eval
[("POST /t\na=b") x 4]
--- more_headers eval
["Host: localhost:8080
Origin: https://api.example.net",
"Host: localhost:8080
Origin: http://localhost:8080",
"Host: api.example.net
Origin: http://api.example.net",
"Host: plain.example
Origin: https://plain.example"]
--- error_code eval
[200, 200, 403, 403]



=== own_origins: preflights that a redirect or the server would answer are refused too
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy own;
    error_page 403 /page;
    return 301 https://elsewhere.example/;
}
--- config
location /slash/ {
    cors_policy own;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /server {
    proxy_set_header Host $http_host;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["OPTIONS /slash", "OPTIONS /slash", "OPTIONS /server", "OPTIONS /server"]
--- more_headers eval
[map "Host: $_
Origin: https://app.example.com
Access-Control-Request-Method: GET", ("evil.example", "api.example.net") x 2]
--- error_code eval
[403, 204, 403, 204]
--- response_headers eval
["! Access-Control-Allow-Origin
! Location", "Access-Control-Allow-Origin: https://app.example.com", "! Access-Control-Allow-Origin
! Location", "Access-Control-Allow-Origin: https://app.example.com"]



=== forwarding headers are never looked at
--- config
location = /t {
    cors_policy api;
    return 200 "reached\n";
}
location = /own {
    cors_policy own;
    return 200 "reached\n";
}
--- request eval
["POST /t\na=b", "GET /own"]
--- more_headers eval
["Host: site.example
Origin: https://evil.example
X-Forwarded-Host: evil.example
Forwarded: host=evil.example;proto=https",
"Host: evil.example
X-Forwarded-Host: localhost:8080
Forwarded: host=localhost:8080"]
--- error_code eval
[403, 403]



=== error_page of a denied site or host: a file, and never the application
--- config
location = /t {
    cors_policy own;
    error_page 403 /denied.html;
    return 200 "reached\n";
}
location = /application {
    cors_policy own;
    error_page 403 = @application;
    return 200 "reached\n";
}
location @application {
    rewrite ^ /reached break;
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT;
}
location = /reached {
    return 200 "reached\n";
}
--- user_files
>>> denied.html
denied
--- request eval
["POST /t\na=b", "GET /t", "POST /application\na=b", "GET /application", "OPTIONS /application"]
--- more_headers eval
["Host: localhost:8080
Sec-Fetch-Site: cross-site", "Host: evil.example", "Host: localhost:8080
Sec-Fetch-Site: cross-site", "Host: evil.example", "Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT"]
--- error_code eval
[(403) x 5]
--- response_body_like eval
["^denied\$", "^denied\$", ("403 Forbidden") x 3]



=== refused sites and hosts are counted, for actual requests and preflights, and in a dry run
--- config
location = /t {
    cors_policy own;
    return 200 "reached\n";
}
location = /page {
    cors_policy own;
    error_page 403 /denied;
    return 200 "reached\n";
}
location = /denied {
    internal;
    return 403 "denied\n";
}
location = /dry {
    cors_policy own;
    cors_policy_dry_run on;
    return 200 "$cors_decision\n";
}
location = /status {
    cors_policy_status;
}
--- request eval
["POST /t\na=b", "POST /page\na=b", "GET /t", "OPTIONS /t", "OPTIONS /page",
 "POST /dry\na=b", "OPTIONS /dry", "GET /dry", "GET /status"]
--- more_headers eval
my $site = "Host: localhost:8080
Sec-Fetch-Site: same-site";
my $preflight = "Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT";
[$site, $site, "Host: evil.example", $preflight, $preflight,
 $site, $preflight, "Host: localhost:8080", ""]
--- error_code eval
[(403) x 5, (200) x 4]
--- response_body_like eval
[("403 Forbidden", "^denied\$", "403 Forbidden", "403 Forbidden", "^denied\$",
 "^denied_site\$", "^denied_host\$", "^none\$",
 qr/policy="own",request="actual",decision="denied_site",mode="enforced"\} 2
.*policy="own",request="actual",decision="denied_host",mode="enforced"\} 1
.*policy="own",request="preflight",decision="denied_host",mode="enforced"\} 2
.*policy="own",request="actual",decision="denied_site",mode="dry_run"\} 1
.*policy="own",request="actual",decision="denied_host",mode="dry_run"\} 0
.*policy="own",request="preflight",decision="denied_host",mode="dry_run"\} 1
/s)]
--- response_headers eval
[("Vary: Origin") x 5, ("! Vary") x 3, "Vary: Accept"]



=== a refused request keeps the policy that refused it, whatever its error page sets
--- http_config
cors_policy_define everybody {
    allow_origins *;
}
--- config
location /api/ {
    cors_policy api;
    error_page 403 /errors$arg_page?policy=everybody;
    return 200 "reached\n";
}
location = /errors/everybody {
    cors_policy everybody;
    return 403 "$cors_policy $cors_decision\n";
}
location = /errors/off {
    cors_policy off;
    return 403 "$cors_policy $cors_decision\n";
}
location = /errors/variable {
    cors_policy $arg_policy;
    return 403 "$cors_policy $cors_decision\n";
}
location = /errors/if {
    if ($arg_policy) {
        cors_policy everybody;
        return 403 "$cors_policy $cors_decision\n";
    }
}
location = /errors/lax {
    cors_policy lax;
    cors_policy_dry_run on;
    return 403 "$cors_policy $cors_decision\n";
}
location = /status {
    cors_policy_status;
}
--- request eval
[(map { "GET /api/?page=/$_" } qw(everybody off variable if lax)), "GET /status"]
--- more_headers
Origin: https://evil.example
--- error_code eval
[(403) x 5, 200]
--- response_body_like eval
[("^api denied_origin\$") x 5,
 qr/policy="api",request="actual",decision="denied_origin",mode="enforced"\} 5
(?!.*policy="everybody",request="actual",decision="allowed",mode="enforced"\} [1-9])/s]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 5, "Vary: Accept"]



=== policies of a watched file, those that variables name, and those that an if sets, check the same
--- http_config
cors_policy_file ../html/watched.yaml watch=1s;
--- config
location = /watched {
    cors_policy watched;
    add_header X-Decision $cors_decision always;
    add_header X-Reached yes;
}
location = /variable {
    cors_policy $arg_policy;
    add_header X-Decision $cors_decision always;
    add_header X-Reached yes;
}
location = /if {
    add_header X-Decision $cors_decision always;
    if ($arg_policy) {
        cors_policy own;
    }
    add_header X-Reached yes;
}
--- user_files
>>> watched.yaml
version: 1
policies:
  watched:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: ["http://localhost:8080", https://api.example.net, http://plain.example]
    timing_allow_origin: "*"
>>> watched
watched
>>> variable
variable
>>> if
if
--- request eval
[map { my $path = $_; ("GET $path", "GET $path", "GET $path", "POST $path\na=b", "OPTIONS $path", "OPTIONS $path") }
    "/watched", "/variable?policy=own", "/if?policy=own"]
--- more_headers eval
[("Host: plain.example", "Host: evil.example", "Host: plain.example
Origin: https://evil.example", "Host: plain.example
Sec-Fetch-Site: cross-site", "Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT", "Host: plain.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT") x 3]
--- error_code eval
[(200, 403, 403, 403, 403, 204) x 3]
--- response_headers eval
[map({ ("X-Decision: none
$_", "X-Decision: denied_host
$_", "X-Decision: denied_origin
$_", "X-Decision: denied_site
$_", "X-Decision: denied_host
! Timing-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com
! Timing-Allow-Origin") } "Timing-Allow-Origin: *", "! Timing-Allow-Origin", "! Timing-Allow-Origin")]
