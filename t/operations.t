# A running server: counters over workers and reloads, and policies that change without one.
#
# These need an nginx with a master process and files that change under it, which no block of
# Test::Nginx can have, so this file starts its own.

use strict;
use warnings;

use File::Temp qw( tempdir );
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw( sleep time );

my @modules = grep {length} split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module' if !@modules;

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $root  = tempdir(CLEANUP => 1);
my $port  = do {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:0') or die "listen: $!";
    $socket->sockport;
};
my $user = $> == 0 ? 'user root;' : '';
my $load = join "\n", map {"load_module $_;"} @modules;
my $pid;

mkdir "$root/$_" or die "$root/$_: $!" for qw( conf logs );

# Replaces a file, which is never seen half written.
sub write_file {
    my ($name, $text) = @_;
    open my $file, '>', "$root/conf/$name.new" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
    rename "$root/conf/$name.new", "$root/conf/$name" or die "$name: $!";
    return;
}

sub write_conf {
    my ($http) = @_;
    write_file('nginx.conf', <<"END");
$load
$user
daemon off;
worker_processes 2;
worker_shutdown_timeout 5s;
error_log $root/logs/error.log info;
pid $root/logs/nginx.pid;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $root/body;
    proxy_temp_path $root/proxy;
    fastcgi_temp_path $root/fastcgi;
    uwsgi_temp_path $root/uwsgi;
    scgi_temp_path $root/scgi;
    $http
    server {
        listen 127.0.0.1:$port reuseport;
        location = /api { cors_policy api; return 200 "ok\\n"; }
        location = /named { cors_policy \$arg_policy; return 200 "[\$cors_policy]\\n"; }
        location = /pid { return 200 "\$pid\\n"; }
        location = /status { cors_policy_status; }
    }
}
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

