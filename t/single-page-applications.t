# Sites of many parts: a single-page application, PHP, an API behind one entry script.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  site:
    allow_origins: [https://app.example.com]
    allow_credentials: true
  assets:
    allow_origins: ["*"]
>>> index.html
the application
>>> assets/font.woff2
a font
>>> index.php
>>> blog/index.php
_EOC_

# The records that carry the output of PHP in FastCGI (its specification, section 3.3).
sub php {
    my ($status) = @_;
    my $output = "Status: $status\r\nContent-Type: text/plain\r\n"
        . "Access-Control-Allow-Origin: *\r\nX-Powered-By: PHP\r\n\r\nPHP\n";
    my ($stdout, $end_request) = (6, 3);
    return pack('CCnnCx', 1, $stdout, 1, length $output, 0) . $output
        . pack('CCnnCx', 1, $end_request, 1, 8, 0) . "\0" x 8;
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files  => $policies);
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
    $block->set_value(config      => "root html;\n" . $block->config);
    if (defined $block->tcp_reply) {
        $block->set_value(tcp_listen => '$TEST_NGINX_RAND_PORT_1');
    }
    $block->set_value(more_headers => 'Origin: https://app.example.com')
        unless defined $block->more_headers;
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== a single-page application: every path that is no file is the index
--- config
location / {
    cors_policy site;
    try_files $uri $uri/ /index.html;
}
location /assets/ {
    cors_policy assets;
}
--- request eval
["GET /", "GET /account/settings", "OPTIONS /account/settings", "GET /assets/font.woff2"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[200, 200, 204, 200]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin") x 3,
"Access-Control-Allow-Origin: *
! Access-Control-Allow-Credentials
! Vary"]
--- response_body eval
["the application\n", "the application\n", "", "a font\n"]



=== a single-page application whose index has a location of its own, for the sake of caches
--- config
location / {
    cors_policy site;
    try_files $uri /index.html;
}
location = /index.html {
    add_header Cache-Control no-store;
}
--- request eval
["GET /account/settings", "GET /index.html"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.example.com
Cache-Control: no-store
Vary: Origin",
"! Access-Control-Allow-Origin
Cache-Control: no-store
! Vary"]



=== PHP: index leads to the location of the scripts, which has no policy of its own
--- config
location /blog/ {
    cors_policy site;
    index index.php;
}
location ~ \.php$ {
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_reply eval: main::php('200 OK')
--- request
GET /blog/
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
X-Powered-By: PHP
Vary: Origin
--- response_body
PHP



=== PHP: try_files leads to the entry script
--- config
location / {
    cors_policy site;
    try_files $uri $uri/ /index.php?$args;
}
location ~ \.php$ {
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_reply eval: main::php('404 Not Found')
--- request
GET /articles/1?page=2
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
X-Powered-By: PHP
Vary: Origin
--- response_body
PHP



=== PHP: a preflight does not come to the script, by whatever way
--- config
location / {
    cors_policy site;
    index index.php;
    try_files $uri $uri/ /index.php?$args;
}
location ~ \.php$ {
    cors_policy site;
    fastcgi_pass 127.0.0.1:1;
}
--- request eval
["OPTIONS /articles/1", "OPTIONS /blog/", "OPTIONS /index.php"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, HEAD, POST
Vary: Origin") x 3]



=== PHP: a policy at the scripts alone decides preflights that come to them on the way
--- config
location / {
    try_files $uri /index.php?$args;
}
location ~ \.php$ {
    cors_policy site;
    fastcgi_pass 127.0.0.1:1;
}
--- request eval
["OPTIONS /articles/1", "OPTIONS /index.php"]
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- error_code eval
[204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.example.com
Vary: Origin") x 2]



=== a rewrite to one entry script, with a folder for what may not be asked for directly
--- config
location /api/ {
    cors_policy site;
    rewrite ^/api/(.*)$ /index.php?route=$1 last;
}
location = /index.php {
    internal;
    fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- tcp_reply eval: main::php('200 OK')
--- request
GET /api/articles
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
X-Powered-By: PHP
Vary: Origin
--- response_body
PHP
