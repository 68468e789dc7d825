//! Apache APISIX: the plugin `cors`, of a standalone configuration, the Admin API, or objects of its
//! ingress controller.
//!
//! By `apisix/plugins/cors.lua`, version 3. `allow_origins` is tried first, then the expressions of
//! `allow_origins_by_regex`, which match a part of the origin.

use serde::Deserialize;

use super::expression::{self, Matching};
use super::model::{Findings, Import, Names, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Flag, Lined, Located, Seconds, Text, Texts, YamlError};
use super::{max_age, names, origins};

/// `max_age` where it is not given, in seconds.
const MAX_AGE: i64 = 5;

/// What `**` of `allow_methods` is.
const ALL_METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

#[derive(Default, Deserialize)]
struct Config {
    allow_origins: Option<Lined<Text>>,
    allow_methods: Option<Lined<Text>>,
    allow_headers: Option<Lined<Text>>,
    expose_headers: Option<Lined<Text>>,
    max_age: Option<Lined<Seconds>>,
    allow_credential: Option<Flag>,
    #[serde(default)]
    allow_origins_by_regex: Texts,
    #[serde(default)]
    allow_origins_by_metadata: Texts,
    #[serde(default)]
    timing_allow_origins: Texts,
    #[serde(default)]
    timing_allow_origins_by_regex: Texts,
}

/// A plugin, and the name of what it belongs to.
struct Plugin<'d> {
    name: String,
    config: Located<'d>,
}

/// Whether a document has the plugin.
pub(crate) fn is_read(root: Located<'_>) -> bool {
    let mut plugins = Vec::new();
    find(root, "", &mut plugins);
    !plugins.is_empty()
}

/// Imports each plugin.
///
/// # Errors
///
/// If a value is not what APISIX has there.
pub(crate) fn import(
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    for document in documents {
        let mut plugins = Vec::new();
        find(document.root(), "apisix", &mut plugins);
        for Plugin { name, config } in plugins {
            let place = source.at(config.line());
            let config = config.parse::<Option<Config>>()?.unwrap_or_default();
            let policy = policy(&config, &name, &place, source, &mut import.findings);
            import.add(&name, policy);
        }
    }
    Ok(())
}

/// Finds the plugins in a value: `plugins: {cors: {…}}`, or in a list `{name: cors, config: {…}}`.
fn find<'d>(value: Located<'d>, name: &str, plugins: &mut Vec<Plugin<'d>>) {
    let text = |value: Located<'_>| value.parse::<Text>().ok().map(|text| text.0);
    let metadata = value.get("metadata").and_then(|metadata| metadata.get("name"));
    let own = [value.get("name"), metadata, value.get("id")].into_iter().flatten().find_map(text);
    // Numbers are usual for an `id`.
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let own = own.map(|own| if is_number(&own) { format!("apisix-{own}") } else { own });
    let name = own.as_deref().unwrap_or(name);
    let has_plugins = |(key, _): &(&str, Located<'d>)| *key == "plugins";
    for (_, list) in value.entries().filter(has_plugins) {
        let mapped = list.get("cors");
        let listed = list.items().filter(|item| item.text_of("name") == Some("cors"));
        let listed = listed.filter(|item| {
            let flag = item.get("enable").and_then(|flag| flag.parse::<Flag>().ok());
            flag.is_none_or(|flag| flag.0)
        });
        for config in mapped.into_iter().chain(listed.filter_map(|item| item.get("config"))) {
            plugins.push(Plugin { name: name.to_owned(), config });
        }
    }
    // The depth of a document is limited.
    value
        .entries()
        .filter(|entry| !has_plugins(entry))
        .for_each(|(_, inner)| find(inner, name, plugins));
    value.items().for_each(|inner| find(inner, name, plugins));
}

