# Reloads and policy changes without end under mixed load: no request fails, nothing grows, no worker
# is lost.
#
# This is the short form. `make soak` sets TEST_SOAK=full: 1,000 reloads with 20,000 origins, or six
# minutes of them.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw( sleep time );

use lib 't/lib', 't/operations/lib';

use HTTP2  ();
use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

my $full = ($ENV{TEST_SOAK} // '') eq 'full';
my ($reloads, $seconds, $origins) = $full ? (1000, 360, 20_000) : (100, 20, 2000);
my $say = $full ? \&diag : \&note;

# nginx does not outlive the test, however that ends.
my @clients;
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

my $server = Server->new;
my $http2  = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:0')->sockport;
my ($binary) = map { $_ || 'nginx' } $ENV{TEST_NGINX_BINARY};
my $has_http2 = `$binary -V 2>&1` =~ /http_v2_module/;

sub write_policy {
    my ($version) = @_;
    $server->write_file('cors.yaml', <<"END");
version: 1
policies:
  api:
    allow_origins: [https://page.example]
    allow_origins_file: origins.txt
    allow_methods: [PUT]
    expose_headers: [X-V$version]
    allow_credentials: true
END
    $server->write_file('origins.txt', join '', map {"https://o$_.v$version.example\n"} 1 .. $origins);
    return;
}

my %ORIGIN = (allowed => 'https://page.example', denied => 'https://page.example.evil.net');
my %REQUEST = (
    allowed   => "GET /api HTTP/1.1\r\nHost: localhost\r\nOrigin: $ORIGIN{allowed}\r\n\r\n",
    denied    => "GET /api HTTP/1.1\r\nHost: localhost\r\nOrigin: $ORIGIN{denied}\r\n\r\n",
    none      => "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n",
    preflight => "OPTIONS /api HTTP/1.1\r\nHost: localhost\r\nOrigin: $ORIGIN{allowed}\r\n"
        . "Access-Control-Request-Method: PUT\r\n\r\n",
);

# Whether an answer is whole and right.
sub is_right {
    my ($kind, $answer) = @_;
    my @allowed = $answer =~ /^access-control-allow-origin: (.*?)\r$/mgi;
    my $is_allowed = $kind eq 'allowed' || $kind eq 'preflight';
    return 0 if $answer !~ ($kind eq 'preflight' ? qr/\AHTTP\/\S+ 204/ : qr/\AHTTP\/\S+ 200/);
    return 0 if join(' ', @allowed) ne ($is_allowed ? $ORIGIN{allowed} : '');
    return 0 if $is_allowed != ($answer =~ /^access-control-expose-headers: X-V\d+\r$/mi);
    return $answer =~ /^vary: Origin\r$/mi;
}

# exchange($socket, $text, $pause): an answer as a whole; undef where nginx closes before it.
sub exchange {
    my ($socket, $text, $pause) = @_;
    for my $part ($pause ? $text =~ /(.{1,16})/sg : $text) {
        defined syswrite $socket, $part or return;
        sleep $pause if $pause;
    }
    my $answer = '';
    until ($answer =~ /\A(.*?\r\n)\r\n(.*)\z/s && length $2 >= ($1 =~ /^Content-Length: (\d+)\r$/m ? $1 : 0)) {
        IO::Select->new($socket)->can_read(60) or return "no answer for a minute: $answer";
        sysread $socket, $answer, 4096, length $answer or return length $answer ? "half an answer: $answer" : undef;
    }
    return $answer;
}

sub connection {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $server->port, Timeout => 10);
    $socket->autoflush(1) if $socket;
    return $socket;
}

# What each kind of client does over and over. It gets a function that counts, and one that notes
# what is wrong.
#
# A worker that is to end closes connections on which no request has begun to come. A client that
# has just sent one cannot tell, and sends it again on another connection, as RFC 9110, section
# 9.2.2, has it for requests without effects.
sub steady {
    my ($pause, $kept, $count, $wrong) = @_;
    my $idle = $$kept;
    undef $$kept;
    my $kind = (sort keys %REQUEST)[ rand keys %REQUEST ];
    for my $attempt (1 .. 5) {
        my $socket = $idle // connection() // return $wrong->("no connection: $!");
        my $answer = exchange($socket, $REQUEST{$kind}, $pause);
        if (defined $answer) {
            is_right($kind, $answer) ? $count->($kind) : $wrong->("$kind: $answer");
            $$kept = $socket if $answer !~ /^Connection: close/m;
            sleep 0.002;
            return;
        }
        undef $idle;
        $count->('sent again');
    }
    return $wrong->("$kind: closed five times");
}

my ($kept, $kept_http2);
my %client = (
    keepalive => sub { steady(0,    \$kept, @_) },
    slow      => sub { steady(0.02, \my $none, @_) },
    aborting  => sub {
        my ($count) = @_;
        my $socket = connection() or return;
        my $text = $REQUEST{ (sort keys %REQUEST)[ rand keys %REQUEST ] };
        syswrite $socket, substr $text, 0, rand 1.5 * length $text;
        # Sometimes by a reset.
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if rand() < 0.5;
        close $socket;
        $count->('aborted');
        sleep 0.005;
    },
    junk => sub {
        my ($count) = @_;
        my $socket = connection() or return;
        my $text = $REQUEST{preflight};
        substr $text, rand length $text, 1, chr rand 256 for 1 .. 3;
        syswrite $socket, $text;
        IO::Select->new($socket)->can_read(0.05) and sysread $socket, my $answer, 4096;
        $count->('junk');
    },
    http2 => sub {
        my ($count, $wrong) = @_;
        my @kinds = map { (qw( allowed denied ))[ rand 2 ] } 1 .. 20;
        $kept_http2 //= HTTP2->new($http2) // return $wrong->("no connection: $!");
        my %stream = map { $kept_http2->request('GET', '/api', [ origin => $ORIGIN{$_} ]) => $_ } @kinds;
        my ($answers, $is_open) = $kept_http2->answers;
        undef $kept_http2 if !$is_open;
        for my $stream (keys %stream) {
            my $kind = $stream{$stream};
            if (exists $answers->{$stream} && !defined $answers->{$stream}) {
                $count->('to be sent again over HTTP/2');
                next;
            }
            my $body = $answers->{$stream} // 'half an answer';
            $body eq ($kind eq 'allowed' ? "allowed $ORIGIN{allowed}\n" : "denied_origin \n")
                ? $count->("over HTTP/2 $kind")
                : $wrong->("over HTTP/2 $kind: $body");
        }
        sleep 0.01;
    },
);

# Starts a client in a process of its own, which tells at its end what it counted.
sub start_client {
    my ($kind) = @_;
    my $pid = open(my $output, '-|') // die "fork: $!\n";
    if (!$pid) {
        # It is told to end by a signal, and does between two requests.
        my $term = POSIX::SigSet->new(POSIX::SIGTERM());
        POSIX::sigprocmask(POSIX::SIG_BLOCK(), $term);
        my $is_told = sub { POSIX::sigpending($term); return $term->ismember(POSIX::SIGTERM()) };
        my (%count, @wrong);
        my $parent = getppid;
        eval {
            until ($is_told->() || getppid != $parent) {
                $client{$kind}->(sub { $count{ $_[0] }++ }, sub { push @wrong, $_[0] });
            }
            1;
        } or push @wrong, $@;
        print map {"$_\t$count{$_}\n"} sort keys %count;
        print map { "wrong\t" . s/\r?\n/ | /gr . "\n" } @wrong > 5 ? @wrong[ 0 .. 4 ] : @wrong;
        close STDOUT;
        # Without the ends of objects that are the parent's.
        POSIX::_exit(0);
    }
    push @clients, { pid => $pid, output => $output, kind => $kind };
    return;
}

END {
    local $?;
    kill KILL => map { $_->{pid} } @clients;
}

sub resident {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    return (grep {s/^VmRSS:\s*(\d+) kB\n/$1/} <$file>)[0] // 0;
}

write_policy(0);
$server->write_conf(
    http => 'cors_policy_file cors.yaml watch=200ms; keepalive_requests 1000000;',
    server => ($has_http2 ? "listen 127.0.0.1:$http2 http2;\n" : '') . 'location = /api { cors_policy api; return 200 "$cors_decision $cors_allow_origin\n"; }',
);
$server->start;
start_client($_) for qw( keepalive keepalive slow slow aborting junk ), $has_http2 ? 'http2' : ();

my $begin = time;
my $done  = 0;
my (@master, @workers);
my %before = map { $_ => 1 } $server->workers_of_master;
while ($done < $reloads && time < $begin + $seconds) {
    write_policy(++$done);
    # Every other time the workers may see the change before the master does.
    sleep 0.25 if $done % 10 == 0;
    # In valgrind, new workers would be old before they have answered.
    sleep 3 if $ENV{VALGRIND_NGINX};
    $server->signal('HUP');
    my @new;
    Server::wait_for(60, sub { 2 <= (@new = grep { !$before{$_} } $server->workers_of_master) }) or last;
    $before{$_} = 1 for @new;
    push @master,  resident($server->{pid});
    push @workers, resident($new[0]);
}
my $took = time - $begin;

kill TERM => map { $_->{pid} } @clients;
my (%count, @wrong);
for my $client (splice @clients) {
    my $output = $client->{output};
    while (my $line = <$output>) {
        chomp $line;
        my ($what, $value) = split /\t/, $line, 2;
        $what eq 'wrong' ? push @wrong, "$client->{kind}: $value" : ($count{$what} += $value);
    }
    close $output;
}

my @means = map { my $tenth = $_; mean(@master[ $tenth * @master / 10 .. ($tenth + 1) * @master / 10 - 1 ]) } 0 .. 9;

sub mean {
    my $sum = 0;
    $sum += $_ for @_;
    return $sum / (@_ || 1);
}

$say->(sprintf '%d reloads with %d origins in %.0f s, over %d workers', $done, $origins, $took, scalar keys %before);
$say->(join ', ', map {"$count{$_} $_"} sort keys %count);
$say->(sprintf 'resident: master %s MiB, a new worker %.1f MiB at first and %.1f at last',
    join(' ', map { sprintf '%.1f', $_ / 1024 } @means), $workers[0] / 1024, $workers[-1] / 1024);

is_deeply \@wrong, [], 'every request is answered, and rightly';
cmp_ok $count{$_} // 0, '>', 10, "$_: enough of them" for sort keys %REQUEST;
cmp_ok $done, '>', 2, 'nginx reloads';
is $server->log_lines('exited on signal'), 0, 'no worker is lost';
is $server->log_lines('\[(?:alert|crit|emerg)\]'), 0, 'nothing is alarming';
is $server->log_lines('not taken over'), 0, 'every change is taken over';
# What valgrind or a sanitizer keeps says nothing.
if (!$ENV{VALGRIND_NGINX} && !$ENV{ASAN_OPTIONS}) {
    cmp_ok $means[9], '<', $means[2] + 4096, 'the master does not grow';
    cmp_ok $workers[-1], '<', $workers[0] + 8192, 'nor do workers that come later';
}
ok Server::wait_for(60, sub { 2 == (my @now = $server->workers_of_master) }), 'two workers are left in the end';

done_testing();
