//! What a configuration consists of.

use std::ops::Range;

/// A directive, with its arguments as nginx sees them: without quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name, or the key of an entry of `map`.
    pub name: String,
    /// The arguments.
    pub args: Vec<String>,
    /// What comes behind the arguments.
    pub body: Body,
    /// The file and the line of its name.
    pub site: Site,
    /// Its bytes in the file, from the first of its name to its semicolon or closing brace.
    pub span: Range<usize>,
    /// Where its arguments end: at the semicolon or the opening brace.
    pub head_end: usize,
}

/// The end of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A semicolon.
    None,
    /// A block of directives. Those of included files are in it, in place of the `include`.
    Block(Vec<Directive>),
    /// A block of Lua (`content_by_lua_block { … }`), which is skipped.
    Lua,
    /// A statement of a template language (`{{ … }}`, `{% … %}`) where a directive could be. It has
    /// neither arguments nor a semicolon; its name is the whole statement.
    Template,
}

impl Directive {
    /// The directives of its block; none if it has no block.
    #[must_use]
    pub fn block(&self) -> &[Self] {
        match &self.body {
            Body::Block(directives) => directives,
            Body::None | Body::Lua | Body::Template => &[],
        }
    }

    /// Whether it has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// An argument, from 0.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&str> {
        self.args.get(index).map(String::as_str)
    }
}

/// A line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The index of the file in [`Reading::files`](crate::Reading::files).
    pub file: usize,
    /// The line, from 1.
    pub line: u32,
}
