# WebSocket handshakes: which pages may make them, and that the connection works afterwards.

use Test::Nginx::Socket 'no_plan';

use IO::Socket::INET;
use POSIX ();

# An application that switches protocols and answers one message; nginx itself cannot play it. It
# listens throughout the file, and talks to one client for each `--- init: main::talk()`.
my $application = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
    or die "cannot listen: $!\n";
$ENV{TEST_NGINX_APPLICATION_PORT} = $application->sockport;

sub talk {
    my $pid = fork // die "fork: $!\n";
    return if $pid;
    alarm 10;
    my $client = $application->accept;
    while (<$client> ne "\r\n") { }
    print {$client} join "\r\n", 'HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade',
        'Upgrade: websocket', 'Access-Control-Allow-Origin: *', 'X-Application: yes', '', '';
    my $message = <$client>;
    print {$client} "the application has read: $message";
    close $client;
    POSIX::_exit(0);
}

# The handshake of a page, or of a program, and after it a message.
sub handshake {
    my (@headers) = @_;
    return join "\r\n", 'GET /t HTTP/1.1', 'Host: site.example', 'Connection: Upgrade',
        'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', @headers, '', "hello\n";
}

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
    allow_credentials: true
  strict:
    allow_origins: [https://app.example.com]
    enforce: true
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files  => $policies);
    $block->set_value(http_config => 'cors_policy_file ../html/cors.yaml;');
    $block->set_value(config      => $block->config . <<'_EOC_');
lingering_close off;
location = /t {
    proxy_http_version 1.1;
    proxy_set_header Connection $http_connection;
    proxy_set_header Upgrade $http_upgrade;
    proxy_pass http://127.0.0.1:$TEST_NGINX_APPLICATION_PORT;
}
_EOC_
    $block->set_value(no_error_log => "[error]\n[alert]");
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== an allowed origin
--- config
cors_policy api;
--- init: main::talk()
--- raw_request eval: main::handshake('Origin: https://app.example.com')
--- error_code: 101
--- response_headers
Upgrade: websocket
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Vary: Origin
X-Application: yes
--- response_body
the application has read: hello



=== an origin that is not allowed, where the policy leaves it to the application
--- config
cors_policy api;
--- init: main::talk()
--- raw_request eval: main::handshake('Origin: https://evil.example')
--- error_code: 101
--- response_headers
Upgrade: websocket
! Access-Control-Allow-Origin
Vary: Origin
X-Application: yes
--- response_body
the application has read: hello



=== enforce: an allowed origin
--- config
cors_policy strict;
--- init: main::talk()
--- raw_request eval: main::handshake('Origin: https://app.example.com')
--- error_code: 101
--- response_headers
Upgrade: websocket
Access-Control-Allow-Origin: https://app.example.com
Vary: Origin
--- response_body
the application has read: hello



=== enforce: an origin that is not allowed never reaches the application
--- config
cors_policy strict;
keepalive_timeout 0;
--- raw_request eval: main::handshake('Origin: https://evil.example')
--- error_code: 403
--- response_headers
! Upgrade
! Access-Control-Allow-Origin
! X-Application
Vary: Origin



=== enforce: a page of the site itself
--- config
cors_policy strict;
--- init: main::talk()
--- raw_request eval: main::handshake('Origin: https://site.example')
--- error_code: 101
--- response_headers
Upgrade: websocket
! Access-Control-Allow-Origin
Vary: Origin
--- response_body
the application has read: hello



=== enforce: a program, which sends no Origin
--- config
cors_policy strict;
--- init: main::talk()
--- raw_request eval: main::handshake()
--- error_code: 101
--- response_headers
Upgrade: websocket
! Access-Control-Allow-Origin
Vary: Origin
--- response_body
the application has read: hello
