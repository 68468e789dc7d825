//! What changes for pages when a policy is put in front of an application.
//!
//! What the application answers now, and what the policy decides, go in. Out comes the [response with the
//! policy](then), and what [differs](change) for a browser. The module compares in a dry run, and `cors-policy
//! probe` compares from outside.
#![forbid(unsafe_code)]

pub mod change;
pub mod then;

pub use change::Change;
pub use then::Echo;
