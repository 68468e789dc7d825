# Caches: one origin's headers never go to another, from nginx's own cache or from one before it.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://a.example, https://b.example]
    expose_headers: [ETag]
    allow_credentials: true
  public:
    allow_origins: ["*"]
>>> page.txt 202001010000
0123456789
_EOC_

# Names the requester in its body, so that it shows whose response comes out of the cache.
my $application = <<'_EOC_';
proxy_cache_path cache keys_zone=one:1m;
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location = /t {
        add_header Access-Control-Allow-Origin $http_origin;
        add_header Access-Control-Allow-Credentials true;
        add_header X-Application yes;
        return 200 "for $http_origin\n";
    }
    location = /vary {
        add_header Access-Control-Allow-Origin $http_origin;
        add_header Vary Origin;
        return 200 "for $http_origin\n";
    }
    location = /error {
        add_header Access-Control-Allow-Origin $http_origin always;
        return 404 "missing for $http_origin\n";
    }
    # Stale as soon as it is stored, and broken for everyone but A.
    location = /stale {
        add_header Access-Control-Allow-Origin $http_origin always;
        add_header X-Accel-Expires @1 always;
        if ($http_origin != https://a.example) {
            return 500;
        }
        return 200 "for $http_origin\n";
    }
    location = /page.txt {
        add_header Access-Control-Allow-Origin $http_origin always;
        add_header X-Accel-Expires @1 always;
    }
    location = /slice/page.txt {
        add_header Access-Control-Allow-Origin $http_origin always;
        alias html/page.txt;
    }
}
_EOC_

