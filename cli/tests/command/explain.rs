//! `cors-policy explain`. docs/cors-policy.md has more of its output, which is tested too.

use std::fs;

use crate::run::{Run, documents, folder, run, run_with_stdin};
use cors_policy::{Decision, FieldName, OriginHeader, Policy, PreflightRequest, document};
use serde_json::{Value, json};

fn explain(policy: &str, origin: &str, more: &[&str]) -> Run {
    run(&[&["explain", "shop.yaml", "--policy", policy, "--origin", origin], more].concat())
}

#[test]
fn preflight_and_actual_request_are_explained() {
    let run = explain(
        "shop",
        "https://a.two.example",
        &["--method", "PATCH", "--header", "X-A", "--header", "authorization,x-a"],
    );
    assert_eq!(
        run.stdout,
        "\
allowed: policy shop lets https://a.two.example send PATCH with authorization, x-a
partners.txt:3: policies.shop.rules[0].allow_origins_file: \"https://*.two.example\" allows the origin
A response that has an Access-Control-Allow-Origin of its own is left as it is (upstream_headers: keep).

Preflight: allowed
  > OPTIONS
  > Origin: https://a.two.example
  > Access-Control-Request-Method: PATCH
  > Access-Control-Request-Headers: authorization,x-a
  < 200
  < Access-Control-Allow-Origin: https://a.two.example
  < Access-Control-Allow-Credentials: true
  < Access-Control-Allow-Methods: GET, PATCH
  < Access-Control-Allow-Headers: authorization,x-a
  < Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers

Actual request: allowed
  > PATCH
  > Origin: https://a.two.example
  < Access-Control-Allow-Origin: https://a.two.example
  < Access-Control-Allow-Credentials: true
  < Vary: Origin

Browser: lets the page read the response, with credentials too
"
    );
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
}

#[test]
fn what_a_preflight_lacks_is_named() {
    let run = explain(
        "shop",
        "https://pr-1.shop.example",
        &[
            "--method",
            "patch",
            "--header",
            "authorization,x-a,timing-allow-origin",
            "--private-network",
        ],
    );
    assert_eq!(
        run.stdout,
        "\
denied_method: policy shop does not let https://pr-1.shop.example send patch with authorization, timing-allow-origin, x-a
shop.yaml:19: policies.shop.rules[1].allow_origins[1]: \"regex:https://pr-[0-9]+\\.shop\\.example\" allows the origin
policies.shop.rules[1].allow_methods does not have patch.
policies.shop.rules[1].allow_private_network is not true, so that a browser that asks for it refuses the response.
A response that has an Access-Control-Allow-Origin of its own is left as it is (upstream_headers: keep).

Preflight: denied_method
  > OPTIONS
  > Origin: https://pr-1.shop.example
  > Access-Control-Request-Method: patch
  > Access-Control-Request-Headers: authorization,timing-allow-origin,x-a
  > Access-Control-Request-Private-Network: true
  < 200
  < Access-Control-Allow-Origin: https://pr-1.shop.example
  < Access-Control-Allow-Methods: GET, HEAD, POST
  < Access-Control-Allow-Headers: *
  < Vary: Origin

Actual request: allowed, but no browser sends it after this preflight
  > patch
  > Origin: https://pr-1.shop.example
  < Access-Control-Allow-Origin: https://pr-1.shop.example
  < Timing-Allow-Origin: https://pr-1.shop.example
  < Vary: Origin

Browser: does not send the request: Access-Control-Allow-Methods does not have patch; with credentials it does not send the request: Access-Control-Allow-Credentials is not true, and the request is with credentials
"
    );
    assert_eq!(run.code, 1);

    let run = explain("shop", "https://admin.shop.example", &["--method", "patch"]);
    let note = "policies.shop.rules[0].allow_methods does not have patch. It has PATCH; methods are \
                case-sensitive, and browsers do not change the case of this one.\n";
    assert!(run.stdout.contains(note), "{}", run.stdout);

    let run = explain(
        "forward",
        "https://shop.example",
        &["--header", "Access-Control-Allow-Origin", "--json"],
    );
    // Only the policy's own answer could lack it.
    assert_eq!(run.json()["decision"], "allowed");
    assert_eq!(run.code, 0);
}

