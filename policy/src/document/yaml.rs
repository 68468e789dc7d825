//! YAML text to a [`Node`].
//!
//! The parser is asked for one event at a time, so that nesting and the copies that aliases make
//! are bounded while reading, and so that every value knows its line.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{
    mistake_kind::MistakeKind,
    node::{Node, Value},
};

/// Documents larger than this are refused before they are parsed: room for some ten thousand
/// policies, while long lists of origins belong into an `allow_origins_file`.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// A policy document needs seven levels.
const MAX_DEPTH: usize = 32;

/// What the values of a document may weigh, aliases counted as often as they are used: more than
/// any document of [`MAX_BYTES`] without aliases can, so that only copies reach it.
const MAX_WEIGHT: usize = 8 * MAX_BYTES;

/// Weighs a node beside its text, so that empty values are not free.
const NODE_WEIGHT: usize = 8;

/// Something that keeps the text from being a tree at all.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) line: Option<u32>,
    /// The text of that line, where it helps.
    pub(super) text: Option<String>,
    pub(super) kind: MistakeKind,
}

/// Reads the one document of a YAML file. An empty file is [`Value::Null`].
pub(super) fn read(bytes: &[u8]) -> Result<Node, Failure> {
    let text = check_text(bytes)?;
    let mut reader = Reader {
        text,
        // The text has at most MAX_BYTES lines.
        lines: text.lines().count().max(1) as u32,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        weight: 0,
    };
    let mut root = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), span) if root.is_some() => {
                return Err(Failure {
                    line: Some(reader.line(span.start)),
                    text: None,
                    kind: MistakeKind::SeveralDocuments,
                });
            }
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                root = Some(reader.node(event, span, 0)?.0);
            }
            _ => {}
        }
    }
    Ok(root.unwrap_or(Node { value: Value::Null, line: Some(1) }))
}

/// What can be said without parsing: the size, the encoding, the characters.
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

/// A tag as people write it.
fn show(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() }
}

struct Reader<'t> {
    text: &'t str,
    lines: u32,
    parser: Parser<'t, StrInput<'t>>,
    /// What aliases stand for, and what it weighs.
    anchors: HashMap<usize, (Node, usize)>,
    weight: usize,
}

impl<'t> Reader<'t> {
    /// The line of a mark, the last one for the end of the text.
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
                        // Nothing has no place of its own: it is missing where its key stands.
                        node.line = key.line;
                    }
                    map.push((key, node));
                    weight += part + other;
                }
                (anchor, tag.map_or(Value::Map(map), |tag| Value::Tagged(show(&tag))), weight)
            }
            // The parser's grammar lets no other event begin a node.
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

    /// A syntax error, with a remedy for the usual ones.
    fn syntax(&self, error: &ScanError) -> Failure {
        let number = self.line(*error.marker());
        let text = self.text.lines().nth(number as usize - 1).unwrap_or_default();
        let kind = if has_unquoted_star(text) {
            MistakeKind::UnquotedStar
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
    let mut before = ' ';
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(before, ' ' | '[' | ',') => match c {
                '"' | '\'' => quote = Some(c),
                '*' => return true,
                '#' => return false,
                _ => {}
            },
            None => {}
        }
        before = c;
    }
    false
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
