//! The headers of a response.

use thiserror::Error;

/// A [header list](https://fetch.spec.whatwg.org/#concept-header-list): names and values in the order in which
/// they came. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderList(Vec<(String, Vec<u8>)>);

/// A header whose value is not a list of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the value is not a list of names")]
pub struct InvalidList;

impl HeaderList {
    /// All lines, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of all lines of a name.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of a name, of which several lines are one with commas between:
    /// [get](https://fetch.spec.whatwg.org/#concept-header-list-get).
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let lines: Vec<_> = self.lines(name).map(<[u8]>::trim_ascii).collect();
        (!lines.is_empty()).then(|| lines.join(&b", "[..]))
    }

    /// The tokens of a list, none if there is no such header:
    /// [extract header list values](https://fetch.spec.whatwg.org/#extract-header-list-values).
    ///
    /// # Errors
    ///
    /// If a line is not a list of [tokens](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2) with commas
    /// between. Empty elements are allowed, as in RFC 9110, section 5.6.1.
    pub fn tokens(&self, name: &str) -> Result<Option<Vec<String>>, InvalidList> {
        let mut lines = self.lines(name).peekable();
        lines.peek().is_some().then(|| tokens(lines)).transpose()
    }
}

/// The tokens of the lines of a list, as [`HeaderList::tokens`].
///
/// # Errors
///
/// As there.
pub fn tokens<'v>(lines: impl Iterator<Item = &'v [u8]>) -> Result<Vec<String>, InvalidList> {
    let mut tokens = Vec::new();
    for element in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let element = element.trim_ascii();
        if !element.iter().copied().all(is_token_byte) {
            return Err(InvalidList);
        }
        if !element.is_empty() {
            tokens.push(String::from_utf8_lossy(element).into_owned());
        }
    }
    Ok(tokens)
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for HeaderList {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        Self(lines.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
