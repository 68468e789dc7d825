//! Telling what a file is by its content.

use crate::args::CheckedKind;

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recognized {
    pub(super) kind: CheckedKind,
    /// Whether nothing else could be meant.
    pub(super) is_clear: bool,
}

/// What a line says about its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Clear(CheckedKind),
    Likely(CheckedKind),
}

/// Tells by its beginning what a file is: the first line that says so decides. Comments look alike in
/// all three.
///
/// What is none of the three is read as nginx.conf, and an empty file as a document.
pub(super) fn recognize(head: &[u8]) -> Recognized {
    if nginx_conf::Dump::is_one(head) {
        return Recognized { kind: CheckedKind::Nginx, is_clear: true };
    }
    let text = String::from_utf8_lossy(head);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = || text.lines().map(without_comment).filter(|line| !line.is_empty());
    // A directive can go on in the next line.
    let mut is_inside = false;
    for line in lines() {
        let sign = if is_inside { sign_of_rest(line) } else { sign(line) };
        match sign {
            Some(Sign::Clear(kind)) => return Recognized { kind, is_clear: true },
            Some(Sign::Likely(kind)) => {
                let is_clear = kind == CheckedKind::Document && lines().any(is_key_of_document);
                return Recognized { kind, is_clear };
            }
            None => is_inside = true,
        }
    }
    let kind = if is_inside { CheckedKind::Nginx } else { CheckedKind::Document };
    Recognized { kind, is_clear: false }
}

fn without_comment(line: &str) -> &str {
    let is_comment = |at: &usize| *at == 0 || line[..*at].ends_with([' ', '\t']);
    let end = line.match_indices('#').map(|(at, _)| at).find(is_comment);
    line[..end.unwrap_or(line.len())].trim()
}

/// What the first line says, or one behind lines that say nothing.
fn sign(line: &str) -> Option<Sign> {
    use CheckedKind::{Document, List, Nginx};

    let first = line.split_whitespace().next().unwrap_or_default();
    let is_alone = first.len() == line.len();
    let unquoted = first.trim_start_matches(['"', '\'']);
    if line.starts_with("{{") || line.starts_with("{%") {
        Some(Sign::Clear(Nginx))
    } else if is_key_of_document(line)
        || ["{", "---", "%YAML"].iter().any(|start| line.starts_with(start))
    {
        Some(Sign::Clear(Document))
    } else if is_key(line) || line.starts_with('[') {
        Some(Sign::Likely(Document))
    } else if unquoted.starts_with("regex:") || unquoted.contains("://") {
        // As an entry of YAML or of nginx's `map`, it is in quotes.
        Some(if unquoted == first { Sign::Clear(List) } else { Sign::Likely(List) })
    } else if matches!(line, "*" | "null") {
        Some(Sign::Clear(List))
    } else if first == "-" || matches!(line, "\"*\"" | "'*'" | "\"null\"" | "'null'") {
        Some(Sign::Likely(List))
    } else if is_directive_name(first) && ends_directive(line) {
        Some(Sign::Clear(Nginx))
    } else if is_alone && first.contains(['.', ':']) && !ends_directive(line) {
        Some(Sign::Likely(List))
    } else {
        None
    }
}

/// What a line says that can belong to the directive before it.
fn sign_of_rest(line: &str) -> Option<Sign> {
    if ends_directive(line) { Some(Sign::Clear(CheckedKind::Nginx)) } else { sign(line) }
}

/// Whether a directive of nginx ends here, or its block begins.
fn ends_directive(line: &str) -> bool {
    line.ends_with([';', '{', '}'])
}

/// Whether a text can begin with the name of a directive.
fn is_directive_name(word: &str) -> bool {
    let name = word.split([';', '{']).next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a line has a key that is one of a document, if perhaps without the space that YAML needs.
fn is_key_of_document(line: &str) -> bool {
    key(line).is_some_and(|(name, _)| matches!(name, "version" | "policies"))
}

/// Whether a line begins with a key of YAML and its colon.
fn is_key(line: &str) -> bool {
    key(line).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// A key before a colon, without quotes, and what comes behind the colon.
fn key(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim().trim_matches(['"', '\'']);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_so_decides() {
        use CheckedKind::{Document, List, Nginx};

        for (text, kind, is_clear) in [
            ("version: 1\npolicies: {}\n", Document, true),
            ("# https://a.example\n\n  # x\npolicies:\n  api:\n", Document, true),
            ("---\nversion: 1\n", Document, true),
            ("\u{feff}version: 1\r\n", Document, true),
            ("{\"version\": 1, \"policies\": {}}", Document, true),
            ("{\n  \"version\": 1\n}", Document, true),
            ("\"version\": 1", Document, true),
            ("version:1\npolicies:\n", Document, true),
            ("x-origins: &origins\n  - https://a.example\nversion: 1\n", Document, true),
            ("api:\n  allow_origins: [\"https://a.example\"]\n", Document, false),
            ("services:\n  web: {}\n", Document, false),
            ("[\"https://a.example\"]", Document, false),
            ("", Document, false),
            ("# nothing\n\n", Document, false),
            ("https://a.example\n", List, true),
            ("# customers\n\nhttps://*.a.example # b\n", List, true),
            ("regex:https://[a-z]+\\.a\\.example\n", List, true),
            ("null\nhttps://a.example\n", List, true),
            ("*\n", List, true),
            ("https://a.example https://b.example\n", List, true),
            ("htps://a.example\n", List, true),
            ("- https://a.example\n", List, false),
            ("\"https://a.example\"\n", List, false),
            ("\"https://a.example\" 1;\n", List, false),
            ("a.example\nb.example\n", List, false),
            ("localhost:3000\n", List, false),
            ("http {\n", Nginx, true),
            ("nginx: x\n# configuration file /a/nginx.conf:\nversion: 1\n", Nginx, true),
            ("worker_processes auto;events{}", Nginx, true),
            ("# version: 1\nserver { # x\n", Nginx, true),
            ("events\n{\n}\n", Nginx, true),
            ("cors_policy_define\n    api\n{", Nginx, true),
            ("add_header Access-Control-Allow-Origin\n    https://a.example;\n", Nginx, true),
            ("{% if cors %}\n", Nginx, true),
            ("internal;", Nginx, true),
            ("A sentence.\nAnother one.\n", Nginx, false),
            ("\0\0\0", Nginx, false),
        ] {
            assert_eq!(recognize(text.as_bytes()), Recognized { kind, is_clear }, "{text:?}");
        }
    }
}
