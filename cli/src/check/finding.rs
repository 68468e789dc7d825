//! What a check finds: mistakes, and what has to be known.

use std::fmt;
use std::path::{Path, PathBuf};

use cors_policy::document::{self, Mistake, OpenGuard};
use serde::Serialize;

use crate::output::on_one_line;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// nginx refuses it.
    Error,
    /// It has no effect, or the check cannot go on here.
    Warning,
    /// It is worth knowing, and never refuses a file.
    Note,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its name in lower case with hyphens, which never changes.
    pub(super) id: &'static str,
    /// What findings of this kind have in common.
    pub(super) description: &'static str,
}

/// One finding. Displays as one line:
///
/// `cors.yaml:13: warning: policies.api.max_age: "2d": more than 86400 seconds, …; write 1d or less`
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) rule: Rule,
    pub(super) file: PathBuf,
    /// The line, from 1, if known.
    pub(super) line: Option<u32>,
    /// The place in a document, or empty.
    pub(super) place: String,
    /// The value as it was written, escaped and cut.
    pub(super) value: Option<String>,
    /// What is wrong, and what to write instead.
    pub(super) message: String,
    /// The number of further findings of this level and kind, which are not described.
    pub(super) more: usize,
}

impl Finding {
    /// A finding without a place in a document.
    pub(super) fn new(
        level: Level,
        rule: Rule,
        file: &Path,
        line: Option<u32>,
        message: String,
    ) -> Self {
        let file = file.to_owned();
        Self { level, rule, file, line, place: String::new(), value: None, message, more: 0 }
    }

    /// The place, the value and the message, on one line.
    pub(super) fn text(&self) -> String {
        let place = [Some(self.place.as_str()), self.value.as_deref()];
        let place = place.into_iter().flatten().filter(|part| !part.is_empty());
        let text =
            place.fold(String::new(), |all, part| all + part + ": ") + &self.counted_message();
        on_one_line(&text)
    }

    /// The message, and how many further findings there are.
    pub(super) fn counted_message(&self) -> String {
        let Self { message, more, level, .. } = self;
        match more {
            0 => message.clone(),
            1 => format!("{message} (and 1 more {} of this kind)", level.as_str()),
            more => format!("{message} (and {more} more {}s of this kind)", level.as_str()),
        }
    }
}

impl From<&Mistake> for Finding {
    fn from(mistake: &Mistake) -> Self {
        let level = match mistake.level() {
            document::Level::Error => Level::Error,
            document::Level::Warning => Level::Warning,
        };
        let kind = mistake.kind();
        Self {
            level,
            rule: Rule { id: kind.id(), description: kind.description() },
            file: mistake.file().to_owned(),
            line: mistake.line(),
            place: mistake.place().to_owned(),
            value: mistake.value().map(str::to_owned),
            message: format!("{}; {}", mistake.problem(), mistake.remedy()),
            more: mistake.more(),
        }
    }
}

impl From<&OpenGuard> for Finding {
    fn from(guard: &OpenGuard) -> Self {
        const OPEN_GUARD: Rule = Rule {
            id: "open-guard",
            description: "An entry of `dangerously_allow`, which opens a guard.",
        };
        let place = guard.place().to_owned();
        let finding =
            Self::new(Level::Note, OPEN_GUARD, guard.file(), guard.line(), guard.message());
        Self { place, ..finding }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.level {
            Level::Error => write!(f, ": {}", self.text()),
            level => write!(f, ": {}: {}", level.as_str(), self.text()),
        }
    }
}
