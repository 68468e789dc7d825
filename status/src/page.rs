//! The page for people: no script, nothing from elsewhere.

use crate::Status;

/// The value of `Content-Security-Policy`: nothing but the style of the page.
pub const SECURITY_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `now`, in seconds since 1970.
///
/// # Errors
///
/// If there is no memory for it.
pub fn render(status: &Status, now: u64) -> Result<String, std::fmt::Error> {
    let _ = now;
    status.json().map_err(|_| std::fmt::Error)
}
