//! What has to be known about policies, and where it stands.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

/// The most checks of expressions in an import. Most expressions need two, those of
/// Envoy three.
const MAX_CHECKS: usize = 1000;

/// Where something stands in a file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    /// From 1, if it is known.
    pub(crate) line: Option<u32>,
}

impl fmt::Display for Place {
    /// Writes `file:line`, or the file alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// What has to be known about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Whether the policy allows something that was not allowed before.
    pub(crate) widens: bool,
    pub(crate) place: Place,
    /// A sentence without its full stop.
    pub(crate) text: String,
}

/// What a finding asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing: no page notices.
    Note,
    /// A look: something changes, or never worked.
    Warning,
    /// An answer, without which the policy is not finished.
    Question,
}

/// The findings, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    known: HashSet<Finding>,
    /// How often an expression has been checked, which takes milliseconds.
    checks: usize,
}

impl Findings {
    /// Something that no page notices.
    pub(crate) fn note(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Note, false, place, text.into());
    }

    /// Something that changes or never worked, where the policy allows less than before, or the same.
    pub(crate) fn warn(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Warning, false, place, text.into());
    }

    /// Something that the policy allows and that was not allowed before.
    pub(crate) fn widens(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Warning, true, place, text.into());
    }

    /// Something that the files do not say.
    pub(crate) fn ask(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Question, false, place, text.into());
    }

    /// Whether one more expression may be checked. If not, it is reported.
    pub(crate) fn may_check_expression(&mut self, place: &Place) -> bool {
        self.checks += 1;
        if self.checks > MAX_CHECKS {
            let text = "an expression is left out, since there are too many of them; import fewer files, or a \
                        part of this one";
            self.warn(place, text);
        }
        self.checks <= MAX_CHECKS
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// No findings, which count checks of expressions as these do.
    pub(crate) fn apart(&self) -> Self {
        Self { checks: self.checks, ..Self::default() }
    }

    /// Counts the checks of findings that were made [apart](Self::apart) from these.
    pub(crate) fn go_on_counting(&mut self, apart: &Self) {
        self.checks = apart.checks;
    }

    /// Adds findings of another time.
    pub(crate) fn repeat(&mut self, others: &Self) {
        for Finding { level, widens, place, text } in &others.list {
            self.add(*level, *widens, place, text.clone());
        }
    }

    /// Each finding once: a default that is left out for ten policies of a file is one note.
    fn add(&mut self, level: Level, widens: bool, place: &Place, text: String) {
        let finding =
            Finding { level, widens, place: place.clone(), text: one_line(&shortened(text)) };
        if self.known.insert(finding.clone()) {
            self.list.push(finding);
        }
    }
}

/// A text without control characters, of which a terminal would make something else than was in the file, and
/// which could begin a line that looks like a message.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A text without its middle, if it is long. Messages quote the files, whose entries may have megabytes.
fn shortened(text: String) -> String {
    const HEAD: usize = 1200;
    const TAIL: usize = 400;
    // Of the beginning and the end of a text, in bytes.
    let head = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= HEAD).last();
    let tail = text.char_indices().rev().map(|(at, _)| at).take_while(|at| at + TAIL >= text.len());
    match (head, tail.last()) {
        (Some(head), Some(tail)) if head < tail => {
            format!("{} … {}", &text[..head], &text[tail..])
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_lose_their_middle() {
        let place = Place { file: Path::new("a").into(), line: None };
        let mut findings = Findings::default();
        for text in ["ä".repeat(2_000_000), "ä".repeat(800), String::new()] {
            findings.note(&place, text);
        }
        let lengths: Vec<_> = findings.iter().map(|finding| finding.text.chars().count()).collect();
        assert_eq!(lengths, [600 + 3 + 200, 800, 0]);
        assert!(findings.list[0].text.contains("ä … ä"));
    }

    #[test]
    fn messages_are_one_line_each() {
        let place = Place { file: Path::new("a").into(), line: None };
        let mut findings = Findings::default();
        findings.note(&place, "a\nb: warning: \u{1b}[2Jc\u{85}ä");
        assert_eq!(findings.list[0].text, r"a\nb: warning: \u{1b}[2Jc\u{85}ä");
    }
}
