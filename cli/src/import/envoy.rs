//! What Envoy does, for the formats that configure it.
//!
//! By `source/extensions/filters/http/cors/cors_filter.cc`: an origin is allowed if any matcher
//! matches it, or matches the text `*`; it is sent back, also with credentials. A `*` as the whole
//! list of methods or headers is sent back as what a preflight asks for.

use super::expression::{self, Matching};
use super::model::{Findings, Names, Place, Rule};
use super::{names, origins};

/// Adds an origin in which each `*` is any text; `*` alone is every origin.
pub(crate) fn add_glob(rule: &mut Rule, origin: &str, place: &Place, findings: &mut Findings) {
    match origin {
        "*" => add_any(rule, place, findings),
        _ => {
            expression::add_glob(rule, origin, place, findings);
        }
    }
}

/// Adds an expression of RE2, which has to match the whole origin.
pub(crate) fn add_expression(
    rule: &mut Rule,
    expression: &str,
    place: &Place,
    findings: &mut Findings,
) {
    if !findings.may_check_expression(place) {
        return;
    }
    // Envoy also tries the text `*`.
    if expression::matches(expression, Matching::WHOLE, "*") {
        add_any(rule, place, findings);
    } else {
        expression::add(rule, expression, Matching::WHOLE, place, findings);
    }
}

/// Adds every origin. With credentials, Envoy sends the origin back, which no policy does without a
/// guard, so that the origins have to be listed.
pub(crate) fn add_any(rule: &mut Rule, place: &Place, findings: &mut Findings) {
    origins::add_pattern(rule, "*", place, findings);
}

/// The names of a list, in which `*` alone is what a preflight asks for. Beside others it is itself.
pub(crate) fn request_headers<'n>(
    list: impl IntoIterator<Item = &'n str>,
    credentials: bool,
    place: &Place,
    findings: &mut Findings,
) -> Names {
    let list: Vec<_> = list.into_iter().collect();
    if list == ["*"] {
        return names::any_header(credentials);
    }
    let names = names::request_headers(list, place, findings);
    if credentials {
        names::report_star("allow_headers", &names, place, findings);
    }
    names
}

/// The methods of a list, in which `*` alone is what a preflight asks for. Beside others it is itself.
pub(crate) fn methods<'n>(
    list: impl IntoIterator<Item = &'n str>,
    credentials: bool,
    place: &Place,
    findings: &mut Findings,
) -> Option<Names> {
    let list: Vec<_> = list.into_iter().collect();
    let is_alone = list == ["*"];
    let methods = names::methods(list, place, findings);
    if let (Some(methods), true, false) = (&methods, credentials, is_alone) {
        names::report_star("allow_methods", methods, place, findings);
    }
    methods
}

/// Says what happens to requests of other origins.
pub(crate) fn note_others(place: &Place, findings: &mut Findings) {
    findings.note(
        place,
        "Envoy lets requests and preflights of other origins pass, and leaves the CORS headers of the \
         application on their responses; the policy answers these preflights and removes these headers",
    );
}
