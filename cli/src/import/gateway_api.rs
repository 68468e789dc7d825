//! Gateway API: the CORS filter of an HTTPRoute, and the SecurityPolicy of Envoy Gateway.
//!
//! `*` in a host is several labels in the filter, and any text in a SecurityPolicy
//! (`^https://.*\.example\.com$`). Both send the request's origin back.

use serde::Deserialize;

use super::kubernetes::{self, Object};
use super::model::{Findings, Import, Names, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Flag, Lined, Located, Seconds, Texts, YamlError};
use super::{envoy, max_age, names, origins};

/// `maxAge` of the filter where it is not given, in seconds.
const MAX_AGE: i64 = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cors {
    #[serde(default)]
    allow_origins: Texts,
    allow_credentials: Option<Flag>,
    #[serde(default)]
    allow_methods: Texts,
    #[serde(default)]
    allow_headers: Texts,
    #[serde(default)]
    expose_headers: Texts,
    max_age: Option<Lined<Seconds>>,
}

/// Whether this is an HTTPRoute or a SecurityPolicy.
pub(crate) fn is_read(object: &Object<'_>) -> bool {
    matches!(
        (object.kind, object.group),
        ("HTTPRoute", "gateway.networking.k8s.io") | ("SecurityPolicy", "gateway.envoyproxy.io")
    )
}

/// Imports each CORS filter and each SecurityPolicy.
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
        let Some(spec) = object.value.get("spec") else {
            continue;
        };
        if object.kind == "SecurityPolicy" {
            if let Some(cors) = spec.get("cors") {
                let policy = security_policy(cors, object, source, import)?;
                import.add(object.name(), policy);
            }
            continue;
        }
        let rules = spec.get("rules").into_iter().flat_map(Located::items);
        for (index, rule) in rules.enumerate() {
            let title = format!("{}, rule {index}{}", object.title(), paths(rule));
            for filter in rule.get("filters").into_iter().flat_map(Located::items) {
                if let Some(cors) = filter.get("cors") {
                    let mut policy = filter_policy(cors, source, import)?;
                    policy.comments.push(title.clone());
                    import.add(&format!("{}-{index}", object.name()), policy);
                }
            }
            let backends = rule.get("backendRefs").into_iter().flat_map(Located::items);
            let filters =
                backends.filter_map(|backend| backend.get("filters")).flat_map(Located::items);
            for cors in filters.filter_map(|filter| filter.get("cors")) {
                import.findings.warn(
                    &source.at(cors.line()),
                    "a CORS filter of a backendRef is left out: a policy belongs to a place, whichever \
                     backend is chosen",
                );
            }
        }
    }
    Ok(())
}

/// The paths of a rule, for a comment.
fn paths(rule: Located<'_>) -> String {
    let matches = rule.get("matches").into_iter().flat_map(Located::items);
    let paths: Vec<_> = matches
        .filter_map(|entry| entry.get("path")?.get("value")?.text())
        .map(|path| format!(" {path}"))
        .collect();
    if paths.is_empty() { String::new() } else { format!(", location{}", paths.join(",")) }
}

/// The policy of a CORS filter.
fn filter_policy(
    value: Located<'_>,
    source: &Source,
    import: &mut Import,
) -> Result<Policy, YamlError> {
    let cors: Cors = value.parse()?;
    let place = source.at(value.line());
    let findings = &mut import.findings;
    let mut rule = rule_of_origins(&cors, add_origin, source, findings);
    if cors.allow_origins.0.iter().any(|origin| origin.value.contains("//*")) {
        findings.note(&place, "`*` in a host is one or more labels there and here");
    }
    origins::ask_if_none(&rule, &place, findings);
    add_names(&mut rule, &cors, &place, findings);
    rule.max_age = Some(match &cors.max_age {
        Some(age) => max_age::max_age(age.value.0, &source.at(age.line), findings),
        None => {
            findings
                .note(&place, "maxAge is not given, and its default, 5 seconds, is written out");
            max_age::max_age(MAX_AGE, &place, findings)
        }
    });
    Ok(Policy::of_rules(vec![rule]))
}

/// Adds an origin of the filter. `*` may be the whole origin, the host, or its first labels.
fn add_origin(rule: &mut Rule, origin: &str, place: &Place, findings: &mut Findings) {
    let is_wildcard = match origin.split_once("://") {
        Some((_, host)) => {
            let rest = host.strip_prefix('*');
            // Several ports, as in `:3000-3009`, are none there.
            let is_port = |rest: &str| {
                let port = rest.split_once(':').map_or("", |(_, port)| port);
                port.bytes().all(|byte| byte.is_ascii_digit())
            };
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') && !rest.contains('*') && is_port(rest)
            })
        }
        None => origin == "*",
    };
    match is_wildcard {
        true => origins::add_wildcard(rule, origin, place, findings),
        false => origins::add(rule, origin, place, findings),
    };
}

/// Adds methods and names of headers of the filter. A `*` among them is sent back as what a preflight
/// asks for.
fn add_names(rule: &mut Rule, cors: &Cors, place: &Place, findings: &mut Findings) {
    rule.allow_methods = names::methods(cors.allow_methods.iter(), place, findings);
    rule.allow_headers = match cors.allow_headers.contains("*") {
        true => names::any_header(rule.allow_credentials),
        false => names::request_headers(cors.allow_headers.iter(), place, findings),
    };
    rule.expose_headers = match cors.expose_headers.contains("*") && !rule.allow_credentials {
        true => Names::ANY,
        false => names::response_headers(
            cors.expose_headers.iter(),
            rule.allow_credentials,
            place,
            findings,
        ),
    };
}

/// The policy of a SecurityPolicy of Envoy Gateway.
fn security_policy(
    value: Located<'_>,
    object: Object<'_>,
    source: &Source,
    import: &mut Import,
) -> Result<Policy, YamlError> {
    let cors: Cors = value.parse()?;
    let place = source.at(value.line());
    let findings = &mut import.findings;
    let mut rule = rule_of_origins(&cors, envoy::add_glob, source, findings);
    let credentials = rule.allow_credentials;
    origins::ask_if_none(&rule, &place, findings);
    rule.max_age = max_age::given(cors.max_age.as_ref(), source, findings);
    rule.allow_methods = envoy::methods(cors.allow_methods.iter(), credentials, &place, findings);
    rule.allow_headers =
        envoy::request_headers(cors.allow_headers.iter(), credentials, &place, findings);
    rule.expose_headers =
        names::response_headers(cors.expose_headers.iter(), credentials, &place, findings);
    envoy::note_others(&place, findings);
    let preflight_status = Some(200);
    let comments = vec![object.title()];
    Ok(Policy { comments, preflight_status, ..Policy::of_rules(vec![rule]) })
}

/// A rule with nothing but credentials and origins, which `add` adds.
fn rule_of_origins(
    cors: &Cors,
    add: impl Fn(&mut Rule, &str, &Place, &mut Findings),
    source: &Source,
    findings: &mut Findings,
) -> Rule {
    let credentials = cors.allow_credentials.is_some_and(|flag| flag.0);
    let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
    for origin in &cors.allow_origins.0 {
        add(&mut rule, &origin.value, &source.at(origin.line), findings);
    }
    rule
}
