//! What goes wrong for pages that may read.

use cors_browser::{Blocked, Credentials, Request, cors_check, preflight_check};

use crate::probe::access::reads;
use crate::probe::asker::Observation;
use crate::probe::finding::{Finding, Id, Level, shown};
use crate::probe::survey::Survey;

/// Of each kind the first.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let preflights = || survey.preflights.iter().chain(&survey.made_up_preflight);
    let redirects = preflights().find_map(|it| preflight_redirects(survey, it));
    let fails = preflights().find_map(|it| preflight_fails(survey, it));
    redirects.into_iter().chain(fails).chain(errors_unreadable(survey)).collect()
}

/// What the page of this origin got at the address itself.
fn page<'s>(survey: &'s Survey, origin: &str) -> Option<&'s Observation> {
    let mut pages = survey.pages.iter().chain(&survey.made_up);
    pages.find(|it| it.exchange.origin.as_deref() == Some(origin))
}

/// How the page that a preflight belongs to can read.
fn page_reads(survey: &Survey, preflight: &Observation) -> Option<Credentials> {
    reads(page(survey, preflight.exchange.origin.as_deref()?)?)
}

/// [Redirect statuses](https://fetch.spec.whatwg.org/#redirect-status).
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

fn preflight_redirects(survey: &Survey, preflight: &Observation) -> Option<Finding> {
    page_reads(survey, preflight)?;
    let status = preflight.response.status;
    if !REDIRECTS.contains(&status) {
        return None;
    }
    let target = preflight.response.headers.get("Location").unwrap_or_default();
    Some(Finding::new(
        Id::PreflightRedirects,
        Level::Warning,
        preflight,
        format!(
            "the preflight gets {status} to {:?}, and no browser follows a redirect there: pages that send \
             JSON, PUT or Authorization fail; let pages ask for the address that it leads to, and answer \
             OPTIONS before anything redirects",
            shown(&target)
        ),
    ))
}

fn preflight_fails(survey: &Survey, preflight: &Observation) -> Option<Finding> {
    let credentials = page_reads(survey, preflight)?;
    if REDIRECTS.contains(&preflight.response.status) {
        return None;
    }
    let origin = preflight.exchange.origin.as_deref()?;
    let check = |credentials| {
        let request = Request { origin, method: "GET", headers: &[], credentials };
        preflight_check(&request, &preflight.response).err().filter(Blocked::is_about_origin)
    };
    let (blocked, whose) = match (check(Credentials::Omit), credentials) {
        (Some(blocked), _) => (blocked, "pages that send JSON, PUT or Authorization fail"),
        (None, Credentials::Include) => (
            check(Credentials::Include)?,
            "pages that send JSON, PUT or Authorization with cookies fail",
        ),
        (None, Credentials::Omit) => return None,
    };
    let reason = match blocked {
        Blocked::PreflightStatus(status) => format!("its status is {status}, and a browser takes 200 to 299"),
        Blocked::NoAllowOrigin => "it has no Access-Control-Allow-Origin".to_owned(),
        _ => "its Access-Control-Allow-Origin or Access-Control-Allow-Credentials is not the one that the \
              page needs"
            .to_owned(),
    };
    Some(Finding::new(
        Id::PreflightFails,
        Level::Warning,
        preflight,
        format!(
            "a page of {origin} reads the responses, but its preflight fails: {reason}; {whose}; answer OPTIONS with \
             204 and the same Access-Control-Allow-Origin, before authentication (a policy does)"
        ),
    ))
}

/// An error without permission, for a page that may read a success.
fn errors_unreadable(survey: &Survey) -> Option<Finding> {
    let path = survey.address.given().path();
    let at_address = survey.pages.iter().chain(&survey.made_up);
    let all: Vec<_> = at_address.chain(&survey.errors).collect();
    let reads_success = |origin: &Option<String>| {
        all.iter()
            .any(|it| it.exchange.origin == *origin && it.response.is_ok() && reads(it).is_some())
    };
    // An error that pages of some origins get instead of a success is a refusal.
    let is_refusal = |it: &Observation| {
        let page = page(survey, it.exchange.origin.as_deref().unwrap_or_default());
        let has_success = page.is_some_and(|page| page.response.is_ok() && reads(page).is_some());
        it.exchange.url.path() == path && survey.plain.response.status < 400 && !has_success
    };
    let is_unreadable = |it: &&&Observation| {
        let origin = it.exchange.origin.as_deref().unwrap_or_default();
        let request =
            Request { origin, method: "GET", headers: &[], credentials: Credentials::Omit };
        (400..=599).contains(&it.response.status)
            && !is_refusal(it)
            && cors_check(&request, &it.response) == Err(Blocked::NoAllowOrigin)
    };
    let error = all.iter().filter(is_unreadable).find(|it| {
        reads_success(&it.exchange.origin)
            && it.exchange.origin.as_deref() != Some(&*survey.address.origin())
    })?;
    Some(Finding::new(
        Id::ErrorsUnreadable,
        Level::Warning,
        error,
        format!(
            "the {} at {} has no Access-Control-Allow-Origin: the page sees a network error in place of the \
             status and the message; send the header with errors, too (nginx: add_header … always, or a \
             policy)",
            error.response.status,
            shown(error.exchange.url.path().as_bytes()),
        ),
    ))
}
