//! A thread that does not get in the way of nginx's own.

use core::{mem, ptr};
use std::io;
use std::thread::{self, JoinHandle};

/// Runs `f` in a new thread of low priority. Signals do not reach the thread: they are for nginx's.
///
/// # Errors
///
/// If the system has no thread left.
pub(crate) fn spawn<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // The new thread inherits the signal mask.
    let _blocked = BlockedSignals::new();
    thread::Builder::new().name("cors_policy".to_owned()).spawn(|| {
        lower_priority();
        f()
    })
}

/// Lets nginx's thread go first: on a busy processor a request would otherwise wait until this
/// thread's time slice ends.
fn lower_priority() {
    // On Linux every thread has its own priority; elsewhere the process has one.
    #[cfg(target_os = "linux")]
    // SAFETY: affects the calling thread only; without permission nothing happens.
    unsafe {
        libc::nice(10)
    };
}

/// Returns freed memory to the system.
///
/// glibc keeps freed memory, and each thread has an arena of its own. After a change of a long list,
/// a worker would otherwise stay nearly twice as large.
pub(crate) fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: can be called at any time; it locks one arena after the other.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// While this exists, all signals are blocked in this thread and in the threads that it creates.
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
        // SAFETY: restores the set that was blocked before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}
