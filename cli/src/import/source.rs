//! The files that are imported.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::model::Place;
use crate::input::{self, Unusable};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// A file of a foreign format.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path, by which other files are found that are relative to this one.
    pub(crate) path: PathBuf,
    /// The name in messages.
    pub(crate) name: Arc<Path>,
    pub(crate) text: String,
}

impl Source {
    /// Reads a file, a pipe, or standard input (`-`).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than [`MAX_BYTES`], or is not text in UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Self, Unusable> {
        let name = input::name(path);
        let fail = |text: String| Unusable::Other(format!("{}: {text}", name.display()));
        let bytes = read_bytes(path).map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(fail("larger than 4 MiB; give only the part that decides CORS".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            fail("not text in UTF-8; convert the file, for instance with iconv".into())
        })?;
        let is_binary =
            |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{85}');
        if let Some(offset) = text.find(is_binary) {
            let line = 1 + text[..offset].matches('\n').count();
            return Err(Unusable::Other(format!(
                "{}:{line}: a control character, so that this is not a text file",
                name.display()
            )));
        }
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { path: path.to_owned(), name: Arc::from(name.as_ref()), text })
    }

    /// A line of the file, from 1.
    pub(crate) fn at(&self, line: u32) -> Place {
        Place { file: Arc::clone(&self.name), line: Some(line) }
    }
}

/// The content, or of a larger file as much as shows that it is too large.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let stream: Box<dyn Read> =
        if input::is_stdin(path) { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
