# What docs/testing.md says about the specifications: the blocks and tests that it names exist.

use strict;
use warnings;

use Test::More;

sub content {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$file>;
}

# The names in a specification, and in a test for a browser.
my $BLOCK = qr/^=== (.*?)\s*$/m;
my $TEST  = qr/^test\('(.*?)',/m;

my %blocks;

# Rows `| situation | [file.t](../t/file.t): block<br>… |`, below the header of a table.
for my $row (grep {/^\| (?!---)/} split /\n/, content('docs/testing.md')) {
    my ($situation, $specifications) = $row =~ /^\| (.+?) \| (.+) \|$/
        or fail("a row of two cells: $row"), next;
    next if $specifications eq 'specifications';
    for my $specification (split /<br>/, $specifications) {
        my ($name, $path, $block)
            = $specification =~ m{^\[([\w-]+\.(?:t|test\.js))\]\(\.\./(t/[\w./-]+)\): (.+)$}
            or fail("$situation: a link to a file, and a block: $specification"), next;
        my ($folder, $pattern) = $name =~ /\.js$/ ? ('t/browser', $TEST) : ('t', $BLOCK);
        is($path, "$folder/$name", "$situation: the link to $name leads there");
        $blocks{$path} //= -e $path ? { map { $_ => 1 } content($path) =~ /$pattern/g } : {};
        ok($blocks{$path}{$block}, "$situation: $path has a block \"$block\"");
    }
}
cmp_ok(scalar keys %blocks, '>', 0, 'there are such rows');

done_testing();
