//! Objects of Kubernetes, one or several a document.

use std::collections::BTreeSet;

use super::model::Findings;
use super::source::Source;
use super::yaml::{Document, Located};

/// An object.
#[derive(Clone, Copy)]
pub(crate) struct Object<'d> {
    pub(crate) kind: &'d str,
    /// The group of its API, without the version; empty for the core API.
    pub(crate) group: &'d str,
    pub(crate) value: Located<'d>,
}

impl<'d> Object<'d> {
    /// The name, or the kind if it has none.
    pub(crate) fn name(self) -> &'d str {
        self.metadata("name").unwrap_or(self.kind)
    }

    /// The kind and the name, with the namespace where it is known.
    pub(crate) fn title(self) -> String {
        match self.metadata("namespace") {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name()),
            None => format!("{} {}", self.kind, self.name()),
        }
    }

    fn metadata(self, key: &str) -> Option<&'d str> {
        self.value.get("metadata")?.text_of(key)
    }
}

/// The objects of a file, those in lists too.
pub(crate) fn objects(documents: &[Document]) -> Vec<Object<'_>> {
    let mut objects = Vec::new();
    for document in documents {
        collect(document.root(), &mut objects);
    }
    objects
}

fn collect<'d>(value: Located<'d>, objects: &mut Vec<Object<'d>>) {
    let Some(kind) = value.text_of("kind") else {
        return;
    };
    let items = value.get("items").filter(|_| kind.ends_with("List"));
    if let Some(items) = items {
        // The depth of a document is limited.
        items.items().for_each(|item| collect(item, objects));
    } else {
        let version = value.text_of("apiVersion").unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group);
        objects.push(Object { kind, group, value });
    }
}

/// The objects that an importer reads. The kinds of the others are reported, each once.
pub(crate) fn read_objects<'d>(
    documents: &'d [Document],
    is_read: impl Fn(&Object<'_>) -> bool,
    source: &Source,
    findings: &mut Findings,
) -> Vec<Object<'d>> {
    let (read, skipped): (Vec<_>, Vec<_>) = objects(documents).into_iter().partition(is_read);
    let kinds: BTreeSet<_> = skipped.iter().map(|object| object.kind).collect();
    if let Some(first) = skipped.first() {
        let place = source.at(first.value.line());
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        findings.note(&place, format!("skipped, since import reads no CORS there: {kinds}"));
    }
    read
}
