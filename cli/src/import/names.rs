//! `allow_methods`, `allow_headers` and `expose_headers`.

use std::collections::HashSet;

use cors_policy::headers::{
    HeaderNameError, MethodError, check_method, check_request_header, check_response_header,
    is_forbidden_request_header, is_permission_header,
};

use super::model::{Findings, Names, Place};

/// Methods as `allow_methods` has them. `None` if none is left but those that need no permission.
pub(crate) fn methods<T: AsRef<str>>(
    methods: impl IntoIterator<Item = T>,
    place: &Place,
    findings: &mut Findings,
) -> Option<Names> {
    let mut listed = NameList::default();
    let mut without_effect = NameList::default();
    for method in methods {
        let method = method.as_ref().trim();
        match check_method(method) {
            _ if method.is_empty() => {}
            _ if method == "*" => return Some(Names::ANY),
            _ if method.eq_ignore_ascii_case("OPTIONS") => without_effect.push(method),
            Ok(()) => listed.push(method),
            Err(MethodError::Forbidden) => without_effect.push(method),
            // They need no permission, so that their spelling changes nothing.
            Err(MethodError::Normalized(upper @ ("GET" | "HEAD" | "POST"))) => listed.push(upper),
            Err(MethodError::Normalized(upper) | MethodError::OtherCase(upper)) => {
                findings.widens(
                    place,
                    format!(
                        "the method \"{method}\" is written as {upper}: methods are case-sensitive, so \
                         that it never matched before"
                    ),
                );
                listed.push(upper);
            }
            Err(error) => {
                findings.warn(place, format!("the method \"{method}\" is left out: {error}"));
            }
        }
    }
    if !without_effect.names.is_empty() {
        findings.note(
            place,
            format!(
                "left out of allow_methods, where it has no effect: {}; pages need OPTIONS there only \
                 if they send it themselves",
                without_effect.names.join(", ")
            ),
        );
    }
    (!listed.names.is_empty()).then_some(Names::Listed(listed.names))
}

/// Names of request headers as `allow_headers` has them. `*` is that entry; see [`any_header`] for
/// sources that send the asked names back.
pub(crate) fn request_headers<T: AsRef<str>>(
    names: impl IntoIterator<Item = T>,
    place: &Place,
    findings: &mut Findings,
) -> Names {
    let mut listed = NameList::default();
    let mut unsettable = NameList::default();
    let mut permissions = NameList::default();
    let mut is_any = false;
    for name in names {
        let name = name.as_ref().trim();
        match check_request_header(name) {
            _ if name.is_empty() => {}
            _ if name == "*" => is_any = true,
            _ if is_forbidden_request_header(name) => unsettable.push(name),
            _ if is_permission_header(name) => permissions.push(name),
            Ok(()) => listed.push(name),
            Err(HeaderNameError::StarInside) => findings.warn(
                place,
                format!(
                    "the header \"{name}\" is left out of allow_headers: a name there has no wildcard; \
                     list the names that pages send"
                ),
            ),
            Err(error) => {
                let text = format!("the header \"{name}\" is left out of allow_headers: {error}");
                findings.warn(place, text);
            }
        }
    }
    for (left_out, reason) in [
        (unsettable, "no page can set them"),
        (permissions, "they are headers of responses, which pages have no reason to send"),
    ] {
        if !left_out.names.is_empty() {
            let left_out = left_out.names.join(", ");
            findings.note(place, format!("left out of allow_headers: {left_out}; {reason}"));
        }
    }
    let listed = listed.names;
    match listed.iter().find(|name| name.eq_ignore_ascii_case("authorization")) {
        // The Fetch standard leaves this one out of `*`.
        Some(name) if is_any => Names::Listed(vec!["*".to_owned(), name.clone()]),
        None if is_any => Names::ANY,
        _ => Names::Listed(listed),
    }
}

/// Reports that `*` takes effect with credentials, of a source that sends a literal `*`: browsers take
/// it for a method or a header of that name then.
pub(crate) fn report_star(key: &str, names: &Names, place: &Place, findings: &mut Findings) {
    if *names == Names::ANY {
        findings.widens(
            place,
            format!(
                "`*` for {key} works without credentials only today; here it works with them too: list \
                 the names to be narrower"
            ),
        );
    }
}

/// Every request header, of a source that sends back the names that a preflight asks for. Without
/// credentials a literal `*` would not cover `Authorization` by the Fetch standard.
pub(crate) fn any_header(credentials: bool) -> Names {
    if credentials {
        Names::ANY
    } else {
        Names::Listed(vec!["*".to_owned(), "Authorization".to_owned()])
    }
}

