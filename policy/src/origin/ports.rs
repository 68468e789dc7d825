//! Lists and ranges of ports in a pattern.

use std::fmt;
use std::ops::RangeInclusive;

use super::syntax::default_port;

/// A list of ports, or a range of them: `[3000,5173,8000-8100]` or `3000-3009`.
///
/// The scheme's default port in it stands for an origin without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSet<'a> {
    /// As it was read. It has no mistakes.
    text: &'a str,
    default: Option<u16>,
}

/// A mistake in a set of ports. Each replacement is a set in which it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortSetMistake {
    /// `[]`
    Empty,
    /// More entries than a list may have.
    TooMany { count: usize },
    /// An entry that is neither a port from 1 to 65535 nor a range of them.
    Invalid { entry: String },
    /// A port with leading zeros.
    LeadingZeros { replacement: String },
    /// A range that ends before it begins, or where it begins.
    EmptyRange { replacement: String },
    /// A port that two entries hold.
    Duplicate { port: u16, replacement: String },
}

impl<'a> PortSet<'a> {
    /// The greatest number of entries in a list.
    pub const MAX_ENTRIES: usize = 64;

    /// Reads a list or a range. `None` if the text is neither, so that it can only be one port.
    pub(crate) fn parse(text: &'a str, scheme: &str) -> Option<Result<Self, PortSetMistake>> {
        let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let mistake = match list {
            Some("") => Some(PortSetMistake::Empty),
            Some(list) => list_mistake(list),
            None if text.contains('-') => entry_mistake(text),
            None => return None,
        };
        let set = Self { text, default: default_port(scheme.as_bytes()) };
        Some(mistake.map_or(Ok(set), Err))
    }

    /// The ports, as ranges in the order in which they are written.
    pub fn ranges(self) -> impl Iterator<Item = RangeInclusive<u16>> + 'a {
        let list = self.text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        list.unwrap_or(self.text).split(',').filter_map(|entry| parse_entry(entry).ok())
    }

    /// Whether an origin with this port matches, or one without a port.
    pub fn contains(self, port: Option<u16>) -> bool {
        port.or(self.default).is_some_and(|port| self.ranges().any(|range| range.contains(&port)))
    }

    /// The port of an origin that matches.
    pub fn first(self) -> Option<u16> {
        let port = self.ranges().next().map(|range| *range.start());
        port.filter(|_| port != self.default)
    }
}

impl fmt::Display for PortSet<'_> {
    /// Writes the set as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

fn list_mistake(list: &str) -> Option<PortSetMistake> {
    let count = list.split(',').count();
    if count > PortSet::MAX_ENTRIES {
        return Some(PortSetMistake::TooMany { count });
    }
    let entries: Vec<&str> = list.split(',').collect();
    let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let with = |replacement: &[&str]| {
            let kept = [&entries[..index], replacement, &entries[index + 1..]].concat();
            format!("[{}]", kept.join(","))
        };
        let range = match parse_entry(entry) {
            Ok(range) => range,
            Err(mistake) => {
                return Some(match mistake {
                    PortSetMistake::LeadingZeros { replacement } => {
                        PortSetMistake::LeadingZeros { replacement: with(&[&replacement]) }
                    }
                    PortSetMistake::EmptyRange { replacement } => {
                        PortSetMistake::EmptyRange { replacement: with(&[&replacement]) }
                    }
                    other => other,
                });
            }
        };
        let overlaps = |known: &&RangeInclusive<u16>| {
            known.start() <= range.end() && range.start() <= known.end()
        };
        if let Some(known) = ranges.iter().find(overlaps) {
            let port = *known.start().max(range.start());
            // What the entry holds and none before it does.
            let rest = show(&without(&range, &ranges));
            let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
            return Some(PortSetMistake::Duplicate { port, replacement: with(&rest) });
        }
        ranges.push(range);
    }
    None
}

fn entry_mistake(entry: &str) -> Option<PortSetMistake> {
    parse_entry(entry).err()
}

/// A port, or a range of at least two ports.
fn parse_entry(entry: &str) -> Result<RangeInclusive<u16>, PortSetMistake> {
    let invalid = || PortSetMistake::Invalid { entry: entry.to_owned() };
    let Some((first, last)) = entry.split_once('-') else {
        let port = parse_port(entry).ok_or_else(invalid)?;
        return if entry.starts_with('0') {
            Err(PortSetMistake::LeadingZeros { replacement: port.to_string() })
        } else {
            Ok(port..=port)
        };
    };
    let (start, end) = parse_port(first).zip(parse_port(last)).ok_or_else(invalid)?;
    if first.starts_with('0') || last.starts_with('0') {
        Err(PortSetMistake::LeadingZeros { replacement: format!("{start}-{end}") })
    } else if start < end {
        Ok(start..=end)
    } else if start == end {
        Err(PortSetMistake::EmptyRange { replacement: start.to_string() })
    } else {
        Err(PortSetMistake::EmptyRange { replacement: format!("{end}-{start}") })
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&port| is_number && port > 0)
}

