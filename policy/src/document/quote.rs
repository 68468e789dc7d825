//! Showing values of a document in messages.

use std::fmt::Write;

use super::node::{Node, Value};

/// The number of characters of a value or a key that a message shows.
const MAX_SHOWN: usize = 80;

/// A text in quotes, escaped and cut.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// A text, escaped and cut.
pub(super) fn cut(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        // Quotes are left alone: they do not break a line, and expressions are full of them.
        if matches!(c, '"' | '\'' | '\\') {
            shown.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", c.escape_debug());
        }
    }
    shown
}

/// A value as it was written, cut. A list or a mapping is only hinted at.
pub(super) fn show(node: &Node) -> Option<String> {
    match &node.value {
        Value::Null => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(text) => Some(text.clone()),
        Value::String(text) => Some(quote(text)),
        Value::List(_) => Some("[…]".to_owned()),
        Value::Map(_) => Some("{…}".to_owned()),
        Value::Tagged(tag) => Some(quote(tag)),
    }
}
