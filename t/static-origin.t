# static_origin: every response names the one origin, so that caches keep one response; and
# timing_allow_origin with origins, which every actual response names.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  fixed:
    allow_origins: [https://app.example.com]
    allow_credentials: true
    expose_headers: [ETag]
    static_origin: true
  echoing:
    allow_origins: [https://app.example.com]
    allow_credentials: true
    allow_methods: "*"
    allow_headers: "*"
    timing_allow_origin: true
    static_origin: true
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: [http://site.example]
    static_origin: true
  merging:
    allow_origins: [https://app.example.com]
    upstream_headers: merge
    static_origin: true
  timed:
    allow_origins: [https://app.example.com]
    timing_allow_origin: [https://one.example, https://two.example]
  everybody-timed:
    rules:
      - allow_origins: [https://app.example.com]
      - allow_origins: [https://www.example.com]
    timing_allow_origin: "*"
    enforce: true
>>> file.txt
a file
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => '[alert]');
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== whoever asks gets the same, and nothing varies; the decision goes by Origin
--- config
location = /t {
    cors_policy fixed;
    add_header X-Decision $cors_decision;
    add_header X-Allow-Origin $cors_allow_origin;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://evil.example", "Origin: null", ""]
--- response_headers eval
[map "Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Vary
X-Decision: $_
X-Allow-Origin: https://app.example.com", "allowed", "denied_origin", "denied_origin", "none"]



=== errors, 304 and other files
--- config
location / {
    cors_policy fixed;
    root html;
    if_modified_since before;
}
location = /error {
    cors_policy fixed;
    return 500;
}
--- request eval
["GET /file.txt", "GET /file.txt", "GET /nothing", "GET /error", "DELETE /file.txt"]
--- more_headers eval
["", "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT", "Origin: https://evil.example", "Origin: null", ""]
--- error_code eval
[200, 304, 404, 500, 405]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Vary") x 5]



=== preflights, and what they echo is still named
--- config
location = /fixed {
    cors_policy fixed;
    return 200;
}
location = /echoing {
    cors_policy echoing;
    return 200;
}
--- request eval
["OPTIONS /fixed", "OPTIONS /fixed", "OPTIONS /echoing", "OPTIONS /echoing"]
--- more_headers eval
[map "Origin: $_
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: x-a", ("https://app.example.com", "https://evil.example") x 2]
--- error_code eval
[(204) x 4]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: GET, HEAD, POST
Access-Control-Expose-Headers: ETag
! Vary") x 2,
("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: PUT
Access-Control-Allow-Headers: x-a
! Timing-Allow-Origin
Vary: Access-Control-Request-Method, Access-Control-Request-Headers") x 2]



=== refused requests have it too
--- config
location = /t {
    cors_policy strict;
    return 200;
}
--- request eval
["GET /t", "POST /t\na=b", "GET /t", "OPTIONS /t"]
--- more_headers eval
["Host: site.example
Origin: https://evil.example", "Host: site.example
Sec-Fetch-Site: cross-site", "Host: evil.example", "Host: evil.example
Origin: https://app.example.com
Access-Control-Request-Method: PUT"]
--- error_code eval
[(403) x 4]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
! Vary") x 4]



=== a dry run adds nothing
--- config
location = /t {
    cors_policy fixed;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
location = /timed {
    cors_policy timed;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /timed"]
--- more_headers eval
["Origin: https://app.example.com", "", ""]
--- response_headers eval
[("! Access-Control-Allow-Origin
! Timing-Allow-Origin
! Vary") x 3]



=== an application's headers: replaced, and those that it exposes merged for everybody alike
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header Access-Control-Allow-Origin $http_origin;
    add_header Access-Control-Expose-Headers X-Total;
    add_header Timing-Allow-Origin $http_origin;
    add_header Vary Origin;
    return 200 "application\n";
}
--- config
location = /fixed {
    cors_policy fixed;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /merging {
    cors_policy merging;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /timed {
    cors_policy timed;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /fixed", "GET /merging", "GET /merging", "GET /timed"]
--- more_headers eval
["Origin: https://evil.example", "Origin: https://evil.example", "", "Origin: https://evil.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Timing-Allow-Origin: https://evil.example
Vary: Origin",
("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: X-Total") x 2,
"! Access-Control-Allow-Origin
Timing-Allow-Origin: https://one.example, https://two.example"]



=== a cache in front keeps one response for two pages
--- main_config
--- http_config
proxy_cache_path html/cache keys_zone=responses:1m;
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    cors_policy fixed;
    location / {
        add_header Cache-Control max-age=60;
        return 200 "$request_id\n";
    }
}
--- config
location / {
    proxy_cache responses;
    add_header X-Cache $upstream_cache_status;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["", "Origin: https://app.example.com", "Origin: https://www.example.com"]
--- response_headers eval
[map "Access-Control-Allow-Origin: https://app.example.com
X-Cache: $_", "MISS", "HIT", "HIT"]



=== timings: on every actual response, with Origin or without, allowed, denied or refused
--- config
location = /timed {
    cors_policy timed;
    return 200 "ok\n";
}
location = /everybody {
    cors_policy everybody-timed;
    return 200 "ok\n";
}
location = /error {
    cors_policy timed;
    return 404;
}
--- request eval
["GET /timed", "GET /timed", "GET /timed", "GET /error", "OPTIONS /timed", "OPTIONS /timed",
 "GET /everybody", "GET /everybody", "GET /everybody", "POST /everybody\na=b"]
--- more_headers eval
["", "Origin: https://app.example.com", "Origin: https://evil.example", "",
"Origin: https://app.example.com
Access-Control-Request-Method: GET",
"", "", "Origin: https://www.example.com", "Origin: https://evil.example",
"Sec-Fetch-Site: cross-site"]
--- error_code eval
[200, 200, 200, 404, 204, 200, 200, 200, 403, 403]
--- response_headers eval
[("Timing-Allow-Origin: https://one.example, https://two.example
Vary: Origin") x 4,
"! Timing-Allow-Origin",
"Timing-Allow-Origin: https://one.example, https://two.example",
("Timing-Allow-Origin: *
Vary: Origin") x 4]
