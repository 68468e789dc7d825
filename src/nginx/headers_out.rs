//! The list of a response's headers (`r->headers_out.headers`).

use core::ops::ControlFlow;
use core::{mem, ptr, slice};

use nginx_sys::{
    ngx_http_headers_out_t, ngx_list_part_t, ngx_list_t, ngx_palloc, ngx_pnalloc, ngx_pool_t,
    ngx_str_t, ngx_table_elt_t,
};

use super::request_bits::OutOfMemory;

/// The response headers of a request, with exclusive access.
pub(crate) struct HeadersOut<'r>(&'r mut ngx_list_t);

impl<'r> HeadersOut<'r> {
    pub(crate) fn of(headers_out: &'r mut ngx_http_headers_out_t) -> Self {
        Self(&mut headers_out.headers)
    }

    /// Whether the list is empty. nginx keeps the usual headers elsewhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.part.nelts == 0 && self.0.part.next.is_null()
    }

    /// Calls `f` with each line until it breaks. Lines whose `hash` is zero are skipped: nginx does not
    /// send them.
    pub(crate) fn try_for_each<B>(
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

    /// Appends lines, as one slice.
    ///
    /// # Errors
    ///
    /// If the request's pool has no memory.
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
        // SAFETY: the last part has room for `nalloc` elements; the new elements are initialized as
        // copies.
        unsafe {
            let new = last.elts.cast::<ngx_table_elt_t>().add(last.nelts);
            match lines {
                // PERF: most often there is one line; without a call of `memcpy` it takes 15 instructions
                // less.
                [line] => new.write(*line),
                _ => ptr::copy_nonoverlapping(lines.as_ptr(), new, lines.len()),
            }
            last.nelts += lines.len();
            Ok(slice::from_raw_parts_mut(new, lines.len()))
        }
    }

    /// Appends one line.
    ///
    /// # Errors
    ///
    /// If the request's pool has no memory.
    pub(crate) fn push(&mut self, line: ngx_table_elt_t) -> Result<(), OutOfMemory> {
        self.append(slice::from_ref(&line)).map(|_| ())
    }

    /// Adds a part with room for `count` lines, as `ngx_list_push` does when the last part is full.
    ///
    /// `ngx_list_push` compares `nelts == nalloc`, so a part must never have more than `nalloc`
    /// elements.
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

/// Removes the headers that describe a body (length, type, encoding, range, validators), and `Location`
/// and `Refresh`.
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

/// A header line with this name, for nginx to send.
pub(crate) fn line(
    name: &'static str,
    lowercase: &'static str,
    value: ngx_str_t,
) -> ngx_table_elt_t {
    // SAFETY: all bytes zero is a valid `ngx_table_elt_t`, of whatever version of nginx.
    let mut line: ngx_table_elt_t = unsafe { mem::zeroed() };
    // As in `ngx_http_add_header`: any hash but zero, since the line is sent and not looked up.
    line.hash = 1;
    line.key = str_of(name.as_bytes());
    line.lowcase_key = lowercase.as_ptr().cast_mut();
    line.value = value;
    line
}

/// So many bytes in a pool, all zero.
///
/// # Errors
///
/// If the pool has no memory.
///
/// # Safety
///
/// `pool` must be a valid pool that lasts for `'p`.
pub(crate) unsafe fn bytes_in_pool<'p>(
    pool: *mut ngx_pool_t,
    len: usize,
) -> Result<&'p mut [u8], OutOfMemory> {
    // SAFETY: as demanded of the caller.
    let data = unsafe { ngx_pnalloc(pool, len) }.cast::<u8>();
    if data.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: there is room for `len` bytes, which are zeroed before a reference to them exists.
    unsafe {
        data.write_bytes(0, len);
        Ok(slice::from_raw_parts_mut(data, len))
    }
}

/// An nginx string for bytes that outlive the request. nginx does not write to the values of headers
/// and variables.
pub(crate) fn str_of(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}
