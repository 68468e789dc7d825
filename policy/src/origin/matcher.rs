//! All patterns of a policy in one place, and the order in which the kinds of patterns are tried.

mod exact;
mod glob_set;
mod group;
mod hash;
mod rank;
mod regex_set;
mod tail;
mod wildcard;

use std::collections::TryReserveError;

use regex_syntax::hir::Hir;

use self::exact::{ExactBuilder, ExactOrigins};
use self::group::{GroupBuilder, GroupedOrigins};
use self::rank::{MaybeRank, NONE};
use self::regex_set::RegexSet;
use self::tail::Tail;
use self::wildcard::{WildcardBuilder, WildcardOrigins, port_code};
use super::error::MatcherError;
use super::pattern::OriginPattern;

pub use self::rank::Rank;

/// Collects the patterns of a policy.
///
/// A long list of origins can need more memory than the system has. That is an error, and does not
/// end the process, which may be nginx with other work to do. Nothing else that is allocated for a
/// policy is large enough for that.
#[derive(Debug, Default)]
pub struct MatcherBuilder {
    any: Option<Rank>,
    out_of_memory: bool,
    exact: ExactBuilder,
    wildcards: WildcardBuilder,
    groups: GroupBuilder,
    expressions: Vec<(Rank, Hir)>,
}

impl MatcherBuilder {
    /// A builder with no patterns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for `bytes` more bytes of exact origins.
    ///
    /// Without it the buffer doubles whenever it is full. Copying it may keep other threads waiting,
    /// because allocators lock meanwhile.
    // PERF: 7 to 15 ms of waiting while a million origins are read.
    pub fn reserve(&mut self, bytes: usize) {
        let reserved = self.exact.bytes.try_reserve_exact(bytes);
        self.note(reserved);
    }

    /// Adds a pattern to the rule of this rank. Of equal patterns the one with the lowest rank
    /// counts.
    pub fn add(&mut self, rank: Rank, pattern: &OriginPattern<'_>) {
        if self.out_of_memory {
            return;
        }
        let added = match pattern {
            OriginPattern::Any => {
                self.any = Some(self.any.map_or(rank, |other| other.min(rank)));
                Ok(())
            }
            OriginPattern::Null => self.exact.add(rank, b"null"),
            OriginPattern::Exact(origin) => self.exact.add(rank, origin.as_bytes()),
            OriginPattern::Wildcard(wildcard) => {
                let (tail, glob) = Tail::of(wildcard.host);
                match (glob, port_code(wildcard.port)) {
                    (None, Some(port)) => self.wildcards.add(rank, wildcard.scheme, tail, port),
                    _ => self.groups.add(rank, wildcard, tail, glob),
                }
            }
            OriginPattern::Regex(regex) => {
                self.expressions.push((rank, regex.expression().clone()));
                Ok(())
            }
        };
        self.note(added);
    }

    /// The number of exact origins so far, `null` included.
    pub(crate) fn exact_origins_len(&self) -> usize {
        self.exact.len()
    }

    /// The exact origins in the order in which they were added, `null` included.
    pub(crate) fn exact_origins(&self) -> impl Iterator<Item = &[u8]> {
        self.exact.origins()
    }

    /// Notes whether an allocation succeeded. If not, everything collected is freed, because
    /// reporting the error needs memory too.
    fn note(&mut self, allocated: Result<(), TryReserveError>) {
        if allocated.is_err() {
            *self = Self { out_of_memory: true, ..Self::default() };
        }
    }

    /// Makes the matcher.
    ///
    /// # Errors
    ///
    /// If all patterns together take more memory than allowed, or than the system has.
    pub fn build(self) -> Result<OriginMatcher, MatcherError> {
        self.build_noting(&mut |_, _| {})
    }

    /// Makes the matcher, and calls `again` for each exact origin that was added before, with
    /// its place among [`MatcherBuilder::exact_origins`].
    ///
    /// # Errors
    ///
    /// As for [`MatcherBuilder::build`].
    pub(crate) fn build_noting(
        self,
        again: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<OriginMatcher, MatcherError> {
        if self.out_of_memory {
            return Err(MatcherError::OutOfMemory);
        }
        let wildcards = self.wildcards.build()?;
        let groups = self.groups.build()?;
        let expressions = RegexSet::new(self.expressions)?;
        Ok(OriginMatcher {
            any: self.any.map_or(NONE, MaybeRank::from),
            exact: self.exact.build(again)?,
            lowest_other: wildcards.lowest.min(groups.lowest).min(expressions.lowest),
            wildcards,
            groups,
            expressions,
        })
    }
}

/// All patterns of one policy. The cost of a lookup depends on the length of the origin, not on the
/// number of patterns.
///
/// One origin takes its own length and about 18 bytes of memory, one wildcard about 30, one with `*`
/// inside the host about 60. All regular expressions together become one automaton.
#[derive(Debug)]
pub struct OriginMatcher {
    any: MaybeRank,
    exact: ExactOrigins,
    wildcards: WildcardOrigins,
    groups: GroupedOrigins,
    expressions: RegexSet,
    /// The lowest rank of a wildcard or a regular expression.
    lowest_other: MaybeRank,
}

impl OriginMatcher {
    /// The lowest rank with a pattern that matches this value of the `Origin` header. Never
    /// allocates.
    #[inline(always)]
    pub fn find(&self, origin: &[u8]) -> Option<Rank> {
        let mut best = self.any;
        if self.exact.lowest < best {
            best = best.min(self.exact.find(origin));
        }
        if self.lowest_other < best {
            best = self.find_other(origin, best);
        }
        // Every number but `NONE` is a rank.
        Rank::try_from(best).ok()
    }

    /// The lowest rank of a wildcard or a regular expression that matches, or `best` if that is
    /// lower.
    // PERF: out of line, so that `find` stays small enough to be inlined into its caller. Saves 4
    // instructions for an allowed request, 9 for a preflight.
    #[inline(never)]
    fn find_other(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        if self.wildcards.lowest < best {
            best = self.wildcards.find(origin, best);
        }
        if self.groups.lowest < best {
            best = self.groups.find(origin, best);
        }
        if self.expressions.lowest < best {
            best = best.min(self.expressions.find(origin));
        }
        best
    }
}
