//! Any bytes as `Access-Control-Request-Headers`, against a reading of them in as many words as
//! it takes; a line feed ends a line.
//!
//! `cargo +nightly fuzz run request_headers` in `policy/`
#![no_main]

use std::sync::LazyLock;

use cors_policy::{Decision, FieldValue, OriginHeader, Policy, PreflightRequest, document};
use libfuzzer_sys::fuzz_target;

const DOCUMENT: &[u8] = b"
version: 1
policies:
  listed: {allow_origins: ['https://a.example'], allow_headers: [X-A, Content-Type, x-abc]}
  star: {allow_origins: ['https://a.example'], allow_headers: '*'}
  echo: {allow_origins: ['https://a.example'], allow_headers: '*', allow_credentials: true}
";

static POLICIES: LazyLock<Vec<Policy>> =
    LazyLock::new(|| document::parse(DOCUMENT, "cors.yaml".as_ref()).unwrap().value);

fn is_token(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let names: Option<Vec<String>> = std::str::from_utf8(input).ok().map(|text| {
        text.split(['\n', ','])
            .map(|name| name.trim_matches([' ', '\t']).to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect()
    });
    let is_list = lines.iter().map(|line| line.len()).sum::<usize>() <= 8192
        && names
            .as_ref()
            .is_some_and(|names| names.len() <= 128 && names.iter().all(|name| is_token(name)));
    for policy in &*POLICIES {
        let preflight = PreflightRequest {
            method: b"GET",
            headers: lines.iter().copied(),
            private_network: false,
        };
        let answer = policy.decide_preflight(OriginHeader::One(b"https://a.example"), &preflight);
        let allowed = is_list
            && names.iter().flatten().all(|name| match policy.name() {
                "listed" => ["x-a", "content-type", "x-abc"].contains(&&**name),
                _ => true,
            });
        let expected = if allowed { Decision::Allowed } else { Decision::DeniedHeader };
        assert_eq!(answer.decision(), expected, "{}", policy.name());
        let echoes = answer.fields().any(|(_, value)| value == FieldValue::EchoHeaders);
        assert_eq!(echoes, allowed && policy.name() == "echo");
    }
});
