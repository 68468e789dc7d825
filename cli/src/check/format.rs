//! Printing the results: for people, for programs, and for CI services.

mod github;
mod json;
mod sarif;
mod text;

use super::checked::Checked;
use crate::{
    args::{CheckArgs, CheckFormat},
    input::Unusable,
};

/// Prints the results of all files.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(all: &[Checked], args: &CheckArgs) -> Result<(), Unusable> {
    match args.format {
        CheckFormat::Text => text::print(all, args.strict),
        CheckFormat::Json => json::print(all, args.strict),
        CheckFormat::Sarif => sarif::print(all, args.strict),
        CheckFormat::Github => github::print(all, args.strict),
    }
}

/// A line about the errors that are not described.
fn rest(omitted: usize) -> Option<String> {
    match omitted {
        0 => None,
        1 => Some("and 1 more mistake".to_owned()),
        more => Some(format!("and {more} more mistakes")),
    }
}

/// A line about the open guards that are not described.
fn rest_of_guards(omitted: usize) -> Option<String> {
    (omitted > 0).then(|| format!("and {}", count(omitted, "more open guard", "more open guards")))
}

/// A number and what it counts.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
