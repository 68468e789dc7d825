package Test::Nginx::Socket::Server;

use strict;
use warnings;

use File::Path qw( make_path remove_tree );
use File::Spec ();
use Time::HiRes qw( sleep );

use Nginx qw( binary free_port modules slurp spew wait_for );
use Test::Nginx::Socket::Diagnosis ();
use Test::Nginx::Socket::Spec qw( uses_http2 );

use parent -norequire, 'Nginx';

=head1 NAME

Test::Nginx::Socket::Server - the nginx under test

=head1 DESCRIPTION

One L<Nginx> and its directory, laid out and configured as the genuine Test::Nginx::Socket does it.
nginx stays a child of the test (C<daemon off>), so that how it ends is known exactly: an nginx
that crashes while it serves, or while it stops, is noticed.

=cut

# What may be in the server's directory. Anything else is not of a test, and is not removed.
my $OWN = qr/^(?:cache|conf|html|logs|stderr|\w+_cache|\w+_temp)$/;

=head1 METHODS

=head2 new

A server with the settings of the environment: C<TEST_NGINX_BINARY>, C<TEST_NGINX_LOAD_MODULES>,
C<TEST_NGINX_SERVER_PORT> or C<TEST_NGINX_PORT>, C<TEST_NGINX_SERVROOT>, C<TEST_NGINX_RANDOMIZE>,
C<TEST_NGINX_LOG_LEVEL>, C<TEST_NGINX_MASTER_PROCESS>, C<TEST_NGINX_TIMEOUT>,
C<TEST_NGINX_SLEEP>.

=cut

sub new {
    my ($class) = @_;
    my $random  = $ENV{TEST_NGINX_RANDOMIZE};
    my $port    = $random
        ? free_port()
        : $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
    my $root
        = $random
        ? "t/servroot_$port"
        : $ENV{TEST_NGINX_SERVROOT} || 't/servroot';

    return bless {
        binary             => binary(),
        modules            => [modules()],
        address            => '127.0.0.1',
        port               => $port,
        name               => 'localhost',
        root               => File::Spec->rel2abs($root),
        remove_root        => $random,
        log_level          => $ENV{TEST_NGINX_LOG_LEVEL}      || 'debug',
        master_process     => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
        timeout            => $ENV{TEST_NGINX_TIMEOUT}        || 3,
        settle             => ($ENV{TEST_NGINX_SLEEP} || 0.015) * 3,
        workers            => 1,
        worker_connections => 64,
        root_location      => 1,
        preamble           => '',
        environment        => [],
        accumulate         => 0,
        log_offset         => 0,
    }, $class;
}

=head2 path($name)

The absolute path of a file or directory of the server.

=cut

sub path {
    my ($self, $name) = @_;
    return "$self->{root}/$name";
}

=head2 lay_out

Makes the server's directory as if new.

=cut

sub lay_out {
    my ($self) = @_;
    my $root = $self->{root};
    if (opendir my $directory, $root) {
        my @entries = grep { !/^\.\.?$/ } readdir $directory;
        closedir $directory;
        for my $entry (@entries) {
            die "$0: $root holds $entry, which is not of a test\n" if $entry !~ $OWN;
        }

        # The directories stay: to remove one takes some file systems milliseconds.
        remove_tree(map({ $self->path($_) } @entries), { keep_root => 1 });
    }
    make_path(map { $self->path($_) } qw( conf html logs ));
    spew($self->path('html/index.html'),
        '<html><head><title>It works!</title></head><body>It works!</body></html>');
    $self->{log_offset} = 0;
    return;
}

=head2 write_config($block, %text)

Writes F<nginx.conf> for a block, with the expanded texts of its sections C<config>,
C<http_config>, C<main_config> and C<post_main_config>.

=cut

