//! Origins: what one is, which patterns name them, and which pattern comes first.
//!
//! An [`Origin`] is a well-formed value of the `Origin` header. An [`OriginPattern`] is what an
//! administrator writes in a policy; parsing one refuses whatever could never match or would match
//! more than it says, and [`OriginPattern::guards`] names what is dangerous beside credentials. An
//! [`OriginMatcher`] holds all patterns of a policy and finds the first rule that one of them
//! belongs to, at a cost that does not grow with their number.
//!
//! ```
//! use cors_policy::origin::{MatcherBuilder, OriginPattern};
//!
//! let mut builder = MatcherBuilder::new();
//! builder.add(1, &OriginPattern::parse("https://app.example.com")?);
//! builder.add(2, &OriginPattern::parse("https://*.example.com")?);
//! let matcher = builder.build()?;
//!
//! assert_eq!(matcher.find(b"https://app.example.com"), Some(1));
//! assert_eq!(matcher.find(b"https://www.example.com"), Some(2));
//! assert_eq!(matcher.find(b"https://example.com"), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod automaton;
mod diagnose;
mod error;
mod guard;
mod matcher;
mod pattern;
mod regex;
mod remedy;
mod suffix;
mod syntax;

pub use error::{MatcherError, PatternError};
pub use guard::{Danger, GuardError, UnknownDanger};
pub use matcher::{MatcherBuilder, OriginMatcher, Rank};
pub use pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
pub use regex::OriginRegex;
pub use syntax::{MAX_ORIGIN_LEN, Origin};
