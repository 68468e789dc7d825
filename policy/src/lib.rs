//! CORS policies: reading and validating them, and answering requests.
//!
//! The crate takes bytes and returns a decision with ready-made header values. It does not depend on
//! nginx. A [`document`] is checked completely and becomes policies, and perhaps warnings. A request is one call:
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
//! let policies = document::parse(text, "cors.yaml".as_ref())?.value;
//! let answer = policies[0].decide(OriginHeader::One(b"https://app.example.com"));
//! assert_eq!(answer.decision(), Decision::Allowed);
//! # Ok::<(), cors_policy::document::Report>(())
//! ```
//!
//! All work that can be done in advance is done when the document is read. An
//! [`OriginMatcher`](origin::OriginMatcher) holds all origins, and the headers of each rule are
//! finished bytes. A decision only looks them up, and never allocates.
//!
//! Terms are those of the [Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol).
#![forbid(unsafe_code)]

mod decision;
pub mod document;
pub mod headers;
pub mod near_miss;
mod nearest;
pub mod origin;
mod origin_check;
mod policy;
mod refusal_advice;
#[cfg(test)]
mod test_directory;
mod token;

pub use decision::{Answer, Decision, HeaderSet, KeptAnswer, OriginHeader, PreflightRequest};
pub use headers::{FieldName, FieldValue, Vary};
pub use nearest::nearest;
pub use origin_check::{CheckedRequest, FetchSite, OriginCheck, Passed, Refusal, RequestHosts};
pub use policy::{Policy, PreflightMode, Responses, UpstreamHeaders};
pub use refusal_advice::Advice;
