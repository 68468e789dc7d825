//! What a pattern matches, as an expression, and an example of it.

use regex_syntax::hir::Hir;

use crate::origin::glob;
use crate::origin::pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
use crate::origin::ports::PortSet;
use crate::origin::regex::parse_bytes;

/// An expression that accepts the origins that a wildcard or an expression matches. It may accept more
/// that is no well-formed origin. `None` if it would be too long.
pub(super) fn language(pattern: &OriginPattern<'_>) -> Option<Hir> {
    match pattern {
        OriginPattern::Regex(regex) => Some(regex.expression().clone()),
        OriginPattern::Wildcard(wildcard) => {
            let scheme = Hir::literal(format!("{}://", wildcard.scheme).into_bytes());
            Some(Hir::concat(vec![scheme, hosts(wildcard)?, ports(wildcard.port)?]))
        }
        OriginPattern::Exact(origin) => Some(Hir::literal(origin.as_bytes())),
        OriginPattern::Any | OriginPattern::Null => None,
    }
}

fn hosts(wildcard: &Wildcard<'_>) -> Option<Hir> {
    let below = |labels: &str, parent: &str| {
        let parent = Hir::literal(format!(".{parent}").into_bytes());
        Hir::concat(vec![glob::expression(labels.as_bytes()), parent])
    };
    match wildcard.host {
        WildcardHost::Any => parse_bytes(r"[a-z0-9._-]+|\[[0-9a-f:]+\]").ok(),
        WildcardHost::Exact(host) => Some(Hir::literal(host.as_bytes())),
        // One or more labels in place of its `*`.
        WildcardHost::Below(parent) => {
            Some(Hir::alternation(vec![below("*", parent), below("*.*", parent)]))
        }
        WildcardHost::Glob { labels, parent } => Some(below(labels, parent)),
    }
}

fn ports(port: WildcardPort<'_>) -> Option<Hir> {
    match port {
        WildcardPort::Default => Some(Hir::empty()),
        WildcardPort::Exact(port) => Some(Hir::literal(format!(":{port}").into_bytes())),
        WildcardPort::Any => parse_bytes("(:[1-9][0-9]{0,4})?").ok(),
        WildcardPort::Set(set) => parse_bytes(&ports_of(set)).ok(),
    }
}

/// A set of ports as an expression. The default port is none that an origin writes.
fn ports_of(set: PortSet<'_>) -> String {
    let numbers: Vec<String> = set
        .ranges()
        .flat_map(|range| decimals(u32::from(*range.start()), u32::from(*range.end())))
        .collect();
    let optional = if set.contains(None) { "?" } else { "" };
    format!("(:({})){optional}", numbers.join("|"))
}

/// The decimal numbers from `first`, which is not 0, to `last`, as expressions: each is the same
/// digits, a class, and any digits.
fn decimals(first: u32, last: u32) -> Vec<String> {
    let mut expressions = Vec::new();
    let mut number = first;
    while number <= last {
        let (mut block, mut free) = (1, 0);
        while number % (block * 10) == 0 && number + block * 10 - 1 <= last {
            block *= 10;
            free += 1;
        }
        let digit = number / block % 10;
        let blocks = ((last - number + 1) / block).min(10 - digit);
        let same = match number / (block * 10) {
            0 => String::new(),
            same => same.to_string(),
        };
        expressions.push(format!("{same}[{digit}-{}][0-9]{{{free}}}", digit + blocks - 1));
        number += blocks * block;
    }
    expressions
}

impl OriginPattern<'_> {
    /// An origin that the pattern matches, and few others do. `None` for `*` and `null`, and if the
    /// expression matches no well-formed one.
    pub(super) fn sample(&self) -> Option<Vec<u8>> {
        let text = match self {
            Self::Any | Self::Null => return None,
            Self::Exact(origin) => return Some(origin.as_bytes().to_vec()),
            Self::Regex(regex) => return regex.example(),
            Self::Wildcard(wildcard) => {
                let host = wildcard.host.to_string().replace('*', "x--x");
                let port = match wildcard.port {
                    WildcardPort::Default | WildcardPort::Any => None,
                    WildcardPort::Exact(port) => Some(port),
                    WildcardPort::Set(set) => set.first(),
                };
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{host}{port}", wildcard.scheme)
            }
        };
        // The longest hosts have no room for it.
        self.matches(text.as_bytes()).then(|| text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::automaton::{Automaton, Direction};

    fn accepts(first: u32, last: u32, numbers: impl Iterator<Item = u32>) -> Vec<u32> {
        let expression = parse_bytes(&decimals(first, last).join("|")).unwrap();
        let automaton = Automaton::new(&[expression], Direction::Forward, 1 << 18).unwrap();
        numbers
            .filter(|number| automaton.first_accepting(number.to_string().as_bytes()).is_some())
            .collect()
    }

    #[test]
    fn decimals_of_all_ports() {
        assert_eq!(accepts(1, 65535, 0..=70_000), Vec::from_iter(1..=65535));
    }

    proptest! {
        #[test]
        fn decimals_are_the_numbers_of_their_range(one in 1..=65535_u32, other in 1..=65535_u32) {
            let (first, last) = (one.min(other), one.max(other));
            let near = |number: u32| number.saturating_sub(1200)..=number + 1200;
            for numbers in [near(first), near(last)] {
                let within = numbers.clone().filter(|number| (first..=last).contains(number));
                prop_assert_eq!(accepts(first, last, numbers), Vec::from_iter(within));
            }
        }
    }
}
