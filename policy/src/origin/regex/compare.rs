//! Comparisons of what two automata accept.

use super::grammar::GRAMMAR;
use crate::origin::automaton::{Automaton, Condition, witness};

/// Whether every origin that `smaller` accepts is accepted by `larger`.
pub(crate) fn includes(larger: &Automaton, smaller: &Automaton) -> bool {
    let beyond = [
        Condition::Accepted(smaller),
        Condition::Accepted(&GRAMMAR.origin),
        Condition::Refused(&GRAMMAR.never),
        Condition::Refused(larger),
    ];
    witness(beyond).is_none()
}

/// Whether both accept one and the same text.
pub(crate) fn meet(one: &Automaton, other: &Automaton) -> bool {
    witness([Condition::Accepted(one), Condition::Accepted(other)]).is_some()
}
