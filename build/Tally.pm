package Tally;

# prove's own output, and after it the tests that were skipped, with the reasons. The file $TALLY gets the numbers of passed,
# failed and skipped tests.

use strict;
use warnings;

use parent 'TAP::Formatter::Console';

# What was skipped: file, reason and number.
my %skipped;

sub open_test {
    my ($self, $file, $parser) = @_;

    $parser->callback(
        test => sub {
            my ($test) = @_;
            $skipped{$file}{ $test->explanation }++ if $test->has_skip;
        });
    # A whole file, which is counted as one test: it does not say how many it has.
    $parser->callback(
        plan => sub {
            my ($plan) = @_;
            $skipped{$file}{ $plan->explanation }++ if $plan->has_skip;
        });
    return $self->SUPER::open_test($file, $parser);
}

sub summary {
    my ($self, $results, @rest) = @_;

    $self->SUPER::summary($results, @rest);

    # Skipped tests are among the passed ones in TAP; here they are not.
    my $passed = $results->passed - $results->skipped;
    my $failed = $results->failed;

    # A file that died, or ran another number of tests than planned.
    my @parsers = $results->parsers;
    $failed += grep { $_->has_problems && !$_->failed } @parsers;

    my $skipped = 0;
    for my $file (sort keys %skipped) {
        for my $reason (sort keys %{ $skipped{$file} }) {
            $self->_output(sprintf "skipped: %4d  %s: %s\n", $skipped{$file}{$reason}, $file, $reason);
            $skipped += $skipped{$file}{$reason};
        }
    }

    open my $out, '>', $ENV{TALLY} or die "cannot write $ENV{TALLY}: $!\n";
    print {$out} "$passed $failed $skipped\n";
    close $out or die "cannot write $ENV{TALLY}: $!\n";
}

1;
