//! Kong: the plugin `cors`, in declarative configurations, of the Admin API, and as KongPlugin.
//!
//! By `kong/plugins/cors/handler.lua`, version 3. An entry of `origins` with nothing but letters,
//! digits, `.`, `:`, `/` and `-` is an origin. Every other one is an expression, to which `$` is added
//! and which matches from the beginning; without a `:` it is applied to the host alone.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::expression::{self, Matching};
use super::kubernetes::{self, Object};
use super::model::{Findings, Import, Place, Policy, Preflight, Rule};
use super::source::Source;
use super::yaml::{Document, Flag, Lined, Located, Seconds, Text, Texts, YamlError};
use super::{max_age, names, origins};

/// The default of `methods`.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Keys of a plugin that take its configuration, or a part of it, from somewhere else: a Secret of
/// Kubernetes, or `_plugin_configs` of decK.
const ELSEWHERE: [&str; 3] = ["configFrom", "configPatches", "_config"];

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    origins: Texts,
    #[serde(default)]
    methods: Texts,
    #[serde(default)]
    headers: Texts,
    #[serde(default)]
    exposed_headers: Texts,
    max_age: Option<Lined<Seconds>>,
    credentials: Option<Flag>,
    preflight_continue: Option<Flag>,
    private_network: Option<Lined<Flag>>,
    /// Whether another file or object has more of it, so that what is absent here has no default.
    #[serde(skip)]
    is_elsewhere: bool,
}

/// What tells where a plugin applies, beside the place where it is written.
#[derive(Deserialize)]
struct Scope {
    route: Option<Reference>,
    service: Option<Reference>,
    consumer: Option<IgnoredAny>,
    consumer_group: Option<IgnoredAny>,
    enabled: Option<Flag>,
    disabled: Option<Flag>,
}

/// A name, or a mapping with one.
struct Reference(String);

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> serde::de::Visitor<'de> for Name {
            type Value = Reference;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name, or a mapping with `name` or `id`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Reference, E> {
                Ok(Reference(name.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Reference, A::Error> {
                let mut name = None;
                while let Some((key, value)) = map.next_entry::<String, Option<Text>>()? {
                    if key == "name" || (key == "id" && name.is_none()) {
                        name = value.map(|text| text.0);
                    }
                }
                name.map(Reference).ok_or_else(|| serde::de::Error::missing_field("name"))
            }
        }

        deserializer.deserialize_any(Name)
    }
}

/// Whether a mapping is a configuration of Kong, or a plugin of it.
pub(crate) fn is_read(root: Located<'_>) -> bool {
    let kind = root.text_of("kind");
    matches!(kind, Some("KongPlugin" | "KongClusterPlugin"))
        || root.get("_format_version").is_some()
        || is_cors_plugin(root)
        || root.get("data").is_some_and(|data| data.items().any(is_cors_plugin))
}

fn is_cors_plugin(value: Located<'_>) -> bool {
    let is_cors = |key: &str| value.text_of(key) == Some("cors");
    let has_config = ["config"].iter().chain(&ELSEWHERE).any(|key| value.get(key).is_some());
    has_config && (is_cors("name") || is_cors("plugin"))
}

/// Imports each plugin.
///
/// # Errors
///
/// If a value is not what Kong has there.
pub(crate) fn import(
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let is_plugin = |object: &Object<'_>| matches!(object.kind, "KongPlugin" | "KongClusterPlugin");
    let findings = &mut import.findings;
    for object in kubernetes::read_objects(documents, is_plugin, source, findings) {
        if object.value.text_of("plugin") == Some("cors") {
            add_plugin(object.value, object.name(), &object.title(), source, import)?;
        }
    }
    for document in documents.iter().map(Document::root) {
        if document.get("kind").is_some() {
            continue;
        }
        if is_cors_plugin(document) {
            add_plugin(document, "global", "every service", source, import)?;
        }
        add_plugins(document.get("data"), "global", "every service", source, import)?;
        add_level(document, "global", "every service", source, import)?;
    }
    Ok(())
}

/// Adds the plugins of a level, and those of the services and routes in it.
fn add_level(
    level: Located<'_>,
    name: &str,
    title: &str,
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    add_plugins(level.get("plugins"), name, title, source, import)?;
    for (key, kind) in [("services", "service"), ("routes", "route")] {
        for (index, entry) in level.get(key).into_iter().flat_map(Located::items).enumerate() {
            let name = entry.text_of("name");
            let name = name.map_or_else(|| format!("{kind}-{index}"), str::to_owned);
            // The depth of a document is limited.
            add_level(entry, &name, &format!("{kind} {name}"), source, import)?;
        }
    }
    for key in ["consumers", "consumer_groups"] {
        for entry in level.get(key).into_iter().flat_map(Located::items) {
            let plugins = entry.get("plugins").into_iter().flat_map(Located::items);
            for plugin in plugins.filter(|plugin| plugin.text_of("name") == Some("cors")) {
                import.findings.warn(
                    &source.at(plugin.line()),
                    format!(
                        "the plugin cors of {key} is left out: a policy does not know consumers"
                    ),
                );
            }
        }
    }
    Ok(())
}

fn add_plugins(
    plugins: Option<Located<'_>>,
    name: &str,
    title: &str,
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    for plugin in plugins.into_iter().flat_map(Located::items) {
        if plugin.text_of("name") == Some("cors") {
            add_plugin(plugin, name, title, source, import)?;
        }
    }
    Ok(())
}

