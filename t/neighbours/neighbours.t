# This module and Debian's modules for nginx do not change what the others do, in either order of loading. The same
# requests go to an nginx with Debian's modules alone, and to ones with this module too. Each location uses one of
# Debian's modules. Apart from the CORS headers, the responses must be equal, byte for byte. The policy must answer
# every preflight.
#
# TEST_NEIGHBOURS names the folder of build/debian-nginx-modules.

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( basename dirname );
use File::Spec ();
use File::Temp qw( tempdir );
use Test::More;

use lib map { File::Spec->catdir(dirname(__FILE__), @$_) } ['lib'], [qw( .. compare lib )], [qw( .. operations lib )],
    [qw( .. lib )];

use Application ();
use Comparison qw( first_difference responses_in steady without_cors );
use Files        ();
use HTTP2Answers ();
use Instance  ();
use Memcached ();
use Nginx qw( binary free_port modules output_of slurp spew );

my $binary = binary();
my ($module) = modules() or die "TEST_NGINX_LOAD_MODULES names no module\n";
my $neighbours = $ENV{TEST_NEIGHBOURS}
    or plan skip_all => 'TEST_NEIGHBOURS names no folder of build/debian-nginx-modules';
$neighbours = abs_path($neighbours);
my $here = abs_path(dirname(__FILE__));

# Where libraries that are not installed are. Not for curl.
my %ENVIRONMENT = (LD_LIBRARY_PATH => join ':', "$neighbours/lib", $ENV{LD_LIBRARY_PATH} // ());

my $folder = tempdir(TMPDIR => 1, CLEANUP => 1);
chmod 0755, $folder;
my (%instance, @helpers);

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM HUP )} = (sub { exit 1 }) x 3;

my $started_by = $$;
END {
    if ($$ == $started_by) {
        local $?;
        $_->stop('TERM') for grep {$_} values %instance;
        kill 'TERM', @helpers;
        waitpid $_, 0 for @helpers;
    }
}

my $ALLOWED = 'https://app.example.com';
my %ORIGIN  = (none => undef, allowed => $ALLOWED, denied => 'https://evil.example');

my $POLICIES = join '', map { <<"END" } ['neighbours', 204], ['neighbours-200', 200];
    cors_policy_define $_->[0] {
        allow_origins $ALLOWED;
        allow_methods GET PUT;
        allow_headers X-Token;
        expose_headers ETag;
        allow_credentials on;
        max_age 10m;
        preflight_status $_->[1];
    }
END

# What a response to a request of an origin carries, and what an answered preflight does.
my @GRANTED = ('Access-Control-Allow-Credentials: true', "Access-Control-Allow-Origin: $ALLOWED");
my %CORS = (
    none    => ['Vary: Origin'],
    allowed => [@GRANTED, 'Access-Control-Expose-Headers: ETag', 'Vary: Origin'],
    denied  => ['Vary: Origin'],
);
my %PREFLIGHT = (
    allowed => [
        sort @GRANTED,                    'Access-Control-Allow-Headers: X-Token',
        'Access-Control-Allow-Methods: GET, PUT', 'Access-Control-Max-Age: 600', 'Access-Control-Expose-Headers: ETag',
        'Vary: Origin',
    ],
    denied => ['Vary: Origin'],
);
my %STATUS = (localhost => '204 No Content', 'two-hundred' => '200 OK');
my @HOSTS  = sort keys %STATUS;

# Why a module has no location of its own.
my %NO_LOCATION = (
    ndk_http_module          => 'has no directives; the modules for Lua and set_… are made with it',
    ngx_stream_module        => 'is no HTTP: it is asked on a socket of its own',
    ngx_stream_js_module     => 'is no HTTP: the stream server has a variable of it',
    ngx_stream_geoip_module  => 'is no HTTP: the stream server has a variable of it',
    ngx_stream_geoip2_module => 'is no HTTP: the stream server has a variable of it',
    ngx_mail_module          => 'is no HTTP: it is asked on a socket of its own',
);

