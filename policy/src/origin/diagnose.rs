//! Finding what is wrong with a text that is not a pattern.

mod expression;
mod host;
mod scheme;
mod text;
mod unmarked;
mod word;

use std::net::Ipv6Addr;

use self::host::{host_mistake, ipv6_mistake};
use self::scheme::scheme_mistake;
use self::text::text_mistake;
use super::error::PatternError;
use super::ports::{PortSet, PortSetMistake};
use super::syntax::{default_port, is_no_host};

pub(super) use self::unmarked::regex as narrowed;

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

/// A user name before the host and port, or a path, query or fragment after them.
fn extent_mistake(scheme: &str, rest: &str) -> Option<PatternError> {
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, beyond) = rest.split_at(end);
    let replacement = format!("{scheme}://{authority}");
    if !beyond.is_empty() && is_no_host(authority.as_bytes(), scheme.as_bytes()) {
        // An origin without a host, such as `app://`.
    } else if authority.is_empty() {
        return Some(missing_host(scheme, beyond));
    }
    if let Some(mistake) = host::subnet_mistake(scheme, authority, beyond) {
        return Some(mistake);
    }
    let is_any_host = authority.split(':').next() == Some("*");
    if is_any_host && !beyond.trim_matches(['/', '*']).is_empty() {
        // Without the rest, every host would match.
        let character = beyond.chars().next()?;
        return Some(PatternError::ForbiddenCharacter { character });
    }
    match beyond.as_bytes() {
        [] => {
            let (_, replacement) = authority.rsplit_once('@')?;
            Some(PatternError::UserInfo { replacement: format!("{scheme}://{replacement}") })
        }
        b"/" => Some(PatternError::TrailingSlash { replacement }),
        // `https://a.example/:8443`
        [b'/', port @ ..] if port.starts_with(b":") => {
            let port = beyond.trim_start_matches('/');
            Some(PatternError::Path { replacement: replacement + port })
        }
        [b'?', ..] => Some(PatternError::Query { replacement }),
        [b'#', ..] => Some(PatternError::Fragment { replacement }),
        [..] => Some(PatternError::Path { replacement }),
    }
}

/// No host before a path. With more than two slashes in front of it, the path is the host, as the URL
/// standard reads it for the schemes of the web.
fn missing_host(scheme: &str, beyond: &str) -> PatternError {
    let host = beyond.trim_start_matches(['/', '\\']);
    if default_port(scheme.as_bytes()).is_some() && !host.is_empty() && host.len() < beyond.len() {
        PatternError::ExtraSlashes { replacement: format!("{scheme}://{host}") }
    } else {
        PatternError::MissingHost { scheme: scheme.to_owned() }
    }
}

fn authority_mistake(scheme: &str, authority: &str) -> Option<PatternError> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        let loopback = authority.strip_prefix("::1:").filter(|port| port.parse::<u16>().is_ok());
        let replacement = match loopback {
            Some(port) => format!("{scheme}://[::1]:{port}"),
            None => format!("{scheme}://[{authority}]"),
        };
        return Some(PatternError::UnbracketedIpv6 { replacement });
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(address) => match address.find(']') {
            Some(end) => authority.split_at(end + "[]".len()),
            None => return Some(host::unclosed_ipv6(scheme, address)),
        },
        None if authority
            .strip_suffix(']')
            .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok()) =>
        {
            let replacement = format!("{scheme}://[{authority}");
            return Some(PatternError::UnbracketedIpv6 { replacement });
        }
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
