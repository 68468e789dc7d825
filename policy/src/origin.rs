//! Origins, the patterns that match them, and the order in which patterns decide.
//!
//! An [`Origin`] is a well-formed value of the `Origin` header. An [`OriginPattern`] is what an
//! administrator writes in a policy. Parsing refuses a pattern that could never match, or that would
//! match more than it says. [`OriginPattern::violations`] finds dangers, most of them together with
//! credentials. An [`OriginMatcher`] holds all patterns of a policy and finds the first rule with a
//! match. Its cost does not grow with the number of patterns.
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
mod coverage;
mod diagnose;
mod error;
mod glob;
mod guard;
mod matcher;
mod pattern;
mod ports;
mod regex;
mod remedy;
pub mod suffix;
mod syntax;

pub(crate) use coverage::{Cover, Coverage, Covers};
pub use error::{MatcherError, PatternError};
pub use guard::{Guard, GuardViolation, Instead, UnknownGuard};
pub use matcher::{MatcherBuilder, OriginMatcher, Rank};
pub use pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
pub use ports::PortSet;
pub use regex::OriginRegex;
pub(crate) use syntax::is_same_host;
pub use syntax::{MAX_ORIGIN_LEN, Origin};
