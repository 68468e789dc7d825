//! Why an origin that a policy refuses looks like one that it allows.
//!
//! A policy with millions of origins does not keep their patterns. [`NearMiss::find`] changes the refused
//! origin in small ways and asks the policy about each result. So it never names an origin that the policy
//! would refuse, and its cost does not depend on the number of origins.

mod hosts;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt::{self, Display, Formatter};

use self::hosts::{
    can_be_owned, is_owned_by_same, label_ends, labels_of, looks_whole, parents, with_labels,
};
use crate::origin::Origin;

/// Hosts that mean the machine itself.
pub const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The most lookups for one origin.
pub const MAX_LOOKUPS: usize = 300;

/// Ports that are tried: none, and those that web servers and development servers have by default.
const PORTS: [Option<u16>; 8] =
    [None, Some(8443), Some(8080), Some(3000), Some(5173), Some(4200), Some(8000), Some(5000)];

/// The most domains above a host that are tried. Hosts of people have fewer.
const MAX_PARENTS: usize = 16;

/// The beginning of the sentence about a lookalike.
const LOOKS_LIKE: &str = "looks like ";

/// A label that no list has. A policy that allows it allows any label there.
const ANY_LABEL: &str = "nearmisscontrol";

/// How a refused origin differs from one that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another scheme.
    Scheme,
    /// Another port.
    Port,
    /// Another scheme and another port.
    SchemeAndPort,
    /// Another name of the same machine.
    Loopback,
    /// The domain itself, although a name below it is allowed.
    Apex,
    /// A name below one that is allowed.
    Subdomain,
    /// A name that contains one that is allowed, but belongs to someone else.
    Lookalike,
}

impl Difference {
    /// The difference between two origins of the same host. `None` if both parts are the same.
    pub fn of_scheme_and_port(is_same_scheme: bool, is_same_port: bool) -> Option<Self> {
        match (is_same_scheme, is_same_port) {
            (true, true) => None,
            (false, true) => Some(Self::Scheme),
            (true, false) => Some(Self::Port),
            (false, false) => Some(Self::SchemeAndPort),
        }
    }

    /// The difference in words, as a clause.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheme => "only the scheme is different",
            Self::Port => "only the port is different",
            Self::SchemeAndPort => "scheme and port are different",
            Self::Loopback => "only the name of the machine itself is different",
            Self::Apex => "it is the domain itself",
            Self::Subdomain => "it is a name below an allowed one",
            Self::Lookalike => "looks alike, but is another domain",
        }
    }
}

/// The sentence about two names of the machine itself.
pub fn loopback_sentence(one: &str, other: &str) -> String {
    format!("to a browser, {one} and {other} are different hosts")
}

/// An allowed origin that a refused one looks like. Its `Display` is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    difference: Difference,
    allowed: String,
    /// The host of the refused origin.
    host: String,
    /// The host that it looks like.
    like: String,
}

impl NearMiss {
    /// The most helpful near miss of a refused origin. `is_allowed` is the policy's decision about an
    /// origin; it is asked [`MAX_LOOKUPS`] times at most.
    ///
    /// `None` if no allowed origin is similar, if the text is not a well-formed origin, or if the policy
    /// makes an exception of the origin: it allows other names beside it, so `deny_origins` refuses it.
    ///
    /// ```
    /// use cors_policy::near_miss::NearMiss;
    ///
    /// let is_allowed = |origin: &str| origin == "https://app.example.com";
    /// let found = NearMiss::find("http://app.example.com", is_allowed).unwrap();
    /// assert_eq!(
    ///     found.to_string(),
    ///     "only the scheme is different: https://app.example.com is allowed"
    /// );
    /// ```
    pub fn find(origin: &str, is_allowed: impl Fn(&str) -> bool) -> Option<Self> {
        let parsed = Origin::parse(origin.as_bytes())?;
        if !parsed.has_host() {
            return None;
        }
        // A well-formed origin is ASCII.
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let search = Search {
            scheme: text(parsed.scheme()),
            host: text(parsed.host()),
            port: parsed.port(),
            left: Cell::new(MAX_LOOKUPS),
            is_allowed,
        };
        if search.is_exception() {
            return None;
        }
        search
            .other_scheme_or_port()
            .or_else(|| search.loopback())
            .or_else(|| search.apex())
            .or_else(|| search.subdomain())
            .or_else(|| search.lookalike())
    }

    /// How the origins differ.
    pub fn difference(&self) -> Difference {
        self.difference
    }

    /// The origin that is allowed.
    pub fn allowed(&self) -> &str {
        &self.allowed
    }

    /// Whether the refused origin only looks like the allowed one and belongs to someone else. Then nobody
    /// should add it to the policy.
    pub fn is_lookalike(&self) -> bool {
        self.difference == Difference::Lookalike
    }

    /// Whether a sentence is that of a lookalike, for readers who have only the sentence.
    pub fn says_lookalike(sentence: &str) -> bool {
        sentence.starts_with(LOOKS_LIKE)
    }
}

