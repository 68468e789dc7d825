//! Globs for the labels before one tail: compared one by one, or by an automaton.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use regex_syntax::hir::Hir;

use super::rank::{MaybeRank, NONE, Rank};
use crate::origin::automaton::{Automaton, Direction};
use crate::origin::error::MatcherError;
use crate::origin::glob;

/// Up to this many globs are compared one by one.
///
/// Nearly all of them differ from the origin in their first bytes.
const FEW: usize = 16;
/// Up to this many globs may be compared one by one where an automaton would be too large. More than
/// that would make the cost of a lookup depend on the number of patterns.
const MAX_COMPARED: usize = 64;
/// Memory of the automaton for at most [`MAX_COMPARED`] globs, in bytes.
const MAX_SMALL_SIZE: usize = 1 << 19;
/// Memory of all these small automata of a policy, in bytes. A try that fails counts as a whole one, so
/// this bounds the time too.
const MAX_SMALL_SIZES: usize = 4 << 20;
/// Memory of all other automata of a policy, in bytes.
const MAX_SIZE: usize = 16 << 20;

/// A glob and the rank of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RankedGlob {
    pub(super) rank: Rank,
    pub(super) glob: GlobNumber,
}

/// The number of a glob in [`Globs`].
pub(super) type GlobNumber = u32;
/// The number of a set of globs in [`Globs`].
pub(super) type SetNumber = u32;

/// The sets of globs of a policy. Equal globs and equal sets are held once.
#[derive(Debug, Default)]
pub(super) struct Globs {
    /// All globs, one after the other.
    bytes: Vec<u8>,
    /// The place of each glob in `bytes`.
    places: Vec<(u32, u8)>,
    /// The globs of all sets with few of them, one set after the other.
    members: Vec<RankedGlob>,
    sets: Vec<GlobSet>,
}

#[derive(Debug)]
enum GlobSet {
    /// The members from the first to before the second number, in the order of their ranks.
    Few(u32, u32),
    Many(Box<RankedAutomaton>),
}

#[derive(Debug)]
struct RankedAutomaton {
    automaton: Automaton,
    /// The rank of each of its expressions, in ascending order.
    ranks: Vec<Rank>,
}

impl Globs {
    /// The lowest rank of a glob in the set that matches, or `best` if that is lower. The labels are
    /// those of a well-formed host.
    pub(super) fn find(&self, set: SetNumber, labels: &[u8], best: MaybeRank) -> MaybeRank {
        match &self.sets[set as usize] {
            GlobSet::Few(start, end) => self.members[*start as usize..*end as usize]
                .iter()
                .take_while(|member| MaybeRank::from(member.rank) < best)
                .find(|member| glob::matches(self.glob(member.glob), labels))
                .map_or(best, |member| member.rank.into()),
            GlobSet::Many(many) => {
                let found = many.automaton.first_accepting(labels);
                best.min(found.map_or(NONE, |index| many.ranks[index].into()))
            }
        }
    }

    fn glob(&self, number: GlobNumber) -> &[u8] {
        let (offset, length) = self.places[number as usize];
        &self.bytes[offset as usize..][..usize::from(length)]
    }
}

/// Collects globs and sets of them.
#[derive(Debug)]
pub(super) struct GlobsBuilder {
    globs: Globs,
    known: HashMap<Box<[RankedGlob]>, SetNumber>,
    /// The memory that small automata may still take, in bytes.
    small_budget: usize,
    /// The memory that other automata may still take, in bytes.
    budget: usize,
}

impl GlobsBuilder {
    /// For these globs; `places` are their offsets and lengths in `bytes`.
    pub(super) fn new(bytes: Vec<u8>, places: Vec<(u32, u8)>) -> Self {
        Self {
            globs: Globs { bytes, places, ..Globs::default() },
            known: HashMap::new(),
            small_budget: MAX_SMALL_SIZES,
            budget: MAX_SIZE,
        }
    }

    /// The set of these globs, which are sorted.
    pub(super) fn add(&mut self, members: Vec<RankedGlob>) -> Result<SetNumber, MatcherError> {
        let number = self.globs.sets.len() as SetNumber;
        let members = match self.known.entry(members.into()) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(vacant) => vacant.insert_entry(number).key().clone(),
        };
        let set = match self.automaton(&members)? {
            Some(automaton) => GlobSet::Many(Box::new(automaton)),
            None => {
                let start = self.globs.members.len() as u32;
                self.globs
                    .members
                    .try_reserve(members.len())
                    .map_err(|_| MatcherError::OutOfMemory)?;
                self.globs.members.extend(&members);
                GlobSet::Few(start, start + members.len() as u32)
            }
        };
        self.globs.sets.push(set);
        Ok(number)
    }

    /// The automaton for a set, unless its globs are compared one by one.
    fn automaton(
        &mut self,
        members: &[RankedGlob],
    ) -> Result<Option<RankedAutomaton>, MatcherError> {
        let is_small = members.len() <= MAX_COMPARED;
        if members.len() <= FEW || is_small && self.small_budget < MAX_SMALL_SIZE {
            return Ok(None);
        }
        if is_small {
            let built = RankedAutomaton::new(&self.globs, members, MAX_SMALL_SIZE);
            let memory = built.as_ref().map(|built| built.automaton.memory());
            self.small_budget = self.small_budget.saturating_sub(memory.unwrap_or(MAX_SMALL_SIZE));
            return Ok(built);
        }
        let built = RankedAutomaton::new(&self.globs, members, self.budget)
            .ok_or(MatcherError::GlobsTooLarge)?;
        self.budget = self.budget.saturating_sub(built.automaton.memory());
        Ok(Some(built))
    }

    pub(super) fn build(self) -> Globs {
        let mut globs = self.globs;
        globs.members.shrink_to_fit();
        globs.sets.shrink_to_fit();
        globs
    }
}

impl RankedAutomaton {
    /// `None` if the automaton would be larger than the limit.
    fn new(globs: &Globs, members: &[RankedGlob], limit: usize) -> Option<Self> {
        let mut ranks = Vec::new();
        let mut expressions = Vec::new();
        for same in members.chunk_by(|one, other| one.rank == other.rank) {
            ranks.push(same[0].rank);
            let each = same.iter().map(|member| glob::expression(globs.glob(member.glob)));
            expressions.push(Hir::alternation(each.collect()));
        }
        let automaton = Automaton::new(&expressions, Direction::Forward, limit).ok()?;
        Some(Self { automaton, ranks })
    }
}
