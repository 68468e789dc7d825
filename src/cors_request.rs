//! What of a request decides CORS: its method, `Origin` and `Access-Control-Request-*`.

use core::{ptr, slice};

use cors_policy::{Answer, OriginHeader, Policy, PreflightRequest};
use nginx_sys::{
    NGX_HTTP_OPTIONS, ngx_http_request_t, ngx_list_part_t, ngx_list_t, ngx_str_t, ngx_table_elt_t,
    ngx_uint_t,
};

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

/// The list of a request's headers, apart from the rest of the request, which may change
/// meanwhile: `ngx_http_discard_request_body` writes to `headers_in.content_length_n`.
#[inline]
pub(crate) fn headers_in<'r>(r: &ngx_http_request_t) -> &'r ngx_list_t {
    // SAFETY: the list stays where it is as long as the request, and nothing that this module calls
    // writes to it.
    unsafe { &*ptr::from_ref(&r.headers_in.headers) }
}

/// A part of the list of a request's headers.
#[derive(Clone, Copy)]
pub(crate) struct Part<'r>(&'r ngx_list_part_t);

impl<'r> Part<'r> {
    /// The first one, which there always is.
    #[inline]
    fn first(headers_in: &'r ngx_list_t) -> Self {
        Self(&headers_in.part)
    }

    #[inline]
    fn next(self) -> Option<Self> {
        // SAFETY: null in the last part, and a part of the same list otherwise.
        unsafe { self.0.next.as_ref() }.map(Self)
    }

    /// The lines in it, in the order in which they stand.
    #[inline]
    fn lines(self) -> &'r [ngx_table_elt_t] {
        if self.0.nelts == 0 {
            return &[];
        }
        // SAFETY: this is a list of `ngx_table_elt_t`, as `ngx_http_alloc_request`
        // or the HTTP/2 and HTTP/3 counterparts made it; a part holds `nelts` initialized elements
        // from `elts` on.
        unsafe { slice::from_raw_parts(self.0.elts.cast(), self.0.nelts) }
    }

    /// Shows `f` the lines in it, and those in the parts that follow.
    #[inline(always)]
    fn for_each_line(self, mut f: impl FnMut(&'r ngx_table_elt_t)) {
        let mut next = Some(self);
        while let Some(part) = next {
            part.lines().iter().for_each(&mut f);
            next = part.next();
        }
    }
}

/// Lines of a request's headers: these of a part, and then those of the parts that follow.
#[derive(Clone)]
pub(crate) struct Lines<'r> {
    current: slice::Iter<'r, ngx_table_elt_t>,
    part: Part<'r>,
}

impl<'r> Lines<'r> {
    /// All of them.
    #[inline]
    fn of(headers_in: &'r ngx_list_t) -> Self {
        let part = Part::first(headers_in);
        Self { current: part.lines().iter(), part }
    }

    #[cold]
    fn next_request_headers(&mut self) -> Option<&'r [u8]> {
        self.find(|line| REQUEST_HEADERS.is_of(line)).map(|line| bytes_of(line.value))
    }
}

impl<'r> Iterator for Lines<'r> {
    type Item = &'r ngx_table_elt_t;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.current.next() {
                return Some(line);
            }
            self.part = self.part.next()?;
            self.current = self.part.lines().iter();
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
pub(crate) enum Origin<'r> {
    Absent,
    One(&'r ngx_table_elt_t),
    Repeated,
}

impl<'r> Origin<'r> {
    /// Lines of these headers, to the end of their part of the list, so that `Origin` is in none
    /// before them; if there is any with the hash of `Origin`.
    #[inline(always)]
    pub(crate) fn find(headers_in: &'r ngx_list_t) -> Option<(&'r [ngx_table_elt_t], Part<'r>)> {
        let mut next = Some(Part::first(headers_in));
        while let Some(part) = next {
            let mut lines = part.lines();
            // Every request pays for this loop: four comparisons a turn.
            while let [first, second, third, fourth, after @ ..] = lines {
                if has_origin_hash(first)
                    || has_origin_hash(second)
                    || has_origin_hash(third)
                    || has_origin_hash(fourth)
                {
                    return Some((lines, part));
                }
                lines = after;
            }
            while let [first, after @ ..] = lines {
                if has_origin_hash(first) {
                    return Some((lines, part));
                }
                lines = after;
            }
            next = part.next();
        }
        None
    }

    /// That of a request which has it in these lines, or in the parts after theirs.
    #[inline(always)]
    pub(crate) fn of(lines: &'r [ngx_table_elt_t], part: Part<'r>) -> Self {
        let mut origin = Self::Absent;
        lines.iter().for_each(|line| origin.add(line));
        if let Some(next) = part.next() {
            next.for_each_line(|line| origin.add(line));
        }
        origin
    }

    /// Takes a line of the request into account, whatever its name.
    #[inline]
    fn add(&mut self, line: &'r ngx_table_elt_t) {
        if !ORIGIN.is_of(line) {
            return;
        }
        *self = match self {
            Self::Absent => Self::One(line),
            Self::One(_) | Self::Repeated => Self::Repeated,
        };
    }

    /// As the engine takes it.
    #[inline]
    pub(crate) fn header(self) -> OriginHeader<'r> {
        match self {
            Self::Absent => OriginHeader::Absent,
            Self::One(line) => OriginHeader::One(bytes_of(line.value)),
            Self::Repeated => OriginHeader::Repeated,
        }
    }

    /// The header's one value.
    #[inline]
    pub(crate) fn value(self) -> Option<ngx_str_t> {
        match self {
            Self::One(line) => Some(line.value),
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
    fn add(&mut self, line: &ngx_table_elt_t, headers_in: &'r ngx_list_t) {
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
    pub(crate) origin: Origin<'r>,
    asked: Preflight<'r>,
}

impl<'r> CorsRequest<'r> {
    /// The request of `method` (as in `ngx_http_request_t`) with these headers.
    pub(crate) fn of(method: ngx_uint_t, headers_in: &'r ngx_list_t) -> Self {
        if method == NGX_HTTP_OPTIONS as ngx_uint_t {
            Self::options(headers_in)
        } else {
            let found = Origin::find(headers_in);
            Self::actual(found.map_or(Origin::Absent, |(lines, part)| Origin::of(lines, part)))
        }
    }

    /// The request with this `Origin`, of a method that is not `OPTIONS`.
    #[inline(always)]
    pub(crate) fn actual(origin: Origin<'r>) -> Self {
        Self { origin, asked: Preflight::default() }
    }

    /// The `OPTIONS` request with these headers.
    #[inline(never)]
    pub(crate) fn options(headers_in: &'r ngx_list_t) -> Self {
        let mut request = Self { origin: Origin::Absent, asked: Preflight::default() };
        Part::first(headers_in).for_each_line(|line| {
            if has_origin_hash(line) {
                request.origin.add(line);
            } else if line.key.len >= SHORTEST_REQUESTED {
                request.asked.add(line, headers_in);
            }
        });
        request
    }

    /// What it asks for, if it is a CORS-preflight request (Fetch standard, "HTTP requests").
    #[inline]
    pub(crate) fn preflight(&self) -> Option<&Preflight<'r>> {
        let is_cors = !matches!(self.origin, Origin::Absent);
        (is_cors && self.asked.method.is_some()).then_some(&self.asked)
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
