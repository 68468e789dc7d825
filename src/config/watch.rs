//! `cors_policy_file path watch=time`: new policies without a reload of nginx.
//!
//! Each worker checks the file at intervals, in a thread of its own that uses nothing of nginx: even
//! `stat` can wait, where a file system hangs. The thread also reads and validates a changed file. The
//! worker takes the new policies over between two events, so every request sees either the old ones or
//! the new ones. If the file has mistakes, the policies stay, and the mistakes are logged once.

use core::{mem, ptr};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use cors_policy::document::{Accepted, Level, Mistake, Report, SourceFile};
use nginx_sys::{
    NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_NOTICE, NGX_LOG_WARN, ngx_add_timer, ngx_cycle,
    ngx_cycle_t, ngx_del_timer, ngx_event_t, ngx_exiting, ngx_log_t, ngx_msec_t, ngx_worker,
};
use ngx::ngx_log_error;

use super::file_zone::{InForce, RefusedDocument, SharedFiles};
use super::policies::{FileIndex, Policies};
use super::rendered_policy::RenderedPolicy;
use super::watched_file::DocumentFiles;
use crate::nginx::{fail_points, panic, thread};

/// How often a worker checks whether the thread is done, in milliseconds: soon at first, then ever
/// more slowly.
const FIRST_POLL: ngx_msec_t = 10;
const LAST_POLL: ngx_msec_t = 100;

type Loaded = Result<Accepted<Vec<RenderedPolicy>>, Report>;

/// A file of policies, which may be watched.
pub(crate) struct Watch {
    path: PathBuf,
    index: FileIndex,
    /// How often to check the file, in milliseconds; `None` if it is not watched.
    interval: Option<ngx_msec_t>,
    /// The files as they were read. The thread that checks them holds the lock.
    files: Arc<Mutex<DocumentFiles>>,
    checking: Option<JoinHandle<Found>>,
    /// The time until the next check whether the thread is done.
    poll: ngx_msec_t,
    /// Whether the last attempt to start a thread failed, which was logged.
    has_no_thread: bool,
    /// The files of the version that is in force.
    in_force: Vec<SourceFile>,
    /// Where all workers note what they have in force.
    shared: Option<SharedFiles>,
    /// The policies to replace.
    policies: *mut Policies,
    /// The cycle that the file belongs to.
    cycle: *const ngx_cycle_t,
    event: ngx_event_t,
}

/// The result of checking the files.
enum Found {
    Unchanged,
    Read {
        loaded: Loaded,
        /// Whether the files have changed, or were read again only to be sure.
        is_change: bool,
    },
    /// The message of a panic.
    Panic(String),
}

/// Reads the files again if they have changed, or may have.
fn check(files: &mut DocumentFiles) -> Found {
    let is_change = files.have_changed();
    if !is_change && files.are_stable() {
        return Found::Unchanged;
    }
    let loaded = panic::catch_message(|| {
        files.settle();
        fail_points::next_to(files.document(), "thread");
        let loaded = files.load();
        thread::return_freed_memory();
        loaded
    });
    match loaded {
        Ok(loaded) => Found::Read { loaded, is_change },
        Err(message) => Found::Panic(message),
    }
}

impl Watch {
    /// A file that is not read yet.
    pub(crate) fn new(path: &Path, index: FileIndex, interval: Option<ngx_msec_t>) -> Self {
        Self {
            path: path.to_owned(),
            index,
            interval,
            files: Arc::new(Mutex::new(DocumentFiles::new(path))),
            checking: None,
            poll: FIRST_POLL,
            has_no_thread: false,
            in_force: Vec::new(),
            shared: None,
            policies: ptr::null_mut(),
            cycle: ptr::null(),
            // SAFETY: an event with all bytes zero is not active.
            event: unsafe { mem::zeroed() },
        }
    }

