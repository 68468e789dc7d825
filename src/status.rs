//! `cors_policy_status`: the counters, as Prometheus text or as JSON.

use core::fmt::{self, Write};
use core::{mem, ptr, slice};

use cors_policy::Decision;
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_NOT_ALLOWED,
    NGX_HTTP_OK, NGX_OK, ngx_buf_t, ngx_chain_t, ngx_http_arg, ngx_http_discard_request_body,
    ngx_http_output_filter, ngx_http_request_t, ngx_http_send_header, ngx_int_t, ngx_pcalloc,
    ngx_pnalloc, ngx_pool_t, ngx_str_t, ngx_uint_t,
};
use ngx::http::HttpModuleMainConf;

use crate::Module;
use crate::config::policies::{Policies, PolicyEntry};
use crate::counters::{RequestKind, SERIES};
use crate::nginx::request_bits::{self, OutOfMemory, log_of};
use crate::nginx::{fail_points, panic};

/// The two ways to write the counters.
#[derive(Clone, Copy)]
enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    Json,
}

impl Format {
    /// The format that `?format=` asks for; `None` if it is unknown.
    fn asked_for(r: &mut ngx_http_request_t) -> Option<Self> {
        const FORMAT: &str = "format";
        let mut value = ngx_str_t::empty();
        // SAFETY: looks `format` up in the query of the request.
        let rc = unsafe { ngx_http_arg(r, FORMAT.as_ptr().cast_mut(), FORMAT.len(), &mut value) };
        match value.as_bytes() {
            _ if rc != NGX_OK as ngx_int_t => Some(Self::Prometheus),
            b"prometheus" => Some(Self::Prometheus),
            b"json" => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    fn write(self, to: &mut impl Write, policies: &Policies) -> fmt::Result {
        match self {
            Self::Prometheus => write_prometheus(to, policies),
            Self::Json => write_json(to, policies),
        }
    }
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
    let main = Module::main_conf(r).ok_or(NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t)?;
    let format = Format::asked_for(r).ok_or(nginx_sys::NGX_HTTP_BAD_REQUEST as ngx_int_t)?;
    let body = Body::of(r.pool, |to| format.write(to, &main.policies))
        .map_err(|OutOfMemory| NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t)?;

    let content_type = format.content_type();
    r.headers_out.status = NGX_HTTP_OK as ngx_uint_t;
    r.headers_out.content_length_n = body.len as _;
    r.headers_out.content_type =
        ngx_str_t { len: content_type.len(), data: content_type.as_ptr().cast_mut() };
    r.headers_out.content_type_len = content_type.len();

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

        // SAFETY: the pool of the request.
        let room = unsafe { ngx_pnalloc(pool, size) }.cast::<u8>();
        if room.is_null() {
            return Err(OutOfMemory);
        }
        // SAFETY: `size` bytes were allocated; they are zeroed before a reference to them exists.
        let room = unsafe {
            room.write_bytes(0, size);
            slice::from_raw_parts_mut(room, size)
        };
        let mut text = Text { room, length: 0 };
        let _ = write(&mut text);
        let len = text.length.min(text.room.len());
        Ok(ngx_str_t { len, data: text.room.as_mut_ptr() })
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

/// Every counter of a policy: mode, kind of request, decision, count.
fn counts(entry: &PolicyEntry) -> impl Iterator<Item = (&'static str, RequestKind, Decision, u64)> {
    [("enforced", false), ("dry_run", true)].into_iter().flat_map(move |(mode, dry_run)| {
        let counts = entry.counters().get().map_or([0; SERIES.len()], |all| all.counts(dry_run));
        SERIES.into_iter().zip(counts).map(move |((kind, decision), n)| (mode, kind, decision, n))
    })
}

fn write_prometheus(to: &mut impl Write, policies: &Policies) -> fmt::Result {
    to.write_str(
        "# HELP nginx_cors_requests_total CORS requests, by policy, kind of request, decision, \
         and whether the policy was enforced or tried out.\n\
         # TYPE nginx_cors_requests_total counter\n",
    )?;
    // No character of a policy's name needs to be escaped.
    for (policy, entry) in policies.iter() {
        for (mode, kind, decision, count) in counts(entry) {
            let kind = kind.as_str();
            writeln!(
                to,
                "nginx_cors_requests_total{{policy=\"{policy}\",request=\"{kind}\",\
                 decision=\"{decision}\",mode=\"{mode}\"}} {count}"
            )?;
        }
    }
    Ok(())
}

fn write_json(to: &mut impl Write, policies: &Policies) -> fmt::Result {
    to.write_str("{\"policies\":{")?;
    for (index, (policy, entry)) in policies.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(to, "{comma}\"{policy}\":[")?;
        for (index, (mode, kind, decision, count)) in counts(entry).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let kind = kind.as_str();
            write!(
                to,
                "{comma}{{\"request\":\"{kind}\",\"decision\":\"{decision}\",\"mode\":\"{mode}\",\
                 \"count\":{count}}}"
            )?;
        }
        to.write_char(']')?;
    }
    to.write_str("}}\n")
}
