//! The time.

use nginx_sys::ngx_cached_time;

/// `ngx_time()`: the seconds since 1970, as of the last event.
pub(crate) fn now() -> u64 {
    // SAFETY: nginx sets it when it starts; a worker changes it between two events.
    let seconds = unsafe { (*ngx_cached_time).sec };
    seconds as u64
}
