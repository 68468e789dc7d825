//! What of a request decides CORS: its method, `Origin` and `Access-Control-Request-*`.

use core::{ptr, slice};

use cors_policy::{Answer, OriginHeader, Policy, PreflightRequest};
use nginx_sys::{
    NGX_HTTP_OPTIONS, ngx_http_headers_in_t, ngx_http_request_t, ngx_list_part_t, ngx_str_t,
    ngx_table_elt_t, ngx_uint_t,
};

use crate::Module;

/// A name to look for, with the hash that nginx computed of every request header name.
struct Name<const N: usize> {
    hash: usize,
    lowercase: [u8; N],
    /// The bit that lower case has, for each letter.
    letters: [u8; N],
}

impl<const N: usize> Name<N> {
    const fn new(lowercase: &[u8; N]) -> Self {
        let mut letters = [0; N];
        let mut i = 0;
        while i < N {
            letters[i] = if lowercase[i].is_ascii_lowercase() { 0x20 } else { 0 };
            i += 1;
        }
        Self { hash: hash_key(lowercase), lowercase: *lowercase, letters }
    }

    /// Whether this is the name of a line, in any case.
    #[inline]
    fn is_of(&self, line: &ngx_table_elt_t) -> bool {
        line.hash == self.hash && self.is(line.key.as_bytes())
    }

    /// The length is a constant, so that this becomes a few instructions without a loop.
    #[inline]
    fn is(&self, key: &[u8]) -> bool {
        let Ok(key) = <&[u8; N]>::try_from(key) else { return false };
        let bytes = key.iter().zip(&self.letters).zip(&self.lowercase);
        bytes.fold(0, |difference, ((byte, letter), lower)| difference | ((byte | letter) ^ lower))
            == 0
    }
}

/// `ngx_hash_key()`: the hash that nginx's parsers keep in `ngx_table_elt_t.hash`.
const fn hash_key(name: &[u8]) -> usize {
    let mut key = 0usize;
    let mut i = 0;
    while i < name.len() {
        key = key.wrapping_mul(31).wrapping_add(name[i] as usize);
        i += 1;
    }
    key
}

#[inline]
fn has_origin_hash(line: &ngx_table_elt_t) -> bool {
    line.hash == ORIGIN.hash
}

const ORIGIN: Name<6> = Name::new(b"origin");
const REQUEST_METHOD: Name<29> = Name::new(b"access-control-request-method");
const REQUEST_HEADERS: Name<30> = Name::new(b"access-control-request-headers");
const REQUEST_PRIVATE_NETWORK: Name<38> = Name::new(b"access-control-request-private-network");

/// The length of the shortest name of an `Access-Control-Request-*` header, which few others reach.
const SHORTEST_REQUESTED: usize = REQUEST_METHOD.lowercase.len();

/// The lines of an nginx header list, a part of the list at a time, in the order in which they
/// stand.
#[derive(Clone)]
pub(crate) struct Parts<'r> {
    next: Option<&'r ngx_list_part_t>,
}

impl<'r> Parts<'r> {
    #[inline]
    fn of(headers_in: &'r ngx_http_headers_in_t) -> Self {
        Self { next: Some(&headers_in.headers.part) }
    }
}

impl<'r> Iterator for Parts<'r> {
    type Item = &'r [ngx_table_elt_t];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let part = self.next.take()?;
        // SAFETY: null in the last part, and a part of the same list otherwise.
        self.next = unsafe { part.next.as_ref() };
        if part.nelts == 0 {
            return Some(&[]);
        }
        // SAFETY: `headers_in.headers` is a list of `ngx_table_elt_t`, as `ngx_http_alloc_request`
        // or the HTTP/2 and HTTP/3 counterparts made it; a part holds `nelts` initialized elements
        // from `elts` on.
        Some(unsafe { slice::from_raw_parts(part.elts.cast(), part.nelts) })
    }
}

/// The lines one by one.
#[derive(Clone)]
pub(crate) struct Lines<'r> {
    current: slice::Iter<'r, ngx_table_elt_t>,
    parts: Parts<'r>,
}

