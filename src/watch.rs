//! `cors_policy_file path watch=time`: new policies without a reload of nginx.
//!
//! Each worker looks at the file in intervals, in a thread of its own, which touches nothing of
//! nginx: a look at a file waits where a file system hangs. A change is read and validated there
//! too; the worker takes the policies over between two events, so that no request sees a half of
//! them. What is wrong changes nothing, and is logged once.

use core::{mem, ptr};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cors_policy::document::{self, Report};
use nginx_sys::{
    NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_NOTICE, NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER,
    ngx_add_timer, ngx_cycle, ngx_cycle_t, ngx_del_timer, ngx_event_t, ngx_exiting, ngx_log_t,
    ngx_msec_t, ngx_process, ngx_uint_t,
};
use ngx::http::HttpModuleMainConf;
use ngx::ngx_log_error;

use crate::conf::{FileIndex, Policies};
use crate::ready::ReadyPolicy;
use crate::{Module, fail_points, guard};

/// How soon, and how often at least, a worker looks whether a thread is done; milliseconds.
const FIRST_POLL: ngx_msec_t = 10;
const LAST_POLL: ngx_msec_t = 100;

type Loaded = Result<Vec<ReadyPolicy>, Report>;

/// A file of policies, which may be watched.
pub(crate) struct Watch {
    path: PathBuf,
    index: FileIndex,
    /// How often to look at it, in milliseconds; `None` where it is not watched.
    interval: Option<ngx_msec_t>,
    /// What was read; a thread that looks at it has it locked.
    files: Arc<Mutex<Files>>,
    looking: Option<JoinHandle<Found>>,
    /// How long to wait until the next look whether the thread is done.
    poll: ngx_msec_t,
    /// Whether the last thread could not be made, which was logged.
    has_no_thread: bool,
    /// Where policies are taken over.
    policies: *mut Policies,
    /// The cycle that the file belongs to.
    cycle: *const ngx_cycle_t,
    event: ngx_event_t,
}

/// What a look at the files has found.
enum Found {
    Nothing,
    /// What reading them comes to.
    Read {
        loaded: Loaded,
        is_change: bool,
    },
    /// What a panic said.
    Panic(String),
}

/// A document and the files beside it, as they were before they were read.
struct Files {
    document: PathBuf,
    seen: Vec<Seen>,
}

/// A file as it was seen.
struct Seen {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// Whether a change that followed would show in the stamp.
    is_sure: bool,
}

impl Seen {
    fn has_changed(&self) -> bool {
        Stamp::of(&self.path) != self.stamp
    }
}

