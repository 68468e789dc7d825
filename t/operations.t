# A running server: counters over workers and reloads, and policies that change without one.
#
# These need an nginx with a master process and files that change under it, which no block of
# Test::Nginx can have, so this file starts its own.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw( sleep );

use lib 't/lib', 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;

my $server = Server->new;

sub write_conf {
    my ($http) = @_;
    $server->write_conf(http => $http, server => <<'END');
        location = /api { cors_policy api; return 200 "ok\n"; }
        location = /named { cors_policy $arg_policy; return 200 "[$cors_policy]\n"; }
END
    return;
}

sub policies {
    my (%origins) = @_;
    my $text = "version: 1\npolicies:\n";
    $text .= "  $_:\n    allow_origins: [$origins{$_}]\n    allow_headers: [X-A]\n"
        for sort keys %origins;
    return $text;
}

sub allowed {
    my ($origin, $path) = @_;
    return $server->request('GET', $path // '/api', "Origin: $origin") =~ /Access-Control-Allow-Origin/;
}

sub all_workers {
    my ($origin, $expected) = @_;
    return Server::wait_for(30, sub {
        !grep { !allowed($origin) != !$expected } 1 .. 30;
    });
}

sub counter {
    my ($policy, $request, $decision, $mode) = @_;
    my $labels = sprintf 'policy="%s",request="%s",decision="%s",mode="%s"',
        $policy, $request, $decision, $mode // 'enforced';
    return $server->request('GET', '/status') =~ /^nginx_cors_requests_total\{\Q$labels\E\} (\d+)$/m ? $1 : undef;
}

# Counters

$server->write_file('cors.yaml', policies(api => 'https://app.example.com', other => 'https://other.example'));
write_conf('cors_policy_file cors.yaml;');
$server->start;
is scalar(() = $server->workers), 2, 'two workers answer';

$server->request('GET', '/api', 'Origin: https://app.example.com') for 1 .. 40;
$server->request('GET', '/api', 'Origin: https://evil.example')    for 1 .. 7;
$server->request('OPTIONS', '/api', 'Origin: https://app.example.com', 'Access-Control-Request-Method: GET')
    for 1 .. 3;
$server->request('GET', '/api') for 1 .. 5;

sub is_counted {
    my ($when) = @_;
    is counter('api', 'actual',    'allowed'),       40, "40 allowed requests over two workers, $when";
    is counter('api', 'actual',    'denied_origin'),  7, "7 denied ones, $when";
    is counter('api', 'preflight', 'allowed'),        3, "3 preflights, $when";
    return;
}

is_counted('before a reload');
ok $server->reload, 'a reload';
is_counted('after it');

$server->write_file('cors.yaml', policies(
    aaa => 'https://aaa.example', api => 'https://app.example.com', zzz => 'https://zzz.example'));
ok $server->reload, 'a reload that adds, removes and reorders policies';
is_counted('after that');
is counter('aaa', 'actual', 'allowed'), 0, 'a new policy begins at zero';
is counter('other', 'actual', 'allowed'), undef, 'a policy that is gone is not shown';

$server->write_file('cors.yaml', policies(
    api => 'https://app.example.com', map { ("p$_" => "https://p$_.example") } 1 .. 1000));
ok $server->reload, 'a reload with so many policies that the counters have to move';
is_counted('after that, too');

$server->write_file('broken.yaml', "version: 1\npolicies: {}\n");
write_conf('cors_policy_file broken.yaml;');
$server->signal('HUP');
ok Server::wait_for(30, sub { $server->log_lines('\[emerg\].*broken\.yaml') }), 'a reload with a mistake is refused';
is_counted('and changes nothing');

SKIP: {
    my $promtool = (grep {-x} map {"$_/promtool"} split /:/, $ENV{PATH})[0];
    skip 'there is no promtool', 1 if !$promtool;
    $server->write_file('metrics', $server->request('GET', '/status') =~ /\r\n\r\n(.*)\z/s ? $1 : '');
    is system("$promtool check metrics <@{[ $server->path('metrics') ]} >&2"), 0, 'promtool accepts the counters';
}

# Watched files

$server->write_file('cors.yaml', policies(api => 'https://one.example', extra => 'https://extra.example'));
write_conf('cors_policy_file cors.yaml watch=100ms;');
ok $server->reload, 'a reload that begins to watch';
ok all_workers('https://one.example', 1), 'the policies of the file';

$server->write_file('cors.yaml', policies(api => 'https://two.example'));
ok all_workers('https://two.example', 1), 'a replaced file is taken over by all workers';
ok all_workers('https://one.example', 0), 'and what was before is gone';
like $server->request('GET', '/named?policy=extra', 'Origin: https://extra.example'), qr/\n\[\]\n\z/,
    'a policy that vanished and that only a variable names is unknown';

open my $file, '>', $server->path('cors.yaml') or die $!;
print {$file} policies(api => 'https://three.example', extra => 'https://extra.example');
close $file;
ok all_workers('https://three.example', 1), 'a file that is written in place is taken over';
ok Server::wait_for(30, sub {
    !grep { $server->request('GET', '/named?policy=extra') !~ /\n\[extra\]\n\z/ } 1 .. 30;
}), 'a policy that came back is known again';

my $errors = $server->log_lines('\[error\]');
$server->write_file('cors.yaml', "version: 1\npolicies:\n  api:\n    allow_origins: [https://App.example]\n");
ok Server::wait_for(30, sub { $server->log_lines('\[error\].*not taken over') >= 2 }), 'each worker logs a broken file';
sleep 0.5;
is $server->log_lines('\[error\]') - $errors, 2, 'and logs it once';
is $server->log_lines('\[error\].*cors\.yaml:4: policies\.api\.allow_origins\[0\]'), 2, 'with what is wrong';
ok all_workers('https://three.example', 1), 'the last good policies stay';

$server->write_file('cors.yaml', policies(extra => 'https://extra.example'));
ok Server::wait_for(30, sub { $server->log_lines('policy "api" is missing, and is in force at .*nginx\.conf:\d+') >= 2 }),
    'a file without a policy that nginx.conf names is broken too';
ok all_workers('https://three.example', 1), 'the last good policies stay then, too';

$server->write_file('cors.yaml', policies(api => 'https://four.example'));
ok all_workers('https://four.example', 1), 'a file that is good again is taken over';

# As Kubernetes does with ConfigMaps: the file is a link into a folder behind a link that is swapped.
mkdir $server->path($_) for qw( v1 v2 );
$server->write_file('v1/cors.yaml', policies(api => 'https://v1.example'));
$server->write_file('v2/cors.yaml', policies(api => 'https://v2.example'));
symlink 'v1', $server->path('data');
symlink 'data/cors.yaml', $server->path('linked.yaml');
write_conf('cors_policy_file linked.yaml watch=100ms;');
ok $server->reload, 'a reload with a linked file';
ok all_workers('https://v1.example', 1), 'the policies behind the links';
symlink 'v2', $server->path('data.new');
rename $server->path('data.new'), $server->path('data');
ok all_workers('https://v2.example', 1), 'a swapped link is taken over';

$server->write_file('origins.txt', "https://a.example\n");
$server->write_file('cors.yaml', <<'END');
version: 1
policies:
  api:
    allow_origins_file: origins.txt
END
write_conf('cors_policy_file cors.yaml watch=100ms;');
ok $server->reload, 'a reload with a file of origins';
ok all_workers('https://a.example', 1), 'the origins of the file';
$server->write_file('origins.txt', "https://b.example\n");
ok all_workers('https://b.example', 1), 'a changed file of origins is taken over';

is $server->log_lines('\[alert\]|exited on signal'), 0, 'nothing was alarming';
done_testing();
