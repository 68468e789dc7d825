# What the stand-in refuses: it must die, and say in which file, block and section; or fail the
# block where nginx is to blame. The genuine module would pass over most of this.

use strict;
use warnings;

use FindBin;
use File::Temp ();
use Test::More;

use lib "$FindBin::Bin/lib";
use SpecRun qw( run_spec );

my $stand_in = "$FindBin::Bin/..";

# Runs a specification of one block, with a line of Perl before run_tests() and sections.
sub run_block {
    my ($perl, @sections) = @_;
    return run_text("use Test::Nginx::Socket 'no_plan';\n$perl\nrun_tests();\n",
        "__DATA__\n=== the block\n", map {"--- $_\n"} @sections);
}

sub run_text {
    my @text = @_;
    my $file = File::Temp->new(SUFFIX => '.spec');
    print {$file} @text;
    close $file;
    return run_spec("$file", $stand_in);
}

sub refuses {
    my ($section, $reason, @sections) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $result = run_block('', @sections);
    my $name   = "$section: $reason";
    like($result->{errors},
        qr{^\S+\.spec: block "the block": section "$section": .*\Q$reason\E}m, $name);
    isnt($result->{status}, 0, "$name: dies");
    is_deeply($result->{tests}, [], "$name: before any test");
    return;
}

my @get = ('config', "request\nGET /");

my $fine = run_block('', @get);
is($fine->{status}, 0, 'a block without a mistake passes') or diag $fine->{errors};
is(scalar @{ $fine->{tests} }, 1, 'with one test');

refuses('response_code', 'unknown section', @get, 'response_code: 200');
refuses('todo',          'unknown section', @get, 'todo: 1: later');
refuses('http3',         'unknown section', @get, 'http3');
refuses('error_code',    'given twice',     @get, 'error_code: 200', 'error_code: 404');
refuses('config',        'missing',         "request\nGET /");
refuses('request',       'missing',         'config');

refuses('error_code',   'never looked at', @get, 'error_code: 200', 'error_code_like: 200');
refuses('more_headers', 'never looked at', 'config', "raw_request eval\n1", 'more_headers: A: b');
refuses('request',      'never looked at', @get, "pipelined_requests eval\n['GET /']");
refuses('request',      'never looked at', @get, "raw_request: GET /");
refuses('pipelined_requests',
    'never looked at', 'config', "pipelined_requests eval\n['GET /']", 'raw_request: GET /');
refuses('response_body_like', 'never looked at', @get, 'response_body: a', 'response_body_like: a');
refuses('response_body_unlike',
    'never looked at', @get, 'response_body_like: a', 'response_body_unlike: b');
refuses('response_headers_like',
    'never looked at', @get, 'response_headers: A: b', 'response_headers_like: A: b');
for my $section (
    qw( error_code error_code_like raw_response_headers_like raw_response_headers_unlike
    response_body response_body_like response_body_unlike response_headers response_headers_like
    access_log no_access_log )
    )
{
    refuses($section, 'never looked at beside "ignore_response"',
        @get, 'ignore_response', "$section: A: b");
    refuses($section, 'never looked at beside "must_die"', 'config', 'must_die', "$section: A: b");
}

refuses('grep_error_log',     'means nothing without', @get, 'grep_error_log: a');
refuses('grep_error_log_out', 'means nothing without', @get, 'grep_error_log_out: a');
refuses('tcp_listen',         'means nothing without', @get, 'tcp_listen: 1');
refuses('tcp_query',          'means nothing without', @get, 'tcp_query: a');

for my $section (
    qw( access_log error_log no_access_log no_error_log no_shutdown_error_log response_headers
    response_headers_like shutdown_error_log )
    )
{
    refuses($section, 'nothing would be checked', @get, $section);
}
refuses('error_log', 'nothing would be checked', @get, "error_log eval\n[]");

refuses('response_body',            'does not compile', @get, "response_body eval\n'a");
refuses('request',                  'does not compile', 'config', "request eval\n[");
refuses('raw_response_headers_like', 'ends in a newline', @get, "raw_response_headers_like\nA: b");
refuses('raw_response_headers_unlike',
    'ends in a newline', @get, "raw_response_headers_unlike\nA: b");
refuses('raw_request',        'impossible over HTTP/2', 'config', 'http2', 'raw_request: GET /');
refuses('pipelined_requests', 'impossible over HTTP/2',
    'config', 'http2', "pipelined_requests eval\n['GET /']");

