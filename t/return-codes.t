# Return codes: whatever the module sends or lets nginx send arrives whole, in order and once, however
# the connection takes it, wherever nginx leads the request, and whether the client reads or goes away.
#
# What counts is the bytes on the connection and what follows them, which no block of Test::Nginx sees,
# so this file starts its own nginx, and reads the answers itself.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw( sleep time );

use lib 't/lib', 't/operations/lib';

use Conversations ();
use HTTP2         ();
use Nginx qw( binary free_port );
use Server        ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

my $binary = binary();
my $built  = `$binary -V 2>&1`;
my %has    = map { $_ => $built =~ /--with-http_${_}_module/ } qw( v2 ssl dav );
my $certificate = !$has{ssl} ? '' : `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\
    -subj /CN=localhost -days 1 -keyout - -out - 2>/dev/null`;
$has{tls} = length $certificate;

my $GOOD = 'https://app.example.com';
my $EVIL = 'https://evil.example';

# How a server hands out what it sends. Each is a server of nginx with all locations, by its name.
my %SETTINGS = (
    plain => '',
    # The headers alone are more than what may be sent in the first second.
    throttled => 'limit_rate 4k; postpone_output 0;' . (' add_header X-Long ' . 'x' x 3000 . ' always;') x 2,
    eager     => 'postpone_output 0; output_buffers 1 512; sendfile off; tcp_nodelay on;',
    pushed    => 'sendfile on; tcp_nopush on; postpone_output 4000; keepalive_requests 100000; send_timeout 20s;',
);

# What nginx answers: its name, the request, and what has to come. Of the body it is the text, a pattern,
# or a function that says what is wrong with it. Behind some, nginx closes, by some versions of HTTP.
my ($POLICIES, $PAGE);
my $PAGE_403 = qr{\A<html>\r\n<head><title>403 Forbidden</title></head>.*</html>\r\n\z}s;

sub is_metrics {
    my ($body) = @_;
    my @lines = split /\n/, $body, -1;
    # 22 lines for each policy, 6 for the one file, 2 for each of the 7 metrics, and what is behind the last.
    return @lines == 22 * $POLICIES + 6 + 2 * 7 + 1 && $lines[-1] eq '' && $lines[-2] =~ /\} \d+\z/ ? '' : @lines . ' lines';
}

# JSON::PP takes a second for a long status page. Pages that differ in nothing but the counts, which are
# numbers in all of them, are decoded once.
my %policies_of;

sub is_json {
    my ($body) = @_;
    my $page     = $body =~ s/"count":\K(?:0|[1-9][0-9]*)(?=[,}])/0/gr;
    my $policies = $policies_of{$page} //= eval { scalar keys %{ JSON::PP::decode_json($page)->{policies} } } // return "no JSON: $@";
    return $policies == $POLICIES ? '' : "$policies policies";
}

sub kinds {
    my $preflight = [ 'Access-Control-Request-Method: PUT' ];
    my @kinds = (
        [ 'preflight, 204',           OPTIONS => '/204',          $GOOD, 204, '', $preflight ],
        [ 'denied preflight, 204',    OPTIONS => '/204',          $EVIL, 204, '', $preflight ],
        [ 'preflight, 200',           OPTIONS => '/200',          $GOOD, 200, '', $preflight ],
        [ 'denied preflight, 200',    OPTIONS => '/200',          $EVIL, 200, '', $preflight ],
        [ 'long preflight, 204',      OPTIONS => '/long-204',     $GOOD, 204, '', $preflight ],
        [ 'long preflight, 200',      OPTIONS => '/long-200',     $GOOD, 200, '', $preflight ],
        [ 'metrics',                  GET     => '/status',       $GOOD, 200, \&is_metrics ],
        [ 'metrics, HEAD',            HEAD    => '/status',       $GOOD, 200, '' ],
        [ 'JSON',                     GET     => '/status?format=json', $GOOD, 200, \&is_json ],
        [ 'JSON, HEAD',               HEAD    => '/status?format=json', $GOOD, 200, '' ],
        [ 'metrics, POST',            POST    => '/status',       $GOOD, 405, qr{</html>\r\n\z} ],
        [ 'metrics, no format',       GET     => '/status?format=x', $GOOD, 400, qr{</html>\r\n\z}, [], qr/1/ ],
        [ 'metrics, an error page',   GET     => '/status-404',   $GOOD, 404, \&is_metrics ],
        [ 'metrics in a page',        GET     => '/ssi.html',     $GOOD, 200, sub { $_[0] =~ /\A<p>(.*)<\/p>\n\z/s ? is_metrics($1) : 'no frame' }, [], qr/1\.0/ ],
        [ 'refusal',                  GET     => '/refused',      $EVIL, 403, $PAGE_403 ],
        [ 'refusal, HEAD',            HEAD    => '/refused',      $EVIL, 403, '' ],
        [ 'refusal, DELETE',          DELETE  => '/refused',      $EVIL, 403, $PAGE_403 ],
        [ 'refusal, a file',          GET     => '/refused-file', $EVIL, 403, "refused by a file\n" ],
        [ 'refusal, a return',        GET     => '/refused-return', $EVIL, 403, "refused by a return\n" ],
        [ 'file',                     GET     => '/files/page.txt', $GOOD, 200, $PAGE ],
        [ 'file, HEAD',               HEAD    => '/files/page.txt', $GOOD, 200, '' ],
        [ 'file, a part',             GET     => '/files/page.txt', $GOOD, 206, substr($PAGE, 100, 1900), [ 'Range: bytes=100-1999' ] ],
        [ 'no file',                  GET     => '/files/none',   $GOOD, 404, qr{</html>\r\n\z} ],
        [ 'application',              GET     => '/proxied',      $GOOD, 200, $PAGE ],
        [ 'application, no buffers',  GET     => '/unbuffered',   $GOOD, 200, $PAGE ],
        [ 'application, HEAD',        HEAD    => '/proxied',      $GOOD, 200, '' ],
        [ 'preflight to an error, 204', OPTIONS => '/error-204',  $GOOD, 204, '', $preflight ],
        [ 'preflight to an error, 200', OPTIONS => '/error-200',  $GOOD, 200, '', $preflight ],
        [ 'preflight before a slash, 204', OPTIONS => '/slash-204', $GOOD, 204, '', $preflight ],
        [ 'preflight before a slash, 200', OPTIONS => '/slash-200', $GOOD, 200, '', $preflight ],
        [ 'denied preflight before a slash', OPTIONS => '/slash-200', $EVIL, 200, '', $preflight ],
        [ 'redirect to a slash',      GET     => '/slash-200',    $GOOD, 301, qr{</html>\r\n\z} ],
        [ 'preflight before a return, 204', OPTIONS => '/return-204', $GOOD, 204, '', $preflight, undef, 'return-204' ],
        [ 'preflight before a return, 200', OPTIONS => '/return-200', $GOOD, 200, '', $preflight, undef, 'return-200' ],
        [ 'denied preflight before a return', OPTIONS => '/return-200', $EVIL, 200, '', $preflight, undef, 'return-200' ],
        [ 'return of a server',       GET     => '/return-200',   $GOOD, 403, "a server\n", [], undef, 'return-200' ],
    );
    return map { my %kind; @kind{qw( name method path origin status body more closes host )} = @$_; \%kind } @kinds;
}

