//! Origins that should not be let in.

use cors_browser::Credentials;

use super::danger;
use crate::probe::access::{is_named, reads};
use crate::probe::asker::Observation;
use crate::probe::finding::{Finding, Id, Level};
use crate::probe::survey::{Seen, Survey};

pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let mut findings: Vec<_> = reflects_any_origin(survey).into_iter().collect();
    findings.extend(looks_like(&survey.lookalikes));
    findings.extend(survey.null.iter().filter_map(allows_null));
    findings.extend(survey.twins.iter().find_map(allows_insecure_scheme));
    findings
}

/// An origin that nobody can have listed is let in.
fn reflects_any_origin(survey: &Survey) -> Option<Finding> {
    let of_page = survey.made_up.iter().filter(|it| is_named(it));
    let passes = |it: &&Observation| is_named(it) && it.response.is_ok();
    let of_preflight = survey.made_up_preflight.iter().filter(passes);
    let evidence = of_page.chain(of_preflight).next()?;
    let (level, how) = danger(reads(evidence)?);
    let consequence = if evidence.exchange.is_preflight() {
        format!(
            "every preflight passes, so a page of any origin can send what a form cannot, {how}"
        )
    } else {
        format!("a page of any origin reads the responses {how}")
    };
    Some(Finding::new(
        Id::ReflectsAnyOrigin,
        level,
        evidence,
        format!(
            "the server sends back an origin that was made up for this run: {consequence}; list the origins \
             that may read (allow_origins: [https://app.example.com]), or answer everyone with \"*\" and \
             without Access-Control-Allow-Credentials"
        ),
    ))
}

/// Strangers whose origin looks like one that is allowed: of each kind the worst.
fn looks_like(seen: &[Seen]) -> Vec<Finding> {
    let proven: Vec<_> = seen.iter().filter(|it| !it.is_explained).collect();
    [Id::MatchesPrefix, Id::MatchesSuffix, Id::UnescapedDot, Id::SpecialCharacters]
        .into_iter()
        .filter_map(|id| {
            let of_kind = proven.iter().filter(|it| it.lookalike.id == id);
            of_kind.filter_map(|it| lookalike_finding(it)).min_by_key(|it| it.level)
        })
        .collect()
}

fn lookalike_finding(seen: &Seen) -> Option<Finding> {
    let Seen { lookalike, of, observation, .. } = seen;
    let (danger, how) = danger(reads(observation)?);
    let level = if lookalike.is_foreign { danger } else { Level::Warning };
    let what = match lookalike.id {
        Id::MatchesPrefix => "begins like",
        Id::MatchesSuffix => "has letters before the end of",
        Id::UnescapedDot => "has a letter in place of a dot of",
        _ => "goes on with a special character, which some browsers take in a host, behind",
    };
    let whose = if lookalike.is_foreign {
        "anybody can own such a name"
    } else {
        "it is a name of the same domain that nobody listed"
    };
    let fault = match lookalike.id {
        Id::MatchesPrefix | Id::SpecialCharacters => {
            "the comparison stops before the end of the origin"
        }
        Id::MatchesSuffix => {
            "the comparison does not begin at the start of the origin or of a label"
        }
        _ => "a dot of a regular expression stands for any character, and \\. for a dot",
    };
    let origin = observation.exchange.origin.as_deref()?;
    Some(Finding::new(
        lookalike.id,
        level,
        observation,
        format!(
            "a page of {origin} reads the responses {how}, because its origin {what} {of}; {whose}; {fault}; \
             compare whole origins (allow_origins: [{of}])"
        ),
    ))
}

fn allows_null(observation: &Observation) -> Option<Finding> {
    if !is_named(observation) {
        return None;
    }
    let (level, how) = danger(reads(observation)?);
    Some(Finding::new(
        Id::AllowsNull,
        level,
        observation,
        format!(
            "a page of null reads the responses {how}: that is the origin of every sandboxed frame, and any page can make one; \
             leave null out of the list"
        ),
    ))
}

fn allows_insecure_scheme(observation: &Observation) -> Option<Finding> {
    if !is_named(observation) || reads(observation)? != Credentials::Include {
        return None;
    }
    let origin = observation.exchange.origin.as_deref()?;
    let secure = origin.replacen("http://", "https://", 1);
    Some(Finding::new(
        Id::AllowsInsecureScheme,
        Level::Error,
        observation,
        format!(
            "a page of {origin} reads the responses with the cookies of its visitor: whoever is on the network \
             between can change what comes over http, and so reads what {secure} reads; list https alone \
             (allow_origins: [{secure}])"
        ),
    ))
}
