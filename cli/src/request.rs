//! The request to decide about, as a browser would send it.

use cors_browser::Credentials;
use cors_policy::{
    Answer, CheckedRequest, Decision, FetchSite, FieldName, FieldValue, OriginCheck, OriginHeader,
    Passed, Policy, PreflightRequest, Refusal, RequestHosts,
};
use serde::{Serialize, Serializer};

use crate::args::explain::{ExplainArgs, Initiator};

/// A request of a page, of a user or of a program.
#[derive(Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) origin: Option<String>,
    pub(crate) method: String,
    /// [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names):
    /// lower case, sorted, each once.
    pub(crate) headers: Vec<String>,
    pub(crate) private_network: bool,
    /// `Sec-Fetch-Site`.
    #[serde(serialize_with = "site")]
    pub(crate) site: Option<Initiator>,
    /// `Host`.
    pub(crate) host: Option<String>,
    /// Whether nginx terminates TLS.
    pub(crate) tls: bool,
}

fn site<S: Serializer>(site: &Option<Initiator>, serializer: S) -> Result<S::Ok, S::Error> {
    site.map(Initiator::as_str).serialize(serializer)
}

impl Request {
    pub(crate) fn new(args: &ExplainArgs) -> Self {
        let mut headers: Vec<_> =
            args.headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        headers.sort();
        headers.dedup();
        Self {
            origin: args.origin.clone(),
            method: args.method.clone(),
            headers,
            private_network: args.private_network,
            site: args.site,
            host: args.host.clone(),
            tls: args.tls,
        }
    }

    /// Whether the command line says more of the request than a policy without `enforce` looks at.
    pub(crate) fn describes_source(&self) -> bool {
        self.site.is_some() || self.host.is_some() || self.tls
    }

    /// Whether the request, or its preflight, passes the origin check of a policy, and by which point.
    /// Without a host on the command line, it goes to the first of the policy's `own_origins`.
    pub(crate) fn check(
        &self,
        policy: &Policy,
        check: &OriginCheck,
        is_preflight: bool,
    ) -> Result<Passed, Refusal> {
        let own = || Some(host_of(check.own_origins().next()?));
        let host = self.host.as_deref().map(str::as_bytes).or_else(own);
        let checked = CheckedRequest {
            method: if is_preflight { b"OPTIONS" } else { self.method.as_bytes() },
            is_preflight,
            is_websocket: false,
            origin: self.origin_header(),
            site: self
                .site
                .map_or(FetchSite::Absent, |site| FetchSite::Absent.with(site.as_str().as_bytes())),
            hosts: RequestHosts { header: host, target: None },
            is_tls: self.tls,
        };
        let is_allowed = self.decide(policy).decision() == Decision::Allowed;
        check.check(is_allowed, &checked)
    }

    /// Whether a browser asks before it sends this
    /// ([HTTP fetch](https://fetch.spec.whatwg.org/#http-fetch), and
    /// [Private Network Access](https://wicg.github.io/private-network-access/#cors-preflight)).
    pub(crate) fn needs_preflight(&self) -> bool {
        // A page of the service itself asks nobody, and a user even less.
        let Some(origin) = self.origin.as_deref().filter(|_| !self.is_own()) else { return false };
        let (method, headers) = (&*self.method, &*self.headers);
        // Credentials make no difference here.
        let request =
            cors_browser::Request { origin, method, headers, credentials: Credentials::Omit };
        request.needs_preflight() || self.private_network
    }

    /// Whether `Sec-Fetch-Site` says that the service's own page or the user sends it.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.site, Some(Initiator::SameOrigin | Initiator::None))
    }

    /// The value of `Access-Control-Request-Headers`, which is not sent if it is empty.
    fn request_headers(&self) -> Option<String> {
        (!self.headers.is_empty()).then(|| self.headers.join(","))
    }

    /// The headers of the preflight
    /// ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch), steps 3 to 6).
    pub(crate) fn preflight_headers(&self) -> Vec<(&'static str, String)> {
        let origin = self.origin.iter().map(|origin| ("Origin", origin.clone()));
        let mut fields: Vec<_> = origin.collect();
        fields.push(("Access-Control-Request-Method", self.method.clone()));
        fields.extend(self.request_headers().map(|line| ("Access-Control-Request-Headers", line)));
        if self.private_network {
            fields.push(("Access-Control-Request-Private-Network", "true".to_owned()));
        }
        fields
    }

    fn origin_header(&self) -> OriginHeader<'_> {
        match &self.origin {
            Some(origin) => OriginHeader::One(origin.as_bytes()),
            None => OriginHeader::Absent,
        }
    }

    /// The decision about the actual request.
    pub(crate) fn decide<'p>(&self, policy: &'p Policy) -> Answer<'p> {
        policy.decide(self.origin_header())
    }

    /// The decision about the preflight.
    pub(crate) fn decide_preflight<'p>(&self, policy: &'p Policy) -> Answer<'p> {
        let line = self.request_headers();
        self.decide_other_preflight(policy, &self.method, line.as_deref())
    }

    /// The decision about another preflight of the same origin.
    pub(crate) fn decide_other_preflight<'p>(
        &self,
        policy: &'p Policy,
        method: &str,
        headers: Option<&str>,
    ) -> Answer<'p> {
        let preflight = PreflightRequest {
            method: method.as_bytes(),
            headers: headers.map(str::as_bytes).into_iter(),
            private_network: self.private_network,
        };
        policy.decide_preflight(self.origin_header(), &preflight)
    }

    /// The response headers of an answer to this request.
    pub(crate) fn response_headers(&self, answer: &Answer<'_>) -> Vec<(&'static str, String)> {
        let value = |value| match value {
            FieldValue::Ready(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            FieldValue::EchoOrigin => self.origin.clone(),
            FieldValue::EchoMethod => Some(self.method.clone()),
            FieldValue::EchoHeaders => self.request_headers(),
        };
        answer
            .fields()
            .filter_map(|(name, field)| Some((FieldName::as_str(name), value(field)?)))
            .chain(answer.vary().value().map(|names| ("Vary", names.to_owned())))
            .collect()
    }
}

/// The host and port of an origin.
fn host_of(origin: &[u8]) -> &[u8] {
    let start = origin.windows(3).position(|bytes| bytes == b"://").map_or(0, |at| at + 3);
    &origin[start..]
}
