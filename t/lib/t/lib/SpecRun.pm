package SpecRun;

use strict;
use warnings;

use Exporter qw( import );
use IPC::Open3 qw( open3 );

our @EXPORT_OK = qw( run_spec );

=head1 NAME

SpecRun - runs a specification in a process of its own

=head1 FUNCTIONS

=head2 run_spec($file, $library)

Runs the file with Test::Nginx::Socket from that directory. Returns a hash with C<tests> (lines of
TAP, each beginning with C<ok> or C<not ok>), C<output>, C<errors> and C<status>, the wait status.

=cut

sub run_spec {
    my ($file, $library) = @_;
    local $ENV{TEST_NGINX_RANDOMIZE} = 1;
    delete local @ENV{qw( TEST_NGINX_SERVER_PORT TEST_NGINX_PORT TEST_NGINX_SERVROOT PERL5LIB )};

    open my $nothing, '<',  '/dev/null' or die $!;
    open my $errors,  '+>', undef       or die $!;
    my $pid = open3('<&' . fileno $nothing,
        my $output, '>&' . fileno $errors, $^X, "-I$library", $file);
    my @output = <$output>;
    waitpid $pid, 0;
    my $status = $?;
    seek $errors, 0, 0;
    return {
        tests  => [grep {/^(?:not )?ok\b/} @output],
        output => join('', @output),
        errors => join('', <$errors>),
        status => $status,
    };
}

1;
