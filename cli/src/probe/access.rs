//! What the browser's model makes of an observation.

use cors_browser::{Credentials, Request, cors_check};
use cors_policy::origin::Origin;

use super::asker::Observation;

/// How the page of an exchange can read the response: with credentials if it can, else without, or not at
/// all. A response to no page is read by none.
pub(super) fn reads(observation: &Observation) -> Option<Credentials> {
    let can = |credentials: &Credentials| {
        let Some(origin) = &observation.exchange.origin else { return false };
        let request = Request { origin, method: "GET", headers: &[], credentials: *credentials };
        cors_check(&request, &observation.response).is_ok()
    };
    [Credentials::Include, Credentials::Omit].into_iter().find(can)
}

/// Whether the page can read the response because its origin is named, not because everyone can.
pub(super) fn is_named(observation: &Observation) -> bool {
    reads(observation).is_some() && allow_origin(observation).as_deref() != Some(b"*")
}

/// The value of `Access-Control-Allow-Origin`, as browsers put several lines together.
pub(super) fn allow_origin(observation: &Observation) -> Option<Vec<u8>> {
    observation.response.headers.get("Access-Control-Allow-Origin")
}

/// The origins that responses name, each once.
pub(super) fn named_origins<'o>(
    observations: impl IntoIterator<Item = &'o Observation>,
) -> Vec<String> {
    let mut origins = Vec::new();
    for value in observations.into_iter().filter_map(allow_origin) {
        for name in value.split(|byte| b", ".contains(byte)) {
            let name = Origin::parse(name).and_then(|_| String::from_utf8(name.to_owned()).ok());
            if let Some(name) = name.filter(|name| !origins.contains(name)) {
                origins.push(name);
            }
        }
    }
    origins
}
