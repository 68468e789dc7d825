# The contexts of cors_policy, and how blocks inherit it.

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
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''))
        unless defined $block->must_die || ($block->http_config // '') =~ /cors_policy_file/;
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_shuffle();
run_tests();

__DATA__

=== from http
--- http_config
cors_policy a;
--- config
location = /t {
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://a.example
--- response_headers
Access-Control-Allow-Origin: https://a.example



=== from server, in place of what http says
--- http_config
cors_policy a;
--- config
cors_policy b;
location = /t {
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://b.example"]



=== in a location, in place of what server says
--- config
cors_policy a;
location = /t {
    cors_policy b;
    return 200 "ok\n";
}
location = /other {
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /other"]
--- more_headers eval
["Origin: https://b.example", "Origin: https://a.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://b.example", "Access-Control-Allow-Origin: https://a.example"]



=== off ends inheritance
--- http_config
cors_policy a;
--- config
location = /t {
    cors_policy off;
    return 200 "ok\n";
}
--- request eval
["GET /t", "OPTIONS /t"]
--- more_headers
Origin: https://a.example
Access-Control-Request-Method: PUT
--- response_headers eval
["! Access-Control-Allow-Origin
! Vary", "! Access-Control-Allow-Origin
! Vary"]



=== nested locations
--- config
location /outer {
    cors_policy a;
    location /outer/inner {
        return 200 "inner\n";
    }
    location /outer/own {
        cors_policy b;
        return 200 "own\n";
    }
    location /outer/off {
        cors_policy off;
        return 200 "off\n";
    }
}
--- request eval
["GET /outer/inner", "GET /outer/own", "GET /outer/off"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://a.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example",
 "Access-Control-Allow-Origin: https://b.example",
 "! Access-Control-Allow-Origin"]



=== a regular-expression location
--- config
cors_policy a;
location ~ ^/t(\d+)$ {
    cors_policy b;
    return 200 "$1\n";
}
--- request
GET /t42
--- more_headers
Origin: https://b.example
--- response_headers
Access-Control-Allow-Origin: https://b.example
--- response_body
42



=== limit_except inherits
--- config
location = /page.txt {
    cors_policy a;
    limit_except POST {
        allow all;
    }
}
--- request
GET /page.txt
--- more_headers
Origin: https://a.example
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
a page



=== if inherits
--- config
location = /t {
    cors_policy a;
    if ($arg_x) {
        return 200 "in if\n";
    }
    return 200 "after if\n";
}
--- request
GET /t?x=1
--- more_headers
Origin: https://a.example
--- response_headers
Access-Control-Allow-Origin: https://a.example
--- response_body
in if



=== a setting in if
--- config
location = /page.txt {
    cors_policy a;
    if ($arg_b) {
        cors_policy b;
    }
    if ($arg_off) {
        cors_policy off;
    }
}
--- request eval
["GET /page.txt", "GET /page.txt?b=1", "GET /page.txt?b=1", "GET /page.txt?off=1"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://a.example",
 "Origin: https://a.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example",
 "Access-Control-Allow-Origin: https://b.example",
 "! Access-Control-Allow-Origin
Vary: Origin",
 "! Access-Control-Allow-Origin
! Vary"]



=== a setting in if decides preflights too
--- config
location = /page.txt {
    cors_policy a;
    if ($arg_b) {
        cors_policy b;
    }
    if ($arg_off) {
        cors_policy off;
    }
}
--- request eval
["OPTIONS /page.txt", "OPTIONS /page.txt?b=1", "OPTIONS /page.txt?b=1", "OPTIONS /page.txt?off=1"]
--- more_headers eval
["Origin: https://a.example
Access-Control-Request-Method: PUT",
"Origin: https://b.example
Access-Control-Request-Method: PUT",
"Origin: https://a.example
Access-Control-Request-Method: PUT",
"Origin: https://a.example
Access-Control-Request-Method: PUT"]
--- error_code eval
[204, 204, 204, 405]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.example
Access-Control-Allow-Methods: GET, HEAD, POST",
 "Access-Control-Allow-Origin: https://b.example",
 "! Access-Control-Allow-Origin
Vary: Origin",
 "! Access-Control-Allow-Origin
! Vary"]



=== the definition may follow the use
--- http_config
cors_policy a;
cors_policy_file ../html/cors.yaml;
--- config
location = /t {
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://a.example
--- response_headers
Access-Control-Allow-Origin: https://a.example



=== each server has its own
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy b;
    return 200 "other server\n";
}
--- config
cors_policy a;
location = /t {
    cors_policy off;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- more_headers
Origin: https://b.example
--- response_headers
Access-Control-Allow-Origin: https://b.example
Vary: Origin
