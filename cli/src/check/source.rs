//! Opening the files that are checked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::input;

/// As much as is looked at to tell what a file is, in bytes.
const HEAD: u64 = 64 * 1024;

/// A file, a pipe or standard input, of which the beginning is read.
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// The name in messages.
    pub(super) name: PathBuf,
    /// The beginning; empty if the file cannot be read.
    pub(super) head: Vec<u8>,
    /// Whether the beginning could be read.
    pub(super) is_readable: bool,
    /// What comes behind the beginning, of what can be read only once. `None` for a file, which the
    /// engine opens itself, by the same rules as in nginx.
    pub(super) stream: Option<io::Result<Box<dyn Read>>>,
}

impl Source {
    /// Opens a file, a pipe, or standard input (`-`).
    pub(super) fn open(path: &Path) -> Self {
        let mut head = Vec::new();
        let stream = input::open_stream(path).map(|stream| {
            let mut stream = stream?;
            stream.by_ref().take(HEAD).read_to_end(&mut head)?;
            Ok(stream)
        });
        // Whoever reads the file says why it cannot be read.
        let is_readable = match &stream {
            Some(stream) => stream.is_ok(),
            None => {
                File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).is_ok()
            }
        };
        let name = input::name(path).into_owned();
        Self { path: path.to_owned(), name, head, is_readable, stream }
    }
}

/// All of a stream whose beginning has been read.
pub(super) fn whole(head: &[u8], stream: impl Read) -> impl Read {
    head.chain(stream)
}

/// A stream whose beginning has been read, up to so many bytes.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn read(head: &[u8], stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    whole(head, stream).take(limit).read_to_end(&mut text)?;
    Ok(text)
}
