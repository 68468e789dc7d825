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
        2 => prop::sample::select(vec!["app", "ws", "wss", "ftp", "file", "a+b-c.d"])
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
        1 => "[a-z0-9_-]{0,4}",
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

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        3 => prop::sample::select(vec![":80", ":443", ":8443", ":3000", ":21", ":0", ":", ":03000"])
            .prop_map(str::to_owned),
        1 => (0_u32..70000).prop_map(|port| format!(":{port}")),
    ]
}

fn origin() -> impl Strategy<Value = String> {
    (scheme(), host(), port()).prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"))
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
    ];
    let wildcard_port = prop_oneof![3 => port(), 1 => Just(":*".to_owned())];
    prop_oneof![
        20 => (scheme(), wildcard_host, wildcard_port)
            .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}")),
        1 => Just("*".to_owned()),
        1 => Just("null".to_owned()),
    ]
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
    fn a_pattern_that_matches_nothing_is_none(pattern in pattern(), label in "[a-z]") {
        // With the shortest label in place of the wildcard there must be an origin, or the pattern is wrong.
        let example = match pattern.strip_suffix(":*") {
            Some(rest) => rest.replacen('*', &label, 1),
            None => pattern.replacen('*', &label, 1),
        };
        let is_pattern = match pattern.as_str() {
            "*" | "null" => true,
            pattern => {
                reference::is_origin(&example)
                    && pattern.split("://*").nth(1).is_none_or(|rest| {
                        rest.is_empty() || rest.starts_with(['.', ':'])
                    })
            }
        };
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
            .map(|text| text.replace(":*", "").replace('*', "a.b").into_bytes());
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