# The counters that a request has to raise by one; nothing where it is none of theirs.
sub counted {
    my ($kind) = @_;
    my $policy = $kind->{path} =~ m{^/(?:error-|slash-|return-)?(20[04])$} ? "p$1"
        : $kind->{path} =~ m{^/(long-\d+)$} ? $1
        : $kind->{path} =~ m{^/refused} ? 'strict'
        : $kind->{path} =~ m{^/(?:files|proxied|unbuffered|ssi)} ? 'p204'
        :                                                          return;
    return join ' ', $policy, $kind->{method} eq 'OPTIONS' ? 'preflight' : 'actual',
        $kind->{origin} eq $GOOD ? 'allowed' : 'denied_origin';
}

my $LOCATIONS = <<'END';
    location = /after        { return 200 "after\n"; }
    location = /204          { cors_policy p204; return 500; }
    location = /200          { cors_policy p200; return 500; }
    location = /long-204     { cors_policy long-204; return 500; }
    location = /long-200     { cors_policy long-200; return 500; }
    location = /status       { cors_policy_status; }
    location = /status-404   { error_page 404 /status; return 404; }
    location = /ssi.html     { cors_policy p204; ssi on; root ROOT; }
    location = /refused      { cors_policy strict; return 500; }
    location = /refused-file { cors_policy strict; error_page 403 /403.txt; return 500; }
    location = /403.txt      { internal; root ROOT; }
    location = /refused-return { cors_policy strict; error_page 403 = @refused; return 500; }
    location @refused        { return 403 "refused by a return\n"; }
    location /files/         { cors_policy p204; alias ROOT/; }
    location = /proxied      { cors_policy p204; proxy_pass http://127.0.0.1:APPLICATION/page.txt; }
    location = /unbuffered   { cors_policy p204; proxy_pass http://127.0.0.1:APPLICATION/page.txt; proxy_buffering off; }
    location = /error-204    { cors_policy off; error_page 404 405 @e204; return 404; }
    location @e204           { cors_policy p204; return 500; }
    location = /error-200    { cors_policy off; error_page 404 405 @e200; return 404; }
    location @e200           { cors_policy p200; return 500; }
    location /slash-204/     { cors_policy p204; proxy_pass http://127.0.0.1:APPLICATION; }
    location /slash-200/     { cors_policy p200; proxy_pass http://127.0.0.1:APPLICATION; }
    location = /big          { alias ROOT/big.txt; }
END

my %port;
$port{$_} = free_port(values %port) for qw( full http2 tls application hasty );

# An nginx with so many policies, which answers in pages of this size.
sub start {
    my (%option) = @_;
    my $server = Server->new;
    ($POLICIES, $PAGE) = (6 + $option{policies}, substr 'a page that is as long as this one ' x 10_000, 0, $option{page});
    my $headers = join ', ', map { sprintf 'X-Long-Header-%04d', $_ } 1 .. 300;
    $server->write_file('cors.yaml', <<"END" . join '', map {"  filler-$_: { allow_origins: [https://o$_.example] }\n"} 1 .. $option{policies});
version: 1
policies:
  p204: { allow_origins: [$GOOD], allow_methods: [PUT], allow_headers: [X-A] }
  p200: { allow_origins: [$GOOD], allow_methods: [PUT], preflight_status: 200 }
  long-204: { allow_origins: [$GOOD], allow_methods: [PUT], allow_headers: [$headers] }
  long-200: { allow_origins: [$GOOD], allow_methods: [PUT], allow_headers: [$headers], preflight_status: 200 }
  strict: { allow_origins: [$GOOD], allow_methods: [PUT], enforce: true }
  open: { allow_origins: ["*"] }
END
    my $root = $server->path('files');
    mkdir $root;
    $server->write_file('files/page.txt', $PAGE);
    $server->write_file('files/big.txt',  'a large download ' x 300_000);
    $server->write_file('files/403.txt',  "refused by a file\n");
    $server->write_file('files/ssi.html', qq{<p><!--# include virtual="/status" --></p>\n});
    $server->write_file('files/gone.txt', "still there\n");
    $server->write_file('tls.pem',        $certificate);
    my $locations = ($LOCATIONS . ($option{locations} // '')) =~ s/ROOT/$root/gr =~ s/APPLICATION/$port{application}/gr;
    my $listen = join "\n", "listen 127.0.0.1:@{[ $server->port ]};", "listen 127.0.0.1:$port{full}FULL;",
        $has{v2}  ? "listen 127.0.0.1:$port{http2} http2;" : (),
        $has{tls} ? "listen 127.0.0.1:$port{tls} ssl @{[ $has{v2} ? 'http2' : '' ]};" : ();
    # Options of a port are said once.
    my $listening = $listen =~ s/FULL//r;
    my $first     = $listen =~ s/FULL/ sndbuf=16k/r;
    my $servers   = join "\n", map { my $here = $first; $first = $listening; <<"END" } sort keys %SETTINGS;
    server {
        $here
        server_name $_;
        access_log $root.log requests;
        $SETTINGS{$_}
        $locations
    }
END
    $server->write_conf(
        workers     => 1,
        connections => 1000,
        http        => <<"END",
    cors_policy_file cors.yaml;
    log_format requests '\$request_method \$request_uri \$status';
    proxy_buffers 4 4k;
    @{[ $has{tls} ? 'ssl_certificate tls.pem; ssl_certificate_key tls.pem;' : '' ]}
    server {
        listen 127.0.0.1:$port{application};
        access_log $root.application.log requests;
        location /missing/ { return 404; }
        location / { root $root; error_page 403 404 405 =200 \@application; }
        location \@application { return 200 "application\\n"; }
    }
    # Who does not read is not waited for.
    server {
        listen 127.0.0.1:$port{hasty} sndbuf=16k;
        send_timeout 1s;
        lingering_timeout 1s;
        client_header_timeout 1s;
        keepalive_timeout 1s;
        keepalive_requests 100000;
        $locations
    }
    $servers
    # Servers that answer as a whole.
    server {
        $listening
        server_name return-204;
        cors_policy p204;
        return 301 https://other.example/;
    }
    server {
        $listening
        server_name return-200;
        cors_policy p200;
        return 403 "a server\\n";
    }
END
        server => '',
    );
    $server->start;
    return $server;
}

# The text of a request: HTTP/1.0 or 1.1, and whether it is the last one on its connection.
sub text {
    my ($kind, $host, $version, $is_last) = @_;
    return join "\r\n", "$kind->{method} $kind->{path} HTTP/$version", "Host: @{[ $kind->{host} // $host ]}",
        defined $kind->{origin} ? "Origin: $kind->{origin}" : (), @{ $kind->{more} // [] },
        $is_last ? 'Connection: close' : $version eq '1.0' ? 'Connection: keep-alive' : (),
        defined $kind->{content} ? ('Content-Length: ' . length $kind->{content}, '', $kind->{content}) : ('', '');
}

my $AFTER = { name => 'the next one', method => 'GET', path => '/after', status => 200, body => "after\n" };

# What is wrong with an answer.
sub wrong_with {
    my ($kind, $answer) = @_;
    return 'none' if !$answer;
    return "status $answer->{status}" if $answer->{status} !~ /\A(?:$kind->{status})\z/;
    my $headers = $answer->{headers};
    my @twice   = grep { @{ $headers->{$_} } > 1 } grep {/^access-control|^content-(?!range)|^vary$|^date$|^server$/} keys %$headers;
    return "twice: @twice" if @twice;
    my $wrong = wrong_body($kind, $answer->{body});
    return $wrong if $wrong;
    my $length = ($headers->{'content-length'} // [])->[0];
    return 'Content-Length in a 204' if $answer->{status} == 204 && (defined $length || $headers->{'transfer-encoding'});
    return 'no Content-Length: 0' if $kind->{method} eq 'OPTIONS' && $kind->{status} eq 200 && $kind->{body} eq '' && ($length // '') ne '0';
    return 'no Content-Length' if $kind->{path} =~ /^\/status/ && !$length;
    return '' if $kind->{is_loose} || !counted($kind);
    my $allowed = ($headers->{'access-control-allow-origin'} // [''])->[0];
    return "Access-Control-Allow-Origin: $allowed" if $allowed ne ($kind->{origin} eq $GOOD ? $GOOD : '');
    return 'no Vary' if ($headers->{vary} // [''])->[0] !~ /\bOrigin\b/;
    return 'Access-Control-Allow-Headers is cut off'
        if $kind->{path} =~ /^\/long/ && ($headers->{'access-control-allow-headers'} // [''])->[0] !~ /0300\z/;
    return '';
}

sub wrong_body {
    my ($kind, $body) = @_;
    my $expected = $kind->{body};
    if (ref $expected eq 'CODE') {
        my $wrong = $expected->($body);
        return $wrong && "body: $wrong";
    }
    return '' if ref $expected ? $body =~ $expected : $body eq $expected;
    return 'body: ' . Conversations::excerpt($body);
}

# What is wrong, in a few lines.
sub summary {
    my @wrong = @_;
    return join "\n", @wrong > 6 ? (@wrong[ 0 .. 5 ], 'and ' . (@wrong - 6) . ' more') : @wrong;
}

my $combinations = 0;
my %expected;

# conversation($all, $wrong, $name, \@kinds, %how): asks for all of these and for one that is sure, by
# one connection. `way` is `HTTP/1.0`, which closes behind one request, `HTTP/1.0 kept`, `HTTP/1.1`, in turn,
# or `pipelined`. What is wrong comes into the list.
sub conversation {
    my ($all, $wrong, $name, $kinds, %how) = @_;
    my $version = $how{way} =~ /1\.0/ ? '1.0' : '1.1';
    my $closes  = sub { $_[0]{closes} && $version =~ $_[0]{closes} };
    my @asked   = @$kinds == 1 ? @$kinds : grep { !$closes->($_) } @$kinds;
    push @asked, $AFTER if $how{way} ne 'HTTP/1.0' && !$closes->($asked[0]);
    my @parts   = map { [ text($asked[$_], $how{host}, $version, $_ == $#asked), $asked[$_]{method} ] } 0 .. $#asked;
    @parts = [ join('', map { $_->[0] } @parts), map { $_->[1] } @parts ] if $how{way} eq 'pipelined';
    $combinations++;
    for my $kind (@asked) {
        my $counted = counted($kind) or next;
        $expected{$counted}++;
    }
    $all->add(
        name  => $name,
        parts => \@parts,
        port  => $how{port},
        map({ $_ => $how{$_} } grep { defined $how{$_} } qw( socket room pace )),
        on_end => sub {
            my ($answers, $failed) = @_;
            for my $index (0 .. $#asked) {
                last if !$answers->[$index];
                my $bad = wrong_with($asked[$index], $answers->[$index]) or next;
                push @$wrong, "$name: $asked[$index]{name}: $bad";
                last;
            }
            push @$wrong, "$name: $failed" if $failed;
        },
    );
    return;
}

# As much as HTTP/2 can say.
my $WIDE = 0x7fffffff;

# Over HTTP/2: the kinds as streams of one connection, beside a large download.

sub ask_over_http2 {
    my ($connection, $host, $kind) = @_;
    $connection->{authority} = $kind->{host} // $host;
    my @more = map { my ($name, $value) = split /: /, $_, 2; [ lc $name, $value ] } @{ $kind->{more} // [] };
    return $connection->request($kind->{method}, $kind->{path},
        defined $kind->{origin} ? [ origin => $kind->{origin} ] : (), @more);
}

sub wrong_over_http2 {
    my ($connection, $kind, $stream) = @_;
    my $state = $connection->state($stream);
    return "reset: $state->{reset}" if defined $state->{reset};
    return 'no end' if !$state->{ended};
    return "ends $state->{ended} times" if $state->{ended} != 1;
    return "status $state->{status}" if $state->{status} != $kind->{status};
    return wrong_body($kind, $state->{body});
}

my $BIG = { name => 'the download', method => 'GET', path => '/big', status => 200, body => 'a large download ' x 300_000 };

sub over_http2 {
    my ($wrong, $host, $kinds, $connection) = @_;
    my @asked   = ($host eq 'throttled' ? grep { $_->{path} ne '/unbuffered' } @$kinds : ($BIG, @$kinds));
    my @streams = map { ask_over_http2($connection, $host, $_) } @asked;
    $connection->until(sub { !grep { !$connection->state($_)->{ended} } @streams });
    note_over_http2($wrong, $connection, \@asked, \@streams);
    return;
}

sub note_over_http2 {
    my ($wrong, $connection, $asked, $streams) = @_;
    for my $index (0 .. $#$asked) {
        $combinations++;
        my $counted = counted($asked->[$index]);
        $expected{$counted}++ if $counted;
        my $bad = wrong_over_http2($connection, $asked->[$index], $streams->[$index]) or next;
        push @$wrong, "$asked->[$index]{name}: $bad";
    }
    return;
}

# No body is let through at first: what has none is answered at once, and everything else is whole in
# the end, though it comes a few bytes at a time.
sub with_small_windows {
    my ($wrong, $host, $kinds) = @_;
    my $connection = HTTP2->new($port{http2}, window => 0);
    my @asked      = ($BIG, @$kinds);
    my @streams    = map { ask_over_http2($connection, $host, $_) } @asked;
    my @empty      = grep { ref $asked[$_]{body} eq '' && $asked[$_]{body} eq '' } 0 .. $#asked;
    $connection->until(sub {
        !grep({ !$connection->state($streams[$_])->{ended} } @empty) && !grep { !$connection->state($_)->{status} } @streams;
    }) or push @$wrong, 'not all headers come without a window';
    my @early = grep { length $connection->state($streams[$_])->{body} } 0 .. $#asked;
    push @$wrong, "a body before its window: $asked[$_]{name}" for @early;

    # The status page a little at a time, and the download between.
    my ($slow) = grep { $asked[$_]{name} eq 'metrics' } 0 .. $#asked;
    for my $step (1 .. 20) {
        $connection->more($streams[$slow], 100);
        $connection->more($streams[0],     10_000);
        $connection->until(sub {
            my $state = $connection->state($streams[$slow]);
            return $state->{ended} || length $state->{body} >= 100 * $step && length $connection->state($streams[0])->{body} >= 10_000 * $step;
        }) or push @$wrong, "nothing comes by step $step";
    }
    $connection->more($_, $WIDE - 1_000_000) for @streams;
    $connection->until(sub { !grep { !$connection->state($_)->{ended} } @streams });
    note_over_http2($wrong, $connection, \@asked, \@streams);
    return;
}

sub resources {
    my ($server) = @_;
    my ($worker) = $server->workers_of_master;
    opendir my $folder, "/proc/$worker/fd" or die "/proc/$worker/fd: $!\n";
    return scalar grep { (readlink "/proc/$worker/fd/$_") // '' =~ /^socket/ } grep {/^\d/} readdir $folder;
}

# That all is as before: the same worker, no connection that nobody has, nothing alarming.
sub is_well {
    my ($server, $when, $worker, $before) = @_;
    is_deeply [ $server->workers_of_master ], [$worker], "$when: the worker lives";
    ok Server::wait_for(30, sub { resources($server) <= $before }), "$when: no connection is left"
        or diag resources($server) . " for $before before";
    my @alarming = grep {/\[(?:alert|crit|emerg)\]|header already sent|exited on signal/} split /^/, $server->log;
    is_deeply \@alarming, [], "$when: nothing is alarming";
    return;
}

sub counts {
    my ($server) = @_;
    my $value = JSON::PP::decode_json($server->request('GET', '/status?format=json') =~ /\r\n\r\n(.*)\z/s ? $1 : '{}');
    my %counts;
    for my $policy (keys %{ $value->{policies} // {} }) {
        for my $counter (@{ $value->{policies}{$policy} }) {
            $counts{"$policy $counter->{request} $counter->{decision}"} = $counter->{count} if $counter->{count};
        }
    }
    return \%counts;
}

# Everything by every way: with few policies, and with so many that the status page is larger than any
# buffer.

my @WAYS = ('HTTP/1.0', 'HTTP/1.0 kept', 'HTTP/1.1', 'pipelined');

for my $size ([ 0, 4000 ], [ 400, 300_000 ]) {
    my ($policies, $page) = @$size;
    my $server   = start(policies => $policies, page => $page);
    my ($worker) = $server->workers_of_master;
    my $before   = resources($server);
    my $what     = $policies ? 'large pages' : 'small pages';
    my @kinds    = kinds();
    %expected = ();

    # What is throttled takes its time, so all of it is under way at once, and from the beginning.
    my $all = Conversations->new(parallel => 300);
    my %wrong;
    for my $host ($policies ? () : 'throttled', grep { $_ ne 'throttled' } sort keys %SETTINGS) {
        # nginx itself never ends such a response where it has to wait with the header.
        my @here = grep { !($host eq 'throttled' && $_->{path} eq '/unbuffered') } @kinds;
        for my $way (@WAYS) {
            conversation($all, $wrong{"$host, $way"} //= [], $_->{name}, [$_], way => $way, host => $host, port => $server->port)
                for @here;
        }
        for my $kind (@here) {
            my $name = $kind->{name};
            conversation($all, $wrong{"$host, a full socket"} //= [], $name, $kind->{closes} ? [$kind] : [ $kind, $kind ],
                way => 'pipelined', host => $host, port => $port{full}, room => 4096, pace => 'late');
            next if $host eq 'throttled' || !$has{tls};
            conversation($all, $wrong{"$host, TLS"} //= [], $name, [$kind],
                way => 'pipelined', host => $host, socket => Conversations::tls($port{tls}), pace => 'late');
        }
        next if $host eq 'throttled';
        for my $pace ('at once', 'late', 'full') {
            conversation($all, $wrong{"$host, all in a row"} //= [], $pace, [ @kinds, reverse @kinds ],
                way => 'pipelined', host => $host, port => $port{full}, room => 8192, pace => $pace);
        }
    }
    $all->run;
    for my $host ($has{v2} ? sort keys %SETTINGS : ()) {
        next if $policies && $host eq 'throttled';
        over_http2($wrong{"$host, HTTP/2"} //= [], $host, \@kinds, HTTP2->new($port{http2}, window => $WIDE));
        over_http2($wrong{"$host, HTTP/2 over TLS"} //= [], $host, \@kinds,
            HTTP2->new(0, window => $WIDE, socket => Conversations::tls($port{tls}, '-alpn', 'h2')))
            if $has{tls} && $host ne 'throttled';
        with_small_windows($wrong{"$host, HTTP/2 with small windows"} //= [], $host, \@kinds) if $host ne 'throttled';
    }
    for my $group (sort keys %wrong) {
        is summary(@{ $wrong{$group} }), '', "$what, $group: all answers are whole, and in order";
    }
    my $counts = counts($server);
    is_deeply { map { $_ => $counts->{$_} } keys %expected }, \%expected, "$what: each request is counted once";
    is_well($server, $what, $worker, $before);
    $server->stop;
}

# The rest is about single things, in one more nginx.

my $SPECIAL = <<'END';
    # Each of these comes from an error: the policy of the named location answers.
    location = /named/404 { cors_policy off; error_page 404 405 @n204; return 404; }
    location = /named/405 { cors_policy off; error_page 404 405 @n204; root ROOT; try_files /page.txt =404; }
    location = /named/equals { cors_policy off; error_page 404 = @n204; return 404; }
    location = /named/200 { cors_policy off; error_page 404 =200 @n204; return 404; }
    location = /named/502 { cors_policy off; error_page 502 @n204; proxy_pass http://127.0.0.1:1; }
    location = /named/application { cors_policy off; proxy_intercept_errors on; error_page 404 @n204; proxy_pass http://127.0.0.1:APPLICATION/missing/; }
    location = /named/twice { cors_policy off; recursive_error_pages on; error_page 404 @again; return 404; }
    location @again { cors_policy off; error_page 410 @n204; return 410; }
    location = /named/file { cors_policy off; try_files /none @n204; }
    location = /named/refused { cors_policy off; error_page 404 @strict; return 404; }
    location @n204 { cors_policy p204; return 500; }
    location @strict { cors_policy strict; return 500; }
    location = /named-200/404 { cors_policy off; error_page 404 @n200; return 404; }
    location = /named-200/equals { cors_policy off; error_page 404 =204 @n200; return 404; }
    location @n200 { cors_policy p200; return 500; }

    # Behind these the application is asked once more.
    location = /post/preflight { cors_policy p204; post_action @post; return 500; }
    location = /post/preflight-200 { cors_policy p200; post_action @post; return 500; }
    location = /post/refused { cors_policy strict; post_action /403.txt; return 500; }
    location = /post/plain { post_action @post; return 200 "plain\n"; }
    location = /post/governed { cors_policy p204; post_action @post; return 200 "governed\n"; }
    location = /post/to-preflight { post_action @post-204; return 200 "plain\n"; }
    location = /post/to-preflight-200 { post_action @post-200; return 200 "plain\n"; }
    location = /post/to-strict { post_action @post-strict; return 200 "plain\n"; }
    location = /post/both { cors_policy p204; post_action @post-200; return 500; }
    location = /post/both-200 { cors_policy p200; post_action @post-204; return 500; }
    location = /post/uri { cors_policy p204; post_action /post-uri; return 500; }
    location = /post-uri { cors_policy p200; proxy_pass http://127.0.0.1:APPLICATION/post/uri; }
    location = /post/status { post_action /status; return 200 "plain\n"; }
    location = /post/after-status { cors_policy_status; post_action @post; }
    location @post { proxy_pass http://127.0.0.1:APPLICATION; }
    location @post-204 { cors_policy p204; proxy_pass http://127.0.0.1:APPLICATION; }
    location @post-200 { cors_policy p200; proxy_pass http://127.0.0.1:APPLICATION; }
    location @post-strict { cors_policy strict; proxy_pass http://127.0.0.1:APPLICATION; }

    # What is refused must not reach any of these.
    location @application { proxy_pass http://127.0.0.1:APPLICATION; }
    location @open { cors_policy open; proxy_pass http://127.0.0.1:APPLICATION; }
    location @off { cors_policy off; proxy_pass http://127.0.0.1:APPLICATION; }
    location @if { if ($request_method) { proxy_pass http://127.0.0.1:APPLICATION; } }
    location @try { root ROOT; try_files /none @application; }
    location @try-uri { root ROOT; try_files /none /uri/application; }
    location @last { rewrite ^ /uri/application last; }
    location @last-twice { rewrite ^ /uri/last last; }
    location @dav { root ROOT; dav_methods PUT DELETE MKCOL COPY MOVE; rewrite ^ /gone.txt break; }
    location @fastcgi { fastcgi_pass 127.0.0.1:APPLICATION; }
    location @status { cors_policy_status; }
    location /uri/ {
        location = /uri/application { proxy_pass http://127.0.0.1:APPLICATION; }
        location = /uri/if { if ($request_method) { proxy_pass http://127.0.0.1:APPLICATION; } }
        location = /uri/last { rewrite ^ /uri/application last; }
        location = /uri/set { set $to application; rewrite ^ /uri/$to last; }
        location = /uri/none { root ROOT; error_page 404 = @application; recursive_error_pages on; }
        location = /uri/return { error_page 410 = @application; recursive_error_pages on; return 410; }
        location = /uri/index/ { alias ROOT/; index none page.txt; }
        location = /uri/index/page.txt { proxy_pass http://127.0.0.1:APPLICATION; }
    }

    # To these it may come.
    location @return { return 403 "sorry\n"; }
    location @return-200 { return 200 "sorry\n"; }
    location @file { root ROOT; try_files /403.txt =404; }
    location @break { root ROOT; rewrite ^ /403.txt break; }
    location = /sorry/return { return 403 "sorry\n"; }
    location = /sorry/last { rewrite ^ /403.txt last; }
END

# name, error_page, status, body; of a POST where that is another.
my @REFUSED = (
    [ 'a named location',                '403 = @application'          ],
    [ 'with a status',                   '403 =200 @application'       ],
    [ 'with the same status',            '403 @application'            ],
    [ 'with a policy that lets it in',   '403 = @open'                 ],
    [ 'without a policy',                '403 = @off'                  ],
    [ 'an if',                           '403 = @if'                   ],
    [ 'try_files',                       '403 = @try'                  ],
    [ 'try_files to a URI',              '403 = @try-uri'              ],
    [ 'rewrite',                         '403 = @last'                 ],
    [ 'rewrite, twice',                  '403 = @last-twice'           ],
    [ 'FastCGI',                         '403 = @fastcgi'              ],
    [ 'the status page',                 '403 = @status'               ],
    [ 'a URI',                           '403 /uri/application'        ],
    [ 'a URI with a status',             '403 =200 /uri/application'   ],
    [ 'a URI with an if',                '403 = /uri/if'               ],
    [ 'a URI with rewrite',              '403 = /uri/last'             ],
    [ 'a URI with rewrite and set',      '403 = /uri/set'              ],
    [ 'a URI with index',                '403 = /uri/index/'           ],
    [ 'a URI that is none',              '403 = /uri/none; recursive_error_pages on',   '403|404', qr{</html>} ],
    [ 'a URI that is another error',     '403 = /uri/return; recursive_error_pages on', '403|410', qr{</html>} ],
    [ 'errors of errors',                '403 = @application; recursive_error_pages on' ],
    [ 'errors of errors, a URI',         '403 =200 /uri/application; recursive_error_pages on' ],
    [ 'a file',                          '403 /403.txt',       403, "refused by a file\n" ],
    [ 'a file with a status',            '403 =451 /403.txt',  451, "refused by a file\n" ],
    [ 'a file with 200',                 '403 =200 /403.txt',  200, "refused by a file\n" ],
    [ 'a file by try_files',             '403 @file',          403, "refused by a file\n", 'GET' ],
    [ 'a file by rewrite',               '403 @break',         403, "refused by a file\n", 'GET' ],
    [ 'a file by rewrite of a URI',      '403 /sorry/last',    403, "refused by a file\n" ],
    [ 'a return',                        '403 @return',        403, "sorry\n" ],
    [ 'a return, which has the word',    '403 = @return-200',  200, "sorry\n" ],
    [ 'a return and a status',           '403 =451 @return',   451, "sorry\n" ],
    [ 'a return at a URI',               '403 /sorry/return',  403, "sorry\n" ],
    [ 'errors of errors, a return',      '403 @return; recursive_error_pages on', 403, "sorry\n" ],
    [ 'another site',                    '403 https://other.example/', 302, qr{302 Found} ],
);
$SPECIAL .= "    location = /dav { cors_policy strict; error_page 403 = \@dav; root ROOT; }\n" if $has{dav};
$SPECIAL =~ s/^.*dav_methods.*\n//m if !$has{dav};
for my $index (0 .. $#REFUSED) {
    # As by a location that would send it to the application, and by one that would not.
    my $page = $REFUSED[$index][1];
    $SPECIAL .= <<"END";
    location = /refused/$index { cors_policy strict; error_page $page; return 500; }
    location = /refused/$index/application { cors_policy strict; error_page $page; proxy_pass http://127.0.0.1:APPLICATION; }
END
}

my $server   = start(policies => 0, page => 4000, locations => $SPECIAL, connections => 900);
my ($worker) = $server->workers_of_master;
my $before   = resources($server);

# told($file): the lines of a log since the last time, without those of its own.
my %told;

sub told {
    my ($file) = @_;
    open my $log, '<', $server->path("files$file.log") or return;
    seek $log, $told{$file} // 0, 0;
    my @lines = <$log>;
    $told{$file} = tell $log;
    chomp @lines;
    return grep { !m{ /(?:after|pid|status)\b} } @lines;
}

sub ask {
    my ($wrong, $kinds, %how) = @_;
    my $all = Conversations->new(%how);
    for my $kind (@$kinds) {
        conversation($all, $wrong, $_, [$kind], way => $_, host => 'plain', port => $server->port) for @WAYS;
    }
    $all->run;
    return;
}

sub preflight {
    my ($path, $status, $origin) = @_;
    return { name => $path, method => 'OPTIONS', path => $path, status => $status, body => '', origin => $origin // $GOOD,
        more => ['Access-Control-Request-Method: PUT'] };
}

# A preflight that an error leads to a named location with a policy.

told($_) for '', '.application';
for my $case (
    (map { [ $_, 204 ] } qw( 404 405 equals 200 502 application twice file refused )),
    [ '-200/404', 200 ], [ '-200/equals', 200 ])
{
    my ($path, $status) = ($case->[0] =~ /^-/ ? "/named$case->[0]" : "/named/$case->[0]", $case->[1]);
    for my $origin ($GOOD, $EVIL) {
        my @wrong;
        ask(\@wrong, [ preflight($path, $status, $origin) ]);
        is summary(@wrong), '', "$path: a preflight from $origin gets the $status of the named location's policy";
        is_deeply [ told('') ], [ ("OPTIONS $path $status") x @WAYS ], "$path: as the access log says";
    }
}
my ($allow) = $server->request('OPTIONS', '/named/404', "Origin: $GOOD", 'Access-Control-Request-Method: PUT')
    =~ /^Access-Control-Allow-Methods: (.*)\r$/m;
is $allow, 'PUT', 'with what it allows';
is_well($server, 'named locations', $worker, $before);

# What is refused, and where its error_page leads.

told($_) for '', '.application';
for my $index (0 .. $#REFUSED) {
    my ($name, $page, $status, $body, $only) = @{ $REFUSED[$index] };
    my @wrong;
    my @kinds = map {
        my $path = $_;
        # Its location's policy has the last word on the headers of the page.
        map { { name => "$_ $path", method => $_, path => $path, is_loose => scalar $page =~ /\@(?:open|off)/, origin => $EVIL, status => $status // 403, body => $body // $PAGE_403,
            ($_ eq 'POST' ? (content => 'some=thing') : ()) } } $only // qw( GET POST DELETE )
    } "/refused/$index", "/refused/$index/application";
    ask(\@wrong, \@kinds);
    is summary(@wrong), '', "error_page $page ($name): " . ($status ? 'works as for any 403' : "nginx's own page is sent");
    is_deeply [ told('.application') ], [], "error_page $page ($name): the application does not see it";
}
SKIP: {
    skip 'nginx is built without WebDAV', 2 if !$has{dav};
    my @wrong;
    ask(\@wrong, [ map { { name => $_, method => $_, path => '/dav', origin => $EVIL, status => 403, body => qr/./,
        $_ eq 'PUT' ? (content => 'overwritten') : (), $_ eq 'MOVE' ? (more => ['Destination: /moved.txt']) : () } } qw( DELETE PUT MOVE MKCOL ) ]);
    is summary(@wrong), '', 'error_page 403 = @dav: a refused DELETE, PUT, MOVE and MKCOL get 403';
    is_deeply [ map { -s $server->path("files/$_") } qw( gone.txt moved.txt ) ], [ length "still there\n", undef ],
        'error_page 403 = @dav: the file is what it was';
}
is_well($server, 'refusals', $worker, $before);

# post_action: the response is sent by then.

told($_) for '', '.application';
my $counts_before = counts($server);
%expected = ();
for my $case (
    [ preflight('/post/preflight',     204), 1, 'p204 preflight allowed' ],
    [ preflight('/post/preflight-200', 200), 1, 'p200 preflight allowed' ],
    [ preflight('/post/preflight',     204, $EVIL), 1, 'p204 preflight denied_origin' ],
    [ { method => 'GET', path => '/post/refused', origin => $EVIL, status => 403, body => $PAGE_403 }, 0, 'strict actual denied_origin' ],
    [ { method => 'GET', path => '/post/plain',    origin => $EVIL, status => 200, body => "plain\n" },    1 ],
    [ { method => 'GET', path => '/post/governed', origin => $EVIL, status => 200, body => "governed\n" }, 1, 'p204 actual denied_origin' ],
    (map { my $path = $_; (
        [ { %{ preflight($path, 200) }, body => "plain\n" }, 1 ],
        [ { method => 'GET', path => $path, origin => $EVIL, status => 200, body => "plain\n" }, 1 ],
    ) } qw( /post/to-preflight /post/to-preflight-200 /post/to-strict )),
    [ preflight('/post/both',     204), 1, 'p204 preflight allowed' ],
    [ preflight('/post/both-200', 200), 1, 'p200 preflight allowed' ],
    [ preflight('/post/uri',      204), 1, 'p204 preflight allowed' ],
    [ { method => 'GET', path => '/post/status', origin => $GOOD, status => 200, body => "plain\n" }, 0 ],
    [ { method => 'GET', path => '/post/after-status', origin => $GOOD, status => 200, body => \&is_metrics }, 1 ],
    [ { method => 'HEAD', path => '/post/after-status', origin => $GOOD, status => 200, body => '' }, 1 ],
) {
    my ($kind, $asked, $counted) = @$case;
    my $name = $kind->{name} = "$kind->{method} $kind->{path} from $kind->{origin}";
    my @wrong;
    ask(\@wrong, [$kind]);
    is summary(@wrong), '', "post_action, $name: the answer is whole, once, and so is the next";
    my @told;
    Server::wait_for(5, sub { push @told, told('.application'); @told >= $asked * @WAYS });
    is_deeply [ map {s/ \d+$//r} @told ], [ ("$kind->{method} $kind->{path}") x ($asked * @WAYS) ],
        "post_action, $name: the application is asked " . ($asked ? 'once' : 'nothing');
    $counts_before->{$counted} += @WAYS if $counted;
    my $counts = counts($server);
    is_deeply $counts, $counts_before, "post_action, $name: " . ($counted ? 'counted once' : 'not counted');
    $counts_before = $counts;
}
is_well($server, 'post_action', $worker, $before);

# A client that does not read, until nginx can send nothing more.

my $LONG = 400;
for my $status (204, 200) {
    my $kind = { %{ preflight("/long-$status", $status) }, name => "long preflight, $status" };
    for my $where ('a small socket', 'a usual socket', $has{tls} ? 'TLS' : ()) {
        my @wrong;
        my $all = Conversations->new;
        for my $pace ('full', 'late', 'at once') {
            conversation($all, \@wrong, $pace, [ ($kind) x $LONG ], way => 'pipelined', host => 'pushed', pace => $pace,
                $where eq 'a small socket' ? (port => $port{full}, room => 4096)
                : $where eq 'TLS'          ? (socket => Conversations::tls($port{tls}))
                :                            (port => $server->port));
        }
        $all->run;
        is summary(@wrong), '', "$where: $LONG long preflights in a row, $status, are all answered, in order";
    }
}
is_well($server, 'full sockets', $worker, $before);

# Clients that go away: at once, when they have read a little, or when nginx waits for them; by a close or
# a reset. And ones that stay and do not read.

my %leaves = (
    closes => sub { close $_[0] },
    resets => sub { Conversations::reset_connection($_[0]) },
    stays  => undef,
);
my @staying;
my %gone;
for my $how (sort keys %leaves) {
    for my $kind (kinds()) {
        for my $read (0, 300) {
            my $port   = $how eq 'stays' ? $port{hasty} : $port{full};
            my $socket = Conversations::connect_to($port, 4096);
            $socket->blocking(0);
            my $text = text($kind, $read ? 'pushed' : 'throttled', '1.1') x 300;
            my $end  = time + ($read ? 0.05 : 0.02);
            while (length $text && time < $end) {
                my $sent = syswrite $socket, $text;
                defined $sent ? substr $text, 0, $sent, '' : sleep 0.005;
            }
            if ($read) {
                IO::Select->new($socket)->can_read(1) and sysread $socket, my ($some), $read;
            }
            $leaves{$how} ? $leaves{$how}->($socket) : push @staying, $socket;
            $gone{$how}++;
            $combinations++;
        }
    }
}
if ($has{v2}) {
    for my $host ('pushed', 'throttled') {
        for my $how ('closes', 'resets') {
            my $connection = HTTP2->new($port{http2}, window => 0);
            my @streams    = map { ask_over_http2($connection, $host, $_) } $BIG, kinds();
            $connection->more($streams[0], 100_000);
            $connection->until(sub { length $connection->state($streams[0])->{body} }) if $host eq 'pushed';
            $leaves{$how}->($connection->{socket});
            $gone{$how}++;
        }
    }
}
note join ', ', map {"$gone{$_} $_"} sort keys %gone;
cmp_ok $gone{$_}, '>', 50, "clients: one $_, often enough" for sort keys %gone;
is_well($server, 'clients that go away, and ones that do not read', $worker, $before);
close $_ for @staying;
ok $server->request('GET', '/204', "Origin: $GOOD") =~ /^HTTP\/1\.1 500/, 'nginx serves on';
$server->stop;

diag "return codes: $combinations combinations of response, connection and client";
done_testing();
