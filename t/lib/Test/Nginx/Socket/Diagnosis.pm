package Test::Nginx::Socket::Diagnosis;

use strict;
use warnings;

use Socket qw( AF_INET IPPROTO_TCP SOCK_RAW inet_aton );

=head1 NAME

Test::Nginx::Socket::Diagnosis - asks Linux about one TCP connection

=head1 DESCRIPTION

The kernel answers questions about sockets by netlink: sock_diag(7). One question costs microseconds,
however many other sockets there are. F</proc/net/tcp> lists them all, also the thousands that a test
of load leaves in C<TIME_WAIT>, and takes tens of milliseconds then.

=cut

# From <linux/netlink.h>, <linux/sock_diag.h> and <netinet/tcp.h>, which Perl has no constants for.
my ($AF_NETLINK, $NETLINK_SOCK_DIAG, $SOCK_DIAG_BY_FAMILY) = (16, 4, 20);
my ($NLM_F_REQUEST, $NLMSG_ERROR, $ENOENT, $TCP_LISTEN)    = (1, 2, 2, 10);

=head1 METHODS

=head2 new

Nothing where the kernel takes no such questions.

=cut

sub new {
    my ($class) = @_;
    return if $^O ne 'linux';
    socket my $socket, $AF_NETLINK, SOCK_RAW, $NETLINK_SOCK_DIAG or return;
    my $self = bless { socket => $socket }, $class;
    return defined $self->is_open('127.0.0.1', 1, 1) ? $self : ();
}

=head2 is_open($address, $port, $peer_port)

Whether a process holds the end of a connection that is bound to the port, where the other end is on
the same address. Undefined if the kernel does not say.

=cut

sub is_open {
    my ($self, $address, $port, $peer_port) = @_;

    # struct nlmsghdr, and in it struct inet_diag_req_v2: of any state, interface and cookie.
    my $ip      = inet_aton($address);
    my $request = pack 'CCxxL nna16a16Lq', AF_INET, IPPROTO_TCP, ~0 & 0xffffffff, $port, $peer_port, $ip, $ip, 0, -1;
    my $header  = pack 'LSSLL', 16 + length $request, $SOCK_DIAG_BY_FAMILY, $NLM_F_REQUEST, 0, 0;
    send $self->{socket}, $header . $request, 0, pack 'SSLL', $AF_NETLINK, 0, 0, 0 or return;
    defined recv $self->{socket}, my $answer, 8192, 0 or return;
    my (undef, $type) = unpack 'LS', $answer;
    if ($type == $NLMSG_ERROR) {
        return unpack('x16l', $answer) == -$ENOENT ? 0 : undef;
    }

    # struct inet_diag_msg. Where the connection is gone, the listening socket of the port matches. A
    # socket that its process has closed has the inode 0.
    my ($state, $inode) = unpack 'x17C x66L', $answer;
    return $state != $TCP_LISTEN && $inode != 0;
}

1;
