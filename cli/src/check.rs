//! `cors-policy check`: all mistakes of policy documents, of lists of origins and of nginx.conf.
//!
//! A [`Source`](source::Source) is opened, [`content`] tells what it is, and [`document`], [`list`] or
//! [`nginx`] read it into [`Checked`](checked::Checked). [`format`] prints the results.

mod checked;
mod content;
mod document;
mod finding;
mod format;
mod list;
mod nginx;
mod source;

use std::path::Path;

use self::{
    checked::Checked,
    content::Recognized,
    finding::{Finding, Level, Rule},
    source::Source,
};
use crate::{
    Outcome,
    args::{CheckArgs, CheckedKind},
    input::Unusable,
};

/// A hint at what a file was read as.
const READ_AS: Rule = Rule {
    id: "read-as",
    description: "What a file was read as, where its content leaves a doubt.",
};

/// Checks every file, also after one with mistakes.
///
/// # Errors
///
/// If standard output cannot be written.
pub(crate) fn run(args: &CheckArgs) -> Result<Outcome, Unusable> {
    let mut all = Vec::new();
    for file in &args.files {
        all.push(check(file, args.kind));
    }
    format::print(&all, args)?;
    let is_refused = all.iter().any(|checked| !checked.is_accepted(args.strict));
    Ok(if is_refused { Outcome::Unusable } else { Outcome::Good })
}

/// Checks a file as one of this kind, or as the one that its content shows.
fn check(file: &Path, kind: Option<CheckedKind>) -> Checked {
    let source = Source::open(file);
    let recognized = match kind {
        Some(kind) => Recognized { kind, is_clear: true },
        None => content::recognize(&source.head),
    };
    let is_doubtful = source.is_readable && !recognized.is_clear;
    let mut checked = Checked::new(source.name.clone(), recognized.kind);
    match recognized.kind {
        CheckedKind::Document => document::check(source, &mut checked),
        CheckedKind::List => list::check(source, &mut checked),
        CheckedKind::Nginx => nginx::check(source, &mut checked),
    }
    if is_doubtful && checked.errors() > 0 {
        checked.add(read_as(&checked));
    }
    checked
}

/// Says what a file was read as. Its mistakes can come from that alone.
fn read_as(checked: &Checked) -> Finding {
    let (is, others) = match checked.kind {
        CheckedKind::Document => ("a policy document", "`--as list` or `--as nginx`"),
        CheckedKind::List => ("a list of origins", "`--as document` or `--as nginx`"),
        CheckedKind::Nginx => ("nginx.conf", "`--as document` or `--as list`"),
    };
    let message = format!("the file was read as {is}, by its content; {others} reads it otherwise");
    Finding::new(Level::Note, READ_AS, &checked.file, None, message)
}
