//! Places in a document, for messages about them.

use std::{fmt, path::Path, sync::Arc};

use super::{keys::KeySpec, quote::quote};

/// The longest name of a policy, in bytes.
pub(super) const MAX_NAME: usize = 64;

/// A path into the document. Displays as `policies.api.allow_origins[2]`.
#[derive(Clone, Copy, Debug)]
pub(super) enum DocumentPath<'p> {
    Root,
    Key(&'p DocumentPath<'p>, &'p str),
    Index(&'p DocumentPath<'p>, usize),
    /// A path that was displayed before.
    Shown(&'p str),
}

impl DocumentPath<'_> {
    /// The path of a key of this mapping.
    pub(super) fn key<'p>(&'p self, key: &'p str) -> DocumentPath<'p> {
        DocumentPath::Key(self, key)
    }

    /// The path of an entry of this list.
    pub(super) fn index(&self, index: usize) -> DocumentPath<'_> {
        DocumentPath::Index(self, index)
    }
}

impl fmt::Display for DocumentPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Shown(path) => f.write_str(path),
            Self::Index(list, index) => write!(f, "{list}[{index}]"),
            Self::Key(parent, key) => {
                if !matches!(parent, Self::Root) {
                    write!(f, "{parent}.")?;
                }
                if is_name(key) { f.write_str(key) } else { f.write_str(&quote(key)) }
            }
        }
    }
}

/// Whether a policy can have this name. `off` is not excluded here.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The file, line and path of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location<'l> {
    /// The document, or an `allow_origins_file`.
    pub(super) file: &'l Arc<Path>,
    pub(super) line: Option<u32>,
    pub(super) path: &'l DocumentPath<'l>,
    /// The key of the policy that the value belongs to.
    pub(super) key: Option<&'static KeySpec>,
}

impl<'l> Location<'l> {
    /// The beginning of a file.
    pub(super) fn root(file: &'l Arc<Path>) -> Self {
        Self { file, line: None, path: &DocumentPath::Root, key: None }
    }

    /// The same path at another line.
    pub(super) fn at_line(self, line: Option<u32>) -> Self {
        Self { line, ..self }
    }

    /// Another path and line in the same file.
    pub(super) fn at<'p>(self, path: &'p DocumentPath<'p>, line: Option<u32>) -> Location<'p>
    where
        'l: 'p,
    {
        Location { line, path, ..self }
    }
}
