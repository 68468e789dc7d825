//! `cors-policy suggest`, with the JSON of a status page.

use std::fs;

use crate::run::{Run, documents, errors_by_schema, folder, project, run, run_with_stdin};
use cors_policy::{Decision, OriginHeader, document};
use serde_json::{Value, json};

const SCHEMA: &str = "docs/schemas/suggest.json";

/// An entry of `refused` in a dry run.
fn refused(origin: &str, lost: u64) -> Value {
    json!({"origin": origin, "decision": "denied_origin", "mode": "dry_run", "count": lost,
           "error": 0, "lost": lost, "last": 1_764_000_000})
}

fn status(refused: &[Value]) -> String {
    let counts =
        json!([{"request": "actual", "decision": "allowed", "mode": "dry_run", "count": 9}]);
    json!({"version": 1, "policies": {"api": counts}, "files": [], "refused": {"api": refused}})
        .to_string()
}

/// Runs the command with a status on standard input, and checks what holds for every result.
#[track_caller]
fn suggest(status: &str, args: &[&str]) -> Run {
    let run = run_with_stdin(&[&["suggest", "-"], args].concat(), status.as_bytes());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(run.stdout.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{run:?}");
    let json = [&["suggest", "-", "--format", "json"], args].concat();
    let json = run_with_stdin(&json, status.as_bytes()).json();
    assert_eq!(errors_by_schema(SCHEMA, &json), [""; 0], "{json}");
    run
}

/// The entries that a reader of YAML finds in the text.
fn lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let entries: Option<Vec<String>> = serde_yaml::from_str(line).unwrap();
        found.extend(entries.unwrap_or_default());
    }
    found
}

