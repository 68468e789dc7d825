//! The policy document: from text to compiled policies, or to all of its mistakes.
//!
//! A document is a YAML file; a block of nginx.conf becomes the same tree of [`Node`]s and goes
//! through the same validation.
//!
//! # What a document may hold
//!
//! | written | means |
//! | --- | --- |
//! | `allow_methods: [GET, PUT]` | a list |
//! | `allow_methods: "*"`, `allow_origins: "https://a.example"` | one text: a list of one |
//! | `allow_methods: GET, PUT` | a mistake: several entries in one text |
//! | `allow_headers: []` | none |
//! | `allow_headers:`, `allow_headers: [X-A, ]`, `allow_headers: [""]` | no value: a mistake; a list of one; an empty entry: a mistake |
//! | `allow_origins: []` | a mistake: a policy that allows nobody does nothing |
//! | `allow_methods: []` | a mistake: GET, HEAD and POST cannot be forbidden by CORS |
//! | `max_age: 600`, `max_age: 10m`, `max_age: "1h 30m"` | seconds, or a time as nginx writes it |
//! | `&name` and `*name` | a value that is used again |
//! | `<<: *name`, `!tag`, `---` a second time, keys that are not texts | a mistake |
//!
//! A rule after one that has `*` among its origins is a mistake, because it is never reached. An
//! entry of `dangerously_allow` that opens nothing is accepted, so that a policy can be cleaned up
//! in any order.
//!
//! Nothing in a document makes reading it slow or large: it has at most 4 MiB, its nesting and
//! what aliases copy are bounded, and an `allow_origins_file` is streamed. Files are regular files:
//! nothing waits for what a pipe or a device may send.

mod file;
mod keys;
mod node;
mod origins_file;
mod patterns;
mod report;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;
mod validate;
mod yaml;

use std::{io::Read, path::Path};

pub use keys::KeyKind;
pub use node::{Node, Value};
pub use patterns::{PatternSite, load_with_patterns, parse_with_patterns};
pub use report::{Expected, Mistake, MistakeKind, Report};
#[cfg(feature = "schema")]
pub use schema::schema;

use self::{
    report::Syntax,
    validate::{Patterns, Validator},
    yaml::Failure,
};
use crate::Policy;

/// Reads a YAML file and each `allow_origins_file` it names.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn load(path: &Path) -> Result<Vec<Policy>, Report> {
    load_with(path, ())
}

/// Reads the text of a YAML file, and each `allow_origins_file` it names, relative to `file`.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn parse(text: &[u8], file: &Path) -> Result<Vec<Policy>, Report> {
    parse_with(text, file, ())
}

/// Validates one policy from elsewhere, such as a block of nginx.conf, which is `file`. An
/// `allow_origins_file` is relative to it. Remedies are worded for nginx.conf.
///
/// # Errors
///
/// All mistakes of the policy at once, their places beginning with its name.
pub fn policy_from_node(name: &str, node: &Node, file: &Path) -> Result<Policy, Report> {
    let mut validator = Validator::new(file, Syntax::Nginx, ());
    let policy = validator.named_policy(name, node);
    match (validator.finish(())?, policy) {
        ((), Some(policy)) => Ok(policy),
        // A policy is missing only where a mistake was reported.
        ((), None) => unreachable!("a policy without mistakes is compiled"),
    }
}

/// How the value of a key of a policy is shaped, or `None` if there is no such key.
pub fn key_kind(key: &str) -> Option<KeyKind> {
    keys::Key::from_name(key).map(|spec| spec.kind)
}

/// Every key that a policy can have, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static str> {
    keys::KEYS.iter().map(|spec| spec.name)
}

fn load_with(path: &Path, patterns: impl Patterns) -> Result<Vec<Policy>, Report> {
    match read(path) {
        Ok(text) => parse_with(&text, path, patterns),
        Err(kind) => {
            let mut validator = Validator::new(path, Syntax::Yaml, patterns);
            validator.failure(Failure { line: None, text: None, kind });
            validator.finish(Vec::new())
        }
    }
}

/// The content, or as much of it as shows that it is too large.
fn read(path: &Path) -> Result<Vec<u8>, MistakeKind> {
    let mut text = Vec::new();
    let mut reader = file::open(path)?.take(yaml::MAX_BYTES as u64 + 1);
    reader.read_to_end(&mut text).map_err(file::unreadable)?;
    Ok(text)
}

fn parse_with(text: &[u8], file: &Path, patterns: impl Patterns) -> Result<Vec<Policy>, Report> {
    let mut validator = Validator::new(file, Syntax::Yaml, patterns);
    let policies = match yaml::read(text) {
        Ok(root) => validator.document(&root),
        Err(failure) => {
            validator.failure(failure);
            Vec::new()
        }
    };
    validator.finish(policies)
}
