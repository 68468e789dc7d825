//! Properties of patterns and matchers, held against plain string code that shares nothing with
//! the crate.

mod reference;

use cors_policy::origin::{MatcherBuilder, Origin, OriginPattern, Rank};
use proptest::prelude::*;
use reference::Piece;

/// Pieces that patterns and origins have in common, so that they meet often.
fn scheme() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("https".to_owned()),
        4 => Just("http".to_owned()),
        2 => prop::sample::select(vec!["app", "ws", "wss", "ftp", "file", "blob", "a+b-c.d"])
            .prop_map(str::to_owned),
        1 => "[a-z0-9+.-]{0,3}",
    ]
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "example", "com", "localhost"])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec!["1", "0", "127", "256", "01", "0x1f", "a_b", "-", "xn--a"])
            .prop_map(str::to_owned),
        // None of them is a top-level domain by chance.
        1 => "|[a-z0-9_-]{0,3}_|[0-9_-][a-z0-9_-]{0,3}",
        1 => (60_usize..66).prop_map(|length| "l".repeat(length)),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::collection::vec(label(), 1..5).prop_map(|labels| labels.join(".")),
        1 => prop::collection::vec(label(), 1..140).prop_map(|labels| labels.join(".")),
        1 => any::<[u8; 4]>().prop_map(|octets| octets.map(|o| o.to_string()).join(".")),
        1 => any::<[u16; 8]>()
            .prop_map(|segments| format!("[{}]", std::net::Ipv6Addr::from(segments.map(|s| s % 3)))),
        1 => prop::sample::select(vec!["[::1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[1::0:1]"])
            .prop_map(str::to_owned),
    ]
}

/// A label with one or two `*`, or nearly one.
fn star_label() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["*", "a*", "*a", "a*b", "*-*", "*a*", "pr-*", "a*a*a"])
            .prop_map(str::to_owned),
        2 => label(),
        1 => "[a*-]{1,4}",
    ]
}

/// A host with `*` within, or nearly one.
fn star_host() -> impl Strategy<Value = String> {
    let parent = prop::sample::select(vec![
        "example",
        "com",
        "a.com",
        "example.com",
        "b.example.com",
        "localhost",
        "co.uk",
        "kawasaki.jp",
        "netlify.app",
        "127.0.0.1",
    ]);
    (prop::collection::vec(star_label(), 1..4), parent)
        .prop_map(|(labels, parent)| format!("{}.{parent}", labels.join(".")))
}

/// An origin that nearly matches a host with `*` within.
fn starred_origin() -> impl Strategy<Value = String> {
    let labels = prop::collection::vec("[ab-]{1,5}|a|b|pr-1", 1..4);
    let parent = prop::sample::select(vec!["example", "a.com", "example.com", "b.example.com"]);
    (scheme(), labels, parent, port()).prop_map(|(scheme, labels, parent, port)| {
        format!("{scheme}://{}.{parent}{port}", labels.join("."))
    })
}

/// A set of ports, or nearly one.
fn port_set() -> impl Strategy<Value = String> {
    let some = prop::sample::select(vec!["80", "443", "3000", "8443", "21", "1", "65535"]);
    let entry = prop_oneof![
        3 => some.clone().prop_map(str::to_owned),
        1 => (some.clone(), some).prop_map(|(from, to)| format!("{from}-{to}")),
    ];
    prop_oneof![
        1 => entry.clone().prop_map(|entry| format!(":{entry}")),
        3 => prop::collection::vec(entry, 0..4).prop_map(|list| format!(":[{}]", list.join(","))),
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        3 => prop::sample::select(vec![":80", ":443", ":8443", ":3000", ":21", ":0", ":", ":03000"])
            .prop_map(str::to_owned),
        1 => (0_u32..70000).prop_map(|port| format!(":{port}")),
    ]
}

fn origin() -> impl Strategy<Value = String> {
    let with_host = (scheme(), host(), port())
        .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"));
    let no_host = (scheme(), prop::sample::select(vec!["", "."]), port())
        .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"));
    prop_oneof![10 => with_host, 4 => starred_origin(), 1 => no_host]
}

