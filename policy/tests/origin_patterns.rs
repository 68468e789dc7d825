//! Which origins each kind of pattern matches.

use cors_policy::origin::{MatcherBuilder, MatcherError, Origin, OriginPattern, Rank};

struct Case {
    sentence: &'static str,
    pattern: &'static str,
    accepts: &'static [&'static str],
    rejects: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        sentence: "an exact origin is compared byte for byte",
        pattern: "https://app.example.com",
        accepts: &["https://app.example.com"],
        rejects: &[
            "",
            "null",
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "https://app.example.com/",
            "https://app.example.com.",
            "https://APP.example.com",
            "https://app.example.co",
            "https://app.example.comm",
            " https://app.example.com",
            "https://app.example.com ",
            "https://app.example.com\0",
            "https://app.example.com, https://app.example.com",
        ],
    },
    Case {
        sentence: "a port that is written is part of the origin",
        pattern: "https://app.example.com:8443",
        accepts: &["https://app.example.com:8443"],
        rejects: &[
            "https://app.example.com",
            "https://app.example.com:844",
            "https://app.example.com:84433",
            "https://app.example.com:08443",
        ],
    },
    Case {
        sentence: "schemes other than those of the web have origins too",
        pattern: "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
        accepts: &["chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"],
        rejects: &["moz-extension://aaaabbbbccccddddeeeeffffgggghhhh", "chrome-extension://a"],
    },
    Case {
        sentence: "a wildcard stands for one or more labels and not for none",
        pattern: "https://*.example.com",
        accepts: &[
            "https://a.example.com",
            "https://a.b.example.com",
            "https://a_b.example.com",
            "https://-.example.com",
            "https://1.2.3.4.example.com",
            "https://xn--bcher-kva.example.com",
            "https://example.com.example.com",
        ],
        rejects: &[
            "https://example.com",
            "https://.example.com",
            "https://..example.com",
            "https://a..example.com",
            "https://.a.example.com",
            "https://aexample.com",
            "https://a.example.com.",
            "https://a.example.com.evil.net",
            "https://a.example.com:8443",
            "https://a.example.com:443",
            "https://a.example.com:",
            "http://a.example.com",
            "https://A.example.com",
            "https://a.EXAMPLE.com",
        ],
    },
    Case {
        sentence: "what a wildcard stands for has to be labels",
        pattern: "https://*.example.com",
        accepts: &["https://evil-net.example.com"],
        rejects: &[
            "https://evil.net#.example.com",
            "https://evil.net/.example.com",
            "https://evil.net?.example.com",
            "https://evil.net\\.example.com",
            "https://evil.net:80.example.com",
            "https://u@x.example.com",
            "https://u:p@x.example.com",
            "https://a b.example.com",
            "https://a\t.example.com",
            "https://a\n.example.com",
            "https://a\0.example.com",
            "https://a`.example.com",
            "https://ü.example.com",
            "https://*.example.com",
            "https://[::1].example.com",
            "https://https://a.example.com",
            "https://a.example.com https://b.example.com",
            "https:///a.example.com",
        ],
    },
    Case {
        sentence: "a wildcard with a port matches that port only",
        pattern: "https://*.example.com:8443",
        accepts: &["https://a.example.com:8443"],
        rejects: &[
            "https://a.example.com",
            "https://a.example.com:443",
            "https://example.com:8443",
        ],
    },
    Case {
        sentence: "a wildcard for the port stands for any port, none included",
        pattern: "http://localhost:*",
        accepts: &["http://localhost", "http://localhost:1", "http://localhost:65535"],
        rejects: &[
            "http://localhost:",
            "http://localhost:0",
            "http://localhost:80",
            "http://localhost:080",
            "http://localhost:65536",
            "http://localhost:*",
            "http://localhost:3000/",
            "http://localhost:3000.evil.net",
            "http://localhost.evil.net:3000",
            "http://a.localhost:3000",
            "https://localhost:3000",
        ],
    },
    Case {
        sentence: "both wildcards go together",
        pattern: "https://*.example.com:*",
        accepts: &["https://a.example.com", "https://a.b.example.com:8443"],
        rejects: &["https://example.com:8443", "https://a.example.com:x", "https://a.example.net"],
    },
    Case {
        sentence: "a wildcard for the whole host stands for any well-formed host",
        pattern: "https://*",
        accepts: &[
            "https://a",
            "https://a.example.com",
            "https://127.0.0.1",
            "https://[2001:db8::1]",
        ],
        rejects: &[
            "https://",
            "https://a:8443",
            "https://a/",
            "https://127.1",
            "https://1.2.3.4.5",
            "https://[2001:db8:0::1]",
            "https://[::1",
            "http://a",
            "null",
        ],
    },
    Case {
        sentence: "any host and any port leave only the scheme",
        pattern: "http://*:*",
        accepts: &["http://a", "http://a:8080", "http://[::1]:8080", "http://127.0.0.1:1"],
        rejects: &["https://a", "http://:8080", "http://a:80", "http://a:8080:8080"],
    },
    Case {
        sentence: "any host with one port",
        pattern: "app://*:7000",
        accepts: &["app://a:7000", "app://1:7000"],
        rejects: &["app://a", "app://a:7001", "app://a b:7000"],
    },
    Case {
        sentence: "an IPv6 host can have any port",
        pattern: "http://[::1]:*",
        accepts: &["http://[::1]", "http://[::1]:8080"],
        rejects: &["http://[::2]", "http://[::1]8080", "http://::1", "http://[::1]:80"],
    },
    Case {
        sentence: "a star within a label stands for one or more bytes of it",
        pattern: "https://pr-*.example.com",
        accepts: &[
            "https://pr-1.example.com",
            "https://pr--.example.com",
            "https://pr-a_b-c.example.com",
        ],
        rejects: &[
            "https://pr-.example.com",
            "https://pr-1.a.example.com",
            "https://a.pr-1.example.com",
            "https://xpr-1.example.com",
            "https://pr-1.example.com:8443",
            "https://pr-1.example.com.evil.net",
            "https://pr-1/.example.com",
            "https://pr-A.example.com",
            "http://pr-1.example.com",
        ],
    },
    Case {
        sentence: "a star at the beginning of a label stands for at least one byte",
        pattern: "https://*-stage.example.com",
        accepts: &["https://a-stage.example.com", "https://--stage.example.com"],
        rejects: &["https://-stage.example.com", "https://a.b-stage.example.com"],
    },
    Case {
        sentence: "a label may be a star",
        pattern: "https://api.*.example.com",
        accepts: &["https://api.eu.example.com"],
        rejects: &[
            "https://api.example.com",
            "https://api.a.b.example.com",
            "https://x.api.eu.example.com",
        ],
    },
    Case {
        sentence: "only the leftmost whole label stands for several",
        pattern: "https://*.*.example.com",
        accepts: &["https://a.b.example.com", "https://a.b.c.d.example.com"],
        rejects: &["https://a.example.com", "https://example.com", "https://.a.example.com"],
    },
    Case {
        sentence: "stars of every kind go together",
        pattern: "https://*.pr-*.example.com:8000-8100",
        accepts: &["https://a.b.pr-1.example.com:8000", "https://a.pr-1.example.com:8100"],
        rejects: &[
            "https://pr-1.example.com:8000",
            "https://a.pr-1.example.com",
            "https://a.pr-1.example.com:8101",
        ],
    },
    Case {
        sentence: "a list holds ports and ranges, and the default port stands for none",
        pattern: "http://localhost:[80,3000,5173-5175]",
        accepts: &[
            "http://localhost",
            "http://localhost:3000",
            "http://localhost:5173",
            "http://localhost:5175",
        ],
        rejects: &[
            "http://localhost:80",
            "http://localhost:3001",
            "http://localhost:5176",
            "http://localhost:03000",
            "https://localhost",
            "http://a.localhost:3000",
        ],
    },
    Case {
        sentence: "an IPv6 host can have a list of ports",
        pattern: "http://[::1]:[3000,5173]",
        accepts: &["http://[::1]:3000", "http://[::1]:5173"],
        rejects: &["http://[::1]", "http://[::2]:3000", "http://[::1]:3001"],
    },
    Case {
        sentence: "any host can have a range of ports",
        pattern: "http://*:3000-3009",
        accepts: &["http://a:3000", "http://127.0.0.1:3009", "http://[::1]:3005"],
        rejects: &["http://a", "http://a:3010", "http://:3000", "http://a b:3000"],
    },
    Case {
        sentence: "an origin without a host is compared byte for byte",
        pattern: "capacitor://",
        accepts: &["capacitor://"],
        rejects: &[
            "capacitor://.",
            "capacitor://localhost",
            "capacitor:",
            "capacitor:///",
            "app://",
        ],
    },
    Case {
        sentence: "a dot in place of a host is an origin too",
        pattern: "app://.",
        accepts: &["app://."],
        rejects: &["app://", "app://..", "app://.:80", "app://a."],
    },
    Case {
        sentence: "any host is not none",
        pattern: "capacitor://*:*",
        accepts: &["capacitor://localhost", "capacitor://a:1"],
        rejects: &["capacitor://", "capacitor://.", "capacitor://:1", "capacitor://.:1"],
    },
    Case {
        sentence: "pages that are opened as files have one origin",
        pattern: "file://",
        accepts: &["file://"],
        rejects: &["file://.", "file:///", "file://host", "null"],
    },
    Case {
        sentence: "an expression may match origins without a host",
        pattern: r"regex:app://\.?",
        accepts: &["app://", "app://."],
        rejects: &["app://..", "app://a"],
    },
    Case {
        sentence: "a regular expression is anchored at both ends",
        pattern: r"regex:https://pr-[0-9]+\.preview\.example\.net",
        accepts: &["https://pr-1.preview.example.net", "https://pr-4711.preview.example.net"],
        rejects: &[
            "https://pr-.preview.example.net",
            "https://pr-1.preview.example.net.evil.net",
            "https://evil.net/https://pr-1.preview.example.net",
            "https://pr-1.preview.example.net:8443",
            "https://pr-1xpreview.example.net",
        ],
    },
    Case {
        sentence: "anchors that are written do no harm",
        pattern: r"regex:^https://a\.example$",
        accepts: &["https://a.example"],
        rejects: &["https://a.example\n", "xhttps://a.example"],
    },
    Case {
        sentence: "alternatives are anchored as a whole",
        pattern: r"regex:https://a\.example|https://b\.example",
        accepts: &["https://a.example", "https://b.example"],
        rejects: &["https://a.example.evil.net", "https://evil.net?https://b.example"],
    },
    Case {
        sentence: "an expression is consulted for well-formed origins only, flags or not",
        pattern: r"regex:(?is)https://[\w.-]+\.example\.com(:\d+)?",
        accepts: &["https://a.example.com", "https://a.b.example.com:8443"],
        rejects: &[
            "https://A.example.com",
            "HTTPS://a.example.com",
            "https://..example.com",
            "https://a.example.com:443",
            "https://a.example.com:99999",
        ],
    },
    Case {
        sentence: "a loose expression is consulted for well-formed origins only, too",
        pattern: r"regex:.*",
        accepts: &["https://a.example", "app://x"],
        rejects: &["", "null", "*", "https://evil.net/?https://a.example", "https://a.example/"],
    },
    Case {
        sentence: "`*` matches whatever there is",
        pattern: "*",
        accepts: &["https://a.example", "null", "", "nonsense", "https://a b", "\u{fc}"],
        rejects: &[],
    },
    Case {
        sentence: "`null` matches these four bytes",
        pattern: "null",
        accepts: &["null"],
        rejects: &["", "NULL", "nul", "null ", "null, null", "https://null"],
    },
];

