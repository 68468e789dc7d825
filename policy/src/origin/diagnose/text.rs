//! Mistakes in the text of a pattern as a whole.

use std::net::Ipv6Addr;

use super::scheme::{is_opaque, scheme_alternatives};
use super::{unmarked, word};
use crate::origin::error::PatternError;

pub(super) fn text_mistake(text: &str) -> Option<PatternError> {
    if text.is_empty() {
        return Some(PatternError::Empty);
    }
    if let Some(character) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        return Some(PatternError::ForbiddenCharacter { character });
    }
    if let Some(mistake) = word::every_origin(text) {
        return Some(mistake);
    }
    if let Some(entry) = text.strip_prefix("- ").map(str::trim).filter(|it| !it.is_empty()) {
        return Some(PatternError::YamlEntry { replacement: entry.to_owned() });
    }
    if let Some(inner) = without_enclosure(text) {
        return Some(PatternError::Enclosed { replacement: inner.to_owned() });
    }
    if unmarked::is_regex(text) {
        return Some(PatternError::UnmarkedRegex { replacement: unmarked::regex(text) });
    }
    if is_opaque(text) {
        return None;
    }
    scheme_alternatives(text).or_else(|| list_mistake(text)).or_else(|| {
        if unmarked::is_glob(text) {
            Some(PatternError::Glob { replacement: unmarked::glob(text) })
        } else if !text.is_ascii() {
            Some(PatternError::NonAscii { replacement: to_ascii(text) })
        } else if text.contains(|c: char| c.is_ascii_uppercase()) {
            Some(PatternError::UpperCase { replacement: text.to_ascii_lowercase() })
        } else {
            None
        }
    })
}

/// The text between quotation marks or brackets, of which one may be missing.
fn without_enclosure(text: &str) -> Option<&str> {
    const MARKS: [char; 11] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»', '´'];
    let trimmed = text.trim_matches(MARKS);
    if trimmed.len() < text.len() {
        return Some(trimmed);
    }
    let inner = [('<', '>'), ('(', ')'), ('[', ']')]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))?;
    let is_address = inner.parse::<Ipv6Addr>().is_ok();
    // `(a|b)://(c|d)` has two groups.
    let is_one = with_depth(text).skip(1).filter(|(_, is_inside)| !is_inside).count() == 1;
    (is_one && !is_address).then_some(inner)
}

/// Without its tables, no host beyond ASCII has a form that is known.
#[cfg(not(feature = "unicode"))]
fn to_ascii(_: &str) -> Option<String> {
    None
}

