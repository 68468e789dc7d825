//! Servers that limit requests, take the probe for an attack, or look at its query.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// The first requests that are answered.
const ANSWERED: usize = 8;

/// A server that lets in what begins like [`APP`], and after some requests answers otherwise.
fn until(refusal: impl Fn() -> Response + Sync) -> impl Fn(&Exchange) -> Response + Sync {
    let asked = AtomicUsize::new(0);
    move |it| match asked.fetch_add(1, Ordering::SeqCst) {
        ..ANSWERED => listed(it, |origin| origin.starts_with(APP)),
        _ => refusal(),
    }
}

#[test]
fn too_many_requests_are_no_answer() {
    let (found, account) = probe(until(|| response(429, &[("Retry-After", "60")])));
    assert!(found.is_empty(), "{found:?}");
    assert!(account.requests <= ANSWERED + 14, "{account:?}");
    assert_eq!(account.unanswered, account.requests - ANSWERED);
    let reason = account.reason.unwrap().0;
    assert!(reason.contains("429") && reason.contains("--delay"), "{reason}");
}

#[test]
fn what_answers_a_first_request_with_429_cannot_be_asked() {
    let server = Function(|_: &Exchange| response(429, &[]));
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let (address, token) = address();
    assert!(Survey::new(&asker, address, &token, &[]).is_err());
}

#[test]
fn a_refusal_is_no_answer_about_cors() {
    for status in [403, 503] {
        let (found, account) = probe(until(|| response(status, &[])));
        assert!(found.is_empty(), "{status}: {found:?}");
        let doubt = account.doubt.unwrap();
        assert!(doubt.contains(&status.to_string()), "{doubt}");
    }
}

#[test]
fn an_error_that_is_always_there_is_an_answer() {
    let (found, account) =
        probe(|it| Response { status: 503, ..listed(it, |origin| origin.starts_with(APP)) });
    assert!(found.iter().any(|it| it.id == Id::MatchesPrefix), "{found:?}");
    assert_eq!(account.doubt, None);
}

#[test]
fn a_server_that_no_longer_lets_a_page_read_is_doubted() {
    let (_, account) = probe(until(|| response(200, &[("Vary", "Origin")])));
    assert!(account.doubt.unwrap().contains("two ways"));
}

#[test]
fn the_last_request_is_asked_even_if_many_are_left_out() {
    let origins: Vec<_> = (0..40).map(|it| format!("https://a{it}.shop{it}.com")).collect();
    let asked = AtomicUsize::new(0);
    let server = Function(|it: &Exchange| match asked.fetch_add(1, Ordering::SeqCst) {
        ..150 => listed(it, |origin| origins.iter().any(|it| it == origin)),
        _ => response(403, &[]),
    });
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let (address, token) = address();
    let survey = Survey::new(&asker, address, &token, &origins).unwrap();
    let account = asker.account();
    assert_eq!((account.requests, account.doubt.is_some()), (200, true), "{account:?}");
    assert!(findings(&survey).is_empty());
}

#[test]
fn a_server_that_leaves_cors_out_if_there_is_a_query_is_asked_without() {
    let (found, _) = probe(|it| match it.url.query() {
        None => listed(it, |origin| origin.starts_with(APP)),
        Some(_) => response(200, &[]),
    });
    assert!(found.iter().any(|it| it.id == Id::MatchesPrefix), "{found:?}");
}

#[test]
fn a_preflight_that_is_not_modified_is_no_redirect() {
    let found = ids(|it| match it.is_preflight() {
        true => response(304, &[("Vary", "Origin")]),
        false => listed(it, |origin| origin == APP),
    });
    assert_eq!(found, [Id::PreflightFails].into());
}

#[test]
fn a_server_that_keeps_other_sites_out_lets_in_those_of_its_own() {
    let found = ids(|it| match it.site() {
        "cross-site" => response(403, &[("Vary", "Origin, Sec-Fetch-Site")]),
        _ if it.is_preflight() => response(405, &[("Vary", "Origin, Sec-Fetch-Site")]),
        _ => listed(it, |origin| origin == APP),
    });
    // What is wrong for a page that reads shows that it reads.
    assert_eq!(found, [Id::PreflightFails].into());
}
