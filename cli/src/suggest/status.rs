//! The JSON of `cors_policy_status`, as far as it is needed. Unknown fields are left unread.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::visible::visible;

/// The version of the JSON that is known.
const VERSION: u64 = 1;

/// A status of the module.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    version: Option<u64>,
    policies: BTreeMap<String, Vec<Count>>,
    refused: Option<BTreeMap<String, Vec<Refused>>>,
}

/// How many requests got one decision.
#[derive(Debug, Deserialize)]
struct Count {
    mode: String,
    count: u64,
}

/// A refused origin.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refused {
    /// The value of `Origin`.
    pub(super) origin: String,
    /// As `$cors_decision`.
    pub(super) decision: String,
    mode: String,
    /// How often it was refused, at most.
    pub(super) count: u64,
    /// By how much `count` may be too high.
    pub(super) error: u64,
    /// How many of the requests have a response that a page can read now, and could not with the policy.
    pub(super) lost: u64,
    /// When it was refused last, in seconds since 1970.
    pub(super) last: u64,
    /// Which allowed origin it nearly is, in words.
    pub(super) near_miss: Option<String>,
}

impl Status {
    /// Reads the JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to do: a sentence without its full stop.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        const WHAT: &str = "it is not the JSON of cors_policy_status";
        let status: Self = serde_json::from_slice(text).map_err(|error| {
            let error = visible(&error.to_string());
            format!("{WHAT}: {error}; ask the page with ?format=json")
        })?;
        match status.version {
            None => Err("it has no version, so the module is older than 0.2 and keeps no refused \
                         origins; install 0.2"
                .to_owned()),
            Some(VERSION) if status.refused.is_none() => {
                Err("it has no refused origins (`refused`); remove origins=off from \
                     cors_policy_status"
                    .to_owned())
            }
            Some(VERSION) => Ok(status),
            Some(version) => Err(format!(
                "its version is {version}, and this tool knows {VERSION}; use the tool of the same \
                 release as the module"
            )),
        }
    }

    /// The names of the policies.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let refused = self.refused.iter().flat_map(BTreeMap::keys);
        let rest = refused.filter(|name| !self.policies.contains_key(*name));
        self.policies.keys().chain(rest).map(String::as_str)
    }

    /// How many requests were counted in the dry runs of a policy.
    pub(super) fn requests(&self, policy: &str) -> u64 {
        let counts = self.policies.get(policy).into_iter().flatten();
        counts.filter(|it| it.mode == "dry_run").fold(0, |sum, it| sum.saturating_add(it.count))
    }

    /// The origins that dry runs of a policy would refuse, those that lose most first.
    pub(super) fn refused_in_dry_run(&self, policy: &str) -> Vec<Refused> {
        let all = self.refused.iter().filter_map(|it| it.get(policy)).flatten();
        let mut refused: Vec<Refused> = all.filter(|it| it.mode == "dry_run").cloned().collect();
        refused.sort_by(|a, b| (b.lost, b.count, &a.origin).cmp(&(a.lost, a.count, &b.origin)));
        refused
    }
}
