//! YAML and JSON of other software, through serde.
//!
//! A text is read twice. [`lines`] follows the events of a parser, checks the limits, and notes in
//! which line each value stands. Then `serde_yaml` reads the values, which it does without lines and
//! without limits of its own that would do. [`deserializer`] joins both: a structure of a foreign
//! format derives `Deserialize`, and has the line of a value where it asks for it by [`Lined`].

mod deserializer;
mod lines;
mod scalars;

use serde::Deserialize;
use serde_yaml::Value;

pub(crate) use self::deserializer::{Lined, Located};
use self::lines::Lines;
pub(crate) use self::scalars::{Flag, Seconds, Text, Texts};
use super::source::Source;

/// A document of a file. A file may have several, with `---` between them.
#[derive(Debug)]
pub(crate) struct Document {
    value: Value,
    lines: Lines,
}

/// The reason why a value cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) line: Option<u32>,
    /// A sentence without its full stop.
    pub(crate) text: String,
}

/// Reads all documents of a file.
///
/// # Errors
///
/// If the text is not YAML, or exceeds a limit.
pub(crate) fn read(source: &Source) -> Result<Vec<Document>, YamlError> {
    let lines = lines::read(&source.text)?;
    let values = serde_yaml::Deserializer::from_str(&source.text).map(|document| {
        let mut value = Value::deserialize(document)?;
        value.apply_merge()?;
        Ok(value)
    });
    let values: Vec<_> = values.collect::<Result<_, serde_yaml::Error>>().map_err(|error| {
        let line = error.location().and_then(|place| u32::try_from(place.line()).ok());
        YamlError { line, text: error.to_string() }
    })?;
    // Nothing behind `---` is a document without a value for one of both.
    let documents = values.into_iter().zip(lines);
    Ok(documents.map(|(value, lines)| Document { value, lines }).collect())
}

impl Document {
    /// The value of the document.
    pub(crate) fn root(&self) -> Located<'_> {
        Located::new(&self.value, &self.lines)
    }
}
