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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn source(text: &str) -> Source {
        Source { path: PathBuf::new(), name: Path::new("a.yaml").into(), text: text.to_owned() }
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        name: Lined<String>,
        #[serde(default)]
        list: Texts,
        flag: Option<Flag>,
        age: Option<Lined<Seconds>>,
    }

    fn lines(text: &str) -> Vec<(String, u32)> {
        let documents = read(&source(text)).unwrap();
        let inner: Inner = documents[0].root().parse().unwrap();
        let mut lines = vec![(inner.name.value, inner.name.line)];
        lines.extend(inner.list.0.into_iter().map(|text| (text.value, text.line)));
        lines.extend(inner.age.map(|age| (age.value.0.to_string(), age.line)));
        lines.extend(inner.flag.map(|flag| (flag.0.to_string(), 0)));
        lines
    }

    #[test]
    fn values_have_the_lines_in_which_they_stand() {
        let expected = |list: &[(&str, u32)]| -> Vec<(String, u32)> {
            list.iter().map(|(text, line)| ((*text).to_owned(), *line)).collect()
        };
        for (text, list) in [
            ("name: a\nlist:\n- x\n\n- y\nage: 5\n", &[("a", 1), ("x", 3), ("y", 5), ("5", 6)][..]),
            (
                "# c\n{name: a,\n list: [x,\n   1], flag: 'yes'}",
                &[("a", 2), ("x", 3), ("1", 4), ("true", 0)],
            ),
            ("\n\nname:\n  a\nlist: only\n", &[("a", 3), ("only", 5)]),
            ("b: &b [x, y]\nname: a\nlist: *b\n", &[("a", 2), ("x", 1), ("y", 1)]),
            ("b: &b {age: 1h}\nname: a\n<<: *b\n", &[("a", 2), ("3600", 1)]),
            ("name: a\nlist:\nother: {a: [b]}\n", &[("a", 1)]),
        ] {
            assert_eq!(lines(text), expected(list), "{text}");
        }
    }

    #[test]
    fn documents_keep_their_lines() {
        let text = "# only a comment\n---\n---\nname: a\n---\n# another\n---\nname: b\n...\n---\nname: c\n";
        let documents = read(&source(text)).unwrap();
        let names: Vec<_> = documents
            .iter()
            .filter_map(|document| document.root().parse::<Inner>().ok())
            .map(|inner| (inner.name.value, inner.name.line))
            .collect();
        let expected = [("a".to_owned(), 4), ("b".to_owned(), 8), ("c".to_owned(), 11)];
        assert_eq!(names, expected);
    }

    #[test]
    fn errors_have_lines() {
        for (text, line) in [
            ("name: a\nage: soon\n", 2),
            ("name:\n- a\n", 1),
            ("name: a\nlist:\n- x\n- {y: z}\n", 4),
            ("list: [x]\n", 1),
            ("name: !tag a\n", 1),
        ] {
            let documents = read(&source(text)).unwrap();
            let error = documents[0].root().parse::<Inner>().unwrap_err();
            assert_eq!(error.line, Some(line), "{text}: {error}");
        }
        for (text, line) in
            [("a: [b\n", 1), ("a: b\na: c\n", 2), ("a: *b\n", 1), ("\ta: b: c\n", 1)]
        {
            assert_eq!(read(&source(text)).unwrap_err().line, Some(line), "{text}");
        }
    }
}
