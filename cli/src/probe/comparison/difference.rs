//! What a page reads now and with the policy.

use cors_browser::{Credentials, Request, Response, cors_check};
use cors_comparison::change::missed_headers;
use cors_policy::Refusal;

use super::enforced::Enforced;
use super::origin_of;
use crate::probe::asker::Observation;
use crate::probe::finding::{Finding, Id, Level, shown};

/// Why an origin is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The user named it.
    User,
    /// The policy lists it, or has a pattern that matches it.
    Policy,
    /// The policy denies it.
    Denied,
    /// The server names it now.
    Server,
    /// It is close to one that the policy lists.
    Neighbour,
    /// Nobody named it.
    Stranger,
}

impl Whose {
    /// Whether somebody named it.
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::User | Self::Policy | Self::Denied | Self::Server)
    }
}

/// The pages of one origin.
pub(super) struct Page {
    pub(super) whose: Whose,
    /// What they get now.
    pub(super) now: Observation,
    /// What they would get.
    then: Response,
    /// Why the policy would refuse the request.
    refusal: Option<Refusal>,
}

impl Page {
    pub(super) fn new(now: Observation, whose: Whose, enforced: &Enforced<'_>) -> Self {
        let then = enforced.respond(&now.exchange, &now.response);
        let refusal = enforced.refusal(&now.exchange);
        Self { whose, now, then, refusal }
    }

    fn request(&self, credentials: Credentials) -> Request<'_> {
        Request { origin: origin_of(&self.now), method: "GET", headers: &[], credentials }
    }

    fn reads(&self, response: &Response, credentials: Credentials) -> bool {
        cors_check(&self.request(credentials), response).is_ok()
    }

    /// Whether the page reads the response now, in any way.
    pub(super) fn reads_now(&self) -> bool {
        Credentials::ALL.into_iter().any(|mode| self.reads(&self.now.response, mode))
    }

    /// Whether the page reads the response with the policy, in any way.
    pub(super) fn reads_then(&self) -> bool {
        Credentials::ALL.into_iter().any(|mode| self.reads(&self.then, mode))
    }

    /// The modes in which the page reads now and with the policy.
    fn modes(&self) -> Vec<Credentials> {
        let in_both = |mode: &Credentials| {
            self.reads(&self.now.response, *mode) && self.reads(&self.then, *mode)
        };
        Credentials::ALL.into_iter().filter(in_both).collect()
    }

    /// What differs.
    pub(super) fn findings(&self, policy: &str) -> Vec<Finding> {
        let changes = |from: &Response, to: &Response| -> Vec<Credentials> {
            let changes = |mode: &Credentials| !self.reads(from, *mode) && self.reads(to, *mode);
            Credentials::ALL.into_iter().filter(changes).collect()
        };
        let gained = changes(&self.now.response, &self.then);
        let lost = changes(&self.then, &self.now.response);
        let newly = (!gained.is_empty()).then(|| self.newly_readable(&gained, policy));
        let no_longer = (!lost.is_empty()).then(|| self.no_longer_readable(&lost, policy));
        newly.into_iter().chain(no_longer).chain(self.exposed_header_lost(policy)).collect()
    }

    fn newly_readable(&self, modes: &[Credentials], policy: &str) -> Finding {
        let level = if self.whose == Whose::Neighbour { Level::Error } else { Level::Warning };
        let pattern =
            if self.whose == Whose::Stranger { "what matches any origin" } else { "the origin" };
        let message = format!(
            "pages of {} cannot read the response {} now, and could with policy {policy}; if that is not \
             meant, take {pattern} out of allow_origins{}",
            origin_of(&self.now),
            how(modes),
            if modes == [Credentials::Include] { ", or leave allow_credentials out" } else { "" },
        );
        Finding::new(Id::NewlyReadable, level, &self.now, message)
    }

    fn no_longer_readable(&self, modes: &[Credentials], policy: &str) -> Finding {
        let level = match self.whose {
            Whose::Neighbour | Whose::Denied => Level::Warning,
            _ => Level::Error,
        };
        let reason = match self.refusal {
            Some(Refusal::Host) => {
                ": it would get 403, since the host is not in own_origins".to_owned()
            }
            Some(_) => ": it would get 403 (enforce: true)".to_owned(),
            None => String::new(),
        };
        let remedy = match (self.refusal, modes) {
            (Some(Refusal::Host), _) => "write the origin of this URL into own_origins",
            _ if self.whose == Whose::Denied => {
                "if they are to go on reading, take it out of deny_origins"
            }
            (None, [Credentials::Include]) => "if they send cookies, write allow_credentials: true",
            _ => "if they are to go on reading, write the origin into allow_origins",
        };
        let message = format!(
            "pages of {} read the response {} now, and could not with policy {policy}{reason}; {remedy}",
            origin_of(&self.now),
            how(modes),
        );
        Finding::new(Id::NoLongerReadable, level, &self.now, message)
    }

    fn exposed_header_lost(&self, policy: &str) -> Option<Finding> {
        let mut lost: Vec<String> = Vec::new();
        for mode in self.modes() {
            for name in missed_headers(&self.request(mode), &self.now.response, &self.then) {
                if !lost.contains(&name) {
                    lost.push(name);
                }
            }
        }
        if lost.is_empty() {
            return None;
        }
        let names: Vec<_> = lost.iter().take(20).map(|name| shown(name.as_bytes())).collect();
        let names = names.join(", ");
        let message = format!(
            "pages of {} can read these headers now, and could not with policy {policy}: {names}; write \
             those that they need into expose_headers: [{names}]",
            origin_of(&self.now),
        );
        Some(Finding::new(Id::ExposedHeaderLost, Level::Error, &self.now, message))
    }
}

fn how(modes: &[Credentials]) -> &'static str {
    match modes {
        [Credentials::Include] => "with cookies",
        [Credentials::Omit] => "without cookies",
        _ => "with or without cookies",
    }
}
