//! `cors-policy check`.

use std::{fs, os::fd::OwnedFd, process::Stdio};

use crate::run::{command, documents, finish, folder, run, run_with_stdin};

#[test]
fn a_document_without_mistakes_is_one_line() {
    let text = b"version: 1\npolicies: {a: {allow_origins: 'https://a.example'}}";
    let run = run_with_stdin(&["check", "-"], text);
    assert_eq!(run.stdout, "<stdin>: ok: 1 policy, 1 rule, 1 origin pattern\n");
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
}

/// What is printed about shop.yaml, in which one guard is open.
const SHOP: &str = "shop.yaml: ok: 3 policies, 4 rules, 9 origin patterns\n\
                    shop.yaml:31: note: policies.anyone.dangerously_allow[0]: \
                    \"any_origin_with_credentials\" is open: \"*\" lets in every origin with \
                    credentials; any page can act as its visitor\n";

#[test]
fn an_open_guard_is_listed_and_is_no_mistake() {
    for args in [&["check", "shop.yaml"][..], &["check", "--strict", "shop.yaml"]] {
        let run = run(args);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), (SHOP, "", 0));
    }
    // Beside mistakes, each once for a policy or a rule, in the order of the document.
    let text = b"version: 1\npolicies:\n  a:\n    allow_origins: [A]\n    dangerously_allow: \
                 [null_origin, null_origin, x]\n  b:\n    rules:\n      - allow_origins: ['null']\n        \
                 dangerously_allow: null_origin\n";
    let run = run_with_stdin(&["check", "-"], text);
    let guards: Vec<_> =
        run.stdout.lines().map(|line| line.split_once(" is open: ").unwrap().0).collect();
    assert_eq!(
        guards,
        [
            "<stdin>:5: note: policies.a.dangerously_allow[0]: \"null_origin\"",
            "<stdin>:9: note: policies.b.rules[0].dangerously_allow: \"null_origin\"",
        ]
    );
    assert_eq!(run.code, 2);
}

#[test]
fn open_guards_that_are_not_listed_are_counted() {
    let rule = "{allow_origins: ['null'], dangerously_allow: null_origin}";
    let policies: Vec<_> = (0..130).map(|index| format!("p{index}: {rule}")).collect();
    let text = format!("version: 1\npolicies: {{{}}}", policies.join(", "));
    let run = run_with_stdin(&["check", "-"], text.as_bytes());
    assert_eq!(run.stdout.lines().count(), 1 + 100 + 1);
    assert!(run.stdout.ends_with("\nand 30 more open guards\n"), "{}", run.stdout);
}

#[test]
fn ten_mistakes_are_ten_lines_in_the_order_of_the_document() {
    let run = run(&["check", "mistakes.yaml"]);
    let expected = fs::read_to_string(documents().join("mistakes.stderr")).unwrap();
    assert_eq!(run.stderr, expected);
    assert_eq!(run.stdout, "");
    assert_eq!(run.code, 2);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 11);
    // The document says in which lines they are.
    let document = fs::read_to_string(documents().join("mistakes.yaml")).unwrap();
    let numbered = document.lines().enumerate().filter(|(_, line)| {
        line.rsplit_once("# ").is_some_and(|(_, end)| end.parse::<u8>().is_ok())
    });
    for ((index, _), line) in numbered.zip(&lines) {
        assert!(line.starts_with(&format!("mistakes.yaml:{}: ", index + 1)), "{line}");
    }
}

