package Tally;

# prove's own output, and the number of passed and failed tests in the file $TALLY as well.

use strict;
use warnings;

use parent 'TAP::Formatter::Console';

sub summary {
    my ($self, $results, @rest) = @_;

    $self->SUPER::summary($results, @rest);

    # Skipped tests are among the passed ones in TAP; here they are neither.
    my $passed = $results->passed - $results->skipped;
    my $failed = $results->failed;

    # A file that died, or ran another number of tests than planned.
    my @parsers = $results->parsers;
    $failed += grep { $_->has_problems && !$_->failed } @parsers;

    open my $out, '>', $ENV{TALLY} or die "cannot write $ENV{TALLY}: $!\n";
    print {$out} "$passed $failed\n";
    close $out or die "cannot write $ENV{TALLY}: $!\n";
}

1;
