//! Traefik: the middleware `headers`, of its file provider, as an object of Kubernetes, or in the
//! labels of containers.
//!
//! By `pkg/middlewares/headers/header.go`, versions 2 and 3. Names of options have no case. The
//! entries of `accessControlAllowOriginList` are compared as they are, and `*` among them is sent as
//! `*`. Expressions match a part of the origin.

use std::collections::BTreeMap;

use super::expression::{self, Matching};
use super::kubernetes::{self, Object};
use super::model::{Findings, Import, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Flag, Lined, Located, Seconds, Text, Texts, YamlError};
use super::{max_age, names, origins};

/// How the names of its labels begin.
const LABEL: &str = "traefik.http.middlewares.";

/// The options of one middleware, by their names in lower case.
#[derive(Default)]
struct Options {
    line: u32,
    values: BTreeMap<String, Value>,
}

/// The value of an option.
enum Value {
    /// Of a file, perhaps a list.
    List(Texts),
    /// Of a label: entries with commas in between.
    Label(Lined<String>),
}

impl Options {
    /// The entries of an option.
    fn list(&self, name: &str) -> Vec<Lined<String>> {
        match self.values.get(name) {
            None => Vec::new(),
            Some(Value::List(texts)) => texts.0.clone(),
            Some(Value::Label(Lined { line, value })) => value
                .split(',')
                .map(|entry| Lined { line: *line, value: entry.trim().to_owned() })
                .filter(|entry| !entry.value.is_empty())
                .collect(),
        }
    }

    /// The only entry of an option.
    fn one(&self, name: &str) -> Option<Lined<String>> {
        self.list(name).into_iter().next()
    }
}

/// Whether this is a Middleware of Traefik.
pub(crate) fn is_middleware(object: &Object<'_>) -> bool {
    object.kind == "Middleware" && matches!(object.group, "traefik.io" | "traefik.containo.us")
}

/// Whether a mapping is a configuration of Traefik, or has labels for it.
pub(crate) fn is_read(root: Located<'_>) -> bool {
    root.get("http").is_some_and(|http| http.get("middlewares").is_some())
        || labels(root).next().is_some()
}

/// The labels about middlewares of the services of a compose file: name, value and line.
fn labels(root: Located<'_>) -> impl Iterator<Item = (String, Lined<String>)> {
    let services = root.get("services").into_iter().flat_map(Located::entries);
    let labels = services.flat_map(|(_, service)| {
        let deploy = service.get("deploy").and_then(|deploy| deploy.get("labels"));
        service.get("labels").into_iter().chain(deploy)
    });
    let pairs = labels.flat_map(|labels| {
        let listed = labels.items().filter_map(|item| {
            let (name, value) = item.text()?.split_once('=')?;
            Some((name.to_owned(), Lined { line: item.line(), value: value.to_owned() }))
        });
        let mapped = labels.entries().filter_map(|(name, value)| {
            let text: Text = value.parse().ok()?;
            Some((name.to_owned(), Lined { line: value.line(), value: text.0 }))
        });
        listed.chain(mapped)
    });
    pairs.filter_map(|(name, Lined { line, value })| {
        let start = name.get(..LABEL.len())?;
        // Compose takes `$` alone for a variable.
        let value = Lined { line, value: value.replace("$$", "$") };
        start.eq_ignore_ascii_case(LABEL).then(|| (name[LABEL.len()..].to_owned(), value))
    })
}

