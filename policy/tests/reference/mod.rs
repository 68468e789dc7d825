//! The meaning of origins and patterns, in plain string code that shares nothing with the crate.

/// Whether the text is exactly one well-formed tuple origin.
pub(crate) fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    if text == "file://" {
        return true;
    }
    let valid_scheme = scheme.len() <= 64
        && !["file", "ws", "wss", "data", "javascript", "blob", "about"].contains(&scheme)
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| "abcdefghijklmnopqrstuvwxyz0123456789+-.".contains(c));
    let (host, port) = if rest.starts_with('[') {
        match rest.find(']') {
            Some(end) => (&rest[..=end], &rest[end + 1..]),
            None => return false,
        }
    } else {
        match rest.find(':') {
            Some(colon) => (&rest[..colon], &rest[colon..]),
            None => (rest, ""),
        }
    };
    if rest.is_empty() || rest == "." {
        return valid_scheme && !["http", "https", "ftp"].contains(&scheme);
    }
    valid_scheme && is_host(host, scheme) && is_port(port, scheme) && text.len() <= 326
}

/// With the colon, or empty.
fn is_port(port: &str, scheme: &str) -> bool {
    if port.is_empty() {
        return true;
    }
    let default = match scheme {
        "http" | "ws" => "80",
        "https" | "wss" => "443",
        "ftp" => "21",
        _ => "",
    };
    let Some(port) = port.strip_prefix(':') else { return false };
    let Ok(number) = port.parse::<u32>() else { return false };
    (1..=65535).contains(&number) && number.to_string() == port && port != default
}

fn is_host(host: &str, scheme: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse().is_ok_and(|parsed| compress(parsed) == address);
    }
    let labels: Vec<&str> = host.split('.').collect();
    let valid_labels = labels.iter().all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| "abcdefghijklmnopqrstuvwxyz0123456789-_".contains(c))
    });
    if !valid_labels || host.len() > 253 {
        return false;
    }
    let last = labels[labels.len() - 1];
    let is_number = last.chars().all(|c| c.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
    if is_number && ["http", "https", "ws", "wss", "ftp"].contains(&scheme) {
        let is_octet = |label: &&str| {
            label.parse::<u32>().is_ok_and(|octet| octet < 256 && octet.to_string() == **label)
        };
        return labels.len() == 4 && labels.iter().all(is_octet);
    }
    true
}

/// RFC 5952, section 4, without the dotted quad of section 5.
fn compress(address: std::net::Ipv6Addr) -> String {
    let groups: Vec<String> =
        address.segments().iter().map(|segment| format!("{segment:x}")).collect();
    for length in (2..=8).rev() {
        for start in 0..=8 - length {
            if groups[start..start + length].iter().all(|group| group == "0") {
                return format!(
                    "{}::{}",
                    groups[..start].join(":"),
                    groups[start + length..].join(":")
                );
            }
        }
    }
    groups.join(":")
}

/// Whether a pattern other than a regular expression matches a value of the `Origin` header.
pub(crate) fn accepts(pattern: &str, origin: &[u8]) -> bool {
    if pattern == "*" {
        return true;
    }
    if pattern == "null" || is_origin(pattern) {
        return pattern.as_bytes() == origin;
    }
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    if !is_origin(origin) {
        return false;
    }
    let (pattern_scheme, pattern_rest) = pattern.split_once("://").unwrap();
    let (scheme, rest) = origin.split_once("://").unwrap();
    if scheme != pattern_scheme || rest.is_empty() || rest == "." {
        return false;
    }
    let (pattern_host, pattern_port) = host_and_port(pattern_rest);
    let (host, port) = host_and_port(rest);
    let host_matches = match pattern_host {
        "*" => true,
        _ => make_up_host(pattern_host, host, true),
    };
    host_matches && port_matches(pattern_port, port, scheme)
}

