# With a policy in force nginx does everything else as it does without: the same requests go to an
# nginx without the module, and to ones with it, and the same bytes must come back but for the
# headers of CORS; the application behind must have seen the same, and the logs must say the same.

use strict;
use warnings;

use File::Basename qw( dirname );
use File::Path qw( make_path );
use File::Spec ();
use File::Temp qw( tempdir );
use IO::Compress::Gzip qw( gzip $GzipError );
use Test::More;

use lib map { File::Spec->catdir(dirname(__FILE__), @$_) } ['lib'], [qw( .. lib )];

use Application ();
use Comparison qw( first_difference steady without_cors );
use Instance   ();
use Nginx qw( binary modules slurp spew );

my $binary  = binary();
my @modules = modules() or die "TEST_NGINX_LOAD_MODULES names no module\n";

# In /tmp, since the path of a socket has at most 107 bytes.
my $folder = tempdir(TMPDIR => 1, CLEANUP => 1);
chmod 0755, $folder;
my (%instance, $application);

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;

END {
    local $?;
    if ($application) {
        $_->stop for values %instance;
        kill 'TERM', $application;
        waitpid $application, 0;
    }
}

my $POLICY = <<'END';
    cors_policy_define compared {
        allow_origins https://app.example.com;
        allow_methods *;
        allow_headers *;
        expose_headers ETag;
        allow_credentials on;
        timing_allow_origin on;
    }
END
my @ORIGINS = (
    ['no origin',         undef],
    ['an allowed origin', 'https://app.example.com'],
    ['a denied origin',   'https://evil.example'],
);
my %CORS = (
    'no origin'         => ['Vary: Origin'],
    'an allowed origin' => [
        'Access-Control-Allow-Credentials: true',
        'Access-Control-Allow-Origin: https://app.example.com',
        'Access-Control-Expose-Headers: ETag',
        'Timing-Allow-Origin: https://app.example.com',
        'Vary: Origin',
    ],
    'a denied origin' => ['Vary: Origin'],
);

# What nginx.conf gets for @MODULE@, @HTTP@ and @SERVER@.
my $load     = join '', map {"load_module $_;\n"} @modules;
my @VARIANTS = ('without', 'loaded', 'switched off', 'in force');
my %CONFIG   = (
    'without'      => ['',    '',                              ''],
    'loaded'       => [$load, $POLICY,                         ''],
    'switched off' => [$load, "$POLICY cors_policy compared;", 'cors_policy off;'],
    'in force'     => [$load, "$POLICY cors_policy compared;", ''],

    # Not compared, but there to be found different.
    'altered' => ['', 'etag off;', ''],
);

# request($line, @fields): the last of a connection.
sub request {
    my ($line, @fields) = @_;
    return on_a_connection($line, 'Connection: close', @fields);
}

sub on_a_connection {
    my ($line, @fields) = @_;
    return join "\r\n", "$line HTTP/1.1", 'Host: localhost', @fields, '', '';
}

# with_body($line, $body, @fields)
sub with_body {
    my ($line, $body, @fields) = @_;
    return request($line, 'Content-Length: ' . length $body, @fields) . $body;
}

my $DATE           = 'Sun, 06 Nov 1994 08:49:37 GMT';
my $PASSWORD       = 'Authorization: Basic dXNlcjpwYXNzd29yZA==';
my $WRONG_PASSWORD = 'Authorization: Basic dXNlcjpwYXNz';
my $BIG            = join '', map {"this is line $_\n"} 1 .. 60_000;
my $END_OF_HEAD    = qr/\r\n\r\n/;
my $SMALL_FILE     = qr/line 20 of a small file\n\z/;

