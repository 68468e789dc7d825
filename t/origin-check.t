# The origin check (enforce): each cell of {Origin} x {Sec-Fetch-Site} x {method} x {http, TLS} x
# {own_origins or not}, by the rule of docs/policy.md, written down here once more.

use Test::Nginx::Socket;

# Both sides of the connection that nginx makes to itself.
my $certificate = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\
    -subj /CN=localhost -days 1 -keyout - -out - 2>/dev/null`;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
if (!$certificate) {
    plan(skip_all => 'no openssl to make a certificate with');
}
elsif (`$binary -V 2>&1` !~ /--with-http_ssl_module/) {
    plan(skip_all => 'nginx is built without TLS');
}
else {
    plan('no_plan');
}

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  plain:
    allow_origins: [https://app.example.com]
    enforce: true
  own:
    allow_origins: [https://app.example.com]
    enforce: true
    own_origins: [http://site.example, https://site.example]
_EOC_

# The service is reached as site.example.
my @ORIGINS = (undef, 'own', 'https://app.example.com', 'https://evil.example', 'null');
my @SITES   = ([], ['none'], ['same-origin'], ['same-site'], ['cross-site'], ['junk'],
    ['same-origin', 'same-origin']);
my @METHODS = qw( GET POST WebSocket );

# What becomes of a request: its decision, and whether it is refused. `own` makes no difference, as
# all of them go to an own host.
sub rule {
    my ($origin, $sites, $method, $scheme) = @_;
    my $decision = !defined $origin ? 'none'
        : $origin eq 'https://app.example.com' ? 'allowed'
        :                                        'denied_origin';
    my $site = @$sites == 0 ? 'absent' : @$sites == 1 ? $sites->[0] : 'repeated';

    # 1. Its origin is allowed.
    return ($decision, 0) if $decision eq 'allowed';

    # 2. Sec-Fetch-Site is one line with same-origin or none.
    return ($decision, 0) if $site eq 'same-origin' || $site eq 'none';

    # 3. No Origin, and no Sec-Fetch-Site or a safe method.
    if (!defined $origin) {
        return ($decision, 0) if $site eq 'absent' || $method eq 'GET';
        return ('denied_site', 1);
    }

    # 4. No Sec-Fetch-Site, and an Origin of its own.
    return ($decision, $site ne 'absent' || $origin ne "$scheme://site.example");
}

# The requests of a block, and what must come back.
sub cells {
    my ($scheme) = @_;
    my (@requests, @headers, @codes, @decisions);
    for my $origin (map { defined && $_ eq 'own' ? "$scheme://site.example" : $_ } @ORIGINS) {
        for my $sites (@SITES) {
            for my $method (@METHODS) {
                my ($decision, $is_refused) = rule($origin, $sites, $method, $scheme);
                my $verb = $method eq 'WebSocket' ? 'GET' : $method;
                push @requests, "$verb /$scheme/" . ($verb eq 'POST' ? "\na=b" : '');
                push @headers, join "\n", 'Host: site.example',
                    (map "Origin: $_", grep defined, $origin),
                    (map "Sec-Fetch-Site: $_", @$sites),
                    $method eq 'WebSocket' ? ('X-Upgrade: WebSocket') : ();
                push @codes,     $is_refused ? 403 : 200;
                push @decisions, "X-Decision: $decision";
            }
        }
    }
    return (\@requests, \@headers, \@codes, \@decisions);
}

add_block_preprocessor(sub {
    my ($block) = @_;
    my ($scheme, $policy) = split ' ', $block->cells;
    delete $block->{cells};
    $block->set_value(user_files  => "$policies>>> tls.pem\n$certificate");
    $block->set_value(http_config => <<"_EOC_");
cors_policy_file ../html/cors.yaml;
ssl_certificate ../html/tls.pem;
ssl_certificate_key ../html/tls.pem;
server {
    listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
    listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_2 ssl;
    add_header X-Decision \$cors_decision always;
    cors_policy $policy;
    location / {
        return 200 "reached\\n";
    }
}
_EOC_
    # The scaffold's client speaks no TLS, and does not wait for an answer to Upgrade.
    $block->set_value(config => <<'_EOC_');
proxy_http_version 1.1;
proxy_set_header Host $http_host;
proxy_set_header Upgrade $http_x_upgrade;
proxy_set_header Connection $http_x_upgrade;
proxy_ssl_session_reuse off;
location /http/ {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location /https/ {
    proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_2;
}
_EOC_
    my ($requests, $headers, $codes, $decisions) = cells($scheme);
    $block->set_value(request          => $requests);
    $block->set_value(more_headers     => $headers);
    $block->set_value(error_code       => $codes);
    $block->set_value(response_headers => $decisions);
    $block->set_value(no_error_log     => "[error]\n[alert]");
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== http
--- cells: http plain



=== TLS
--- cells: https plain



=== http, with own_origins
--- cells: http own



=== TLS, with own_origins
--- cells: https own
