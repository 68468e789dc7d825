package Traffic;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET;
use Socket qw( SOL_SOCKET SO_RCVBUF SO_RCVTIMEO );
use Time::HiRes qw( time );

=head1 NAME

Traffic - a few requests at a time while something happens to nginx, each on a connection of its own

Each answer has to be right for a state that nginx was in between the request's begin and its end.

=head1 METHODS

=head2 new(port => $port, requests => { $kind => $text, … }, is_right => $function, clients => $number)

Each request has to have C<Connection: close>. The function gets the kind of a request, the answer and a
state, and says whether it is the answer of that state. A state is a hash of the caller's. Where it has a
true C<silent>, nginx may have refused the connection in it.

=cut

# Seconds between two requests of a client: this is no measurement of speed.
my $PAUSE = 0.005;

sub new {
    my ($class, %self) = @_;
    my $self = bless { clients => 3, states => [], problems => [], answers => 0, active => {}, %self }, $class;
    $self->{kinds} = [ sort keys %{ $self->{requests} } ];
    $self->{due}   = [ (0) x $self->{clients} ];
    return $self;
}

=head2 states(@states)

The states that nginx may be in from now on.

=cut

sub states {
    my ($self, @states) = @_;
    $self->{states} = \@states;
    push @{ $_->{states} }, @states for values %{ $self->{active} };
    return;
}

=head2 until($seconds, $condition)

Sends requests until the condition holds; false where it does not come to hold in that time.

=cut

sub until {
    my ($self, $seconds, $condition) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        $self->_begin;
        $self->_continue(0.01);
    }
    return 1;
}

=head2 finish

Waits for the answers to all requests, and returns what went wrong since the last call, as a list of texts.

=cut

sub finish {
    my ($self) = @_;
    my $end = time + 30;
    $self->_continue(0.1) while %{ $self->{active} } && time < $end;
    $self->_end($_, "no answer for half a minute: $_->{answer}") for values %{ $self->{active} };
    return splice @{ $self->{problems} };
}

=head2 answers

How many answers were right.

=cut

sub answers { return $_[0]{answers} }

sub _begin {
    my ($self) = @_;
    my $now = time;
    for my $client (grep { $self->{due}[$_] <= $now } 0 .. $self->{clients} - 1) {
        my $kind    = $self->{kinds}[ $self->{sent}++ % @{ $self->{kinds} } ];
        my $request = { client => $client, kind => $kind, answer => '', states => [ @{ $self->{states} } ] };
        $self->{due}[$client] = $now + $PAUSE;
        my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 10);
        if (!$socket) {
            $self->_problem($request, "no connection: $@");
            next;
        }
        $socket->autoflush(1);
        print {$socket} $self->{requests}{$kind};
        # The next one begins when this one has ended.
        $self->{due}[$client] = $now + 1e9;
        $request->{socket} = $socket;
        $self->{active}{ fileno $socket } = $request;
    }
    return;
}

sub _continue {
    my ($self, $seconds) = @_;
    my $select = IO::Select->new(map { $_->{socket} } values %{ $self->{active} });
    if (!$select->count) {
        Time::HiRes::sleep($seconds);
        return;
    }
    for my $socket ($select->can_read($seconds)) {
        my $request = $self->{active}{ fileno $socket };
        next if sysread $socket, $request->{answer}, 65536, length $request->{answer};
        my ($kind, $answer) = @$request{qw( kind answer )};
        if (is_whole($answer) && grep { $self->{is_right}->($kind, $answer, $_) } @{ $request->{states} }) {
            $self->{answers}++;
            $self->_end($request);
        }
        else {
            $self->_end($request, is_whole($answer) ? "wrong answer: $answer" : "half an answer: '$answer'");
        }
    }
    return;
}

sub _end {
    my ($self, $request, $problem) = @_;
    delete $self->{active}{ fileno $request->{socket} };
    $self->{due}[ $request->{client} ] = time + $PAUSE;
    $self->_problem($request, $problem) if defined $problem;
    return;
}

sub _problem {
    my ($self, $request, $problem) = @_;
    return if $request->{answer} eq '' && grep { $_->{silent} } @{ $request->{states} };
    push @{ $self->{problems} }, "$request->{kind}: $problem";
    return;
}

=head1 FUNCTIONS

=head2 is_whole($answer)

Whether an answer has its header, and a body of the length that this says.

=cut

sub is_whole {
    my ($answer) = @_;
    my ($header, $body) = $answer =~ /\A(HTTP.*?\r\n)\r\n(.*)\z/s or return 0;
    return 1 if $header =~ /\A\S+ 204/;
    return $header =~ /^Content-Length: (\d+)\r$/mi && length $body == $1;
}

=head2 connection($port, $text)

A connection on which the text was sent. It has a small buffer, and reading from it ends after a minute.

=cut

sub connection {
    my ($port, $text) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 10) or return;
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', 128 << 10;
    give_up_after_a_minute($socket);
    $socket->autoflush(1);
    print {$socket} $text;
    return $socket;
}

=head2 give_up_after_a_minute($socket)

A socket that says nothing fails a test, and does not stop it.

=cut

sub give_up_after_a_minute {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 60, 0;
    return;
}

=head2 read_until($socket, $pattern)

What comes from a socket until it matches, or ends.

=cut

sub read_until {
    my ($socket, $pattern) = @_;
    my $text = '';
    until ($text =~ $pattern) {
        sysread $socket, $text, 65536, length $text or last;
    }
    return $text;
}

=head2 read_all($socket)

=cut

sub read_all {
    my ($socket) = @_;
    local $/ = undef;
    return <$socket> // '';
}

1;
