//! Opening the files that policies are read from.

use std::{
    fs::{self, File, FileType},
    io,
    path::Path,
};

use super::report::MistakeKind;

/// Opens a regular file, which a symbolic link may lead to.
///
/// Anything else is refused unopened: whoever opens a named pipe waits until somebody writes to it,
/// and neither nginx nor a thread of it may wait.
pub(super) fn open(path: &Path) -> Result<File, MistakeKind> {
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if kind.is_file() {
        File::open(path).map_err(unreadable)
    } else {
        Err(MistakeKind::NotAFile { found: name(kind) })
    }
}

pub(super) fn unreadable(error: io::Error) -> MistakeKind {
    MistakeKind::Unreadable(error.to_string())
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn name(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "a device" }
}
