//! `ngx_http_request_t`: its bits, through C (see `bits.c`), and its log.

use nginx_sys::{ngx_http_request_t, ngx_log_t, ngx_uint_t};

/// The request's pool has no memory left.
pub(crate) struct OutOfMemory;

/// The log for messages about a request.
pub(crate) fn log_of(r: &ngx_http_request_t) -> *mut ngx_log_t {
    // SAFETY: a request has a connection, which has a log.
    unsafe { (*r.connection).log }
}

macro_rules! bits {
    ($(get $get:ident = $c_get:ident;)* $(set $set:ident = $c_set:ident;)*) => {
        unsafe extern "C" {
            $(fn $c_get(r: *const ngx_http_request_t) -> ngx_uint_t;)*
            $(fn $c_set(r: *mut ngx_http_request_t, value: ngx_uint_t);)*
        }

        $(
            #[doc = concat!("`r->", stringify!($get), "`")]
            pub(crate) fn $get(r: &ngx_http_request_t) -> bool {
                // SAFETY: reads a bit of the request.
                unsafe { $c_get(r) != 0 }
            }
        )*

        $(
            #[doc = concat!("Writes the bit: `", stringify!($set), "`.")]
            pub(crate) fn $set(r: &mut ngx_http_request_t, value: bool) {
                // SAFETY: writes a bit of the request, which nothing else uses meanwhile.
                unsafe { $c_set(r, value.into()) };
            }
        )*
    };
}

bits! {
    get background = cors_policy_ngx_http_request_t_background;
    get filter_finalize = cors_policy_ngx_http_request_t_filter_finalize;
    get header_only = cors_policy_ngx_http_request_t_header_only;
    get header_sent = cors_policy_ngx_http_request_t_header_sent;
    get internal = cors_policy_ngx_http_request_t_internal;
    get post_action = cors_policy_ngx_http_request_t_post_action;
    set set_error_page = cors_policy_ngx_http_request_t_set_error_page;
}

unsafe extern "C" {
    fn cors_policy_ngx_http_request_t_end_with_header(r: *mut ngx_http_request_t);
    fn cors_policy_ngx_http_request_t_is_tls(r: *const ngx_http_request_t) -> ngx_uint_t;
}

/// Whether nginx itself terminates TLS for the request, as for `$https`.
pub(crate) fn is_tls(r: &ngx_http_request_t) -> bool {
    // SAFETY: a request has a connection, whose pointer is read.
    unsafe { cors_policy_ngx_http_request_t_is_tls(r) != 0 }
}

/// Ends the response with its header, like a response to `HEAD`: sets `header_only`, and clears
/// `expect_trailers` and `allow_ranges`.
pub(crate) fn end_with_header(r: &mut ngx_http_request_t) {
    // SAFETY: writes bits of the request, which nothing else uses meanwhile.
    unsafe { cors_policy_ngx_http_request_t_end_with_header(r) };
}
