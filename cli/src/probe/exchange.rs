//! What is asked, of whom, and what can go wrong.

use std::fmt;

use cors_browser::Response;
use reqwest::Url;

use super::site::relation;

/// One request of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    /// The address.
    pub(super) url: Url,
    /// The origin of the page; `None` for a request that no page of another origin sends.
    pub(super) origin: Option<String>,
    /// What is asked for.
    pub(super) kind: Kind,
    /// Whether a cache on the way is to store the answer: it is then read to its end, within limits.
    pub(super) is_read: bool,
    /// Whether the headers of the user go with it. They never go with a preflight.
    pub(super) is_authorized: bool,
}

/// The kinds of requests. None of them changes anything on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `GET`.
    Get,
    /// `OPTIONS`, as a browser sends it before a request.
    Preflight {
        /// The method of the request that would follow.
        method: String,
        /// Its headers that need permission: lower case, sorted.
        headers: Vec<String>,
    },
}

impl Exchange {
    /// A request of a page of this origin.
    pub(super) fn get(url: &Url, origin: &str) -> Self {
        Self { origin: Some(origin.to_owned()), ..Self::without_origin(url) }
    }

    /// A request of the service's own pages, of a program or of the user.
    pub(super) fn without_origin(url: &Url) -> Self {
        let url = url.clone();
        Self { url, origin: None, kind: Kind::Get, is_read: false, is_authorized: true }
    }

    /// The preflight before a request with this method and perhaps a header.
    pub(super) fn preflight(url: &Url, origin: &str, method: &str, header: Option<&str>) -> Self {
        let headers = header.map(str::to_owned).into_iter().collect();
        let kind = Kind::Preflight { method: method.to_owned(), headers };
        Self { kind, ..Self::get(url, origin) }
    }

    /// Whether this is a preflight.
    pub(super) fn is_preflight(&self) -> bool {
        matches!(self.kind, Kind::Preflight { .. })
    }

    /// The method that is sent.
    pub(super) fn method(&self) -> &'static str {
        if self.is_preflight() { "OPTIONS" } else { "GET" }
    }

    /// How the page that asks stands to the address. The user asks for what no page of another origin does.
    pub(super) fn site(&self) -> &'static str {
        match &self.origin {
            Some(origin) => relation(origin, &self.url.origin().ascii_serialization()),
            None => "none",
        }
    }

    /// The headers by which browsers say who asks for what, in lower case:
    /// [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch), steps 3 to 6, and
    /// [Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#framework).
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<_> = self.origin.iter().map(|it| ("origin", it.clone())).collect();
        if let Kind::Preflight { method, headers } = &self.kind {
            lines.push(("access-control-request-method", method.clone()));
            if !headers.is_empty() {
                lines.push(("access-control-request-headers", headers.join(",")));
            }
        }
        let mode = if self.origin.is_some() { "cors" } else { "navigate" };
        lines.push(("sec-fetch-mode", mode.to_owned()));
        lines.push(("sec-fetch-site", self.site().to_owned()));
        let is_page = self.origin.is_none();
        lines.push(("sec-fetch-dest", if is_page { "document" } else { "empty" }.to_owned()));
        lines
    }
}

/// A server, as the probe sees it.
pub(super) trait Server: Sync {
    /// Sends one request. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    fn ask(&self, exchange: &Exchange) -> Result<Response, Unreachable>;
}

/// The reason why there is no answer: a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreachable(pub(super) String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