/// An origin, or nearly one.
fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => origin().prop_map(String::into_bytes),
        4 => (origin(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(origin, index, byte)| {
                let mut bytes = origin.into_bytes();
                let index = index.index(bytes.len());
                bytes[index] = byte;
                bytes
            }
        ),
        4 => (origin(), any::<prop::sample::Index>(), "[ -~]{1,2}").prop_map(
            |(origin, index, text)| {
                let mut bytes = origin.into_bytes();
                let index = index.index(bytes.len() + 1);
                bytes.splice(index..index, text.into_bytes());
                bytes
            }
        ),
        1 => Just(b"null".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..400),
    ]
}

/// A pattern without expressions, or nearly one.
fn pattern() -> impl Strategy<Value = String> {
    let wildcard_host = prop_oneof![
        5 => host(),
        5 => host().prop_map(|host| format!("*.{host}")),
        1 => Just("*".to_owned()),
        1 => host().prop_map(|host| format!("*{host}")),
        8 => star_host(),
        1 => prop::sample::select(vec!["", "."]).prop_map(str::to_owned),
    ];
    let wildcard_port = prop_oneof![3 => port(), 1 => Just(":*".to_owned()), 2 => port_set()];
    prop_oneof![
        20 => (scheme(), wildcard_host, wildcard_port)
            .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}")),
        1 => Just("*".to_owned()),
        1 => Just("null".to_owned()),
    ]
}

/// An origin that a pattern describes: the first of several ports, and a text in place of each `*`.
fn example(pattern: &str, star: &str) -> String {
    let (before, rest) = pattern.split_once("://").unwrap_or(("", pattern));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if port.starts_with('[') || !port.ends_with(']') => (host, port),
        _ => (rest, ""),
    };
    let first = port.trim_start_matches('[').trim_end_matches(']').split([',', '-']).next();
    let default = [("http", "80"), ("https", "443"), ("ftp", "21")];
    let is_set = port.contains(['[', '-']);
    let port = match first {
        None | Some("*") => String::new(),
        Some("") if !is_set && !rest.ends_with(':') => String::new(),
        Some(first) if is_set && default.contains(&(before, first)) => String::new(),
        Some(first) => format!(":{first}"),
    };
    format!("{before}://{}{port}", host.replace('*', star))
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["a.", "b.", "example.", ".com", "com", "a"])
            .prop_map(Piece::Literal),
        2 => prop::sample::select(vec!["a.", ":8443", ".b"]).prop_map(Piece::Optional),
        2 => prop::sample::subsequence(vec!["a", "b.", "example", "localhost", "com"], 1..4)
            .prop_map(Piece::OneOf),
        2 => prop::sample::select(vec![&b"ab"[..], b"abcdelmpxo", b"abelmpxco.-", b"0123456789"])
            .prop_map(Piece::Some),
    ];
    (prop::sample::select(vec!["https://", "http://"]), prop::collection::vec(piece, 1..5))
        .prop_map(|(scheme, mut pieces)| {
            pieces.insert(0, Piece::Literal(scheme));
            pieces
        })
}

