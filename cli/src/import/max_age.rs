//! `max_age`.

use super::model::{Findings, Place};
use super::source::Source;
use super::yaml::{Lined, Seconds};

/// The most that a document may say without a warning: a day.
const DAY: i64 = 86_400;

/// The time that a source gives, as [`max_age`] has it. `None` if it gives none.
pub(crate) fn given(
    age: Option<&Lined<Seconds>>,
    source: &Source,
    findings: &mut Findings,
) -> Option<u32> {
    age.map(|age| max_age(age.value.0, &source.at(age.line), findings))
}

/// The time in seconds as a document writes it: none below zero, at most a day.
pub(crate) fn max_age(seconds: i64, place: &Place, findings: &mut Findings) -> u32 {
    if seconds > DAY {
        findings.note(
            place,
            format!(
                "max_age {seconds} is written as 86400, since no browser remembers a preflight for longer"
            ),
        );
    } else if seconds < 0 {
        findings.note(
            place,
            format!(
                "max_age {seconds} is written as 0, which turns the remembering of preflights off"
            ),
        );
    }
    // At most a day.
    seconds.clamp(0, DAY) as u32
}
