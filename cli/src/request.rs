//! The request to decide about, as a browser would send it.

use cors_policy::{Answer, FieldName, FieldValue, OriginHeader, Policy, PreflightRequest};
use serde::Serialize;

use crate::args::ExplainArgs;

/// Methods that need no preflight: <https://fetch.spec.whatwg.org/#cors-safelisted-method>.
const SAFELISTED_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// A cross-origin request of a page.
#[derive(Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) origin: String,
    pub(crate) method: String,
    /// [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names):
    /// lower case, sorted, each once.
    pub(crate) headers: Vec<String>,
    pub(crate) private_network: bool,
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
        }
    }

    /// Whether a browser asks before it sends this
    /// ([HTTP fetch](https://fetch.spec.whatwg.org/#http-fetch), and
    /// [Private Network Access](https://wicg.github.io/private-network-access/#cors-preflight)).
    pub(crate) fn needs_preflight(&self) -> bool {
        !SAFELISTED_METHODS.contains(&&*self.method)
            || !self.headers.is_empty()
            || self.private_network
    }

    /// The value of `Access-Control-Request-Headers`, which is not sent if it is empty.
    fn request_headers(&self) -> Option<String> {
        (!self.headers.is_empty()).then(|| self.headers.join(","))
    }

    /// The headers of the preflight
    /// ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch), steps 3 to 6).
    pub(crate) fn preflight_headers(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("Origin", self.origin.clone()),
            ("Access-Control-Request-Method", self.method.clone()),
        ];
        fields.extend(self.request_headers().map(|line| ("Access-Control-Request-Headers", line)));
        if self.private_network {
            fields.push(("Access-Control-Request-Private-Network", "true".to_owned()));
        }
        fields
    }

    fn origin_header(&self) -> OriginHeader<'_> {
        OriginHeader::One(self.origin.as_bytes())
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
            FieldValue::EchoOrigin => Some(self.origin.clone()),
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
