package Instance;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::UNIX;
use Time::HiRes qw( sleep time );

use Nginx qw( slurp spew );

use parent -norequire, 'Nginx';

# How long a response may take altogether, in seconds.
my $TIMEOUT = 10;

=head1 NAME

Instance - an L<Nginx> that is compared with others

=head1 METHODS

=head2 start(%options)

Starts nginx in the folder C<prefix>, with the text C<config> as its F<nginx.conf>, and waits until
it listens. What C<environment> has, nginx's environment has as well.

=cut

sub start {
    my ($class, %self) = @_;
    my $self = bless \%self, $class;
    mkdir $self->{prefix} or die "$self->{prefix}: $!\n";
    spew("$self->{prefix}/nginx.conf", $self->{config});
    my @command = ($self->{binary}, '-p', $self->{prefix}, '-e', "$self->{prefix}/error.log",
        '-c', "$self->{prefix}/nginx.conf");
    $self->launch(\@command, environment => $self->{environment});
    $self->await(sub { -s "$self->{prefix}/nginx.pid" })
        or die "nginx does not start:\n" . (slurp("$self->{prefix}/error.log") // '');
    return $self;
}

=head2 talk(@steps)

What comes back on one connection. A step is C<[$bytes, $pattern]>: the bytes are sent, and the next
step waits until the pattern has come; after the last one the end of the connection is waited for.
Dies if it does not come.

=cut

sub talk {
    my ($self, @steps) = @_;
    return $self->talk_to('nginx.sock', @steps);
}

=head2 talk_to($socket, @steps)

The same on another socket in the folder.

=cut

sub talk_to {
    my ($self, $name, @steps) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $socket = IO::Socket::UNIX->new(Peer => "$self->{prefix}/$name")
        or die "cannot connect: $!\n";
    $socket->blocking(0);
    my $select   = IO::Select->new($socket);
    my $received = '';
    my $deadline = time + $TIMEOUT;
    for my $step (@steps, ['', undef]) {
        my ($bytes, $pattern) = @$step;
        my $since = length $received;
        sleep 0.003;    # lest nginx reads two steps as one
        until (!length $bytes && $pattern && substr($received, $since) =~ $pattern) {
            die 'no end after ' . length($received) . " bytes:\n$received\n" if time > $deadline;
            if (length $bytes && IO::Select->select(undef, $select, undef, 0)) {
                my $sent = syswrite $socket, $bytes;

                # nginx may have answered and closed already.
                $bytes = defined $sent ? substr $bytes, $sent : '';
            }
            next if !$select->can_read(length $bytes ? 0 : 0.1);
            my $got = sysread $socket, $received, 65536, length $received;
            return $received if !$got;
        }
    }
    return $received;
}

=head2 stop($signal)

Has nginx quit, or end otherwise by another signal, and waits for that. Returns what is wrong with its end, if
anything.

=cut

sub stop {
    my ($self, $signal) = @_;
    return '' if !defined $self->{pid};
    $self->quit($TIMEOUT, $signal) or return 'did not quit';
    return $self->status ? 'ended with wait status ' . $self->status : '';
}

=head2 log_lines($name)

The lines of F<access.log> or F<error.log> without what differs from one nginx to another of the
same kind: times, ids and the folder. Sorted, since what happens at the same time has no order.

=cut

sub log_lines {
    my ($self, $name) = @_;
    my @lines = split /^/, slurp("$self->{prefix}/$name") // '';
    for my $line (@lines) {
        $line =~ s{\Q$self->{prefix}\E}{PREFIX}g;
        $line =~ s{\A\S+ \S+ \[(\w+)\] \d+#\d+: (?:\*\d+ )?}{[$1] };
    }
    return join '', sort @lines;
}

1;