# What takes which modules to be there, beside nginx itself.
#
#     good, bad    what is asked for in the location: a response, and an error
#     fields       header lines of every request
#     keeps        header lines that a preflight's answer has beside the policy's (X-Added: added)
#     others       more actual requests: [method, what to ask for, body]
#     before       requests that are made first: the same
#     no_head      it answers no HEAD, without this module either
#     refuses_preflights    it is there to refuse what comes, whatever it is
#     steady       what takes out of bytes, in $_, what differs from one nginx to the next
my @ENDPOINTS = (
    { at => 'plain' },
    {
        at     => 'proxied',
        good   => 'cookies',
        bad    => 'status/500',
        keeps  => ['X-Added: proxied'],
        others => [['POST', 'echo', 'a=b'], ['OPTIONS', 'plain'], ['GET', 'chunked'], ['GET', 'broken/x']],
    },
    { at => 'gzip', fields => ['Accept-Encoding: gzip'] },
    { at => 'gzip-static' },
    { at => 'gunzip' },
    { at => 'sub' },
    { at => 'addition' },
    { at => 'ssi', good => 'include.txt' },
    { at => 'charset' },
    { at => 'auth-request', keeps => [] },
    { at => 'image', module => 'ngx_http_image_filter_module', good => 'image.png', others => [['GET', 'small.txt']] },
    { at => 'image-size', module => 'ngx_http_image_filter_module', good => 'image.png' },
    {
        at     => 'xslt',
        module => 'ngx_http_xslt_filter_module',
        good   => 'document.xml',
        others => [['GET', 'small.txt']],
    },
    { at => 'brotli', module => 'ngx_http_brotli_filter_module', fields => ['Accept-Encoding: br'] },
    { at => 'brotli-static', module => 'ngx_http_brotli_static_module' },
    { at => 'zstd', module => 'ngx_http_zstd_filter_module', fields => ['Accept-Encoding: zstd'] },
    { at => 'zstd-static', module => 'ngx_http_zstd_static_module' },
    { at => 'xss', module => 'ngx_http_xss_filter_module', good => 'small.txt?callback=called' },
    { at => 'hmac', module => 'ngx_http_hmac_secure_link_module' },
    { at => 'echo-around', module => 'ngx_http_echo_module' },
    { at => 'echo',        module => 'ngx_http_echo_module', others => [['OPTIONS', 'x']] },
    { at => 'echo-read', module => 'ngx_http_echo_module', good => 'x', others => [['POST', 'x', 'a=b']] },
    {
        at     => 'headers-more',
        module => 'ngx_http_headers_more_filter_module',
        keeps  => ['X-Added: added', 'X-More: more', 'Vary: Cookie'],
    },
    { at => 'subs',      module => 'ngx_http_subs_filter_module' },
    { at => 'fancyindex', module => 'ngx_http_fancyindex_module', good => '' },
    {
        at     => 'dav',
        module => 'ngx_http_dav_ext_module',
        others => [['OPTIONS', 'small.txt'], ['PROPFIND', 'small.txt'], ['PUT', 'absent/x', 'a=b']],
    },
    {
        at     => 'uploads',
        module => 'ngx_http_uploadprogress_module',
        good   => 'plain?X-Progress-ID=1',
        bad    => 'status/404?X-Progress-ID=2',
        others => [['POST', 'echo?X-Progress-ID=3', 'a=b']],
    },
    { at => 'progress', module => 'ngx_http_uploadprogress_module', good => '?X-Progress-ID=4', bad => '?' },
    { at => 'fair', module => 'ngx_http_upstream_fair_module', good => 'cookies', bad => 'status/500' },
    {
        at     => 'purge',
        module => 'ngx_http_cache_purge_module',
        good   => 'conditional',
        bad    => 'status/404',
        # No PURGE: that of Debian 12 ends the worker with signal 11, where it alone is loaded.
        others => [['GET', 'conditional'], ['OPTIONS', 'conditional']],
    },
    { at => 'geoip',  module => 'ngx_http_geoip_module',  keeps => ['X-Country: US'] },
    { at => 'geoip2', module => 'ngx_http_geoip2_module', keeps => ['X-Country: QQ'] },
    {
        at     => 'memc',
        module => 'ngx_http_memc_module',
        before => [['PUT', 'small.txt', 'remembered']],
        others => [['PUT', 'other.txt', 'a=b'], ['GET', 'other.txt'], ['DELETE', 'other.txt'], ['DELETE', 'other.txt']],
    },
    { at => 'memc-broken', module => 'ngx_http_memc_module' },
    { at => 'srcache',     module => 'ngx_http_srcache_filter_module', needs => 'ngx_http_memc_module' },
    { at => 'modsecurity', module => 'ngx_http_modsecurity_module', others => [['POST', 'small.txt', 'a=b']] },
    {
        at     => 'modsecurity-refusing',
        module => 'ngx_http_modsecurity_module',
        others => [['POST', 'small.txt', 'a=b']],
    },
    { at => 'modsecurity-options', module => 'ngx_http_modsecurity_module', refuses_preflights => 1 },
    {
        at     => 'set-misc',
        module => 'ngx_http_set_misc_module',
        keeps  => [],
    },
    { at => 'lua-content', module => 'ngx_http_lua_module', others => [['POST', 'x', 'a=b'], ['OPTIONS', 'x']] },
    { at => 'lua-filters', module => 'ngx_http_lua_module', keeps => ['X-Added: added', 'X-Lua: header'] },
    { at => 'lua-phases', module => 'ngx_http_lua_module', keeps => [] },
    { at => 'lua-refusing-early', module => 'ngx_http_lua_module', others => [['OPTIONS', 'small.txt']] },
    { at => 'lua-refusing',       module => 'ngx_http_lua_module', others => [['OPTIONS', 'small.txt']] },
    { at => 'lua-errors',         module => 'ngx_http_lua_module' },
    { at => 'lua-exec',           module => 'ngx_http_lua_module' },
    { at => 'js-content', module => 'ngx_http_js_module', others => [['POST', 'x', 'a=b'], ['OPTIONS', 'x']] },
    {
        at     => 'js-filters',
        module => 'ngx_http_js_module',
        keeps  => ['X-JS: header', sub {"X-By-JS: js of $_[0]"}],
    },
    { at => 'perl-variable', module => 'ngx_http_perl_module', keeps => [sub {"X-By-Perl: perl of $_[0]"}] },
    {
        at     => 'perl',
        module => 'ngx_http_perl_module',
        others => [['POST', 'x', 'a=b'], ['OPTIONS', 'x']],
    },
    {
        at     => 'publish',
        module => 'ngx_nchan_module',
        no_head => 1,
        good   => 'channel',
        before => [['POST', 'channel', 'a message']],
        others => [['OPTIONS', 'channel'], ['POST', 'channel-2', 'a=b'], ['DELETE', 'channel-2']],
        steady => sub {s/(last requested: )-?\d+/$1/; s/(last message id: )\d+/$1/; s/^(content-length): \d+/$1/mi},
    },
    {
        at     => 'subscribe',
        module => 'ngx_nchan_module',
        no_head => 1,
        good   => '',
        bad    => '?',
        others => [['OPTIONS', 'x'], ['POST', 'x', 'a=b']],
        steady => sub {s/^(etag|last-modified):[^\r\n]*/$1/gmi},
    },
    {
        at     => 'rtmp',
        module => 'ngx_rtmp_module',
        good   => '',
        bad    => 'absent',
        steady => sub {s{<(uptime|pid)>\d+<}{<$1><}g; s/^(content-length): \d+/$1/mi},
    },
    { at => 'rtmp-control', module => 'ngx_rtmp_module', good => 'record/start?app=live&name=x' },
    {
        at     => 'push',
        module => 'ngx_http_push_stream_module',
        good   => '?id=channel',
        bad    => '?',
        before => [['POST', '?id=channel', 'a message']],
        others => [['POST', '?id=channel', 'a=b'], ['OPTIONS', '?id=channel'], ['DELETE', '?id=channel-2']],
    },
    { at => 'spnego', module => 'ngx_http_auth_spnego_module' },
    { at => 'pam', module => 'ngx_http_auth_pam_module' },
    {
        at     => 'everything-of-xml',
        module => 'ngx_http_xslt_filter_module',
        good   => 'document.xml',
        fields => ['Accept-Encoding: gzip'],
        keeps  => ['X-Added: added', { ngx_http_headers_more_filter_module => 'X-More: more' }],
    },
    {
        at     => 'everything',
        fields => ['Accept-Encoding: gzip, br'],
        keeps  => [
            'X-Added: added',
            { ngx_http_headers_more_filter_module => 'X-More: more' },
            { ngx_http_lua_module                 => 'X-Lua: header' },
            { ngx_http_js_module                  => 'X-JS: header' },
        ],
    },
);

