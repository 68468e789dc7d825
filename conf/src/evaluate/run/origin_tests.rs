//! Notes of where the request's origin is compared.

use super::Run;
use crate::{
    Site,
    evaluate::{OriginTest, Tested, Value},
};

impl Run<'_> {
    /// Notes that a value is compared, if it holds the request's origin or a part of it.
    pub(super) fn look(&mut self, value: &Value, tested: Tested, site: Site) -> bool {
        let Value::Known { text, is_part_of_origin } = value else { return false };
        let origin = self.request.origin.as_deref().unwrap_or_default();
        // A shorter text could be in another one by chance.
        let whole = origin.contains("://").then(|| text.split_once(origin)).flatten();
        let (tested, before, behind) = match whole {
            Some((before, behind)) => (tested, before, behind),
            None if *is_part_of_origin => (Tested::Part, "", ""),
            None => return false,
        };
        let test =
            OriginTest { tested, before: before.to_owned(), behind: behind.to_owned(), site };
        self.tests.push(test);
        true
    }

    /// Whether a value holds the request's origin, or a part of it.
    pub(super) fn has_origin(&self, value: &Value) -> bool {
        let Value::Known { text, is_part_of_origin } = value else { return false };
        let is_in = |origin: &String| !origin.is_empty() && text.contains(origin.as_str());
        *is_part_of_origin || self.request.origin.as_ref().is_some_and(is_in)
    }
}
