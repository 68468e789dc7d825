# Policies that change under load: no request notices but by its answer, and memory stays.
#
# This is the short form. `make test-changes` sets TEST_CHANGES=full: a million origins, and 500
# changes in a row. What takes how long is told, not tested.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw( sleep time );

use lib 't/lib', 't/operations/lib';

use Load   ();
use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

my $full = ($ENV{TEST_CHANGES} // '') eq 'full';
my $say  = $full ? \&diag : \&note;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;

my $server = Server->new;

# start($interval): an nginx that watches cors.yaml.
sub start {
    my ($interval) = @_;
    $server->write_conf(http => <<"HTTP", server => <<'SERVER');
    cors_policy_file cors.yaml watch=$interval;
    keepalive_requests 100000000;
    add_header X-Worker \$pid always;
HTTP
        location = /api { cors_policy api; return 200 "ok\n"; }
SERVER
    $server->start;
    return;
}

# The document of version N. No two versions next to each other have a header in common, but for
# the allowed origin.
sub document {
    my ($version) = @_;
    my $on = $version % 2 ? 'true' : 'false';
    return <<"END";
version: 1
policies:
  api:
    allow_origins: [https://page.example]
    allow_origins_file: origins.txt
    allow_methods: [PUT, M$version]
    allow_headers: [X-H$version]
    expose_headers: [X-A$version, X-B$version]
    allow_credentials: $on
    timing_allow_origin: $on
    max_age: $version
END
}

my $REQUEST = "GET /api HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n\r\n";
my @REQUESTS = (
    ($REQUEST) x 3,
    "OPTIONS /api HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n"
        . "Access-Control-Request-Method: PUT\r\n\r\n",
);

# The status and the CORS headers of a version, in alphabetical order.
sub expected {
    my ($version, $is_preflight) = @_;
    my $on = $version % 2;
    return join "\n", sort(
        'Access-Control-Allow-Origin: https://page.example',
        "Access-Control-Expose-Headers: X-A$version, X-B$version",
        $on ? 'Access-Control-Allow-Credentials: true' : (),
        $on && !$is_preflight ? 'Timing-Allow-Origin: https://page.example' : (),
        $is_preflight ? (
            "Access-Control-Allow-Headers: X-H$version",
            "Access-Control-Allow-Methods: PUT, M$version",
            "Access-Control-Max-Age: $version",
            'HTTP/1.1 204 No Content',
        ) : 'HTTP/1.1 200 OK',
    );
}

my ($load, %seen, @wrong, @back);

sub on_response {
    my ($connection, $index, $response) = @_;
    my ($worker)  = $response =~ /^X-Worker: (\d+)\r$/m;
    my ($version) = $response =~ /^Access-Control-Expose-Headers: X-A(\d+)/m;
    my $headers = join "\n",
        sort $response =~ /^(HTTP\/.*?|Access-Control-.*?|Timing-Allow-Origin.*?)\r$/mg;
    if (!$worker || !defined $version || $headers ne expected($version, $index == $#REQUESTS)) {
        push @wrong, $response;
        return;
    }
    $connection->{worker} = $worker;
    push @back, "$version after $connection->{floor}" if $version < $connection->{floor};
    $seen{$worker} = $version if $version > ($seen{$worker} // -1);
    return;
}

# What a worker has answered with before a request, that request must not be answered without.
sub on_request {
    my ($connection) = @_;
    $connection->{floor} = $seen{ $connection->{worker} // '' } // -1;
    return;
}

sub load {
    my ($rate) = @_;
    %seen = @wrong = @back = ();
    # So many that both workers have some.
    return Load->new(
        port        => $server->port,
        connections => 24,
        rate        => $rate,
        requests    => \@REQUESTS,
        on_request  => \&on_request,
        on_response => \&on_response,
    );
}

sub write_origins {
    my ($name, $number, $domain) = @_;
    open my $file, '>', $server->path($name) or die "$name: $!\n";
    print {$file} "https://partner-$_.$domain\n" for 1 .. $number;
    close $file or die "$name: $!\n";
    return;
}

sub link_to {
    my ($target, $name) = @_;
    symlink $target, $server->path("$name.new") or die "$name: $!\n";
    rename $server->path("$name.new"), $server->path($name) or die "$name: $!\n";
    return;
}

# As Kubernetes does with the files of a ConfigMap: each is a link into a folder behind a link, and
# that one is swapped.
sub change_by_link {
    my ($version) = @_;
    my $folder = "..$version";
    mkdir $server->path($folder) or die "$folder: $!\n";
    link $server->path('origins.' . $version % 2), $server->path("$folder/origins.txt") or die "link: $!\n";
    $server->write_file("$folder/cors.yaml", document($version));
    link_to($folder, '..data');
    for my $name (qw( cors.yaml origins.txt )) {
        link_to("..data/$name", $name) if !-l $server->path($name);
    }
    return;
}

sub change_by_another_file {
    my ($version) = @_;
    $server->write_file('cors.yaml', document($version));
    return;
}

sub change_in_place {
    my ($version) = @_;
    open my $file, '+<', $server->path('cors.yaml') or die "cors.yaml: $!\n";
    my $document = document($version);
    syswrite $file, $document;
    truncate $file, length $document;
    close $file or die "cors.yaml: $!\n";
    return;
}

sub resident {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!\n";
    return (grep {s/^VmRSS:\s*(\d+) kB\n/$1/} <$file>)[0];
}

sub report {
    my ($what) = @_;
    $say->("$what: " . $load->times . '; resident: '
            . join ' and ', map { sprintf '%.1f MiB', resident($_) / 1024 } sort keys %seen);
    return;
}

# Under load

my ($origins, $seconds, $rate, $changes) = $full ? (1_000_000, 20, 1000, 8) : (50_000, 1, 400, 2);
my $version = 1;
write_origins("origins.$_", $origins, "p$_.example") for 0, 1;
change_by_link($version);
start($full ? '1s' : '200ms');
$load = load($rate);
$load->run(sub { }, $seconds);
is scalar(keys %seen), 2, 'two workers answer';
report("$origins origins, without changes");

for (['a swapped link', \&change_by_link], ['another file', \&change_by_another_file],
    ['a file that is written in place', \&change_in_place])
{
    my ($kind, $change) = @$_;
    my @took;
    for my $n (1 .. $changes) {
        $change->(++$version);
        my $begin = time;
        my $end   = $begin + ($full ? 2.5 : 0);
        ok $load->run(sub { !grep { $_ < $version } values %seen }, 60),
            "$kind, $n: both workers take it over"
            or last;
        push @took, time - $begin;
        # Until the second of them has settled.
        $load->run(sub { }, $end - time) if time < $end;
    }
    report($kind);
    $say->(sprintf '%s: taken over after %s s', $kind, join ', ', map { sprintf '%.2f', $_ } @took);
}
# Whatever else the machine does, it does now too.
$load->run(sub { }, $seconds);
report("$origins origins, without changes again");
is_deeply [$load->failures], [], 'every request is answered';
is_deeply \@wrong, [], 'by one version as a whole';
is_deeply \@back, [], 'and never by one before that of an earlier answer';
is $server->log_lines('\[(?:error|alert|crit|emerg)\]'), 0, 'nothing is wrong';

# A worker that is to end while it reads.
for my $n (1 .. ($full ? 5 : 2)) {
    change_by_link(++$version);
    sleep($full ? 1.1 : 0.21);
    ok $server->reload, "a reload while a change is read, $n";
}
is $server->log_lines('exited on signal|\[(?:error|alert|crit|emerg)\]'), 0, 'no worker minds';
$server->stop;

# Memory, which says nothing in valgrind or a sanitizer, for those keep what is freed for a while.

if (!$ENV{VALGRIND_NGINX} && !$ENV{ASAN_OPTIONS}) {
    ($origins, $changes) = $full ? (20_000, 500) : (20_000, 30);
    my $step = $changes / 10;
    unlink $server->path('origins.txt');
    write_origins('origins.txt', $origins, 'partner.example');
    change_by_another_file(++$version);
    start('10ms');
    $load = load(100);
    $load->run(sub { keys %seen == 2 }, 60);
    my %resident;
    for my $n (1 .. $changes) {
        change_by_another_file(++$version);
        $load->run(sub { !grep { $_ < $version } values %seen }, 60) or last;
        next if $n % $step;
        push @{ $resident{$_} }, resident($_) for sort keys %seen;
        $say->("after $n changes: " . join ' and ', map {"$resident{$_}[-1] KiB"} sort keys %resident);
    }
    for my $worker (sort keys %resident) {
        is scalar @{ $resident{$worker} }, 10, 'all changes are taken over';
    SKIP: {
            skip 'under emulation: qemu keeps memory of every thread that has ended', 1 if $ENV{TEST_NGINX_EMULATED};
            # What is in use varies by what the threads of a worker do at the moment.
            cmp_ok $resident{$worker}[-1], '<', $resident{$worker}[1] + 8192, 'memory does not grow';
        }
    }
    is_deeply \@wrong, [], 'every answer is one version as a whole';
    is_deeply \@back, [], 'and never one before that of an earlier answer';
}

done_testing();
