//! The narrow reading of expressions.

use cors_policy::origin::{Origin, OriginPattern};
use proptest::{prelude::*, sample::select};
use regex_automata::util::syntax;

use super::*;

#[track_caller]
fn check(expression: &str, matching: Matching, patterns: &[&str], beyond: Option<&str>) {
    let narrowed = narrow(expression, matching).unwrap_or_else(|e| panic!("{expression}: {e}"));
    assert_eq!(narrowed.patterns, patterns, "{expression}");
    assert_eq!(narrowed.beyond.as_deref(), beyond, "{expression}");
    for pattern in patterns {
        OriginPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    }
}

#[test]
fn anchored_expressions_are_what_they_say() {
    for (expression, patterns) in [
        (r"https://app\.example\.com", &["https://app.example.com"][..]),
        (r"^https://app\.example\.com$", &["https://app.example.com"]),
        (r"^https:\/\/app\.example\.com$", &["https://app.example.com"]),
        (r"https?://app\.example\.com", &["http://app.example.com", "https://app.example.com"]),
        (
            r"https://(app|www)\.example\.com",
            &["https://app.example.com", "https://www.example.com"],
        ),
        (r"https://.*\.example\.com", &["https://*.example.com"]),
        (r"https://(.+\.)?example\.com", &["https://example.com", "https://*.example.com"]),
        (r"https://[a-z0-9-]+\.example\.com", &[r"regex:https://[a-z0-9-]+\.example\.com"]),
        (r"https://([\w-]+\.)+example\.com", &["https://*.example.com"]),
        (r"https://([a-z]+\.)+example\.com", &[r"regex:https://([a-z]+\.)+example\.com"]),
        (r"https://pr-[^.]+\.example\.com", &["https://pr-*.example.com"]),
        (r"https://pr-[0-9]+\.example\.com", &[r"regex:https://pr-[0-9]+\.example\.com"]),
        (r"http://localhost(:[0-9]+)?", &["http://localhost:*"]),
        (r"http://localhost:\d+", &["regex:http://localhost:[0-9]+"]),
        (r"http://\[::1\]:3000", &["http://[::1]:3000"]),
        (r"https://.*", &["https://*:*"]),
        (".*", &["*"]),
        (".+", &["*"]),
        ("app://localhost", &["app://localhost"]),
    ] {
        check(expression, Matching::WHOLE, patterns, None);
    }
}

#[test]
fn a_narrower_reading_names_what_it_leaves_out() {
    for (expression, matching, patterns, beyond) in [
        (
            r"https://.*\.home\.example",
            Matching::SEARCH,
            &["https://*.home.example"][..],
            Some("https://a.home.example.evil.net"),
        ),
        (
            r"^https://app.example\.com$",
            Matching::SEARCH,
            &["https://app.example.com"],
            Some("https://appxexample.com"),
        ),
        (
            r"\.example\.com$",
            Matching::SEARCH,
            &["https://*.example.com"],
            Some("http://a.example.com"),
        ),
        (
            r"example\.com",
            Matching::SEARCH,
            &["https://example.com", "https://*.example.com"],
            Some("https://example.com.evil.net"),
        ),
        (
            r"^https://.*example\.com$",
            Matching::SEARCH,
            &["https://example.com", "https://*.example.com"],
            Some("https://aexample.com"),
        ),
        (
            r"https://example\.com.*",
            Matching::WHOLE,
            &["https://example.com"],
            Some("https://example.coma.evil.net"),
        ),
        (
            r"https://pr-.*\.example\.com",
            Matching::WHOLE,
            &["https://pr-*.example.com"],
            Some("https://pr-a.b.example.com"),
        ),
    ] {
        check(expression, matching, patterns, beyond);
    }
}

#[test]
fn case_does_not_matter_where_it_is_ignored() {
    let matching = Matching { is_whole: false, ignores_case: true };
    check(r"^https://App\.Example\.com$", matching, &["https://app.example.com"], None);
    check(r"(?i)^https://App\.Example\.com$", Matching::SEARCH, &["https://app.example.com"], None);
}

#[test]
fn what_has_no_reading_says_why() {
    for (expression, reason) in [
        (r"(?!evil)https://a\.example", "it cannot be read"),
        (r"https://(a\.example", "it cannot be read"),
        (r"^app\.example\.com$", "it begins with no scheme"),
        (r"regex:https://a\.example", "it begins with no scheme"),
        (r"https://a\bb", "it has a boundary inside"),
        (r"https://ä\.example", "it has letters that no origin has"),
        (r"https://\xE4\.example", "it has letters that no origin has"),
        (r"https://\xE4+\.example", "it has letters that no origin has"),
        (r"^https://\*\.example\.com$", "its `*` stands for itself"),
        (r"https://[*]\.example\.com|https://a\.example", "its `*` stands for itself"),
        (r"https://a(\xE4)*\.example", "it has letters that no origin has"),
        (r"https://example\.com.+", "something has to follow the host"),
    ] {
        let error = narrow(expression, Matching::WHOLE).unwrap_err();
        assert!(error.starts_with(reason), "{expression}: {error}");
    }
    assert!(narrow(&"a".repeat(2049), Matching::WHOLE).is_err());
}

