//! `cors-policy probe`, against servers of the tests' own. What it finds is tested beside its source.

pub(crate) mod server;

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::run::{Run, command, finish, project};
use serde_json::{Value, json};
use server::{Reply, Server};

const APP: &str = "https://app.shop.example";

/// Runs the command without the proxies of the environment.
fn probe(args: &[&str]) -> Run {
    let mut command = command(&[&["probe"], args].concat());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    finish(&mut command)
}

fn ids(run: &Run) -> Vec<String> {
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// The errors of a report by its schema.
fn errors(report: &Value) -> Vec<String> {
    let schema = fs::read_to_string(project().join("docs/schemas/probe.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(report).map(|error| error.to_string()).collect()
}

fn sound() -> Server {
    Server::start(|it| Reply::listed(it, &[APP]))
}

/// A server that sends back every origin.
fn reflecting() -> Server {
    Server::start(|it| {
        let lines = [
            ("Access-Control-Allow-Origin", it.origin().to_owned()),
            ("Access-Control-Allow-Credentials", "true".to_owned()),
            ("Vary", "Origin".to_owned()),
        ];
        Reply::Response(200, lines.into())
    })
}

#[test]
fn a_sound_server_has_no_findings() {
    let server = sound();
    let run = probe(&[&server.url("/"), "--origin", APP]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(run.stdout.starts_with("no findings: http://127.0.0.1:"), "{run:?}");
}

#[test]
fn findings_come_with_the_exchange_that_shows_them() {
    let server = reflecting();
    let run = probe(&[&server.url("/orders"), "--origin", APP]);
    assert_eq!(run.code, 1, "{run:?}");
    for text in [
        "error: reflects-any-origin: ",
        "\n  > GET /orders?",
        "\n  > Origin: https://",
        "\n  < 200\n",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
}

#[test]
fn the_report_for_programs_is_that_of_the_schema() {
    for server in [sound(), reflecting()] {
        let run = probe(&[&server.url("/"), "--format", "json"]);
        let report = run.json();
        assert_eq!(errors(&report), [""; 0], "{report:#}");
        assert_eq!(report["requests"], server.requests().len());
        assert_eq!(run.code, i32::from(report["findings"] != json!([])));
        let mut wrong = report.clone();
        wrong["findings"] =
            json!([{ "id": "unknown", "level": "error", "origin": null, "message": "x" }]);
        assert_ne!(errors(&wrong), [""; 0]);
    }
}

#[test]
fn every_field_and_every_identifier_is_described() {
    let reference = fs::read_to_string(project().join("docs/cors-policy.md")).unwrap();
    let audit = fs::read_to_string(project().join("docs/audit.md")).unwrap();
    let report = probe(&[&reflecting().url("/"), "--format", "json"]).json();
    for (name, value) in report.as_object().unwrap() {
        assert!(reference.contains(&format!("\n| `{name}` |")), "{name}");
        for field in value[0].as_object().into_iter().flat_map(|fields| fields.keys()) {
            assert!(reference.contains(&format!("\n| `{name}[].{field}` |")), "{name}[].{field}");
        }
    }
    let schema = fs::read_to_string(project().join("docs/schemas/probe.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let known = &schema["properties"]["findings"]["items"]["properties"]["id"]["enum"];
    let rows: Vec<_> = audit
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(json!(rows), *known);
}

#[test]
fn requests_change_nothing_and_say_who_asks() {
    let server = sound();
    let run = probe(&[
        &server.url("/x?y=z"),
        "--origin",
        APP,
        "-H",
        "Authorization: Bearer 1",
        "-H",
        "X-A: b",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let requests = server.requests();
    assert!(requests.len() > 20 && requests.len() <= 200, "{}", requests.len());
    let agent = format!("cors-policy/{}", env!("CARGO_PKG_VERSION"));
    for request in &requests {
        assert!(["GET", "OPTIONS"].contains(&&*request.method), "{request:?}");
        assert!(request.target.starts_with("/x?y=z") || request.target.len() == "/".len() + 12);
        assert_eq!(request.header("user-agent"), Some(&*agent), "{request:?}");
        assert!(request.header("cookie").is_none() && request.header("accept-encoding").is_none());
        if request.method == "OPTIONS" {
            assert!(request.header("access-control-request-method").is_some(), "{request:?}");
            assert!(request.header("authorization").is_none() && request.header("x-a").is_none());
        }
    }
    let with = requests.iter().filter(|it| it.header("authorization") == Some("Bearer 1"));
    assert!(with.clone().count() > 15);
    assert!(with.clone().all(|it| it.header("x-a") == Some("b")));
    // One request finds out what pages read without it.
    assert_eq!(requests.iter().filter(|it| it.method == "GET").count() - with.count(), 1);
    assert!(!run.stdout.contains("Bearer"), "{run:?}");
    assert!(server.most_at_a_time() <= 5);
}

#[test]
fn requests_keep_their_distance() {
    let server = sound();
    let run = probe(&[&server.url("/"), "--delay", "20ms", "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let mut times: Vec<_> = server.requests().iter().map(|it| it.time).collect();
    times.sort();
    let gaps = u32::try_from(times.len() - 1).unwrap();
    assert!(*times.last().unwrap() - times[0] >= Duration::from_millis(18) * gaps, "{gaps}");
}

#[test]
fn no_more_than_200_requests_are_sent() {
    let origins: Vec<_> = (0..60).map(|it| format!("https://app.shop{it}.example")).collect();
    let allowed = origins.clone();
    let server = Server::start(move |it| {
        let is_allowed = allowed.iter().any(|origin| it.origin().starts_with(origin));
        if is_allowed { Reply::allowed(it) } else { Reply::listed(it, &[]) }
    });
    let mut args = vec!["--format", "json"];
    origins.iter().for_each(|origin| args.extend(["--origin", origin]));
    let url = server.url("/");
    args.push(&url);
    let run = probe(&args);
    let report = run.json();
    assert_eq!((server.requests().len(), &report["requests"]), (200, &json!(200)), "{report:#}");
    assert!(report["not_asked"].as_u64() > Some(0), "{report:#}");
    assert_eq!(errors(&report), [""; 0]);
    assert_eq!(ids(&run)[0], "matches-prefix");
    assert!(server.most_at_a_time() <= 5);
}

#[test]
fn redirects_are_reported_and_not_followed() {
    let target = sound();
    let to = target.url("/there");
    let server = Server::start(move |_| Reply::Response(302, vec![("Location", to.clone())]));
    let run = probe(&[&server.url("/")]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains(&format!("redirects to {}", target.url("/there"))), "{run:?}");
    assert_eq!(target.requests().len(), 0);
}

#[test]
fn servers_that_misbehave_end_in_one_line() {
    let again = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    let huge = [b"HTTP/1.1 200 OK\r\nX-A: ".to_vec(), vec![b'a'; 2 << 20]].concat();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(5000)).into_bytes();
    type Case = (&'static str, fn(Vec<u8>) -> Reply, Vec<u8>);
    let cases: [Case; 8] = [
        ("not HTTP", Reply::Bytes, b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("not HTTP", Reply::Bytes, Vec::new()),
        ("not HTTP", Reply::Bytes, b"HTTP/1.1 200 OK\r\nX-A: ".to_vec()),
        ("not HTTP", Reply::Bytes, huge),
        ("not HTTP", Reply::Bytes, many),
        (
            "not HTTP",
            |bytes| Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), bytes),
            b"X-A: b\r\n".repeat(100),
        ),
        ("within 10 seconds", |bytes| Reply::Endless(Vec::new(), bytes), again),
        ("within 10 seconds", |_| Reply::Silence, Vec::new()),
    ];
    std::thread::scope(|scope| {
        for (expected, reply, bytes) in cases {
            scope.spawn(move || {
                let server = Server::start(move |_| reply(bytes.clone()));
                let start = Instant::now();
                let run = probe(&[&server.url("/")]);
                assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{expected}: {run:?}");
                assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
                assert!(run.stderr.contains(expected), "{expected}: {run:?}");
                assert!(start.elapsed() < Duration::from_secs(20), "{run:?}");
            });
        }
    });
}

#[test]
fn endless_bodies_are_left_unread() {
    let head = b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n";
    for rest in [&b"\r\n"[..], b"Content-Length: 99999999999\r\n\r\n"] {
        let head = [&head[..], rest].concat();
        let server = Server::start(move |_| Reply::Endless(head.clone(), vec![b'a'; 4096]));
        let start = Instant::now();
        let run = probe(&[&server.url("/")]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn nothing_of_a_server_reaches_the_terminal_as_it_is() {
    let value = b"HTTP/1.1 302 Found\r\nLocation: /\x9b31m\xe2\x80\xae\r\n\
        Access-Control-Allow-Origin: https://a.example, \x9b2J\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(move |_| Reply::Bytes(value.to_vec()));
    for format in ["text", "json"] {
        let run = probe(&[&server.url("/"), "--format", format]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stdout.contains("9b2J"), "{run:?}");
        let is_plain = |c: char| c == '\n' || (c == '…' || c.is_ascii()) && !c.is_control();
        assert!(run.stdout.chars().all(is_plain), "{run:?}");
    }
}

#[test]
fn servers_that_cannot_be_reached_are_named() {
    for (args, expected) in [
        (&["http://127.0.0.1:1/"][..], "cannot connect: Connection refused"),
        (&["http://nobody.invalid/"], "cannot connect: "),
        (&["https://127.0.0.1:1/"], "cannot connect: Connection refused"),
    ] {
        let run = probe(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(expected) && run.stderr.contains(args[0]), "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
    // Not TLS.
    let server = sound();
    let run = probe(&[&server.url("/").replace("http:", "https:")]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn a_host_can_be_asked_at_another_address() {
    let server = sound();
    let port = server.address.port();
    let url = format!("http://api.shop.example:{port}/");
    let resolve = format!("api.shop.example:{port}:127.0.0.1");
    let run = probe(&[&url, "--resolve", &resolve]);
    assert_eq!(run.code, 0, "{run:?}");
    let host = format!("api.shop.example:{port}");
    assert!(server.requests().iter().all(|it| it.header("host") == Some(&*host)));
    let run = probe(&[&url, "--resolve", "api.shop.example:1:127.0.0.1"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains(&format!("write api.shop.example:{port}:ADDRESS")), "{run:?}");
}

#[test]
fn what_cannot_be_asked_is_refused_before_anybody_is() {
    let server = sound();
    let url = server.url("/");
    for (args, expected) in [
        (&["ftp://a.example/"][..], "only http and https"),
        (&["a.example"], "write https:// before it"),
        (&["http://u:p@a.example/"], "write --header"),
        (&[&url, "--origin", "https://a.example/"], r#"write "https://a.example""#),
        (&[&url, "--origin", "https://*.a.example"], "write one origin"),
        (&[&url, "--header", "Authorization"], "no colon"),
        (&[&url, "--policy", "api"], "FILE"),
        (&[&url, "mistakes.yaml"], "mistakes.yaml:6"),
        (&[&url, "shop.yaml"], "choose one by --policy"),
        (&[&url, "shop.yaml", "--policy", "shopp"], "did you mean shop?"),
        (&[&url, "nothing.yaml"], "nothing.yaml"),
    ] {
        let run = probe(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{args:?}: {run:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_policy_is_compared_with_what_the_server_does() {
    let file = project().join("nginx-conf/cors.yaml");
    let file = file.to_str().unwrap();
    let server = Server::start(|it| Reply::listed(it, &["https://old.example.com"]));
    let args = [file, "--policy", "api", "--origin", "https://old.example.com", "--format", "json"];
    let run = probe(&[&[&*server.url("/")], &args[..]].concat());
    let report = run.json();
    assert_eq!((run.code, &report["policy"]), (1, &json!("api")), "{report:#}");
    assert_eq!(errors(&report), [""; 0], "{report:#}");
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["id"].as_str().unwrap(), it["origin"].as_str().unwrap()))
        .collect();
    assert!(found.contains(&("newly-readable", "https://app.example.com")), "{found:?}");
    assert!(found.contains(&("no-longer-readable", "https://old.example.com")), "{found:?}");
    assert!(server.requests().iter().all(|it| ["GET", "OPTIONS"].contains(&&*it.method)));
}

#[test]
fn the_example_of_the_reference_prints_what_it_shows() {
    let server = Server::start(|it| {
        let mut lines = vec![("Vary", "Origin".to_owned())];
        if it.origin().starts_with("https://app.example.com") {
            lines.push(("Access-Control-Allow-Origin", it.origin().to_owned()));
            lines.push(("Access-Control-Allow-Credentials", "true".to_owned()));
        }
        Reply::Response(if it.method == "OPTIONS" { 405 } else { 200 }, lines)
    });
    let port = server.address.port();
    let url = format!("http://api.example.com:{port}/orders");
    let resolve = format!("api.example.com:{port}:127.0.0.1");
    let run = probe(&[&url, "--origin", "https://app.example.com", "--resolve", &resolve]);
    assert_eq!(run.code, 1, "{run:?}");
    // The word of the run stands in the query of each fresh address.
    let query = run.stdout.split("/orders?").nth(1).unwrap();
    let word = query.split('=').next().unwrap();
    let printed = run.stdout.replace(&format!(":{port}"), ":8080").replace(word, "k5tmq8wd2xna");
    let reference = fs::read_to_string(project().join("docs/cors-policy.md")).unwrap();
    assert!(reference.contains(&format!("\n```text\n{printed}```\n")), "{printed}");
}
