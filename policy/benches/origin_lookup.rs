//! The cost of a lookup, by kind of pattern, number of patterns and origin; and the cost to
//! read patterns.
//!
//! `cargo bench -p cors-policy --bench origin_lookup`. For instructions in place of time, which
//! hold still on a busy machine, see the example `origin_lookup`.

// The function that the macro makes cannot be given documentation.
#![allow(missing_docs)]

use std::hint::black_box;

use cors_policy::origin::{MatcherBuilder, OriginMatcher, OriginPattern};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn exact(n: u32) -> String {
    format!("https://site{n:07}.example.com")
}

fn wildcard(n: u32) -> String {
    format!("https://*.t{n:07}.example")
}

fn any_port(n: u32) -> String {
    format!("https://site{n:07}.example.com:*")
}

/// One `*` inside of each of many domains.
fn star(n: u32) -> String {
    format!("https://pr-*.c{n:07}.example")
}

/// Many `*` inside of one domain.
fn stars(n: u32) -> String {
    format!("https://pr-{n}-*.example.com")
}

fn ports(n: u32) -> String {
    format!("https://site{n:07}.example.com:[8443,9000-9010]")
}

fn regex(n: u32) -> String {
    format!(r"regex:https://pr-[0-9]+\.team{n}\.example\.com")
}

fn matcher(patterns: impl Iterator<Item = String>) -> OriginMatcher {
    let mut builder = MatcherBuilder::new();
    for pattern in patterns {
        builder.add(1, &OriginPattern::parse(&pattern).unwrap());
    }
    builder.build().unwrap()
}

/// The benchmark's name, how to make a pattern, numbers of patterns, named origins.
type Kind = (&'static str, fn(u32) -> String, &'static [u32], Vec<(&'static str, String)>);

fn lookup(c: &mut Criterion) {
    let many_labels = |end: &str| format!("https://{}{end}", "a.".repeat(110));
    let kinds: [Kind; 7] = [
        (
            "exact",
            exact,
            &[2, 100, 10_000, 1_000_000],
            vec![
                ("hit", exact(1)),
                ("miss", "https://nobody.example.com".into()),
                ("last byte differs", "https://site0000001.example.con".into()),
                ("first byte differs", "xttps://site0000001.example.com".into()),
                ("longest", format!("https://{}.example", "a".repeat(240))),
                ("too long", format!("https://{}.example", "a".repeat(8000))),
            ],
        ),
        (
            "wildcard",
            wildcard,
            &[2, 100, 10_000, 1_000_000],
            vec![
                ("hit", "https://app.t0000001.example".into()),
                ("hit of many labels", many_labels("t0000001.example")),
                ("miss", "https://app.nobody.example.com".into()),
                // A probe at each of a hundred dots would need keys of as many lengths.
                ("miss of many labels", many_labels("nobody00.example")),
                ("last byte differs", "https://app.t0000001.exampld".into()),
                ("no label", "https://t0000001.example".into()),
                ("malformed label", "https://evil.net#.t0000001.example".into()),
            ],
        ),
        (
            "any port",
            any_port,
            &[2, 100, 10_000, 1_000_000],
            vec![
                ("hit", format!("{}:8443", exact(1))),
                ("miss", "https://nobody.example.com:8443".into()),
            ],
        ),
        (
            "star inside, many domains",
            star,
            &[2, 10_000],
            vec![
                ("hit", "https://pr-42.c0000001.example".into()),
                ("miss", "https://main-42.c0000001.example".into()),
                ("another domain", "https://pr-42.nobody00.example".into()),
                ("longest near miss", format!("https://{}.c0000001.example", "-".repeat(63))),
            ],
        ),
        (
            "star inside, one domain",
            stars,
            &[2, 16, 10_000],
            vec![
                ("hit", "https://pr-1-feature.example.com".into()),
                ("miss", "https://pr-x-feature.example.com".into()),
                ("longest near miss", format!("https://pr-{}.example.com", "1".repeat(60))),
            ],
        ),
        (
            "set of ports",
            ports,
            &[2, 10_000],
            vec![
                ("hit", "https://site0000001.example.com:9005".into()),
                ("miss", "https://site0000001.example.com:9011".into()),
            ],
        ),
        (
            "regex",
            regex,
            &[1, 2, 100, 1000],
            vec![
                ("hit", "https://pr-42.team0.example.com".into()),
                ("miss", "https://nobody.example.com".into()),
                ("longest near miss", format!("https://pr-{}.team0.example", "1".repeat(230))),
                ("malformed", "https://pr-42.team0.example.com/".into()),
            ],
        ),
    ];
    for (kind, pattern, counts, origins) in kinds {
        let mut group = c.benchmark_group(kind);
        for &count in counts {
            let matcher = matcher((0..count).map(pattern));
            for (name, origin) in &origins {
                group.bench_with_input(BenchmarkId::new(*name, count), origin, |b, origin| {
                    b.iter(|| black_box(&matcher).find(black_box(origin.as_bytes())));
                });
            }
        }
        group.finish();
    }
}

/// Keys of every length, so that each dot of the origin is probed.
fn probes(c: &mut Criterion) {
    let suffix = |length: usize| format!("https://*.{}", vec!["a"; length].join("."));
    let matcher = matcher((2..120).map(suffix).chain(["https://*.b.example".into()]));
    let origin = format!("https://{}b", "a.".repeat(120));
    c.bench_function("a probe at each of 120 dots", |b| {
        b.iter(|| black_box(&matcher).find(black_box(origin.as_bytes())));
    });
}

fn mixed(c: &mut Criterion) {
    // The exact origins have the highest rank: everything before them is looked at.
    let mut builder = MatcherBuilder::new();
    for n in 0..1000 {
        builder.add(3, &OriginPattern::parse(&exact(n)).unwrap());
        builder.add(2, &OriginPattern::parse(&wildcard(n)).unwrap());
    }
    for n in 0..100 {
        builder.add(1, &OriginPattern::parse(&regex(n)).unwrap());
    }
    let matcher = builder.build().unwrap();
    let mut group = c.benchmark_group("all kinds");
    for origin in [exact(1), "https://pr-42.team0.example.com".into(), "https://a.example".into()] {
        group.bench_with_input(origin.clone(), &origin, |b, origin| {
            b.iter(|| black_box(&matcher).find(black_box(origin.as_bytes())));
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    group.sample_size(10);
    for (kind, patterns) in [
        ("exact", (0..100_000).map(exact).collect::<Vec<_>>()),
        ("wildcard", (0..100_000).map(wildcard).collect()),
        ("star inside, many domains", (0..100_000).map(star).collect()),
        ("star inside, one domain", (0..10_000).map(stars).collect()),
        ("regex", (0..100).map(regex).collect()),
    ] {
        let count = patterns.len() as u64;
        group.throughput(Throughput::Elements(count));
        group.bench_function(kind, |b| {
            b.iter(|| {
                let mut builder = MatcherBuilder::new();
                for pattern in &patterns {
                    let pattern = OriginPattern::parse(pattern).unwrap();
                    assert!(pattern.violations(true).is_empty());
                    builder.add(1, &pattern);
                }
                builder.build().unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookup, probes, mixed, read);
criterion_main!(benches);
