# Transitions of an nginx that runs: reloads between any two states, with the module and without, from
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
use POSIX       qw( mkfifo );
use Time::HiRes qw( sleep time );

use lib 't/lib', 't/operations/lib';

use Nginx qw( binary modules slurp spew );
use Server  ();
use Traffic ();

my @modules = modules();
plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module' if !@modules;

my $full    = ($ENV{TEST_TRANSITIONS} // '') eq 'full';
my $say     = $full ? \&diag : \&note;
# What watches over memory takes its time, and keeps memory of its own.
my $is_slow = $ENV{VALGRIND_NGINX} || $ENV{ASAN_OPTIONS};
my $begin   = time;

# nginx does not outlive the test, however that ends.
my @children;
my $parent = $$;
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

END {
    local $?;
    if (@children && $$ == $parent) {
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
    return { server => $server, upstream => $upstream, traffic => $traffic, count => 0, read => 0, held => [], problems => [], %run };
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

# state($run, $module, $content, @names): writes what nginx needs to be in a state, with a number of its
# own, and returns the state. The names are those of policies beside the three that there always are.
sub state {
    my ($run, $module, $content, @names) = @_;
    @names = map {"p$_"} 1 .. 297 if $content eq 'policies';
    my $number = ++$run->{count};
    my %state  = (
        number  => $number,
        version => $number,
        module  => $module,
        content => $content,
        name    => "$NAME{$module}, $NAME{$content}",
        silent  => $content eq 'nothing',
        names   => \@names,
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
            map {"  $_: {allow_origins: [$PAGE]}\n"} @{ $state->{names} },
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
    my $watch    = $state->{content} eq 'watched' ? ' watch=' . ($run->{watch} // '50ms') : '';
    my $files    = "cors_policy_file $state->{file}$watch;";
    $files .= " cors_policy_file $state->{file};" if $run->{twice} && $run->{twice} eq 'watched first';
    $files = "cors_policy_file $state->{file}; $files" if $run->{twice} && $run->{twice} eq 'watched last';
    $files .= ' cors_policy_file many.yaml;' if $state->{content} eq 'many';
    my %in_force = map { $_ => "cors_policy $_;" } qw( api exact late );
    my $status   = 'location = /status { cors_policy_status; } location = /named { cors_policy $arg_policy; return 200 "ok\n"; }';
    ($files, $status, %in_force) = ('', '', map { $_ => '' } keys %in_force) if !$state->{has_policies};
    my $others = $run->{http} // '';
    return <<"END";
http {
    access_log off;
    client_body_temp_path $root/body;
    proxy_temp_path $root/proxy;
    fastcgi_temp_path $root/fastcgi;
    uwsgi_temp_path $root/uwsgi;
    scgi_temp_path $root/scgi;
    $files
    $others
    keepalive_requests 100000;
    server {
        listen 127.0.0.1:$port sndbuf=128k;
        $status
        location = /pid { return 200 "\$pid\\n"; }
        location = /api { $in_force{api} return 200 "$state->{number}\\n"; }
        location = /who { $in_force{api} return 200 "\$pid\\n"; }
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

# Begins a slow download, a request whose answer the upstream keeps back and, unless told otherwise, a slow
# upload.
sub hold {
    my ($run, $state, $no_upload) = @_;
    return if $state->{silent};
    my $port = $run->{server}->port;
    my %held = (state => $state, zone => $run->{zone}, at => $run->{walked} // 0);

    my $get = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: $PAGE\r\n";
    $held{download} = Traffic::connection($port, "GET /large $get\r\n") or return problem($run, 'no slow download');
    sysread $held{download}, $held{downloaded}, 1000 or return problem($run, 'no slow download');

    if (!$no_upload) {
        # nginx says that it waits for the body, and so that this worker has the request.
        my $header = "POST /up $get" . "Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
        $held{upload} = Traffic::connection($port, $header) or return problem($run, 'no slow upload');
        my $goes_on = Traffic::read_until($held{upload}, qr/\r\n\r\n/);
        return problem($run, "no slow upload: $goes_on") if $goes_on !~ /\AHTTP\/1\.1 100 /;
        print { $held{upload} } 'u' x 1000;
    }

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
# many of them were allowed by the policy "late". Without workers of their own, what nginx has begun to
# answer goes on, and other answers go through the filters of what nginx has read last: nginx keeps one list
# of them for all its configurations.
sub let_go {
    my ($run, $held) = @_;
    my $state = $held->{state};
    my %body = (download => $BODY, waiting => "done\n");
    if ($held->{upload}) {
        $body{upload} = "done\n";
        print { $held->{upload} } 'u' x 1000;
        my $socket = accepted($run);
        $socket ? answer_as_upstream($socket, $state) : problem($run, 'an upload does not come to the upstream');
    }
    answer_as_upstream($held->{upstream}, $state);
    for my $kind (sort keys %body) {
        my $answer = ($kind eq 'download' ? $held->{downloaded} : '') . Traffic::read_all($held->{$kind});
        my ($got) = $answer =~ /\r\n\r\n(.*)\z/s;
        my $has_filters = !$run->{is_single} || $kind eq 'download';
        next if $answer =~ /\AHTTP\/1\.1 200 / && ($got // '') eq $body{$kind} && (!$has_filters || has_headers($answer, $state, 1));
        problem($run, "$kind begun at $state->{name}, of " . length($answer) . " bytes: '" . substr($answer, 0, 400) . "'");
    }
    return $state->{has_policies} ? keys(%body) - 1 : 0;
}

# Transitions

sub problem {
    my ($run, @problems) = @_;
    push @{ $run->{problems} }, @problems;
    return;
}

# One test: nothing was wrong since the last one.
sub no_problems {
    my ($run, $name) = @_;
    my @problems = splice @{ $run->{problems} };
    ok !@problems, $name or diag map { s/^/    /mgr . "\n" } @problems > 6 ? (@problems[ 0 .. 4 ], '…') : @problems;
    return;
}

# The lines of the log since the last look that tell of something wrong.
sub look_at_log {
    my ($run) = @_;
    my $text = $run->{server}->log($run->{read});
    # A line that is half written is for the next time.
    $text =~ s/[^\n]*\z//;
    $run->{read} += length $text;
    my $harmless = $run->{harmless} // qr/(?!)/;
    # The module that stands for another layout warns that it is none to be shipped.
    $harmless = qr/$harmless|\[warn\]/ if $OTHER_LAYOUT;
    return grep { !/$harmless/ } $text =~ /^(.*(?:\[(?:emerg|alert|crit|error|warn)\]|exited on signal|exited with (?:fatal )?code [1-9]).*)\n/mg;
}

# Whether a worker takes no more requests, though it may still serve some.
sub is_shutting_down {
    my ($run, $pid) = @_;
    return 1 if !Server::is_alive($pid);
    return $run->{told}{$pid} ||= $run->{server}->log($run->{read}) =~ /\[notice\] $pid#\d+: gracefully shutting down/;
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
    my $turns = 0;
    $traffic->until(10, sub { $turns++ });
    $server->signal('HUP');
    my $wanted = $run->{workers} // 1;
    my ($is_dead, $is_refused) = (0, 0);
    my $done = $traffic->until($is_slow ? 300 : 60, sub {
        $is_dead = !$server->is_running and return 1;
        $is_refused = $server->log($run->{read}) =~ /\[emerg\]/ and return 1;
        my @now = $server->workers_of_master;
        return $wanted <= grep({ !$before{$_} } @now) && !grep { $before{$_} && !is_shutting_down($run, $_) } @now;
    });
    if ($is_dead) {
        problem($run, sprintf 'the master dies by signal %d', ($server->status // 0) & 127);
    }
    elsif (!$done && !$is_refused) {
        problem($run, 'there are no new workers after a minute');
    }
    $traffic->states($to);
    $run->{now} = $to;
    # What an old worker has taken in its last instant it may answer in the old way.
    problem($run, $traffic->finish);
    return !$is_dead && !$is_refused && $done;
}

# The counts of the policies "exact" and "late" that are to be expected after a transition. Without the
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
    $traffic->states($old, $state);
    write_policies($run, $state);
    $traffic->until(60, sub { is_taken_over($run, $state) }) or problem($run, 'a worker does not take over a change');
    $traffic->states($state);
    problem($run, $traffic->finish);
    look_at_answers($run, $state);
    return;
}

# Whether all workers answer in the way of a state, and are asked.
sub is_taken_over {
    my ($run, $state) = @_;
    my $workers = $run->{workers} // 1;
    my %workers;
    for (1 .. 1 + 20 * ($workers - 1)) {
        my $answer = $run->{server}->request('GET', '/who', "Origin: $PAGE");
        return 0 if !has_headers($answer, $state, 1);
        $workers{$1} = 1 if $answer =~ /\r\n\r\n(\d+)\n\z/;
    }
    return keys %workers == $workers;
}

# Which processes have logged that they have read the file, and how often each.
sub readers {
    my ($run, $from) = @_;
    my %readers;
    my $log = $run->{server}->log($from);
    $readers{$1}++ while $log =~ /\[notice\] (\d+)#\d+: CORS policies loaded again/g;
    return \%readers;
}

# Walks from the state in which nginx is to another; all that is wrong with it is one test. Requests that
# are held last over two transitions.
sub walk {
    my ($run, $module, $content, @names) = @_;
    getppid() == $parent or exit 1 if $$ != $parent;
    my $from = $run->{now};
    my $to   = state($run, $module, $content, @names);
    my $name = "$from->{name} -> $to->{name}" . ($run->{holds} ? ', old workers serve' : '');
    hold($run, $from) if $run->{holds};
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
    no_problems($run, $name);
    return 1 if $done;

    # What dies once is started again, so that other transitions are seen too.
    my $server = $run->{server};
    $run->{held} = [];
    $server->stop;
    return 0 if ++$run->{deaths} >= 10;
    unlink "$server->{root}/logs/error.log";
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
    my @contents = $is_slow ? qw( plain fewer watched ) : qw( nothing plain policies fewer watched many );
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
    ok Server::wait_for(60, sub { 1 == (my @now = $server->workers_of_master) }), 'all old workers end'
        if $server->{pid};
    problem($run, look_at_log($run), $run->{traffic}->finish);
    no_problems($run, 'nothing is wrong in the end');
    cmp_ok $run->{traffic}->answers, '>', scalar @states, 'requests run meanwhile';
    $say->(sprintf '%d transitions, %d requests, %.0f s', $run->{walked}, $run->{traffic}->answers, time - $begin);
    $server->stop;
    return;
}

# The module comes to an nginx that never had it, from either old state, into each of its own. An nginx of
# its own for each: in a tour nginx knows the module from before.
sub first_loads {
    for my $old (qw( nothing plain )) {
        for my $new (grep { $_->[0] ne 'none' } all_states()) {
            my $run = new_run(holds => 1);
            start($run, state($run, none => $old));
            walk($run, @$new) and let_go_all($run);
            problem($run, look_at_log($run));
            no_problems($run, 'and what the old worker served ends well');
            $run->{server}->stop;
        }
    }
    return;
}

sub let_go_all {
    my ($run) = @_;
    let_go($run, $_) for splice @{ $run->{held} };
    return;
}

# What is counted exactly

# Asks each of the policies, number N so often as N % 3 + 1, and returns how often each was asked.
sub ask_all {
    my ($run, @names) = @_;
    my %asked = map { $_ => 1 + substr($_, 1) % 3 } @names;
    my $text  = '';
    my $total = 0;
    for my $name (@names) {
        $text .= "GET /named?policy=$name HTTP/1.1\r\nHost: localhost\r\nOrigin: $PAGE\r\n\r\n" x $asked{$name};
        $total += $asked{$name};
    }
    my $socket = Traffic::connection($run->{server}->port, $text =~ s/(?=\r\n\z)/Connection: close\r\n/r);
    my $answer = $socket ? Traffic::read_all($socket) : '';
    is scalar(() = $answer =~ /^Access-Control-Allow-Origin: /mg), $total, "$total requests are allowed";
    return %asked;
}

sub are_counted {
    my ($run, $name, %expected) = @_;
    my $status = status($run);
    my @wrong;
    for my $policy (sort keys %expected) {
        my $is = count($status, $policy) // 'missing';
        push @wrong, "$policy: $is, not $expected{$policy}" if $is ne $expected{$policy};
    }
    my $policies = keys %expected;
    ok !@wrong, "$name: exact counts of $policies policies"
        or diag @wrong . ' are wrong: ', join '; ', @wrong > 5 ? (@wrong[ 0 .. 4 ], '…') : @wrong;
    return;
}

sub exact_counts {
    my $run = new_run(workers => 2);
    my @thousand = map {"p$_"} 1 .. 1000;
    my @stay     = map {"p$_"} map { 5 * $_ } 1 .. 200;
    start($run, state($run, same => 'fewer', @thousand));
    my %asked = ask_all($run, @thousand);
    are_counted($run, '1000 policies', %asked);
    my %stay = map { $_ => $asked{$_} } @stay;

    walk($run, same => 'fewer', @thousand);
    are_counted($run, 'the same again', %asked);
    walk($run, same => 'fewer', @stay);
    are_counted($run, '200 of 1000', %stay);
    walk($run, copy => 'fewer', @stay);
    are_counted($run, 'another path', %stay);
    walk($run, copy => 'watched', @stay);
    are_counted($run, 'watched', %stay);
    walk($run, same => 'many', @stay);
    are_counted($run, 'over 10,000 policies', %stay);
    my %many = ask_all($run, map { 'm' . 100 * $_ } 1 .. 100);
    walk($run, copy => 'many', @stay);
    are_counted($run, 'over 10,000 policies, from another path', %stay, %many);
    walk($run, same => 'fewer', @stay[ 0, 1, 2 ]);
    are_counted($run, '6 of over 10,000', map { $_ => $asked{$_} } @stay[ 0, 1, 2 ]);
    walk($run, same => 'many', @stay);
    are_counted($run, 'over 10,000 again, where policies find their counts', %stay, %many);
    walk($run, same => 'fewer', @thousand);
    are_counted($run, '1000 again, where policies find their counts', %asked);

    $run->{server}->write_file('nginx.conf', conf($run, { %{ $run->{now} }, file => 'missing.yaml' }));
    $run->{server}->signal('HUP');
    ok Server::wait_for(60, sub { $run->{server}->log($run->{read}) =~ /\[emerg\].*missing\.yaml/ }),
        'a reload with a mistake is refused';
    $run->{read} = length $run->{server}->log;
    are_counted($run, 'after it', %asked);

    my %zero = map { $_ => 0 } @thousand;
    for my $between ([qw( none plain )], [qw( none nothing )], $OTHER_LAYOUT ? [qw( other fewer )] : ()) {
        walk($run, @$between, $between->[1] eq 'fewer' ? @thousand : ());
        are_counted($run, "$run->{now}{name}, anew", %zero) if $run->{now}{has_policies};
        walk($run, same => 'fewer', @thousand);
        are_counted($run, "after $NAME{ $between->[0] }", %zero);
        ask_all($run, @thousand);
    }
    $run->{server}->stop;
    return;
}

# Binary upgrades

my ($NGINX) = grep { -x && !-d } map { /\// ? $_ : map {"$_[0]/$_"} split /:/, $ENV{PATH} } binary();

sub link_binary {
    my ($run, $module) = @_;
    my $link = "$run->{server}{root}/nginx";
    symlink $module eq 'linked' ? $LINKED : $NGINX, "$link.new" or die "$link: $!\n";
    rename "$link.new", $link or die "$link: $!\n";
    $run->{server}{binary} = $link;
    return;
}

# upgrade($from, $to, $is_taken_back): an nginx becomes another one, and stays it or goes back.
sub upgrade {
    my ($from, $to, $is_taken_back) = @_;
    my $run = new_run(main => 'daemon on;');
    my ($server, $traffic) = @$run{qw( server traffic )};
    my %content = (none => 'plain');
    my @old     = ($from, $content{$from} // 'fewer');
    my $old     = state($run, @old);
    link_binary($run, $from);
    $server->start_daemon;
    $run->{read} = 0;
    $run->{now}  = $old;
    $run->{zone} = next_zone(undef, { module => 'none' }, $old);
    $traffic->states($old);
    look_at_counts($run) if $old->{has_policies};
    hold($run, $old);

    my $new    = state($run, $to, $content{$to} // 'fewer');
    my $master = $server->{pid};
    my $next   = 0;
    link_binary($run, $to);
    $traffic->states($old, $new);
    $server->signal('USR2');
    $traffic->until(60, sub {
        $next = $server->pid_in('nginx.pid');
        return $next && $next != $master && $server->pid_in('nginx.pid.oldbin') == $master && $server->workers_of_master($next);
    }) or problem($run, 'there is no new master');
    my $are_told = sub {
        return $traffic->until(60, sub { !grep { !is_shutting_down($run, $_) && $_ != $next } $server->workers_of_master($master) });
    };
    kill WINCH => $master;
    $are_told->() or problem($run, 'old workers go on');
    $traffic->states($new);
    problem($run, $traffic->finish);
    look_at_answers($run, $new);
    my $zone = $run->{zone};
    @$run{qw( now zone )} = ($new, next_zone(undef, { module => 'none' }, $new));
    look_at_counts($run) if $new->{has_policies};

    my $gone;
    if ($is_taken_back) {
        # Nothing is read again.
        $traffic->states($old, $new);
        kill HUP => $master;
        $traffic->until(60, sub { grep { !is_shutting_down($run, $_) && $_ != $next } $server->workers_of_master($master) })
            or problem($run, 'there are no workers of the old master');
        kill QUIT => $next;
        $gone = $next;
    }
    else {
        kill QUIT => $master;
        $gone = $master;
    }
    my $late = map { let_go($run, $_) } splice @{ $run->{held} };
    $traffic->until(60, sub { !Server::is_alive($gone) }) or problem($run, 'a master does not quit');
    my $is = $is_taken_back ? $old : $new;
    $traffic->states($is);
    problem($run, $traffic->finish);
    look_at_answers($run, $is);
    $server->{pid} = $is_taken_back ? $master : $next;
    $run->{now} = $is;
    if ($is_taken_back) {
        $run->{zone} = $zone;
        $zone->{late} = 2 if $zone;
    }
    look_at_counts($run) if $is->{has_policies};
    Server::is_alive($server->{pid}) or problem($run, 'the master is gone');
    problem($run, look_at_log($run));
    no_problems($run, "USR2: $NAME{$from} -> $NAME{$to}" . ($is_taken_back ? ', and back' : ''));
    $server->stop;
    return;
}

sub upgrades {
    my @kinds = ('none', 'same', $LINKED ? 'linked' : ());
    for my $from (@kinds) {
        for my $to (@kinds) {
            upgrade($from, $to, $_) for 0, 1;
        }
    }
    return;
}

# nginx as one process

# It listens no more after a reload, with the module or without, but serves the connections that it has.
# Half a minute later it frees the configuration before, when none of them is left.
sub begin_single {
    my ($from, $to, $is_idle) = @_;
    my $run = new_run(main => 'daemon off; master_process off;', is_single => 1);
    my $old = state($run, @$from);
    start($run, $old);
    look_at_answers($run, $old);
    hold($run, $old, 'no upload') if !$is_idle;
    my $new    = state($run, @$to);
    my $server = $run->{server};
    $server->signal('HUP');
    Server::wait_for(60, sub { $server->log =~ /reconfiguring/ || !Server::is_alive($server->{pid}) });
    # What it says comes before it reads.
    sleep 0.2;
    let_go_all($run);
    $run->{name}  = "master_process off: $old->{name} -> $new->{name}" . ($is_idle ? ', idle' : '');
    $run->{until} = time + 33;
    return $run;
}

sub end_single {
    my ($run) = @_;
    my $server = $run->{server};
    sleep 0.1 while time < $run->{until} && $server->is_running;
    if (!$server->is_running) {
        problem($run, sprintf 'the process dies by signal %d', ($server->status // 0) & 127);
    }
    else {
        $server->quit(20) or problem($run, 'the process does not quit');
        problem($run, "the process is $1") if $server->ending =~ /(killed by signal \d+)/;
    }
    problem($run, look_at_log($run));
    no_problems($run, $run->{name});
    $run->{server}->stop;
    return;
}

sub singles {
    my @transitions = (
        [ [qw( none plain )],   [qw( none plain )] ],
        [ [qw( none plain )],   [qw( none nothing )] ],
        [ [qw( none plain )],   [qw( same fewer )] ],
        [ [qw( none plain )],   [qw( same watched )] ],
        [ [qw( same fewer )],   [qw( none plain )] ],
        [ [qw( same fewer )],   [qw( none nothing )] ],
        [ [qw( same watched )], [qw( none nothing )] ],
        [ [qw( same watched )], [qw( none plain )] ],
        [ [qw( same watched )], [qw( copy watched )] ],
        [ [qw( same fewer )],   [qw( copy nothing )] ],
        [ [qw( same fewer )],   [qw( same plain )] ],
        [ [qw( same fewer )],   [qw( same nothing )] ],
        [ [qw( same watched )], [qw( none nothing )], 'idle' ],
        [ [qw( same watched )], [qw( same nothing )], 'idle' ],
        [ [qw( same fewer )],   [qw( same many )] ],
        $OTHER_LAYOUT ? [ [qw( same watched )], [qw( other fewer )] ] : (),
    );
    my @runs = map { begin_single(@$_) } @transitions;
    end_single($_) for @runs;
    return;
}

# The processes of nginx, and watched files

sub started {
    my ($module, $content, %run) = @_;
    my $run = new_run(%run);
    start($run, state($run, $module, $content));
    return $run;
}

sub bytes_read {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/io" or return;
    return (grep {s/^rchar: (\d+)\n/$1/} <$file>)[0];
}

sub processes {
    my $run = new_run(workers => 2);
    $run->{http} = "proxy_cache_path $run->{server}{root}/cache keys_zone=cache:1m;";
    my $state = state($run, same => 'watched', map {"p$_"} 1 .. 3000);
    start($run, $state);
    my $server  = $run->{server};
    my (%workers, @helpers);
    # On a busy machine one of them may answer nothing at first.
    Server::wait_for(30, sub { %workers = map { $_ => 1 } $server->workers; 2 == keys %workers });
    Server::wait_for(30, sub { 2 == (@helpers = grep { !$workers{$_} } $server->workers_of_master) });
    is @helpers, 2, 'a cache manager and a cache loader are there';
    my @before = map { bytes_read($_) } @helpers;
    for my $change (1 .. 3) {
        my $from = length $server->log;
        change($run, $state);
        # For some more intervals.
        sleep 0.3;
        is_deeply readers($run, $from), \%workers, 'a change is read and logged once by each worker, and by nothing else';
    }
    my @after = map { bytes_read($_) } @helpers;
    my $size = -s $server->path($state->{file});
SKIP: {
        skip 'what a process reads is not told', 2 if grep { !defined } @before, @after;
        cmp_ok $after[$_] - $before[$_], '<', $size, 'and a helper has not read it' for 0, 1;
    }
    problem($run, look_at_log($run), $run->{traffic}->finish);
    no_problems($run, 'nothing is wrong with it');
    $server->stop;
    return;
}

# Replaces a file by another, back and forth, until the parent ends it.
sub swapping {
    my ($swap) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my $of = getppid;
        while (getppid == $of) {
            eval { $swap->($_) for 0, 1 };
        }
        POSIX::_exit(0);
    }
    return $pid;
}

sub end_swapping {
    my ($pid) = @_;
    local $?;
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

sub named_twice {
    my ($order) = @_;
    my $run   = started(none => 'plain', twice => $order, workers => 2);
    my $server = $run->{server};
    walk($run, same => 'watched');
    my $state = $run->{now};
    for (1, 2) {
        my $from = length $server->log;
        change($run, $state);
        sleep 0.3;
        is_deeply [ values %{ readers($run, $from) } ], [ 1, 1 ], "a file that is named twice, $order: a change is read once by each worker";
    }

    # Between the two times that a reload comes to the name, it is another file.
    my $pid = swapping(sub {
        my ($which) = @_;
        write_policies($run, { %$state, names => [ ("q$which") x 1 ] });
    });
    my $reloads = 0;
    for (1 .. 10) {
        $run->{traffic}->states($state);
        reload($run, $state) or last;
        $reloads++;
    }
    end_swapping($pid);
    is $reloads, 10, 'ten reloads while it is replaced';
    change($run, $state);
    problem($run, look_at_log($run), $run->{traffic}->finish);
    no_problems($run, "it goes well, $order");
    $server->stop;
    return;
}

# What takes the place of a watched file, or of a list that it names; the function makes it beside it.
my %SWAPPED_IN = (
    'a named pipe'    => sub { mkfifo($_[0], 0644) },
    'a folder'        => sub { mkdir $_[0] },
    'a loop of links' => sub { my ($name) = $_[0] =~ /([^\/]+)\.new\z/; symlink $name, $_[0] },
    'a device'        => sub { symlink '/dev/zero', $_[0] },
    'nothing'         => sub { },
);

sub swap_in {
    my ($path, $make) = @_;
    $make->("$path.new") or unlink $path;
    -d "$path.new" and unlink $path;
    rename "$path.new", $path;
    return;
}

sub swapped_files {
    # So often that workers come between the steps of a swap.
    my $run = started(same => 'watched', workers => 2, watch => '1ms', harmless => qr/\[error\].*not taken over/);
    my ($server, $state) = @$run{qw( server now )};
    my @workers = $server->workers;
    my $list    = $server->path('list.txt');
    spew($list, "https://listed.example\n");
    my $good = sub {
        rmdir $_ for $server->path($state->{file}), $list;
        $server->write_file('list.txt', "https://listed.example\n");
        my $old = {%$state};
        $state->{version} = ++$run->{count};
        $server->write_file(
            $state->{file},
            document(
                (map { policy($_, $state->{version}) } qw( api exact late )),
                "  listed: {allow_origins_file: list.txt}\n",
            ),
        );
        $run->{traffic}->states($old, $state);
        $run->{traffic}->until(60, sub { is_taken_over($run, $state) }) or problem($run, 'a worker does not take over a good one');
        $run->{traffic}->states($state);
        problem($run, $run->{traffic}->finish);
    };
    $good->();
    for my $path ($server->path($state->{file}), $list) {
        my $what = $path eq $list ? 'a list' : 'the file';
        for my $kind (sort keys %SWAPPED_IN) {
            my $from = length $server->log;
            swap_in($path, $SWAPPED_IN{$kind});
            $run->{traffic}->until(30, sub { 2 <= (() = $server->log($from) =~ /not taken over/g) })
                or problem($run, 'workers do not say that it is not taken over');
            look_at_answers($run, $state);
            $good->();
            problem($run, look_at_log($run));
            no_problems($run, "$kind in the place of $what: the watch goes on, and takes over a good one");
        }
        # A pipe may come between a look at the file and its opening.
        my $text = slurp($path) // die "$path: $!\n";
        my $pid = swapping(sub {
            my ($which) = @_;
            $which ? swap_in($path, $SWAPPED_IN{'a named pipe'}) : $server->write_file($path eq $list ? 'list.txt' : $state->{file}, $text);
        });
        my $end = time + 1.5;
        $run->{traffic}->until(60, sub { time > $end });
        end_swapping($pid);
        unlink "$path.new";
        $good->();
        problem($run, look_at_log($run));
        no_problems($run, "a named pipe and $what by turns: the watch goes on, and takes over a good one");
    }
    is_deeply [ $server->workers ], \@workers, 'the workers are the same';
    $server->stop;
    return;
}

# Memory

sub resident {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    return (grep {s/^VmRSS:\s*(\d+) kB\n/$1/} <$file>)[0] // 0;
}

sub memory_of_versions {
    my $origins = $full ? 300_000 : 30_000;
    my $run = started(same => 'watched');
    my ($server, $state) = @$run{qw( server now )};
    my ($worker) = $server->workers_of_master;
    my @resident = resident($worker);
    for my $version (1 .. 6) {
        $state->{version} = ++$run->{count};
        spew($server->path("list$version.txt"), join '', map {"https://o$_.v$version.example\n"} 1 .. $origins);
        # A rule of its own, so that the answers are the same.
        $server->write_file(
            $state->{file},
            document(
                (map { policy($_, $state->{version}) } qw( exact late )),
                policy('api', $state->{version}) =~ s/\{/{allow_origins_file: list$version.txt, /r,
            ),
        );
        Server::wait_for(60, sub {
            return is_right('allowed', $server->request('GET', '/api', "Origin: $PAGE"), $state);
        }) or problem($run, "version $version is not taken over");
        hold($run, {%$state}, 'no upload');
        push @resident, resident($worker);
    }
    my $list = $resident[1] - $resident[0];
    $say->(sprintf '%d origins, a slow download per version: %s MiB', $origins, join ' ', map { sprintf '%.1f', $_ / 1024 } @resident);
SKIP: {
        skip 'under emulation: qemu keeps memory of every thread that has ended', 1 if $ENV{TEST_NGINX_EMULATED};
        cmp_ok $resident[6] - $resident[2], '<', $list, 'requests that last hold no lists of origins' if !$is_slow;
    }
    let_go_all($run);
    problem($run, look_at_log($run));
    no_problems($run, 'and end well');
    is_deeply [ $server->workers_of_master ], [$worker], 'in the same worker';
    $server->stop;
    return;
}

# With the module and without, again and again.
sub load_and_unload {
    my ($reloads) = @_;
    my $run = started(none => 'plain', workers => 2);
    my ($server, $traffic) = @$run{qw( server traffic )};
    my @states = ([qw( same policies )], [qw( none plain )]);
    my @resident;
    my $done = 0;
    for my $number (1 .. $reloads) {
        reload($run, state($run, @{ $states[ $number % 2 ] })) or last;
        $done++;
        # Both states are known to the allocator by then.
        push @resident, resident($server->{pid}) if $number > 10 && $number % 2 == 0;
    }
    problem($run, look_at_log($run));
    my $lost = $server->log_lines('exited on signal');
    $say->(sprintf '%d reloads with the module and without: %d requests, %d failures, %d processes lost, master %.1f MiB at first and %.1f at last',
        $done, $traffic->answers, scalar @{ $run->{problems} }, $lost, map { $_ / 1024 } @resident[ 0, -1 ]);
    no_problems($run, 'no request fails');
    is $done, $reloads, 'every reload is done';
    is $lost, 0, 'no process is lost';
    cmp_ok $resident[-1] - $resident[0], '<', 2048, 'the master does not grow' if !$is_slow;
    $server->stop;
    return;
}

# TEST_TRANSITIONS_PARTS="upgrades processes" runs these alone.
my %is_wanted = map { $_ => 1 } split ' ', $ENV{TEST_TRANSITIONS_PARTS} // '';

sub part {
    my ($name, $tests) = @_;
    return if %is_wanted && !$is_wanted{$name};
    eval { $tests->(); 1 } or fail("$name: $@");
    return;
}

part(tour          => sub { beside(sub { tour(0) }) });
part(tour_held     => sub { beside(sub { tour(1) }) });
part(singles       => sub { beside(\&singles) });
part(first_loads   => sub { beside(\&first_loads) });
part(exact_counts  => \&exact_counts);
part(upgrades      => \&upgrades) if !$is_slow;
part(processes     => \&processes);
part(named_twice   => sub { named_twice($_) for 'watched first', 'watched last' });
part(swapped_files => \&swapped_files);
waitpid $_, 0 for splice @children;
# By themselves, since these measure.
part(memory          => \&memory_of_versions);
part(load_and_unload => sub { load_and_unload($full ? 200 : 30) });
$say->(sprintf 'all in %.0f s', time - $begin);

done_testing();
