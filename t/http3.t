# HTTP/3, where nginx has it and curl can speak it (Debian: from curl 8.14 with GnuTLS on).

use Test::Nginx::Socket;

my $certificate = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\
    -subj /CN=localhost -days 1 -keyout - -out - 2>/dev/null`;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

if (`$binary -V 2>&1` !~ /--with-http_v3_module/) {
    plan(skip_all => 'nginx is built without HTTP/3');
}
elsif (`curl --version` !~ /^Features:.*\bHTTP3\b/m) {
    plan(skip_all => 'no curl that speaks HTTP/3');
}
elsif (!$certificate) {
    plan(skip_all => 'no openssl to make a certificate with');
}
else {
    plan('no_plan');
}

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_methods: [GET, PUT]
    allow_credentials: true
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: ["https://localhost:PORT"]
  rebound:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: ["https://localhost"]
_EOC_
$policies =~ s/PORT/$ENV{TEST_NGINX_SERVER_PORT}/;

# The lines of --- over_http3 of the current block.
my @question;

# Asks over HTTP/3 as soon as nginx runs, and leaves what came for the scaffold to fetch as /answer.
sub ask {
    my ($line, @headers) = @question;
    my ($method, $path) = split ' ', $line;
    my @command = (
        'curl', '--http3-only', '--silent', '--include', '--insecure', '--max-time', 3,
        '--request', $method, map { ('--header', $_) } @headers
    );
    push @command, "https://localhost:$ENV{TEST_NGINX_SERVER_PORT}$path",
        '--resolve', "localhost:$ENV{TEST_NGINX_SERVER_PORT}:127.0.0.1",
        '--output', html_dir() . '/answer';
    system @command;
    return;
}

# What matches an answer with all of these lines, and without the headers that `!` stands before.
sub lines {
    my $pattern = '';
    for my $line (@_) {
        $pattern .= $line =~ /^! (.*)/ ? "(?!.*^\Q$1\E:)" : "(?=.*^\Q$line\E ?\\r?\$)";
    }
    return qr/\A$pattern/ms;
}

add_block_preprocessor(sub {
    my ($block) = @_;
    @question = split /\n/, $block->over_http3;
    delete $block->{over_http3};
    $block->set_value(user_files  => "$policies>>> tls.pem\n$certificate");
    $block->set_value(http_config => <<'_EOC_' . $block->server . '}');
cors_policy_file ../html/cors.yaml;
server {
    listen 127.0.0.1:$TEST_NGINX_SERVER_PORT quic;
    server_name localhost;
    ssl_certificate ../html/tls.pem;
    ssl_certificate_key ../html/tls.pem;
_EOC_
    delete $block->{server};
    $block->set_value(config  => '');
    $block->set_value(request => 'GET /answer');
    $block->set_value(no_error_log => '[alert]');

    # The request is made when nginx runs, just before that of the scaffold.
    $block->set_value(init         => 'main::ask()');
});

no_shuffle();
run_tests();

__DATA__

=== an allowed actual request
--- server
location = /t {
    cors_policy api;
    return 200 "$server_protocol\n";
}
--- over_http3
GET /t
Origin: https://app.example.com
--- response_body_like eval
main::lines('HTTP/3 200', 'access-control-allow-origin: https://app.example.com',
    'access-control-allow-credentials: true', '! access-control-allow-methods', 'vary: Origin',
    'HTTP/3.0')



=== a denied origin
--- server
location = /t {
    cors_policy api;
    return 200 "ok\n";
}
--- over_http3
GET /t
Origin: https://evil.example
--- response_body_like eval
main::lines('HTTP/3 200', '! access-control-allow-origin', 'vary: Origin', 'ok')



=== a preflight
--- server
location = /t {
    cors_policy api;
    return 200 "not reached\n";
}
--- over_http3
OPTIONS /t
Origin: https://app.example.com
Access-Control-Request-Method: PUT
--- response_body_like eval
main::lines('HTTP/3 204', 'access-control-allow-origin: https://app.example.com',
    'access-control-allow-methods: GET, PUT', '! content-type', '! content-length', 'vary: Origin')



=== an error
--- server
cors_policy api;
location = /t {
    deny all;
}
--- over_http3
GET /t
Origin: https://app.example.com
--- response_body_like eval
main::lines('HTTP/3 403', 'access-control-allow-origin: https://app.example.com', 'vary: Origin')



=== enforce: a page that is refused
--- server
location = /t {
    cors_policy strict;
    return 200 "reached\n";
}
--- over_http3
GET /t
Origin: https://evil.example
--- response_body_like eval
main::lines('HTTP/3 403', '! access-control-allow-origin', 'vary: Origin')



=== enforce: a page of the site itself; a request has no Host, and :authority has its port
--- server
location = /t {
    cors_policy strict;
    return 200 "reached [$http_host]\n";
}
--- over_http3 eval
"GET /t
Origin: https://localhost:$ENV{TEST_NGINX_SERVER_PORT}"
--- response_body_like eval
main::lines('HTTP/3 200', '! access-control-allow-origin', 'vary: Origin', 'reached []')



=== enforce: a page of the same host on another port is a foreign one
--- server
location = /t {
    cors_policy strict;
    return 200 "reached\n";
}
--- over_http3
GET /t
Origin: https://localhost
--- response_body_like eval
main::lines('HTTP/3 403', '! access-control-allow-origin', 'vary: Origin')



=== own_origins: :authority with its port is in the list
--- server
location = /t {
    cors_policy own;
    return 200 "reached\n";
}
--- over_http3
GET /t
Origin: https://app.example.com
--- response_body_like eval
main::lines('HTTP/3 200', 'access-control-allow-origin: https://app.example.com', 'vary: Origin',
    'reached')



=== own_origins: another port is another host, whoever asks
--- server
location = /t {
    cors_policy rebound;
    return 200 "reached\n";
}
--- over_http3
GET /t
Origin: https://app.example.com
Sec-Fetch-Site: same-origin
--- response_body_like eval
main::lines('HTTP/3 403', '! access-control-allow-origin', 'vary: Origin')



=== own_origins: a preflight to another host is refused too
--- server
location = /t {
    cors_policy rebound;
    return 200 "not reached\n";
}
--- over_http3
OPTIONS /t
Origin: https://app.example.com
Access-Control-Request-Method: GET
--- response_body_like eval
main::lines('HTTP/3 403', '! access-control-allow-origin', 'vary: Origin')
