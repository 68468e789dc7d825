//! `cors_policy_file path watch=time`: new policies without a reload of nginx.
//!
//! Each worker looks at the file in intervals. A change is read and validated in a thread of its
//! own, which touches nothing of nginx; the worker takes the policies over between two events, so
//! that no request sees a half of them. What is wrong changes nothing, and is logged once.

use core::ffi::c_void;
use core::{mem, ptr};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cors_policy::document::{self, Report};
use nginx_sys::{
    NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_NOTICE, ngx_add_timer, ngx_cycle, ngx_cycle_t,
    ngx_del_timer, ngx_event_t, ngx_exiting, ngx_log_t, ngx_msec_t,
};
use ngx::http::HttpModuleMainConf;
use ngx::ngx_log_error;

use crate::ready::ReadyPolicy;
use crate::{Module, fail_points, guard};

/// How often a worker looks whether a thread is done; milliseconds.
const POLL: ngx_msec_t = 10;

type Loaded = Result<Vec<ReadyPolicy>, Report>;

/// A file that is watched.
pub(crate) struct Watch {
    path: PathBuf,
    interval: ngx_msec_t,
    /// The files that the policies were read from, as they were before that.
    files: Vec<Seen>,
    /// When reading them began.
    begun: SystemTime,
    /// What reading them comes to; or what a panic said.
    loading: Option<JoinHandle<Result<Loaded, String>>>,
    /// Whether that is to be sure only: nothing has changed since they were read before.
    is_again: bool,
    /// What was wrong with them the last time; empty where nothing was.
    mistakes: String,
    /// Policies that were replaced, and that requests may still hold.
    replaced: Vec<Arc<ReadyPolicy>>,
    event: ngx_event_t,
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

/// By what a file is known to have changed. A swapped symbolic link leads to another `inode`.
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

