package Configuration;

use strict;
use warnings;

use File::Basename qw( basename );
use IO::Socket::INET;

=head1 NAME

Configuration - an nginx example of the documentation, put where it belongs in an nginx.conf

=cut

# Where directives stand that can stand nowhere else, in the examples.
my %main   = map { $_ => 1 } qw( events http load_module user worker_processes );
my %http   = map { $_ => 1 } qw(
    cors_policy_define cors_policy_file geo limit_conn_zone limit_req_zone log_format map
    proxy_cache_path server split_clients upstream );
my %server = map { $_ => 1 } qw( listen location server_name ssl_certificate ssl_certificate_key );
my %define = map { $_ => 1 } qw( allow_origins allow_origins_file deny_origins rule );
my @levels = qw( main http server location define );

my $string  = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s;
my $comment = qr/#[^\n]*/;
my $word    = qr/(?:$string|\\.|\$\{|[^\s;{}#"'\\][^\s;{}"']*|[^\s;{}"'])/s;

=head2 statements($text)

The directives of a text, each with what stands before it, its name, its arguments and, if it has
one, the inside of its block. Dies if the braces do not match.

=cut

sub statements {
    my ($text) = @_;
    my @statements;
    pos($text) = 0;
    while ($text =~ /\G(?:\s|$comment)*(?=[^\s#])/gc) {
        my $start = pos $text;
        my ($name, @arguments);
        $text =~ /\G($string|[^\s;{}#"']+)/gc or die "not nginx: " . substr($text, $start, 40) . "\n";
        $name = $1;
        while ($text =~ /\G(?:\s|(?<=\s)$comment)*((?:$string|\$\{|[^\s;{}"'])+)/gc) {
            push @arguments, $1;
        }
        $text =~ /\G(?:\s|$comment)*/gc;
        my $block;
        if ($text =~ /\G\{/gc) {
            my $inside = pos $text;
            my $depth  = 1;
            while ($depth) {
                $text =~ /\G(?:(?<![^\s;{}])$comment|$string|\$\{|[^{}"'\$#]|\$|#)*/gc;
                $text =~ /\G([{}])/gc or die "a brace is never closed: $name\n";
                $depth += $1 eq '{' ? 1 : -1;
            }
            $block = substr $text, $inside, pos($text) - 1 - $inside;
        } elsif ($text !~ /\G;/gc) {
            die "no semicolon after $name\n";
        }
        push @statements, {
            name  => $name, arguments => \@arguments, block => $block,
            text  => substr($text, $start, pos($text) - $start),
        };
    }
    return @statements;
}

=head2 new($server, $page, $example)

=cut

sub new {
    my ($class, $server, $page, $example) = @_;
    my $self = bless {
        server => $server, page => $page, example => $example,
        ports  => {}, parts => { map { $_ => '' } @levels }, files => {},
    }, $class;
    $self->place(statements($example->text));
    $self->define_policies;
    return $self;
}

# Puts each statement where it belongs. What can stand in several places goes where the others are.
sub place {
    my ($self, @statements) = @_;
    my $level = $self->{example}->level;
    if (!$level && grep { $main{ $_->{name} } } @statements) {
        my ($http) = grep { $_->{name} eq 'http' } @statements;
        $http or die "a whole nginx.conf has `http`\n";
        $self->{parts}{http} = $http->{block};
        return;
    }
    if ($level) {
        grep { $_ eq $level } @levels or die "`<!-- example: $level -->`: write one of @levels\n";
        $self->{parts}{$level} .= "$_->{text}\n" for @statements;
        return;
    }
    my $is_of = sub { my ($names) = @_; return grep { $names->{ $_->{name} } } @statements };
    my $others
        = $is_of->(\%define) ? 'define'
        : $is_of->(\%server) ? 'server'
        : $is_of->(\%http)   ? 'http'
        :                      'location';
    for my $statement (@statements) {
        my $name = $statement->{name};
        my $its  = $http{$name} ? 'http' : $server{$name} ? 'server' : $others;
        $self->{parts}{$its} .= "$statement->{text}\n";
    }
    return;
}

# Writes the documents that the example loads, and loads one if it uses policies without saying from
# where.
sub define_policies {
    my ($self) = @_;
    my $text = join '', values %{ $self->{parts} };
    my $code = $text =~ s/(?<![^\s;{}])$comment//gr;
    my %here = map { $_ => 1 } $code =~ /\bcors_policy_define\s+(\S+)\s*\{/g;
    my %used = map { $_ => 1 } grep { !/\$/ && $_ ne 'off' && !$here{$_} } $code =~ /\bcors_policy\s+([^\s;]+)\s*;/g;
    my @paths = $code =~ /\bcors_policy_file\s+([^\s;]+)/g;

    my @documents = $self->{page}->documents_for($self->{example});
    my %by_name   = map { $_->file ? ($_->file => $_) : () } reverse @documents;
    my @unnamed;
    for my $path (@paths) {
        my $document = $by_name{ basename $path } or push(@unnamed, $path), next;
        $self->write_document(basename($path), $document->text);
        delete @used{ $document->policies };
    }
    my $is_named_by_variable = $code =~ /\bcors_policy\s+[^\s;]*\$/ && !@paths && !%here;
    return if !@unnamed && !%used && !$is_named_by_variable;
    @unnamed <= 1 or die "several files are loaded: begin the YAML fence of each with `# name.yaml`: @unnamed\n";

    my $file    = basename($unnamed[0] // 'cors.yaml');
    my $has_all = sub { my %has = map { $_ => 1 } @_; return !grep { !$has{$_} } keys %used };
    my ($document) = grep { $has_all->($_->policies) } grep { !@unnamed || !$_->file || $_->file eq $file } @documents;
    my $content = $document ? $document->text : $self->demo;
    $document || $has_all->($content =~ /^  (\w+):/mg)
        or die "no YAML fence of the page, and not nginx-conf/cors.yaml, has all of: @{[sort keys %used]}\n";
    $self->write_document($file, $content);
    $self->{parts}{http} = "cors_policy_file $file;\n$self->{parts}{http}" if !@unnamed;
    return;
}

sub demo {
    open my $file, '<', 'nginx-conf/cors.yaml' or die "nginx-conf/cors.yaml: $!\n";
    local $/ = undef;
    return scalar <$file>;
}

sub write_document {
    my ($self, $name, $text) = @_;
    $self->{server}->write_file($name, $text);
    $self->write_origins($text =~ /^\s*(?:- )?allow_origins_file:\s*(\S+)/mg);
    return;
}

sub write_origins {
    my ($self, @paths) = @_;
    $self->{server}->write_file(basename($_), "https://partner.example\n") for @paths;
    return;
}

# A free port in place of one that the example listens on; taken until all of them are found.
sub port {
    my ($self, $port) = @_;
    return $self->{ports}{$port} //= do {
        my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:0') or die "listen: $!\n";
        push @{ $self->{taken} }, $socket;
        $socket->sockport;
    };
}

=head2 write

Writes nginx.conf: the example, the module that is tested, ports of its own, and an application for
what the example passes requests on to.

=cut

sub write {
    my ($self) = @_;
    my %parts = %{ $self->{parts} };
    my $code  = join '', values %parts;
    $self->write_origins($code =~ /\ballow_origins_file\s+([^\s;]+)\s*;/g);

    $parts{http} .= "cors_policy_define example {\n$parts{define}}\n" if $parts{define};
    $parts{server} .= "location / {\n$parts{location}}\n" if $parts{location};
    my %upstreams = map { $_ => 1 } $code =~ /\bupstream\s+([^\s;{]+)/g;
    for my $part (@parts{qw( http server )}) {
        # First the ports that the example itself listens on, which may be its application.
        $part =~ s/(?<=\blisten\s)\s*(?:[\w.]+:)?(\d+)(?=[\s;])/'127.0.0.1:' . $self->port($1)/ge;
        $part =~ s{\b(cors_policy_file|allow_origins_file)(\s+)([^\s;]*/)}{$1$2}g;
    }
    my $application = $self->port('application');
    my $address = sub {
        my ($host, $port) = $_[0] =~ /^([^:]+)(?::(\d+))?$/ or return $_[0];
        return $_[0] if $upstreams{$host} || $host =~ /\$/;
        return '127.0.0.1:' . ($port && $self->{ports}{$port} || $application);
    };
    for my $part (@parts{qw( http server )}) {
        $part =~ s{(?<=\bproxy_pass\s)(\s*https?://)([^\s;/]+)}{$1 . $address->($2)}ge;
        $part =~ s{(?<=\bserver\s)(\s*)([\w.-]+:\d+)(?=[\s;])}{$1 . $address->($2)}ge;
    }
    delete $self->{taken};
    $self->{server}->write_conf(
        workers => 1,
        server  => $parts{server},
        http    => <<"END");
$parts{http}
server {
    listen 127.0.0.1:$application;
    return 200 "the application\\n";
}
END
    return;
}

=head2 address($authority)

Where nginx listens for what the documentation calls C<$authority>.

=cut

sub address {
    my ($self, $authority) = @_;
    my ($port) = $authority =~ /:(\d+)$/;
    my %ports = %{ $self->{ports} };
    delete $ports{application};
    return '127.0.0.1:' . ($ports{ $port // 80 } // $self->{server}->port);
}

1;
