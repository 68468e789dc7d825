//! The headers of a request that CORS is about: `Origin` and `Access-Control-Request-*`.

use cors_policy::{Answer, OriginHeader, Policy, PreflightRequest};
use nginx_sys::{NGX_HTTP_OPTIONS, ngx_list_t, ngx_str_t, ngx_table_elt_t, ngx_uint_t};

use crate::nginx::headers_in::{HeaderLines, HeaderName};

const ORIGIN: HeaderName<6> = HeaderName::new(b"origin");
const REQUEST_METHOD: HeaderName<29> = HeaderName::new(b"access-control-request-method");
const REQUEST_HEADERS: HeaderName<30> = HeaderName::new(b"access-control-request-headers");
const REQUEST_PRIVATE_NETWORK: HeaderName<38> =
    HeaderName::new(b"access-control-request-private-network");

/// The length of the shortest `Access-Control-Request-*` name. Few other names are as long.
const SHORTEST_REQUEST_NAME: usize = HeaderName::<29>::LENGTH;

/// The `Origin` header of a request.
#[derive(Clone, Copy)]
pub(crate) enum OriginLine<'r> {
    Absent,
    One(&'r ngx_table_elt_t),
    Repeated,
}

impl<'r> OriginLine<'r> {
    /// Finds `Origin` among the headers of a request.
    #[inline(always)]
    pub(crate) fn find(headers_in: &'r ngx_list_t) -> Self {
        match HeaderLines::from_hash_of(headers_in, &ORIGIN) {
            None => Self::Absent,
            Some(lines) => Self::among(lines),
        }
    }

    #[inline(never)]
    fn among(mut lines: HeaderLines<'r>) -> Self {
        let Some(line) = lines.next_named(&ORIGIN) else { return Self::Absent };
        match lines.next_named(&ORIGIN) {
            None => Self::One(line),
            Some(_) => Self::Repeated,
        }
    }

    /// Takes one more line of the request into account, whatever its name.
    #[inline(always)]
    fn with(self, line: &'r ngx_table_elt_t) -> Self {
        match self {
            _ if !ORIGIN.is_name_of(line) => self,
            Self::Absent => Self::One(line),
            Self::One(_) | Self::Repeated => Self::Repeated,
        }
    }

    /// The header as the engine takes it.
    pub(crate) fn header(self) -> OriginHeader<'r> {
        match self {
            Self::Absent => OriginHeader::Absent,
            Self::One(line) => OriginHeader::One(line.value.as_bytes()),
            Self::Repeated => OriginHeader::Repeated,
        }
    }

    /// The value of the header, if there is exactly one.
    pub(crate) fn value(self) -> Option<ngx_str_t> {
        match self {
            Self::One(line) => Some(line.value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// The values of the `Access-Control-Request-Headers` lines, as an iterator.
#[derive(Clone, Default)]
pub(crate) enum RequestHeaders<'r> {
    #[default]
    Done,
    /// The one line that browsers send.
    One(&'r [u8]),
    /// Several lines, among these.
    Among(HeaderLines<'r>),
}

impl<'r> Iterator for RequestHeaders<'r> {
    type Item = &'r [u8];

    fn next(&mut self) -> Option<&'r [u8]> {
        match *self {
            Self::Done => None,
            Self::One(value) => {
                *self = Self::Done;
                Some(value)
            }
            Self::Among(ref mut lines) => next_of_several(lines),
        }
    }
}

#[cold]
fn next_of_several<'r>(lines: &mut HeaderLines<'r>) -> Option<&'r [u8]> {
    lines.next_named(&REQUEST_HEADERS).map(|line| line.value.as_bytes())
}

/// The `Access-Control-Request-*` lines of a request (Fetch standard, "CORS-preflight fetch").
#[derive(Clone, Default)]
pub(crate) struct PreflightLines<'r> {
    /// `None` without `Access-Control-Request-Method`: the request is not a preflight.
    method: Option<&'r [u8]>,
    headers: RequestHeaders<'r>,
    private_network: bool,
}

impl<'r> PreflightLines<'r> {
    /// Takes one more line of the request into account, whatever its name.
    #[inline(never)]
    fn add(&mut self, line: &'r ngx_table_elt_t, headers_in: &'r ngx_list_t) {
        let value = line.value.as_bytes();
        if REQUEST_METHOD.is_name_of(line) {
            // Several lines make one list (RFC 9110, section 5.3), and a list is not a method.
            self.method = Some(if self.method.is_none() { value } else { b"" });
        } else if REQUEST_HEADERS.is_name_of(line) {
            self.headers = match self.headers {
                RequestHeaders::Done => RequestHeaders::One(value),
                _ => RequestHeaders::Among(HeaderLines::of(headers_in)),
            };
        } else if REQUEST_PRIVATE_NETWORK.is_name_of(line) {
            self.private_network = value == b"true";
        }
    }

    /// The requested method, as the client sent it.
    pub(crate) fn method(&self) -> &'r [u8] {
        self.method.unwrap_or_default()
    }

    /// The values of the `Access-Control-Request-Headers` lines.
    pub(crate) fn headers(&self) -> RequestHeaders<'r> {
        self.headers.clone()
    }
}

/// The headers of a request that CORS is about.
#[derive(Clone)]
pub(crate) struct CorsRequest<'r> {
    pub(crate) origin: OriginLine<'r>,
    asked: PreflightLines<'r>,
}

impl<'r> CorsRequest<'r> {
    /// The request of `method` (as in `ngx_http_request_t`) with these headers.
    pub(crate) fn of(method: ngx_uint_t, headers_in: &'r ngx_list_t) -> Self {
        if method == NGX_HTTP_OPTIONS as ngx_uint_t {
            Self::options(headers_in)
        } else {
            Self::actual(OriginLine::find(headers_in))
        }
    }

    /// The request with this `Origin`, of a method other than `OPTIONS`.
    pub(crate) fn actual(origin: OriginLine<'r>) -> Self {
        Self { origin, asked: PreflightLines::default() }
    }

    /// The `OPTIONS` request with these headers.
    #[inline(never)]
    pub(crate) fn options(headers_in: &'r ngx_list_t) -> Self {
        let mut request = Self::actual(OriginLine::Absent);
        HeaderLines::of(headers_in).for_each(|line| {
            if ORIGIN.has_hash_of(line) {
                request.origin = request.origin.with(line);
            } else if line.key.len >= SHORTEST_REQUEST_NAME {
                request.asked.add(line, headers_in);
            }
        });
        request
    }

    /// The preflight lines, if this is a CORS-preflight request (Fetch standard, "HTTP requests").
    pub(crate) fn preflight(&self) -> Option<&PreflightLines<'r>> {
        let is_cors = !matches!(self.origin, OriginLine::Absent);
        (is_cors && self.asked.method.is_some()).then_some(&self.asked)
    }

    /// The policy's answer to this request.
    #[inline(always)]
    pub(crate) fn decide<'p>(&self, policy: &'p Policy) -> Answer<'p> {
        match self.preflight() {
            Some(preflight) => {
                let request = PreflightRequest {
                    method: preflight.method(),
                    headers: preflight.headers(),
                    private_network: preflight.private_network,
                };
                policy.decide_preflight(self.origin.header(), &request)
            }
            None => policy.decide(self.origin.header()),
        }
    }
}
