//! A request's way through the module.
//!
//! [`preflight`] sees a request first, in the rewrite phase: it notes the location's policy
//! ([`effective_policy`]), answers a preflight and refuses a request that the policy keeps out
//! ([`origin_check`]).
//! [`header_filter`] sees every response last: it decides, counts, and writes the CORS headers. In a dry run it
//! writes none, and [`dry_run`] says what they would change.

mod context;
mod cors_request;
mod denial_log;
mod dry_run;
mod early_answer;
mod effective_policy;
mod excerpt;
pub(crate) mod header_filter;
mod origin_check;
pub(crate) mod preflight;
pub(crate) mod rewrite_phase;
mod upstream_headers;
pub(crate) mod variables;
