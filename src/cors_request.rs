//! What of a request decides CORS: its method, `Origin` and `Access-Control-Request-*`.

use core::slice;

use cors_policy::{Answer, OriginHeader, Policy, PreflightRequest};
use nginx_sys::{
    NGX_HTTP_OPTIONS, ngx_http_headers_in_t, ngx_list_part_t, ngx_str_t, ngx_table_elt_t,
    ngx_uint_t,
};

/// A name to look for, with the hash that nginx computed of every request header name.
struct Name {
    hash: usize,
    lowercase: &'static [u8],
}

impl Name {
    const fn new(lowercase: &'static str) -> Self {
        Self { hash: hash_key(lowercase.as_bytes()), lowercase: lowercase.as_bytes() }
    }

    #[inline]
    fn is_of(&self, line: &ngx_table_elt_t) -> bool {
        line.hash == self.hash
            && line.key.len == self.lowercase.len()
            && line.key.as_bytes().eq_ignore_ascii_case(self.lowercase)
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

const ORIGIN: Name = Name::new("origin");
const REQUEST_METHOD: Name = Name::new("access-control-request-method");
const REQUEST_HEADERS: Name = Name::new("access-control-request-headers");
const REQUEST_PRIVATE_NETWORK: Name = Name::new("access-control-request-private-network");

/// The lines of an nginx header list, in the order in which they stand.
#[derive(Clone)]
struct Lines<'r> {
    current: slice::Iter<'r, ngx_table_elt_t>,
    next: *const ngx_list_part_t,
}

impl<'r> Lines<'r> {
    fn of(headers_in: &'r ngx_http_headers_in_t) -> Self {
        let part = &headers_in.headers.part;
        // SAFETY: `headers_in.headers` is a list of `ngx_table_elt_t`, as `ngx_http_alloc_request`
        // or the HTTP/2 and HTTP/3 counterparts made it.
        Self { current: unsafe { lines_of(part) }, next: part.next }
    }
}

/// # Safety
///
/// `part` is part of a list whose elements are `ngx_table_elt_t`.
unsafe fn lines_of(part: &ngx_list_part_t) -> slice::Iter<'_, ngx_table_elt_t> {
    if part.nelts == 0 {
        return [].iter();
    }
    // SAFETY: a part holds `nelts` initialized elements from `elts` on.
    unsafe { slice::from_raw_parts(part.elts.cast(), part.nelts) }.iter()
}

impl<'r> Iterator for Lines<'r> {
    type Item = &'r ngx_table_elt_t;

    #[inline]
    fn next(&mut self) -> Option<&'r ngx_table_elt_t> {
        loop {
            if let Some(line) = self.current.next() {
                return Some(line);
            }
            // SAFETY: `next` is null in the last part, and a part of the same list otherwise.
            let part = unsafe { self.next.as_ref() }?;
            // SAFETY: as above.
            self.current = unsafe { lines_of(part) };
            self.next = part.next;
        }
    }
}

/// The values of all lines of one name.
#[derive(Clone)]
pub(crate) struct Values<'r> {
    lines: Lines<'r>,
    name: &'static Name,
}

impl<'r> Iterator for Values<'r> {
    type Item = &'r [u8];

    fn next(&mut self) -> Option<&'r [u8]> {
        self.lines.find(|line| self.name.is_of(line)).map(|line| line.value.as_bytes())
    }
}

/// The request's `Origin`, as nginx holds it.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    Absent,
    One(ngx_str_t),
    Repeated,
}

impl Origin {
    fn of(headers_in: &ngx_http_headers_in_t) -> Self {
        let mut found = Self::Absent;
        for line in Lines::of(headers_in) {
            if ORIGIN.is_of(line) {
                found = match found {
                    Self::Absent => Self::One(line.value),
                    Self::One(_) | Self::Repeated => Self::Repeated,
                };
            }
        }
        found
    }

    fn header(&self) -> OriginHeader<'_> {
        match self {
            Self::Absent => OriginHeader::Absent,
            Self::One(value) => OriginHeader::One(value.as_bytes()),
            Self::Repeated => OriginHeader::Repeated,
        }
    }

    /// The header's one value.
    pub(crate) fn value(&self) -> Option<ngx_str_t> {
        match self {
            Self::One(value) => Some(*value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// What a CORS-preflight request asks for (Fetch standard, "CORS-preflight fetch").
pub(crate) struct Preflight<'r> {
    lines: Lines<'r>,
    method: ngx_str_t,
    private_network: bool,
}

impl<'r> Preflight<'r> {
    /// `None` where `Access-Control-Request-Method` is missing: an ordinary `OPTIONS`.
    fn of(headers_in: &'r ngx_http_headers_in_t) -> Option<Self> {
        let lines = Lines::of(headers_in);
        let mut method = None;
        let mut private_network = false;
        for line in lines.clone() {
            if REQUEST_METHOD.is_of(line) {
                // Several lines are one list (RFC 9110, section 5.3), and a list is no method.
                method = Some(if method.is_none() { line.value } else { ngx_str_t::empty() });
            } else if REQUEST_PRIVATE_NETWORK.is_of(line) {
                private_network = line.value.as_bytes() == b"true";
            }
        }
        Some(Self { method: method?, lines, private_network })
    }

    fn request(&self) -> PreflightRequest<'_, Values<'r>> {
        PreflightRequest {
            method: self.method.as_bytes(),
            headers: self.headers(),
            private_network: self.private_network,
        }
    }

    /// The requested method as it came.
    pub(crate) fn method(&self) -> ngx_str_t {
        self.method
    }

    /// The values of the `Access-Control-Request-Headers` lines.
    pub(crate) fn headers(&self) -> Values<'r> {
        Values { lines: self.lines.clone(), name: &REQUEST_HEADERS }
    }
}

/// A request as CORS sees it.
pub(crate) struct CorsRequest<'r> {
    pub(crate) origin: Origin,
    /// What it asks for, if it is a CORS-preflight request (Fetch standard, "HTTP requests").
    pub(crate) preflight: Option<Preflight<'r>>,
}

impl<'r> CorsRequest<'r> {
    /// The request of `method` (as in `ngx_http_request_t`) with these headers.
    #[inline]
    pub(crate) fn of(method: ngx_uint_t, headers_in: &'r ngx_http_headers_in_t) -> Self {
        let origin = Origin::of(headers_in);
        let preflight = match origin {
            Origin::One(_) | Origin::Repeated if method == NGX_HTTP_OPTIONS as ngx_uint_t => {
                Preflight::of(headers_in)
            }
            _ => None,
        };
        Self { origin, preflight }
    }

    /// What the policy says to it.
    #[inline]
    pub(crate) fn decide<'p>(&self, policy: &'p Policy) -> Answer<'p> {
        match &self.preflight {
            Some(preflight) => policy.decide_preflight(self.origin.header(), &preflight.request()),
            None => policy.decide(self.origin.header()),
        }
    }

    /// Whether its origin is the host that it was sent to: the `Host` header, or `authority` where
    /// there is none.
    pub(crate) fn is_same_origin(
        &self,
        headers_in: &ngx_http_headers_in_t,
        authority: &[u8],
    ) -> bool {
        let Origin::One(origin) = &self.origin else { return false };
        // SAFETY: null, or a line of the request headers.
        let host = unsafe { headers_in.host.as_ref() };
        let host = host.map_or(authority, |line| line.value.as_bytes());
        cors_policy::origin::Origin::parse(origin.as_bytes())
            .is_some_and(|origin| origin.is_same_origin_as_host(host))
    }
}