#[test]
fn patterns_match_what_they_say() {
    for case in CASES {
        let pattern = OriginPattern::parse(case.pattern)
            .unwrap_or_else(|error| panic!("{}: {error}", case.pattern));
        assert_eq!(pattern.to_string(), case.pattern);
        let mut builder = MatcherBuilder::new();
        builder.add(7, &pattern);
        let matcher = builder.build().unwrap();
        let lists = [(case.accepts, Some(7)), (case.rejects, None)];
        for (origins, expected) in lists {
            for origin in origins {
                let context = format!("{}: {} and {origin:?}", case.sentence, case.pattern);
                assert_eq!(matcher.find(origin.as_bytes()), expected, "{context}");
                assert_eq!(pattern.matches(origin.as_bytes()), expected.is_some(), "{context}");
            }
        }
    }
}

fn find(patterns: &[(Rank, &str)], origin: &str) -> Option<Rank> {
    let mut builder = MatcherBuilder::new();
    for (rank, pattern) in patterns {
        builder.add(*rank, &OriginPattern::parse(pattern).unwrap());
    }
    builder.build().unwrap().find(origin.as_bytes())
}

#[test]
fn the_lowest_rank_decides_across_kinds() {
    const KINDS: [&str; 8] = [
        "https://a.b.example.com",
        "https://*.b.example.com",
        "https://*.example.com:*",
        "https://a.b.example.com:*",
        "https://*",
        r"regex:https://a\.b\.example\.com",
        r"regex:https://[a-z]+\.b\.example\.com",
        "*",
    ];
    for first in 0..KINDS.len() {
        // Each in turn has the lowest rank, with the others above it in both orders.
        let above = |reverse: bool| {
            let rank = |other: usize| if reverse { 20 - other } else { 10 + other } as Rank;
            let mut patterns: Vec<_> =
                (0..KINDS.len()).map(|other| (rank(other), KINDS[other])).collect();
            patterns[first].0 = 3;
            patterns
        };
        for patterns in [above(false), above(true)] {
            assert_eq!(find(&patterns, "https://a.b.example.com"), Some(3), "{}", KINDS[first]);
        }
    }
}

