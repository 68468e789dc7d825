package Test::Nginx::Socket;

use strict;
use warnings;

use Test::Base -base;

use List::Util qw( shuffle );
use Time::HiRes qw( sleep );

use Test::Nginx::Socket::Check
    qw( check_access_log check_error_log check_response check_shutdown_log );
use Test::Nginx::Socket::Client
    qw( conversations converse converse_by_curl curl_command parse_response );
use Test::Nginx::Socket::Server ();
use Test::Nginx::Socket::Spec qw( expand refuse seconds uses_http2 validate );
use Test::Nginx::Socket::Upstream ();

our @EXPORT = qw(
    add_block_preprocessor bail_out check_accum_error_log config_preamble env_to_nginx html_dir
    log_level master_off master_on no_long_string no_root_location no_shuffle repeat_each run_tests
    server_addr server_name server_port server_port_for_client server_root timeout
    worker_connections workers
);

# Functions and modes of the genuine module for which there is nothing here. Silence would make a
# test that relies on one of them look as if it had run.
my @OTHER_FUNCTIONS = qw(
    add_cleanup_handler add_response_body_check add_test_cleanup_handler is_str
    master_process_enabled no_nginx_manager use_hup
);
my @OTHER_MODES = map {"TEST_NGINX_$_"} qw(
    BENCHMARK BUILDSLAVE CHECK_LEAK CLIENT_PORT ERROR_LOG EVENT_TYPE FAST_SHUTDOWN
    FORCE_RESTART_ON_TEST IGNORE_MISSING_DIRECTIVES LD_PRELOAD NO_CLEAN NO_NGINX_MANAGER
    POSTPONE_OUTPUT REUSE_PORT USE_HTTP3 USE_HUP USE_RR USE_STAP USE_VALGRIND WORKER_USER
);

for my $name (@OTHER_FUNCTIONS) {
    no strict 'refs';    ## no critic (ProhibitNoStrict)
    *$name = sub { die "$0: $name(): only the genuine Test::Nginx::Socket has this function\n" };
    push @EXPORT, $name;
}

my $server        = Test::Nginx::Socket::Server->new;
my $repetitions   = 1;
my $is_shuffled   = !$ENV{TEST_NGINX_NO_SHUFFLE};
my $test_process  = $$;
my @preprocessors;

# Specifications write it into their configurations.
$ENV{TEST_NGINX_SERVER_ROOT} = $server->{root};
$ENV{TEST_NGINX_SERVER_PORT} = $server->{port};

# A signal must not leave an nginx behind.
$SIG{$_} = sub { exit 1 }
    for qw( HUP INT PIPE TERM );

END {
    $server->finish if $server && $$ == $test_process;
}

sub setting {
    my ($name, @value) = @_;
    $server->{$name} = $value[0] if @value;
    return $server->{$name};
}

sub log_level              { return setting('log_level',          @_) }
sub server_addr            { return setting('address',            @_) }
sub server_name            { return setting('name',               @_) }
sub timeout                { return setting('timeout',            @_) }
sub worker_connections     { return setting('worker_connections', @_) }
sub workers                { return setting('workers',            @_) }
sub config_preamble        { return setting('preamble',           @_) }
sub check_accum_error_log  { return setting(accumulate => 1) }
sub master_off             { return setting(master_process => 'off') }
sub master_on              { return setting(master_process => 'on') }
sub no_root_location       { return setting(root_location => 0) }
sub server_root            { return $server->{root} }
sub html_dir               { return $server->path('html') }
sub server_port            { return $server->{port} }
sub server_port_for_client { return $server->{port} }
sub no_shuffle             { $is_shuffled = 0; return }
sub no_long_string         { return }

sub env_to_nginx {
    my @variables = @_;
    push @{ $server->{environment} }, @variables;
    return;
}

sub repeat_each {
    $repetitions = $_[0] if @_;
    return $repetitions;
}

sub add_block_preprocessor {
    unshift @preprocessors, $_[0];
    return;
}

sub bail_out {
    my @reason = @_;
    $server->finish;
    Test::More::BAIL_OUT("@reason");
    return;
}

sub run_tests {
    for my $mode (grep { $ENV{$_} } @OTHER_MODES) {
        die "$0: $mode: only the genuine Test::Nginx::Socket has this mode\n";
    }
    $server->version;    # dies where there is no nginx
    my @blocks = blocks();
    @blocks = shuffle @blocks if $is_shuffled;
    for my $block (@blocks) {
        $_->($block) for @preprocessors;
        $block->set_value(name => "$0 " . $block->name);
        validate($block);
        run_block($block);
    }
    return;
}

