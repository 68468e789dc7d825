//! Reading nodes as the types that keys expect. Everything that does not fit becomes a mistake.

use std::{collections::HashMap, mem::Discriminant, path::Path, slice, sync::Arc};

use super::{
    keys::{KeySpec, Language},
    mistake_kind::{Expected, MistakeKind},
    node::{Node, NodeLine, Value},
    open_guard::OpenGuard,
    place::Location,
    quote::{quote, show},
    report::{Accepted, Mistake, Mistakes, Report},
    source_file::SourceFile,
};
use crate::{
    nearest,
    origin::{Guard, OriginPattern},
};

/// The keys of a mapping so far, and their lines.
pub(super) type SeenKeys<'n> = HashMap<&'n str, Option<u32>>;

/// Reads one document and collects its mistakes.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<Path>,
    language: Language,
    /// What the lines of nodes stand for. If it is empty, they are lines of `file`.
    lines: Box<[NodeLine]>,
    mistakes: Mistakes,
}

impl Reader {
    pub(super) fn new(file: &Path, language: Language, lines: &[NodeLine]) -> Self {
        Self { file: file.into(), language, lines: lines.into(), mistakes: Mistakes::default() }
    }

    /// The language of the document.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The file of the document.
    pub(super) fn file(&self) -> Arc<Path> {
        self.file.clone()
    }

    /// The number of errors so far.
    pub(super) fn errors(&self) -> usize {
        self.mistakes.errors()
    }

    /// Whether a further error is described, and not only counted.
    pub(super) fn describes_errors(&self) -> bool {
        self.mistakes.describes_errors()
    }

    /// The place of the next mistake among all, for [`Reader::insert`].
    pub(super) fn position(&self) -> usize {
        self.mistakes.position()
    }

    /// The value and the warnings, or all mistakes if there are errors.
    pub(super) fn finish<T>(self, value: T) -> Result<Accepted<T>, Report> {
        self.mistakes.into_result(value)
    }

    /// Notes that the document names this file.
    pub(super) fn add_file(&mut self, file: SourceFile) {
        self.mistakes.add_file(file);
    }

    /// Counts further warnings of this kind without describing them.
    pub(super) fn count_more(&mut self, kind: Discriminant<MistakeKind>, more: usize) {
        self.mistakes.count_more(kind, more);
    }

    /// Adds a mistake. `value` is the value as the message shows it.
    pub(super) fn add(&mut self, location: Location<'_>, value: Option<String>, kind: MistakeKind) {
        self.insert(self.position(), location, value, kind);
    }

    /// Adds a mistake before those that were found later. `position` is what [`Reader::position`] was
    /// then.
    pub(super) fn insert(
        &mut self,
        position: usize,
        location: Location<'_>,
        value: Option<String>,
        kind: MistakeKind,
    ) {
        let (file, line) = self.file_and_line(location);
        let language = self.language;
        self.mistakes.insert(position, kind, |kind| Mistake {
            file,
            line,
            place: location.path.to_string(),
            value,
            kind,
            key: location.key,
            language,
            more: 0,
        });
    }

    /// Notes that the policy opens a guard here.
    pub(super) fn add_guard(&mut self, guard: Guard, policy: &str, location: Location<'_>) {
        let (file, line) = self.file_and_line(location);
        self.mistakes.add_guard(|| OpenGuard::new(guard, policy, location, file, line));
    }

    /// The file and the line that messages name.
    fn file_and_line(&self, location: Location<'_>) -> (Arc<Path>, Option<u32>) {
        match self.source_of(location) {
            Some(source) => (source.file.clone(), Some(source.line)),
            None => (location.file.clone(), location.line),
        }
    }

    /// What a line of the document stands for, if not for itself.
    fn source_of(&self, location: Location<'_>) -> Option<&NodeLine> {
        if !Arc::ptr_eq(location.file, &self.file) {
            return None;
        }
        self.lines.get((location.line? as usize).checked_sub(1)?)
    }

    /// The line of a location, as a message about another line in the same document names it.
    pub(super) fn name_line(&self, location: Location<'_>) -> Option<String> {
        match self.source_of(location) {
            Some(source) => Some(format!("{}:{}", source.file.display(), source.line)),
            None => location.line.map(|line| format!("line {line}")),
        }
    }

