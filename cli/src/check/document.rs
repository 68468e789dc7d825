//! Checking policy documents.

use cors_policy::document;

use super::{
    checked::{Checked, Counter},
    finding::{Finding, Level, Rule},
    source::{self, Source},
};
use crate::input;

/// A stream that fails.
pub(super) const UNREADABLE: Rule =
    Rule { id: "unreadable", description: "A file that cannot be read." };

/// Checks a document, and each `allow_origins_file` that it names.
pub(super) fn check(source: Source, checked: &mut Checked) {
    let mut counter = Counter::default();
    let each = |site: &document::PatternSite<'_>| counter.add(site);
    let read = match source.stream {
        None => document::load_with_patterns(&source.path, each),
        Some(stream) => {
            let text = stream.and_then(|it| source::read(&source.head, it, input::MAX_STREAM));
            match text {
                Ok(text) => document::parse_with_patterns(&text, &source.name, each),
                Err(error) => return unreadable(checked, &error),
            }
        }
    };
    match read {
        Ok(accepted) => {
            let policies = checked.accept(accepted).len();
            checked.contents = counter.contents(policies);
        }
        Err(report) => checked.refuse(&report),
    }
}

/// Adds that a stream cannot be read.
pub(super) fn unreadable(checked: &mut Checked, error: &std::io::Error) {
    let message = format!("cannot be read: {error}");
    let file = checked.file.clone();
    checked.add(Finding::new(Level::Error, UNREADABLE, &file, None, message));
}
