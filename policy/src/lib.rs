//! CORS policies: what they are, whether they make sense, and what they answer.
#![forbid(unsafe_code)]

pub mod origin;
