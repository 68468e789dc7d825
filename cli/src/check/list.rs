//! Checking lists of origins.

use cors_policy::document;

use super::{
    checked::{Checked, Contents},
    document::unreadable,
    source::{self, Source},
};

/// Checks a list, one origin a line, as an `allow_origins_file` is written.
pub(super) fn check(source: Source, checked: &mut Checked) {
    let read = match source.stream {
        None => document::check_list(&source.path),
        Some(Ok(stream)) => {
            document::check_list_from(source::whole(&source.head, stream), &source.name)
        }
        Some(Err(error)) => return unreadable(checked, &error),
    };
    match read {
        Ok(accepted) => {
            let patterns = checked.accept(accepted);
            checked.contents = Contents { patterns, ..Contents::default() };
        }
        Err(report) => checked.refuse(&report),
    }
}
