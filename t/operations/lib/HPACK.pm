package HPACK;

use strict;
use warnings;

use Exporter qw( import );

our @EXPORT_OK = qw( decode );

=head1 NAME

HPACK - the header fields of HTTP/2, read (RFC 7541)

=head1 FUNCTIONS

=head2 decode($block)

The fields of a header block, as C<[$name, $value]>. Dies of what is not one, and of a dynamic table, which
nginx does not use.

=cut

# How many bits stand for a byte, by the byte. That is all there is to know: of codes with the same
# length, those of greater bytes are greater (RFC 7541, section 5.2).
my @BITS = qw(
    13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
    6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
    13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
    15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
    20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
    22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
    26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
    20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
);

# RFC 7541, appendix A.
my @STATIC = map { [split /(?!\A): ?/, $_, 2] } split /\n/, <<'END';
:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
END

my %BYTE = do {
    my ($code, $length, %byte) = (0, 0);
    for my $byte (sort { $BITS[$a] <=> $BITS[$b] || $a <=> $b } 0 .. 255) {
        $code <<= $BITS[$byte] - $length;
        $length = $BITS[$byte];
        $byte{ sprintf "%0${length}b", $code++ } = chr $byte;
    }
    %byte;
};

sub decode {
    my ($block) = @_;
    my @fields;
    while (length $block) {
        my $first = ord $block;
        if ($first & 0x80) {
            push @fields, static(integer(\$block, 7));
        }
        elsif (($first & 0xe0) == 0x20) {
            # The size of the dynamic table.
            integer(\$block, 5);
        }
        else {
            my $index = integer(\$block, $first & 0x40 ? 6 : 4);
            my $name  = $index ? static($index)->[0] : text(\$block);
            push @fields, [$name, text(\$block)];
        }
    }
    return @fields;
}

sub static {
    my ($index) = @_;
    my ($name, $value) = @{ $index && $STATIC[$index - 1] || die "HPACK: no field with the index $index\n" };
    return [$name, $value // ''];
}

sub integer {
    my ($block, $bits) = @_;
    my $max   = (1 << $bits) - 1;
    my $value = ord(next_bytes($block, 1)) & $max;
    return $value if $value < $max;
    for (my $shift = 0;; $shift += 7) {
        my $byte = ord next_bytes($block, 1);
        $value += ($byte & 0x7f) << $shift;
        return $value if !($byte & 0x80);
    }
}

sub text {
    my ($block) = @_;
    my $is_coded = ord($$block) & 0x80;
    my $bytes    = next_bytes($block, integer($block, 7));
    return $bytes if !$is_coded;
    my ($text, $code) = ('', '');
    for my $bit (split //, unpack 'B*', $bytes) {
        $code .= $bit;
        defined(my $byte = $BYTE{$code}) or next;
        $text .= $byte;
        $code = '';
    }
    $code =~ /\A1{0,7}\z/ or die "HPACK: a text that ends within a byte\n";
    return $text;
}

sub next_bytes {
    my ($block, $length) = @_;
    length $$block >= $length or die "HPACK: a block that ends too early\n";
    return substr $$block, 0, $length, '';
}

1;
