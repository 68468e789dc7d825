//! Writing the policy document.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::model::Policy;

/// The widest comment, in bytes, with its indentation.
const WIDTH: usize = 100;

#[derive(Serialize)]
struct Document<'p> {
    version: u8,
    policies: One<'p>,
}

/// A mapping with one policy.
struct One<'p> {
    name: &'p str,
    policy: &'p Policy,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, self.policy)?;
        map.end()
    }
}

/// The text of a document with these policies, at least one.
///
/// The library writes one policy at a time, each in a document of its own. What these documents have
/// in common, their first lines, is written once, and comments come before the lines of a policy.
///
/// # Errors
///
/// If the library refuses a value, which none of a policy is.
pub(crate) fn write(policies: &[(String, Policy)]) -> Result<String, serde_yaml::Error> {
    let mut text = String::new();
    for (name, policy) in policies {
        let document =
            serde_yaml::to_string(&Document { version: 1, policies: One { name, policy } })?;
        let head = document.split_inclusive('\n').take(2).map(str::len).sum();
        let (head, lines) = document.split_at(head);
        if text.is_empty() {
            text.push_str(head);
        }
        for comment in &policy.comments {
            write_comment(comment, &mut text);
        }
        text.push_str(lines);
    }
    Ok(text)
}

/// Writes a comment, over several lines where it is long.
fn write_comment(comment: &str, text: &mut String) {
    const START: &str = "  #";
    let mut line = START.to_owned();
    // A file's own words could hold anything.
    for word in comment.split(|c: char| c.is_whitespace() || c.is_control()) {
        if line.len() > START.len() && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = START.to_owned();
        }
        if !word.is_empty() {
            line.push(' ');
            line.push_str(word);
        }
    }
    text.push_str(&line);
    text.push('\n');
}