/// The parts of a range that none of the others holds.
fn without(
    range: &RangeInclusive<u16>,
    others: &[RangeInclusive<u16>],
) -> Vec<RangeInclusive<u16>> {
    let mut parts = vec![range.clone()];
    for other in others {
        parts = parts
            .into_iter()
            .flat_map(|part| {
                let (start, end) = part.into_inner();
                let before = start..=end.min(other.start().saturating_sub(1));
                let after = start.max(other.end().saturating_add(1))..=end;
                if *other.end() < start || end < *other.start() {
                    vec![start..=end]
                } else {
                    let starts = start < *other.start();
                    let ends = end > *other.end();
                    [(starts, before), (ends, after)]
                        .into_iter()
                        .filter_map(|(is_left, part)| is_left.then_some(part))
                        .collect()
                }
            })
            .collect();
    }
    parts
}

fn show(ranges: &[RangeInclusive<u16>]) -> Vec<String> {
    let show = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}-{end}"),
    };
    ranges.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_contain_their_ports() {
        for (text, scheme, inside, outside) in [
            (
                "3000-3009",
                "http",
                &[Some(3000), Some(3009)][..],
                &[Some(2999), Some(3010), None][..],
            ),
            ("[80,3000]", "http", &[None, Some(3000)], &[Some(443), Some(1)]),
            ("[443,8000-8001]", "https", &[None, Some(8000), Some(8001)], &[Some(80), Some(8002)]),
            ("79-81", "http", &[None, Some(79), Some(81)], &[Some(82)]),
            ("[1,80]", "app", &[Some(1), Some(80)], &[None]),
            ("65534-65535", "app", &[Some(65535)], &[Some(65533), None]),
        ] {
            let set = PortSet::parse(text, scheme).unwrap().unwrap();
            assert_eq!(set.to_string(), text);
            for port in inside {
                assert!(set.contains(*port), "{text} {port:?}");
            }
            for port in outside {
                assert!(!set.contains(*port), "{text} {port:?}");
            }
            assert!(set.contains(set.first()), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        use PortSetMistake::{Duplicate, Empty, EmptyRange, Invalid, LeadingZeros, TooMany};
        let invalid = |entry: &str| Invalid { entry: entry.into() };
        let many = format!("[{}]", (1..=65).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        for (text, mistake) in [
            ("[]", Empty),
            (&*many, TooMany { count: 65 }),
            ("[0]", invalid("0")),
            ("[1,]", invalid("")),
            ("[65536]", invalid("65536")),
            ("[1,+2]", invalid("+2")),
            ("[*]", invalid("*")),
            ("3000-", invalid("3000-")),
            ("-3000", invalid("-3000")),
            ("1-2-3", invalid("1-2-3")),
            ("0-9", invalid("0-9")),
            ("[1,02]", LeadingZeros { replacement: "[1,2]".into() }),
            ("01-02", LeadingZeros { replacement: "1-2".into() }),
            ("[9,5-3]", EmptyRange { replacement: "[9,3-5]".into() }),
            ("3-3", EmptyRange { replacement: "3".into() }),
            ("[3,3]", Duplicate { port: 3, replacement: "[3]".into() }),
            ("[3,5,1-9]", Duplicate { port: 3, replacement: "[3,5,1-2,4,6-9]".into() }),
            ("[1-9,5]", Duplicate { port: 5, replacement: "[1-9]".into() }),
        ] {
            assert_eq!(PortSet::parse(text, "http"), Some(Err(mistake)), "{text}");
        }
        for text in ["", "80", "*", "x"] {
            assert_eq!(PortSet::parse(text, "http"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn replacements_hold_the_same_ports(
            entries in prop::collection::vec((1_u16..40, 1_u16..40), 1..6),
        ) {
            let mut text = format!(
                "[{}]",
                entries.iter().map(|(from, to)| format!("{from}-{to}")).collect::<Vec<_>>().join(",")
            );
            let set = loop {
                match PortSet::parse(&text, "http").unwrap() {
                    Err(PortSetMistake::EmptyRange { replacement })
                    | Err(PortSetMistake::Duplicate { replacement, .. }) => text = replacement,
                    other => break other,
                }
            };
            let set = set.unwrap();
            for port in 1..50 {
                let expected = entries.iter().any(|&(from, to)| {
                    (from.min(to)..=from.max(to)).contains(&port)
                });
                prop_assert_eq!(set.contains(Some(port)), expected, "{} {}", text, port);
            }
        }
    }
}
