//! Regular expressions: one automaton for all of a policy.

use regex_syntax::hir::Hir;

use super::rank::{MaybeRank, NONE, Rank};
use crate::origin::automaton::Automaton;
use crate::origin::error::MatcherError;
use crate::origin::regex::compile_all;
use crate::origin::syntax::{MAX_ORIGIN_LEN, Origin};

/// All regular expressions of a policy, in one automaton.
#[derive(Debug)]
pub(super) struct RegexSet {
    automaton: Option<Automaton>,
    /// The rank of each expression of the automaton, in ascending order.
    ranks: Vec<Rank>,
    /// The lowest rank of any expression here.
    pub(super) lowest: MaybeRank,
}

impl RegexSet {
    pub(super) fn new(mut expressions: Vec<(Rank, Hir)>) -> Result<Self, MatcherError> {
        // The order within a rank does not matter: those of one rank become one expression with
        // alternatives.
        expressions.sort_by_key(|&(rank, _)| rank);
        let mut ranks = Vec::new();
        let mut alternatives: Vec<Vec<Hir>> = Vec::new();
        for (rank, expression) in expressions {
            match alternatives.last_mut() {
                Some(same) if ranks.last() == Some(&rank) => same.push(expression),
                _ => {
                    ranks.push(rank);
                    alternatives.push(vec![expression]);
                }
            }
        }
        let alternatives: Vec<Hir> = alternatives.into_iter().map(Hir::alternation).collect();
        let automaton = if alternatives.is_empty() {
            None
        } else {
            Some(compile_all(&alternatives).map_err(|_| MatcherError::RegexesTooLarge)?)
        };
        Ok(Self { automaton, lowest: ranks.first().map_or(NONE, |&rank| rank.into()), ranks })
    }

    #[inline(never)]
    pub(super) fn find(&self, origin: &[u8]) -> MaybeRank {
        let Some(automaton) = &self.automaton else { return NONE };
        if origin.len() > MAX_ORIGIN_LEN {
            return NONE;
        }
        match automaton.first_accepting(origin) {
            Some(index) if Origin::parse(origin).is_some() => self.ranks[index].into(),
            _ => NONE,
        }
    }
}
