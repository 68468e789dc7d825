//! The guards that a document opens, for programs that list them.

use std::{fmt, path::Path, sync::Arc};

use super::place::Location;
use crate::origin::Guard;

/// The number of open guards that are described. Further ones are counted.
const MAX_DESCRIBED: usize = 100;

/// An entry of `dangerously_allow`. Displays as one line:
///
/// `cors.yaml:12: note: policies.api.dangerously_allow[0]: "null_origin" is open: any page can have the
/// origin `null`, by way of a sandboxed frame for instance`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenGuard {
    guard: Guard,
    policy: Box<str>,
    file: Arc<Path>,
    line: Option<u32>,
    place: String,
    more: usize,
}

impl OpenGuard {
    /// The guard at a location. `policy` is the name of the policy that opens it, for itself or for one
    /// of its rules.
    pub(super) fn new(
        guard: Guard,
        policy: &str,
        location: Location<'_>,
        file: Arc<Path>,
        line: Option<u32>,
    ) -> Self {
        Self { guard, policy: policy.into(), file, line, place: location.path.to_string(), more: 0 }
    }

    /// The guard.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// The name of the policy that opens it.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line in the file, from 1, if known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The place in the document, `policies.api.rules[1].dangerously_allow[0]`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The number of further guards that are open and not described.
    pub fn more(&self) -> usize {
        self.more
    }

    /// What is open, and what that lets in, as a sentence without its full stop.
    pub fn message(&self) -> String {
        format!("\"{}\" is open: {}", self.guard, self.guard.lets_in())
    }
}

impl fmt::Display for OpenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": note: {}: {}", self.place, self.message())
    }
}

/// Open guards as they are found.
#[derive(Debug, Default)]
pub(super) struct OpenGuardList {
    described: Vec<OpenGuard>,
    more: usize,
}

impl OpenGuardList {
    pub(super) fn add(&mut self, guard: impl FnOnce() -> OpenGuard) {
        if self.described.len() < MAX_DESCRIBED {
            self.described.push(guard());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_vec(mut self) -> Vec<OpenGuard> {
        if let Some(last) = self.described.last_mut() {
            last.more = self.more;
        }
        self.described
    }
}
