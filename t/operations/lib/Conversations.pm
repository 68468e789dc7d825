package Conversations;

use strict;
use warnings;

use Errno qw( EAGAIN EINPROGRESS EINTR EWOULDBLOCK );
use IO::Select ();
use IO::Socket::INET;
use POSIX ();
use Socket qw( AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF inet_aton pack_sockaddr_in );
use Time::HiRes qw( time );

=head1 NAME

Conversations - many conversations over HTTP/1 at once, whose answers are read to the byte

=head1 METHODS

=head2 new(parallel => $number, timeout => $seconds)

At most so many conversations are under way at a time. One in which nothing moves for so many seconds
has failed.

=cut

sub new {
    my ($class, %self) = @_;
    return bless { parallel => 80, timeout => 30, waiting => [], %self }, $class;
}

=head2 add(name => $name, port => $port, parts => [[$text, @methods], …], on_end => $function)

A conversation: each part is sent as soon as all of the parts before it are answered. C<@methods> are the
methods of the requests in the text, which decide how their answers end. C<socket> gives an open socket
in place of the port, and C<room> the size of the client's receive buffer.

C<pace> is how the client reads: C<at once>; C<late>, half a second after it has sent; or C<full>, when
nginx has taken nothing more for so long.

The function gets the answers, a list of hashes with C<status>, C<header> (text), C<headers> (name in
small letters to a list of values) and C<body>; and what is wrong with the conversation as a whole:
empty, or a text.

=cut

sub add {
    my ($self, %conversation) = @_;
    push @{ $self->{waiting} },
        { pace => 'at once', out => '', in => '', expected => [], answers => [], %conversation,
        parts => [ @{ $conversation{parts} } ] };
    return;
}

=head2 run

Has all of them, and returns how many there were.

=cut