#[test]
fn a_response_header_on_a_request_is_a_mistake_of_the_page() {
    let args = ["explain", "-", "--origin", "https://a.example"];
    let header = ["--header", "Access-Control-Allow-Origin"];
    let run = run_with_stdin(
        &[&args[..], &header].concat(),
        b"version: 1\npolicies: {a: {allow_origins: ['https://a.example']}}",
    );
    let note = "policies.a.allow_headers does not have access-control-allow-origin. It is a \
                response header; a page that puts it on a request is mistaken.\n";
    assert!(run.stdout.contains(note), "{}", run.stdout);
    assert!(run.stdout.starts_with("denied_header: "), "{}", run.stdout);
    assert_eq!(run.code, 1);
}

#[test]
fn a_refusal_says_by_what_or_what_comes_near() {
    for (origin, expected) in [
        (
            "https://old.shop.example",
            "shop.yaml:5: policies.shop.deny_origins[0]: \"https://old.shop.example\" denies the origin\n",
        ),
        (
            "http://pr-1.shop.example",
            "None of its 6 patterns matches.\nNear misses:\n  \
             shop.yaml:19: policies.shop.rules[1].allow_origins[1]: \"regex:https://pr-[0-9]+\\.shop\\.example\": \
             only the scheme is different: it matches https://pr-1.shop.example\n  \
             shop.yaml:18: policies.shop.rules[1].allow_origins[0]: \"https://*.shop.example:8443\": \
             scheme and port are different: it matches https://pr-1.shop.example:8443\n",
        ),
        (
            "https://shop.one.example:444",
            "Near misses:\n  partners.txt:2: policies.shop.rules[0].allow_origins_file: \
             \"https://shop.one.example\": only the port is different from that of the request\n",
        ),
        (
            "https://shop.example:8443",
            "\"https://*.shop.example:8443\": it matches the names below shop.example, and not shop.example itself\n",
        ),
        (
            "https://a.shop.one.example",
            "\"https://shop.one.example\": it does not include the names below it\n",
        ),
        (
            "https://one.example",
            "\"https://shop.one.example\": it does not include the name above it\n",
        ),
        (
            "http://[::1]:3000",
            "\"http://localhost:3000\": to a browser, [::1] and localhost are different hosts\n",
        ),
        (
            "https://shop.one.example.evil.net",
            "\"https://shop.one.example\": looks alike, but is another domain\n",
        ),
        (
            "https://eviltwo.example",
            "\"https://*.two.example\": looks alike, but is another domain\n",
        ),
        ("https://amdin.shop.example", "\"https://admin.shop.example\": spelled almost the same\n"),
        ("https://elsewhere.example", "None of its 6 patterns matches.\nThe request gets 403"),
        ("null", "null is the origin of sandboxed frames"),
        ("", "No browser sends this as an origin: "),
        (
            "https://shop.one.example/",
            "No browser sends this as an origin: an origin does not end with a slash; write \"https://shop.one.example\".\n",
        ),
        ("https://*.two.example", "This is a pattern. A browser sends one origin, such as"),
    ] {
        let run = explain("shop", origin, &[]);
        let decision = format!("denied_origin: policy shop does not allow the origin {origin}\n");
        assert!(run.stdout.starts_with(&decision), "{}", run.stdout);
        assert!(run.stdout.contains(expected), "{expected}\n{}", run.stdout);
        let end = "\n  < 403\n  < Vary: Origin\n\nBrowser: does not let the page read the response: \
                   Access-Control-Allow-Origin is missing\n";
        assert!(run.stdout.ends_with(end), "{}", run.stdout);
        assert_eq!(run.code, 1);
    }
}

#[test]
fn with_credentials_a_star_allows_only_what_can_be_repeated() {
    let run = explain("anyone", "not an origin", &[]);
    assert!(
        run.stdout.starts_with(
            "denied_origin: policy anyone does not allow the origin not an origin\n\
             shop.yaml:27: policies.anyone.allow_origins[0]: \"*\" matches, but with credentials the \
             answer repeats the origin, which has to be a well-formed one.\n\
             No browser sends this as an origin: "
        ),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 1);
}

#[test]
fn an_application_that_answers_preflights_decides_for_itself() {
    let run = explain("forward", "https://shop.example", &["--method", "DELETE", "--json"]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.json()["preflight"],
        json!({
            "needed": true,
            "answered_by": "application",
            "decision": null,
            "denied_headers": [],
            "request_headers": {
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "DELETE",
            },
            "status": null,
            "response_headers": null,
        })
    );
}

