//! The state of the module, as the JSON has it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// The state of the module in one nginx.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The version of this format.
    pub version: u32,
    /// The decisions of each policy, by its name.
    pub policies: BTreeMap<String, Vec<Count>>,
    /// What would change for requests in dry runs, by the name of the policy.
    pub dry_run_changes: BTreeMap<String, Changes>,
    /// The files of policies and of origins: each document, and behind it its lists.
    pub files: Vec<File>,
    /// The origins that are refused most often, by the name of the policy, the most frequent first. `None` if
    /// `origins=off` leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<BTreeMap<String, Vec<Refused>>>,
}

impl Status {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// The JSON, with a line feed behind it.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}

/// How many requests got one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// `actual` or `preflight`.
    pub request: &'static str,
    /// As `$cors_decision`.
    pub decision: &'static str,
    /// `enforced` or `dry_run`.
    pub mode: &'static str,
    /// The number of requests.
    pub count: u64,
}

/// How many requests in dry runs would change, by `$cors_change`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// They would get 403.
    pub refused: u64,
    /// A page could not read the response any more, or its preflight would fail.
    pub lost: u64,
    /// A page would miss a header or a permission.
    pub headers: u64,
    /// A page could read the response, or its preflight would pass.
    pub gained: u64,
}

impl Changes {
    /// Each count with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let &Self { refused, lost, headers, gained } = self;
        [("refused", refused), ("lost", lost), ("headers", headers), ("gained", gained)].into_iter()
    }
}

/// A file of policies or of origins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// The path, as nginx opened it.
    pub file: String,
    /// Of the bytes that are in force.
    pub sha256: Sha256,
    /// When they were loaded, in seconds since 1970.
    pub last_load: u64,
    /// Whether the last attempt to load the file was successful.
    pub success: bool,
    /// How many attempts were not.
    pub failures: u64,
    /// The workers.
    pub workers: Workers,
    /// The mistakes of the version that was refused last.
    pub mistakes: Vec<String>,
}

/// How many workers of the present configuration have the newest good version of a file in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Workers {
    /// Those that have it.
    pub current: u32,
    /// Those that have another one.
    pub stale: u32,
}

/// A SHA-256 (FIPS 180-4). It is written in hexadecimal, as `sha256sum` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An origin that a policy refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The value of `Origin`, as far as it is text.
    pub origin: String,
    /// As `$cors_decision`.
    pub decision: &'static str,
    /// `enforced` or `dry_run`.
    pub mode: &'static str,
    /// How often it was refused, at most.
    pub count: u64,
    /// By how much `count` may be too high.
    pub error: u64,
    /// How many of the requests a page lost that could read the response, at least.
    pub lost: u64,
    /// When it was refused last, in seconds since 1970.
    pub last: u64,
    /// Which allowed origin it nearly is, and how they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_miss: Option<String>,
    /// What to do about it, for the page.
    #[serde(skip)]
    pub advice: Option<String>,
}
