//! Advice on mistakes in patterns: what to write instead.

use super::error::{MatcherError, PatternError};
use super::pattern::OriginPattern;
use super::ports::PortSet;

impl PatternError {
    /// Advice on what to write instead, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        if let Some(replacement) = self.corrected() {
            return format!("write {}", quoted(&replacement));
        }
        match self {
            Self::Empty => {
                r#"write an origin such as "https://app.example.com", or leave the entry out"#.into()
            }
            Self::Whitespace { entries } | Self::List { entries } | Self::Braces { entries } => {
                let corrected = |entry: &String| match OriginPattern::parse(entry) {
                    Ok(_) => quoted(entry),
                    Err(error) => quoted(&error.corrected().unwrap_or_else(|| entry.clone())),
                };
                let entries: Vec<_> = entries.iter().map(corrected).collect();
                format!("write separate entries: {}", entries.join(", "))
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
            Self::Subnet { .. } => {
                "list the addresses, or write a regular expression after `regex:`".into()
            }
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

    /// A whole pattern to write instead, if one can be named: this mistake is removed, and so is
    /// every further one that appears once it is gone.
    pub(super) fn corrected(&self) -> Option<String> {
        let mut replacement = self.replacement()?.to_owned();
        // Each step removes one kind of mistake, of which there are fewer than 60, or one of 64 ports.
        for _ in 0..128 {
            replacement = match OriginPattern::parse(&replacement) {
                Ok(_) => return Some(replacement),
                Err(error) => error.replacement()?.to_owned(),
            };
        }
        None
    }
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