# [name, responses, what to send…]: bytes, or steps as for Instance::talk. `responses` is how many
# responses with a header come back.
my @SCENARIOS = (
    ['a file',                 1, request('GET /static/small.txt')],
    ['HEAD of a file',         1, request('HEAD /static/small.txt')],
    ['a large file',           1, request('GET /static/large.txt')],
    ['an empty file',          1, request('GET /static/empty.txt')],
    ['an absent file',         1, request('GET /static/absent.txt')],
    ['HEAD of an absent file', 1, request('HEAD /static/absent.txt')],
    ['a folder without slash', 1, request('GET /index')],
    ['an index',               1, request('GET /index/')],
    ['a forbidden folder',     1, request('GET /static/')],
    ['a listing',              1, request('GET /listing/')],
    ['a path to be normalised', 1, request('GET /static//./x/..//small.txt')],
    ['an escaped path',        1, request('GET /static/%73mall.txt?a=%20&b')],
    ['an absolute URI',        1, request('GET http://localhost/static/small.txt')],
    ['POST of a file',         1, with_body('POST /static/small.txt', 'a=b')],
    ['OPTIONS of a file',      1, request('OPTIONS /static/small.txt')],
    ['PUT of a file',          1, with_body('PUT /static/small.txt', 'a=b')],
    ['TRACE',                  1, request('TRACE /static/small.txt')],
    ['an unknown method',      1, request('BREW /static/small.txt')],
    ['an empty GIF',           1, request('GET /pixel.gif')],

    ['one range',        1, request('GET /static/small.txt', 'Range: bytes=2-9')],
    ['the last bytes',   1, request('GET /static/small.txt', 'Range: bytes=-7')],
    ['two ranges',       1, request('GET /static/small.txt', 'Range: bytes=0-3,10-19')],
    ['a range too far',  1, request('GET /static/small.txt', 'Range: bytes=999999-')],
    ['a nonsense range', 1, request('GET /static/small.txt', 'Range: bytes=9-2')],
    ['HEAD of a range',  1, request('HEAD /static/small.txt', 'Range: bytes=2-9')],
    ['ranges off',       1, request('GET /ranges-off/small.txt', 'Range: bytes=2-9')],
    ['If-Range',        1,
        request('GET /static/small.txt', 'Range: bytes=2-9', "If-Range: $DATE")],
    ['If-Range of another time', 1,
        request('GET /static/small.txt', 'Range: bytes=2-9', 'If-Range: "other"')],

    ['not modified since',       1, request('GET /static/small.txt', "If-Modified-Since: $DATE")],
    ['not modified, by the tag', 1, request('GET /static/small.txt', 'If-None-Match: *')],
    ['another tag',              1, request('GET /static/small.txt', 'If-None-Match: "other"')],
    ['a failed precondition',    1, request('GET /static/small.txt', 'If-Match: "other"')],
    ['unmodified since',         1,
        request('GET /static/small.txt', 'If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT')],
    ['no tags', 1, request('GET /etag-off/small.txt', 'If-None-Match: *')],

    ['added headers',           1, request('GET /headers/page.html')],
    ['added headers, special',  1, request('GET /headers/page.html?kind=special', 'TE: trailers')],
    ['added headers of an error', 1, request('GET /headers/absent.html')],
    ['if',                      1, request('GET /if/small.txt?kind=special')],
    ['if that returns',         1, with_body('POST /if/small.txt', 'a=b')],

    ['gzip',                 1, request('GET /gzip/large.txt',        'Accept-Encoding: gzip')],
    ['gzip not wanted',      1, request('GET /gzip/small.txt',        'Accept-Encoding: gzip;q=0')],
    ['HEAD and gzip',        1, request('HEAD /gzip/small.txt',       'Accept-Encoding: gzip')],
    ['gzip and a range',    1,
        request('GET /gzip/small.txt', 'Accept-Encoding: gzip', 'Range: bytes=2-9')],
    ['gzip and not modified', 1,
        request('GET /gzip/small.txt', 'Accept-Encoding: gzip', "If-Modified-Since: $DATE")],
    ['gzip and an error',    1, request('GET /gzip/absent.txt',       'Accept-Encoding: gzip')],
    ['gzip that is there',   1, request('GET /gzip-static/zipped.txt', 'Accept-Encoding: gzip')],
    ['gzip that is there, not wanted', 1, request('GET /gzip-static/zipped.txt')],
    ['gunzip',               1, request('GET /gunzip/zipped.txt')],

    ['SSI',                         1, request('GET /ssi/page.shtml')],
    ['SSI that includes an error',  1, request('GET /ssi/broken.shtml')],
    ['SSI, HEAD',                   1, request('HEAD /ssi/page.shtml')],
    ['SSI, keep-alive',             2,
        on_a_connection('GET /ssi/page.shtml') . request('GET /ssi/page.shtml')],
    ['addition',                    1, request('GET /addition/small.txt')],
    ['sub_filter',                  1, request('GET /sub/small.txt')],

    ['auth_request, allowed',   1, request('GET /guarded/small.txt?verdict=204')],
    ['auth_request, forbidden', 1, request('GET /guarded/small.txt?verdict=403')],
    ['auth_request, unknown',   1, request('GET /guarded/small.txt?verdict=401')],
    ['auth_request, broken',    1, request('GET /guarded/small.txt?verdict=500')],
    ['auth_request with a body', 1, with_body('POST /guarded/small.txt?verdict=204', 'a=b')],
    ['a password, absent',      1, request('GET /password/small.txt')],
    ['a password, wrong',       1, request('GET /password/small.txt', $WRONG_PASSWORD)],
    ['a password, right',       1, request('GET /password/small.txt', $PASSWORD)],
    ['satisfy any, nothing',    1, request('GET /either/small.txt')],
    ['satisfy any, a password', 1, request('GET /either/small.txt', $PASSWORD)],
    ['deny all',                1, request('GET /forbidden/small.txt')],
    ['limit_req',               2,
        on_a_connection('GET /limited/small.txt') . request('GET /limited/small.txt')],
    ['limit_except, allowed',   1, request('GET /reading/plain')],
    ['limit_except, forbidden', 1, request('DELETE /reading/plain')],
    ['limit_except, OPTIONS',   1, request('OPTIONS /reading/plain')],
    ['an internal location',    1, request('GET /internal/small.txt')],

    ['the request that the application sees', 1,
        request('GET /proxy/echo?a=b', 'Accept: a/b', 'X-Custom: 1', 'X-Custom: 2', 'Cookie: c=d')],
    ['a proxied POST',             1, with_body('POST /proxy/echo', 'a=b', 'Content-Type: x/y')],
    ['a proxied OPTIONS',          1, request('OPTIONS /proxy/echo')],
    ['a proxied OPTIONS, with a body', 1, with_body('OPTIONS /proxy/echo', 'a=b')],
    ['a proxied DELETE',           1, request('DELETE /proxy/echo')],
    ['a proxied HEAD',             1, request('HEAD /proxy/plain')],
    ['a proxied unknown method',   1, request('BREW /proxy/echo')],
    ['a large upload',             1, with_body('POST /proxy/echo', $BIG)],
    ['a large upload, unbuffered', 1, with_body('POST /unbuffered/echo', $BIG)],
    ['a chunked upload',           1,
        request('POST /proxy/echo', 'Transfer-Encoding: chunked')
            . "3\r\na=b\r\n4;x=y\r\n&c=d\r\n0\r\n\r\n"],
    ['a chunked upload, unbuffered', 1,
        request('POST /unbuffered/echo', 'Transfer-Encoding: chunked') . "3\r\na=b\r\n0\r\n\r\n"],
    ['a broken chunked upload',    1,
        request('POST /proxy/echo', 'Transfer-Encoding: chunked') . "what?\r\n"],
    ['100 Continue',               1,
        [request('POST /proxy/echo', 'Content-Length: 3', 'Expect: 100-continue'), $END_OF_HEAD],
        ['a=b']],
    ['an upload in pieces',        1,
        [request('POST /mirrored/echo', 'Content-Length: 6', 'Expect: 100-continue'), $END_OF_HEAD],
        ['a=b', qr/(?:)/], ['c=d']],
    ['an upload that is too large', 1, request('POST /proxy/echo', 'Content-Length: 3000000')],
    ['headers of the application', 1, request('GET /proxy/cookies')],
    ['a chunked response',         1, request('GET /proxy/chunked')],
    ['a response to the end',      1, request('GET /proxy/to-the-end')],
    ['a response cut short',       1, request('GET /proxy/cut-short')],
    ['an unbuffered response',     1, request('GET /unbuffered/plain')],
    ['a large proxied response',   1, request('GET /proxy/large')],
    ['a proxied range',            1, request('GET /proxy/range', 'Range: bytes=3-30')],
    ['a proxied 304',              1, request('GET /proxy/conditional', 'If-None-Match: "v1"')],
    ['a proxied 404',              1, request('GET /proxy/status/404')],
    ['a proxied 500',              1, request('GET /proxy/status/500')],
    ['a proxied 204',              1, request('GET /proxy/verdict/204')],
    ['no application',             1, request('GET /unreachable/plain')],
    ['no FastCGI application',     1, request('GET /unreachable-fastcgi/plain')],
    ['an application without an answer', 1, request('GET /proxy/no-answer')],
    # nginx takes it for an answer of HTTP/0.9, and passes it on like that.
    ['an application that talks nonsense', 0, request('GET /proxy/nonsense')],
    ['an intercepted 404',         1, request('GET /intercepted/status/404')],
    ['an intercepted 500',         1, request('GET /intercepted/status/500')],
    ['an intercepted 403',         1, request('GET /intercepted/status/403')],
    ['an intercepted POST',        1, with_body('POST /intercepted/status/404', 'a=b')],
    ['X-Accel-Redirect',           1, request('GET /x-accel/small.txt')],
    ['X-Accel-Redirect to nothing', 1, request('GET /x-accel/absent.txt')],
    ['a mirrored request',         1, with_body('POST /mirrored/echo', 'a=b')],

    ['a cache',                    1, request('GET /cached/conditional')],
    ['a cache, once more',         1, request('GET /cached/conditional')],
    ['a cache, HEAD',              1, request('HEAD /cached/conditional')],
    ['a cache, not modified',      1, request('GET /cached/conditional', 'If-None-Match: "v1"')],
    ['a cache, a range',           1, request('GET /cached/conditional', 'Range: bytes=2-5')],
    ['a cache, another variant',   1, request('GET /cached/conditional', 'Accept-Language: de')],
    ['a cached error',             1, request('GET /cached/status/404')],
    ['a cached error, once more',  1, request('GET /cached/status/404')],
    ['what is not cached',         1, request('GET /cached/cookies')],
    ['slices',                     1, request('GET /sliced/range')],
    ['slices, a range',            1, request('GET /sliced/range', 'Range: bytes=1000-2100')],

    ['try_files',            1, request('GET /try/x')],
    ['try_files, named',     1, request('GET /try-named/plain')],
    ['try_files, a status',  1, request('GET /try-nothing/x')],
    ['rewrite last',         1, request('GET /last/small.txt')],
    ['rewrite break',        1, request('GET /break/small.txt')],
    ['rewrite of the server', 1, request('GET /moved-by-server/small.txt')],
    ['rewrite redirect',     1, request('GET /redirect/small.txt?a=b')],
    ['rewrite permanent',    1, request('GET /permanent/small.txt')],
    ['a loop of rewrites',   1, request('GET /loop/')],
    (map { ["return $_", 1, request("GET /return/$_")] } qw( 200 204 308 418 500 )),
    ['return 444',           0, request('GET /return/444')],
    ['POST to a return',     1, with_body('POST /return/200', 'a=b')],
    ['OPTIONS to a return',  1, request('OPTIONS /return/200')],

    ['DAV, PUT',     1, with_body('PUT /dav/folder/new.txt', "new\n")],
    ['DAV, the file', 1, request('HEAD /dav/folder/absent.txt')],
    ['DAV, MKCOL',   1, request('MKCOL /dav/other/')],
    ['DAV, COPY',    1, request('COPY /dav/folder/new.txt', 'Destination: /dav/copy.txt')],
    ['DAV, DELETE',  1, request('DELETE /dav/copy.txt')],
    ['DAV, OPTIONS', 1, request('OPTIONS /dav/copy.txt')],

    ['HTTP/1.0',             1, "GET /static/small.txt HTTP/1.0\r\nHost: localhost\r\n\r\n"],
    ['HTTP/1.0 without Host', 1, "GET /static/small.txt HTTP/1.0\r\n\r\n"],
    ['HTTP/1.0, proxied',    1, "GET /proxy/chunked HTTP/1.0\r\nHost: localhost\r\n\r\n"],
    ['HTTP/1.0, keep-alive', 2,
        "GET /static/small.txt HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
            . "GET /static/empty.txt HTTP/1.0\r\nHost: localhost\r\n\r\n"],
    ['HTTP/0.9',             0, "GET /static/small.txt\r\n"],
    ['keep-alive',           3,
        [on_a_connection('GET /static/small.txt'), $SMALL_FILE],
        [on_a_connection('HEAD /proxy/plain'),     $END_OF_HEAD],
        [request('GET /static/small.txt')]],
    ['pipelining',           4,
        on_a_connection('GET /static/small.txt') . on_a_connection('OPTIONS /proxy/plain')
            . on_a_connection('GET /static/absent.txt') . request('GET /proxy/plain')],
    ['pipelining after a body', 2,
        on_a_connection('POST /static/small.txt', 'Content-Length: 3') . 'a=b'
            . request('GET /static/small.txt')],
    ['an end after some requests', 2,
        join '', map { "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n" } 1 .. 3],
    ['another server',      1,
        "GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n"],
    ['an unknown host',     1,
        "GET /static/small.txt HTTP/1.1\r\nHost: unknown\r\nConnection: close\r\n\r\n"],
    ['a request in pieces',  1,
        ['GET /static/sma', qr/(?:)/], ["ll.txt HTTP/1.1\r", qr/(?:)/],
        ["\n", qr/(?:)/], ["Host: localhost\r\nConnection: close\r\n\r", qr/(?:)/], ["\n"]],

    ['a WebSocket',          1,
        [on_a_connection('GET /socket/upgrade', 'Connection: Upgrade', 'Upgrade: websocket',
                'Sec-WebSocket-Key: key', 'Sec-WebSocket-Version: 13'), $END_OF_HEAD],
        ["hello\n", qr/echo: hello\n/], ["\x00\xff\x80 bytes\n", qr/bytes\n/], ["bye\n"]],
    ['a WebSocket that is refused', 1,
        request('GET /socket/status/403', 'Upgrade: websocket')],

    ['no Host',             1, "GET /static/small.txt HTTP/1.1\r\n\r\n"],
    ['two Hosts',           1, "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"],
    ['an invalid Host',     1, "GET / HTTP/1.1\r\nHost: local/host\r\n\r\n"],
    ['an invalid method',   1, "get / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ['an invalid version',  1, "GET / HTTP/3.7\r\nHost: localhost\r\n\r\n"],
    ['an invalid header',   1, request('GET /static/small.txt', "X-\x01: 1")],
    ['an invalid length',   1, request('POST /proxy/echo', 'Content-Length: many')],
    ['two lengths',        1,
        request('POST /proxy/echo', 'Content-Length: 1', 'Content-Length: 2')],
    ['a path out of the root', 1, request('GET /../../etc/passwd')],
    ['a URI too long',      1, request('GET /' . 'a' x 3000)],
    ['a header too long',   1, request('GET /', 'X-Long: ' . 'a' x 3000)],
    ['too many headers',    1, request('GET /', map { "X-$_: " . 'a' x 500 } 1 .. 20)],
    ['OPTIONS *',           1, request('OPTIONS *')],
    ['CONNECT',             1, request('CONNECT localhost:443')],
);

# Requests that nginx refuses before it has read the Origin.
my %ORIGIN_UNREAD = map { $_ => 1 } (
    'an invalid Host', 'an invalid method', 'an invalid version', 'a path out of the root',
    'a URI too long',  'OPTIONS *',         'CONNECT',
);

sub make_files {
    my ($files) = @_;
    make_path("$files/index", "$files/listing", "$files/errors");
    my %content = (
        'small.txt'          => join('', map {"line $_ of a small file\n"} 1 .. 20),
        'large.txt'          => $BIG,
        'empty.txt'          => '',
        'index/index.html'   => "<p>index</p>\n",
        'listing/a.txt'      => 'a',
        'listing/b <&>.txt'  => 'bb',
        'errors/404.html'    => "<p>not here</p>\n",
        'page.html'          => "<p>a page</p>\n",
        'htpasswd'           => "user:{PLAIN}password\n",
        'page.shtml'         => "<p>a\n<!--#include virtual=\"/static/small.txt\" -->\nb\n"
            . "<!--#include virtual=\"/proxy/plain\" -->\n<!--#echo var=\"kind\" --></p>\n",
        'broken.shtml' => "<p>a\n<!--#include virtual=\"/static/absent.txt\" -->\nb\n"
            . "<!--#include virtual=\"/proxy/status/500\" --></p>\n",
        'zipped.txt' => "unzipped\n",
    );
    gzip(\$content{'zipped.txt'}, \$content{'zipped.txt.gz'}) or die "gzip: $GzipError\n";
    for my $name (keys %content) {
        spew("$files/$name", $content{$name});
    }
    for my $path (glob("$files $files/* $files/*/*"), "$files/listing/b <&>.txt") {
        utime 784_111_777, 784_111_777, $path;
    }
    return;
}

sub start_all {
    my ($template) = @_;
    for my $variant (sort keys %CONFIG) {
        my $prefix = "$folder/" . $variant =~ tr/ /-/r;
        my %value  = (
            MODULE      => $CONFIG{$variant}[0] . ($> == 0 ? 'user root;' : ''),
            HTTP        => $CONFIG{$variant}[1],
            SERVER      => $CONFIG{$variant}[2],
            PREFIX      => $prefix,
            FILES       => "$folder/files",
            APPLICATION => "$folder/application.sock",
        );
        my $config = $template =~ s/^#.*\n//mgr =~ s/@([A-Z]+)@/$value{$1}/gr;
        $instance{$variant}
            = Instance->start(binary => $binary, prefix => $prefix, config => $config);
    }
    return;
}

# The steps with an Origin after every Host.
sub with_origin {
    my ($origin, @steps) = @_;
    return map {
        my ($bytes, $pattern) = ref $_ ? @$_ : $_;
        $bytes =~ s/^(Host: [^\r\n]*\r\n)/$1Origin: $origin\r\n/mg if defined $origin;
        [$bytes, $pattern];
    } @steps;
}

# What is not as it has to be in the responses, which are those of every variant.
sub faults {
    my ($wanted, %response) = @_;
    my $expected = $response{without};
    my @faults   = $expected =~ /\A(error: .*)/s;
    for my $variant ('loaded', 'switched off') {
        my $difference = first_difference($expected, $response{$variant});
        push @faults, "module $variant: $difference" if $difference;
    }
    my ($rest, $cors) = without_cors($response{'in force'});
    my $difference = first_difference($expected, $rest);
    push @faults, "policy in force: $difference" if $difference;
    push @faults, join "\n  ", 'CORS headers:', @$cors, 'expected were:', @$wanted, ''
        if "@$cors" ne "@$wanted";
    return @faults;
}

# Sends the steps to an nginx of every variant. Without a response it is an error in words.
sub responses {
    my (@steps) = @_;
    return map { $_ => steady(eval { $instance{$_}->talk(@steps) } // "error: $@") } @VARIANTS;
}

# compare($name, $number, @steps): for every origin; `number` responses are expected.
sub compare {
    my ($name, $number, @steps) = @_;
    for (@ORIGINS) {
        my ($whose, $origin) = @$_;
        my @sent   = with_origin($origin, @steps);
        my $read   = !$ORIGIN_UNREAD{$name} && grep { $_->[0] =~ /^Origin:/m } @sent;
        my @wanted = sort((@{ $CORS{ $read ? $whose : 'no origin' } }) x $number);
        my @faults = faults(\@wanted, responses(@sent));
        ok(!@faults, "$name, $whose") or diag(@faults);
    }
    return;
}

# Whether differences would be found: in responses that are altered here, and in those and in the
# log of an nginx that is configured otherwise.
sub check_the_comparison {
    my @steps    = with_origin('https://app.example.com', request('GET /static/small.txt'));
    my %response = responses(@steps);
    my $wanted   = $CORS{'an allowed origin'};
    is(join('', faults($wanted, %response)), '', 'no differences at first');

    my %alteration = (
        'a byte of the body'  => sub {s/line 7/line 8/},
        'a byte more'         => sub {s/\z/\n/},
        'a byte less'         => sub {s/\n\z//},
        'another status'      => sub {s/200/201/},
        'a header less'       => sub {s/^Accept-Ranges:.*\n//m},
        'a header more'       => sub {s/^(Accept-Ranges:)/X: y\r\n$1/m},
        'another order'       => sub {s/^(ETag:.*\n)(Accept-Ranges:.*\n)/$2$1/m},
        'another case'        => sub {s/^Server:/server:/m},
        'no response'         => sub { $_ = '' },
        'a line end'          => sub {s/\r\n/\n/},
    );
    for my $name (sort keys %alteration) {
        for my $variant ('loaded', 'switched off', 'in force') {
            my %altered = %response;
            $alteration{$name}->() for $altered{$variant};
            isnt($altered{$variant}, $response{$variant}, "$name, $variant: altered");
            ok(scalar faults($wanted, %altered), "$name, $variant: found");
        }
    }
    for my $line ('Vary: Origin', 'Access-Control-Allow-Origin: https://app.example.com') {
        my ($less, $more) = ($response{'in force'}) x 2;
        $less =~ s/^\Q$line\E\r\n//m;
        $more =~ s/^(\Q$line\E\r\n)/$1$1/m;
        ok(scalar faults($wanted, %response, 'in force' => $less), "a lack of $line");
        ok(scalar faults($wanted, %response, 'in force' => $more), "two of $line");
    }
    for my $variant ('loaded', 'switched off') {
        ok(scalar faults($wanted, %response, $variant => $response{'in force'}), "CORS, $variant");
    }

    $instance{altered}->talk(with_origin(undef, request('GET /static/absent.txt')));
    my $otherwise = steady($instance{altered}->talk(@steps));
    ok(scalar faults($wanted, %response, loaded => $otherwise), 'an nginx configured otherwise');
    return;
}

make_files("$folder/files");
$application = Application::start("$folder/application.sock");
start_all(slurp(File::Spec->catfile(dirname(__FILE__), 'nginx.conf')));

subtest 'what is altered is found' => \&check_the_comparison;
compare(@$_) for @SCENARIOS;

# A preflight is the application's, or nobody's, where no policy is in force.
for my $uri ('/proxy/echo', '/static/small.txt', '/return/200') {
    my %response = responses(with_origin('https://app.example.com',
        request("OPTIONS $uri", 'Access-Control-Request-Method: PUT')));
    for my $variant ('loaded', 'switched off') {
        is($response{$variant}, $response{without}, "a preflight of $uri, module $variant");
    }
    isnt($response{'in force'}, $response{without}, "a preflight of $uri, policy in force");
}

for my $variant (sort keys %instance) {
    is($instance{$variant}->stop, '', "nginx, $variant: quits");
}
my %log = map {
    my $variant = $_;
    map { ("$variant $_" => $instance{$variant}->log_lines($_)) } qw( access.log error.log )
} keys %instance;
for my $name (qw( access.log error.log )) {
    isnt($log{"without $name"}, '', "$name: there is one");
    isnt($log{"altered $name"}, $log{"without $name"}, "$name: a difference would be found");
}

# The preflights are different ones, and the last.
for my $variant ('loaded', 'switched off') {
    is(first_difference($log{'without access.log'}, $log{"$variant access.log"}), '',
        "access.log, module $variant");
}
is(first_difference(map {s/^OPTIONS .*\n//mgr} @log{ 'without access.log', 'in force access.log' }),
    '', 'access.log, policy in force');
for my $variant ('loaded', 'switched off', 'in force') {
    is(first_difference($log{'without error.log'}, $log{"$variant error.log"}), '',
        "error.log, $variant");
}
done_testing();
