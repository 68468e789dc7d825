# Files: HEAD, 304, 206, 416, gzip and its relatives, lists of files, files that PUT writes.

use Test::Nginx::Socket 'no_plan';

use IO::Compress::Gzip qw( gzip );

# Last modified on 1 January 2020, so that ETag is "5e0be100-24".
my $page = "a page of thirty-six bytes in total\n";
gzip(\$page => \my $compressed, Minimal => 1);

my @files = (
    ['cors.yaml' => <<'_EOC_'],
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT, DELETE]
    expose_headers: [ETag]
    allow_credentials: true
  public:
    allow_origins: ["*"]
_EOC_
    ['page.txt'            => $page, '202001010000'],
    ['ready/page.txt'      => $page],
    ['ready/page.txt.gz'   => $compressed],
    ['list/page.txt'       => $page],
);

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => [map { [@$_] } @files]);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => '[alert]');

    # --- needs http_gzip_static: a module that not every nginx is built with.
    if (defined(my $module = $block->needs)) {
        delete $block->{needs};
        $block->set_value(skip_nginx => "1: > 0.0.0: nginx is built without $module")
            if $nginx !~ /--with-${module}_module/;
    }
});

no_shuffle();
run_tests();

__DATA__

=== GET and HEAD
--- config
cors_policy api;
--- request eval
["GET /page.txt", "HEAD /page.txt"]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
Vary: Origin
ETag: \"5e0be100-24\"
Content-Length: 36") x 2]
--- response_body eval
["a page of thirty-six bytes in total\n", ""]



=== 304 for If-None-Match: the headers are there, for a browser updates those of its copy
--- config
cors_policy api;
--- request eval
["GET /page.txt", "GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
If-None-Match: \"5e0be100-24\"",
"Origin: https://evil.example
If-None-Match: \"5e0be100-24\"",
"If-None-Match: \"5e0be100-24\""]
--- error_code eval
[304, 304, 304]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
Vary: Origin",
"! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin"]



=== 304 for If-Modified-Since
--- config
cors_policy api;
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT
--- error_code: 304
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 304 under a policy for everybody
--- config
cors_policy public;
--- request eval
["GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
If-None-Match: \"5e0be100-24\"",
"If-None-Match: \"5e0be100-24\""]
--- error_code eval
[304, 304]
--- response_headers eval
[("Access-Control-Allow-Origin: *
! Vary") x 2]



=== 412 for If-Match
--- config
cors_policy api;
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
If-Match: "another"
--- error_code: 412
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== 206 for one range
--- config
cors_policy api;
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
Range: bytes=2-5
--- error_code: 206
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin
Content-Range: bytes 2-5/36
--- response_body chomp
page



=== 206 for several ranges: the headers are in front, not in every part
--- config
cors_policy api;
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
Range: bytes=0-0, 2-5
--- error_code: 206
--- response_headers_like
Access-Control-Allow-Origin: https://app\.example\.com
Vary: Origin
Content-Type: multipart/byteranges; boundary=\d+
--- response_body_unlike: (?i)access-control|vary



=== 416 for a range that is not in the file
--- config
cors_policy api;
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
Range: bytes=100-200
--- error_code: 416
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin
Content-Range: bytes */36



=== gzip with gzip_vary: both are named in Vary, whether compressed or not
--- config
cors_policy api;
gzip on;
gzip_types text/plain;
gzip_vary on;
gzip_min_length 1;
--- request eval
["GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
Accept-Encoding: gzip",
"Origin: https://app.example.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Content-Encoding: gzip
Vary: Accept-Encoding, Origin",
"Access-Control-Allow-Origin: https://app.example.com
! Content-Encoding
Vary: Accept-Encoding, Origin"]



=== gzip of what an application sends, which names Origin in Vary itself
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header Access-Control-Allow-Origin *;
    add_header Vary Origin;
    return 200 "application application application\n";
}
--- config
location = /t {
    cors_policy api;
    gzip on;
    gzip_types text/plain;
    gzip_vary on;
    gzip_min_length 1;
    gzip_proxied any;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
Accept-Encoding: gzip
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Content-Encoding: gzip
Vary: Accept-Encoding, Origin



=== gzip_static
--- needs: http_gzip_static
--- config
location /ready/ {
    cors_policy api;
    gzip_static on;
    gzip_vary on;
}
--- request eval
["GET /ready/page.txt", "GET /ready/page.txt"]
--- more_headers eval
["Origin: https://app.example.com
Accept-Encoding: gzip",
"Origin: https://app.example.com"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Content-Encoding: gzip
Vary: Accept-Encoding, Origin",
"Access-Control-Allow-Origin: https://app.example.com
! Content-Encoding
Vary: Accept-Encoding, Origin"]



=== gunzip
--- needs: http_gunzip
--- config
location /ready/ {
    cors_policy api;
    gzip_static always;
    gunzip on;
    gzip_vary on;
}
--- request
GET /ready/page.txt
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Content-Encoding
Vary: Accept-Encoding, Origin
--- response_body
a page of thirty-six bytes in total



=== sub_filter
--- needs: http_sub
--- config
location = /page.txt {
    cors_policy api;
    sub_filter page file;
    sub_filter_types text/plain;
}
--- request
GET /page.txt
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
! ETag
--- response_body
a file of thirty-six bytes in total



=== a list of the files of a folder
--- config
location /list/ {
    cors_policy api;
    autoindex on;
    autoindex_format json;
}
--- request
GET /list/
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
Content-Type: application/json
--- response_body_like: "name":"page\.txt"



=== a random file of a folder
--- needs: http_random_index
--- config
location /list/ {
    cors_policy api;
    random_index on;
}
--- request
GET /list/
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
a page of thirty-six bytes in total



=== a folder that may not be listed
--- config
location /list/ {
    cors_policy api;
}
--- request
GET /list/
--- error_code: 403
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== PUT and DELETE
--- needs: http_dav
--- config
location /list/ {
    cors_policy api;
    dav_methods PUT DELETE;
}
--- request eval
["PUT /list/new.txt\nnew", "PUT /list/new.txt\nnewer", "DELETE /list/new.txt", "DELETE /list/new.txt"]
--- error_code eval
[201, 204, 204, 404]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin") x 4]
