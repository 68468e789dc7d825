# cors_policy_dry_run: decide, count and log, and touch nothing.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    enforce: true
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: [https://own.example]
  lax:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_headers: [X-A]
    expose_headers: [X-Page]
  forward:
    allow_origins: [https://app.example.com]
    preflight: forward
  merge:
    allow_origins: [https://other.example.com]
    preflight: forward
    upstream_headers: merge
>>> watched.yaml
version: 1
policies:
  watched:
    allow_origins: [https://app.example.com]
>>> page.txt
a page
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
});

log_level('info');
no_shuffle();
run_tests();

__DATA__

=== the response is what it would be without the policy
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin https://mine.example;
    add_header Access-Control-Made-Up yes;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example", ""]
--- response_headers eval
[("Access-Control-Allow-Origin: https://mine.example
Access-Control-Made-Up: yes
! Vary") x 3]
--- response_body eval
["ok\n", "ok\n", "ok\n"]



=== a preflight goes where it went
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "$request_method\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
--- response_body
OPTIONS



=== what would change is logged, at notice
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin $http_origin;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- error_log eval
qr{\[notice\] .* CORS policy "api" \(dry run\): refused, denied_origin, origin: "https://evil\.example", client: }
--- no_error_log
[info]



=== a denial that changes nothing is not logged
--- config
location = /t {
    cors_policy lax;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- no_error_log
CORS policy



=== what changes for whom
--- http_config
log_format change '$uri $cors_decision [$cors_change]';
map $http_origin $loose {
    ~^https://[a-z.]+\.example\.com$  $http_origin;
}
--- config
cors_policy lax;
cors_policy_dry_run on;
access_log logs/change.log change;
location /loose {
    add_header Access-Control-Allow-Origin $loose;
    return 200 "ok\n";
}
location /credentials {
    add_header Access-Control-Allow-Origin $loose;
    add_header Access-Control-Allow-Credentials true;
    return 200 "ok\n";
}
location /exposed {
    add_header Access-Control-Allow-Origin $loose;
    add_header Access-Control-Expose-Headers "X-Page, X-Total, Content-Type";
    return 200 "ok\n";
}
location /nothing {
    return 200 "ok\n";
}
location /always {
    add_header Access-Control-Allow-Origin $loose always;
    return 404;
}
location /wet {
    cors_policy_dry_run off;
    return 200 "ok\n";
}
location /none {
    cors_policy off;
    add_header Access-Control-Allow-Origin $loose;
    return 200 "ok\n";
}
location /early {
    add_header Access-Control-Allow-Origin $loose;
    add_header X-Change "$cors_change.";
    return 200 "ok\n";
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/change.log;
}
--- request eval
["GET /loose/1", "GET /loose/2", "GET /loose/3", "GET /loose/4", "GET /credentials", "GET /exposed", "GET /nothing/1",
"GET /nothing/2", "GET /always", "GET /wet", "GET /none", "GET /early", "GET /log"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://forgotten.example.com", "Origin: https://evil.example", "",
"Origin: https://app.example.com", "Origin: https://app.example.com", "Origin: https://app.example.com",
"Origin: https://forgotten.example.com", ("Origin: https://forgotten.example.com") x 4, ""]
--- error_code eval
[(200) x 8, 404, (200) x 4]
--- response_headers eval
[("") x 11, "X-Change: .", ""]
--- response_body_like eval
[("") x 12, qr{\A/loose/1 allowed \[\]
/loose/2 denied_origin \[lost\]
/loose/3 denied_origin \[\]
/loose/4 none \[\]
/credentials allowed \[lost\]
/exposed allowed \[headers\]
/nothing/1 allowed \[gained\]
/nothing/2 denied_origin \[\]
/always denied_origin \[lost\]
/wet denied_origin \[\]
/none  \[\]
/early denied_origin \[lost\]
\z}]



=== preflights are compared as a whole
--- http_config
log_format change '$uri $cors_decision [$cors_change]';
--- config
cors_policy lax;
cors_policy_dry_run on;
access_log logs/preflights.log change;
location /answered {
    add_header Access-Control-Allow-Origin https://app.example.com;
    add_header Access-Control-Allow-Methods "GET, PUT, DELETE, OPTIONS";
    add_header Access-Control-Allow-Headers "X-A, X-B";
    return 204;
}
location /same {
    add_header Access-Control-Allow-Origin https://app.example.com;
    add_header Access-Control-Allow-Methods PUT;
    return 204;
}
location /not-answered {
    root html;
}
location /an-error-page {
    error_page 405 /page.txt;
    root html;
}
location = /page.txt {
    add_header Access-Control-Allow-Origin https://app.example.com always;
    root html;
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/preflights.log;
}
--- request eval
["OPTIONS /answered/1", "OPTIONS /answered/2", "OPTIONS /answered/3", "OPTIONS /same", "OPTIONS /not-answered",
"OPTIONS /an-error-page", "GET /log"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: DELETE",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-b",
("Origin: https://app.example.com
Access-Control-Request-Method: PUT") x 4, ""]
--- error_code eval
[204, 204, 204, 204, 405, 405, 200]
--- response_body_like eval
[("") x 6, qr{\A/answered/1 denied_method \[lost\]
/answered/2 denied_header \[lost\]
/answered/3 allowed \[headers\]
/same allowed \[\]
/not-answered allowed \[gained\]
/page.txt [a-z_]+ \[gained\]
\z}]



=== enforce: what would be refused, and the requests of the site itself
--- http_config
log_format change '$request_method $uri $cors_decision [$cors_change]';
--- config
cors_policy api;
cors_policy_dry_run on;
access_log logs/refused.log change;
location /t {
    add_header Access-Control-Allow-Origin $http_origin;
    return 200 "ok\n";
}
location /already {
    return 403;
}
location /foreign {
    cors_policy own;
    return 200 "ok\n";
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/refused.log;
}
--- request eval
["POST /t/1\nx", "POST /t/2\nx", "POST /t/3\nx", "POST /t/4\nx", "POST /t/5\nx", "POST /already\nx", "OPTIONS /foreign", "GET /foreign", "GET /log"]
--- more_headers eval
["Origin: https://evil.example",
"Sec-Fetch-Site: cross-site",
"Sec-Fetch-Site: same-origin
Origin: null",
"Host: site.example
Origin: http://site.example",
"Host: site.example
Origin: http://site.example:81",
"Origin: https://evil.example",
"Host: foreign.example
Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Host: foreign.example
Sec-Fetch-Site: same-origin",
""]
--- error_code eval
[(200) x 5, 403, (200) x 3]
--- response_body_like eval
[("") x 8, qr{\APOST /t/1 denied_origin \[refused\]
POST /t/2 denied_site \[refused\]
POST /t/3 denied_origin \[\]
POST /t/4 denied_origin \[\]
POST /t/5 denied_origin \[refused\]
POST /already denied_origin \[\]
OPTIONS /foreign denied_host \[refused\]
GET /foreign denied_host \[refused\]
\z}]



=== forwarded preflights: what the policy leaves alone does not change
--- http_config
log_format change '$uri $cors_decision [$cors_change]';
--- config
cors_policy_dry_run on;
access_log logs/forwarded.log change;
add_header Access-Control-Allow-Origin https://app.example.com;
add_header Access-Control-Allow-Methods PUT;
location /forward {
    cors_policy forward;
    return 204;
}
location /merge {
    cors_policy merge;
    return 204;
}
location = /log {
    access_log off;
    default_type text/plain;
    alias logs/forwarded.log;
}
--- request eval
["OPTIONS /forward/1", "OPTIONS /forward/2", "OPTIONS /merge/1", "OPTIONS /merge/2", "GET /log"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Origin: https://other.example.com
Access-Control-Request-Method: PUT",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Origin: https://other.example.com
Access-Control-Request-Method: PUT", ""]
--- error_code eval
[(204) x 4, 200]
--- response_body_like eval
[("") x 4, qr{\A/forward/1 denied_method \[\]
/forward/2 denied_origin \[\]
/merge/1 denied_origin \[lost\]
/merge/2 denied_method \[gained\]
\z}]



=== the line about a change names what is missed
--- config
location = /t {
    cors_policy lax;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin $http_origin;
    add_header Access-Control-Expose-Headers "X-Total, X-Page, X-Left";
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- error_log
CORS policy "lax" (dry run): headers, allowed, origin: "https://app.example.com", missed: "x-total, x-left", client



=== the line about a preflight names what is denied
--- config
location = /t {
    cors_policy lax;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin $http_origin;
    add_header Access-Control-Allow-Methods $http_access_control_request_method;
    add_header Access-Control-Allow-Headers $http_access_control_request_headers;
    return 204;
}
--- request eval
["OPTIONS /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-b"]
--- error_code: 204
--- error_log
CORS policy "lax" (dry run): lost, denied_header, origin: "https://app.example.com", headers: "x-b", client



=== the line about a refusal names the host
--- config
location = /t {
    cors_policy own;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Host: foreign.example
Sec-Fetch-Site: same-origin
--- error_log
CORS policy "own" (dry run): refused, denied_host, host: "foreign.example", client



=== what a client sends is escaped in the line
--- config
location = /t {
    cors_policy lax;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin $http_origin;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers eval
"Origin: https://\xc3\xbc\"\t.example"
--- error_log eval
qr{lost, denied_origin, origin: "https://\\xc3\\xbc\\"\\t\.example", client}



=== it is counted, by the change, and the origins with it
--- config
location = /t {
    cors_policy lax;
    cors_policy_dry_run on;
    add_header Access-Control-Allow-Origin $arg_origin;
    return 200 "ok\n";
}
location = /status {
    cors_policy_status;
}
location = /without {
    cors_policy_status origins=off;
}
--- request eval
[("GET /t?origin=https://shop.example.com") x 3, "GET /t?origin=https://evil.example", "GET /t", "GET /status", "GET /status?format=json",
"GET /without?format=json"]
--- more_headers eval
[("Origin: https://shop.example.com") x 3, "Origin: https://shop.example.com", "Origin: https://app.example.com", "", "", ""]
--- response_body_like eval
[("") x 5,
qr/dry_run_changes_total\{policy="lax",change="refused"\} 0
.*policy="lax",change="lost"\} 3
.*policy="lax",change="headers"\} 0
.*policy="lax",change="gained"\} 1
/,
qr/"dry_run_changes":\{.*"lax":\{"refused":0,"lost":3,"headers":0,"gained":1\}.*"refused":\{"lax":\[\{"origin":"https:\/\/shop.example.com","decision":"denied_origin","mode":"dry_run","count":4,"error":0,"lost":3,"last":[0-9]+\}\]\}\}\n\z/,
qr/\A(?!.*"origin")\{"version":1,.*\}\n\z/]



=== origins=off and on, and nothing else
--- config
location = /t {
    cors_policy_status origins=maybe;
}
--- must_die
--- error_log
invalid parameter "origins=maybe" of "cors_policy_status", write "origins=on" or "origins=off"



=== the decision is known, and nothing is sent
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "$cors_policy $cors_decision [$cors_allow_origin]\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
api allowed []



=== inherited, and switched off again
--- config
cors_policy api;
cors_policy_dry_run on;
location = /dry {
    return 200 "ok\n";
}
location = /wet {
    cors_policy_dry_run off;
    return 200 "ok\n";
}
--- request eval
["GET /dry", "GET /wet"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["! Access-Control-Allow-Origin
! Vary",
"Access-Control-Allow-Origin: https://app.example.com
Vary: Origin"]



=== it stays with the policy over an internal redirect
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run on;
    try_files /missing /page.txt;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- response_body
a page



=== a variable says for each request whether it is a dry run
--- http_config
map $arg_dry $dry {
    default $arg_dry;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
    return 200 "reached $cors_decision\n";
}
--- request eval
[map { "GET /t?dry=$_" } 'on', 'off', '', 'on', 'off']
--- more_headers eval
[("Origin: https://app.example.com") x 3, ("Origin: https://evil.example") x 2]
--- error_code eval
[200, 200, 200, 200, 403]
--- response_headers eval
["! Access-Control-Allow-Origin\n! Vary",
("Access-Control-Allow-Origin: https://app.example.com\nVary: Origin") x 2,
"! Access-Control-Allow-Origin\n! Vary",
"! Access-Control-Allow-Origin\nVary: Origin"]
--- no_error_log
[error]



=== a preflight goes by the variable, too
--- http_config
map $arg_dry $dry {
    default $arg_dry;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
    try_files /missing /page.txt;
}
--- request eval
[map { "OPTIONS /t?dry=$_" } 'on', 'off', '']
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[405, 204, 204]
--- response_headers eval
["! Access-Control-Allow-Origin", ("Access-Control-Allow-Origin: https://app.example.com") x 2]



=== another value is no dry run, and an error
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run "$arg_dry";
    return 200 "reached\n";
}
--- request
GET /t?dry=yes
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- error_log
[error]
invalid value "yes" of "cors_policy_dry_run", neither "on" nor "off"



=== where no policy applies, the variable is not asked
--- config
location = /t {
    cors_policy_dry_run "$arg_dry";
    return 200 "reached [$cors_policy]\n";
}
--- request
GET /t?dry=yes
--- response_body
reached []
--- no_error_log
[error]



=== set in the location assigns before the policy acts
--- config
location /t/ {
    cors_policy api;
    cors_policy_dry_run $dry;
    set $dry $arg_dry;
    try_files /missing /page.txt;
}
--- request eval
["OPTIONS /t/?dry=on", "OPTIONS /t/?dry=off", "GET /t/?dry=on", "GET /t/"]
--- more_headers eval
[("Origin: https://app.example.com
Access-Control-Request-Method: GET") x 2, ("Origin: https://evil.example") x 2]
--- error_code eval
[405, 204, 200, 403]
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com",
"! Vary", "Vary: Origin"]



=== the variable is evaluated once, with the policy
--- http_config
map $uri $dry {
    /t      on;
    default off;
}
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $dry;
    try_files /missing /page.txt;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- response_body
a page



=== the policy may be named by a variable, too
--- config
cors_policy_dry_run $arg_dry;
location = /t {
    cors_policy $arg_policy;
    return 200 "[$cors_policy] $cors_decision\n";
}
--- request eval
["GET /t?policy=api&dry=on", "GET /t?policy=api&dry=off", "GET /t?dry=on", "GET /t?policy=off&dry=off"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com",
("! Access-Control-Allow-Origin") x 2]
--- response_body eval
["[api] allowed\n", "[api] allowed\n", "[] \n", "[] \n"]



=== a policy that can be replaced
--- http_config
cors_policy_file ../html/watched.yaml watch=5s;
--- config
cors_policy watched;
cors_policy_dry_run "$arg_dry";
location = /t {
    return 200 "$cors_policy $cors_decision\n";
}
--- request eval
["GET /t?dry=on", "GET /t?dry=off", "GET /t", "OPTIONS /t?dry=on", "OPTIONS /t?dry=off"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 200, 200, 200, 204]
--- response_headers eval
["! Access-Control-Allow-Origin", ("Access-Control-Allow-Origin: https://app.example.com") x 2,
"! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com"]



=== a server does not answer preflights by itself where a variable may make it a dry run
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
    server_name whole.example;
    cors_policy api;
    cors_policy_dry_run $arg_dry;
    return 200 "the server\n";
}
--- config
--- request eval
["OPTIONS /?dry=on", "OPTIONS /?dry=off"]
--- more_headers
Host: whole.example
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com"]
--- response_body eval
["the server\n", "the server\n"]



=== a variable that needs the decision ends nowhere
--- config
location = /t {
    cors_policy api;
    cors_policy_dry_run $cors_decision;
    return 200 "reached\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_body
reached
--- error_log
cycle while evaluating variable
