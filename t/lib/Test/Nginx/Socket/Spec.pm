package Test::Nginx::Socket::Spec;

use strict;
use warnings;

use Exporter qw( import );

use Nginx qw( free_port );

our @EXPORT_OK = qw( expand pattern_list per_request refuse seconds uses_http2 validate );

=head1 NAME

Test::Nginx::Socket::Spec - what a block of a specification may say

=head1 DESCRIPTION

The sections that the stand-in knows, the combinations that make no sense, and the ways in which
the value of a section is read. The genuine Test::Nginx::Socket ignores a section that it does not
know, and drops one of two sections that exclude each other; a check that is never made looks
like one that passes. Here both are errors.

=cut

# Meta sections, which Test::Base itself obeys.
my @META = qw( LAST ONLY SKIP );

my @SERVER = qw(
    config http_config init log_level main_config must_die post_main_config server_name
    suppress_stderr user_files
);

my @REQUEST = qw(
    abort curl curl_error curl_options curl_protocol http2 more_headers no_http2
    pipelined_requests raw_request raw_request_middle_delay request timeout wait
);

my @RESPONSE = qw(
    error_code error_code_like raw_response_headers_like raw_response_headers_unlike response_body
    response_body_like response_body_unlike response_headers response_headers_like
);

my @LOG = qw(
    access_log error_log grep_error_log grep_error_log_out no_access_log no_error_log
    no_shutdown_error_log shutdown_error_log
);

my @UPSTREAM = qw( tcp_listen tcp_query tcp_query_len tcp_reply tcp_reply_delay );

my @OTHER = qw( ignore_response no_check_leak skip_eval skip_nginx );

my %KNOWN
    = map { $_ => 1 } @META, @SERVER, @REQUEST, @RESPONSE, @LOG, @UPSTREAM, @OTHER;

# A section, and those beside which the genuine module would never look at it.
my @IGNORED_BESIDE = (
    [error_code            => 'error_code_like'],
    [more_headers          => 'raw_request'],
    [pipelined_requests    => 'raw_request'],
    [request               => qw( pipelined_requests raw_request )],
    [response_body_like    => 'response_body'],
    [response_body_unlike  => qw( response_body response_body_like )],
    [response_headers_like => 'response_headers'],
    (map { [$_ => qw( ignore_response must_die )] } @RESPONSE, qw( access_log no_access_log )),
    (map { [$_ => 'must_die'] } @UPSTREAM),
);

# A section, and the one without which it means nothing.
my @NEEDS = (
    [grep_error_log           => 'grep_error_log_out'],
    [grep_error_log_out       => 'grep_error_log'],
    [raw_request_middle_delay => 'raw_request'],
    [tcp_listen               => 'tcp_reply'],
    (map { [$_ => 'tcp_listen'] } qw( tcp_query tcp_query_len tcp_reply tcp_reply_delay )),
);

# Sections that list what to look for: without an entry nothing would be looked for.
my @LISTS = qw(
    access_log error_log no_access_log no_error_log no_shutdown_error_log response_headers
    response_headers_like shutdown_error_log
);

=head1 FUNCTIONS

=head2 refuse($block, $section, $reason)

Dies with the file, the block and the section.

=cut

sub refuse {
    my ($block, $section, $reason) = @_;
    my $name = $block->name;
    $name =~ s/^\Q$0\E //;
    die qq{$0: block "$name": section "$section": $reason\n};
}

=head2 validate($block)

Refuses a block with an unknown, a repeated, an empty or a pointless section.

=cut

