# An MCP server behind nginx-conf/snippets/mcp-server.conf, configured as the comment of that file says: its stream of
# events is not held back, its session can be read by pages, and refused requests do not reach it.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;

use lib 't/lib', 't/operations/lib';

use Nginx  qw( slurp );
use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;
local $SIG{PIPE} = 'IGNORE';

my $PATIENCE = 20;

my $application = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1:0') or die "listen: $!\n";
my $server      = Server->new;
my $own         = 'localhost:' . $server->port;

# The lines that the comment shows, and the policy, at the ports of this test.
my $snippet = slurp('nginx-conf/snippets/mcp-server.conf') =~ s/(localhost|127\.0\.0\.1):8080/"$1:" . $server->port/ger;
my ($location) = $snippet =~ /^(#( +)location = \/mcp \{\n(?:.*\n)*?#\2\}\n)/m;
$location =~ s/^#//gm;
$location =~ s{127\.0\.0\.1:3000}{'127.0.0.1:' . $application->sockport}e or die "the snippet has no proxy_pass\n";
$server->write_conf(http => $snippet, server => "cors_policy mcp_server;\n$location");
$server->start;

# What comes on a socket until it matches.
sub read_until {
    my ($socket, $pattern) = @_;
    my $text   = '';
    my $select = IO::Select->new($socket);
    while ($text !~ $pattern) {
        $select->can_read($PATIENCE) or return $text;
        sysread $socket, $text, 65_536, length $text or return $text;
    }
    return $text;
}

# A request of a client, which is sent.
sub ask {
    my ($host, @headers) = @_;
    my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or die "connect: $!\n";
    print {$client} join "\r\n", 'POST /mcp HTTP/1.1', "Host: $host", 'Content-Type: application/json',
        'Content-Length: 2', @headers, '', '{}';
    return $client;
}

for ([ 'a program', [] ], [ 'an allowed page', [ 'Origin: http://localhost:6274', 'Sec-Fetch-Site: same-site' ] ]) {
    my ($who, $headers) = @{$_};
    my $client = ask($own, 'Mcp-Protocol-Version: 2025-11-25', @{$headers});
    my $upstream = IO::Select->new($application)->can_read($PATIENCE) ? $application->accept : undef;
    ok $upstream, "$who: the request reaches the application" or next;
    like read_until($upstream, qr/\{\}/), qr/^Mcp-Protocol-Version: 2025-11-25\r$/m, "$who: with the version of the protocol";

    print {$upstream} "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nMcp-Session-Id: s1\r\n\r\ndata: one\n\n";
    my $begin = read_until($client, qr/data: one\n\n/);
    like $begin, qr/^data: one$/m, "$who: the first event arrives while the answer goes on";
    like $begin, qr/^Mcp-Session-Id: s1\r$/m, "$who: with the session";
    if (@{$headers}) {
        like $begin, qr/^Access-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate\r$/m, "$who: and can read it";
    }
    print {$upstream} "data: two\n\n";
    like read_until($client, qr/data: two\n\n/), qr/^data: two$/m, "$who: so does the second";
    close $upstream;
}

for (
    [ 'a rebound name', 'attacker.example:' . $server->port, 'Origin: http://attacker.example:' . $server->port ],
    [ 'a rebound name, without Origin', 'attacker.example:' . $server->port ],
    [ 'a rebound name at the default port', 'attacker.example', 'Origin: http://attacker.example' ],
    [ 'another port', 'localhost:1', 'Origin: http://localhost:1' ],
    [ 'a foreign page', $own, 'Origin: https://evil.example', 'Sec-Fetch-Site: cross-site' ],
    [ 'a foreign page whose browser sends no Origin', $own, 'Sec-Fetch-Site: cross-site' ],
    [ 'a sandboxed frame', $own, 'Origin: null', 'Sec-Fetch-Site: cross-site' ],
) {
    my ($who, $host, @headers) = @{$_};
    like read_until(ask($host, @headers), qr/\r\n\r\n/), qr{\AHTTP/1\.1 403 }, "$who: 403";
}
ok !IO::Select->new($application)->can_read(0), 'and none of these requests reaches the application';

$server->stop;

done_testing;