    /// Whether another change at `time` or later would show: times have a granularity.
    fn is_settled(&self, time: SystemTime) -> bool {
        // Ticks of the kernel's clock; or seconds, where the file system keeps no parts of them.
        let granularity = match self.changed.1 {
            0 => Duration::from_secs(1),
            _ => Duration::from_millis(50),
        };
        time.duration_since(self.changed()).is_ok_and(|age| age >= granularity)
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

impl Watch {
    /// To be made before the file is read, so that a change meanwhile is seen later.
    pub(crate) fn new(path: &Path, interval: ngx_msec_t) -> Self {
        let mut watch = Self {
            path: path.to_owned(),
            interval,
            files: vec![Seen { path: path.to_owned(), stamp: None, is_sure: false }],
            begun: UNIX_EPOCH,
            loading: None,
            is_again: false,
            mistakes: String::new(),
            replaced: Vec::new(),
            // SAFETY: all bytes zero is an event that nothing waits for.
            event: unsafe { mem::zeroed() },
        };
        watch.begin();
        watch
    }

    /// Notes what the files are like, before they are read.
    ///
    /// One that was changed right before is read once more.
    fn begin(&mut self) {
        let now = SystemTime::now();
        self.begun = now;
        self.is_again = !self.files.iter().any(Seen::has_changed);
        for seen in &mut self.files {
            seen.stamp = Stamp::of(&seen.path);
            seen.is_sure = seen.stamp.is_none_or(|it| it.is_settled(now) || it.is_from_future(now));
        }
    }

    /// Watches the files beside the document too, which are known when it has been read.
    ///
    /// One that may have changed since reading began is read once more.
    pub(crate) fn add_files<'f>(&mut self, files: impl IntoIterator<Item = &'f Path>) {
        for file in files {
            if self.files.iter().all(|known| known.path != file) {
                let stamp = Stamp::of(file);
                let is_sure = stamp.is_none_or(|it| it.is_settled(self.begun));
                self.files.push(Seen { path: file.to_owned(), stamp, is_sure });
            }
        }
    }

    /// Watches these files beside the document, and no others.
    fn set_files(&mut self, policies: &[ReadyPolicy]) {
        let files = || policies.iter().flat_map(|policy| policy.files());
        self.files.retain(|Seen { path, .. }| *path == self.path || files().any(|it| it == path));
        self.add_files(files());
    }

    fn is_to_be_read(&self) -> bool {
        self.files.iter().any(|seen| !seen.is_sure || seen.has_changed())
    }

    /// Begins to read the file, in a thread.
    fn load(&mut self) -> io::Result<()> {
        self.begin();
        let path = self.path.clone();
        self.loading = Some(spawn(move || {
            guard::catch_message(|| {
                fail_points::beside(&path, "thread");
                let policies = document::load(&path)?;
                Ok(policies.into_iter().map(ReadyPolicy::new).collect())
            })
        })?);
        Ok(())
    }

    /// Frees, in a thread, the replaced policies that no request holds any more: to free a long
    /// list takes a while.
    ///
    /// While they are kept here, a request that ends cannot be the one that frees them.
    fn free_replaced(&mut self) {
        let (unused, held): (Vec<_>, Vec<_>) =
            self.replaced.drain(..).partition(|policy| Arc::strong_count(policy) == 1);
        self.replaced = held;
        if !unused.is_empty() {
            // Without a thread it is done at once.
            let _ = spawn(move || drop(unused));
        }
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

/// Runs `f` in a thread of its own, which no signal reaches: those are for nginx's thread.
fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    // The thread inherits the mask.
    let _blocked = BlockedSignals::new();
    thread::Builder::new().name("cors_policy".to_owned()).spawn(|| {
        step_back();
        let result = f();
        trim();
        result
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

/// Begins to watch, in each worker.
pub(crate) fn start(cycle: &mut ngx_cycle_t) {
    let Some(main) = Module::main_conf_mut(cycle) else { return };
    for watch in &mut main.watches {
        watch.event.handler = Some(tick);
        watch.event.data = ptr::from_mut(watch).cast();
        watch.event.log = cycle.log;
        // A worker that is about to exit does not wait for this.
        watch.event.set_cancelable(1);
        let interval = watch.interval;
        watch.wait(interval);
    }
}

/// The handler of the timer.
unsafe extern "C" fn tick(event: *mut ngx_event_t) {
    // SAFETY: nginx calls with the event, whose data is the watch that it is a part of; the watch
    // removes its timer when it goes.
    let (watch, log) = unsafe { (&mut *(*event).data.cast::<Watch>(), (*event).log) };
    // SAFETY: plain data of this process.
    if unsafe { ngx_exiting } != 0 {
        return;
    }
    let wait = guard::catch(log, || step(watch, log)).unwrap_or(watch.interval);
    watch.wait(wait);
}

/// Looks at the file or at the thread; gives the time until the next look.
fn step(watch: &mut Watch, log: *mut ngx_log_t) -> ngx_msec_t {
    fail_points::beside(&watch.path, "timer");
    watch.free_replaced();
    if let Some(thread) = watch.loading.take_if(|thread| thread.is_finished()) {
        // The thread catches a panic itself.
        finish(watch, log, thread.join().unwrap_or_else(|_| Err(String::new())));
    } else if watch.loading.is_some() {
        return POLL;
    } else if watch.is_to_be_read() {
        match watch.load() {
            Ok(()) => return POLL,
            Err(error) => {
                let path = watch.path.display();
                ngx_log_error!(NGX_LOG_ERR, log, "no thread to read \"{path}\": {error}");
            }
        }
    }
    watch.interval
}

/// Takes the policies over that a thread has read.
fn finish(watch: &mut Watch, log: *mut ngx_log_t, loaded: Result<Loaded, String>) {
    let policies = match loaded {
        Ok(Ok(policies)) => policies,
        Ok(Err(report)) => {
            // They are beside the document, and what is wrong may be put right in them.
            watch.add_files(report.mistakes().iter().map(document::Mistake::file));
            return reject(watch, log, report.to_string().replace('\n', ", "));
        }
        Err(message) => {
            let path = watch.path.display();
            ngx_log_error!(NGX_LOG_ALERT, log, "reading \"{path}\" panicked: {message}");
            return;
        }
    };
    watch.set_files(&policies);
    // SAFETY: the cycle that this worker serves requests with.
    let main = unsafe { Module::main_conf_mut(&*ngx_cycle) };
    let Some(main) = main else { return };
    match main.replace(&watch.path, policies) {
        Ok(replaced) => {
            watch.mistakes.clear();
            watch.replaced.extend(replaced);
            watch.free_replaced();
            let path = watch.path.display();
            ngx_log_error!(NGX_LOG_NOTICE, log, "CORS policies loaded again from \"{path}\"");
        }
        Err(mistake) => reject(watch, log, mistake),
    }
}

/// Logs what is wrong, once for each change.
fn reject(watch: &mut Watch, log: *mut ngx_log_t, mistakes: String) {
    if watch.is_again && watch.mistakes == mistakes {
        return;
    }
    let path = watch.path.display();
    ngx_log_error!(
        NGX_LOG_ERR,
        log,
        "CORS policies of \"{path}\" changed and are not taken over: {mistakes}"
    );
    watch.mistakes = mistakes;
}

/// Releases what a request held, when nginx frees the request.
pub(crate) unsafe extern "C" fn release(data: *mut c_void) {
    // SAFETY: `in_force::hold` put an `Arc` here.
    drop(unsafe { Arc::from_raw(data.cast::<ReadyPolicy>().cast_const()) });
}
