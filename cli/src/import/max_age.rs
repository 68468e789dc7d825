//! `max_age`.

use super::model::{Findings, Place};

/// The most that a document may say without a warning: a day.
const DAY: i64 = 86_400;

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
