//! YAML text to a [`Node`].
//!
//! The parser delivers one event at a time. Nesting, and the copies that aliases make, can therefore
//! be limited while reading, and every value gets its line.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{
    mistake_kind::MistakeKind,
    node::{Node, Value},
};

/// The largest document, in bytes. A larger one is refused before it is parsed. It has room for some
/// ten thousand policies; long lists of origins belong in an `allow_origins_file`.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The deepest nesting. A policy document needs seven levels.
const MAX_DEPTH: usize = 32;

/// The greatest weight of all values, where every use of an alias counts. No document of
/// [`MAX_BYTES`] reaches it without aliases.
const MAX_WEIGHT: usize = 8 * MAX_BYTES;

/// The weight of a node in addition to its text, so that empty values are not free.
const NODE_WEIGHT: usize = 8;

/// The reason why a text cannot be read at all.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) line: Option<u32>,
    /// The text of that line, if it helps.
    pub(super) text: Option<String>,
    pub(super) kind: MistakeKind,
}

/// Reads the one document of a YAML file. An empty file is [`Value::Null`].
pub(super) fn read(bytes: &[u8]) -> Result<Node, Failure> {
    let text = check_text(bytes)?;
    let mut builder = TreeBuilder {
        text,
        // The text has at most MAX_BYTES lines.
        lines: text.lines().count().max(1) as u32,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        weight: 0,
    };
    let mut root = None;
    loop {
        match builder.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), span) if root.is_some() => {
                return Err(Failure {
                    line: Some(builder.line(span.start)),
                    text: None,
                    kind: MistakeKind::SeveralDocuments,
                });
            }
            (Event::DocumentStart(_), _) => {
                let (event, span) = builder.next()?;
                root = Some(builder.node(event, span, 0)?.0);
            }
            _ => {}
        }
    }
    Ok(root.unwrap_or(Node { value: Value::Null, line: Some(1) }))
}

/// Checks the size, the encoding and the characters, which needs no parser.
fn check_text(bytes: &[u8]) -> Result<&str, Failure> {
    let fail = |line, kind| Failure { line, text: None, kind };
    if bytes.len() > MAX_BYTES {
        return Err(fail(None, MistakeKind::TooLarge { limit: MAX_BYTES }));
    }
    let line_at = |offset: usize| {
        let breaks = bytes[..offset].iter().filter(|byte| **byte == b'\n').count();
        Some(breaks as u32 + 1)
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| fail(line_at(error.valid_up_to()), MistakeKind::NotUtf8))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The characters outside of YAML's c-printable (YAML 1.2.2, section 5.1).
    let unprintable = |c: char| {
        matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{84}'
            | '\u{86}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    match text.char_indices().find(|(_, c)| unprintable(*c)) {
        Some((offset, c)) => {
            let offset = offset + (bytes.len() - text.len());
            Err(fail(line_at(offset), MistakeKind::ControlCharacter(c)))
        }
        None => Ok(text),
    }
}

/// A tag as it is usually written.
fn show(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() }
}

struct TreeBuilder<'t> {
    text: &'t str,
    lines: u32,
    parser: Parser<'t, StrInput<'t>>,
    /// The nodes that aliases refer to, and their weights.
    anchors: HashMap<usize, (Node, usize)>,
    weight: usize,
}

