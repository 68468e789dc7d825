//! The log line about a denial, at `info`.

use core::fmt;

use cors_policy::{Decision, OriginHeader};
use nginx_sys::{NGX_LOG_INFO, ngx_http_request_t, ngx_uint_t};
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
    let log = log_of(r);
    let policy = applied.responses.name();
    let origin = Excerpt(match request.origin.header() {
        OriginHeader::One(value) => Some(value),
        OriginHeader::Absent | OriginHeader::Repeated => None,
    });
    let preflight = request.preflight();
    let method = Excerpt(preflight.map(|preflight| preflight.method()));
    let headers = Excerpt(preflight.and_then(|preflight| preflight.headers().next()));
    let dry_run = if applied.is_dry_run() { ", dry run" } else { "" };
    match decision {
        Decision::DeniedMethod => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}, method: {method}{dry_run}"
            );
        }
        Decision::DeniedHeader => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}, headers: {headers}{dry_run}"
            );
        }
        Decision::DeniedSite => {
            let site = RefusedValue(origin_check::refused_site(r));
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, site: {site}{dry_run}"
            );
        }
        Decision::DeniedHost => {
            let host = RefusedValue(origin_check::refused_host(r, applied));
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, host: {host}{dry_run}"
            );
        }
        _ => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}{dry_run}"
            );
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
