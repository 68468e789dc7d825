//! The files of policies and of origins: which version of each is in force in which worker.
//!
//! A worker that reads a new version notes it in the [`Table`], and notes for itself what it has in force. A worker
//! whose version is not the newest good one is stale. Whoever changes the table holds its lock.

use std::path::Path;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use sha2::{Digest, Sha256};

/// The number of files. Further ones are left out. A file that is not named any more keeps its room.
pub const MAX_FILES: usize = 256;

/// The number of workers: the most processes that nginx can have (`NGX_MAX_PROCESSES`).
pub const MAX_WORKERS: usize = 1024;

/// The room for the mistakes of a file, in bytes.
pub const MAX_TEXT: usize = 4096;

/// A file of a document: the document itself, or one of its lists. A list of two documents is two files, as one of
/// them may take a version that the other one refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(u64);

impl FileId {
    /// The file with this path, of a document with that path.
    pub fn of(document: &Path, path: &Path) -> Self {
        // Other builds of the crate compute the same.
        let mut digest = Sha256::new();
        digest.update(document.as_os_str().as_encoded_bytes());
        digest.update(b"\0");
        digest.update(path.as_os_str().as_encoded_bytes());
        let digest = digest.finalize();
        Self(u64::from_le_bytes(first_bytes(digest.as_slice())).max(1))
    }
}

/// The SHA-256 of a file.
pub type Sha = [u8; 32];

fn first_bytes(bytes: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    first
}

/// The mark of a version in the list of a worker: never 0.
fn mark(sha256: &Sha) -> u64 {
    u64::from_le_bytes(first_bytes(sha256)).max(1)
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Of the newest good version.
    pub sha256: Sha,
    /// When that was loaded, in seconds since 1970.
    pub last_load: u64,
    /// Whether the last attempt to load the file was successful.
    pub success: bool,
    /// How many attempts were not.
    pub failures: u64,
    /// The workers that have the newest good version in force.
    pub current: u32,
    /// The workers that have another one.
    pub stale: u32,
}

impl FileState {
    /// What is known of a list of two documents: it is as bad as with the worse one of them. Workers that have
    /// different versions of it in force are stale.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let workers = self.current + self.stale;
        let is_same = self.sha256 == other.sha256;
        let current = if is_same { self.current.min(other.current) } else { 0 };
        Self {
            success: self.success && other.success,
            failures: self.failures.max(other.failures),
            current,
            stale: workers.saturating_sub(current),
            ..self
        }
    }
}

#[repr(C)]
#[derive(Debug)]
struct Record {
    /// Never 0.
    file: AtomicU64,
    /// Which of the two digests counts. A digest is written where it does not count yet.
    which: AtomicU64,
    sha256: [[AtomicU64; 4]; 2],
    last_load: AtomicU64,
    success: AtomicU64,
    failures: AtomicU64,
    /// What was refused last; 0 after a success.
    refused: AtomicU64,
    length: AtomicU64,
    text: [AtomicU64; MAX_TEXT / 8],
}

impl Record {
    /// Makes an unused record that of a file.
    fn init(&self, file: FileId) {
        for number in [&self.which, &self.last_load, &self.failures, &self.refused, &self.length] {
            number.store(0, Relaxed);
        }
        self.sha256.iter().flatten().for_each(|word| word.store(0, Relaxed));
        self.success.store(1, Relaxed);
        self.file.store(file.0, Release);
    }

    fn sha256(&self) -> Sha {
        let which = self.which.load(Acquire) as usize % 2;
        let mut bytes = [0; 32];
        for (to, from) in bytes.chunks_exact_mut(8).zip(&self.sha256[which]) {
            to.copy_from_slice(&from.load(Relaxed).to_le_bytes());
        }
        bytes
    }

    fn set_sha256(&self, sha256: &Sha) {
        let other = (self.which.load(Relaxed) + 1) % 2;
        for (to, from) in self.sha256[other as usize].iter().zip(sha256.chunks_exact(8)) {
            to.store(u64::from_le_bytes(first_bytes(from)), Relaxed);
        }
        self.which.store(other, Release);
    }

    fn set_text(&self, text: &str) {
        // A reader after a death in the middle sees no text.
        self.length.store(0, Release);
        for (word, bytes) in self.text.iter().zip(text.as_bytes().chunks(8)) {
            word.store(u64::from_le_bytes(first_bytes(bytes)), Relaxed);
        }
        self.length.store(text.len() as u64, Release);
    }

    fn text(&self) -> String {
        let length = (self.length.load(Acquire) as usize).min(MAX_TEXT);
        let words = self.text[..length.div_ceil(8)].iter();
        let mut bytes: Vec<u8> = words.flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
        bytes.truncate(length);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What a file was when a worker read it.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// The file.
    pub file: FileId,
    /// Its SHA-256.
    pub sha256: Sha,
}

/// The table, in memory that the workers of one configuration share. Any bytes are one, but
/// [`init`](Self::init) makes it empty.
#[repr(C)]
#[derive(Debug)]
pub struct Table {
    /// The number of records that are in use.
    used: AtomicU64,
    /// The process of each worker; 0 for none.
    workers: [AtomicU64; MAX_WORKERS],
    // Last, since the memory of unused records and workers is not touched.
    records: [Record; MAX_FILES],
    /// The mark of the version of each file in each worker.
    versions: [[AtomicU64; MAX_FILES]; MAX_WORKERS],
}

impl Table {
    /// Makes the table empty.
    pub fn init(&self) {
        self.used.store(0, Relaxed);
        self.workers.iter().for_each(|worker| worker.store(0, Relaxed));
    }

