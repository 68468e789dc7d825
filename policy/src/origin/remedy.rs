//! Advice on mistakes in patterns: what to write instead.

use super::error::{MatcherError, PatternError};
use super::pattern::OriginPattern;
use super::ports::PortSet;

impl PatternError {
    /// The patterns to write in place of the text, which mean the same together. Each of them is one
    /// that [`OriginPattern::parse`] accepts. Empty if the text does not tell what was meant, or if
    /// there are more than 32. [`remedy`](Self::remedy) tells to write them.
    ///
    /// ```
    /// use cors_policy::origin::OriginPattern;
    ///
    /// let error = OriginPattern::parse("https://{app,www}.Example.com/").unwrap_err();
    /// assert_eq!(error.suggestions(), ["https://app.example.com", "https://www.example.com"]);
    /// ```
    pub fn suggestions(&self) -> Vec<String> {
        let (mut suggestions, mut left) = (Vec::new(), MAX_CORRECTIONS);
        match correct(self, &mut suggestions, &mut left) {
            Some(()) => suggestions,
            None => Vec::new(),
        }
    }

    /// Advice on what to write instead, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        match &self.suggestions()[..] {
            [] => {}
            [one] => return format!("write {}", quoted(one)),
            several => {
                let entries: Vec<_> = several.iter().map(|entry| quoted(entry)).collect();
                return format!("write separate entries: {}", entries.join(", "));
            }
        }
        match self {
            Self::Empty => {
                r#"write an origin such as "https://app.example.com", or leave the entry out"#.into()
            }
            Self::Whitespace { .. } | Self::List { .. } | Self::Braces { .. } => {
                "write each origin as an entry of its own, without anything around it".into()
            }
            Self::UnmarkedRegex { .. } | Self::Glob { .. } => {
                "write `regex:` and an expression for a whole origin in lower case, as in \
                 \"regex:https://[a-z0-9-]+\\.example\\.com\""
                    .into()
            }
            Self::SameOrigin => "leave it out".into(),
            Self::NonAscii { .. } if cfg!(not(feature = "unicode")) => {
                "write the host in punycode, as `cors-policy check` shows it".into()
            }
            Self::NonAscii { .. } => "write the host the way a browser's console shows it".into(),
            Self::SchemeTooLong { .. } => "use a scheme of at most 64 bytes".into(),
            Self::FileScheme => {
                "serve the pages over http, for instance from \"http://localhost:8080\", or write \
                 \"file://\" for such a shell"
                    .into()
            }
            Self::MissingHost { scheme } => {
                let example = format!("{scheme}://app.example.com");
                format!("write the host too, as in {example:?}")
            }
            Self::NeverAnOrigin { scheme, .. } => match scheme.as_str() {
                "data" => "list the origin of the server; browsers send `null` for such pages".into(),
                _ => r#"list the origin of the page, as in "https://app.example.com""#.into(),
            },
            Self::InvalidPort { .. } => {
                "write a port from 1 to 65535, a range as in `3000-3009`, a list as in \
                 `[3000,5173]`, or `*` for any port"
                    .into()
            }
            Self::EmptyPortList => {
                "write ports in the brackets, as in `[3000,5173]`, or leave the port out".into()
            }
            Self::TooManyPorts { .. } => format!(
                "write a range, as in `3000-3009`, or several entries of at most {} ports",
                PortSet::MAX_ENTRIES
            ),
            Self::Subnet { .. } => "list the addresses: no short expression says what such a mask \
                                    does"
                .into(),
            Self::OpenRegistrableDomain { .. } => {
                "list the origins, or write the registered domain out, as in \
                 \"https://*.example.com\""
                    .into()
            }
            Self::StarInSingleLabel { .. } | Self::StarInAddress { .. } => {
                "list the origins, or write a regular expression after `regex:`".into()
            }
            Self::InvalidPunycode { .. } => {
                "write the host the way a browser's console shows it".into()
            }
            Self::ForbiddenCharacter { .. } => {
                "use letters, digits, `-` and `_`, with a dot between labels".into()
            }
            Self::LabelTooLong { .. } => "use labels of at most 63 bytes".into(),
            Self::HostTooLong { .. } => "use a host of at most 253 bytes".into(),
            Self::InvalidIpv4 { .. } => {
                "write four decimal numbers from 0 to 255, as in \"http://127.0.0.1\"".into()
            }
            Self::InvalidIpv6 => r#"write an IPv6 address, as in "http://[::1]""#.into(),
            Self::RegexTooLong { limit, .. } => {
                format!("split it into several of at most {limit} bytes")
            }
            Self::RegexSyntax { .. } => "correct the expression".into(),
            Self::RegexTooLarge => {
                "use lower numbers of repetitions, or split it into several".into()
            }
            Self::RegexMatchesNoOrigin { .. } => {
                r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end".into()
            }
            Self::RegexBeyondOrigin { .. } => {
                "use classes that hold nothing but what the host may have there, such as \
                 `[a-z0-9-]+` for a label"
                    .into()
            }
            // Their replacement has further mistakes, so it is no use as an example.
            _ => r#"write an origin such as "https://app.example.com""#.into(),
        }
    }
}

/// The greatest number of suggestions.
const MAX_SUGGESTIONS: usize = 32;

/// How many texts are read until all mistakes are gone. A list of 64 ports can have one in each.
const MAX_CORRECTIONS: usize = 256;

/// Adds what to write in place of a text with this mistake: the mistake is removed, and so is every
/// further one that appears once it is gone. `None` if that is not possible for every part of it.
/// `left` is the number of texts that may still be read.
fn correct(error: &PatternError, suggestions: &mut Vec<String>, left: &mut usize) -> Option<()> {
    let replacements = error.replacements();
    if replacements.is_empty() {
        return None;
    }
    for text in replacements {
        *left = left.checked_sub(1)?;
        match OriginPattern::parse(text) {
            Ok(_) if suggestions.contains(text) => {}
            Ok(_) if suggestions.len() == MAX_SUGGESTIONS => return None,
            Ok(_) => suggestions.push(text.clone()),
            Err(error) => correct(&error, suggestions, left)?,
        }
    }
    Some(())
}

impl MatcherError {
    /// Advice on what to do about it, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooManyOrigins => "use wildcards in place of single origins",
            Self::RegexesTooLarge => {
                "use fewer or simpler regular expressions, or wildcards in their place"
            }
            Self::GlobsTooLarge => {
                "use fewer of them below one domain, or wildcards such as \"https://*.example.com\" in \
                 their place"
            }
            Self::PortsTooMany => "use the same ports in more of the patterns, or any port",
            Self::OutOfMemory => {
                "allow the process more, or use wildcards in place of single origins"
            }
        }
        .to_owned()
    }
}

/// Puts a text in quotation marks. Backslashes stay as they are, for regular expressions.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        if character.is_control() {
            quoted.extend(character.escape_debug());
        } else {
            quoted.push(character);
        }
    }
    quoted + "\""
}
