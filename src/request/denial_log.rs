//! The log lines about denials, at `info`, and about changes, at `notice`.

use core::fmt;

use cors_comparison::Change;
use cors_policy::{Decision, OriginHeader};
use nginx_sys::{NGX_LOG_INFO, NGX_LOG_NOTICE, ngx_http_request_t, ngx_uint_t};
use ngx::ngx_log_error;

use super::cors_request::CorsRequest;
use super::effective_policy::AppliedPolicy;
use super::excerpt::Excerpt;
use super::origin_check::{self, RefusedBy};
use crate::nginx::request_bits::log_of;

/// Logs that the policy denies the request, if the log has the level `info`.
#[inline(always)]
pub(super) fn log(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    decision: Decision,
) {
    // SAFETY: the log of a request, which lives as long as the request.
    if unsafe { (*log_of(r)).log_level } >= NGX_LOG_INFO as ngx_uint_t {
        write(r, applied, request, decision);
    }
}

#[cold]
fn write(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    decision: Decision,
) {
    let policy = applied.responses.name();
    let denied = Decided { r, applied, request, decision };
    ngx_log_error!(NGX_LOG_INFO, log_of(r), "CORS policy \"{policy}\": {denied}");
}

/// Logs what would change for the request, which is in a dry run, and the headers or permissions that go.
pub(super) fn log_change(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    decision: Decision,
    (change, missed): (Change, &[String]),
) {
    let policy = applied.responses.name();
    let decided = Decided { r, applied, request, decision };
    let missed = Missed(missed);
    ngx_log_error!(
        NGX_LOG_NOTICE,
        log_of(r),
        "CORS policy \"{policy}\" (dry run): {change}, {decided}{missed}"
    );
}

/// The headers or permissions that a page would miss.
struct Missed<'m>(&'m [String]);

impl fmt::Display for Missed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let names = self.0.join(", ");
        write!(f, ", missed: {}", Excerpt(Some(names.as_bytes())))
    }
}

/// A decision, and what it is about.
struct Decided<'a> {
    r: &'a ngx_http_request_t,
    applied: AppliedPolicy<'a>,
    request: &'a CorsRequest<'a>,
    decision: Decision,
}

impl fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { r, applied, request, decision } = self;
        write!(f, "{decision}, ")?;
        match decision {
            Decision::DeniedSite => {
                return write!(f, "site: {}", RefusedValue(origin_check::refused_site(r)));
            }
            Decision::DeniedHost => {
                return write!(f, "host: {}", RefusedValue(origin_check::refused_host(r, applied)));
            }
            _ => {}
        }
        let origin = Excerpt(match request.origin.header() {
            OriginHeader::One(value) => Some(value),
            OriginHeader::Absent | OriginHeader::Repeated => None,
        });
        write!(f, "origin: {origin}")?;
        let Some(preflight) = request.preflight() else { return Ok(()) };
        match decision {
            Decision::DeniedMethod => {
                write!(f, ", method: {}", Excerpt(Some(preflight.method())))
            }
            Decision::DeniedHeader => {
                write!(f, ", headers: {}", Excerpt(preflight.headers().next()))
            }
            _ => Ok(()),
        }
    }
}

/// A value by which the origin check refuses a request: like [`Excerpt`], or `none`.
struct RefusedValue<'r>(RefusedBy<'r>);

impl fmt::Display for RefusedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RefusedBy::Missing => f.write_str("none"),
            RefusedBy::Value(value) => Excerpt(Some(value)).fmt(f),
            RefusedBy::Repeated => Excerpt(None).fmt(f),
        }
    }
}
