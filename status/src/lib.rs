//! What `cors_policy_status` serves: the state of the module, [as text for Prometheus](prometheus), as JSON, and as
//! [a page](page) for people.
//!
//! The module fills a [`Status`]; nothing here knows nginx.
#![forbid(unsafe_code)]

mod format;
mod model;
pub mod page;
pub mod prometheus;

pub use format::Format;
pub use model::{Changes, Count, File, Refused, Sha256, Status, Workers};
