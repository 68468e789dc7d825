package HTTP2Answers;

use strict;
use warnings;

use parent 'HTTP2';

use HPACK qw( decode );

=head1 NAME

HTTP2Answers - answers over HTTP/2 as a whole, one after the other on a connection

=head1 METHODS

=head2 answer($authority, $method, $path, [$name, $value], …)

Sends a request and waits for its answer: the header, as text in the form that it has in HTTP/1, with
names in lower case, and the body. Dies where nginx resets the stream or closes the connection.

=cut

my ($HEADERS, $RST_STREAM, $CONTINUATION) = (1, 3, 9);

sub answer {
    my ($self, $authority, @request) = @_;
    $self->{authority} = $authority;
    my $stream = $self->request(@request);
    my ($answered) = $self->answers;
    my $body  = $answered->{$stream} // die "nginx closed the connection\n";
    my @lines = map {"$_->[0]: $_->[1]"} decode($self->{block}{$stream});
    s{\A:status: }{HTTP/2 } for @lines;
    return (join("\r\n", @lines, '', ''), $body);
}

sub _read_frame {
    my ($self) = @_;
    my ($type, $flags, $stream, $payload) = $self->SUPER::_read_frame or return;
    $self->{block}{$stream} .= $payload if $type == $HEADERS || $type == $CONTINUATION;
    die sprintf "nginx reset the stream, error %d\n", unpack 'N', $payload if $type == $RST_STREAM;
    return ($type, $flags, $stream, $payload);
}

1;