    /// Whether `path` leads to this file, even if it is written differently.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        fn entry(path: &Path) -> Option<(PathBuf, &OsStr)> {
            Some((fs::canonicalize(path.parent()?).ok()?, path.file_name()?))
        }
        self.path == path || entry(path).is_some_and(|it| Some(it) == entry(&self.path))
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.interval.is_some()
    }

    /// Watches the file at this interval too, if there is one.
    pub(crate) fn watch_also(&mut self, interval: Option<ngx_msec_t>) {
        self.interval = self.interval.into_iter().chain(interval).min();
    }

    /// Reads the file while nginx reads its configuration.
    pub(crate) fn load(&mut self) -> Loaded {
        let loaded = lock(&self.files).load();
        match &loaded {
            Ok(read) => self.in_force = read.files.clone(),
            // Workers of the current configuration go on with what they have.
            Err(report) => RefusedDocument::of_report(&self.path, report).note_in_current_cycle(),
        }
        loaded
    }

    /// The files of the version that is in force: the document and its lists.
    pub(super) fn in_force(&self) -> impl Iterator<Item = InForce<'_>> {
        self.in_force.iter().map(|file| (&*self.path, file))
    }

    /// Starts a thread that checks the file.
    fn start_check(&mut self) -> io::Result<()> {
        let files = Arc::clone(&self.files);
        self.checking = Some(thread::spawn(move || check(&mut lock(&files)))?);
        self.poll = FIRST_POLL;
        Ok(())
    }

    /// Starts to watch the file, if it is to be watched.
    ///
    /// `policies` belong to the configuration that owns this; they stay in their place.
    pub(super) fn start(
        &mut self,
        policies: *mut Policies,
        shared: Option<SharedFiles>,
        cycle: &ngx_cycle_t,
    ) {
        let Some(interval) = self.interval else { return };
        self.shared = shared;
        self.policies = policies;
        self.cycle = cycle;
        self.event.handler = Some(tick);
        self.event.data = ptr::from_mut(self).cast();
        self.event.log = cycle.log;
        // A worker that is about to exit does not wait for this event.
        self.event.set_cancelable(1);
        self.wait(interval);
    }

    /// Starts or restarts the timer.
    fn wait(&mut self, milliseconds: ngx_msec_t) {
        // SAFETY: the event is part of `self`, which stays in its place once the configuration is
        // read, and `Drop` removes the timer.
        unsafe { ngx_add_timer(&mut self.event, milliseconds) };
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.event.timer_set() != 0 {
            // SAFETY: the timer is set.
            unsafe { ngx_del_timer(&mut self.event) };
        }
    }
}

fn lock(files: &Mutex<DocumentFiles>) -> MutexGuard<'_, DocumentFiles> {
    // A panic does not leave them half-changed.
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handler of the timer.
unsafe extern "C" fn tick(event: *mut ngx_event_t) {
    // SAFETY: nginx passes the event, whose data is the `Watch` that it is part of; a `Watch` that
    // is dropped removes its timer.
    let (watch, log) = unsafe { (&mut *(*event).data.cast::<Watch>(), (*event).log) };
    // Without a master process, the configuration of an earlier cycle may still serve requests.
    // SAFETY: plain data of this process.
    if unsafe { ngx_exiting != 0 || !ptr::eq(ngx_cycle, watch.cycle) } {
        return;
    }
    // Every file with a timer has an interval.
    let interval = watch.interval.unwrap_or(LAST_POLL);
    let wait = panic::catch(log, || advance(watch, interval, log)).unwrap_or(interval);
    watch.wait(wait);
}

/// Takes over what the thread has read, or starts a thread; returns the time until the next call.
fn advance(watch: &mut Watch, interval: ngx_msec_t, log: *mut ngx_log_t) -> ngx_msec_t {
    fail_points::next_to(&watch.path, "timer");
    if let Some(thread) = watch.checking.take_if(|thread| thread.is_finished()) {
        // The thread catches its own panics.
        let found = thread.join().unwrap_or_else(|_| Found::Panic(String::new()));
        take_over(watch, log, found);
        return interval;
    }
    if watch.checking.is_some() {
        let poll = watch.poll;
        watch.poll = (2 * poll).min(LAST_POLL);
        return poll;
    }
    match watch.start_check() {
        Ok(()) => {
            watch.has_no_thread = false;
            FIRST_POLL
        }
        Err(error) => {
            if !mem::replace(&mut watch.has_no_thread, true) {
                let path = watch.path.display();
                ngx_log_error!(NGX_LOG_ERR, log, "no thread to read \"{path}\": {error}");
            }
            interval
        }
    }
}

