//! The CORS headers that the application, or another module, has set in a response.

use core::ops::ControlFlow;

use cors_policy::headers::{ExposedNames, is_cors_response_header};
use cors_policy::{Answer, FieldName, Vary};
use nginx_sys::{ngx_pool_t, ngx_str_t, ngx_table_elt_t};

use crate::nginx::headers_out::{HeadersOut, bytes_in_pool, str_of};
use crate::nginx::request_bits::OutOfMemory;

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
    if headers.is_empty() { vary } else { take_over_all(headers, timing, vary) }
}

#[inline(never)]
fn take_over_all(headers: &mut HeadersOut<'_>, timing: bool, vary: Vary) -> Vary {
    take_over_lines(headers, timing, vary, |_| false)
}

#[inline(always)]
fn take_over_lines(
    headers: &mut HeadersOut<'_>,
    timing: bool,
    mut vary: Vary,
    mut is_kept: impl FnMut(&ngx_table_elt_t) -> bool,
) -> Vary {
    let _: ControlFlow<()> = headers.try_for_each(|line| {
        match line.key.as_bytes().first() {
            Some(b'a' | b'A') if is_cors_response_header(line.key.as_bytes()) && !is_kept(line) => {
                line.hash = 0;
            }
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

/// The names that the application and the policy expose, as one value in the pool of the request.
/// `None` if the application has no `Access-Control-Expose-Headers`, or the answer lets nobody read the
/// response.
///
/// # Errors
///
/// If the pool has no memory.
pub(super) fn merge_exposed(
    headers: &mut HeadersOut<'_>,
    pool: *mut ngx_pool_t,
    answer: &Answer<'_>,
) -> Result<Option<ngx_str_t>, OutOfMemory> {
    if answer.allow_origin().is_none() {
        return Ok(None);
    }
    let (mut lines, mut bytes) = (0, 0);
    for_each_exposed(headers, |line| {
        lines += 1;
        bytes += line.len();
    });
    if lines == 0 {
        return Ok(None);
    }
    let policy = answer.expose_headers();
    // SAFETY: the pool of the request that has these headers, which needs the value no longer than that.
    let room = unsafe { bytes_in_pool(pool, ExposedNames::room(policy, lines, bytes))? };
    let mut names = ExposedNames::new(room, policy, answer.allows_credentials());
    for_each_exposed(headers, |line| names.add(line));
    let length = names.length();
    Ok(Some(str_of(&room[..length])))
}

fn for_each_exposed(headers: &mut HeadersOut<'_>, mut f: impl FnMut(&[u8])) {
    let _: ControlFlow<()> = headers.try_for_each(|line| {
        if is_named(line, FieldName::ExposeHeaders) {
            f(line.value.as_bytes());
        }
        ControlFlow::Continue(())
    });
}

/// As [`take_over`], but keeps the lines of [`FieldName::OF_PREFLIGHT`]. Also returns which of them the response has.
pub(super) fn take_over_but_answer(
    headers: &mut HeadersOut<'_>,
    timing: bool,
    vary: Vary,
) -> (Vary, [bool; FieldName::OF_PREFLIGHT.len()]) {
    let mut kept = [false; FieldName::OF_PREFLIGHT.len()];
    let vary = take_over_lines(headers, timing, vary, |line| {
        let index = FieldName::OF_PREFLIGHT.iter().position(|name| is_named(line, *name));
        if let Some(index) = index {
            kept[index] = true;
        }
        index.is_some()
    });
    (vary, kept)
}

/// Whether a line has this name, in any case.
pub(super) fn is_named(line: &ngx_table_elt_t, name: FieldName) -> bool {
    line.key.as_bytes().eq_ignore_ascii_case(name.lowercase().as_bytes())
}
