//! The bound on the work of all evaluations together.

use std::cell::Cell;

use super::{config::Config, regex::Regex};

/// Steps that were taken, and how many may be. A step is a directive or a search of an expression.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    taken: Cell<u64>,
    max: u64,
}

impl Steps {
    /// No steps yet, of any number.
    pub(crate) fn unlimited() -> Self {
        Self { taken: Cell::new(0), max: u64::MAX }
    }

    /// Counts steps, and says whether there are any left.
    pub(crate) fn take(&self, steps: u64) -> bool {
        self.taken.set(self.taken.get().saturating_add(steps));
        !self.are_exhausted()
    }

    /// Counts a search of an expression, which may have to be compiled for it.
    pub(crate) fn take_search(&self, regex: &Regex) -> bool {
        const COMPILING: u64 = 2000;
        self.take(if regex.is_compiled() { 1 } else { COMPILING })
    }

    fn are_exhausted(&self) -> bool {
        self.taken.get() >= self.max
    }
}

impl Config {
    /// Bounds the steps that all evaluations may take together. A step is a directive or a search of an
    /// expression; compiling an expression counts as two thousand.
    pub fn limit_steps(&mut self, steps: u64) {
        self.steps.max = steps;
    }

    /// Whether that many steps have been taken. Answers may be wrong then.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.steps.are_exhausted()
    }
}
