# Hostile requests on the wire: mutated origins, methods and header names by the thousand, over
# HTTP/1 (pipelined) and HTTP/2, and bytes that are no request. Each answer is held against a plain
# reading of the policies in this file, which shares nothing with the module.
#
# TEST_HOSTILE is the number of requests (`make test-hostile`: 100000), TEST_HOSTILE_SEED what a
# failure names.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;
use Socket qw( AF_INET6 inet_ntop inet_pton );
use Test::More;

use lib 't/lib', 't/operations/lib';

use HTTP2  ();
use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

my $requests = $ENV{TEST_HOSTILE}      // ($ENV{VALGRIND_NGINX} ? 1000 : 10_000);
my $seed     = $ENV{TEST_HOSTILE_SEED} // 1;
srand $seed;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

# The policies, and by whom they are read plainly: the origin's bytes come in, and what
# Access-Control-Allow-Origin is to say comes out.

my $label = qr/[a-z0-9_-]{1,63}/;
my $port  = qr/:(?!443\z)[1-9][0-9]{0,4}/;

my %policy = (
    exact => {
        yaml  => "allow_origins: ['https://app.example.com', 'https://app.example.com:8443']\n    allow_credentials: true",
        reads => sub { $_[0] =~ /\Ahttps:\/\/app\.example\.com(?::8443)?\z/ ? $_[0] : undef },
    },
    wildcard => {
        yaml  => "allow_origins: ['https://*.example.com']",
        reads => sub { $_[0] =~ /\Ahttps:\/\/(?:$label\.)+example\.com\z/ && is_origin($_[0]) ? $_[0] : undef },
    },
    ports => {
        yaml  => "allow_origins: ['https://*.example.com:*', 'http://localhost:*']",
        reads => sub {
            $_[0] =~ /\Ahttps:\/\/(?:$label\.)+example\.com(?:$port)?\z|\Ahttp:\/\/localhost(?::[0-9]+)?\z/
                && is_origin($_[0]) ? $_[0] : undef;
        },
    },
    regex => {
        yaml  => "allow_origins: ['regex:https://pr-[0-9]+\\.example\\.com']\n    allow_credentials: true",
        reads => sub { $_[0] =~ /\Ahttps:\/\/pr-[0-9]+\.example\.com\z/ && is_origin($_[0]) ? $_[0] : undef },
    },
    denies => {
        yaml  => "allow_origins: ['https://*.example.com', '*']\n    deny_origins: ['https://old.example.com']",
        reads => sub { $_[0] eq 'https://old.example.com' ? undef : '*' },
        repeated => '*',
    },
    everybody => {
        yaml  => "allow_origins: '*'",
        reads => sub {'*'},
        repeated => '*',
        plain    => 1,
    },
    echo => {
        yaml => "allow_origins: '*'\n    allow_credentials: true\n    dangerously_allow: any_origin_with_credentials",
        reads => sub { is_origin($_[0]) ? $_[0] : undef },
    },
);
my @METHODS = qw( GET HEAD POST PUT );
my @HEADERS = qw( X-A Content-Type );

# Schemes that no origin has.
my $NEVER = 'wss?|data|javascript|blob|about';

