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
    /// The Fetch standard forbids pages to set it on a request.
    #[error(
        "pages cannot set this request header (forbidden by the Fetch standard), so that allowing \
         it does nothing"
    )]
    ForbiddenInRequests,
    /// The Fetch standard forbids pages to read it from a response.
    #[error(
        "pages cannot read this response header (forbidden by the Fetch standard), so that \
         exposing it does nothing"
    )]
    ForbiddenInResponses,
    /// It is a response header of the CORS protocol, and `allow_headers` is about requests.
    #[error(
        "a response header of CORS; allow_headers names the headers that pages may put on requests"
    )]
    CorsResponseHeader,
}

impl HeaderNameError {
    /// Advice on what to write instead.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotAToken => {
                "write one name an entry, without a colon, as in [Authorization, Content-Type]"
            }
            Self::ForbiddenInRequests | Self::ForbiddenInResponses => "remove it",
            Self::CorsResponseHeader => "remove it: this module sends it by itself",
        }
        .into()
    }
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

/// Checks one entry of `allow_headers` that is not `*`.
///
/// # Errors
///
/// If pages cannot set the header on a request, or it is not a request header.
pub fn check_request_header(name: &str) -> Result<(), HeaderNameError> {
    if !is_token(name.as_bytes()) {
        Err(HeaderNameError::NotAToken)
    } else if is_one_of(name, &FORBIDDEN_IN_REQUESTS)
        || FORBIDDEN_PREFIXES.iter().any(|prefix| has_prefix(name.as_bytes(), prefix.as_bytes()))
    {
        Err(HeaderNameError::ForbiddenInRequests)
    } else if is_cors_response_header(name.as_bytes()) || is_one_of(name, &["timing-allow-origin"])
    {
        Err(HeaderNameError::CorsResponseHeader)
    } else {
        Ok(())
    }
}

/// Checks one entry of `expose_headers` that is not `*`.
pub(crate) fn check_response_header(name: &str) -> Result<(), HeaderNameError> {
    if !is_token(name.as_bytes()) {
        Err(HeaderNameError::NotAToken)
    } else if is_one_of(name, &FORBIDDEN_IN_RESPONSES) {
        Err(HeaderNameError::ForbiddenInResponses)
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
        }
        for (name, error) in [
            ("", NotAToken),
            ("X-A:", NotAToken),
            ("X-A, X-B", NotAToken),
            ("Überschrift", NotAToken),
            ("Cookie", ForbiddenInRequests),
            ("origin", ForbiddenInRequests),
            ("DNT", ForbiddenInRequests),
            ("Sec-Fetch-Mode", ForbiddenInRequests),
            ("PROXY-Authorization", ForbiddenInRequests),
            ("Access-Control-Request-Method", ForbiddenInRequests),
            ("Access-Control-Allow-Origin", CorsResponseHeader),
            ("access-control-max-age", CorsResponseHeader),
            ("Timing-Allow-Origin", CorsResponseHeader),
        ] {
            assert_eq!(check_request_header(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn which_response_headers_are_refused() {
        for name in ["ETag", "Content-Length", "X-Total-Count", "Set-Cookie-Count"] {
            assert_eq!(check_response_header(name), Ok(()), "{name:?}");
        }
        for (name, error) in [
            ("", NotAToken),
            ("E Tag", NotAToken),
            ("Set-Cookie", ForbiddenInResponses),
            ("SET-COOKIE2", ForbiddenInResponses),
        ] {
            assert_eq!(check_response_header(name), Err(error), "{name:?}");
        }
    }
}
