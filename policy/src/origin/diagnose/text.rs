//! Mistakes in the text of a pattern as a whole.

use crate::origin::error::PatternError;
use crate::origin::regex::REGEX_PREFIX;

pub(super) fn text_mistake(text: &str) -> Option<PatternError> {
    if text.is_empty() {
        Some(PatternError::Empty)
    } else if let Some(character) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        Some(PatternError::ForbiddenCharacter { character })
    } else if looks_like_regex(text) {
        let expression = text.trim_start_matches(['~', '*', '/']).trim().trim_start_matches('^');
        let expression = expression.trim_end_matches('/').trim_end_matches('$');
        Some(PatternError::UnmarkedRegex { replacement: format!("{REGEX_PREFIX}{expression}") })
    } else if let Some(mistake) = list_mistake(text) {
        Some(mistake)
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
    let is_list = |text: &str| text.contains([',', ';']);
    match &entries[..] {
        [entry] if entry == text => {
            if let Some(entries) = expand_braces(text) {
                Some(PatternError::Braces { entries })
            } else if text.contains(char::is_whitespace) {
                let entry = text.split_whitespace().collect();
                Some(PatternError::Whitespace { entries: vec![entry] })
            } else {
                None
            }
        }
        _ if is_list(&without_brackets(text)) => Some(PatternError::List { entries }),
        _ => Some(PatternError::Whitespace { entries }),
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == ',' || c == ';'
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// How far into brackets or braces each character is, before it.
fn with_depth(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut depth = 0_usize;
    text.chars().map(move |c| {
        let is_inside = depth > 0 && !matches!(c, ']' | '}');
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (c, is_inside)
    })
}

/// The entries between separators. Separators within brackets or braces do not count.
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

/// The text outside of brackets and braces.
fn without_brackets(text: &str) -> String {
    with_depth(text).filter(|(_, is_inside)| !is_inside).map(|(c, _)| c).collect()
}

/// The texts that a shell makes of one pair of braces with alternatives.
fn expand_braces(text: &str) -> Option<Vec<String>> {
    let (before, rest) = text.split_once('{')?;
    let (alternatives, after) = rest.split_once('}')?;
    let is_one = alternatives.contains(',') && !alternatives.contains('{') && !after.contains('{');
    let expand = |alternative: &str| format!("{before}{}{after}", alternative.trim());
    is_one.then(|| alternatives.split(',').map(expand).collect())
}
