//! From the text of an expression to its automaton.

use regex_syntax::hir::Hir;

use crate::origin::automaton::{Automaton, Direction, TooLarge};
use crate::origin::error::PatternError;

/// The prefix of a pattern that is a regular expression.
pub(crate) const REGEX_PREFIX: &str = "regex:";

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;
/// How deep groups and repetitions may be nested.
const MAX_NESTING: u32 = 50;
/// Memory of one expression's automaton, in bytes: about two thousand states.
const MAX_SIZE: usize = 1 << 19;
/// Memory of the automaton of all expressions of a policy, in bytes.
const MAX_COMBINED_SIZE: usize = 8 << 20;

/// Reads an expression, without the prefix `regex:`.
pub(super) fn parse(text: &str) -> Result<Hir, PatternError> {
    if text.len() > MAX_LEN {
        return Err(PatternError::RegexTooLong { length: text.len(), limit: MAX_LEN });
    }
    if text.trim() != text {
        return Err(PatternError::Whitespace {
            entries: vec![format!("{REGEX_PREFIX}{}", text.trim())],
        });
    }
    // No expression needs one, and a message could not show it as it is.
    if let Some(character) = text.chars().find(|c| c.is_control()) {
        return Err(PatternError::ForbiddenCharacter { character });
    }
    let expression = parse_bytes(text)?;
    if expression.properties().look_set().contains_word_unicode() {
        let reason = "word boundaries of Unicode are not supported".to_owned();
        return Err(PatternError::RegexSyntax { reason });
    }
    Ok(expression)
}

/// Reads an expression that matches bytes, not Unicode characters.
pub(crate) fn parse_bytes(text: &str) -> Result<Hir, PatternError> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(MAX_NESTING)
        .build()
        .parse(text)
        .map_err(|error| PatternError::RegexSyntax { reason: reason(&error) })
}

/// Compiles one expression.
pub(super) fn compile(expression: &Hir, direction: Direction) -> Result<Automaton, PatternError> {
    Automaton::new(std::slice::from_ref(expression), direction, MAX_SIZE)
        .map_err(|TooLarge| PatternError::RegexTooLarge)
}

/// Compiles the expressions of a policy into one automaton; they keep their order.
pub(crate) fn compile_all(expressions: &[Hir]) -> Result<Automaton, TooLarge> {
    Automaton::new(expressions, Direction::Forward, MAX_COMBINED_SIZE)
}

/// Escapes the bytes of a text for a message.
pub(super) fn escape(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

/// The parser's message, on one line.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => {
            format!("{}, at column {}", error.kind(), error.span().start.column)
        }
        regex_syntax::Error::Translate(error) => {
            format!("{}, at column {}", error.kind(), error.span().start.column)
        }
        other => other.to_string().replace('\n', " "),
    }
}
