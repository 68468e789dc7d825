# Headers beside the module: add_header, expires, userid, headers-more and others write theirs too.

use Test::Nginx::Socket 'no_plan';

use File::Temp ();

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    expose_headers: [ETag]
    allow_credentials: true
  keep:
    allow_origins: [https://app.example.com]
    upstream_headers: keep
>>> page.html
a page
_EOC_

# Debian's package libnginx-mod-http-headers-more-filter, where the nginx under test loads it.
my $headers_more = 'load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;';
my $has_headers_more = do {
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $config = File::Temp->new;
    print {$config} "$headers_more pid /dev/null; events {}\n";
    close $config;
    system("'$binary' -t -q -e /dev/null -c '$config' >/dev/null 2>&1") == 0;
};

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => '[alert]');
    if ($block->config =~ /\bmore_\w+_headers\b/) {
        $block->set_value(main_config => $headers_more);
        $block->set_value(skip_nginx  => '1: > 0.0.0: no headers-more for this nginx')
            if !$has_headers_more;
    }
});

no_shuffle();
run_tests();

__DATA__

=== add_header in the server: its CORS headers are replaced, everything else stays
--- config
cors_policy api;
add_header Access-Control-Allow-Origin * always;
add_header Access-Control-Allow-Origin $http_origin always;
add_header Access-Control-Allow-Headers * always;
add_header Strict-Transport-Security max-age=60 always;
location = /t {
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /missing"]
--- error_code eval
[200, 404]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Headers
Strict-Transport-Security: max-age=60
Vary: Origin") x 2]



=== add_header in the location, which in nginx ends the inheritance of others, not that of the policy
--- config
cors_policy api;
add_header X-Server server;
location = /t {
    add_header X-Location location;
    add_header access-control-allow-methods DELETE;
    return 200 "ok\n";
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Methods
! X-Server
X-Location: location
Vary: Origin



=== add_header for an origin that is not allowed
--- config
location = /t {
    cors_policy api;
    add_header Access-Control-Allow-Origin $http_origin;
    add_header Access-Control-Allow-Credentials true;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://evil.example
--- raw_response_headers_unlike: (?i)access-control
--- response_headers
Vary: Origin



=== what people copy from blog posts, left in place
--- http_config
map $http_origin $cors {
    ~example $http_origin;
}
--- config
location = /t {
    cors_policy api;
    if ($request_method = OPTIONS) {
        add_header Access-Control-Allow-Origin $cors;
        add_header Access-Control-Allow-Methods "GET, POST, OPTIONS";
        add_header Content-Length 0;
        return 204;
    }
    add_header Access-Control-Allow-Origin $cors always;
    add_header Access-Control-Allow-Credentials true always;
    return 200 "ok\n";
}
--- request eval
["OPTIONS /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com",
"Origin: https://app.example.com.evil.example"]
--- error_code eval
[204, 200, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, HEAD, POST
Access-Control-Allow-Credentials: true
Vary: Origin",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Allow-Methods
Vary: Origin",
"! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
Vary: Origin"]



=== keep: what add_header wrote counts as there
--- config
location = /t {
    cors_policy keep;
    add_header Access-Control-Allow-Origin https://mine.example;
    return 200 "ok\n";
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://mine.example
! Vary



=== expires and etag
--- config
location = /page.html {
    cors_policy api;
    expires 1h;
    etag off;
}
--- request
GET /page.html
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Cache-Control: max-age=3600
! ETag
Vary: Origin



=== userid
--- config
location = /page.html {
    cors_policy api;
    userid on;
}
--- request
GET /page.html
--- response_headers_like
Access-Control-Allow-Origin: https://app\.example\.com
Set-Cookie: uid=.*
Vary: Origin



=== charset
--- config
location = /page.html {
    cors_policy api;
    charset utf-8;
    default_type text/html;
}
--- request
GET /page.html
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Content-Type: text/html; charset=utf-8
Vary: Origin



=== many headers, more than fit into the first part of nginx's list
--- config eval
"location = /t {
    cors_policy api;
" . CORE::join('', map "    add_header X-Header-$_ $_; add_header Access-Control-$_ $_;\n", 1 .. 50) . "
    return 200 'ok';
}"
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
X-Header-1: 1
X-Header-50: 50
Vary: Origin
--- raw_response_headers_unlike: Access-Control-\d



=== headers-more: its CORS headers are replaced, everything else stays
--- config
location = /t {
    cors_policy api;
    more_set_headers "Access-Control-Allow-Origin: *" "Access-Control-Max-Age: 1" "X-More: yes";
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "OPTIONS /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example",
"Origin: https://app.example.com
Access-Control-Request-Method: GET"]
--- error_code eval
[200, 200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Max-Age
X-More: yes
Vary: Origin",
"! Access-Control-Allow-Origin
! Access-Control-Max-Age
X-More: yes
Vary: Origin",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, HEAD, POST
! Access-Control-Max-Age
X-More: yes
Vary: Origin"]



=== headers-more: what it clears, the policy still writes
--- config
location = /t {
    cors_policy api;
    more_clear_headers "Access-Control-*" Vary;
    return 200 "ok\n";
}
--- request
GET /t
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin



=== headers-more: an Origin that it changes is the one that is decided about
--- config
location = /t {
    cors_policy api;
    more_set_input_headers "Origin: https://app.example.com";
    try_files /page.html =404;
}
location = /cleared {
    cors_policy api;
    more_clear_input_headers Origin;
    try_files /page.html =404;
}
--- request eval
["GET /t", "GET /cleared"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://app.example.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin"]