sub run_block {
    my ($block) = @_;
    my $name    = $block->name;
    my $builder = Test::More->builder;
    my $failed  = grep { !$_ } $builder->summary;

    if (my ($count, $reason) = skipped($block)) {
        for (1 .. $repetitions) {
        SKIP: { skip("$name - $reason", $count) }
        }
        return;
    }

    my $run = { block => $block, name => $name, server => $server, ports => {}, repetition => 0 };
    prepare($run);
    if (defined $block->must_die) {
        run_must_die($run);
    }
    elsif ($server->start) {
        run_requests($run);
        my $ended_early = !$server->is_running;
        $server->stop;
        check_shutdown_log($run);
        my $ending = $server->ending;
        fail("$name - nginx ended early" . ($ending && ": $ending")) if $ended_early;
        fail("$name - nginx $ending when it stopped") if $ending && !$ended_early;
    }
    else {
        fail("$name - nginx does not start");
    }

    my $story = $server->story;
    diag("nginx said:\n$story")
        if length $story && $failed < grep { !$_ } $builder->summary;
    return;
}

# The number of tests to skip and the reason, or nothing.
sub skipped {
    my ($block) = @_;
    if (defined(my $rule = $block->skip_nginx)) {
        my ($count, $operator, $major, $minor, $patch, $reason)
            = $rule =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+)\.(\d+)\.(\d+)\s*(?::\s*(.*?))?\s*$/
            or refuse($block, 'skip_nginx', 'must be "number of tests: < 1.2.3: reason"');
        my $order = $server->version <=> sprintf '%d.%03d%03d', $major, $minor, $patch;
        my %applies
            = ('<' => $order < 0, '<=' => $order <= 0, '>' => $order > 0, '>=' => $order >= 0);
        return ($count, $reason || "nginx $operator $major.$minor.$patch") if $applies{$operator};
    }
    if (defined(my $rule = $block->skip_eval)) {
        my ($count, $code) = $rule =~ /^\s*(\d+)\s*:\s*(.*)/s
            or refuse($block, 'skip_eval', 'must be "number of tests: Perl code"');
        return ($count, 'skip_eval') if run_code($block, 'skip_eval', $code);
    }
    return;
}

# The code of a section, which by its nature comes as text.
sub run_code {
    my ($block, $section, $code) = @_;
    my $result = eval $code;    ## no critic (ProhibitStringyEval)
    refuse($block, $section, $@) if $@;
    return $result;
}

sub prepare {
    my ($run) = @_;
    my $block = $run->{block};
    my %text  = map { $_ => expand($run->{ports}, scalar $block->$_) }
        qw( config http_config main_config post_main_config );
    $server->lay_out;
    $server->write_user_files(user_files($run));
    $server->write_config($block, %text);
    return;
}

# Text with lines `>>> path [date]`, each followed by the content of a file; or an array of
# [path, content, date].
sub user_files {
    my ($run) = @_;
    my $value = $run->{block}->user_files;
    return if !defined $value;
    my @files;
    if (ref $value) {
        @files = map { [@$_] } @$value;
    }
    else {
        my ($before, @parts) = split /^.*>>> (\S+)(?:[ \t]+(\S.*?))?[ \t]*\n/m, $value;
        refuse($run->{block}, 'user_files', 'text before the first ">>> path"')
            if !@parts || $before =~ /\S/;
        while (my ($path, $date, $content) = splice @parts, 0, 3) {
            push @files, [$path, $content, $date];
        }
    }
    $_->[1] = expand($run->{ports}, $_->[1]) for @files;
    return @files;
}

sub run_must_die {
    my ($run) = @_;
    my $expected = $run->{block}->must_die;
    for my $repetition (0 .. $repetitions - 1) {
        $run->{repetition} = $repetition;
        my $is_started = $server->start;
        my $status     = $is_started ? 0 : $server->status;
        if ($status & 127) {
            fail("$run->{name} - must_die: nginx " . $server->ending);
        }
        elsif ($expected =~ /^\d+$/) {
            is($status >> 8, $expected, "$run->{name} - must_die: exit code");
        }
        else {
            isnt($status, 0, "$run->{name} - must_die: nginx does not start");
        }
        check_error_log($run);
        $server->stop;
    }
    return;
}