#[test]
fn json_says_the_same() {
    let run = explain("shop", "http://admin.shop.example", &["--header", "X-A", "--json"]);
    assert_eq!(run.code, 1);
    let headers = json!({ "Vary": "Origin" });
    assert_eq!(
        run.json(),
        json!({
            "version": 1,
            "file": "shop.yaml",
            "policy": "shop",
            "origin": "http://admin.shop.example",
            "method": "GET",
            "headers": ["x-a"],
            "private_network": false,
            "site": null,
            "host": null,
            "tls": false,
            "allowed": false,
            "decision": "denied_origin",
            "matched": null,
            "near_misses": [
                {
                    "file": "shop.yaml",
                    "line": 12,
                    "place": "policies.shop.rules[0].allow_origins[0]",
                    "rule": 0,
                    "pattern": "https://admin.shop.example",
                    "difference": "scheme",
                    "reason": "only the scheme is different from that of the request",
                },
                {
                    "file": "shop.yaml",
                    "line": 18,
                    "place": "policies.shop.rules[1].allow_origins[0]",
                    "rule": 1,
                    "pattern": "https://*.shop.example:8443",
                    "difference": "scheme_and_port",
                    "reason": "scheme and port are different: it matches https://admin.shop.example:8443",
                },
            ],
            "notes": [
                "The request gets 403 and does not reach the application (enforce: true): its origin \
                 is neither allowed nor the service's own. Requests of the service's own pages pass: \
                 see --site and --host.",
                "A response that has an Access-Control-Allow-Origin of its own is left as it is \
                 (upstream_headers: keep).",
            ],
            "preflight": {
                "needed": true,
                "answered_by": "policy",
                "decision": "denied_origin",
                "denied_headers": [],
                "request_headers": {
                    "Origin": "http://admin.shop.example",
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "x-a",
                },
                "status": 200,
                "response_headers": headers,
            },
            "actual": {
                "decision": "denied_origin",
                "passes": false,
                "point": null,
                "status": 403,
                "response_headers": headers,
            },
            "browser": {
                "omit": {
                    "sends": false,
                    "reads": false,
                    "reason": "Access-Control-Allow-Origin is missing",
                },
                "include": {
                    "sends": false,
                    "reads": false,
                    "reason": "Access-Control-Allow-Origin is missing",
                },
            },
        })
    );
}

#[test]
fn it_says_what_a_browser_makes_of_it() {
    let document = "version: 1
policies:
  open: {allow_origins: ['*'], allow_methods: [PUT], allow_headers: '*'}
  login: {allow_origins: ['https://a.example'], allow_credentials: true}
  forward: {allow_origins: ['https://a.example'], preflight: forward}
  own: {allow_origins: ['https://a.example'], enforce: true, own_origins: ['http://b.example']}
";
    let last = |policy: &str, arguments: &str| {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let all = [&["explain", "-", "--policy", policy], &arguments[..]].concat();
        let output = run_with_stdin(&all, document.as_bytes()).stdout;
        output.lines().last().unwrap().to_owned()
    };
    let page = "--origin https://a.example";
    for (policy, arguments, expected) in [
        (
            "open",
            page.to_owned(),
            "Browser: lets the page read the response; with credentials it does not let the page \
             read the response: Access-Control-Allow-Origin: * does not count for a request with \
             credentials",
        ),
        // As in every browser: `*` stands for Authorization.
        (
            "open",
            format!("{page} --method PUT --header authorization"),
            "Browser: lets the page read the response; with credentials it does not send the \
             request: Access-Control-Allow-Origin: * does not count for a request with credentials",
        ),
        (
            "login",
            page.to_owned(),
            "Browser: lets the page read the response, with credentials too",
        ),
        (
            "login",
            format!("{page} --header x-a"),
            "Browser: does not send the request: Access-Control-Allow-Headers does not have x-a",
        ),
        (
            "login",
            "--origin https://evil.example".to_owned(),
            "Browser: does not let the page read the response: Access-Control-Allow-Origin is \
             missing",
        ),
        (
            "forward",
            format!("{page} --method PUT"),
            "Browser: lets the page read the response, if the application's preflight allows it; \
             with credentials it does not let the page read the response: \
             Access-Control-Allow-Credentials is not true, and the request is with credentials",
        ),
        // These are not requests of another origin.
        ("login", format!("{page} --site same-origin"), "  < Vary: Origin"),
        ("own", "--site cross-site".to_owned(), "  < Vary: Origin"),
        ("own", "--origin http://b.example --method POST".to_owned(), "  < Vary: Origin"),
    ] {
        assert_eq!(last(policy, &arguments), expected, "{policy} {arguments}");
    }
}

