//! Texts with variables.

use super::value::{Unknown, Value};

/// A text with variables, as `add_header` and `set` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
    /// `$1` to `$9`.
    Capture(usize),
    /// An expression of a template language.
    Foreign(String),
}

/// What a template gets its values from.
pub(crate) trait Values {
    fn variable(&mut self, name: &str) -> Value;
    fn capture(&mut self, number: usize) -> Value;
}

impl Template {
    /// Reads a text as `ngx_http_script_compile` does.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(c) = rest.chars().next() {
            let (part, length) = match c {
                '$' => variable(&rest[1..])
                    .map_or((None, 1), |(part, length)| (Some(part), 1 + length)),
                '{' | '<' => foreign(rest).map_or((None, 1), |(part, length)| (Some(part), length)),
                c => (None, c.len_utf8()),
            };
            match part {
                Some(part) => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(part);
                }
                None => literal.push(c),
            }
            rest = &rest[length..];
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts, source: source.to_owned() }
    }

    /// The text as it is written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, if nothing in it varies.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) | Part::Capture(_) | Part::Foreign(_) => None,
        })
    }

    /// The text with these values.
    pub(crate) fn fill(&self, values: &mut impl Values) -> Value {
        let mut whole = Value::text("");
        for part in &self.parts {
            let value = match part {
                Part::Literal(text) => Value::text(text.as_str()),
                Part::Variable(name) => values.variable(name),
                Part::Capture(number) => values.capture(*number),
                Part::Foreign(text) => Value::Unknown(Unknown::Template(text.clone())),
            };
            whole = whole.join(&value);
        }
        whole
    }
}

/// The variable behind a `$`, and the length of its name with braces.
fn variable(rest: &str) -> Option<(Part, usize)> {
    if let Some(digit) = rest.bytes().next().filter(|byte| matches!(byte, b'1'..=b'9')) {
        return Some((Part::Capture(usize::from(digit - b'0')), 1));
    }
    let (inner, braces) = match rest.strip_prefix('{') {
        Some(inner) => (inner, 2),
        None => (rest, 0),
    };
    let length =
        inner.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if length == 0 || braces == 2 && !inner[length..].starts_with('}') {
        return None;
    }
    Some((Part::Variable(inner[..length].to_owned()), length + braces))
}

/// The expression of a template language that a text begins with, and its length.
fn foreign(text: &str) -> Option<(Part, usize)> {
    let close = [("{{", "}}"), ("{%", "%}"), ("<%", "%>")];
    let (_, close) = close.into_iter().find(|(open, _)| text.starts_with(open))?;
    let length = text.find(close).map_or(text.len(), |at| at + close.len());
    Some((Part::Foreign(text[..length].to_owned()), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Names;

    impl Values for Names {
        fn variable(&mut self, name: &str) -> Value {
            Value::text(format!("<{name}>"))
        }

        fn capture(&mut self, number: usize) -> Value {
            Value::text(format!("<{number}>"))
        }
    }

    #[test]
    fn variables_are_those_of_nginx() {
        for (source, filled) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("$a", Some("<a>")),
            ("x${a}y$b-z", Some("x<a>y<b>-z")),
            ("$12", Some("<1>2")),
            ("$a_B2.c", Some("<a_B2>.c")),
            ("^a$", Some("^a$")),
            ("${a", Some("${a")),
            ("a{{ b }}c", None),
        ] {
            assert_eq!(Template::new(source).fill(&mut Names).known(), filled, "{source:?}");
        }
    }
}
