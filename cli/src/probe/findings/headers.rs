//! Headers that browsers do not take.

use crate::probe::access::allow_origin;
use crate::probe::asker::Observation;
use crate::probe::finding::{Finding, Id, Level, shown};
use crate::probe::survey::Survey;

/// Of each kind the first, over all answers.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    [wildcard_with_credentials, multiple_origins, duplicate_headers]
        .into_iter()
        .filter_map(|check| all(survey).find_map(check))
        .collect()
}

fn all(survey: &Survey) -> impl Iterator<Item = &Observation> {
    let Survey { plain, fresh, made_up, made_up_preflight, null, pages, twins, .. } = survey;
    // First those of pages, since they show what a browser refuses.
    pages
        .iter()
        .chain(made_up)
        .chain(&survey.preflights)
        .chain(made_up_preflight)
        .chain(null)
        .chain(twins)
        .chain(&survey.errors)
        .chain(fresh)
        .chain([plain])
}

fn wildcard_with_credentials(observation: &Observation) -> Option<Finding> {
    let allows = observation.response.headers.get("Access-Control-Allow-Credentials");
    if allow_origin(observation)? != b"*" || allows?.as_slice() != b"true" {
        return None;
    }
    Some(Finding::new(
        Id::WildcardWithCredentials,
        Level::Warning,
        observation,
        "Access-Control-Allow-Origin: * comes with Access-Control-Allow-Credentials: true, and no browser \
         lets a page read such a response with cookies; list the origins that send cookies \
         (allow_origins: [https://app.example.com], allow_credentials: true), or leave allow_credentials out"
            .to_owned(),
    ))
}

fn multiple_origins(observation: &Observation) -> Option<Finding> {
    let mut lines = observation.response.headers.lines("Access-Control-Allow-Origin");
    let is_several = |line: &&[u8]| {
        line.split(|byte| b", \t".contains(byte)).filter(|part| !part.is_empty()).count() > 1
    };
    let value = shown(lines.find(is_several)?);
    Some(Finding::new(
        Id::MultipleOrigins,
        Level::Error,
        observation,
        format!(
            "Access-Control-Allow-Origin has several origins, {value:?}, and a browser takes one, so no page \
             can read the response; answer with the one origin that asks, as a policy with these origins in \
             allow_origins does"
        ),
    ))
}

/// Headers that count only if there is one line of them. Lists may have several.
const SINGLE: [&str; 3] =
    ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Max-Age"];

fn duplicate_headers(observation: &Observation) -> Option<Finding> {
    let headers = &observation.response.headers;
    let name = SINGLE.into_iter().find(|name| headers.lines(name).count() > 1)?;
    let lines: Vec<_> = headers.lines(name).take(3).map(shown).collect();
    let (level, consequence) = match name {
        "Access-Control-Allow-Origin" => (Level::Error, "no page can read the response"),
        "Access-Control-Allow-Credentials" => {
            (Level::Error, "no page can read the response with cookies")
        }
        _ => (Level::Warning, "browsers ask again before every request"),
    };
    Some(Finding::new(
        Id::DuplicateHeaders,
        level,
        observation,
        format!(
            "{name} comes in several lines ({}), which a browser takes for one value that is none: \
             {consequence}; let one place set it: a policy removes what the application sets \
             (upstream_headers: replace)",
            lines.join(" and ")
        ),
    ))
}