fn add_plugin(
    plugin: Located<'_>,
    name: &str,
    title: &str,
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let place = source.at(plugin.line());
    let scope: Scope = plugin.parse()?;
    if scope.consumer.is_some() || scope.consumer_group.is_some() {
        import.findings.warn(
            &place,
            "the plugin cors of a consumer is left out: a policy does not know consumers",
        );
        return Ok(());
    }
    let is_off =
        scope.enabled.is_some_and(|flag| !flag.0) || scope.disabled.is_some_and(|flag| flag.0);
    if is_off {
        import.findings.note(&place, "the plugin cors is switched off, so that it is left out");
        return Ok(());
    }
    let (name, title) = match (scope.route, scope.service) {
        (Some(Reference(route)), _) => (route.clone(), format!("route {route}")),
        (None, Some(Reference(service))) => (service.clone(), format!("service {service}")),
        (None, None) => (name.to_owned(), title.to_owned()),
    };
    let mut config = match plugin.get("config") {
        Some(config) => config.parse::<Option<Config>>()?.unwrap_or_default(),
        None => Config::default(),
    };
    for key in ELSEWHERE {
        if let Some(reference) = plugin.get(key) {
            config.is_elsewhere = true;
            import.findings.ask(
                &source.at(reference.line()),
                format!(
                    "what does {key} say? It refers to a configuration that import does not read: write \
                     its origins and the rest into the policy"
                ),
            );
        }
    }
    let mut policy = policy(&config, &place, source, &mut import.findings);
    policy.comments.push(title);
    import.add(&name, policy);
    Ok(())
}

fn policy(config: &Config, place: &Place, source: &Source, findings: &mut Findings) -> Policy {
    let credentials = config.credentials.is_some_and(|flag| flag.0);
    let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
    if config.origins.0.is_empty() && !config.is_elsewhere {
        add_any(&mut rule, place, findings);
    }
    let is_one = config.origins.0.len() == 1;
    for origin in &config.origins.0 {
        add_origin(&mut rule, &origin.value, is_one, &source.at(origin.line), findings);
    }
    origins::ask_if_none(&rule, place, findings);

    rule.allow_methods = if config.methods.0.is_empty() {
        names::methods(METHODS, place, findings)
    } else {
        names::methods(config.methods.iter(), place, findings)
    };
    if let (Some(methods), true) = (&rule.allow_methods, credentials) {
        names::report_star("allow_methods", methods, place, findings);
    }
    rule.allow_headers = if config.headers.0.is_empty() {
        findings.note(
            place,
            "Kong allows the headers that a preflight asks for, since none are listed",
        );
        names::any_header(credentials)
    } else {
        let headers = names::request_headers(config.headers.iter(), place, findings);
        if credentials {
            names::report_star("allow_headers", &headers, place, findings);
        }
        headers
    };
    rule.expose_headers =
        names::response_headers(config.exposed_headers.iter(), credentials, place, findings);
    rule.max_age = max_age::given(config.max_age.as_ref(), source, findings);
    if let Some(Lined { line, value: Flag(true) }) = config.private_network {
        rule.allow_private_network = true;
        let text = "private_network is written as allow_private_network, which no browser asks for any more";
        findings.note(&source.at(line), text);
    }
    findings.note(
        place,
        "Kong leaves the application's CORS headers but Access-Control-Allow-Origin on responses; the \
         policy removes all of them",
    );
    let mut policy = Policy::of_rules(vec![rule]);
    if config.preflight_continue.is_some_and(|flag| flag.0) {
        policy.preflight = Some(Preflight::Forward);
    } else {
        policy.preflight_status = Some(200);
    }
    policy
}

/// Adds every origin. With credentials, Kong sends the origin back, `null` too.
fn add_any(rule: &mut Rule, place: &Place, findings: &mut Findings) {
    origins::add_pattern(rule, "*", place, findings);
}

fn add_origin(rule: &mut Rule, entry: &str, is_one: bool, place: &Place, findings: &mut Findings) {
    let is_origin = |c: char| c.is_ascii_alphanumeric() || ".:/-".contains(c);
    if entry == "*" {
        add_any(rule, place, findings);
    } else if entry.chars().all(is_origin) {
        // Kong itself takes the default port off, where there are several.
        let scheme = entry.split_once("://").filter(|_| !is_one).map(|(scheme, _)| scheme);
        let port = scheme.and_then(origins::default_port);
        let entry = port.and_then(|port| entry.strip_suffix(port)).unwrap_or(entry);
        origins::add(rule, entry, place, findings);
    } else {
        add_expression(rule, entry, place, findings);
    }
}

/// Adds an entry that is an expression.
fn add_expression(rule: &mut Rule, entry: &str, place: &Place, findings: &mut Findings) {
    let expression = anchored(entry);
    if entry.contains(':') {
        expression::add_as(rule, entry, &expression, Matching::SEARCH, place, findings);
        return;
    }
    let expression = format!("^https://{}", &expression[1..]);
    if expression::add_as(rule, entry, &expression, Matching::SEARCH, place, findings) {
        findings.warn(
            place,
            format!(
                "the expression \"{entry}\" is about the host alone, so that http and every port are let in \
                 today; it is written for https without a port"
            ),
        );
    }
}

/// The expression as Kong applies it: `^` in front and `$` behind, which bind closer than `|`.
fn anchored(entry: &str) -> String {
    let entry = entry.strip_prefix('^').unwrap_or(entry);
    let end = if entry.ends_with('$') { "" } else { "$" };
    format!("^(?:{entry}{end})")
}
