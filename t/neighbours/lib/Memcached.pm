package Memcached;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::UNIX;

=head1 NAME

Memcached - as much of memcached as nginx's modules for it ask for: get, set and delete

=head1 DESCRIPTION

    my $pid = Memcached::start('/path/of.sock');

=cut

sub start {
    my ($path) = @_;
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64)
        or die "cannot listen on $path: $!\n";
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    local @SIG{qw( INT TERM )} = qw( DEFAULT DEFAULT );
    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($listener);
    my (%store, %buffer);
    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listener) {
                $select->add($listener->accept // next);
                next;
            }
            my $read = sysread $socket, $buffer{$socket}, 65536, length($buffer{$socket} // '');
            if (!$read) {
                $select->remove($socket);
                delete $buffer{$socket};
                close $socket;
                next;
            }
            while (defined(my $answer = answer(\%store, \$buffer{$socket}))) {
                syswrite $socket, $answer;
            }
        }
    }
}

# What the first command in the buffer is answered with, and takes it out; undef where it has not
# come as a whole.
sub answer {
    my ($store, $buffer) = @_;
    my ($command, $key, $flags, $length) = $$buffer =~ /\A(\w+) (\S+)(?: (\d+) \d+ (\d+))?[^\n]*\r\n/ or return;
    my $line = $+[0];
    if ($command eq 'set') {
        return if length $$buffer < $line + $length + 2;
        $store->{$key} = [$flags, substr $$buffer, $line, $length];
        substr $$buffer, 0, $line + $length + 2, '';
        return "STORED\r\n";
    }
    substr $$buffer, 0, $line, '';
    if ($command eq 'get') {
        my ($kept, $value) = @{ $store->{$key} // return "END\r\n" };
        return "VALUE $key $kept " . length($value) . "\r\n$value\r\nEND\r\n";
    }
    return delete $store->{$key} ? "DELETED\r\n" : "NOT_FOUND\r\n" if $command eq 'delete';
    return "ERROR\r\n";
}

1;
