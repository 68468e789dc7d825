//! Which origins the patterns of a policy let in.

use std::collections::HashSet;

use cors_policy::origin::OriginPattern;

use crate::import::model::Policy;
use crate::import::nginx::sample;

/// The patterns of a policy, read once.
pub(super) struct Patterns<'p> {
    allowed: PatternSet<'p>,
    denied: PatternSet<'p>,
}

impl<'p> Patterns<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        Self {
            allowed: policy.each_rule().flat_map(|rule| &rule.allow_origins).collect(),
            denied: policy.deny_origins.iter().collect(),
        }
    }

    /// Whether they let an origin read.
    pub(super) fn allow(&self, origin: &str) -> bool {
        self.allowed.matches(origin) && !self.denied.matches(origin)
    }
}

/// Origins, and patterns of several.
#[derive(Default)]
struct PatternSet<'p> {
    exact: HashSet<&'p str>,
    others: Vec<OriginPattern<'p>>,
}

impl PatternSet<'_> {
    fn matches(&self, origin: &str) -> bool {
        self.exact.contains(origin)
            || self.others.iter().any(|pattern| pattern.matches(origin.as_bytes()))
    }
}

impl<'p> FromIterator<&'p String> for PatternSet<'p> {
    fn from_iter<I: IntoIterator<Item = &'p String>>(patterns: I) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            if sample::is_one_origin(pattern) {
                set.exact.insert(pattern);
            } else {
                set.others.extend(OriginPattern::parse(pattern));
            }
        }
        set
    }
}
