//! The origin check (`enforce`): which requests reach the application, by what browsers say about
//! where a request comes from.
//!
//! [Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header) decides first:
//! `Sec-Fetch-Site` says whether a request comes from the site itself, and no page can change it.
//! Requests without that header are compared by `Origin` and `Host`, as those of older browsers, of
//! pages over plain http, and of programs.

use crate::{
    Decision, OriginHeader,
    origin::{Origin, is_same_host},
};

/// The `Sec-Fetch-Site` header of a request
/// ([Fetch Metadata, section 2.3](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FetchSite {
    /// No such header.
    #[default]
    Absent,
    /// `same-origin`: a page of this origin sends the request.
    SameOrigin,
    /// `none`: the user does, for instance by typing the address.
    None,
    /// `same-site`, `cross-site`, anything else, or more than one line.
    Other,
}

impl FetchSite {
    /// The header with one more line, in the order of the request.
    pub fn with(self, value: &[u8]) -> Self {
        match (self, value) {
            (Self::Absent, b"same-origin") => Self::SameOrigin,
            (Self::Absent, b"none") => Self::None,
            _ => Self::Other,
        }
    }
}

/// The hosts that a request names, each with its port as written (RFC 9110, section 7.2).
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestHosts<'r> {
    /// The `Host` header, or `:authority`.
    pub header: Option<&'r [u8]>,
    /// The host of the request target in absolute form (RFC 9112, section 3.2.2).
    pub target: Option<&'r [u8]>,
}

impl<'r> RequestHosts<'r> {
    /// Whether the request names a host, and `is_own` is true of each that it names.
    fn are_own(self, is_own: impl Fn(&'r [u8]) -> bool) -> bool {
        let mut named = self.header.into_iter().chain(self.target).peekable();
        named.peek().is_some() && named.all(is_own)
    }
}

/// The parts of a request that the origin check goes by.
#[derive(Clone, Copy, Debug)]
pub struct CheckedRequest<'r> {
    /// The method.
    pub method: &'r [u8],
    /// Whether it is a CORS-preflight request.
    pub is_preflight: bool,
    /// Whether it is the handshake of a WebSocket (RFC 6455, section 4.1).
    pub is_websocket: bool,
    /// The `Origin` header.
    pub origin: OriginHeader<'r>,
    /// The `Sec-Fetch-Site` header.
    pub site: FetchSite,
    /// The hosts.
    pub hosts: RequestHosts<'r>,
    /// Whether the server itself terminates TLS. Otherwise the scheme that the client used is not known.
    pub is_tls: bool,
}

impl CheckedRequest<'_> {
    /// Whether a page of the service itself sends it: `Sec-Fetch-Site` is `same-origin`, or there is no such
    /// header, and the origin is the service's own. `check` is that of the policy, if it has one.
    pub fn is_own(&self, check: Option<&OriginCheck>) -> bool {
        match (self.site, self.origin) {
            (FetchSite::SameOrigin, _) => true,
            (FetchSite::Absent, OriginHeader::One(value)) => {
                check.unwrap_or(&OriginCheck::of_any_host()).is_own(value, self)
            }
            _ => false,
        }
    }

    /// Whether it is a navigation or the load of a resource, which applications expect from foreign
    /// pages too.
    fn is_safe(&self) -> bool {
        matches!(self.method, b"GET" | b"HEAD" | b"OPTIONS") && !self.is_websocket
    }
}

/// The reason why a request passes the check: a preflight, or one of the four points of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A preflight. It has no effect on the application.
    Preflight,
    /// Point 1: the policy allows its origin.
    AllowedOrigin,
    /// Point 2: `Sec-Fetch-Site` is `same-origin` or `none`.
    FetchSite,
    /// Point 3: it has no `Origin`, and no `Sec-Fetch-Site` or a safe method.
    WithoutOrigin,
    /// Point 4: it has no `Sec-Fetch-Site`, and its `Origin` is the service's own.
    OwnOrigin,
}

impl Passed {
    /// The number of the point, from 1; `None` for a preflight.
    pub const fn point(self) -> Option<u8> {
        match self {
            Self::Preflight => None,
            Self::AllowedOrigin => Some(1),
            Self::FetchSite => Some(2),
            Self::WithoutOrigin => Some(3),
            Self::OwnOrigin => Some(4),
        }
    }
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its `Origin` is neither allowed nor the service's own.
    Origin,
    /// It has no `Origin`, and `Sec-Fetch-Site` says that a foreign page sends it.
    Site,
    /// A host that it names is not in `own_origins`, or it names none.
    Host,
}