fn policy(
    config: &Config,
    name: &str,
    place: &Place,
    source: &Source,
    findings: &mut Findings,
) -> Policy {
    let credentials = config.allow_credential.is_some_and(|flag| flag.0);
    let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
    add_origins(&mut rule, config, place, source, findings);
    origins::ask_if_none(&rule, place, findings);
    let credentials = rule.allow_credentials;

    let list = |value: &Option<Lined<Text>>, default: &'static str| match value {
        Some(text) => (text.value.0.clone(), source.at(text.line)),
        None => (default.to_owned(), place.clone()),
    };
    let (methods, at) = list(&config.allow_methods, "*");
    rule.allow_methods = match methods.as_str() {
        "**" => names::methods(ALL_METHODS, &at, findings),
        methods => names::methods(methods.split(','), &at, findings),
    };
    let (headers, at) = list(&config.allow_headers, "*");
    rule.allow_headers = match headers.as_str() {
        "**" => names::any_header(credentials),
        headers => names::request_headers(headers.split(','), &at, findings),
    };
    if credentials {
        if let Some(methods) = &rule.allow_methods {
            names::report_star("allow_methods", methods, place, findings);
        }
        if headers != "**" {
            names::report_star("allow_headers", &rule.allow_headers, place, findings);
        }
    }
    rule.expose_headers = exposed(config, credentials, place, source, findings);
    let (seconds, at) = match &config.max_age {
        Some(age) => (age.value.0, source.at(age.line)),
        None => (MAX_AGE, place.clone()),
    };
    rule.max_age = Some(max_age::max_age(seconds, &at, findings));
    for text in config.timing_allow_origins.0.iter().chain(&config.timing_allow_origins_by_regex.0)
    {
        findings.warn(
            &source.at(text.line),
            "timing_allow_origins is left out; `timing_allow_origin: true` permits the origins of the policy",
        );
    }
    findings.note(
        place,
        "APISIX answers every OPTIONS with 200; the policy answers preflights only, and another OPTIONS \
         goes to the application",
    );
    Policy {
        comments: vec![format!("plugin cors of {name}")],
        preflight_status: Some(200),
        ..Policy::of_rules(vec![rule])
    }
}

/// The names that are exposed. What is exposed by default depends on the version.
fn exposed(
    config: &Config,
    credentials: bool,
    place: &Place,
    source: &Source,
    findings: &mut Findings,
) -> Names {
    match &config.expose_headers {
        Some(text) => {
            let place = source.at(text.line);
            // A preflight asks for no response headers, so that `**` is text like any other.
            let names = text.value.0.split(',').filter(|name| *name != "**");
            names::response_headers(names, credentials, &place, findings)
        }
        None if credentials => Names::default(),
        None => {
            findings.warn(
                place,
                "expose_headers is not given, for which APISIX exposes every header in older versions and \
                 none in newer ones; none is written",
            );
            Names::default()
        }
    }
}

fn add_origins(
    rule: &mut Rule,
    config: &Config,
    place: &Place,
    source: &Source,
    findings: &mut Findings,
) {
    match &config.allow_origins {
        Some(text) => {
            let place = source.at(text.line);
            add_listed(rule, &text.value.0, &place, findings);
        }
        // Credentials are refused together with the default, `*`.
        None if rule.allow_credentials => {}
        None => {
            if let Some(regex) = config.allow_origins_by_regex.0.first() {
                findings.widens(
                    &source.at(regex.line),
                    "allow_origins is not given, and its default, `*`, wins over allow_origins_by_regex in \
                     the plugin's code, though its documentation says otherwise: every origin is allowed",
                );
            }
            rule.allow_origins.push("*".to_owned());
        }
    }
    if rule.allow_origins != ["*"] {
        for regex in &config.allow_origins_by_regex.0 {
            let place = source.at(regex.line);
            expression::add(rule, &regex.value, Matching::SEARCH, &place, findings);
        }
    }
    if let Some(key) = config.allow_origins_by_metadata.0.first() {
        findings.ask(
            &source.at(key.line),
            "allow_origins_by_metadata refers to origins in the metadata of the plugin, which this file does \
             not have: add them to allow_origins",
        );
    }
    if config.allow_origins.is_none() && rule.allow_credentials && rule.allow_origins.is_empty() {
        findings
            .warn(place, "APISIX refuses allow_credential with the default of allow_origins, `*`");
    }
}

/// Adds the origins of `allow_origins`, which are separated by commas and nothing else.
fn add_listed(rule: &mut Rule, text: &str, place: &Place, findings: &mut Findings) {
    match text {
        "*" => {
            if rule.allow_credentials {
                findings.note(
                    place,
                    "`*` is written without credentials, with which APISIX and browsers refuse it",
                );
            }
            rule.allow_credentials = false;
            origins::add_pattern(rule, "*", place, findings);
        }
        // The origin is sent back.
        "**" => {
            origins::add_pattern(rule, "*", place, findings);
        }
        text => {
            for origin in text.split(',').filter(|origin| !origin.is_empty()) {
                origins::add(rule, origin, place, findings);
            }
        }
    }
}
