use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::origin::OriginPattern;

/// The near miss under a policy with these patterns. Patterns that begin with `!` are in `deny_origins`.
fn find(origin: &str, patterns: &[&str]) -> Option<NearMiss> {
    let lookups = Cell::new(0);
    let is_allowed = |origin: &str| {
        lookups.set(lookups.get() + 1);
        let matches = |text: &str| OriginPattern::parse(text).unwrap().matches(origin.as_bytes());
        let is_denied = patterns.iter().filter_map(|it| it.strip_prefix('!')).any(matches);
        !is_denied && patterns.iter().filter(|it| !it.starts_with('!')).any(|it| matches(it))
    };
    let found = NearMiss::find(origin, is_allowed);
    assert!(lookups.get() <= MAX_LOOKUPS, "{origin}: {}", lookups.get());
    if let Some(found) = &found {
        assert!(is_allowed(found.allowed()), "{origin}: {found:?}");
        assert_ne!(found.allowed(), origin);
        assert_eq!(NearMiss::says_lookalike(&found.to_string()), found.is_lookalike(), "{found}");
    }
    found
}

#[test]
fn the_most_helpful_difference_is_named() {
    use Difference::{Apex, Lookalike, Loopback, Port, Scheme, SchemeAndPort, Subdomain};
    for (origin, pattern, difference, sentence) in [
        (
            "http://app.example.com",
            "https://app.example.com",
            Scheme,
            "only the scheme is different: https://app.example.com is allowed",
        ),
        (
            "https://app.example.com:8443",
            "https://app.example.com",
            Port,
            "only the port is different: https://app.example.com is allowed",
        ),
        (
            "http://localhost",
            "http://localhost:3000",
            Port,
            "only the port is different: http://localhost:3000 is allowed",
        ),
        (
            "http://app.example.com:8080",
            "https://app.example.com",
            SchemeAndPort,
            "scheme and port are different: https://app.example.com is allowed",
        ),
        (
            "capacitor://localhost",
            "http://localhost",
            Scheme,
            "only the scheme is different: http://localhost is allowed",
        ),
        (
            "http://127.0.0.1:3000",
            "http://localhost:3000",
            Loopback,
            "to a browser, 127.0.0.1 and localhost are different hosts: http://localhost:3000 is allowed",
        ),
        (
            "https://example.com",
            "https://*.example.com",
            Apex,
            "https://www.example.com is allowed, and example.com itself is not",
        ),
        (
            "https://www.example.com",
            "https://example.com",
            Subdomain,
            "https://example.com is allowed, and www.example.com below it is not",
        ),
        (
            "https://a.b.example.com",
            "https://b.example.com",
            Subdomain,
            "https://b.example.com is allowed, and a.b.example.com below it is not",
        ),
        (
            "https://example.com.evil.net",
            "https://example.com",
            Lookalike,
            "looks like example.com, and is another domain",
        ),
        (
            "https://evilexample.com",
            "https://example.com",
            Lookalike,
            "looks like example.com, and is another domain",
        ),
        (
            "https://a.evilexample.com",
            "https://*.example.com",
            Lookalike,
            "looks like example.com, and is another domain",
        ),
        (
            "http://example.com.evil.net:81",
            "https://example.com",
            Lookalike,
            "looks like example.com, and is another domain",
        ),
        (
            "http://localhost.evil.net",
            "http://localhost",
            Lookalike,
            "looks like localhost, and is another domain",
        ),
    ] {
        let found = find(origin, &[pattern]).unwrap_or_else(|| panic!("{origin}"));
        assert_eq!((found.difference(), &*found.to_string()), (difference, sentence), "{origin}");
    }
}

#[test]
fn what_is_not_similar_has_no_near_miss() {
    for (origin, pattern) in [
        ("https://other.example", "https://app.example.com"),
        // A neighbour of the same owner is no stranger.
        ("https://myapp.example.com", "https://app.example.com"),
        ("https://com.evil.net", "https://example.com"),
        ("app://shop", "https://*"),
        ("app://.", "https://app.example.com"),
        ("null", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com"),
        ("https://APP.example.com", "https://app.example.com"),
        ("", "https://app.example.com"),
    ] {
        assert_eq!(find(origin, &[pattern]), None, "{origin}");
    }
}

/// Advice to allow what `deny_origins` refuses on purpose would be silly.
#[test]
fn an_exception_has_no_near_miss() {
    for (origin, patterns) in [
        ("https://old.example.com", &["*", "!https://old.example.com"][..]),
        ("https://old.example.com", &["https://*", "!https://*.example.com"]),
        ("https://old.example.com", &["https://*", "http://*", "!https://old.example.com"]),
        ("https://old.example.com", &["https://*.example.com", "!https://old.example.com"]),
        ("https://a.old.example.com", &["https://*.example.com", "!https://*.old.example.com"]),
        ("http://localhost:3000", &["http://*:*", "!http://localhost:*"]),
    ] {
        assert_eq!(find(origin, patterns), None, "{origin} {patterns:?}");
    }
}

proptest! {
    /// `find` itself asserts that the allowed origin is allowed, and that the lookups are few.
    #[test]
    fn hostile_texts_are_harmless(text in "\\PC{0,400}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let patterns = ["https://example.com", "https://*.example.net", "http://localhost:*"];
        find(&text, &patterns);
        find(&String::from_utf8_lossy(&bytes), &patterns);
        find(&format!("https://{}.example.com.evil.net", text.replace(' ', "a")), &patterns);
    }

    #[test]
    fn long_hosts_cost_few_lookups(labels in prop::collection::vec("[a-z]{1,20}", 1..120), port in any::<u16>()) {
        let mut host = labels.join(".");
        host.truncate(253);
        let host = host.trim_end_matches('.');
        find(&format!("http://{host}:{port}"), &["https://example.com"]);
        find(&format!("x://{host}"), &["https://example.com"]);
    }

    /// Whatever the policy is, even one that follows no rule.
    #[test]
    fn any_decision_is_asked_and_believed(
        origin in "https?://([a-z]{1,4}\\.){0,3}(example|evil)\\.(com|co\\.uk|net)(:[1-9][0-9]{3})?",
        seed in any::<u64>(),
        share in select(&[2_u64, 7, 50, 400][..]),
    ) {
        let allowed = std::cell::RefCell::new(BTreeSet::new());
        let is_allowed = |text: &str| {
            let hash = text.bytes().fold(seed, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let is_allowed = (hash >> 20) % share == 0;
            if is_allowed {
                allowed.borrow_mut().insert(text.to_owned());
            }
            is_allowed
        };
        if let Some(found) = NearMiss::find(&origin, is_allowed) {
            prop_assert!(allowed.borrow().contains(found.allowed()), "{:?}", found);
        }
    }
}
