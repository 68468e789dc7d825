# What docs/testing.md says about the specifications: the blocks and tests that it names exist. And
# what docs/directives.md says about directives and variables: they are those of the module; what
# docs/safety.md counts is there. And links: what they lead to exists.

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

# The contexts of each directive, as nginx.org would write them.
my @contexts = (
    [ NGX_HTTP_MAIN_CONF => 'http' ],
    [ NGX_HTTP_SRV_CONF  => 'server' ],
    [ NGX_HTTP_LOC_CONF  => 'location' ],
    [ NGX_HTTP_LIF_CONF  => 'if in location' ],
);
my %directives;
my ($commands) = content('src/directives.rs') =~ /COMMANDS: .*? = \[\n(.*?)^\];/ms;
while ($commands =~ /ngx_string!\("(\w+)"\),\s*type_: (.*?),\n\s*set:/gs) {
    my ($name, $flags) = ($1, $2);
    $directives{$name} = join ', ', map { $_->[1] } grep { $flags =~ /\b$_->[0]\b/ } @contexts;
}
cmp_ok(scalar keys %directives, '>', 0, 'src/directives.rs has directives');

my $page = content('docs/directives.md');
my %described;
while ($page =~ /^### (\w+)\n\nSyntax:  \*\*\1\*\*.*[;}]  \nDefault: (?:\1 .+;|–)  \nContext: (.+)\n/mg) {
    $described{$1} = $2;
}
is_deeply(\%described, \%directives, 'docs/directives.md has every directive, no other, and its context');

my @variables = content('src/request/variables.rs') =~ /^    \("(\w+)", \|/mg;
my ($table) = $page =~ /^\| variable \| value \|\n(.*?)\n\n/ms;
is_deeply([ $table =~ /^\| `\$(\w+)` \|/mg ], \@variables, 'docs/directives.md has every variable, and no other');

# Where unsafe code is, and how much.
my %unsafe;
for my $path (glob 'src/*.rs src/*/*.rs') {
    my $code  = content($path) =~ s{^\s*//.*$}{}gmr;
    my $count = () = $code =~ /\bunsafe (?:\{|impl\b)/g;
    $unsafe{$path} = $count if $count;
}
my %told = content('docs/safety.md') =~ m{^\| \[[\w/]+\.rs\]\(\.\./(src/[\w/]+\.rs)\) \| (\d+) \|}mg;
is_deeply(\%told, \%unsafe, 'docs/safety.md counts the unsafe blocks of each file');

# The headings of a page, as links name them.
sub anchors {
    my ($path) = @_;
    my $text = content($path) =~ s/^ *```.*?^ *```$//gmsr;
    return map { lc s/[^\w\- ]//gr =~ tr/ /-/r } $text =~ /^#+ (.*)$/mg;
}

for my $path (qw( README.md SECURITY.md ), glob 'docs/*.md') {
    my ($folder) = $path =~ m{^(.*/)?};
    for my $link (content($path) =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^[a-z]+:/;
        my ($file, $anchor) = split /#/, $link, 2;
        my $target = $file eq '' ? $path : ($folder // '') . $file;
        $target =~ s{[^/]+/\.\./}{};
        ok(-e $target, "$path: $link exists") or next;
        ok(scalar(grep { $_ eq $anchor } anchors($target)), "$path: $link is a heading") if defined $anchor && $target =~ /\.md$/;
    }
}

done_testing();
