//! The narrow readings of expressions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use nginx_conf::evaluate::Regex;

use crate::import::expression::{self, Matching, Narrowed};
use crate::import::model::{Findings, Place};

/// What an expression means, or why that cannot be said.
pub(super) type Reading = Rc<Result<Narrowed, String>>;

/// The readings so far: many locations share a map.
#[derive(Default)]
pub(super) struct Readings(RefCell<HashMap<Regex, Reading>>);

impl Readings {
    /// The reading of an expression. `None` if too many have been read; that is reported.
    pub(super) fn read(
        &self,
        regex: &Regex,
        place: &Place,
        findings: &mut Findings,
    ) -> Option<Reading> {
        if let Some(reading) = self.0.borrow().get(regex) {
            return Some(Rc::clone(reading));
        }
        if !findings.may_check_expression(place) {
            return None;
        }
        let (text, matching) = meaning(regex);
        let reading = Rc::new(expression::narrow(&text, matching));
        self.0.borrow_mut().insert(regex.clone(), Rc::clone(&reading));
        Some(reading)
    }
}

/// How an expression is read. Origins are in lower case, so that one without regard to case means the same
/// in lower case; but a letter behind a backslash can mean something else there.
fn meaning(regex: &Regex) -> (String, Matching) {
    let pattern = regex.pattern();
    let has_upper_escape =
        pattern.as_bytes().windows(2).any(|w| w[0] == b'\\' && w[1].is_ascii_uppercase());
    if regex.ignores_case() && !has_upper_escape {
        (pattern.to_ascii_lowercase(), Matching::SEARCH)
    } else {
        let ignores_case = regex.ignores_case();
        (pattern.to_owned(), Matching { is_whole: false, ignores_case })
    }
}
