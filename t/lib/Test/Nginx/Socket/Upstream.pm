package Test::Nginx::Socket::Upstream;

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw( sleep );

use Test::Nginx::Socket::Spec qw( expand refuse seconds );

=head1 NAME

Test::Nginx::Socket::Upstream - the server of --- tcp_listen

=head1 DESCRIPTION

A process that takes one connection, reads the query, writes the reply and closes. It plays an
upstream whose answers nginx itself could not be made to give.

=head1 METHODS

=head2 new($block, \%ports)

Starts the server of a block. It listens on a port of 127.0.0.1, or on a socket whose path ends in
F<.sock>; it reads as many bytes as C<tcp_query_len> or the length of C<tcp_query> says, or else
once.

=cut

sub new {
    my ($class, $block, $ports) = @_;
    my $target = expand($ports, $block->tcp_listen);
    $target =~ s/\s+\z//;
    my $listener;
    if ($target =~ /^\d+$/) {
        $listener = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $target,
            Proto     => 'tcp',
            Listen    => 5,
            ReuseAddr => 1,
        );
    }
    elsif ($target =~ /\.sock$/) {
        unlink $target;
        $listener = IO::Socket::UNIX->new(Local => $target, Listen => 5);
    }
    else {
        refuse($block, 'tcp_listen', "neither a port nor the path of a .sock: $target");
    }
    refuse($block, 'tcp_listen', "cannot listen: $!") if !$listener;

    my $length = $block->tcp_query_len // length($block->tcp_query // '');
    my $query  = File::Temp->new;
    my $pid    = fork // die "$0: fork: $!\n";
    if ($pid == 0) {
        serve($listener, $length, $query, $block->tcp_reply, seconds($block->tcp_reply_delay));
        POSIX::_exit(0);
    }
    close $listener;
    return bless { pid => $pid, query => $query }, $class;
}

sub serve {
    my ($listener, $length, $query, $reply, $delay) = @_;
    my $client = $listener->accept or return;
    my $bytes = '';
    while (sysread $client, $bytes, 65_536, length $bytes) {
        last if length $bytes >= $length;
    }
    $query->autoflush(1);
    print {$query} $bytes;
    sleep $delay if $delay;
    $reply = $reply->($bytes) if ref $reply eq 'CODE';
    local $SIG{PIPE} = 'IGNORE';
    syswrite $client, $_ for ref $reply ? @$reply : ($reply);
    close $client;
    return;
}

=head2 finish

Stops the server, and returns the bytes that it has read.

=cut

sub finish {
    my ($self) = @_;
    local $?;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    seek $self->{query}, 0, 0;
    local $/ = undef;
    return readline($self->{query}) // '';
}

1;
