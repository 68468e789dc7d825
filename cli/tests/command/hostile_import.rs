//! `cors-policy import` of files that want to harm: a clear error, in bounded time and memory.

use std::fs;
use std::time::{Duration, Instant};

use crate::run::{Run, folder, run, run_with_stdin};

/// The longest time for a file, without optimization, on a machine that has more to do.
const LIMIT: Duration = Duration::from_secs(120);

#[track_caller]
fn import(text: &[u8]) -> Run {
    let start = Instant::now();
    let run = run_with_stdin(&["import", "-"], text);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    run
}

/// Everything is refused with this error, whatever the file is.
#[track_caller]
fn is_refused(text: &[u8], error: &str) {
    let run = import(text);
    let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
    assert!(run.stderr.starts_with("error: <stdin>:"), "{shown}: {}", run.stderr);
    assert!(run.stderr.contains(error), "{shown}: {}", run.stderr);
    assert!(run.stderr.len() < 1000, "{shown}: {}", run.stderr.len());
    assert_eq!((run.stdout.as_str(), run.code), ("", 2), "{shown}");
}

/// A file of Istio with this list of origins.
fn istio(origins: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  http:\n  - corsPolicy:\n      \
         allowOrigins: {origins}\n"
    )
}

#[test]
fn aliases_cannot_make_a_file_larger() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='z').zip('a'..) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", ")));
    }
    is_refused(bomb.as_bytes(), "more than 500,000 values or 16 MiB, aliases included");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 100_000].join(", "));
    is_refused(long.as_bytes(), "more than 500,000 values or 16 MiB, aliases included");
    let merges: String =
        (1..40).map(|n| format!("a{n}: &a{n} {{<<: [*a{0}, *a{0}], k{n}: v}}\n", n - 1)).collect();
    is_refused(format!("a0: &a0 {{k: v}}\n{merges}").as_bytes(), "more than 500,000 values");
    is_refused(b"a: &a [*a]\n", "an alias within the value that it stands for");
    is_refused(b"a: &a {<<: *a}\n", "an alias within the value that it stands for");
}

#[test]
fn nesting_is_limited() {
    let nested = |open: &str, close: &str, depth: usize| {
        let http = format!("{}{}", open.repeat(depth), close.repeat(depth));
        format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec: {http}\n")
    };
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]")] {
        let levels = open.matches(['[', '{']).count();
        let run = import(nested(open, close, 62 / levels).as_bytes());
        assert!(run.stderr.contains("nothing here decides about CORS"), "{}", run.stderr);
        is_refused(nested(open, close, 66 / levels).as_bytes(), "nested more than 64 levels deep");
        is_refused(nested(open, close, 200_000).as_bytes(), "");
    }
    is_refused(&b"[".repeat(1 << 20), "");
    is_refused(&b"[?".repeat(1 << 19), "");
    is_refused(&b"- ".repeat(1 << 20), "nested more than 64 levels deep");
    is_refused("a:\n ".repeat(1 << 18).as_bytes(), "");
}

