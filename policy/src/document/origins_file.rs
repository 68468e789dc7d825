//! Reading an `allow_origins_file`, which has one pattern per line and any number of lines.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{file, mistake_kind::MistakeKind, source_file::Digesting};

/// The longest line, in bytes. An origin has at most 326, a regular expression a few thousand.
pub(super) const MAX_LINE: usize = 16 * 1024;

/// The largest file, in bytes: more than ten million origins.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// The content of a line.
pub(super) enum Line<'l> {
    /// A pattern, without comment and surrounding space.
    Pattern(&'l [u8]),
    /// More than [`MAX_LINE`] bytes.
    TooLong,
}

/// An opened list.
pub(super) struct OriginsFile {
    file: File,
    length: u64,
}

impl OriginsFile {
    /// # Errors
    ///
    /// If it is not a regular file, or cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, MistakeKind> {
        let file = file::open(path)?;
        let length = file.metadata().map_err(file::unreadable)?.len();
        Ok(Self { file, length })
    }

    /// Its size in bytes when it was opened, but at most [`MAX_BYTES`].
    pub(super) fn length(&self) -> usize {
        self.length.min(MAX_BYTES) as usize
    }

    /// Calls `each` for every line, as [`read_lines`] does. Returns the SHA-256 of the file.
    ///
    /// # Errors
    ///
    /// As for [`read_lines`].
    pub(super) fn read(self, each: impl FnMut(u32, Line<'_>)) -> Result<[u8; 32], MistakeKind> {
        let mut file = Digesting::new(self.file);
        read_lines(&mut file, each)?;
        Ok(file.finish())
    }
}

/// Calls `each` with the number and the content of every line that is not empty.
///
/// A `#` at the beginning of a line or after a space begins a comment. CR LF ends a line as LF does; a
/// byte order mark is skipped. Nothing is allocated for a line.
///
/// # Errors
///
/// If the list cannot be read, or is larger than [`MAX_BYTES`].
pub(super) fn read_lines(
    list: impl Read,
    mut each: impl FnMut(u32, Line<'_>),
) -> Result<(), MistakeKind> {
    let mut reader = BufReader::with_capacity(64 * 1024, list.take(MAX_BYTES + 1));
    let mut number = 0_u32;
    // The beginning of a line whose end is not in the reader's buffer.
    let mut begun = Vec::new();
    let mut total = 0_u64;
    loop {
        let buffer = reader.fill_buf().map_err(file::unreadable)?;
        if buffer.is_empty() {
            break;
        }
        let mut rest = buffer;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = if begun.is_empty() {
                &rest[..end]
            } else {
                extend(&mut begun, &rest[..end]);
                &begun
            };
            number = number.saturating_add(1);
            visit(number, line, &mut each);
            begun.clear();
            rest = &rest[end + 1..];
        }
        extend(&mut begun, rest);
        let length = buffer.len();
        reader.consume(length);
        total += length as u64;
        if total > MAX_BYTES {
            return Err(MistakeKind::ListTooLarge { limit: MAX_BYTES });
        }
    }
    if !begun.is_empty() {
        visit(number.saturating_add(1), &begun, &mut each);
    }
    Ok(())
}

/// Collects a line, up to the byte that shows that it is too long.
fn extend(begun: &mut Vec<u8>, part: &[u8]) {
    let room = (MAX_LINE + 1).saturating_sub(begun.len());
    begun.extend_from_slice(&part[..part.len().min(room)]);
}

fn visit(number: u32, line: &[u8], each: &mut impl FnMut(u32, Line<'_>)) {
    let line = match line {
        [0xef, 0xbb, 0xbf, rest @ ..] if number == 1 => rest,
        _ => line,
    };
    if line.len() > MAX_LINE {
        return each(number, Line::TooLong);
    }
    let pattern = without_comment(line).trim_ascii();
    if !pattern.is_empty() {
        each(number, Line::Pattern(pattern));
    }
}

fn without_comment(line: &[u8]) -> &[u8] {
    let comment =
        memchr::memchr_iter(b'#', line).find(|&at| at == 0 || line[at - 1].is_ascii_whitespace());
    &line[..comment.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8]) -> Vec<(u32, String)> {
        let directory = crate::test_directory::TestDirectory::new("origins-file");
        let path = directory.write("origins.txt", content);
        let mut lines = Vec::new();
        let list = OriginsFile::open(&path).unwrap();
        assert_eq!(list.length(), content.len());
        list.read(|number, line| {
            lines.push((
                number,
                match line {
                    Line::Pattern(pattern) => String::from_utf8_lossy(pattern).into_owned(),
                    Line::TooLong => "too long".into(),
                },
            ));
        })
        .unwrap();
        lines
    }

    #[test]
    fn a_line_is_a_pattern_and_a_comment() {
        struct Case {
            sentence: &'static str,
            content: &'static [u8],
            lines: &'static [(u32, &'static str)],
        }
        for case in [
            Case { sentence: "an empty file has no lines", content: b"", lines: &[] },
            Case {
                sentence: "the last line may go without its end",
                content: b"a\nb",
                lines: &[(1, "a"), (2, "b")],
            },
            Case {
                sentence: "empty lines and comments count as lines",
                content: b"# x\n\n a\n  # y\nb # z\nc#d\n\t\n#\n",
                lines: &[(3, "a"), (5, "b"), (6, "c#d")],
            },
            Case {
                sentence: "CR LF ends a line, and a byte order mark begins a file",
                content: b"\xef\xbb\xbfa\r\nb \r\n\r\n",
                lines: &[(1, "a"), (2, "b")],
            },
            Case {
                sentence: "a byte order mark elsewhere is part of the line",
                content: b"a\n\xef\xbb\xbfb",
                lines: &[(1, "a"), (2, "\u{feff}b")],
            },
            Case {
                sentence: "a comment may begin after a tab, and the first # that does counts",
                content: b"a\t#b #c",
                lines: &[(1, "a")],
            },
        ] {
            let expected: Vec<_> =
                case.lines.iter().map(|(number, line)| (*number, (*line).to_owned())).collect();
            assert_eq!(lines(case.content), expected, "{}", case.sentence);
        }
    }

    #[test]
    fn lines_that_cross_the_ends_of_the_buffer_stay_whole() {
        let expected: Vec<(u32, String)> =
            (1..20_000).map(|n| (n, format!("https://{n}.example"))).collect();
        let content: String = expected.iter().map(|(_, line)| format!("{line}\n")).collect();
        assert!(content.len() > 3 * 64 * 1024);
        assert_eq!(lines(content.as_bytes()), expected);
    }

    #[test]
    fn a_line_without_end_is_not_collected() {
        let mut content = vec![b'a'; 3 * 64 * 1024];
        content.extend_from_slice(b"\nb\n");
        content.extend_from_slice(&[b'c'; MAX_LINE]);
        let lines = lines(&content);
        assert_eq!(lines[..2], [(1, "too long".into()), (2, "b".into())]);
        assert_eq!(lines[2].1.len(), MAX_LINE);
    }
}
