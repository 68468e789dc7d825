//! Finding what is wrong with a text that is not a pattern.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::PatternError;
use super::regex::REGEX_PREFIX;
use super::syntax::{
    default_port, has_addresses, is_host_length, is_label_byte, is_label_length, is_scheme,
    is_scheme_length, write_ipv6,
};

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

fn text_mistake(text: &str) -> Option<PatternError> {
    let entries = |separator: &dyn Fn(char) -> bool| -> Vec<String> {
        text.split(separator).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    };
    let is_separator = |c: char| c.is_whitespace() || c == ',' || c == ';';
    if text.is_empty() {
        Some(PatternError::Empty)
    } else if let Some(character) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        Some(PatternError::ForbiddenCharacter { character })
    } else if looks_like_regex(text) {
        let expression = text.trim_start_matches(['~', '*', '/']).trim().trim_start_matches('^');
        let expression = expression.trim_end_matches('/').trim_end_matches('$');
        Some(PatternError::UnmarkedRegex { replacement: format!("{REGEX_PREFIX}{expression}") })
    } else if text.contains([',', ';']) {
        match entries(&is_separator) {
            entries if entries.is_empty() => Some(PatternError::Empty),
            entries => Some(PatternError::List { entries }),
        }
    } else if text.contains(char::is_whitespace) {
        match entries(&char::is_whitespace) {
            entries if entries.is_empty() => Some(PatternError::Empty),
            entries => Some(PatternError::Whitespace { entries }),
        }
    } else if !text.is_ascii() {
        Some(PatternError::NonAscii { replacement: to_ascii(text) })
    } else if text.contains(|c: char| c.is_ascii_uppercase()) {
        Some(PatternError::UpperCase { replacement: text.to_ascii_lowercase() })
    } else {
        None
    }
}

/// Whether this is a regular expression as an nginx `map` or a program writes it, without our
/// prefix.
fn looks_like_regex(text: &str) -> bool {
    text.starts_with(['~', '^'])
        || text.starts_with("/^")
        || text.ends_with('$')
        || text.contains(r"\.")
        || text.contains("(?")
}

