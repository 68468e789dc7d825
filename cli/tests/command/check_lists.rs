//! `cors-policy check` of lists of origins, and what a file is taken for.

use std::fs;

use crate::run::{folder, run, run_with_stdin};

#[test]
fn a_list_is_recognized_and_counted() {
    let run = run(&["check", "partners.txt"]);
    assert_eq!(run.stdout, "partners.txt: ok: a list, 2 origin patterns\n");
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
}

#[test]
fn each_mistake_of_a_list_has_its_line() {
    let list =
        b"# customers\r\nhttps://a.example\nhttps://b.example/ # b\n\nnull\nb.example\n\xff\n";
    let run = run_with_stdin(&["check", "-"], list);
    assert_eq!(
        run.stderr,
        "<stdin>:3: \"https://b.example/\": an origin does not end with a slash; write \
         \"https://b.example\"\n\
         <stdin>:5: \"null\": any page can have the origin `null`, by way of a sandboxed frame for \
         instance; leave it out; \"null_origin\" under `dangerously_allow` permits it\n\
         <stdin>:6: \"b.example\": an origin begins with a scheme; write \"https://b.example\"\n\
         <stdin>:7: \"\u{fffd}\": not UTF-8; save the file as UTF-8\n\
         4 mistakes\n"
    );
    assert_eq!((run.stdout.as_str(), run.code), ("", 2));
}

#[test]
fn what_only_credentials_forbid_and_what_stands_twice_are_warnings() {
    let list = b"https://*.netlify.app\nhttp://a.example\nhttps://a.example\nhttp://a.example\n";
    let run = run_with_stdin(&["check", "-"], list);
    let warnings: Vec<_> = run.stderr.lines().collect();
    assert_eq!(run.stdout, "<stdin>: ok: a list, 4 origin patterns\n");
    assert_eq!(run.code, 0);
    for (index, (line, what)) in [
        (1, "so that a policy with credentials refuses it; "),
        (2, "so that a policy with credentials refuses it; "),
        (4, "so that a policy with credentials refuses it; "),
        (4, "has no effect: the same stands in line 2; remove one of them"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(warnings[index].starts_with(&format!("<stdin>:{line}: warning: ")), "{warnings:?}");
        assert!(warnings[index].contains(what), "{warnings:?}");
    }
    assert_eq!(warnings[4..], ["4 warnings"]);
    assert_eq!(run_with_stdin(&["check", "--strict", "-"], list).code, 2);
}

#[test]
fn mistakes_of_a_list_are_bounded() {
    let list: String = (0..250).map(|n| format!("https://A{n}.example\n")).collect();
    let run = run_with_stdin(&["check", "-"], list.as_bytes());
    assert!(run.stderr.ends_with("\nand 150 more mistakes\n250 mistakes\n"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 102);
    let list = "http://a.example\n".repeat(250);
    let run = run_with_stdin(&["check", "-"], list.as_bytes());
    assert!(run.stderr.ends_with("\n499 warnings\n"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 10 + 10 + 1);
}

/// More than the beginning that is looked at, and than a document may have.
#[test]
fn a_long_list_is_read_to_its_end_from_a_pipe_and_from_a_file() {
    let mut list: String = (0..700_000).map(|n| format!("https://shop-{n}.example\n")).collect();
    assert!(list.len() > 16 << 20);
    list.push_str("https://shop-3.example\n");
    let expected = "700001: warning: \"https://shop-3.example\": has no effect: the same stands in \
                    line 4; remove one of them\n1 warning\n";
    let piped = run_with_stdin(&["check", "-"], list.as_bytes());
    assert_eq!(piped.stdout, "<stdin>: ok: a list, 700001 origin patterns\n");
    assert_eq!(piped.stderr, format!("<stdin>:{expected}"));
    let file = folder("long-list").join("list.txt");
    fs::write(&file, list).unwrap();
    let file = file.to_str().unwrap();
    let read = run(&["check", file]);
    assert_eq!(read.stderr, format!("{file}:{expected}"));
}

#[test]
fn an_empty_list_is_a_mistake() {
    for list in ["", "# nobody yet\n\n"] {
        let run = run_with_stdin(&["check", "--as", "list", "-"], list.as_bytes());
        assert_eq!(
            run.stderr,
            "<stdin>: no origin in this list; write one origin a line\n1 mistake\n"
        );
        assert_eq!(run.code, 2);
    }
}

#[test]
fn a_file_is_what_it_is_said_to_be() {
    let list = b"https://a.example\n";
    let as_document = run_with_stdin(&["check", "--as", "document", "-"], list);
    assert!(as_document.stderr.contains("expected the keys `version` and `policies`"));
    let as_nginx = run_with_stdin(&["check", "--as", "nginx", "-"], list);
    assert!(as_nginx.stderr.contains("the file ends inside a directive"), "{}", as_nginx.stderr);
    let document = b"version: 1\npolicies: {a: {allow_origins: 'https://a.example'}}";
    let as_list = run_with_stdin(&["check", "--as", "list", "-"], document);
    assert_eq!(as_list.code, 2);
    for run in [as_document, as_nginx, as_list] {
        assert!(!run.stderr.contains("the file was read as"), "{}", run.stderr);
    }
}

#[test]
fn a_doubt_about_what_a_file_is_comes_with_its_mistakes() {
    for (text, kind) in [
        ("", "a policy document"),
        ("# nothing\n", "a policy document"),
        ("api:\n  allow_origins: ['https://a.example']\n", "a policy document"),
        ("['https://a.example']\n", "a policy document"),
        ("- https://a.example\n- https://b.example\n", "a list of origins"),
        ("\"https://a.example\"\n", "a list of origins"),
        ("a.example\n", "a list of origins"),
        ("A sentence without an end\n", "nginx.conf"),
    ] {
        let run = run_with_stdin(&["check", "-"], text.as_bytes());
        let note = format!("<stdin>: note: the file was read as {kind}, by its content; ");
        assert!(run.stderr.contains(&note), "{text:?}: {}", run.stderr);
        assert_eq!(run.code, 2, "{text:?}");
    }
    // No doubt: it says what it is, is read without a mistake, or is not there.
    for (args, text) in [
        (&["check", "-"][..], "version: 2\n"),
        (&["check", "-"], "policies:\n"),
        (&["check", "-"], "{\"policies\": {}}"),
        (&["check", "-"], "https://a.example/\n"),
        (&["check", "-"], "server {"),
        (&["check", "missing.yaml", "."], ""),
    ] {
        let run = run_with_stdin(args, text.as_bytes());
        assert!(!run.stderr.contains("the file was read as"), "{text:?}: {}", run.stderr);
        assert_eq!(run.code, 2, "{text:?}");
    }
}

#[test]
fn an_entry_of_yaml_in_a_list_is_told_without_its_dash() {
    let run = run_with_stdin(&["check", "-"], b"- https://a.example\n- \"https://B.example\"\n");
    assert!(
        run.stderr.starts_with(
            "<stdin>:1: \"- https://a.example\": `- ` begins an entry of YAML, and no pattern; write \
             \"https://a.example\"\n\
             <stdin>:2: \"- \"https://B.example\"\": `- ` begins an entry of YAML, and no pattern; \
             write \"https://b.example\"\n"
        ),
        "{}",
        run.stderr
    );
}
