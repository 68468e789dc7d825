//! Words in place of an origin.

use crate::nearest;
use crate::origin::error::PatternError;

/// A word for every origin, or for the origin of the server.
pub(super) fn every_origin(text: &str) -> Option<PatternError> {
    let lower = text.trim_matches([' ', '\'', '"']).to_ascii_lowercase();
    match lower.trim_start_matches(['~', '^']).trim_end_matches('$') {
        "all" | "any" | "every" | "everyone" | "everybody" | "anyone" | "all origins"
        | "any origin" | "any origins" | "every origin" | ".*" | ".+" | "(.*)" | "(.+)" | "%"
        | "*.*" | "*:*" | "*.*.*" => Some(PatternError::Word { replacement: "*".to_owned() }),
        stars if stars.len() > 1 && stars.bytes().all(|byte| byte == b'*') => {
            Some(PatternError::Word { replacement: "*".to_owned() })
        }
        "self" | "same-origin" | "sameorigin" | "same origin" => Some(PatternError::SameOrigin),
        _ => None,
    }
}

/// A word for the origin `null`.
pub(super) fn null(text: &str) -> Option<PatternError> {
    let is_null = match text {
        "none" | "undefined" | "nil" => true,
        _ => {
            text.bytes().all(|byte| byte.is_ascii_alphabetic()) && nearest(text, ["null"]).is_some()
        }
    };
    is_null.then(|| PatternError::Word { replacement: "null".to_owned() })
}

/// Whether a word is a pattern by itself, or a host without its scheme.
pub(super) fn is_pattern(text: &str) -> bool {
    matches!(text, "*" | "null" | "localhost") || text.starts_with("localhost:")
}
