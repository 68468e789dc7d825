//! `cors-policy import --from nginx`: configurations from practice, what becomes of them, and what is
//! said about it.
//!
//! `tests/import/nginx/NAME.conf` becomes `NAME.cors.yaml`, or nothing. `NAME.report` has the messages,
//! the changes of the files and the exit code. `t/import/compare.py` asks nginx whether this is true.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run::{Run, command, finish, run_with_stdin};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn import(file: &str) -> Run {
    finish(command(&["import", file]).current_dir(folder()))
}

/// The configurations, as paths in the folder.
fn configurations() -> Vec<String> {
    let files = fs::read_dir(folder().join("nginx")).unwrap();
    let mut all: Vec<_> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".conf"))
        .map(|name| format!("nginx/{name}"))
        .collect();
    all.push("nginx/included/nginx.conf".to_owned());
    all.sort();
    all
}

/// What is expected of a configuration: the document, and the report.
fn expected(file: &str) -> (String, String) {
    let stem = folder().join(file.strip_suffix(".conf").unwrap());
    let read = |end: &str| fs::read_to_string(format!("{}{end}", stem.display()));
    (read(".cors.yaml").unwrap_or_default(), read(".report").unwrap())
}

#[test]
fn each_configuration_becomes_what_is_expected() {
    let configurations = configurations();
    assert!(configurations.len() >= 30, "{}", configurations.len());
    for file in configurations {
        let (document, report) = expected(&file);
        let run = import(&file);
        assert_eq!(run.stdout, document, "{file}");
        assert_eq!(format!("{}exit code {}\n", run.stderr, run.code), report, "{file}");
    }
}

#[test]
fn each_document_passes_the_check_where_its_origins_are_known() {
    let mut open = 0;
    for file in configurations() {
        let (document, report) = expected(&file);
        if document.is_empty() {
            continue;
        }
        let run = run_with_stdin(&["check", "-"], document.as_bytes());
        let is_open = document.contains("allow_origins: []");
        assert_eq!(run.code, if is_open { 2 } else { 0 }, "{file}: {}", run.stderr);
        assert_eq!(run.stderr.is_empty(), !is_open, "{file}: {}", run.stderr);
        assert!(!is_open || report.contains(" question: "), "{file}");
        open += usize::from(is_open);
    }
    assert!(open > 0);
}

/// Writes a configuration of so many lines into a folder for tests.
fn large(lines: usize) -> String {
    let mut text = String::from("events {}\nhttp {\nmap $http_origin $cors {\n    default \"\";\n");
    for n in 0..lines / 10 {
        text.push_str(&format!("    https://app-{n}.example.com $http_origin;\n"));
    }
    text.push_str("}\n");
    let mut server = 0;
    while text.lines().count() < lines {
        text.push_str(&format!(
            "server {{\n    listen 80;\n    server_name s{server}.example.com;\n"
        ));
        for location in 0..8 {
            text.push_str(&format!(
                "    location /api/{location}/ {{\n        if ($request_method = OPTIONS) {{\n            \
                 add_header Access-Control-Allow-Origin $cors;\n            add_header \
                 Access-Control-Allow-Methods \"GET, PUT\";\n            return 204;\n        }}\n        \
                 add_header Access-Control-Allow-Origin $cors always;\n        proxy_pass \
                 http://127.0.0.1:3000;\n    }}\n"
            ));
        }
        text.push_str("}\n");
        server += 1;
    }
    text + "}\n"
}

fn import_text(text: &str) -> (Run, Duration) {
    let start = Instant::now();
    let run = run_with_stdin(&["import", "--from", "nginx", "-"], text.as_bytes());
    (run, start.elapsed())
}

#[test]
fn thousands_of_lines_take_seconds() {
    let (run, time) = import_text(&large(3_000));
    assert_eq!(run.code, 0, "{}", &run.stderr[..run.stderr.len().min(2000)]);
    assert!(run.stdout.contains("https://app-299.example.com"), "{}", run.stdout.len());
    assert!(time < Duration::from_secs(60), "{time:?}");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let nested = format!("a;\n{}{}", "b {\n".repeat(65), "}\n".repeat(65));
    let deep_groups = format!("map $http_origin $a {{\n \"~{}\" 1;\n}}", "(".repeat(3000));
    for (text, message) in [
        ("server {\n  listen 80;\n", "<stdin>:1: the file ends inside the block"),
        ("server {\n}\n}\n", "<stdin>:3: unexpected \"}\""),
        ("a \"b\n", "<stdin>:1: the file ends inside a quoted text"),
        ("a;\nb_by_lua_block { [[ }\n", "<stdin>:2: the file ends inside the block of Lua"),
        ("a;\n\u{0};", "<stdin>:2: a control character"),
        (&nested, "<stdin>:66: blocks and includes are nested more than 64 levels deep"),
    ] {
        let (run, _) = import_text(text);
        assert_eq!(run.code, 2, "{text:?}");
        assert!(run.stderr.starts_with(&format!("error: {message}")), "{text:?}: {}", run.stderr);
    }
    let (run, _) = import_text(&deep_groups);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn hostile_configurations_end_soon() {
    // Each `if` is unknown: 2 to the power of 40 ways.
    let ways: String = (0..40)
        .map(|n| format!("if ($arg_a{n} = 1) {{ add_header Access-Control-Allow-Origin *; }}\n"))
        .collect();
    let ways = format!("server {{ location / {{ {ways} return 200; }} }}");
    let slow = "map $http_origin $a { \"~^(?:(.+)\\1?)+!$\" $http_origin; \"~(a*)*(b*)*$\" 1; }
        server { add_header Access-Control-Allow-Origin $a; location / { return 200; } }";
    let cycle = "map $a $b { default $a; }\nmap $b $a { default $b; }
        server { location / { add_header Access-Control-Allow-Origin $a; return 200; } }";
    let expressions: String =
        (0..20_000).map(|n| format!("\"~^https://(a|b){n}\\.example$\" $http_origin;\n")).collect();
    let expressions = format!(
        "map $http_origin $a {{ {expressions} }}
        server {{ location / {{ add_header Access-Control-Allow-Origin $a; return 200; }} }}"
    );
    for (name, text, codes) in [
        ("ways", ways.as_str(), &[1][..]),
        ("slow", slow, &[0, 1]),
        ("cycle", cycle, &[1]),
        ("expressions", &expressions, &[2]),
    ] {
        let (run, time) = import_text(text);
        assert!(codes.contains(&run.code), "{name}: {} {:.2000}", run.code, run.stderr);
        assert!(time < Duration::from_secs(120), "{name}: {time:?}");
        assert!(!run.stderr.contains("panicked"), "{name}: {:.2000}", run.stderr);
        println!("{name}: {time:?}");
    }
}
