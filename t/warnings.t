# Warnings about policies: a document with something that has no effect is accepted, and nginx says so at
# `warn`, when it reads its configuration and after each change of a watched file.

use strict;
use warnings;

use Test::More;

use lib 't/lib', 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

*wait_for = \&Server::wait_for;

my $location = 'location /api { cors_policy api; return 200 "x"; }';

# policy($key…): a document with one policy, which has these keys too, the first of them in line 5.
sub policy {
    my (@keys) = @_;
    return join '', map {"$_\n"} 'version: 1', 'policies:', '  api:', '    allow_origins: [https://app.example.com]',
        map {"    $_"} @keys;
}

# like_all($text, $name, $pattern…): each pattern matches.
sub like_all {
    my ($text, $name, @patterns) = @_;
    like($text, $_, "$name: $_") for @patterns;
    return;
}

# line_of($server, $pattern): the first line of nginx.conf that matches, from 1.
sub line_of {
    my ($server, $pattern) = @_;
    open my $conf, '<', $server->path('nginx.conf') or die "nginx.conf: $!\n";
    while (my $line = <$conf>) {
        return $. if $line =~ $pattern;
    }
    die "no $pattern in nginx.conf\n";
}

my @keys = (
    'allow_headers: [DNT, Access-Control-Allow-Origin]', 'max_age: 2d',
    'allow_private_network: true',                       'dangerously_allow: [null_origin]',
);

subtest 'a file: nginx -t and a reload tell warnings at warn, and the policy is in force' => sub {
    my $server = Server->new;
    $server->write_file('cors.yaml', policy(@keys));
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => $location);
    my @warnings = (
        qr{\[warn\] .*conf/cors\.yaml:5: policies\.api\.allow_headers\[0\]: "DNT": pages cannot set .*; remove it in \S+nginx\.conf:\d+},
        qr{\[warn\] .*conf/cors\.yaml:5: policies\.api\.allow_headers\[1\]: "Access-Control-Allow-Origin": a response header},
        qr{\[warn\] .*conf/cors\.yaml:6: policies\.api\.max_age: "2d": more than 86400 seconds, sent as 86400: .*; write 1d or less},
        qr{\[warn\] .*conf/cors\.yaml:7: policies\.api\.allow_private_network: true: no browser},
        qr{\[warn\] .*conf/cors\.yaml:8: policies\.api\.dangerously_allow\[0\]: "null_origin": opens nothing},
    );
    my $said = $server->configtest;
    like_all($said, 'nginx -t', @warnings, qr/test is successful/);
    unlike($said, qr/\[(?:emerg|error|alert)\]/, 'nginx -t says nothing worse');
    is(() = $said =~ /\[warn\]/g, 5, 'each warning is said once');

    $server->start;
    my $answer = $server->request('OPTIONS', '/api', 'Origin: https://app.example.com',
        'Access-Control-Request-Method: GET', 'Access-Control-Request-Headers: access-control-allow-origin');
    like_all($answer, 'the preflight', qr{^HTTP/1\.1 204 }, qr/^Access-Control-Max-Age: 86400\r$/m,
        qr/^Access-Control-Allow-Headers: DNT, Access-Control-Allow-Origin\r$/m);

    # A reload says it in the error log, whether the file is watched or not.
    my $before = $server->log_lines(qr/\[warn\]/);
    ok($server->reload, 'the reload');
    is($server->log_lines(qr/\[warn\]/) - $before, 5, 'the reload says each warning once');
    like_all($server->log, 'the log', @warnings);
};

subtest 'warnings stand beside errors' => sub {
    my $server = Server->new;
    $server->write_file('cors.yaml', policy('max_age: 2d', 'enforce: yes'));
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => $location);
    my $said = $server->configtest;
    like_all($said, 'nginx -t', qr{\[warn\] .*cors\.yaml:5: policies\.api\.max_age}, qr{\[emerg\] .*cors\.yaml:6: policies\.api\.enforce},
        qr/test failed/);
    unlike($said, qr/warning:/, 'the level is that of the log');
};

subtest 'ten of a kind, and the number of the others' => sub {
    my $server = Server->new;
    my $names = join ', ', map {"Sec-$_"} 1 .. 17;
    $server->write_file('cors.yaml', policy("allow_headers: [$names]"));
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => $location);
    my $said = $server->configtest;
    is(() = $said =~ /\[warn\]/g, 10, 'ten lines');
    like($said, qr/"Sec-10": .*\(and 7 more warnings of this kind\)/, 'the tenth counts the others');
};

