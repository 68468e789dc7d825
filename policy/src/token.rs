//! Tokens: the alphabet of methods and header names.

/// Whether each byte may be part of a `token`
/// ([RFC 9110, section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)).
const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut rest: &[u8] = b"!#$%&'*+-.^_`|~";
    while let [byte, tail @ ..] = rest {
        table[*byte as usize] = true;
        rest = tail;
    }
    table
};

/// The number of token characters at the beginning.
pub(crate) fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !TCHAR[usize::from(byte)]).unwrap_or(bytes.len())
}

/// Whether `bytes` is a `token`: one or more token characters.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_len(bytes) == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::is_token;

    #[test]
    fn a_token_is_what_rfc_9110_says() {
        for accepted in ["GET", "x-a", "a", "!#$%&'*+-.^_`|~09azAZ"] {
            assert!(is_token(accepted.as_bytes()), "{accepted:?}");
        }
        for rejected in ["", " ", "a b", "a,b", "a:", "(a)", "a\t", "a\0", "\u{e9}", "a/b", "\"a\""]
        {
            assert!(!is_token(rejected.as_bytes()), "{rejected:?}");
        }
    }
}