/// Whether a host is one with something in place of each `*` of a pattern.
fn make_up_host(pattern: &str, host: &str, is_first: bool) -> bool {
    let Some(first) = pattern.chars().next() else { return host.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    if first != '*' {
        return host.strip_prefix(first).is_some_and(|host| make_up_host(rest, host, false));
    }
    let is_deep = is_first && rest.starts_with('.');
    let stands_for = |text: &str| is_deep || text.chars().all(|c| c != '.');
    (1..=host.len())
        .any(|length| stands_for(&host[..length]) && make_up_host(rest, &host[length..], false))
}

/// Whether a port, with its colon or empty, is among those of a pattern.
fn port_matches(pattern: &str, port: &str, scheme: &str) -> bool {
    if pattern == port || pattern == ":*" {
        return true;
    }
    let list = pattern.trim_start_matches(':');
    if !list.contains(['[', '-']) {
        return false;
    }
    let default = match scheme {
        "http" => "80",
        "https" => "443",
        "ftp" => "21",
        _ => "",
    };
    let port = if port.is_empty() { default } else { &port[1..] };
    let Ok(number) = port.parse::<u32>() else { return false };
    list.trim_start_matches('[').trim_end_matches(']').split(',').any(|entry| {
        let (from, to) = entry.split_once('-').unwrap_or((entry, entry));
        (from.parse().unwrap()..=to.parse().unwrap()).contains(&number)
    })
}

fn host_and_port(rest: &str) -> (&str, &str) {
    // The brackets of an IPv6 address have no colon before them.
    let start = if rest.starts_with('[') { rest.find(']').unwrap_or(0) } else { 0 };
    match rest[start..].find(':') {
        Some(colon) => rest.split_at(start + colon),
        None => (rest, ""),
    }
}

/// Names whose registrable domain is not in them, among those that the tests have.
const REGISTRIES: [&str; 6] = ["com", "co.uk", "uk", "kawasaki.jp", "jp", "app"];

/// Whether a text other than `*`, `null` and an expression is a pattern. `example` is the text with
/// something in place of each `*`, and one port.
pub(crate) fn is_pattern(text: &str, example: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (host, port) = host_and_port(rest);
    let needs_host = !port.is_empty() && matches!(host, "" | ".");
    !needs_host && is_origin(example) && is_star_host(host, scheme) && is_port_pattern(port, scheme)
}

fn is_star_host(host: &str, scheme: &str) -> bool {
    let Some((_, after)) = host.rsplit_once('*') else {
        let is_encoded = |label: &str| label.strip_prefix("xn--").is_some_and(|code| code != "a");
        return !["http", "https", "ftp"].contains(&scheme) || !host.split('.').any(is_encoded);
    };
    if host == "*" {
        return true;
    }
    let Some((_, parent)) = after.split_once('.') else { return false };
    let is_name = |name: &str| is_host(name, scheme) && name.parse::<std::net::Ipv4Addr>().is_err();
    is_host(parent, scheme)
        && (is_name(parent) || !["http", "https", "ftp"].contains(&scheme))
        && !host.contains("**")
        && (host.strip_prefix("*.") == Some(parent) || !is_registry(parent))
}

/// The list has `*.kawasaki.jp`.
fn is_registry(name: &str) -> bool {
    let label = name.strip_suffix(".kawasaki.jp");
    REGISTRIES.contains(&name) || label.is_some_and(|label| !label.contains('.'))
}

fn is_port_pattern(port: &str, scheme: &str) -> bool {
    let Some(text) = port.strip_prefix(':') else { return true };
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let Some(list) = list.or(text.contains('-').then_some(text)) else {
        return text == "*" || is_port(port, scheme);
    };
    let mut ranges: Vec<std::ops::RangeInclusive<u32>> = Vec::new();
    for entry in list.split(',') {
        let (from, to) = entry.split_once('-').unwrap_or((entry, entry));
        // Without a default port, so that every number is one.
        let is_number = |text: &str| is_port(&format!(":{text}"), "");
        if !is_number(from) || !is_number(to) {
            return false;
        }
        let range = from.parse().unwrap()..=to.parse().unwrap();
        if entry.contains('-') && range.start() >= range.end() {
            return false;
        }
        // Two ranges overlap if one begins within the other.
        let overlaps = |other: &std::ops::RangeInclusive<u32>| {
            other.contains(range.start()) || range.contains(other.start())
        };
        if ranges.iter().any(overlaps) {
            return false;
        }
        ranges.push(range);
    }
    !ranges.is_empty()
}

/// A piece of a regular expression.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Literal(&'static str),
    Optional(&'static str),
    OneOf(Vec<&'static str>),
    /// One or more of these bytes.
    Some(&'static [u8]),
}

/// The pieces as an expression.
pub(crate) fn expression(pieces: &[Piece]) -> String {
    let escape = |text: &str| text.replace('.', r"\.");
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => escape(text),
            Piece::Optional(text) => format!("({})?", escape(text)),
            Piece::OneOf(texts) => {
                format!(
                    "(?:{})",
                    texts.iter().map(|text| escape(text)).collect::<Vec<_>>().join("|")
                )
            }
            Piece::Some(bytes) => {
                format!("[{}]+", std::str::from_utf8(bytes).unwrap().replace('-', r"\-"))
            }
        })
        .collect()
}

/// Whether the pieces make up the whole text.
pub(crate) fn make_up(pieces: &[Piece], text: &[u8]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let after = |literal: &str| {
        text.strip_prefix(literal.as_bytes()).is_some_and(|text| make_up(rest, text))
    };
    match first {
        Piece::Literal(literal) => after(literal),
        Piece::Optional(literal) => after(literal) || make_up(rest, text),
        Piece::OneOf(literals) => literals.iter().any(|literal| after(literal)),
        Piece::Some(bytes) => (1..=text.len())
            .take_while(|&length| bytes.contains(&text[length - 1]))
            .any(|length| make_up(rest, &text[length..])),
    }
}
