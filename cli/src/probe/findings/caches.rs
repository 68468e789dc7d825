//! Answers that a cache may give to the wrong page.

use cors_policy::Vary;

use crate::probe::access::named_origins;
use crate::probe::asker::Observation;
use crate::probe::finding::{Finding, Id, Level, shown};
use crate::probe::survey::Survey;

pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    missing_vary(survey).into_iter().chain(cache_mixes_origins(survey)).collect()
}

/// The headers that differ between origins.
const CORS: [&str; 3] = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
];

fn cors_headers(observation: &Observation) -> [Option<Vec<u8>>; CORS.len()] {
    CORS.map(|name| observation.response.headers.get(name))
}

/// Whether the response says that it depends on the origin.
fn varies_on_origin(observation: &Observation) -> bool {
    let lines = observation.response.headers.lines("Vary");
    lines.fold(Vary::ORIGIN, Vary::without).is_empty()
}

/// Whether a cache may keep the response: by its status
/// ([RFC 9110, section 15.1](https://www.rfc-editor.org/rfc/rfc9110#section-15.1)), or because it says so.
fn is_cacheable(observation: &Observation) -> bool {
    const STATUSES: [u16; 12] = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];
    let control = observation.response.headers.get("Cache-Control").unwrap_or_default();
    let says_so = control.to_ascii_lowercase().windows(7).any(|bytes| bytes == b"max-age");
    STATUSES.contains(&observation.response.status) || says_so
}

/// Whether the server could do what it does at other times.
fn is_regular(observation: &Observation) -> bool {
    observation.response.status < 500
}

fn missing_vary(survey: &Survey) -> Option<Finding> {
    let Survey { fresh, made_up, null, pages, twins, .. } = survey;
    let answers: Vec<_> = pages
        .iter()
        .chain(made_up)
        .chain(null)
        .chain(twins)
        .chain(fresh.as_ref().or(Some(&survey.plain)))
        .filter(|it| is_regular(it))
        .collect();
    // One that names its page shows best what a cache would do.
    let offends = |it: &&&Observation| is_cacheable(it) && !varies_on_origin(it);
    let names = |it: &&&Observation| !named_origins([**it]).is_empty();
    let offending =
        answers.iter().filter(offends).find(names).or_else(|| answers.iter().find(offends))?;
    // From the end: without an origin, if that is another answer.
    let other = answers.iter().rev().find(|it| cors_headers(it) != cors_headers(offending))?;
    Some(Finding::new(
        Id::MissingVary,
        Level::Warning,
        offending,
        format!(
            "the answer {}, that {}, and Vary does not name Origin, so a cache may give one to the other; \
             send Vary: Origin with every response of this address, also with those that let nobody read \
             (a policy does)",
            describe(offending),
            describe(other),
        ),
    ))
}

/// To whom an answer goes, and how its CORS headers differ from those of others.
fn describe(observation: &Observation) -> String {
    let whom = match observation.exchange.origin.as_deref() {
        Some(origin) => format!("to {origin}"),
        None => "to a request without Origin".to_owned(),
    };
    match CORS.into_iter().find_map(|name| Some((name, observation.response.headers.get(name)?))) {
        Some((name, value)) => format!("{whom} has {name}: {}", shown(&value)),
        None => format!("{whom} has no CORS headers"),
    }
}

fn cache_mixes_origins(survey: &Survey) -> Option<Finding> {
    let [first, second] = &survey.cached[..] else { return None };
    let asked = first.exchange.origin.as_ref()?;
    if !named_origins([first]).contains(asked) || !named_origins([second]).contains(asked) {
        return None;
    }
    let other = second.exchange.origin.as_deref()?;
    Some(Finding::new(
        Id::CacheMixesOrigins,
        Level::Error,
        second,
        format!(
            "at an address that nobody asked before, {asked} came first, and then {other} got the answer for \
             it: a cache on the way keeps one answer for all, and the page that comes second reads nothing; \
             send Vary: Origin with every response, and let the cache heed it or put Origin into its key"
        ),
    ))
}
