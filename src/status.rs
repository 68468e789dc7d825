//! `cors_policy_status`: the state of the module, for Prometheus, for programs and for people.

mod snapshot;

use core::fmt::{self, Write};
use core::{mem, ptr};

use cors_status::{Format, page, prometheus};
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_BAD_REQUEST, NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_INTERNAL_SERVER_ERROR,
    NGX_HTTP_NOT_ALLOWED, NGX_HTTP_OK, NGX_OK, ngx_buf_t, ngx_chain_t, ngx_http_arg,
    ngx_http_discard_request_body, ngx_http_output_filter, ngx_http_request_t,
    ngx_http_send_header, ngx_int_t, ngx_pcalloc, ngx_pool_t, ngx_str_t, ngx_uint_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf};

use self::snapshot::Live;
use crate::Module;
use crate::config::main_conf::MainConf;
use crate::nginx::headers_in::{HeaderLines, headers_in};
use crate::nginx::headers_out::{HeadersOut, bytes_in_pool, line, str_of};
use crate::nginx::request_bits::{self, OutOfMemory, log_of};
use crate::nginx::{clock, fail_points, panic};

/// The format that `?format=` asks for, or that the client prefers; `None` if it is unknown.
fn format_for(r: &mut ngx_http_request_t) -> Option<Format> {
    const FORMAT: &str = "format";
    let mut value = ngx_str_t::empty();
    // SAFETY: looks `format` up in the query of the request.
    let rc = unsafe { ngx_http_arg(r, FORMAT.as_ptr().cast_mut(), FORMAT.len(), &mut value) };
    if rc == NGX_OK as ngx_int_t {
        return Format::of_name(value.as_bytes());
    }
    // SAFETY: `r` is borrowed meanwhile.
    let lines = HeaderLines::of(unsafe { headers_in(r) });
    let lines = lines.filter(|line| line.key.as_bytes().eq_ignore_ascii_case(b"accept"));
    Some(Format::preferred(lines.map(|line| line.value.as_bytes())))
}

/// The content handler.
pub(crate) unsafe extern "C" fn handler(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a content handler with a valid request, which nothing else uses.
    let r = unsafe { &mut *r };
    match panic::catch(log_of(r), || respond(r)) {
        Some(Ok(rc) | Err(rc)) => rc,
        None => NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t,
    }
}

fn respond(r: &mut ngx_http_request_t) -> Result<ngx_int_t, ngx_int_t> {
    fail_points::in_request(r, "status handler");
    if r.method & (NGX_HTTP_GET | NGX_HTTP_HEAD) as ngx_uint_t == 0 {
        return Err(NGX_HTTP_NOT_ALLOWED as ngx_int_t);
    }
    // SAFETY: in the content phase, the body of the request is not read yet.
    let rc = unsafe { ngx_http_discard_request_body(r) };
    if rc != NGX_OK as ngx_int_t {
        return Err(rc);
    }
    let format = format_for(r).ok_or(NGX_HTTP_BAD_REQUEST as ngx_int_t)?;
    let main = Module::main_conf(r).ok_or(NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t)?;
    let out_of_memory = |OutOfMemory| NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;
    let body = match format {
        Format::Text => Body::of(r.pool, |to| prometheus::write(to, &Live(main))),
        Format::Json | Format::Html => {
            let text = write(r, main, format).ok_or(NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t)?;
            Body::of(r.pool, |to| to.write_str(&text))
        }
    }
    .map_err(out_of_memory)?;

    let content_type = format.content_type();
    r.headers_out.status = NGX_HTTP_OK as ngx_uint_t;
    r.headers_out.content_length_n = body.len as _;
    r.headers_out.content_type = str_of(content_type.as_bytes());
    r.headers_out.content_type_len = content_type.len();
    for (name, lowercase, value) in headers(format) {
        let line = line(name, lowercase, str_of(value.as_bytes()));
        HeadersOut::of(&mut r.headers_out).push(line).map_err(out_of_memory)?;
    }

    // SAFETY: as any content handler does. nginx copies the links of the chain, which is on the stack;
    // the buffer is in the request's pool.
    unsafe {
        let rc = ngx_http_send_header(r);
        // With `NGX_AGAIN` the header is sent in part; with `NGX_OK` a filter may keep it back until the
        // body comes.
        if rc == NGX_ERROR as ngx_int_t || rc > NGX_OK as ngx_int_t || request_bits::header_only(r)
        {
            return Ok(rc);
        }
        let buf = ngx_pcalloc(r.pool, mem::size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
        let buf = buf.as_mut().ok_or(NGX_ERROR as ngx_int_t)?;
        buf.pos = body.data;
        buf.last = body.data.add(body.len);
        buf.set_memory(u32::from(body.len > 0));
        buf.set_last_buf(u32::from(ptr::eq(r, r.main)));
        buf.set_last_in_chain(1);
        let mut chain = ngx_chain_t { buf, next: ptr::null_mut() };
        Ok(ngx_http_output_filter(r, &mut chain))
    }
}

/// The headers besides those of the content.
fn headers(format: Format) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let policy = ("Content-Security-Policy", "content-security-policy", page::SECURITY_POLICY);
    [
        ("Vary", "vary", "Accept"),
        ("Cache-Control", "cache-control", "no-store"),
        ("X-Content-Type-Options", "x-content-type-options", "nosniff"),
    ]
    .into_iter()
    .chain((format == Format::Html).then_some(policy))
}

/// The status as JSON or as a page.
fn write(r: &ngx_http_request_t, main: &MainConf, format: Format) -> Option<String> {
    let origins = Module::location_conf(r)?.status.is_some_and(|it| it.shows_origins);
    let status = snapshot::take(main, origins);
    match format {
        Format::Html => page::render(&status, clock::now()).ok(),
        _ => status.json().ok(),
    }
}

/// Text in the pool of a request.
struct Body;

impl Body {
    /// Writes twice: to measure the length, and into the allocated memory. There is room for counts
    /// that get one more digit in between.
    fn of(
        pool: *mut ngx_pool_t,
        write: impl Fn(&mut Text<'_>) -> fmt::Result,
    ) -> Result<ngx_str_t, OutOfMemory> {
        let mut measured = Text { room: &mut [], length: 0 };
        // Measuring does not fail.
        let _ = write(&mut measured);
        let size = measured.length + measured.length / 8;

        // SAFETY: the pool of the request, which needs the text no longer than that.
        let room = unsafe { bytes_in_pool(pool, size)? };
        let mut text = Text { room, length: 0 };
        let _ = write(&mut text);
        let len = text.length.min(text.room.len());
        Ok(str_of(&text.room[..len]))
    }
}

/// Writes as much as fits, and counts the whole length.
struct Text<'b> {
    room: &'b mut [u8],
    length: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if let Some(to) = self.room.get_mut(self.length..self.length + s.len()) {
            to.copy_from_slice(s.as_bytes());
        }
        self.length += s.len();
        Ok(())
    }
}