/// Names of response headers as `expose_headers` has them.
pub(crate) fn response_headers<T: AsRef<str>>(
    names: impl IntoIterator<Item = T>,
    credentials: bool,
    place: &Place,
    findings: &mut Findings,
) -> Names {
    let mut listed = NameList::default();
    let mut unreadable = NameList::default();
    let mut is_any = false;
    for name in names {
        let name = name.as_ref().trim();
        match check_response_header(name) {
            _ if name.is_empty() => {}
            _ if name == "*" && credentials => findings.warn(
                place,
                "`*` is left out of expose_headers: with credentials, browsers take it for a header of \
                 that name, so that it does nothing today either",
            ),
            _ if name == "*" => is_any = true,
            Ok(()) => listed.push(name),
            Err(HeaderNameError::ForbiddenInResponses | HeaderNameError::CorsRequestHeader) => {
                unreadable.push(name);
            }
            Err(error) => {
                let text = format!("the header \"{name}\" is left out of expose_headers: {error}");
                findings.warn(place, text);
            }
        }
    }
    if !unreadable.names.is_empty() {
        let unreadable = unreadable.names.join(", ");
        findings.note(
            place,
            format!(
                "left out of expose_headers: {unreadable}; no page can read them from a response"
            ),
        );
    }
    if is_any { Names::ANY } else { Names::Listed(listed.names) }
}

/// Names in the order in which they are added, each once in any case.
#[derive(Default)]
struct NameList {
    names: Vec<String>,
    known: HashSet<String>,
}

impl NameList {
    fn push(&mut self, name: &str) {
        if self.known.insert(name.to_ascii_lowercase()) {
            self.names.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What becomes of names, and the texts of the findings; those that widen begin with `!`.
    fn run<T>(read: impl FnOnce(&Place, &mut Findings) -> T) -> (T, Vec<String>) {
        let place = Place { file: Path::new("a.yaml").into(), line: None };
        let mut findings = Findings::default();
        let read = read(&place, &mut findings);
        let mark = |widens| if widens { "!" } else { "" };
        let texts = findings.iter().map(|f| format!("{}{}", mark(f.widens), f.text)).collect();
        (read, texts)
    }

    fn listed(names: &[&str]) -> Names {
        Names::Listed(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn methods_are_written_as_browsers_send_them() {
        for (given, written, finding) in [
            (&["GET", " PUT ", "", "GET"][..], Some(listed(&["GET", "PUT"])), ""),
            (
                &["get", "OPTIONS", "TRACE", "track"],
                Some(listed(&["GET"])),
                "left out of allow_methods",
            ),
            (&["options"], None, "left out of allow_methods"),
            (&["GET", "*"], Some(Names::ANY), ""),
            (&["delete"], Some(listed(&["DELETE"])), "!the method \"delete\" is written as DELETE"),
            (&["Patch"], Some(listed(&["PATCH"])), "!the method \"Patch\" is written as PATCH"),
            (&["PUT*", "GET"], Some(listed(&["GET"])), "the method \"PUT*\" is left out"),
            (&[], None, ""),
        ] {
            let (methods, findings) = run(|place, findings| methods(given, place, findings));
            assert_eq!(methods, written, "{given:?}");
            assert_eq!(findings.len(), usize::from(!finding.is_empty()), "{given:?}: {findings:?}");
            assert!(findings.iter().all(|text| text.starts_with(finding)), "{findings:?}");
        }
    }

    #[test]
    fn request_headers_are_those_that_pages_can_set() {
        for (given, written, count) in [
            (&["X-A", " x-b", "x-a", ""][..], listed(&["X-A", "x-b"]), 0),
            (&["DNT", "Cookie", "X-A"], listed(&["X-A"]), 1),
            (&["Access-Control-Allow-Origin", "Host"], listed(&[]), 2),
            (&["*", "X-A"], Names::ANY, 0),
            (&["authorization", "*"], listed(&["*", "authorization"]), 0),
            (&["x-amz-*", "a b"], listed(&[]), 2),
        ] {
            let (headers, findings) =
                run(|place, findings| request_headers(given, place, findings));
            assert_eq!(headers, written, "{given:?}");
            assert_eq!(findings.len(), count, "{given:?}: {findings:?}");
        }
    }

    #[test]
    fn response_headers_are_those_that_pages_can_read() {
        for (given, credentials, written, count) in [
            (&["ETag", "etag", "X-A"][..], true, listed(&["ETag", "X-A"]), 0),
            (&["*", "X-A"], false, Names::ANY, 0),
            (&["*", "X-A"], true, listed(&["X-A"]), 1),
            (&["Set-Cookie", "Origin", "X-A"], false, listed(&["X-A"]), 1),
            (&["X-A*"], false, listed(&[]), 1),
        ] {
            let (headers, findings) =
                run(|place, findings| response_headers(given, credentials, place, findings));
            assert_eq!(headers, written, "{given:?}");
            assert_eq!(findings.len(), count, "{given:?}: {findings:?}");
        }
    }
}