#[test]
fn of_equal_patterns_the_lowest_rank_counts() {
    for pattern in
        ["https://a.example", "https://*.example", "null", "*", r"regex:https://a\.example"]
    {
        let origin = if pattern == "null" { "null" } else { "https://a.example" };
        for ranks in [[5, 2, 9], [2, 5, 9], [9, 5, 2]] {
            assert_eq!(find(&ranks.map(|rank| (rank, pattern)), origin), Some(2), "{pattern}");
        }
    }
}

#[test]
fn the_extreme_ranks_are_ranks() {
    assert_eq!(find(&[(0, "https://a.example"), (1, "*")], "https://a.example"), Some(0));
    assert_eq!(find(&[(Rank::MAX, "https://a.example")], "https://a.example"), Some(Rank::MAX));
    assert_eq!(find(&[(Rank::MAX, "*")], "https://a.example"), Some(Rank::MAX));
    assert_eq!(find(&[], "https://a.example"), None);
}

#[test]
fn patterns_that_share_a_host_are_told_apart() {
    let patterns = [
        (1, "https://*.example.com"),
        (2, "https://*.example.com:8443"),
        (3, "http://*.example.com"),
        (4, "app://*.example.com:*"),
        (5, "https://example.com:*"),
        (6, "https://*.a.example.com:*"),
    ];
    for (origin, rank) in [
        ("https://x.example.com", Some(1)),
        ("https://x.example.com:8443", Some(2)),
        ("https://x.example.com:8444", None),
        ("http://x.example.com", Some(3)),
        ("http://x.example.com:8443", None),
        ("app://x.example.com:1", Some(4)),
        ("https://example.com", Some(5)),
        ("https://example.com:1", Some(5)),
        ("https://x.a.example.com", Some(1)),
        ("https://x.a.example.com:8443", Some(2)),
        ("https://x.a.example.com:1", Some(6)),
    ] {
        assert_eq!(find(&patterns, origin), rank, "{origin}");
    }
}

