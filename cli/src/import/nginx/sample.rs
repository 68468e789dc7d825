//! Origins that a pattern of a policy document matches.

use cors_policy::origin::OriginPattern;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most examples of an expression.
const MAX_EXAMPLES: usize = 8;

/// Whether a pattern is one origin.
pub(super) fn is_one_origin(pattern: &str) -> bool {
    !pattern.starts_with("regex:") && !pattern.contains(['*', '[']) && !is_range_of_ports(pattern)
}

fn is_range_of_ports(pattern: &str) -> bool {
    let port = pattern.rsplit_once(':').map_or("", |(_, port)| port);
    port.contains('-') && port.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Some origins that a pattern matches, at least one of each kind that it has.
pub(super) fn examples(pattern: &str) -> Vec<String> {
    let candidates = match pattern.strip_prefix("regex:") {
        Some(expression) => {
            regex_syntax::parse(expression).map(|hir| texts(&hir)).unwrap_or_default()
        }
        None => filled(pattern),
    };
    let Ok(parsed) = OriginPattern::parse(pattern) else { return Vec::new() };
    candidates.into_iter().filter(|origin| parsed.matches(origin.as_bytes())).collect()
}

/// A pattern with its stars filled.
fn filled(pattern: &str) -> Vec<String> {
    let (pattern, ports) = match pattern.strip_suffix(":*") {
        Some(pattern) => (pattern, &["", ":8443"][..]),
        None => (pattern, &[""][..]),
    };
    let hosts: &[&str] = if pattern.contains("://*.") {
        &["a", "a.b", "x7-y"]
    } else if pattern.ends_with("://*") {
        &["cors-policy-import.invalid", "a.example"]
    } else {
        &["a", "x7"]
    };
    let fill = |host: &str| match pattern.strip_prefix("*") {
        Some(_) => host.to_owned(),
        None => match pattern.split_once("://*") {
            Some((scheme, rest)) => format!("{scheme}://{host}{}", rest.replace('*', "a")),
            None => pattern.replace('*', host),
        },
    };
    hosts.iter().flat_map(|host| ports.iter().map(move |port| fill(host) + port)).collect()
}

/// Texts of an expression, without those that loops make longer than need be.
fn texts(hir: &Hir) -> Vec<String> {
    let mut texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => members(class),
        HirKind::Repetition(repetition) => {
            let inner = texts(&repetition.sub);
            let least = usize::try_from(repetition.min).unwrap_or(usize::MAX).min(64);
            let mut counts = vec![least];
            if repetition.max.is_none_or(|max| max > repetition.min) {
                counts.push(least + 1);
            }
            let repeat = |count: usize| inner.iter().map(move |text| text.repeat(count));
            counts.into_iter().flat_map(repeat).collect()
        }
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |begun, part| {
            let more = texts(part);
            // Every text of the part once, and every beginning.
            let count = begun.len().max(more.len());
            (0..count)
                .map(|at| format!("{}{}", begun[at % begun.len()], more[at % more.len()]))
                .collect()
        }),
        HirKind::Alternation(parts) => parts.iter().flat_map(texts).collect(),
    };
    texts.truncate(MAX_EXAMPLES);
    if texts.is_empty() {
        texts.push(String::new());
    }
    texts
}

/// The first and the last letter of a class, and a digit, or its first character.
fn members(class: &Class) -> Vec<String> {
    let has = |c: char| match class {
        Class::Unicode(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&c))
        }
        Class::Bytes(class) => {
            let byte = u8::try_from(c).unwrap_or_default();
            class.iter().any(|range| (range.start()..=range.end()).contains(&byte))
        }
    };
    let letters = [('a'..='z').find(|c| has(*c)), ('a'..='z').rfind(|c| has(*c))];
    let mut usual: Vec<_> = letters.into_iter().flatten().chain(has('7').then_some('7')).collect();
    usual.dedup();
    let any = || (' '..='~').find(|c| has(*c)).into_iter().collect();
    let members = if usual.is_empty() { any() } else { usual };
    members.into_iter().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_match_their_pattern() {
        for (pattern, expected) in [
            ("https://*.example.com", &["https://a.example.com", "https://a.b.example.com"][..]),
            ("https://pr-*.example.com", &["https://pr-a.example.com"]),
            ("http://localhost:*", &["http://localhost", "http://localhost:8443"]),
            ("https://*", &["https://a.example"]),
            (
                "regex:https://(a|b)[0-9]{2}\\.example",
                &["https://a77.example", "https://b77.example"],
            ),
        ] {
            let examples = examples(pattern);
            for origin in expected {
                assert!(
                    examples.iter().any(|example| example == origin),
                    "{pattern}: {examples:?}"
                );
            }
        }
        assert!(is_one_origin("http://localhost:3000") && is_one_origin("app://."));
        for pattern in ["http://a:[1,2]", "http://a:1-2", "http://a:*", "regex:http://a", "*"] {
            assert!(!is_one_origin(pattern), "{pattern}");
        }
    }
}
