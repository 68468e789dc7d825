//! Names made up for one run, which no server and no cache can know.

/// A random word: a letter, then letters and digits, as a label of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// The number of characters. There are 2⁵⁷ such words.
    const LENGTH: usize = 12;

    /// A new word.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub(super) fn draw() -> Result<Self, String> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
        let mut bytes = [0; Self::LENGTH];
        getrandom::getrandom(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
        let first = char::from(LETTERS[usize::from(bytes[0]) % 24]);
        let rest = bytes[1..].iter().map(|byte| char::from(LETTERS[usize::from(*byte) % 32]));
        Ok(Self(std::iter::once(first).chain(rest).collect()))
    }

    /// A word that is known, for tests.
    #[cfg(test)]
    pub(super) fn of(word: &str) -> Self {
        Self(word.to_owned())
    }

    /// The word.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// An origin that nobody can have listed ([RFC 2606](https://www.rfc-editor.org/rfc/rfc2606)).
    pub(super) fn origin(&self) -> String {
        format!("https://{}.example", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_labels_and_differ() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert_ne!(one, other);
        assert!(cors_policy::origin::Origin::parse(one.origin().as_bytes()).is_some(), "{one:?}");
        assert!(one.as_str().starts_with(|c: char| c.is_ascii_lowercase()));
    }
}
