//! Which pattern made a decision.

use std::path::{Path, PathBuf};

use super::{
    Report, load_with,
    validate::{Patterns, Site},
};
use crate::{
    Decision, OriginHeader,
    origin::{OriginPattern, Rank},
};

/// The pattern that decided about an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The index of its rule (0 for a policy without `rules`), or `None` if it denies.
    pub rule: Option<usize>,
    /// The pattern as written.
    pub pattern: String,
    /// Its place in the document, `policies.api.allow_origins[2]`. For a line of an
    /// `allow_origins_file`, the place of that key.
    pub place: String,
    /// Where the pattern stands: the document, or the `allow_origins_file`.
    pub file: PathBuf,
    /// The line in that file, if known.
    pub line: Option<u32>,
}

/// Reads a document as [`load`](super::load) does and finds the pattern by which a policy decides
/// about an origin: the first one that matches in the first rule that has one, or the first one
/// in `deny_origins`. `None` if no pattern matches, and where `*` matches something that cannot
/// be sent back because it is no origin; or if there is no such policy.
///
/// A compiled policy does not keep its patterns, so that this reads the document anew.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn trace(path: &Path, policy: &str, origin: &[u8]) -> Result<Option<Match>, Report> {
    let mut tracer = Tracer { policy, origin, found: None };
    let policies = load_with(path, &mut tracer)?;
    let found = tracer.found;
    let decision = policies
        .iter()
        .find(|candidate| candidate.name() == policy)
        .map(|policy| policy.decide(OriginHeader::One(origin)).decision());
    Ok(found.and_then(|(rank, found)| {
        // Denied by a rule that allows: not an origin, and the rule had to send it back.
        (rank == 0 || decision == Some(Decision::Allowed)).then_some(found)
    }))
}

struct Tracer<'t> {
    policy: &'t str,
    origin: &'t [u8],
    found: Option<(Rank, Match)>,
}

impl Patterns for &mut Tracer<'_> {
    fn visit(
        &mut self,
        policy: &str,
        rank: Rank,
        pattern: &OriginPattern<'_>,
        text: &str,
        site: &Site<'_>,
    ) {
        let earlier = self.found.as_ref().is_some_and(|(found, _)| *found <= rank);
        if policy != self.policy || earlier || !pattern.matches(self.origin) {
            return;
        }
        let found = Match {
            rule: usize::from(rank).checked_sub(1),
            pattern: text.to_owned(),
            place: site.place.to_string(),
            file: site.file.to_path_buf(),
            line: site.line,
        };
        self.found = Some((rank, found));
    }
}
