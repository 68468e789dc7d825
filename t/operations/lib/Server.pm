package Server;

use strict;
use warnings;

use File::Temp qw( tempdir );
use IO::Socket::INET;
use Socket qw( SOL_SOCKET SO_RCVTIMEO );

use Nginx qw( binary free_port is_alive modules output_of slurp spew wait_for workers_of );

use parent -norequire, 'Nginx';

=head1 NAME

Server - an L<Nginx> with a master process and workers, whose files change while it runs

=head1 METHODS

=head2 new

An nginx that is not started yet, with the binary and the modules that C<TEST_NGINX_BINARY> and
C<TEST_NGINX_LOAD_MODULES> name, a folder and a port of its own.

=cut

sub new {
    my ($class) = @_;
    my @modules = modules() or die "TEST_NGINX_LOAD_MODULES names no module\n";
    my $self    = bless {
        binary  => binary(),
        load    => join("\n", map {"load_module $_;"} @modules),
        root    => tempdir(TMPDIR => 1, CLEANUP => 1),
        port    => free_port(),
        made_by => $$,
    }, $class;
    chmod 0755, $self->{root} or die "$self->{root}: $!\n";
    mkdir "$self->{root}/$_" or die "$self->{root}/$_: $!\n" for qw( conf logs );
    return $self;
}

sub port { return $_[0]{port} }

=head2 path($name)

The full name of a file in the folder of F<nginx.conf>.

=cut

sub path {
    my ($self, $name) = @_;
    return "$self->{root}/conf/$name";
}

=head2 write_file($name, $text)

Replaces a file in the folder of F<nginx.conf>, which is never seen half written.

=cut

sub write_file {
    my ($self, $name, $text) = @_;
    my $path = $self->path($name);
    spew("$path.new", $text);
    rename "$path.new", $path or die "$path: $!\n";
    return;
}

=head2 write_conf(http => $text, server => $text, workers => $number, connections => $number, main => $text, error_log => $path)

Writes F<nginx.conf>. C<main> is for the outermost level, beside or in place of C<daemon off>.

=cut

sub write_conf {
    my ($self, %conf) = @_;
    my $root    = $self->{root};
    my $user    = $> == 0 ? 'user root;' : '';
    my $workers = $conf{workers} // 2;
    my $connections = $conf{connections} // 256;
    my $main    = $conf{main}    // '';
    $main .= "\ndaemon off;" if $main !~ /^daemon /m;
    my $error_log = $conf{error_log} // "$root/logs/error.log";
    $self->write_file('nginx.conf', <<"END");
$self->{load}
$user
$main
worker_processes $workers;
worker_shutdown_timeout 5s;
error_log $error_log info;
pid $root/logs/nginx.pid;
events { worker_connections $connections; }
http {
    access_log off;
    client_body_temp_path $root/body;
    proxy_temp_path $root/proxy;
    fastcgi_temp_path $root/fastcgi;
    uwsgi_temp_path $root/uwsgi;
    scgi_temp_path $root/scgi;
    $conf{http}
    server {
        listen 127.0.0.1:$self->{port} reuseport;
        location = /pid { return 200 "\$pid\\n"; }
        location = /status { cors_policy_status; }
        $conf{server}
    }
}
END
    return;
}

=head2 command(@options)

The words by which nginx is run.

=cut

sub command {
    my ($self, @options) = @_;
    return (@{ $self->{before} // [] }, $self->{binary}, '-p', $self->{root}, '-c', 'conf/nginx.conf', @options);
}

=head2 before(@words)

What to put before these words, such as C<prlimit> or C<env>.

=cut

sub before {
    my ($self, @words) = @_;
    $self->{before} = \@words;
    return;
}

=head2 configtest

What C<nginx -t> ends with, 0 if all is well, and what it says. It is killed after a minute.

=cut

sub configtest {
    my ($self) = @_;
    return output_of([ $self->command('-t') ]);
}

=head2 start($is_up)

Starts nginx, and waits until it answers, or until the function says so where there is one.

=cut

sub start {
    my ($self, $is_up) = @_;
    $self->launch([ $self->command ], stderr => "$self->{root}/logs/stderr.log");
    return if $self->await($is_up // sub { $self->request('GET', '/pid') }, 60);
    die $self->is_running ? "nginx does not answer:\n" : "nginx does not start:\n", $self->log;
}

=head2 start_daemon

The same for a configuration with C<daemon on>, without which nginx takes no C<USR2> while its parent lives.

=cut

sub start_daemon {
    my ($self) = @_;
    system($self->command) == 0 or die "nginx does not start:\n" . $self->log;
    # The daemon leads a session and a group, in which later masters are too.
    wait_for(60, sub { $self->pid_in('nginx.pid') }) or die "nginx writes no nginx.pid\n";
    $self->adopt($self->pid_in('nginx.pid'));
    wait_for(60, sub { $self->request('GET', '/pid') }) or die "nginx does not answer:\n" . $self->log;
    return;
}

=head2 pid_in($name)

The process that a file beside the error log names; 0 where there is none.

=cut

sub pid_in {
    my ($self, $name) = @_;
    my $text = slurp("$self->{root}/logs/$name") // '';
    return $text =~ /\A(\d+)\n/ ? $1 : 0;
}

=head2 stop

Has nginx quit, and waits for that. What is left of it is killed.

=cut

sub stop {
    my ($self) = @_;
    $self->quit(20);
    $self->kill_group;
    delete @$self{qw( pid group )};
    return;
}

# nginx does not outlive the test, however that ends.
sub DESTROY {
    my ($self) = @_;
    $self->stop if $$ == $self->{made_by};
    return;
}

=head2 request($method, $path, @headers)

All of the response, on a connection of its own; empty where there is none.

=cut

sub request {
    my ($self, $method, $path, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 5) or return '';
    # A server that says nothing fails the test, and does not stop it.
    setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 60, 0;
    print {$socket} join "\r\n", "$method $path HTTP/1.1", 'Host: localhost', 'Connection: close',
        @headers, '', '';
    local $/ = undef;
    return <$socket> // '';
}

=head2 workers

The ids of the processes that answer, asked until each of a few must have.

=cut

sub workers {
    my ($self) = @_;
    my %seen;
    $seen{ $self->request('GET', '/pid') =~ /(\d+)\n\z/ ? $1 : 0 }++ for 1 .. 40;
    return sort keys %seen;
}

=head2 workers_of_master($master)

The ids of all its workers, whether they answer or not, or of those of another master.

=cut

sub workers_of_master {
    my ($self, $master) = @_;
    return workers_of($master // $self->{pid});
}

=head2 reload

Has nginx read its configuration again, and waits until only new workers answer; false if that
does not come.

=cut

sub reload {
    my ($self) = @_;
    my @before = $self->workers;
    $self->signal('HUP');
    return wait_for(60, sub {
        my %now = map { $_ => 1 } $self->workers;
        !grep { $now{$_} } @before;
    });
}

=head2 signal($name)

=cut

sub signal {
    my ($self, $name) = @_;
    kill $name => $self->{pid} if $self->is_running;
    return;
}

=head2 log_lines($pattern)

How many lines of the error log match.

=cut

sub log_lines {
    my ($self, $pattern) = @_;
    return scalar grep {/$pattern/} split /^/, $self->log;
}

=head2 log($from)

The error log, all of it or from there on.

=cut

sub log {
    my ($self, $from) = @_;
    return slurp("$self->{root}/logs/error.log", $from) // '';
}

1;
