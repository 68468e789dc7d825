//! Catching panics, which must not unwind into C.

use core::any::Any;
use core::cell::RefCell;
use core::fmt::Write;
use std::panic::{self, AssertUnwindSafe};

use nginx_sys::{NGX_LOG_ALERT, ngx_log_t};
use ngx::ngx_log_error;

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must unwind, so that it costs one request and not the worker");

thread_local! {
    /// The message of the panic that is being caught.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the message of a panic for nginx's log, instead of writing it to standard error.
pub(crate) fn keep_messages() {
    panic::set_hook(Box::new(|info| {
        MESSAGE.with_borrow_mut(|message| {
            message.clear();
            // Writing to a string does not fail.
            let _ = write!(message, "{info}");
        });
    }));
}

/// Runs `f`. If it panics, logs one line at `alert` and returns `None`.
///
/// The functions that nginx calls run their code inside this one. Those that have nothing that can panic
/// do not; `docs/safety.md` lists them.
pub(crate) fn catch<T>(log: *mut ngx_log_t, f: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| report(log, payload)).ok()
}

/// Runs `f`. If it panics, returns the message of the panic, as one line.
pub(crate) fn catch_message<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|_| take_message())
}

fn take_message() -> String {
    MESSAGE.take().replace('\n', " ")
}

/// Logs a panic. The payload is dropped here too, since [`MESSAGE`] holds its text.
#[cold]
#[inline(never)]
fn report(log: *mut ngx_log_t, payload: Box<dyn Any + Send>) {
    drop(payload);
    let message = take_message();
    ngx_log_error!(NGX_LOG_ALERT, log, "ngx_http_cors_policy_module: {message}");
}
