//! What differs for a page between two responses to the same request.

use std::fmt;

use cors_browser::{
    Credentials, HeaderList, Request, Response, SAFELISTED_METHODS, cors_check, is_exposable,
    preflight_check, readable_headers,
};
use cors_policy::headers::{
    check_method, check_request_header, is_cors_response_header, is_forbidden_request_header,
};

/// What would change for a request if its policy were in force, as `$cors_change` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Change {
    /// The policy would refuse a request that passes now (`enforce`).
    Refused,
    /// A page that can read the response now could not, or its preflight would fail.
    Lost,
    /// The page could go on, without an exposed header that it can read now, or without a permission for
    /// a method or a header.
    Headers,
    /// A page that cannot read the response now could, or its preflight would pass.
    Gained,
}

impl Change {
    /// Every change, in the order in which the first that is true counts.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Lost, Self::Headers, Self::Gained];

    /// The name in logs, counters and `$cors_change`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Headers => "headers",
            Self::Gained => "gained",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What differs for a page, with credentials or without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// In one of the two modes the page gets through now, and then no more.
    pub lost: bool,
    /// In one of the two modes the page does not get through now, and then does.
    pub gained: bool,
    /// The headers or permissions that a page misses which gets through now and then: names in the order in
    /// which the response has them now, each once. `*` is one.
    pub missed: Vec<String>,
}

impl Difference {
    /// The first change that is true.
    pub fn change(&self) -> Option<Change> {
        match self {
            Self { lost: true, .. } => Some(Change::Lost),
            Self { missed, .. } if !missed.is_empty() => Some(Change::Headers),
            Self { gained: true, .. } => Some(Change::Gained),
            _ => None,
        }
    }

    fn add(&mut self, passes: (bool, bool), missed: impl FnOnce() -> Vec<String>) {
        match passes {
            (true, true) => {
                for name in missed() {
                    if !self.missed.contains(&name) {
                        self.missed.push(name);
                    }
                }
            }
            (true, false) => self.lost = true,
            (false, true) => self.gained = true,
            (false, false) => {}
        }
    }
}

/// What differs in a response that is not the answer to a preflight.
pub fn of_response(origin: &str, now: &Response, then: &Response) -> Difference {
    let mut difference = Difference::default();
    for credentials in Credentials::ALL {
        let request = Request { origin, method: "GET", headers: &[], credentials };
        let reads = |response| cors_check(&request, response).is_ok();
        difference.add((reads(now), reads(then)), || missed_headers(&request, now, then));
    }
    difference
}

/// A method or the name of a header that a preflight can permit.
#[derive(Clone, Copy, Debug)]
pub enum Permission<'a> {
    /// A method.
    Method(&'a str),
    /// The name of a request header.
    Header(&'a str),
}

impl Permission<'_> {
    /// Whether pages ask for it, and usually need permission. `OPTIONS` does not count: lists have it by
    /// habit, and pages do not send it.
    pub fn is_of_interest(&self) -> bool {
        match *self {
            Self::Method(name) => {
                !SAFELISTED_METHODS.contains(&name)
                    && name != "OPTIONS"
                    && check_method(name).is_ok()
            }
            Self::Header(name) => {
                !USUALLY_SAFE.iter().any(|safe| safe.eq_ignore_ascii_case(name))
                    && !is_forbidden_request_header(name)
                    && check_request_header(name).is_ok()
            }
        }
    }

    fn is_in(&self, list: &[String]) -> bool {
        match *self {
            Self::Method(name) => list.iter().any(|other| other == name),
            Self::Header(name) => list.iter().any(|other| other.eq_ignore_ascii_case(name)),
        }
    }
}

/// Headers that need permission only with unusual values:
/// <https://fetch.spec.whatwg.org/#cors-safelisted-request-header>.
const USUALLY_SAFE: [&str; 3] = ["accept", "accept-language", "content-language"];

/// What differs in the answer to a preflight, which is compared as a whole. `headers` are the names that it
/// asks for, in lower case. `permits` says whether the policy would permit something else that a page of this
/// origin asks for.
pub fn of_preflight(
    asked: (&str, &str, &[String]),
    now: &Response,
    then: &Response,
    permits: impl Fn(Permission<'_>) -> bool,
) -> Difference {
    let (origin, method, headers) = asked;
    let mut difference = Difference::default();
    for credentials in Credentials::ALL {
        let request = Request { origin, method, headers, credentials };
        let passes = |response| preflight_check(&request, response).is_ok();
        difference.add((passes(now), passes(then)), || {
            missed_permissions(credentials, &now.headers, &then.headers, &permits)
        });
    }
    difference
}

/// Headers of one connection, or about caches, which no page misses.
const UNINTERESTING: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "vary"];

/// The headers that a page can read now and could not then: those of the response, and those that it exposes
/// whether it has them or not. In lower case, each once.
pub fn missed_headers(request: &Request<'_>, now: &Response, then: &Response) -> Vec<String> {
    let readable = readable_headers(request, then);
    let still = |name: &String| {
        readable.contains(name) || exposes(&then.headers, name, request.credentials)
    };
    let mut missed: Vec<String> = Vec::new();
    for name in readable_headers(request, now).into_iter().chain(exposed(&now.headers)) {
        let is_missed = is_exposable(&name)
            && !UNINTERESTING.contains(&&*name)
            && !is_cors_response_header(name.as_bytes());
        if is_missed && !still(&name) && !missed.contains(&name) {
            missed.push(name);
        }
    }
    missed
}

/// The names that a response exposes whether it has them or not, in lower case.
fn exposed(headers: &HeaderList) -> Vec<String> {
    let names = headers.tokens("Access-Control-Expose-Headers").ok().flatten().unwrap_or_default();
    names.iter().filter(|name| *name != "*").map(|name| name.to_ascii_lowercase()).collect()
}

/// Whether a response exposes a header that it may not have.
fn exposes(headers: &HeaderList, name: &str, mode: Credentials) -> bool {
    let any = headers.get("Access-Control-Expose-Headers").is_some_and(|value| value == b"*");
    any && mode == Credentials::Omit || exposed(headers).iter().any(|other| other == name)
}

/// What a name is in a list.
type OfName = fn(&str) -> Permission<'_>;

/// The headers by which the answer to a preflight permits something, and what a name in them is.
const PERMISSIONS: [(&str, OfName); 2] = [
    ("Access-Control-Allow-Methods", |name| Permission::Method(name)),
    ("Access-Control-Allow-Headers", |name| Permission::Header(name)),
];

/// A name that no list has. Only a policy that permits everything permits it.
const UNHEARD_OF: &str = "CORS-UNHEARD-OF";

fn missed_permissions(
    credentials: Credentials,
    now: &HeaderList,
    then: &HeaderList,
    permits: &impl Fn(Permission<'_>) -> bool,
) -> Vec<String> {
    let mut missed = Vec::new();
    for (header, permission) in PERMISSIONS {
        let list = |headers: &HeaderList| headers.tokens(header).ok().flatten().unwrap_or_default();
        let still = list(then);
        let is_any = |name: &str| name == "*" && credentials == Credentials::Omit;
        if still.iter().any(|name| is_any(name)) {
            continue;
        }
        missed.extend(list(now).into_iter().filter(|name| match permission(name) {
            _ if is_any(name) => !permits(permission(UNHEARD_OF)),
            _ if name == "*" => false,
            it => it.is_of_interest() && !it.is_in(&still) && !permits(it),
        }));
    }
    missed
}

#[cfg(test)]
mod tests;
