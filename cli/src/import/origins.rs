//! `allow_origins`.
//!
//! Every entry is read by the engine, so that the document passes its check. Guards stay closed: a
//! pattern that needs one is left out, with the entry of `dangerously_allow` that would let it in.

use cors_policy::origin::{Guard, OriginPattern};

use super::model::{Findings, Place, Rule};

/// Adds an origin that another software compares as it is. What keeps it from matching anything, such
/// as a slash at its end, is mended and reported. Returns whether it has been added.
///
/// The rule's `allow_credentials` has to be known, because most guards depend on it.
pub(crate) fn add(rule: &mut Rule, text: &str, place: &Place, findings: &mut Findings) -> bool {
    let (pattern, _) = mend(text);
    match OriginPattern::parse(&pattern) {
        Ok(OriginPattern::Any | OriginPattern::Wildcard(_) | OriginPattern::Regex(_)) => {
            findings.warn(
                place,
                format!(
                    "\"{text}\" is left out of allow_origins: it is compared as it is, without wildcards, so \
                     that it matches no origin today; here it would be a pattern"
                ),
            );
            false
        }
        _ => add_wildcard(rule, text, place, findings),
    }
}

/// Adds an origin with wildcards that mean the same in a policy. It is mended as [`add`] does.
pub(crate) fn add_wildcard(
    rule: &mut Rule,
    text: &str,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    let (pattern, mistakes) = mend(text);
    let is_added = add_pattern(rule, &pattern, place, findings);
    if is_added && !mistakes.is_empty() {
        findings.widens(
            place,
            format!(
                "\"{text}\" never matched before: browsers write an origin {}; it is written as \
                 \"{pattern}\", which matches",
                mistakes.join(" and ")
            ),
        );
    }
    is_added
}

/// Adds a pattern of a policy document, without mending it. Returns whether it has been added.
pub(crate) fn add_pattern(
    rule: &mut Rule,
    pattern: &str,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    if pattern.starts_with("regex:") && !findings.may_check_expression(place) {
        return false;
    }
    let parsed = match OriginPattern::parse(pattern) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.warn(
                place,
                format!("\"{pattern}\" is left out of allow_origins: {error}; {}", error.remedy()),
            );
            return false;
        }
    };
    if let Some(violation) = parsed.violations(rule.allow_credentials).first() {
        let text = format!(
            "\"{pattern}\" is left out of allow_origins: {violation}; {}",
            violation.remedy()
        );
        match violation.opened_by() {
            Guard::AnyOriginWithCredentials => findings.ask(place, text),
            _ => findings.warn(place, text),
        }
        return false;
    }
    if parsed == OriginPattern::Any {
        // Everything else is a part of it.
        rule.allow_origins.clear();
    }
    // Entries that are there twice are taken out when the policy is complete.
    if rule.allow_origins.first().is_none_or(|first| first != "*") {
        rule.allow_origins.push(pattern.to_owned());
    }
    true
}

/// Asks for the origins of a rule that has none.
pub(crate) fn ask_if_none(rule: &Rule, place: &Place, findings: &mut Findings) {
    if rule.allow_origins.is_empty() {
        findings.ask(
            place,
            "which origins may read the responses? `allow_origins: []` is refused by `cors-policy \
             check` until they are listed",
        );
    }
}

/// A text without what keeps it from being an origin, and what browsers do otherwise.
fn mend(text: &str) -> (String, Vec<&'static str>) {
    let mut mistakes = Vec::new();
    let mut origin = text.trim().to_owned();
    if origin != text {
        mistakes.push("without spaces around it");
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return (origin, mistakes);
    };
    let mut authority = authority.to_owned();
    let mut scheme = scheme.to_owned();
    if scheme.starts_with("regex:") {
        return (origin, mistakes);
    }
    if let Some(without) = authority.strip_suffix('/') {
        authority = without.to_owned();
        mistakes.push("without a slash at its end");
    }
    if (scheme.clone() + &authority).contains(|c: char| c.is_ascii_uppercase()) {
        scheme.make_ascii_lowercase();
        authority.make_ascii_lowercase();
        mistakes.push("in lower case");
    }
    if let Some(without) = default_port(&scheme).and_then(|port| authority.strip_suffix(port)) {
        authority = without.to_owned();
        mistakes.push("without the default port of its scheme");
    }
    origin = format!("{scheme}://{authority}");
    (origin, mistakes)
}