impl<'r> Lines<'r> {
    fn of(headers_in: &'r ngx_http_headers_in_t) -> Self {
        Self { current: [].iter(), parts: Parts::of(headers_in) }
    }

    #[cold]
    fn next_request_headers(&mut self) -> Option<&'r [u8]> {
        self.find(|line| REQUEST_HEADERS.is_of(line)).map(|line| bytes_of(line.value))
    }
}

impl<'r> Iterator for Lines<'r> {
    type Item = &'r ngx_table_elt_t;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.current.next() {
                return Some(line);
            }
            self.current = self.parts.next()?.iter();
        }
    }
}

/// The bytes of a string in the request's memory.
#[inline]
fn bytes_of<'r>(value: ngx_str_t) -> &'r [u8] {
    if value.is_empty() {
        return &[];
    }
    // SAFETY: an `ngx_str_t` that is not empty points to as many bytes, and those of a request live
    // as long as it.
    unsafe { slice::from_raw_parts(value.data, value.len) }
}

/// The request's `Origin`, as nginx holds it.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    Absent,
    One(ngx_str_t),
    Repeated,
}

impl Origin {
    /// Takes a line of the request into account, whatever its name.
    #[inline]
    fn add(&mut self, line: &ngx_table_elt_t) {
        if !ORIGIN.is_of(line) {
            return;
        }
        *self = match self {
            Self::Absent => Self::One(line.value),
            Self::One(_) | Self::Repeated => Self::Repeated,
        };
    }

    /// As the engine takes it.
    #[inline]
    pub(crate) fn header(&self) -> OriginHeader<'_> {
        match self {
            Self::Absent => OriginHeader::Absent,
            Self::One(value) => OriginHeader::One(value.as_bytes()),
            Self::Repeated => OriginHeader::Repeated,
        }
    }

    /// The header's one value.
    #[inline]
    pub(crate) fn value(&self) -> Option<ngx_str_t> {
        match self {
            Self::One(value) => Some(*value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// The values of the `Access-Control-Request-Headers` lines that are still to come.
#[derive(Clone, Default)]
pub(crate) enum RequestHeaders<'r> {
    #[default]
    Done,
    /// Browsers send one line.
    One(ngx_str_t),
    /// More lines, somewhere among these.
    Among(Lines<'r>),
}

impl<'r> Iterator for RequestHeaders<'r> {
    type Item = &'r [u8];

    #[inline]
    fn next(&mut self) -> Option<&'r [u8]> {
        match *self {
            Self::Done => None,
            Self::One(value) => {
                *self = Self::Done;
                Some(bytes_of(value))
            }
            Self::Among(ref mut lines) => lines.next_request_headers(),
        }
    }
}

/// The `Access-Control-Request-*` lines of a request: what a CORS-preflight request asks for
/// (Fetch standard, "CORS-preflight fetch").
#[derive(Default)]
pub(crate) struct Preflight<'r> {
    /// `None` where there is none: not a preflight.
    method: Option<ngx_str_t>,
    headers: RequestHeaders<'r>,
    private_network: bool,
}

impl<'r> Preflight<'r> {
    /// Takes a line of the request into account, whatever its name.
    #[inline(never)]
    fn add(&mut self, line: &ngx_table_elt_t, headers_in: &'r ngx_http_headers_in_t) {
        if REQUEST_METHOD.is_of(line) {
            // Several lines are one list (RFC 9110, section 5.3), and a list is no method.
            let is_first = self.method.is_none();
            self.method = Some(if is_first { line.value } else { ngx_str_t::empty() });
        } else if REQUEST_HEADERS.is_of(line) {
            self.headers = match self.headers {
                RequestHeaders::Done => RequestHeaders::One(line.value),
                _ => RequestHeaders::Among(Lines::of(headers_in)),
            };
        } else if REQUEST_PRIVATE_NETWORK.is_of(line) {
            self.private_network = line.value.as_bytes() == b"true";
        }
    }

    /// The requested method as it came.
    #[inline]
    pub(crate) fn method(&self) -> ngx_str_t {
        self.method.unwrap_or_default()
    }

    /// The values of the `Access-Control-Request-Headers` lines.
    #[inline]
    pub(crate) fn headers(&self) -> RequestHeaders<'r> {
        self.headers.clone()
    }
}

