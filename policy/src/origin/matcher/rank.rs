//! Which of several matching rules decides.

/// The place of a rule in its policy: 0 for `deny_origins`, from 1 for the rules in their order.
/// The lowest rank with a matching pattern decides.
pub type Rank = u16;

/// A rank, or [`NONE`].
///
/// PERF: `min` finds the deciding rule. With `Option<Rank>`, which needs a comparison that takes
/// `None` for the highest, a match of an exact origin costs 13 instructions more, a refusal 9, and a
/// match of a wildcard 50.
pub(super) type MaybeRank = u32;

/// Above all ranks: no rule.
pub(super) const NONE: MaybeRank = MaybeRank::MAX;
