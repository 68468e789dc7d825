package Comparison;

use strict;
use warnings;

use Exporter qw( import );

our @EXPORT_OK = qw( without_cors first_difference responses_in steady );

=head1 NAME

Comparison - whether two responses are the same but for CORS

=head1 FUNCTIONS

=head2 steady($bytes)

The bytes with the one header replaced that no two nginx send alike, C<Date>.

=cut

sub steady {
    my ($bytes) = @_;
    $bytes =~ s/^(Date): \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/$1: now\r/mgi;
    return $bytes;
}

=head2 without_cors($bytes)

The bytes without the header lines that a policy adds, and these lines, sorted. HTTP/2 has their names in lower
case.

=cut

sub without_cors {
    my ($bytes) = @_;
    my @lines;
    $bytes =~ s{^((?:Access-Control-[\w-]+|Timing-Allow-Origin):[^\r\n]*|Vary: Origin)\r\n}
               {push @lines, $1; ''}gmei;
    return ($bytes, [sort @lines]);
}

=head2 responses_in($bytes, @methods)

What came on a connection of HTTP/1 for requests with these methods, as C<[$head, $body]> for each
response that is complete, and the rest, which is the empty string where all of them are. The body
is as it was sent, chunks included; where nothing else says its length, it reaches to the end.

=cut

sub responses_in {
    my ($bytes, @methods) = @_;
    my @responses;
    for my $method (@methods) {
        my ($head) = $bytes =~ m{\A(HTTP/1\.1 \d{3}[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)} or last;
        my $rest = substr $bytes, length $head;
        my $length
            = $method eq 'HEAD' || $head =~ m{\A\S+ (?:1..|204|304)} ? 0
            : $head =~ /^Transfer-Encoding: chunked\r$/mi ? length_of_chunks($rest)
            : $head =~ /^Content-Length: (\d+)\r$/mi     ? $1
            :                                               length $rest;
        last if !defined $length || length $rest < $length;
        push @responses, [$head, substr $rest, 0, $length];
        $bytes = substr $rest, $length;
    }
    return (\@responses, $bytes);
}

# undef where the last chunk has not come.
sub length_of_chunks {
    my ($bytes) = @_;
    while ($bytes =~ /\G([0-9a-f]+)\r\n/gci) {
        my $end = pos($bytes) + hex($1) + 2;
        return if $end > length $bytes;
        return $end if !hex $1;
        pos($bytes) = $end;
    }
    return;
}

=head2 first_difference($expected, $got)

The empty string for equal bytes, and otherwise the first place in which they differ, with what is
around it in each.

=cut

sub first_difference {
    my ($expected, $got) = @_;
    return '' if $expected eq $got;
    my $common = 0;
    ($expected ^ $got) =~ /\A(\0*)/ and $common = length $1;
    my $around = sub {
        my ($bytes) = @_;
        my $from    = $common > 120 ? $common - 120 : 0;
        my $excerpt = $from > length $bytes ? '' : substr $bytes, $from, 240;
        $excerpt =~ s/([^\n\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
        $excerpt =~ s/^/    /mg;
        return $excerpt;
    };
    return sprintf "byte %d of %d and %d differs\n  without:\n%s\n  with:\n%s\n",
        $common, length $expected, length $got, $around->($expected), $around->($got);
}

1;
