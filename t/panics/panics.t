# Panics end where C begins: one costs the request a 500, and the log a line at `alert`; the worker
# goes on. The module is the one of t/panics/Cargo.toml, which panics where a request asks for it.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use lib 't/lib', 't/operations/lib';

use Server ();

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;

my $server = Server->new;
my @origin = ('Origin: https://app.example.com');

sub policies {
    my ($origin) = @_;
    return "version: 1\npolicies:\n  api:\n    allow_origins: [$origin]\n"
        . "  enforced:\n    allow_origins: [$origin]\n    enforce: true\n";
}

$server->write_file('cors.yaml', policies('https://app.example.com'));
$server->write_conf(workers => 1, http => <<'END', server => <<'END');
    cors_policy_file cors.yaml watch=100ms;
    map $cors_decision $mapped { default "[$cors_decision]"; }
    log_format decision '$uri $status "$cors_decision"';
END
    cors_policy api;
    access_log logs/access.log decision;

    # The setting in an `if` brings the handler of the preaccess phase with it.
    location = /late { if ($arg_off) { cors_policy off; } cors_policy_status; }
    location = /api { add_header X-Decision "$cors_decision" always; return 200 "ok\n"; }
    location = /enforced { cors_policy enforced; return 200 "ok\n"; }
    location = /if { if ($cors_decision = denied_origin) { return 403; } return 200 "secret\n"; }
    location = /map { return 200 "$mapped\n"; }
    location = /quiet { return 200 "ok\n"; }
    location = /counters { cors_policy_status; }
END
$server->start;

my ($worker) = $server->workers;
is $server->log_lines('\[warn\].*for its own tests only'), 1, 'such a build says what it is'
    or BAIL_OUT('this module has no fail points');

# panics($place, $what, $path, $status, [$method, @headers])
sub panics {
    my ($place, $what, $path, $status, @request) = @_;
    my ($method, @headers) = @request ? @request : ('GET', @origin);
    my $name     = "a panic in the $place, $what";
    my $alerts   = $server->log_lines('\[alert\]');
    my $response = $server->request($method, $path, @headers, "X-Panic-In: $place");
    like $response, qr{\AHTTP/1\.1 $status }, "$name: $status";
    is scalar(() = $response =~ m{^HTTP/1\.1 }mg), 1, "$name: one response";
    is $server->log_lines('\[alert\]'), $alerts + 1, "$name: one line at alert";
    like $server->log,
        qr/\[alert\].*ngx_http_cors_policy_module: panicked at [^\n]*the request asked for a panic in the $place and for this line.*client: /,
        "$name: it says where and why, and which request it was";
    is $server->request('GET', '/pid') =~ /(\d+)\n\z/ && $1, $worker, "$name: the same worker goes on";
    is scalar(() = $server->request('GET', '/api', @origin) =~ m{^(?:HTTP/1\.1 200|Access-Control-Allow-Origin: https://app.example.com\r$|X-Decision: allowed\r$)}mg),
        3, "$name: and as before";
    return $response;
}

my @preflight = ('OPTIONS', @origin, 'Access-Control-Request-Method: GET');

# Other actual requests are through before anything could panic.
my $response = panics('rewrite handler', 'actual request', '/enforced', 500);
like $response, qr/^Access-Control-Allow-Origin: https:\/\/app\.example\.com\r$/m,
    'a page can read the error, as any other';
panics('rewrite handler', 'preflight', '/api', 500, @preflight);
panics('preaccess handler', 'actual request', '/counters', 500);
panics('preaccess handler', 'preflight', '/late', 500, @preflight);

# When it runs, nothing of the response is sent, which so becomes another one.
$response = panics('header filter', 'actual request', '/api', 500);
unlike $response, qr/^ok$/m, 'what was to be sent is not';
unlike $response, qr/^Access-Control-/mi, 'nor is a half of the CORS headers';
panics('header filter', 'preflight', '/api', 500, @preflight);
panics('header filter', 'error',     '/none', 500);

$response = panics('variable handler', 'in if', '/if', 500);
unlike $response, qr/secret/, 'what the variable might have kept out stays in';
panics('variable handler', 'in a map',      '/map', 500);
panics('variable handler', 'in add_header', '/api', 500);

# Nothing can be done about a response that is sent: its header and body are with the client.
panics('variable handler', 'in the access log', '/quiet', 200);
open my $log, '<', $server->path('../logs/access.log') or die "access.log: $!\n";
ok((grep {$_ eq qq{/quiet 200 "-"\n}} <$log>), 'which has no value there');
close $log;

panics('status handler', 'counters', '/counters', 500);

# Requests of one connection
{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $server->port, Timeout => 5) or die $!;
    print {$socket} join "\r\n", 'GET /api HTTP/1.1', 'Host: a', '', 'GET /api HTTP/1.1', 'Host: a',
        @origin, 'X-Panic-In: header filter', '', 'GET /api HTTP/1.1', 'Host: a', '', '';
    local $/ = undef;
    is join(' ', <$socket> =~ m{^HTTP/1\.1 (\d+)}mg), '200 500',
        'the connection ends with the error, as it does after every 500 of nginx';
}

# The timer, and the thread that reads a changed file.

my $alerts = $server->log_lines('\[alert\]');
$server->write_file('cors.panic-in-timer', '');
ok Server::wait_for(30, sub { $server->log_lines('\[alert\].*a file asked for a panic in the timer') }),
    'a panic in the timer';
$server->write_file('cors.panic-in-thread', '');
$server->write_file('cors.yaml', policies('https://app.example.com, https://second.example'));
ok Server::wait_for(30, sub {
    $server->log_lines('\[alert\].*cors\.yaml" panicked: panicked at .*a file asked for a panic in the thread');
}), 'a panic in the thread';
$server->write_file('cors.yaml', policies('https://app.example.com, https://third.example'));
ok Server::wait_for(30, sub { $server->request('GET', '/quiet', 'Origin: https://third.example') =~ /^Access-Control-Allow-Origin/m }),
    'the next change is taken over';
is $server->log_lines('\[alert\]'), $alerts + 2, 'a line at alert for each';
is_deeply [$server->workers], [$worker], 'by the same worker';

$server->stop;
is $server->log_lines('exited on signal'), 0, 'no worker ended by a signal';

done_testing();
