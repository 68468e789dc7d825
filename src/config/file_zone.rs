//! The shared memory in which workers note which files are in force.
//!
//! Each configuration has memory of its own, so workers of an earlier one do not count.

use core::ffi::c_void;
use core::ptr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use cors_policy::document::{Report, SourceFile};
use cors_shared::files::{FileId, FileState, Table, Version};
use nginx_sys::{
    ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_pid, ngx_shm_zone_t, ngx_worker,
};

use crate::nginx::clock;
use crate::nginx::process::is_alive;
use crate::nginx::shared_memory::{SharedValue, Zone};

/// Another layout of [`Table`] needs another version.
const ZONE: Zone = Zone { name: "cors_policy:files", layout: u32::from_be_bytes(*b"CFI1") };

/// A file that is in force, and its document. The document of a list of nginx.conf is that of
/// [`nginx_conf`](nginx_conf()).
pub(super) type InForce<'f> = (&'f Path, &'f SourceFile);

/// Stands for nginx.conf, which is no document.
pub(super) fn nginx_conf() -> &'static Path {
    Path::new("")
}

/// The table of files, in the shared memory of a cycle.
#[derive(Clone, Copy)]
pub(crate) struct SharedFiles {
    value: SharedValue<Table>,
    cycle: *const ngx_cycle_t,
}

impl SharedFiles {
    /// Makes the table in the new memory of a zone of `cycle`, with the files that the configuration has read.
    pub(super) fn create<'f>(
        zone: &ngx_shm_zone_t,
        files: impl Iterator<Item = InForce<'f>>,
        cycle: *const ngx_cycle_t,
    ) -> Option<Self> {
        let init = |table: *mut Table| {
            // SAFETY: so many bytes were allocated, aligned to a page; any bytes are a table.
            unsafe { &*table }.init();
        };
        let value = SharedValue::create(zone, size_of::<Table>(), init)?;
        let new = Self { value, cycle };
        let versions = versions(files);
        value.with_lock(|table| table.loaded(&versions, clock::now()));
        // SAFETY: the name and the layout are those of a table of files.
        if let Some(current) = unsafe { ZONE.of_current_cycle::<Table>() } {
            current.with_lock(|current| value.with_lock(|table| table.take_over(current)));
        }
        Some(new)
    }

    /// Whether the cycle is the current one. Without a master process, nginx may have unmapped the memory of an
    /// earlier one.
    fn is_current(&self) -> bool {
        // SAFETY: plain data of this process.
        unsafe { ptr::eq(ngx_cycle, self.cycle) }
    }

    /// Notes that this worker has these files in force.
    pub(super) fn note_in_force<'f>(&self, files: impl Iterator<Item = InForce<'f>>) {
        if self.is_current() {
            let (worker, process) = this_worker();
            let versions = versions(files);
            self.value.with_lock(|table| table.in_force(worker, process, &versions));
        }
    }

    /// Notes that this worker has read new versions of files of a document, and has them in force. Returns
    /// whether there was room for all of them.
    pub(super) fn note_loaded(&self, document: &Path, files: &[SourceFile]) -> bool {
        if !self.is_current() {
            return true;
        }
        let (worker, process) = this_worker();
        let versions = versions(files.iter().map(|file| (document, file)));
        self.value.with_lock(|table| {
            let has_room = table.loaded(&versions, clock::now());
            table.in_force(worker, process, &versions);
            has_room
        })
    }

    /// Notes that a document is refused.
    pub(super) fn note_refused(&self, refused: &RefusedDocument) {
        if self.is_current() {
            refused.note_in(&self.value, false);
        }
    }

    /// What is known of a file.
    pub(super) fn state(&self, (document, file): InForce<'_>) -> Option<FileState> {
        if !self.is_current() {
            return None;
        }
        self.value.with_lock(|table| table.state(FileId::of(document, &file.path), is_alive))
    }

    /// The mistakes of the version of a file that was refused last, one a line.
    pub(super) fn mistakes(&self, (document, file): InForce<'_>) -> String {
        if !self.is_current() {
            return String::new();
        }
        self.value.with_lock(|table| table.mistakes(FileId::of(document, &file.path)))
    }
}

/// A document that is refused.
pub(super) struct RefusedDocument {
    document: PathBuf,
    /// The files that are refused, and the mistakes of each.
    files: Vec<(PathBuf, String)>,
    /// Stands for the versions.
    version: u64,
}

impl RefusedDocument {
    /// By its mistakes.
    pub(super) fn of_report(document: &Path, report: &Report) -> Self {
        let at_fault = report.files_at_fault(document).into_iter();
        let files = at_fault.map(|(path, text)| (path.to_owned(), text)).collect();
        Self::new(document, files, (report.files(), &report.errors_text()))
    }

    /// By a message about a document with these files.
    pub(super) fn of_message(document: &Path, files: &[SourceFile], message: String) -> Self {
        let at_fault = vec![(document.to_owned(), message.clone())];
        Self::new(document, at_fault, (files, &message))
    }

    fn new(
        document: &Path,
        files: Vec<(PathBuf, String)>,
        (read, mistakes): (&[SourceFile], &str),
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        read.iter().for_each(|file| file.sha256.hash(&mut hasher));
        mistakes.hash(&mut hasher);
        Self { document: document.to_owned(), files, version: hasher.finish() }
    }

    /// Notes, for the workers that run, that a new configuration could not be read for it.
    pub(super) fn note_in_current_cycle(&self) {
        // SAFETY: the name and the layout are those of a table of files.
        if let Some(current) = unsafe { ZONE.of_current_cycle::<Table>() } {
            self.note_in(&current, true);
        }
    }

    fn note_in(&self, value: &SharedValue<Table>, attempt: bool) {
        value.with_lock(|table| {
            for (path, mistakes) in &self.files {
                table.failed(FileId::of(&self.document, path), self.version, attempt, mistakes);
            }
        });
    }
}

/// The number of this worker, and its process.
fn this_worker() -> (usize, u64) {
    // SAFETY: plain data of this process. nginx numbers the workers of a cycle from 0, and gives the
    // number of one that has ended to its successor.
    unsafe { (ngx_worker, u64::try_from(ngx_pid).unwrap_or_default()) }
}

fn versions<'f>(files: impl Iterator<Item = InForce<'f>>) -> Vec<Version> {
    let version = |(document, file): InForce<'f>| {
        Some(Version { file: FileId::of(document, &file.path), sha256: file.sha256? })
    };
    files.filter_map(version).collect()
}

/// Asks nginx for a zone for the files. nginx calls `init` when it has mapped the memory; the zone's data is then
/// `data`.
///
/// # Errors
///
/// `NGX_ERROR` if nginx refuses, which it logs.
pub(super) fn add(
    cf: &mut ngx_conf_t,
    data: *mut c_void,
    init: unsafe extern "C" fn(*mut ngx_shm_zone_t, *mut c_void) -> ngx_int_t,
) -> Result<(), ngx_int_t> {
    ZONE.add(cf, size_of::<Table>(), data, init)?.noreuse = 1;
    Ok(())
}
