//! The checks of the standard.

use crate::{Blocked, Credentials, HeaderList, Request, Response, SAFELISTED_METHODS};

/// Response headers that every page can read: <https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name>.
const SAFELISTED_RESPONSE_HEADERS: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// Response headers that no page can read: <https://fetch.spec.whatwg.org/#forbidden-response-header-name>.
const FORBIDDEN_RESPONSE_HEADERS: [&str; 2] = ["set-cookie", "set-cookie2"];

/// Whether a page may read a response: the [CORS check](https://fetch.spec.whatwg.org/#concept-cors-check). The
/// status does not matter.
///
/// # Errors
///
/// The reason why it may not.
pub fn cors_check(request: &Request<'_>, response: &Response) -> Result<(), Blocked> {
    let value =
        response.headers.get("Access-Control-Allow-Origin").ok_or(Blocked::NoAllowOrigin)?;
    if value == b"*" {
        return match request.credentials {
            Credentials::Omit => Ok(()),
            Credentials::Include => Err(Blocked::AnyOriginWithCredentials),
        };
    }
    if value != request.origin.as_bytes() {
        let found = String::from_utf8_lossy(&value).into_owned();
        return Err(if value.iter().any(|byte| b", ".contains(byte)) {
            Blocked::SeveralOrigins(found)
        } else {
            Blocked::OtherOrigin { found, page: request.origin.to_owned() }
        });
    }
    let allows = response.headers.get("Access-Control-Allow-Credentials");
    if request.is_with_credentials() && allows.as_deref() != Some(b"true") {
        return Err(Blocked::NoAllowCredentials);
    }
    Ok(())
}

/// Whether a browser sends a request after this answer to its preflight: step 7 of
/// [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch).
///
/// By the standard, `*` in `Access-Control-Allow-Headers` does not stand for `Authorization`. In Chromium, Firefox and
/// WebKit it does, and here too.
///
/// # Errors
///
/// The reason why it does not.
pub fn preflight_check(request: &Request<'_>, answer: &Response) -> Result<(), Blocked> {
    cors_check(request, answer)?;
    if !answer.is_ok() {
        return Err(Blocked::PreflightStatus(answer.status));
    }
    let methods = tokens(&answer.headers, "Access-Control-Allow-Methods")?;
    let names = tokens(&answer.headers, "Access-Control-Allow-Headers")?;
    let has_any = |list: &[String]| {
        request.credentials == Credentials::Omit && list.iter().any(|item| item == "*")
    };
    let is_allowed = |method: &&str| methods.iter().any(|allowed| allowed == method);
    let method = request.method;
    if !SAFELISTED_METHODS.contains(&method) && !is_allowed(&method) && !has_any(&methods) {
        return Err(Blocked::Method(method.to_owned()));
    }
    let is_listed = |name: &str| names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    match request.headers.iter().find(|name| !is_listed(name)) {
        Some(name) if !has_any(&names) => Err(Blocked::Header(name.clone())),
        _ => Ok(()),
    }
}

fn tokens(headers: &HeaderList, name: &'static str) -> Result<Vec<String>, Blocked> {
    match headers.tokens(name) {
        Ok(tokens) => Ok(tokens.unwrap_or_default()),
        Err(source) => Err(Blocked::InvalidList { name, source }),
    }
}

/// Whether a page gets to read a response. A request that needs a preflight is sent only after its answer.
///
/// # Errors
///
/// The reason why the request is not sent, or the response not readable. A preflight that is needed and missing is
/// one that got no `Access-Control-Allow-Origin`.
pub fn read(
    request: &Request<'_>,
    preflight: Option<&Response>,
    response: &Response,
) -> Result<(), Blocked> {
    if request.needs_preflight() {
        preflight_check(request, preflight.ok_or(Blocked::NoAllowOrigin)?)?;
    }
    cors_check(request, response)
}

/// The headers of a readable response that a page can read: those of a
/// [CORS filtered response](https://fetch.spec.whatwg.org/#concept-filtered-response-cors). Names are in lower case,
/// each once, in the order in which they came.
pub fn readable_headers(request: &Request<'_>, response: &Response) -> Vec<String> {
    let exposed = response.headers.tokens("Access-Control-Expose-Headers");
    // By the standard, a list that is none exposes nothing.
    let exposed = exposed.ok().flatten().unwrap_or_default();
    let has_any =
        request.credentials == Credentials::Omit && exposed.iter().any(|name| name == "*");
    let mut readable: Vec<String> = Vec::new();
    for (name, _) in response.headers.iter() {
        let name = name.to_ascii_lowercase();
        let is_exposed = has_any || exposed.iter().any(|other| other.eq_ignore_ascii_case(&name));
        let is_readable = SAFELISTED_RESPONSE_HEADERS.contains(&&*name)
            || is_exposed && !FORBIDDEN_RESPONSE_HEADERS.contains(&&*name);
        if is_readable && !readable.contains(&name) {
            readable.push(name);
        }
    }
    readable
}

/// Whether exposing a response header, in lower case, makes a difference: it is not one of those that every page
/// can read, nor of those that no page can.
pub fn is_exposable(name: &str) -> bool {
    !SAFELISTED_RESPONSE_HEADERS.contains(&name) && !FORBIDDEN_RESPONSE_HEADERS.contains(&name)
}

#[cfg(test)]
mod tests;
