//! Whether a policy document, or a file that it names, has changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cors_policy::document::{self, Accepted, Report, SourceFile};

use super::rendered_policy::RenderedPolicy;

/// A document and the files that it names, in the states in which they were read.
pub(super) struct DocumentFiles {
    document: PathBuf,
    files: Vec<FileState>,
}

/// The state of a file.
struct FileState {
    path: PathBuf,
    /// `None` if there is no such file.
    stamp: Option<Stamp>,
    /// Whether any later change would show in the stamp.
    is_stable: bool,
}

impl FileState {
    /// The current state, for a file that is read at the time `now`.
    fn of(path: PathBuf, now: SystemTime) -> Self {
        let stamp = Stamp::of(&path);
        let is_stable = stamp.is_none_or(|it| it.time_to_settle(now).is_zero());
        Self { path, stamp, is_stable }
    }

    fn has_changed(&self) -> bool {
        Stamp::of(&self.path) != self.stamp
    }
}

/// The metadata that shows a change of a file. After a symbolic link is swapped, `inode` differs.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` if there is no such file.
    fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }

    /// The time until another change would show: file times have a granularity.
    fn time_to_settle(&self, now: SystemTime) -> Duration {
        // A tick of the kernel's clock; a second if the file system keeps whole seconds only.
        let granularity = match self.changed.1 {
            0 => Duration::from_secs(1),
            _ => Duration::from_millis(50),
        };
        match now.duration_since(self.changed()) {
            Ok(age) => granularity.saturating_sub(age),
            Err(_) if self.is_from_future(now) => Duration::ZERO,
            Err(_) => granularity,
        }
    }

    /// Whether a machine whose clock is ahead has changed the file.
    fn is_from_future(&self, now: SystemTime) -> bool {
        self.changed().duration_since(now).is_ok_and(|ahead| ahead > Duration::from_secs(1))
    }

    fn changed(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.changed;
        let since = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }
}

impl DocumentFiles {
    /// For a document that is about to be read for the first time.
    pub(super) fn new(document: &Path) -> Self {
        let files = vec![FileState::of(document.to_owned(), SystemTime::now())];
        Self { document: document.to_owned(), files }
    }

    /// The path of the document.
    pub(super) fn document(&self) -> &Path {
        &self.document
    }

    /// Whether a file has changed since it was read.
    pub(super) fn have_changed(&self) -> bool {
        self.files.iter().any(FileState::has_changed)
    }

    /// Whether any change since the files were read would show.
    pub(super) fn are_stable(&self) -> bool {
        self.files.iter().all(|file| file.is_stable)
    }

    /// Notes the current states of the files, before they are read.
    ///
    /// A file that was changed just before is read once more.
    fn stamp(&mut self, now: SystemTime) {
        for file in &mut self.files {
            *file = FileState::of(std::mem::take(&mut file.path), now);
        }
    }

    /// Waits until a later change of the files would show, so that a change is read once. Gives up
    /// after a while: some files change all the time.
    pub(super) fn settle(&mut self) {
        const ATTEMPTS: u32 = 20;
        for _ in 0..ATTEMPTS {
            let now = SystemTime::now();
            self.stamp(now);
            let stamps = self.files.iter().filter_map(|file| file.stamp);
            match stamps.map(|stamp| stamp.time_to_settle(now)).max() {
                Some(time) if !time.is_zero() => thread::sleep(time),
                _ => return,
            }
        }
    }

    /// Reads the document and the files that it names.
    ///
    /// # Errors
    ///
    /// All mistakes in them.
    pub(super) fn load(&mut self) -> Result<Accepted<Vec<RenderedPolicy>>, Report> {
        let begun = SystemTime::now();
        let read = document::load(&self.document).inspect_err(|report| {
            // A mistake in one of the named files can be mended there, too.
            self.add(report.files(), begun);
        })?;
        let Accepted { value: policies, warnings, guards, files } = read;
        self.files.retain(|file| files.iter().any(|read| read.path == file.path));
        self.add(&files, begun);
        let value = policies.into_iter().map(RenderedPolicy::new).collect();
        Ok(Accepted { value, warnings, guards, files })
    }

    /// Adds files that the document names, which are known once it is read.
    ///
    /// A file that may have changed since reading began is read once more.
    fn add(&mut self, read: &[SourceFile], begun: SystemTime) {
        for SourceFile { path, .. } in read {
            if self.files.iter().all(|known| known.path != *path) {
                self.files.push(FileState::of(path.clone(), begun));
            }
        }
    }
}
