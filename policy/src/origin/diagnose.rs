//! Finding what is wrong with a text that is not a pattern.

mod expression;
mod host;
mod text;

use std::net::Ipv6Addr;

use self::host::{host_mistake, ipv6_mistake};
use self::text::text_mistake;
use super::error::PatternError;
use super::ports::{PortSet, PortSetMistake};
use super::syntax::{default_port, is_never_an_origin, is_no_host, is_scheme, is_scheme_length};
use crate::nearest;

/// Finds the mistake in a text that is neither an origin nor a wildcard pattern.
///
/// Of several mistakes it reports the one that a reader would see first: in the text as a whole,
/// then in the scheme, in parts that an origin does not have, in the port, and in the host.
pub(crate) fn diagnose(text: &str) -> PatternError {
    text_mistake(text)
        .or_else(|| scheme_mistake(text))
        .or_else(|| {
            let (scheme, rest) = text.split_once("://")?;
            extent_mistake(scheme, rest).or_else(|| authority_mistake(scheme, rest))
        })
        // Everything but an address has been checked.
        .unwrap_or(PatternError::InvalidIpv4 { replacement: None })
}

fn scheme_mistake(text: &str) -> Option<PatternError> {
    if text.starts_with("file:") {
        return Some(PatternError::FileScheme);
    }
    if let Some((scheme, rest)) = text.split_once(':') {
        if is_never_an_origin(scheme.as_bytes()) {
            return Some(never_an_origin(scheme, rest));
        }
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        // `https:/a.example`, `//a.example` or `a.example`.
        let (scheme, rest) = match text.split_once([':', '/']) {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
            _ => (None, text),
        };
        if let Some(word) = word_mistake(text) {
            return Some(word);
        }
        let rest = rest.trim_start_matches([':', '/']);
        if rest.is_empty() {
            return Some(PatternError::MissingHost {
                scheme: scheme.unwrap_or("https").to_owned(),
            });
        }
        let local = rest.starts_with("localhost") || rest.starts_with("127.");
        let scheme = scheme.unwrap_or(if local { "http" } else { "https" });
        return Some(PatternError::MissingScheme { replacement: format!("{scheme}://{rest}") });
    };
    if scheme.is_empty() {
        Some(PatternError::MissingScheme { replacement: format!("https://{rest}") })
    } else if !is_scheme(scheme.as_bytes()) {
        Some(PatternError::InvalidScheme {
            scheme: scheme.to_owned(),
            replacement: format!("https://{rest}"),
        })
    } else if !is_scheme_length(scheme.len()) {
        Some(PatternError::SchemeTooLong { length: scheme.len() })
    } else {
        None
    }
}

/// A word that stands for no host: one for every origin, or `null` misspelled.
fn word_mistake(text: &str) -> Option<PatternError> {
    let replacement = match text {
        "all" | "any" => "*",
        "none" | "undefined" => "null",
        _ => nearest(text, ["null"])
            .filter(|_| text.bytes().all(|byte| byte.is_ascii_alphabetic()))?,
    };
    Some(PatternError::Word { replacement: replacement.to_owned() })
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

/// A user name before the host and port, or a path, query or fragment after them.
fn extent_mistake(scheme: &str, rest: &str) -> Option<PatternError> {
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, beyond) = rest.split_at(end);
    let replacement = format!("{scheme}://{authority}");
    let has_no_host = is_no_host(authority.as_bytes(), scheme.as_bytes());
    if authority.is_empty() && !has_no_host {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
    }
    if let Some(mistake) = host::subnet_mistake(scheme, authority, beyond) {
        return Some(mistake);
    }
    match beyond.as_bytes() {
        [] => {
            let (_, replacement) = authority.rsplit_once('@')?;
            Some(PatternError::UserInfo { replacement: format!("{scheme}://{replacement}") })
        }
        b"/" => Some(PatternError::TrailingSlash { replacement }),
        [b'?', ..] => Some(PatternError::Query { replacement }),
        [b'#', ..] => Some(PatternError::Fragment { replacement }),
        [..] => Some(PatternError::Path { replacement }),
    }
}

fn authority_mistake(scheme: &str, authority: &str) -> Option<PatternError> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        let replacement = format!("{scheme}://[{authority}]");
        return Some(PatternError::UnbracketedIpv6 { replacement });
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(address) => match address.find(']') {
            Some(end) => authority.split_at(end + "[]".len()),
            None => return Some(PatternError::InvalidIpv6),
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
    }
    port_mistake(scheme, host, port).or_else(|| {
        let before = format!("{scheme}://");
        match host.strip_prefix('[') {
            Some(address) => ipv6_mistake(&before, address.trim_end_matches(']'), port, scheme),
            None => host_mistake(&before, host, port, scheme),
        }
    })
}

/// A mistake in the port. `port` begins with the colon, unless it is empty.
fn port_mistake(scheme: &str, host: &str, port: &str) -> Option<PatternError> {
    let before = format!("{scheme}://{host}");
    let text = match port.strip_prefix(':') {
        Some("*") => return None,
        Some("") => return Some(PatternError::EmptyPort { replacement: before }),
        Some(text) => text,
        None if port.is_empty() => return None,
        None => return Some(PatternError::InvalidPort { port: port.to_owned() }),
    };
    if let Some(set) = PortSet::parse(text, scheme) {
        return set.err().map(|mistake| port_set_mistake(&before, mistake));
    }
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse());
    match number {
        Some(Ok(port)) if Some(port) == default_port(scheme.as_bytes()) => {
            Some(PatternError::DefaultPort { port, replacement: before })
        }
        Some(Ok(1..)) if !text.starts_with('0') => None,
        Some(Ok(port @ 1..)) => {
            Some(PatternError::PortWithLeadingZeros { replacement: format!("{before}:{port}") })
        }
        _ => Some(PatternError::InvalidPort { port: text.to_owned() }),
    }
}

fn port_set_mistake(before: &str, mistake: PortSetMistake) -> PatternError {
    let replace = |ports: String| format!("{before}:{ports}");
    match mistake {
        PortSetMistake::Empty => PatternError::EmptyPortList,
        PortSetMistake::TooMany { count } => PatternError::TooManyPorts { count },
        PortSetMistake::Invalid { entry } => PatternError::InvalidPort { port: entry },
        PortSetMistake::LeadingZeros { replacement } => {
            PatternError::PortWithLeadingZeros { replacement: replace(replacement) }
        }
        PortSetMistake::EmptyRange { replacement } => {
            PatternError::EmptyPortRange { replacement: replace(replacement) }
        }
        PortSetMistake::Duplicate { port, replacement } => {
            PatternError::DuplicatePort { port, replacement: replace(replacement) }
        }
    }
}
