# Internal redirects: the policy of the last location on the way that has one of its own.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  a:
    allow_origins: [https://a.example]
  b:
    allow_origins: [https://b.example]
>>> page.txt
a page
>>> dir/index.html
an index
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(more_headers => 'Origin: https://a.example')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => '[alert]');
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== try_files to a file of the same location
--- config
location / {
    cors_policy a;
    try_files /page.txt =404;
}
--- request
GET /anything
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin
--- response_body
a page



=== try_files to another location
--- config
location / {
    cors_policy a;
    try_files /missing /page.txt;
}
location = /page.txt {
    # none of its own
}
--- request
GET /anything
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin
--- response_body
a page



=== try_files to a named location
--- config
location / {
    cors_policy a;
    try_files /missing @fallback;
}
location @fallback {
    return 200 "fallback\n";
}
--- request
GET /anything
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
fallback



=== try_files to an error
--- config
location / {
    cors_policy a;
    try_files /missing =404;
}
--- request
GET /anything
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://a.example



=== index
--- config
location = /dir/ {
    cors_policy a;
    index index.html;
}
--- request
GET /dir/
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
an index



=== the redirect to a folder
--- config
location / {
    cors_policy a;
}
--- request
GET /dir
--- error_code: 301
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin



=== X-Accel-Redirect
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header X-Accel-Redirect /protected/page.txt;
        add_header Access-Control-Allow-Origin *;
        return 200;
    }
}
--- config
location = /t {
    cors_policy a;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /protected/ {
    internal;
    alias html/;
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin
--- response_body
a page



=== X-Accel-Redirect to a location with a policy of its own
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        add_header X-Accel-Redirect /protected/page.txt;
        return 200;
    }
}
--- config
location = /t {
    cors_policy a;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /protected/ {
    internal;
    cors_policy b;
    alias html/;
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["! Access-Control-Allow-Origin
Vary: Origin", "Access-Control-Allow-Origin: https://b.example"]



=== internal: asked for directly it is a 404 like any other
--- config
location = /t {
    internal;
    cors_policy a;
}
--- request
GET /t
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin



=== rewrite last to a location without a policy of its own
--- config
location = /t {
    cors_policy a;
    rewrite ^ /page.txt last;
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin
--- response_body
a page



=== rewrite last to a location with one
--- config
location = /t {
    cors_policy a;
    rewrite ^ /page.txt last;
}
location = /page.txt {
    cors_policy b;
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://b.example"]



=== rewrite break stays in the location
--- config
location = /t {
    cors_policy a;
    rewrite ^ /page.txt break;
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
a page



=== a rewrite of the server comes before the location is known
--- config
rewrite ^/old$ /new;
location = /old {
    cors_policy a;
    return 200 "old\n";
}
location = /new {
    cors_policy b;
    return 200 "new\n";
}
--- request
GET /old
--- more_headers
Origin: https://b.example
--- response_headers
Access-Control-Allow-Origin: https://b.example
--- response_body
new



=== a return of the server: the policy of the server
--- config
cors_policy a;
return 301 https://other.example/;
--- request
GET /old
--- error_code: 301
--- response_headers
Access-Control-Allow-Origin: https://a.example
Vary: Origin



=== over several redirects, the last location with a policy of its own decides
--- config
location = /t {
    cors_policy a;
    try_files /missing @second;
}
location @second {
    cors_policy b;
    error_page 404 @third;
    return 404;
}
location @third {
    return 404 "third\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- error_code eval
[404, 404]
--- response_headers eval
["! Access-Control-Allow-Origin
Vary: Origin", "Access-Control-Allow-Origin: https://b.example"]



=== a location that inherits from the server has none of its own
--- config
cors_policy b;
location = /t {
    cors_policy a;
    error_page 404 /error;
    return 404;
}
location = /error {
    return 404 "error\n";
}
--- request
GET /t
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
error



=== one that inherits from a location around it has
--- config
location = /t {
    cors_policy a;
    error_page 404 /errors/404;
    return 404;
}
location /errors {
    cors_policy b;
    location = /errors/404 {
        return 404 "error\n";
    }
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- error_code eval
[404, 404]
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://b.example"]



=== from a location without a policy to one with
--- config
location = /t {
    try_files /missing @api;
}
location @api {
    cors_policy a;
    return 200 "api\n";
}
--- request eval
["GET /t", "OPTIONS /t"]
--- more_headers eval
["Origin: https://a.example",
"Origin: https://a.example
Access-Control-Request-Method: GET"]
--- error_code eval
[200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example",
"Access-Control-Allow-Origin: https://a.example
Access-Control-Allow-Methods: GET, HEAD, POST"]



=== a policy that a variable names when the request leaves, by rewrite, return, try_files and index
--- config
location /rewrite { set $name b; cors_policy $name; rewrite ^ /file last; }
location /named { set $name b; cors_policy $name; error_page 404 = @file; return 404; }
location /uri { set $name b; cors_policy $name; error_page 404 =200 /file; return 404; }
location /direct { set $name b; cors_policy $name; return 200 "direct\n"; }
location /try { set $name b; cors_policy $name; try_files /missing /file; }
location /twice { set $name b; cors_policy $name; rewrite ^ /between last; }
location /own { set $name b; cors_policy $name; rewrite ^ /own-of-a last; }
location /off { set $name off; cors_policy $name; rewrite ^ /file last; }
location /between { rewrite ^ /file last; }
location = /own-of-a { cors_policy a; rewrite ^ /page.txt break; root html; }
location = /file { rewrite ^ /page.txt break; root html; }
location @file { rewrite ^ /page.txt break; root html; }
--- request eval
["GET /rewrite", "GET /named", "GET /uri", "GET /direct", "GET /try", "GET /twice", "GET /own", "GET /off", "OPTIONS /rewrite", "OPTIONS /named"]
--- more_headers eval
[("Origin: https://b.example") x 6, "Origin: https://a.example", "Origin: https://b.example",
("Origin: https://b.example
Access-Control-Request-Method: GET") x 2]
--- error_code eval
[(200) x 8, (204) x 2]
--- response_headers eval
[("Access-Control-Allow-Origin: https://b.example
Vary: Origin") x 6,
"Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"! Access-Control-Allow-Origin
! Vary",
("Access-Control-Allow-Origin: https://b.example
Access-Control-Allow-Methods: GET, HEAD, POST
Vary: Origin") x 2]



=== a policy of an if that the request leaves, by rewrite and return, before and after the setting
--- config
location /rewrite { cors_policy a; if ($arg_b) { cors_policy b; rewrite ^ /file? last; } return 200 "a\n"; }
location /before { cors_policy a; if ($arg_b) { rewrite ^ /file? last; cors_policy b; } return 200 "a\n"; }
location /later { cors_policy a; if ($arg_b) { cors_policy b; } rewrite ^ /file? last; }
location /named { cors_policy a; error_page 418 = @file; if ($arg_b) { cors_policy b; return 418; } return 200 "a\n"; }
location /first { cors_policy a; error_page 418 = @file; if ($arg_b) { return 418; cors_policy b; } return 200 "a\n"; }
location /uri { error_page 418 =200 /file; if ($arg_b) { cors_policy b; return 418; } cors_policy a; return 200 "a\n"; }
location /none { if ($arg_b) { cors_policy b; rewrite ^ /file? last; } return 200 "none\n"; }
location /set { cors_policy a; if ($arg_b) { set $name b; cors_policy $name; rewrite ^ /file? last; } return 200 "a\n"; }
location /direct { cors_policy a; if ($arg_b) { cors_policy b; return 200 "b\n"; } return 200 "a\n"; }
location /off { cors_policy a; if ($arg_b) { cors_policy off; rewrite ^ /file? last; } return 200 "a\n"; }
location = /file { rewrite ^ /page.txt break; root html; }
location @file { rewrite ^ /page.txt break; root html; }
--- request eval
["GET /rewrite?b=1", "GET /before?b=1", "GET /later?b=1", "GET /named?b=1", "GET /first?b=1", "GET /uri?b=1", "GET /none?b=1", "GET /set?b=1", "GET /direct?b=1",
"GET /rewrite", "GET /before", "GET /later", "GET /named", "GET /first", "GET /uri", "GET /set", "GET /direct", "GET /off",
"GET /off?b=1", "GET /none",
"OPTIONS /rewrite?b=1", "OPTIONS /before?b=1", "OPTIONS /later?b=1", "OPTIONS /set?b=1"]
--- more_headers eval
[("Origin: https://b.example") x 9, ("Origin: https://a.example") x 11,
("Origin: https://b.example
Access-Control-Request-Method: GET") x 4]
--- error_code eval
[(200) x 20, (204) x 4]
--- response_headers eval
[("Access-Control-Allow-Origin: https://b.example
Vary: Origin") x 9,
("Access-Control-Allow-Origin: https://a.example
Vary: Origin") x 9,
("! Access-Control-Allow-Origin
! Vary") x 2,
("Access-Control-Allow-Origin: https://b.example
Access-Control-Allow-Methods: GET, HEAD, POST
Vary: Origin") x 4]



=== the same with policies that can be replaced
--- http_config
cors_policy_file ../html/cors.yaml watch=1h;
--- config
location /rewrite { cors_policy a; if ($arg_b) { cors_policy b; rewrite ^ /file? last; } return 200 "a\n"; }
location /later { cors_policy a; if ($arg_b) { cors_policy b; } rewrite ^ /file? last; }
location /named { cors_policy a; error_page 418 = @file; if ($arg_b) { cors_policy b; return 418; } return 200 "a\n"; }
location /variable { set $name b; cors_policy $name; rewrite ^ /file last; }
location /return { set $name b; cors_policy $name; error_page 404 = @file; return 404; }
location = /file { rewrite ^ /page.txt break; root html; }
location @file { rewrite ^ /page.txt break; root html; }
--- request eval
["GET /rewrite?b=1", "GET /later?b=1", "GET /named?b=1", "GET /variable", "GET /return", "GET /rewrite", "GET /later", "GET /named"]
--- more_headers eval
[("Origin: https://b.example") x 5, ("Origin: https://a.example") x 3]
--- response_headers eval
[("Access-Control-Allow-Origin: https://b.example
Vary: Origin") x 5,
("Access-Control-Allow-Origin: https://a.example
Vary: Origin") x 3]



=== a response that nginx makes in the rewrite phase, in an if with a policy that is not known before
--- http_config
cors_policy_file ../html/cors.yaml watch=1h;
--- config
add_header Access-Control-Allow-Origin * always;
location /watched { if ($arg_b) { cors_policy b; return 404; } }
location /redirect { if ($arg_b) { cors_policy b; return 301 /file; } }
location /rewrite { if ($arg_b) { cors_policy b; rewrite ^ /file redirect; } }
location /named { if ($arg_b) { cors_policy $arg_b; return 404; } }
location /set { if ($arg_b) { cors_policy $name; set $name b; return 404; } }
location /cycle { if ($arg_b) { cors_policy b; rewrite ^ /cycle last; } }
location /text { if ($arg_b) { cors_policy b; return 200 "text\n"; } }
--- request eval
["GET /watched?b=b", "GET /redirect?b=b", "GET /rewrite?b=b", "GET /named?b=b", "GET /set?b=b", "GET /cycle?b=b", "GET /text?b=b", "GET /watched?b=b", "GET /named?b=b"]
--- more_headers eval
[("Origin: https://b.example") x 7, ("Origin: https://evil.example") x 2]
--- error_code eval
[404, 301, 302, 404, 404, 500, 200, 404, 404]
--- response_headers eval
[("Access-Control-Allow-Origin: https://b.example
Vary: Origin") x 7,
("! Access-Control-Allow-Origin
Vary: Origin") x 2]