impl Display for NearMiss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { difference, allowed, host, like } = self;
        match difference {
            Difference::Scheme | Difference::Port | Difference::SchemeAndPort => {
                write!(f, "{}: {allowed} is allowed", difference.as_str())
            }
            Difference::Loopback => {
                write!(f, "{}: {allowed} is allowed", loopback_sentence(host, like))
            }
            Difference::Apex => {
                write!(f, "{allowed} is allowed, and {host} itself is not")
            }
            Difference::Subdomain => {
                write!(f, "{allowed} is allowed, and {host} below it is not")
            }
            Difference::Lookalike => write!(f, "{LOOKS_LIKE}{like}, and is another domain"),
        }
    }
}

/// The search for one refused origin.
struct Search<'o, A> {
    scheme: &'o str,
    host: &'o str,
    port: Option<u16>,
    /// The number of lookups that may follow.
    left: Cell<usize>,
    is_allowed: A,
}

impl<A: Fn(&str) -> bool> Search<'_, A> {
    /// The origin with these parts, if it is well-formed and the policy allows it.
    fn allowed(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<String> {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{host}{port}");
        Origin::parse(origin.as_bytes())?;
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        (self.is_allowed)(&origin).then_some(origin)
    }

    fn allowed_host(&self, host: &str) -> Option<String> {
        self.allowed(self.scheme, host, self.port)
    }

    fn found(&self, difference: Difference, like: &str, allowed: String) -> NearMiss {
        let (host, like) = (self.host.to_owned(), like.to_owned());
        NearMiss { difference, allowed, host, like }
    }

    /// Whether the policy allows any other name in place of this one, with as many labels.
    fn is_exception(&self) -> bool {
        let any = with_labels(ANY_LABEL, labels_of(self.host), "invalid");
        let beside = parents(self.host)
            .take(MAX_PARENTS)
            .map(|parent| with_labels(ANY_LABEL, labels_of(self.host) - labels_of(parent), parent));
        std::iter::once(any).chain(beside).any(|host| self.allowed_host(&host).is_some())
    }

    fn other_scheme_or_port(&self) -> Option<NearMiss> {
        let others: &[&str] = match self.scheme {
            "https" => &["http"],
            "http" => &["https"],
            _ => &["https", "http"],
        };
        let is_web = matches!(self.scheme, "https" | "http");
        let same_port = others.iter().map(|&scheme| (scheme, self.port));
        let ports = || PORTS.into_iter().filter(|port| *port != self.port);
        let same_scheme = ports().map(|port| (self.scheme, port));
        let neither = others.iter().flat_map(|&scheme| ports().map(move |port| (scheme, port)));
        same_port.chain(same_scheme).chain(neither.filter(|_| is_web)).find_map(|(scheme, port)| {
            let difference =
                Difference::of_scheme_and_port(scheme == self.scheme, port == self.port)?;
            let allowed = self.allowed(scheme, self.host, port)?;
            // To a shell, a policy for every page of the web is not near.
            let any = with_labels(ANY_LABEL, labels_of(self.host), "invalid");
            let is_near = is_web || self.allowed(scheme, &any, port).is_none();
            is_near.then(|| self.found(difference, self.host, allowed))
        })
    }

    fn loopback(&self) -> Option<NearMiss> {
        if !LOOPBACK.contains(&self.host) {
            return None;
        }
        LOOPBACK
            .iter()
            .filter(|host| **host != self.host)
            .find_map(|host| Some(self.found(Difference::Loopback, host, self.allowed_host(host)?)))
    }

    fn apex(&self) -> Option<NearMiss> {
        let below = format!("www.{}", self.host);
        Some(self.found(Difference::Apex, &below, self.allowed_host(&below)?))
    }

    fn subdomain(&self) -> Option<NearMiss> {
        // What is below a public suffix belongs to others.
        let parents = parents(self.host).take(MAX_PARENTS).filter(|host| can_be_owned(host));
        // The nearest one says most.
        parents.collect::<Vec<_>>().into_iter().rev().find_map(|parent| {
            Some(self.found(Difference::Subdomain, parent, self.allowed_host(parent)?))
        })
    }

    fn lookalike(&self) -> Option<NearMiss> {
        let prefixes = label_ends(self.host).map(|end| &self.host[..end]).rev().take(MAX_PARENTS);
        // A suffix that begins with a label is a parent. Hosts are ASCII.
        let bytes = self.host.as_bytes();
        let starts = (1..bytes.len()).filter(|&at| bytes[at - 1] != b'.' && bytes[at] != b'.');
        let suffixes = starts.map(|at| &self.host[at..]);
        let hosts = prefixes.chain(suffixes);
        hosts.filter(|host| looks_whole(host) && !is_owned_by_same(host, self.host)).find_map(
            |host| {
                let www = format!("www.{host}");
                let allowed = self
                    .allowed_host(host)
                    .or_else(|| self.allowed("https", host, None))
                    .or_else(|| self.allowed_host(&www))?;
                Some(self.found(Difference::Lookalike, host, allowed))
            },
        )
    }
}