sub is_origin {
    my ($text) = @_;
    # Shells send origins without a host. That of files has to be listed.
    return length $1 <= 64 && $1 !~ /\A(?:https?|ftp|file|$NEVER)\z/ if $text =~ /\A([a-z][a-z0-9+.-]*):\/\/\.?\z/;
    my ($scheme, $host, $port) = $text =~ /\A([a-z][a-z0-9+.-]*):\/\/([a-z0-9_.-]+|\[[0-9a-f:]+\])(?::([1-9][0-9]*))?\z/
        or return 0;
    my %default = (http => 80, https => 443, ftp => 21);
    return 0 if $scheme =~ /\A(?:file|$NEVER)\z/ || length $text > 326 || length $scheme > 64 || length $host > 253;
    return 0 if defined $port && ($port > 65535 || $port == ($default{$scheme} // 0));
    if ($host =~ /\A\[(.*)\]\z/) {
        my $address = inet_pton(AF_INET6, $1) // return 0;
        return inet_ntop(AF_INET6, $address) eq $1;
    }
    my @labels = split /\./, $host, -1;
    return 0 if grep { !/\A$label\z/ } @labels;
    if (exists $default{$scheme} && $labels[-1] =~ /\A(?:[0-9]+|0x[0-9a-f]*)\z/) {
        return @labels == 4 && !grep { !/\A(?:0|[1-9][0-9]{0,2})\z/ || $_ > 255 } @labels;
    }
    return 1;
}

# What is to come back: the decision, and the value of Access-Control-Allow-Origin.
sub expected {
    my ($request) = @_;
    my $policy  = $policy{ $request->{policy} };
    my @origins = @{ $request->{origins} };
    return ('none', $policy->{plain} ? '*' : '') if !@origins;
    my $value = @origins > 1 ? $policy->{repeated} : $policy->{reads}->($origins[0]);
    return ('denied_origin', '') if !defined $value;
    if ($request->{preflight}) {
        return ('denied_method', $value) if !grep { $_ eq $request->{asks_method} } @METHODS;
        my @names = grep {length} map {s/\A[ \t]+|[ \t]+\z//gr} split /,/, $request->{asks_headers}, -1;
        for my $name (@names) {
            return ('denied_header', $value) if !grep { lc $_ eq lc $name } @HEADERS;
        }
    }
    return ('allowed', $value);
}

# Requests

sub pick { return $_[ rand @_ ] }

my @GOOD = qw(
    https://app.example.com https://app.example.com:8443 https://pr-12.example.com https://a.b.example.com
    http://localhost:3000 http://localhost https://old.example.com https://x.example.com:1 null
    https://[::1] https://127.0.0.1 chrome-extension://abc https://evil.net
);
# No byte by which a request ends or becomes another one: those are sent as junk.
my @SPECIAL = (split(//, q(`_{}|!"'$&()*+,;=^~<>%@:/\\?#.-[])), "\t", "\x01", "\x0b", "\x7f", "\xff", 'A', 'x', '0');
my @ENDS    = split ' ', '. .. / // ? : :443 :80 :0 :8443 :65536 :080 .evil.net evil.net @evil.net '
    . ':443@evil.net %00.evil.net `.evil.net _.evil.net ,https://evil.net /.evil.net %0d%0a';

sub mutate {
    my ($text) = @_;
    my $at = int rand(1 + length $text);
    my $to = int rand 16;
    if    ($to < 3)  { substr $text, $at, 0, pick(@SPECIAL) }
    elsif ($to == 3) { substr $text, $at, 1, pick(@SPECIAL) }
    elsif ($to == 4) { substr $text, $at, 1, '' if $at < length $text }
    elsif ($to == 5 || $to > 11) { $text .= pick(@ENDS) }
    elsif ($to == 6) { $text = pick('x', 'https://', 'https://evil.net/', 'https://evil.net@', '*', 'null,') . $text }
    elsif ($to == 7) { $text =~ s/:\/\/\K/pick('evil', 'evil.', '.', 'u@', 'a' x 64, 'a.' x 130)/e }
    elsif ($to == 8) { $text =~ s/\A[a-z]+(?=:)/pick(qw( http https ftp file HTTPS ws ))/e }
    elsif ($to == 9) { my $dot = pick(0, 1, 2); $text =~ s{\.}{$dot-- ? '.' : pick('x', '-', '/', '_')}eg }
    elsif ($to == 10) { substr $text, $at, 1, uc substr $text, $at, 1 if $at < length $text }
    else              { $text = substr $text, 0, $at }
    return $text;
}

sub mutated {
    my ($text) = @_;
    $text = mutate($text) for 1 .. pick(0, 0, 1, 1, 1, 2, 3);
    return $text;
}

sub request {
    my %request = (policy => pick(sort keys %policy), preflight => int rand(3) == 0 ? 1 : 0);
    $request{origins} = [ map { mutated(pick(@GOOD)) } 1 .. pick(0, (1) x 14, 2) ];
    $request{preflight} = 0 if !@{ $request{origins} };
    if ($request{preflight}) {
        $request{asks_method}  = rand() < 0.3 ? mutated(pick(@METHODS)) : pick(@METHODS, 'PATCH', 'put');
        $request{asks_headers} = join pick(',', ', ', ' ,', ',,', ';'), map { pick('x-a', 'Content-Type', 'x-b', '') } 1 .. rand 4;
        $request{asks_headers} = mutated($request{asks_headers}) if rand() < 0.3;
    }
    $request{method} = $request{preflight} ? 'OPTIONS' : pick(qw( GET POST OPTIONS PUT DELETE ));
    return \%request;
}

sub fields {
    my ($request) = @_;
    return (
        (map { [ 'origin', $_ ] } @{ $request->{origins} }),
        $request->{preflight}
        ? ([ 'access-control-request-method', $request->{asks_method} ],
            [ 'access-control-request-headers', $request->{asks_headers} ])
        : (),
    );
}

sub describe {
    my ($request) = @_;
    my $text = join ', ', "$request->{method} $request->{policy}", map {"$_->[0]: $_->[1]"} fields($request);
    return $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
}

my (%decisions, @wrong);

sub check {
    my ($protocol, $request, $decision, $value) = @_;
    my ($expected, $expected_value) = expected($request);
    $decisions{"$protocol $decision"}++;
    return if $decision eq $expected && $value eq $expected_value;
    push @wrong, "$protocol: @{[ describe($request) ]}: $decision \"$value\", expected $expected \"$expected_value\"";
    return;
}

# nginx takes the spaces off around a value in HTTP/1.
sub trimmed {
    my ($request) = @_;
    s/\A +| +\z//g for @{ $request->{origins} }, grep {defined} @$request{qw( asks_method asks_headers )};
    return $request;
}

sub connect_to {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 10) // die "cannot connect: $!\n";
}

# receive($socket, \$buffer): false at the end, or where nothing comes.
sub receive {
    my ($socket, $buffer) = @_;
    return IO::Select->new($socket)->can_read(30) && sysread $socket, $$buffer, 65536, length $$buffer;
}

sub send_all {
    my ($socket, $text) = @_;
    while (length $text) {
        my $sent = syswrite $socket, $text or return;
        substr $text, 0, $sent, '';
    }
    return;
}

sub over_http1 {
    my ($port, @all) = @_;
    my $socket = connect_to($port);
    my $buffer = '';
    while (my @batch = splice @all, 0, 40) {
        send_all($socket, join '', map {
            my $request = $_;
            join "\r\n", "$request->{method} /$request->{policy} HTTP/1.1", 'Host: localhost', 'Content-Length: 0',
                (map {"$_->[0]: $_->[1]"} fields($request)), '', '';
        } @batch);
        for my $request (@batch) {
            while (index($buffer, "\r\n\r\n") < 0) {
                receive($socket, \$buffer) or die "no answer to @{[ describe($request) ]}\n";
            }
            my $header = substr $buffer, 0, index($buffer, "\r\n\r\n") + 2, '';
            substr $buffer, 0, 2, '';
            my ($status) = $header =~ /\AHTTP\/1\.1 (\d+)/ or die "no HTTP: $header\n";
            my $length = $header =~ /^Content-Length: (\d+)\r$/m ? $1 : 0;
            while (length $buffer < $length) {
                receive($socket, \$buffer) or die "half an answer to @{[ describe($request) ]}\n";
            }
            substr $buffer, 0, $length, '';
            my @values      = $header =~ /^Access-Control-Allow-Origin: (.*?)\r$/mg;
            my ($decision)  = $header =~ /^X-Decision: (.*?)\r$/m;
            my $credentials = $header =~ /^Access-Control-Allow-Credentials/m ? 1 : 0;
            check('HTTP/1', $request, $decision // 'missing', join ' and ', @values);
            my $policy = $policy{ $request->{policy} };
            push @wrong, "status $status: " . describe($request)
                if $status != ($request->{preflight} ? 204 : 200);
            push @wrong, 'credentials: ' . describe($request)
                if $credentials && (!@values || $values[0] eq '*' || $policy->{yaml} !~ /credentials: true/);
            push @wrong, 'without Vary: ' . describe($request)
                if !$policy->{plain} && $header !~ /^Vary: (?:.*, )?Origin\b/m;
        }
    }
    return;
}

# Of an answer over HTTP/2 the body is read, which says what was decided.
sub over_http2 {
    my ($port, @all) = @_;
    my $connection = HTTP2->new($port) or die "cannot connect: $!\n";
    while (my @batch = splice @all, 0, 40) {
        my %request = map { $connection->request($_->{method}, "/$_->{policy}", fields($_)) => $_ } @batch;
        my ($answers) = $connection->answers;
        for my $stream (sort keys %request) {
            my $request = $request{$stream};
            my $body    = $answers->{$stream} // die 'no answer over HTTP/2 to ' . describe($request) . "\n";
            # The answer to a preflight has no body: the counters tell.
            $request->{preflight}
                ? $decisions{'HTTP/2 preflight'}++
                : check('HTTP/2', $request, $body =~ /\A(\w+) (.*)\n\z/s ? ($1, $2) : ('missing', $body));
        }
    }
    return;
}

# Bytes that are no request, or that may be another one than they look like.
sub junk {
    my $request = request();
    my $text    = join "\r\n", "$request->{method} /$request->{policy} HTTP/1.1", 'Host: localhost', 'Connection: close',
        (map {"$_->[0]: $_->[1]"} fields($request)), '', '';
    for (1 .. 1 + rand 4) {
        my $at = int rand length $text;
        substr $text, $at, pick(0, 0, 1, 5), pick("\0", "\r", "\n", "\r\n", "\r\n ", ':', ' ', chr rand 256, 'Origin: https://evil.net', "\xff" x 9);
    }
    $text = substr $text, 0, rand length $text if rand() < 0.2;
    return $text;
}

# Whatever nginx makes of it: only what was sent and what the policy reads as allowed comes back.
sub check_junk {
    my ($port, $text) = @_;
    my $socket = connect_to($port);
    my $buffer = '';
    send_all($socket, $text);
    shutdown $socket, 1;
    1 while receive($socket, \$buffer);
    for my $value ($buffer =~ /^Access-Control-Allow-Origin: (.*?)\r$/mg) {
        next if $value eq '*' || index($text, $value) >= 0 && grep { ($_->{reads}->($value) // '') eq $value } values %policy;
        push @wrong, "junk: $value in the answer to " . $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
    }
    $decisions{ 'junk, status ' . ($buffer =~ /\AHTTP\/1\.\d (\d+)/ ? $1 : 'none') }++;
    return;
}

# The server

my $server = Server->new;
my ($binary) = map { $_ || 'nginx' } $ENV{TEST_NGINX_BINARY};
my $has_http2 = `$binary -V 2>&1` =~ /http_v2_module/;
my $http2 = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:0')->sockport;
$server->write_file('cors.yaml', "version: 1\npolicies:\n" . join '', map {
    "  $_:\n    $policy{$_}{yaml}\n    allow_methods: [@{[ join ', ', @METHODS ]}]\n    allow_headers: [@{[ join ', ', @HEADERS ]}]\n"
} sort keys %policy);
$server->write_conf(
    workers => 1,
    http    => "cors_policy_file cors.yaml; keepalive_requests 1000000; ignore_invalid_headers on;\n"
        . 'add_header X-Decision $cors_decision always;',
    server => ($has_http2 ? "listen 127.0.0.1:$http2 http2;\n" : '') . join '', map {
        qq(location = /$_ { cors_policy $_; return 200 "\$cors_decision \$cors_allow_origin\\n"; }\n)
    } sort keys %policy,
);
$server->start;
my ($worker) = $server->workers;

my @over_http1 = map { trimmed(request()) } 1 .. $requests * ($has_http2 ? 0.5 : 0.9);
over_http1($server->port, @over_http1);
my %before = counters();
my @over_http2;
if ($has_http2) {
    @over_http2 = map { request() } 1 .. $requests * 0.4;
    over_http2($http2, @over_http2);
}

sub counters {
    my %count;
    my $status = $server->request('GET', '/status');
    $count{"$1 $2"} = $3
        while $status =~ /policy="(\w+)",request="preflight",decision="(\w+)",mode="enforced"\} (\d+)$/mg;
    return %count;
}

my %after = counters();
my %expected = map { $_ => 0 } keys %after;
$expected{ "$_->{policy} " . (expected($_))[0] }++ for grep { $_->{preflight} } @over_http2;
is_deeply { map { $_ => $after{$_} - $before{$_} } keys %after }, \%expected, 'preflights over HTTP/2, as counted';

check_junk($server->port, junk()) for 1 .. $requests * 0.1;

is_deeply [ @wrong > 9 ? @wrong[ 0 .. 9 ] : @wrong ], [], "nothing gets past (TEST_HOSTILE=$requests TEST_HOSTILE_SEED=$seed)";
cmp_ok $decisions{"HTTP/1 $_"} // 0, '>', $requests / 200, "HTTP/1: enough requests are $_"
    for qw( allowed denied_origin denied_method denied_header );
is_deeply [ $server->workers ], [$worker], 'the worker is the same';
is $server->log_lines('\[(?:alert|crit|emerg)\]'), 0, 'nothing is alarming';
note explain \%decisions;

done_testing();
