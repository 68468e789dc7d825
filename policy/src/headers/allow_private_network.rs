//! `Access-Control-Allow-Private-Network`: whether a public page may reach a private address.

use super::OwnedFieldValue;

/// See [Private Network Access, "CORS preflight"](https://wicg.github.io/private-network-access/#cors-preflight).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowPrivateNetwork(pub(crate) bool);

impl AllowPrivateNetwork {
    /// Sent only to a preflight that asks with `Access-Control-Request-Private-Network`.
    pub(crate) fn value(self) -> Option<OwnedFieldValue> {
        self.0.then(|| OwnedFieldValue::Ready("true".into()))
    }
}
