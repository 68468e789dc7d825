package Nginx;

use strict;
use warnings;

use Exporter qw( import );
use IO::Socket::INET;
use POSIX qw( SIGKILL SIGQUIT WNOHANG );
use Time::HiRes qw( sleep time );

our @EXPORT_OK = qw( binary free_port is_alive modules output_of quit_all slurp spew wait_for workers_of );

=head1 NAME

Nginx - an nginx that a test starts and stops

=head1 DESCRIPTION

The process, from its start to its end. Each kind of test has a driver of its own on top, which knows
the folder and the configuration: L<Test::Nginx::Socket::Server> (one block of a specification),
F<t/operations/lib/Server.pm> (a master and its workers, while files change) and
F<t/compare/lib/Instance.pm> (several nginx that get the same requests).

nginx is a child of the test and the leader of a process group. The wait status tells how it ended,
and the group leads to workers whose master is gone.

=head1 METHODS

=head2 launch(\@command, stderr => $path, environment => \%variables)

Starts nginx by the words of a command. It reads nothing, and standard output goes nowhere. Standard
error is added to a file, or goes where that of the test goes. The variables are added to the environment.

=cut

sub launch {
    my ($self, $command, %how) = @_;
    delete $self->{status};
    my $pid = fork // die "$0: fork: $!\n";
    if ($pid == 0) {
        POSIX::setpgid(0, 0);
        open STDIN,  '<', '/dev/null' or POSIX::_exit(127);
        open STDOUT, '>', '/dev/null' or POSIX::_exit(127);
        if (defined $how{stderr}) {
            open STDERR, '>>', $how{stderr} or POSIX::_exit(127);
        }
        @ENV{ keys %{ $how{environment} } } = values %{ $how{environment} };
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }

    # Here too, since nobody knows which of the two runs first.
    POSIX::setpgid($pid, $pid);
    @$self{qw( pid group )} = ($pid, $pid);
    return;
}

=head2 adopt($pid)

Takes over a daemon, which is not a child of the test and leads a group already.

=cut

sub adopt {
    my ($self, $pid) = @_;
    delete $self->{status};
    @$self{qw( pid group )} = ($pid, $pid);
    return;
}

=head2 await($is_up, $seconds)

Waits until the function says that nginx is up. False if nginx has ended before, or if the time is over;
without a number of seconds it is never over.

=cut

sub await {
    my ($self, $is_up, $seconds) = @_;
    my $end = defined $seconds ? time + $seconds : undef;
    until ($is_up->()) {
        return 0 if !$self->is_running || $end && time > $end;
        sleep 0.001;
    }
    return 1;
}

=head2 is_running

Whether nginx still runs.

=head2 status

The wait status with which nginx has ended; undefined while it runs.

=head2 ending

The same in words, or the empty string for a proper end.

=cut

sub is_running {
    my ($self) = @_;
    my $pid = $self->{pid} // return 0;
    local $?;
    my $ended = waitpid $pid, WNOHANG;
    $self->{status} = $? if $ended == $pid;
    delete $self->{pid} if $ended == $pid || $ended < 0 && !is_alive($pid);
    return defined $self->{pid};
}

sub status { my ($self) = @_; return $self->{status} }

sub ending {
    my ($self) = @_;
    my $status = $self->{status} or return '';
    return 'killed by signal ' . ($status & 127) if $status & 127;
    return 'exited with code ' . ($status >> 8);
}

=head2 quit($seconds, $signal)

Has nginx quit, or end by another signal. False if it has not ended in that time: then it is killed with
its workers.

=cut