#[test]
fn a_host_is_not_taken_for_what_a_wildcard_leaves_fixed() {
    let patterns = [(1, "https://*"), (2, "https://*.example.com:*"), (3, "https://localhost:*")];
    for origin in ["https://", "https://:8443", "https://.example.com", "https://.example.com:1"] {
        assert_eq!(find(&patterns, origin), None, "{origin}");
    }
}

#[test]
fn origins_of_the_greatest_length_match() {
    let label = "a".repeat(63);
    let host = [label.as_str(), &label, &label, &"b".repeat(61)].join(".");
    let scheme = "s".repeat(64);
    let longest = format!("{scheme}://{host}:65535");
    assert_eq!(longest.len(), cors_policy::origin::MAX_ORIGIN_LEN);
    assert!(Origin::parse(longest.as_bytes()).is_some());
    assert_eq!(find(&[(1, &longest)], &longest), Some(1));
    assert_eq!(find(&[(1, &format!("{scheme}://*.{}:*", "b".repeat(61)))], &longest), Some(1));
    assert_eq!(find(&[(1, &format!("{scheme}://*:*"))], &longest), Some(1));
    assert_eq!(find(&[(1, &format!(r"regex:{scheme}://[ab.]+:[0-9]+"))], &longest), Some(1));

    // One byte more, in each place.
    for too_long in [
        format!("s{longest}"),
        longest.replace(".b", "a.b"),
        longest.replace(".b", ".bb"),
        format!("{longest}0"),
    ] {
        assert!(Origin::parse(too_long.as_bytes()).is_none(), "{too_long}");
        for pattern in ["*://*:*".replacen('*', &scheme, 1), r"regex:s+://[ab.]+:[0-9]+".into()] {
            assert_eq!(find(&[(1, &pattern)], &too_long), None, "{too_long}");
        }
        assert_eq!(find(&[(1, "*")], &too_long), Some(1));
    }
}

