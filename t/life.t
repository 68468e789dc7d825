# What a running nginx keeps and gives up: counters over reloads, processes that watch files, memory that
# requests hold, files that are swapped for something else, and nginx without a master process.

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Copy qw( copy );
use IO::Socket::INET;
use JSON::PP qw( decode_json );
use POSIX ();
use Test::More;

use lib 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

*wait_for = \&Server::wait_for;

my $ALLOWED = 'Origin: https://app.example.com';

# policies($name…): a document in which each allows the same origin.
sub policies {
    return "version: 1\npolicies:\n" . join '', map {"  $_: {allow_origins: ['https://app.example.com']}\n"} @_;
}

# The count of allowed actual requests of each policy.
sub counts {
    my ($server) = @_;
    my ($body) = $server->request('GET', '/status?format=json') =~ /\r\n\r\n(.*)/s or return {};
    my $all = decode_json($body)->{policies};
    my %count;
    for my $name (keys %$all) {
        my ($allowed) = grep { "@$_{qw( request decision mode )}" eq 'actual allowed enforced' } @{ $all->{$name} };
        $count{$name} = $allowed->{count};
    }
    return \%count;
}

sub is_sound {
    my ($server, $name) = @_;
    is($server->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/), 0, "$name: no process dies, and none complains")
        or diag grep {/\[(?:alert|emerg|crit)\]|exited on signal/} split /^/, $server->log;
    return;
}

# Which policy applies is in the path.
my %BY_PATH = (
    http   => 'cors_policy_file cors.yaml;',
    server => 'location ~ ^/of/(?<named>\w+)$ { cors_policy $named; return 200 "x"; }',
);

