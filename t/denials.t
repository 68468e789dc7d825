# Denials in the error log: one line at info, escaped and not too long.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_headers: [X-A]
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: [http://site.example]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
    $block->set_value(config => <<'_EOC_');
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
location = /own {
    cors_policy own;
    return 200 "ok\n";
}
_EOC_
});

log_level('info');
no_shuffle();
run_tests();

__DATA__

=== a denied origin
--- config
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- error_log eval
qr{\[info\] .* CORS policy "api": denied_origin, origin: "https://evil\.example", client: 127\.0\.0\.1, .*request: "GET /t HTTP/1\.1"}
--- grep_error_log: CORS policy "api"
--- grep_error_log_out
CORS policy "api"



=== a denied method
--- config
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code: 204
--- error_log
CORS policy "api": denied_method, origin: "https://app.example.com", method: "PUT",



=== a denied header
--- config
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Headers: x-a,x-b
--- error_code: 204
--- error_log
CORS policy "api": denied_header, origin: "https://app.example.com", headers: "x-a,x-b",



=== what is allowed, and what has no origin, is not logged
--- config
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", ""]
--- no_error_log
CORS policy



=== quotes, backslashes and bytes beyond ASCII are escaped
--- config
--- request
GET /t
--- more_headers eval
"Origin: a\"b\\c\x{c3}\x{a9}"
--- error_log
origin: "a\"b\\c\xc3\xa9"



=== a long origin is cut
--- config
--- request
GET /t
--- more_headers eval
"Origin: https://" . "a" x 500
--- error_log eval
qr{origin: "https://a{120}"\.\.\.,}



=== a repeated origin
--- config
--- request
GET /t
--- more_headers
Origin: https://app.example.com
Origin: https://app.example.com
--- error_log
CORS policy "api": denied_origin, origin: repeated,



=== a denied site
--- config
--- request
DELETE /own
--- more_headers
Host: site.example
Sec-Fetch-Site: cross-"site"
--- error_code: 403
--- error_log
CORS policy "own": denied_site, site: "cross-\"site\"", client: 127.0.0.1



=== a denied site, repeated
--- config
--- request
DELETE /own
--- more_headers
Host: site.example
Sec-Fetch-Site: same-origin
Sec-Fetch-Site: same-origin
--- error_code: 403
--- error_log
CORS policy "own": denied_site, site: repeated, client



=== a denied host: the one that is not own
--- config
--- raw_request eval
["GET /own HTTP/1.1\r\nHost: evil.example:81\r\nConnection: close\r\n\r\n",
 "GET http://evil.example:81/own HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n"]
--- error_code eval
[403, 403]
--- error_log
CORS policy "own": denied_host, host: "evil.example:81", client



=== no host
--- config
--- raw_request eval
"GET /own HTTP/1.0\r\n\r\n"
--- error_code: 403
--- error_log
CORS policy "own": denied_host, host: none, client
