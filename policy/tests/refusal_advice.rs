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
    let found = |origin| policy.near_miss(origin).map(|near| near.to_string());
    assert_eq!(
        found("http://app.example.com").as_deref(),
        Some("only the scheme is different: https://app.example.com is allowed")
    );
    // Allowed names are near to it, but it is denied by name.
    assert_eq!(found("https://old.shop.example"), None);
    assert_eq!(found("https://somebody.example"), None);
}

#[test]
fn advice_without_credentials() {
    let policy = policy("allow_origins: [https://app.example.com]");
    let advice = policy.advice(Decision::DeniedOrigin, "http://new.example");
    assert_eq!(advice, Some(Advice::Allow("http://new.example".to_owned())));
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
            prop_assert_eq!(decide(&policy, near.allowed()), Decision::Allowed);
        }
        if let Some(Advice::Allow(entry)) = policy.advice(Decision::DeniedOrigin, &origin) {
            let keys = KEYS.replace("[https://app", &format!("['{entry}', https://app"));
            prop_assert_eq!(decide(&self::policy(&keys), &origin), Decision::Allowed);
        }
    }
}
