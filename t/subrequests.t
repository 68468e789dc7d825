# Subrequests: auth_request, SSI, mirror, addition. Only the policy of the main request applies, and it sends its headers
# once.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    expose_headers: [ETag]
    allow_credentials: true
  other:
    allow_origins: [https://other.example]
    expose_headers: [X-Other]
  strict:
    allow_origins: [https://strict.example]
    enforce: true
>>> page.txt
a page
>>> ssi.html
[<!--# include virtual="/part" -->]
>>> decision.html
<!--# echo var="cors_policy" --> <!--# echo var="cors_decision" -->, <!--# include virtual="/part" -->
_EOC_

# A service that answers subrequests, and takes CORS into its own hands.
my $service = <<'_EOC_';
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    add_header Access-Control-Allow-Origin https://service.example always;
    add_header Access-Control-Allow-Methods Everything always;
    add_header X-User somebody always;
    location = /204 { return 204; }
    location = /401 { add_header WWW-Authenticate "Basic realm=service" always; return 401; }
    location = /403 { return 403; }
    location = /500 { return 500; }
    location = /part { return 200 "a part"; }
    location = /page {
        default_type text/html;
        return 200 "<!--# include virtual=\"/part\" -->\n";
    }
}
_EOC_

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $nginx  = `$binary -V 2>&1`;

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files  => $policies);
    $block->set_value(http_config => "cors_policy_file ../html/cors.yaml;\n$service");
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => '[alert]');

    # --- needs http_addition: a module that not every nginx is built with.
    if (defined(my $module = $block->needs)) {
        delete $block->{needs};
        $block->set_value(skip_nginx => "1: > 0.0.0: nginx is built without $module")
            if $nginx !~ /--with-${module}_module/;
    }
});

no_shuffle();
run_tests();

__DATA__

=== auth_request that grants: the policy of its location leaves no trace
--- needs: http_auth_request
--- config
location = /page.txt {
    cors_policy api;
    auth_request /auth;
    auth_request_set $user $upstream_http_x_user;
    add_header X-User $user;
}
location = /auth {
    internal;
    cors_policy other;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/204;
}
--- request eval
["GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://other.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
X-User: somebody
Vary: Origin",
"! Access-Control-Allow-Origin
! Access-Control-Expose-Headers
! Access-Control-Allow-Methods
X-User: somebody
Vary: Origin"]
--- response_body eval
["a page\n", "a page\n"]



=== auth_request that refuses, and one that fails: the page can read it
--- needs: http_auth_request
--- config
location = /page.txt {
    cors_policy api;
    auth_request /auth;
}
location = /auth {
    internal;
    cors_policy other;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/$http_x_status;
}
--- request eval
[("GET /page.txt") x 3]
--- more_headers eval
[map "Origin: https://app.example.com\nX-Status: $_", 401, 403, 500]
--- error_code eval
[401, 403, 500]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Allow-Methods
WWW-Authenticate: Basic realm=service
Vary: Origin",
("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Allow-Methods
Vary: Origin") x 2]



=== auth_request with a login page for errors
--- needs: http_auth_request
--- config
location = /page.txt {
    cors_policy api;
    auth_request /auth;
    error_page 401 @login;
}
location = /auth {
    internal;
    return 401;
}
location @login {
    return 401 "log in\n";
}
--- request
GET /page.txt
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
log in



=== a policy that enforces does not refuse a subrequest, which nginx makes, not a page
--- needs: http_auth_request
--- config
location = /page.txt {
    cors_policy api;
    auth_request /auth;
}
location = /auth {
    internal;
    cors_policy strict;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/204;
}
--- request
GET /page.txt
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- response_body
a page



=== SSI: a part with another policy
--- config
location = /ssi.html {
    cors_policy api;
    ssi on;
}
location = /part {
    cors_policy other;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request eval
["GET /ssi.html", "GET /ssi.html"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://other.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
! X-User
Vary: Origin",
"! Access-Control-Allow-Origin
! Access-Control-Expose-Headers
Vary: Origin"]
--- response_body eval
[("[a part]\n") x 2]



=== SSI: a part with a policy in a page without
--- config
location = /ssi.html {
    ssi on;
}
location = /part {
    cors_policy other;
    return 200 "a part";
}
--- request
GET /ssi.html
--- more_headers
Origin: https://other.example
--- response_headers
! Access-Control-Allow-Origin
! Vary
--- response_body
[a part]



=== SSI: a part that fails
--- config
location = /ssi.html {
    cors_policy api;
    ssi on;
}
location = /part {
    cors_policy other;
    error_page 404 /page.txt;
    return 404;
}
--- request
GET /ssi.html
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
Vary: Origin
--- response_body eval
"[a page\n]\n"



=== SSI: the page of an application, which sets CORS headers
--- config
location = /page {
    cors_policy api;
    ssi on;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location = /part {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- request
GET /page
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
! Access-Control-Allow-Methods
Vary: Origin
--- response_body
a part



=== SSI: the variables speak of the main request, in a part too
--- config
location = /decision.html {
    cors_policy api;
    ssi on;
}
location = /part {
    cors_policy other;
    return 200 "$cors_policy $cors_decision";
}
--- request
GET /decision.html
--- response_body
api allowed, api allowed



=== addition
--- needs: http_addition
--- config
location = /page.txt {
    cors_policy api;
    addition_types text/plain;
    add_before_body /before;
    add_after_body /after;
}
location = /before {
    cors_policy other;
    return 200 "before\n";
}
location = /after {
    cors_policy strict;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/part;
}
--- request
GET /page.txt
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: ETag
! Access-Control-Allow-Methods
Vary: Origin
--- response_body eval
"before\na page\na part"



=== mirror: the copy of a request changes nothing, and a preflight is not copied
--- config
location = /page.txt {
    cors_policy api;
    mirror /mirror;
}
location = /mirror {
    internal;
    cors_policy strict;
    log_subrequest on;
    access_log logs/mirror.log;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/204;
}
location = /log {
    default_type text/plain;
    alias logs/mirror.log;
}
--- request eval
["OPTIONS /page.txt", "GET /log", "GET /page.txt", "GET /log"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 200, 200, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Vary: Origin",
"! Access-Control-Allow-Origin",
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! Access-Control-Allow-Methods
Vary: Origin",
"! Access-Control-Allow-Origin"]
--- response_body_like eval
["^\\z", "^\\z", "^a page\n\\z", "\"GET /page\\.txt HTTP/1\\.1\" 204 "]



=== an if that a subrequest enters changes nothing for the request that it is part of
--- config
cors_policy api;
location = /guarded { auth_request /grant; alias html/page.txt; }
location = /around { addition_types *; add_before_body /part; alias html/page.txt; }
location = /grant { if ($uri) { cors_policy strict; return 204; } }
location = /part { if ($uri) { cors_policy strict; return 200 "part\n"; } }
location = /left { if ($uri) { cors_policy strict; rewrite ^ /grant last; } }
location = /leaving { auth_request /left; alias html/page.txt; }
--- request eval
["GET /guarded", "GET /around", "GET /leaving"]
--- more_headers
Origin: https://app.example.com
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 3]
