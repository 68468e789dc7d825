//! The tree of values that a YAML file and an nginx block are both converted to.

use std::{path::Path, sync::Arc};

/// A value and its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The line in the file, from 1, if known.
    pub line: Option<u32>,
}

/// A line that a [`Node::line`] stands for, in a document that consists of several files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLine {
    /// The file.
    pub file: Arc<Path>,
    /// The line in it, from 1.
    pub line: u32,
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or a missing value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, including duplicate keys.
    Map(Vec<(Node, Node)>),
    /// A value with a YAML tag. Only the tag is kept.
    Tagged(String),
}

impl Node {
    /// A node at a line, counted from 1.
    pub fn new(value: Value, line: u32) -> Self {
        Self { value, line: Some(line) }
    }

    /// A text at a line, counted from 1.
    pub fn string(text: impl Into<String>, line: u32) -> Self {
        Self::new(Value::String(text.into()), line)
    }
}

/// The boolean that a text means to people, as `yes` and `off` do in YAML 1.1 and in nginx.
pub(super) fn truth(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "y", "1"]) {
        Some(true)
    } else if is_one_of(["false", "no", "off", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}
