# The status tells which versions of policy files and of lists are in force, in all workers.

use strict;
use warnings;

use Digest::SHA qw( sha256_hex );
use JSON::PP qw( decode_json );
use Test::More;

use lib 't/lib', 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

*wait_for = \&Server::wait_for;

my $LOCATION = 'location /api { cors_policy api; return 200 "x"; }';

# policies($name => $list…): a document in which each policy has a list, or an origin where that is undefined.
sub policies {
    my $text = "version: 1\npolicies:\n";
    while (my ($name, $list) = splice @_, 0, 2) {
        $text .= "  $name: {" . (defined $list ? "allow_origins_file: $list" : "allow_origins: 'https://app.example.com'") . "}\n";
    }
    return $text;
}

# The metrics of each file, by its name in the folder of nginx.conf, and these names in their order.
sub files {
    my ($server) = @_;
    my (%files, @names);
    for (split /\n/, $server->request('GET', '/status?format=text')) {
        my ($metric, $path, $labels, $value) = /^nginx_cors_policies_(\w+)\{file="([^"]*)",?([^}]*)\} (\d+)$/ or next;
        my $name = $path =~ s/^\Q@{[ $server->path('') ]}\E//r;
        push @names, $name if $metric eq 'info';
        $files{$name}{ $labels =~ /state="(\w+)"/ ? $1 : $metric } = $labels =~ /sha256="(\w+)"/ ? $1 : $value;
    }
    return (\%files, @names);
}

# summary($server, $name): success, failures, current and stale workers.
sub summary {
    my ($server, $name) = @_;
    my ($files) = files($server);
    my $file = $files->{$name} or return 'none';
    return join ' ', @$file{qw( last_load_success load_failures_total current stale )};
}

