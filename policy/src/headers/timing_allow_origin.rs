//! `Timing-Allow-Origin`: who may see the detailed timing of the response.

use super::{Value, allow_origin::AllowOrigin};

/// See [Resource Timing, "Timing-Allow-Origin Response Header"](https://www.w3.org/TR/resource-timing/#sec-timing-allow-origin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimingAllowOrigin(pub(crate) bool);

impl TimingAllowOrigin {
    /// Whoever may read the response may see its timing, so the value is that of
    /// `Access-Control-Allow-Origin`.
    pub(crate) fn value(self, allow_origin: AllowOrigin) -> Option<Value> {
        self.0.then(|| allow_origin.value())
    }
}