sub write_config {
    my ($self, $block, %text) = @_;
    my $log_level   = $block->log_level   || $self->{log_level};
    my $server_name = $block->server_name // $self->{name};
    s/([\\'])/\\$1/g for $server_name;

    my $listen = "listen $self->{port};";
    if (uses_http2($block)) {
        $listen
            = $self->version >= 1.025001 ? "$listen http2 on;" : "listen $self->{port} http2;";
    }

    my @main = (
        (map {"load_module $_;"} @{ $self->{modules} }),
        'daemon off;',
        "master_process $self->{master_process};",
        "worker_processes $self->{workers};",

        # Workers of another user could not read a directory that is private to root.
        ($> == 0 ? 'user root;' : ()),
        'error_log ' . $self->path('logs/error.log') . " $log_level;",
        'pid ' . $self->path('logs/nginx.pid') . ';',
        (map { 'env ' . (/\s/ ? "'$_'" : $_) . ';' } @{ $self->{environment} }),
        'env ASAN_OPTIONS;',
        'env LD_LIBRARY_PATH;',
        'env LD_PRELOAD;',
    );
    my @temporary;
    for my $kind (qw( client_body proxy fastcgi scgi uwsgi )) {
        my $directive = "${kind}_temp_path";
        push @temporary, "$directive " . $self->path("${kind}_temp") . ';'
            if ($text{http_config} // '') !~ /\b$directive\b/;
    }
    my $root_location = $self->{root_location}
        ? 'location / { root ' . $self->path('html') . '; index index.html index.htm; }'
        : '';

    for my $section (qw( config http_config main_config post_main_config )) {
        $text{$section} //= '';
    }
    local $" = "\n";
    spew($self->path('conf/nginx.conf'), <<"CONF");
@main
$text{main_config}
events {
    accept_mutex off;
    worker_connections $self->{worker_connections};
}
http {
    access_log @{[ $self->path('logs/access.log') ]};
    default_type text/plain;
    keepalive_timeout 68000ms;
@temporary
$text{http_config}
    server {
        $listen
        server_name '$server_name';
        client_max_body_size 30M;
$self->{preamble}
$text{config}
$root_location
    }
}
$text{post_main_config}
CONF
    return;
}

=head2 write_user_files(@files)

Writes files, each C<[path, content, date]>, below F<html> unless the path is absolute; the date
is as for C<touch -t>, in GMT.

=cut

sub write_user_files {
    my ($self, @files) = @_;
    for my $file (@files) {
        my ($path, $content, $date) = @$file;
        $path = $self->path("html/$path") if $path !~ m{^/};
        make_path($path =~ m{^(.+)/});
        spew($path, $content // '');
        if ($date) {
            local $ENV{TZ} = 'GMT';
            system('touch', '-t', $date, $path) == 0 or die "$0: touch -t $date $path failed\n";
        }
    }
    return;
}

=head2 start

Starts nginx. True once it listens; false when it has exited instead (see L<Nginx/status>).

=cut

sub start {
    my ($self) = @_;
    my ($pid_file, $stderr) = map { $self->path($_) } qw( logs/nginx.pid stderr );
    unlink $pid_file, $stderr;
    my @command = (
        $self->{binary}, '-e', $self->path('logs/error.log'),
        '-p', "$self->{root}/", '-c', $self->path('conf/nginx.conf')
    );
    $self->launch(\@command, stderr => $stderr);

    # nginx writes the file when the configuration has been read and the ports are open, which
    # is also where the genuine module's `daemon on` would let go of its caller.
    return $self->await(sub { -s $pid_file });
}

=head2 stop

Has nginx quit. A server that has not ended when the timeout is over is killed.

=cut

sub stop {
    my ($self) = @_;
    $self->quit($self->{timeout});
    return;
}

=head2 wait_until_closed($client_port)

Waits until nginx has closed the connection that came from that port. Until then the log phase of
the request may not have run: on a connection that lingers it comes after the client's end.
Without a port (curl chose it), or where the kernel does not tell, simply waits a little.

=cut

sub wait_until_closed {
    my ($self, $client_port) = @_;
    my $diagnosis = $self->{diagnosis} //= Test::Nginx::Socket::Diagnosis->new // 0;
    if (!$client_port || !$diagnosis) {
        sleep $self->{settle};
        return;
    }
    wait_for(0.5, sub { !$diagnosis->is_open($self->{address}, $self->{port}, $client_port) }, 0.001);
    return;
}

=head2 new_error_lines(@before)

The lines before, and after them those that came to the error log since the last call; where the
test asked for the accumulated log, that.

=head2 access_lines

All lines of the access log.

=cut

sub new_error_lines {
    my ($self, @before) = @_;
    my $from = $self->{accumulate} ? 0 : $self->{log_offset};
    my $text = slurp($self->path('logs/error.log'), $from) // return @before;
    $self->{log_offset} = $from + length $text;
    return ($self->{accumulate} ? () : @before, split /^/, $text);
}

sub access_lines {
    my ($self) = @_;
    return split /^/, slurp($self->path('logs/access.log')) // '';
}

=head2 story

What nginx said, for the reader of a failed test: its standard error and the end of its error log,
debugging lines and notices left out.

=cut

sub story {
    my ($self) = @_;
    my @lines = grep { !/ \[(?:debug|notice)\] / }
        map { split /^/, slurp($self->path($_)) // '' } qw( stderr logs/error.log );
    splice @lines, 0, -20;
    return join '', @lines;
}

=head2 finish

Stops nginx, and removes its directory if the port was a random one.

=cut

sub finish {
    my ($self) = @_;
    $self->stop;
    remove_tree($self->{root}) if $self->{remove_root};
    return;
}

1;
