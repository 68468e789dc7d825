//! Regular expressions that say what a `*` in a pattern cannot.
//!
//! An expression is consulted for well-formed origins only. So it need not say which numbers an address
//! or a port may have.

use std::net::Ipv4Addr;

use crate::origin::ports::PortSet;
use crate::origin::syntax::default_port;

/// A `*` of a label: one or more of its bytes.
const LABEL: &str = "[a-z0-9_-]+";
/// A `*` of a decimal number in an IPv4 address.
const OCTET: &str = "[0-9]{1,3}";

/// The ports that an advised expression may spell out.
const MAX_SPELLED_OUT: usize = PortSet::MAX_ENTRIES;

/// A label with `*`, or an address without, as an expression.
pub(super) fn label(label: &str) -> String {
    label.replace('*', LABEL)
}

/// An IPv4 address in which a `*` stands for an octet or for digits of one, as an expression. A `*` at
/// the end stands for all octets that are missing.
///
/// `None` if this is not such an address, and `Some(None)` if no expression says what it means.
pub(super) fn ipv4(host: &str) -> Option<Option<String>> {
    let is_octet = |label: &&str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
    };
    let labels: Vec<&str> = host.split('.').collect();
    let is_number = |label: &&str| label.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = labels.iter().copied().filter(is_number);
    let ends = labels.last().is_some_and(|&last| last == "*");
    // `*.127.0.0.1` has one label too many, and no `*` stands for a part of the address.
    let is_address = labels.iter().all(is_octet)
        && labels.iter().any(is_number)
        && (ends || labels.len() == 4 || labels.last().is_some_and(|last| last.contains('*')));
    if !is_address {
        return None;
    }
    let missing = match labels.len() {
        4 => 0,
        1..4 if ends => 4 - labels.len(),
        _ => return Some(None),
    };
    if numbers
        .clone()
        .any(|number| number.parse::<u8>().is_err() || number.len() > 1 && number.starts_with('0'))
    {
        return Some(None);
    }
    let mut expression = labels.join("\\.").replace('*', OCTET);
    if missing > 0 {
        expression.push_str(&format!("(\\.{OCTET}){{{missing}}}"));
    }
    Some(Some(expression))
}

/// The addresses of a subnet, as an expression: whole octets, and at most 16 spelled out where the mask
/// ends within one. `None` if there would be more, or if the subnet is every address.
pub(super) fn subnet(address: Ipv4Addr, bits: usize) -> Option<String> {
    const MAX_OCTETS: u8 = 16;
    let octets = address.octets();
    let (whole, part) = (bits / 8, bits % 8);
    if bits == 0 || whole >= octets.len() {
        return None;
    }
    let mut parts: Vec<String> = octets[..whole].iter().map(u8::to_string).collect();
    if part > 0 {
        let last = u8::MAX >> part;
        let first = octets[whole] & !last;
        if last >= MAX_OCTETS {
            return None;
        }
        let spelled: Vec<String> = (first..=first + last).map(|octet| octet.to_string()).collect();
        parts.push(format!("({})", spelled.join("|")));
    }
    parts.resize(octets.len(), OCTET.to_owned());
    Some(parts.join("\\."))
}

/// An IPv6 address in which each `*` stands for digits of a group, as an expression. After a final
/// colon it stands for all groups that follow.
pub(super) fn ipv6(address: &str) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'*');
    if !address.bytes().all(is_part) || address.bytes().all(|byte| byte == b'*') {
        return None;
    }
    let (address, rest) = match address.strip_suffix(":*") {
        Some(address) => (address, ":[0-9a-f:]+"),
        None => (address, ""),
    };
    Some(format!("\\[{}{rest}\\]", address.replace('*', "[0-9a-f]+")))
}

/// A port with its colon, or nothing, as an expression. `None` if there are too many to spell out, or
/// the port has mistakes.
pub(super) fn ports(port: &str, scheme: &str) -> Option<String> {
    let Some(text) = port.strip_prefix(':') else { return Some(String::new()) };
    if text == "*" {
        return Some("(:[0-9]+)?".to_owned());
    }
    let Some(set) = PortSet::parse(text, scheme) else { return Some(port.to_owned()) };
    let ports = set.ok()?.ranges().flatten().take(MAX_SPELLED_OUT + 1).collect::<Vec<u16>>();
    if ports.len() > MAX_SPELLED_OUT {
        return None;
    }
    let default = default_port(scheme.as_bytes());
    let is_optional = ports.iter().any(|&port| Some(port) == default);
    let spelled: Vec<String> =
        ports.iter().filter(|&&port| Some(port) != default).map(u16::to_string).collect();
    match (&spelled[..], is_optional) {
        ([], _) => Some(String::new()),
        (spelled, true) => Some(format!("(:({}))?", spelled.join("|"))),
        (spelled, false) => Some(format!(":({})", spelled.join("|"))),
    }
}
