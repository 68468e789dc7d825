//! What is said of origins that are refused.

use cors_policy::{Advice, Decision, OriginHeader, Policy, document};
use proptest::prelude::*;

fn policy(keys: &str) -> Policy {
    let text = format!("version: 1\npolicies:\n  a:\n    {}\n", keys.replace('\n', "\n    "));
    document::parse(text.as_bytes(), "cors.yaml".as_ref()).unwrap().value.remove(0)
}

const KEYS: &str = "\
allow_origins: [https://app.example.com, 'https://*.shop.example', 'https://dev.example:8443', 'https://localhost:5173']
deny_origins: [https://old.shop.example, https://www.example.com]
allow_credentials: true";

#[test]
fn near_misses() {
    let policy = policy(KEYS);
    for (origin, expected) in [
        ("http://app.example.com", Some("only the scheme differs from https://app.example.com")),
        ("https://app.example.com:444", Some("only the port differs from https://app.example.com")),
        ("http://app.example.com:81", Some("scheme and port differ from https://app.example.com")),
        ("https://dev.example", Some("only the port differs from https://dev.example:8443")),
        ("https://shop.example", Some("the name above https://www.shop.example")),
        ("https://x.app.example.com", Some("a name below https://app.example.com")),
        (
            "https://127.0.0.1:5173",
            Some("to a browser another host than that of https://localhost:5173"),
        ),
        (
            "https://app.example.com.evil.example",
            Some("looks like https://app.example.com, and is another domain"),
        ),
        (
            "https://my-app.example.com",
            Some("looks like https://app.example.com, and is another domain"),
        ),
        (
            "https://evilshop.example",
            Some("looks like https://www.shop.example, and is another domain"),
        ),
        // Allowed names are near to it, but it is denied by name.
        ("https://old.shop.example", None),
        ("https://somebody.example", None),
        ("app://app.example.com", None),
        ("null", None),
        ("https://app.example.com/", None),
        ("", None),
    ] {
        let found = policy.near_miss(origin).map(|near| near.to_string());
        assert_eq!(found.as_deref(), expected, "{origin}");
    }
}

#[test]
fn advice() {
    let policy = policy(KEYS);
    let text = |decision, origin| policy.advice(decision, origin).map(|it| it.to_string());
    for (origin, expected) in [
        ("https://new.example", "if it is meant, add to allow_origins: https://new.example"),
        (
            "http://new.example",
            "allow_origins takes it with dangerously_allow: [insecure_origins] only",
        ),
        ("https://app.example.com", "the policy allows it by now"),
        ("https://old.shop.example", "deny_origins names it"),
        ("https://app.example.com.evil.example", "probably somebody else's; nothing to do"),
        ("null", "a page without an origin, such as a sandboxed frame or a file"),
        ("https://a.example, https://b.example", "no browser sends this"),
        ("\n<script>", "no browser sends this"),
    ] {
        assert_eq!(text(Decision::DeniedOrigin, origin).as_deref(), Some(expected), "{origin}");
    }
    assert_eq!(text(Decision::Allowed, "https://new.example"), None);
    assert!(
        text(Decision::DeniedMethod, "https://app.example.com").unwrap().contains("allow_methods")
    );
    assert!(
        text(Decision::DeniedHeader, "https://app.example.com").unwrap().contains("allow_headers")
    );
    assert!(text(Decision::DeniedHost, "https://app.example.com").unwrap().contains("own_origins"));
}

/// Origins that resemble those of the policy, and other texts.
fn origins() -> impl Strategy<Value = String> {
    let host = "(x|my-|www|old|a)?[.-]?(app|shop|dev|localhost)?[.]?(example|shop)?([.](com|net|evil[.]example))?";
    prop_oneof![
        ("(https?|app)://", host, "(:[0-9]{1,5})?").prop_map(|(a, b, c)| a + &b + &c),
        ".{0,40}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_is_so(origin in origins()) {
        let policy = policy(KEYS);
        let decide = |policy: &Policy, origin: &str| {
            policy.decide(OriginHeader::One(origin.as_bytes())).decision()
        };
        if let Some(near) = policy.near_miss(&origin) {
            prop_assert_eq!(decide(&policy, &near.allowed), Decision::Allowed);
            prop_assert_ne!(near.allowed, origin.clone());
        }
        if let Some(Advice::Allow(entry)) = policy.advice(Decision::DeniedOrigin, &origin) {
            let keys = KEYS.replace("[https://app", &format!("['{entry}', https://app"));
            prop_assert_eq!(decide(&self::policy(&keys), &origin), Decision::Allowed);
        }
    }
}
