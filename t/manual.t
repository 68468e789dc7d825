# docs/ngx_http_cors_policy_module.5: it has every directive, variable and key that there is, and no others.

use strict;
use warnings;

use Test::More;

sub content {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$file>;
}

my $manual = content('docs/ngx_http_cors_policy_module.5');

# The names in one section, by the macro that marks them there.
sub names {
    my ($section, $macro) = @_;
    my ($text) = $manual =~ /^\.Sh \Q$section\E\n(.*?)(?=^\.Sh )/ms or return [];
    return [sort $text =~ /^\.It $macro ([\w\$]+)/mg];
}

sub strings {
    my ($path, $pattern) = @_;
    my @strings = content($path) =~ /$pattern/g;
    return sort @strings;
}

my $string = qr/ngx_string!\("(\w+)"\)/;
is_deeply(names('DIRECTIVES', 'Ic'), [strings('src/directives.rs', $string)], 'directives');
is_deeply(names('VARIABLES', 'Va'), [map "\$$_", strings('src/request/variables.rs', qr/^    \("(\w+)", \|/m)],
    'variables');
is_deeply(
    names('POLICY DOCUMENTS', 'Ic'),
    # A block has `rule` where a document has a list of rules, about which there is a sentence.
    [grep {$_ ne 'rule'} strings('src/config/define.rs', $string)],
    'keys of a policy'
);
is_deeply(
    names('POLICY DOCUMENTS', 'Cm'),
    [strings('policy/src/origin/guard.rs', qr/^ +Self::\w+ => "(\w+)"/m)],
    'guards'
);

done_testing();