    /// Adds a mistake about a whole value.
    pub(super) fn report(&mut self, location: Location<'_>, node: &Node, kind: MistakeKind) {
        self.add(location, show(node), kind);
    }

    /// Adds the mistake that a value has another type than expected.
    pub(super) fn wrong_type(&mut self, location: Location<'_>, node: &Node, expected: Expected) {
        let kind = match &node.value {
            Value::Tagged(tag) => MistakeKind::Tag(tag.clone()),
            Value::Null => MistakeKind::NoValue,
            value => MistakeKind::WrongType { expected, found: type_of(value) },
        };
        self.report(location, node, kind);
    }

    /// Adds the mistake that a value has another type than its key expects.
    pub(super) fn wrong_key_type(&mut self, location: Location<'_>, node: &Node) {
        let expects = location.key.map_or("a value", |key| key.expects(self.language()));
        self.wrong_type(location, node, Expected::Key(expects));
    }

    /// The text of a key, unless it has a mistake. `seen` belongs to one mapping.
    pub(super) fn key<'n>(
        &mut self,
        location: Location<'_>,
        key: &'n Node,
        seen: &mut SeenKeys<'n>,
    ) -> Option<&'n str> {
        let location = location.at_line(key.line);
        let text = match &key.value {
            Value::String(text) => text,
            Value::Tagged(tag) => {
                self.add(location, None, MistakeKind::Tag(tag.clone()));
                return None;
            }
            _ => {
                self.report(location, key, MistakeKind::KeyNotText);
                return None;
            }
        };
        let kind = if text == "<<" {
            MistakeKind::MergeKey
        } else if let Some(first) = seen.get(text.as_str()) {
            MistakeKind::DuplicateKey { first: self.name_line(location.at_line(*first)) }
        } else {
            seen.insert(text, key.line);
            return Some(text);
        };
        self.add(location.at(&location.path.key(text), key.line), None, kind);
        None
    }

    /// Calls `each` for every entry of a list that is a text. One text counts as a list of one.
    ///
    /// Returns the number of entries, or `None` if the value is not a list.
    pub(super) fn entries<'n>(
        &mut self,
        location: Location<'_>,
        node: &'n Node,
        mut each: impl FnMut(&mut Self, Location<'_>, &'n Node, &'n str),
    ) -> Option<usize> {
        let nodes = match &node.value {
            Value::List(nodes) => &nodes[..],
            Value::String(text) => {
                let entries = split(text);
                if entries.len() > 1 {
                    self.report(location, node, MistakeKind::SeveralInOne { entries });
                    return None;
                }
                slice::from_ref(node)
            }
            _ => {
                self.wrong_key_type(location, node);
                return None;
            }
        };
        for (index, entry) in nodes.iter().enumerate() {
            // A text in place of a list has the path of the list.
            let path = match &node.value {
                Value::List(_) => location.path.index(index),
                _ => *location.path,
            };
            let location = location.at(&path, entry.line);
            if let Some(text) = self.entry(location, entry) {
                each(self, location, entry, text);
            }
        }
        Some(nodes.len())
    }

    /// The text of an entry of a list, unless it is empty or something else.
    fn entry<'n>(&mut self, location: Location<'_>, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::String(text) if !text.trim().is_empty() => return Some(text),
            Value::String(_) | Value::Null => self.add(location, None, MistakeKind::EmptyEntry),
            _ => match foreign_patterns(node) {
                Some(patterns) if location.key.is_some_and(KeySpec::takes_origins) => {
                    self.report(location, node, MistakeKind::ForeignEntry { patterns });
                }
                _ => self.wrong_type(location, node, Expected::Entry),
            },
        }
        None
    }

    /// The entries of a list of methods or header names, without those that are errors. `check` returns
    /// the warning about an entry, or its error. Next to `*` only `beside_star` may be listed.
    pub(super) fn names(
        &mut self,
        location: Location<'_>,
        node: &Node,
        beside_star: Option<&str>,
        check: impl Fn(&str) -> Result<Option<MistakeKind>, MistakeKind>,
    ) -> Option<Vec<Box<str>>> {
        let has_star = contains(node, "*") && check("*").is_ok();
        let is_covered = |text: &str| {
            has_star
                && text != "*"
                && !beside_star.is_some_and(|name| text.eq_ignore_ascii_case(name))
        };
        let mut names = Vec::new();
        self.entries(location, node, |reader, location, node, text| match check(text) {
            Ok(_) if is_covered(text) => {
                reader.report(location, node, MistakeKind::CoveredByStar);
            }
            Ok(warning) => {
                names.push(text.into());
                if let Some(kind) = warning {
                    reader.report(location, node, kind);
                }
            }
            Err(kind) => reader.report(location, node, kind),
        })?;
        Some(names)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, location: Location<'_>, node: &Node) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            Some(value)
        } else {
            self.wrong_key_type(location, node);
            None
        }
    }

    /// A text or a number, as written.
    pub(super) fn scalar<'n>(&mut self, location: Location<'_>, node: &'n Node) -> Option<&'n str> {
        if let Value::String(text) | Value::Number(text) = &node.value {
            Some(text)
        } else {
            self.wrong_key_type(location, node);
            None
        }
    }

    /// One of a few words or numbers.
    pub(super) fn choice<T: Copy>(
        &mut self,
        location: Location<'_>,
        node: &Node,
        known: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.scalar(location, node)?;
        let found = known.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            self.report(location, node, unknown_value(text, &words));
        }
        found.map(|(_, value)| *value)
    }
}

