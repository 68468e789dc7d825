# The files of nginx-conf/snippets: each is included, and asked what it is for.

use Test::Nginx::Socket 'no_plan';

use Cwd qw(abs_path);

my $snippets = abs_path('nginx-conf/snippets');
my %used;

add_block_preprocessor(sub {
    my ($block) = @_;
    my ($file) = $block->name =~ /^(\S+\.conf): /;
    $used{$file} = 1;
    $block->set_value(http_config  => "include $snippets/$file;");
    $block->set_value(user_files   => ">>> font.woff2\na font\n");
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_root_location();
no_shuffle();
run_tests();

opendir my $directory, $snippets or die "$snippets: $!\n";
Test::More::is_deeply(
    [sort keys %used],
    [sort grep {/\.conf$/} readdir $directory],
    'every snippet is used here'
);

__DATA__

=== public-api.conf: any page may read, and ask with a key or JSON
--- config
location /api/ {
    cors_policy public_api;
    return 200 "ok\n";
}
--- request eval
["GET /api/", "GET /api/", "OPTIONS /api/"]
--- more_headers eval
["Origin: https://anybody.example", "",
"Origin: https://anybody.example
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization,content-type"]
--- error_code eval
[200, 200, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: *
Access-Control-Expose-Headers: ETag, Link, Retry-After
! Access-Control-Allow-Credentials
! Vary") x 2,
"Access-Control-Allow-Origin: *
Access-Control-Allow-Methods: GET, HEAD, POST
Access-Control-Allow-Headers: Authorization, Content-Type
Access-Control-Max-Age: 86400"]



=== single-page-application.conf: the application, with cookies
--- config
location / {
    cors_policy single_page_application;
    return 200 "ok\n";
}
--- request eval
["GET /", "OPTIONS /"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PATCH
Access-Control-Request-Headers: content-type,x-csrf-token
--- error_code eval
[200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE
Access-Control-Allow-Headers: Content-Type, X-CSRF-Token
Access-Control-Max-Age: 600
Vary: Origin"]



=== single-page-application.conf: another page cannot read, and nobody is refused before the site says so
--- config
location / {
    cors_policy single_page_application;
    return 200 "ok\n";
}
--- request eval
["POST /\nform", "GET /", "OPTIONS /"]
--- more_headers eval
["Origin: https://evil.example", "",
"Origin: https://evil.example
Access-Control-Request-Method: GET"]
--- error_code eval
[200, 200, 204]
--- response_headers eval
[("! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
Vary: Origin") x 3]



=== static-assets.conf: a font
--- config
location = /font.woff2 {
    root html;
    cors_policy static_assets;
}
--- request eval
["GET /font.woff2", "HEAD /font.woff2", "OPTIONS /font.woff2"]
--- more_headers
Origin: https://anybody.example
Access-Control-Request-Method: GET
--- error_code eval
[200, 200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: *
Timing-Allow-Origin: *
! Vary",
"Access-Control-Allow-Origin: *
Timing-Allow-Origin: *
! Vary",
"Access-Control-Allow-Origin: *
Access-Control-Allow-Methods: GET, HEAD
Access-Control-Max-Age: 86400"]



=== local-development.conf: pages of this machine, at any port, with anything
--- config
cors_policy local_development;
location / {
    return 200 "ok\n";
}
--- request eval
[("OPTIONS /") x 7, "GET /"]
--- more_headers eval
[map "Origin: $_
Access-Control-Request-Method: PROPFIND
Access-Control-Request-Headers: authorization,x-anything",
qw(http://localhost http://localhost:3000 http://shop.localhost:5173 http://127.0.0.1:8000
http://[::1]:8000 https://localhost:8443 https://shop.localhost http://localhost:3000)]
--- error_code eval
[(204) x 7, 200]
--- response_headers eval
[(map "Access-Control-Allow-Origin: $_
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: PROPFIND
Access-Control-Allow-Headers: authorization,x-anything
Access-Control-Max-Age: 0",
qw(http://localhost http://localhost:3000 http://shop.localhost:5173 http://127.0.0.1:8000
http://[::1]:8000 https://localhost:8443 https://shop.localhost)),
"Access-Control-Allow-Origin: http://localhost:3000
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag, Location"]



=== local-development.conf: no other pages
--- config
cors_policy local_development;
location / {
    return 200 "ok\n";
}
--- request eval
[("GET /") x 4]
--- more_headers eval
[map "Origin: $_", qw(https://app.example.com http://localhost.evil.example http://127.0.0.2 http://evillocalhost)]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 4]



=== tenants.conf: each tenant has the origins of its own
--- config
server_name *.api.example.com;
cors_policy $tenant_policy;
location / {
    return 200 "$cors_policy $cors_decision\n";
}
--- raw_request eval
[map "GET / HTTP/1.1\r
Host: $_->[0]\r
Origin: $_->[1]\r
Connection: close\r
\r
",
["one.api.example.com", "https://shop.one.example.com"], ["one.api.example.com", "https://www.two.example"],
["two.api.example.com", "https://www.two.example"], ["two.api.example.com", "https://one.example.com"],
["three.api.example.com", "https://one.example.com"]]
--- response_headers eval
["Access-Control-Allow-Origin: https://shop.one.example.com
Access-Control-Allow-Credentials: true
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin",
"Access-Control-Allow-Origin: https://www.two.example
! Access-Control-Allow-Credentials
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin",
"! Access-Control-Allow-Origin
! Vary"]
--- response_body eval
["tenant_one allowed\n", "tenant_one denied_origin\n", "tenant_two allowed\n", "tenant_two denied_origin\n",
" \n"]



=== mcp-server.conf: a program, the server's own page, and an allowed page
--- config
cors_policy mcp_server;
location = /mcp {
    return 200 "$cors_decision\n";
}
--- raw_request eval
[map "$_->[0] /mcp HTTP/1.1\r
Host: $_->[1]\r
$_->[2]Connection: close\r
\r
",
["GET", "localhost:8080", ""],
["POST", "127.0.0.1:8080", ""],
["POST", "LOCALHOST:8080", ""],
["POST", "localhost:8080", "Origin: http://localhost:8080\r\nSec-Fetch-Site: same-origin\r\n"],
["POST", "localhost:8080", "Origin: http://localhost:8080\r\n"],
["POST", "localhost:8080", "Origin: http://localhost:6274\r\nSec-Fetch-Site: same-site\r\n"],
["OPTIONS", "localhost:8080", "Origin: http://localhost:6274\r
Access-Control-Request-Method: DELETE\r
Access-Control-Request-Headers: authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-protocol-version,mcp-session-id\r
"]]
--- error_code eval
[(200) x 6, 204]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 5,
"Access-Control-Allow-Origin: http://localhost:6274
Access-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate
! Access-Control-Allow-Credentials
Vary: Origin",
"Access-Control-Allow-Origin: http://localhost:6274
Access-Control-Allow-Methods: GET, POST, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id
Access-Control-Max-Age: 600"]



=== mcp-server.conf: a rebound name, foreign pages, a sandboxed frame
--- config
cors_policy mcp_server;
error_page 403 @refused;
location = /mcp {
    return 200 "reached\n";
}
location @refused {
    return 403 "$cors_decision\n";
}
--- raw_request eval
[map "$_->[0] /mcp HTTP/1.1\r
Host: $_->[1]\r
$_->[2]Connection: close\r
\r
",
["POST", "attacker.example:8080", "Origin: http://attacker.example:8080\r\n"],
["POST", "attacker.example:8080", "Origin: http://attacker.example:8080\r\nSec-Fetch-Site: same-origin\r\n"],
["GET", "attacker.example:8080", ""],
["POST", "attacker.example:8080", "Origin: http://localhost:6274\r\n"],
["GET", "localhost", ""],
["POST", "localhost:8080", "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n"],
["POST", "localhost:8080", "Origin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n"],
["POST", "localhost:8080", "Origin: null\r\nSec-Fetch-Site: cross-site\r\n"],
["POST", "localhost:8080", "Sec-Fetch-Site: cross-site\r\n"]]
--- error_code: 403
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin
--- response_body eval
[("denied_host\n") x 5, ("denied_origin\n") x 3, "denied_site\n"]
