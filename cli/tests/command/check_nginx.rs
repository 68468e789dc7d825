//! `cors-policy check` of nginx.conf. `t/check.t` compares it with `nginx -t`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Run, command, finish, folder, run_with_stdin};

/// A folder with these files.
fn configuration(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = folder(&format!("nginx-{name}"));
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn check(folder: &Path, args: &[&str]) -> Run {
    finish(command(&[&["check"], args].concat()).current_dir(folder))
}

const API: &str =
    "version: 1\npolicies:\n  api:\n    allow_origins: [\"https://app.example.com\"]\n";

#[test]
fn everything_that_a_configuration_brings_is_checked_and_counted() {
    let folder = configuration(
        "whole",
        &[
            (
                "nginx.conf",
                "events {}\nhttp {\n    cors_policy_file policies/cors.yaml watch=5s;\n    include \
                 sites/*.conf;\n}\n",
            ),
            ("policies/cors.yaml", API),
            (
                "sites/a.conf",
                "cors_policy_define shop {\n    allow_origins_file lists/a.txt;\n    rule_of_nothing \
                 x;\n}\nserver {\n    cors_policy api;\n    location / { cors_policy $policy; }\n}\n",
            ),
            ("lists/a.txt", "https://a.example\nhttps://b.example/\n"),
        ],
    );
    let run = check(&folder, &["nginx.conf"]);
    assert_eq!(
        run.stderr,
        "sites/a.conf:3: unknown directive \"rule_of_nothing\"; \"cors_policy_define\" has \
         allow_origins, allow_origins_file, allow_methods, allow_headers, expose_headers, \
         allow_credentials, max_age, allow_private_network, timing_allow_origin, deny_origins, \
         upstream_headers, preflight, preflight_status, enforce, own_origins, static_origin, \
         dangerously_allow and rule\n\
         lists/a.txt:2: shop.allow_origins_file: \"https://b.example/\": an origin does not end with a \
         slash; write \"https://b.example\"\n2 mistakes\n"
    );
    assert_eq!((run.stdout.as_str(), run.code), ("", 2));

    let site = folder.join("sites/a.conf");
    let text = fs::read_to_string(&site).unwrap().replace("    rule_of_nothing x;\n", "");
    fs::write(site, text).unwrap();
    fs::write(folder.join("lists/a.txt"), "https://a.example\nhttps://b.example\n").unwrap();
    let run = check(&folder, &["nginx.conf"]);
    assert_eq!(
        run.stdout,
        "nginx.conf: ok: 2 policies, 2 rules, 3 origin patterns, in force in 2 places\n"
    );
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
}

#[test]
fn mistakes_of_a_block_are_in_the_language_of_nginx() {
    let conf = "http {\n    cors_policy_define api {\n        allow_origins *;\n        enforce yes;\n        \
                rule { allow_origins x; }\n        max_age 2d;\n        dangerously_allow null_origin;\n    }\n}\n";
    let run = run_with_stdin(&["check", "-"], conf.as_bytes());
    assert_eq!(
        run.stderr,
        "<stdin>:3: api.allow_origins: beside rules, this key would apply to none of them; move it \
         into the `rule` blocks\n\
         <stdin>:4: api.enforce: \"yes\": expected `on` or `off`; write `on` or `off`\n\
         <stdin>:6: api.max_age: beside rules, this key would apply to none of them; move it into the \
         `rule` blocks\n\
         <stdin>:5: api.rules[0].allow_origins[0]: \"x\": an origin begins with a scheme; write \
         \"https://x\"\n\
         4 mistakes\n"
    );
    assert_eq!(
        run.stdout,
        "<stdin>:7: note: api.dangerously_allow[0]: \"null_origin\" is open: `null` may be let in; any \
         page can have this origin, by way of a sandboxed frame for instance\n"
    );
}

#[test]
fn names_are_compared_across_files_and_blocks() {
    let folder = configuration(
        "names",
        &[
            (
                "nginx.conf",
                "events {}\nhttp {\n    cors_policy_file cors.yaml;\n    cors_policy_define api { \
                 allow_origins *; }\n    cors_policy apis;\n    server { cors_policy shop; }\n}\n",
            ),
            ("cors.yaml", API),
        ],
    );
    let run = check(&folder, &["nginx.conf"]);
    assert_eq!(
        run.stderr,
        "nginx.conf:4: CORS policy \"api\" is defined in cors.yaml:3 and again here, give one of them \
         another name\n\
         nginx.conf:5: unknown CORS policy \"apis\", did you mean \"api\"?\n\
         nginx.conf:6: unknown CORS policy \"shop\", define it with \"cors_policy_define\", or load the \
         file that does with \"cors_policy_file\"\n\
         3 mistakes\n"
    );
    // The document may define it, once its mistakes are mended.
    fs::write(folder.join("cors.yaml"), API.replace("https", "HTTPS")).unwrap();
    let run = check(&folder, &["nginx.conf"]);
    assert!(run.stderr.contains("cors.yaml:4: policies.api.allow_origins[0]"), "{}", run.stderr);
    assert!(!run.stderr.contains("unknown CORS policy"), "{}", run.stderr);
}

#[test]
fn of_a_part_what_is_defined_elsewhere_is_no_mistake() {
    let part = b"server {\n    cors_policy api;\n    location / { cors_policy apis; cors_policy_dry_run on; }\n}\n";
    let run = run_with_stdin(&["check", "--strict", "-"], part);
    assert_eq!(
        run.stderr,
        "<stdin>:2: note: CORS policy \"api\" is not defined in what is read here\n\
         <stdin>:3: note: CORS policy \"apis\" is not defined in what is read here\n"
    );
    assert_eq!(run.code, 0);
    // A location alone, and directives of a server.
    let run =
        run_with_stdin(&["check", "-"], b"cors_policy off;\nlocation / { cors_policy_status; }\n");
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
    // What no block allows is a mistake of a part, too.
    let run = run_with_stdin(
        &["check", "-"],
        b"location / { cors_policy_define a { allow_origins *; } }",
    );
    assert_eq!(
        run.stderr,
        "<stdin>:1: \"cors_policy_define\" directive is not allowed here; it belongs into `http`\n1 \
         mistake\n"
    );
}

#[test]
fn a_part_in_a_folder_finds_what_is_relative_to_the_folder_above() {
    let folder = configuration(
        "part",
        &[
            (
                "conf.d/a.conf",
                "cors_policy_file cors.yaml;\ncors_policy_define b { allow_origins_file b.txt; }\n",
            ),
            ("cors.yaml", API),
            ("b.txt", "https://b.example\n"),
        ],
    );
    let run = check(&folder, &["conf.d/a.conf"]);
    assert_eq!(
        run.stdout,
        "conf.d/a.conf: ok: 2 policies, 2 rules, 2 origin patterns, in force in 0 places\n"
    );
    fs::remove_file(folder.join("cors.yaml")).unwrap();
    let run = check(&folder, &["conf.d/a.conf"]);
    assert_eq!(
        run.stderr,
        "conf.d/a.conf:1: warning: cors.yaml is not there, so that it is not checked; nginx looks for \
         it in the folder of nginx.conf\n1 warning\n"
    );
    assert_eq!(run.code, 0);
}

#[test]
fn what_is_not_there_is_told() {
    let conf = "events {}\nhttp {\n    include mime.types;\n    include gone.conf;\n    include gone/*.conf;\n    \
                include *.none;\n    cors_policy api;\n}\n";
    let folder = configuration("missing", &[("nginx.conf", conf)]);
    let run = check(&folder, &["nginx.conf"]);
    assert_eq!(
        run.stderr,
        "nginx.conf:3: note: mime.types is not there; nginx brings it, without policies\n\
         nginx.conf:4: warning: gone.conf is not there, so that it is not checked; nginx refuses to \
         start\n\
         nginx.conf:5: note: the folder of gone/*.conf is not there, so that nothing in it is checked\n\
         nginx.conf:7: note: CORS policy \"api\" is not defined in what is read here\n\
         1 warning\n"
    );
    assert_eq!((run.code, check(&folder, &["--strict", "nginx.conf"]).code), (0, 2));
    // With all files that can define it, it is a mistake.
    fs::write(folder.join("nginx.conf"), conf.replace("include gone", "# ")).unwrap();
    let run = check(&folder, &["nginx.conf"]);
    assert!(run.stderr.contains("nginx.conf:7: unknown CORS policy \"api\""), "{}", run.stderr);
}

#[test]
fn a_configuration_without_policies_does_not_look_like_a_success() {
    let conf = b"events {}\nhttp { server { listen 80; } }\n";
    let run = run_with_stdin(&["check", "-"], conf);
    assert_eq!(
        run.stderr,
        "<stdin>: warning: no directive of CORS policies, so that nothing is checked; check the file \
         that has them\n1 warning\n"
    );
    assert_eq!((run.code, run_with_stdin(&["check", "--strict", "-"], conf).code), (0, 2));
}

#[test]
fn what_is_no_configuration_is_refused_with_its_line() {
    let run = run_with_stdin(&["check", "-"], b"http {\n    server {\n}\n");
    assert!(run.stderr.starts_with("<stdin>:1: the file ends inside the block"), "{}", run.stderr);
    assert_eq!(run.code, 2);
    let run = run_with_stdin(&["check", "--as", "nginx", "-"], b"\0\0");
    assert!(run.stderr.contains("the file is binary"), "{}", run.stderr);
}

#[test]
fn mistakes_of_a_configuration_are_bounded() {
    let conf = "cors_policy_dry_run x;\n".repeat(500);
    let conf: String = conf.lines().map(|line| format!("location / {{ {line} }}\n")).collect();
    let run = run_with_stdin(&["check", "-"], conf.as_bytes());
    assert!(run.stderr.ends_with("\nand 400 more mistakes\n500 mistakes\n"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 102);
}

#[test]
fn what_nginx_prints_of_its_configuration_is_checked_by_the_files_in_it() {
    let text = "nginx: the configuration file /srv/x/nginx.conf syntax is ok\n\
         # configuration file /srv/x/nginx.conf:\nevents {}\nhttp {\n    include sites/*;\n    \
         include none/*;\n    cors_policy_file cors.yaml;\n}\n\n\
         # configuration file /srv/x/sites/shop:\ncors_policy_define shop {\n    \
         allow_origins https://a.example/;\n}\nserver { cors_policy shop; }\n\
         server { cors_policy other; }\n";
    let expected = "/srv/x/sites/shop:2: shop.allow_origins[0]: \"https://a.example/\": an origin does not \
         end with a slash; write \"https://a.example\"\n\
         /srv/x/nginx.conf:5: warning: cors.yaml is not there, so that it is not checked; nginx looks for it \
         in the folder of nginx.conf\n\
         /srv/x/sites/shop:5: note: CORS policy \"other\" is not defined in what is read here\n\
         1 mistake and 1 warning\n";
    let run = run_with_stdin(&["check", "-"], text.as_bytes());
    assert_eq!((run.stderr.as_str(), run.code), (expected, 2));

    let folder = configuration("dump", &[("dump.txt", text)]);
    assert_eq!(check(&folder, &["dump.txt"]).stderr, expected);
    let good = text.replace(".example/;", ".example;");
    let run = run_with_stdin(&["check", "-"], good.as_bytes());
    assert_eq!(
        (run.stdout.as_str(), run.code),
        ("<stdin>: ok: 1 policy, 1 rule, 1 origin pattern, in force in 2 places\n", 0)
    );
    let large = format!("{text}# {}", "x".repeat(4 << 20));
    assert_eq!(run_with_stdin(&["check", "-"], large.as_bytes()).code, 2);
}