#[test]
fn the_size_is_limited() {
    let most = 4 << 20;
    is_refused(&vec![b'#'; most + 1], "larger than 4 MiB");
    let comment = import(&vec![b'#'; most]);
    assert!(comment.stderr.contains("in no format that import recognizes"), "{}", comment.stderr);
    #[cfg(unix)]
    {
        let run = run(&["import", "/dev/zero"]);
        assert!(run.stderr.contains("larger than 4 MiB"), "{}", run.stderr);
        assert_eq!(run.code, 2);
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for binary in [&b"\x7fELF\x02\x01\x01\0\0"[..], b"a: \0\n", b"PK\x03\x04", b"a: \x1b[31m\n"] {
        is_refused(binary, "a control character, so that this is not a text file");
    }
    for binary in [&b"\xff\xfea\0"[..], b"a: \xe4\n", b"\x1f\x8b\x08", b"a: \xed\xa0\x80\n"] {
        is_refused(binary, "not text in UTF-8");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = folder("import-hostile");
    fs::create_dir(folder.join("a.yaml")).unwrap();
    for file in ["a.yaml", "missing.yaml"] {
        let path = folder.join(file);
        let run = run(&["import", path.to_str().unwrap()]);
        assert!(run.stderr.contains(file), "{}", run.stderr);
        assert_eq!((run.stdout.as_str(), run.code), ("", 2));
    }
}

#[test]
fn long_files_take_no_longer_than_they_are() {
    let mut files = Vec::new();
    let origins: Vec<_> = (0..30_000).map(|n| format!("{{exact: https://a{n}.example}}")).collect();
    files.push(istio(&format!("[{}]", origins.join(","))));
    let bad: Vec<_> = (0..25_000).map(|n| format!("{{exact: 'a{n}'}}")).collect();
    files.push(istio(&format!("[{}]", bad.join(","))));
    let headers: Vec<_> = (0..50_000).map(|n| format!("x-{n}")).collect();
    files.push(istio(&format!("[{{exact: '*'}}]\n      allowHeaders: [{}]", headers.join(","))));
    let object = |n: usize| {
        format!(
            "---\nkind: Ingress\nmetadata: {{name: a, annotations: \
             {{nginx.ingress.kubernetes.io/enable-cors: 'true', \
             nginx.ingress.kubernetes.io/cors-allow-origin: 'https://a{n}.example'}}}}\n"
        )
    };
    files.push((0..4_000).map(object).collect());
    files.push("---\n".repeat(100_000));
    files.push((0..40_000).map(|n| format!("kind: K{n}\n---\n")).collect());
    let labels: String = (0..8_000)
        .map(|n| format!("    - traefik.http.middlewares.m{n}.headers.accesscontrolmaxage={n}\n"))
        .collect();
    files.push(format!("services:\n  a:\n    labels:\n{labels}"));
    for file in files {
        assert!(file.len() < 4 << 20, "{}", file.len());
        let run = import(file.as_bytes());
        assert!((0..=2).contains(&run.code), "{}", run.code);
    }
}

#[test]
fn rules_of_a_bucket_are_limited() {
    let rule = |n: usize| {
        format!("{{\"AllowedOrigins\": [\"https://a{n}.example\"], \"AllowedMethods\": [\"GET\"]}}")
    };
    let rules: Vec<_> = (0..20_000).map(rule).collect();
    is_refused(
        format!("[{}]", rules.join(",")).as_bytes(),
        "more than 1000 origins in several rules",
    );
}

#[test]
fn expressions_are_limited() {
    for (expression, reason) in [
        ("(a{1000}){1000}".to_owned(), "left out of allow_origins: "),
        ("(".repeat(2000), "it cannot be read"),
        ("(a|".repeat(500) + &")".repeat(500), "it cannot be read"),
        ("a".repeat(3000), "it is longer than 2048 bytes"),
        ((0..300).map(|n| format!("a{n}|")).collect(), "it has more than 64 alternatives"),
    ] {
        let run = import(istio(&format!("[{{regex: '{expression}'}}]")).as_bytes());
        assert!(run.stderr.contains(reason), "{expression}: {}", run.stderr);
        assert_eq!(run.code, 1, "{expression}: {}", run.stderr);
    }
}

#[test]
fn the_number_of_expressions_and_globs_is_limited() {
    let many = |entry: &dyn Fn(usize) -> String| {
        let entries: Vec<_> = (0..2_000).map(entry).collect();
        format!("[{}]", entries.join(","))
    };
    let globs = many(&|n| format!("\"https://*.a{n}.example.com\""));
    for file in [
        istio(&many(&|n| format!("{{regex: 'https://a{n}-[0-9]+\\.example\\.com'}}"))),
        format!(
            "[{{\"AllowedOrigins\": {globs}, \"AllowedMethods\": [\"GET\", \"HEAD\", \"POST\"]}}]"
        ),
        format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nspec:\n  cors:\n    \
             allowOrigins: {globs}\n"
        ),
    ] {
        let run = import(file.as_bytes());
        assert!(
            run.stderr.contains("an expression is left out, since there are too many of them"),
            "{}",
            run.stderr
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}