/// The text with its host in punycode, the form that goes over the network.
fn to_ascii(text: &str) -> Option<String> {
    let (before, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let end = rest.find([':', '/', '?', '#']).unwrap_or(rest.len());
    let host = idna::domain_to_ascii(&rest[..end]).ok()?;
    let ascii = format!("{before}{host}{}", &rest[end..]);
    ascii.is_ascii().then_some(ascii)
}

fn scheme_mistake(text: &str) -> Option<PatternError> {
    if text.starts_with("file:") {
        return Some(PatternError::FileScheme);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        // `https:/a.example`, `//a.example` or `a.example`.
        let (scheme, rest) = match text.split_once([':', '/']) {
            Some((scheme @ ("http" | "https" | "ws" | "wss"), rest)) => (Some(scheme), rest),
            _ => (None, text),
        };
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

/// A user name before the host and port, or a path, query or fragment after them.
fn extent_mistake(scheme: &str, rest: &str) -> Option<PatternError> {
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, beyond) = rest.split_at(end);
    let replacement = format!("{scheme}://{authority}");
    if authority.is_empty() {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
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
    let host_end = match authority.strip_prefix('[') {
        Some(address) => match address.find(']') {
            Some(end) => end + "[]".len(),
            None => return Some(PatternError::InvalidIpv6),
        },
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if host.is_empty() {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
    }
    port_mistake(scheme, host, port).or_else(|| {
        let before = format!("{scheme}://");
        match host.strip_prefix('[') {
            Some(address) => ipv6_mistake(&before, address.trim_end_matches(']'), port),
            None => host_mistake(&before, host, port, scheme),
        }
    })
}

/// A mistake in the port. `port` begins with the colon, unless it is empty.
fn port_mistake(scheme: &str, host: &str, port: &str) -> Option<PatternError> {
    let before = format!("{scheme}://{host}");
    let digits = match port.strip_prefix(':') {
        Some("*") => return None,
        Some("") => return Some(PatternError::EmptyPort { replacement: before }),
        Some(digits) => digits,
        None if port.is_empty() => return None,
        None => return Some(PatternError::InvalidPort { port: port.to_owned() }),
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse());
    match number {
        Some(Ok(port)) if Some(port) == default_port(scheme.as_bytes()) => {
            Some(PatternError::DefaultPort { port, replacement: before })
        }
        Some(Ok(1..)) if !digits.starts_with('0') => None,
        Some(Ok(port @ 1..)) => {
            Some(PatternError::PortWithLeadingZeros { replacement: format!("{before}:{port}") })
        }
        _ => Some(PatternError::InvalidPort { port: digits.to_owned() }),
    }
}

fn ipv6_mistake(before: &str, address: &str, port: &str) -> Option<PatternError> {
    let Ok(parsed) = address.parse() else { return Some(PatternError::InvalidIpv6) };
    let mut canonical = String::new();
    write_ipv6(parsed, &mut canonical).expect("a string takes everything");
    (canonical != address).then(|| PatternError::UncompressedIpv6 {
        replacement: format!("{before}[{canonical}]{port}"),
    })
}

fn host_mistake(before: &str, host: &str, port: &str, scheme: &str) -> Option<PatternError> {
    let replace = |host: &str| format!("{before}{host}{port}");
    if host == "*" {
        return None;
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if name.contains('*') {
        return Some(PatternError::MisplacedWildcard {
            replacement: wildcard_replacement(host).map(|host| replace(&host)),
        });
    }
    if let Some(name) = host.strip_suffix('.') {
        return Some(match name.trim_end_matches(['.', '*']) {
            "" => PatternError::MissingHost { scheme: scheme.to_owned() },
            _ => PatternError::TrailingDot { replacement: replace(name) },
        });
    }
    if name.split('.').any(str::is_empty) {
        let labels: Vec<_> = host.split('.').filter(|label| !label.is_empty()).collect();
        let labels = labels.join(".");
        // In other software a leading dot means all subdomains.
        let host = if host.starts_with('.') { format!("*.{labels}") } else { labels };
        return Some(PatternError::EmptyLabel { replacement: replace(&host) });
    }
    let forbidden = |c: &char| !(c.is_ascii() && is_label_byte(*c as u8)) && *c != '.';
    if let Some(character) = name.chars().find(forbidden) {
        return Some(PatternError::ForbiddenCharacter { character });
    }
    if let Some(label) = name.split('.').find(|label| !is_label_length(label.len())) {
        return Some(PatternError::LabelTooLong { length: label.len() });
    }
    if !is_host_length(host.len()) {
        return Some(PatternError::HostTooLong { length: host.len() });
    }
    if !has_addresses(scheme.as_bytes(), name.as_bytes()) {
        return None;
    }
    let address = parse_ipv4(name);
    if name.len() < host.len() && address.is_some() {
        return Some(PatternError::WildcardBelowAddress { replacement: replace(name) });
    }
    let canonical = address.map(|address| address.to_string());
    (canonical.as_deref() != Some(host)).then(|| PatternError::InvalidIpv4 {
        replacement: canonical.map(|address| replace(&address)),
    })
}

/// The pattern for all subdomains that is nearest to a host with a misplaced `*`.
fn wildcard_replacement(host: &str) -> Option<String> {
    let (before, after) = host.rsplit_once('*')?;
    let parent = match after.split_once('.') {
        // `*example.com`: the one that matched `evilexample.com` wherever it was allowed.
        Some((label, _)) if !label.is_empty() && before.chars().all(|c| c == '*') => after,
        Some((_, parent)) => parent,
        None => return None,
    };
    (!parent.is_empty()).then(|| format!("*.{parent}"))
}

/// The URL standard's [IPv4 parser](https://url.spec.whatwg.org/#concept-ipv4-parser): one to four
/// decimal, octal or hexadecimal numbers.
fn parse_ipv4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u64> = host
        .split('.')
        .map(|number| match number.strip_prefix("0x") {
            Some("") => Some(0),
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None if number.len() > 1 && number.starts_with('0') => {
                u64::from_str_radix(number, 8).ok()
            }
            None => number.parse().ok(),
        })
        .collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|&number| number > 255) {
        return None;
    }
    let rest_bits = 8 * (4 - first.len());
    if last.checked_shr(rest_bits as u32).unwrap_or(0) != 0 {
        return None;
    }
    let high = first.iter().fold(0, |high, number| high << 8 | number);
    u32::try_from(high << rest_bits | last).ok().map(Ipv4Addr::from)
}
