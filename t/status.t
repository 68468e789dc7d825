# cors_policy_status: what was decided, counted in shared memory.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_headers: [X-A]
  public:
    allow_origins: ["*"]
  forward:
    allow_origins: [https://app.example.com]
    preflight: forward
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies);
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
    $block->set_value(config => <<'_EOC_');
location = /api {
    cors_policy api;
    return 200 "ok\n";
}
location = /dry {
    cors_policy api;
    cors_policy_dry_run on;
    return 200 "ok\n";
}
location = /public {
    cors_policy public;
    return 200 "ok\n";
}
location = /forward {
    cors_policy forward;
    return 200 "ok\n";
}
location = /error {
    cors_policy api;
    error_page 404 /page;
    return 404;
}
location = /page {
    return 404 "page\n";
}
location = /status {
    cors_policy_status;
}
_EOC_
});

no_shuffle();
run_tests();

__DATA__

=== Prometheus text, from zero, for every policy in the order of their names
--- config
--- request
GET /status
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Vary: Accept
Cache-Control: no-store
X-Content-Type-Options: nosniff
! Content-Security-Policy
--- response_body_like eval
# The metrics of files, which follow, are in t/files-in-force.t.
my $text = <<'_TEXT_'; qr/\A\Q$text\E# HELP nginx_cors_policies_info /
# HELP nginx_cors_requests_total CORS requests, by policy, kind of request, decision, and whether the policy was enforced or tried out.
# TYPE nginx_cors_requests_total counter
nginx_cors_requests_total{policy="api",request="actual",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_site",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_method",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_header",mode="enforced"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_site",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="actual",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_method",mode="dry_run"} 0
nginx_cors_requests_total{policy="api",request="preflight",decision="denied_header",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_site",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_method",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_header",mode="enforced"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_site",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="actual",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_method",mode="dry_run"} 0
nginx_cors_requests_total{policy="forward",request="preflight",decision="denied_header",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_site",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="allowed",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_origin",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_host",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_method",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_header",mode="enforced"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_site",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="actual",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="allowed",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_origin",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_host",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_method",mode="dry_run"} 0
nginx_cors_requests_total{policy="public",request="preflight",decision="denied_header",mode="dry_run"} 0
# HELP nginx_cors_dry_run_changes_total Requests in dry runs for which something would change with the policy in force, by the first change.
# TYPE nginx_cors_dry_run_changes_total counter
nginx_cors_dry_run_changes_total{policy="api",change="refused"} 0
nginx_cors_dry_run_changes_total{policy="api",change="lost"} 0
nginx_cors_dry_run_changes_total{policy="api",change="headers"} 0
nginx_cors_dry_run_changes_total{policy="api",change="gained"} 0
nginx_cors_dry_run_changes_total{policy="forward",change="refused"} 0
nginx_cors_dry_run_changes_total{policy="forward",change="lost"} 0
nginx_cors_dry_run_changes_total{policy="forward",change="headers"} 0
nginx_cors_dry_run_changes_total{policy="forward",change="gained"} 0
nginx_cors_dry_run_changes_total{policy="public",change="refused"} 0
nginx_cors_dry_run_changes_total{policy="public",change="lost"} 0
nginx_cors_dry_run_changes_total{policy="public",change="headers"} 0
nginx_cors_dry_run_changes_total{policy="public",change="gained"} 0
_TEXT_



=== what was decided; requests without Origin, and preflights that are forwarded, do not count
--- config
--- request eval
["GET /api", "GET /api", "GET /api", "GET /api",
 "OPTIONS /api", "OPTIONS /api", "OPTIONS /api", "OPTIONS /api",
 "GET /dry", "GET /public", "GET /public", "OPTIONS /forward", "GET /forward",
 "GET /status?format=json"]
--- more_headers eval
["Origin: https://app.example.com", "Origin: https://app.example.com",
 "Origin: https://evil.example", "",
"Origin: https://app.example.com
Access-Control-Request-Method: GET",
"Origin: https://app.example.com
Access-Control-Request-Method: PUT",
"Origin: https://app.example.com
Access-Control-Request-Method: GET
Access-Control-Request-Headers: x-b",
"Origin: https://evil.example
Access-Control-Request-Method: GET",
 "Origin: https://evil.example", "Origin: https://any.example", "",
"Origin: https://app.example.com
Access-Control-Request-Method: GET",
 "Origin: https://app.example.com", ""]
--- error_code eval
[200, 200, 200, 200, 204, 204, 204, 204, 200, 200, 200, 200, 200, 200]
--- response_body_like eval
[("") x 13,
qr/^\{"version":1,"policies":\{"api":\[\{"request":"actual","decision":"allowed","mode":"enforced","count":2\},\{"request":"actual","decision":"denied_origin","mode":"enforced","count":1\},\{"request":"actual","decision":"denied_site","mode":"enforced","count":0\},\{"request":"actual","decision":"denied_host","mode":"enforced","count":0\},\{"request":"preflight","decision":"allowed","mode":"enforced","count":1\},\{"request":"preflight","decision":"denied_origin","mode":"enforced","count":1\},\{"request":"preflight","decision":"denied_host","mode":"enforced","count":0\},\{"request":"preflight","decision":"denied_method","mode":"enforced","count":1\},\{"request":"preflight","decision":"denied_header","mode":"enforced","count":1\},\{"request":"actual","decision":"allowed","mode":"dry_run","count":0\},\{"request":"actual","decision":"denied_origin","mode":"dry_run","count":1\},.*\],"forward":\[\{"request":"actual","decision":"allowed","mode":"enforced","count":1\},\{"request":"actual","decision":"denied_origin","mode":"enforced","count":0\},\{"request":"actual","decision":"denied_site","mode":"enforced","count":0\},\{"request":"actual","decision":"denied_host","mode":"enforced","count":0\},\{"request":"preflight","decision":"allowed","mode":"enforced","count":0\}.*\],"public":\[\{"request":"actual","decision":"allowed","mode":"enforced","count":1\},.*\]\},"dry_run_changes":.*\}$/]



=== a request that ends in an error page counts once
--- config
--- request eval
["GET /error", "GET /status"]
--- more_headers eval
["Origin: https://evil.example", ""]
--- error_code eval
[404, 200]
--- response_body_like eval
["", qr/policy="api",request="actual",decision="denied_origin",mode="enforced"\} 1\n/]



=== HEAD
--- config
--- request
HEAD /status
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_body:



=== JSON
--- config
--- request
GET /status?format=json
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"version":1,"policies":\{"api":\[\{



=== another method, and another format
--- config
--- request eval
["POST /status\nx=1", "DELETE /status", "GET /status?format=xml"]
--- error_code eval
[405, 405, 400]
