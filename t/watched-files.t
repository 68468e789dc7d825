# A watched file that two directives name, in two spellings and at two intervals, is one file.

use strict;
use warnings;

use Test::More;

use lib 't/lib', 't/operations/lib';

use Server ();

plan skip_all => 'TEST_NGINX_LOAD_MODULES names no module'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') !~ /\S/;

# nginx does not outlive the test, however that ends.
local @SIG{qw( INT TERM PIPE )} = ((sub { exit 1 }) x 2, 'IGNORE');

*wait_for = \&Server::wait_for;

# policies($name…): a document in which each allows the same origin.
sub policies {
    return "version: 1\npolicies:\n" . join '', map {"  $_: {allow_origins: ['https://app.example.com']}\n"} @_;
}

sub is_sound {
    my ($server, $name) = @_;
    is($server->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/), 0, "$name: no process dies, and none complains")
        or diag grep {/\[(?:alert|emerg|crit)\]|exited on signal/} split /^/, $server->log;
    return;
}

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

done_testing;
