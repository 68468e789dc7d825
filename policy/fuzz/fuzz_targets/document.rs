//! Any bytes as a policy document: policies that decide, or a report that can be read.
//!
//! `cargo +nightly fuzz run document` in `policy/`
#![no_main]

use std::path::Path;

use cors_policy::{OriginHeader, PreflightRequest, document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    // A directory that does not exist: no file of origins is read.
    match document::parse(text, Path::new("/nonexistent/cors.yaml")) {
        Ok(document::Accepted { value: policies, .. }) => {
            assert!(!policies.is_empty());
            for policy in &policies {
                for origin in [
                    OriginHeader::Absent,
                    OriginHeader::Repeated,
                    OriginHeader::One(b"null"),
                    OriginHeader::One(b"https://a.example.com"),
                    OriginHeader::One(text),
                ] {
                    policy.decide(origin);
                    let headers = [&b"authorization,x-a"[..]].into_iter();
                    let preflight =
                        PreflightRequest { method: b"PUT", headers, private_network: true };
                    let answer = policy.decide_preflight(origin, &preflight);
                    assert!(answer.fields().count() <= 7);
                }
            }
        }
        Err(report) => {
            let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            for mistake in &report {
                assert!(!mistake.remedy().is_empty());
                assert!(!mistake.to_string().contains('\n'));
                assert!(mistake.line().is_none_or(|line| (1..=lines).contains(&(line as usize))));
            }
        }
    }
});