#[test]
fn many_labels_are_probed_without_matching_too_much() {
    let host = vec!["a"; 126].join(".");
    assert_eq!(find(&[(1, "https://*.a.a")], &format!("https://{host}")), Some(1));
    assert_eq!(find(&[(1, "https://*.b")], &format!("https://{host}")), None);
    assert_eq!(find(&[(1, "https://*.a.a")], &format!("https://{host}.a.a")), None);
}

#[test]
fn many_stars_are_found_by_their_domain() {
    let mut builder = MatcherBuilder::new();
    // Ten thousand of the second kind take seconds to compile without optimization.
    for n in 0..3000 {
        let pattern = format!("https://pr-*.c{n}.example");
        builder.add(n % 7 + 1, &OriginPattern::parse(&pattern).unwrap());
        let pattern = format!("https://pr-{n}-*.example.com");
        builder.add(n % 5 + 1, &OriginPattern::parse(&pattern).unwrap());
    }
    let matcher = builder.build().unwrap();
    for n in [0, 1, 1711, 2999] {
        let find = |origin: String| matcher.find(origin.as_bytes());
        assert_eq!(find(format!("https://pr-x.c{n}.example")), Some(n % 7 + 1));
        assert_eq!(find(format!("https://pr-{n}-x.example.com")), Some(n % 5 + 1));
        assert_eq!(find(format!("https://pr-.c{n}.example")), None);
        assert_eq!(find(format!("https://pr-{n}.example.com")), None);
        assert_eq!(find(format!("https://a.pr-{n}-x.example.com")), None);
    }
}

