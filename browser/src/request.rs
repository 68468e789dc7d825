//! What a page sends and what it gets.

use crate::HeaderList;

/// Methods that need no permission: <https://fetch.spec.whatwg.org/#cors-safelisted-method>.
pub const SAFELISTED_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// The [credentials mode](https://fetch.spec.whatwg.org/#concept-request-credentials-mode) of a cross-origin
/// request. `same-origin` is [`Omit`](Self::Omit) there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Without cookies, client certificates and passwords that the browser keeps.
    Omit,
    /// With them.
    Include,
}

impl Credentials {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Omit, Self::Include];
}

/// A request of a page to another origin.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The [serialized](https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin)
    /// origin of the page.
    pub origin: &'r str,
    /// The method, as it is sent.
    pub method: &'r str,
    /// The [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names),
    /// in lower case.
    pub headers: &'r [String],
    /// Whether cookies go with it.
    pub credentials: Credentials,
}

impl Request<'_> {
    /// Whether a preflight goes before the request: step 4 of
    /// [HTTP fetch](https://fetch.spec.whatwg.org/#http-fetch). A cached answer may stand for it.
    pub fn needs_preflight(&self) -> bool {
        !SAFELISTED_METHODS.contains(&self.method) || !self.headers.is_empty()
    }

    /// Whether cookies go with it.
    pub fn is_with_credentials(&self) -> bool {
        self.credentials == Credentials::Include
    }
}

/// A response, without its body.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderList,
}

impl Response {
    /// Whether the status is an [ok status](https://fetch.spec.whatwg.org/#ok-status).
    pub fn is_ok(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}
