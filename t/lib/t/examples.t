# Every check of the stand-in, with an expectation that holds and one that does not.
#
# The name of each block in examples/ says what must come of it:
#
#     holds: …            all its tests pass, and there is at least one
#     fails /name/: …     exactly one of its tests fails, and that one's name matches
#     skips: …            all its tests are skipped, and there is at least one
#     stricter /name/: …  fails here, but holds under the genuine module
#
# GENUINE=/path/to/test-nginx/lib runs the same blocks under the genuine Test::Nginx::Socket too.
# There the same must come of them, with the same number of tests. It takes minutes;
# `prove t/lib/t/examples.t :: logs.spec` runs one file.

use strict;
use warnings;

use FindBin;
use File::Basename qw( basename );
use Test::More;

use lib "$FindBin::Bin/lib";
use SpecRun qw( run_spec );

my $stand_in = "$FindBin::Bin/..";
my $genuine  = $ENV{GENUINE};
my $nginx    = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($minor)  = qx{$nginx -v 2>&1} =~ m{/1\.(\d+)} or plan skip_all => "cannot run $nginx";

# How many tests a block has, and which of them fail.
sub count {
    my ($result, $block) = @_;
    my @tests = grep {/ \Q$block\E(?: - |$)/} @{ $result->{tests} };
    return {
        tests => \@tests,
        bad   => [grep {/^not ok/} @tests],
        skips => scalar grep {/# skip/} @tests,
    };
}

sub as_named {
    my ($block, $count) = @_;
    my @bad = @{ $count->{bad} };
    return @{ $count->{tests} } && $count->{skips} == @{ $count->{tests} } if $block =~ /^skips:/;
    return @{ $count->{tests} } && !@bad && !$count->{skips} if $block =~ /^holds:/;
    my ($pattern) = $block =~ m{^(?:fails|stricter) /(.+?)/:}
        or die "block without a claim: $block";
    my $name = $bad[0] // '';
    $name =~ s/\Q$block\E//;
    return @bad == 1 && $name =~ /$pattern/;
}

for my $file (glob "$FindBin::Bin/examples/*.spec") {
    my $name = basename($file);
    next if @ARGV && !grep { $name eq $_ } @ARGV;
    open my $spec, '<', $file or die "$file: $!";
    my @blocks = map { /^=== (.*?)\s*$/ ? $1 : () } <$spec>;
    close $spec;

    subtest $name => sub {
        my $here = run_spec($file, $stand_in);
        my %here;
        for my $block (@blocks) {
            $here{$block} = count($here, $block);
            ok(as_named($block, $here{$block}), $block)
                or diag @{ $here{$block}{tests} };
        }
        is(($here->{status} & 127) || $here->{status} >> 8 == 255, '', 'does not die')
            or diag $here->{errors};
        my %known = map { $_ => 1 } map { @{ $_->{bad} } } values %here;
        is(join('', grep { /^not ok/ && !$known{$_} } @{ $here->{tests} }),
            '', 'no failure without a block');

    SKIP: {
            skip 'GENUINE is not set', 1 if !$genuine;
            skip 'the genuine module speaks HTTP/2 only to nginx 1.25.1 and newer', 1
                if $name eq 'http2.spec' && $minor < 26;
            my $there = run_spec($file, $genuine);
            for my $block (@blocks) {
                my $count = count($there, $block);
                (my $claim = $block) =~ s/^stricter/holds/;
                if ($claim eq $block) {
                    ok(as_named($block, $count), "genuine: $block") or diag @{ $count->{tests} };
                    is(scalar @{ $count->{tests} },
                        scalar @{ $here{$block}{tests} },
                        "genuine: $block: number of tests");
                }
                else {
                    ok(@{ $count->{tests} } && !@{ $count->{bad} }, "genuine: $block")
                        or diag @{ $count->{tests} };
                }
            }
        }
    };
}

done_testing();
