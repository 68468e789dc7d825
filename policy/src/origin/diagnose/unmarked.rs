//! Regular expressions without their prefix, and file name patterns, as the patterns that they mean.
//!
//! Programs and nginx's `map` search for an expression, and their `.*` matches any text. A pattern here
//! matches the whole origin, so each class is narrowed to what a host may have there.

use super::expression;
use crate::origin::regex::{OriginRegex, REGEX_PREFIX};
use crate::origin::syntax::is_label_byte;

/// One byte of a label, as a class.
const LABEL: &str = "[a-z0-9_-]";
/// One byte of a host, as a class.
const HOST: &str = "[a-z0-9_.-]";

/// What an expression has in front of it in other software.
const PREFIXES: [&str; 5] = ["regex:", "regexp:", "re:", "~*", "~"];

/// Whether this is a regular expression as an nginx `map` or a program writes it, without our prefix.
pub(super) fn is_regex(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('^')
        || text.starts_with("/^")
        || text.ends_with('$')
        || PREFIXES.iter().any(|prefix| strip_prefix(text, prefix).is_some())
        || [r"\.", r"\/", "(?", "/.*", "/.+", "(.*", "(.+"].iter().any(|sign| text.contains(sign))
}

/// Whether the host has `?`, a class in brackets or a group, and no backslash.
pub(super) fn is_glob(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '#']).next().unwrap_or_default();
    authority.contains(['(', ')']) || has_class(authority) || has_question_mark(authority)
}

/// Brackets that hold neither an IPv6 address nor ports.
fn has_class(authority: &str) -> bool {
    let Some((before, rest)) = authority.split_once('[') else { return false };
    let Some((class, after)) = rest.split_once(']') else { return false };
    let is_address = class.contains(':') || before.is_empty() && after.is_empty();
    !is_address && !before.ends_with(':')
}

/// A `?` that stands for a character of a label, and does not begin a query.
fn has_question_mark(authority: &str) -> bool {
    let Some((before, rest)) = authority.split_once('?') else { return false };
    let after = rest.trim_start_matches('?');
    let is_host = |c: char| c.is_ascii() && is_label_byte(c as u8) || ".:*?".contains(c);
    let is_in_label = after.starts_with('.') || before.is_empty() || before.ends_with(['.', '-']);
    is_in_label && after.contains('.') && after.chars().all(is_host)
}

/// The pattern that a regular expression of other software means: an origin if it names one, and
/// otherwise an expression. `None` if it could not be narrowed to origins.
pub(crate) fn regex(text: &str) -> Option<String> {
    let mut text = text.trim();
    for prefix in PREFIXES {
        text = strip_prefix(text, prefix).unwrap_or(text).trim_start();
    }
    if let Some(literal) = text.strip_prefix('/') {
        // The flags of JavaScript behind the literal. Browsers send lower case in any case.
        let (body, flags) = literal.rsplit_once('/')?;
        text = if flags.bytes().all(|flag| b"gimsuvy".contains(&flag)) { body } else { literal };
    }
    let text = text.strip_prefix('^').unwrap_or(text);
    let text = text.strip_suffix('$').unwrap_or(text);
    Reader::new(text, Dialect::Regex).read()
}

/// The pattern that a file name pattern means, or an expression in which the dots were not escaped.
pub(super) fn glob(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let end = authority.find(':').unwrap_or(authority.len());
    let mut reader = Reader::new(&text[..text.len() - authority.len() + end], Dialect::Glob);
    reader.port = expression::ports(&authority[end..], scheme)?;
    reader.read()
}

fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `.` is any character, and `*` repeats what is before it.
    Regex,
    /// `.` is a dot, `?` any character of a label and `*` any characters.
    Glob,
}

