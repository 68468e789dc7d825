//! Texts that may not be known.

use std::fmt;

use crate::Site;

/// The value of a variable, or of a text with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This text.
    Known {
        /// The text.
        text: String,
        /// Whether an expression took it out of a text with the request's origin: it may be another one
        /// for another origin that the same expressions match.
        is_part_of_origin: bool,
    },
    /// It depends on something that is not known.
    Unknown(Unknown),
}

impl Value {
    /// A text that is no part of an origin.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Known { text: text.into(), is_part_of_origin: false }
    }

    /// The text, if it is known.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known { text, .. } => Some(text),
            Self::Unknown(_) => None,
        }
    }

    /// This text and another one behind it.
    pub(crate) fn join(self, other: &Self) -> Self {
        match (self, other) {
            (
                Self::Known { mut text, is_part_of_origin: part },
                Self::Known { text: more, is_part_of_origin },
            ) => {
                text.push_str(more);
                Self::Known { text, is_part_of_origin: part || *is_part_of_origin }
            }
            (unknown @ Self::Unknown(_), _) => unknown,
            (_, unknown) => unknown.clone(),
        }
    }
}

/// Why a text is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// A variable that differs from request to request.
    Request(String),
    /// A variable that no directive of the configuration defines.
    Undefined(String),
    /// A variable that a directive defines which is not followed.
    Directive {
        /// The variable.
        variable: String,
        /// The directive.
        directive: String,
        /// Its line.
        site: Site,
    },
    /// An expression of a template language.
    Template(String),
    /// A regular expression that cannot be read, or takes too long.
    Regex {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file or folder that a condition asks for.
    File(String),
    /// Something in the source of a configuration that nginx would refuse.
    Refused(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(variable) => write!(f, "${variable}, which differs between requests"),
            Self::Undefined(variable) => write!(f, "${variable}, which no file defines"),
            Self::Directive { variable, directive, .. } => {
                write!(f, "${variable}, which comes from {directive}")
            }
            Self::Template(text) => write!(f, "the template's {text}"),
            Self::Regex { pattern, why } => {
                write!(f, "the expression {pattern}, which is not understood ({why})")
            }
            Self::File(path) => write!(f, "whether {path} exists"),
            Self::Refused(text) => write!(f, "{text}, which nginx refuses"),
        }
    }
}
