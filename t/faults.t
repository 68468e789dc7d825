# Faults of the surroundings: what befalls a server in production. Each ends in a clear error, or
# the service goes on; docs/operations.md has the same in a table.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw( mkfifo );
use Test::More;
use Time::HiRes qw( sleep time );

use lib 't/lib', 't/operations/lib';

use Nginx qw( quit_all );
use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

my $server = Server->new;
my $LOCATION = 'location = /api { cors_policy api; return 200 "ok\n"; }';

sub document {
    my ($rest) = @_;
    return "version: 1\npolicies:\n  api:\n    $rest\n";
}

sub allowed {
    my ($origin) = @_;
    return $server->request('GET', '/api', "Origin: $origin") =~ /^Access-Control-Allow-Origin: \Q$origin\E\r$/m ? 1 : 0;
}

sub all_workers {
    my ($origin, $expected) = @_;
    return Server::wait_for(60, sub { !grep { allowed($origin) != $expected } 1 .. 20 });
}

sub counter {
    my ($decision) = @_;
    return $server->request('GET', '/status')
        =~ /^nginx_cors_requests_total\{policy="api",request="actual",decision="$decision",mode="enforced"\} (\d+)$/m ? $1 : undef;
}

sub sized {
    my ($path, $size) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    truncate $file, $size or die "$path: $!\n";
    close $file;
    return;
}

sub resident {
    my ($pid, $what) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    return (grep {s/^\Q$what\E:\s*(\d+) kB\n/$1/} <$file>)[0] // 0;
}

# Files

# What stands in the place of a file: how it comes there, and what nginx says of it, as the document
# and as an allow_origins_file.
my @kinds = (
    [ 'no file',          sub { },                                     qr/cannot be read: No such file/ ],
    [ 'a folder',         sub { mkdir $_[0] },                         qr/a folder, not a regular file; write the path of a regular file/ ],
    [ 'a named pipe',     sub { mkfifo($_[0], 0644) },                 qr/a named pipe, not a regular file/ ],
    [ 'a socket',         sub { IO::Socket::UNIX->new(Local => $_[0], Listen => 1) }, qr/a socket, not a regular file/ ],
    [ 'a device',         sub { symlink '/dev/zero', $_[0] },          qr/a device, not a regular file/ ],
    [ 'a loop of links',  sub { symlink $_[0], $_[0] },                qr/cannot be read: .*symbolic link/i ],
    [ 'too large a file', sub { sized($_[0], 600 << 20) },             qr/larger than (?:4|512) MiB/ ],
    [ 'random bytes',     sub { Nginx::spew($_[0], join '', map { chr(128 + ($_ * 7919) % 128) } 1 .. 4000) }, qr/not UTF-8/ ],
    [ 'an empty file',    sub { Nginx::spew($_[0], '') },                     qr/empty|no origin/ ],
);
# Nothing is unreadable to root.
push @kinds, [ 'an unreadable file', sub { Nginx::spew($_[0], 'version: 1'); chmod 0, $_[0] }, qr/cannot be read: Permission denied/ ]
    if $> != 0;

sub put {
    my ($path, $make) = @_;
    unlink $path;
    rmdir $path;
    $make->($path);
    return;
}

my $LISTED = document('allow_origins_file: origins.txt');
my %good   = ('cors.yaml' => $LISTED, 'origins.txt' => "https://one.example\n");

