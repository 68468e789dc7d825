//! Which of several matching rules decides.

/// The place of a rule in its policy: 0 for `deny_origins`, from 1 for the rules in their order.
/// The lowest rank with a matching pattern decides.
pub type Rank = u16;

/// A rank, or [`NONE`].
pub(crate) type MaybeRank = u32;

/// Above all ranks: `min` of a rank and this is the rank.
pub(super) const NONE: MaybeRank = MaybeRank::MAX;
