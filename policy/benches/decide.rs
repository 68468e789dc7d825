//! The cost of a decision, without copying the headers, which is up to nginx.
//!
//! `cargo bench --bench decide`
#![allow(missing_docs)] // criterion's macros make items without them

use std::hint::black_box;

use cors_policy::{OriginHeader, Policy, PreflightRequest, document};
use criterion::{Criterion, criterion_group, criterion_main};

fn policy(text: &str) -> Policy {
    let text = format!("version: 1\npolicies:\n  bench: {text}\n");
    document::parse(text.as_bytes(), "bench.yaml".as_ref()).unwrap().value.remove(0)
}

fn decide(criterion: &mut Criterion) {
    let two = policy(
        "{allow_origins: ['https://a.example', 'https://app.example.com'], \
         allow_credentials: true, expose_headers: [ETag], max_age: 600, \
         allow_methods: [GET, PUT], allow_headers: [Authorization, Content-Type]}",
    );
    let plain = policy("{allow_origins: ['*']}");
    let echo = policy(
        "{allow_origins: ['https://app.example.com'], allow_credentials: true, \
         allow_methods: '*', allow_headers: '*'}",
    );
    let names: Vec<String> = (0..1000).map(|n| format!("x-header-{n}")).collect();
    let many = policy(&format!(
        "{{allow_origins: ['https://app.example.com'], allow_headers: [{}]}}",
        names.join(", ")
    ));

    let mut group = criterion.benchmark_group("decide");
    let allowed = OriginHeader::One(b"https://app.example.com");
    let denied = OriginHeader::One(b"https://evil.example.com");
    for (name, policy, origin) in [
        ("no origin", &two, OriginHeader::Absent),
        ("allowed", &two, allowed),
        ("denied", &two, denied),
        ("plain *", &plain, allowed),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let answer = policy.decide(black_box(origin));
                for field in answer.fields() {
                    black_box(field);
                }
            });
        });
    }
    let asked = names[..128].join(",");
    for (name, policy, headers) in [
        ("preflight", &two, &b"authorization,content-type"[..]),
        ("preflight, echoed", &echo, b"authorization,content-type"),
        ("preflight, 128 names of 1000", &many, asked.as_bytes()),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let preflight = PreflightRequest {
                    method: black_box(b"PUT"),
                    headers: std::iter::once(black_box(headers)),
                    private_network: false,
                };
                let answer = policy.decide_preflight(allowed, &preflight);
                for field in answer.fields() {
                    black_box(field);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