subtest 'a block: at the line of each directive, in its own words' => sub {
    my $server = Server->new;
    $server->write_file('more.conf', "# a comment\nmax_age 2d;\n");
    $server->write_conf(
        http => "cors_policy_define api {\n"
            . "allow_origins https://app.example.com;\n"
            . "include more.conf;\n"
            . "dangerously_allow null_origin;\n"
            . "}\n",
        server => $location,
    );
    my $said = $server->configtest;
    my $line = line_of($server, qr/cors_policy_define/);
    my $guard = $line + 3;
    like_all($said, 'nginx -t', qr{\[warn\] .*api\.max_age: "2d": more than .* in \S+/more\.conf:2},
        qr{\[warn\] .*api\.dangerously_allow\[0\]: "null_origin": opens nothing .* in \S+/nginx\.conf:$guard\b}, qr/test is successful/);

    # Mistakes, too, are told in lines and in the syntax of nginx.conf.
    $server->write_conf(
        http => "cors_policy_define api {\n"
            . "allow_origins https://app.example.com;\n"
            . "allow_methods GET,PUT;\n"
            . "include more.conf;\n"
            . "allow_origins https://b.example.com;\n"
            . "max_age 5;\n"
            . "allow_origins_file /nonexistent/list.txt;\n"
            . "}\n",
        server => $location,
    );
    my ($first, $methods, $again, $age, $list) = map { $line + $_ } 1, 2, 4, 5, 6;
    like_all(
        scalar $server->configtest, 'nginx -t',
        qr{\[emerg\] .*api\.allow_origins: the same key stands in \S+/nginx\.conf:$first already; remove one of the two in \S+/nginx\.conf:$again\b},
        qr{\[emerg\] .*api\.max_age: the same key stands in \S+/more\.conf:2 already; .* in \S+/nginx\.conf:$age\b},
        qr{\[emerg\] .*api\.allow_methods\[0\]: "GET,PUT": .*write `allow_methods GET PUT;` in \S+/nginx\.conf:$methods\b},
        qr{\[emerg\] .*api\.allow_origins_file: "/nonexistent/list\.txt": cannot be read: .* in \S+/nginx\.conf:$list\b},
    );

    # Words of other software.
    $server->write_conf(http => "cors_policy_define api { allow_origins *; accessControlMaxAge 100; }", server => $location);
    like_all(scalar $server->configtest, 'nginx -t', qr/unknown directive "accessControlMaxAge"/,
        qr/in "cors_policy_define", in place of "accessControlMaxAge": write `max_age 100;`/);
};

subtest 'a watched file: once for each change, not once for each worker' => sub {
    my $server = Server->new;
    $server->write_file('cors.yaml', policy());
    $server->write_conf(http => 'cors_policy_file cors.yaml watch=100ms;', server => $location, workers => 3);
    $server->start;
    my $loaded = qr/\[notice\] .*CORS policies loaded again/;
    my $warned = qr{\[warn\] .*CORS policies of "[^"]*/cors\.yaml": \S*/cors\.yaml:5: policies\.api\.max_age: "2d": more than};
    for my $change (1 .. 2) {
        $server->write_file('cors.yaml', policy('max_age: 2d', "# $change"));
        ok(wait_for(30, sub { $server->log_lines($loaded) >= 3 * $change }), "change $change is taken over by all workers");
        ok(wait_for(10, sub { $server->log_lines($warned) >= $change }), "change $change: the warning");
        is($server->log_lines($warned), $change, "change $change: once");
    }
    # Beside errors, too: then the policies stay.
    my $refused = qr/\[error\] .*changed and are not taken over: .*policies\.api\.enforce/;
    $server->write_file('cors.yaml', policy('max_age: 2d', 'enforce: yes'));
    ok(wait_for(30, sub { $server->log_lines($refused) >= 3 }), 'the error');
    is($server->log_lines($warned), 3, 'and the warning beside it, once');
    is($server->log_lines(qr/not taken over: .*max_age/), 0, 'the error does not tell the warning as one');

    # A list that was missing, and is there now.
    $server->write_file('cors.yaml', policy('allow_origins_file: list.txt'));
    ok(wait_for(30, sub { $server->log_lines(qr{not taken over: \S*/cors\.yaml:5: policies\.api\.allow_origins_file: "[^"]*/list\.txt": cannot be read}) >= 3 }),
        'a missing list is told with the line that names it');
    my $before = $server->log_lines($loaded);
    $server->write_file('list.txt', "https://partner.example\n");
    ok(wait_for(30, sub { $server->log_lines($loaded) >= $before + 3 }), 'the list is read once it is there');
    like($server->request('GET', '/api', 'Origin: https://partner.example'),
        qr{^Access-Control-Allow-Origin: https://partner\.example\r$}m, 'and is in force');
};

done_testing;