refuses('request', 'the first line must be', 'config', "request\nGET / HTTP/1.1 more");
refuses('request', 'must be a string', 'config', "request eval\n[['GET /', 'a']]");
refuses('pipelined_requests', 'must be an array', 'config', "pipelined_requests\nGET /");
refuses('more_headers', 'nothing for request 1',
    'config', "request eval\n['GET /', 'GET /']", "more_headers eval\n['A: b']");
refuses('tcp_listen', 'neither a port nor', @get, 'tcp_listen: here', 'tcp_reply: a');
refuses('user_files', 'text before',        @get, "user_files\na\n>>> a.txt\na");
refuses('init',       'told to',            @get, "init\ndie 'told to';");
refuses('skip_nginx', 'must be',            @get, 'skip_nginx: 1.2.3');
refuses('skip_eval',  'must be',            @get, 'skip_eval: 1 + 1');

# These are noticed when there is a response to compare.
sub refuses_late {
    my ($section, $reason, @sections) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $result = run_block('', @sections);
    like($result->{errors}, qr{: block "the block": section "$section": .*\Q$reason\E},
        "$section: $reason");
    isnt($result->{status}, 0, "$section: $reason: dies");
    return;
}

my @two = ('config', "request eval\n['GET /', 'GET /']");
refuses_late('error_code', 'must be an array', @two, 'error_code: 200');
refuses_late('response_body_like', 'no pattern for request 1',
    @two, "error_code eval\n[200, 200]", "response_body_like eval\n['works']");
refuses_late('response_headers', 'twice',      @get, "response_headers\nA: b\na: c");
refuses_late('response_headers', 'blank line', @get, "response_headers\nServer: a\n\nA: b");
refuses_late('response_headers', 'without a value', @get, "response_headers\nServer");
refuses_late('response_headers', 'without a value', @get, "response_headers\nServer:");
refuses_late('response_headers', 'give the name alone', @get, "response_headers\n! Server: a");

sub dies {
    my ($name, $pattern, $perl, @sections) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $result = run_block($perl, @sections);
    like($result->{errors}, $pattern, $name);
    isnt($result->{status}, 0, "$name: dies");
    return;
}

dies('an unknown environment variable', qr/no environment variable TEST_NGINX_NONE/,
    '', 'config: root $TEST_NGINX_NONE;', "request\nGET /");
dies('a time that is none', qr/"soon" is not a time/, '', @get, 'timeout: soon');
dies("$_()", qr/$_\(\): only the genuine/, "$_();", @get)
    for qw( use_hup no_nginx_manager is_str master_process_enabled );
dies('an unknown function', qr/no_such_function/, 'no_such_function();', @get);
dies('an unknown mode', qr/TEST_NGINX_USE_HUP: only the genuine/,
    '$ENV{TEST_NGINX_USE_HUP} = 1;', @get);

for my $import (qw( no_such_import repeat_each )) {
    my $result = run_text("use Test::Nginx::Socket '$import';\n");
    like($result->{errors}, qr/plan\(\) doesn't understand $import/, "import $import");
    isnt($result->{status}, 0, "import $import: dies");
}

{
    local $ENV{TEST_NGINX_BINARY} = '/nowhere/nginx';
    dies('no such nginx', qr{cannot run "/nowhere/nginx -V"}, '', @get);
}

my $interrupted
    = run_block('diag("root: ", server_root());', @get, "init\nkill TERM => \$\$; sleep 1;");
my ($root) = $interrupted->{errors} =~ /root: (\S+)/;
isnt($interrupted->{status}, 0, 'a run that is interrupted fails');
ok(defined $root && !-e $root, 'and leaves no directory behind');
my @left = grep { defined $root && index($_, $root) >= 0 } map { cmdline($_) } glob '/proc/[0-9]*';
is("@left", '', 'and no nginx');

sub cmdline {
    my ($process) = @_;
    open my $file, '<', "$process/cmdline" or return '';
    return readline($file) // '';
}

my $refused = run_block('', 'config: no_such_directive;', "request\nGET /");
like($refused->{output}, qr/^not ok 1 - \S+ the block - nginx does not start$/m,
    'a configuration that nginx refuses fails the block');
like($refused->{errors}, qr/unknown directive "no_such_directive"/, 'and nginx is quoted');

done_testing();