    /// Notes that versions of files were loaded at `now`, in seconds since 1970. Returns whether there was room
    /// for all of them.
    pub fn loaded(&self, versions: &[Version], now: u64) -> bool {
        let mut has_room = true;
        for version in versions {
            let Some(record) = self.record(version.file) else {
                has_room = false;
                continue;
            };
            let is_new = record.last_load.load(Relaxed) == 0 || record.sha256() != version.sha256;
            if is_new {
                record.set_sha256(&version.sha256);
                record.last_load.store(now, Relaxed);
            }
            record.refused.store(0, Relaxed);
            record.set_text("");
            record.success.store(1, Relaxed);
        }
        has_room
    }

    /// Notes that a version of a file was refused. `refused` stands for the version, so that many workers which
    /// refuse the same count as one failure; a new `attempt` counts anyway. `mistakes` are lines.
    pub fn failed(&self, file: FileId, refused: u64, attempt: bool, mistakes: &str) {
        let Some(record) = self.find(file).map(|index| &self.records[index]) else { return };
        let refused = refused.max(1);
        if attempt || record.refused.load(Relaxed) != refused {
            record.failures.fetch_add(1, Relaxed);
            record.refused.store(refused, Relaxed);
        }
        record.set_text(&cut(mistakes));
        record.success.store(0, Relaxed);
    }

    /// Notes what a worker has in force, and which process it is. `worker` is its number.
    pub fn in_force(&self, worker: usize, process: u64, versions: &[Version]) {
        let (Some(of_worker), Some(at)) = (self.workers.get(worker), self.versions.get(worker))
        else {
            return;
        };
        let is_new = of_worker.load(Relaxed) != process;
        if is_new {
            // What its predecessor had counts no more.
            of_worker.store(0, Release);
            at.iter().take(self.used()).for_each(|mark| mark.store(0, Relaxed));
        }
        for version in versions {
            if let Some(index) = self.find(version.file) {
                at[index].store(mark(&version.sha256), Relaxed);
            }
        }
        of_worker.store(process, Release);
    }

    /// What is known of a file. `is_alive` says whether a process is.
    pub fn state(&self, file: FileId, is_alive: impl Fn(u64) -> bool) -> Option<FileState> {
        let index = self.find(file)?;
        let record = &self.records[index];
        let sha256 = record.sha256();
        let (mut current, mut stale) = (0, 0);
        for (worker, versions) in self.workers.iter().zip(&self.versions) {
            let process = worker.load(Acquire);
            if process == 0 || !is_alive(process) {
                continue;
            }
            match versions[index].load(Relaxed) == mark(&sha256) {
                true => current += 1,
                false => stale += 1,
            }
        }
        Some(FileState {
            sha256,
            last_load: record.last_load.load(Relaxed),
            success: record.success.load(Relaxed) != 0,
            failures: record.failures.load(Relaxed),
            current,
            stale,
        })
    }

    /// The mistakes of the version of a file that was refused last, one a line; empty after a success.
    pub fn mistakes(&self, file: FileId) -> String {
        self.find(file).map(|index| self.records[index].text()).unwrap_or_default()
    }

    /// Takes over from an older table how often files failed.
    pub fn take_over(&self, older: &Self) {
        for from in older.records() {
            if let Some(index) = self.find(FileId(from.file.load(Relaxed))) {
                self.records[index].failures.store(from.failures.load(Relaxed), Relaxed);
            }
        }
    }

    fn used(&self) -> usize {
        (self.used.load(Relaxed) as usize).min(MAX_FILES)
    }

    fn records(&self) -> &[Record] {
        &self.records[..self.used()]
    }

    fn find(&self, file: FileId) -> Option<usize> {
        self.records().iter().position(|record| record.file.load(Acquire) == file.0)
    }

    /// The record of a file, a new one if it has none.
    fn record(&self, file: FileId) -> Option<&Record> {
        if let Some(index) = self.find(file) {
            return Some(&self.records[index]);
        }
        let used = self.used();
        let new = self.records.get(used)?;
        new.init(file);
        self.used.store(used as u64 + 1, Release);
        Some(new)
    }
}

/// As many whole lines as there is room for.
fn cut(text: &str) -> String {
    const MORE: &str = "\n…";
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let room = (0..=MAX_TEXT - MORE.len()).rev().find(|&at| text.is_char_boundary(at));
    let room = room.unwrap_or_default();
    let end = text[..room].rfind('\n').unwrap_or(room);
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests;
