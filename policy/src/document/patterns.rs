//! The patterns of a document, one by one, for whoever explains or counts them: a compiled policy
//! does not keep them.

use std::path::Path;

use super::{
    Report, load_with, parse_with,
    validate::{Patterns, Site},
};
use crate::{
    Policy,
    origin::{OriginPattern, Rank},
};

/// A pattern of a document that is being read, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct PatternSite<'d> {
    policy: &'d str,
    rank: Rank,
    pattern: &'d OriginPattern<'d>,
    text: &'d str,
    site: &'d Site<'d>,
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
        self.site.place.to_string()
    }

    /// Where it stands: the document, or the `allow_origins_file`.
    pub fn file(&self) -> &'d Path {
        self.site.file
    }

    /// The line in that file, from 1, where it is known.
    pub fn line(&self) -> Option<u32> {
        self.site.line
    }
}

/// Reads a document as [`load`](super::load) does, and calls `each` for every pattern without
/// mistakes, in the order of the document.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn load_with_patterns(
    path: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Vec<Policy>, Report> {
    load_with(path, Visitor(each))
}

/// Reads a document as [`parse`](super::parse) does, and calls `each` for every pattern without
/// mistakes, in the order of the document.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn parse_with_patterns(
    text: &[u8],
    file: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Vec<Policy>, Report> {
    parse_with(text, file, Visitor(each))
}

struct Visitor<F>(F);

impl<F: FnMut(&PatternSite<'_>)> Patterns for Visitor<F> {
    fn visit(
        &mut self,
        policy: &str,
        rank: Rank,
        pattern: &OriginPattern<'_>,
        text: &str,
        site: &Site<'_>,
    ) {
        (self.0)(&PatternSite { policy, rank, pattern, text, site });
    }
}