/// Patterns of a policy with their ranks: texts, and pieces of expressions.
fn policy() -> impl Strategy<Value = Vec<(Rank, Result<String, Vec<Piece>>)>> {
    let either = prop_oneof![4 => pattern().prop_map(Ok), 1 => pieces().prop_map(Err)];
    prop::collection::vec((0_u16..6, either), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn origins_are_what_the_reference_says(header in header()) {
        let expected = std::str::from_utf8(&header).is_ok_and(reference::is_origin);
        prop_assert_eq!(Origin::parse(&header).is_some(), expected);
    }

    #[test]
    fn parts_of_an_origin_make_it_up(origin in origin()) {
        if let Some(parsed) = Origin::parse(origin.as_bytes()) {
            let part = |bytes| std::str::from_utf8(bytes).unwrap();
            let port = parsed.port().map_or(String::new(), |port| format!(":{port}"));
            let whole = format!("{}://{}{port}", part(parsed.scheme()), part(parsed.host()));
            prop_assert_eq!(whole, origin);
        }
    }

    #[test]
    fn each_origin_is_a_pattern_that_matches_itself(origin in origin()) {
        if reference::is_origin(&origin) {
            let pattern = OriginPattern::parse(&origin).unwrap();
            prop_assert!(pattern.matches(origin.as_bytes()));
        }
    }

    #[test]
    fn a_pattern_matches_the_shortest_origin_that_it_describes(pattern in pattern(), byte in "[a-z]") {
        // With one byte in place of each `*` there must be an origin, or the pattern is wrong.
        if let Ok(parsed) = OriginPattern::parse(&pattern) {
            if pattern != "*" && pattern != "null" {
                let example = example(&pattern, &byte);
                prop_assert!(reference::is_origin(&example), "{} {}", pattern, example);
                prop_assert!(parsed.matches(example.as_bytes()), "{} {}", pattern, example);
            }
        }
    }

    #[test]
    fn a_text_without_mistakes_is_a_pattern(pattern in pattern()) {
        let is_pattern = pattern == "*"
            || pattern == "null"
            || reference::is_pattern(&pattern, &example(&pattern, "x"));
        prop_assert_eq!(OriginPattern::parse(&pattern).is_ok(), is_pattern, "{}", pattern);
    }

    #[test]
    fn patterns_are_written_as_they_were_read(pattern in pattern()) {
        if let Ok(parsed) = OriginPattern::parse(&pattern) {
            prop_assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn whatever_a_remedy_quotes_is_a_pattern(text in prop_oneof![
        pattern(),
        header().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "[a-zA-Z0-9:/.*@?#\\[\\], é-]{0,24}",
    ]) {
        if let Err(error) = OriginPattern::parse(&text) {
            let remedy = error.remedy();
            prop_assert!(!error.to_string().is_empty() && !remedy.is_empty());
            if let Some(quoted) =
                remedy.strip_prefix("write \"").and_then(|rest| rest.strip_suffix('"'))
            {
                prop_assert!(OriginPattern::parse(quoted).is_ok(), "{}: {}", text, remedy);
            }
        }
    }
}

// Each case compiles expressions.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn matchers_find_what_the_reference_finds(
        policy in policy(),
        headers in prop::collection::vec(header(), 1..8),
    ) {
        let mut builder = MatcherBuilder::new();
        let mut accepted = Vec::new();
        for (rank, pattern) in &policy {
            let text = match pattern {
                Ok(text) => text.clone(),
                Err(pieces) => format!("regex:{}", reference::expression(pieces)),
            };
            if let Ok(parsed) = OriginPattern::parse(&text) {
                builder.add(*rank, &parsed);
                accepted.push((*rank, pattern, text));
            }
        }
        let matcher = builder.build().unwrap();
        // The origins of the patterns themselves, with the wildcards filled in, match often.
        let examples = accepted
            .iter()
            .filter_map(|(_, pattern, _)| pattern.as_ref().ok())
            .flat_map(|text| [example(text, "a.b"), example(text, "a"), example(text, "b-a")])
            .map(String::into_bytes);
        for header in headers.iter().cloned().chain(examples) {
            let is_origin = std::str::from_utf8(&header).is_ok_and(reference::is_origin);
            let matches = |pattern: &Result<String, Vec<Piece>>| match pattern {
                Ok(text) => reference::accepts(text, &header),
                Err(pieces) => is_origin && reference::make_up(pieces, &header),
            };
            let mut lowest = None;
            for (rank, pattern, text) in &accepted {
                let expected = matches(pattern);
                let parsed = OriginPattern::parse(text).unwrap();
                prop_assert_eq!(parsed.matches(&header), expected, "{}", text);
                if expected {
                    lowest = Some(lowest.map_or(*rank, |other: Rank| other.min(*rank)));
                }
            }
            prop_assert_eq!(matcher.find(&header), lowest, "{}", header.escape_ascii());
        }
    }

    #[test]
    fn expressions_never_panic(text in prop_oneof![
        "\\PC{0,40}",
        "(https?|[a-z]\\+)://[\\[\\](){}a-z0-9.*+?|^$\\\\-]{0,24}",
    ]) {
        if let Ok(pattern) = OriginPattern::parse(&format!("regex:{text}")) {
            pattern.violations(true);
        }
    }
}