sub quit {
    my ($self, $seconds, $signal) = @_;
    local $?;    # the exit status of the test, if it is about to exit
    my $send = again_and_again($signal // SIGQUIT, $self->{pid});
    return 1 if wait_for($seconds, sub { !$self->is_running || $send->() }, 0.001);
    $self->kill_group;
    wait_for(5, sub { !$self->is_running });
    return 0;
}

=head2 kill_group

Kills what is left: nginx, its workers, and masters that have taken over from it.

=cut

sub kill_group {
    my ($self) = @_;
    kill SIGKILL, -$self->{group} if $self->{group};
    return;
}

=head2 version

The version of nginx as a number: 1.022001 for 1.22.1.

=cut

sub version {
    my ($self) = @_;
    return $self->{version} //= do {
        my $output = qx{$self->{binary} -V 2>&1} // '';
        my ($major, $minor, $patch) = $output =~ m{\w+/(\d+)\.(\d+)\.(\d+)}
            or die qq{$0: cannot run "$self->{binary} -V": $output\n};
        sprintf '%d.%03d%03d', $major, $minor, $patch;
    };
}

=head1 FUNCTIONS

=head2 binary

The nginx to test, by C<TEST_NGINX_BINARY>; without it, nginx from the PATH.

=head2 modules

The modules that C<TEST_NGINX_LOAD_MODULES> names.

=cut

sub binary  { return $ENV{TEST_NGINX_BINARY} || 'nginx' }
sub modules { return split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '' }

=head2 free_port(@taken)

A TCP port on which nothing listens, outside the range from which Linux takes the ports of
clients.

=cut

sub free_port {
    my %taken = map { $_ => 1 } grep {defined} @_;
    for (1 .. 1000) {
        my $port = 10_000 + int rand 22_000;
        next if $taken{$port};
        my $socket = IO::Socket::INET->new(
            LocalAddr => '0.0.0.0',
            LocalPort => $port,
            Proto     => 'tcp',
            Listen    => 1,
            ReuseAddr => 1,
        ) or next;
        close $socket;
        return $port;
    }
    die "$0: no free port\n";
}

=head2 output_of(\@command, environment => \%variables, seconds => $number)

What a command ends with, as a wait status, and what it says on either output. It is killed when the time
is over, by default a minute.

=cut

sub output_of {
    my ($command, %how) = @_;
    my $pid = open(my $output, '-|') // die "$0: fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        @ENV{ keys %{ $how{environment} } } = values %{ $how{environment} };
        alarm($how{seconds} // 60);
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    local $/ = undef;
    my $text = <$output> // '';
    local $?;
    close $output;
    my $status = $?;
    return ($status, $text);
}

=head2 quit_all($seconds, @pids)

Has processes of nginx quit; false if one of them has not ended in that time.

=cut

sub quit_all {
    my ($seconds, @pids) = @_;
    my $send = again_and_again(SIGQUIT, @pids);
    return wait_for($seconds, sub { $send->(); return !grep { is_alive($_) } @pids });
}

# A function that sends a signal when it is called first, and once more for each half second. A process of
# nginx other than a master looks for signals and then waits for events: a signal that comes in between
# does not wake it.
sub again_and_again {
    my ($signal, @pids) = @_;
    my $again = 0;
    return sub {
        return 0 if time < $again;
        $again = time + 0.5;
        kill $signal, @pids;
        return 0;
    };
}

=head2 workers_of($master)

The ids of the children of a process, whether they answer or not.

=cut

sub workers_of {
    my ($master) = @_;
    return split ' ', slurp("/proc/$master/task/$master/children") // '';
}

=head2 is_alive($pid)

Whether a process runs, and is not just waited for.

=cut

sub is_alive {
    my ($pid) = @_;
    my $stat = slurp("/proc/$pid/stat") or return 0;
    return $stat !~ /\) [ZX] /;
}

=head2 wait_for($seconds, $condition, $pause)

Whether the condition comes to hold in that time. It is looked at every 0.02 seconds, or as often as the
pause says.

=cut

sub wait_for {
    my ($seconds, $condition, $pause) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        sleep($pause // 0.02);
    }
    return 1;
}

=head2 spew($path, $text)

Writes a file.

=head2 slurp($path, $from)

The bytes of a file, all or those behind an offset; undefined if it cannot be read.

=cut

sub spew {
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or die "$0: $path: $!\n";
    print {$file} $text;
    close $file or die "$0: $path: $!\n";
    return;
}

sub slurp {
    my ($path, $from) = @_;
    open my $file, '<:raw', $path or return;
    seek $file, $from, 0 if $from;
    local $/ = undef;
    return <$file> // '';
}

1;
