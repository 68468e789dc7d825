//! Istio: `corsPolicy` of the routes of a VirtualService.

use serde::Deserialize;

use super::kubernetes::{self, Object};
use super::model::{Findings, Import, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Flag, Lined, Located, Seconds, Texts, YamlError};
use super::{envoy, max_age, names, origins};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CorsPolicy {
    allow_origins: Option<Vec<Lined<StringMatch>>>,
    /// What `allowOrigins` was before Istio 1.6: exact origins.
    #[serde(default)]
    allow_origin: Texts,
    #[serde(default)]
    allow_methods: Texts,
    #[serde(default)]
    allow_headers: Texts,
    #[serde(default)]
    expose_headers: Texts,
    max_age: Option<Lined<Seconds>>,
    allow_credentials: Option<Flag>,
    unmatched_preflights: Option<Lined<String>>,
}

#[derive(Deserialize)]
struct StringMatch {
    exact: Option<String>,
    prefix: Option<String>,
    regex: Option<String>,
}

/// Whether this is a VirtualService.
pub(crate) fn is_read(object: &Object<'_>) -> bool {
    (object.kind, object.group) == ("VirtualService", "networking.istio.io")
}

/// Imports the `corsPolicy` of each route.
///
/// # Errors
///
/// If a value is not what the API has there.
pub(crate) fn import(
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let findings = &mut import.findings;
    for object in kubernetes::read_objects(documents, is_read, source, findings) {
        let routes = object.value.get("spec").and_then(|spec| spec.get("http"));
        for (index, route) in routes.into_iter().flat_map(Located::items).enumerate() {
            report_headers(route, source, &mut import.findings);
            if let Some(cors) = route.get("corsPolicy") {
                let mut policy = policy(cors, source, &mut import.findings)?;
                policy.comments.push(format!("{}, http route {index}", object.title()));
                import.add(&format!("{}-{index}", object.name()), policy);
            }
        }
    }
    Ok(())
}

fn policy(
    value: Located<'_>,
    source: &Source,
    findings: &mut Findings,
) -> Result<Policy, YamlError> {
    let cors: CorsPolicy = value.parse()?;
    let place = source.at(value.line());
    let credentials = cors.allow_credentials.is_some_and(|flag| flag.0);
    let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
    match &cors.allow_origins {
        Some(matches) if !matches.is_empty() => {
            for entry in matches {
                let place = source.at(entry.line);
                add_origin(&mut rule, &entry.value, &place, findings);
            }
        }
        _ => {
            for origin in &cors.allow_origin.0 {
                add_exact(&mut rule, &origin.value, &source.at(origin.line), findings);
            }
        }
    }
    origins::ask_if_none(&rule, &place, findings);
    rule.allow_methods = envoy::methods(cors.allow_methods.iter(), credentials, &place, findings);
    rule.allow_headers =
        envoy::request_headers(cors.allow_headers.iter(), credentials, &place, findings);
    rule.expose_headers =
        names::response_headers(cors.expose_headers.iter(), credentials, &place, findings);
    rule.max_age = max_age::given(cors.max_age.as_ref(), source, findings);
    match &cors.unmatched_preflights {
        Some(mode) if mode.value == "IGNORE" => findings.note(
            &source.at(mode.line),
            "unmatchedPreflights: IGNORE is what a policy does: it answers preflights of other origins, \
             without permission",
        ),
        _ => envoy::note_others(&place, findings),
    }
    Ok(Policy { preflight_status: Some(200), ..Policy::of_rules(vec![rule]) })
}

fn add_origin(rule: &mut Rule, entry: &StringMatch, place: &Place, findings: &mut Findings) {
    match entry {
        StringMatch { exact: Some(origin), .. } => add_exact(rule, origin, place, findings),
        StringMatch { prefix: Some(prefix), .. } => match prefix.as_str() {
            "" | "*" => {
                findings.note(
                    place,
                    format!(
                        "Envoy tries the text `*` against each matcher, so that prefix \"{prefix}\" is every \
                         origin"
                    ),
                );
                envoy::add_any(rule, place, findings);
            }
            _ => add_prefix(rule, prefix, place, findings),
        },
        StringMatch { regex: Some(regex), .. } => {
            envoy::add_expression(rule, regex, place, findings);
        }
        StringMatch { .. } => findings.warn(
            place,
            "an entry of allowOrigins without exact, prefix or regex is left out: it matches no origin",
        ),
    }
}

fn add_exact(rule: &mut Rule, origin: &str, place: &Place, findings: &mut Findings) {
    match origin {
        "*" => envoy::add_any(rule, place, findings),
        _ => {
            origins::add(rule, origin, place, findings);
        }
    }
}

/// Adds what a prefix is meant to be: the origin, whatever could follow it.
fn add_prefix(rule: &mut Rule, prefix: &str, place: &Place, findings: &mut Findings) {
    if origins::add(rule, prefix, place, findings) {
        let origin = prefix.trim_end_matches('/');
        findings.warn(
            place,
            format!(
                "prefix \"{prefix}\" also lets in {origin}.evil.net today; it is written as that one origin"
            ),
        );
    }
}

/// Reports headers of CORS that a route sets besides.
fn report_headers(route: Located<'_>, source: &Source, findings: &mut Findings) {
    let response = route.get("headers").and_then(|headers| headers.get("response"));
    for (_, names) in response.into_iter().flat_map(Located::entries) {
        let listed = names.items().filter_map(|name| Some((name.text()?, name)));
        for (name, value) in names.entries().chain(listed) {
            if name.to_ascii_lowercase().starts_with("access-control-") {
                findings.warn(
                    &source.at(value.line()),
                    format!(
                        "headers.response changes {name}, which is not read; the policy replaces it"
                    ),
                );
            }
        }
    }
}
