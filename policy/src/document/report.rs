//! All mistakes of a document, each with its level and its place.

use std::{
    error::Error,
    fmt,
    mem::{Discriminant, discriminant},
    path::Path,
    sync::Arc,
};

use super::{
    keys::{KeySpec, Language},
    level::Level,
    mistake_kind::MistakeKind,
    open_guard::{OpenGuard, OpenGuardList},
    source_file::SourceFile,
};
use crate::origin::Guard;

/// The number of errors that are described. Further ones are counted.
const MAX_ERRORS: usize = 100;

/// The number of warnings of each kind that are described. Further ones are counted.
pub(super) const MAX_WARNINGS_OF_A_KIND: usize = 10;

/// What was read from a document without errors, and the warnings about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<T> {
    /// What was read.
    pub value: T,
    /// The warnings, in the order of the document. At most ten of a kind are described; the last of
    /// them counts further ones.
    pub warnings: Vec<Mistake>,
    /// The guards that are open, in the order of the document. At most a hundred are described; the
    /// last of them counts further ones.
    pub guards: Vec<OpenGuard>,
    /// The files that were read: the document, if it is one, and each `allow_origins_file` that it names.
    pub files: Vec<SourceFile>,
}

/// All mistakes of a document that is refused, in its order. There is at least one error. At most a
/// hundred errors are described, and ten warnings of a kind; further ones are counted. Displays one
/// mistake per line.
#[derive(Clone, Debug)]
pub struct Report {
    mistakes: Vec<Mistake>,
    omitted: usize,
    files: Vec<SourceFile>,
    guards: Vec<OpenGuard>,
}

impl Report {
    /// The mistakes of both levels, in the order of the document.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The errors, in the order of the document.
    pub fn errors(&self) -> impl Iterator<Item = &Mistake> {
        self.of_level(Level::Error)
    }

    /// The warnings, in the order of the document.
    pub fn warnings(&self) -> impl Iterator<Item = &Mistake> {
        self.of_level(Level::Warning)
    }

    /// The errors alone, for programs that do not show warnings.
    #[must_use]
    pub fn without_warnings(mut self) -> Self {
        self.mistakes.retain(|mistake| mistake.level() == Level::Error);
        self
    }

    fn of_level(&self, level: Level) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(move |mistake| mistake.level() == level)
    }

    /// A line about the errors that are not described: `and 7 more mistakes`.
    pub fn rest(&self) -> Option<String> {
        match self.omitted {
            0 => None,
            1 => Some("and 1 more mistake".to_owned()),
            more => Some(format!("and {more} more mistakes")),
        }
    }

    /// The number of errors that [`Report::errors`] does not describe.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The guards that are open, as in [`Accepted::guards`].
    pub fn guards(&self) -> &[OpenGuard] {
        &self.guards
    }

    /// The errors as text, one a line, and how many more there are.
    pub fn errors_text(&self) -> String {
        let lines = self.errors().map(Mistake::to_string).chain(self.rest());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Each file that is at fault, and its errors, one a line: a list with errors of its own, or one that could
    /// not be read. All errors are those of the document.
    pub fn files_at_fault(&self, document: &Path) -> Vec<(&Path, String)> {
        let all = self.errors_text();
        let lists = self.files.iter().filter(|file| file.path != document);
        let at_fault = lists.filter_map(|list| {
            let own = self.errors().filter(|error| error.file() == list.path);
            let own: Vec<_> = own.map(Mistake::to_string).collect();
            match (&own[..], list.sha256) {
                // The error is one of the line that names the list.
                ([], None) => Some((&*list.path, all.clone())),
                ([], Some(_)) => None,
                _ => Some((&*list.path, own.join("\n"))),
            }
        });
        let mut files: Vec<_> = at_fault.collect();
        if let Some(file) = self.files.iter().find(|file| file.path == document) {
            files.insert(0, (&file.path, all));
        }
        files
    }

    /// The files that were read: the document, if it is one, and each `allow_origins_file` that it names. A
    /// program that watches the document for changes has to watch these too, because some mistakes are mended
    /// there.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
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
    /// The number of errors.
    errors: usize,
    /// The number of warnings of each kind.
    warnings: Vec<(Discriminant<MistakeKind>, usize)>,
    files: Vec<SourceFile>,
    guards: OpenGuardList,
}