/// The engine's own answer, without the command.
fn expected(
    policy: &Policy,
    origin: &str,
    method: &str,
    headers: &str,
) -> (Decision, Option<usize>) {
    let origin = OriginHeader::One(origin.as_bytes());
    let request = PreflightRequest {
        method: method.as_bytes(),
        headers: (!headers.is_empty()).then_some(headers.as_bytes()).into_iter(),
        private_network: false,
    };
    let answer = policy.decide_preflight(origin, &request);
    (answer.decision(), answer.rule())
}

#[test]
fn it_agrees_with_the_engine() {
    let policies = document::load(&documents().join("shop.yaml")).unwrap().value;
    for policy in policies.iter().filter(|policy| policy.name() != "forward") {
        for origin in [
            "https://shop.one.example",
            "https://a.b.two.example",
            "https://two.example",
            "https://admin.shop.example",
            "https://old.shop.example",
            "https://old.shop.example:8443",
            "https://pr-12.shop.example",
            "https://pr-.shop.example",
            "http://localhost:3000",
            "http://localhost",
            "null",
            "",
            "*",
            "https://A.two.example",
        ] {
            for (method, headers) in [("GET", ""), ("PATCH", "x-a"), ("GET", "authorization")] {
                let mut args = vec!["--json", "--preflight", "--method", method];
                if !headers.is_empty() {
                    args.extend(["--header", headers]);
                }
                let run = explain(policy.name(), origin, &args);
                let json = run.json();
                let (decision, rule) = expected(policy, origin, method, headers);
                let context = format!("{} {origin} {method} {headers}: {json}", policy.name());
                assert_eq!(json["decision"], decision.as_str(), "{context}");
                assert_eq!(json["allowed"], decision == Decision::Allowed, "{context}");
                assert_eq!(run.code, i32::from(decision != Decision::Allowed), "{context}");
                // A pattern is named wherever a rule has decided, and it is one of that rule.
                assert_eq!(
                    json["matched"]["rule"].as_u64(),
                    rule.map(|rule| rule as u64),
                    "{context}"
                );
                let allow_origin =
                    &json["actual"]["response_headers"][FieldName::AllowOrigin.as_str()];
                assert_eq!(allow_origin.is_string(), rule.is_some(), "{context}");
                if rule.is_none() && json["matched"] != Value::Null {
                    let place = json["matched"]["place"].as_str().unwrap();
                    assert!(place.contains(".deny_origins["), "{context}");
                }
            }
        }
    }
}

#[test]
fn without_a_decision_it_is_an_error() {
    let origin = ["--origin", "https://a.example"];
    let in_shop = [&["explain", "shop.yaml", "--policy", "shop"], &origin[..]].concat();
    for (args, expected) in [
        (
            [&["explain", "shop.yaml", "--policy", "shpo"], &origin[..]].concat(),
            "error: shop.yaml has no policy \"shpo\"; did you mean shop? It has: shop, forward, anyone\n",
        ),
        (
            [&["explain", "shop.yaml", "--policy", "elsewhere"], &origin[..]].concat(),
            "error: shop.yaml has no policy \"elsewhere\". It has: shop, forward, anyone\n",
        ),
        (
            [&["explain", "shop.yaml"], &origin[..]].concat(),
            "error: shop.yaml has several policies; choose one by --policy: shop, forward, anyone\n",
        ),
        (
            [&["explain", "mistakes.yaml"], &origin[..]].concat(),
            "mistakes.yaml:6: policies.api.allow_origins[0]: ",
        ),
        ([&["explain", "missing.yaml"], &origin[..]].concat(), "missing.yaml: cannot be read: "),
        (
            vec!["explain", "shop.yaml", "--policy", "shop"],
            "error: the following required arguments",
        ),
        (
            [&in_shop[..], &["--method", "TRACE"]].concat(),
            "error: invalid value 'TRACE' for '--method",
        ),
        (
            [&in_shop[..], &["--header", "Cookie"]].concat(),
            "error: invalid value 'Cookie' for '--header",
        ),
        (
            [&in_shop[..], &["--header", "X-A: 1"]].concat(),
            "error: invalid value 'X-A: 1' for '--header",
        ),
        (
            vec!["explain", "shop.yaml", "--origin", "a\nb"],
            "error: invalid value 'a\nb' for '--origin",
        ),
        (
            [&in_shop[..], &["--site", "Same-Origin"]].concat(),
            "error: invalid value 'Same-Origin' for '--site",
        ),
        ([&in_shop[..], &["--host", "a\nb"]].concat(), "error: invalid value 'a\nb' for '--host"),
        (
            vec!["explain", "shop.yaml", "--policy", "shop"],
            "error: the following required arguments were not provided:\n  --origin <ORIGIN>",
        ),
        (vec!["explian"], "error: unrecognized subcommand 'explian'"),
    ] {
        let run = run(&args);
        assert!(run.stderr.starts_with(expected), "{args:?}: {}", run.stderr);
        assert_eq!((run.stdout.as_str(), run.code), ("", 2), "{args:?}");
    }
}

