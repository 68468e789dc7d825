//! Patterns, one a line, an empty line and a value of the `Origin` header: what the matcher finds
//! is what the reference finds, and nothing malformed gets in.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/reference/mod.rs"]
mod reference;

use cors_policy::origin::{MatcherBuilder, Origin, OriginPattern, Rank};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.windows(2).position(|window| window == b"\n\n") else { return };
    let (patterns, header) = (&data[..end], &data[end + 2..]);
    let Ok(patterns) = std::str::from_utf8(patterns) else { return };

    let is_origin = std::str::from_utf8(header).is_ok_and(reference::is_origin);
    assert_eq!(Origin::parse(header).is_some(), is_origin);

    let mut builder = MatcherBuilder::new();
    let mut lowest = None;
    for (line, text) in patterns.lines().take(16).enumerate() {
        let Ok(pattern) = OriginPattern::parse(text) else { continue };
        // Neither in order nor each rank once.
        let rank = (line * 7 % 11) as Rank;
        builder.add(rank, &pattern);
        let matches = pattern.matches(header);
        match pattern {
            OriginPattern::Regex(_) => assert!(is_origin || !matches, "{text}"),
            _ => assert_eq!(matches, reference::accepts(text, header), "{text}"),
        }
        if matches {
            lowest = Some(lowest.map_or(rank, |other: Rank| other.min(rank)));
        }
    }
    if let Ok(matcher) = builder.build() {
        assert_eq!(matcher.find(header), lowest);
    }
});
