//! The patterns of a document, one by one, for programs that explain or count them. A compiled
//! policy does not keep its patterns.

use std::path::Path;

use super::place::Location;
use crate::origin::{OriginPattern, Rank};

/// A pattern of a document that is being read, and its place in it.
#[derive(Clone, Copy, Debug)]
pub struct PatternSite<'d> {
    pub(super) policy: &'d str,
    pub(super) rank: Rank,
    pub(super) pattern: &'d OriginPattern<'d>,
    pub(super) text: &'d str,
    pub(super) location: Location<'d>,
}

impl<'d> PatternSite<'d> {
    /// The name of its policy.
    pub fn policy(&self) -> &'d str {
        self.policy
    }

    /// The index of its rule (0 for a policy without `rules`), or `None` if it denies.
    pub fn rule(&self) -> Option<usize> {
        usize::from(self.rank).checked_sub(1)
    }

    /// The pattern.
    pub fn pattern(&self) -> &'d OriginPattern<'d> {
        self.pattern
    }

    /// The pattern as written.
    pub fn text(&self) -> &'d str {
        self.text
    }

    /// Its place in the document, `policies.api.allow_origins[2]`. For a line of an
    /// `allow_origins_file`, the place of that key.
    pub fn place(&self) -> String {
        self.location.path.to_string()
    }

    /// Its file: the document, or the `allow_origins_file`.
    pub fn file(&self) -> &'d Path {
        self.location.file
    }

    /// Its line in that file, from 1, if known.
    pub fn line(&self) -> Option<u32> {
        self.location.line
    }
}

/// A function that is called for every pattern without mistakes, in the order of the document.
pub(super) type PatternVisitor<'v> = &'v mut dyn FnMut(&PatternSite<'_>);
