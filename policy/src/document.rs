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
//! A rule after one with `*` among its origins is a mistake, because it is never reached.
//!
//! # Errors and warnings
//!
//! A mistake is an error if the document lets in more than was meant, or if an entry can never do what
//! it says and a page would fail for it. Errors refuse the document. A mistake is a warning if it has
//! no effect and puts nothing at stake, such as an entry of `dangerously_allow` that opens nothing.
//! The warnings of a document come with its policies, or beside its errors.
//!
//! No document is slow to read or needs much memory: it has at most 4 MiB, its nesting and the copies
//! by aliases are bounded, and an `allow_origins_file` is streamed. Only regular files are read, so
//! nothing waits for a pipe or a device.

mod block;
mod covered_lines;
mod covered_patterns;
mod file;
mod keys;
mod level;
mod list;
mod mistake_kind;
mod node;
mod open_guard;
mod open_guards;
mod origins_file;
mod pattern_site;
mod place;
mod policy_origins;
mod policy_settings;
mod quote;
mod reader;
mod report;
mod rule;
#[cfg(feature = "schema")]
mod schema;
mod source_file;
#[cfg(test)]
mod tests;
mod unknown_key;
mod validate;
mod yaml;

use std::{io::Read, path::Path};

pub use block::{Block, BlockError};
pub use keys::KeyKind;
pub use level::Level;
pub use list::{check_list, check_list_from};
pub use mistake_kind::{Expected, MistakeKind, StaticObstacle};
pub use node::{Node, NodeLine, Value};
pub use open_guard::OpenGuard;
pub use pattern_site::PatternSite;
pub use report::{Accepted, Mistake, Report};
#[cfg(feature = "schema")]
pub use schema::schema;
pub use source_file::SourceFile;

use self::{keys::Language, unknown_key::Scope, validate::Validator, yaml::Failure};
use crate::Policy;

/// Reads a YAML file and each `allow_origins_file` that it names.
///
/// # Errors
///
/// All mistakes of the document at once, if any of them is an error.
pub fn load(path: &Path) -> Result<Accepted<Vec<Policy>>, Report> {
    load_with_patterns(path, |_| {})
}

/// Reads the text of a YAML file, and each `allow_origins_file` that it names, relative to `file`.
///
/// # Errors
///
/// All mistakes of the document at once, if any of them is an error.
pub fn parse(text: &[u8], file: &Path) -> Result<Accepted<Vec<Policy>>, Report> {
    parse_with_patterns(text, file, |_| {})
}

/// Reads a document as [`load`] does, and calls `each` for every pattern without mistakes, in the
/// order of the document.
///
/// # Errors
///
/// All mistakes of the document at once, if any of them is an error.
pub fn load_with_patterns(
    path: &Path,
    each: impl FnMut(&PatternSite<'_>),
) -> Result<Accepted<Vec<Policy>>, Report> {
    match read(path) {
        Ok(text) => parse_with_patterns(&text, path, each),
        Err(kind) => {
            let mut ignore = |_: &PatternSite<'_>| {};
            let mut validator = Validator::new(path, &mut ignore);
            validator.add_file(SourceFile::unread(path));
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
/// All mistakes of the document at once, if any of them is an error.
pub fn parse_with_patterns(
    text: &[u8],
    file: &Path,
    mut each: impl FnMut(&PatternSite<'_>),
) -> Result<Accepted<Vec<Policy>>, Report> {
    let mut validator = Validator::new(file, &mut each);
    validator.add_file(SourceFile::of_bytes(file, text));
    let policies = match yaml::read(text) {
        Ok(root) => validator.document(&root),
        Err(failure) => {
            validator.failure(failure);
            Vec::new()
        }
    };
    validator.finish(policies)
}

/// Validates one policy from a block of nginx.conf, which is `file`. An `allow_origins_file` is
/// relative to it. Messages are worded for nginx.conf.
///
/// A block can include other files. The line of a node is then an index into `lines`, from 1, and
/// mistakes name the file and the line there. Without `lines`, it is a line of `file`.
///
/// # Errors
///
/// All mistakes of the policy at once. Their places begin with its name.
pub fn policy_from_node(
    name: &str,
    node: &Node,
    file: &Path,
    lines: &[NodeLine],
) -> Result<Accepted<Policy>, Report> {
    policy_from_node_with_patterns(name, node, file, lines, |_| {})
}

/// Validates one policy as [`policy_from_node`] does, and calls `each` for every pattern without
/// mistakes, in the order of the block.
///
/// # Errors
///
/// All mistakes of the policy at once. Their places begin with its name.
pub fn policy_from_node_with_patterns(
    name: &str,
    node: &Node,
    file: &Path,
    lines: &[NodeLine],
    mut each: impl FnMut(&PatternSite<'_>),
) -> Result<Accepted<Policy>, Report> {
    let mut validator = Validator::of_block(file, lines, &mut each);
    let policy = validator.named_policy(name, node);
    let Accepted { value: (), warnings, guards, files } = validator.finish(())?;
    match policy {
        Some(value) => Ok(Accepted { value, warnings, guards, files }),
        // A policy is missing only if an error was reported.
        None => unreachable!("a policy without errors is compiled"),
    }
}

/// What to write in a block of nginx.conf in place of a directive with these arguments, if other
/// software has a key of this name.
pub fn directive_advice(name: &str, arguments: Vec<Node>, in_rule: bool) -> Option<String> {
    let scope = if in_rule { Scope::Rule } else { Scope::Policy };
    let node = Node { value: Value::List(arguments), line: None };
    unknown_key::advice(name, &node, scope, Language::Nginx)
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