/// A request as CORS sees it.
pub(crate) struct CorsRequest<'r> {
    pub(crate) origin: Origin,
    asked: Preflight<'r>,
}

impl<'r> CorsRequest<'r> {
    /// The request of `method` (as in `ngx_http_request_t`) with these headers.
    pub(crate) fn of(method: ngx_uint_t, headers_in: &'r ngx_http_headers_in_t) -> Self {
        if method == NGX_HTTP_OPTIONS as ngx_uint_t {
            Self::options(headers_in)
        } else {
            Self::actual(headers_in)
        }
    }

    /// The request with these headers, of a method that is not `OPTIONS`.
    #[inline(always)]
    pub(crate) fn actual(headers_in: &'r ngx_http_headers_in_t) -> Self {
        let mut origin = Origin::Absent;
        for lines in Parts::of(headers_in) {
            // Every request pays for this loop: four comparisons a turn.
            let mut rest = lines;
            while let [first, second, third, fourth, after @ ..] = rest {
                if has_origin_hash(first)
                    || has_origin_hash(second)
                    || has_origin_hash(third)
                    || has_origin_hash(fourth)
                {
                    rest[..4].iter().for_each(|line| origin.add(line));
                }
                rest = after;
            }
            rest.iter().for_each(|line| origin.add(line));
        }
        Self { origin, asked: Preflight::default() }
    }

    /// The `OPTIONS` request with these headers.
    #[inline(never)]
    pub(crate) fn options(headers_in: &'r ngx_http_headers_in_t) -> Self {
        let mut request = Self { origin: Origin::Absent, asked: Preflight::default() };
        for lines in Parts::of(headers_in) {
            for line in lines {
                if has_origin_hash(line) {
                    request.origin.add(line);
                } else if line.key.len >= SHORTEST_REQUESTED {
                    request.asked.add(line, headers_in);
                }
            }
        }
        request
    }

    /// What it asks for, if it is a CORS-preflight request (Fetch standard, "HTTP requests").
    #[inline]
    pub(crate) fn preflight(&self) -> Option<&Preflight<'r>> {
        let is_cors = !matches!(self.origin, Origin::Absent);
        (is_cors && self.asked.method.is_some()).then_some(&self.asked)
    }

    /// Runs `f`, while which [`lent`](Self::lent) finds this request.
    pub(crate) fn lend<T>(
        &self,
        r: &mut ngx_http_request_t,
        f: impl FnOnce(&mut ngx_http_request_t) -> T,
    ) -> T {
        let lent = ptr::from_ref(self).cast_mut().cast();
        Module::set_context(r, lent);
        let result = f(r);
        if ptr::eq(Module::context(r), lent) {
            Module::set_context(r, ptr::null_mut());
        }
        result
    }

    /// What is lent for `r`, if anything is.
    #[inline]
    pub(crate) fn lent(r: &ngx_http_request_t) -> Option<&'r CorsRequest<'r>> {
        // SAFETY: a context that does not say that the module failed is one that `lend` set, which
        // takes it back before the request that is lent is gone.
        unsafe { Module::context(r).cast::<CorsRequest<'r>>().as_ref() }
    }

    /// What the policy says to it.
    #[inline(always)]
    pub(crate) fn decide<'p>(&self, policy: &'p Policy) -> Answer<'p> {
        match self.preflight() {
            Some(preflight) => {
                let request = PreflightRequest {
                    method: bytes_of(preflight.method()),
                    headers: preflight.headers(),
                    private_network: preflight.private_network,
                };
                policy.decide_preflight(self.origin.header(), &request)
            }
            None => policy.decide(self.origin.header()),
        }
    }
}
