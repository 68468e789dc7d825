# Connections: keep-alive, pipelining, bodies of preflights, bad requests, default_server.

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
  two_hundred:
    allow_origins: [https://app.example.com]
    preflight_status: 200
_EOC_

# The lines of a request to /t of an allowed page.
sub lines {
    my ($request_line, @headers) = @_;
    return join "\r\n", $request_line, 'Host: localhost', 'Origin: https://app.example.com',
        @headers, '', '';
}

# The lines of a preflight.
sub preflight {
    my (@headers) = @_;
    return lines('OPTIONS /t HTTP/1.1', 'Access-Control-Request-Method: PUT', @headers);
}

# The lines of the last request on a connection.
sub last_one {
    return lines('GET /next HTTP/1.1', 'Connection: close');
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(config => <<'_EOC_') unless length $block->config;
cors_policy api;
location = /t {
    return 200 "not reached\n";
}
location = /next {
    return 200 "the next one\n";
}
_EOC_
    $block->set_value(no_error_log => '[alert]');
});

no_shuffle();
run_tests();

__DATA__

=== pipelining: preflights and actual requests in turn
--- config
--- raw_request eval
main::preflight() . main::lines('GET /next HTTP/1.1') . main::preflight() . main::last_one()
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT
--- response_body_like eval
my $headers = '[^\n]*\r\n(?:[^\n]+\r\n)*Access-Control-Allow-Origin: https://app\.example\.com\r\n'
    . '(?:[^\n]+\r\n)*\r\n';
"^HTTP/1\\.1 200 ${headers}the next one\nHTTP/1\\.1 204 ${headers}HTTP/1\\.1 200 ${headers}the next one\n\\z"



=== pipelining: preflights that are answered with 200
--- config
location = /t {
    cors_policy two_hundred;
    return 404;
}
location = /next {
    return 200 "the next one\n";
}
--- pipelined_requests eval
["OPTIONS /t", "OPTIONS /t", "GET /next"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Content-Length: 0",
"Access-Control-Allow-Origin: https://app.example.com
Content-Length: 0",
"! Access-Control-Allow-Origin"]
--- response_body eval
["", "", "the next one\n"]



=== a preflight with a body that comes later, and is larger than the buffers
--- config
--- raw_request eval
[main::preflight('Content-Length: 100000'), 'x' x 50_000, 'x' x 50_000 . main::last_one()]
--- raw_request_middle_delay: 0.05
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body_like: ^HTTP/1\.1 200 OK\r\n.*the next one$



=== a preflight is answered before its body has come
--- config
lingering_timeout 100ms;
cors_policy api;
location = /t {
    return 200 "not reached\n";
}
--- raw_request eval
main::preflight('Content-Length: 100000', 'Connection: close') . 'x'
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, PUT



=== a preflight that waits for 100 before it sends its body
--- config
--- raw_request eval
[main::preflight('Content-Length: 4', 'Expect: 100-continue'), 'body' . main::last_one()]
--- raw_request_middle_delay: 0.05
--- error_code: 100
--- response_body_like eval
qr{^HTTP/1\.1 204 .*Allow-Methods: GET, PUT\r\n.*HTTP/1\.1 200 .*the next one$}s



=== a preflight whose body is broken: the connection ends, not nginx
--- config
--- raw_request eval
main::preflight('Transfer-Encoding: chunked') . "x\r\n" . main::last_one()
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body_unlike: the next one



=== HTTP/1.0 with keep-alive
--- config
--- raw_request eval
main::lines('OPTIONS /t HTTP/1.0', 'Access-Control-Request-Method: PUT',
    'Connection: keep-alive') . main::lines('GET /next HTTP/1.0')
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Connection: keep-alive
--- response_body_like: ^HTTP/1\.1 200 OK\r\n.*the next one$



=== the target of a request in absolute form, as to a proxy
--- config
--- raw_request eval
main::lines('OPTIONS http://localhost/t HTTP/1.1', 'Access-Control-Request-Method: PUT')
    . main::lines('GET http://localhost/next HTTP/1.1', 'Connection: close')
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body_like
^HTTP/1\.1 200 OK\r\n.*Access-Control-Allow-Origin: https://app\.example\.com\r\n.*the next one$



