//! A lookup allocates nothing, whatever the pattern and whatever the origin.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cors_policy::origin::{MatcherBuilder, OriginPattern};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may still allocate when this is gone.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is left to the allocator of the system; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn lookups_allocate_nothing() {
    let patterns = [
        "https://app.example.com",
        "https://*.example.com",
        "https://*.example.com:*",
        "http://localhost:*",
        "app://*",
        r"regex:https://pr-[0-9]+\.example\.net",
        r"regex:https://.*\.example\.org",
        "null",
        "*",
    ];
    let mut origins: Vec<Vec<u8>> = [
        "https://app.example.com",
        "https://www.example.com",
        "https://www.example.com:8443",
        "http://localhost:3000",
        "app://a",
        "app://[2001:db8::1]",
        "app://[2001:db8:0::1]",
        "app://127.0.0.1",
        "https://pr-42.example.net",
        "https://a.b.c.example.org",
        "https://a.b.c.example.org/",
        "https://nobody.example",
        "null",
        "",
        "nonsense",
    ]
    .map(|origin| origin.as_bytes().to_vec())
    .to_vec();
    origins.push(format!("https://{}example.com", "a.".repeat(120)).into_bytes());
    origins.push(vec![b'a'; 100_000]);
    origins.push((0..=255).collect());

    let build = |patterns: &[&str]| {
        let mut builder = MatcherBuilder::new();
        for (rank, pattern) in patterns.iter().enumerate() {
            builder.add(rank as u16, &OriginPattern::parse(pattern).unwrap());
        }
        builder.build().unwrap()
    };
    let mut matchers: Vec<_> = patterns.iter().map(|pattern| build(&[pattern])).collect();
    matchers.push(build(&patterns));

    let before = ALLOCATIONS.get();
    assert!(before > 0, "building is counted");
    let mut found = 0;
    for matcher in &matchers {
        for origin in &origins {
            found += u32::from(matcher.find(origin).is_some());
        }
    }
    assert_eq!(ALLOCATIONS.get(), before);
    assert!(found > origins.len() as u32);
}