impl Refusal {
    /// The decision about such a request.
    pub const fn decision(self) -> Decision {
        match self {
            Self::Origin => Decision::DeniedOrigin,
            Self::Site => Decision::DeniedSite,
            Self::Host => Decision::DeniedHost,
        }
    }
}

/// An entry of `own_origins`: an exact `http` or `https` origin.
#[derive(Debug)]
pub(crate) struct OwnOrigin {
    text: Box<[u8]>,
    scheme: Box<[u8]>,
    host: Box<[u8]>,
    port: Option<u16>,
}

impl OwnOrigin {
    pub(crate) fn new(origin: &Origin<'_>) -> Self {
        Self {
            text: origin.as_bytes().into(),
            scheme: origin.scheme().into(),
            host: origin.host().into(),
            port: origin.port(),
        }
    }

    fn has_host(&self, host: &[u8]) -> bool {
        is_same_host(&self.scheme, &self.host, self.port, host)
    }
}

/// The origin check of a policy with `enforce`.
#[derive(Debug)]
pub struct OriginCheck {
    /// `own_origins`. If it is empty, every host is the service's own.
    own: Box<[OwnOrigin]>,
}

impl OriginCheck {
    pub(crate) fn new(own: Vec<OwnOrigin>) -> Self {
        Self { own: own.into() }
    }

    /// The check without `own_origins`.
    fn of_any_host() -> Self {
        Self { own: Box::default() }
    }

    /// Whether requests to other hosts are refused (`own_origins`).
    pub fn checks_hosts(&self) -> bool {
        !self.own.is_empty()
    }

    /// The entries of `own_origins`.
    pub fn own_origins(&self) -> impl Iterator<Item = &[u8]> {
        self.own.iter().map(|own| &*own.text)
    }

    /// Whether a host that a request names is that of an entry of `own_origins`. Case does not matter. A
    /// host without a port stands for the default port of the entry's scheme.
    pub fn is_own_host(&self, host: &[u8]) -> bool {
        self.own.iter().any(|own| own.has_host(host))
    }

    /// Whether a request passes, by which point; otherwise the reason why it is refused.
    ///
    /// `is_allowed` says whether the policy allows the request's origin.
    ///
    /// # Errors
    ///
    /// If the request is refused.
    pub fn check(&self, is_allowed: bool, request: &CheckedRequest<'_>) -> Result<Passed, Refusal> {
        if self.checks_hosts() && !request.hosts.are_own(|host| self.is_own_host(host)) {
            return Err(Refusal::Host);
        }
        if request.is_preflight {
            return Ok(Passed::Preflight);
        }
        if is_allowed {
            return Ok(Passed::AllowedOrigin);
        }
        match (request.site, request.origin) {
            (FetchSite::SameOrigin | FetchSite::None, _) => Ok(Passed::FetchSite),
            (FetchSite::Absent, OriginHeader::Absent) => Ok(Passed::WithoutOrigin),
            (FetchSite::Other, OriginHeader::Absent) if request.is_safe() => {
                Ok(Passed::WithoutOrigin)
            }
            (FetchSite::Other, OriginHeader::Absent) => Err(Refusal::Site),
            (FetchSite::Absent, OriginHeader::One(value)) if self.is_own(value, request) => {
                Ok(Passed::OwnOrigin)
            }
            _ => Err(Refusal::Origin),
        }
    }

    /// Whether the origin is that of the service: in `own_origins`, or that of the request's `Host`.
    fn is_own(&self, value: &[u8], request: &CheckedRequest<'_>) -> bool {
        let Some(origin) = Origin::parse(value) else { return false };
        // A page that came over http may be anybody's: the network could change it.
        if request.is_tls && origin.scheme() != b"https" {
            return false;
        }
        if self.checks_hosts() {
            // The host was checked before. A proxy in front may have changed it.
            return self.own.iter().any(|own| *own.text == *value);
        }
        request.hosts.are_own(|host| origin.is_same_origin_as_host(host))
    }
}
