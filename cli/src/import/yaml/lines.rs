//! The lines of values, and the limits of a text.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, Span, StrInput};

use super::YamlError;

/// The deepest nesting.
const MAX_DEPTH: usize = 64;

/// The most values, where every use of an alias counts.
const MAX_VALUES: usize = 500_000;

/// The most bytes of texts, where every use of an alias counts. No text without aliases has as many.
const MAX_TEXT: usize = 16 << 20;

/// The line of a value, and of those in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// From 1.
    pub(super) line: u32,
    children: Children,
}

#[derive(Clone, Debug, Default)]
enum Children {
    #[default]
    None,
    List(Vec<Rc<Lines>>),
    /// By keys that are texts.
    Map(HashMap<String, Rc<Lines>>),
}

impl Lines {
    /// The lines of an entry of a list.
    pub(super) fn at(&self, index: usize) -> Option<&Self> {
        match &self.children {
            Children::List(list) => list.get(index).map(Rc::as_ref),
            _ => None,
        }
    }

    /// The lines of a key's value.
    pub(super) fn of(&self, key: &str) -> Option<&Self> {
        match &self.children {
            Children::Map(map) => map.get(key).map(Rc::as_ref),
            _ => None,
        }
    }
}

/// Reads the lines of each document.
///
/// # Errors
///
/// If the text is not YAML, or exceeds a limit.
pub(super) fn read(text: &str) -> Result<Vec<Lines>, YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines: u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1),
        anchors: HashMap::new(),
        size: Size::default(),
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                let root = reader.node(event, span, 0)?;
                documents.push(Rc::unwrap_or_clone(root.lines));
                reader.anchors.clear();
            }
            _ => {}
        }
    }
}

/// What a value is made of.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.text = self.text.saturating_add(other.text);
    }
}

/// A value that has been read.
#[derive(Clone)]
struct Node {
    lines: Rc<Lines>,
    size: Size,
    /// The text, of a scalar.
    key: Option<String>,
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// How many lines the text has.
    lines: u32,
    /// The values that aliases refer to.
    anchors: HashMap<usize, Node>,
    /// Of everything so far.
    size: Size,
}

impl<'t> Reader<'t> {
    /// The line of a position. The end of the text belongs to the last line.
    fn line(&self, mark: Marker) -> u32 {
        u32::try_from(mark.line()).unwrap_or(u32::MAX).clamp(1, self.lines)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(YamlError {
                line: Some(self.line(*error.marker())),
                text: format!("not YAML: {}", error.info()),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The value that begins with `event`.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let line = self.line(span.start);
        let fail = |text: &str| Err(YamlError { line: Some(line), text: text.to_owned() });
        if depth > MAX_DEPTH {
            return fail("nested more than 64 levels deep");
        }
        let mut size = Size { values: 1, text: 0 };
        let mut key = None;
        let (anchor, children) = match event {
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return fail("an alias within the value that it stands for");
                };
                self.grow(node.size, line)?;
                return Ok(node);
            }
            Event::Scalar(text, _, anchor, _) => {
                size.text = text.len();
                key = Some(text.into_owned());
                self.grow(size, line)?;
                (anchor, Children::None)
            }
            Event::SequenceStart(anchor, _) => {
                self.grow(size, line)?;
                (anchor, self.list(depth, &mut size)?)
            }
            Event::MappingStart(anchor, _) => {
                self.grow(size, line)?;
                (anchor, self.map(depth, &mut size)?)
            }
            // By the parser's grammar no other event begins a value.
            _ => return fail("not YAML: a value is missing"),
        };
        let node = Node { lines: Rc::new(Lines { line, children }), size, key };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The entries of a list, whose sizes are added to `size`.
    fn list(&mut self, depth: usize, size: &mut Size) -> Result<Children, YamlError> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Children::List(list));
            }
            let node = self.node(event, span, depth + 1)?;
            size.add(node.size);
            list.push(node.lines);
        }
    }

    /// The values of a mapping, whose sizes and those of its keys are added to `size`.
    fn map(&mut self, depth: usize, size: &mut Size) -> Result<Children, YamlError> {
        let mut map = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Children::Map(map));
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            size.add(key.size);
            size.add(value.size);
            let Some(text) = key.key else {
                continue;
            };
            // A list or a mapping may begin below its key, where nobody looks for it.
            let line = key.lines.line;
            if map.contains_key(&text) {
                let text = format!("the key \"{text}\" is there twice");
                return Err(YamlError { line: Some(line), text });
            }
            let children = Rc::unwrap_or_clone(value.lines).children;
            map.insert(text, Rc::new(Lines { line, children }));
        }
    }

    /// Counts a value that has been read.
    fn grow(&mut self, size: Size, line: u32) -> Result<(), YamlError> {
        self.size.add(size);
        if self.size.values > MAX_VALUES || self.size.text > MAX_TEXT {
            let text = "more than 500,000 values or 16 MiB, aliases included".to_owned();
            return Err(YamlError { line: Some(line), text });
        }
        Ok(())
    }
}
