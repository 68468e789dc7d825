//! `Access-Control-Allow-Credentials`: whether requests may carry cookies and HTTP authentication.

use super::OwnedFieldValue;

/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-allow-credentials).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowCredentials(pub(crate) bool);

impl AllowCredentials {
    /// `true` is the only value. Without credentials the header is not sent.
    pub(crate) fn value(self) -> Option<OwnedFieldValue> {
        self.0.then(|| OwnedFieldValue::Ready("true".into()))
    }
}
