//! Servers without a mistake: nothing is found.

use super::*;

#[track_caller]
fn expect_nothing(server: impl Fn(&Exchange) -> Response + Sync) {
    let (found, account) = probe(server);
    let found: Vec<_> = found.iter().map(|it| format!("{}: {}", it.id, it.message)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!((account.left_out, account.unanswered), (0, 0));
}

#[test]
fn a_server_without_cors() {
    expect_nothing(|it| response(if exists(it) { 200 } else { 404 }, &[]));
    expect_nothing(|it| match it.is_preflight() {
        true => response(405, &[]),
        false => response(if exists(it) { 200 } else { 404 }, &[]),
    });
}

#[test]
fn a_list() {
    expect_nothing(|it| listed(it, |origin| origin == APP));
    expect_nothing(|it| {
        with(
            listed(it, |origin| origin == APP || origin == "https://www.shop.com"),
            &[("Access-Control-Allow-Credentials", "true")],
        )
    });
}

#[test]
fn the_subdomains_of_one_domain() {
    expect_nothing(|it| {
        with(
            listed(it, |origin| origin.starts_with("https://") && origin.ends_with(".shop.com")),
            &[("Access-Control-Allow-Credentials", "true")],
        )
    });
}

#[test]
fn one_origin_for_all() {
    // Without `Vary`, since it is the same for everyone.
    expect_nothing(|it| {
        response(if exists(it) { 200 } else { 404 }, &[("Access-Control-Allow-Origin", APP)])
    });
    expect_nothing(|it| {
        response(
            if exists(it) { 200 } else { 404 },
            &[
                ("Access-Control-Allow-Origin", "https://another.net"),
                ("Access-Control-Allow-Credentials", "true"),
            ],
        )
    });
}

#[test]
fn everyone_without_credentials() {
    expect_nothing(|it| {
        response(if exists(it) { 200 } else { 404 }, &[("Access-Control-Allow-Origin", "*")])
    });
}

#[test]
fn a_preflight_for_what_is_not_listed() {
    // What a browser is told about a method and about headers.
    expect_nothing(|it| {
        let answer = listed(it, |origin| origin == APP);
        match it.is_preflight() {
            true => with(answer, &[("Access-Control-Allow-Methods", "GET")]),
            false => answer,
        }
    });
}

#[test]
fn strangers_are_refused() {
    // As `enforce` does, and without `Vary` where no cache keeps the answer.
    for vary in [&[("Vary", "Origin")][..], &[]] {
        expect_nothing(|it| match &it.origin {
            Some(origin) if origin != APP => response(403, vary),
            _ => listed(it, |origin| origin == APP),
        });
    }
}

#[test]
fn a_refusal_beside_what_another_policy_allows() {
    expect_nothing(|it| match (exists(it), &it.origin) {
        (true, Some(_)) => response(403, &[("Vary", "Origin")]),
        (true, None) => response(200, &[("Vary", "Origin")]),
        (false, _) => with(
            response(200, &[("Vary", "Origin")]),
            &[("Access-Control-Allow-Origin", origin(it))],
        ),
    });
}

#[test]
fn any_name_for_what_it_varies_on() {
    expect_nothing(|it| match origin(it) {
        APP => response(
            if exists(it) { 200 } else { 404 },
            &[("Access-Control-Allow-Origin", APP), ("Vary", "*")],
        ),
        _ => {
            response(if exists(it) { 200 } else { 404 }, &[("Vary", "Accept"), ("Vary", "ORIGIN")])
        }
    });
}

#[test]
fn a_server_that_refuses_parameters_is_asked_at_its_address() {
    let (found, _) = probe(|it| match it.url.query() {
        Some(_) => response(400, &[]),
        None => listed(it, |origin| origin.starts_with(APP)),
    });
    assert!(found.iter().any(|it| it.id == Id::MatchesPrefix), "{found:?}");
}
