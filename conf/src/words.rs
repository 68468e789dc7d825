//! The words of a configuration: what `ngx_conf_read_token` of nginx makes of its bytes.
//!
//! nginx has rules of its own: a quote inside a word is a letter, `{` ends a word except behind a `$`,
//! and behind a quoted word comes a space, `;`, `{` or `)`.

use std::ops::Range;

use crate::{error::Problem, lua};

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The words of a directive, at least one, up to its `;` or `{`.
    Statement { words: Vec<String>, opens: bool, line: u32, span: Range<usize> },
    /// A statement of a template language.
    Template { text: String, line: u32, span: Range<usize> },
    /// The `}` of a block.
    Close,
    /// The end of the file.
    End,
}

/// A problem at a line.
pub(crate) type Failure = (u32, Problem);

/// Reads the words of one file.
pub(crate) struct Words<'t> {
    text: &'t [u8],
    position: usize,
    line: u32,
}

/// The brackets of template languages, none of which nginx would take where they can be here.
const TEMPLATES: [(&[u8], &[u8]); 2] = [(b"{{", b"}}"), (b"{%", b"%}")];

impl<'t> Words<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        // nginx does not skip a byte order mark; editors write one.
        let position = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, position, line: 1 }
    }

    /// The line of the next byte.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// The offset of the next byte.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next statement, brace, or the end.
    pub(crate) fn next(&mut self) -> Result<Token, Failure> {
        let mut words: Vec<String> = Vec::new();
        let mut start = 0;
        let mut first_line = self.line;
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else {
                return if words.is_empty() {
                    Ok(Token::End)
                } else {
                    Err((first_line, Problem::EndOfDirective))
                };
            };
            if words.is_empty() {
                (start, first_line) = (self.position, self.line);
                if let Some(end) = self.template() {
                    self.skip_template(end)?;
                    let span = start..self.position;
                    let text = text_of(&self.text[span.clone()]);
                    return Ok(Token::Template { text, line: first_line, span });
                }
            }
            match byte {
                b';' | b'{' if words.is_empty() => {
                    return Err((self.line, Problem::Unexpected(char::from(byte))));
                }
                b'{' if self.template().is_some() => words.push(self.plain()?),
                b';' | b'{' => {
                    self.position += 1;
                    return Ok(Token::Statement {
                        words,
                        opens: byte == b'{',
                        line: first_line,
                        span: start..self.position,
                    });
                }
                b'}' if words.is_empty() => {
                    self.position += 1;
                    return Ok(Token::Close);
                }
                b'}' => return Err((self.line, Problem::Unexpected('}'))),
                b'"' | b'\'' => words.push(self.quoted(byte)?),
                _ => words.push(self.plain()?),
            }
        }
    }

    /// Skips a block of Lua, whose `{` has been read.
    pub(crate) fn skip_lua(&mut self, opened: u32) -> Result<(), Failure> {
        let end = lua::end_of_block(&self.text[self.position..]);
        let end = end.ok_or((opened, Problem::EndOfLua))?;
        self.advance(end);
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.text[self.position..self.position + bytes];
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.position += bytes;
    }

    /// Skips spaces, and comments, which begin where a word could.
    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'#' {
                let rest = &self.text[self.position..];
                self.position += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            } else if is_space(byte) {
                self.advance(1);
            } else {
                break;
            }
        }
    }

    /// A word in quotes.
    fn quoted(&mut self, quote: u8) -> Result<String, Failure> {
        let first_line = self.line;
        self.position += 1;
        let start = self.position;
        loop {
            match self.peek() {
                None => return Err((first_line, Problem::EndOfQuotes(char::from(quote)))),
                Some(b'\\') => self.skip_escaped(),
                Some(byte) if byte == quote => break,
                Some(_) => self.advance(1),
            }
        }
        let word = unescaped(&self.text[start..self.position]);
        self.position += 1;
        match self.peek() {
            Some(b';' | b'{' | b')') | None => Ok(word),
            Some(byte) if is_space(byte) => Ok(word),
            Some(_) => {
                let rest = text_of(&self.text[self.position..]);
                Err((self.line, Problem::Unexpected(rest.chars().next().unwrap_or_default())))
            }
        }
    }

    /// A word without quotes.
    fn plain(&mut self) -> Result<String, Failure> {
        let start = self.position;
        let mut is_variable = false;
        while let Some(byte) = self.peek() {
            if byte == b'{' {
                if let Some(end) = self.template().filter(|_| !is_variable) {
                    self.skip_template(end)?;
                    continue;
                }
                // A `{` behind a `$` belongs to a variable.
                if !is_variable {
                    break;
                }
                self.position += 1;
                continue;
            }
            is_variable = byte == b'$';
            match byte {
                b'\\' => self.skip_escaped(),
                b';' => break,
                byte if is_space(byte) => break,
                _ => self.position += 1,
            }
        }
        Ok(unescaped(&self.text[start..self.position]))
    }

    /// Skips a backslash and the byte behind it.
    fn skip_escaped(&mut self) {
        self.advance(1);
        if self.peek().is_some() {
            self.advance(1);
        }
    }

    /// The end of the template's expression that begins here, if one does.
    fn template(&self) -> Option<&'static [u8]> {
        let rest = &self.text[self.position..];
        TEMPLATES.iter().find(|(open, _)| rest.starts_with(open)).map(|(_, close)| *close)
    }

    fn skip_template(&mut self, end: &[u8]) -> Result<(), Failure> {
        let rest = &self.text[self.position..];
        match rest.windows(end.len()).position(|window| window == end) {
            Some(at) => {
                self.advance(at + end.len());
                Ok(())
            }
            None => Err((self.line, Problem::EndOfTemplate)),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The text of bytes. Those that are not UTF-8, which a header could hold, become U+FFFD.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A word without the backslashes that nginx takes away. It leaves all others, so that `\.` of an
/// expression needs no second one.
fn unescaped(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match (byte, tail) {
            (b'\\', [next @ (b'"' | b'\'' | b'\\'), tail @ ..]) => (*next, tail),
            (b'\\', [b't', tail @ ..]) => (b'\t', tail),
            (b'\\', [b'r', tail @ ..]) => (b'\r', tail),
            (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
            _ => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    text_of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the first statement.
    fn words(text: &str) -> Result<Vec<String>, String> {
        match Words::new(text.as_bytes()).next() {
            Ok(Token::Statement { words, .. }) => Ok(words),
            Ok(other) => Err(format!("{other:?}")),
            Err((line, problem)) => Err(format!("{line}: {problem}")),
        }
    }

    /// Each line was given to `nginx -T`, or its counterpart in `ngx_conf_read_token`.
    #[test]
    fn words_are_those_of_nginx() {
        for (text, expected) in [
            ("a b;", &["a", "b"][..]),
            ("a\r\n\t b\r\n;", &["a", "b"]),
            (r#"a "b c" 'd e';"#, &["a", "b c", "d e"]),
            // A quote inside a word is a letter.
            (r#"a b"c"d;"#, &["a", r#"b"c"d"#]),
            ("a it's;", &["a", "it's"]),
            // Only some backslashes go away.
            (r#"a "\"\\\.\d" \n\x;"#, &["a", r#""\\.\d"#, "\n\\x"]),
            (r"a b\ c;", &["a", r"b\ c"]),
            (r"a b\;c;", &["a", r"b\;c"]),
            // A comment begins where a word could.
            ("a # b ;\n c#d;", &["a", "c#d"]),
            // A brace ends a word, except behind a `$`.
            ("a ${b}c;", &["a", "${b}c"]),
            ("a ~^b{2}$;", &["a", "~^b"]),
            ("a $b{", &["a", "$b"]),
            ("if ($a = \"b\") {", &["if", "($a", "=", "b", ")"]),
            ("if ($a = b) {", &["if", "($a", "=", "b)"]),
            ("\"a\" b;", &["a", "b"]),
            ("a {{ .Values.b }} c;", &["a", "{{ .Values.b }}", "c"]),
            ("a x{{b}}y;", &["a", "x{{b}}y"]),
            ("\u{feff}a;", &["a"]),
        ] {
            let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(words(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        for (text, expected) in [
            ("\n;", "2: unexpected \";\""),
            ("{", "1: unexpected \"{\""),
            ("a }", "1: unexpected \"}\""),
            ("a \"b\"c;", "1: unexpected \"c\""),
            ("a \"b\"ä;", "1: unexpected \"ä\""),
            ("\na b", "2: the file ends inside a directive; a \";\" or \"{\" is missing"),
            (
                "a\n\"b\n",
                "2: the file ends inside a quoted text, which begins here; a \" is missing",
            ),
            ("a {{ b;", "1: the file ends inside the expression of a template that begins here"),
        ] {
            assert_eq!(words(text), Err(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_statement_of_a_template_is_no_directive() {
        let mut words = Words::new(b"{{- if .Values.cors }}\na b;\n{% endif %}");
        let texts: Vec<_> = std::iter::from_fn(|| match words.next() {
            Ok(Token::Template { text, line, .. }) => Some(format!("{line} {text}")),
            Ok(Token::Statement { words, line, .. }) => Some(format!("{line} {words:?}")),
            _ => None,
        })
        .collect();
        assert_eq!(texts, ["1 {{- if .Values.cors }}", r#"2 ["a", "b"]"#, "3 {% endif %}"]);
    }
}
