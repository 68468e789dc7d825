//! What is taken for conditions that are not known.

use std::collections::HashMap;

use crate::{Site, evaluate::Unknown};

/// The decisions about unknown conditions on the way of one request.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// What is taken for each condition, in their order.
    taken: Vec<bool>,
    /// How many of them have come.
    decided: usize,
    /// The same, by condition: one that comes again is the same again.
    known: HashMap<String, bool>,
    assumed: Vec<(Unknown, Site, bool)>,
}

impl Decisions {
    /// What is taken for a condition: false, unless an earlier way has gone there.
    pub(super) fn decide(&mut self, condition: String, unknown: &Unknown, site: Site) -> bool {
        if let Some(decision) = self.known.get(&condition) {
            return *decision;
        }
        if self.decided == self.taken.len() {
            self.taken.push(false);
        }
        let decision = self.taken[self.decided];
        self.decided += 1;
        self.known.insert(condition, decision);
        self.assumed.push((unknown.clone(), site, decision));
        decision
    }

    /// The conditions that have come, where they are, and what was taken for them.
    pub(super) fn take_assumed(&mut self) -> Vec<(Unknown, Site, bool)> {
        std::mem::take(&mut self.assumed)
    }

    /// The decisions of the next way: the last condition that was false becomes true. `None` after the last
    /// way.
    pub(super) fn of_next_way(self) -> Option<Self> {
        let mut taken = self.taken;
        while taken.last() == Some(&true) {
            taken.pop();
        }
        *taken.last_mut()? = true;
        Some(Self { taken, ..Self::default() })
    }
}
