//! Mistakes in the scheme of a pattern, or in place of it.

use std::net::Ipv6Addr;

use super::word;
use crate::origin::error::PatternError;
use crate::origin::syntax::{is_never_an_origin, is_no_host, is_scheme, is_scheme_length};

pub(super) fn scheme_mistake(text: &str) -> Option<PatternError> {
    if text.starts_with("file:") {
        return Some(PatternError::FileScheme);
    }
    if let Some((scheme, rest)) = text.split_once(':') {
        if is_never_an_origin(scheme.as_bytes()) {
            return Some(never_an_origin(scheme, rest));
        }
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Some(no_scheme(text)) };
    if scheme.is_empty() {
        Some(PatternError::MissingScheme { replacement: format!("https://{rest}") })
    } else if !is_scheme(scheme.as_bytes()) {
        if let Some((_, scheme @ ("http" | "https"))) = scheme.rsplit_once([':', '/']) {
            return Some(PatternError::DoubledScheme { replacement: format!("{scheme}://{rest}") });
        }
        let replacements = vec![format!("https://{rest}")];
        Some(PatternError::InvalidScheme { scheme: scheme.to_owned(), replacements })
    } else if !is_scheme_length(scheme.len()) {
        Some(PatternError::SchemeTooLong { length: scheme.len() })
    } else {
        doubled_scheme(rest)
    }
}

/// `https:/a.example`, `//a.example` or `a.example`.
fn no_scheme(text: &str) -> PatternError {
    if text.starts_with('/') && !text.starts_with("//") {
        // A path.
        return PatternError::MissingHost { scheme: "https".to_owned() };
    }
    // A host would have a dot.
    let scheme = text.strip_suffix(":/").or_else(|| text.strip_suffix(':'));
    let no_host = |scheme: &&str| !scheme.contains('.') && *scheme != "localhost";
    if let Some(scheme) = scheme.filter(no_host).filter(|it| is_no_host(b"", it.as_bytes())) {
        return PatternError::MissingSlashes { replacement: format!("{scheme}://") };
    }
    let is_address = text.parse::<Ipv6Addr>().is_ok();
    let (scheme, rest) = match text.split_once([':', '/', '\\']) {
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
        _ => (None, text),
    };
    if let Some(word) = word::null(text) {
        return word;
    }
    let rest = if is_address { rest } else { rest.trim_start_matches([':', '/', '\\']) };
    if rest.is_empty() {
        return PatternError::MissingHost { scheme: scheme.unwrap_or("https").to_owned() };
    }
    let local = ["localhost", "127.", "[::1]"].iter().any(|host| rest.starts_with(host))
        || rest == "::1"
        || rest.starts_with("::1:");
    let scheme = scheme.unwrap_or(if local { "http" } else { "https" });
    PatternError::MissingScheme { replacement: format!("{scheme}://{rest}") }
}

/// A scheme of the web after the scheme, as in `https://https://a.example`. A host of this name has no
/// two slashes behind it.
fn doubled_scheme(rest: &str) -> Option<PatternError> {
    let (before, host) = rest.split_once("://").or_else(|| rest.split_once("//"))?;
    let scheme = before.rsplit('@').next().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    Some(PatternError::DoubledScheme { replacement: format!("{scheme}://{host}") })
}

/// Whether the text is a URL of a scheme without hosts, which may hold anything.
pub(super) fn is_opaque(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    matches!(scheme, Some("data" | "javascript" | "about"))
}

/// A text before `://` that means `https` as well as `http`.
pub(super) fn scheme_alternatives(text: &str) -> Option<PatternError> {
    // `http*` alone is any host.
    let (scheme, rest) = text.split_once("://").unwrap_or((text, "*"));
    if scheme == text && !matches!(text, "http*" | "https*") {
        return None;
    }
    let meaning = scheme.to_ascii_lowercase();
    let is_both = match meaning.trim_matches(['(', ')', '[', ']', '{', '}']) {
        "*" | "http*" | "https*" | "*http*" | "https?" | "http(s" | "http(s)?" | "http[s"
        | "http[s]?" => true,
        pair => pair
            .split_once(['|', ','])
            .is_some_and(|pair| matches!(pair, ("http", "https") | ("https", "http"))),
    };
    // Braces are written out like those of a host, and in a list each entry has its scheme.
    if !is_both || meaning.starts_with('{') || rest.contains("://") {
        return None;
    }
    let replacements = ["https", "http"].map(|scheme| format!("{scheme}://{rest}")).to_vec();
    Some(PatternError::InvalidScheme { scheme: scheme.to_owned(), replacements })
}

/// The origin of the page that has such a URL, if the URL tells it.
fn never_an_origin(scheme: &str, rest: &str) -> PatternError {
    let replacement = match scheme {
        "ws" => Some(format!("http:{rest}")),
        "wss" => Some(format!("https:{rest}")),
        // URL standard, https://url.spec.whatwg.org/#origin
        "blob" if rest.contains("://") => Some(rest.to_owned()),
        _ => None,
    };
    PatternError::NeverAnOrigin { scheme: scheme.to_owned(), replacement }
}
