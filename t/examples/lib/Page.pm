package Page;

use strict;
use warnings;

use File::Basename qw( basename );

=head1 NAME

Page - a page of the documentation, and the examples in it

=head1 METHODS

=head2 read($path)

The page in a Markdown file.

An example is a fenced block; comments of the form C<< <!-- not run: reason --> >> and
C<< <!-- example: level --> >> directly above it are about it. Lines that are indented as code are
an example too, in the language of the shell.

=cut

sub read {
    my ($class, $path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    my @lines = <$file>;
    my (@examples, %marks, $in_list);
    my $number = 0;
    my $after_blank = 1;
    while (@lines) {
        my $line = shift @lines;
        my $start = ++$number;
        if ($line =~ /^ *<!-- (not run|example): (.+?) -->$/) {
            $marks{$1} = $2;
            next;
        }
        if ($line =~ /^( *)```(\S*)$/) {
            my ($indent, $language, $text) = ($1, $2, '');
            my $is_closed;
            while (@lines) {
                my $inner = shift @lines;
                ++$number;
                last if $is_closed = $inner =~ /^ *```$/;
                $text .= $inner =~ s/^$indent//r;
            }
            $is_closed or die "$path:$start: the fence is never closed\n";
            push @examples, Example->new(
                page => $path, line => $start, language => $language, text => $text, marks => {%marks});
            %marks = ();
            next;
        }
        if ($line =~ /^ {4}/ && $after_blank && !$in_list) {
            my $text = $line;
            while (@lines && $lines[0] =~ /^( {4}|$)/) {
                $text .= shift @lines;
                ++$number;
            }
            push @examples, Example->new(
                page => $path, line => $start, language => 'sh', text => $text =~ s/^ {4}//gmr,
                marks => {%marks});
            %marks = ();
            next;
        }
        if ($line =~ /^$/) {
            $after_blank = 1;
            next;
        }
        if (%marks) {
            die "$path:$start: a mark stands directly above the example that it is about\n";
        }
        # What is indented below an entry of a list belongs to the entry.
        $in_list = 1 if $line =~ /^([-*]|\d+\.) /;
        $in_list = 0 if $line =~ /^\S/ && $line !~ /^([-*]|\d+\.) /;
        $after_blank = 0;
    }
    return bless { path => $path, examples => \@examples }, $class;
}

sub path     { return $_[0]{path} }
sub examples { return @{ $_[0]{examples} } }

=head2 documents_for($example)

The policy documents that an example can mean, the nearest first: those above it, those below.

=cut

sub documents_for {
    my ($self, $example) = @_;
    my @documents = grep { $_->is_policy_document } $self->examples;
    return (
        (reverse grep { $_->line < $example->line } @documents),
        (grep { $_->line > $example->line } @documents),
    );
}

package Example;

sub new {
    my ($class, %self) = @_;
    return bless {%self}, $class;
}

sub line     { return $_[0]{line} }
sub language { return $_[0]{language} }
sub text     { return $_[0]{text} }
sub name     { return "$_[0]{page}:$_[0]{line}" }

# Why it is not run, or nothing.
sub not_run { return $_[0]{marks}{'not run'} }

# Where it belongs in nginx.conf, if it says so.
sub level { return $_[0]{marks}{example} }

sub is_policy_document {
    my ($self) = @_;
    return $self->language eq 'yaml' && $self->text =~ /^version:/m && $self->text =~ /^policies:/m;
}

# The names of the policies of a document.
sub policies {
    my ($self) = @_;
    my ($policies) = $self->text =~ /^policies:.*\n((?:(?: .*|#.*|)\n)*)/m or return;
    return $policies =~ /^  ([\w.-]+):/mg;
}

# The name of the file, where the first line says it: `# partners.yaml`.
sub file {
    my ($self) = @_;
    return $self->text =~ /\A# (\S+\.\w+)$/m ? $1 : undef;
}

# What the lines with `$` run, and what the lines below each print.
sub commands {
    my ($self) = @_;
    my @commands;
    for my $line (split /^/, $self->text) {
        if ($line =~ /^\$ (.*)/s) {
            push @commands, { command => $1, output => '' };
        } elsif (!@commands) {
            die $self->name . ": output without a command\n";
        } elsif ($commands[-1]{output} eq '' && $commands[-1]{command} =~ /\\\n\z/) {
            $commands[-1]{command} .= $line;
        } else {
            $commands[-1]{output} .= $line;
        }
    }
    return @commands;
}

1;
