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
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use cors_policy::Policy;
use cors_policy::document::{self, Report};
use nginx_sys::{
    NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_NOTICE, ngx_add_timer, ngx_cycle, ngx_cycle_t,
    ngx_del_timer, ngx_event_t, ngx_exiting, ngx_log_t, ngx_msec_t,
};
use ngx::http::HttpModuleMainConf;
use ngx::ngx_log_error;

use crate::{Module, fail_points, guard};

/// How often a worker looks whether a thread is done; milliseconds.
const POLL: ngx_msec_t = 10;

type Loaded = Result<Vec<Policy>, Report>;

/// A file that is watched.
pub(crate) struct Watch {
    path: PathBuf,
    interval: ngx_msec_t,
    /// The files that the policies were read from, as they were before that.
    seen: Vec<(PathBuf, Option<Stamp>)>,
    /// When reading them began.
    begun: SystemTime,
    /// What reading them comes to; or what a panic said.
    loading: Option<JoinHandle<Result<Loaded, String>>>,
    event: ngx_event_t,
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

    /// Whether the file was last changed before `time`, by seconds.
    fn is_before(&self, time: SystemTime) -> bool {
        time.duration_since(UNIX_EPOCH)
            .is_ok_and(|time| self.changed.0 < i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    }
}

impl Watch {
    /// To be made before the file is read, so that a change meanwhile is seen later.
    pub(crate) fn new(path: &Path, interval: ngx_msec_t) -> Self {
        Self {
            path: path.to_owned(),
            interval,
            seen: vec![(path.to_owned(), Stamp::of(path))],
            begun: SystemTime::now(),
            loading: None,
            // SAFETY: all bytes zero is an event that nothing waits for.
            event: unsafe { mem::zeroed() },
        }
    }

    /// Watches the files beside the document too, which are known when it has been read.
    ///
    /// One that may have changed since reading began counts as changed.
    pub(crate) fn add_files<'f>(&mut self, files: impl IntoIterator<Item = &'f Path>) {
        for file in files {
            if self.seen.iter().all(|(known, _)| known != file) {
                let stamp = Stamp::of(file).filter(|stamp| stamp.is_before(self.begun));
                self.seen.push((file.to_owned(), stamp));
            }
        }
    }

    fn has_changed(&self) -> bool {
        self.seen.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }

    /// Begins to read the file, in a thread.
    fn load(&mut self) -> io::Result<()> {
        for (path, stamp) in &mut self.seen {
            *stamp = Stamp::of(path);
        }
        self.begun = SystemTime::now();
        let path = self.path.clone();
        self.loading = Some(spawn(move || {
            guard::catch_message(|| {
                fail_points::beside(&path, "thread");
                document::load(&path)
            })
        })?);
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

/// Runs `f` in a thread of its own, which no signal reaches: those are for nginx's thread.
fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    // The thread inherits the mask.
    let _blocked = BlockedSignals::new();
    thread::Builder::new().name("cors_policy".to_owned()).spawn(f)
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
    match watch.loading.take_if(|thread| thread.is_finished()).map(JoinHandle::join) {
        _ if watch.loading.is_some() => return POLL,
        None => {
            if watch.has_changed() {
                match watch.load() {
                    Ok(()) => return POLL,
                    Err(error) => {
                        let path = watch.path.display();
                        ngx_log_error!(NGX_LOG_ERR, log, "no thread to read \"{path}\": {error}");
                    }
                }
            }
        }
        // The thread itself does not panic.
        Some(panicked @ (Err(_) | Ok(Err(_)))) => {
            let message = panicked.ok().and_then(Result::err).unwrap_or_default();
            let path = watch.path.display();
            ngx_log_error!(NGX_LOG_ALERT, log, "reading \"{path}\" panicked: {message}");
        }
        Some(Ok(Ok(Err(report)))) => {
            // They are beside the document, and what is wrong may be put right in them.
            watch.add_files(report.mistakes().iter().map(document::Mistake::file));
            let mistakes = report.to_string().replace('\n', ", ");
            reject(watch, log, &mistakes);
        }
        Some(Ok(Ok(Ok(policies)))) => {
            watch.seen.truncate(1);
            watch.add_files(policies.iter().flat_map(Policy::files));
            // SAFETY: the cycle that this worker serves requests with.
            let main = unsafe { Module::main_conf_mut(&*ngx_cycle) };
            let Some(main) = main else { return watch.interval };
            match main.replace(&watch.path, policies) {
                Ok(replaced) => {
                    // To free a long list takes a while, which requests need not wait for.
                    let _ = spawn(move || drop(replaced));
                    let path = watch.path.display();
                    ngx_log_error!(
                        NGX_LOG_NOTICE,
                        log,
                        "CORS policies loaded again from \"{path}\""
                    );
                }
                Err(mistake) => reject(watch, log, &mistake),
            }
        }
    }
    watch.interval
}

fn reject(watch: &Watch, log: *mut ngx_log_t, mistakes: &str) {
    let path = watch.path.display();
    ngx_log_error!(
        NGX_LOG_ERR,
        log,
        "CORS policies of \"{path}\" changed and are not taken over: {mistakes}"
    );
}

/// Releases what a request held, when nginx frees the request.
pub(crate) unsafe extern "C" fn release(data: *mut c_void) {
    // SAFETY: `in_force::hold` put an `Arc` here.
    drop(unsafe { std::sync::Arc::from_raw(data.cast::<Policy>().cast_const()) });
}
