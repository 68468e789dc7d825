package HTTP2;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;

=head1 NAME

HTTP2 - as much of HTTP/2 in clear text as tests need that no client is good for

Headers are sent as literals, whatever is in them. Of an answer the status and the body are read.

=head1 METHODS

=head2 new($port, window => $bytes, socket => $socket)

A connection to a port of this machine, or over a socket that is open; false where there is none to be
had. C<window> is how much of the body of an answer nginx may send before C<more> lets it go on.

=cut

my ($DATA, $HEADERS, $RST_STREAM, $SETTINGS, $GOAWAY, $WINDOW_UPDATE) = (0, 1, 3, 4, 7, 8);

# SETTINGS_INITIAL_WINDOW_SIZE.
my $WINDOW = 4;

sub new {
    my ($class, $port, %option) = @_;
    my $socket = $option{socket} // IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 10) or return;
    my $self   = bless { socket => $socket, buffer => '', stream => 1, waiting => {}, body => {}, last => 0x7fffffff }, $class;
    my $settings = defined $option{window} ? pack 'nN', $WINDOW, $option{window} : '';
    $self->_send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            . _frame($SETTINGS, 0, 0, $settings)
            . _frame($WINDOW_UPDATE, 0, 0, pack 'N', 0x7fff0000 - 65535));
    return $self;
}

=head2 more($stream, $bytes)

Lets nginx send so many more bytes of the body.

=cut

sub more {
    my ($self, $stream, $bytes) = @_;
    $self->_send(_frame($WINDOW_UPDATE, 0, $stream, pack 'N', $bytes));
    return;
}

sub _frame {
    my ($type, $flags, $stream, $payload) = @_;
    return pack('CnCCN', length($payload) >> 16, length($payload) & 0xffff, $type, $flags, $stream) . $payload;
}

# RFC 7541, section 5.2, without Huffman.
sub _text {
    my ($text) = @_;
    my $length = length $text;
    return chr($length) . $text if $length < 127;
    my $prefix = chr 127;
    for ($length -= 127; $length >= 128; $length >>= 7) {
        $prefix .= chr(0x80 | $length & 0x7f);
    }
    return $prefix . chr($length) . $text;
}

sub _send {
    my ($self, $text) = @_;
    while (length $text) {
        my $sent = syswrite $self->{socket}, $text or return;
        substr $text, 0, $sent, '';
    }
    return;
}

=head2 request($method, $path, [$name, $value], …)

Sends a request, and returns the number of its stream. C<authority> of the connection is the name that the
server has for it, C<localhost> at first.

=cut

sub request {
    my ($self, $method, $path, @headers) = @_;
    my $stream = $self->{stream};
    $self->{stream} += 2;
    my $block = join '', map { "\0" . _text($_->[0]) . _text($_->[1]) } [ ':method', $method ], [ ':scheme', 'http' ],
        [ ':path', $path ], [ ':authority', $self->{authority} // 'localhost' ], @headers;
    # With the ends of the headers and of the stream.
    $self->_send(_frame($HEADERS, 0x5, $stream, $block));
    $self->{waiting}{$stream} = 1;
    return $stream;
}

=head2 until($condition)

Reads until the function, which is asked after each frame, says that it is enough; false where nginx
closes before, or sends nothing for a minute. C<state> tells of the streams.

=cut

sub until {
    my ($self, $condition) = @_;
    until ($condition->()) {
        my $is_open = eval { $self->_take_frame } or return 0;
    }
    return 1;
}

=head2 state($stream)

What has come on a stream so far: a hash of C<status>, C<body>, C<ended>, and C<reset> if nginx has reset it. It
is the connection's own, and no copy: C<until> asks for it after each frame, and bodies are megabytes.

=cut

sub state {
    my ($self, $stream) = @_;
    return $self->{state}{$stream} //= { body => '' };
}

# Reads a frame, and notes what it says of its stream; false at the end of the connection.
sub _take_frame {
    my ($self) = @_;
    my ($type, $flags, $stream, $payload) = $self->_read_frame or return 0;
    my $state = $self->state($stream);
    $self->_send(_frame($SETTINGS, 1, 0, '')) if $type == $SETTINGS && !($flags & 1);
    $state->{body} .= $payload if $type == $DATA;
    $state->{status} //= _status($payload) if $type == $HEADERS;
    $state->{reset} = unpack 'N', $payload if $type == $RST_STREAM;
    $state->{ended}++ if ($type == $DATA || $type == $HEADERS) && $flags & 1 || $type == $RST_STREAM;
    return 1;
}

# The status, which nginx writes first: one of RFC 7541's static table, or three digits.
sub _status {
    my ($block) = @_;
    # Behind the size of the table, which nginx may set to zero.
    my ($first) = $block =~ /\A\x20?(.*)/s;
    my %indexed = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304, 0x8c => 400, 0x8d => 404, 0x8e => 500);
    return $indexed{ ord $first } // ($first =~ /\A.\x03(\d{3})/s ? $1 : 0);
}

=head2 answers

Waits for the answers to all requests: a hash of bodies by stream, and whether the connection can be
used further. Streams that nginx did not look at, by its GOAWAY, or that were under way when it closed
the connection without a word of an answer, have the value C<undef>. Those that it began to answer and
did not end are missing.

=cut

sub answers {
    my ($self) = @_;
    my $is_open = 1;
    my %answered;
    while (grep { $_ <= $self->{last} } keys %{ $self->{waiting} }) {
        my ($type, $flags, $stream, $payload) = $self->_read_frame;
        if (!defined $type) {
            $is_open = 0;
            last;
        }
        if ($type == $SETTINGS && !($flags & 1)) {
            $self->_send(_frame($SETTINGS, 1, 0, ''));
        }
        elsif ($type == $GOAWAY) {
            $self->{last} = 0x7fffffff & unpack 'N', $payload;
            $is_open = 0;
        }
        $self->{body}{$stream} .= $payload if $type == $DATA;
        $self->{begun}{$stream} = 1 if $type == $HEADERS;
        # The end of the stream.
        next if !($type == $DATA || $type == $HEADERS) || !($flags & 1);
        delete $self->{waiting}{$stream} and $answered{$stream} = delete $self->{body}{$stream} // '';
    }
    for my $stream (keys %{ $self->{waiting} }) {
        $answered{$stream} = undef if !$self->{begun}{$stream};
    }
    $self->{waiting} = {};
    return (\%answered, $is_open);
}

sub _read_frame {
    my ($self) = @_;
    my $buffer = \$self->{buffer};
    while (length $$buffer < 9 || length $$buffer < 9 + unpack 'N', "\0" . substr $$buffer, 0, 3) {
        IO::Select->new($self->{socket})->can_read(60) or die "no answer over HTTP/2 for a minute\n";
        sysread $self->{socket}, $$buffer, 65536, length $$buffer or return;
    }
    my ($type, $flags, $stream) = unpack 'x3CCN', $$buffer;
    my $payload = substr $$buffer, 9, unpack 'N', "\0" . substr $$buffer, 0, 3;
    substr $$buffer, 0, 9 + length $payload, '';
    return ($type, $flags, $stream, $payload);
}

1;
