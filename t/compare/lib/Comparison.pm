package Comparison;

use strict;
use warnings;

use Exporter qw( import );

our @EXPORT_OK = qw( without_cors first_difference steady );

=head1 NAME

Comparison - whether two responses are the same but for CORS

=head1 FUNCTIONS

=head2 steady($bytes)

The bytes with the one header replaced that no two nginx send alike, C<Date>.

=cut

sub steady {
    my ($bytes) = @_;
    $bytes =~ s/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/Date: now\r/mg;
    return $bytes;
}

=head2 without_cors($bytes)

The bytes without the header lines that a policy adds, and these lines, sorted.

=cut

sub without_cors {
    my ($bytes) = @_;
    my @lines;
    $bytes =~ s{^((?:Access-Control-[\w-]+|Timing-Allow-Origin):[^\r\n]*|Vary: Origin)\r\n}
               {push @lines, $1; ''}gme;
    return ($bytes, [sort @lines]);
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
