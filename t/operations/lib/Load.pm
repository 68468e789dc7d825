package Load;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;
use Time::HiRes qw( time );

=head1 NAME

Load - requests at a steady rate on keep-alive connections

Time counts from when a request was due, so that one that waits for others on its connection counts
with its wait.

=head1 METHODS

=head2 new(port => $port, connections => $number, rate => $per_second, requests => [$text, …],
on_response => $function)

The requests are sent in turn, each on the next idle connection. The function gets the connection (a
hash, for notes of its own), the request's index, and the response. C<on_request> gets the
connection, before each request.

=cut

sub new {
    my ($class, %self) = @_;
    my $self = bless { on_request => sub { }, times => [], failures => [], sent => 0, %self }, $class;
    $self->{select} = IO::Select->new;
    $self->{idle}   = [];
    $self->_connect for 1 .. $self->{connections};
    return $self;
}

sub _connect {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 5)
        or die "cannot connect: $!\n";
    $socket->blocking(0);
    $self->{select}->add($socket);
    $self->{connection}{ fileno $socket } = { socket => $socket };
    push @{ $self->{idle} }, $self->{connection}{ fileno $socket };
    return;
}

=head2 run($condition, $seconds)

Sends until the condition holds, or for so many seconds, and then until all is answered. Returns
whether the condition came to hold.

=cut

sub run {
    my ($self, $condition, $seconds) = @_;
    my $begin  = time;
    my $end    = $begin + $seconds;
    my $due    = $begin;
    my $done   = 0;
    my $wanted = 1;
    while ($wanted || @{ $self->{idle} } < $self->{select}->count) {
        my $now = time;
        $done   ||= $condition->();
        $wanted &&= !$done && $now < $end;
        while ($wanted && $due <= $now && @{ $self->{idle} }) {
            $self->_send(shift @{ $self->{idle} }, $due);
            $due += 1 / $self->{rate};
        }
        die "no response for 30 seconds\n" if $now > $end + 30;
        my $pause = $due - time;
        $pause = 0.01 if !$wanted || $pause <= 0 || $pause > 0.01;
        $self->_receive($self->{connection}{ fileno $_ }) for $self->{select}->can_read($pause);
    }
    return $done;
}

sub _send {
    my ($self, $connection, $due) = @_;
    my $index = $self->{sent}++ % @{ $self->{requests} };
    $self->{on_request}->($connection);
    @$connection{qw( index due received )} = ($index, $due, '');
    my $request = $self->{requests}[$index];
    my $sent    = syswrite $connection->{socket}, $request;
    return if defined $sent && $sent == length $request;
    $self->_fail($connection, 'not sent: ' . ($! || 'in part'));
    return;
}

sub _receive {
    my ($self, $connection) = @_;
    my $got = sysread $connection->{socket}, $connection->{received}, 65536, length $connection->{received};
    return $self->_fail($connection, 'closed: ' . ($connection->{received} || $!)) if !$got;
    my ($header, $body) = $connection->{received} =~ /\A(.*?\r\n)\r\n(.*)\z/s or return;
    my ($length) = $header =~ /^Content-Length: (\d+)\r$/m;
    return if length $body < ($length // 0);
    push @{ $self->{times} }, time - $connection->{due};
    push @{ $self->{idle} }, $connection;
    $self->{on_response}->($connection, $connection->{index}, $connection->{received});
    return;
}

sub _fail {
    my ($self, $connection, $what) = @_;
    push @{ $self->{failures} }, $what;
    $self->{select}->remove($connection->{socket});
    $self->_connect;
    return;
}

=head2 failures

What became of the requests that were not answered.

=cut

sub failures { return @{ $_[0]{failures} } }

=head2 times

How long the requests took since the last call, as a line of text: how many, and percentiles.

=cut

sub times {
    my ($self) = @_;
    my @times = sort { $a <=> $b } @{ $self->{times} };
    $self->{times} = [];
    return 'no requests' if !@times;
    return sprintf '%d requests, in ms: half %.2f, 90%% %.2f, 99%% %.2f, 99.9%% %.2f, slowest %.2f',
        scalar @times, map { 1000 * $times[ $_ * $#times ] } 0.5, 0.9, 0.99, 0.999, 1;
}

1;
