//! `Access-Control-Allow-Origin`: who may read the response.

use super::Value;

/// What a rule says to an origin that it allows.
///
/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-allow-origin).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllowOrigin {
    /// `*`: the response is the same for everyone. Browsers refuse it together with credentials.
    Any,
    /// The request's origin, byte for byte.
    Requested,
}

impl AllowOrigin {
    /// `*` can only be sent where the rule allows every origin and no credentials.
    pub(crate) fn new(any: bool, credentials: bool) -> Self {
        if any && !credentials { Self::Any } else { Self::Requested }
    }

    pub(crate) fn value(self) -> Value {
        match self {
            Self::Any => Value::Ready("*".into()),
            Self::Requested => Value::Origin,
        }
    }
}
