//! Reading documents from files and from standard input.

use std::{
    borrow::Cow,
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use cors_policy::{
    Policy,
    document::{self, Accepted, PatternSite, Report},
    nearest,
};

/// The name for standard input.
const STDIN: &str = "-";

/// The most that is read, in bytes: much larger than a document can be, and small enough to hold.
pub(crate) const MAX_STREAM: u64 = 16 << 20;

/// The reason why there is no result.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Mistakes in a document.
    Mistakes(Report),
    /// Anything else.
    Other(String),
}

impl Unusable {
    /// The errors alone.
    pub(crate) fn without_warnings(self) -> Self {
        match self {
            Self::Mistakes(report) => Self::Mistakes(report.without_warnings()),
            other => other,
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

/// Whether a path means standard input.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new(STDIN)
}

/// The name of a document in messages.
pub(crate) fn name(file: &Path) -> Cow<'_, Path> {
    if is_stdin(file) {
        Cow::Borrowed(Path::new("<stdin>"))
    } else if is_stream(file) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Cow::Owned(PathBuf::from(format!("<{name}>")))
    } else {
        Cow::Borrowed(file)
    }
}

/// Whether a path leads to a pipe or a terminal, as `/dev/stdin` or `<(command)` of a shell do.
/// nginx reads policies from regular files only. This command can wait for a stream.
fn is_stream(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| !data.is_file() && !data.is_dir())
}

/// Opens standard input, or what can be read only once. `None` for a path that leads to anything else.
pub(crate) fn open_stream(file: &Path) -> Option<io::Result<Box<dyn Read>>> {
    if is_stdin(file) {
        Some(Ok(Box::new(io::stdin())))
    } else if is_stream(file) {
        Some(File::open(file).map(|file| Box::new(file) as _))
    } else {
        None
    }
}

/// Reads a document and calls `each` for every pattern in it. In a stream, the paths of other files
/// are relative to the working directory.
///
/// # Errors
///
/// All mistakes of the document, or why the stream cannot be read.
pub(crate) fn read(
    file: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Accepted<Vec<Policy>>, Unusable> {
    let Some(stream) = open_stream(file) else {
        return Ok(document::load_with_patterns(file, each)?);
    };
    let name = name(file);
    let mut text = Vec::new();
    stream
        .and_then(|stream| stream.take(MAX_STREAM).read_to_end(&mut text))
        .map_err(|error| Unusable::Other(format!("{}: {error}", name.display())))?;
    Ok(document::parse_with_patterns(&text, &name, each)?)
}

/// The policy of this name, or the only one.
///
/// # Errors
///
/// If there is none of this name, or no name and several policies.
pub(crate) fn choose_policy<'p>(
    policies: &'p [Policy],
    name: Option<&str>,
    file: &str,
) -> Result<&'p Policy, Unusable> {
    let names = || policies.iter().map(Policy::name).collect::<Vec<_>>().join(", ");
    let error = match (name, policies) {
        (None, [policy]) => return Ok(policy),
        (None, _) => format!("{file} has several policies; choose one by --policy: {}", names()),
        (Some(name), _) => match policies.iter().find(|policy| policy.name() == name) {
            Some(policy) => return Ok(policy),
            None => {
                let meant = nearest(name, policies.iter().map(Policy::name))
                    .map_or(".".to_owned(), |known| format!("; did you mean {known}?"));
                format!("{file} has no policy {name:?}{meant} It has: {}", names())
            }
        },
    };
    Err(Unusable::Other(error))
}