/// Takes over the policies that a thread has read.
fn take_over(watch: &mut Watch, log: *mut ngx_log_t, found: Found) {
    let path = watch.path.clone();
    let path = path.display();
    let (loaded, is_change) = match found {
        Found::Unchanged => return,
        Found::Read { loaded, is_change } => (loaded, is_change),
        Found::Panic(message) => {
            ngx_log_error!(NGX_LOG_ALERT, log, "reading \"{path}\" panicked: {message}");
            let message = format!("{path}: reading it panicked: {message}");
            note_refused(watch, &RefusedDocument::of_message(&watch.path, &[], message));
            return;
        }
    };
    // SAFETY: the policies of the configuration that owns the `Watch`; nothing else uses them during
    // this call.
    let policies = unsafe { &mut *watch.policies };
    let warnings = match &loaded {
        Ok(read) => &read.warnings[..],
        Err(report) => report.mistakes(),
    };
    if is_change {
        log_warnings(watch, log, warnings);
    }
    let result = match loaded {
        Ok(read) => policies
            .replace(watch.index, &watch.path, read.value)
            .map(|replaced| (replaced, read.files.clone()))
            .inspect_err(|mistake| {
                let message = format!("{path}: {mistake}");
                note_refused(
                    watch,
                    &RefusedDocument::of_message(&watch.path, &read.files, message),
                );
            }),
        Err(report) => {
            note_refused(watch, &RefusedDocument::of_report(&watch.path, &report));
            Err(report.without_warnings().to_string().replace('\n', ", "))
        }
    };
    match result {
        Ok((replaced, files)) => {
            free(replaced);
            note_loaded(watch, files, log);
            // Otherwise the file was read again only to be sure.
            if is_change {
                ngx_log_error!(NGX_LOG_NOTICE, log, "CORS policies loaded again from \"{path}\"");
            }
        }
        Err(mistakes) => {
            ngx_log_error!(
                NGX_LOG_ERR,
                log,
                "CORS policies of \"{path}\" changed and are not taken over: {mistakes}"
            );
        }
    }
}

/// Notes for all workers that these files are in force here.
fn note_loaded(watch: &mut Watch, files: Vec<SourceFile>, log: *mut ngx_log_t) {
    watch.in_force = files;
    let Some(shared) = &watch.shared else { return };
    if !shared.note_loaded(&watch.path, &watch.in_force) {
        let path = watch.path.display();
        ngx_log_error!(
            NGX_LOG_WARN,
            log,
            "\"{path}\" names too many files for \"cors_policy_status\" to show all of them"
        );
    }
}

/// Notes for all workers that a version of the file is refused.
fn note_refused(watch: &Watch, refused: &RefusedDocument) {
    if let Some(shared) = &watch.shared {
        shared.note_refused(refused);
    }
}

/// Logs the warnings among the mistakes, in one of the workers. The others read the same.
fn log_warnings(watch: &Watch, log: *mut ngx_log_t, mistakes: &[Mistake]) {
    // SAFETY: plain data of this process. nginx numbers the workers of a cycle from 0, and gives the
    // number of one that has ended to its successor.
    if unsafe { ngx_worker } != 0 {
        return;
    }
    let path = watch.path.display();
    for warning in mistakes.iter().filter(|mistake| mistake.level() == Level::Warning) {
        let warning = warning.at_place();
        ngx_log_error!(NGX_LOG_WARN, log, "CORS policies of \"{path}\": {warning}");
    }
}

/// Frees policies in a thread, since freeing a long list takes a while.
///
/// Requests hold only the responses of a policy.
fn free(replaced: Vec<Arc<RenderedPolicy>>) {
    if replaced.is_empty() {
        return;
    }
    // If there is no thread, the policies are freed at once.
    let _ = thread::spawn(move || {
        drop(replaced);
        thread::return_freed_memory();
    });
}
