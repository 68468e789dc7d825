//! Deciding takes nothing from the heap, and reading a long list copies nothing large there.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env,
    fmt::Write,
    fs,
    hint::black_box,
    process,
};

use cors_policy::{
    CheckedRequest, FetchSite, OriginHeader, Policy, PreflightRequest, RequestHosts, document,
    headers::ExposedNames,
    origin::{MatcherBuilder, OriginPattern},
};

/// The system's allocator, counting for each thread, because the test harness has threads of its
/// own.
struct Counting;

thread_local! {
    /// Bytes that are in use.
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes of the largest block that was made larger.
    static LARGEST_GROWN: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends may still allocate when these are gone.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        let _ = IN_USE.try_with(|bytes| bytes.set(bytes.get() + layout.size() as isize));
        // SAFETY: the caller upholds the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        let more = size as isize - layout.size() as isize;
        let _ = IN_USE.try_with(|bytes| bytes.set(bytes.get() + more));
        if size > layout.size() {
            let _ = LARGEST_GROWN.try_with(|largest| largest.set(largest.get().max(layout.size())));
        }
        // SAFETY: the caller upholds the contract of `realloc`, which is that of `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = IN_USE.try_with(|bytes| bytes.set(bytes.get() - layout.size() as isize));
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
      - https://pr-*.c.example
      - https://*.c.example:[8443,9000-9010]
      - app://.
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
  fixed:
    allow_origins: https://a.example
    allow_methods: "*"
    allow_headers: "*"
    allow_credentials: true
    static_origin: true
  checked:
    allow_origins: [https://a.example]
    timing_allow_origin: [https://a.example, https://b.example]
    enforce: true
    own_origins: [https://site.example, "http://localhost:8080"]
"#;

#[test]
fn a_decision_allocates_nothing() {
    let policies = document::parse(DOCUMENT, "cors.yaml".as_ref()).unwrap().value;
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
            OriginHeader::One(b"https://pr-1.c.example"),
            OriginHeader::One(b"https://a.b.c.example:9010"),
            OriginHeader::One(b"app://."),
            OriginHeader::One(b"file://"),
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
            assert_eq!(allocations(|| check(policy, origin)), 0, "{}: {origin:?}", policy.name());
        }
    }
}

/// Checks requests with this origin.
fn check(policy: &Policy, origin: OriginHeader<'_>) {
    for host in [&b"site.example:443"[..], b"LOCALHOST:8080", b"a.example", b"[::1]:x", b""] {
        for site in [FetchSite::Absent, FetchSite::SameOrigin, FetchSite::Other.with(b"none")] {
            let request = CheckedRequest {
                method: b"POST",
                is_preflight: false,
                is_websocket: true,
                origin,
                site,
                hosts: RequestHosts { header: Some(host), target: Some(b"site.example") },
                is_tls: true,
            };
            let _ = black_box(black_box(policy).check(&request));
        }
    }
}

#[test]
fn merging_names_allocates_nothing() {
    let mut room = [0; 64];
    let mut length = 0;
    let count = allocations(|| {
        let mut names = ExposedNames::new(black_box(&mut room), Some(b"ETag, X-A"), true);
        names.add(b"x-a, X-B");
        names.add(b"*,X-C,,etag");
        length = names.length();
    });
    assert_eq!(count, 0);
    assert_eq!(&room[..length], b"ETag, X-A, X-B, X-C");
}

/// A request that lasts for hours keeps the responses of a policy, and not its list.
#[test]
fn responses_keep_no_list() {
    let before = IN_USE.get();
    let responses = {
        let mut text = String::from("version: 1\npolicies:\n  api:\n    allow_origins:\n");
        for n in 0..50_000 {
            writeln!(text, "      - https://o{n}.example.com").unwrap();
        }
        let policies = document::parse(text.as_bytes(), "cors.yaml".as_ref()).unwrap().value;
        drop(text);
        let all = IN_USE.get() - before;
        assert!(all > 50_000 * 20, "{all}");
        policies[0].responses().clone()
    };
    let kept = IN_USE.get() - before;
    assert!(kept < 4096, "{kept}");
    assert_eq!(responses.name(), "api");
}

#[test]
fn lookups_allocate_nothing() {
    let patterns = [
        "https://app.example.com",
        "https://*.example.com",
        "https://*.example.com:*",
        "https://pr-*.example.com",
        "https://*.a*-*b.*.example.com:[8443,9000-9010]",
        "http://localhost:*",
        "http://localhost:[3000,5173]",
        "https://*:8000-8100",
        "app://.",
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
        "https://pr-1.example.com",
        "https://x.aa-bb.c.example.com:9005",
        "https://a.example:8050",
        "app://.",
        "capacitor://",
        "file://",
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
    let many: Vec<String> = (0..200).map(|n| format!("https://pr-{n}-*.example.com")).collect();
    matchers.push(build(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    origins.push(b"https://pr-199-x.example.com".to_vec());

    let mut found = 0;
    let count = allocations(|| {
        for matcher in &matchers {
            for origin in &origins {
                found += usize::from(matcher.find(origin).is_some());
            }
        }
    });
    assert_eq!(count, 0);
    assert!(found > origins.len());
}

/// Requests wait while a thread of nginx copies memory and holds a lock of the allocator.
#[test]
fn a_long_list_is_read_without_copies_of_large_blocks() {
    let folder = env::temp_dir().join(format!("cors-policy-allocations-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut origins = String::new();
    for n in 0..100_000 {
        writeln!(origins, "https://a-rather-long-name-for-an-origin-{n}.example.com").unwrap();
    }
    fs::write(folder.join("origins.txt"), &origins).unwrap();
    let file = folder.join("cors.yaml");
    let text = "version: 1\npolicies: {list: {allow_origins_file: origins.txt}}\n";
    fs::write(&file, text).unwrap();

    LARGEST_GROWN.set(0);
    let policies = document::load(&file).unwrap().value;
    let largest = LARGEST_GROWN.get();
    fs::remove_dir_all(&folder).unwrap();

    let origin = b"https://a-rather-long-name-for-an-origin-99999.example.com";
    assert!(policies[0].decide(OriginHeader::One(origin)).rule().is_some());
    assert!(largest > 0, "growth is noticed");
    // Of each origin its length and rank are collected one by one.
    assert!(largest <= 4 * 131_072, "{largest} of {} bytes", origins.len());
}