/// How a file is known to have changed. A swapped symbolic link leads to another `inode`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` where there is no such file.
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

    /// How long it takes until another change would show: times have a granularity.
    fn time_to_settle(&self, now: SystemTime) -> Duration {
        // Ticks of the kernel's clock; or seconds, where the file system keeps no parts of them.
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

    /// Whether the file was changed by a machine whose clock is ahead.
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

impl Files {
    /// Before the document is read for the first time.
    fn new(document: &Path) -> Self {
        let seen = vec![Seen { path: document.to_owned(), stamp: None, is_sure: false }];
        let mut files = Self { document: document.to_owned(), seen };
        files.note(SystemTime::now());
        files
    }

    /// Notes what the files are like, before they are read.
    ///
    /// One that was changed right before is read once more.
    fn note(&mut self, now: SystemTime) {
        for seen in &mut self.seen {
            seen.stamp = Stamp::of(&seen.path);
            seen.is_sure = seen.stamp.is_none_or(|it| it.time_to_settle(now).is_zero());
        }
    }

    /// Waits until a change of the files that followed would show, so that one change is read once;
    /// but not for ever, where they change all the time.
    fn settle(&mut self) {
        const PATIENCE: u32 = 20;
        for _ in 0..PATIENCE {
            let now = SystemTime::now();
            self.note(now);
            let stamps = self.seen.iter().filter_map(|seen| seen.stamp);
            match stamps.map(|stamp| stamp.time_to_settle(now)).max() {
                Some(time) if !time.is_zero() => thread::sleep(time),
                _ => return,
            }
        }
    }

    /// Reads the document and what it names.
    fn load(&mut self) -> Loaded {
        let begun = SystemTime::now();
        let policies = document::load(&self.document).inspect_err(|report| {
            // These are beside the document, and what is wrong may be put right in them.
            self.add(report.mistakes().iter().map(document::Mistake::file), begun);
        })?;
        let beside = || policies.iter().flat_map(|policy| policy.files());
        self.seen
            .retain(|Seen { path, .. }| *path == self.document || beside().any(|it| it == path));
        self.add(beside(), begun);
        Ok(policies.into_iter().map(ReadyPolicy::new).collect())
    }

    /// Notes files beside the document, which are known when it has been read.
    ///
    /// One that may have changed since reading began is read once more.
    fn add<'f>(&mut self, files: impl Iterator<Item = &'f Path>, begun: SystemTime) {
        for file in files {
            if self.seen.iter().all(|known| known.path != file) {
                let stamp = Stamp::of(file);
                let is_sure = stamp.is_none_or(|it| it.time_to_settle(begun).is_zero());
                self.seen.push(Seen { path: file.to_owned(), stamp, is_sure });
            }
        }
    }

    /// Reads the files again where they have changed, or may have.
    fn look(&mut self) -> Found {
        let is_change = self.seen.iter().any(Seen::has_changed);
        if !is_change && self.seen.iter().all(|seen| seen.is_sure) {
            return Found::Nothing;
        }
        let loaded = guard::catch_message(|| {
            self.settle();
            fail_points::beside(&self.document, "thread");
            let loaded = self.load();
            trim();
            loaded
        });
        match loaded {
            Ok(loaded) => Found::Read { loaded, is_change },
            Err(message) => Found::Panic(message),
        }
    }
}

impl Watch {
    /// A file that was not read yet.
    pub(crate) fn new(path: &Path, index: FileIndex, interval: Option<ngx_msec_t>) -> Self {
        Self {
            path: path.to_owned(),
            index,
            interval,
            files: Arc::new(Mutex::new(Files::new(path))),
            looking: None,
            poll: FIRST_POLL,
            has_no_thread: false,
            policies: ptr::null_mut(),
            cycle: ptr::null(),
            // SAFETY: all bytes zero is an event that nothing waits for.
            event: unsafe { mem::zeroed() },
        }
    }

    /// Whether this is the file of a path, however that is written.
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
        lock(&self.files).load()
    }

    /// Begins to look at the file, in a thread.
    fn look(&mut self) -> io::Result<()> {
        let files = Arc::clone(&self.files);
        self.looking = Some(spawn(move || lock(&files).look())?);
        self.poll = FIRST_POLL;
        Ok(())
    }

    /// Starts or restarts the timer.
    fn wait(&mut self, milliseconds: ngx_msec_t) {
        // SAFETY: the event is part of `self`, which stays in its place when the configuration
        // has been read, and `Drop` removes it.
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

fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    // A panic leaves them whole.
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `f` in a thread of its own, which no signal reaches: those are for nginx's thread.
fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    // The thread inherits the mask.
    let _blocked = BlockedSignals::new();
    thread::Builder::new().name("cors_policy".to_owned()).spawn(|| {
        step_back();
        f()
    })
}

/// Lets nginx's thread go first: on a busy processor a request would wait for this one's time slice
/// to end.
fn step_back() {
    // On Linux priorities are those of threads, elsewhere of the process.
    #[cfg(target_os = "linux")]
    // SAFETY: concerns the calling thread only; where it may not, nothing happens.
    unsafe {
        libc::nice(10)
    };
}

