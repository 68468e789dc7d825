//! The meaning of origins and patterns, in plain string code that shares nothing with the crate.

/// Whether the text is exactly one well-formed tuple origin.
pub(crate) fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let valid_scheme = scheme.len() <= 64
        && scheme != "file"
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
    if !pattern.contains('*') {
        return pattern.as_bytes() == origin;
    }
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    if !is_origin(origin) {
        return false;
    }
    let (pattern_scheme, pattern_rest) = pattern.split_once("://").unwrap();
    let (scheme, rest) = origin.split_once("://").unwrap();
    let (pattern_host, pattern_port) = host_and_port(pattern_rest);
    let (host, port) = host_and_port(rest);
    let host_matches = match pattern_host.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
        None => host == pattern_host,
    };
    scheme == pattern_scheme && host_matches && (pattern_port == ":*" || port == pattern_port)
}

fn host_and_port(rest: &str) -> (&str, &str) {
    match rest.rfind(':') {
        Some(colon) if !rest[colon..].contains(']') => rest.split_at(colon),
        _ => (rest, ""),
    }
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
