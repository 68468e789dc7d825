# Transitions of a nginx that runs: reloads between any two states, with the module and without, from
# several files, with many policies and few; binary upgrades; and what happens to watched files.
#
# The master never dies, no request fails, and counts of policies that stay are exact.
#
# TEST_NGINX_OTHER_LAYOUT names a module whose zone of counters has another layout, TEST_NGINX_LINKED an
# nginx with the module linked in; without them their states are left out. TEST_TRANSITIONS=full adds
# 200 reloads under load, and longer lists.

use strict;
use warnings;

use Test2::IPC;
use Test::More;

use Cwd         qw( abs_path );
use File::Copy  qw( copy );
use IO::Select  ();
use IO::Socket::INET;
use POSIX       qw( mkfifo WNOHANG );
use Time::HiRes qw( sleep time );

use lib 't/operations/lib';

use Server  ();
use Traffic ();

my @modules = split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module' if !@modules;

my $full    = ($ENV{TEST_TRANSITIONS} // '') eq 'full';
my $say     = $full ? \&diag : \&note;
my $watched = $ENV{VALGRIND_NGINX} || $ENV{ASAN_OPTIONS};
my $begin   = time;

# nginx does not outlive the test, however that ends.
my @children;
my $parent = $$;
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

END {
    local $?;
    if ($$ == $parent) {
        kill TERM => @children;
        waitpid $_, 0 for @children;
    }
}

# Runs tests in a process of its own, beside the others: what takes time here is mostly waiting.
sub beside {
    my ($tests) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        push @children, $pid;
        return;
    }
    @children = ();
    eval { $tests->(); 1 } or fail("an error: $@");
    exit 0;
}

# The modules