/// Gives memory that was freed back to the system.
///
/// The allocator of glibc keeps it, and threads have arenas of their own: after a change of a long
/// list, a worker would stay nearly twice as large. What it keeps at the end of an arena it keeps
/// still, and uses for the next change.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: can be called at any time; it locks one arena after the other.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Signals do not reach this thread, and the threads that it makes, while this lives.
struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    fn new() -> Self {
        // SAFETY: all bytes zero is a valid set; the functions write to sets on the stack.
        unsafe {
            let mut all = mem::zeroed();
            let mut before = mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Self(before)
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// Begins to watch, in a process that serves requests: helpers of nginx, such as the cache manager,
/// begin as workers do.
pub(crate) fn start(cycle: &mut ngx_cycle_t) {
    // SAFETY: plain data of this process.
    let process = unsafe { ngx_process };
    if ![NGX_PROCESS_WORKER, NGX_PROCESS_SINGLE].map(|it| it as ngx_uint_t).contains(&process) {
        return;
    }
    let Some(main) = Module::main_conf_mut(cycle) else { return };
    for watch in &mut main.files {
        let Some(interval) = watch.interval else { continue };
        watch.policies = &raw mut main.policies;
        watch.cycle = cycle;
        watch.event.handler = Some(tick);
        watch.event.data = ptr::from_mut(watch).cast();
        watch.event.log = cycle.log;
        // A worker that is about to exit does not wait for this.
        watch.event.set_cancelable(1);
        watch.wait(interval);
    }
}

/// The handler of the timer.
unsafe extern "C" fn tick(event: *mut ngx_event_t) {
    // SAFETY: nginx calls with the event, whose data is the watch that it is a part of; the watch
    // removes its timer when it goes.
    let (watch, log) = unsafe { (&mut *(*event).data.cast::<Watch>(), (*event).log) };
    // Without a master process, the configuration of a cycle before may still serve requests.
    // SAFETY: plain data of this process.
    if unsafe { ngx_exiting != 0 || !ptr::eq(ngx_cycle, watch.cycle) } {
        return;
    }
    // There is one where there is a timer.
    let interval = watch.interval.unwrap_or(LAST_POLL);
    let wait = guard::catch(log, || step(watch, interval, log)).unwrap_or(interval);
    watch.wait(wait);
}

/// Takes over what the thread has found, or begins to look; gives the time until the next step.
fn step(watch: &mut Watch, interval: ngx_msec_t, log: *mut ngx_log_t) -> ngx_msec_t {
    fail_points::beside(&watch.path, "timer");
    if let Some(thread) = watch.looking.take_if(|thread| thread.is_finished()) {
        // The thread catches a panic itself.
        let found = thread.join().unwrap_or_else(|_| Found::Panic(String::new()));
        finish(watch, log, found);
        return interval;
    }
    if watch.looking.is_some() {
        let poll = watch.poll;
        watch.poll = (2 * poll).min(LAST_POLL);
        return poll;
    }
    match watch.look() {
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

/// Takes the policies over that a thread has read.
fn finish(watch: &mut Watch, log: *mut ngx_log_t, found: Found) {
    let path = watch.path.display();
    let (loaded, is_change) = match found {
        Found::Nothing => return,
        Found::Read { loaded, is_change } => (loaded, is_change),
        Found::Panic(message) => {
            ngx_log_error!(NGX_LOG_ALERT, log, "reading \"{path}\" panicked: {message}");
            return;
        }
    };
    // SAFETY: those of the configuration that the watch is a part of, which are used by one
    // function at a time.
    let policies = unsafe { &mut *watch.policies };
    let result = loaded.map_err(|report| report.to_string().replace('\n', ", "));
    match result.and_then(|new| policies.replace(watch.index, &watch.path, new)) {
        Ok(replaced) => {
            free(replaced);
            // Otherwise it was read again to be sure.
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

/// Frees policies in a thread: to free a long list takes a while.
///
/// No request has them. What requests hold of a policy is small.
fn free(replaced: Vec<Arc<ReadyPolicy>>) {
    if replaced.is_empty() {
        return;
    }
    // Without a thread it is done at once.
    let _ = spawn(move || {
        drop(replaced);
        trim();
    });
}