/// One group of each size: compared one by one, by a small automaton, by a large one.
#[test]
fn of_many_globs_the_lowest_rank_counts() {
    for count in [2_u16, 16, 17, 64, 65, 300] {
        let mut builder = MatcherBuilder::new();
        for n in 0..count {
            // Later patterns match more, and have a higher rank.
            let pattern =
                format!("https://{}*.a.example", "x".repeat(usize::from((count - n) % 60)));
            builder.add(count - n, &OriginPattern::parse(&pattern).unwrap());
        }
        let matcher = builder.build().unwrap();
        for length in 1..=62 {
            let origin = format!("https://{}.a.example", "x".repeat(length));
            let expected = (1..=count).find(|rank| usize::from(rank % 60) < length);
            assert_eq!(matcher.find(origin.as_bytes()), expected, "{count} {length}");
        }
    }
}

/// Stars everywhere, and labels that nearly match at every position.
#[test]
fn hostile_globs_stay_cheap() {
    let labels: Vec<_> = (0..3).map(|_| "-".repeat(63)).chain(["-".repeat(53)]).collect();
    let host = format!("{}.a.example", labels.join("."));
    assert_eq!(host.len(), 255);
    let origin = format!("https://{}", &host[2..]);
    assert!(Origin::parse(origin.as_bytes()).is_some());
    let label = "*-".repeat(31);
    let patterns = [
        format!("https://{label}x.a.example"),
        format!("https://*.{label}x.{label}.a.example"),
        format!("https://*.{0}.{0}.{0}.a.example", "*-".repeat(30)),
        format!("https://*-*-*-*.a.example:[{}]", list_of(64)),
    ];
    let parsed: Vec<_> =
        patterns.iter().map(|pattern| OriginPattern::parse(pattern).unwrap()).collect();
    let mut builder = MatcherBuilder::new();
    for (rank, pattern) in parsed.iter().enumerate() {
        builder.add(rank as Rank, pattern);
    }
    let matcher = builder.build().unwrap();
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        matcher.find(std::hint::black_box(origin.as_bytes()));
    }
    // Backtracking would take years, and this takes milliseconds without optimization.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    let expected = parsed.iter().position(|pattern| pattern.matches(origin.as_bytes()));
    assert_eq!(matcher.find(origin.as_bytes()).map(usize::from), expected);
}

fn list_of(ports: u16) -> String {
    (1..=ports).map(|n| (2 * n).to_string()).collect::<Vec<_>>().join(",")
}

/// Every pattern has another range, and all overlap in the middle.
#[test]
fn ranges_of_ports_that_overlap_are_told_apart() {
    let mut builder = MatcherBuilder::new();
    for n in 1..=40_u16 {
        let (from, to) = (10_000 + n, 20_000 - n);
        for pattern in [
            format!("https://*.a.example:{from}-{to}"),
            format!("https://p{n}-*.b.example:{from}-{to}"),
        ] {
            builder.add(41 - n, &OriginPattern::parse(&pattern).unwrap());
        }
    }
    let matcher = builder.build().unwrap();
    for (port, rank) in [
        (10_000, None),
        (10_001, Some(40)),
        (10_025, Some(16)),
        (15_000, Some(1)),
        (19_970, Some(11)),
        (19_999, Some(40)),
        (20_000, None),
    ] {
        let origin = format!("https://x.a.example:{port}");
        assert_eq!(matcher.find(origin.as_bytes()), rank, "{port}");
    }
    for (origin, rank) in [
        ("https://p30-x.b.example:10030", Some(11)),
        ("https://p30-x.b.example:10029", None),
        ("https://p30-x.b.example:19970", Some(11)),
        ("https://p30-x.b.example:19971", None),
    ] {
        assert_eq!(matcher.find(origin.as_bytes()), rank, "{origin}");
    }
}

