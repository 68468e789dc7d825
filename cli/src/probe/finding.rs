//! What a probe finds.

use std::fmt;

use serde::{Serialize, Serializer};

use super::asker::Observation;

/// What was found. The identifiers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Id {
    ReflectsAnyOrigin,
    MatchesPrefix,
    MatchesSuffix,
    UnescapedDot,
    SpecialCharacters,
    AllowsNull,
    AllowsInsecureScheme,
    WildcardWithCredentials,
    MultipleOrigins,
    DuplicateHeaders,
    MissingVary,
    CacheMixesOrigins,
    PreflightFails,
    PreflightRedirects,
    ErrorsUnreadable,
    NewlyReadable,
    NoLongerReadable,
    ExposedHeaderLost,
    PreflightDiffers,
}

impl Id {
    /// All identifiers, in the order of the report.
    #[cfg(test)]
    pub(super) const ALL: [Self; 19] = [
        Self::ReflectsAnyOrigin,
        Self::MatchesPrefix,
        Self::MatchesSuffix,
        Self::UnescapedDot,
        Self::SpecialCharacters,
        Self::AllowsNull,
        Self::AllowsInsecureScheme,
        Self::WildcardWithCredentials,
        Self::MultipleOrigins,
        Self::DuplicateHeaders,
        Self::MissingVary,
        Self::CacheMixesOrigins,
        Self::PreflightFails,
        Self::PreflightRedirects,
        Self::ErrorsUnreadable,
        Self::NewlyReadable,
        Self::NoLongerReadable,
        Self::ExposedHeaderLost,
        Self::PreflightDiffers,
    ];

    /// The identifier as it is written.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ReflectsAnyOrigin => "reflects-any-origin",
            Self::MatchesPrefix => "matches-prefix",
            Self::MatchesSuffix => "matches-suffix",
            Self::UnescapedDot => "unescaped-dot",
            Self::SpecialCharacters => "special-characters",
            Self::AllowsNull => "allows-null",
            Self::AllowsInsecureScheme => "allows-insecure-scheme",
            Self::WildcardWithCredentials => "wildcard-with-credentials",
            Self::MultipleOrigins => "multiple-origins",
            Self::DuplicateHeaders => "duplicate-headers",
            Self::MissingVary => "missing-vary",
            Self::CacheMixesOrigins => "cache-mixes-origins",
            Self::PreflightFails => "preflight-fails",
            Self::PreflightRedirects => "preflight-redirects",
            Self::ErrorsUnreadable => "errors-unreadable",
            Self::NewlyReadable => "newly-readable",
            Self::NoLongerReadable => "no-longer-readable",
            Self::ExposedHeaderLost => "exposed-header-lost",
            Self::PreflightDiffers => "preflight-differs",
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// A page reads what it should not, with the cookies of its visitor; or a page that may read gets
    /// nothing.
    Error,
    /// Everything else.
    Warning,
}

impl Level {
    /// The name in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) id: Id,
    pub(super) level: Level,
    /// The origin of the page, if it is about one.
    pub(super) origin: Option<String>,
    /// What is wrong, what follows from it, and what to write instead.
    pub(super) message: String,
    /// The request and the response that show it.
    #[serde(skip)]
    pub(super) evidence: Option<Observation>,
}

impl Finding {
    /// A finding that an exchange shows.
    pub(super) fn new(id: Id, level: Level, evidence: &Observation, message: String) -> Self {
        let origin = evidence.exchange.origin.clone();
        Self { id, level, origin, message, evidence: Some(evidence.clone()) }
    }
}

/// The longest value of a server that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// A value of a server, of which nothing controls a terminal.
pub(super) fn shown(value: &[u8]) -> String {
    let mut text = value.escape_ascii().map(char::from);
    let mut shown: String = text.by_ref().take(MAX_SHOWN).collect();
    // Quotation marks and backslashes are no danger.
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if text.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_server_reaches_a_terminal_as_it_is() {
        assert_eq!(shown(b"https://a.example"), "https://a.example");
        assert_eq!(shown(b"\x1b[31m\"\r\n\x9b\xe2\x80\xae"), r#"\x1b[31m"\r\n\x9b\xe2\x80\xae"#);
        assert_eq!(shown(&[b'a'; 300]).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn identifiers_are_in_the_order_of_the_report() {
        assert!(Id::ALL.is_sorted());
    }
}
