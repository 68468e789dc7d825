package Test::Nginx::Socket::Check;

use strict;
use warnings;

use Exporter qw( import );
use Test::Base ();
use Test::More ();
use Time::HiRes qw( sleep time );

use Test::Nginx::Socket::Spec qw( expand pattern_list per_request refuse );

our @EXPORT_OK = qw( check_access_log check_error_log check_response check_shutdown_log );

=head1 NAME

Test::Nginx::Socket::Check - what a block expects, compared with what came

=head1 DESCRIPTION

Every check takes a I<run> first: a hash with C<block>, its C<name> for the report, C<server>,
C<ports> (see L<Test::Nginx::Socket::Spec/expand>), C<repetition>, C<index> of the request within
the block, and C<many> (whether expectations are arrays). The number of tests is that of the
genuine module.

=head1 FUNCTIONS

=head2 check_response($run, $response, $head)

Compares the status, the headers and the body. Without C<--- error_code> the status must be 200.

=cut

sub check_response {
    my ($run, $response, $head) = @_;
    check_status($run, $response);
    check_head($run, $head);
    check_headers($run, $response, $head);
    check_body($run, $response);
    return;
}

sub check_status {
    my ($run, $response) = @_;
    my $code = ($response && $response->code) // '';
    my $name = "$run->{name} - status code";
    if (defined $run->{block}->error_code_like) {
        my $pattern = pattern($run, 'error_code_like');
        Test::More::like($code, qr/$pattern/sm, $name);
    }
    else {
        my $is_given = defined $run->{block}->error_code;
        Test::More::is($code, $is_given ? expected($run, 'error_code') : 200, $name);
    }
    return;
}

sub check_head {
    my ($run, $head) = @_;
    my %compare = (like => \&Test::More::like, unlike => \&Test::More::unlike);
    for my $how (qw( like unlike )) {
        my $section = "raw_response_headers_$how";
        next if !defined $run->{block}->$section;
        my $pattern = pattern($run, $section);
        $compare{$how}->($head, qr/$pattern/s, "$run->{name} - raw response headers $how");
    }
    return;
}

sub check_headers {
    my ($run, $response, $head) = @_;
    my $section
        = defined $run->{block}->response_headers      ? 'response_headers'
        : defined $run->{block}->response_headers_like ? 'response_headers_like'
        :                                                return;
    my %want = expected_headers($run, $section);
    for my $header (sort keys %want) {
        my $want = $want{$header};

        # A repeated header is joined with ", ", so a repetition never equals a single one.
        my $got = ($response && scalar $response->header($header)) // '';
        if ($section eq 'response_headers_like') {
            $want //= '';
            Test::More::like($got, qr/^$want$/, "$run->{name} - header $header like");
        }
        elsif (defined $want) {
            Test::More::is($got, with_ports($run, $want), "$run->{name} - header $header");
        }
        else {
            Test::More::unlike($head, qr/^\s*\Q$header\E\s*:/mi,
                "$run->{name} - header $header not present");
        }
    }
    return;
}