impl<'t> TreeBuilder<'t> {
    /// The line of a position. The end of the text belongs to the last line.
    fn line(&self, mark: Marker) -> u32 {
        u32::try_from(mark.line()).unwrap_or(u32::MAX).clamp(1, self.lines)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Failure> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The node that begins with `event`, and its weight.
    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        depth: usize,
    ) -> Result<(Node, usize), Failure> {
        let line = self.line(span.start);
        let fail = |kind| Err(Failure { line: Some(line), text: None, kind });
        if depth > MAX_DEPTH {
            return fail(MistakeKind::TooDeep { limit: MAX_DEPTH });
        }
        let (anchor, value, mut weight) = match event {
            Event::Alias(anchor) => {
                // An anchor is known once its value is complete.
                let Some((node, weight)) = self.anchors.get(&anchor) else {
                    return fail(MistakeKind::RecursiveAlias);
                };
                self.weight += weight;
                if self.weight > MAX_WEIGHT {
                    return fail(MistakeKind::AliasBomb);
                }
                return Ok((node.clone(), *weight));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let weight = NODE_WEIGHT + text.len();
                let value = match (tag, style) {
                    (Some(tag), _) => Value::Tagged(show(&tag)),
                    (None, ScalarStyle::Plain) => plain(&text),
                    (None, _) => Value::String(text.into_owned()),
                };
                (anchor, value, weight)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut weight = NODE_WEIGHT;
                let mut list = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    let (node, part) = self.node(event, span, depth + 1)?;
                    list.push(node);
                    weight += part;
                }
                (anchor, tag.map_or(Value::List(list), |tag| Value::Tagged(show(&tag))), weight)
            }
            Event::MappingStart(anchor, tag) => {
                let mut weight = NODE_WEIGHT;
                let mut map = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::MappingEnd) {
                        break;
                    }
                    let (key, part) = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    let (mut node, other) = self.node(event, span, depth + 1)?;
                    if node.value == Value::Null {
                        // A missing value has no position; report it at its key.
                        node.line = key.line;
                    }
                    map.push((key, node));
                    weight += part + other;
                }
                (anchor, tag.map_or(Value::Map(map), |tag| Value::Tagged(show(&tag))), weight)
            }
            // By the parser's grammar no other event begins a node.
            _ => return fail(MistakeKind::Syntax("a value is missing".into())),
        };
        let own =
            if matches!(value, Value::List(_) | Value::Map(_)) { NODE_WEIGHT } else { weight };
        self.weight += own;
        let node = Node { value, line: Some(line) };
        if anchor != 0 {
            weight = weight.max(NODE_WEIGHT);
            self.weight += weight;
            if self.weight > MAX_WEIGHT {
                return fail(MistakeKind::AliasBomb);
            }
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        Ok((node, weight))
    }

    /// A syntax error. The most frequent ones have a kind of mistake, and a remedy, for themselves.
    fn syntax(&self, error: &ScanError) -> Failure {
        let number = self.line(*error.marker());
        let text = self.text.lines().nth(number as usize - 1).unwrap_or_default();
        let kind = if has_unquoted_star(text) {
            MistakeKind::UnquotedStar
        } else if error.info().contains("unknown escape character") {
            MistakeKind::Escape
        } else if let Some(bracket) = unquoted_bracket(text) {
            MistakeKind::UnquotedBracket(bracket)
        } else if text.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t') {
            MistakeKind::Tab
        } else {
            MistakeKind::Syntax(error.info().to_owned())
        };
        Failure {
            line: Some(number),
            text: Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            kind,
        }
    }
}

/// Whether a value in this line begins with `*`, which makes it an alias.
fn has_unquoted_star(line: &str) -> bool {
    unquoted(line).any(|(before, c)| c == '*' && matches!(before, ' ' | '[' | ','))
}

/// The bracket or brace in an origin or an expression of this line, which would begin a list or a
/// mapping of YAML.
fn unquoted_bracket(line: &str) -> Option<char> {
    let text: String = unquoted(line).map(|(_, c)| c).collect();
    text.split([' ', ',']).find_map(|entry| {
        let (_, rest) = entry.split_once("://")?;
        rest.chars().find(|c| matches!(c, '[' | '{'))
    })
}

/// The characters of a line outside of quotes and comments, each with the one before it.
fn unquoted(line: &str) -> impl Iterator<Item = (char, char)> + '_ {
    let mut before = ' ';
    let mut quote = None;
    let mut is_comment = false;
    line.chars().filter_map(move |c| {
        let last = std::mem::replace(&mut before, c);
        match quote {
            _ if is_comment => return None,
            Some(open) => {
                if c == open {
                    quote = None;
                }
                return None;
            }
            None if matches!(last, ' ' | '[' | ',') => match c {
                '"' | '\'' => {
                    quote = Some(c);
                    return None;
                }
                '#' => {
                    is_comment = true;
                    return None;
                }
                _ => {}
            },
            None => {}
        }
        Some((last, c))
    })
}

