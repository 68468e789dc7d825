//! The header names that `allow_headers` and `expose_headers` may list.

use thiserror::Error;

use crate::token::is_token;

/// [Forbidden request-headers](https://fetch.spec.whatwg.org/#forbidden-request-header): no page
/// can set them.
const FORBIDDEN_IN_REQUESTS: [&str; 22] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Prefixes of forbidden request-headers.
const FORBIDDEN_PREFIXES: [&str; 2] = ["proxy-", "sec-"];

/// [Forbidden response-header names](https://fetch.spec.whatwg.org/#forbidden-response-header-name):
/// no page can read them, exposed or not.
const FORBIDDEN_IN_RESPONSES: [&str; 2] = ["set-cookie", "set-cookie2"];

/// The reason why an entry cannot be in `allow_headers` or `expose_headers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderNameError {
    /// It is not a token (RFC 9110, section 5.1).
    #[error("not a header name: header names are letters, digits and !#$%&'*+-.^_`|~")]
    NotAToken,
    /// `*` is a part of it. Only an entry that is `*` as a whole is a wildcard
    /// ([HTTP new-header syntax](https://fetch.spec.whatwg.org/#http-new-header-syntax)).
    #[error("`*` inside a header name is an ordinary character, not a wildcard")]
    StarInside,
    /// The Fetch standard forbids pages to read it from a response.
    #[error(
        "pages cannot read this response header (forbidden by the Fetch standard), so that \
         exposing it does nothing"
    )]
    ForbiddenInResponses,
    /// It is a header of CORS requests, and `expose_headers` is about responses.
    #[error(
        "a header of requests; expose_headers names the response headers that pages may read, so \
         that exposing it does nothing"
    )]
    CorsRequestHeader,
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

fn has_prefix(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a response header of this name belongs to the CORS protocol
/// ([HTTP responses](https://fetch.spec.whatwg.org/#http-responses)).
///
/// `Timing-Allow-Origin` has no such name; it belongs to another standard.
pub fn is_cors_response_header(name: &[u8]) -> bool {
    has_prefix(name, b"access-control-")
}

/// Whether pages cannot set a request header of this name
/// ([forbidden request-header](https://fetch.spec.whatwg.org/#forbidden-request-header)).
///
/// A header that is forbidden only with some values is not among them.
pub fn is_forbidden_request_header(name: &str) -> bool {
    is_one_of(name, &FORBIDDEN_IN_REQUESTS)
        || FORBIDDEN_PREFIXES.iter().any(|prefix| has_prefix(name.as_bytes(), prefix.as_bytes()))
}

/// Whether a name that pages can set belongs to a response header, by which a server permits
/// something. The Fetch standard does not forbid it in a request, where it means nothing.
pub fn is_permission_header(name: &str) -> bool {
    !is_forbidden_request_header(name)
        && (is_cors_response_header(name.as_bytes()) || is_one_of(name, &["timing-allow-origin"]))
}

fn check_name(name: &str) -> Result<(), HeaderNameError> {
    if !is_token(name.as_bytes()) {
        Err(HeaderNameError::NotAToken)
    } else if name.contains('*') {
        Err(HeaderNameError::StarInside)
    } else {
        Ok(())
    }
}

/// Checks one entry of `allow_headers` that is not `*`.
///
/// # Errors
///
/// If no page can mean it: it is not a header name, or has `*` inside.
pub fn check_request_header(name: &str) -> Result<(), HeaderNameError> {
    check_name(name)
}

/// Checks one entry of `expose_headers` that is not `*`.
///
/// # Errors
///
/// If no page can read it: it is not a header name, has `*` inside, or is a header of requests or
/// cookies.
pub fn check_response_header(name: &str) -> Result<(), HeaderNameError> {
    check_name(name)?;
    if is_one_of(name, &FORBIDDEN_IN_RESPONSES) {
        Err(HeaderNameError::ForbiddenInResponses)
    } else if is_one_of(name, &["origin"])
        || has_prefix(name.as_bytes(), b"access-control-request-")
    {
        Err(HeaderNameError::CorsRequestHeader)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HeaderNameError::*;

    #[test]
    fn which_request_headers_are_refused() {
        for name in [
            "Authorization",
            "content-type",
            "Accept",
            "X-Requested-With",
            "If-Match",
            "User-Agent",
            "X-HTTP-Method-Override",
            "Section",
            "proxy",
            "_a",
        ] {
            assert_eq!(check_request_header(name), Ok(()), "{name:?}");
            assert!(!is_forbidden_request_header(name), "{name:?}");
            assert!(!is_permission_header(name), "{name:?}");
        }
        for (name, error) in [
            ("", NotAToken),
            ("X-A:", NotAToken),
            ("X-A, X-B", NotAToken),
            ("Überschrift", NotAToken),
            ("X-Company-*", StarInside),
            ("*-Id", StarInside),
            ("X-*-Id", StarInside),
            ("**", StarInside),
            ("Sec-*", StarInside),
        ] {
            assert_eq!(check_request_header(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn which_request_headers_have_no_effect() {
        for name in [
            "Accept-Charset",
            "Accept-Encoding",
            "Access-Control-Request-Headers",
            "Access-Control-Request-Method",
            "Access-Control-Request-Private-Network",
            "Connection",
            "Content-Length",
            "Cookie",
            "Cookie2",
            "Date",
            "DNT",
            "Expect",
            "Host",
            "Keep-Alive",
            "origin",
            "Referer",
            "Set-Cookie",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Via",
            "Sec-Fetch-Mode",
            "sec-",
            "PROXY-Authorization",
        ] {
            assert_eq!(check_request_header(name), Ok(()), "{name:?}");
            assert!(is_forbidden_request_header(name), "{name:?}");
            assert!(!is_permission_header(name), "{name:?}");
        }
        for name in ["Access-Control-Allow-Origin", "access-control-max-age", "Timing-Allow-Origin"]
        {
            assert_eq!(check_request_header(name), Ok(()), "{name:?}");
            assert!(!is_forbidden_request_header(name), "{name:?}");
            assert!(is_permission_header(name), "{name:?}");
        }
    }

    #[test]
    fn which_response_headers_are_refused() {
        for name in ["ETag", "Content-Length", "X-Total-Count", "Set-Cookie-Count", "X-Origin"] {
            assert_eq!(check_response_header(name), Ok(()), "{name:?}");
        }
        for (name, error) in [
            ("", NotAToken),
            ("E Tag", NotAToken),
            ("Set-Cookie", ForbiddenInResponses),
            ("SET-COOKIE2", ForbiddenInResponses),
            ("x-amz-meta-*", StarInside),
            ("Origin", CorsRequestHeader),
            ("Access-Control-Request-Method", CorsRequestHeader),
            ("access-control-request-headers", CorsRequestHeader),
            ("Access-Control-Request-Private-Network", CorsRequestHeader),
        ] {
            assert_eq!(check_response_header(name), Err(error), "{name:?}");
        }
    }
}