# Lines `Name: value`, and `! Name` for a header that must not be there (undefined here).
sub expected_headers {
    my ($run, $section) = @_;
    my $block = $run->{block};
    my (%want, %seen);
    for my $line (split /\n/, expected($run, $section) // '') {
        $line =~ s/^\s+|\s+$//g;
        my $must_be_absent = $line =~ s/^!\s*//;
        my ($header, $value) = split /\s*:\s*/, $line, 2;
        refuse($block, $section, 'blank line') if !length($header // '');
        refuse($block, $section, qq{"$header" twice, and only one would be checked})
            if $seen{ lc $header }++;
        refuse($block, $section, qq{"! $line": give the name alone})
            if $must_be_absent && defined $value;
        refuse($block, $section, qq{"$line": without a value; "! Name" says that there is none})
            if !$must_be_absent && !length($value // '');
        $want{$header} = $value;
    }
    return %want;
}

sub check_body {
    my ($run, $response) = @_;
    my $block = $run->{block};
    my $body  = $response ? $response->content : undef;
    if (defined $block->response_body) {
        my $want = expected($run, 'response_body');
        my $name = "$run->{name} - response_body";
        if (ref $want) {
            Test::More::like($body // '', $want, $name);
        }
        else {
            Test::Base::is($body, expand($run->{ports}, with_ports($run, $want)), $name);
        }
    }
    elsif (defined $block->response_body_like) {
        my $pattern = with_ports($run, pattern($run, 'response_body_like'));
        Test::More::like($body // '', qr/$pattern/s, "$run->{name} - response_body_like");
    }
    elsif (defined $block->response_body_unlike) {
        my $pattern = with_ports($run, pattern($run, 'response_body_unlike'));
        Test::More::unlike($body // '', qr/$pattern/s, "$run->{name} - response_body_unlike");
    }
    return;
}

=head2 check_error_log($run)

Looks through the lines that the request has added to the error log, for C<grep_error_log>,
C<error_log> and C<no_error_log>. An C<[alert]> or C<[emerg]> that the block does not speak of
fails, where the genuine module only warns.

=cut

sub check_error_log {
    my ($run)  = @_;
    my $block  = $run->{block};
    my @wanted = grep {defined} pattern_list($block->error_log // []);
    my @banned = grep {defined} pattern_list($block->no_error_log // []);

    my $grep     = for_repetition($run, $block->grep_error_log);
    my $grep_out = for_repetition($run, expand($run->{ports}, $block->grep_error_log_out));

    my @lines;
    my $is_complete = sub {
        return 0 if grep { !matching($_, @lines) } @wanted;
        return 1 if !defined $grep || ref $grep_out;
        return grep_output($grep, @lines) eq ($grep_out // '');
    };
    collect($run, sub { @lines = $run->{server}->new_error_lines(@lines) }, $is_complete);

    if (defined $grep) {
        my $name = "$run->{name} - grep_error_log_out (repetition $run->{repetition})";
        my $got  = grep_output($grep, @lines);
        ref $grep_out
            ? Test::More::like($got, $grep_out, $name)
            : Test::Base::is($got, $grep_out, $name);
    }
    check_patterns($run, 'error_log',    1, \@wanted, \@lines);
    check_patterns($run, 'no_error_log', 0, \@banned, \@lines);

    for my $level (qw( alert emerg crit )) {
        next if $level eq 'emerg' && defined $block->must_die;
        next if grep { index($_, "[$level") >= 0 } @wanted, @banned;
        for my $line (matching("[$level]", @lines)) {
            $level eq 'crit'
                ? Test::More::diag("$run->{name} - unexpected in error.log: $line")
                : Test::More::fail("$run->{name} - unexpected in error.log: $line");
        }
    }
    Test::More::fail("$run->{name} - $_") for matching(qr/\bAssertion .*?failed\b/, @lines);
    return;
}

=head2 check_access_log($run)

Looks through the whole access log, for C<access_log> and C<no_access_log>.

=cut

sub check_access_log {
    my ($run)  = @_;
    my $block  = $run->{block};
    my @wanted = grep {defined} pattern_list($block->access_log // []);
    my @banned = grep {defined} pattern_list($block->no_access_log // []);
    return if !@wanted && !@banned;

    my @lines;
    my $is_complete = sub {
        return !grep { !matching($_, @lines) } @wanted;
    };
    collect($run, sub { @lines = $run->{server}->access_lines }, $is_complete);
    check_patterns($run, 'access_log',    1, \@wanted, \@lines);
    check_patterns($run, 'no_access_log', 0, \@banned, \@lines);
    return;
}

=head2 check_shutdown_log($run)

Looks through what nginx has logged while it stopped, for C<shutdown_error_log> and
C<no_shutdown_error_log>.

=cut

sub check_shutdown_log {
    my ($run) = @_;
    my @lines = $run->{server}->new_error_lines;
    for my $section (qw( shutdown_error_log no_shutdown_error_log )) {
        my @patterns = pattern_list($run->{block}->$section // []);
        check_patterns($run, $section, $section eq 'shutdown_error_log', \@patterns, \@lines);
    }
    return;
}

# A line may still be on its way when the response has come.
sub collect {
    my ($run, $read, $is_complete) = @_;
    my $deadline = time + $run->{server}{settle};
    $read->();
    while (!$is_complete->() && time < $deadline) {
        sleep 0.005;
        $read->();
    }
    return;
}

sub check_patterns {
    my ($run, $section, $is_wanted, $patterns, $lines) = @_;
    for my $pattern (@$patterns) {
        my @matching = matching($pattern, @$lines);
        my $what     = $is_wanted ? 'matches a line' : 'matches no line';
        Test::More::ok($is_wanted ? @matching : !@matching,
            "$run->{name} - $section: pattern \"$pattern\" $what (repetition $run->{repetition})")
            or $is_wanted
            or Test::More::diag("it matches: $matching[0]");
    }
    return;
}

sub matching {
    my ($pattern, @lines) = @_;
    return grep { ref $pattern ? $_ =~ $pattern : index($_, $pattern) >= 0 } @lines;
}

# What the pattern has matched in each line, one a line.
sub grep_output {
    my ($pattern, @lines) = @_;
    $pattern = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    return join '', map {"$_\n"} grep { !/\n/ } map { /($pattern)/ ? $1 : () } @lines;
}

sub for_repetition {
    my ($run, $value) = @_;
    return ref $value eq 'ARRAY' ? $value->[$run->{repetition}] : $value;
}

sub expected {
    my ($run, $section) = @_;
    return per_request($run->{block}, $section, $run->{index}, $run->{many});
}

sub pattern {
    my ($run, $section) = @_;
    return expected($run, $section)
        // refuse($run->{block}, $section, "no pattern for request $run->{index}");
}

sub with_ports {
    my ($run, $text) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s/\$(?:ServerPort|ServerPortForClient)\b/$run->{server}{port}/g;
    return $text;
}

1;
