//! `Access-Control-Allow-Origin`: who may read the response.

use super::OwnedFieldValue;

/// The value for an origin that a rule allows.
///
/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-allow-origin).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowOrigin {
    /// `*`: the response is the same for everyone. Browsers refuse it together with credentials.
    Any,
    /// The request's origin, byte for byte, is sent back.
    Echo,
    /// This origin, whoever asks (`static_origin`).
    Static(Box<str>),
}

impl AllowOrigin {
    /// `*` is sent only if the rule allows every origin and no credentials.
    pub(crate) fn new(any: bool, credentials: bool) -> Self {
        if any && !credentials { Self::Any } else { Self::Echo }
    }

    pub(crate) fn value(&self) -> OwnedFieldValue {
        match self {
            Self::Any => OwnedFieldValue::Ready("*".into()),
            Self::Echo => OwnedFieldValue::EchoOrigin,
            Self::Static(origin) => OwnedFieldValue::Ready(origin.clone()),
        }
    }
}
