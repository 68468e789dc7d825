# cors_policy_define: a policy in nginx.conf, with the keys, the checks and the messages of a file.

use Test::Nginx::Socket 'no_plan';

no_shuffle();
run_tests();

__DATA__

=== a policy in a block
--- http_config
cors_policy_define api {
    allow_origins https://app.example.com https://*.partner.example
                  "regex:https://pr-[0-9]{1,4}\.preview\.example\.net";
    deny_origins https://old.partner.example;
    allow_methods GET PUT;
    allow_headers Authorization Content-Type;
    expose_headers ETag;
    allow_credentials on;
    max_age 10m;
}
--- config
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- request eval
["OPTIONS /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: authorization",
"Origin: https://pr-42.preview.example.net",
"Origin: https://a.partner.example",
"Origin: https://old.partner.example"]
--- error_code eval
[204, 200, 200, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: GET, PUT
Access-Control-Allow-Headers: Authorization, Content-Type
Access-Control-Expose-Headers: ETag
Access-Control-Max-Age: 600
Vary: Origin",
"Access-Control-Allow-Origin: https://pr-42.preview.example.net",
"Access-Control-Allow-Origin: https://a.partner.example",
"! Access-Control-Allow-Origin"]
--- no_error_log
[error]



=== every key of a policy, in an order of one's own
--- http_config
cors_policy_define all {
    dangerously_allow insecure_origins null_origin;
    enforce off;
    static_origin off;
    preflight_status 200;
    preflight answer;
    upstream_headers replace;
    timing_allow_origin on;
    allow_private_network on;
    max_age 0;
    allow_credentials off;
    expose_headers *;
    allow_headers * Authorization;
    allow_methods *;
    allow_origins_file ../html/origins.txt;
    allow_origins http://app.example.com null;
    deny_origins https://evil.example;
}
--- user_files
>>> origins.txt
# partners
https://one.example
https://two.example
--- config
location = /t {
    cors_policy all;
    return 204;
}
--- request eval
["OPTIONS /t", "GET /t"]
--- more_headers eval
["Origin: https://two.example
Access-Control-Request-Method: PATCH
Access-Control-Request-Headers: authorization,x-a
Access-Control-Request-Private-Network: true",
"Origin: null"]
--- error_code eval
[200, 204]
--- response_headers eval
["Access-Control-Allow-Origin: https://two.example
Access-Control-Allow-Methods: *
Access-Control-Allow-Headers: *, Authorization
Access-Control-Expose-Headers: *
Access-Control-Max-Age: 0
Access-Control-Allow-Private-Network: true",
"Access-Control-Allow-Origin: null
Timing-Allow-Origin: null"]



=== the keys of the origin check, and origins that may see timings
--- http_config
cors_policy_define checked {
    own_origins http://site.example https://site.example;
    enforce on;
    timing_allow_origin https://one.example https://two.example;
    upstream_headers merge;
    rule {
        allow_origins https://app.example.com;
    }
}
cors_policy_define fixed {
    allow_origins https://app.example.com;
    static_origin on;
    timing_allow_origin *;
}
--- config
location = /t {
    cors_policy checked;
    return 200 "ok\n";
}
location = /fixed {
    cors_policy fixed;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /fixed"]
--- more_headers eval
["Host: site.example", "Host: evil.example", ""]
--- error_code eval
[200, 403, 200]
--- response_headers eval
["Timing-Allow-Origin: https://one.example, https://two.example
Vary: Origin", "! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://app.example.com
Timing-Allow-Origin: *
! Vary"]



=== their mistakes, in the words of nginx.conf
--- http_config
cors_policy_define api {
    allow_origins https://a.example https://b.example;
    own_origins localhost:8080;
    static_origin on;
    timing_allow_origin yes;
    upstream_headers union;
    rule {
        timing_allow_origin https://one.example https://two.example;
        allow_origins https://c.example;
    }
}
--- config
--- must_die
--- error_log eval
[
    qr{api\.own_origins: without `enforce`, no request is refused; add `enforce on;`},
    qr{api\.own_origins\[0\]: "localhost:8080": .*"http://localhost:8080"},
    qr{api\.upstream_headers: "union": unknown value; write one of replace, keep, merge},
    qr{api\.rules\[0\]\.timing_allow_origin: this key belongs to the policy, beside its `rule` blocks, if it lists origins},
]



=== rules: the first one whose origins match decides
--- http_config
cors_policy_define mixed {
    deny_origins https://evil.example;
    rule {
        allow_origins https://admin.example.com;
        allow_credentials on;
        allow_methods *;
    }
    rule {
        allow_origins *;
    }
}
--- config
location = /t {
    cors_policy mixed;
    return 200 "ok\n";
}
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Origin: https://admin.example.com", "Origin: https://other.example", "Origin: https://evil.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://admin.example.com
Access-Control-Allow-Credentials: true
Vary: Origin",
"Access-Control-Allow-Origin: *
! Access-Control-Allow-Credentials
Vary: Origin",
"! Access-Control-Allow-Origin
Vary: Origin"]



=== the definition may follow the use, and stand in an included file
--- http_config
cors_policy later;
include ../html/policies.conf;
--- user_files
>>> policies.conf
cors_policy_define later {
    include ../html/origins.conf;
}
>>> origins.conf
allow_origins https://app.example.com;
--- config
location = /t {
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com



=== mistakes are reported together, each at its line, with the place and the remedy
--- http_config
cors_policy_define api {
    allow_origins https://App.example.com
                  https://app.example.com/;
    allow_methods GET CONNECT;
    allow_credentials yes;
    max_age 2d;
}
--- config
--- must_die
--- error_log eval
[
    qr{\[emerg\] .*api\.allow_origins\[0\]: "https://App\.example\.com": .*"https://app\.example\.com".* in \S+/nginx\.conf:\d+},
    qr{api\.allow_origins\[1\]: "https://app\.example\.com/"},
    qr{api\.allow_methods\[1\]: "CONNECT"},
    qr{api\.allow_credentials: "yes".*write `on` or `off`},
    qr{api\.max_age: "2d"},
]



=== mistakes in an included file have that file's line
--- http_config
cors_policy_define api {
    include ../html/origins.conf;
    allow_origins https://app.example.com;
}
--- user_files
>>> origins.conf
# two lines
# of comments
deny_origins example.com;
--- config
--- must_die
--- error_log eval
qr{api\.deny_origins\[0\]: "example\.com".* in \S*html/origins\.conf:3}



=== mistakes in a rule
--- http_config
cors_policy_define api {
    rule {
        allow_origins https://app.example.com;
    }
    rule {
        allow_origins https://b.example.com;
        max_age -1;
    }
}
--- config
--- must_die
--- error_log eval
qr{api\.rules\[1\]\.max_age: "-1"}



=== mistakes in a file of origins have that file's line
--- http_config
cors_policy_define api {
    allow_origins_file ../html/origins.txt;
}
--- user_files
>>> origins.txt
https://one.example
https://two.example/
--- config
--- must_die
--- error_log eval
qr{html/origins\.txt:2: .*"https://two\.example/"}



=== an unknown key, with the one that may have been meant
--- http_config
cors_policy_define api {
    allow_orgins https://app.example.com;
}
--- config
--- must_die
--- error_log eval
[qr{unknown directive "allow_orgins" in \S+/nginx\.conf:\d+},
 qr{in "cors_policy_define", did you mean "allow_origins"\?}]



=== a directive of nginx in the block
--- http_config
cors_policy_define api {
    proxy_pass http://127.0.0.1;
}
--- config
--- must_die
--- error_log
"proxy_pass" directive is not allowed here



=== a key outside of the block
--- config
allow_origins https://app.example.com;
--- must_die
--- error_log
"allow_origins" directive is not allowed here



=== a key twice
--- http_config
cors_policy_define api {
    allow_origins https://a.example;
    allow_origins https://b.example;
}
--- config
--- must_die
--- error_log eval
qr{api\.allow_origins.* in \S+/nginx\.conf:\d+}



=== no origins
--- http_config
cors_policy_define api {
    allow_methods GET;
}
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*api: .*allow_origins.* in \S+/nginx\.conf:\d+}



=== a rule in a rule
--- http_config
cors_policy_define api {
    rule {
        allow_origins https://a.example;
        rule {
            allow_origins https://b.example;
        }
    }
}
--- config
--- must_die
--- error_log
"rule" directive is not allowed in another one



=== rules beside keys of one
--- http_config
cors_policy_define api {
    allow_origins https://a.example;
    rule {
        allow_origins https://b.example;
    }
}
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*rules}



=== several values where there is one
--- http_config
cors_policy_define api {
    allow_origins https://a.example;
    max_age 10 m;
}
--- config
--- must_die
--- error_log
"max_age" directive takes one argument



=== the comma of other configurations
--- http_config
cors_policy_define api {
    allow_origins https://a.example, https://b.example;
}
--- config
--- must_die
--- error_log eval
qr{api\.allow_origins\[0\]: "https://a\.example,"}



=== a guard, and what opens it
--- http_config
cors_policy_define api {
    allow_origins *;
    allow_credentials on;
}
--- config
--- must_die
--- error_log eval
qr{any_origin_with_credentials}



=== a guard that is open in one rule, and not in the other
--- http_config
cors_policy_define api {
    rule {
        allow_origins null;
        dangerously_allow null_origin;
    }
    rule {
        allow_origins https://app.example.com;
    }
}
--- config
location = /t {
    cors_policy api;
    return 204;
}
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: null", "Origin: https://app.example.com"]
--- error_code eval
[204, 204]
--- response_headers eval
["Access-Control-Allow-Origin: null", "Access-Control-Allow-Origin: https://app.example.com"]
--- no_error_log
[warn]



=== a guard that is open in another rule only
--- http_config
cors_policy_define api {
    rule {
        allow_origins https://app.example.com;
        dangerously_allow null_origin;
    }
    rule {
        allow_origins null;
    }
}
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*api\.rules\[1\]\.allow_origins\[0\]: "null": .*null_origin}



=== * without credentials covers Authorization
--- http_config
cors_policy_define api {
    allow_origins *;
    allow_headers *;
}
--- config
location = /t {
    cors_policy api;
    add_header X-Decision $cors_decision always;
    return 200 "ok\n";
}
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Headers: authorization
--- error_code: 204
--- response_headers
Access-Control-Allow-Headers: *
X-Decision: allowed



=== a name that is defined twice, in a file and a block
--- http_config
cors_policy_file ../html/cors.yaml;
cors_policy_define api {
    allow_origins https://a.example;
}
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
--- config
--- must_die
--- error_log eval
qr{CORS policy "api" is defined in \S+html/cors\.yaml:3 and again in \S+/nginx\.conf:\d+}



=== a name that means none
--- http_config
cors_policy_define off {
    allow_origins https://a.example;
}
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*off.* in \S+/nginx\.conf:\d+}
