//! Showing texts of strangers.

/// The most characters that are shown of a text.
const MAX_SHOWN: usize = 300;

/// A text as printable ASCII on one line. Everything else is escaped, so that nothing controls a terminal, ends a
/// comment or changes the direction of the text.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    for (index, character) in text.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push_str("...");
            break;
        }
        if matches!(character, ' '..='~') {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line() {
        assert_eq!(visible("https://a.example: \"b\""), "https://a.example: \"b\"");
        assert_eq!(
            visible("a\n- b\r\u{85}\u{2028}\u{1b}[31m\u{202e}"),
            concat!(r"a\n- b\r\u{85}", r"\u{2028}\u{1b}[31m\u{202e}")
        );
        assert_eq!(visible(&"é".repeat(500)).matches(r"\u{e9}").count(), MAX_SHOWN);
    }
}