/// Reads an expression of other software, and writes one that matches origins only.
struct Reader<'t> {
    rest: &'t str,
    dialect: Dialect,
    written: String,
    /// Whether nothing but one text is meant, and that text.
    literal: Option<String>,
    /// What follows the host.
    port: String,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, dialect: Dialect) -> Self {
        let (written, literal) = (String::new(), Some(String::new()));
        Self { rest: text, dialect, written, literal, port: String::new() }
    }

    fn read(mut self) -> Option<String> {
        if self.rest.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return None;
        }
        if self.dialect == Dialect::Regex && !self.rest.contains(':') {
            self.schemes()?;
        }
        while let Some(c) = self.rest.chars().next() {
            self.rest = &self.rest[c.len_utf8()..];
            match (c, self.dialect) {
                ('\\', _) => self.escape()?,
                ('[', _) => self.class()?,
                ('.', Dialect::Regex) => self.any()?,
                ('.', Dialect::Glob) => self.character('.'),
                ('*', Dialect::Glob) => self.star()?,
                ('?', Dialect::Glob) if !self.is_repeatable() => self.class_of(LABEL),
                ('*' | '+' | '?' | '(' | ')' | '|' | '{' | '}' | '^' | '$', _) => {
                    self.operator(c);
                }
                _ => self.character(c.to_ascii_lowercase()),
            }
        }
        if let Some(literal) = self.literal.filter(|_| self.port.is_empty()) {
            return Some(literal);
        }
        self.written.push_str(&self.port);
        let expression = OriginRegex::parse(&self.written).ok()?;
        expression.loose().is_none().then(|| format!("{REGEX_PREFIX}{}", self.written))
    }

    /// An expression such as `\.example\.com$` is searched for, and has no scheme.
    fn schemes(&mut self) -> Option<()> {
        let rest = self.rest.strip_prefix(".*").unwrap_or(self.rest);
        let domain = rest.strip_prefix(r"\.")?;
        self.written = format!(r"https?://{HOST}+\.");
        (self.literal, self.rest) = (None, domain);
        Some(())
    }

    fn character(&mut self, c: char) {
        if r"\.+*?()|[]{}^$".contains(c) {
            self.written.push('\\');
        }
        self.written.push(c);
        if let Some(literal) = &mut self.literal {
            literal.push(c);
        }
    }

    fn operator(&mut self, c: char) {
        self.written.push(c);
        self.literal = None;
    }

    fn class_of(&mut self, class: &str) {
        self.written.push_str(class);
        self.literal = None;
    }

    fn escape(&mut self) -> Option<()> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        match c {
            'd' => self.class_of("[0-9]"),
            'w' => self.class_of("[a-z0-9_]"),
            'S' => self.class_of(HOST),
            _ if c.is_ascii_punctuation() => self.character(c),
            _ => return None,
        }
        Some(())
    }

    /// A class in brackets. One that lists what it leaves out becomes one of a label or of a host.
    fn class(&mut self) -> Option<()> {
        let end = self.rest.find(']')?;
        let (class, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        if let Some(left_out) = class.strip_prefix('^') {
            let is_label = left_out.contains('.');
            let is_any = left_out.replace(r"\s", "").chars().all(|c| r"\/.:?#@".contains(c));
            is_any.then(|| self.class_of(if is_label { LABEL } else { HOST }))?;
            return Some(());
        }
        if self.dialect == Dialect::Glob {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "_-,".contains(c);
            if class.is_empty() || !class.chars().all(is_part) {
                return None;
            }
            let class = class.to_ascii_lowercase();
            match class.contains(',') {
                // `[a,b]`, as in braces.
                true => self.class_of(&format!("({})", class.replace(',', "|"))),
                false => self.class_of(&format!("[{class}]")),
            }
            return Some(());
        }
        // `\S` and the like would change their meaning in lower case.
        let is_plain = !class.contains('\\');
        let class = if is_plain { class.to_ascii_lowercase() } else { class.to_owned() };
        self.class_of(&format!("[{class}]"));
        Some(())
    }

    /// A dot that matches any character. With `*` or `+` it is a part of a host or a port, and
    /// otherwise a dot that was not escaped.
    fn any(&mut self) -> Option<()> {
        let Some(rest) = self.rest.strip_prefix(['*', '+']) else {
            if self.rest.starts_with(['?', '{']) {
                return None;
            }
            self.character('.');
            return Some(());
        };
        let is_many = self.rest.starts_with('+');
        self.rest = rest.strip_prefix('?').unwrap_or(rest);
        let is_first = self.written.ends_with("://") || self.written.ends_with('(');
        let is_last = self.rest.trim_end_matches([')', '?', '$']).is_empty();
        if self.rest.starts_with(r"://") || self.rest.starts_with(r":\/\/") {
            self.class_of("https?");
        } else if self.written.ends_with(':') {
            self.class_of("[0-9]+");
        } else if is_last && !is_first {
            // As a host it would end in anything, such as the domain of somebody else.
            return None;
        } else {
            let is_before_dot = self.rest.starts_with(['.', '\\']);
            let one_or_more = is_many || is_first && (is_before_dot || is_last);
            self.class_of(HOST);
            self.operator(if one_or_more { '+' } else { '*' });
        }
        Some(())
    }

    /// A `*` of a pattern that has other mistakes.
    fn star(&mut self) -> Option<()> {
        if self.written.ends_with("://") && self.rest.starts_with('.') {
            self.class_of(HOST);
        } else {
            self.class_of(LABEL);
        }
        self.operator('+');
        Some(())
    }

    /// Whether what has been written so far is a group, a class or a scheme, which `?` makes optional.
    fn is_repeatable(&self) -> bool {
        let is_unit = self.written.ends_with([')', ']']) && !self.written.ends_with(LABEL);
        is_unit || !self.written.contains("://")
    }
}
