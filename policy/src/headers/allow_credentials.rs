//! `Access-Control-Allow-Credentials`: whether cookies and HTTP authentication may go along.

use super::Value;

/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-allow-credentials).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowCredentials(pub(crate) bool);

impl AllowCredentials {
    /// `true` is the only value there is; a refusal is the absence of the header.
    pub(crate) fn value(self) -> Option<Value> {
        self.0.then(|| Value::Ready("true".into()))
    }
}
