//! The search for the pattern that decides about an origin, and for those that almost do.
//!
//! The compiled policy does not keep its patterns. They are compared here while it is compiled.

use cors_policy::{Policy, document::PatternSite, origin::OriginPattern};
use serde::Serialize;

use super::site::Site;
use crate::{
    near_miss::{Difference, NearMisses},
    request::Request,
};

/// What the search has found for a request; nothing for one without an origin.
#[derive(Default)]
pub(super) struct Found {
    /// The pattern that matched, whether it allows or denies.
    pub(super) matched: Option<Site>,
    /// The number of patterns that allow origins, if none matched.
    pub(super) unmatched: Option<usize>,
    /// Those that almost match, if none matched.
    pub(super) near_misses: Vec<NearMiss>,
    /// The pattern that matches and that the policy passes over.
    pub(super) passed_over: Option<Site>,
    /// The first pattern of a later rule that matches.
    pub(super) later: Option<Site>,
}

/// A pattern that almost matches.
#[derive(Serialize)]
pub(super) struct NearMiss {
    #[serde(flatten)]
    pub(super) site: Site,
    difference: Difference,
    pub(super) reason: String,
}

/// The search through the patterns of one policy. It keeps few of them.
pub(super) struct PatternSearch<'a> {
    /// The name of the policy. Without a name it is the first one of the document.
    policy: Option<String>,
    origin: &'a str,
    /// The matching pattern that decides: that of the first rule, and `deny_origins` before all rules.
    matched: Option<Site>,
    /// Whether that pattern is `*`.
    matches_any: bool,
    /// The first pattern of a later rule that matches.
    later: Option<Site>,
    /// The number of patterns that allow origins.
    allowing: usize,
    near: NearMisses<'a, Site>,
}

impl<'a> PatternSearch<'a> {
    /// A search for an origin in a policy.
    pub(super) fn new(policy: Option<&str>, origin: &'a str) -> Self {
        Self {
            policy: policy.map(str::to_owned),
            origin,
            matched: None,
            matches_any: false,
            later: None,
            allowing: 0,
            near: NearMisses::new(origin),
        }
    }

    /// Compares a pattern, unless it is of another policy.
    pub(super) fn visit(&mut self, site: &PatternSite<'_>) {
        if site.policy() != *self.policy.get_or_insert_with(|| site.policy().to_owned()) {
            return;
        }
        self.allowing += usize::from(site.rule().is_some());
        if site.pattern().matches(self.origin.as_bytes()) {
            // `null` beside `*` is what allows it, with credentials too.
            let is_any = matches!(site.pattern(), OriginPattern::Any);
            match &self.matched {
                Some(earlier) if earlier.rule < site.rule() => {
                    self.later.get_or_insert_with(|| Site::of(site));
                }
                Some(earlier) if earlier.rule == site.rule() && (is_any || !self.matches_any) => {}
                earlier => {
                    self.later =
                        earlier.as_ref().filter(|earlier| earlier.rule > site.rule()).cloned();
                    self.matched = Some(Site::of(site));
                    self.matches_any = is_any;
                }
            }
        } else if site.rule().is_some() {
            self.near.visit(site, Site::of);
        }
    }
    /// What was found, for a request that the policy has decided about.
    pub(super) fn finish(self, request: &Request, policy: &Policy) -> Found {
        if request.origin.is_none() {
            return Found::default();
        }
        let Some(site) = self.matched else {
            let nearest = self.near.into_nearest().into_iter();
            let near_miss = |(difference, reason, site)| NearMiss { site, difference, reason };
            return Found {
                unmatched: Some(self.allowing),
                near_misses: nearest.map(near_miss).collect(),
                ..Found::default()
            };
        };
        // A `*` may match without allowing: with credentials it can only echo a well-formed origin. A
        // request that is refused for its host has an origin that may be allowed.
        let (matched, passed_over) = if site.rule == request.decide(policy).rule() {
            (Some(site), None)
        } else {
            (None, Some(site))
        };
        Found { matched, passed_over, later: self.later, ..Found::default() }
    }
}
