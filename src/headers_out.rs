//! The response headers that this module writes and removes.

use core::{mem, slice};

use cors_policy::{FieldName, Vary};
use nginx_sys::{ngx_http_headers_out_t, ngx_list_push, ngx_list_t, ngx_str_t, ngx_table_elt_t};

use crate::OutOfMemory;

/// The response headers of a request, with exclusive access.
pub(crate) struct HeadersOut<'r>(&'r mut ngx_list_t);

impl<'r> HeadersOut<'r> {
    pub(crate) fn of(headers_out: &'r mut ngx_http_headers_out_t) -> Self {
        Self(&mut headers_out.headers)
    }

    /// The lines that will be sent; nginx leaves out those whose `hash` is zero.
    fn lines(&mut self) -> impl Iterator<Item = &mut ngx_table_elt_t> {
        let mut part = Some(&mut self.0.part);
        core::iter::from_fn(move || {
            let current = part.take()?;
            let lines: &mut [ngx_table_elt_t] = if current.nelts == 0 {
                &mut []
            } else {
                // SAFETY: `headers_out.headers` is a list of `ngx_table_elt_t`, and a part of it
                // holds `nelts` initialized elements from `elts` on.
                unsafe { slice::from_raw_parts_mut(current.elts.cast(), current.nelts) }
            };
            // SAFETY: null in the last part, and another part of the same list otherwise; the list
            // is borrowed as a whole for as long as this iterator lives.
            part = unsafe { current.next.as_mut() };
            Some(lines)
        })
        .flatten()
        .filter(|line| line.hash != 0)
    }

    /// Whether the response already has `Access-Control-Allow-Origin`.
    pub(crate) fn has_allow_origin(&mut self) -> bool {
        let name = FieldName::AllowOrigin.lowercase().as_bytes();
        self.lines().any(|line| line.key.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Removes every `Access-Control-*` line, and `Timing-Allow-Origin` where `timing` says so;
    /// returns what of `vary` no `Vary` line names yet.
    pub(crate) fn take_over(&mut self, timing: bool, mut vary: Vary) -> Vary {
        const CORS_PREFIX: &[u8] = b"access-control-";

        for line in self.lines() {
            let key = line.key.as_bytes();
            match key.first().map(u8::to_ascii_lowercase) {
                Some(b'a')
                    if key
                        .get(..CORS_PREFIX.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(CORS_PREFIX)) =>
                {
                    line.hash = 0;
                }
                Some(b't')
                    if timing
                        && key.eq_ignore_ascii_case(
                            FieldName::TimingAllowOrigin.lowercase().as_bytes(),
                        ) =>
                {
                    line.hash = 0;
                }
                Some(b'v') if key.eq_ignore_ascii_case(b"vary") => {
                    vary = vary.without(line.value.as_bytes());
                }
                _ => {}
            }
        }
        vary
    }

    /// Adds a CORS header.
    pub(crate) fn push(&mut self, name: FieldName, value: ngx_str_t) -> Result<(), OutOfMemory> {
        self.push_line(name.as_str(), name.lowercase(), value)
    }

    /// Adds `Vary`.
    pub(crate) fn push_vary(&mut self, value: &'static str) -> Result<(), OutOfMemory> {
        self.push_line("Vary", "vary", str_of(value.as_bytes()))
    }

    fn push_line(
        &mut self,
        name: &'static str,
        lowercase: &'static str,
        value: ngx_str_t,
    ) -> Result<(), OutOfMemory> {
        // SAFETY: the list is initialized, and its pool is that of the request.
        let line = unsafe { ngx_list_push(self.0) }.cast::<ngx_table_elt_t>();
        if line.is_null() {
            return Err(OutOfMemory);
        }
        // SAFETY: `ngx_list_push` returned room for one element, which is uninitialized; all bytes
        // zero is a valid `ngx_table_elt_t`.
        let line = unsafe {
            line.write(mem::zeroed());
            &mut *line
        };
        // As `ngx_http_add_header` does: any hash but zero, for the line is written, not found.
        line.hash = 1;
        line.key = str_of(name.as_bytes());
        line.lowcase_key = lowercase.as_ptr().cast_mut();
        line.value = value;
        Ok(())
    }
}

/// An nginx string for bytes that outlive the request; nginx does not write to the values of headers
/// and variables.
pub(crate) fn str_of(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}
