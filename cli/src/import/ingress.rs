//! ingress-nginx: the annotations `cors-…` of an Ingress.
//!
//! By `internal/ingress/annotations/cors/main.go` and `template.go` of its controller, version 1.12 and
//! newer: origins become `if ($http_origin ~* (…)$)`, in which `*` is one label.

use super::kubernetes::{self, Object};
use super::model::{Findings, Import, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Located, YamlError};
use super::{max_age, names, origins};

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// The default of `cors-allow-methods`.
const METHODS: &str = "GET, PUT, POST, DELETE, PATCH, OPTIONS";

/// The default of `cors-allow-headers`.
const HEADERS: &str = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,\
                       Content-Type,Range,Authorization";

/// The default of `cors-max-age`, in seconds.
const MAX_AGE: i64 = 1_728_000;

/// The annotations about CORS, without their prefix.
const KNOWN: [&str; 7] = [
    "enable-cors",
    "cors-allow-origin",
    "cors-allow-methods",
    "cors-allow-headers",
    "cors-allow-credentials",
    "cors-expose-headers",
    "cors-max-age",
];

/// Whether this is an Ingress with annotations of ingress-nginx about CORS.
pub(crate) fn is_read(object: &Object<'_>) -> bool {
    object.kind == "Ingress"
}

/// Imports each Ingress.
///
/// # Errors
///
/// None; a value that is not understood is reported, as the controller goes on with a default.
pub(crate) fn import(
    documents: &[Document],
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    let findings = &mut import.findings;
    for object in kubernetes::read_objects(documents, is_read, source, findings) {
        let annotations = Annotations::new(object, source);
        if let Some(policy) = policy(&annotations, &mut import.findings) {
            import.add(object.name(), policy);
        }
    }
    Ok(())
}

/// The annotations of an Ingress.
struct Annotations<'d> {
    title: String,
    source: &'d Source,
    object: Located<'d>,
    all: Option<Located<'d>>,
}

impl<'d> Annotations<'d> {
    fn new(object: Object<'d>, source: &'d Source) -> Self {
        let all = object.value.get("metadata").and_then(|metadata| metadata.get("annotations"));
        Self { title: object.title(), source, object: object.value, all }
    }

    /// The names without their prefix, and the values.
    fn iter(&self) -> impl Iterator<Item = (&'d str, Located<'d>)> {
        let entries = self.all.into_iter().flat_map(Located::entries);
        entries.filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)))
    }

    /// An annotation, or the place of the Ingress and its default.
    fn get(&self, name: &str) -> (Option<&'d str>, Place) {
        match self.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => (value.text(), self.source.at(value.line())),
            None => (None, self.source.at(self.object.line())),
        }
    }

    /// A list that the controller takes only if it consists of certain characters.
    fn list(
        &self,
        name: &str,
        is_allowed: impl Fn(char) -> bool,
        default: &'static str,
        findings: &mut Findings,
    ) -> (Vec<&'d str>, Place) {
        let (value, place) = self.get(name);
        let value = value.filter(|value| {
            let is_valid =
                !value.is_empty() && value.chars().all(|c| is_allowed(c) || ", ".contains(c));
            if !is_valid {
                let text = format!("{name} \"{value}\" is invalid, so that its default applies");
                findings.warn(&place, text);
            }
            is_valid
        });
        let list = value.unwrap_or(default).split(',').map(str::trim);
        (list.filter(|entry| !entry.is_empty()).collect(), place)
    }

    /// `true` or `false` as Go's `strconv.ParseBool` reads them.
    fn flag(&self, name: &str, default: bool, findings: &mut Findings) -> bool {
        let (value, place) = self.get(name);
        match value {
            None => default,
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => true,
            Some("0" | "f" | "F" | "FALSE" | "false" | "False") => false,
            Some(value) => {
                let text = format!("{name} \"{value}\" is invalid, so that {default} applies");
                findings.warn(&place, text);
                default
            }
        }
    }
}

fn policy(annotations: &Annotations<'_>, findings: &mut Findings) -> Option<Policy> {
    report_others(annotations, findings);
    if !annotations.flag("enable-cors", false, findings) {
        let without_effect: Vec<_> = annotations
            .iter()
            .filter(|(name, _)| name.starts_with("cors-"))
            .map(|(name, value)| (name, annotations.source.at(value.line())))
            .collect();
        for (name, place) in without_effect {
            findings.warn(
                &place,
                format!(
                    "{name} has no effect, since enable-cors is not \"true\"; no policy is written"
                ),
            );
        }
        return None;
    }
    let mut rule = Rule {
        allow_credentials: annotations.flag("cors-allow-credentials", true, findings),
        ..Rule::default()
    };
    add_origins(&mut rule, annotations, findings);

    let (methods, place) =
        annotations.list("cors-allow-methods", |c| c.is_ascii_alphabetic(), METHODS, findings);
    rule.allow_methods = names::methods(methods, &place, findings);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let (headers, place) = annotations.list("cors-allow-headers", is_name, HEADERS, findings);
    rule.allow_headers = names::request_headers(headers, &place, findings);
    let (exposed, place) =
        annotations.list("cors-expose-headers", |c| is_name(c) || c == '*', "", findings);
    rule.expose_headers =
        names::response_headers(exposed, rule.allow_credentials, &place, findings);

    let (seconds, place) = annotations.get("cors-max-age");
    let seconds = match seconds.map(|text| (text, text.parse())) {
        None => MAX_AGE,
        Some((_, Ok(seconds))) => seconds,
        Some((text, Err(_))) => {
            findings.warn(
                &place,
                format!("cors-max-age \"{text}\" is invalid, so that its default applies"),
            );
            MAX_AGE
        }
    };
    rule.max_age = Some(max_age::max_age(seconds, &place, findings));

    let place = annotations.source.at(annotations.object.line());
    findings.note(
        &place,
        "ingress-nginx answers every OPTIONS of an allowed origin; a policy answers preflights only, and \
         another OPTIONS goes to the application",
    );
    Some(Policy { comments: vec![annotations.title.clone()], ..Policy::of_rules(vec![rule]) })
}