#[test]
fn patterns_that_would_take_too_much_memory_are_refused() {
    let build = |patterns: Vec<String>| {
        let mut builder = MatcherBuilder::new();
        for pattern in patterns {
            builder.add(1, &OriginPattern::parse(&pattern).unwrap());
        }
        builder.build()
    };
    // An automaton would have to remember which of the words it has seen.
    let words = |count| (0..count).map(|n| format!("https://*w{n:03}x*.a.example")).collect();
    assert!(build(words(64)).is_ok());
    // Many small groups leave room for a large one.
    let small = (0..2000).map(|n| format!("https://*w{}x*.a{}.example", n / 50, n % 50));
    let large = (0..500).map(|n| format!("https://pr-{n}-*.a.example"));
    assert!(build(small.chain(large).collect()).is_ok());
    let numbers = (0..100_000).map(|n| format!("https://pr-{n}-*.a.example")).collect();
    let error = build(numbers).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the patterns with `*` inside the host would be too large together"
    );
    let nested = (1..=1000_u16)
        .map(|n| format!("https://p{n}-*.b.example:{}-{}", 10_000 + n, 30_000 - n))
        .collect();
    let error = build(nested).unwrap_err();
    assert!(!error.remedy().is_empty(), "{error}");
}

#[test]
fn ports_that_overlap_in_too_many_ways_are_refused() {
    // Within each of sixty ranges, sixteen patterns of a domain begin and end one after the other.
    let patterns = |domains: usize| {
        let mut builder = MatcherBuilder::new();
        for (domain, glob) in
            (0..domains).flat_map(|domain| (0..16).map(move |glob| (domain, glob)))
        {
            let ranges = (1..=60).map(|n| format!("{}-{}", n * 1000 + glob, n * 1000 + 900 - glob));
            let ports = ranges.collect::<Vec<_>>().join(",");
            let pattern = format!("https://p{glob}-*.d{domain}.example:[{ports}]");
            builder.add(1, &OriginPattern::parse(&pattern).unwrap());
        }
        builder.build()
    };
    let matcher = patterns(60).unwrap();
    assert_eq!(matcher.find(b"https://p9-x.d59.example:60009"), Some(1));
    assert_eq!(matcher.find(b"https://p9-x.d59.example:60008"), None);
    let error = patterns(150).unwrap_err();
    assert_eq!(error, MatcherError::PortsTooMany);
    assert_eq!(error.remedy(), "use the same ports in more of the patterns, or any port");
}

#[test]
fn every_byte_but_those_of_labels_ends_a_wildcard() {
    let pattern = OriginPattern::parse("https://*.example.com").unwrap();
    let mut builder = MatcherBuilder::new();
    builder.add(1, &pattern);
    let matcher = builder.build().unwrap();
    for byte in 0..=255_u8 {
        let mut origin = b"https://a?b.example.com".to_vec();
        origin[9] = byte;
        let expected = byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || byte == b'-'
            || byte == b'_'
            || byte == b'.';
        assert_eq!(matcher.find(&origin).is_some(), expected, "{}", origin.escape_ascii());
        assert_eq!(pattern.matches(&origin), expected, "{}", origin.escape_ascii());
        assert_eq!(Origin::parse(&origin).is_some(), expected, "{}", origin.escape_ascii());
    }
}

#[test]
fn expressions_that_are_too_large_together_are_refused() {
    let pattern = r"regex:https://([a-z0-9-]{1,63}\.){1,8}example";
    let pattern = OriginPattern::parse(pattern).unwrap();
    let mut builder = MatcherBuilder::new();
    for rank in 0..1000 {
        builder.add(rank, &pattern);
    }
    let error = builder.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the regular expressions of the policy would be too large together"
    );
    assert_eq!(
        error.remedy(),
        "use fewer or simpler regular expressions, or wildcards in their place"
    );
}