/// They match no origin, which the engine says of the expression. As a pattern they would be a range.
#[test]
fn several_ports_of_an_expression_stand_for_themselves() {
    for expression in
        [r"http://localhost:3000-3009", r"http://\[::1\]:3000-3009", r"https://.*\.a\.example:1-9"]
    {
        let narrowed = narrow(expression, Matching::WHOLE).unwrap();
        let [pattern] = &narrowed.patterns[..] else { panic!("{expression}: {narrowed:?}") };
        assert!(pattern.starts_with("regex:"), "{expression}: {pattern}");
        assert!(OriginPattern::parse(pattern).is_err(), "{expression}: {pattern}");
    }
}

#[test]
fn an_expression_that_is_too_long_matches_nothing() {
    let expression = |len: usize| format!("{}.", "a*".repeat(len / 2));
    assert!(matches(&expression(2046), Matching::WHOLE, "*"));
    assert!(!matches(&expression(2048), Matching::WHOLE, "*"));
}

/// An expression as people write them.
fn expressions() -> impl Strategy<Value = String> {
    let part = select(
        &[
            "app",
            "www",
            r"\.",
            ".",
            ".*",
            ".+",
            "[a-z0-9-]+",
            "[^.]+",
            r"\w+",
            "(app|www)",
            "(a|b)?",
            r"([a-z0-9-]+\.)+",
            r"([a-z]+\.)*",
            r"(.*\.)?",
            r"\*\.",
            r"[*\x80-\xFF]\.",
            "x-",
            "[0-9]{1,3}",
            "[ab]",
            "-",
            "pr-",
        ][..],
    );
    (
        select(&["", "^"][..]),
        select(&["", "https://", "https?://", "http://", r"https:\/\/", ".*://", "[a-z]+://"][..]),
        prop::collection::vec(part, 0..4),
        select(
            &[r"example\.com", "example.com", r"\.example\.com", r"(example|other)\.com", ""][..],
        ),
        select(&["", "(:[0-9]+)?", r":\d+", ":.*", ".*", ":8443", ":8440-8450", r":\*"][..]),
        select(&["", "$"][..]),
    )
        .prop_map(|(start, scheme, parts, domain, port, end)| {
            format!("{start}{scheme}{}{domain}{port}{end}", parts.concat())
        })
}

/// Origins that such expressions could be about.
fn origins() -> impl Strategy<Value = String> {
    let label = select(&["app", "www", "a", "b", "x-a", "pr-7", "a_b", "example", "evil", "1"][..]);
    (
        select(&["https", "http"][..]),
        prop::collection::vec(label, 0..4),
        select(
            &["example.com", "examplexcom", "other.com", "example.com.evil.net", "evilexample.com"]
                [..],
        ),
        select(&["", ":8443", ":1"][..]),
    )
        .prop_map(|(scheme, labels, domain, port)| {
            let labels: String = labels.iter().map(|label| format!("{label}.")).collect();
            format!("{scheme}://{labels}{domain}{port}")
        })
}

/// An expression of parts that hardly anybody puts together.
fn odd_expressions() -> impl Strategy<Value = String> {
    let part = select(
        &[
            "a",
            "https://",
            "example",
            r"\.",
            ".",
            "*",
            "+",
            "?",
            "{2}",
            "(",
            ")",
            "|",
            "[",
            "]",
            "^",
            "$",
            "-",
            ":",
            "(?i)",
            r"\b",
            r"\xE4",
            r"\xC3",
            "ä",
            "[^a]",
            r"[\x80-\xFF]",
            r"\]",
            r"\^",
        ][..],
    );
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// The reference is the library's own search, with groups around the expression.
    #[test]
    fn a_reading_lets_in_nothing_that_the_expression_does_not(
        expression in prop_oneof![expressions(), odd_expressions()],
        is_whole in any::<bool>(),
        origins in prop::collection::vec(origins(), 32),
    ) {
        let matching = Matching { is_whole, ignores_case: false };
        let Ok(narrowed) = narrow(&expression, matching) else {
            return Ok(());
        };
        let text = if is_whole { format!("^(?:{expression})$") } else { expression.clone() };
        let reference = Regex::builder()
            .syntax(syntax::Config::new().utf8(false).unicode(false))
            .build(&text)
            .unwrap();
        let patterns: Vec<_> =
            narrowed.patterns.iter().filter_map(|text| OriginPattern::parse(text).ok()).collect();
        for origin in origins.iter().filter(|origin| Origin::parse(origin.as_bytes()).is_some()) {
            for pattern in &patterns {
                if pattern.matches(origin.as_bytes()) {
                    prop_assert!(
                        reference.is_match(origin.as_str()),
                        "{} as {:?} lets in {}", expression, narrowed.patterns, origin
                    );
                }
            }
        }
        if let Some(beyond) = narrowed.beyond {
            prop_assert!(reference.is_match(beyond.as_str()), "{} {}", expression, beyond);
        }
    }
}