subtest 'counts of policies that stay are exact over reloads' => sub {
    my $server = Server->new;
    my $load   = $server->{load};
    my $other  = $server->path('another.so');
    copy((split ' ', $ENV{TEST_NGINX_LOAD_MODULES})[0], $other) or die "$other: $!\n";
    my @thousand = map {"p$_"} 1 .. 1000;
    my @counted  = map {"p$_"} 1 .. 200;
    my %expected;
    my $ask = sub {
        for my $name (@counted) {
            $server->request('GET', "/of/$name", $ALLOWED);
            $expected{$name}++;
        }
    };
    my $shows = sub {
        my ($name) = @_;
        my $got = counts($server);
        is_deeply({ map { $_ => $got->{$_} } @counted }, {%expected}, $name);
    };

    $server->write_file('cors.yaml', policies(@thousand));
    $server->write_conf(%BY_PATH);
    $server->start;
    $ask->();
    $shows->('1000 policies, 200 of them counted');

    for my $case (
        [ 'fewer policies', [@counted] ],
        [ 'more than 10,000 policies', [ map {"p$_"} 1 .. 10_500 ] ],
        [ 'fewer again', [ 'a', @counted, 'z' ] ],
        [ 'another file of the module', [@counted], "load_module $other;" ],
        [ 'the first file', [ reverse @counted ], $load ],
    ) {
        my ($name, $names, $module) = @$case;
        $server->{load} = $module if $module;
        $server->write_file('cors.yaml', policies(@$names));
        $server->write_conf(%BY_PATH);
        ok($server->reload, "a reload: $name");
        $shows->("after it: $name");
        $ask->();
        $shows->("and counted on: $name");
    }

    $server->{load} = '';
    my $bare = $server->{port};
    $server->write_file('nginx.conf', <<"END" =~ s/^user root;\n//gmr =~ s/^/$> == 0 ? "user root;\n" : ''/er);
worker_processes 2;
daemon off;
error_log $server->{root}/logs/error.log info;
pid $server->{root}/logs/nginx.pid;
events { worker_connections 256; }
http { access_log off; server { listen 127.0.0.1:$bare reuseport; location = /pid { return 200 "\$pid\\n"; } } }
END
    ok($server->reload, 'a reload without the module');
    $server->{load} = $load;
    $server->write_conf(%BY_PATH);
    ok($server->reload, 'a reload with the module');
    %expected = map { $_ => 0 } @counted;
    $shows->('after a reload without the module all begin at zero');
    $ask->();
    $shows->('and count');
    is_sound($server, 'counters');
};

subtest 'only workers watch' => sub {
    my $server = Server->new;
    mkdir $server->path('cache');
    $server->write_file('cors.yaml', policies('api'));
    $server->write_conf(
        http   => "cors_policy_file cors.yaml watch=100ms; proxy_cache_path $server->{root}/cache keys_zone=c:1m;",
        server => 'cors_policy api;',
    );
    $server->start;
    my $loaded = qr/\[notice\] (\d+)#\S+ CORS policies loaded again/;
    for my $change (1 .. 3) {
        $server->write_file('cors.yaml', policies('api', "p$change"));
        ok(wait_for(20, sub { $server->log_lines($loaded) >= 2 * $change }), "both workers take change $change over");
    }
    sleep 1;
    my %lines;
    my $log = $server->log;
    $lines{$1}++ while $log =~ /$loaded/g;
    my %expected = map { $_ => 3 } $server->workers;
    is_deeply(\%lines, \%expected, 'each change is read and logged once by each worker, and by no other process');
    is_sound($server, 'watching');
};

subtest 'a file that is named twice is one file' => sub {
    for my $order ([ ' watch=100ms', '' ], [ '', ' watch=100ms' ], [ ' watch=1h', ' watch=100ms' ]) {
        my $server = Server->new;
        $server->write_file('cors.yaml', policies('api'));
        my $path = $server->path('./cors.yaml');
        $server->write_conf(
            http   => "cors_policy_file cors.yaml$order->[0]; cors_policy_file $path$order->[1];",
            server => 'location /api { cors_policy api; return 200 "x"; }',
        );
        $server->start;
        for my $change (1 .. 2) {
            $server->write_file('cors.yaml', policies('api') =~ s/app\.example/app$change.example/r);
            ok(wait_for(20, sub { 2 * $change <= $server->log_lines(qr/loaded again/) }), "@$order: change $change is taken over");
            like($server->request('GET', '/api', "Origin: https://app$change.example.com"),
                qr/Allow-Origin: https:\/\/app$change\.example/, "@$order: change $change is in force");
        }
        is_sound($server, "@$order");
    }
};

subtest 'what takes the place of a watched file does not stop the watch' => sub {
    my $server = Server->new;
    $server->write_file('cors.yaml', policies('api'));
    $server->write_conf(
        workers => 1,
        http    => 'cors_policy_file cors.yaml watch=100ms;',
        server  => 'location /api { cors_policy api; return 200 "x"; }',
    );
    $server->start;
    my $path = $server->path('cors.yaml');
    my $good = 0;
    for my $case (
        [ 'a named pipe', sub { POSIX::mkfifo("$path.other", 0666) } ],
        [ 'a folder',     sub { mkdir "$path.other" } ],
        [ 'a loop of links', sub { symlink "$path.other", "$path.other" } ],
        [ 'a link to a device', sub { symlink '/dev/zero', "$path.other" } ],
        [ 'nothing', sub {1} ],
    ) {
        my ($name, $make) = @$case;
        $make->() or die "$name: $!\n";
        my $refused = $server->log_lines(qr/not taken over/);
        unlink $path or die "$path: $!\n";
        rename "$path.other", $path;
        ok(wait_for(20, sub { $server->log_lines(qr/not taken over/) > $refused }), "$name is refused");
        like($server->request('GET', '/api', $good ? "Origin: https://app$good.example.com" : $ALLOWED),
            qr/Allow-Origin: https/, "$name: the last good policies stay");
        -d $path && !-l $path ? rmdir $path : unlink $path;
        $good++;
        $server->write_file('cors.yaml', policies('api') =~ s/app\.example/app$good.example/r);
        ok(wait_for(20, sub {
            $server->request('GET', '/api', "Origin: https://app$good.example.com") =~ /Allow-Origin: https/;
        }), "after $name a good file is taken over");
    }
    is_sound($server, 'swapped files');
};

subtest 'a request keeps no list of origins' => sub {
    my $full    = ($ENV{TEST_LIFE} // '') eq 'full';
    my $origins = $full ? 300_000 : 30_000;
    my $server  = Server->new;
    my $write   = sub {
        my ($version) = @_;
        $server->write_file('origins.txt', join '', map {"https://o$_.v$version.example.com\n"} 1 .. $origins);
        $server->write_file('cors.yaml', <<"END");
version: 1
policies:
  api: {allow_origins: ['https://app.example.com'], allow_origins_file: origins.txt, expose_headers: [X-V$version]}
END
    };
    $write->(0);
    $server->write_conf(
        workers => 1,
        http    => 'cors_policy_file cors.yaml watch=100ms;',
        server  => 'location /big { cors_policy api; limit_rate 1k; alias ' . $server->path('big') . '; }',
    );
    $server->write_file('big', 'x' x 2_000_000);
    $server->start;
    my ($worker) = $server->workers;
    my $resident = sub {
        open my $status, '<', "/proc/$worker/status" or return 0;
        local $/ = undef;
        return <$status> =~ /^RssAnon:\s+(\d+) kB$/m ? $1 : 0;
    };
    my (@downloads, @memory);
    for my $version (1 .. 6) {
        my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$server->{port}") or die "connect: $!\n";
        print {$socket} "GET /big HTTP/1.1\r\nHost: localhost\r\nOrigin: https://o7.v@{[ $version - 1 ]}.example.com\r\n\r\n";
        sysread $socket, my $head, 4096;
        like($head, qr/Expose-Headers: X-V@{[ $version - 1 ]}\r/, "a download by version @{[ $version - 1 ]}");
        push @downloads, $socket;
        $write->($version);
        ok(wait_for(60, sub {
            $server->request('HEAD', '/big', "Origin: https://o7.v$version.example.com") =~ /X-V$version\r/;
        }), "version $version is taken over");
        sleep 1;
        push @memory, $resident->();
    }
    my $list = $origins * 60 / 1024;
    diag "$origins origins, six versions with a download each: @memory KiB";
    cmp_ok($memory[5], '<', $memory[1] + $list, 'four more versions take less than one of them');
    is_sound($server, 'memory');
};

# After a reload such an nginx accepts no connection any more, with or without the module: those that it has go
# on by the configuration that they began with, through the filters of the new one.
subtest 'without a master process' => sub {
    my %state = (
        'without the module' => [ 0, '', '' ],
        'with the module'    => [ 1, 'cors_policy_file cors.yaml watch=100ms;', 'cors_policy api;' ],
    );
    for my $from (sort keys %state) {
        for my $to (sort keys %state) {
            my $server = Server->new;
            my $root   = $server->{root};
            my $write  = sub {
                my ($has, $http, $location) = @_;
                my $load = $has ? $server->{load} : '';
                my $user = $> == 0 ? 'user root;' : '';
                $server->write_file('nginx.conf', <<"END");
$load
$user
daemon off;
master_process off;
error_log $root/logs/error.log info;
pid $root/logs/nginx.pid;
events { worker_connections 256; }
http {
    access_log off;
    $http
    server {
        listen 127.0.0.1:$server->{port};
        location = /pid { return 200 "\$pid\\n"; }
        location /api { $location return 200 "answered\\n"; }
    }
}
END
            };
            $server->write_file('cors.yaml', policies('api'));
            $write->(@{ $state{$from} });
            $server->start;
            my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$server->{port}") or die "connect: $!\n";
            my $ask    = sub {
                print {$socket} "GET /api HTTP/1.1\r\nHost: localhost\r\n$ALLOWED\r\n\r\n";
                my $answer = '';
                while ($answer !~ /answered\n\z/) { sysread $socket, $answer, 4096, length $answer or last }
                return $answer;
            };
            my $name     = "$from, then $to";
            my $expected = $state{$from}[0] ? qr/Allow-Origin: https.*answered/s : qr/\A(?!.*Allow-Origin).*answered/s;
            like($ask->(), $expected, "$name: before");
            for my $round (1 .. 2) {
                $write->(@{ $state{ $round == 1 ? $to : $from } });
                $server->signal('HUP');
                ok(wait_for(20, sub { $server->log_lines(qr/reconfiguring/) >= $round }), "$name: reload $round");
                sleep 1;
                # The chain of filters is that of the present configuration.
                my $is_gone = $round == 1 && $state{$from}[0] && !$state{$to}[0];
                like($ask->(), $is_gone ? qr/answered/ : $expected, "$name: a connection goes on after reload $round");
            }
            ok(kill(0, $server->{pid}), "$name: it lives");
            is_sound($server, $name);
        }
    }
};

done_testing;
