//! Panics end here: they must not unwind into C.

use core::any::Any;
use core::cell::RefCell;
use core::fmt::Write;
use std::panic::{self, AssertUnwindSafe};

use nginx_sys::{NGX_LOG_ALERT, ngx_http_request_t, ngx_log_t};
use ngx::ngx_log_error;

use crate::log_of;

#[cfg(not(panic = "unwind"))]
compile_error!("a panic has to unwind, so that it costs one request and not the worker");

thread_local! {
    /// What the panic that is being caught said.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what a panic says for the log of nginx, instead of writing it to standard error.
pub(crate) fn keep_messages() {
    panic::set_hook(Box::new(|info| {
        MESSAGE.with_borrow_mut(|message| {
            message.clear();
            // Writing to a string does not fail.
            let _ = write!(message, "{info}");
        });
    }));
}

/// Runs `f`. If it panics, logs one line at `alert` and gives `None`.
///
/// Every function that nginx calls runs its own code through this.
#[inline]
pub(crate) fn catch<T>(log: *mut ngx_log_t, f: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| report(log, payload)).ok()
}

/// As [`catch`], where the log is that of a request.
#[inline(always)]
pub(crate) fn catch_request<T>(
    r: &mut ngx_http_request_t,
    f: impl FnOnce(&mut ngx_http_request_t) -> T,
) -> Option<T> {
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(r)));
    result.map_err(|payload| report(log_of(r), payload)).ok()
}

/// Runs `f`. If it panics, gives what the panic said, in one line.
pub(crate) fn catch_message<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|_| take_message())
}

fn take_message() -> String {
    MESSAGE.take().replace('\n', " ")
}

/// Out of the way of what does not panic, with the payload, which the message has already.
#[cold]
#[inline(never)]
fn report(log: *mut ngx_log_t, payload: Box<dyn Any + Send>) {
    drop(payload);
    let message = take_message();
    ngx_log_error!(NGX_LOG_ALERT, log, "ngx_http_cors_policy_module: {message}");
}
