//! The CORS headers that the application, or another module, has set in a response.

use core::ops::ControlFlow;

use cors_policy::headers::is_cors_response_header;
use cors_policy::{FieldName, Vary};
use nginx_sys::ngx_table_elt_t;

use crate::nginx::headers_out::HeadersOut;

/// Whether the response has `Access-Control-Allow-Origin`.
pub(super) fn have_allow_origin(headers: &mut HeadersOut<'_>) -> bool {
    let is_found = |line: &mut ngx_table_elt_t| match is_named(line, FieldName::AllowOrigin) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    headers.try_for_each(is_found).is_break()
}

/// Removes every `Access-Control-*` line, and `Timing-Allow-Origin` if `timing`. Returns the part of
/// `vary` that no `Vary` line of the response has.
pub(super) fn take_over(headers: &mut HeadersOut<'_>, timing: bool, vary: Vary) -> Vary {
    // PERF: most responses have no headers in this list. Saves 40 instructions for an allowed request.
    if headers.is_empty() { vary } else { take_over_lines(headers, timing, vary) }
}

#[inline(never)]
fn take_over_lines(headers: &mut HeadersOut<'_>, timing: bool, mut vary: Vary) -> Vary {
    let _: ControlFlow<()> = headers.try_for_each(|line| {
        match line.key.as_bytes().first() {
            Some(b'a' | b'A') if is_cors_response_header(line.key.as_bytes()) => line.hash = 0,
            Some(b't' | b'T') if timing && is_named(line, FieldName::TimingAllowOrigin) => {
                line.hash = 0;
            }
            Some(b'v' | b'V') if line.key.as_bytes().eq_ignore_ascii_case(b"vary") => {
                vary = vary.without(line.value.as_bytes());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    vary
}

fn is_named(line: &ngx_table_elt_t, name: FieldName) -> bool {
    line.key.as_bytes().eq_ignore_ascii_case(name.lowercase().as_bytes())
}
