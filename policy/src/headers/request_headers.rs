//! `Access-Control-Request-Headers`: the header names that a preflight asks for.

use crate::token::token_len;

/// The greatest length of all lines of a request together, in bytes.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// The greatest number of names in all lines of a request together. Repeated names count.
pub(crate) const MAX_NAMES: usize = 128;

/// Whether the lines are lists of header names that all satisfy `allowed`.
///
/// `listed` returns the length of the allowed name at the beginning of a text, if a comma or the end
/// follows. It need not know all allowed names.
///
/// Browsers send one line, lower case, sorted, joined by `,` without spaces
/// ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch), step 5). Proxies in
/// between may write the same list differently: with spaces and tabs around the commas, with empty
/// elements, or in several lines
/// ([RFC 9110, section 5.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1)). Lines that are
/// not lists of tokens, or exceed [`MAX_BYTES`] or [`MAX_NAMES`], are refused as a whole.
pub(crate) fn allowed<'r>(
    lines: impl Iterator<Item = &'r [u8]>,
    listed: impl Fn(&[u8]) -> Option<usize>,
    allowed: impl Fn(&[u8]) -> bool,
) -> bool {
    let mut bytes = 0;
    let mut names = 0;
    for line in lines {
        bytes += line.len();
        if bytes > MAX_BYTES {
            return false;
        }
        let mut rest = line;
        while let Some((byte, tail)) = rest.split_first() {
            if matches!(byte, b',' | b' ' | b'\t') {
                rest = tail;
                continue;
            }
            // The spelling of browsers needs no look at each byte.
            if let Some(length) = listed(rest) {
                names += 1;
                if names > MAX_NAMES {
                    return false;
                }
                rest = &rest[length..];
                continue;
            }
            let (name, tail) = rest.split_at(token_len(rest));
            names += 1;
            if names > MAX_NAMES || name.is_empty() || !allowed(name) {
                return false;
            }
            // A comma or the end follows a name, possibly after spaces.
            let end = tail.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
            rest = &tail[end.unwrap_or(tail.len())..];
            if rest.first().is_some_and(|byte| *byte != b',') {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::headers::allow_headers::AllowHeaders;

    const LISTED: [&[u8]; 3] = [b"x-a", b"x-b", b"content-type"];

    fn is_listed(name: &[u8]) -> bool {
        LISTED.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }

    fn listed(rest: &[u8]) -> Option<usize> {
        let headers =
            AllowHeaders::new(LISTED.map(|name| str::from_utf8(name).unwrap().into()).into());
        headers.listed_at_start(rest)
    }

    #[test]
    fn what_browsers_send_and_what_becomes_of_it_on_the_way() {
        for (sentence, lines, expected) in [
            ("nothing is asked for", &[][..], true),
            ("an empty line", &[""], true),
            ("as browsers send it", &["content-type,x-a"], true),
            ("spaces and tabs around the names", &["\tx-a ,  x-b\t", " X-B "], true),
            ("empty elements", &[",,x-a, ,\t,x-b,"], true),
            ("several lines", &["x-a", "x-b", "Content-Type"], true),
            ("a name that is not allowed", &["x-a,x-c"], false),
            ("a name that is not allowed, in a later line", &["x-a", "x-c"], false),
            ("a name that only begins like one", &["x-ab"], false),
            ("spaces within a name", &["x -a"], false),
            ("other separators", &["x-a;x-b"], false),
            ("whitespace that is none in HTTP", &["x-a,\u{b}x-b"], false),
            ("a line break", &["x-a,\nx-b"], false),
            ("quotes", &["\"x-a\""], false),
        ] {
            let lines = lines.iter().map(|line: &&str| line.as_bytes());
            assert_eq!(allowed(lines.clone(), |_| None, is_listed), expected, "{sentence}");
            assert_eq!(allowed(lines, listed, is_listed), expected, "{sentence}");
        }
    }

    /// The same, in as many words as it takes.
    fn naive(lines: &[String]) -> bool {
        let names: Vec<String> = lines
            .iter()
            .flat_map(|line| line.split(','))
            .map(|name| name.trim_matches([' ', '\t']).to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        lines.iter().map(String::len).sum::<usize>() <= 8192
            && names.len() <= 128
            && names.iter().all(|name| ["x-a", "x-b", "content-type"].contains(&&**name))
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_naive_reading(
            lines in proptest::collection::vec(
                proptest::collection::vec(
                    proptest::sample::select(
                        vec!["x-a", "X-B", "content-type", ",", ",", ",", " ", "\t", "x", "x-c"]
                    ),
                    0..8,
                ).prop_map(|parts| parts.concat()),
                0..4,
            )
        ) {
            let bytes = lines.iter().map(String::as_bytes);
            prop_assert_eq!(allowed(bytes.clone(), |_| None, is_listed), naive(&lines));
            prop_assert_eq!(allowed(bytes, listed, is_listed), naive(&lines));
        }
    }
}
