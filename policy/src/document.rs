//! The policy document: from text to compiled policies, or to all of its mistakes.
//!
//! A document is a YAML file. A block of nginx.conf becomes the same tree of [`Node`]s and passes the
//! same validation.
//!
//! # The values of a document
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
//! A rule after one with `*` among its origins is a mistake, because it is never reached. An entry of
//! `dangerously_allow` may be unnecessary, so that a policy can be cleaned up in any order.
//!
//! No document is slow to read or needs much memory: it has at most 4 MiB, its nesting and the copies
//! by aliases are bounded, and an `allow_origins_file` is streamed. Only regular files are read, so
//! nothing waits for a pipe or a device.

mod file;
mod keys;
mod mistake_kind;
mod node;
mod origins_file;
mod pattern_site;
mod place;
mod policy_origins;
mod quote;
mod reader;
mod report;
mod rule;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;
mod validate;
mod yaml;

use std::{io::Read, path::Path};

pub use keys::KeyKind;
pub use mistake_kind::{Expected, MistakeKind};
pub use node::{Node, Value};
pub use pattern_site::PatternSite;
pub use report::{Mistake, Report};
#[cfg(feature = "schema")]
pub use schema::schema;

use self::{keys::Language, validate::Validator, yaml::Failure};
use crate::Policy;

/// Reads a YAML file and each `allow_origins_file` that it names.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn load(path: &Path) -> Result<Vec<Policy>, Report> {
    load_with_patterns(path, |_| {})
}

/// Reads the text of a YAML file, and each `allow_origins_file` that it names, relative to `file`.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn parse(text: &[u8], file: &Path) -> Result<Vec<Policy>, Report> {
    parse_with_patterns(text, file, |_| {})
}

/// Reads a document as [`load`] does, and calls `each` for every pattern without mistakes, in the
/// order of the document.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn load_with_patterns(
    path: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Vec<Policy>, Report> {
    match read(path) {
        Ok(text) => parse_with_patterns(&text, path, each),
        Err(kind) => {
            let mut ignore = |_: &PatternSite<'_>| {};
            let mut validator = Validator::new(path, Language::Yaml, &mut ignore);
            validator.failure(Failure { line: None, text: None, kind });
            validator.finish(Vec::new())
        }
    }
}

/// Reads a document as [`parse`] does, and calls `each` for every pattern without mistakes, in the
/// order of the document.
///
/// # Errors
///
/// All mistakes of the document at once.
pub fn parse_with_patterns(
    text: &[u8],
    file: &Path,
    mut each: impl FnMut(&PatternSite<'_>),
) -> Result<Vec<Policy>, Report> {
    let mut validator = Validator::new(file, Language::Yaml, &mut each);
    let policies = match yaml::read(text) {
        Ok(root) => validator.document(&root),
        Err(failure) => {
            validator.failure(failure);
            Vec::new()
        }
    };
    validator.finish(policies)
}

/// Validates one policy from another source, such as a block of nginx.conf, which is then `file`. An
/// `allow_origins_file` is relative to it. Remedies are worded for nginx.conf.
///
/// # Errors
///
/// All mistakes of the policy at once. Their places begin with its name.
pub fn policy_from_node(name: &str, node: &Node, file: &Path) -> Result<Policy, Report> {
    let mut ignore = |_: &PatternSite<'_>| {};
    let mut validator = Validator::new(file, Language::Nginx, &mut ignore);
    let policy = validator.named_policy(name, node);
    match (validator.finish(())?, policy) {
        ((), Some(policy)) => Ok(policy),
        // A policy is missing only if a mistake was reported.
        ((), None) => unreachable!("a policy without mistakes is compiled"),
    }
}

/// The shape of a key's value, or `None` if a policy has no such key.
pub fn key_kind(key: &str) -> Option<KeyKind> {
    keys::Key::from_name(key).map(|spec| spec.kind)
}

/// Every key that a policy can have, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static str> {
    keys::KEYS.iter().map(|spec| spec.name)
}

/// The content of a document. Of one that is too large, as much as shows that it is.
fn read(path: &Path) -> Result<Vec<u8>, MistakeKind> {
    let mut text = Vec::new();
    let mut reader = file::open(path)?.take(yaml::MAX_BYTES as u64 + 1);
    reader.read_to_end(&mut text).map_err(file::unreadable)?;
    Ok(text)
}
