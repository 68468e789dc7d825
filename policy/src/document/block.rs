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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::document::policy_from_node;

    fn line(line: u32) -> NodeLine {
        NodeLine { file: Path::new("nginx.conf").into(), line }
    }

    fn add(block: &mut Block, at: u32, words: &str) -> Result<(), BlockError> {
        let mut words = words.split(' ').map(str::to_owned);
        let key = words.next().unwrap();
        block.add(line(at), &key, words.collect())
    }

    #[test]
    fn directives_become_a_policy_and_mistakes_have_their_lines() {
        let mut block = Block::new(line(3));
        add(&mut block, 4, "enforce on").unwrap();
        block.open_rule(line(5)).unwrap();
        add(&mut block, 6, "allow_origins https://a.example https://B.example").unwrap();
        add(&mut block, 7, "allow_credentials on").unwrap();
        assert_eq!(block.open_rule(line(8)), Err(BlockError::NestedRule));
        block.close_rule();
        let (node, lines) = block.into_node();
        let report = policy_from_node("api", &node, Path::new("nginx.conf"), &lines).unwrap_err();
        assert_eq!(
            report.to_string(),
            "nginx.conf:6: api.rules[0].allow_origins[1]: \"https://B.example\": upper case in an \
             origin never matches: browsers send lower case; write \"https://b.example\""
        );
    }

    #[test]
    fn a_key_with_one_value_takes_one_argument() {
        let mut block = Block::new(line(1));
        for words in ["max_age 1 2", "max_age", "enforce on off", "allow_origins_file a b"] {
            assert_eq!(add(&mut block, 2, words), Err(BlockError::OneArgument), "{words}");
        }
        add(&mut block, 2, "timing_allow_origin https://a.example https://b.example").unwrap();
    }

    #[test]
    fn advice_is_about_what_no_block_has() {
        let mut block = Block::new(line(1));
        let advice = |block: &Block, name: &str| block.advice(name, &["x".to_owned()]);
        assert_eq!(
            advice(&block, "alow_origins").as_deref(),
            Some("in \"cors_policy_define\", did you mean \"allow_origins\"?")
        );
        assert_eq!(advice(&block, "rule"), None);
        assert_eq!(advice(&block, "something_else"), None);
        block.open_rule(line(2)).unwrap();
        assert!(advice(&block, "alow_origins").is_some());
    }
}