#[test]
fn long_lists_are_ordinary() {
    let folder = folder("explain-long");
    let list: String =
        (0..100_000).map(|index| format!("https://shop{index}.partner.example\n")).collect();
    fs::write(folder.join("partners.txt"), list).unwrap();
    let file = folder.join("cors.yaml");
    fs::write(&file, "version: 1\npolicies: {a: {allow_origins_file: partners.txt}}").unwrap();
    let explain = |origin: &str| {
        run(&["explain", file.to_str().unwrap(), "--json", "--origin", origin]).json()
    };
    let last = explain("https://shop99999.partner.example");
    assert_eq!(last["matched"]["line"], 100_000);
    let near = explain("http://shop99999.partner.example");
    assert_eq!(near["near_misses"][0]["line"], 100_000);
    assert_eq!(near["near_misses"][0]["difference"], "scheme");
    fs::remove_dir_all(folder).unwrap();
}

/// Explains a request to the only policy of a document.
fn explain_document(document: &str, origin: &str, more: &[&str]) -> Run {
    run_with_stdin(&[&["explain", "-", "--origin", origin], more].concat(), document.as_bytes())
}

#[test]
fn a_shell_of_any_host_comes_near_to_no_page_of_the_web() {
    let document = "version: 1\npolicies:\n  a:\n    allow_origins: ['capacitor://*', \
                    'https://pr-*.a.example', 'https://*']\n";
    for (origin, pattern) in [
        ("http://localhost:3000", "https://*"),
        ("http://app.a.example", "https://*"),
        ("ionic://localhost", "capacitor://*"),
        ("ionic://b.example:1", "capacitor://*"),
    ] {
        let run = explain_document(document, origin, &["--json"]);
        let shown = &run.json()["near_misses"];
        assert_eq!(shown[0]["pattern"], pattern, "{origin}: {shown}");
    }
}

#[test]
fn null_is_named_where_the_star_beside_it_would_refuse() {
    for list in [r#"["*", "null"]"#, r#"["null", "*"]"#] {
        let run = explain_document(
            &format!(
                "version: 1\npolicies:\n  a:\n    allow_origins: {list}\n    allow_credentials: true\n    \
                 dangerously_allow: [any_origin_with_credentials, null_origin]\n"
            ),
            "null",
            &[],
        );
        assert!(run.stdout.contains("\"null\" allows the origin"), "{list}: {}", run.stdout);
    }
}

