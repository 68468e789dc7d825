//! Looks an origin up again and again, to count what one lookup costs.
//!
//! ```text
//! origin_lookup KIND PATTERNS LOOKUPS [ORIGIN]
//! ```
//!
//! `KIND` is `exact`, `wildcard`, `star`, `stars` or `regex`; `PATTERNS` says how many there are; the origin is one
//! that matches unless another is given. Instructions per lookup are the slope between two numbers
//! of lookups, which leaves out what it takes to start and to build:
//!
//! ```text
//! cargo build --release -p cors-policy --example origin_lookup
//! for lookups in 1000 101000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!         target/release/examples/origin_lookup exact 2 $lookups
//! done
//! ```
//!
//! (Difference of the two `Collected` figures, divided by 100,000.) With 0 lookups the process
//! prints the time it took to build and its memory, resident and at its peak, as Linux reports
//! them.

use std::env;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

use cors_policy::origin::{MatcherBuilder, OriginPattern};

fn main() {
    let args: Vec<String> = env::args().collect();
    let [_, kind, patterns, lookups, origin @ ..] = &args[..] else {
        panic!("usage: origin_lookup KIND PATTERNS LOOKUPS [ORIGIN]");
    };
    let patterns: u32 = patterns.parse().expect("a number of patterns");
    let lookups: u32 = lookups.parse().expect("a number of lookups");
    let (pattern, matching): (fn(u32) -> String, &str) = match kind.as_str() {
        // 25 and 30 bytes: the first one is what is looked up.
        "exact" => (
            |n| match n {
                0 => "https://app00.example.com".to_owned(),
                n => format!("https://site{n:07}.example.com"),
            },
            "https://app00.example.com",
        ),
        "wildcard" => (|n| format!("https://*.t{n:07}.example"), "https://a.b.t0000000.example"),
        // Many groups of one glob, and one group of many.
        "star" => (|n| format!("https://pr-*.c{n:07}.example"), "https://pr-42.c0000000.example"),
        "stars" => (|n| format!("https://pr-{n}-*.example.com"), "https://pr-0-a.example.com"),
        "regex" => (
            |n| format!(r"regex:https://pr-[0-9]+\.team{n}\.example\.com"),
            "https://pr-42.team0.example.com",
        ),
        other => panic!("{other} is no kind of pattern"),
    };

    let start = Instant::now();
    let mut builder = MatcherBuilder::new();
    for n in 0..patterns {
        builder.add(1, &OriginPattern::parse(&pattern(n)).expect("a pattern"));
    }
    let matcher = builder.build().expect("a matcher");
    if lookups == 0 {
        println!("built in {:?}", start.elapsed());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for line in
            status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
        {
            println!("{line}");
        }
    }

    let origin = origin.first().map_or(matching, String::as_str).as_bytes();
    let mut found = 0_u64;
    for _ in 0..lookups {
        found += u64::from(black_box(&matcher).find(black_box(origin)).is_some());
    }
    println!("{found} of {lookups} lookups found a rule");
}
