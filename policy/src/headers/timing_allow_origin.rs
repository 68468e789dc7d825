//! `Timing-Allow-Origin`: which pages may see the detailed timing of the response.

use super::{OwnedFieldValue, allow_origin::AllowOrigin};

/// Whether a rule sends the header. See
/// [Resource Timing, "Timing-Allow-Origin Response Header"](https://www.w3.org/TR/resource-timing/#sec-timing-allow-origin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimingAllowOrigin(pub(crate) bool);

impl TimingAllowOrigin {
    /// A page that may read the response may see its timing too, so the value is that of
    /// `Access-Control-Allow-Origin`.
    pub(crate) fn value(self, allow_origin: &AllowOrigin) -> Option<OwnedFieldValue> {
        self.0.then(|| allow_origin.value())
    }
}

/// The origins that a policy sends with every actual response, also to requests without `Origin`: plain
/// images, scripts and navigations carry none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimingAllowOrigins(
    /// Entries as written: `*`, or exact origins. At least one.
    pub(crate) Vec<Box<str>>,
);

impl TimingAllowOrigins {
    pub(crate) fn value(&self) -> OwnedFieldValue {
        OwnedFieldValue::Ready(self.0.join(", ").into())
    }
}
