package Test::Nginx::Socket::Client;

use strict;
use warnings;

use Exporter qw( import );
use HTTP::Response ();
use IO::Select ();
use IO::Socket::INET;
use IPC::Open3 qw( open3 );
use Test::More ();
use Time::HiRes qw( sleep );

use Test::Nginx::Socket::Spec qw( expand per_request refuse seconds uses_http2 );

our @EXPORT_OK = qw( conversations converse converse_by_curl curl_command parse_response );

=head1 NAME

Test::Nginx::Socket::Client - the requests of a block and their responses

=head1 DESCRIPTION

A block holds one or more I<conversations>. Each is one connection: the packets to send, and the
number of responses to expect.

=head1 FUNCTIONS

=head2 conversations($block, $host, \%ports)

The conversations of a block: hashes with C<packets>, C<delay> (seconds between packets),
C<responses> and C<many> (whether the block has arrays of expectations).

=cut

sub conversations {
    my ($block, $host, $ports) = @_;
    if (defined(my $raw = $block->raw_request)) {
        my @packets = ref $raw eq 'ARRAY' ? @$raw : ($raw);
        return {
            packets   => \@packets,
            delay     => seconds($block->raw_request_middle_delay),
            responses => 1,
        };
    }

    my $section  = defined $block->pipelined_requests ? 'pipelined_requests' : 'request';
    my $value    = $block->$section;
    my @requests = ref $value eq 'ARRAY' ? @$value : ($value);
    refuse($block, $section, 'must be a string, or an array of strings')
        if !@requests || grep { !defined || ref } @requests;

    if ($section eq 'request') {
        $requests[0] =~ s/\A(?:\s*\#[^\n]+\s+|\s+)+// if !ref $value;
        my @conversations;
        for my $index (0 .. $#requests) {
            my $bytes = build_request($block, $section, $requests[$index],
                more_headers($block, $index), $host, 'close');
            push @conversations,
                { packets => [$bytes], responses => 1, many => scalar @requests > 1 };
        }
        return @conversations;
    }

    refuse($block, $section, 'must be an array') if ref $value ne 'ARRAY';
    my $bytes = '';
    for my $index (0 .. $#requests) {
        $bytes .= build_request($block, $section, expand($ports, $requests[$index]),
            more_headers($block, $index),
            $host, $index == $#requests ? 'close' : 'keep-alive');
    }
    return { packets => [$bytes], responses => scalar @requests, many => 1 };
}

sub more_headers {
    my ($block, $index) = @_;
    my $text = per_request($block, 'more_headers', $index, 0);
    if (!defined $text) {
        refuse($block, 'more_headers', "nothing for request $index")
            if ref $block->more_headers;
        return [];
    }
    my @headers;
    for my $line (grep { length && !/^\s*\#/ } split /\n+/, $text) {
        my ($name, $value) = split /:\s*/, $line, 2;
        push @headers, [$name, $value // ''];
    }
    return \@headers;
}

# A request is written as its request line (the URI is / and the version HTTP/1.1 unless given),
# and below that the body.
sub build_request {
    my ($block, $section, $text, $more, $host, $connection) = @_;
    my ($line, $body) = split /\n/, $text, 2;
    my @words = split ' ', $line // '';
    refuse($block, $section, 'the first line must be: method [URI [version]]')
        if !@words || @words > 3;
    my ($method, $uri, $version) = @words;

    my @headers;
    push @headers, [Host => $host] if !grep { lc $_->[0] eq 'host' } @$more;
    push @headers, [Connection => $connection] if !grep { $_->[0] =~ /^connection/i } @$more;
    push @headers, @$more;

    # Only this spelling keeps the genuine module from adding its own.
    my $has_length = grep { $_->[0] eq 'Content-Length' } @$more;
    my $is_chunked = grep { lc $_->[0] eq 'transfer-encoding' && $_->[1] eq 'chunked' } @$more;
    $body //= '';
    if (length $body && !$has_length && !$is_chunked) {
        $body =~ s/\A\s+|\s+\z//g;
        push @headers, ['Content-Length' => length $body];
    }
    return join "\r\n", join(' ', $method, $uri // '/', $version // 'HTTP/1.1'),
        (map {"$_->[0]: $_->[1]"} @headers), '', $body;
}

=head2 converse($conversation, $address, $port, $timeout)

Sends the packets and reads until the server closes. Returns the bytes read, the client's port,
and what went wrong (C<undef>, or a text; the bytes read until then are returned even so).

=cut

sub converse {
    my ($conversation, $address, $port, $timeout) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => $address,
        PeerPort => $port,
        Proto    => 'tcp',
        Timeout  => $timeout,
    ) or return ('', undef, "cannot connect to $address:$port: $@");
    $socket->blocking(0);
    my $client_port = $socket->sockport;
    my $select      = IO::Select->new($socket);
    my @packets     = @{ $conversation->{packets} };
    my $pending     = shift @packets;
    my $received    = '';
    my $error;
    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my ($readable, $writable)
            = IO::Select->select($select, length $pending ? $select : undef, undef, $timeout);
        if (!defined $readable) {
            $error = 'client socket timed out';
            last;
        }
        if (@$writable) {
            my $written = syswrite $socket, $pending;
            if (defined $written) {
                substr $pending, 0, $written, '';
            }
            elsif (!$!{EAGAIN}) {
                $pending = '';
                @packets = ();
            }
            if (!length $pending && @packets) {
                sleep($conversation->{delay} // 0);
                $pending = shift @packets;
            }
        }
        if (@$readable) {
            my $count = sysread $socket, $received, 65_536, length $received;
            last if defined $count ? $count == 0 : !$!{EAGAIN};
        }
    }
    close $socket;
    return ($received, $client_port, $error);
}

=head2 curl_command($block, $conversation, $server)

The curl command for a conversation, as an array.

=cut

sub curl_command {
    my ($block, $conversation, $server) = @_;
    my $request = join '', @{ $conversation->{packets} };
    my ($head, $body) = split /\r\n\r\n/, $request, 2;
    my ($line, @headers) = split /\r\n/, $head;
    my ($method, $uri, $version) = split ' ', $line;
    my $timeout  = seconds($block->timeout)  // $server->{timeout};
    my $protocol = $block->curl_protocol     // 'http';

    # curl's own headers are not wanted; without a length there is no type to be declared either.
    my @command = ('curl', '-i', '-sS', map { ('-H', "$_:") } qw( User-Agent Accept Host ));
    push @command, '--http2-prior-knowledge' if uses_http2($block);
    push @command, $method eq 'HEAD' ? '-I' : ('-X', $method);
    push @command, '-0' if ($version // '') eq 'HTTP/1.0';
    push @command, map { ('-H', $_) } grep { !/^Connection\s*:/i } @headers;
    if (length $body) {
        push @command, '-H', 'Content-Type: ' if !grep {/^Content-Type\s*:/i} @headers;
        my $file = $server->path('html/curl.data.bin');
        $server->write_user_files([$file => $body]);
        push @command, '--data-binary', "\@$file";
    }
    push @command, '--connect-timeout', $timeout, '--max-time', $timeout;
    push @command, $block->curl_options if defined $block->curl_options;
    return (@command, "$protocol://$server->{address}:$server->{port}$uri");
}

=head2 converse_by_curl(@command)

Runs curl. Returns what it printed, and what it complained about.

=cut

sub converse_by_curl {
    my (@command) = @_;
    open my $complaints, '+>', undef or die "$0: $!\n";
    open my $nothing, '<', '/dev/null' or die "$0: $!\n";
    my $pid = open3('<&' . fileno $nothing, my $output, '>&' . fileno $complaints, @command);
    local $/ = undef;
    my $response = <$output>;
    waitpid $pid, 0;
    seek $complaints, 0, 0;
    return ($response, scalar <$complaints>);
}

=head2 parse_response($bytes)

Takes one response off the front of the bytes. Returns an L<HTTP::Response> with the body freed
from its transfer coding, the bytes of its status line and headers, the bytes that are left, and
what is wrong with it (C<undef>, or a text).

A response that says neither how long it is nor that it is chunked extends to the end; so does,
as in the genuine module, one that has no body by its status. In C<pipelined_requests> a 204 or
304 can therefore only be the last.

=cut

sub parse_response {
    my ($bytes) = @_;
    return (undef, '', undef, 'no response') if !length $bytes;

    my ($head) = $bytes =~ /\A(.*?\r\n)\r\n/s;
    my $response = HTTP::Response->parse($bytes);
    $response->code(undef) if ($response->code // '') !~ /^\d+$/;
    my $code = $response->code // '';
    return ($response, $head // '') if $code eq '101' || $code eq '304';

    my $content = $response->content;
    my $length  = $response->header('Content-Length');
    if (($response->header('Transfer-Encoding') // '') eq 'chunked') {
        my ($body, $left, $error) = unchunk($content, scalar $response->header('Trailer'));
        return (undef, $head // '', undef, $error) if defined $error;
        $response->content($body);
        return ($response, $head // '', $left);
    }
    if (defined $length && $length =~ /^\d+$/ && length $content > $length) {
        $response->content(substr $content, 0, $length);
        return ($response, $head // '', substr $content, $length);
    }
    return ($response, $head // '');
}

# RFC 9112, section 7.1
sub unchunk {
    my ($bytes, $has_trailer) = @_;
    my $body = '';
    pos($bytes) = 0;
    while ($bytes =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
        my $size = hex $1;
        if ($size == 0) {
            $bytes =~ /\G(?:[^\r\n]+\r\n)*/gc if $has_trailer;
            $bytes =~ /\G\r\n/gc or return (undef, undef, 'chunked body: bad end');
            my $left = substr $bytes, pos $bytes;
            return ($body, $left);
        }
        return (undef, undef, 'chunked body: a chunk is too short')
            if pos($bytes) + $size + 2 > length $bytes;
        $body .= substr $bytes, pos $bytes, $size;
        pos($bytes) += $size;
        $bytes =~ /\G\r\n/gc or return (undef, undef, 'chunked body: a chunk is too long');
    }
    return (undef, undef, 'chunked body: no last chunk');
}

1;
