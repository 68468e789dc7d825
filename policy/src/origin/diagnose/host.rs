//! Mistakes in the host of a pattern.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::expression;
use crate::origin::error::PatternError;
use crate::origin::regex::REGEX_PREFIX;
use crate::origin::suffix::has_registrable_domain;
use crate::origin::syntax::{
    default_port, has_addresses, is_host_length, is_label_byte, is_label_length, unsound_punycode,
    write_ipv6,
};

pub(super) fn ipv6_mistake(
    before: &str,
    address: &str,
    port: &str,
    scheme: &str,
) -> Option<PatternError> {
    if address.contains('*') {
        let replacement = expression::ipv6(address)
            .zip(expression::ports(port, scheme))
            .map(|(address, port)| format!("{REGEX_PREFIX}{before}{address}{port}"));
        return Some(PatternError::StarInAddress { replacement });
    }
    let Ok(parsed) = address.parse() else { return Some(PatternError::InvalidIpv6) };
    let mut canonical = String::new();
    write_ipv6(parsed, &mut canonical).expect("a string takes everything");
    (canonical != address).then(|| PatternError::UncompressedIpv6 {
        replacement: format!("{before}[{canonical}]{port}"),
    })
}

pub(super) fn host_mistake(
    before: &str,
    host: &str,
    port: &str,
    scheme: &str,
) -> Option<PatternError> {
    let replace = |host: &str| format!("{before}{host}{port}");
    if host == "*" {
        return None;
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host.contains("**") {
        let mut single = host.to_owned();
        while single.contains("**") {
            single = single.replace("**", "*");
        }
        return Some(PatternError::AdjacentStars { replacement: replace(&single) });
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
    let may_stand = |c: char| ".*".contains(c) || u8::try_from(c).is_ok_and(is_label_byte);
    if let Some(character) = name.chars().find(|&c| !may_stand(c)) {
        return Some(PatternError::ForbiddenCharacter { character });
    }
    if let Some(label) = name.split('.').find(|label| !is_label_length(label.len())) {
        return Some(PatternError::LabelTooLong { length: label.len() });
    }
    if !is_host_length(host.len()) {
        return Some(PatternError::HostTooLong { length: host.len() });
    }
    if let Some(mistake) = star_mistake(before, host, port, scheme) {
        return Some(mistake);
    }
    if !has_addresses(scheme.as_bytes(), name.as_bytes()) {
        return unsound_punycode(host)
            .map(|label| PatternError::InvalidPunycode { label: label.to_owned() });
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

/// A `*` where none can be.
fn star_mistake(before: &str, host: &str, port: &str, scheme: &str) -> Option<PatternError> {
    if !host.contains('*') {
        return None;
    }
    let ports = || expression::ports(port, scheme);
    if has_addresses(scheme.as_bytes(), b"0") {
        if let Some(quads) = expression::ipv4(host) {
            let replacement = quads
                .zip(ports())
                .map(|(quads, port)| format!("{REGEX_PREFIX}{before}{quads}{port}"));
            return Some(PatternError::StarInAddress { replacement });
        }
    }
    let Some((_, parent)) = host.rsplit_once('*').and_then(|(_, rest)| rest.split_once('.')) else {
        // There is a `*` in the last label.
        let replacement = match host.strip_suffix('*') {
            _ if host.contains('.') => {
                return Some(PatternError::OpenRegistrableDomain { replacement: None });
            }
            Some("localhost") if port.is_empty() => Some(format!("{before}localhost:*")),
            _ => ports()
                .map(|port| format!("{REGEX_PREFIX}{before}{}{port}", expression::label(host))),
        };
        return Some(PatternError::StarInSingleLabel { replacement });
    };
    if host.strip_prefix("*.") == Some(parent) || has_registrable_domain(parent) {
        return None;
    }
    // `*example.com`, which matches `evilexample.com` in other software: all subdomains are meant.
    let replacement = host
        .strip_prefix('*')
        .filter(|name| !name.contains('*') && !name.starts_with(['.', '-', '_']))
        .filter(|name| has_registrable_domain(name))
        .map(|name| format!("{before}*.{name}{port}"));
    Some(PatternError::OpenRegistrableDomain { replacement })
}

/// A mask such as `/24` after an address.
pub(super) fn subnet_mistake(scheme: &str, authority: &str, beyond: &str) -> Option<PatternError> {
    default_port(scheme.as_bytes())?;
    let bits: usize = beyond.strip_prefix('/')?.parse().ok().filter(|&bits| bits <= 128)?;
    if authority.starts_with('[') {
        return Some(PatternError::Subnet { replacement: None });
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let address: Ipv4Addr = host.parse().ok().filter(|_| bits <= 32)?;
    let replacement = match bits {
        32 => Some(format!("{scheme}://{address}{port}")),
        _ => expression::subnet(address, bits)
            .zip(expression::ports(port, scheme))
            .map(|(address, port)| format!("{REGEX_PREFIX}{scheme}://{address}{port}")),
    };
    Some(PatternError::Subnet { replacement })
}

/// An IPv6 address without its second bracket.
pub(super) fn unclosed_ipv6(scheme: &str, address: &str) -> PatternError {
    match address.parse::<Ipv6Addr>() {
        Ok(_) => PatternError::UnbracketedIpv6 { replacement: format!("{scheme}://[{address}]") },
        Err(_) => PatternError::InvalidIpv6,
    }
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