impl Mistakes {
    /// Adds a mistake of this kind before those that were found later. `position` is what
    /// [`Mistakes::position`] was then.
    pub(super) fn insert(
        &mut self,
        position: usize,
        kind: MistakeKind,
        mistake: impl FnOnce(MistakeKind) -> Mistake,
    ) {
        let is_described = match kind.level() {
            Level::Error => {
                self.errors += 1;
                self.errors <= MAX_ERRORS
            }
            Level::Warning => self.count_warning(&kind) <= MAX_WARNINGS_OF_A_KIND,
        };
        if is_described {
            self.found.insert(position, mistake(kind));
        }
    }

    /// Counts further warnings of this kind without describing them.
    pub(super) fn count_more(&mut self, kind: Discriminant<MistakeKind>, more: usize) {
        if let Some((_, count)) = self.warnings.iter_mut().find(|(known, _)| *known == kind) {
            *count += more;
        }
    }

    /// The number of warnings of this kind, the new one included.
    fn count_warning(&mut self, kind: &MistakeKind) -> usize {
        let kind = discriminant(kind);
        let known = self.warnings.iter_mut().find(|(known, _)| *known == kind);
        match known {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.warnings.push((kind, 1));
                1
            }
        }
    }

    /// The place of the next mistake, for [`Mistakes::insert`].
    pub(super) fn position(&self) -> usize {
        self.found.len()
    }

    /// Whether a further error is described, and not only counted.
    pub(super) fn describes_errors(&self) -> bool {
        self.errors < MAX_ERRORS
    }

    /// The number of errors, described or not.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Notes that this file was read, or tried to.
    pub(super) fn add_file(&mut self, file: SourceFile) {
        self.files.push(file);
    }

    /// Notes that a guard is open.
    pub(super) fn add_guard(&mut self, guard: impl FnOnce() -> OpenGuard) {
        self.guards.add(guard);
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<Accepted<T>, Report> {
        let Self { mut found, errors, warnings, files, guards } = self;
        let guards = guards.into_vec();
        for (kind, count) in warnings {
            let described = found.iter().filter(|mistake| discriminant(&mistake.kind) == kind);
            let more = count - described.count();
            let last = found.iter_mut().rev().find(|mistake| discriminant(&mistake.kind) == kind);
            if let Some(last) = last {
                last.more = more;
            }
        }
        if errors == 0 {
            Ok(Accepted { value, warnings: found, guards, files })
        } else {
            let omitted = errors.saturating_sub(MAX_ERRORS);
            Err(Report { mistakes: found, omitted, files, guards })
        }
    }
}

/// One mistake. Displays as one line:
///
/// `cors.yaml:7: policies.api.allow_methods[0]: "put": never matches: methods are case-sensitive, and
/// browsers send this one in upper case; write PUT`
///
/// A warning has `warning: ` before its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub(super) file: Arc<Path>,
    pub(super) line: Option<u32>,
    pub(super) place: String,
    pub(super) value: Option<String>,
    pub(super) kind: MistakeKind,
    /// The key that the value belongs to, for the remedy.
    pub(super) key: Option<&'static KeySpec>,
    pub(super) language: Language,
    /// The number of further warnings of this kind.
    pub(super) more: usize,
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

    /// What it means for the document.
    pub fn level(&self) -> Level {
        self.kind.level()
    }

    /// The number of further warnings of this kind, which are not described. It is 0 for an error.
    pub fn more(&self) -> usize {
        self.more
    }

    /// The kind of mistake.
    pub fn kind(&self) -> &MistakeKind {
        &self.kind
    }

    /// The problem, as a sentence without its full stop.
    pub fn problem(&self) -> String {
        self.kind.problem(self.language)
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
        let more = match self.more {
            0 => String::new(),
            1 => " (and 1 more warning of this kind)".to_owned(),
            more => format!(" (and {more} more warnings of this kind)"),
        };
        format!("{place}{}; {}{more}", self.problem(), self.remedy())
    }

    /// The message with file and line but without the level, for logs that show the level in their own
    /// way.
    pub fn at_place(&self) -> impl fmt::Display {
        struct AtPlace<'m>(&'m Mistake);

        impl fmt::Display for AtPlace<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_place(f)?;
                write!(f, ": {}", self.0.message())
            }
        }

        AtPlace(self)
    }

    fn write_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
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
        self.write_place(f)?;
        match self.level() {
            Level::Error => write!(f, ": {}", self.message()),
            level @ Level::Warning => write!(f, ": {level}: {}", self.message()),
        }
    }
}

impl Error for Mistake {}