# The records that carry the output of an application in FastCGI (its specification, section 3.3).
sub fastcgi {
    my ($output) = @_;
    my ($stdout, $end_request) = (6, 3);
    return join '', pack('CCnnCx', 1, $stdout, 1, length $output, 0), $output,
        pack('CCnnCx', 1, $end_request, 1, 8, 0), "\0" x 8;
}

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(http_config => "cors_policy_file ../html/cors.yaml;\n$application"
            . ($block->http_config // ''));
    my $config = <<'_EOC_';
add_header X-Cache $upstream_cache_status always;
proxy_cache one;
proxy_cache_valid any 1m;
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
_EOC_
    $block->set_value(config => $block->config . $config);
    $block->set_value(no_error_log => "[error]\n[alert]") unless defined $block->no_error_log;

    # --- needs http_slice: a module that not every nginx is built with.
    if (defined(my $module = $block->needs)) {
        delete $block->{needs};
        $block->set_value(skip_nginx => "1: > 0.0.0: nginx is built without $module")
            if $nginx !~ /--with-${module}_module/;
    }
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== one stored response for all: each origin gets headers of its own, and the application's are gone
--- config
cors_policy api;
--- request eval
[("GET /t") x 5]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://evil.example", "",
 "Origin: https://a.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
X-Application: yes
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
X-Application: yes
Vary: Origin",
"X-Cache: HIT
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
! Access-Control-Expose-Headers
Vary: Origin",
"X-Cache: HIT
! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://a.example
Access-Control-Allow-Credentials: true
Vary: Origin"]
--- response_body eval
[("for https://a.example\n") x 5]



=== what a denied origin or none had stored is complete for an allowed one
--- config
cors_policy api;
--- request eval
["GET /t", "GET /t", "GET /vary", "GET /vary", "GET /vary"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://a.example",
 "", "Origin: https://a.example", ""]
--- response_headers eval
["X-Cache: MISS
! Access-Control-Allow-Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://a.example
Access-Control-Allow-Credentials: true",
"X-Cache: MISS
! Access-Control-Allow-Origin
Vary: Origin",
"X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: HIT
! Access-Control-Allow-Origin
Vary: Origin"]



=== an application that says Vary: Origin: the cache keeps a response for each, and Vary is not doubled
--- config
cors_policy api;
--- request eval
[("GET /vary") x 3]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://a.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: MISS
Access-Control-Allow-Origin: https://b.example
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://a.example
Vary: Origin"]
--- response_body eval
["for https://a.example\n", "for https://b.example\n", "for https://a.example\n"]



=== a policy for everybody: one response, the same headers
--- config
cors_policy public;
--- request eval
[("GET /t") x 3]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", ""]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: *
! Access-Control-Allow-Credentials
! Vary",
("X-Cache: HIT
Access-Control-Allow-Origin: *
! Access-Control-Allow-Credentials
! Vary") x 2]



=== a preflight is neither stored nor answered from the cache
--- config
cors_policy api;
--- request eval
["OPTIONS /t", "GET /t", "OPTIONS /t", "GET /t"]
--- more_headers eval
["Origin: https://b.example
Access-Control-Request-Method: GET",
"Origin: https://a.example",
"Origin: https://b.example
Access-Control-Request-Method: GET",
"Origin: https://b.example"]
--- error_code eval
[204, 200, 204, 200]
--- response_headers eval
["! X-Cache
Access-Control-Allow-Origin: https://b.example",
"X-Cache: MISS
Access-Control-Allow-Origin: https://a.example",
"! X-Cache
Access-Control-Allow-Origin: https://b.example
Access-Control-Allow-Methods: GET, HEAD, POST",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
! Access-Control-Allow-Methods"]



=== a stored error
--- config
cors_policy api;
--- request eval
["GET /error", "GET /error"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- error_code eval
[404, 404]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Vary: Origin"]
--- response_body eval
[("missing for https://a.example\n") x 2]



=== a stale response in place of an error
--- config
cors_policy api;
proxy_cache_use_stale http_500;
--- request eval
["GET /stale", "GET /stale", "GET /stale"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://evil.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: STALE
Access-Control-Allow-Origin: https://b.example
Vary: Origin",
"X-Cache: STALE
! Access-Control-Allow-Origin
Vary: Origin"]
--- response_body eval
[("for https://a.example\n") x 3]



=== a stale response while it is renewed in the background
--- config
cors_policy api;
proxy_cache_use_stale updating;
proxy_cache_background_update on;
--- request eval
["GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: STALE
Access-Control-Allow-Origin: https://b.example
Vary: Origin"]
--- response_body eval
[("0123456789\n") x 2]



=== a response that the application confirms with 304
--- config
cors_policy api;
proxy_cache_revalidate on;
--- request eval
["GET /page.txt", "GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://evil.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: REVALIDATED
Access-Control-Allow-Origin: https://b.example
Vary: Origin",
"X-Cache: REVALIDATED
! Access-Control-Allow-Origin
Vary: Origin"]
--- response_body eval
[("0123456789\n") x 3]



=== 304 and 206 out of the cache
--- config
cors_policy api;
--- request eval
["GET /slice/page.txt", "GET /slice/page.txt", "GET /slice/page.txt"]
--- more_headers eval
["Origin: https://a.example",
"Origin: https://b.example
If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT",
"Origin: https://b.example
Range: bytes=2-4"]
--- error_code eval
[200, 304, 206]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Access-Control-Expose-Headers: ETag
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Vary: Origin
Content-Range: bytes 2-4/11"]
--- response_body eval
["0123456789\n", "", "234"]



=== a response out of slices, each of which is a subrequest
--- needs: http_slice
--- config
location = /slice/page.txt {
    cors_policy api;
    slice 4;
    proxy_cache_key $uri$slice_range;
    proxy_set_header Range $slice_range;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /slice/page.txt", "GET /slice/page.txt"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin
Content-Length: 11",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Vary: Origin
Content-Length: 11"]
--- response_body eval
[("0123456789\n") x 2]



=== a cache that is told to ask the application
--- config
cors_policy api;
proxy_cache_bypass $arg_fresh;
--- request eval
["GET /t?", "GET /t?fresh=1", "GET /t?"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example", "Origin: https://evil.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example",
"X-Cache: BYPASS
Access-Control-Allow-Origin: https://b.example",
"X-Cache: HIT
! Access-Control-Allow-Origin
Vary: Origin"]



=== the cache of FastCGI: the application answers once, and is gone
--- http_config
fastcgi_cache_path fastcgi_cache keys_zone=two:1m;
--- config
location = /fastcgi {
    cors_policy api;
    add_header X-Cache $upstream_cache_status;
    fastcgi_cache two;
    fastcgi_cache_key $uri;
    fastcgi_cache_valid 1m;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
}
--- tcp_listen: $TEST_NGINX_RAND_PORT_2
--- tcp_reply eval
main::fastcgi("Content-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n\r\napplication\n")
--- request eval
["GET /fastcgi", "GET /fastcgi"]
--- more_headers eval
["Origin: https://a.example", "Origin: https://b.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: https://a.example
Vary: Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://b.example
Vary: Origin"]
--- response_body eval
[("application\n") x 2]



=== a shared cache before the module: it obeys Vary, so that no origin sees another's response
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy api;
    default_type text/plain;
    location / {
        return 200 "for $http_origin\n";
    }
}
--- config
location = /shared {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2;
}
--- request eval
[("GET /shared") x 6]
--- more_headers eval
["", "Origin: https://a.example", "Origin: https://evil.example",
 "Origin: https://a.example", "Origin: https://evil.example", ""]
--- response_headers eval
["X-Cache: MISS
! Access-Control-Allow-Origin",
"X-Cache: MISS
Access-Control-Allow-Origin: https://a.example",
"X-Cache: MISS
! Access-Control-Allow-Origin",
"X-Cache: HIT
Access-Control-Allow-Origin: https://a.example",
"X-Cache: HIT
! Access-Control-Allow-Origin",
"X-Cache: HIT
! Access-Control-Allow-Origin"]



=== a shared cache before a policy for everybody: one response serves all
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    cors_policy public;
    return 200 "for $http_origin\n";
}
--- config
location = /shared {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2;
}
--- request eval
[("GET /shared") x 3]
--- more_headers eval
["", "Origin: https://a.example", "Origin: https://evil.example"]
--- response_headers eval
["X-Cache: MISS
Access-Control-Allow-Origin: *
! Vary",
("X-Cache: HIT
Access-Control-Allow-Origin: *
! Vary") x 2]
