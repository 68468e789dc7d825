package Application;

use strict;
use warnings;

use Digest::MD5 qw( md5_hex );
use IO::Socket::UNIX;
use POSIX ();

=head1 NAME

Application - what the compared nginx are a proxy for

=head1 DESCRIPTION

A small HTTP/1.1 server with everything that an application may do to a proxy. Every answer is
written at once and is the same for the same request, so that what nginx makes of it is, too.

    my $pid = Application::start('/path/of.sock');

=cut

sub start {
    my ($path) = @_;
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64)
        or die "cannot listen on $path: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        return $pid;
    }
    local @SIG{qw( CHLD INT TERM )} = qw( IGNORE DEFAULT DEFAULT );
    while (1) {
        my $connection = $listener->accept or next;
        my $child      = fork // die "fork: $!\n";
        if (!$child) {
            close $listener;
            serve($connection);
            POSIX::_exit(0);
        }
        close $connection;
    }
}

sub serve {
    my ($connection) = @_;
    my $buffer = '';
    while (my $request = read_request($connection, \$buffer)) {
        my $answer = answer($request) // return;

        # The end of the connection is announced, lest nginx sends another request.
        my $last = $request->{head} =~ m{^Connection: close\r$|\A\S+ \S+ HTTP/1\.0}m;
        $answer =~ s{\A(HTTP/.*\r\n)}{$1Connection: close\r\n} if $last;
        print {$connection} $answer;
        $connection->flush;
        if ($answer =~ m{\AHTTP/\S+ 101}) {
            echo_frames($connection, $buffer);
            return;
        }
        return if $last || $answer !~ m{\AHTTP/} || $answer =~ /^Connection: close\r$/m;
    }
    return;
}

# The next request, or undef at the end of the connection.
sub read_request {
    my ($connection, $buffer) = @_;
    my $more = sub { sysread $connection, $$buffer, 65536, length $$buffer };
    while ($$buffer !~ /\r\n\r\n/) { $more->() or return }
    $$buffer =~ s/\A(.*?\r\n)\r\n//s;
    my $head = $1;
    my $body = '';
    if ($head =~ /^Content-Length: (\d+)\r$/mi) {
        while (length $$buffer < $1) { $more->() or return }
        $body = substr $$buffer, 0, $1, '';
    }
    elsif ($head =~ /^Transfer-Encoding: chunked\r$/mi) {
        while (1) {
            while ($$buffer !~ /\r\n/) { $more->() or return }
            $$buffer =~ s/\A([0-9a-f]+)[^\r]*\r\n//i or return;
            my $size = hex $1;
            while (length $$buffer < $size + 2) { $more->() or return }
            $body .= substr $$buffer, 0, $size, '';
            substr $$buffer, 0, 2, '';
            last if !$size;
        }
    }
    my ($method, $uri) = $head =~ /\A(\S+) (\S+)/;
    return { method => $method, uri => $uri, head => $head, body => $body };
}

# What is sent back: status line, headers and body; nothing for a connection that just ends.
sub answer {
    my ($request) = @_;
    my $head = $request->{head};
    for ($request->{uri}) {
        if (m{^/status/(\d+)}) {
            return response("$1 Status", ['Content-Type: text/plain'], "status $1\n", $request);
        }
        if (m{^/verdict/(\d*)}) {
            my $status = $1 || 200;
            my @ask    = $status == 401 ? 'WWW-Authenticate: Basic realm="application"' : ();
            return response("$status Verdict", ["X-Verdict: $status", @ask], '', $request);
        }
        if (m{^/conditional}) {
            my @fields = ('ETag: "v1"', 'Cache-Control: max-age=600', 'Vary: Accept-Language');
            return response('304 Not Modified', \@fields, undef, $request)
                if $head =~ /^If-None-Match: "v1"\r$/mi;
            return response('200 OK', \@fields, "conditional\n", $request);
        }
        if (m{^/range}) {
            my $all    = join '', map {"line $_ of the range\n"} 1 .. 200;
            my @fields = ('ETag: "range"', 'Accept-Ranges: bytes');
            return response('200 OK', \@fields, $all, $request)
                if $head !~ /^Range: bytes=(\d+)-(\d+)\r$/mi;
            my ($first, $last) = ($1, $2 < length $all ? $2 : length($all) - 1);
            push @fields, "Content-Range: bytes $first-$last/" . length $all;
            return response('206 Partial Content', \@fields,
                substr($all, $first, $last - $first + 1), $request);
        }
        if (m{^/chunked}) {
            return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                . ($request->{method} eq 'HEAD'
                ? ''
                : "6\r\nfirst\n\r\n7\r\nsecond\n\r\n0\r\n\r\n");
        }
        if (m{^/to-the-end}) {
            # Its end is the end of the connection.
            return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end\n";
        }
        if (m{^/cut-short}) {
            return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\ncut short\n";
        }
        if (m{^/no-answer}) {
            return undef;    ## no critic (ProhibitExplicitReturnUndef)
        }
        if (m{^/nonsense}) {
            return "nonsense\r\n\r\n";
        }
        if (m{^/x-accel/(.*)}) {
            return response('200 OK',
                ["X-Accel-Redirect: /internal/$1", 'Set-Cookie: a=1', 'Set-Cookie: b=2'],
                "not this\n", $request);
        }
        if (m{^/upgrade} && $head =~ /^Upgrade: websocket\r$/mi) {
            return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                . "Connection: Upgrade\r\nSec-WebSocket-Accept: accepted\r\n\r\n";
        }
        if (m{^/large}) {
            my $body = join '', map {"line $_ of many\n"} 1 .. 20_000;
            return response('200 OK', [], $body, $request);
        }
        if (m{^/cookies}) {
            return response('200 OK',
                ['Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2', 'X-Application: one', 'Link: <x>',
                    'Vary: Cookie', 'Cache-Control: private', 'Cache-Control: no-store'],
                "cookies\n", $request);
        }
        if (m{^/plain}) {
            return response('200 OK', ['Content-Type: text/plain'], "plain\n", $request);
        }
    }

    # What has arrived here, which is to be the same as well.
    return response('200 OK', ['Content-Type: text/plain'],
        $head . length($request->{body}) . ' bytes, ' . md5_hex($request->{body}) . "\n", $request);
}

sub response {
    my ($status, $fields, $body, $request) = @_;
    my @length = defined $body ? 'Content-Length: ' . length $body : ();
    my $sent   = $request->{method} eq 'HEAD' ? '' : $body // '';
    return join("\r\n", "HTTP/1.1 $status", @$fields, @length, '', $sent);
}

# After an upgrade: every line comes back, until one says "bye".
sub echo_frames {
    my ($connection, $buffer) = @_;
    while (1) {
        while ($buffer =~ s/\A(.*?\n)//) {
            print {$connection} "echo: $1";
            $connection->flush;
            return if $1 eq "bye\n";
        }
        sysread $connection, $buffer, 65536, length $buffer or return;
    }
}

1;
