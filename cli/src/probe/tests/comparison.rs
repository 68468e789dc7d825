//! A policy before servers that are functions.

use std::sync::atomic::{AtomicUsize, Ordering};

use cors_policy::document;

use super::*;
use crate::probe::comparison::{Comparison, Sample, Subject};

/// What would change with a policy: identifiers, origins and messages. `lines` are those of the policy
/// behind `allow_origins`.
fn compare(
    lines: &str,
    server: impl Fn(&Exchange) -> Response + Sync,
) -> (Vec<(Id, String, String)>, Vec<String>) {
    let (address, token) = address();
    let text = format!("version: 1\npolicies:\n  api:\n    {}\n", lines.replace('\n', "\n    "));
    let mut sample = Sample::new(None, &token);
    let policies = document::parse_with_patterns(text.as_bytes(), "cors.yaml".as_ref(), |site| {
        sample.visit(site);
    })
    .unwrap_or_else(|error| panic!("{error}"))
    .value;
    let server = Function(server);
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let subject = Subject { policy: &policies[0], sample: &sample, origins: &[], token: &token };
    let Comparison { findings, notes } = Comparison::new(&asker, address, &subject).unwrap();
    let found =
        findings.into_iter().map(|it| (it.id, it.origin.unwrap_or_default(), it.message)).collect();
    (found, notes)
}

fn without_cors(_: &Exchange) -> Response {
    response(200, &[("ETag", "\"1\"")])
}

#[track_caller]
fn expect(
    lines: &str,
    expected: &[(Id, &str)],
    server: impl Fn(&Exchange) -> Response + Sync,
) -> Vec<String> {
    let (found, _) = compare(lines, server);
    let brief: Vec<_> = found.iter().map(|(id, origin, _)| (*id, origin.as_str())).collect();
    assert_eq!(brief, expected, "{found:#?}");
    found.into_iter().map(|(.., message)| message).collect()
}

const LIST: &str = "allow_origins: [https://app.shop.com, https://*.dev.shop.com]";

#[test]
fn a_policy_opens_what_was_closed() {
    let (found, notes) = compare(LIST, without_cors);
    assert!(found.iter().all(|(id, ..)| *id == Id::NewlyReadable), "{found:#?}");
    // The origin, and two that the pattern matches.
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found[0].1, APP);
    assert!(found[1].1.ends_with(".dev.shop.com"), "{found:#?}");
    assert_eq!(notes, <[String; 0]>::default());
}

#[test]
fn a_policy_that_does_what_the_server_does_changes_nothing() {
    let allowed = |origin: &str| {
        origin == APP || origin.starts_with("https://") && origin.ends_with(".dev.shop.com")
    };
    expect(LIST, &[], |it| {
        let answer = listed(it, allowed);
        match it.is_preflight() {
            true => with(answer, &[("Access-Control-Allow-Methods", "GET, HEAD, POST")]),
            false => answer,
        }
    });
}

#[test]
fn a_page_that_reads_now_is_shut_out() {
    // The server names an origin that the policy does not have.
    let other = [(Id::NewlyReadable, APP), (Id::NoLongerReadable, "https://old.shop.com")];
    expect("allow_origins: [https://app.shop.com]", &other, |_| {
        response(200, &[("Access-Control-Allow-Origin", "https://old.shop.com")])
    });
    // Cookies.
    let messages =
        expect("allow_origins: [https://app.shop.com]", &[(Id::NoLongerReadable, APP)], |it| {
            let answer = listed(it, |origin| origin == APP);
            with(answer, &[("Access-Control-Allow-Credentials", "true")])
        });
    assert!(messages[0].contains("allow_credentials: true"), "{messages:?}");
    // The domain itself, which the pattern does not match.
    expect(
        "allow_origins: [https://*.dev.shop.com]",
        &[(Id::NoLongerReadable, "https://dev.shop.com")],
        |it| {
            listed(it, |origin| origin.starts_with("https://") && origin.ends_with("dev.shop.com"))
        },
    );
}

#[test]
fn a_host_that_is_not_own_gets_403() {
    let policy =
        "allow_origins: [https://app.shop.com]\nenforce: true\nown_origins: [https://www.shop.com]";
    let messages =
        expect(policy, &[(Id::NoLongerReadable, APP)], |it| listed(it, |origin| origin == APP));
    assert!(messages[0].contains("403") && messages[0].contains("own_origins"), "{messages:?}");
}

#[test]
fn strangers_who_are_shut_out_are_no_finding() {
    let (found, notes) = compare("allow_origins: [https://app.shop.com]", |it| {
        listed(it, |origin| origin.starts_with("https://"))
    });
    assert!(found.is_empty(), "{found:#?}");
    assert!(notes[0].starts_with("Pages of any origin read now"), "{notes:?}");
}

