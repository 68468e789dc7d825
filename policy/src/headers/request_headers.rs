//! `Access-Control-Request-Headers`: what a preflight asks for.

use crate::token::is_token;

/// All lines of one request together.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// Names in all lines of one request together, each as often as it stands there.
pub(crate) const MAX_NAMES: usize = 128;

/// Whether the lines are lists of header names, each of which satisfies `allowed`.
///
/// Browsers send one line, lower case, sorted, joined by `,` without spaces
/// ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch), step 5). What
/// stands between them and this server may write the same list differently: spaces and tabs
/// around the commas, empty elements, several lines
/// ([RFC 9110, section 5.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1)). Something
/// that is not a list of tokens, or is larger than [`MAX_BYTES`] or [`MAX_NAMES`], is refused as
/// a whole.
pub(crate) fn allowed<'r>(
    lines: impl Iterator<Item = &'r [u8]>,
    allowed: impl Fn(&[u8]) -> bool,
) -> bool {
    let mut bytes = 0;
    let mut names = 0;
    for line in lines {
        bytes += line.len();
        if bytes > MAX_BYTES {
            return false;
        }
        for element in line.split(|byte| *byte == b',') {
            let name = trim(element);
            if name.is_empty() {
                continue;
            }
            names += 1;
            if names > MAX_NAMES || !is_token(name) || !allowed(name) {
                return false;
            }
        }
    }
    true
}

/// Without the optional whitespace of RFC 9110, section 5.6.3, which is less than what Rust calls
/// ASCII whitespace.
fn trim(element: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = element.iter().position(|byte| !is_space(byte)) else { return &[] };
    let end = element.iter().rposition(|byte| !is_space(byte)).unwrap_or(start);
    &element[start..=end]
}
