//! Opening the files that policies are read from.

use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io,
    path::Path,
};

use super::mistake_kind::MistakeKind;

/// Opens a regular file, or a symbolic link to one.
///
/// Anything else is refused. Opening a named pipe blocks until somebody writes to it, and neither
/// nginx nor one of its threads may block. It is refused before it is opened, because opening a
/// device may have an effect. If another file takes its place at the last moment, it is opened
/// without blocking, and then refused.
pub(super) fn open(path: &Path) -> Result<File, MistakeKind> {
    check(&fs::metadata(path).map_err(unreadable)?)?;
    let file = without_waiting(OpenOptions::new().read(true)).open(path).map_err(unreadable)?;
    check(&file.metadata().map_err(unreadable)?)?;
    Ok(file)
}

fn check(found: &Metadata) -> Result<(), MistakeKind> {
    let kind = found.file_type();
    if kind.is_file() { Ok(()) } else { Err(MistakeKind::NotAFile { found: name(kind) }) }
}

/// Adds `O_NONBLOCK`, which has no effect on a regular file.
#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
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

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{os::unix::fs::symlink, process::Command, sync::mpsc, thread, time::Duration};

    use super::*;
    use crate::test_directory::TestDirectory;

    /// Replaces the file with something else, again and again, while it is opened. A check before
    /// opening is then out of date. Opening must neither block nor return anything but a file.
    #[test]
    fn what_takes_the_place_of_a_file_is_not_waited_for() {
        let directory = TestDirectory::new("swapped");
        let file = directory.write("file", b"text");
        let pipe = file.with_file_name("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let path = file.with_file_name("path");
        let (done, is_done) = mpsc::channel();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let next = path.with_file_name("next");
                let others: [&Path; 4] = [&file, &pipe, path.parent().unwrap(), &next];
                for target in others.iter().cycle() {
                    symlink(target, &next).unwrap();
                    fs::rename(&next, &path).unwrap();
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            let path = path.clone();
            thread::spawn(move || {
                let opened = (0..20_000).filter_map(|_| open(&path).ok());
                done.send(opened.map(|it| it.metadata().unwrap().is_file()).collect::<Vec<_>>())
            });
            let opened = is_done.recv_timeout(Duration::from_secs(60));
            stop.store(true, Ordering::Relaxed);
            let opened = opened.expect("no open waits");
            assert!(opened.iter().any(|is_file| *is_file), "the file was never there");
            assert!(opened.iter().all(|is_file| *is_file));
        });
    }
}
