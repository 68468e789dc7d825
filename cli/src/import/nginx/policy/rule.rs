//! The rule that says what an origin gets.

use super::Deriving;
use crate::import::max_age::max_age;
use crate::import::model::{Findings, Names, Place, Rule};
use crate::import::names;
use crate::import::nginx::profile::{Cors, Listed, Profile};

impl Deriving<'_> {
    /// A rule without origins.
    pub(super) fn rule_of(&self, profile: &Profile, findings: &mut Findings) -> Rule {
        let cors = &profile.cors;
        let place = &profile.list_site.map_or_else(|| self.here(), |site| self.place(site));
        let credentials = allow_credentials(cors, place, findings);
        let mut lists = Lists { credentials, place, findings };
        let allow_methods = match &cors.methods {
            Listed::Absent => self.context.config.levels[self.level]
                .limit_except
                .as_ref()
                .and_then(|(methods, _)| names::methods(methods, place, lists.findings)),
            listed => lists.methods(listed),
        };
        let allow_headers = lists.request_headers(&cors.headers);
        let expose = cors.expose.as_deref().unwrap_or_default().split(',');
        let seconds = cors.max_age.as_deref().and_then(|text| seconds(text, place, findings));
        Rule {
            allow_origins: Vec::new(),
            allow_credentials: credentials,
            allow_methods,
            allow_headers,
            expose_headers: names::response_headers(expose, credentials, place, findings),
            max_age: seconds.map(|seconds| max_age(seconds, place, findings)),
            allow_private_network: cors.private_network,
            timing_allow_origin: cors.timing,
        }
    }
}

/// What reads the lists of names in responses.
struct Lists<'a> {
    /// Whether the rule is one with credentials, for which a `*` is the name of a method or header.
    credentials: bool,
    place: &'a Place,
    findings: &'a mut Findings,
}

impl Lists<'_> {
    /// `allow_methods`.
    fn methods(&mut self, listed: &Listed) -> Option<Names> {
        if *listed == Listed::Echo {
            return Some(Names::ANY);
        }
        let listed = self.without_star(listed, "methods");
        names::methods(listed, self.place, self.findings)
    }

    /// `allow_headers`.
    fn request_headers(&mut self, listed: &Listed) -> Names {
        if *listed == Listed::Echo {
            return names::any_header(self.credentials);
        }
        let listed = self.without_star(listed, "headers");
        names::request_headers(listed, self.place, self.findings)
    }

    /// The names of a list but for a `*` that allows nothing.
    fn without_star<'l>(&mut self, listed: &'l Listed, what: &str) -> Vec<&'l str> {
        let mut names = listed.names();
        if self.credentials && names.contains(&"*") {
            names.retain(|name| *name != "*");
            self.findings.warn(
                self.place,
                format!(
                    "`*` is left out of allow_{what}: with credentials browsers take it for a name, so \
                     that it allows nothing today; list the {what} that pages send"
                ),
            );
        }
        names
    }
}

/// `allow_credentials`, for which a response has to say `true`.
fn allow_credentials(cors: &Cors, place: &Place, findings: &mut Findings) -> bool {
    match cors.credentials.as_deref() {
        Some("true") if cors.is_star => {
            findings.note(
                place,
                "Access-Control-Allow-Credentials is left out: with `*` browsers refuse it",
            );
            false
        }
        Some("true") => true,
        Some(value) if value != "false" && !value.is_empty() => {
            findings.note(
                place,
                format!(
                    "Access-Control-Allow-Credentials \"{value}\" is left out: only \"true\" has an \
                     effect"
                ),
            );
            false
        }
        _ => false,
    }
}

/// The seconds of an `Access-Control-Max-Age`.
fn seconds(text: &str, place: &Place, findings: &mut Findings) -> Option<i64> {
    let seconds = text.trim().parse().ok();
    if seconds.is_none() {
        findings.note(
            place,
            format!("Access-Control-Max-Age \"{text}\" is left out: it is no number of seconds"),
        );
    }
    seconds
}
