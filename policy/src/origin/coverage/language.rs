//! What a pattern matches, as an expression, and an example of it.

use regex_syntax::hir::Hir;

use crate::origin::glob;
use crate::origin::pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
use crate::origin::ports::PortSet;
use crate::origin::regex::parse_bytes;

/// How many ports of a set are written out.
const MAX_PORTS: usize = 1000;

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
        WildcardPort::Set(set) => ports_of(set),
    }
}

fn ports_of(set: PortSet<'_>) -> Option<Hir> {
    if set.ranges().map(Iterator::count).sum::<usize>() > MAX_PORTS {
        return None;
    }
    let ports = set.ranges().flatten().filter(|&port| !set.is_default(port));
    let written = ports.map(|port| Hir::literal(format!(":{port}").into_bytes()));
    let default = set.contains(None).then(Hir::empty);
    Some(Hir::alternation(written.chain(default).collect()))
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
