//! The response headers that this module writes and removes.

use core::ops::ControlFlow;
use core::{mem, ptr, slice};

use cors_policy::headers::is_cors_response_header;
use cors_policy::{FieldName, Vary};
use nginx_sys::{
    ngx_http_headers_out_t, ngx_list_part_t, ngx_list_t, ngx_palloc, ngx_str_t, ngx_table_elt_t,
};

use crate::OutOfMemory;

/// The response headers of a request, with exclusive access.
pub(crate) struct HeadersOut<'r>(&'r mut ngx_list_t);

impl<'r> HeadersOut<'r> {
    pub(crate) fn of(headers_out: &'r mut ngx_http_headers_out_t) -> Self {
        Self(&mut headers_out.headers)
    }

    /// Whether there is nothing yet: nginx keeps the usual headers elsewhere.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.part.nelts == 0 && self.0.part.next.is_null()
    }

    /// Shows `f` the lines that will be sent, until it says to stop; nginx leaves out those whose
    /// `hash` is zero.
    #[inline]
    fn try_for_each<B>(
        &mut self,
        mut f: impl FnMut(&mut ngx_table_elt_t) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut next = Some(&mut self.0.part);
        while let Some(part) = next {
            if part.nelts != 0 {
                // SAFETY: `headers_out.headers` is a list of `ngx_table_elt_t`, and a part of it
                // holds `nelts` initialized elements from `elts` on.
                let lines = unsafe { slice::from_raw_parts_mut(part.elts.cast(), part.nelts) };
                lines
                    .iter_mut()
                    .filter(|line: &&mut ngx_table_elt_t| line.hash != 0)
                    .try_for_each(&mut f)?;
            }
            // SAFETY: null in the last part, and another part of the same list otherwise; the list
            // is borrowed as a whole.
            next = unsafe { part.next.as_mut() };
        }
        ControlFlow::Continue(())
    }

    /// Whether the response already has `Access-Control-Allow-Origin`.
    pub(crate) fn has_allow_origin(&mut self) -> bool {
        let name = FieldName::AllowOrigin.lowercase().as_bytes();
        self.try_for_each(|line| match line.key.as_bytes().eq_ignore_ascii_case(name) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
        .is_break()
    }

    /// Removes every `Access-Control-*` line, and `Timing-Allow-Origin` where `timing` says so;
    /// returns what of `vary` no `Vary` line names yet.
    #[inline]
    pub(crate) fn take_over(&mut self, timing: bool, vary: Vary) -> Vary {
        // As most responses are.
        if self.is_empty() {
            return vary;
        }
        self.take_over_lines(timing, vary)
    }

    fn take_over_lines(&mut self, timing: bool, mut vary: Vary) -> Vary {
        let _: ControlFlow<()> = self.try_for_each(|line| {
            match line.key.as_bytes().first() {
                Some(b'a' | b'A') if is_cors_response_header(line.key.as_bytes()) => line.hash = 0,
                Some(b't' | b'T') if timing && is_timing_allow_origin(line.key.as_bytes()) => {
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

    /// Adds lines at the end, side by side.
    #[inline(always)]
    pub(crate) fn append(
        &mut self,
        lines: &[ngx_table_elt_t],
    ) -> Result<&mut [ngx_table_elt_t], OutOfMemory> {
        // SAFETY: the last part of a list is one of its parts.
        let mut last = unsafe { &mut *self.0.last };
        if last.nelts + lines.len() > self.0.nalloc {
            last = self.add_part(lines.len())?;
        }
        // SAFETY: the last part has room for `nalloc` elements; the new ones are initialized by copies
        // of others.
        unsafe {
            let new = last.elts.cast::<ngx_table_elt_t>().add(last.nelts);
            match lines {
                // Mostly: without a call.
                [line] => new.write(*line),
                _ => ptr::copy_nonoverlapping(lines.as_ptr(), new, lines.len()),
            }
            last.nelts += lines.len();
            Ok(slice::from_raw_parts_mut(new, lines.len()))
        }
    }

    /// Adds one line.
    pub(crate) fn push(&mut self, line: ngx_table_elt_t) -> Result<(), OutOfMemory> {
        self.append(slice::from_ref(&line)).map(|_| ())
    }

    /// As `ngx_list_push()` does where the last part is full; here it may have some room left.
    ///
    /// `ngx_list_push()` takes the last part for full when it has exactly `nalloc` elements, so that
    /// it must never have more.
    #[cold]
    fn add_part(&mut self, count: usize) -> Result<&mut ngx_list_part_t, OutOfMemory> {
        let nalloc = self.0.nalloc.max(count);
        let size = nalloc * size_of::<ngx_table_elt_t>();
        // SAFETY: the pool of the list is that of the request; the new part is complete before it
        // becomes a part of the list.
        unsafe {
            let part = ngx_palloc(self.0.pool, size_of::<ngx_list_part_t>());
            let elts = ngx_palloc(self.0.pool, size);
            if part.is_null() || elts.is_null() {
                return Err(OutOfMemory);
            }
            let part = part.cast::<ngx_list_part_t>();
            part.write(ngx_list_part_t { elts, nelts: 0, next: ptr::null_mut() });
            (*self.0.last).next = part;
            self.0.last = part;
            self.0.nalloc = nalloc;
            Ok(&mut *part)
        }
    }
}

/// Removes what says how long a response is, what is in it, and where to look instead.
pub(crate) fn clear_body(out: &mut ngx_http_headers_out_t) {
    for line in [
        &mut out.content_length,
        &mut out.content_encoding,
        &mut out.content_range,
        &mut out.accept_ranges,
        &mut out.last_modified,
        &mut out.etag,
        &mut out.location,
        &mut out.refresh,
    ] {
        // SAFETY: null, or a line of the response's headers.
        if let Some(line) = unsafe { mem::replace(line, ptr::null_mut()).as_mut() } {
            line.hash = 0;
        }
    }
    out.status_line = ngx_str_t::empty();
    out.content_type = ngx_str_t::empty();
    out.content_type_len = 0;
    out.charset = ngx_str_t::empty();
    out.last_modified_time = -1;
    out.content_length_n = 0;
}

/// A line that is sent.
pub(crate) fn line(
    name: &'static str,
    lowercase: &'static str,
    value: ngx_str_t,
) -> ngx_table_elt_t {
    // SAFETY: all bytes zero is a valid `ngx_table_elt_t`, of whatever version of nginx.
    let mut line: ngx_table_elt_t = unsafe { mem::zeroed() };
    // As `ngx_http_add_header` does: any hash but zero, for the line is written, not found.
    line.hash = 1;
    line.key = str_of(name.as_bytes());
    line.lowcase_key = lowercase.as_ptr().cast_mut();
    line.value = value;
    line
}

fn is_timing_allow_origin(key: &[u8]) -> bool {
    key.eq_ignore_ascii_case(FieldName::TimingAllowOrigin.lowercase().as_bytes())
}

/// An nginx string for bytes that outlive the request; nginx does not write to the values of headers
/// and variables.
pub(crate) fn str_of(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}