# becomes($server, $name => $summary…)
sub becomes {
    my ($server, @expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    while (my ($name, $expected) = splice @expected, 0, 2) {
        # A worker that has not read a change yet answers otherwise than those that have.
        my $seen;
        wait_for(20, sub { !grep { ($seen = summary($server, $name)) ne $expected } 1 .. 12 });
        is($seen, $expected, "$name: success, failures, current and stale workers");
    }
    return;
}

# is_in_force($server, $name => $content…): the digests.
sub is_in_force {
    my ($server, @expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    while (my ($name, $content) = splice @expected, 0, 2) {
        my ($files) = files($server);
        is($files->{$name}{info}, sha256_hex($content), "$name: the digest of what is in force");
    }
    return;
}

sub last_load {
    my ($server, $name) = @_;
    my ($files) = files($server);
    return $files->{$name}{last_load_timestamp_seconds};
}

sub mistakes {
    my ($server, $name) = @_;
    my $json = decode_json($server->request('GET', '/status?format=json') =~ s/.*?\r\n\r\n//sr);
    my ($file) = grep { $_->{file} eq $server->path($name) } @{ $json->{files} };
    return @{ $file->{mistakes} };
}

sub is_sound {
    my ($server) = @_;
    # The tests kill with signal 9.
    my $bad = qr/\[(?:alert|crit)\](?!.*exited on signal 9$)/;
    is($server->log_lines($bad), 0, 'no process dies, and none complains') or diag grep {/$bad/} split /^/, $server->log;
    return;
}

# server(files => {…}, …): with these files, and the rest of write_conf.
sub server {
    my (%conf) = @_;
    my $server = Server->new;
    my $files  = delete $conf{files};
    $server->write_file($_, $files->{$_}) for keys %$files;
    $server->write_conf(workers => 4, server => $LOCATION, %conf);
    $server->start;
    return $server;
}

my $LIST     = "https://a.example\n";
my $DOCUMENT = policies(api => 'list.txt', other => undef);
my $WATCH    = 'cors_policy_file cors.yaml watch=200ms;';

subtest 'changes, mistakes, and mended mistakes' => sub {
    my $begun  = time;
    my $server = server(files => { 'cors.yaml' => $DOCUMENT, 'list.txt' => $LIST }, http => $WATCH);
    becomes($server, 'cors.yaml' => '1 0 4 0', 'list.txt' => '1 0 4 0');
    is_in_force($server, 'cors.yaml' => $DOCUMENT, 'list.txt' => $LIST);
    cmp_ok(last_load($server, $_), '>=', $begun - 1, "$_: the time of the load") for qw( cors.yaml list.txt );
    cmp_ok(last_load($server, $_), '<=', time, "$_: the time of the load")       for qw( cors.yaml list.txt );
    my ($at_first, @names) = files($server);
    is("@names", 'cors.yaml list.txt', 'a document is followed by its lists');

    # Longer than a buffer.
    sleep 1;
    my $long = join '', map {"https://$_.example\n"} 1 .. 9_000;
    $server->write_file('list.txt', $long);
    ok(wait_for(20, sub { (files($server))[0]{'list.txt'}{info} eq sha256_hex($long) }), 'a change of the list is in force');
    becomes($server, 'cors.yaml' => '1 0 4 0', 'list.txt' => '1 0 4 0');
    is_in_force($server, 'cors.yaml' => $DOCUMENT);
    is(last_load($server, 'cors.yaml'), $at_first->{'cors.yaml'}{last_load_timestamp_seconds}, 'the document is not new');
    cmp_ok(last_load($server, 'list.txt'), '>', $at_first->{'list.txt'}{last_load_timestamp_seconds}, 'the list is');

    # Four workers refuse it, and some of them read it twice.
    $server->write_file('list.txt', "https://a.example\nHTTPS://b.example\n");
    becomes($server, 'list.txt' => '0 1 4 0', 'cors.yaml' => '0 1 4 0');
    ok(wait_for(20, sub { $server->log_lines(qr/not taken over/) >= 4 }), 'all workers refuse it');
    becomes($server, 'list.txt' => '0 1 4 0', 'cors.yaml' => '0 1 4 0');
    is_in_force($server, 'list.txt' => $long);
    for my $name (qw( cors.yaml list.txt )) {
        like(join('|', mistakes($server, $name)), qr/\A[^|]*list\.txt:2: [^|]*HTTPS:\/\/b[^|]*\z/, "$name: the mistake");
    }

    # Another mistake, now in the document only.
    $server->write_file('list.txt', $LIST);
    becomes($server, 'list.txt' => '1 1 4 0', 'cors.yaml' => '1 1 4 0');
    is(join('|', map { mistakes($server, $_) } qw( cors.yaml list.txt )), '', 'no mistakes after a success');
    $server->write_file('cors.yaml', $DOCUMENT . "  third: {allow_origin: 1}\n");
    becomes($server, 'cors.yaml' => '0 2 4 0', 'list.txt' => '1 1 4 0');
    $server->write_file('cors.yaml', policies(other => undef));
    becomes($server, 'cors.yaml' => '0 3 4 0', 'list.txt' => '1 1 4 0');
    like(join('|', mistakes($server, 'cors.yaml')), qr/\A[^|]*cors\.yaml: policy "api" is missing/, 'it contradicts nginx.conf');
    unlink $server->path('cors.yaml') or die;
    becomes($server, 'cors.yaml' => '0 4 4 0', 'list.txt' => '1 1 4 0');
    $server->write_file('cors.yaml', $DOCUMENT);
    becomes($server, 'cors.yaml' => '1 4 4 0');
    unlink $server->path('list.txt') or die;
    becomes($server, 'cors.yaml' => '0 5 4 0', 'list.txt' => '0 2 4 0');
    like(join('|', mistakes($server, 'list.txt')), qr/\A[^|]*cors\.yaml:3: .*list\.txt[^|]*\z/, 'the list is missing');

    # A list in place of another one.
    my $other = policies(api => 'other.txt');
    $server->write_file('other.txt', $LIST);
    $server->write_file('cors.yaml', $other);
    becomes($server, 'cors.yaml' => '1 5 4 0', 'other.txt' => '1 0 4 0', 'list.txt' => 'none');
    is_in_force($server, 'cors.yaml' => $other, 'other.txt' => $LIST);
    is_sound($server);
};

subtest 'workers that end, and reloads' => sub {
    my $server = server(
        files => { 'cors.yaml' => $DOCUMENT, 'list.txt' => $LIST },
        http  => $WATCH =~ s/200ms/3s/r,
    );
    my $list = "https://b.example\n";
    $server->write_file('list.txt', $list);
    ok(wait_for(20, sub { (files($server))[0]{'list.txt'}{info} eq sha256_hex($list) }), 'a change of the list is in force');
    becomes($server, 'list.txt' => '1 0 4 0', 'cors.yaml' => '1 0 4 0');

    # The first worker, and another one.
    for my $worker ((sort { $a <=> $b } $server->workers_of_master)[ 0, 2 ]) {
        kill KILL => $worker or die;
        ok(wait_for(10, sub { summary($server, 'list.txt') eq '1 0 3 1' }), 'a new worker begins with the list of the start')
            or diag summary($server, 'list.txt');
        is(summary($server, 'cors.yaml'), '1 0 4 0', 'and with the same document');
        is_in_force($server, 'list.txt' => $list);
        becomes($server, 'list.txt' => '1 0 4 0');
    }

    $server->write_file('list.txt', "HTTPS://b.example\n");
    becomes($server, 'list.txt' => '0 1 4 0', 'cors.yaml' => '0 1 4 0');
    isnt($server->configtest, 0, 'nginx -t refuses it');
    is(summary($server, 'list.txt'), '0 1 4 0', 'nginx -t is no attempt to load');
    $server->signal('HUP');
    becomes($server, 'list.txt' => '0 2 4 0', 'cors.yaml' => '0 2 4 0');
    is_in_force($server, 'list.txt' => $list);

    my $loaded = last_load($server, 'list.txt');
    $server->write_file('list.txt', $list);
    becomes($server, 'list.txt' => '1 2 4 0', 'cors.yaml' => '1 2 4 0');
    ok($server->reload, 'reload');
    becomes($server, 'list.txt' => '1 2 4 0', 'cors.yaml' => '1 2 4 0');
    cmp_ok(last_load($server, 'list.txt'), '>=', $loaded, 'a reload of the same bytes is a load');
    is_in_force($server, 'list.txt' => $list);

    $server->write_file('cors.yaml', policies(api => 'new.txt'));
    $server->write_file('new.txt', $LIST);
    ok($server->reload, 'reload with another list');
    becomes($server, 'new.txt' => '1 0 4 0', 'cors.yaml' => '1 2 4 0', 'list.txt' => 'none');
    is_sound($server);
};

subtest 'files that are not watched' => sub {
    my $define = 'cors_policy_define defined { allow_origins_file list.txt; }';
    my $server = server(
        files => { 'cors.yaml' => $DOCUMENT, 'list.txt' => $LIST, 'b.yaml' => policies(b => 'only-b.txt', c => 'list.txt'), 'only-b.txt' => $LIST },
        http  => "cors_policy_file cors.yaml; cors_policy_file b.yaml; cors_policy_file @{[ '../conf/b.yaml' ]}; $define",
    );
    my ($files, @names) = files($server);
    is("@names", 'cors.yaml list.txt b.yaml only-b.txt', 'each file once, with the first of its documents');
    becomes($server, map { $_ => '1 0 4 0' } @names);
    $server->write_file('list.txt', "HTTPS://b.example\n");
    for my $reload (1, 2) {
        $server->signal('HUP');
        becomes($server, 'list.txt' => "0 $reload 4 0", 'cors.yaml' => "0 $reload 4 0", 'b.yaml' => '1 0 4 0');
    }
    is_in_force($server, 'list.txt' => $LIST);
    $server->write_file('list.txt', "https://b.example\n");
    ok($server->reload, 'reload');
    becomes($server, 'list.txt' => '1 2 4 0', 'cors.yaml' => '1 2 4 0', 'b.yaml' => '1 0 4 0');

    # Only nginx.conf has it.
    $server->write_conf(workers => 4, http => $define, server => $LOCATION =~ s/api;/defined;/r);
    ok($server->reload, 'reload with a list of nginx.conf');
    becomes($server, 'list.txt' => '1 0 4 0', 'cors.yaml' => 'none');
    $server->write_file('list.txt', "HTTPS://b.example\n");
    $server->signal('HUP');
    becomes($server, 'list.txt' => '0 1 4 0');
    like(join('|', mistakes($server, 'list.txt')), qr/\A[^|]*list\.txt:1: [^|]*\z/, 'its mistake');

    $server->write_conf(workers => 1, http => 'cors_policy_define defined { allow_origins https://a.example; }', server => $LOCATION =~ s/api;/defined;/r);
    ok($server->reload, 'reload without files');
    my (undef, @none) = files($server);
    is("@none", '', 'a policy of nginx.conf has no file');
    is_sound($server);
};

subtest 'a list of two documents, of which one refuses it' => sub {
    my $strict = "version: 1\npolicies:\n  strict: {allow_origins_file: list.txt, allow_credentials: true}\n";
    my $server = server(
        files => { 'cors.yaml' => $DOCUMENT, 'strict.yaml' => $strict, 'list.txt' => $LIST },
        http  => "$WATCH cors_policy_file strict.yaml watch=200ms;",
    );
    becomes($server, 'cors.yaml' => '1 0 4 0', 'strict.yaml' => '1 0 4 0', 'list.txt' => '1 0 4 0');
    # With credentials this is refused.
    my $list = "http://*.a.example\n";
    $server->write_file('list.txt', $list);
    becomes($server, 'strict.yaml' => '0 1 4 0', 'list.txt' => '0 1 0 4', 'cors.yaml' => '1 0 4 0');
    is_in_force($server, 'list.txt' => $list);
    $server->write_file('list.txt', $LIST);
    becomes($server, 'strict.yaml' => '1 1 4 0', 'list.txt' => '1 1 4 0', 'cors.yaml' => '1 0 4 0');
    is_sound($server);
};

subtest 'more lists than there is room for' => sub {
    my $server = server(files => { 'cors.yaml' => policies(api => undef), map { ("$_.txt" => $LIST) } 1 .. 300 }, http => $WATCH);
    becomes($server, 'cors.yaml' => '1 0 4 0');
    $server->write_file('cors.yaml', policies(api => undef, map { ("p$_" => "$_.txt") } 1 .. 300));
    ok(wait_for(20, sub { $server->log_lines(qr/loaded again/) >= 4 }), 'it is loaded');
    becomes($server, 'cors.yaml' => '1 0 4 0', '1.txt' => '1 0 4 0', '255.txt' => '1 0 4 0', '256.txt' => 'none');
    cmp_ok($server->log_lines(qr/names too many files for "cors_policy_status"/), '>', 0, 'which is logged');
    $server->write_file('cors.yaml', policies(api => '70.txt'));
    becomes($server, '70.txt' => '1 0 4 0', '64.txt' => 'none');
    is_sound($server);
};

subtest 'without a master process' => sub {
    my $server = server(
        files => { 'cors.yaml' => $DOCUMENT, 'list.txt' => $LIST },
        http  => $WATCH,
        main  => 'master_process off;',
        # Old versions of nginx would listen on a socket for each of more workers, and serve one.
        workers => 1,
    );
    becomes($server, 'cors.yaml' => '1 0 1 0', 'list.txt' => '1 0 1 0');
    $server->write_file('list.txt', "HTTPS://b.example\n");
    becomes($server, 'cors.yaml' => '0 1 1 0', 'list.txt' => '0 1 1 0');
    $server->signal('HUP');
    becomes($server, 'cors.yaml' => '0 2 1 0', 'list.txt' => '0 2 1 0');
    my $list = "https://b.example\n";
    $server->write_file('list.txt', $list);
    becomes($server, 'cors.yaml' => '1 2 1 0', 'list.txt' => '1 2 1 0');
    is_in_force($server, 'list.txt' => $list);
    is_sound($server);
};

subtest 'a binary upgrade' => sub {
    my $server = Server->new;
    $server->write_file('cors.yaml', $DOCUMENT);
    $server->write_file('list.txt',  $LIST);
    $server->write_conf(workers => 4, server => $LOCATION =~ s/\}$/} location = \/x { return 200; }/r, http => $WATCH, main => 'daemon on;');
    $server->start_daemon;
    becomes($server, 'cors.yaml' => '1 0 4 0', 'list.txt' => '1 0 4 0');
    my $old = $server->pid_in('nginx.pid');
    kill USR2 => $old;
    ok(wait_for(20, sub { my $new = $server->pid_in('nginx.pid'); $new && $new != $old }), 'a new master');
    kill QUIT => $old;
    ok(wait_for(20, sub { !Server::is_alive($old) }), 'the old one ends');
    $server->adopt($server->pid_in('nginx.pid')) if $server->can('adopt');
    becomes($server, 'cors.yaml' => '1 0 4 0', 'list.txt' => '1 0 4 0');
    is_sound($server);
};

done_testing;