/// Whether a text is among the entries of a list.
pub(super) fn contains(node: &Node, entry: &str) -> bool {
    let is_entry = |node: &Node| matches!(&node.value, Value::String(text) if text == entry);
    match &node.value {
        Value::List(list) => list.iter().any(is_entry),
        _ => is_entry(node),
    }
}

/// Whether a value is a list without entries.
pub(super) fn is_empty_list(node: &Node) -> bool {
    matches!(&node.value, Value::List(list) if list.is_empty())
}

/// The value of a key, the first one if the key appears twice.
pub(super) fn get<'n>(map: &'n [(Node, Node)], name: &str) -> Option<&'n Node> {
    map.iter()
        .find(|(key, _)| matches!(&key.value, Value::String(text) if text == name))
        .map(|(_, node)| node)
}

/// The entries that were meant by one text, quoted. A regular expression may hold commas, and a list of
/// ports does within its brackets; nothing else may hold commas or spaces.
pub(super) fn split(text: &str) -> Vec<String> {
    if text.starts_with("regex:") {
        return vec![text.to_owned()];
    }
    let mut is_inside = false;
    let is_separator = |c: char| {
        is_inside = c == '[' || is_inside && c != ']';
        !is_inside && (c == ',' || c.is_whitespace())
    };
    text.split(is_separator).filter(|entry| !entry.is_empty()).take(10).map(quote).collect()
}

/// The type of a value, as a noun phrase.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
        Value::Tagged(_) => "a tag",
    }
}

/// The mistake of a value that is not among the known ones.
pub(super) fn unknown_value(value: &str, known: &[&'static str]) -> MistakeKind {
    MistakeKind::UnknownValue {
        nearest: nearest(value, known.iter().copied()),
        known: known.to_vec(),
    }
}

/// The patterns that an entry of Envoy or Istio means, such as `exact: https://app.example.com`, or one
/// in which a space after `regex:` has made a mapping. `None` if no pattern says the same.
fn foreign_patterns(node: &Node) -> Option<Vec<String>> {
    let Value::Map(map) = &node.value else { return None };
    let [(key, value)] = &map[..] else { return None };
    let Value::String(key) = &key.value else { return None };
    let text = match (&value.value, key.to_ascii_lowercase().as_str()) {
        (Value::String(text), "exact") => text.clone(),
        (Value::String(text), "regex" | "safe_regex" | "saferegex") => format!("regex:{text}"),
        (Value::Map(_), "safe_regex" | "saferegex") => return foreign_patterns(value),
        // A colon at the end of an origin.
        (Value::Null, _) if key.contains("://") => key.clone(),
        _ => return None,
    };
    match OriginPattern::parse(&text) {
        Ok(_) => Some(vec![text]),
        Err(error) => Some(error.suggestions()).filter(|patterns| !patterns.is_empty()),
    }
}
