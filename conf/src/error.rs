//! Why a configuration cannot be read.

use std::path::PathBuf;

use thiserror::Error;

/// What is wrong, and where.
#[derive(Debug, Error)]
#[error("{}:{}{problem}", file.display(), line.map(|line| format!("{line}: ")).unwrap_or_else(|| " ".to_owned()))]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, unless the file as a whole is the problem.
    pub line: Option<u32>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Debug, Error)]
pub enum Problem {
    /// A semicolon, a brace or a letter where nginx expects none.
    #[error("unexpected \"{0}\"")]
    Unexpected(char),
    /// The file ends inside a directive.
    #[error("the file ends inside a directive; a \";\" or \"{{\" is missing")]
    EndOfDirective,
    /// The file ends inside a quoted text.
    #[error("the file ends inside a quoted text, which begins here; a {0} is missing")]
    EndOfQuotes(char),
    /// The file ends inside a block.
    #[error("the file ends inside the block that begins here; a \"}}\" is missing")]
    EndOfBlock,
    /// The file ends inside a block of Lua, or a long bracket in one.
    #[error("the file ends inside the block of Lua that begins here; a \"}}\" is missing")]
    EndOfLua,
    /// The file ends inside an expression of a template.
    #[error("the file ends inside the expression of a template that begins here")]
    EndOfTemplate,
    /// Blocks and includes are nested too deeply.
    #[error("blocks and includes are nested more than {} levels deep", crate::MAX_DEPTH)]
    TooDeep,
    /// The files are too large altogether.
    #[error("the configuration has more than {} bytes, with its includes", crate::MAX_BYTES)]
    TooLarge,
    /// The file contains a byte 0.
    #[error("the file is binary; it contains a byte 0")]
    Binary,
    /// A file includes itself, at once or by others.
    #[error("this includes {} again, which leads here", .0.display())]
    IncludesItself(PathBuf),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// The pattern of an `include` makes no sense.
    #[error("{0:?} is no pattern of file names")]
    Pattern(String),
}
