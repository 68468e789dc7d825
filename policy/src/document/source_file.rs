//! The files that policies were read from.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A file that policies were read from: a document, or an `allow_origins_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path, as it was opened.
    pub path: PathBuf,
    /// The SHA-256 (FIPS 180-4) of the bytes that were read; `None` if the file could not be read as a whole.
    pub sha256: Option<[u8; 32]>,
}

impl SourceFile {
    pub(super) fn of_bytes(path: &Path, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: Some(Sha256::digest(bytes).into()) }
    }

    pub(super) fn unread(path: &Path) -> Self {
        Self { path: path.to_owned(), sha256: None }
    }
}

/// A reader that computes the digest of what it reads.
pub(super) struct Digesting<R> {
    reader: R,
    digest: Sha256,
}

impl<R> Digesting<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, digest: Sha256::new() }
    }

    /// The SHA-256 of everything that was read.
    pub(super) fn finish(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl<R: Read> Read for &mut Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.digest.update(&buffer[..length]);
        Ok(length)
    }
}
