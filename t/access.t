# Access control together with a policy. A page can read why nginx refused its request. nginx refuses no preflight of an
# allowed origin.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_headers: [Authorization]
    allow_credentials: true
>>> page.txt
a page
>>> htpasswd
user:{PLAIN}password
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(
        http_config => "cors_policy_file ../html/cors.yaml;\n" . ($block->http_config // ''));
    $block->set_value(no_error_log => '[alert]');
});

no_shuffle();
run_tests();

__DATA__

=== basic authentication: preflight, no password, wrong password, right password
--- config
location = /page.txt {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request eval
["OPTIONS /page.txt", "GET /page.txt", "GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Headers: authorization",
"Origin: https://app.example.com",
"Origin: https://app.example.com
Authorization: Basic dXNlcjp3cm9uZw==",
"Origin: https://app.example.com
Authorization: Basic dXNlcjpwYXNzd29yZA=="]
--- error_code eval
[204, 401, 401, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Headers: Authorization
Access-Control-Allow-Credentials: true
! WWW-Authenticate",
("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
WWW-Authenticate: Basic realm=\"closed\"
Vary: Origin") x 2,
"Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
! WWW-Authenticate
Vary: Origin"]



=== an ordinary OPTIONS does need the password
--- config
location = /page.txt {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request eval
["OPTIONS /page.txt", "OPTIONS /page.txt"]
--- more_headers eval
["Origin: https://app.example.com", "Access-Control-Request-Method: GET"]
--- error_code eval
[401, 401]



=== an origin that is not allowed gets neither past the password nor the headers
--- config
location = /page.txt {
    cors_policy api;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request eval
["OPTIONS /page.txt", "GET /page.txt"]
--- more_headers
Origin: https://evil.example
Access-Control-Request-Method: GET
--- error_code eval
[204, 401]
--- response_headers eval
[("! Access-Control-Allow-Origin
Vary: Origin") x 2]



=== deny all
--- config
location = /page.txt {
    cors_policy api;
    deny all;
}
--- request
GET /page.txt
--- more_headers
Origin: https://app.example.com
--- error_code: 403
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin



=== satisfy any: the address is enough, or the password, or neither is there
--- config
location = /address/page.txt {
    cors_policy api;
    alias html/page.txt;
    satisfy any;
    allow 127.0.0.1;
    deny all;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
location = /page.txt {
    cors_policy api;
    satisfy any;
    deny all;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request eval
["OPTIONS /page.txt", "GET /address/page.txt", "GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com",
"Origin: https://app.example.com
Authorization: Basic dXNlcjpwYXNzd29yZA==",
"Origin: https://app.example.com"]
--- error_code eval
[204, 200, 200, 401]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 4]



=== satisfy all: the password alone is not enough
--- config
location = /page.txt {
    cors_policy api;
    satisfy all;
    deny all;
    auth_basic closed;
    auth_basic_user_file ../html/htpasswd;
}
--- request eval
["OPTIONS /page.txt", "GET /page.txt"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
Authorization: Basic dXNlcjpwYXNzd29yZA==
--- error_code eval
[204, 403]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 2]



=== limit_except: the preflight of a method that is not let in, and the method
--- config
location = /page.txt {
    cors_policy api;
    limit_except GET {
        deny all;
    }
}
--- request eval
["OPTIONS /page.txt", "PUT /page.txt\nbody", "GET /page.txt"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[204, 403, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 3]



=== limit_except with a password
--- config
location = /page.txt {
    cors_policy api;
    limit_except GET {
        auth_basic closed;
        auth_basic_user_file ../html/htpasswd;
    }
}
--- request eval
["OPTIONS /page.txt", "PUT /page.txt\nbody"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- error_code eval
[204, 401]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 2]



=== limit_req: the request that is one too many
--- http_config
limit_req_zone $binary_remote_addr zone=requests:1m rate=1r/m;
--- config
location = /page.txt {
    cors_policy api;
    limit_req zone=requests;
    limit_req_status 429;
}
--- request eval
["GET /page.txt", "GET /page.txt", "OPTIONS /page.txt"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 429, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 3]



=== limit_conn: the connection that is one too many
--- http_config
limit_conn_zone $binary_remote_addr zone=connections:1m;
--- config
limit_conn connections 1;
limit_conn_status 429;
location = /first {
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/page.txt;
    proxy_method $http_x_method;
}
location = /page.txt {
    cors_policy api;
}
--- request eval
["GET /first", "GET /first"]
--- more_headers eval
[map "Origin: https://app.example.com
Access-Control-Request-Method: GET
X-Method: $_", "GET", "OPTIONS"]
--- error_code eval
[429, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 2]



=== valid_referers and the like: a return in an if
--- config
location = /page.txt {
    cors_policy api;
    valid_referers app.example.com;
    if ($invalid_referer) {
        return 403;
    }
}
--- request eval
["OPTIONS /page.txt", "GET /page.txt", "GET /page.txt"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com",
"Origin: https://app.example.com
Referer: https://app.example.com/"]
--- error_code eval
[204, 403, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 3]



=== a body that is too large
--- config
location = /page.txt {
    cors_policy api;
    client_max_body_size 4;
}
--- request
PUT /page.txt
too much
--- more_headers
Origin: https://app.example.com
--- error_code: 413
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin
