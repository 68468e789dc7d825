//! What the sources decide, written after their code and apart from the importers.
//!
//! Each function tells whether an origin can read responses, and if so, whether with credentials. A
//! literal `*` allows none, since browsers refuse them.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// Searches as PCRE, RE2 and Go do in a text of ASCII. An expression that does not compile is none.
fn search(expression: &str, text: &str, ignores_case: bool) -> bool {
    let config = syntax::Config::new().case_insensitive(ignores_case).unicode(false).utf8(false);
    Regex::builder().syntax(config).build(expression).is_ok_and(|regex| regex.is_match(text))
}

/// Envoy and Envoy Gateway apply expressions of RE2 to the whole text.
fn matches_whole(expression: &str, text: &str) -> bool {
    search(&format!("^(?:{expression})$"), text, false)
}

/// `internal/ingress/annotations/cors/main.go` and `controller/template/template.go`.
pub(super) fn ingress(annotation: &str, credentials: bool, origin: &str) -> Option<bool> {
    const VALID: &str = r"^((((([a-z]+://)?(\*\.)?[A-Za-z0-9\-.]*(:\d+)?,?)|null)+)|\*)?$";
    const ENTRY: &str = r"^([a-z]+://(\*\.)?[A-Za-z0-9\-.]*(:\d+)?|\*|null)?$";
    if annotation.is_empty() || !search(VALID, &annotation.replace(' ', ""), false) {
        // An empty annotation counts as none.
        return Some(false);
    }
    let mut listed = Vec::new();
    for entry in annotation.split(',').map(str::trim) {
        if entry == "*" {
            return Some(false);
        }
        if !entry.is_empty() && search(ENTRY, entry, false) {
            let quoted = regex_syntax::escape(entry).replace(r"\*", r"[A-Za-z0-9\-]+");
            listed.push(format!("({quoted})"));
        }
    }
    let expression = format!("({})$", listed.join("|"));
    (!listed.is_empty() && search(&expression, origin, true)).then_some(credentials)
}

/// <https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter>, `allowOrigins`.
pub(super) fn gateway_api(origins: &[String], credentials: bool, origin: &str) -> Option<bool> {
    let is_match = |pattern: &String| {
        if pattern == "*" || pattern == origin {
            return true;
        }
        let (Some((scheme, host)), Some((own_scheme, own_host))) =
            (pattern.split_once("://"), origin.split_once("://"))
        else {
            return false;
        };
        scheme == own_scheme
            && match host.strip_prefix('*') {
                // A host without a port.
                Some("") => !own_host.is_empty() && !own_host.contains(':'),
                Some(suffix) if suffix.starts_with('.') => {
                    own_host.len() > suffix.len() && own_host.ends_with(suffix)
                }
                _ => false,
            }
    };
    origins.iter().any(is_match).then_some(credentials)
}

/// `internal/gatewayapi/securitypolicy.go`: every `*` becomes `.*`.
pub(super) fn envoy_gateway(origins: &[String], credentials: bool, origin: &str) -> Option<bool> {
    let expressions: Vec<_> =
        origins.iter().map(|text| regex_syntax::escape(text).replace(r"\*", ".*")).collect();
    envoy(&[], &[], &expressions, credentials, origin)
}

/// `source/extensions/filters/http/cors/cors_filter.cc`, `isOriginAllowed`.
pub(super) fn envoy(
    exact: &[String],
    prefixes: &[String],
    regexes: &[String],
    credentials: bool,
    origin: &str,
) -> Option<bool> {
    let is_allowed = ["*", origin].into_iter().any(|text| {
        exact.iter().any(|entry| entry == text)
            || prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()))
            || regexes.iter().any(|regex| matches_whole(regex, text))
    });
    is_allowed.then_some(credentials)
}

/// `kong/plugins/cors/handler.lua`, `configure_origin`.
pub(super) fn kong(origins: &[String], credentials: bool, origin: &str) -> Option<bool> {
    let is_plain =
        |entry: &str| entry.bytes().all(|b| b.is_ascii_alphanumeric() || b".:/-".contains(&b));
    if origins.is_empty() || origins.iter().any(|entry| entry == "*") {
        return Some(credentials);
    }
    if let [only] = origins {
        if is_plain(only) {
            // It is sent as it is, and the browser compares.
            return (only == origin).then_some(credentials);
        }
    }
    let normalized = |text: &str| match text.split_once("://") {
        Some((scheme, authority)) if !authority.is_empty() => {
            let authority = authority.split('/').next().unwrap_or_default();
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let is_default =
                matches!((scheme, port), ("http", Some("80")) | ("https", Some("443")));
            let port = port.filter(|_| !is_default).map(|port| format!(":{port}"));
            (format!("{scheme}://{host}{}", port.unwrap_or_default()), host.to_owned())
        }
        _ => (text.to_owned(), text.to_owned()),
    };
    let (domain, host) = normalized(origin);
    let is_match = |entry: &String| {
        if is_plain(entry) {
            return normalized(entry).0 == domain;
        }
        let subject = if entry.contains(':') { &domain } else { &host };
        let end = if entry.ends_with('$') { "" } else { "$" };
        let expression = format!("{entry}{end}");
        let expression = expression.strip_prefix('^').unwrap_or(&expression);
        search(&format!("^(?:{expression})"), subject, false)
    };
    // It sends the normalized origin, and the browser compares.
    (origins.iter().any(is_match) && domain == origin).then_some(credentials)
}

/// `pkg/middlewares/headers/header.go`, `isOriginAllowed`.
pub(super) fn traefik(
    listed: &[String],
    regexes: &[String],
    credentials: bool,
    origin: &str,
) -> Option<bool> {
    for item in listed {
        if item == "*" {
            return Some(false);
        }
        if item == origin {
            return Some(credentials);
        }
    }
    regexes.iter().any(|regex| search(regex, origin, false)).then_some(credentials)
}

/// `apisix/plugins/cors.lua`, `header_filter`.
pub(super) fn apisix(
    listed: &str,
    regexes: &[String],
    credentials: bool,
    origin: &str,
) -> Option<bool> {
    let is_listed = match listed {
        "*" => return Some(false),
        "**" => true,
        text if text.contains(',') => {
            text.split(',').any(|entry| !entry.is_empty() && entry == origin)
        }
        text => text == origin,
    };
    (is_listed || regexes.iter().any(|regex| search(regex, origin, false))).then_some(credentials)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>: a rule matches if one of its
/// origins and one of its methods do; `*` in an origin is any text.
pub(super) fn s3(rules: &[(Vec<String>, Vec<&str>)], origin: &str, method: &str) -> bool {
    let is_match = |pattern: &String| match pattern.split_once('*') {
        None => pattern == origin,
        Some((start, end)) => {
            origin.len() >= start.len() + end.len()
                && origin.starts_with(start)
                && origin.ends_with(end)
        }
    };
    rules.iter().any(|(origins, methods)| origins.iter().any(is_match) && methods.contains(&method))
}
