//! The narrow reading of a sequence of atoms.

use cors_policy::origin::OriginPattern;

use super::atoms::{Atom, Bytes, write_atom};

/// Why an expression for a host alone, or for something else, has no reading.
const NO_SCHEME: &str = "it begins with no scheme, so that it matches no origin";

/// The patterns of one alternative of an expression.
///
/// # Errors
///
/// A clause that says why there is none.
pub(super) fn read(atoms: &[Atom], is_whole: bool) -> Result<Vec<String>, &'static str> {
    let mut atoms = atoms;
    let mut is_open = !is_whole;
    if let [Atom::Start, rest @ ..] = atoms {
        (atoms, is_open) = (rest, false);
    }
    if let [rest @ .., Atom::End] = atoms {
        atoms = rest;
    }
    if atoms.iter().any(|atom| matches!(atom, Atom::Start | Atom::End)) {
        return Err("it has an anchor inside");
    }
    // What is before the scheme could be anything.
    if let [Atom::Any { .. }, rest @ ..] = atoms {
        (atoms, is_open) = (rest, true);
    }
    match atoms {
        // `^` and nothing else, or `.*`.
        [] if is_open => Ok(vec!["*".to_owned()]),
        [] => Err("it matches no origin"),
        [Atom::Text(text), rest @ ..] => match text.split_once("://") {
            Some(("", host)) if is_open => host_patterns("https", host, rest),
            // It may be the end of `https`, as in `s?://`.
            Some(("s" | "ps" | "tps" | "ttps", host)) if is_open => {
                host_patterns("https", host, rest)
            }
            // `regex:` begins another kind of pattern.
            Some((scheme, _)) if scheme.contains(':') => Err(NO_SCHEME),
            Some((scheme, host)) => host_patterns(scheme, host, rest),
            None if is_open => Ok(suffix_patterns(text, rest)),
            None => Err(NO_SCHEME),
        },
        [Atom::Dot, rest @ ..] if is_open => Ok(suffix_patterns(".", rest)),
        _ if is_open => Ok(suffix_patterns("", atoms)),
        _ => Ok(vec![expression(&atoms.iter().map(write_atom).collect::<String>())]),
    }
}

/// The patterns of an expression that says how the host ends.
fn suffix_patterns(text: &str, rest: &[Atom]) -> Vec<String> {
    let mut patterns = Vec::new();
    let below = |host: &str| host_patterns("https", host, rest).unwrap_or_default();
    if let ("", [Atom::Any { .. }, ..]) = (text, rest) {
        patterns.extend(below(""));
    } else if text.starts_with('.') {
        patterns.extend(below(&format!("*{text}")));
    } else {
        patterns.extend(below(text));
        patterns.extend(below(&format!("*.{text}")));
    }
    patterns
}

/// The patterns for a scheme, a text, and what follows it.
fn host_patterns(scheme: &str, text: &str, rest: &[Atom]) -> Result<Vec<String>, &'static str> {
    let mut atoms = rest.to_vec();
    if !text.is_empty() {
        atoms.insert(0, Atom::Text(text.to_owned()));
    }
    let last = atoms.len().saturating_sub(1);
    if let Some(Atom::Any { min }) = atoms.last() {
        let is_after = |end: &[char]| match atoms.get(last.wrapping_sub(1)) {
            Some(Atom::Text(text)) => text.ends_with(end),
            Some(Atom::Dot) => end.contains(&'.'),
            _ => false,
        };
        if last == 0 {
            // `https://.*`: any host and port.
            return Ok(vec![format!("{scheme}://*:*")]);
        }
        if is_after(&[':']) {
            atoms[last] = Atom::Class { bytes: Bytes::DIGITS, min: 1, max: None };
        } else if *min > 0 {
            return Err("something has to follow the host, which can only be a port");
        } else if !is_after(&['.', '-']) {
            // It could be the rest of a host of somebody else.
            atoms.pop();
        }
    }
    let pattern = wildcard(scheme, &atoms);
    let is_refused = pattern.as_ref().is_some_and(|text| OriginPattern::parse(text).is_err());
    match (&atoms[..], pattern) {
        // `https://.*example\.com`: the domain, or names below it.
        ([Atom::Any { min }, Atom::Text(name), rest @ ..], _)
            if is_refused && !name.starts_with('.') =>
        {
            let mut patterns = host_patterns(scheme, &format!("*.{name}"), rest)?;
            if *min == 0 {
                patterns.splice(0..0, host_patterns(scheme, name, rest)?);
            }
            Ok(patterns)
        }
        // Of one that is refused, the check says what is wrong with it.
        (_, Some(pattern)) => Ok(vec![pattern]),
        (_, None) => {
            let host = host_expression(&atoms);
            Ok(vec![expression(&format!("{scheme}://{host}"))])
        }
    }
}

/// The pattern without `regex:` that says the same or less, if there is one.
fn wildcard(scheme: &str, atoms: &[Atom]) -> Option<String> {
    let mut host = String::new();
    for (index, atom) in atoms.iter().enumerate() {
        let is_first = index == 0;
        let is_whole_label = match atoms.get(index + 1) {
            Some(Atom::Text(text)) => text.starts_with(['.', ':']),
            Some(Atom::Dot | Atom::AnyPort) | None => true,
            Some(_) => false,
        };
        match atom {
            Atom::Text(text) if text.contains('*') && !is_first => return None,
            Atom::Text(text) => host.push_str(text),
            Atom::Dot => host.push('.'),
            Atom::Any { .. } if !host.contains(':') => host.push('*'),
            // The whole first label would stand for several.
            Atom::Class { bytes, min, max: None }
                if *min <= 1
                    && bytes.includes(Bytes::LABEL)
                    && !bytes.contains(b'.')
                    && !host.contains(':')
                    && !(is_first && is_whole_label) =>
            {
                host.push('*');
            }
            Atom::Labels(bytes) if is_first && bytes.includes(Bytes::LABEL) => host.push_str("*."),
            Atom::AnyPort if index + 1 == atoms.len() => host.push_str(":*"),
            _ => return None,
        }
    }
    (!has_ports(&host)).then(|| format!("{scheme}://{host}"))
}

/// Whether a host of a pattern is followed by several ports, such as `3000-3009`. In an expression they
/// stand for themselves.
fn has_ports(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let rest = address.map_or(host, |(_, rest)| rest);
    rest.split_once(':').is_some_and(|(_, port)| port.contains(['-', '[', ',']))
}

/// The expression for a host and a port.
fn host_expression(atoms: &[Atom]) -> String {
    let mut text = String::new();
    for (index, atom) in atoms.iter().enumerate() {
        match atom {
            Atom::Any { .. } if index == 0 => text.push_str(r"[a-z0-9-]+(\.[a-z0-9-]+)*"),
            Atom::Text(host) if index == 0 && host.starts_with("*.") => {
                text.push_str(r"([a-z0-9-]+\.)+");
                text.push_str(&write_atom(&Atom::Text(host[2..].to_owned())));
            }
            atom => text.push_str(&write_atom(atom)),
        }
    }
    text
}

fn expression(text: &str) -> String {
    format!("regex:{text}")
}
