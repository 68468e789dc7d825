# Mistakes in the configuration: each says where it is, what is wrong and what to write.

use Test::Nginx::Socket 'no_plan';

my $policies = <<'_EOC_';
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
>>> more.yaml
version: 1
policies:
  more:
    allow_origins: [https://more.example.com]
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(user_files => $policies) unless defined $block->user_files;
});

no_shuffle();
run_tests();

__DATA__

=== several mistakes in a policy file: all of them, with file, line, place, value and remedy
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins:
      - https://App.example.com
      - https://app.example.com/
      - example.com
    allow_orgins: [https://b.example]
    allow_methods: [GET, CONNECT]
    max_age: 2d
    allow_credentials: "yes"
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log eval
[
    qr{\[emerg\] .*html/cors\.yaml:5: policies\.api\.allow_origins\[0\]: "https://App\.example\.com".*https://app\.example\.com.* in \S+/nginx\.conf:\d+},
    qr{html/cors\.yaml:6: policies\.api\.allow_origins\[1\]: "https://app\.example\.com/"},
    qr{html/cors\.yaml:7: policies\.api\.allow_origins\[2\]: "example\.com"},
    qr{html/cors\.yaml:8: policies\.api\.allow_orgins.*allow_origins},
    qr{html/cors\.yaml:9: policies\.api\.allow_methods\[1\]: "CONNECT"},
    qr{html/cors\.yaml:10: policies\.api\.max_age: "2d".*86400},
    qr{html/cors\.yaml:11: policies\.api\.allow_credentials: "yes".*true},
]



=== a host beyond ASCII: refused, and what to write is to be had from the tool, which has the tables for it
--- user_files
>>> cors.yaml
version: 1
policies:
  api: {allow_origins: ["https://m\u00fcller.example"]}
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log
characters beyond ASCII never match: browsers send the punycode form; write the host in punycode, as `cors-policy check` shows it



=== a policy file that is not there
--- http_config
cors_policy_file ../html/missing.yaml;
--- config
cors_policy api;
--- must_die
--- error_log eval
qr{html/missing\.yaml.*No such file}



=== a policy file that is no YAML
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [*]
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
--- must_die
--- error_log eval
qr{html/cors\.yaml:4.*"\*"}



=== an unknown policy: at the line that names it, with the nearest one
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
location = /t {
    cors_policy apl;
}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown CORS policy "apl", did you mean "api"\? in \S+/nginx\.conf:\d+}



=== several unknown policies: all of them, each at its line
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy one;
location = /t {
    cors_policy two;
}
--- must_die
--- error_log eval
[qr{unknown CORS policy "one".*nginx\.conf:\d+}, qr{unknown CORS policy "two".*nginx\.conf:\d+}]



=== a policy without any definition
--- config
cors_policy api;
--- must_die
--- error_log eval
qr{unknown CORS policy "api", define it with "cors_policy_define", or load the file that does with "cors_policy_file" in \S+/nginx\.conf:\d+}



=== several files
--- http_config
cors_policy_file ../html/cors.yaml;
cors_policy_file ../html/more.yaml;
--- config
location = /t {
    cors_policy more;
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://more.example.com
--- response_headers
Access-Control-Allow-Origin: https://more.example.com



=== a name that two files define: both are named
--- user_files
>>> cors.yaml
version: 1
policies:
  api:
    allow_origins: [https://app.example.com]
>>> more.yaml
version: 1
policies:
  other:
    allow_origins: [https://other.example.com]
  api:
    allow_origins: [https://more.example.com]
--- http_config
cors_policy_file ../html/cors.yaml;
cors_policy_file ../html/more.yaml;
--- config
cors_policy api;
--- must_die
--- error_log eval
qr{CORS policy "api" .*html/cors\.yaml:3.*html/more\.yaml:5}



=== a setting twice at one place
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
cors_policy api;
cors_policy off;
--- must_die
--- error_log
"cors_policy" directive is duplicate



=== a dry run twice at one place
--- config
cors_policy_dry_run on;
cors_policy_dry_run $arg_dry;
--- must_die
--- error_log
"cors_policy_dry_run" directive is duplicate



=== a dry run that is neither on nor off
--- config
cors_policy_dry_run yes;
--- must_die
--- error_log
invalid value "yes" in "cors_policy_dry_run", write "on", "off" or a variable



=== an empty name
--- config
cors_policy "";
--- must_die
--- error_log
the name of the CORS policy is empty, write "off" for none



=== an empty path
--- http_config
cors_policy_file "";
--- config
--- must_die
--- error_log
the path of "cors_policy_file" is empty



=== directives where they may not stand
--- config
cors_policy_file ../html/cors.yaml;
--- must_die
--- error_log
"cors_policy_file" directive is not allowed here



=== too many arguments
--- config
cors_policy a b;
--- must_die
--- error_log
invalid number of arguments in "cors_policy" directive



=== policies that nothing puts in force do no harm
--- http_config
cors_policy_file ../html/cors.yaml;
--- config
location = /t {
    return 200 "ok\n";
}
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
! Access-Control-Allow-Origin
! Vary
