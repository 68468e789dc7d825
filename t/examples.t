# The examples of README.md and docs/: nginx reads each configuration, and the requests that a page
# shows get the answers that it shows.
#
# What becomes of a fenced block depends on its language:
#
#   nginx     goes where it belongs in an nginx.conf, by the names of its directives, together with
#             the policies that it names: those of the YAML above it or else below it on the page,
#             or of nginx-conf/cors.yaml. `nginx -t` must accept it.
#   yaml      a policy document, which nginx must accept.
#   console   lines `$ curl …` are requests to the configuration above, and lines `$ cors-policy …`
#             run in a folder with the documents of the page; what is printed is what is shown.
#             Of a response the status, the CORS headers and `Vary` must be those shown, and
#             of the rest of it what is shown must be there.
#   sh        is checked, not run: the shell can parse it, and what it names of the project exists.
#
# Everything else needs a comment above it that says why it is not run:
#
#     <!-- not run: an object of Kubernetes -->
#
# And a configuration that is in another place than its directives tell needs one that says in which:
#
#     <!-- example: http -->

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( basename dirname );
use File::Temp qw( tempdir );
use Test::More;
use Text::ParseWords qw( shellwords );

use lib 't/lib', 't/examples/lib', 't/operations/lib';

use Configuration ();
use Page          ();
use Server        ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM )} = (sub { exit 1 }) x 2;

# Run by tests of their own.
my %elsewhere = ('docs/cors-policy.md' => { console => 'cli/tests/command/docs.rs' });

my ($module) = map {abs_path} grep {m{/[^/]*cors_policy[^/]*\.so$}} split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
my ($tool) = grep {-x} map {"$_/cors-policy"} $module ? dirname($module) : (), abs_path('dist') // ();

my (%count, @not_run);

for my $path ('README.md', glob 'docs/*.md') {
    my $page = Page->read($path);
    # The configuration that requests go to.
    my $configuration;
    for my $example ($page->examples) {
        my $name     = $example->name;
        my $language = $example->language;
        if (my $elsewhere = $elsewhere{$path}{$language}) {
            push @not_run, "$name: $language, by $elsewhere";
        } elsif ($example->not_run) {
            push @not_run, "$name: " . ($language || 'text') . ', ' . $example->not_run;
        } elsif ($language eq 'nginx') {
            $configuration = nginx($page, $example);
        } elsif ($example->is_policy_document) {
            policies($page, $example);
        } elsif ($language eq 'console') {
            console($page, $example, $configuration);
        } elsif ($language eq 'sh') {
            shell($example);
        } else {
            fail "$name: there is no way to run this (" . ($language || 'no language') . ')';
            diag 'write nginx, console, sh or, for a policy document, yaml behind the backticks, or above them:',
                "\n  <!-- not run: reason -->";
        }
    }
}

cmp_ok $count{$_} // 0, '>', 0, "there are examples: $_"
    for 'configurations', 'policy documents', 'requests', 'shell blocks';

note 'not run:';
note "  $_" for @not_run;
diag join ', ', (map {"$count{$_} $_"} sort keys %count), scalar(@not_run) . ' not run (prove -v lists them)';

done_testing;

# A configuration: nginx accepts it.
sub nginx {
    my ($page, $example) = @_;
    ++$count{configurations};
    my $server        = Server->new;
    my $configuration = eval {
        my $made = Configuration->new($server, $page, $example);
        $made->write;
        $made;
    };
    if (!$configuration) {
        fail $example->name . ': the configuration';
        diag $@;
        return;
    }
    my ($status, $output) = $server->configtest;
    my $is_accepted = $status == 0;
    ok $is_accepted, $example->name . ': nginx accepts the configuration' or diag $output;
    return { server => $server, configuration => $configuration, is_accepted => $is_accepted };
}

# A policy document: nginx accepts it.
sub policies {
    my ($page, $example) = @_;
    ++$count{'policy documents'};
    my $server = Server->new;
    $server->write_file('cors.yaml', $example->text);
    $server->write_file($_, "https://partner.example\n")
        for $example->text =~ /^\s*(?:- )?allow_origins_file:\s*(\S+)/mg;
    $server->write_conf(http => 'cors_policy_file cors.yaml;', server => '');
    my ($status, $output) = $server->configtest;
    my $is_accepted = $status == 0;
    ok $is_accepted, $example->name . ': nginx accepts the policies' or diag $output;
    return;
}

sub console {
    my ($page, $example, $configuration) = @_;
    for my $step ($example->commands) {
        my $command = $step->{command} =~ s/\\\n\s*//gr =~ s/\n\z//r;
        my $name    = $example->name . ": $command";
        if ($command =~ /^curl /) {
            ++$count{requests};
            if (!$configuration || !$configuration->{is_accepted}) {
                fail $name;
                diag 'there is no configuration above that a request could go to';
                next;
            }
            $configuration->{server}->start if !$configuration->{is_started}++;
            request($name, $configuration->{configuration}, $command, $step->{output});
        } elsif ($command =~ /^cors-policy /) {
            ++$count{'runs of cors-policy'};
            tool($name, documents($page, $example, $command), $command, $step->{output});
        } else {
            fail $name;
            diag "only curl and cors-policy are run; write ```sh, or above it:\n  <!-- not run: reason -->";
        }
    }
    $configuration->{server}->stop, $configuration->{is_started} = 0 if $configuration;
    return;
}

