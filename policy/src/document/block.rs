//! A block of nginx.conf that holds a policy, directive by directive, as it is read.

use std::mem;

use thiserror::Error;

use super::{KeyKind, Node, NodeLine, Value, directive_advice, key_kind, keys as document_keys};
use crate::nearest;

/// The directives between the braces of a `cors_policy_define`. They become the same tree of
/// [`Node`]s as a document.
#[derive(Debug)]
pub struct Block {
    /// The keys of the innermost open block.
    keys: Vec<(Node, Node)>,
    rules: Vec<Node>,
    /// The keys of the policy and the line of the rule, while a rule is open.
    around_rule: Option<(Vec<(Node, Node)>, u32)>,
    /// The line of each directive. The line numbers of nodes are indices into this, from 1, since
    /// included files count their own lines.
    lines: Vec<NodeLine>,
}

/// The reason why a directive cannot be part of a block. Displays as the end of a message that begins
/// with the name of the directive, as nginx words its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlockError {
    /// A key with one value has none, or several.
    #[error("takes one argument")]
    OneArgument,
    /// A rule inside a rule.
    #[error("is not allowed in another one")]
    NestedRule,
}

impl Block {
    /// For a block that begins at this line.
    #[must_use]
    pub fn new(line: NodeLine) -> Self {
        Self { keys: Vec::new(), rules: Vec::new(), around_rule: None, lines: vec![line] }
    }

    /// Adds the directive of a key, with its arguments. A path among them has to be absolute, or
    /// relative to the folder of the file that the block is validated for.
    ///
    /// # Errors
    ///
    /// If the key takes one argument, and there are others.
    pub fn add(
        &mut self,
        line: NodeLine,
        key: &str,
        mut arguments: Vec<String>,
    ) -> Result<(), BlockError> {
        let kind = key_kind(key);
        let line = self.note(line);
        let value = match (kind, &mut arguments[..]) {
            (Some(KeyKind::List | KeyKind::Rules), _)
            | (Some(KeyKind::BooleanOrList), [_, _, ..]) => {
                let words = arguments.into_iter().map(|word| Node::string(word, line));
                Value::List(words.collect())
            }
            (_, [word]) => match (kind, word.as_str()) {
                (Some(KeyKind::Boolean | KeyKind::BooleanOrList), "on") => Value::Bool(true),
                (Some(KeyKind::Boolean | KeyKind::BooleanOrList), "off") => Value::Bool(false),
                _ => Value::String(mem::take(word)),
            },
            _ => return Err(BlockError::OneArgument),
        };
        self.keys.push((Node::string(key, line), Node::new(value, line)));
        Ok(())
    }

    /// Begins a rule at this line. What is added next belongs to it.
    ///
    /// # Errors
    ///
    /// If a rule is open already.
    pub fn open_rule(&mut self, line: NodeLine) -> Result<(), BlockError> {
        if self.around_rule.is_some() {
            return Err(BlockError::NestedRule);
        }
        let line = self.note(line);
        self.around_rule = Some((mem::take(&mut self.keys), line));
        Ok(())
    }

    /// Ends the rule that is open.
    pub fn close_rule(&mut self) {
        if let Some((around, line)) = self.around_rule.take() {
            let keys = mem::replace(&mut self.keys, around);
            self.rules.push(Node::new(Value::Map(keys), line));
        }
    }

    /// Advice on what to write in place of a directive that no block has, if it is known what is meant.
    #[must_use]
    pub fn advice(&self, name: &str, arguments: &[String]) -> Option<String> {
        let known = || document_keys().filter(|key| *key != "rules").chain(["rule"]);
        if known().any(|key| key == name) {
            return None;
        }
        let nodes = arguments.iter().map(|word| Node::string(word, 1)).collect();
        if let Some(advice) = directive_advice(name, nodes, self.around_rule.is_some()) {
            return Some(format!("in \"cors_policy_define\", in place of \"{name}\": {advice}"));
        }
        let key = nearest(name, known())?;
        Some(format!("in \"cors_policy_define\", did you mean \"{key}\"?"))
    }

    /// The policy as a node, and what the lines of its nodes stand for, for
    /// [`policy_from_node`](super::policy_from_node).
    #[must_use]
    pub fn into_node(mut self) -> (Node, Vec<NodeLine>) {
        self.close_rule();
        if let Some(first) = self.rules.first() {
            let line = first.line;
            let key = Node { value: Value::String("rules".to_owned()), line };
            self.keys.push((key, Node { value: Value::List(self.rules), line }));
        }
        (Node { value: Value::Map(self.keys), line: Some(1) }, self.lines)
    }

    fn note(&mut self, line: NodeLine) -> u32 {
        self.lines.push(line);
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }
}
