//! Patterns that nearly match an origin, and the difference.
//!
//! The origin is changed in small ways, and the pattern itself decides whether it then matches. So an
//! explanation never promises a match that the policy would refuse.

use cors_policy::{
    document::PatternSite,
    near_miss::{Difference as Known, LOOPBACK, loopback_sentence},
    origin::{Origin, OriginPattern, WildcardHost, WildcardPort},
};
use serde::Serialize;

/// The difference between an origin and a pattern, the most helpful first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Difference {
    /// Another scheme.
    Scheme,
    /// Another port.
    Port,
    /// Another scheme and another port.
    SchemeAndPort,
    /// The domain itself, although the pattern matches only names below it.
    Apex,
    /// Another name of the same machine.
    Loopback,
    /// Labels below the name in the pattern, which its `*` do not match.
    Labels,
    /// A name below the one in the pattern.
    Subdomain,
    /// A name above the one in the pattern.
    Parent,
    /// A name that contains the one in the pattern but belongs to someone else.
    Lookalike,
    /// A few characters.
    Spelling,
}

/// The number of near misses that are shown.
const MAX_SHOWN: usize = 3;

/// The number of patterns whose spelling is compared, which takes long. Longer lists are not written
/// by hand.
const MAX_SPELLED: usize = 10_000;

/// The number of characters that may differ in a misspelled host.
const MAX_MISSPELLED: usize = 2;

/// Collects the patterns that nearly match one origin.
pub(crate) struct NearMisses<'o, S> {
    origin: Option<Parts<'o>>,
    /// At most one for each difference.
    found: Vec<(Difference, String, S)>,
    spelled: usize,
}

/// An origin as text.
#[derive(Clone, Copy)]
struct Parts<'o> {
    scheme: &'o str,
    host: &'o str,
    port: Option<u16>,
}

impl<'o> Parts<'o> {
    fn parse(origin: &'o str) -> Option<Self> {
        Origin::parse(origin.as_bytes()).map(Self::of)
    }

    fn of(origin: Origin<'o>) -> Self {
        // A well-formed origin is ASCII.
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        Self { scheme: text(origin.scheme()), host: text(origin.host()), port: origin.port() }
    }

    fn serialize(self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.host)
    }

    /// Whether scheme and port are the same.
    fn differs_in_host_only(self, other: Self) -> bool {
        self.scheme == other.scheme && self.port == other.port
    }
}

impl<'o, S> NearMisses<'o, S> {
    /// For one origin. A malformed origin has no near misses.
    pub(crate) fn new(origin: &'o str) -> Self {
        Self { origin: Parts::parse(origin), found: Vec::new(), spelled: 0 }
    }