sub validate {
    my ($block) = @_;
    my (%is, %given);

    # A preprocessor may take a section of its own out of the block again.
    for my $section (grep { exists $block->{$_} } @{ $block->_section_order }) {
        refuse($block, $section, 'unknown section') if !$KNOWN{$section};
        refuse($block, $section, 'given twice')     if $given{$section}++;
    }
    for my $section (keys %KNOWN) {
        $is{$section} = defined $block->$section;
    }

    refuse($block, 'config', 'missing') if !$is{config};
    if (!$is{must_die} && !grep { $is{$_} } qw( request raw_request pipelined_requests )) {
        refuse($block, 'request', 'missing');
    }
    for my $rule (@IGNORED_BESIDE) {
        my ($section, @others) = @$rule;
        for my $other (grep { $is{$section} && $is{$_} } @others) {
            refuse($block, $section, qq{never looked at beside "$other"});
        }
    }
    for my $rule (@NEEDS) {
        my ($section, $other) = @$rule;
        refuse($block, $section, qq{means nothing without "$other"})
            if $is{$section} && !$is{$other};
    }
    for my $section (@LISTS) {
        my $value = $block->$section;
        refuse($block, $section, 'empty, so nothing would be checked')
            if $is{$section} && (ref $value eq 'ARRAY' ? !@$value : $value !~ /\S/);
    }
    for my $section (grep { $is{$_} } keys %KNOWN) {

        # The filter `eval` hands back the error message in place of a value.
        my $value = $block->$section;
        refuse($block, $section, "does not compile: $value")
            if !ref $value && $value =~ / at \(eval \d+\) line \d+[,.]/;
    }
    for my $section (qw( raw_response_headers_like raw_response_headers_unlike )) {
        my $value = $block->$section;
        for my $pattern (ref $value eq 'ARRAY' ? @$value : $value) {
            refuse($block, $section, 'the pattern ends in a newline, where a header ends in \r\n')
                if defined $pattern && !ref $pattern && $pattern =~ /(?<!\\r)(?<!\r)\n\z/;
        }
    }
    if (uses_http2($block)) {
        for my $section (qw( raw_request pipelined_requests )) {
            refuse($block, $section, 'impossible over HTTP/2') if $is{$section};
        }
    }
    return;
}

=head2 uses_http2($block)

Whether curl sends the request of this block over HTTP/2: where the block says C<--- http2>, and
under C<TEST_NGINX_USE_HTTP2> wherever the block does not depend on HTTP/1.

=cut

sub uses_http2 {
    my ($block) = @_;
    return 0 if defined $block->no_http2;
    return 1 if defined $block->http2;
    return 0 if !$ENV{TEST_NGINX_USE_HTTP2};
    return 0 if defined $block->raw_request || defined $block->pipelined_requests;
    return 0 if !defined $block->request;
    return 0 if !ref $block->request && $block->request =~ m{HTTP/1\.0};

    # The port speaks only one of the two, and a proxied request arrives over HTTP/1.
    my $own_port = qr/proxy_pass .*:\$(?:server_port|TEST_NGINX_SERVER_PORT)/;
    return !grep { defined && /$own_port/ } $block->config, $block->http_config,
        $block->user_files;
}

=head2 per_request($block, $section, $index, $many)

The value of a section for the request C<$index> of the block. A block with several requests
gives arrays.

=cut

sub per_request {
    my ($block, $section, $index, $many) = @_;
    my $value = $block->$section;
    return $value->[$index] if ref $value eq 'ARRAY';
    refuse($block, $section, 'must be an array, as the block makes several requests') if $many;
    return $value;
}

=head2 pattern_list($value)

The patterns of a section about a log: one a line, or a regular expression, or an array of both.

=cut

sub pattern_list {
    my ($value) = @_;
    return @$value if ref $value eq 'ARRAY';
    return $value  if ref $value;
    return grep {length} split /\n+/, $value;
}

=head2 expand(\%ports, $text)

Replaces each C<$TEST_NGINX_*> with the environment variable of that name, and
C<$TEST_NGINX_RAND_PORT_n> with a port that is free, the same one throughout the block
(C<%ports> keeps them). Dies where there is no such variable.

=cut

sub expand {
    my ($ports, $text) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $name = $1;
        $name =~ /^TEST_NGINX_RAND_PORT_[0-9]+$/
            ? $ports->{$name} //= free_port($ENV{TEST_NGINX_SERVER_PORT}, values %$ports)
            : $ENV{$name} // die "$0: no environment variable $name\n"
    }gex;
    return $text;
}

=head2 seconds($text)

The number of seconds in C<500ms>, C<2s> or C<2>; undefined without a text.

=cut

sub seconds {
    my ($text) = @_;
    my $seconds;
    if (defined $text) {
        my ($number, $unit) = $text =~ /^\s*([0-9.]+)\s*(ms|s|)\s*$/
            or die qq{$0: "$text" is not a time\n};
        $seconds = $unit eq 'ms' ? $number / 1000 : $number;
    }
    return $seconds;
}

1;
