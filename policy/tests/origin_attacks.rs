//! The published catalogues of CORS mistakes, one by one: for each kind of pattern that an
//! administrator would write for `example.com`, the origins that have got past other software.

use cors_policy::origin::{MatcherBuilder, OriginPattern};

const ATTACKS: &[(&str, &[&str])] = &[
    (
        "prefix: the check looked only at the end",
        &[
            "https://evilexample.com",
            "https://evil-example.com",
            "https://evil_example.com",
            "https://evilwww.example.com.evil.net",
            "https://app.evilexample.com",
        ],
    ),
    (
        "suffix: the check looked only at the beginning",
        &[
            "https://example.com.evil.net",
            "https://app.example.com.evil.net",
            "https://example.comevil.net",
            "https://app.example.comevil",
            "https://example.com-evil.net",
            "https://app.example.como",
        ],
    ),
    (
        "unescaped dot: any byte stood for it",
        &[
            "https://wwwxexample.com",
            "https://appxexample.com",
            "https://app.examplexcom",
            "https://app-example.com",
            "https://app/example.com",
        ],
    ),
    ("null: a sandboxed frame has this origin", &["null", "Null", "NULL", "null.example.com"]),
    (
        "special characters: browsers let them into host names",
        &[
            "https://evil.net`.example.com",
            "https://evil.net%60.example.com",
            "https://evil.net{.example.com",
            "https://evil.net}.example.com",
            "https://evil.net|.example.com",
            "https://evil.net!.example.com",
            "https://evil.net\".example.com",
            "https://evil.net'.example.com",
            "https://evil.net$.example.com",
            "https://evil.net&.example.com",
            "https://evil.net(.example.com",
            "https://evil.net).example.com",
            "https://evil.net*.example.com",
            "https://evil.net+.example.com",
            "https://evil.net,.example.com",
            "https://evil.net;.example.com",
            "https://evil.net=.example.com",
            "https://evil.net^.example.com",
            "https://evil.net~.example.com",
            "https://evil.net<.example.com",
            "https://evil.net>.example.com",
            "https://evil.net%.example.com",
            "https://evil.net%00.example.com",
            "https://evil.net%0d.example.com",
            "https://evil.net\0.example.com",
            "https://evil.net\u{b}.example.com",
            "https://evil.net\x7f.example.com",
        ],
    ),
    (
        "special characters after the name: the check stopped at what it knew",
        &[
            "https://example.com_.evil.net",
            "https://app.example.com_.evil.net",
            "https://app.example.com`.evil.net",
            "https://app.example.com%60.evil.net",
            "https://app.example.com!.evil.net",
            "https://app.example.com&.evil.net",
            "https://app.example.com{.evil.net",
            "https://app.example.com}.evil.net",
            "https://app.example.com\n",
            "https://app.example.com\r\nX: y",
        ],
    ),
    (
        "scheme: clear text in place of an encrypted connection",
        &[
            "http://example.com",
            "http://app.example.com",
            "http://app.example.com:443",
            "ftp://app.example.com",
            "ws://app.example.com",
            "xhttps://app.example.com",
            "https:app.example.com",
            "//app.example.com",
            "app.example.com",
        ],
    ),
    (
        "user info: the host came after it",
        &[
            "https://app.example.com@evil.net",
            "https://app.example.com:443@evil.net",
            "https://app.example.com:@evil.net",
            "https://u@app.example.com",
            "https://u:p@app.example.com",
            "https://evil.net@app.example.com",
        ],
    ),
    (
        "path, query and fragment: the name stood in them",
        &[
            "https://evil.net/app.example.com",
            "https://evil.net/.example.com",
            "https://evil.net?.example.com",
            "https://evil.net#.example.com",
            "https://evil.net\\.example.com",
            "https://evil.net/?https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com?",
            "https://app.example.com#",
        ],
    ),
    (
        "trailing dot: the same name to DNS, another origin to browsers",
        &["https://example.com.", "https://app.example.com.", "https://app.example.com.."],
    ),
    (
        "port: another server on the same host",
        &[
            "https://app.example.com:8443",
            "https://app.example.com:443",
            "https://app.example.com:80",
            "https://app.example.com:",
            "https://app.example.com:0",
            "https://app.example.com:00443",
            "https://app.example.com:443443",
            "https://app.example.com:443:443",
            "https://app.example.com:443.evil.net",
            "https://app.example.com:x",
        ],
    ),
    (
        "several origins at once",
        &[
            "https://app.example.com https://evil.net",
            "https://evil.net https://app.example.com",
            "https://app.example.com,https://evil.net",
            "https://evil.net, https://app.example.com",
        ],
    ),
    (
        "case and form: nothing that a browser sends",
        &[
            "https://APP.EXAMPLE.COM",
            "HTTPS://app.example.com",
            "https://app.ｅxample.com",
            "https://app。example.com",
            " https://app.example.com",
            "https://app.example.com ",
            "https://.example.com",
            "https://app..example.com",
            "https://*.example.com",
            "*",
            "",
        ],
    ),
];

const PATTERNS: &[(&str, &str)] = &[
    ("https://app.example.com", "https://app.example.com"),
    ("https://*.example.com", "https://www.example.com"),
    (r"regex:https://[a-z]+\.example\.com", "https://www.example.com"),
    (r"regex:https://[\w-]+\.example\.com", "https://www.example.com"),
    (r"regex:(?i)https://(app|www)\.example\.com", "https://www.example.com"),
];

#[test]
fn none_of_the_published_mistakes_is_made() {
    for (pattern, sound) in PATTERNS {
        let parsed = OriginPattern::parse(pattern).unwrap();
        let mut builder = MatcherBuilder::new();
        builder.add(1, &parsed);
        let matcher = builder.build().unwrap();
        assert_eq!(matcher.find(sound.as_bytes()), Some(1), "{pattern}");
        for (mistake, origins) in ATTACKS {
            for origin in *origins {
                assert_eq!(matcher.find(origin.as_bytes()), None, "{mistake}: {pattern} {origin}");
                assert!(!parsed.matches(origin.as_bytes()), "{mistake}: {pattern} {origin}");
            }
        }
    }
}

#[test]
fn a_loose_expression_lets_nothing_malformed_in() {
    // Even where the administrator insists on the mistake, only well-formed origins profit by it.
    let pattern = OriginPattern::parse(r"regex:https://.*.example.com").unwrap();
    for (mistake, origins) in ATTACKS {
        for origin in *origins {
            let is_origin = cors_policy::origin::Origin::parse(origin.as_bytes()).is_some();
            assert!(is_origin || !pattern.matches(origin.as_bytes()), "{mistake}: {origin}");
        }
    }
}
