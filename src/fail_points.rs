//! Places in which the test of panics asks for one: `t/panics/panics.t`.
//!
//! Only the package in `t/panics/` has the feature that makes them do anything; in the module that
//! ships they are empty.

use std::path::Path;

use nginx_sys::ngx_http_request_t;

/// Panics where the request asks for it: by the name of the place in `X-Panic-In`.
#[inline(always)]
pub(crate) fn in_request(r: &ngx_http_request_t, place: &str) {
    #[cfg(feature = "fail-points")]
    enabled::in_request(r, place);
    #[cfg(not(feature = "fail-points"))]
    let _ = (r, place);
}

/// Panics where there is a file beside `document` that asks for it, by the name of the place behind
/// that of the document. Once, for the file is removed.
#[inline(always)]
pub(crate) fn beside(document: &Path, place: &str) {
    #[cfg(feature = "fail-points")]
    enabled::beside(document, place);
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

    /// Says at every start what kind of build this is.
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

    pub(super) fn beside(document: &Path, place: &str) {
        if fs::remove_file(document.with_extension(format!("panic-in-{place}"))).is_ok() {
            panic!("a file asked for a panic in the {place}");
        }
    }
}