sub request {
    my ($method, $path, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or return '';
    print {$socket} join "\r\n", "$method $path HTTP/1.1", 'Host: localhost', 'Connection: close',
        @headers, '', '';
    local $/ = undef;
    return <$socket> // '';
}

sub allowed {
    my ($origin, $path) = @_;
    return request('GET', $path // '/api', "Origin: $origin") =~ /Access-Control-Allow-Origin/;
}

sub wait_for {
    my ($seconds, $condition) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

# Asked until both workers must have answered.
sub workers {
    my %seen;
    $seen{ request('GET', '/pid') =~ /(\d+)\n\z/ ? $1 : 0 }++ for 1 .. 40;
    return sort keys %seen;
}

sub all_workers {
    my ($origin, $expected) = @_;
    return wait_for(30, sub {
        !grep { !allowed($origin) != !$expected } 1 .. 30;
    });
}

sub log_lines {
    my ($pattern) = @_;
    open my $file, '<', "$root/logs/error.log" or return 0;
    return scalar grep {/$pattern/} <$file>;
}

sub counter {
    my ($policy, $request, $decision, $mode) = @_;
    my $labels = sprintf 'policy="%s",request="%s",decision="%s",mode="%s"',
        $policy, $request, $decision, $mode // 'enforced';
    return request('GET', '/status') =~ /^nginx_cors_requests_total\{\Q$labels\E\} (\d+)$/m ? $1 : undef;
}

sub start {
    $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>>', "$root/logs/stderr.log";
        exec $nginx, '-p', $root, '-c', 'conf/nginx.conf' or exit 127;
    }
    wait_for(60, sub { request('GET', '/pid') }) or BAIL_OUT("nginx does not start: $root/logs");
    return;
}

sub reload {
    my @before = workers();
    kill HUP => $pid;
    return wait_for(60, sub {
        my %now = map { $_ => 1 } workers();
        !grep { $now{$_} } @before;
    });
}

END {
    if ($pid) {
        my $status = $?;
        kill QUIT => $pid;
        waitpid $pid, 0;
        $? = $status;
    }
}

# Counters

write_file('cors.yaml', policies(api => 'https://app.example.com', other => 'https://other.example'));
write_conf('cors_policy_file cors.yaml;');
start();
is scalar(() = workers()), 2, 'two workers answer';

request('GET', '/api', 'Origin: https://app.example.com') for 1 .. 40;
request('GET', '/api', 'Origin: https://evil.example')    for 1 .. 7;
request('OPTIONS', '/api', 'Origin: https://app.example.com', 'Access-Control-Request-Method: GET')
    for 1 .. 3;
request('GET', '/api') for 1 .. 5;

sub is_counted {
    my ($when) = @_;
    is counter('api', 'actual',    'allowed'),       40, "40 allowed requests over two workers, $when";
    is counter('api', 'actual',    'denied_origin'),  7, "7 denied ones, $when";
    is counter('api', 'preflight', 'allowed'),        3, "3 preflights, $when";
    return;
}

is_counted('before a reload');
ok reload(), 'a reload';
is_counted('after it');

write_file('cors.yaml', policies(
    aaa => 'https://aaa.example', api => 'https://app.example.com', zzz => 'https://zzz.example'));
ok reload(), 'a reload that adds, removes and reorders policies';
is_counted('after that');
is counter('aaa', 'actual', 'allowed'), 0, 'a new policy begins at zero';
is counter('other', 'actual', 'allowed'), undef, 'a policy that is gone is not shown';

write_file('cors.yaml', policies(
    api => 'https://app.example.com', map { ("p$_" => "https://p$_.example") } 1 .. 1000));
ok reload(), 'a reload with so many policies that the counters have to move';
is_counted('after that, too');

write_file('broken.yaml', "version: 1\npolicies: {}\n");
write_conf('cors_policy_file broken.yaml;');
kill HUP => $pid;
ok wait_for(30, sub { log_lines('\[emerg\].*broken\.yaml') }), 'a reload with a mistake is refused';
is_counted('and changes nothing');

SKIP: {
    my $promtool = (grep {-x} map {"$_/promtool"} split /:/, $ENV{PATH})[0];
    skip 'there is no promtool', 1 if !$promtool;
    write_file('metrics', request('GET', '/status') =~ /\r\n\r\n(.*)\z/s ? $1 : '');
    is system("$promtool check metrics <$root/conf/metrics >&2"), 0, 'promtool accepts the counters';
}

# Watched files

write_file('cors.yaml', policies(api => 'https://one.example', extra => 'https://extra.example'));
write_conf('cors_policy_file cors.yaml watch=100ms;');
ok reload(), 'a reload that begins to watch';
ok all_workers('https://one.example', 1), 'the policies of the file';

write_file('cors.yaml', policies(api => 'https://two.example'));
ok all_workers('https://two.example', 1), 'a replaced file is taken over by all workers';
ok all_workers('https://one.example', 0), 'and what was before is gone';
like request('GET', '/named?policy=extra', 'Origin: https://extra.example'), qr/\n\[\]\n\z/,
    'a policy that vanished and that only a variable names is unknown';

open my $file, '>', "$root/conf/cors.yaml" or die $!;
print {$file} policies(api => 'https://three.example', extra => 'https://extra.example');
close $file;
ok all_workers('https://three.example', 1), 'a file that is written in place is taken over';
ok wait_for(30, sub {
    !grep { request('GET', '/named?policy=extra') !~ /\n\[extra\]\n\z/ } 1 .. 30;
}), 'a policy that came back is known again';

my $errors = log_lines('\[error\]');
write_file('cors.yaml', "version: 1\npolicies:\n  api:\n    allow_origins: [https://App.example]\n");
ok wait_for(30, sub { log_lines('\[error\].*not taken over') >= 2 }), 'each worker logs a broken file';
sleep 0.5;
is log_lines('\[error\]') - $errors, 2, 'and logs it once';
is log_lines('\[error\].*cors\.yaml:4: policies\.api\.allow_origins\[0\]'), 2, 'with what is wrong';
ok all_workers('https://three.example', 1), 'the last good policies stay';

write_file('cors.yaml', policies(extra => 'https://extra.example'));
ok wait_for(30, sub { log_lines('policy "api" is missing, and is in force at .*nginx\.conf:\d+') >= 2 }),
    'a file without a policy that nginx.conf names is broken too';
ok all_workers('https://three.example', 1), 'the last good policies stay then, too';

write_file('cors.yaml', policies(api => 'https://four.example'));
ok all_workers('https://four.example', 1), 'a file that is good again is taken over';

# As Kubernetes does with ConfigMaps: the file is a link into a folder behind a link that is swapped.
mkdir "$root/conf/$_" for qw( v1 v2 );
write_file('v1/cors.yaml', policies(api => 'https://v1.example'));
write_file('v2/cors.yaml', policies(api => 'https://v2.example'));
symlink 'v1', "$root/conf/data";
symlink 'data/cors.yaml', "$root/conf/linked.yaml";
write_conf('cors_policy_file linked.yaml watch=100ms;');
ok reload(), 'a reload with a linked file';
ok all_workers('https://v1.example', 1), 'the policies behind the links';
symlink 'v2', "$root/conf/data.new";
rename "$root/conf/data.new", "$root/conf/data";
ok all_workers('https://v2.example', 1), 'a swapped link is taken over';

write_file('origins.txt', "https://a.example\n");
write_file('cors.yaml', <<'END');
version: 1
policies:
  api:
    allow_origins_file: origins.txt
END
write_conf('cors_policy_file cors.yaml watch=100ms;');
ok reload(), 'a reload with a file of origins';
ok all_workers('https://a.example', 1), 'the origins of the file';
write_file('origins.txt', "https://b.example\n");
ok all_workers('https://b.example', 1), 'a changed file of origins is taken over';

is log_lines('\[alert\]|exited on signal'), 0, 'nothing was alarming';
done_testing();