/// Imports each middleware that decides about CORS.
///
/// # Errors
///
/// If a value is not what Traefik has there.
pub(crate) fn import(
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let findings = &mut import.findings;
    for object in kubernetes::read_objects(documents, is_middleware, source, findings) {
        if let Some(headers) = object.value.get("spec").and_then(|spec| spec.get("headers")) {
            add(object.name(), &object.title(), &options(headers)?, source, import)?;
        }
    }
    for root in documents.iter().map(Document::root) {
        let middlewares = root.get("http").and_then(|http| http.get("middlewares"));
        for (name, middleware) in middlewares.into_iter().flat_map(Located::entries) {
            let headers = middleware.entries().find(|(key, _)| key.eq_ignore_ascii_case("headers"));
            if let Some((_, headers)) = headers {
                let title = format!("middleware {name}");
                add(name, &title, &options(headers)?, source, import)?;
            }
        }
        let mut labelled: BTreeMap<String, Options> = BTreeMap::new();
        for (label, value) in labels(root) {
            let mut parts = label.splitn(3, '.');
            let (Some(name), Some(kind), Some(option)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if kind.eq_ignore_ascii_case("headers") {
                let first = || Options { line: value.line, ..Options::default() };
                let options = labelled.entry(name.to_owned()).or_insert_with(first);
                options.values.insert(option.to_ascii_lowercase(), Value::Label(value));
            }
        }
        for (name, options) in labelled {
            add(&name, &format!("middleware {name}"), &options, source, import)?;
        }
    }
    Ok(())
}

/// The options of a middleware in a file.
fn options(headers: Located<'_>) -> Result<Options, YamlError> {
    let mut options = Options { line: headers.line(), ..Options::default() };
    for (name, value) in headers.entries() {
        let name = name.to_ascii_lowercase();
        if name == "customresponseheaders" {
            for (header, value) in value.entries() {
                let header = header.to_ascii_lowercase();
                let value = Value::List(value.parse()?);
                options.values.insert(format!("{name}.{header}"), value);
            }
        } else if name.starts_with("accesscontrol") {
            options.values.insert(name, Value::List(value.parse()?));
        }
    }
    Ok(options)
}

/// Reads an entry as a flag or a number, as its deserializer does.
fn scalar<T>(
    entry: &Lined<String>,
    read: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<T, YamlError> {
    let text = format!("\"{}\" is not {what}", entry.value);
    read(&entry.value).ok_or(YamlError { line: Some(entry.line), text })
}

/// Adds the policy of a middleware, if it decides about CORS.
///
/// # Errors
///
/// If a flag or a number is none.
fn add(
    name: &str,
    title: &str,
    options: &Options,
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let findings = &mut import.findings;
    let place = source.at(options.line);
    report_headers(options, source, findings);
    if !options.values.keys().any(|option| option.starts_with("accesscontrol")) {
        return Ok(());
    }
    let credentials = match options.one("accesscontrolallowcredentials") {
        Some(entry) => scalar(&entry, Flag::read, "true or false")?.0,
        None => false,
    };
    let mut rules = rules(options, credentials, source, findings);
    let max_age = match options.one("accesscontrolmaxage") {
        Some(entry) => {
            let seconds = scalar(&entry, Seconds::read, "a time in seconds")?;
            max_age::max_age(seconds.0, &source.at(entry.line), findings)
        }
        None => {
            findings.note(
                &place,
                "accessControlMaxAge is not given, and its default, 0, is written out: browsers ask before \
                 each request",
            );
            0
        }
    };
    for rule in &mut rules {
        let credentials = rule.allow_credentials;
        let list = |name: &str| options.list(name).into_iter().map(|entry| entry.value);
        rule.allow_methods = names::methods(list("accesscontrolallowmethods"), &place, findings);
        rule.allow_headers =
            names::request_headers(list("accesscontrolallowheaders"), &place, findings);
        if credentials {
            if let Some(methods) = &rule.allow_methods {
                names::report_star("allow_methods", methods, &place, findings);
            }
            names::report_star("allow_headers", &rule.allow_headers, &place, findings);
        }
        let exposed = list("accesscontrolexposeheaders");
        rule.expose_headers = names::response_headers(exposed, credentials, &place, findings);
        rule.max_age = Some(max_age);
    }
    findings.note(
        &place,
        "Traefik leaves Access-Control-Allow-Origin of the application on responses to other origins; the \
         policy removes it",
    );
    let policy = Policy {
        comments: vec![title.to_owned()],
        preflight_status: Some(200),
        ..Policy::of_rules(rules)
    };
    import.add(name, policy);
    Ok(())
}

/// Reports headers of CORS that a middleware sets besides.
fn report_headers(options: &Options, source: &Source, findings: &mut Findings) {
    for (option, value) in &options.values {
        let header = option.strip_prefix("customresponseheaders.");
        if let Some(header) = header.filter(|name| name.starts_with("access-control-")) {
            let line = match value {
                Value::List(texts) => texts.0.first().map_or(options.line, |text| text.line),
                Value::Label(label) => label.line,
            };
            findings.warn(
                &source.at(line),
                format!(
                    "customResponseHeaders sets {header}, which is not read; the policy replaces it"
                ),
            );
        }
    }
}

/// The rules with nothing but origins and credentials: Traefik sends `*` as it is, with which browsers
/// refuse credentials, and an origin before it in the list as that origin.
fn rules(
    options: &Options,
    credentials: bool,
    source: &Source,
    findings: &mut Findings,
) -> Vec<Rule> {
    let place: Place = source.at(options.line);
    let listed = options.list("accesscontrolalloworiginlist");
    let mut rule = Rule { allow_credentials: credentials, ..Rule::default() };
    let star = listed.iter().position(|origin| origin.value == "*");
    for origin in &listed[..star.unwrap_or(listed.len())] {
        origins::add(&mut rule, &origin.value, &source.at(origin.line), findings);
    }
    let Some(star) = star else {
        for regex in options.list("accesscontrolalloworiginlistregex") {
            let place = source.at(regex.line);
            expression::add(&mut rule, &regex.value, Matching::SEARCH, &place, findings);
        }
        origins::ask_if_none(&rule, &place, findings);
        return vec![rule];
    };
    let any = Rule { allow_origins: vec!["*".to_owned()], ..Rule::default() };
    if credentials {
        findings.note(
            &source.at(listed[star].line),
            "`*` is written without credentials, with which browsers refuse it today",
        );
    }
    if credentials && !rule.allow_origins.is_empty() { vec![rule, any] } else { vec![any] }
}