# What defines a variable of a site's own by one of these names, in `http`, `server` or `location`,
# and whether it has its value before the rewrite phase.
my @NAMES  = qw( cors_policy cors_decision cors_allow_origin cors_change );
my @SHOUTS = qw( CORS_POLICY Cors_Decision cors_Allow_Origin CORS_change );
my @DEFINERS = (
    { by => 'map',           http => 'map $uri $%s { default mapped; }', early => 1 },
    { by => 'volatile map',  http => 'map $arg_a $%s { volatile; default mapped; }', early => 1 },
    {
        by    => 'map with a capture',
        http  => 'map $uri $by_%1$s { "~^/(?<%1$s>names)" $%1$s; }',
        also  => 'add_header X-By "$by_cors_policy$by_cors_decision$by_cors_allow_origin$by_cors_change";',
        keeps => ['X-By: namesnamesnamesnames'],
        early => 1,
    },
    { by => 'geo',           http => 'geo $%s { default everywhere; }', early => 1 },
    { by => 'split_clients', http => 'split_clients $uri $%s { * half; }', early => 1 },
    { by => 'limit_req',     http => 'map $uri $%1$s { default zone; } limit_req_zone $%1$s zone=%1$s:1m rate=1000r/s;', early => 1 },
    { by => 'set',           location => 'set $%s set;' },
    { by => 'set of the server', server => 'set $%s set-by-server;', early => 1 },
    { by => 'set in an if',  location => 'if ($arg_absent = "") { set $%s set-in-if; }' },
    {
        by       => 'captures of a rewrite',
        location => 'rewrite "^/(?<cors_policy>na)(?<cors_decision>me)(?<cors_allow_origin>s)(?<cors_change>/).*" /names/small.txt break;',
        is_whole => 1,
    },
    {
        by       => 'captures of a location',
        server   => 'location ~ "^/(?<cors_policy>na)(?<cors_decision>me)(?<cors_allow_origin>s)(?<cors_change>/)" {
            alias FILES/small.txt;
        }',
        is_whole => 1,
        early    => 1,
    },
    {
        by       => 'captures of a server_name',
        server   => 'server_name "~^(?<cors_policy>lo)(?<cors_decision>cal)(?<cors_allow_origin>ho)(?<cors_change>st)$";',
        is_whole => 1,
        early    => 1,
    },
    { by => 'auth_request_set', location => 'auth_request_set $%s $upstream_http_x_verdict;', also => 'auth_request /verdict;' },
    {
        by       => 'geoip2',
        module   => 'ngx_http_geoip2_module',
        early    => 1,
        http     => 'map "" $address { default 192.0.2.1; } geoip2 FILES/country.mmdb {
            $CORS_POLICY source=$address country iso_code;
            $Cors_Decision source=$address country iso_code;
            $cors_Allow_Origin source=$address country iso_code;
            $CORS_change source=$address country iso_code;
        }',
        is_whole => 1,
    },
    { by => 'set_by_lua', module => 'ngx_http_lua_module', location => 'set_by_lua_block $%s { return "lua" }' },
    { by => 'ngx.var of Lua', module => 'ngx_http_lua_module',
        location => 'set $%s ""; ', also => 'access_by_lua_block { for _, name in ipairs { "cors_policy", "cors_decision", "cors_allow_origin", "cors_change" } do ngx.var[name] = "assigned" end }' },
    { by => 'js_set', module => 'ngx_http_js_module', http => 'js_set $%s neighbours.variable;', early => 1 },
    { by => 'js_var', module => 'ngx_http_js_module', http => 'js_var $%s js;', early => 1 },
    { by => 'perl_set', module => 'ngx_http_perl_module',
        http => q{perl_set $%s 'sub { return "perl" }';}, early => 1 },
    { by => 'set_md5', module => 'ngx_http_set_misc_module', location => 'set_md5 $%s $uri;' },
    { by => 'a map in stream', module => 'ngx_stream_module', stream => 'map $remote_addr $%s { default streamed; }', early => 1 },
);