/// Adds the origins of `cors-allow-origin`.
fn add_origins(rule: &mut Rule, annotations: &Annotations<'_>, findings: &mut Findings) {
    let (value, place) = annotations.get("cors-allow-origin");
    let value = value.unwrap_or("*");
    let is_valid = value.chars().all(|c| c.is_ascii_alphanumeric() || "-.:/*, ".contains(c))
        && value.split(',').all(|entry| is_valid_origin(entry.trim()));
    let entries: Vec<_> = value.split(',').map(str::trim).filter(|e| !e.is_empty()).collect();
    if !is_valid {
        let text = format!(
            "cors-allow-origin \"{value}\" is invalid, for which ingress-nginx lets in every origin since \
             1.12, without credentials, and none before; the origins are written as they are meant"
        );
        match rule.allow_credentials {
            true => findings.widens(&place, text),
            false => findings.warn(&place, text),
        }
    }
    if is_valid && entries.contains(&"*") {
        if rule.allow_credentials {
            findings.note(
                &place,
                "`*` is written without credentials, with which browsers refuse it today",
            );
        }
        rule.allow_credentials = false;
        rule.allow_origins.push("*".to_owned());
        return;
    }
    for entry in entries {
        if entry == "*" {
            findings
                .warn(&place, "`*` is left out beside an invalid origin: every origin was allowed");
        } else if entry == "null" || entry.contains("://") {
            add_origin(rule, &entry.to_ascii_lowercase(), &place, findings);
        } else {
            findings.warn(
                &place,
                format!(
                    "\"{entry}\" is left out, as ingress-nginx skips it: an origin begins with its scheme, \
                     as in \"https://{entry}\""
                ),
            );
        }
    }
    origins::ask_if_none(rule, &place, findings);
}

/// Adds an origin that may have a `*` as its first label, which is one label there.
fn add_origin(rule: &mut Rule, origin: &str, place: &Place, findings: &mut Findings) {
    let Some((scheme, host)) = origin.split_once("://*.") else {
        origins::add(rule, origin, place, findings);
        return;
    };
    let host = regex_syntax::escape(host).replace("\\-", "-");
    let pattern = format!(r"regex:{scheme}://[a-z0-9-]+\.{host}");
    if origins::add_pattern(rule, &pattern, place, findings) {
        findings.note(
            place,
            format!(
                "`*` of \"{origin}\" is one label in ingress-nginx; written as \"{origin}\" it would be one \
                 or more"
            ),
        );
    }
}

/// Whether the controller takes an entry, by the expression with which it checks the whole annotation.
fn is_valid_origin(entry: &str) -> bool {
    let authority = match entry.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_lowercase()) => rest,
        Some(_) => return false,
        None => entry,
    };
    if matches!(entry, "" | "*" | "null") {
        return true;
    }
    let authority = authority.strip_prefix("*.").unwrap_or(authority);
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reports annotations that are misspelled, and snippets that set headers of CORS.
fn report_others(annotations: &Annotations<'_>, findings: &mut Findings) {
    for (name, value) in annotations.iter() {
        let place = annotations.source.at(value.line());
        if name.starts_with("cors-") && !KNOWN.contains(&name) {
            findings.warn(
                &place,
                format!(
                    "ingress-nginx has no annotation {name}, so that it has no effect; those about CORS are \
                     {}",
                    KNOWN.join(", ")
                ),
            );
        }
        let is_snippet = name.ends_with("-snippet");
        let text = value.text().unwrap_or_default().to_ascii_lowercase();
        if is_snippet && text.contains("access-control-") {
            findings.warn(
                &place,
                format!(
                    "{name} sets CORS headers, which are not read; give its lines to `cors-policy import \
                     --from nginx`"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_valid_as_the_controller_has_it() {
        for entry in [
            "https://a.example",
            "http://*.a.example:8080",
            "https://App.example",
            "app://localhost",
            "a.example",
            "*",
            "null",
            "",
        ] {
            assert!(is_valid_origin(entry), "{entry}");
        }
        for entry in [
            "https://a.example/",
            "https://a.*.example",
            "https://*a.example",
            "HTTPS://a.example",
            "https://a.example:x",
            "https://a_b.example",
        ] {
            assert!(!is_valid_origin(entry), "{entry}");
        }
    }
}
