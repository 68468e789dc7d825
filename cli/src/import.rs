//! `cors-policy import`: what decides CORS today, as a policy document.
//!
//! An importer reads a [`Source`](source::Source) of its format and adds to an
//! [`Import`](model::Import) the policies, and what has to be known about them. It builds a
//! [`Rule`](model::Rule) through [`origins`], [`expression`], [`names`] and [`max_age`], which write
//! only what passes the check of documents.

mod apisix;
mod buckets;
mod document;
mod envoy;
mod expression;
mod format;
mod gateway_api;
mod ingress;
mod istio;
mod kong;
mod kubernetes;
mod max_age;
mod model;
mod names;
mod nginx;
mod origins;
mod report;
mod source;
mod traefik;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;

use self::buckets::Storage;
use self::model::{Import, Level, Place};
use self::source::Source;
use self::yaml::{Document, YamlError};
use crate::{
    Outcome,
    args::{ForeignFormat, ImportArgs},
    input::Unusable,
};

/// Imports all files into one document.
///
/// # Errors
///
/// If a file cannot be read or is in no known format, or if standard output cannot be written.
pub(crate) fn run(args: &ImportArgs) -> Result<Outcome, Unusable> {
    let mut import = Import::default();
    for file in &args.files {
        let source = Source::read(file)?;
        let before = import.added();
        import_file(args.from, &source, &mut import)?;
        if import.added() == before {
            let place = Place { file: source.name, line: None };
            import
                .findings
                .warn(&place, "nothing here decides about CORS, so that no policy is written");
        }
    }
    let document = write_document(&mut import)?;
    report::print(&import, document, args.format)?;
    let is_open = import.findings.iter().any(|f| f.widens || f.level == Level::Question);
    Ok(if is_open { Outcome::Open } else { Outcome::Good })
}

/// The document, if there is a policy. What its check finds is a question: of policies that are right by
/// themselves, one can cover another.
fn write_document(import: &mut Import) -> Result<Option<String>, Unusable> {
    if import.policies().is_empty() {
        return Ok(None);
    }
    let text = document::write(import.policies())
        .map_err(|error| Unusable::Other(format!("the document: {error}")))?;
    for mistake in document::mistakes(&text) {
        let place = Place { file: Path::new("the document").into(), line: None };
        import.findings.ask(&place, format!("the check refuses {mistake}"));
    }
    Ok(Some(text))
}

/// Imports a file in a format, or in the one that its content shows.
fn import_file(
    from: Option<ForeignFormat>,
    source: &Source,
    import: &mut Import,
) -> Result<(), Unusable> {
    if from == Some(ForeignFormat::Nginx) {
        return nginx::import(source, import);
    }
    let documents = match yaml::read(source) {
        Ok(documents) => documents,
        // What is no YAML can be nginx.conf.
        Err(_) if from.is_none() && format::is_nginx(&source.text) => {
            return nginx::import(source, import);
        }
        Err(error) => return Err(unusable(source, &error)),
    };
    match from.or_else(|| format::of_documents(&documents)) {
        Some(format) => import_documents(format, &documents, source, import)
            .map_err(|error| unusable(source, &error)),
        None if format::is_nginx(&source.text) => nginx::import(source, import),
        None => Err(Unusable::Other(format!(
            "{}: in no format that import recognizes; name it by --from: {}",
            source.name.display(),
            formats()
        ))),
    }
}

/// The values of `--from`, for messages.
fn formats() -> String {
    let values =
        ForeignFormat::value_variants().iter().filter_map(ForeignFormat::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

fn import_documents(
    format: ForeignFormat,
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    match format {
        ForeignFormat::Ingress => ingress::import(documents, source, import),
        ForeignFormat::GatewayApi => gateway_api::import(documents, source, import),
        ForeignFormat::Istio => istio::import(documents, source, import),
        ForeignFormat::Kong => kong::import(documents, source, import),
        ForeignFormat::Traefik => traefik::import(documents, source, import),
        ForeignFormat::Apisix => apisix::import(documents, source, import),
        ForeignFormat::S3 => buckets::import(documents, Storage::S3, source, import),
        ForeignFormat::Gcs => buckets::import(documents, Storage::Gcs, source, import),
        ForeignFormat::R2 => buckets::import(documents, Storage::R2, source, import),
        // Read before, as it is no YAML.
        ForeignFormat::Nginx => Ok(()),
    }
}

fn unusable(source: &Source, error: &YamlError) -> Unusable {
    let place = Place { file: Arc::clone(&source.name), line: error.line };
    Unusable::Other(format!("{place}: {error}"))
}

#[cfg(test)]
mod tests;