# The order in which Debian's packages have nginx load modules, where it matters.
sub in_order {
    my %first = (ndk_http_module => -2, ngx_stream_module => -1);
    return sort { ($first{$a} // 0) <=> ($first{$b} // 0) || $a cmp $b } @_;
}

my %there    = map { basename($_, '.so') => $_ } glob "$neighbours/modules/*.so";
my %left_out = map { chomp; ($_ => 'apt-get cannot install it') } split /^/, slurp("$neighbours/left-out");

# nchan makes a folder that only an installed nginx has, whatever its directives say. A path as long
# that is relative leads into the folder of each nginx.
for my $name (grep { $there{$_} } 'ngx_nchan_module') {
    my $code = slurp($there{$name});
    $there{$name} = "$folder/$name.so";
    spew($there{$name}, $code =~ s{\0/var/lib/nginx/body\0}{\0nchan_client_bodies\0}r);
}

# What nginx says of a configuration that it does not take, or nothing.
sub refusal {
    my (@modules) = @_;
    my $conf = "$folder/loaded.conf";
    spew($conf, join '', map({"load_module $there{$_};\n"} in_order(@modules)), "events {}\n");
    my @command = ($binary, '-t', '-p', $folder, '-c', $conf, '-e', 'stderr', '-g', "pid $folder/t.pid;");
    my ($status, $said) = output_of(\@command, environment => \%ENVIRONMENT);
    return $status ? $said : '';
}

# A module that cannot be loaded without this one is no neighbour.
for my $name (in_order(keys %there)) {
    my @with = grep { $there{$_} && $_ ne $name } qw( ndk_http_module ngx_stream_module );
    if (my $said = refusal($name, @with)) {
        delete $there{$name};
        $left_out{$name} = "nginx does not load it: $said";
    }
}
my @MODULES = in_order(keys %there);

sub is_there {
    my ($endpoint) = @_;
    return !grep { defined && !$there{$_} } @$endpoint{qw( module needs )};
}

# The parts of a template whose modules are there.
sub with_modules {
    my ($text) = @_;

    # From the innermost outwards.
    1 while $text =~ s{\@WITH (\w+)\@((?:(?!\@WITH|\@END\@).)*)\@END\@}{$there{$1} ? $2 : ''}se;
    return $text;
}

my $http2_listen = do {
    my ($major, $minor, $patch) = `$binary -v 2>&1` =~ m{nginx/(\d+)\.(\d+)\.(\d+)} or die "which nginx is $binary?\n";
    my $is_directive = $major * 1e6 + $minor * 1e3 + $patch >= 1_025_001;
    'listen unix:@PREFIX@/nginx.sock; listen 127.0.0.1:@PORT@' . ($is_directive ? '; http2 on;' : ' http2;');
};

# The port for HTTP/2 of each nginx.
my %port;

sub port_of {
    my ($name) = @_;
    return $port{$name} //= free_port(values %port);
}

# expanded($template, $name, %values)
sub expanded {
    my ($template, $name, %value) = @_;
    %value = (
        LISTEN      => $http2_listen,
        PORT        => port_of($name),
        LOCATIONS   => slurp("$here/locations.conf") =~ s/^#.*\n//mgr,
        HTTP        => '',
        POLICY      => '',
        POLICY_200  => '',
        NAME        => $name,
        PREFIX      => "$folder/$name",
        FILES       => "$folder/files",
        HERE        => $here,
        MODULES     => $neighbours,
        APPLICATION => "$folder/application.sock",
        MEMCACHED   => "$folder/memcached.sock",
        %value,
    );
    my $text = $template =~ s/^#.*\n//mgr;
    1 while $text =~ s/@([A-Z_0-9]+)@/exists $value{$1} ? $value{$1} : "\0$1\0"/ge;
    $text =~ s/\0([A-Z_0-9]+)\0/\@$1\@/g;
    $text =~ s{\@SERVING (\S+)\@}
              {alias $value{FILES}/; location $1broken/ { proxy_pass http://unix:$value{PREFIX}/nobody.sock; }}g;
    return with_modules($text);
}

# What nginx.conf gets for @LOAD@, where this module is in it.
my $user = $> == 0 ? "user root;\n" : '';
my @lines   = map {"load_module $there{$_};\n"} @MODULES;
my $ours    = "load_module $module;\n";
my %LOADING = (
    without => join('', $user, @lines),
    first   => join('', $user, $ours, @lines),
    last    => join('', $user, @lines, $ours),
    loaded  => join('', $user, @lines, $ours),
);
my @ORDERS = qw( first last );

sub start {
    my ($name, $config) = @_;
    return Instance->start(
        binary      => $binary,
        prefix      => "$folder/$name",
        config      => $config,
        environment => \%ENVIRONMENT,
    );
}

sub fields_of {
    my ($request) = @_;
    return (
        @{ $request->{fields} // [] },
        defined $request->{origin} ? "Origin: $request->{origin}" : (),
        $request->{is_preflight} ? ('Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: x-token') : (),
    );
}

sub request_of {
    my (%r) = @_;
    my @fields = ("Host: $r{host}", "Connection: $r{connection}", fields_of(\%r));
    push @fields, 'Content-Length: ' . length $r{body} if defined $r{body};
    return join("\r\n", "$r{method} $r{uri} HTTP/$r{version}", @fields, '', '') . ($r{body} // '');
}

my $asked = 0;

# What comes back from an nginx. Without a response it is an error in words.
sub ask {
    my ($endpoint, $variant, @requests) = @_;
    $asked += @requests;
    return steady(eval { $instance{$variant}->talk([join '', map { request_of(%$_) } @requests]) } // "error: $@");
}

# A response without what differs from one nginx to the next, by the location's own `steady` too.
sub steadied {
    my ($endpoint, $bytes) = @_;
    for ($bytes) { $endpoint->{steady}->() if $endpoint->{steady} }
    return $bytes;
}

# What is not as it has to be in a response, given the one without this module.
sub faults_of_actual {
    my ($endpoint, $request, $expected, $got) = @_;
    return $expected if $expected =~ /\A(?:error: .*)?\z/s;
    my $wanted = $CORS{ $request->{whose} };
    $wanted = [map {s/\A([^:]+)/lc $1/er} @$wanted] if $expected =~ m{\AHTTP/2 };
    $_ = steadied($endpoint, $_) for $expected, $got;
    my ($rest, $cors) = without_cors($got);
    my $difference = first_difference((without_cors($expected))[0], $rest);
    my @faults = $difference ? $difference : ();
    push @faults, join "\n  ", 'CORS headers:', @$cors, 'expected were:', @$wanted, '' if "@$cors" ne "@$wanted";
    return @faults;
}

# What is not as it has to be in the answer to a preflight.
sub faults_of_preflight {
    my ($endpoint, $request, $head, $body) = @_;
    my ($status, @lines) = split /\r\n/, $head;
    my @faults;
    my $is_http2 = $status =~ m{\AHTTP/2 };
    my $expected = $is_http2 ? 'HTTP/2 ' . substr $STATUS{ $request->{host} }, 0, 3 : "HTTP/1.1 $STATUS{$request->{host}}";
    push @faults, "the status line is: $status, and not: $expected" if $status =~ s/ \z//r ne $expected;
    push @faults, 'a body: ' . $body if length $body;
    my $path = $request->{uri} =~ s/\?.*//sr;
    my @wanted = (
        @{ $PREFLIGHT{ $request->{whose} } },
        grep { defined && length }
            map { ref eq 'CODE' ? $_->($path) : ref ? map { $there{ $_->[0] } ? $_->[1] : () } [%$_] : $_ }
            @{ $endpoint->{keeps} // ['X-Added: added'] },
    );
    my %counts;
    $counts{ $is_http2 ? s/\A([^:]+)/lc $1/er : $_ }++ for @wanted;
    push @wanted, $STATUS{ $request->{host} } =~ /200/ ? 'Content-Length: 0' : ();
    for my $line (@lines) {
        next if $counts{$line} && $counts{$line}-- > 0;
        next if $line =~ /\A(?:Server|Date|Connection): /i;
        next if $STATUS{ $request->{host} } =~ /200/ && $line =~ /\AContent-(?:Length: 0\z|Type: )/i;
        push @faults, "a header that nobody asked for: $line";
    }
    push @faults, map {"a lack of $_"} grep { $counts{$_} } sort keys %counts;
    return @faults;
}

# request_to($endpoint, $what, %more)
sub request_to {
    my ($endpoint, $what, %more) = @_;
    my %request = (
        method     => 'GET',
        host       => 'localhost',
        version    => '1.1',
        connection => 'close',
        whose      => 'allowed',
        uri        => "/$endpoint->{at}/$what",
        fields     => $endpoint->{fields},
        %more,
    );
    $request{origin} = $ORIGIN{ $request{whose} };
    $request{method} = 'OPTIONS' if $request{is_preflight};
    return \%request;
}

# The actual requests of a location: [name, request].
sub actual_requests {
    my ($endpoint) = @_;
    my ($good, $bad) = @$endpoint{qw( good bad )};
    my @requests = (
        ['no origin',  request_to($endpoint, $good, whose => 'none')],
        ['allowed',    request_to($endpoint, $good)],
        ['denied',     request_to($endpoint, $good, whose => 'denied')],
        $endpoint->{no_head} ? () : ['HEAD', request_to($endpoint, $good, method => 'HEAD')],
        ['an error',   request_to($endpoint, $bad)],
        ['an error, denied', request_to($endpoint, $bad, whose => 'denied')],
        ['no upstream', request_to($endpoint, 'broken/x')],
    );
    for (@{ $endpoint->{others} // [] }) {
        my ($method, $what, $body) = @$_;
        push @requests, ["$method $what", request_to($endpoint, $what, method => $method, body => $body)];
    }
    push @requests, map { my ($name, $r) = @$_; ["$name, HTTP/1.0", { %$r, version => '1.0' }] }
        grep { $_->[0] =~ /\A(?:no origin|allowed|denied|an error)\z/ } @requests;
    return @requests;
}

# Every answer is complete, in order, and there is nothing else.
sub check_pipelining {
    my ($endpoint, $host) = @_;
    my ($good, $bad) = @$endpoint{qw( good bad )};
    my @kept     = (host => $host, connection => 'keep-alive');
    my @requests = (
        request_to($endpoint, $good, @kept, is_preflight => 1),
        request_to($endpoint, $good, @kept),
        request_to($endpoint, $good, @kept, is_preflight => 1, whose => 'denied'),
        request_to($endpoint, $bad,  @kept, is_preflight => 1),
        request_to($endpoint, $bad,  @kept),
        request_to($endpoint, $good, @kept, is_preflight => 1),
        request_to($endpoint, $good, host => $host, whose => 'denied'),
    );
    my @actual   = grep { !$_->{is_preflight} } @requests;
    my ($expected) = responses_in(ask($endpoint, 'without', @actual), map { $_->{method} } @actual);
    for my $order (@ORDERS) {
        my $bytes = ask($endpoint, $order, @requests);
        my ($responses, $rest) = responses_in($bytes, map { $_->{method} } @requests);
        my @faults;
        my @answers = @$expected;
        for my $request (@requests) {
            my ($head, $body) = @{ shift @$responses // last };
            if ($request->{is_preflight}) {
                push @faults, faults_of_preflight($endpoint, $request, $head, $body);
                next;
            }

            # What ends with the connection there is not answered further here either.
            my $answer = shift @answers // last;
            push @faults, faults_of_actual($endpoint, $request, join('', @$answer), $head . $body);
        }
        push @faults, "these answers are missing: " . @answers if @answers;
        push @faults, "this is left: $rest"            if length $rest;
        ok(!@faults, "/$endpoint->{at}/ of $host, pipelined, loaded $order") or diag(map {"$_\n"} @faults);
    }
    return;
}

# The responses on one connection of HTTP/2: [head, body], or an error in words, which is the last.
sub ask_http2 {
    my ($endpoint, $variant, @requests) = @_;
    $asked += @requests;
    my @responses;
    my $connection = HTTP2Answers->new($port{$variant}) or return "error: cannot connect\n";
    for my $request (@requests) {
        my @fields = map { my ($name, $value) = split /: /, $_, 2; [lc $name, $value] } fields_of($request);
        my @answer = eval { $connection->answer(@$request{qw( host method uri )}, @fields) };
        push @responses, @answer ? [map { steady($_) } @answer] : "error: $@";
        last if !@answer;
    }
    return @responses;
}

sub check_http2 {
    my ($endpoint) = @_;
    my ($good, $bad) = @$endpoint{qw( good bad )};
    my @requests = (
        request_to($endpoint, $good, is_preflight => 1),
        request_to($endpoint, $good),
        request_to($endpoint, $bad),
        request_to($endpoint, $good, is_preflight => 1, whose => 'denied'),
        request_to($endpoint, $good, is_preflight => 1, host => 'two-hundred'),
        request_to($endpoint, $good, whose => 'none'),
        request_to($endpoint, $good, whose => 'denied'),
    );
    my @expected = ask_http2($endpoint, 'without', grep { !$_->{is_preflight} } @requests);
    for my $order (@ORDERS) {
        my @answers = @expected;
        my @faults;
        my @responses = ask_http2($endpoint, $order, @requests);
        for my $i (0 .. $#requests) {
            my ($request, $response) = ($requests[$i], $responses[$i] // last);
            my $expected = $request->{is_preflight} ? [] : shift @answers // last;
            if (!ref $response || !ref $expected) {
                # What a neighbour does not answer without this module, it does not answer with it either.
                push @faults, "$request->{method}: $response" if ref $response ne ref $expected;
                last;
            }
            if ($request->{is_preflight}) {
                push @faults, faults_of_preflight($endpoint, $request, @$response);
                next;
            }
            push @faults, faults_of_actual($endpoint, $request, join('', @$expected), join('', @$response));
        }
        ok(!@faults, "/$endpoint->{at}/, HTTP/2, loaded $order") or diag(map {"$_\n"} @faults);
    }
    return;
}

sub check_actual {
    my ($endpoint, $name, $request) = @_;
    my %response = map { $_ => ask($endpoint, $_, $request) } qw( without loaded ), @ORDERS;
    my @faults;
    my $difference = first_difference(map { steadied($endpoint, $_) } @response{qw( without loaded )});
    push @faults, "module loaded, no policy: $difference" if $difference;
    for my $order (@ORDERS) {
        push @faults, map {"loaded $order: $_"}
            faults_of_actual($endpoint, $request, $response{without}, $response{$order});
    }
    ok(!@faults, "/$endpoint->{at}/: $name") or diag(map {"$_\n"} @faults);
    return;
}

sub check_preflight {
    my ($endpoint, $name, $request) = @_;
    my @faults;
    for my $order (@ORDERS) {
        my $bytes = ask($endpoint, $order, $request);
        my ($responses, $rest) = responses_in($bytes, 'OPTIONS');
        push @faults, map {"loaded $order: $_"}
            @$responses
            ? (faults_of_preflight($endpoint, $request, @{ $responses->[0] }), length $rest ? "and behind it: $rest" : ())
            : "no answer: $bytes";
    }
    ok(!@faults, "/$endpoint->{at}/: $name") or diag(map {"$_\n"} @faults);

    # Where no policy is in force it is the neighbour's.
    my ($loaded, $without) = map { steadied($endpoint, ask($endpoint, $_, $request)) } qw( loaded without );
    is($loaded, $without, "/$endpoint->{at}/: $name, no policy");
    return;
}

# A preflight that a neighbour refuses before it comes to this module.
sub check_refusal {
    my ($endpoint) = @_;
    my $request = request_to($endpoint, $endpoint->{good}, is_preflight => 1);
    my %response = map { $_ => ask($endpoint, $_, $request) } qw( without loaded ), @ORDERS;
    for my $variant ('loaded', @ORDERS) {
        my ($expected, $got) = map { (without_cors($_))[0] } @response{ 'without', $variant };
        like($expected, qr{\AHTTP/1.1 4}, "/$endpoint->{at}/: a preflight is refused");
        is($got, $expected, "/$endpoint->{at}/: a preflight is refused, $variant");
    }
    return;
}

sub check_endpoint {
    my ($endpoint) = @_;
    $endpoint->{good} //= 'small.txt';
    $endpoint->{bad}  //= 'absent.txt';
    for (@{ $endpoint->{before} // [] }) {
        my ($method, $what, $body) = @$_;
        ask($endpoint, $_, request_to($endpoint, $what, method => $method, body => $body)) for qw( without loaded ), @ORDERS;
    }
    check_actual($endpoint, @$_) for actual_requests($endpoint);
    return check_refusal($endpoint) if $endpoint->{refuses_preflights};
    for my $host (@HOSTS) {
        for my $whose (qw( allowed denied )) {
            my $preflight = request_to($endpoint, $endpoint->{good}, is_preflight => 1, whose => $whose, host => $host);
            my $name      = "a preflight, $whose, $STATUS{$host}";
            check_preflight($endpoint, $name, $preflight);
            check_preflight($endpoint, "$name, HTTP/1.0", { %$preflight, version => '1.0' });
        }
        check_pipelining($endpoint, $host);
    }
    check_preflight($endpoint, 'a preflight of what is not there', request_to($endpoint, $endpoint->{bad}, is_preflight => 1));
    check_http2($endpoint);
    return;
}

# What the variables are, where a site has its own by these names.
sub check_names {
    my ($definer) = @_;
    my %text;
    for my $level (qw( http server location stream )) {
        my $format = $definer->{$level} // next;
        my @names = $definer->{is_whole} ? '' : $definer->{by} =~ /capture/ ? @NAMES : @SHOUTS;
        $text{$level} = join "\n", map { $_ ? sprintf $format, $_ : $format } @names;
        $text{$level} =~ s/FILES/$folder\/files/g;
    }
    # What is the stream's own does not exist here.
    my $values = $text{stream} ? 'streamed' : join ' | ', map {"\$$_"} @NAMES;
    my $stream = $text{stream} ? "stream { $text{stream} }" : '';
    my $template = <<"END";
\@LOAD\@
daemon off;
worker_processes 1;
pid \@PREFIX\@/nginx.pid;
error_log \@PREFIX\@/error.log crit;
events { worker_connections 64; }
http {
    \@HTTP\@
    access_log off;
    default_type text/plain;
    \@WITH ngx_http_js_module\@js_path \@HERE\@; js_import neighbours from neighbours.js;\@END\@
    \@WITH ngx_http_lua_module\@lua_package_path "\@MODULES\@/lua/?.lua;;";\@END\@
    \@WITH ngx_http_perl_module\@perl_modules \@MODULES\@/perl;\@END\@
    client_body_temp_path \@PREFIX\@/client_body;
    proxy_temp_path \@PREFIX\@/proxy;
    fastcgi_temp_path \@PREFIX\@/fastcgi;
    scgi_temp_path \@PREFIX\@/scgi;
    uwsgi_temp_path \@PREFIX\@/uwsgi;
    ${\($text{http} // '')}
    server {
        listen unix:\@PREFIX\@/nginx.sock;
        \@POLICY\@
        add_header X-Names "$values" always;
        ${\($text{server} // '')}
        location /names/ {
            ${\($definer->{also} // '')}
            add_header X-Names "$values" always;
            ${\($text{location} // '')}
            alias \@FILES\@/;
        }
        location /elsewhere/ {
            alias \@FILES\@/;
        }
        location = /verdict {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_pass http://unix:\@APPLICATION\@:/verdict/204;
        }
    }
}
$stream
END
    my %response;
    my @requests = map { my $at = $_; map { request_to({ at => $at }, 'small.txt', whose => $_) } qw( none allowed denied ) }
        qw( names elsewhere );
    my $preflight = request_to({ at => 'names' }, 'small.txt', is_preflight => 1);
    for my $variant ('without', @ORDERS) {
        (my $name = "$definer->{by}-$variant") =~ tr/A-Za-z0-9/-/c;
        my %policy = $variant eq 'without' ? () : (HTTP => $POLICIES, POLICY => 'cors_policy neighbours;');
        $instance{$name} = eval {
            start($name, expanded($template, $name, LOAD => $LOADING{$variant}, %policy));
        };
        my $refusal = $@;
        ok($instance{$name}, "$definer->{by}, loaded $variant: nginx starts") or do { diag($refusal); return };
        $response{$variant} = [map { ask({}, $name, $_) } @requests, $preflight];
        is($instance{$name}->stop, '', "$definer->{by}, loaded $variant: nginx quits");
        delete $instance{$name};
    }

    my $unset = join ' | ', ('') x @NAMES;
    my ($site) = $response{without}[1] =~ /^X-Names: ([^\r]*)\r$/m;
    isnt($site // '', $unset, "$definer->{by}: the site's values are there");
    for my $order (@ORDERS) {
        my @faults = map {
            faults_of_actual({}, $requests[$_], $response{without}[$_], $response{$order}[$_])
        } 0 .. $#requests;
        ok(!@faults, "$definer->{by}, loaded $order: the site's values") or diag(map {"$_\n"} @faults);
        my ($responses, $rest) = responses_in($response{$order}[-1], 'OPTIONS');
        my $values = $definer->{early} ? $site : $unset;
        my @wrong = @$responses
            ? faults_of_preflight({ keeps => ["X-Names: $values", @{ $definer->{keeps} // [] }] }, $preflight, @{ $responses->[0] })
            : "no answer: $response{$order}[-1]";
        ok(!@wrong && $rest eq '', "$definer->{by}, loaded $order: a preflight") or diag(map {"$_\n"} @wrong, $rest);
    }
    return;
}

# What the neighbours that are no HTTP say to who connects.
sub check_sockets {
    my %steps = (
        'stream.sock' => ['ngx_stream_module', []],
        'mail.sock'   => ['ngx_mail_module',   ['', qr/\r\n/], ["QUIT\r\n"]],
    );
    for my $socket (sort keys %steps) {
        my ($name, @steps) = @{ $steps{$socket} };
        next if !$there{$name};
        my %said = map { $_ => eval { $instance{$_}->talk_to($socket, grep {@$_} @steps) } // "error: $@" } sort keys %instance;
        unlike($said{without}, qr/\A(?:error: .*)?\z/s, "$name: says something");
        is($said{$_}, $said{without}, "$name: says the same, $_") for 'loaded', @ORDERS;
    }
    return;
}

# Whether what is altered would be found.
sub check_the_checks {
    my $endpoint = { at => 'plain', good => 'small.txt' };
    my $actual   = request_to($endpoint, 'small.txt');
    my $expected = ask($endpoint, 'without', $actual);
    my $got      = ask($endpoint, 'first',   $actual);
    my $faults_of = sub { scalar(my @faults = faults_of_actual($endpoint, $actual, $expected, @_)) };
    is($faults_of->($got), 0, 'an actual request: nothing is found');
    ok($faults_of->($expected), 'headers that are missing are found');
    ok($faults_of->($got =~ s/^(Access-Control-Allow-Origin.*\n)/$1$1/mr), 'a header that comes twice is found');
    ok($faults_of->($got =~ s/line 7/line 8/r), 'another body is found');
    ok($faults_of->(''), 'the lack of a response is found');

    my $preflight = request_to($endpoint, 'small.txt', is_preflight => 1, host => 'two-hundred');
    my ($responses) = responses_in(ask($endpoint, 'first', $preflight), 'OPTIONS');
    my ($head, $body) = @{ $responses->[0] // ['', ''] };
    my $faults = sub { scalar(my @faults = faults_of_preflight($endpoint, $preflight, @_)) };
    is($faults->($head, $body), 0, 'a preflight: nothing is found');
    ok($faults->($head, 'x'), 'a body is found');
    ok($faults->($head =~ s/200 OK/204 No Content/r, ''), 'another status is found');
    ok($faults->($head =~ s/Length: 0/Length: 1/r, ''), 'another length is found');
    ok($faults->($head =~ s/^(Server:)/X-More: x\r\n$1/mr, ''), 'a header more is found');
    ok($faults->($head =~ s/^X-Added.*\n//mr, ''), 'the lack of a header of add_header is found');
    ok($faults->($head =~ s/^(Access-Control-Max-Age.*\n)/$1$1/mr, ''), 'a header that comes twice is found');

    my @pipelined = (['HEAD', "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ''],
        ['GET', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\na\r\n\r\n0\r\n\r\n"],
        ['GET', "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 'ab'], ['OPTIONS', "HTTP/1.1 204 No Content\r\n\r\n", '']);
    my $bytes = join '', map { $_->[1] . $_->[2] } @pipelined;
    my @methods = map { $_->[0] } @pipelined;
    is_deeply([responses_in($bytes, @methods)], [[map { [@$_[1, 2]] } @pipelined], ''], 'answers one after the other');
    is(scalar @{ (responses_in(substr($bytes, 0, $_), @methods))[0] }, 3, "$_ of @{[length $bytes]} bytes: the last is missing")
        for length($bytes) - 1;
    is((responses_in("$bytes!", @methods))[1], '!', 'what is behind them is left');
    done_testing();
    return;
}

Files::make("$folder/files");
push @helpers, Application::start("$folder/application.sock");
push @helpers, Memcached::start("$folder/memcached.sock");

my $template = slurp("$here/nginx.conf");
for my $variant (sort keys %LOADING) {
    my %value = (LOAD => $LOADING{$variant});
    $value{HTTP} = $POLICIES if $variant ne 'without';
    @value{qw( POLICY POLICY_200 )} = ('cors_policy neighbours;', 'cors_policy neighbours-200;')
        if grep { $_ eq $variant } @ORDERS;
    $instance{$variant} = start($variant, expanded($template, $variant, %value));
}

subtest 'what is altered is found' => \&check_the_checks;
my @endpoints = grep { is_there($_) } @ENDPOINTS;
my %has_location;
for my $endpoint (@endpoints) {
    subtest "/$endpoint->{at}/" => sub { check_endpoint($endpoint); done_testing() };
    $has_location{ $endpoint->{module} // '' } = 1;
}
subtest 'sockets' => sub { check_sockets(); done_testing() };

# Messages of nchan are kept for minutes, for which a nginx that quits would wait.
for my $variant (sort keys %instance) {
    is($instance{$variant}->stop('TERM'), '', "nginx, $variant: ends");
}
for my $variant ('loaded', @ORDERS) {
    my @bad = grep {/\[(?:crit|alert|emerg)\]|exited on signal/} split /^/, $instance{$variant}->log_lines('error.log');
    my %known = map { $_ => 1 } split /^/, $instance{without}->log_lines('error.log');
    is(join('', grep { !$known{$_} } @bad), '', "nginx, $variant: no alerts but those without this module");
}
%instance = ();

my @definers = grep { is_there($_) } @DEFINERS;
for my $definer (@definers) {
    subtest "names by $definer->{by}" => sub { check_names($definer); done_testing() };
}

diag(sprintf '%d modules x %d orders: %d requests in %d locations, %d ways to define variables',
    scalar @MODULES, scalar @ORDERS, $asked, scalar @endpoints, scalar @definers);
diag('without a location of their own: ', scalar(grep { !$has_location{$_} } @MODULES));
diag("    $_: ", $NO_LOCATION{$_} // 'not known here; it is loaded') for grep { !$has_location{$_} } @MODULES;
diag('left out: ', scalar keys %left_out);
diag("    $_: $left_out{$_}") for sort keys %left_out;
done_testing();
