//! `Access-Control-Expose-Headers`: which response headers a page may read.

use super::OwnedFieldValue;
use crate::token::is_token;

pub(crate) use super::header_name::check_response_header as check;

/// The response headers that a rule exposes.
///
/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-expose-headers).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ExposeHeaders(
    /// Entries as written: `*`, or names that have passed [`check`].
    pub(crate) Vec<Box<str>>,
);

impl ExposeHeaders {
    pub(crate) fn value(&self) -> Option<OwnedFieldValue> {
        (!self.0.is_empty()).then(|| OwnedFieldValue::Ready(self.0.join(", ").into()))
    }
}

/// The most names of an application that count. Each is compared with all before it.
const MAX_NAMES: usize = 128;

/// The names that a policy and an application expose, as one value of the header.
///
/// Nothing is allocated. Of an application, the first 128 names count, so the time grows with the
/// length of its lines.
#[derive(Debug)]
pub struct ExposedNames<'b> {
    room: &'b mut [u8],
    length: usize,
    allows_credentials: bool,
    /// How many more names of the application count.
    left: usize,
}

impl<'b> ExposedNames<'b> {
    /// The room in bytes that a policy's value needs, together with so many lines of an application
    /// that have so many bytes.
    pub fn room(policy: Option<&[u8]>, lines: usize, bytes: usize) -> usize {
        // Between two names of a line is at least a comma. It becomes a comma and a space.
        policy.map_or(0, <[u8]>::len) + 2 * (bytes + lines)
    }

    /// Writes the policy's value, if there is one, into `room`. What has no room is left out.
    ///
    /// Where the response allows credentials, `*` is an ordinary name
    /// ([HTTP new-header syntax](https://fetch.spec.whatwg.org/#http-new-header-syntax)). The `*` of an
    /// application is left out then.
    pub fn new(room: &'b mut [u8], policy: Option<&[u8]>, allows_credentials: bool) -> Self {
        let mut names = Self { room, length: 0, allows_credentials, left: MAX_NAMES };
        if let Some(policy) = policy {
            names.append(policy);
        }
        names
    }

    /// Adds the names in a line of the application, each once, in any case. What is not a name is left
    /// out, and so are names after the 128th of all lines, repetitions counted.
    pub fn add(&mut self, line: &[u8]) {
        let allows_credentials = self.allows_credentials;
        let has_meaning = |name: &&[u8]| is_token(name) && !(*name == b"*" && allows_credentials);
        let names = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(has_meaning);
        for name in names.take(self.left) {
            self.left -= 1;
            if !self.has(name) {
                self.append(name);
            }
        }
    }

    /// The length of the value, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    fn has(&self, name: &[u8]) -> bool {
        self.room[..self.length]
            .split(|byte| *byte == b',')
            .any(|known| known.trim_ascii().eq_ignore_ascii_case(name))
    }

    fn append(&mut self, names: &[u8]) {
        let separator: &[u8] = if self.length == 0 { b"" } else { b", " };
        let end = self.length + separator.len() + names.len();
        let Some(room) = self.room.get_mut(self.length..end) else { return };
        let (before, after) = room.split_at_mut(separator.len());
        before.copy_from_slice(separator);
        after.copy_from_slice(names);
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn merged(policy: Option<&str>, lines: &[&str], allows_credentials: bool) -> String {
        let policy = policy.map(str::as_bytes);
        let bytes = lines.iter().map(|line| line.len()).sum();
        let mut room = vec![0; ExposedNames::room(policy, lines.len(), bytes)];
        let mut names = ExposedNames::new(&mut room, policy, allows_credentials);
        lines.iter().for_each(|line| names.add(line.as_bytes()));
        let length = names.length();
        room.truncate(length);
        String::from_utf8(room).unwrap()
    }

    #[test]
    fn each_name_comes_once_and_the_policy_first() {
        for (sentence, policy, lines, expected) in [
            ("the policy alone", Some("ETag"), &[][..], "ETag"),
            ("the application alone", None, &["X-Total"], "X-Total"),
            ("both", Some("ETag, X-A"), &["X-Total"], "ETag, X-A, X-Total"),
            ("several lines", Some("ETag"), &["X-A", "X-B,X-C"], "ETag, X-A, X-B, X-C"),
            ("the same in another case", Some("ETag"), &["etag , X-A,x-a"], "ETag, X-A"),
            ("a name within another", Some("X-AB"), &["X-A, B"], "X-AB, X-A, B"),
            ("empty entries", Some("ETag"), &[",, ,", ""], "ETag"),
            ("what is not a name", None, &["X A, X-B;q=1, \"X\", (X), X-C"], "X-C"),
            ("short names", None, &["a,b,c,d"], "a, b, c, d"),
            ("nothing", None, &["", " "], ""),
        ] {
            assert_eq!(merged(policy, lines, false), expected, "{sentence}");
            assert_eq!(merged(policy, lines, true), expected, "{sentence}, with credentials");
        }
    }

    #[test]
    fn a_star_of_the_application_counts_without_credentials_only() {
        assert_eq!(merged(Some("ETag"), &["*, X-A"], false), "ETag, *, X-A");
        assert_eq!(merged(Some("ETag"), &["*, X-A"], true), "ETag, X-A");
        assert_eq!(merged(None, &["*"], true), "");
        assert_eq!(merged(Some("*"), &["*"], false), "*");
        // Within a name it is a character.
        assert_eq!(merged(None, &["X-*"], true), "X-*");
    }

    #[test]
    fn of_the_application_the_first_128_names_count() {
        let names = |range: Range<usize>| range.map(|n| format!("X-{n}")).collect::<Vec<_>>();
        let expected = names(0..128).join(", ");
        let one_line = names(0..1000).join(",");
        let lines = names(0..1000);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(merged(None, &[&one_line], true), expected);
        assert_eq!(merged(None, &lines, true), expected);
        assert_eq!(merged(Some("ETag"), &lines, true), format!("ETag, {expected}"));
        // A repetition counts, and what is not a name does not.
        let repeated = format!("{}X-Late", "ETag,".repeat(128));
        assert_eq!(merged(None, &[&repeated], true), "ETag");
        let empty = format!("{},X-Late", ",@,*".repeat(1000));
        assert_eq!(merged(None, &[&empty], true), "X-Late");
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        for (size, expected) in [(0, ""), (3, "X"), (4, "ETag"), (7, "ETag, X")] {
            let mut room = vec![b'-'; size];
            let mut names = ExposedNames::new(&mut room, Some(b"ETag"), false);
            names.add(b"X-Long-Name, X");
            let length = names.length();
            assert_eq!(&room[..length], expected.as_bytes(), "{size}");
        }
    }
}