/// The default port of a scheme, with its colon.
pub(super) fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some(":80"),
        "https" => Some(":443"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place() -> Place {
        Place { file: Path::new("a.yaml").into(), line: Some(3) }
    }

    #[test]
    fn origins_are_mended_with_a_word() {
        for (text, origin, widens) in [
            ("https://app.example.com", "https://app.example.com", false),
            (" https://app.example.com", "https://app.example.com", true),
            ("https://App.Example.com:443/", "https://app.example.com", true),
            ("http://localhost:80", "http://localhost", true),
            ("http://localhost:8080", "http://localhost:8080", false),
            ("https://a.example:80", "https://a.example:80", false),
            ("app://LOCALHOST", "app://localhost", true),
        ] {
            let mut rule = Rule::default();
            let mut findings = Findings::default();
            assert!(add(&mut rule, text, &place(), &mut findings), "{text}: {findings:?}");
            assert_eq!(rule.allow_origins, [origin]);
            assert_eq!(findings.iter().any(|f| f.widens), widens, "{text}: {findings:?}");
        }
    }

    #[test]
    fn what_needs_a_guard_is_left_out_with_its_name() {
        for (text, credentials, guard) in [
            ("null", false, "null_origin"),
            ("file://", false, "file_origin"),
            ("*", true, "any_origin_with_credentials"),
            ("http://a.example", true, "insecure_origins"),
            ("https://*.github.io", true, "public_suffixes"),
            ("regex:https://.+\\.example\\.com", false, "loose_regex"),
        ] {
            let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
            let mut findings = Findings::default();
            assert!(!add_pattern(&mut rule, text, &place(), &mut findings));
            assert_eq!(rule.allow_origins, [""; 0]);
            let texts: Vec<_> = findings.iter().map(|f| f.text.as_str()).collect();
            assert_eq!(texts.len(), 1, "{texts:?}");
            assert!(texts[0].contains(&format!("\"{guard}\"")), "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_origin_is_left_out_with_advice() {
        let mut rule = Rule::default();
        let mut findings = Findings::default();
        for text in
            ["app.example.com", "https://a.example/path", "wss://a.example", "https://a*.com"]
        {
            assert!(!add(&mut rule, text, &place(), &mut findings), "{text}");
        }
        assert_eq!(rule.allow_origins, [""; 0]);
        assert_eq!(findings.iter().count(), 4);
        assert!(findings.iter().all(|f| f.level == super::super::model::Level::Warning));
    }

    #[test]
    fn what_is_compared_as_it_is_becomes_no_pattern() {
        for text in [
            "*",
            "https://*.example.com",
            "https://*",
            "http://localhost:*",
            "http://localhost:3000-3009",
            "http://localhost:[3000]",
            r"regex:https://[a-z]+\.example\.com",
        ] {
            let mut rule = Rule::default();
            let mut findings = Findings::default();
            assert!(!add(&mut rule, text, &place(), &mut findings), "{text}");
            assert_eq!(findings.iter().count(), 1, "{text}");
            assert!(add_wildcard(&mut rule, text, &place(), &mut findings), "{text}");
            assert_eq!(rule.allow_origins, [text]);
        }
    }

    #[test]
    fn every_origin_is_the_only_entry() {
        let mut rule = Rule::default();
        let mut findings = Findings::default();
        for text in ["https://a.example", "https://a.example", "*", "https://b.example"] {
            assert!(add_pattern(&mut rule, text, &place(), &mut findings));
        }
        assert_eq!(rule.allow_origins, ["*"]);
    }
}