/// A document with one policy.
fn write(name: &str, policy: &str) -> String {
    let file = folder(name).join("cors.yaml");
    fs::write(&file, format!("version: 1\npolicies:\n  api:\n{policy}")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn forgotten_origins_are_lines_by_what_they_lose() {
    let status = fs::read_to_string(documents().join("status.json")).unwrap();
    let file = write("suggest-status", "    allow_origins: [https://app.example.com]\n");
    let run = suggest(&status, &[]);
    let checked = suggest(&status, &["--file", &file]);
    for run in [run, checked] {
        assert_eq!(lines(&run.stdout), ["http://app.example.com", "https://shop.example.com"]);
        for text in [
            "# Policy api: 2 origins are forgotten.\n# Add to policies.api.allow_origins",
            "      # at most 120 requests, 118 lost; only the scheme is different: \
             https://app.example.com is allowed\n      - http://app.example.com\n      \
             # 20 requests, 20 lost\n      - https://shop.example.com\n",
            "#   https://app.example.com.evil.net: 3 requests, 3 lost; looks like app.example.com, and \
             is another domain\n",
            "#   \"null\": 2 requests, 2 lost; pages of anybody",
            "#   https://app.example.com: denied_method, 2 lost; the error log names the method\n",
            "# 5371 requests were counted in dry runs; the last refusal was at 2025-11-24T16:01:40Z. 1 \
             more origin is refused and loses nothing.\n",
        ] {
            assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
        }
        assert!(!run.stdout.contains("bot.example") && !run.stdout.contains("enforced.example"));
    }
}

#[test]
fn guards_of_the_document_hold() {
    let status = fs::read_to_string(documents().join("status.json")).unwrap();
    let file = project().join("nginx-conf/cors.yaml");
    let run = suggest(&status, &["--file", file.to_str().unwrap()]);
    assert_eq!(lines(&run.stdout), ["https://shop.example.com"]);
    let start = "#   \"http://app.example.com\": at most 120 requests, 118 lost; ";
    let end = "; only the scheme is different: https://app.example.com is allowed";
    let line = run.stdout.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line.contains("insecure_origin") && line.ends_with(end), "{line}");
}

/// The text is pasted where it says, and the engine reads the document.
#[test]
fn the_document_with_the_lines_allows_the_origins() {
    for (name, policy) in [
        (
            "suggest-list",
            "    allow_credentials: true\n    allow_origins:\n      - https://app.example.com\n",
        ),
        (
            "suggest-any",
            "    deny_origins:\n      - https://b.example\n    allow_origins:\n      - https://*.example.com\n",
        ),
    ] {
        let file = write(name, policy);
        let origins = ["https://shop.example.net", "http://[::1]:3000", "app://.", "capacitor://"];
        let refused: Vec<Value> = origins.iter().map(|origin| refused(origin, 5)).collect();
        let run = suggest(&status(&refused), &["--file", &file]);
        let mut found = lines(&run.stdout);
        found.sort();
        let mut expected = origins.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(found, expected, "{}", run.stdout);
        let text = fs::read_to_string(&file).unwrap() + &run.stdout;
        let policies = document::parse(text.as_bytes(), "cors.yaml".as_ref()).unwrap().value;
        for origin in origins {
            let answer = policies[0].decide(OriginHeader::One(origin.as_bytes()));
            assert_eq!(answer.decision(), Decision::Allowed, "{origin}");
        }
    }
}

#[test]
fn the_engine_decides_what_is_a_line() {
    let file = write(
        "suggest-engine",
        "    allow_origins: [https://*.example.com, https://new.example]\n    \
             deny_origins: [https://old.example.com, https://*.bad.example]\n",
    );
    let status = status(&[
        refused("https://old.example.com", 9),
        refused("https://new.example", 8),
        refused("https://a.bad.example", 7),
        refused("file://", 6),
        refused("https://example.com", 5),
        refused("https://example.com.evil.net", 4),
    ]);
    let run = suggest(&status, &["--file", &file]);
    assert_eq!(lines(&run.stdout), ["https://example.com"], "{}", run.stdout);
    for text in [
        "\"https://old.example.com\": 9 requests, 9 lost; the policy refuses it even if it is listed",
        "\"https://a.bad.example\": 7 requests",
        "\"file://\": 6 requests, 6 lost; ",
        "5 requests, 5 lost; https://www.example.com is allowed, and example.com itself is not\n",
        "# 1 origin is refused by nginx and allowed by the document already.\n",
        "https://example.com.evil.net: 4 requests, 4 lost; looks like example.com",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
}

#[test]
fn a_line_goes_to_the_rule_of_its_near_miss() {
    let file = write(
        "suggest-rules",
        "    rules:\n      - allow_origins: [https://one.example]\n      - allow_origins: \
         [https://two.example]\n        allow_credentials: true\n",
    );
    let status = status(&[refused("https://two.example:8443", 3), refused("https://x.test", 2)]);
    let run =
        run_with_stdin(&["suggest", "-", "--file", &file, "--format", "json"], status.as_bytes());
    let forgotten = &run.json()["policies"][0]["forgotten"];
    assert_eq!(forgotten[0]["place"], "policies.api.rules[0].allow_origins");
    assert_eq!(forgotten[0]["origin"], "https://x.test");
    assert_eq!(forgotten[1]["place"], "policies.api.rules[1].allow_origins");
    assert_eq!(
        forgotten[1]["near_miss"],
        "only the port is different: https://two.example is allowed"
    );
}

#[test]
fn nothing_of_a_stranger_becomes_syntax() {
    let hostile = [
        "https://a.example\n      - https://evil.example",
        "https://a.example # x",
        "https://*.example",
        "https://*",
        "*",
        "regex:https://.*",
        "https://a.example: {b: c}",
        "- https://a.example",
        "'https://a.example",
        "\"https://a.example\"",
        "https://a.example:443",
        "https://A.example",
        "https://a.example/",
        "https://a.example…",
        "\u{1b}[31mhttps://a.example",
        "https://a\u{202e}.example",
        "\u{2028}- https://evil.example",
        "\u{85}- https://evil.example",
        "&a https://a.example",
        "!!str https://a.example",
        "http://localhost:[3000,5173]",
        "http://localhost:3000-3009",
        "",
        " ",
        "file://",
    ];
    let mut list: Vec<Value> = hostile.iter().map(|origin| refused(origin, 3)).collect();
    list.push(refused(&"a".repeat(100_000), 3));
    let mut near = refused("https://good.example", 9);
    near["near_miss"] =
        json!("x\n      - https://evil.example\r\u{2028}\u{85}- https://evil.example");
    list.push(near);
    let text = status(&list).replace("\"api\"", "\"a\\n- https://evil.example\\u2028\"");
    let run = suggest(&text, &[]);
    assert_eq!(lines(&run.stdout), ["https://good.example"], "{}", run.stdout);
    assert!(run.stdout.contains("\n#   and 6 more; --format json has all\n"), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.len() < 1000));

    let file = write("suggest-hostile", "    allow_origins: [https://app.example]\n");
    let run = suggest(&status(&list), &["--file", &file]);
    assert_eq!(lines(&run.stdout), ["https://good.example"], "{}", run.stdout);
}

#[test]
fn numbers_beyond_all_bounds_are_harmless() {
    let mut entry = refused("https://a.example", u64::MAX);
    entry["last"] = json!(u64::MAX);
    let counts = json!([{"mode": "dry_run", "count": u64::MAX}, {"mode": "dry_run", "count": 1}]);
    let text = json!({"version": 1, "policies": {"api": counts}, "refused": {"api": [entry]}});
    let run = suggest(&text.to_string(), &[]);
    assert!(run.stdout.contains(&format!("# {} requests were counted", u64::MAX)), "{run:?}");
}

#[test]
fn without_forgotten_origins_the_numbers_are_told() {
    let run = suggest(&status(&[refused("https://bot.example", 0)]), &[]);
    assert_eq!(
        run.stdout,
        "# Policy api: no origin is forgotten.\n# 9 requests were counted in dry runs; the last \
         refusal was at 2025-11-24T16:00:00Z. 1 more origin is refused and loses nothing.\n"
    );
}

#[test]
fn a_client_cannot_make_the_status_too_long() {
    // A full table of origins of control characters, and the counters of 10,000 policies.
    let mut origins: Vec<Value> =
        (0..4096).map(|n| refused(&format!("{n:x}{}", "\u{1}".repeat(340)), 1)).collect();
    origins.push(refused("https://shop.example", 4));
    let mut status: Value = serde_json::from_str(&status(&origins)).unwrap();
    let count =
        json!({"request": "preflight", "decision": "allowed", "mode": "dry_run", "count": 0});
    for n in 0..10_000 {
        status["policies"][format!("tenant-{n}")] = Value::from(vec![count.clone(); 18]);
    }
    let file = folder("suggest-long").join("status.json");
    fs::write(&file, status.to_string()).unwrap();
    let run = run(&["suggest", file.to_str().unwrap(), "--policy", "api"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(lines(&run.stdout), ["https://shop.example"]);
}

#[test]
fn what_is_no_status_is_told() {
    for (text, args, error) in [
        ("", &[][..], "is not the JSON of cors_policy_status"),
        ("[]", &[], "is not the JSON of cors_policy_status"),
        ("nginx_cors_requests_total 1", &[], "ask the page with ?format=json"),
        (r#"{"policies":{}}"#, &[], "older than 0.2"),
        (r#"{"version":1,"policies":{}}"#, &[], "remove origins=off"),
        (r#"{"version":2,"policies":{},"refused":{}}"#, &[], "its version is 2"),
        (&status(&[]), &["--policy", "apl"], "has no policy \"apl\"; did you mean api?"),
        (&status(&[]), &["--file", "nginx.conf"], "give the file that cors_policy_file names"),
        (&status(&[]), &["--file", "mistakes.yaml"], "mistakes.yaml:"),
        (&status(&[]), &["--file", "shop.yaml", "--policy", "api"], "has no policy api"),
        (&" ".repeat(65 << 20), &[], "longer than 64 MiB"),
    ] {
        let file = folder("suggest-mistakes").join("status.json");
        fs::write(&file, text).unwrap();
        let run = run(&[&["suggest", file.to_str().unwrap()], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{error}");
        assert!(run.stderr.contains(error), "{error}: {}", run.stderr);
    }
    let both = run_with_stdin(&["suggest", "-", "--file", "-"], b"");
    assert!(both.code == 2 && both.stderr.contains("cannot be the status and the document"));
    let missing = run(&["suggest", "127.0.0.1:9145/cors"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("write http:// before it"), "{}", missing.stderr);
    let note = suggest(&status(&[]), &["--file", "shop.yaml"]);
    assert_eq!(note.stdout, "# shop.yaml has no policy api, so nothing is suggested for it.\n");
}

#[cfg(feature = "probe")]
mod url {
    use super::*;
    use crate::probe::server::{Reply, Server};
    use crate::run::{command, finish};

    fn ask(url: &str) -> Run {
        let mut command = command(&["suggest", url]);
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        finish(&mut command)
    }

    fn response(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes()
    }

    #[test]
    fn a_page_is_asked_for_json() {
        let body = status(&[refused("https://shop.example", 4)]);
        let server = Server::start(move |_| Reply::Bytes(response("200 OK", &body)));
        let run = ask(&server.url("/cors?x=1"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert_eq!(lines(&run.stdout), ["https://shop.example"]);
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((&*requests[0].method, &*requests[0].target), ("GET", "/cors?x=1&format=json"));
        assert_eq!(requests[0].header("accept"), Some("application/json"));
    }

    #[test]
    fn a_page_that_is_no_status_is_told() {
        for (status, error) in [
            ("403 Forbidden", "the status of the answer is 403, not 200"),
            ("302 Found", "redirects are not followed"),
            ("200 OK", "is not the JSON of cors_policy_status"),
        ] {
            let server = Server::start(move |_| Reply::Bytes(response(status, "\u{1b}[31m")));
            let run = ask(&server.url("/"));
            assert_eq!((run.code, run.stdout.as_str()), (2, ""));
            assert!(run.stderr.contains(error) && !run.stderr.contains('\u{1b}'), "{run:?}");
        }
        let endless = Server::start(|_| {
            Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 64 << 10])
        });
        let run = ask(&endless.url("/"));
        assert!(run.code == 2 && run.stderr.contains("longer than 64 MiB"), "{run:?}");
        let run = ask("http://127.0.0.1:1/cors");
        assert!(run.code == 2 && run.stderr.contains("cannot connect"), "{run:?}");
        let run = ask("ftp://127.0.0.1/cors");
        assert!(run.code == 2 && run.stderr.contains("only http and https"), "{run:?}");
    }

    #[test]
    fn a_page_that_never_answers_costs_ten_seconds() {
        let server = Server::start(|_| Reply::Silence);
        let run = ask(&server.url("/"));
        assert!(run.code == 2 && run.stderr.contains("no answer within 10 seconds"), "{run:?}");
    }
}
