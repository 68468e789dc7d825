//! Policies, as a document has them.

use std::ops::Not;

use serde::Serialize;

/// A policy of the document. Its fields are the document's keys, in the order in which they are
/// written; see docs/policy.md.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Policy {
    /// Lines of comments that are written before the policy, without `#`.
    #[serde(skip)]
    pub(crate) comments: Vec<String>,
    /// The only rule, whose keys are written directly in the policy.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<Rule>,
    /// Several rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deny_origins: Vec<String>,
    /// `*`, which every origin gets. Otherwise the rules say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timing_allow_origin: Option<Star>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_headers: Option<UpstreamHeaders>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preflight: Option<Preflight>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preflight_status: Option<u16>,
}

impl Policy {
    /// A policy of rules in their order. A single one is written directly in the policy.
    pub(crate) fn of_rules(mut rules: Vec<Rule>) -> Self {
        if rules.len() == 1 {
            Self { rule: rules.pop(), ..Self::default() }
        } else {
            Self { rules, ..Self::default() }
        }
    }

    /// The rules, wherever they are written.
    pub(crate) fn each_rule(&self) -> impl Iterator<Item = &Rule> {
        self.rule.iter().chain(&self.rules)
    }
}

/// A rule of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    /// Patterns that pass the check. Written if it is empty, too: such a document is refused, so that
    /// nobody takes a policy without origins for a finished one.
    pub(crate) allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) allow_credentials: bool,
    /// `None` is the document's default, `GET`, `HEAD` and `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_methods: Option<Names>,
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub(crate) allow_headers: Names,
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub(crate) expose_headers: Names,
    /// Seconds, at most a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u32>,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) allow_private_network: bool,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) timing_allow_origin: bool,
}

/// A list of methods or header names, or `"*"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Names {
    /// `"*"`
    Any(Star),
    /// These.
    Listed(Vec<String>),
}

/// The text `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Star {
    #[serde(rename = "*")]
    Star,
}

impl Names {
    /// `"*"`
    pub(crate) const ANY: Self = Self::Any(Star::Star);

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Listed(names) if names.is_empty())
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// `upstream_headers`, where it is not `replace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UpstreamHeaders {
    Merge,
}

/// `preflight`, where it is not `answer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preflight {
    Forward,
}