sub run {
    my ($self) = @_;
    my $done = 0;
    my %open;
    while (@{ $self->{waiting} } || %open) {
        while (@{ $self->{waiting} } && keys %open < $self->{parallel}) {
            my $conversation = shift @{ $self->{waiting} };
            $done++;
            my $socket = $conversation->{socket} //= connect_to($conversation->{port}, $conversation->{room});
            $socket->blocking(0);
            $conversation->{moved} = time;
            $open{ fileno $socket } = $conversation;
        }
        for my $number (keys %open) {
            my $wrong = $self->_is_over($open{$number}) // next;
            my $conversation = delete $open{$number};
            close delete $conversation->{socket};
            $conversation->{on_end}->($conversation->{answers}, $wrong);
        }
        my ($read, $write) = (IO::Select->new, IO::Select->new);
        for my $conversation (values %open) {
            $read->add($conversation->{socket}) if reads($conversation);
            $write->add($conversation->{socket}) if length $conversation->{out};
        }
        my ($readable, $writable) = IO::Select::select($read, $write, undef, 0.02);
        _receive($open{ fileno $_ }) for @{ $readable // [] };
        _write($open{ fileno $_ })   for @{ $writable // [] };
    }
    return $done;
}

=head2 connect_to($port, $room)

A socket with a connection to a port of this machine, whose receive buffer is set before it connects. A
function.

=cut

sub connect_to {
    my ($port, $room) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!\n";
    if ($room) {
        setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $room or die "SO_RCVBUF: $!\n";
    }
    connect $socket, pack_sockaddr_in($port, inet_aton('127.0.0.1')) or die "cannot connect: $!\n";
    return $socket;
}

=head2 reset_connection($socket)

Closes it by a reset, whatever was not read or sent yet. A function.

=cut

sub reset_connection {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
    return;
}

=head2 tls($port, @options)

A socket of which both directions lead through C<openssl s_client> to a port of this machine. A function.

=cut

sub tls {
    my ($port, @options) = @_;
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $ours;
        open STDIN,  '<&', $theirs     or POSIX::_exit(127);
        open STDOUT, '>&', $theirs     or POSIX::_exit(127);
        open STDERR, '>',  '/dev/null' or POSIX::_exit(127);
        # Nothing is verified, and to read the certificates of all authorities takes most of its time.
        exec 'openssl', 's_client', qw( -quiet -no_ign_eof -no-CAfile -no-CApath ), '-connect', "127.0.0.1:$port", @options
            or POSIX::_exit(127);
    }
    close $theirs;
    return bless $ours, 'IO::Socket';
}

# Sends the next part once all is answered. Undefined as long as there is something to come; otherwise
# what is wrong, which may be nothing.
sub _is_over {
    my ($self, $conversation) = @_;
    return $conversation->{failed} if defined $conversation->{failed};
    if (!@{ $conversation->{expected} } && @{ $conversation->{parts} }) {
        my ($text, @methods) = @{ shift @{ $conversation->{parts} } };
        $conversation->{out} .= $text;
        push @{ $conversation->{expected} }, @methods;
        $conversation->{moved} = time;
    }
    return if time < $conversation->{moved} + $self->{timeout};
    return 'nothing moves behind ' . @{ $conversation->{answers} } . ' answers'
        . (length $conversation->{in} ? ' and ' . excerpt($conversation->{in}) : '');
}

# Whether the client reads by now.
sub reads {
    my ($conversation) = @_;
    return 1 if $conversation->{pace} eq 'at once' || $conversation->{has_read};
    return 0 if $conversation->{pace} eq 'late' && length $conversation->{out};
    return $conversation->{has_read} = time > $conversation->{moved} + 0.5;
}

sub _write {
    my ($conversation) = @_;
    my $sent = syswrite $conversation->{socket}, $conversation->{out};
    if (!defined $sent) {
        return if is_passing();
        # What nginx has sent before it closed is there to be read.
        $conversation->{out}      = '';
        $conversation->{has_read} = 1;
        return;
    }
    substr $conversation->{out}, 0, $sent, '';
    $conversation->{moved} = time;
    return;
}

sub _receive {
    my ($conversation) = @_;
    my $got = sysread $conversation->{socket}, $conversation->{in}, 65536, length $conversation->{in};
    return if !defined $got && is_passing();
    $conversation->{moved} = time;
    my $is_end = !$got;
    while (@{ $conversation->{expected} }) {
        my $answer = eval { take(\$conversation->{in}, $conversation->{expected}[0], $is_end) };
        return $conversation->{failed} = $@ if $@;
        last if !$answer;
        shift @{ $conversation->{expected} };
        push @{ $conversation->{answers} }, $answer;
    }
    return if !$is_end;
    $conversation->{failed}
        = @{ $conversation->{expected} } ? 'closed behind ' . @{ $conversation->{answers} } . ' answers and ' . excerpt($conversation->{in})
        : @{ $conversation->{parts} }    ? 'closed before the next request'
        : length $conversation->{in}     ? 'more than was asked for: ' . excerpt($conversation->{in})
        :                                  '';
    return;
}

sub is_passing { return grep { $! == $_ } EAGAIN, EINPROGRESS, EINTR, EWOULDBLOCK }

=head2 take(\$text, $method, $is_end)

Takes one answer to a request of this method from the front of the text; false where it is not whole yet.
Dies of what is no answer. A function.

=cut

sub take {
    my ($text, $method, $is_end) = @_;
    my $begins = 'HTTP/1.1 ';
    return if index($$text, "\r\n\r\n") < 0 && index($begins, substr $$text, 0, length $begins) == 0;
    my ($header, $status, $lines) = $$text =~ /\A(HTTP\/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n:]+: [^\r\n]*\r\n)*))\r\n/
        or die 'no answer: ' . excerpt($$text) . "\n";
    my %headers;
    push @{ $headers{ lc $1 } }, $2 while $lines =~ /^([^:]+): ([^\r]*)\r$/mg;
    my $begin  = length($header) + 2;
    my $length = ($headers{'content-length'} // [])->[0];
    my $body   = '';
    my $taken  = $begin;
    if ($method eq 'HEAD' || $status == 204 || $status == 304) {
        # There is none.
    }
    elsif (defined $length) {
        return if length $$text < $begin + $length;
        $body = substr $$text, $begin, $length;
        $taken += $length;
    }
    elsif ($headers{'transfer-encoding'}) {
        while (1) {
            pos $$text = $taken;
            $$text =~ /\G([0-9a-f]+)\r\n/gi or return;
            my $size = hex $1;
            return if length $$text < pos($$text) + $size + 2;
            $body .= substr $$text, pos $$text, $size;
            $taken = pos($$text) + $size + 2;
            last if !$size;
        }
    }
    else {
        return if !$is_end;
        $body  = substr $$text, $begin;
        $taken = length $$text;
    }
    substr $$text, 0, $taken, '';
    return { status => $status, header => $header, headers => \%headers, body => $body };
}

=head2 excerpt($text)

The beginning and the end of what was received, on one line. A function.

=cut

sub excerpt {
    my ($text) = @_;
    my $shown = length $text > 300 ? substr($text, 0, 200) . ' … ' . substr($text, -80) : $text;
    $shown =~ s/\r?\n/ | /g;
    return length($text) . " bytes: $shown";
}

1;
