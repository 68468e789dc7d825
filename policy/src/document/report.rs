//! All mistakes of a document, and each of them with its place.

use std::{error::Error, fmt, path::Path, sync::Arc};

use super::{
    keys::{KeySpec, Language},
    mistake_kind::MistakeKind,
};
use crate::origin::Guard;

/// The number of mistakes that are described. Further ones are counted.
const MAX_MISTAKES: usize = 100;

/// All mistakes of a document, in its order. There is at least one. At most a hundred are described,
/// further ones are counted. Displays one mistake per line.
#[derive(Clone, Debug)]
pub struct Report {
    mistakes: Vec<Mistake>,
    omitted: usize,
}

impl Report {
    /// The mistakes, in the order of the document.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// A line about the mistakes that are not described: `and 7 more mistakes`.
    pub fn rest(&self) -> Option<String> {
        match self.omitted {
            0 => None,
            1 => Some("and 1 more mistake".to_owned()),
            more => Some(format!("and {more} more mistakes")),
        }
    }

    /// The number of mistakes that [`Report::mistakes`] does not describe.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl IntoIterator for Report {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.mistakes.into_iter()
    }
}

impl<'a> IntoIterator for &'a Report {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.mistakes.iter()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        match self.rest() {
            Some(rest) => write!(f, "\n{rest}"),
            None => Ok(()),
        }
    }
}

impl Error for Report {}

/// Mistakes as they are found.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    found: Vec<Mistake>,
    omitted: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, mistake: impl FnOnce() -> Mistake) {
        if self.found.len() < MAX_MISTAKES {
            self.found.push(mistake());
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.found.len() + self.omitted
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Report> {
        if self.found.is_empty() {
            Ok(value)
        } else {
            Err(Report { mistakes: self.found, omitted: self.omitted })
        }
    }
}

/// One mistake. Displays as one line:
///
/// `cors.yaml:7: policies.api.max_age: "2d": more than 86400 seconds, at which browsers cap it;
/// write 1d or less`
#[derive(Clone, Debug)]
pub struct Mistake {
    pub(super) file: Arc<Path>,
    pub(super) line: Option<u32>,
    pub(super) place: String,
    pub(super) value: Option<String>,
    pub(super) kind: MistakeKind,
    /// The key that the value belongs to, for the remedy.
    pub(super) key: Option<&'static KeySpec>,
    pub(super) language: Language,
}

impl Mistake {
    /// The file: the document, or an `allow_origins_file`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line in the file, from 1, if known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The place in the document, `policies.api.allow_origins[2]`. Empty if the mistake concerns the
    /// whole file.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value as it was written, escaped and cut to a sensible length.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The kind of mistake.
    pub fn kind(&self) -> &MistakeKind {
        &self.kind
    }

    /// The problem, as a sentence without its full stop.
    pub fn problem(&self) -> String {
        self.kind.to_string()
    }

    /// Advice on what to write instead, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        self.kind.remedy(self.key, self.value(), self.language)
    }

    /// The message without file and line, for programs that show these in another way.
    pub fn message(&self) -> String {
        let place = [Some(self.place.as_str()), self.value()];
        let place = place.into_iter().flatten().filter(|part| !part.is_empty());
        let place = place.fold(String::new(), |all, part| all + part + ": ");
        format!("{place}{}; {}", self.kind, self.remedy())
    }

    /// The entry of `dangerously_allow` that permits it, if there is one.
    pub fn opened_by(&self) -> Option<Guard> {
        match &self.kind {
            MistakeKind::Guard(guard) => Some(guard.opened_by()),
            _ => None,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message())
    }
}

impl Error for Mistake {}
