//! The method and the hosts of a request, as the client sent them.

use core::slice;

use nginx_sys::ngx_http_request_t;

/// The method in the request line. nginx changes `r->method` to serve an error page, but keeps this.
pub(crate) fn method_of_client(r: &ngx_http_request_t) -> &[u8] {
    // `ngx_http_v2_construct_request_line` and its counterpart for HTTP/3 make such a line, too.
    let line = r.request_line.as_bytes();
    line.split(|byte| *byte == b' ').next().unwrap_or_default()
}

/// The value of the `Host` header, or of `:authority` in HTTP/2.
pub(crate) fn host_header(r: &ngx_http_request_t) -> Option<&[u8]> {
    // SAFETY: null, or a line of the request headers. nginx refuses a request with several lines.
    unsafe { r.headers_in.host.as_ref() }.map(|line| line.value.as_bytes())
}

/// The host and port of a request target in absolute form, or of `:authority` in HTTP/2 and HTTP/3.
pub(crate) fn target_host(r: &ngx_http_request_t) -> Option<&[u8]> {
    if r.host_start.is_null() || r.host_end.is_null() {
        return None;
    }
    // SAFETY: both point to the beginning and the end of one string of the request.
    let host = unsafe {
        let length = r.host_end.offset_from(r.host_start);
        slice::from_raw_parts(r.host_start, length.unsigned_abs())
    };
    Some(with_port(host, r.request_line.as_bytes()).unwrap_or(host))
}

/// The host of a request line with the port behind it: before nginx 1.31, `r->host_end` is the end of
/// the host alone. `None` if the host is not in the line.
fn with_port<'r>(host: &[u8], line: &'r [u8]) -> Option<&'r [u8]> {
    let start = host.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
    let rest = line.get(start..)?;
    let (_, after) = rest.split_at_checked(host.len())?;
    let length = match after {
        [b':', port @ ..] => 1 + port.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    rest.get(..host.len() + length)
}
