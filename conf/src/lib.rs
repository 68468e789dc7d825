//! Reads `nginx.conf` as nginx does, and says with which headers nginx would answer a request.
//!
//! [`read`] makes a tree of [`Directive`]s out of a file and its includes. Every directive knows its
//! file, its line and its bytes, so that a program can point at it and change it. [`evaluate`] follows
//! a request through such a tree: `set`, `map`, `if`, `return`, `rewrite`, and the headers of
//! `add_header` with their inheritance.
//!
//! Neither checks what nginx checks when it starts: an unknown directive, or one with too many
//! arguments, is read like any other.
#![forbid(unsafe_code)]

mod directive;
mod dump;
mod error;
pub mod evaluate;

mod files;
mod lua;
mod read;
mod words;

pub use directive::{Body, Directive, Site};
pub use dump::Dump;
pub use error::{Error, Problem};
pub use files::{Disk, Files};
pub use read::{MAX_BYTES, MAX_DEPTH, MissingInclude, Reading, Source, read, read_text};