#[test]
fn a_star_lets_strangers_in() {
    let (found, _) = compare("allow_origins: \"*\"", |it| listed(it, |origin| origin == APP));
    let ids: Vec<_> = found.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, [Id::NewlyReadable], "{found:#?}");
    assert!(found[0].2.contains("what matches any origin"), "{found:#?}");
}

#[test]
fn an_origin_that_is_denied_by_name_is_shut_out() {
    let policy = "allow_origins: [https://*.shop.com]\ndeny_origins: [https://old.shop.com]";
    let (found, _) = compare(policy, |it| {
        listed(it, |origin| origin.starts_with("https://") && origin.ends_with(".shop.com"))
    });
    let brief: Vec<_> = found.iter().map(|(id, origin, _)| (*id, &**origin)).collect();
    assert_eq!(brief, [(Id::NoLongerReadable, "https://old.shop.com")], "{found:#?}");
    assert!(found[0].2.contains("deny_origins"), "{found:#?}");
}

#[test]
fn headers_that_are_exposed_now_are_named() {
    let server = |it: &Exchange| {
        let answer = listed(it, |origin| origin == APP);
        with(
            answer,
            &[
                ("Access-Control-Expose-Headers", "ETag, X-Total"),
                ("ETag", "\"1\""),
                ("Link", "<x>"),
            ],
        )
    };
    let app = "allow_origins: [https://app.shop.com]";
    let messages = expect(app, &[(Id::ExposedHeaderLost, APP)], server);
    assert!(messages[0].contains("expose_headers: [etag, x-total]"), "{messages:?}");
    expect(&format!("{app}\nexpose_headers: [ETag, X-Total]"), &[], server);
    expect(&format!("{app}\nexpose_headers: \"*\""), &[], server);
    expect(&format!("{app}\nupstream_headers: merge"), &[], server);
    expect(&format!("{app}\nupstream_headers: keep"), &[], server);
}

#[test]
fn methods_and_headers_that_differ_are_named() {
    let server = |it: &Exchange| {
        let answer = listed(it, |origin| origin == APP);
        match it.is_preflight() {
            true => with(
                answer,
                &[
                    ("Access-Control-Allow-Methods", "PUT, PROPFIND"),
                    ("Access-Control-Allow-Headers", "X-A, Authorization"),
                ],
            ),
            false => answer,
        }
    };
    let app = "allow_origins: [https://app.shop.com]";
    let same =
        format!("{app}\nallow_methods: [PUT, PROPFIND]\nallow_headers: [X-A, Authorization]");
    expect(&same, &[], server);
    let policy = format!("{app}\nallow_methods: [PUT, DELETE]\nallow_headers: [X-A, X-B]");
    let messages = expect(&policy, &[(Id::PreflightDiffers, APP)], server);
    let (lost, gained) = messages[0].split_once("cannot send").unwrap();
    assert!(lost.contains("PROPFIND") && lost.contains("authorization"), "{messages:?}");
    assert!(!lost.contains("PUT") && !lost.contains("x-a"), "{messages:?}");
    assert!(gained.contains("DELETE") && gained.contains("x-b"), "{messages:?}");
    // The application goes on answering.
    expect(&format!("{policy}\npreflight: forward"), &[], server);
    expect(&format!("{policy}\npreflight: forward\nupstream_headers: merge"), &[], server);
}

#[test]
fn a_million_origins_are_sampled() {
    let list: String =
        (0..100_000).map(|it| format!("https://a{it}.shop.com, ")).collect::<String>();
    let (found, notes) = compare(&format!("allow_origins: [{list}]"), without_cors);
    assert!((8..=40).contains(&found.len()), "{}", found.len());
    assert!(notes.iter().any(|note| note.contains("were not asked for")), "{notes:?}");
}

#[test]
fn a_server_that_begins_to_refuse_loses_nothing_by_a_policy() {
    let asked = AtomicUsize::new(0);
    let lines = "allow_origins: [\"https://app.shop.com\", \"https://www.shop.com\"]";
    expect(lines, &[], |it| match asked.fetch_add(1, Ordering::SeqCst) {
        ..2 => listed(it, |origin| origin.ends_with(".shop.com")),
        _ => response(403, &[]),
    });
}

#[test]
fn a_server_that_leaves_cors_out_if_there_is_a_query_is_compared_without() {
    let lines = "allow_origins: [\"https://app.shop.com\"]";
    let (found, notes) = compare(lines, |it| match it.url.query() {
        None => listed(it, |origin| origin == APP),
        Some(_) => response(200, &[]),
    });
    assert!(found.iter().all(|(id, ..)| *id == Id::PreflightDiffers), "{found:#?}");
    assert!(notes.iter().any(|it| it.contains("query parameter")), "{notes:?}");
}