#[test]
fn every_file_is_checked() {
    let run = run(&[
        "check",
        "--as",
        "document",
        "mistakes.yaml",
        "missing.yaml",
        "shop.yaml",
        "partners.txt",
    ]);
    assert_eq!(run.stdout, SHOP);
    assert!(
        run.stderr.contains("\nmissing.yaml: cannot be read: No such file or directory"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("\npartners.txt:"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("\n10 mistakes and 2 warnings in 3 of 4 files\n"),
        "{}",
        run.stderr
    );
    assert_eq!(run.code, 2);
}

#[test]
fn standard_input_can_be_checked() {
    let good = b"version: 1\npolicies: {a: {allow_origins: ['https://a.example']}}";
    let run = run_with_stdin(&["check", "-"], good);
    assert_eq!(run.stdout, "<stdin>: ok: 1 policy, 1 rule, 1 origin pattern\n");
    assert_eq!(run.code, 0);

    let bad = b"version: 1\npolicies: {a: {allow_origins: ['https://a.example/']}}";
    let run = run_with_stdin(&["check", "-"], bad);
    assert_eq!(
        run.stderr,
        "<stdin>:2: policies.a.allow_origins[0]: \"https://a.example/\": an origin does not end \
         with a slash; write \"https://a.example\"\n1 mistake\n"
    );
    assert_eq!(run.code, 2);

    // What it refers to is in the working directory.
    let list = b"version: 1\npolicies: {a: {allow_origins_file: partners.txt}}";
    let run = run_with_stdin(&["check", "-"], list);
    assert_eq!(run.stdout, "<stdin>: ok: 1 policy, 1 rule, 2 origin patterns\n");
}

/// As a shell passes `<(command)`.
#[cfg(unix)]
#[test]
fn a_pipe_can_be_checked() {
    let list = b"version: 1\npolicies: {a: {allow_origins_file: partners.txt}}";
    let run = run_with_stdin(&["check", "/dev/stdin"], list);
    assert_eq!(run.stdout, "<stdin>: ok: 1 policy, 1 rule, 2 origin patterns\n");

    let bad = b"version: 1\npolicies: {a: {allow_origins_file: /dev/stdin}}";
    let run = run_with_stdin(&["check", "-"], bad);
    assert_eq!(
        run.stderr,
        "<stdin>:2: policies.a.allow_origins_file: \"/dev/stdin\": a named pipe, not a regular file; \
         write the path of a regular file, or of a symbolic link to one\n1 mistake\n"
    );
}

#[test]
fn mistakes_that_are_not_shown_are_counted() {
    let folder = folder("check-many");
    let lines: String = (0..250).map(|index| format!("https://A{index}.example\n")).collect();
    fs::write(folder.join("list.txt"), lines).unwrap();
    let file = folder.join("cors.yaml");
    fs::write(&file, "version: 1\npolicies: {a: {allow_origins_file: list.txt}}").unwrap();
    let run = run(&["check", file.to_str().unwrap()]);
    assert!(run.stderr.ends_with("\nand 150 more mistakes\n250 mistakes\n"), "{}", run.stderr);
    assert_eq!(run.code, 2);
}

#[test]
fn warnings_refuse_a_file_only_if_asked_for() {
    let text = b"version: 1\npolicies: {a: {allow_origins: 'https://a.example', max_age: 2d}}";
    let warning = "<stdin>:2: warning: policies.a.max_age: \"2d\": more than 86400 seconds, sent as \
                   86400: Firefox keeps an answer for 86400 seconds at most, Chromium for 7200, \
                   WebKit for 600; write 1d or less\n1 warning\n";
    let run = run_with_stdin(&["check", "-"], text);
    assert_eq!(run.stdout, "<stdin>: ok: 1 policy, 1 rule, 1 origin pattern\n");
    assert_eq!((run.stderr.as_str(), run.code), (warning, 0));
    let run = run_with_stdin(&["check", "--strict", "-"], text);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), ("", warning, 2));

    let good = run_with_stdin(&["check", "--strict", "shop.yaml", "-"], text);
    assert_eq!(good.stdout, SHOP);
    assert!(good.stderr.ends_with("\n1 warning in 1 of 2 files\n"), "{}", good.stderr);
    assert_eq!(good.code, 2);
}

#[test]
fn ten_warnings_of_a_kind_are_shown_and_the_rest_counted() {
    let names: Vec<String> = (0..30).map(|index| format!("Sec-{index}")).collect();
    let text = format!(
        "version: 1\npolicies: {{a: {{allow_origins: '*', allow_headers: [{}]}}}}",
        names.join(", ")
    );
    let run = run_with_stdin(&["check", "-"], text.as_bytes());
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 11, "{}", run.stderr);
    assert!(lines[9].ends_with("; remove it (and 20 more warnings of this kind)"), "{}", lines[9]);
    assert_eq!((lines[10], run.code), ("30 warnings", 0));
}

#[test]
fn explain_shows_no_warnings() {
    let explain = ["explain", "-", "--origin", "https://a.example"];
    let text = "version: 1\npolicies: {a: {allow_origins: 'https://a.example', max_age: 2d}}";
    let run = run_with_stdin(&explain, text.as_bytes());
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
    let run = run_with_stdin(&explain, text.replace("2d", "2d, enforce: 1").as_bytes());
    assert_eq!(
        run.stderr,
        "<stdin>:2: policies.a.enforce: 1: expected true or false, found a number; write `true`\n"
    );
    assert_eq!(run.code, 2);
}

#[test]
fn without_a_file_it_says_how_it_is_used() {
    let run = run(&["check"]);
    assert!(run.stderr.contains("Usage: cors-policy check <FILE>..."), "{}", run.stderr);
    assert_eq!(run.code, 2);
}

#[test]
fn colours_are_for_terminals() {
    let args = ["check", "mistakes.yaml", "shop.yaml"];
    let plain = run(&args);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
    let forced = finish(command(&args).env("CLICOLOR_FORCE", "1"));
    assert!(forced.stdout.contains('\u{1b}') && forced.stderr.contains('\u{1b}'));
    let refused = finish(command(&args).env("CLICOLOR_FORCE", "0").env("NO_COLOR", "1"));
    assert_eq!((refused.stdout, refused.stderr), (plain.stdout, plain.stderr));
}

#[test]
fn nobody_has_to_read_it_to_the_end() {
    for args in [
        &["check", "shop.yaml"][..],
        &["explain", "shop.yaml", "--policy", "forward", "--origin", "https://shop.example"],
        &["schema"],
        &["--help"],
    ] {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(reader);
        let output =
            command(args).stdout(OwnedFd::from(writer)).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_written_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["schema"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: No space left on device"), "{stderr}");
}

#[test]
fn a_template_of_a_document_is_told_from_a_slip() {
    let template = "version: 1\npolicies:\n  api:\n    allow_origins:\n    {{- range .Values.origins }}\n      \
         - {{ . | quote }}\n    {{- end }}\n";
    let run = run_with_stdin(&["check", "-"], template.as_bytes());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("render the template first"), "{}", run.stderr);
    let slip = "version: 1\npolicies:\n  api:\n    allow_origins: [\"https://a.example\n";
    let run = run_with_stdin(&["check", "-"], slip.as_bytes());
    assert!(run.stderr.contains("check quotes, colons"), "{}", run.stderr);
}
