package Files;

use strict;
use warnings;

use Compress::Zlib ();
use IO::Compress::Gzip qw( gzip $GzipError );

use Nginx qw( spew );

=head1 NAME

Files - what the neighbours serve, transform and look addresses up in

=head1 FUNCTIONS

=head2 make($folder)

Makes them in this folder, all with the same time.

=cut

sub make {
    my ($folder) = @_;
    mkdir $folder or die "$folder: $!\n";
    my $small = join '', map {"line $_ of a small file\n"} 1 .. 20;
    my %content = (
        'small.txt'    => $small,
        'page.html'    => "<html><head></head><body><p>line 1 of a page</p></body></html>\n",
        'before.txt'   => "before\n",
        'include.txt'  => "a\n<!--#include virtual=\"/plain/before.txt\" -->\nb\n",
        'document.xml' => "<?xml version=\"1.0\"?>\n<a><b>line 1</b><b>line 2</b></a>\n",
        'style.xsl'    => <<'END',
<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="html"/>
<xsl:template match="/"><ul><xsl:for-each select="a/b"><li><xsl:value-of select="."/></li></xsl:for-each></ul></xsl:template>
</xsl:stylesheet>
END
        'image.png'    => png(60, 40),
        'GeoIP.dat'    => geoip(),
        'country.mmdb' => mmdb('QQ'),
        # What is in it, nginx does not look at.
        'small.txt.zst' => 'no frame of Zstandard',

        # Brotli has a form for what is not compressed: one such block, and the last, empty one.
        'small.txt.br' => brotli($small),
    );
    gzip(\$content{'small.txt'}, \$content{'small.txt.gz'}, -Time => 784_111_777)
        or die "gzip: $GzipError\n";
    for my $name (sort keys %content) {
        spew("$folder/$name", $content{$name});
        utime 784_111_777, 784_111_777, "$folder/$name";
    }
    utime 784_111_777, 784_111_777, $folder;
    return;
}

# A gradient, without alpha.
sub png {
    my ($width, $height) = @_;
    my $pixels = '';
    for my $y (0 .. $height - 1) {
        $pixels .= "\0" . join '', map { chr(4 * $_) . chr(6 * $y) . "\x80" } 0 .. $width - 1;
    }
    my $chunk = sub {
        my ($type, $data) = @_;
        return pack 'N a4 a* N', length $data, $type, $data, Compress::Zlib::crc32($type . $data);
    };
    return "\x89PNG\r\n\x1a\n"
        . $chunk->(IHDR => pack 'NNC5', $width, $height, 8, 2, 0, 0, 0)
        . $chunk->(IDAT => Compress::Zlib::compress($pixels))
        . $chunk->(IEND => '');
}

# WBITS 16 is the bit 0. Then: not the last, four nibbles of the length less one, not compressed.
sub brotli {
    my ($text) = @_;
    my $head = (length($text) - 1) << 4 | 1 << 20;
    return pack('L<', $head) =~ s/\0\z//r . $text . "\3";
}

# One node, from which both ways lead to the country with the number 225: the US.
sub geoip {
    return "\xe1\xff\xff" x 2 . "\0" x 64;
}

# One node, from which both ways lead to the one record.
sub mmdb {
    my ($country) = @_;
    my $text   = sub { chr(0x40 | length $_[0]) . $_[0] };
    my $u16    = sub { "\xa2" . pack 'n', $_[0] };
    my $u32    = sub { "\xc4" . pack 'N', $_[0] };
    my $u64    = sub { "\x08\x02" . pack 'N2', 0, $_[0] };
    my $map    = sub { chr(0xe0 | @_ / 2) . join '', @_ };
    # The record's number is that of nodes, and of bytes from the separator on.
    my $record = 1 + 16;
    my $tree   = pack('C n', 0, $record) x 2;
    return $tree . "\0" x 16
        . $map->($text->('country'), $map->($text->('iso_code'), $text->($country)))
        . "\xab\xcd\xefMaxMind.com"
        . $map->(
            $text->('binary_format_major_version'), $u16->(2),
            $text->('binary_format_minor_version'), $u16->(0),
            $text->('build_epoch'),                 $u64->(784_111_777),
            $text->('database_type'),               $text->('Country'),
            $text->('description'),                 $map->($text->('en'), $text->('one country')),
            $text->('ip_version'),                  $u16->(4),
            $text->('languages'),                   "\x01\x04" . $text->('en'),
            $text->('node_count'),                  $u32->(1),
            $text->('record_size'),                 $u16->(24),
        );
}

1;
