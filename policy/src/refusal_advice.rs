//! What an origin that a policy refuses nearly is, and what to do about it, for people who look at refusals.
//!
//! Only decisions of the policy go in, not its patterns: a list of origins can be long, and a server does not keep
//! its text. So the origin is changed in small ways, and the policy is asked about each.

use std::fmt;

use crate::{
    Decision, OriginHeader, Policy,
    origin::{Origin, OriginPattern},
};

/// How a refused origin differs from one that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// The scheme.
    Scheme,
    /// The port.
    Port,
    /// The scheme and the port.
    SchemeAndPort,
    /// It is another name of the same machine.
    Loopback,
    /// It is the domain above.
    Above,
    /// It is a name below.
    Below,
    /// It contains the name, and belongs to somebody else.
    Lookalike,
}

/// An allowed origin that is nearly a refused one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// How they differ.
    pub difference: Difference,
    /// The allowed origin.
    pub allowed: String,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = &self.allowed;
        match self.difference {
            Difference::Scheme => write!(f, "only the scheme differs from {allowed}"),
            Difference::Port => write!(f, "only the port differs from {allowed}"),
            Difference::SchemeAndPort => write!(f, "scheme and port differ from {allowed}"),
            Difference::Loopback => {
                write!(f, "to a browser another host than that of {allowed}")
            }
            Difference::Above => write!(f, "the name above {allowed}"),
            Difference::Below => write!(f, "a name below {allowed}"),
            Difference::Lookalike => write!(f, "looks like {allowed}, and is another domain"),
        }
    }
}

/// What to do about an origin that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// If the pages are to read responses, this entry of `allow_origins` allows them. It has been checked: it is a
    /// pattern that needs no `dangerously_allow`.
    Allow(String),
    /// Something else.
    Other(String),
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(entry) => write!(f, "if it is meant, add to allow_origins: {entry}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Ports that servers for development often have.
const PORTS: [u16; 8] = [3000, 4200, 5000, 5173, 8000, 8080, 8443, 9000];

/// Hosts that mean the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The most names that are looked for in a host. Each costs two decisions.
const MAX_NAMES: usize = 64;

impl Policy {
    /// Finds an allowed origin that is nearly this one, which is refused. `None` if there is none, if the origin is
    /// malformed, or if the policy denies it by name.
    pub fn near_miss(&self, origin: &str) -> Option<NearMiss> {
        if self.denies(origin.as_bytes()) {
            return None;
        }
        let parsed = Origin::parse(origin.as_bytes())?;
        let text = |bytes| str::from_utf8(bytes).ok();
        let (scheme, host, port) = (text(parsed.scheme())?, text(parsed.host())?, parsed.port());
        let origin_of = |scheme: &str, host: &str, port: Option<u16>| match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        let allowed = |difference, other: String| {
            let is_allowed = self.allows(&other) && other != origin;
            is_allowed.then_some(NearMiss { difference, allowed: other })
        };
        let of_host = |difference, other: &str| allowed(difference, origin_of(scheme, other, port));
        let others = || PORTS.into_iter().map(Some).chain([None]).filter(|other| *other != port);

        let other_scheme = match scheme {
            "https" => "http",
            "http" => "https",
            // A shell's `app://…` is near to no page of the web.
            _ => scheme,
        };
        allowed(Difference::Scheme, origin_of(other_scheme, host, port))
            .or_else(|| {
                others().find_map(|it| allowed(Difference::Port, origin_of(scheme, host, it)))
            })
            .or_else(|| {
                let both =
                    |it| allowed(Difference::SchemeAndPort, origin_of(other_scheme, host, it));
                others().find_map(both)
            })
            .or_else(|| {
                let hosts = LOOPBACK.into_iter().filter(|_| LOOPBACK.contains(&host));
                hosts.into_iter().find_map(|other| of_host(Difference::Loopback, other))
            })
            .or_else(|| of_host(Difference::Above, &format!("www.{host}")))
            .or_else(|| names_above(host).find_map(|name| of_host(Difference::Below, name)))
            .or_else(|| {
                let names = names_inside(host);
                names.into_iter().find_map(|name| {
                    of_host(Difference::Lookalike, name)
                        .or_else(|| of_host(Difference::Lookalike, &format!("www.{name}")))
                })
            })
    }

    /// What to do about an origin that got this decision.
    pub fn advice(&self, decision: Decision, origin: &str) -> Option<Advice> {
        let other = |text: &str| Some(Advice::Other(text.to_owned()));
        match decision {
            Decision::None | Decision::Allowed | Decision::DeniedSite => None,
            Decision::DeniedHost => other("own_origins does not have the host of the request"),
            Decision::DeniedMethod => other("the origin is allowed; allow_methods is not enough"),
            Decision::DeniedHeader => other("the origin is allowed; allow_headers is not enough"),
            Decision::DeniedOrigin if self.allows(origin) => other("the policy allows it by now"),
            Decision::DeniedOrigin if origin == "null" => {
                other("a page without an origin, such as a sandboxed frame or a file")
            }
            Decision::DeniedOrigin if self.denies(origin.as_bytes()) => {
                other("deny_origins names it")
            }
            Decision::DeniedOrigin if Origin::parse(origin.as_bytes()).is_none() => {
                other("no browser sends this")
            }
            Decision::DeniedOrigin => Some(match OriginPattern::parse(origin) {
                Err(error) => Advice::Other(error.to_string()),
                Ok(pattern) => match pattern.violations(true).first() {
                    Some(violation) => Advice::Other(format!(
                        "allow_origins takes it with dangerously_allow: [{}] only",
                        violation.opened_by()
                    )),
                    None if self.is_lookalike(origin) => {
                        Advice::Other("probably somebody else's; nothing to do".to_owned())
                    }
                    None => Advice::Allow(origin.to_owned()),
                },
            }),
        }
    }

    fn is_lookalike(&self, origin: &str) -> bool {
        self.near_miss(origin).is_some_and(|near| near.difference == Difference::Lookalike)
    }

    fn allows(&self, origin: &str) -> bool {
        self.decide(OriginHeader::One(origin.as_bytes())).decision() == Decision::Allowed
    }
}

/// The names above a host, the nearest first, down to two labels.
fn names_above(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.')
        .map(|(at, _)| &host[at + 1..])
        .filter(|name| name.contains('.') && !host.ends_with(']'))
        .take(MAX_NAMES)
}

/// The names that a host contains and is not below: `example.com` in `example.com.evil.net` and in
/// `evilexample.com`.
fn names_inside(host: &str) -> Vec<&str> {
    let starts = host.match_indices('.').map(|(at, _)| &host[..at]);
    let ends = host
        .char_indices()
        .filter(|&(at, _)| at > 0 && !host[..at].ends_with('.'))
        .map(|(at, _)| &host[at..]);
    let is_name = |name: &&str| name.contains('.') && !name.starts_with(['.', '-']);
    starts.filter(is_name).chain(ends.filter(is_name).take(MAX_NAMES)).take(2 * MAX_NAMES).collect()
}