sub run_requests {
    my ($run) = @_;
    my $block = $run->{block};
    run_code($block, 'init', $block->init) if $block->init;
    for my $repetition (0 .. $repetitions - 1) {
        $run->{repetition} = $repetition;
        $server->write_user_files(user_files($run)) if $repetition;
        my $upstream;
        $upstream = Test::Nginx::Socket::Upstream->new($block, $run->{ports})
            if defined $block->tcp_listen;

        $run->{index} = 0;
        run_conversation($run, $_) for conversations($block, $server->{name}, $run->{ports});

        next if !$upstream;
        my $query = $upstream->finish;
        is($query, $block->tcp_query, "$run->{name} - tcp_query") if defined $block->tcp_query;
        is(length $query, $block->tcp_query_len, "$run->{name} - tcp_query_len")
            if defined $block->tcp_query_len;
    }
    return;
}

sub run_conversation {
    my ($run, $conversation) = @_;
    my $block = $run->{block};
    $run->{many} = $conversation->{many};

    my $left = exchange($run, $conversation);
    for (1 .. $conversation->{responses}) {
        if (!defined $block->ignore_response) {
            (my $response, my $head, $left, my $error) = parse_response($left // '');
            diag("$run->{name} - $error") if defined $error;
            check_response($run, $response, $head);
        }
        sleep $block->wait if $block->wait;
        check_error_log($run);
        check_access_log($run) if !defined $block->ignore_response;
        $run->{index}++;
    }
    diag("$run->{name} - bytes after the response: $left") if defined $left && length $left;
    return;
}

# The bytes that the server has sent.
sub exchange {
    my ($run, $conversation) = @_;
    my $block = $run->{block};
    my ($bytes, $client_port);
    my @command;
    @command = curl_command($block, $conversation, $server)
        if defined $block->curl || uses_http2($block);
    diag("@command") if defined $block->curl;

    if (uses_http2($block)) {
        ($bytes, my $complaint) = converse_by_curl(@command);
        my $expected = $block->curl_error;
        my $is_expected
            = defined $expected && !length $bytes && matches($complaint, $expected);
        fail("$run->{name} - curl: $complaint") if length $complaint && !$is_expected;
    }
    else {
        my $timeout = seconds($block->timeout) // $server->{timeout};
        ($bytes, $client_port, my $error)
            = converse($conversation, $server->{address}, $server->{port}, $timeout);
        fail("$run->{name} - $error") if defined $error && !defined $block->abort;
    }
    $server->wait_until_closed($client_port);
    return $bytes;
}

sub matches {
    my ($text, $pattern) = @_;
    return ref $pattern ? $text =~ $pattern : index($text, $pattern) >= 0;
}

1;

__END__

=head1 NAME

Test::Nginx::Socket - a stand-in for the test scaffold of that name

=head1 SYNOPSIS

    use Test::Nginx::Socket 'no_plan';

    run_tests();

    __DATA__

    === a location answers
    --- config
    location /hello { return 200 "hello\n"; }
    --- request
    GET /hello
    --- response_headers
    Content-Type: text/plain
    ! Set-Cookie
    --- response_body
    hello

=head1 DESCRIPTION

The specifications of this project are written for L<Test::Nginx::Socket|https://github.com/openresty/test-nginx>,
the scaffold of the nginx module world. Distributions do not package it. This module runs the same
files where it is missing, on L<Test::Base>, L<HTTP::Response> and Perl itself; F<t/run> puts it
into Perl's path only then. Where the genuine one is installed, that one runs.

It is deliberately less: of the sections, functions and environment variables it has those that
specifications of an HTTP module need. F<t/README.md> lists them. It dies on everything else,
and on what the genuine module would pass over in silence, such as a section that nothing looks
at. A specification that passes here is meant to pass there.

It is stricter in what nginx may do: an unexpected C<[alert]> or C<[emerg]> in the error log fails
the block, and so does an nginx that ends early, does not start, does not stop, or ends with a
signal or an exit code other than 0. The genuine one warns, or does not see it. C<! Name> in
C<response_headers> ignores case, as HTTP does.

Every block has an nginx of its own, started in a fresh F<t/servroot>.

=head1 FUNCTIONS

As in the genuine module: C<add_block_preprocessor>, C<bail_out>, C<check_accum_error_log>,
C<config_preamble>, C<env_to_nginx>, C<html_dir>, C<log_level>, C<master_off>, C<master_on>,
C<no_long_string>, C<no_root_location>, C<no_shuffle>, C<repeat_each>, C<run_tests>,
C<server_addr>, C<server_name>, C<server_port>, C<server_port_for_client>, C<server_root>,
C<timeout>, C<worker_connections>, C<workers>; and those of L<Test::Base>.

=cut
