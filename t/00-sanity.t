# nginx itself, without the module's directives: if this fails, look here first.

use Test::Nginx::Socket 'no_plan';

no_shuffle();
run_tests();

__DATA__

=== a location answers
--- config
location = /hello {
    add_header X-Greeting hello;
    return 200 "hello\n";
}
--- request
GET /hello
--- response_headers
Content-Type: text/plain
X-Greeting: hello
! Access-Control-Allow-Origin
--- response_body
hello
--- no_error_log
[error]



=== a file is served
--- config
--- user_files
>>> page.txt
a page
--- request
GET /page.txt
--- response_body
a page



=== an error page keeps its status
--- config
error_page 404 /missing;
location = /missing {
    internal;
    return 404 "missing\n";
}
--- request
GET /no-such-file
--- error_code: 404
--- response_body
missing



=== a request passes to a second server
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    return 200 "$http_origin\n";
}
--- config
location /proxy {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /proxy
--- more_headers
Origin: https://app.example
--- response_body
https://app.example



=== a mistake in the configuration is reported
--- config
no_such_directive;
--- must_die
--- error_log
unknown directive "no_such_directive"
