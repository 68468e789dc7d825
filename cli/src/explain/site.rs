//! Patterns of a policy, each with its place in the document.

use std::fmt::{self, Display, Formatter};

use cors_policy::document::PatternSite;
use serde::Serialize;

/// A pattern and its place.
#[derive(Clone, Serialize)]
pub(super) struct Site {
    pub(super) file: String,
    pub(super) line: Option<u32>,
    pub(super) place: String,
    /// The index of its rule; `None` if it denies.
    pub(super) rule: Option<usize>,
    pub(super) pattern: String,
}

impl Site {
    /// The place of a pattern that is being compiled.
    pub(super) fn of(site: &PatternSite<'_>) -> Self {
        Self {
            file: site.file().display().to_string(),
            line: site.line(),
            place: site.place(),
            rule: site.rule(),
            pattern: site.text().to_owned(),
        }
    }

    /// The reason why a match does not count.
    pub(super) fn passed_over(&self, origin: &str) -> String {
        let why = match origin {
            "null" | "file://" => "which has to be in the list too",
            _ => "which has to be a well-formed one",
        };
        format!("{self} matches, but with credentials the answer repeats the origin, {why}.")
    }

    /// The reason why a match in a later rule does not decide.
    pub(super) fn decided_before(&self, earlier: &Self) -> String {
        format!(
            "{self} matches too, but {} stands before it and decides: put the narrower rule first.",
            earlier.place
        )
    }

    /// The place of another key of the same rule.
    pub(super) fn sibling_key(&self, key: &str) -> String {
        let rule = self.place.rfind(".allow_origins").map_or("", |end| &self.place[..end]);
        format!("{rule}.{key}")
    }
}

impl Display for Site {
    /// As mistakes are written, so that terminals and editors find the line.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: \"{}\"", self.place, self.pattern)
    }
}