for my $file (sort keys %good) {
    my $path = $server->path($file);
    $server->write_file($_, $good{$_}) for keys %good;
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => $LOCATION);
    for my $kind (@kinds) {
        my ($name, $make, $message) = @$kind;
        put($path, $make);
        my ($status, $output) = $server->configtest;
        ok $status >> 8 && $output =~ /\[emerg\] .*\Q$file\E\b.*$message/, "$file: $name keeps nginx from starting"
            or diag "status $status: $output";
    }
    put($path, sub { Nginx::spew($_[0], $good{$file}) });

    $server->start;
    my @workers = $server->workers;
    for my $kind (@kinds) {
        my ($name, $make, $message) = @$kind;
        put($path, $make);
        my $before = $server->log_lines('\[emerg\]');
        $server->signal('HUP');
        ok Server::wait_for(60, sub { $server->log_lines('\[emerg\]') > $before }), "$file: $name keeps nginx from a reload";
        ok allowed('https://one.example'), 'the policies stay';
    }
    is_deeply [ $server->workers ], \@workers, 'the workers stay, too';
    put($path, sub { Nginx::spew($_[0], $good{$file}) });

    $server->write_conf(http => 'cors_policy_file cors.yaml watch=50ms;', server => $LOCATION);
    ok $server->reload, 'a reload that begins to watch';
    my $version = 1;
    for my $kind (@kinds) {
        my ($name, $make, $message) = @$kind;
        my $says   = qr/\[error\].*not taken over/;
        my $before = $server->log_lines($says);
        my $known  = $server->log_lines("$says.*$message");
        put($path, $make);
        # qemu takes its time to hash 512 MiB, which each worker does.
        ok Server::wait_for($ENV{TEST_NGINX_EMULATED} ? 600 : 60, sub { $server->log_lines("$says.*$message") >= $known + 2 }),
            "$file: $name, watched: both workers say so";
        my @said = grep {/$says/} split /^/, $server->log;
        # The one file goes before the other comes, and somebody may look in between.
        is scalar(grep { !/$message|No such file/ } @said[ $before .. $#said ]), 0, 'and what it is'
            or diag @said[ $before .. $#said ];
        ok all_workers('https://one.example', 1), 'the policies stay';
        $version++;
        put($path, sub {
            Nginx::spew($_[0], $file eq 'cors.yaml'
                ? document("allow_origins: [https://one.example, https://v$version.example]")
                : "https://one.example\nhttps://v$version.example\n");
        });
        ok all_workers("https://v$version.example", 1), 'a good file after it is taken over';
    }
    is $server->log_lines('exited on signal|\[alert\]'), 0, 'no worker minds';
    $server->stop;
    unlink $server->path('../logs/error.log');
}

# Of a process that is killed, valgrind writes nothing that counts.
sub kill_at_once {
    my ($pid) = @_;
    my $killed = kill KILL => $pid;
    unlink "$ENV{VALGRIND_LOGS}/$pid" if $ENV{VALGRIND_LOGS};
    return $killed;
}

# A full disk

$server->write_file('cors.yaml', document('allow_origins: [https://one.example]'));
$server->write_conf(
    error_log => '/dev/full',
    http      => "cors_policy_file cors.yaml watch=50ms;\n"
        . 'log_format cors "$cors_policy $cors_decision $cors_allow_origin"; access_log /dev/full cors;',
    server => $LOCATION,
);
$server->start;
is scalar(grep { allowed('https://one.example') && !allowed('https://evil.example') } 1 .. 50), 50,
    'a full disk: logs that cannot be written change no answer';
$server->write_file('cors.yaml', 'broken');
sleep 0.3;
$server->write_file('cors.yaml', document('allow_origins: [https://two.example]'));
ok all_workers('https://two.example', 1), 'nor does what is watched mind';
is counter('denied_origin') > 0, 1, 'and denials count';
$server->stop;

# Processes

$server->write_file('cors.yaml', document('allow_origins: [https://one.example]'));
$server->write_conf(http => 'cors_policy_file cors.yaml watch=50ms;', server => $LOCATION);
$server->start;
my $counted = 0;
my $killed  = 0;
for my $round (1 .. 10) {
    $counted += allowed('https://one.example') for 1 .. 10;
    my ($victim) = $server->workers;
    $killed += kill_at_once($victim);
    Server::wait_for(30, sub { $server->log_lines('exited on signal 9') >= $round }) or last;
    # What a worker had accepted goes with it; what comes afterwards is served.
    Server::wait_for(30, sub { 2 == (my @now = $server->workers) }) or last;
}
is $killed, 10, 'ten workers are killed';
is $counted, 100, 'every request between is answered';
is counter('allowed'), 100, 'and counted, for the counters are not of the worker';
$server->stop;
unlink $server->path('../logs/error.log');

$server->write_conf(http => 'cors_policy_file cors.yaml;', server => $LOCATION, workers => 32);
$server->start;
ok Server::wait_for(30, sub { 32 == (my @now = $server->workers_of_master) }), '32 workers';
is scalar(grep { allowed('https://one.example') } 1 .. 320), 320, 'all answer';
is counter('allowed'), 320, 'and count as one';
ok $server->reload, 'a reload';
is counter('allowed'), 320, 'the counts stay';
$server->stop;

# A master that is killed leaves its workers behind.
$server->write_conf(http => 'cors_policy_file cors.yaml;', server => $LOCATION);
$server->start;
my @orphans = $server->workers;
my $master  = delete $server->{pid};
kill_at_once($master);
waitpid $master, 0;
is scalar(grep { allowed('https://one.example') } 1 .. 50), 50, 'without the master, workers serve';
ok quit_all(30, @orphans), 'and quit when they are told';

# nginx as one process, without a master. A reload is no use then, with the module or without: nginx
# forgets to listen.
# One worker, for else nginx has a listening socket for each, and serves one of them.
$server->write_conf(workers => 1, http => 'cors_policy_file cors.yaml watch=50ms;', server => $LOCATION,
    main => 'master_process off;');
$server->start;
ok allowed('https://one.example'), 'master_process off: a policy is in force';
$server->write_file('cors.yaml', document('allow_origins: [https://two.example]'));
ok all_workers('https://two.example', 1), 'and watched';
is counter('allowed') > 0, 1, 'requests count';
$server->stop;

# A binary upgrade, for which nginx must be a daemon.
$server->write_file('cors.yaml', document('allow_origins: [https://one.example]'));
$server->write_conf(http => 'cors_policy_file cors.yaml;', server => $LOCATION, main => 'daemon on;');
my $new = 0;
my $old = 0;
if (is system($server->command), 0, 'nginx starts as a daemon') {
    ok Server::wait_for(30, sub { $server->pid_in('nginx.pid') && allowed('https://one.example') }), 'a policy is in force';
    $old = $server->pid_in('nginx.pid');
    $server->write_file('cors.yaml', document('allow_origins: [https://one.example, https://new.example]'));
    kill USR2 => $old;
    ok Server::wait_for(60, sub { $new = $server->pid_in('nginx.pid'); $new && $new != $old && $server->pid_in('nginx.pid.oldbin') == $old }),
        'USR2: a new master beside the old one';
    is scalar(grep { allowed('https://one.example') } 1 .. 50), 50, 'both serve';
    kill WINCH => $old;
    ok all_workers('https://new.example', 1), 'WINCH: only the new one serves';
    is counter('allowed') > 0, 1, 'and counts, from zero: counters are of the master that began them';
    ok quit_all(60, $old), 'QUIT: the old master is gone';
    is scalar(grep { allowed('https://new.example') } 1 .. 50), 50, 'the new one serves';
    ok quit_all(60, $new), 'and quits';
}

END {
    local $?;
    kill KILL => grep {$_} $new, $old;
}

# Size: what it takes is told, not tested.

sub figures {
    my ($what, $start) = @_;
    my $begin = time;
    my ($status, $output) = $server->configtest;
    is $status, 0, "$what: nginx -t" or diag substr $output, 0, 2000;
    note sprintf '%s: nginx -t takes %.2f s', $what, time - $begin;
    $server->start;
    ok allowed('https://one.example'), "$what: served";
    note sprintf '%s: the master holds %.1f MiB', $what, resident($server->{pid}, 'VmRSS') / 1024;
    return;
}

$server->write_conf(http => '', server => 'location = /api { return 200 "ok\n"; }', main => '');
{
    $server->start;
    note sprintf 'no policy: the master holds %.1f MiB', resident($server->{pid}, 'VmRSS') / 1024;
    $server->stop;
}
$server->write_file('cors.yaml', "version: 1\npolicies:\n"
        . join '', map {"  p$_: {allow_origins: [https://one.example, https://p$_.example], allow_methods: [PUT]}\n"} 1 .. 10_000);
$server->write_conf(http => 'cors_policy_file cors.yaml;', server => 'location = /api { cors_policy p9999; return 200; }');
figures('10,000 policies');
ok $server->reload, 'reloaded';
$server->stop;

$server->write_file('cors.yaml', document('allow_origins: [https://one.example]'));
my $locations = join '', map {"location = /l$_ { cors_policy api; return 200; }\n"} 1 .. 10_000;
$server->write_conf(http => 'cors_policy_file cors.yaml;', server => "$LOCATION\n$locations");
figures('10,000 locations');
$server->stop;
$server->write_conf(http => '', server => "location = /api { return 200; }\n" . $locations =~ s/cors_policy api; //gr);
$server->start;
note sprintf '10,000 locations without a policy: the master holds %.1f MiB', resident($server->{pid}, 'VmRSS') / 1024;
$server->stop;

# Memory

my $fail = $server->path('fail.so');
my $cc   = $ENV{CC} || 'cc';

SKIP: {
    # What watches over memory has its own way to allocate.
    skip 'valgrind or a sanitizer allocates', 1 if $ENV{VALGRIND_NGINX} || $ENV{ASAN_OPTIONS};
    skip 'no compiler, or another C library than glibc', 1
        if system "$cc -shared -fPIC -o $fail t/operations/fail.c 2>/dev/null";

    my $control = $server->path('control');
    my $fail_at = sub {
        my ($which, $size, $shared) = @_;
        open my $file, '+<', $control or die "$control: $!\n";
        syswrite $file, pack 'l!l!l!', $which, $size // 0, $shared // 0;
        close $file;
    };
    my $is_pending = sub {
        open my $file, '<', $control or die "$control: $!\n";
        sysread $file, my $numbers, 8;
        return unpack('l!', $numbers) > 0;
    };
    Nginx::spew($control, "\0" x 4096);
    my @preload = ('env', "LD_PRELOAD=$fail", "FAIL_CONTROL=$control");

    # A request whose allocations fail, one after the other. Small pools have many of them.
    $server->write_file('cors.yaml', document("allow_origins: ['https://one.example']\n    "
            . "allow_credentials: true\n    allow_methods: '*'\n    allow_headers: '*'\n    expose_headers: [X-A, X-B]\n    max_age: 60"));
    $server->write_conf(
        workers => 1,
        http    => 'cors_policy_file cors.yaml; request_pool_size 256; connection_pool_size 256; client_header_buffer_size 512;',
        server  => $LOCATION . q(location = /named { cors_policy $arg_policy; return 200 "$cors_decision\n"; }),
    );
    $server->before(@preload);
    $server->start;
    $server->before;
    my ($worker) = $server->workers;
    my @origin   = 'Origin: https://one.example';
    my %request  = (
        'an actual request' => [ 'GET', '/api', @origin ],
        'a preflight'       => [ 'OPTIONS', '/api', @origin, 'Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: x-a,x-b' ],
        'a denied one'      => [ 'GET', '/api', 'Origin: https://evil.example' ],
        'a named policy'    => [ 'GET', '/named?policy=api', @origin ],
        'the counters'      => [ 'GET', '/status' ],
    );
    for my $name (sort keys %request) {
        my ($fields) = $server->request(@{ $request{$name} }) =~ /^(.*?\r\n)\r\n/s;
        my $cors = join '', sort $fields =~ /^(?:Access-Control|Vary).*\n/mg;
        my ($failed, @wrong) = (0);
        for my $n (1 .. 200) {
            $fail_at->($n);
            my $answer = $server->request(@{ $request{$name} });
            my $missed = $is_pending->();
            $fail_at->(0);
            last if $missed;
            $failed++;
            # None, an error, or the answer that it always is: never a part of it.
            next if $answer eq '' || $answer =~ /\AHTTP\/1\.1 5\d\d /;
            my ($got) = $answer =~ /^(.*?\r\n)\r\n/s;
            push @wrong, "$n: $answer" if join('', sort $got =~ /^(?:Access-Control|Vary).*\n/mg) ne $cors;
        }
        is_deeply \@wrong, [], "no memory for $name: no answer, an error, or the right one";
        cmp_ok $failed, '>', 3, 'allocations fail';
        note "$name: $failed allocations failed, one at a time";
    }
    is_deeply [ $server->workers ], [$worker], 'the worker is the same';
    is $server->log_lines('exited on signal'), 0, 'and none was lost';
    $server->stop;
    unlink $server->path('../logs/error.log');

    # A list for which there is no memory: at first, at a reload, and watched.
    my $list = join '', map {"https://o$_.example\nhttps://*.w$_.example\n"} 1 .. 100_000;
    $server->write_file('origins.txt', "https://one.example\n$list");
    $server->write_file('cors.yaml', $LISTED);
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => $LOCATION);
    my $large   = 1 << 20;
    my $message = qr/not enough memory for the origins of the policy; allow the process more/;
    my $fatal   = 0;
    for my $n (1 .. 100) {
        $fail_at->($n, $large);
        $server->before(@preload);
        my ($status, $output) = $server->configtest;
        $server->before;
        last if $is_pending->();
        $fatal++;
        ok $status >> 8 && $output =~ $message, "no memory for large allocation $n: nginx -t says so"
            or diag "status $status: $output";
    }
    cmp_ok $fatal, '>', 3, 'large allocations fail';

    # Anything else: nginx says so, or Rust or the C library does, which ends the process.
    my $says = qr/memory allocation of \d+ bytes failed|\w+\.c:\d+: [^\n]+: Assertion `[^\n]+' failed\./;
    $server->write_file('origins.txt', join '', map {"https://o$_.example\n"} 1 .. 100);
    my (%ends, @unclear);
    for my $n (map { 1 + 53 * $_ } 0 .. 60) {
        $fail_at->($n);
        $server->before(@preload);
        my ($status, $output) = $server->configtest;
        $server->before;
        last if $is_pending->();
        $ends{ $status == 0 ? 'is done without' : $status & 127 ? 'ends it' : 'is an error' }++;
        push @unclear, "$n: status $status: $output"
            if ($status & 127) && !(($status & 127) == 6 && $output =~ $says);
    }
    is_deeply \@unclear, [], 'no memory for something small: nginx -t fails, and says so where it is the module';
    note explain { 'an allocation that fails' => \%ends };

    $fail_at->(1, 0, 1);
    $server->before(@preload);
    my ($status, $output) = $server->configtest;
    ok $status >> 8 && $output =~ /\[alert\] mmap\(.* failed \(12: Cannot allocate memory\)/,
        'no shared memory for the counters: nginx -t says so' or diag "status $status: $output";
    $fail_at->(0);

    $server->write_file('origins.txt', "https://one.example\n");
    $server->before(@preload);
    $server->start;
    $server->before;
    my @workers = $server->workers;
    $server->write_file('origins.txt', "https://one.example\nhttps://two.example\n$list");
    $fail_at->(1, $large);
    $server->signal('HUP');
    ok Server::wait_for(60, sub { $server->log_lines("\\[emerg\\].*$message") }), 'no memory for a reload: nginx says so';
    is_deeply [ $server->workers ], \@workers, 'and goes on as before';
    ok $server->reload, 'a reload with memory';
    ok all_workers('https://two.example', 1), 'takes what is new';

    $server->write_conf(http => 'cors_policy_file cors.yaml watch=50ms;', server => $LOCATION);
    ok $server->reload, 'the file is watched';
    $fail_at->(1, $large);
    $server->write_file('origins.txt', "https://one.example\nhttps://three.example\n$list");
    ok Server::wait_for(60, sub { $server->log_lines("\\[error\\].*not taken over.*$message") }),
        'no memory for a change: the worker says so';
    ok allowed('https://one.example'), 'and goes on';
    $fail_at->(0);
    $server->write_file('origins.txt', "https://one.example\nhttps://four.example\n$list");
    ok all_workers('https://four.example', 1), 'a change with memory is taken over';
    is $server->log_lines('exited on signal'), 0, 'no worker is lost';
    $server->stop;
}

done_testing();