    /// Compares a pattern that does not match the origin. `keep` converts a near miss.
    pub(crate) fn visit(
        &mut self,
        pattern: &PatternSite<'_>,
        keep: impl FnOnce(&PatternSite<'_>) -> S,
    ) {
        let Some(origin) = self.origin else { return };
        let Some((difference, reason)) = self.compare(origin, pattern.pattern()) else { return };
        if self.found.iter().all(|(known, ..)| *known != difference) {
            self.found.push((difference, reason, keep(pattern)));
        }
    }

    /// The nearest patterns, the most helpful difference first.
    pub(crate) fn into_nearest(mut self) -> Vec<(Difference, String, S)> {
        self.found.sort_by_key(|(difference, ..)| *difference);
        self.found.truncate(MAX_SHOWN);
        self.found
    }

    fn compare(
        &mut self,
        origin: Parts<'_>,
        pattern: &OriginPattern<'_>,
    ) -> Option<(Difference, String)> {
        match pattern {
            OriginPattern::Any | OriginPattern::Null => None,
            OriginPattern::Exact(exact) => self.compare_exact(origin, Parts::of(*exact)),
            OriginPattern::Wildcard(wildcard) => {
                let port = match wildcard.port() {
                    WildcardPort::Default => None,
                    WildcardPort::Exact(port) => Some(port),
                    WildcardPort::Set(set) if set.contains(origin.port) => origin.port,
                    WildcardPort::Set(set) => set.first(),
                    WildcardPort::Any => origin.port,
                };
                compare_others(origin, pattern, &[(wildcard.scheme(), port)])
            }
            OriginPattern::Regex(_) => {
                let other = if origin.scheme == "https" { "http" } else { "https" };
                let others = [(other, origin.port), (origin.scheme, None), (other, None)];
                compare_others(origin, pattern, &others)
            }
        }
    }

    fn compare_exact(
        &mut self,
        origin: Parts<'_>,
        exact: Parts<'_>,
    ) -> Option<(Difference, String)> {
        if origin.host == exact.host {
            return other_scheme_or_port(origin, exact).map(|(difference, what)| {
                (difference, format!("{what} from that of the request"))
            });
        }
        if !origin.differs_in_host_only(exact) {
            return None;
        }
        let is_loopback = |host| LOOPBACK.contains(&host);
        if is_loopback(origin.host) && is_loopback(exact.host) {
            return Some((Difference::Loopback, loopback_sentence(origin.host, exact.host)));
        }
        if is_below(origin.host, exact.host) {
            let reason = "it does not include the names below it";
            return Some((Difference::Subdomain, reason.to_owned()));
        }
        if is_below(exact.host, origin.host) {
            let reason = "it does not include the name above it";
            return Some((Difference::Parent, reason.to_owned()));
        }
        if is_lookalike(origin.host, exact.host) {
            return Some(lookalike());
        }
        self.compare_spelling(origin.host, exact.host)
    }

    fn compare_spelling(&mut self, host: &str, exact: &str) -> Option<(Difference, String)> {
        if host.len().abs_diff(exact.len()) > MAX_MISSPELLED || self.spelled == MAX_SPELLED {
            return None;
        }
        self.spelled += 1;
        (strsim::osa_distance(host, exact) <= MAX_MISSPELLED)
            .then(|| (Difference::Spelling, "spelled almost the same".to_owned()))
    }
}

/// Compares with a pattern for many origins. `others` are the schemes and ports that it may match.
fn compare_others(
    origin: Parts<'_>,
    pattern: &OriginPattern<'_>,
    others: &[(&str, Option<u16>)],
) -> Option<(Difference, String)> {
    let matches = |origin: Parts<'_>| pattern.matches(origin.serialize().as_bytes());
    if let OriginPattern::Wildcard(wildcard) = pattern {
        // A shell's `app://*` is about its own pages, and near to no page of the web.
        let is_web = |scheme| matches!(scheme, "http" | "https");
        let is_any = matches!(wildcard.host(), WildcardHost::Any);
        if is_any && is_web(origin.scheme) != is_web(wildcard.scheme()) {
            return None;
        }
    }
    for &(scheme, port) in others {
        let other = Parts { scheme, port, ..origin };
        if let Some((difference, what)) = other_scheme_or_port(origin, other) {
            if matches(other) {
                return Some((difference, format!("{what}: it matches {}", other.serialize())));
            }
        }
    }
    let below = format!("www.{}", origin.host);
    if matches(Parts { host: &below, ..origin }) {
        let reason = format!("it matches the names below {0}, and not {0} itself", origin.host);
        return Some((Difference::Apex, reason));
    }
    if LOOPBACK.contains(&origin.host) {
        let host = LOOPBACK.iter().find(|host| matches(Parts { host, ..origin }));
        return host.map(|host| (Difference::Loopback, loopback_sentence(origin.host, host)));
    }
    let OriginPattern::Wildcard(wildcard) = pattern else { return None };
    match wildcard.host() {
        WildcardHost::Below(host)
        | WildcardHost::Glob { parent: host, .. }
        | WildcardHost::Exact(host)
            if is_lookalike(origin.host, host) =>
        {
            Some(lookalike())
        }
        WildcardHost::Glob { labels, parent } if is_below(origin.host, parent) => {
            let reason = format!("{labels:?} does not match the labels before {parent}");
            Some((Difference::Labels, reason))
        }
        _ => None,
    }
}

fn other_scheme_or_port(origin: Parts<'_>, other: Parts<'_>) -> Option<(Difference, &'static str)> {
    let known =
        Known::of_scheme_and_port(origin.scheme == other.scheme, origin.port == other.port)?;
    let difference = match known {
        Known::Scheme => Difference::Scheme,
        Known::Port => Difference::Port,
        _ => Difference::SchemeAndPort,
    };
    Some((difference, known.as_str()))
}

fn lookalike() -> (Difference, String) {
    (Difference::Lookalike, Known::Lookalike.as_str().to_owned())
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|labels| labels.ends_with('.'))
}

/// `example.com.evil.net` and `evilexample.com` for `example.com`.
fn is_lookalike(host: &str, domain: &str) -> bool {
    let begins = host.strip_prefix(domain).is_some_and(|rest| rest.starts_with('.'));
    let ends =
        host.strip_suffix(domain).is_some_and(|rest| !rest.is_empty() && !rest.ends_with('.'));
    begins || ends
}
