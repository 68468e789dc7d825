//! `Access-Control-Expose-Headers`: which response headers a page may read.

use super::OwnedFieldValue;

pub(crate) use super::header_name::check_response_header as check;

/// The response headers that a rule exposes.
///
/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-expose-headers).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ExposeHeaders(
    /// Entries as written: `*`, or names that have passed [`check`].
    pub(crate) Vec<Box<str>>,
);

impl ExposeHeaders {
    pub(crate) fn value(&self) -> Option<OwnedFieldValue> {
        (!self.0.is_empty()).then(|| OwnedFieldValue::Ready(self.0.join(", ").into()))
    }
}
