//! Places where a test can make the module panic: see `t/panics/panics.t`.
//!
//! Only the package in `t/panics/` enables the feature. In the module that ships, these functions are
//! empty.

use std::path::Path;

use nginx_sys::ngx_http_request_t;

/// Panics if the request's `X-Panic-In` header names `place`.
#[inline(always)]
pub(crate) fn in_request(r: &ngx_http_request_t, place: &str) {
    #[cfg(feature = "fail-points")]
    enabled::in_request(r, place);
    #[cfg(not(feature = "fail-points"))]
    let _ = (r, place);
}

/// Panics if a file next to `document` asks for it: the document's name with the extension
/// `panic-in-` and `place`. The file is removed, so this happens once.
#[inline(always)]
pub(crate) fn next_to(document: &Path, place: &str) {
    #[cfg(feature = "fail-points")]
    enabled::next_to(document, place);
    #[cfg(not(feature = "fail-points"))]
    let _ = (document, place);
}

#[cfg(feature = "fail-points")]
pub(crate) use enabled::announce;

#[cfg(feature = "fail-points")]
mod enabled {
    use std::fs;
    use std::path::Path;

    use nginx_sys::{NGX_LOG_WARN, ngx_http_request_t, ngx_log_t};
    use ngx::http::list_iterator;
    use ngx::ngx_log_error;

    /// Logs at every start that this build is for tests.
    pub(crate) fn announce(log: *mut ngx_log_t) {
        ngx_log_error!(
            NGX_LOG_WARN,
            log,
            "this ngx_http_cors_policy_module panics on request, it is for its own tests only"
        );
    }

    pub(super) fn in_request(r: &ngx_http_request_t, place: &str) {
        // SAFETY: the list of a request's headers has elements of this kind.
        let mut headers = unsafe { list_iterator(&r.headers_in.headers) };
        if headers.any(|(name, value)| {
            name.as_bytes().eq_ignore_ascii_case(b"x-panic-in")
                && value.as_bytes() == place.as_bytes()
        }) {
            panic!("the request asked for a panic in the {place}\nand for this line");
        }
    }

    pub(super) fn next_to(document: &Path, place: &str) {
        if fs::remove_file(document.with_extension(format!("panic-in-{place}"))).is_ok() {
            panic!("a file asked for a panic in the {place}");
        }
    }
}