=== HEAD
--- config
--- raw_request eval
main::lines('HEAD /next HTTP/1.1', 'Connection: close')
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Content-Length: 13
--- response_body:



=== 400 without Host: a preflight too
--- config
--- raw_request eval
"OPTIONS /t HTTP/1.1\r
Origin: https://app.example.com\r
Access-Control-Request-Method: PUT\r
\r
"
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 400 for a line that is no request: the policy of the server, but no Origin is known
--- config
--- raw_request eval
"no request\r\n\r\n"
--- error_code: 400
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== 400 for a header that is not allowed
--- config
--- raw_request eval
main::lines('GET /next HTTP/1.1', "X-Zero: \0")
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 405 for TRACE
--- config
--- raw_request eval
main::lines('TRACE /next HTTP/1.1', 'Connection: close')
--- error_code: 405
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 405 for CONNECT
--- skip_nginx
3: >= 1.29.0: newer versions take it for a bad request line
--- config
--- raw_request eval
main::lines('CONNECT /next HTTP/1.1', 'Connection: close')
--- error_code: 405
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 414, before the headers have come
--- config
large_client_header_buffers 2 1k;
cors_policy api;
--- raw_request eval
main::lines('GET /' . 'x' x 2000 . ' HTTP/1.1')
--- error_code: 414
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== 494, sent as 400, for headers that are too large, behind Origin
--- config
large_client_header_buffers 2 1k;
cors_policy api;
--- raw_request eval
main::lines('GET /next HTTP/1.1', 'X-Long: ' . 'x' x 2000)
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body_like: Request Header Or Cookie Too Large



=== 494 with an error page of its own
--- config
large_client_header_buffers 2 1k;
cors_policy api;
error_page 494 =431 /431;
location = /431 {
    return 431 "too large\n";
}
--- raw_request eval
main::lines('GET /next HTTP/1.1', 'X-Long: ' . 'x' x 2000)
--- error_code: 431
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
too large



=== 501 for a transfer coding that nginx does not know
--- config
--- raw_request eval
main::lines('PUT /next HTTP/1.1', 'Transfer-Encoding: identity')
--- error_code: 501
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 505 for a version that nginx does not know
--- config
--- raw_request eval
main::lines('GET /next HTTP/3.0')
--- error_code: 505
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== 400 where no policy is in force
--- config
location = /next {
    cors_policy api;
    return 200 "the next one\n";
}
--- raw_request eval
main::lines('GET /next HTTP/1.1', 'Host: localhost')
--- error_code: 400
--- response_headers
! Access-Control-Allow-Origin
! Vary



=== default_server: a host that no server knows gets the policy of that one
--- http_config
server {
    listen $TEST_NGINX_SERVER_PORT default_server;
    cors_policy other;
    location / {
        return 200 "default\n";
    }
}
--- config
--- request eval
["GET /next", "GET /next", "GET /next", "OPTIONS /next"]
--- more_headers eval
["Host: localhost
Origin: https://app.example.com",
"Host: unknown
Origin: https://app.example.com",
"Host: unknown
Origin: https://other.example",
"Host: unknown
Origin: https://other.example
Access-Control-Request-Method: GET"]
--- error_code eval
[200, 200, 200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin",
("Access-Control-Allow-Origin: https://other.example
Vary: Origin") x 2]
--- response_body eval
["the next one\n", "default\n", "default\n", ""]



=== default_server: a bad request to a server that is known gets the policy of that one
--- http_config
server {
    listen $TEST_NGINX_SERVER_PORT default_server;
    cors_policy other;
    location / {
        return 200 "default\n";
    }
}
--- config
--- request eval
["TRACE /next", "TRACE /next"]
--- more_headers eval
["Host: localhost
Origin: https://app.example.com",
"Host: unknown
Origin: https://other.example"]
--- error_code eval
[405, 405]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Vary: Origin",
"Access-Control-Allow-Origin: https://other.example
Vary: Origin"]