/// Resolves a plain scalar by the core schema (YAML 1.2.2, section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let all = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.contains(|c: char| c.is_ascii_digit())
            && unsigned.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::{prelude::*, sample::select};
    use yaml_serde::Value as Other;

    use super::*;

    /// Whether both readers understand a value in the same way. A value with a tag is refused by the
    /// validation, so its content does not matter.
    fn is_same(node: &Node, other: &Other) -> bool {
        match (&node.value, other) {
            (Value::Tagged(_), _) | (Value::Null, Other::Null) => true,
            (Value::Bool(one), Other::Bool(other)) => one == other,
            (Value::Number(text), Other::Number(other)) => {
                let number = match text.get(..2) {
                    Some("0x") => u64::from_str_radix(&text[2..], 16).unwrap() as f64,
                    Some("0o") => u64::from_str_radix(&text[2..], 8).unwrap() as f64,
                    _ => text.replace(".inf", "inf").replace(".nan", "nan").parse().unwrap(),
                };
                let other = other.as_f64().unwrap();
                number == other || number.is_nan() && other.is_nan()
            }
            (Value::String(text), Other::String(other)) => text == other,
            (Value::List(list), Other::Sequence(other)) => {
                list.len() == other.len() && list.iter().zip(other).all(|(a, b)| is_same(a, b))
            }
            (Value::Map(map), Other::Mapping(other)) => {
                map.len() == other.len()
                    && map.iter().zip(other).all(|((key, node), (other_key, other))| {
                        is_same(key, other_key) && is_same(node, other)
                    })
            }
            _ => false,
        }
    }

    /// Reads a text with both readers. `None` if one of them refuses it.
    fn read_twice(text: &str) -> Option<(Node, Other)> {
        Some((read(text.as_bytes()).ok()?, yaml_serde::from_str(text).ok()?))
    }

    #[test]
    fn documents_mean_what_another_reader_makes_of_them() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/document");
        let mut compared = 0;
        for file in fs::read_dir(corpus).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            if let Some((node, other)) = read_twice(&text) {
                assert!(is_same(&node, &other), "{text}\n{node:?}\n{other:?}");
                compared += 1;
            }
        }
        assert!(compared >= 3, "{compared}");
    }

    const SCALARS: [&str; 48] = [
        "true",
        "True",
        "TRUE",
        "tRue",
        "false",
        "False",
        "FALSE",
        "yes",
        "off",
        "y",
        "null",
        "Null",
        "NULL",
        "~",
        "0",
        "1",
        "-1",
        "+1",
        "-0",
        "600",
        "1.5",
        "-1.5",
        ".5",
        "5.",
        "1e3",
        "1E-3",
        "0x1f",
        "0o17",
        "0x",
        "1x",
        "--1",
        "1-1",
        "1.2.3",
        "10m",
        "2026-01-01",
        "12:30",
        ".inf",
        "-.inf",
        ".nan",
        ".",
        "-",
        "a",
        "\"a b\"",
        "'it''s'",
        "\"\\u00e4\"",
        "*",
        "regex:a{2}",
        "ä",
    ];

    /// A flow or block collection of texts.
    fn document() -> impl Strategy<Value = String> {
        let scalar = select(&SCALARS[..]).prop_map(str::to_owned);
        let value = scalar.clone().prop_recursive(3, 16, 4, move |inner| {
            let pair =
                (scalar.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4)
                    .prop_map(|list| format!("[{}]", list.join(", "))),
                prop::collection::vec(pair, 0..4).prop_map(|map| format!("{{{}}}", map.join(", "))),
            ]
        });
        (
            select(&["", "- ", "a: ", "a:\n  - ", "&x ", "? "][..]),
            prop::collection::vec(value, 1..4),
        )
            .prop_map(|(before, values)| {
                values.iter().map(|value| format!("{before}{value} # x\n")).collect()
            })
    }

    proptest! {
        #[test]
        fn values_mean_what_another_reader_makes_of_them(text in document()) {
            if let Some((node, other)) = read_twice(&text) {
                prop_assert!(is_same(&node, &other), "{}\n{:?}\n{:?}", text, node, other);
            }
        }
    }
}
