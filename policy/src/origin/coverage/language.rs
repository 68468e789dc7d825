//! What a pattern matches, as an expression, and an example of it.

use std::fmt::Write as _;

use regex_syntax::hir::Hir;

use crate::origin::pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
use crate::origin::regex::parse_bytes;

/// How many ports of a set are written out.
const MAX_PORTS: usize = 1000;

/// One byte or more of a label.
const LABEL: &str = "[a-z0-9_-]+";

/// An expression that accepts the origins that a wildcard or an expression matches. It may accept more
/// that is no well-formed origin. `None` if it would be too long.
pub(super) fn language(pattern: &OriginPattern<'_>) -> Option<Hir> {
    match pattern {
        OriginPattern::Regex(regex) => Some(regex.expression().clone()),
        OriginPattern::Wildcard(wildcard) => parse_bytes(&wildcard_expression(wildcard)?).ok(),
        OriginPattern::Exact(origin) => Some(Hir::literal(origin.as_bytes())),
        OriginPattern::Any | OriginPattern::Null => None,
    }
}

fn wildcard_expression(wildcard: &Wildcard<'_>) -> Option<String> {
    let mut expression = format!("{}://", regex_syntax::escape(wildcard.scheme));
    match wildcard.host {
        WildcardHost::Any => {
            let _ = write!(expression, r"({LABEL}(\.{LABEL})*|\[[0-9a-f:]+\])");
        }
        WildcardHost::Exact(host) => expression += &regex_syntax::escape(host),
        WildcardHost::Below(parent) => {
            let _ = write!(expression, r"({LABEL}\.)+{}", regex_syntax::escape(parent));
        }
        WildcardHost::Glob { labels, parent } => {
            let (first, rest) = match labels.strip_prefix("*.") {
                Some(rest) => (format!(r"({LABEL}\.)+"), rest),
                None => (String::new(), labels),
            };
            let rest = regex_syntax::escape(rest).replace(r"\*", LABEL);
            let _ = write!(expression, r"{first}{rest}\.{}", regex_syntax::escape(parent));
        }
    }
    match wildcard.port {
        WildcardPort::Default => {}
        WildcardPort::Exact(port) => {
            let _ = write!(expression, ":{port}");
        }
        WildcardPort::Any => expression.push_str("(:[1-9][0-9]{0,4})?"),
        WildcardPort::Set(set) => {
            if set.ranges().map(Iterator::count).sum::<usize>() > MAX_PORTS {
                return None;
            }
            let written = |port| set.contains(Some(port)) && !set.is_default(port);
            let ports = set.ranges().flatten().filter(|&port| written(port));
            let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
            let optional = if set.contains(None) { "?" } else { "" };
            let _ = write!(expression, "(:({})){optional}", ports.join("|"));
        }
    }
    Some(expression)
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
