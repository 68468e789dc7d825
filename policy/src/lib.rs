//! CORS policies: what they are, whether they make sense, and what they answer.
//!
//! Bytes in, a decision and ready-made header values out; nothing here knows nginx. A policy comes
//! out of a [`document`], completely checked, and a request is one call:
//!
//! ```
//! use cors_policy::{Decision, OriginHeader, document};
//!
//! let text = br#"
//! version: 1
//! policies:
//!   api:
//!     allow_origins: ["https://app.example.com"]
//!     allow_credentials: true
//! "#;
//! let policies = document::parse(text, "cors.yaml".as_ref())?;
//! let answer = policies[0].decide(OriginHeader::One(b"https://app.example.com"));
//! assert_eq!(answer.decision(), Decision::Allowed);
//! # Ok::<(), cors_policy::document::Report>(())
//! ```
//!
//! Everything that can be settled beforehand is settled when the document is read: which origins
//! match in one [`OriginMatcher`](origin::OriginMatcher), which headers each rule sends as finished
//! bytes. Deciding looks things up and never allocates.
//!
//! Terms are those of the [Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol).
#![forbid(unsafe_code)]

mod decision;
pub mod document;
pub mod headers;
mod nearest;
pub mod origin;
mod policy;
#[cfg(test)]
mod test_directory;
mod token;

pub use decision::{Answer, Decision, KeptAnswer, OriginHeader, PreflightRequest, Template};
pub use headers::{FieldName, FieldValue, Vary};
pub use nearest::nearest;
pub use policy::{Policy, PreflightMode, Responses, UpstreamHeaders};