# A request: the response is the one that is shown.
sub request {
    my ($name, $configuration, $command, $shown) = @_;
    my @words = shellwords($command);
    my @urls  = grep { $words[$_] =~ m{^https?://} } 1 .. $#words;
    if (@urls != 1 || grep {/^[|><&;]$/} @words) {
        fail $name;
        diag 'the request is one curl with one URL, and nothing behind it';
        return;
    }
    my ($authority, $rest) = $words[ $urls[0] ] =~ m{^https?://([^/]+)(.*)}s;
    $words[ $urls[0] ] = 'http://' . $configuration->address($authority) . $rest;
    open my $curl, '-|', @words, '--silent', '--max-time', 20, '--header', "Host: $authority"
        or die "curl: $!\n";
    my $got = do { local $/ = undef; <$curl> // '' };
    close $curl;
    is_deeply seen($got, $shown), seen($shown, $shown), $name or diag "all of it:\n$got";
    return;
}

# What of a response is compared: the status, the headers that CORS is about, those that are shown,
# and the body where one is shown.
sub seen {
    my ($response, $shown) = @_;
    my %is_shown = map { lc $_ => 1 } $shown =~ /^([\w-]+):/mg;
    if ($response !~ m{\AHTTP/}) {
        return { body => $response };
    }
    my ($head, $body) = split /\r?\n\r?\n/, $response, 2;
    my ($status, @headers) = split /\r?\n/, $head // '';
    return {
        status  => $status =~ m{^HTTP/\S+ (.*?)\s*$} ? $1 : $status,
        headers => [
            grep { /^(access-control-|timing-allow-origin:|vary:)/i || /^([\w-]+):/ && $is_shown{ lc $1 } }
            map {s/\s+$//r} @headers
        ],
        $shown =~ /\n\n./ ? (body => $body) : (),
    };
}

# A folder with the documents of a page; cors.yaml is the nearest one that has the policies of the
# command.
sub documents {
    my ($page, $example, $command) = @_;
    my @policies = $command =~ /--policy[ =](\S+)/g;
    my $has_all = sub {
        my %has = map { $_ => 1 } $_[0]->policies;
        return !grep { !$has{$_} } @policies;
    };
    my $folder = tempdir(TMPDIR => 1, CLEANUP => 1);
    my @files  = ([ 'cors.yaml', Configuration->demo ]);
    push @files, map { [ $_->file // 'cors.yaml', $_->text ] }
        reverse grep { $_->file || $has_all->($_) } $page->documents_for($example);
    for (@files) {
        my ($name, $text) = @{$_};
        open my $file, '>', "$folder/$name" or die "$folder/$name: $!\n";
        print {$file} $text;
        close $file or die "$folder/$name: $!\n";
    }
    return $folder;
}

# A run of the command line tool: it prints what is shown.
sub tool {
    my ($name, $folder, $command, $shown) = @_;
SKIP: {
        skip 'cors-policy is not built', 1 if !$tool;
        local $ENV{PATH} = dirname($tool) . ":$ENV{PATH}";
        delete local $ENV{CLICOLOR_FORCE};
        my $got = qx(cd '$folder' && { $command\n} 2>&1);
        is $got, $shown, $name;
    }
    return;
}

# Lines for a shell: it can parse them, and the targets, scripts and subcommands exist.
sub shell {
    my ($example) = @_;
    ++$count{'shell blocks'};
    my $name = $example->name;
    my $text = $example->text;
    open my $shell, '|-', 'bash -n 2>&1' or die "bash: $!\n";
    print {$shell} $text;
    ok close($shell), "$name: the shell can parse it";

    open my $makefile, '<', 'Makefile' or die "Makefile: $!\n";
    my %targets = map { /^([a-z0-9-]+):/ ? ($1 => 1) : () } <$makefile>;
    my $code = $text =~ s/(?<!\S)#.*//gr;
    for my $line (split /\n/, $code) {
        # From here on it is the Makefile of nginx, or of somewhere else.
        last if $line =~ m{^(?:cd |(?:\S+ )*\./configure )};
        if ($line =~ /^(?:\w+=\S+ )*make ((?:[^|;&-]|-(?!C))*)$/) {
            ok $targets{$_}, "$name: make has the target $_" for grep { !/=/ && !/^-/ } split ' ', $1;
        }
    }
    ok -e, "$name: $_ exists" for $code =~ m{(?:^|\s)((?:build|t|bench)/[\w./-]*\w)}mg;
    ok $_ =~ /^(?:check|explain|import|probe|schema|suggest)$/, "$name: cors-policy has the command $_"
        for $code =~ /(?:^|\s)cors-policy (?!-)([a-z]\S*)/mg;
    return;
}
