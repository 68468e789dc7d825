//! Deciding takes nothing from the heap.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};

use cors_policy::{OriginHeader, PreflightRequest, document};

/// The system's allocator, counting for each thread, because the test harness has threads of its
/// own.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller upholds the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` is from `alloc` above, so from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

const DOCUMENT: &[u8] = br#"
version: 1
policies:
  plain: {allow_origins: "*", allow_methods: "*", allow_headers: "*"}
  lists:
    allow_origins:
      - https://a.example
      - https://*.b.example
      - http://localhost:*
      - regex:https://pr-[0-9]+\.preview\.example\.net
    deny_origins: ["https://old.b.example"]
    allow_methods: [GET, PUT]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [ETag]
    max_age: 10m
    timing_allow_origin: true
    allow_private_network: true
  echo:
    allow_origins: "*"
    allow_credentials: true
    allow_methods: "*"
    allow_headers: "*"
    dangerously_allow: [any_origin_with_credentials]
"#;

#[test]
fn a_decision_allocates_nothing() {
    let policies = document::parse(DOCUMENT, "cors.yaml".as_ref()).unwrap();
    assert!(allocations(|| drop(black_box(Box::new(1)))) > 0, "the counter counts");
    let many = "x-a,".repeat(200);
    let long = "a".repeat(10_000);
    for policy in &policies {
        for origin in [
            OriginHeader::Absent,
            OriginHeader::Repeated,
            OriginHeader::One(b""),
            OriginHeader::One(b"null"),
            OriginHeader::One(b"https://a.example"),
            OriginHeader::One(b"https://x.y.b.example"),
            OriginHeader::One(b"https://old.b.example"),
            OriginHeader::One(b"http://localhost:8080"),
            OriginHeader::One(b"https://pr-17.preview.example.net"),
            OriginHeader::One(b"https://evil.example"),
            OriginHeader::One(long.as_bytes()),
        ] {
            let count = allocations(|| {
                let answer = black_box(policy).decide(black_box(origin));
                for field in answer.fields() {
                    black_box(field);
                }
                black_box(answer.vary().without(b"Accept-Encoding, origin").value());
                for method in [&b"PUT"[..], b"PATCH", b"", long.as_bytes()] {
                    for headers in [&b"authorization, content-type"[..], b"x-b", many.as_bytes()] {
                        let preflight = PreflightRequest {
                            method,
                            headers: [headers, b"x-a"].into_iter(),
                            private_network: true,
                        };
                        let answer = black_box(policy).decide_preflight(origin, &preflight);
                        for field in answer.fields() {
                            black_box(field);
                        }
                    }
                }
            });
            assert_eq!(count, 0, "{}: {origin:?}", policy.name());
        }
    }
}