/// The text with its host in punycode, the form that goes over the network.
#[cfg(feature = "unicode")]
fn to_ascii(text: &str) -> Option<String> {
    let (before, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let end = rest.find([':', '/', '?', '#']).unwrap_or(rest.len());
    // A label with a `*` is not converted: it matches parts of labels, as they are written.
    let is_fixed = |label: &&str| !label.contains('*');
    let stars = rest[..end].split('.').take_while(|label| !is_fixed(label)).count();
    let fixed: Vec<&str> = rest[..end].split('.').skip(stars).collect();
    if !fixed.iter().all(is_fixed) {
        return None;
    }
    let mut labels: Vec<&str> = rest[..end].split('.').take(stars).collect();
    let fixed = idna::domain_to_ascii(&fixed.join(".")).ok()?;
    labels.push(&fixed);
    let host = labels.join(".");
    let ascii = format!("{before}{host}{}", &rest[end..]);
    ascii.is_ascii().then_some(ascii)
}

/// Several entries in one, or white space or separators around one.
fn list_mistake(text: &str) -> Option<PatternError> {
    if text.chars().all(is_separator) {
        return Some(PatternError::Empty);
    }
    let entries = split(text);
    if let [first, ports @ ..] = &entries[..] {
        if !ports.is_empty() && ports.iter().all(|entry| is_port(entry)) {
            if let Some((before, port)) = first.rsplit_once(':').filter(|(_, port)| is_port(port)) {
                let replacement = format!("{before}:[{port},{}]", ports.join(","));
                return Some(PatternError::UnbracketedPorts { replacement });
            }
        }
    }
    let is_list = |text: &str| text.contains([',', ';', '|']);
    match &entries[..] {
        [entry] if entry == text => {
            if let Some(entries) = expand_braces(text) {
                return Some(PatternError::Braces { entries });
            }
            // White space within brackets.
            let joined: String = text.split_whitespace().collect();
            (joined != text).then(|| PatternError::Whitespace { entries: vec![joined] })
        }
        _ if is_list(&without_brackets(text)) => {
            let is_entry = |entry: &String| !matches!(entry.as_str(), "and" | "or" | "&");
            Some(PatternError::List { entries: entries.into_iter().filter(is_entry).collect() })
        }
        [_] => {
            let entries = text.split_whitespace().collect::<Vec<_>>();
            Some(PatternError::Whitespace { entries: vec![entries.concat()] })
        }
        _ => Some(PatternError::Whitespace { entries: spaced(text, entries) }),
    }
}

/// What a text with white space means: several entries, or one with gaps. Empty if it could be either,
/// or neither.
fn spaced(text: &str, mut entries: Vec<String>) -> Vec<String> {
    entries.retain(|entry| !matches!(entry.as_str(), "and" | "or" | "&"));
    let is_entry = |entry: &String| {
        let is_name = entry.contains('.') && !entry.starts_with('.') && !entry.ends_with('.');
        entry.contains("://") && !entry.ends_with("://") || is_name || word::is_pattern(entry)
    };
    if entries.iter().all(is_entry) {
        return entries;
    }
    let mut joined = String::new();
    for part in text.split_whitespace() {
        let is_gap = |c: char| ".:/,[]".contains(c);
        if !joined.is_empty() && !joined.ends_with(is_gap) && !part.starts_with(is_gap) {
            return Vec::new();
        }
        joined.push_str(part);
    }
    match joined.matches("://").count() {
        0 | 1 => vec![joined],
        _ => Vec::new(),
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|')
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Each character, and whether it is within brackets, braces or a group, which themselves are not
/// unless others are around them.
fn with_depth(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut depth = 0_usize;
    text.chars().map(move |c| {
        if matches!(c, ']' | '}' | ')' | '>') {
            depth = depth.saturating_sub(1);
        }
        let is_inside = depth > 0;
        if matches!(c, '[' | '{' | '(' | '<') {
            depth += 1;
        }
        (c, is_inside)
    })
}

/// The entries between separators. Separators within brackets, braces or a group do not count.
fn split(text: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    for (c, is_inside) in with_depth(text) {
        match entries.last_mut() {
            Some(entry) if is_inside || !is_separator(c) => entry.push(c),
            _ => entries.push(String::new()),
        }
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

/// The text outside of brackets, braces and groups.
fn without_brackets(text: &str) -> String {
    with_depth(text).filter(|(_, is_inside)| !is_inside).map(|(c, _)| c).collect()
}

/// The texts that a shell makes of the first pair of braces, with alternatives or a range of numbers.
fn expand_braces(text: &str) -> Option<Vec<String>> {
    const MAX_RANGE: u16 = 32;
    let (before, rest) = text.split_once('{')?;
    let (inner, after) = rest.split_once('}')?;
    let expand = |alternative: &str| format!("{before}{}{after}", alternative.trim());
    if let Some((first, last)) = inner.split_once("..") {
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        let is_short = first <= last && last - first < MAX_RANGE;
        return is_short.then(|| (first..=last).map(|n| expand(&n.to_string())).collect());
    }
    let has_alternatives = inner.contains(',') && !inner.contains('{');
    has_alternatives.then(|| inner.split(',').map(expand).collect())
}
