# A day of a dry run beside a loose map, with bots: what nginx counts and logs is what somebody else finds out by asking
# two servers for the same, one as it is and one with the policy in force.
#
# DRY_RUN_REQUESTS sets the number of requests (2000).

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( dirname );
use JSON::PP qw( decode_json );
use Test::More;

use lib 't/lib', 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

my $requests = $ENV{DRY_RUN_REQUESTS} // 2000;

my $POLICY = <<'END';
version: 1
policies:
  api:
    allow_origins: [https://app.example.com, https://new.example.org]
    allow_credentials: true
    allow_methods: [GET, PUT]
    allow_headers: [X-A]
    expose_headers: [X-Page]
END

# The site, as it is: every name below example.com, by an expression that forgets to end.
my $HTTP = <<'END';
    cors_policy_file cors.yaml;
    map $http_origin $loose {
        ~^https://[a-z]+\.example\.com  $http_origin;
    }
    log_format change '$http_x_number [$cors_change]';
END
my $SITE = <<'END';
    add_header Access-Control-Allow-Origin $loose;
    add_header Access-Control-Allow-Credentials true;
    location /items {
        add_header Access-Control-Allow-Origin $loose;
        add_header Access-Control-Allow-Credentials true;
        add_header Access-Control-Expose-Headers "X-Page, X-Total";
        if ($request_method = OPTIONS) {
            add_header Access-Control-Allow-Origin $loose;
            add_header Access-Control-Allow-Credentials true;
            add_header Access-Control-Allow-Methods "GET, PUT, DELETE";
            add_header Access-Control-Allow-Headers "X-A, X-B";
            return 204;
        }
        return 200 "ok\n";
    }
    location /plain { return 200 "ok\n"; }
    location /closed { return 404; }
END

sub server {
    my ($mode) = @_;
    my $server = Server->new;
    $server->write_file('cors.yaml', $POLICY);
    $server->write_conf(http => $HTTP, server => "cors_policy api; $mode access_log logs/change.log change; $SITE");
    $server->start;
    return $server;
}
my $now  = server('cors_policy_dry_run on;');
my $then = server('');

# What a page gets: the status, and headers by their names in lower case, lines of the same name joined.
sub response {
    my ($server, $request) = @_;
    my ($status, $lines) = $server->request(@$request) =~ /\AHTTP\/1\.1 (\d+) .*?\r\n(.*?)\r\n\r\n/s or die;
    my %headers;
    for (split /\r\n/, $lines) {
        my ($name, $value) = /\A([^:]+): (.*)\z/ or die $_;
        $headers{ lc $name } = defined $headers{ lc $name } ? "$headers{ lc $name }, $value" : $value;
    }
    return { status => $status, %headers };
}

sub list {
    my ($response, $name) = @_;
    return map { lc s/\s//gr } split /,/, $response->{"access-control-$name"} // '';
}

# The rules of browsers, for one mode of credentials. What the page may do is a set of names; undefined is nothing at all.
sub permitted {
    my ($response, $origin, $credentials, $asked) = @_;
    my $allowed = $response->{'access-control-allow-origin'} // return;
    return if $allowed ne $origin && ($allowed ne '*' || $credentials);
    return if $credentials && ($response->{'access-control-allow-credentials'} // '') ne 'true';
    my $is = sub { my ($name, @names) = @_; return scalar grep { $_ eq lc $name || $_ eq '*' && !$credentials } @names };
    if (!$asked) {
        return { map { $_ => 1 } list($response, 'expose-headers') };
    }
    return if $response->{status} < 200 || $response->{status} > 299;
    my @methods = list($response, 'allow-methods');
    my @headers = list($response, 'allow-headers');
    return if $asked->{method} !~ /\A(?:GET|HEAD|POST)\z/ && !$is->($asked->{method}, @methods);
    return if grep { !$is->($_, @headers) } @{ $asked->{headers} };
    return { map { $_ => 1 } grep { !/\A(?:get|head|post|options)\z/ } @methods, @headers };
}

sub change {
    my ($origin, $asked, $before, $after) = @_;
    my %is;
    for my $credentials (0, 1) {
        my ($had, $has) = map { scalar permitted($_, $origin, $credentials, $asked) } $before, $after;
        $is{lost}    = 1 if $had && !$has;
        $is{gained}  = 1 if !$had && $has;
        $is{headers} = 1 if $had && $has && grep { !$has->{$_} } keys %$had;
    }
    return (grep { $is{$_} } qw( lost headers gained ))[0] // '';
}

srand 20;
sub one_of { return $_[ int rand @_ ] }
sub origin {
    my $kind = int rand 100;
    return $kind < 30 ? 'https://app.example.com'
        : $kind < 40 ? 'https://forgotten.example.com'
        : $kind < 45 ? 'https://new.example.org'
        : $kind < 48 ? 'https://app.example.com.evil.example'
        : $kind < 50 ? 'null'
        : $kind < 55 ? undef
        : 'https://' . join('', map { one_of('a' .. 'z') } 1 .. 8) . '.example';
}

my (%expected, %by_origin, %line);
my %answers;
for my $number (1 .. $requests) {
    my $origin = origin();
    my $path   = one_of(qw( /items /items /items /plain /closed ));
    my $asked  = rand() < 0.3 ? { method => one_of(qw( GET PUT DELETE )), headers => one_of([], ['x-a'], [qw( x-a x-b )]) } : undef;
    my @lines  = defined $origin ? "Origin: $origin" : ();
    if ($asked) {
        push @lines, "Access-Control-Request-Method: $asked->{method}";
        push @lines, 'Access-Control-Request-Headers: ' . join ',', @{ $asked->{headers} } if @{ $asked->{headers} };
    }
    my @request = ($asked ? 'OPTIONS' : 'GET', $path, @lines);
    # The same request gets the same answers.
    my $key = join "\n", @request;
    my $before = response($now, [ @request, "X-Number: $number" ]);
    my $after = $answers{$key} //= response($then, \@request);
    my $change = defined $origin ? change($origin, $asked, $before, $after) : '';
    $line{$number} = "$number [$change]";
    next if $change eq '';
    $expected{$change}++;
    $by_origin{$origin}++ if $change eq 'lost';
}
note "$requests requests: ", join ', ', map {"$_ $expected{$_}"} sort keys %expected;
ok $expected{$_}, "some are $_" for qw( lost headers gained );

my $state = decode_json($now->request('GET', '/status?format=json') =~ s/\A.*?\r\n\r\n//sr);
is_deeply $state->{dry_run_changes}{api}, { refused => 0, map { $_ => $expected{$_} } qw( lost headers gained ) },
    'the counters are right';

my %logged;
open my $log, '<', $now->path('../logs/change.log') or die;
while (<$log>) {
    chomp;
    $logged{$1} = $_ if /^(\d+) /;
}
is_deeply [ grep { ($logged{$_} // 'none') ne $line{$_} } 1 .. $requests ], [], '$cors_change is right for each request'
    or diag join "\n", map {"$logged{$_} and not $line{$_}"} grep { $logged{$_} ne $line{$_} } 1 .. $requests;

my %lines;
/\(dry run\): (\w+), \w+, origin: "([^"]*)"/ and $lines{$1}{$2}++ for split /\n/, $now->log;
my $sum = 0;
$sum += $_ for map { values %$_ } values %lines;
is $sum, eval { my $all = 0; $all += $_ for values %expected; $all }, 'each change is one line of the log';
is_deeply $lines{lost}, \%by_origin, 'and lost are the forgotten page, lookalikes of the map, and what the policy leaves out';
is $now->log_lines(qr/CORS policy "api": denied/), 0, 'denials of a dry run are no lines';

my %lost;
$lost{ $_->{origin} } += $_->{lost} for @{ $state->{refused}{api} };
delete @lost{ grep { !$lost{$_} } keys %lost };
is_deeply \%lost, { map { $_ => $by_origin{$_} } grep { defined } keys %by_origin }, 'the table of origins has as many lost ones';

# The lines that the tool writes make the page of forgotten.example.com one that loses nothing.
SKIP: {
    my ($module) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my ($tool) = grep {-x} map {"$_/cors-policy"} dirname($module), abs_path('dist') // ();
    skip 'there is no cors-policy beside the module or in dist/' if !$tool;
    my $url  = 'http://127.0.0.1:' . $now->port . '/status';
    my $file = $now->path('cors.yaml');
    my ($status, $text) = Nginx::output_of([ $tool, 'suggest', $url, '--file', $file ], environment => { NO_PROXY => '*' });
    is $status, 0, 'cors-policy suggest' or diag $text;
    my @lines = $text =~ /^ *- (\S+)/mg;
    is_deeply \@lines, ['https://forgotten.example.com'], 'it names the forgotten page, and no lookalike' or diag $text;
    $then->write_file('cors.yaml', $POLICY =~ s/(?=https:\/\/new)/$lines[0], /r);
    ok $then->reload, 'with the line that it wrote';
    my @request = ('GET', '/plain', 'Origin: https://forgotten.example.com');
    is change($request[2] =~ s/.*: //r, undef, response($now, \@request), response($then, \@request)), '', 'the page loses nothing';
}

$_->stop for $now, $then;
done_testing();