# Others may be loaded beside it, always.
my ($MODULE) = grep {/cors_policy/} @modules;
$MODULE = abs_path($MODULE // $modules[-1]);
my @OTHERS = grep { abs_path($_) ne $MODULE } @modules;
my $OTHER_LAYOUT = $ENV{TEST_NGINX_OTHER_LAYOUT} ? abs_path($ENV{TEST_NGINX_OTHER_LAYOUT}) : undef;
my $LINKED       = $ENV{TEST_NGINX_LINKED}       ? abs_path($ENV{TEST_NGINX_LINKED})       : undef;
$say->('TEST_NGINX_OTHER_LAYOUT names no module: transitions from and to another layout are left out')
    if !$OTHER_LAYOUT;
$say->('TEST_NGINX_LINKED names no nginx: upgrades from and to a linked module are left out') if !$LINKED;

# The keys are those of states, the values what people read.
my %NAME = (
    none     => 'no module',
    same     => 'this module',
    copy     => 'its file under another path',
    other    => 'another layout',
    linked   => 'the linked module',
    nothing  => 'no http',
    plain    => 'no policies',
    policies => '300 policies',
    fewer    => '3 policies',
    many     => 'over 10,000 policies',
    watched  => 'a watched file',
);

my $PAGE      = 'https://page.example';
my $MANY      = 10_100;
my $BODY      = join('', map { sprintf "%07d\n", $_ } 1 .. 1024) x 256;
my %CORS_SEEN = (allowed => 1, preflight => 1);
my %REQUEST   = (
    allowed   => "GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: $PAGE\r\n\r\n",
    denied    => "GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: $PAGE.evil.net\r\n\r\n",
    none      => "GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    preflight => "OPTIONS /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: $PAGE\r\n"
        . "Access-Control-Request-Method: PUT\r\n\r\n",
);

# A run: an nginx, the traffic to it, and an upstream, which is this process itself.
sub new_run {
    my (%run) = @_;
    my $server   = Server->new;
    my $upstream = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1:0') or die "listen: $!\n";
    my $traffic  = Traffic->new(port => $server->port, requests => \%REQUEST, is_right => \&is_right);
    for my $module ([ copy => $MODULE ], $OTHER_LAYOUT ? [ other => $OTHER_LAYOUT ] : ()) {
        copy($module->[1], $server->path("$module->[0].so")) or die "$module->[1]: $!\n";
    }
    spew($server->path('large'), $BODY);
    spew($server->path('many.yaml'), document(map {"  m$_: {allow_origins: [$PAGE]}\n"} 1 .. $MANY));
    return { server => $server, upstream => $upstream, traffic => $traffic, count => 0, read => 0, held => [], %run };
}

sub spew {
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print {$file} $text;
    close $file or die "$path: $!\n";
    return;
}

sub document {
    return join '', "version: 1\npolicies:\n", @_;
}

# A policy whose answers tell the version.
sub policy {
    my ($name, $version) = @_;
    return "  $name: {allow_origins: [$PAGE], allow_methods: [PUT], expose_headers: [X-V$version]}\n";
}

# States

# state($run, $module, $content): writes what nginx needs to be in a state, with a number of its own, and
# returns the state.
sub state {
    my ($run, $module, $content) = @_;
    my $number = ++$run->{count};
    my %state  = (
        number  => $number,
        version => $number,
        module  => $module,
        content => $content,
        name    => "$NAME{$module}, $NAME{$content}",
        silent  => $content eq 'nothing',
        # As old workers may still look at the file of another state, each has its own.
        file => "cors-$number.yaml",
    );
    $state{has_policies} = $content !~ /^(?:nothing|plain)$/;
    my $server = $run->{server};
    write_policies($run, \%state) if $state{has_policies};
    $server->write_file('nginx.conf', conf($run, \%state));
    return \%state;
}

sub write_policies {
    my ($run, $state) = @_;
    $run->{server}->write_file(
        $state->{file},
        document(
            (map { policy($_, $state->{version}) } qw( api exact late )),
            $state->{content} eq 'policies' ? map {"  p$_: {allow_origins: [$PAGE]}\n"} 1 .. 297 : (),
        ),
    );
    return;
}

sub load_module {
    my ($run, $module) = @_;
    my %path = (same => $MODULE, map { $_ => $run->{server}->path("$_.so") } qw( copy other ));
    return join '', map {"load_module $_;\n"} @OTHERS, $path{$module} // ();
}

sub conf {
    my ($run, $state) = @_;
    my $server  = $run->{server};
    my $root    = $server->{root};
    my $workers = $run->{workers} // 1;
    my $main    = ($run->{main} // 'daemon off;') . ($> == 0 ? ' user root;' : '');
    my $load    = load_module($run, $state->{module});
    my $http    = $state->{silent} ? '' : http($run, $state);
    return <<"END";
$load
$main
worker_processes $workers;
error_log $root/logs/error.log info;
pid $root/logs/nginx.pid;
events { worker_connections 256; }
$http
END
}

sub http {
    my ($run, $state) = @_;
    my $server   = $run->{server};
    my $root     = $server->{root};
    my $port     = $server->port;
    my $upstream = $run->{upstream}->sockport;
    my $watch    = $state->{content} eq 'watched' ? ' watch=50ms' : '';
    my $files    = "cors_policy_file $state->{file}$watch;";
    $files .= ' cors_policy_file many.yaml;' if $state->{content} eq 'many';
    my %in_force = map { $_ => "cors_policy $_;" } qw( api exact late );
    my $status   = 'location = /status { cors_policy_status; }';
    ($files, $status, %in_force) = ('', '', map { $_ => '' } keys %in_force) if !$state->{has_policies};
    my $extra_http   = $run->{http}   // '';
    my $extra_server = $run->{extra} // '';
    return <<"END";
http {
    access_log off;
    client_body_temp_path $root/body;
    proxy_temp_path $root/proxy;
    fastcgi_temp_path $root/fastcgi;
    uwsgi_temp_path $root/uwsgi;
    scgi_temp_path $root/scgi;
    $files
    $extra_http
    server {
        listen 127.0.0.1:$port sndbuf=128k;
        $status
        $extra_server
        location = /pid { return 200 "\$pid\\n"; }
        location = /api { $in_force{api} return 200 "$state->{number}\\n"; }
        location = /exact { $in_force{exact} return 200 "$state->{number}\\n"; }
        location = /large { $in_force{api} root $root/conf; }
        location = /up { $in_force{late} proxy_pass http://127.0.0.1:$upstream; }
    }
}
END
}

# Whether an answer has the CORS headers of a state, for an origin that is allowed or not.
sub has_headers {
    my ($answer, $state, $is_allowed) = @_;
    my @headers = map { lc . "\n" } sort $answer =~ /^((?:Access-Control-|Vary).*?)\r$/mgi;
    my $expected = !$state->{has_policies} ? ''
        : !$is_allowed ? "vary: origin\n"
        :   ($answer =~ /\A\S+ 204/ ? "access-control-allow-methods: put\n" : '')
        . "access-control-allow-origin: $PAGE\naccess-control-expose-headers: x-v$state->{version}\nvary: origin\n";
    return join('', sort @headers) eq $expected;
}

sub is_right {
    my ($kind, $answer, $state) = @_;
    return 0 if $state->{silent} || !has_headers($answer, $state, $CORS_SEEN{$kind});
    return $answer =~ /\AHTTP\/1\.1 204/ if $kind eq 'preflight' && $state->{has_policies};
    return $answer =~ /\AHTTP\/1\.1 200 .*\r\n\r\n\Q$state->{number}\E\n\z/s;
}

# Requests that last over a reload

# Begins a slow download, a slow upload, and a request whose answer the upstream keeps back.
sub hold {
    my ($run, $state) = @_;
    return if $state->{silent};
    my $port = $run->{server}->port;
    my %held = (state => $state, zone => $run->{zone}, at => $run->{walked} // 0);

    my $get = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: $PAGE\r\n";
    $held{download} = Traffic::connection($port, "GET /large $get\r\n") or return problem($run, 'no slow download');
    sysread $held{download}, $held{downloaded}, 1000 or return problem($run, 'no slow download');

    # nginx says that it waits for the body, and so that this worker has the request.
    my $header = "POST /up $get" . "Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
    $held{upload} = Traffic::connection($port, $header) or return problem($run, 'no slow upload');
    my $goes_on = Traffic::read_until($held{upload}, qr/\r\n\r\n/);
    return problem($run, "no slow upload: $goes_on") if $goes_on !~ /\AHTTP\/1\.1 100 /;
    print { $held{upload} } 'u' x 1000;

    $held{waiting}  = Traffic::connection($port, "GET /up $get\r\n") or return problem($run, 'no waiting request');
    $held{upstream} = accepted($run) or return problem($run, 'no waiting request comes to the upstream');
    push @{ $run->{held} }, \%held;
    return;
}

# The next request at the upstream, read as a whole.
sub accepted {
    my ($run) = @_;
    IO::Select->new($run->{upstream})->can_read(30) or return;
    my $socket = $run->{upstream}->accept or return;
    Traffic::give_up_after_a_minute($socket);
    my $request = Traffic::read_until($socket, qr/\r\n\r\n/);
    my ($length) = $request =~ /^Content-Length: (\d+)\r$/mi;
    if ($length) {
        my ($body) = $request =~ /\r\n\r\n(.*)\z/s;
        $length -= length $body;
        $length -= sysread($socket, my $more, $length) || last while $length > 0;
    }
    return $socket;
}

# The application has CORS headers of its own, which a policy replaces.
sub answer_as_upstream {
    my ($socket, $state) = @_;
    my $cors = $state->{has_policies} ? "Access-Control-Allow-Origin: *\r\n" : '';
    print {$socket} "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n$cors\r\ndone\n";
    close $socket;
    return;
}

# Lets requests that are held go on to their end, which has to be as if nothing had happened, and returns how
# many of them were allowed by the policy "late".
sub let_go {
    my ($run, $held) = @_;
    my $state = $held->{state};
    print { $held->{upload} } 'u' x 1000;
    if (my $socket = accepted($run)) {
        answer_as_upstream($socket, $state);
    }
    else {
        problem($run, 'an upload does not come to the upstream');
    }
    answer_as_upstream($held->{upstream}, $state);
    my %body = (download => $BODY, upload => "done\n", waiting => "done\n");
    for my $kind (sort keys %body) {
        my $answer = ($kind eq 'download' ? $held->{downloaded} : '') . Traffic::read_all($held->{$kind});
        my ($got) = $answer =~ /\r\n\r\n(.*)\z/s;
        problem($run, "$kind begun in $held->{at} ($state->{name}): " . substr($answer, 0, 600) . ' … (' . length($answer) . ' bytes)')
            if $answer !~ /\AHTTP\/1\.1 200 / || ($got // '') ne $body{$kind} || !has_headers($answer, $state, 1);
    }
    return $state->{has_policies} ? 2 : 0;
}

# Transitions

sub problem {
    my ($run, @problems) = @_;
    push @{ $run->{problems} }, @problems;
    return;
}

# The lines of the log since the last look that tell of something wrong.
sub look_at_log {
    my ($run) = @_;
    my $text = substr $run->{server}->log, $run->{read};
    $run->{read} += length $text;
    my $of_other = $OTHER_LAYOUT ? qr/\[warn\]/ : qr/(?!)/;
    return grep { !/$of_other/ } $text =~ /^(.*(?:\[(?:emerg|alert|crit|error|warn)\]|exited on signal|exited with (?:fatal )?code [1-9]).*)\n/mg;
}

sub is_shutting_down {
    my ($pid) = @_;
    return 1 if !Server::is_alive($pid);
    open my $file, '<', "/proc/$pid/cmdline" or return 1;
    return (<$file> // '') =~ /shutting down/;
}

sub start {
    my ($run, $state) = @_;
    my $server = $run->{server};
    $server->start($state->{silent} ? sub { scalar(() = $server->workers_of_master) } : undef);
    $run->{read} = length $server->log;
    $run->{now}  = $state;
    $run->{zone} = next_zone(undef, { module => 'none' }, $state);
    $run->{traffic}->states($state);
    return;
}

# Has nginx reload, and waits until new workers alone take requests; false where the master dies or
# refuses.
sub reload {
    my ($run, $to) = @_;
    my ($server, $traffic) = @$run{qw( server traffic )};
    my %before = map { $_ => 1 } $server->workers_of_master;
    $traffic->states($run->{now}, $to);
    # Some requests are under way.
    $traffic->until(0, sub {0});
    $server->signal('HUP');
    my $wanted = $run->{workers} // 1;
    my $is_dead = 0;
    my $done = $traffic->until($watched ? 300 : 60, sub {
        $is_dead = waitpid($server->{pid}, WNOHANG) || !Server::is_alive($server->{pid}) and return 1;
        $server->log_lines('\[emerg\]') > ($run->{emerg} // 0) and return 1 if rand() < 0.02;
        my @now = $server->workers_of_master;
        return $wanted <= grep({ !$before{$_} } @now) && !grep { $before{$_} && !is_shutting_down($_) } @now;
    });
    if ($is_dead) {
        problem($run, sprintf 'the master dies by signal %d', $? & 127);
    }
    elsif (!$done) {
        problem($run, 'there are no new workers after a minute');
    }
    $traffic->states($to);
    $run->{now} = $to;
    # What an old worker has taken in its last instant it may answer in the old way.
    problem($run, $traffic->finish);
    return !$is_dead && $done;
}

# Makes the counts of the policies "exact" and "late" that are to be expected after a transition. In no
# module there are none. Where either state has no policies, nothing says whether counts stay; where the
# zone grows, what old workers count from now on is lost.
my $zones = 0;

sub next_zone {
    my ($zone, $from, $to) = @_;
    my %layout = (none => '', same => 'this', copy => 'this', linked => 'this', other => 'other');
    my ($before, $after) = @layout{ $from->{module}, $to->{module} };
    return if !$after;
    return { id => ++$zones, exact => 0, late => 0 } if !$zone || $before ne $after;
    return { %$zone, id => ++$zones, or_zero => 1 } if !$from->{has_policies} || !$to->{has_policies};
    return { %$zone, id => ++$zones } if $to->{content} eq 'many' && $from->{content} ne 'many';
    return $zone;
}

# count($status, $policy): from the status page as JSON, which may be long.
sub count {
    my ($status, $policy) = @_;
    my ($counts) = $status =~ /"\Q$policy\E":\[(.*?)\]/ or return;
    $counts =~ /"request":"actual","decision":"allowed","mode":"enforced","count":(\d+)/ or return;
    return $1;
}

sub status {
    my ($run) = @_;
    return $run->{server}->request('GET', '/status?format=json');
}

# Counts have to be what they must, and go on from there. $late is what came of old workers.
sub look_at_counts {
    my ($run, @late) = @_;
    my $zone   = $run->{zone};
    my $status = status($run);
    my %is     = map { $_ => count($status, $_) // 'missing' } qw( exact late );
    my $lost   = 0;
    for my $late (@late) {
        if   ($late->{zone} && $late->{zone}{id} == $zone->{id}) { $zone->{late} += $late->{number} }
        else                                                      { $lost += $late->{number} }
    }
    @$zone{qw( exact late )} = (0, 0) if delete $zone->{or_zero} && $is{exact} eq '0' && $is{late} <= $lost;
    problem($run, "$is{exact} requests are counted, not $zone->{exact}") if $is{exact} ne $zone->{exact};
    problem($run, "$is{late} requests of old workers are counted, not $zone->{late}" . ($lost ? " to $zone->{late} and $lost" : ''))
        if $is{late} !~ /\A\d+\z/ || $is{late} < $zone->{late} || $is{late} > $zone->{late} + $lost;
    @$zone{qw( exact late )} = map { /\D/ ? 0 : $_ } @is{qw( exact late )};

    for (1 .. 1 + $run->{count} % 3) {
        my $answer = $run->{server}->request('GET', '/exact', "Origin: $PAGE");
        has_headers($answer, $run->{now}, 1) ? $zone->{exact}++ : problem($run, "wrong answer: $answer");
    }
    my $now = count(status($run), 'exact') // 'missing';
    problem($run, "$now requests are counted, not $zone->{exact}, after more of them") if $now ne $zone->{exact};
    return;
}

# Every kind of request, until it is answered in the new way and only in that.
sub look_at_answers {
    my ($run, $state) = @_;
    my $server = $run->{server};
    for my $kind (sort keys %REQUEST) {
        my $answer = '';
        my $is_it  = sub {
            my $socket = Traffic::connection($server->port, $REQUEST{$kind});
            $answer = $socket ? Traffic::read_all($socket) : '';
            return $state->{silent} ? !$socket : is_right($kind, $answer, $state);
        };
        Server::wait_for(5, $is_it) or problem($run, "$kind: not the answer of the new state: $answer");
    }
    return;
}

# A watched file that changes.
sub change {
    my ($run, $state) = @_;
    my $traffic = $run->{traffic};
    my $old = {%$state};
    $state->{version} = ++$run->{count};
    write_policies($run, $state);
    $traffic->states($old, $state);
    look_at_answers($run, $state);
    $traffic->states($state);
    return;
}

# Walks from the state in which nginx is to another; all that is wrong with it is one test. Requests that
# are held last over two transitions.
my $walked = 0;

sub walk {
    my ($run, $module, $content) = @_;
    getppid() == $parent or exit 1 if $$ != $parent;
    my $from = $run->{now};
    my $to   = state($run, $module, $content);
    my $name = "$from->{name} -> $to->{name}" . ($run->{holds} ? ', old workers serve' : '');
    hold($run, $from) if $run->{holds};
    $walked++;
    $run->{walked}++;
    my $done = reload($run, $to);
    if ($done) {
        $run->{zone} = next_zone($run->{zone}, $from, $to);
        look_at_answers($run, $to);
        change($run, $to) if $content eq 'watched';
        my @late;
        while (@{ $run->{held} } && ($run->{held}[0]{at} < $run->{walked} - 1)) {
            my $held = shift @{ $run->{held} };
            push @late, { zone => $held->{zone}, number => let_go($run, $held) };
        }
        look_at_counts($run, @late) if $to->{has_policies};
    }
    problem($run, look_at_log($run));
    my @problems = splice @{ $run->{problems} // [] };
    ok !@problems, $name or diag map { s/^/    /mgr . "\n" } @problems > 6 ? (@problems[ 0 .. 4 ], '…') : @problems;
    return 1 if $done;

    # What dies once is started again, so that other transitions are seen too.
    my $server = $run->{server};
    $run->{held} = [];
    $server->stop;
    return 0 if ++$run->{deaths} >= 10;
    unlink "$server->{root}/logs/error.log";
    $run->{emerg} = 0;
    start($run, $to);
    return 1;
}

# All ordered pairs of different states, and of each with itself, in one walk: an Eulerian circuit, by
# Hierholzer.
sub circuit {
    my (@states) = @_;
    my %next = map { $_ => [ 0 .. $#states ] } 0 .. $#states;
    my (@stack, @circuit) = (0);
    while (@stack) {
        if (@{ $next{ $stack[-1] } }) { push @stack, shift @{ $next{ $stack[-1] } } }
        else                          { push @circuit, pop @stack }
    }
    return map { $states[$_] } reverse @circuit;
}

sub all_states {
    my @contents = $watched ? qw( plain fewer watched ) : qw( nothing plain policies fewer watched many );
    my @states = map { [ none => $_ ] } grep {/nothing|plain/} @contents;
    for my $module (qw( same copy ), $OTHER_LAYOUT ? 'other' : ()) {
        push @states, map { [ $module => $_ ] } @contents;
    }
    return @states;
}

sub tour {
    my ($holds) = @_;
    my $run = new_run(holds => $holds);
    my ($first, @states) = circuit(all_states());
    start($run, state($run, @$first));
    for my $state (@states) {
        walk($run, @$state) or last;
    }
    is $run->{walked}, scalar @states, 'every pair of states is walked' . ($holds ? ', while old workers serve' : '');
    let_go($run, $_) for splice @{ $run->{held} };
    my $server = $run->{server};
    my $wanted = 1;
    ok Server::wait_for(60, sub { $wanted == (my @now = $server->workers_of_master) }), 'all old workers end'
        if $server->{pid};
    problem($run, look_at_log($run), $run->{traffic}->finish);
    is_deeply [ splice @{ $run->{problems} } ], [], 'nothing is wrong in the end';
    cmp_ok $run->{traffic}->answers, '>', scalar @states, 'requests run meanwhile';
    $say->(sprintf '%d transitions, %d requests, %.0f s', $run->{walked}, $run->{traffic}->answers, time - $begin);
    $server->stop;
    return;
}

beside(sub { tour(0) });
beside(sub { tour(1) });
waitpid $_, 0 for splice @children;

done_testing();