#[test]
fn a_later_rule_that_matches_too_is_named() {
    let document = "\
version: 1
policies:
  a:
    rules:
      - allow_origins: [\"https://*.example.com\"]
        allow_methods: [GET]
      - allow_origins: [\"https://app.example.com\", \"https://other.example\"]
        allow_methods: [PUT]
";
    let note = "<stdin>:7: policies.a.rules[1].allow_origins[0]: \"https://app.example.com\" matches \
                too, but policies.a.rules[0].allow_origins[0] stands before it and decides: put the \
                narrower rule first.\n";
    let put = explain_document(document, "https://app.example.com", &["--method", "PUT"]);
    assert!(put.stdout.contains(note), "{}", put.stdout);
    assert_eq!(put.code, 1);
    // What is allowed needs no other rule, and what only one rule has was not meant otherwise.
    for (origin, method) in [("https://app.example.com", "GET"), ("https://www.example.com", "PUT")]
    {
        let run = explain_document(document, origin, &["--method", method]);
        assert!(!run.stdout.contains("matches too"), "{}", run.stdout);
    }
}

#[test]
fn what_deny_origins_refuses_is_refused_on_purpose() {
    let document = "\
version: 1
policies:
  a:
    allow_origins: [\"https://*.example.com\"]
    deny_origins: [\"https://old.example.com\"]
";
    let run = explain_document(document, "https://old.example.com", &[]);
    assert!(!run.stdout.contains("matches too"), "{}", run.stdout);
    assert!(run.stdout.contains("deny_origins[0]"), "{}", run.stdout);
}

#[test]
fn enforce_passes_by_a_point_or_refuses() {
    let document = "\
version: 1
policies:
  plain:
    allow_origins: [\"https://app.example\"]
    enforce: true
  own:
    allow_origins: [\"https://app.example\"]
    enforce: true
    own_origins: [\"https://site.example\", \"http://localhost:8080\"]
  lax:
    allow_origins: [\"https://app.example\"]
";
    let explain = |policy: &str, arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let command = ["explain", "-", "--json", "--policy", policy];
        run_with_stdin(&[&command, &arguments[..]].concat(), document.as_bytes())
    };
    // The decision, the point or why there is none, the exit code, the end of a note.
    for (policy, arguments, decision, point, code, note) in [
        ("plain", "--origin https://app.example", "allowed", json!(1), 0, ""),
        (
            "plain",
            "--origin https://app.example --tls",
            "allowed",
            json!(1),
            0,
            "by point 1: the policy allows its origin.",
        ),
        (
            "plain",
            "--origin null --method POST --site same-origin",
            "denied_origin",
            json!(2),
            1,
            "by point 2: Sec-Fetch-Site is same-origin.",
        ),
        (
            "plain",
            "--site none --host x",
            "none",
            json!(2),
            0,
            "by point 2: Sec-Fetch-Site is none.",
        ),
        (
            "plain",
            "--site cross-site",
            "none",
            json!(3),
            0,
            "by point 3: it has no Origin, and GET is a safe method.",
        ),
        (
            "plain",
            "--host x --method DELETE",
            "none",
            json!(3),
            0,
            "by point 3: it has neither Origin nor Sec-Fetch-Site.",
        ),
        (
            "plain",
            "--origin http://site.example --host site.example --method POST",
            "denied_origin",
            json!(4),
            1,
            "by point 4: its origin is that of its Host.",
        ),
        (
            "own",
            "--origin http://localhost:8080 --host site.example --method POST",
            "denied_origin",
            json!(4),
            1,
            "by point 4: its origin is in own_origins.",
        ),
        (
            "plain",
            "--origin http://site.example --host site.example --tls",
            "denied_origin",
            Value::Null,
            1,
            "its origin is neither allowed nor the service's own.",
        ),
        (
            "plain",
            "--site same-site --method POST",
            "denied_site",
            Value::Null,
            1,
            "a foreign page sends it.",
        ),
        (
            "own",
            "--origin https://app.example --host evil.example",
            "denied_host",
            Value::Null,
            1,
            "its Host is not in own_origins.",
        ),
        // Without a host, the request goes to an own one.
        ("own", "--site cross-site", "none", json!(3), 0, ""),
    ] {
        let run = explain(policy, arguments);
        let found = run.json();
        assert_eq!(found["decision"], decision, "{arguments}: {found}");
        assert_eq!(found["actual"]["decision"], decision, "{arguments}");
        assert_eq!(found["actual"]["point"], point, "{arguments}");
        let passes = !point.is_null();
        assert_eq!(found["actual"]["passes"], passes, "{arguments}");
        let status = if passes { Value::Null } else { json!(403) };
        assert_eq!(found["actual"]["status"], status, "{arguments}");
        assert_eq!(found["allowed"], code == 0, "{arguments}");
        assert_eq!(run.code, code, "{arguments}");
        let notes = found["notes"].as_array().unwrap();
        let is_said = |text: &Value| text.as_str().is_some_and(|text| text.ends_with(note));
        assert!(note.is_empty() || notes.iter().any(is_said), "{arguments}: {notes:?}");
    }
    // What the site itself sends needs no preflight, and is judged without one.
    for site in ["same-origin", "none", "same-site", "cross-site"] {
        let found = explain(
            "plain",
            &format!("--origin https://app.example --method PUT --header x-a --site {site}"),
        )
        .json();
        let is_foreign = matches!(site, "same-site" | "cross-site");
        assert_eq!(found["preflight"].is_object(), is_foreign, "{site}: {found}");
        let decision = if is_foreign { "denied_method" } else { "allowed" };
        assert_eq!(found["decision"], decision, "{site}");
    }
    let asked = "--origin https://app.example --method PUT --site same-origin --preflight";
    assert_eq!(explain("plain", asked).json()["preflight"]["needed"], false);
    // A policy without the check says nothing about it.
    let found = explain("lax", "--origin https://evil.example --site cross-site").json();
    assert_eq!(found["actual"]["passes"], Value::Null);
    assert_eq!(found["actual"]["point"], Value::Null);

    // A preflight is refused for its host only.
    let preflight = |host: &str| {
        let rest = "--origin https://evil.example --method PUT --site cross-site --host";
        explain("own", &format!("{rest} {host}")).json()["preflight"].clone()
    };
    assert_eq!(preflight("site.example")["status"], 204);
    assert_eq!(preflight("site.example")["decision"], "denied_origin");
    assert_eq!(preflight("site.example:80")["status"], 403);
    assert_eq!(preflight("site.example:80")["decision"], "denied_host");
}

#[test]
fn a_request_without_origin_is_explained_in_words() {
    let document = "version: 1\npolicies: {a: {allow_origins: ['https://a.example'], enforce: true, \
                    own_origins: ['http://b.example']}}";
    let explain = |arguments: &[&str]| {
        run_with_stdin(&[&["explain", "-"], arguments].concat(), document.as_bytes()).stdout
    };
    assert_eq!(
        explain(&["--site", "cross-site", "--method", "POST"]),
        "\
denied_site: policy a refuses POST of foreign pages
The request gets 403 and does not reach the application (enforce: true): a foreign page sends it.

Actual request: denied_site
  > POST
  > Sec-Fetch-Site: cross-site
  < 403
  < Vary: Origin
"
    );
    assert_eq!(
        explain(&["--host", "b.example:81"]),
        "\
denied_host: policy a refuses requests to the host b.example:81
The request gets 403 and does not reach the application (enforce: true): its Host is not in own_origins.

Actual request: denied_host
  > GET
  > Host: b.example:81
  < 403
  < Vary: Origin
"
    );
    assert_eq!(
        explain(&["--host", "B.example", "--method", "PUT"]),
        "\
none: policy a has no origin to decide about
The request passes the origin check (enforce: true) by point 3: it has neither Origin nor Sec-Fetch-Site.

Actual request: none
  > PUT
  > Host: B.example
  < Vary: Origin
"
    );
}

#[test]
fn what_goes_to_everybody_and_what_the_application_adds_is_said() {
    let document = "version: 1\npolicies: {a: {allow_origins: ['https://a.example'], static_origin: true, \
                    upstream_headers: merge, preflight: forward, timing_allow_origin: '*'}}";
    let run = explain_document(document, "https://elsewhere.test", &["--method", "PUT"]);
    assert_eq!(
        run.stdout.split_once("Preflight:").unwrap().0,
        "\
denied_origin: policy a does not allow the origin https://elsewhere.test
Its one pattern does not match.
Preflights go to the application (preflight: forward). Its methods, headers and Access-Control-Max-Age are kept where the origin is allowed (upstream_headers: merge).
Every response names https://a.example, whoever asks (static_origin: true).
The headers that the application exposes are added to the policy's (upstream_headers: merge).

"
    );
    assert!(
        run.stdout.ends_with(
            "  < Access-Control-Allow-Origin: https://a.example\n  < Timing-Allow-Origin: *\n\n\
             Browser: does not let the page read the response: Access-Control-Allow-Origin is \
             \"https://a.example\", and the origin of the page is \"https://elsewhere.test\"\n"
        ),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 1);
}
