//! `cors-policy import`: what decides CORS today, as a policy document.
//!
//! An importer reads a [`Source`](source::Source) of its format and adds to an
//! [`Import`](model::Import) the policies, and what has to be known about them. It builds a
//! [`Rule`](model::Rule) through [`origins`], [`names`] and [`max_age`], which write only what passes
//! the check of documents.

mod document;
mod expression;
mod max_age;
mod model;
mod names;
mod nginx;
mod origins;
mod report;
mod source;
mod yaml;

use crate::{
    Outcome,
    args::{ForeignFormat, ImportArgs},
    input::Unusable,
};
use model::{Import, Level};
use source::Source;

/// Imports all files into one document.
///
/// # Errors
///
/// If a file cannot be read or is in no known format, or if standard output cannot be written.
pub(crate) fn run(args: &ImportArgs) -> Result<Outcome, Unusable> {
    let mut import = Import::default();
    for file in &args.files {
        let source = Source::read(file)?;
        let Some(format) = args.from else {
            return Err(Unusable::Other(format!("{}: --from", source.name.display())));
        };
        import_as(format, &source, &mut import)?;
    }
    report::print(&import, args.format)?;
    let is_open = import.findings.iter().any(|f| f.widens || f.level == Level::Question);
    Ok(if is_open { Outcome::Open } else { Outcome::Good })
}

fn import_as(format: ForeignFormat, source: &Source, import: &mut Import) -> Result<(), Unusable> {
    match format {
        ForeignFormat::Nginx => nginx::import(source, import),
        _ => {
            let _ = import;
            Err(Unusable::Other(format!("{}: {format:?}", source.name.display())))
        }
    }
}
