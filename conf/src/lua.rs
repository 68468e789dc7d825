//! Where a block of Lua ends.
//!
//! The modules of `OpenResty` take everything up to the closing brace that Lua leaves over: braces in
//! strings, long brackets and comments do not count ([Lua 5.1, section 2.1]).
//!
//! [Lua 5.1, section 2.1]: https://www.lua.org/manual/5.1/manual.html#2.1

/// The length of the block up to its closing brace, and with it. `text` begins behind the opening
/// one.
pub(crate) fn end_of_block(text: &[u8]) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += match rest {
            [] => return None,
            [b'-', b'-', comment @ ..] => 2 + length_of_comment(comment)?,
            [quote @ (b'"' | b'\''), string @ ..] => 1 + length_of_string(string, *quote)?,
            [b'[', ..] => length_of_long_bracket(rest)?.unwrap_or(1),
            [b'{', ..] => {
                depth += 1;
                1
            }
            [b'}', ..] => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
                1
            }
            [_, ..] => 1,
        };
    }
}

/// The length of a comment without its dashes.
fn length_of_comment(text: &[u8]) -> Option<usize> {
    match length_of_long_bracket(text)? {
        Some(length) => Some(length),
        None => Some(text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())),
    }
}

/// The length of a string behind its opening quote. A line's end ends it: that is an error of Lua, not
/// of nginx.
fn length_of_string(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'\n' => return Some(at),
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of `[==[ … ]==]`; nothing in it if no such bracket begins here, and nothing at all if it
/// does not end.
#[expect(clippy::option_option, reason = "no bracket, and none that ends, differ")]
fn length_of_long_bracket(text: &[u8]) -> Option<Option<usize>> {
    let [b'[', rest @ ..] = text else { return Some(None) };
    let level = rest.iter().take_while(|byte| **byte == b'=').count();
    if rest.get(level) != Some(&b'[') {
        return Some(None);
    }
    let end = [&b"]"[..], &vec![b'='; level], b"]"].concat();
    let open = level + 2;
    let close = text.get(open..)?.windows(end.len()).position(|window| window == end)?;
    Some(Some(open + close + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_strings_and_comments_do_not_count() {
        for (body, rest) in [
            ("}", ""),
            (" ngx.say({1, {2}}) } rest", " rest"),
            (" a = '}' } rest", " rest"),
            (r#" a = "\"}" } rest"#, " rest"),
            (" -- }\n } rest", " rest"),
            (" --[[ }\n } ]] } rest", " rest"),
            (" --[==[ ]] } ]=] ]==] } rest", " rest"),
            (" a = [[ } ]] } rest", " rest"),
            (" a[b] = {} } rest", " rest"),
            (" a[[[b}]]] = 1 } rest", " rest"),
            (" --[= }\n } rest", " rest"),
        ] {
            let end = end_of_block(body.as_bytes());
            assert_eq!(end.map(|end| &body[end..]), Some(rest), "{body:?}");
        }
    }

    #[test]
    fn a_block_without_an_end_has_none() {
        for body in ["", "{ }", "'}", "[[ }", "--[[ } ]", "-- }", "'\\"] {
            assert_eq!(end_of_block(body.as_bytes()), None, "{body:?}");
        }
    }
}
