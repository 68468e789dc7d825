//! Reading documents from files and from standard input.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
};

use cors_policy::{
    Policy,
    document::{self, PatternSite, Report},
};

/// What stands for standard input.
const STDIN: &str = "-";

/// Much larger than a document can be, and small enough to hold.
const MAX_STDIN: u64 = 16 << 20;

/// Why there is nothing to decide by.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Mistakes in a document.
    Mistakes(Report),
    /// Anything else.
    Other(String),
}

impl Unusable {
    /// How many mistakes these are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Mistakes(report) => report.mistakes().len() + report.omitted(),
            Self::Other(_) => 1,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(report) => report.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<Report> for Unusable {
    fn from(report: Report) -> Self {
        Self::Mistakes(report)
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

/// The name of a document in messages.
pub(crate) fn name(file: &Path) -> &Path {
    if file == Path::new(STDIN) { Path::new("<stdin>") } else { file }
}

/// Reads a document and calls `each` for every pattern in it. What standard input refers to is
/// relative to the working directory.
///
/// # Errors
///
/// All mistakes of the document, or why standard input cannot be read.
pub(crate) fn read(
    file: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Vec<Policy>, Unusable> {
    if file != Path::new(STDIN) {
        return Ok(document::load_with_patterns(file, each)?);
    }
    let mut text = Vec::new();
    io::stdin()
        .take(MAX_STDIN)
        .read_to_end(&mut text)
        .map_err(|error| Unusable::Other(format!("{}: {error}", name(file).display())))?;
    Ok(document::parse_with_patterns(&text, name(file), each)?)
}
