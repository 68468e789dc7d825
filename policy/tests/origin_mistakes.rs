//! Texts that are not patterns, the reasons, and the advice on what to write instead.

use cors_policy::origin::{Origin, OriginPattern};

const PORT: &str = "write a port from 1 to 65535, a range as in `3000-3009`, a list as in \
                    `[3000,5173]`, or `*` for any port";
const FILE: (&str, &str) = (
    "pages opened as files have no host: browsers send `null`, and some shells `file://`",
    "serve the pages over http, for instance from \"http://localhost:8080\", or write \"file://\" for \
     such a shell",
);
const OPEN: (&str, &str) = (
    "anyone could register a domain that the `*` matches",
    "list the origins, or write the registered domain out, as in \"https://*.example.com\"",
);
const PREFIX: &str = r#"write `regex:` and an expression for a whole origin in lower case, as in "regex:https://[a-z0-9-]+\.example\.com""#;
const ENCLOSED: &str = "there are quotation marks or brackets around it";
const ONE_EACH: &str = "write each origin as an entry of its own, without anything around it";
const GLOB: &str = "nothing but `*` stands for other characters in a host";
const SUBNET: &str = "list the addresses: no short expression says what such a mask does";
const ONE_LABEL: &str = "a host of one label has no place for a `*`";
const ADDRESS: &str = "a `*` cannot be a part of an address";
const EXPRESSION: &str = "list the origins, or write a regular expression after `regex:`";
const ORIGIN_OF_PAGE: &str = r#"list the origin of the page, as in "https://app.example.com""#;

/// Pattern, problem, remedy.
const MISTAKES: &[(&str, &str, &str)] = &[
    // The text as a whole.
    (
        "",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (
        " \t",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (
        ",",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (" https://a.example ", "an origin holds no white space", r#"write "https://a.example""#),
    (
        "https://a.example\thttps://b.example",
        "an origin holds no white space",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    (
        "https://a.example,https://b.example",
        "one entry is one origin",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    (
        "https://a.example; https://b.example",
        "one entry is one origin",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    ("https://a.example,", "one entry is one origin", r#"write "https://a.example""#),
    (
        r"~^https://.*\.Example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z0-9_.-]+\.example\.com""#,
    ),
    (
        r"/^https?:\/\/[^.]+\.example\.com(:\d+)?$/i",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https?://[a-z0-9_-]+\.example\.com(:[0-9]+)?""#,
    ),
    (
        r"~\.example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https?://[a-z0-9_.-]+\.example\.com""#,
    ),
    (r"~example\.com$", "a regular expression has to begin with `regex:`", PREFIX),
    (r"^https://app\.example.*$", "a regular expression has to begin with `regex:`", PREFIX),
    (
        r"~^https://[a-z]+\.example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        r"~* ^https://[a-z]+\.example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        r"/^https:\/\/a\.example$/",
        "a regular expression has to begin with `regex:`",
        r#"write "https://a.example""#,
    ),
    (
        r"https://[a-z]+\.example\.com",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        "https://bücher.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        r#"write "https://xn--bcher-kva.example""#,
    ),
    (
        "https://*.Bücher.example:8443/",
        "characters beyond ASCII never match: browsers send the punycode form",
        r#"write "https://*.xn--bcher-kva.example:8443""#,
    ),
    (
        "https://a\u{ad}\u{fffd}.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        "write the host the way a browser's console shows it",
    ),
    (
        "https://App.Example.com",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "https://app.example.com""#,
    ),
    (
        "HTTPS://Example.com:443/Path",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "https://example.com""#,
    ),
    ("Null", "upper case in an origin never matches: browsers send lower case", r#"write "null""#),
    (
        "https://a\0.example",
        r"`\0` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "~^https://[a\u{13}\0-z]+\\.example$",
        r"`\u{13}` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "regex:https://[a\u{13}\0-z]+\\.example",
        r"`\u{13}` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    // The scheme.
    ("example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("example.com:8443", "an origin begins with a scheme", r#"write "https://example.com:8443""#),
    ("*.example.com", "an origin begins with a scheme", r#"write "https://*.example.com""#),
    ("//example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("://example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("https:/example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("https:example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("http//example.com", "an origin begins with a scheme", r#"write "http://example.com""#),
    ("localhost", "an origin begins with a scheme", r#"write "http://localhost""#),
    ("localhost:3000", "an origin begins with a scheme", r#"write "http://localhost:3000""#),
    ("127.0.0.1:3000", "an origin begins with a scheme", r#"write "http://127.0.0.1:3000""#),
    (
        "*://example.com",
        "`*` is not the name of a scheme",
        r#"write separate entries: "https://example.com", "http://example.com""#,
    ),
    (
        "https?://example.com",
        "`https?` is not the name of a scheme",
        r#"write separate entries: "https://example.com", "http://example.com""#,
    ),
    (
        "http*",
        "`http*` is not the name of a scheme",
        r#"write separate entries: "https://*", "http://*""#,
    ),
    ("https://https://a.example", "the scheme is there twice", r#"write "https://a.example""#),
    ("https://http//a.example", "the scheme is there twice", r#"write "http://a.example""#),
    ("::1", "an origin begins with a scheme", r#"write "http://[::1]""#),
    ("[fe80::1]:3000", "an origin begins with a scheme", r#"write "https://[fe80::1]:3000""#),
    ("1a://example.com", "`1a` is not the name of a scheme", r#"write "https://example.com""#),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa://x",
        "the scheme has 65 bytes, more than 64",
        "use a scheme of at most 64 bytes",
    ),
    ("file:///srv/index.html", FILE.0, FILE.1),
    ("file://host", FILE.0, FILE.1),
    ("file://*", FILE.0, FILE.1),
    ("file://.", FILE.0, FILE.1),
    ("app:///", "an origin does not end with a slash", r#"write "app://""#),
    ("app://./index.html", "an origin has no path", r#"write "app://.""#),
    ("app://:80", "the host is missing", r#"write the host too, as in "app://app.example.com""#),
    ("app://.:80", "the host is missing", r#"write the host too, as in "app://app.example.com""#),
    ("https://.", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    (
        "wss://a.example:443",
        "no page has an origin with the scheme `wss`",
        r#"write "https://a.example""#,
    ),
    (
        "ws://localhost:[80,3000]",
        "no page has an origin with the scheme `ws`",
        r#"write "http://localhost:[80,3000]""#,
    ),
    (
        "blob:https://a.example/4f1c",
        "no page has an origin with the scheme `blob`",
        r#"write "https://a.example""#,
    ),
    ("javascript://x", "no page has an origin with the scheme `javascript`", ORIGIN_OF_PAGE),
    ("about:blank", "no page has an origin with the scheme `about`", ORIGIN_OF_PAGE),
    (
        "data:",
        "no page has an origin with the scheme `data`",
        "list the origin of the server; browsers send `null` for such pages",
    ),
    ("nulll", "not an origin", r#"write "null""#),
    ("all", "not an origin", r#"write "*""#),
    ("ALL", "not an origin", r#"write "*""#),
    ("all origins", "not an origin", r#"write "*""#),
    ("**", "not an origin", r#"write "*""#),
    (".*", "not an origin", r#"write "*""#),
    ("'self'", "pages of the same origin need no permission", "leave it out"),
    // Around it.
    (r#""https://a.example""#, ENCLOSED, r#"write "https://a.example""#),
    ("<https://a.example/>", ENCLOSED, r#"write "https://a.example""#),
    (
        "['https://a.example', 'https://b.example']",
        ENCLOSED,
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    // What does not belong to an origin.
    ("https://", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    ("http:", "the host is missing", r#"write the host too, as in "http://app.example.com""#),
    (
        "https:///example.com",
        "two slashes are between scheme and host",
        r#"write "https://example.com""#,
    ),
    (
        "https://:8443",
        "the host is missing",
        r#"write the host too, as in "https://app.example.com""#,
    ),
    ("https://a.example/", "an origin does not end with a slash", r#"write "https://a.example""#),
    (
        "https://*.a.example/",
        "an origin does not end with a slash",
        r#"write "https://*.a.example""#,
    ),
    ("https://a.example/api", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example//", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example/:8443", "an origin has no path", r#"write "https://a.example:8443""#),
    ("https://a.example\\", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example?x=1", "an origin has no query", r#"write "https://a.example""#),
    ("https://a.example#top", "an origin has no fragment", r#"write "https://a.example""#),
    (
        "https://user:password@a.example",
        "an origin holds no user name or password",
        r#"write "https://a.example""#,
    ),
    // The port.
    (
        "https://a.example:443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://a.example""#,
    ),
    (
        "https://*.a.example:443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://*.a.example""#,
    ),
    (
        "http://a.example:80",
        "80 is the scheme's default port, which browsers leave out",
        r#"write "http://a.example""#,
    ),
    (
        "http://[::1]:80",
        "80 is the scheme's default port, which browsers leave out",
        r#"write "http://[::1]""#,
    ),
    ("https://a.example:", "there is no port after the colon", r#"write "https://a.example""#),
    ("https://a.example:0", "`0` is not a port", PORT),
    ("https://a.example:65536", "`65536` is not a port", PORT),
    ("https://a.example:99999999999999999999", "`99999999999999999999` is not a port", PORT),
    ("https://a.example:http", "`http` is not a port", PORT),
    ("https://a.example:80*", "`80*` is not a port", PORT),
    ("https://a.example:+80", "`+80` is not a port", PORT),
    ("https://a.example:1:2", "`1:2` is not a port", PORT),
    ("http://[::1]8080", "`8080` is not a port", PORT),
    (
        "https://a.example:08443",
        "browsers send the port without leading zeros",
        r#"write "https://a.example:8443""#,
    ),
    (
        "https://a.example:0443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://a.example""#,
    ),
    // Sets of ports.
    (
        "http://localhost:[]",
        "the list of ports is empty",
        "write ports in the brackets, as in `[3000,5173]`, or leave the port out",
    ),
    ("http://localhost:[0]", "`0` is not a port", PORT),
    ("http://localhost:[3000,]", "`` is not a port", PORT),
    ("http://localhost:[3000,65536]", "`65536` is not a port", PORT),
    ("http://localhost:[3000,*]", "`*` is not a port", PORT),
    ("http://localhost:[3000", "`[3000` is not a port", PORT),
    ("http://localhost:3000-", "`3000-` is not a port", PORT),
    ("http://localhost:0-3", "`0-3` is not a port", PORT),
    ("http://localhost:3000-70000", "`3000-70000` is not a port", PORT),
    (
        "http://[::1]:[03000,5173]",
        "browsers send the port without leading zeros",
        r#"write "http://[::1]:[3000,5173]""#,
    ),
    (
        "http://localhost:3009-3000",
        "a range of ports begins with the lower one and ends with the higher one",
        r#"write "http://localhost:3000-3009""#,
    ),
    (
        "http://localhost:[3000-3000]",
        "a range of ports begins with the lower one and ends with the higher one",
        r#"write "http://localhost:[3000]""#,
    ),
    (
        "http://localhost:80-80",
        "a range of ports begins with the lower one and ends with the higher one",
        r#"write "http://localhost""#,
    ),
    (
        "https://*.a.example:[8443,9443,8443]",
        "port 8443 is in the list twice",
        r#"write "https://*.a.example:[8443,9443]""#,
    ),
    (
        "http://localhost:[3000,2999-3001]",
        "port 3000 is in the list twice",
        r#"write "http://localhost:[3000,2999,3001]""#,
    ),
    (
        "http://localhost:[3000, 5173]",
        "an origin holds no white space",
        r#"write "http://localhost:[3000,5173]""#,
    ),
    (
        "http://localhost:3000,5173",
        "several ports have to be in brackets",
        r#"write "http://localhost:[3000,5173]""#,
    ),
    (
        "http://localhost:[3000,5173],http://b.example",
        "one entry is one origin",
        r#"write separate entries: "http://localhost:[3000,5173]", "http://b.example""#,
    ),
    (
        "http://localhost:{3000,5173}",
        "braces have no meaning in an origin",
        r#"write separate entries: "http://localhost:3000", "http://localhost:5173""#,
    ),
    (
        "https://app{1..3}.example.com",
        "braces have no meaning in an origin",
        r#"write separate entries: "https://app1.example.com", "https://app2.example.com", "https://app3.example.com""#,
    ),
    (
        "https://{a,b}.{c,D}.example",
        "braces have no meaning in an origin",
        r#"write separate entries: "https://a.c.example", "https://a.d.example", "https://b.c.example", "https://b.d.example""#,
    ),
    (
        "https://a.example|https://b.example",
        "one entry is one origin",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    (
        "https://a.example and https://b.example",
        "an origin holds no white space",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    ("https:// a. example", "an origin holds no white space", r#"write "https://a.example""#),
    ("https://a example", "an origin holds no white space", ONE_EACH),
    ("https://a.example,!!", "one entry is one origin", ONE_EACH),
    // Characters that stand for others elsewhere.
    ("https://?.example.com", GLOB, r#"write "regex:https://[a-z0-9_-]\.example\.com""#),
    (
        "https://pr-??.example.com",
        GLOB,
        r#"write "regex:https://pr-[a-z0-9_-][a-z0-9_-]\.example\.com""#,
    ),
    ("https://[a-c].example.com:8443", GLOB, r#"write "regex:https://[a-c]\.example\.com:8443""#),
    ("https://[a,bc].example.com", GLOB, r#"write "regex:https://(a|bc)\.example\.com""#),
    ("https://(a|b).example.com", GLOB, r#"write "regex:https://(a|b)\.example\.com""#),
    ("https://[!a].example.com", GLOB, PREFIX),
    // Wildcards.
    (
        "https://{a,b}.example.com",
        "braces have no meaning in an origin",
        r#"write separate entries: "https://a.example.com", "https://b.example.com""#,
    ),
    (
        "https://**.example.com",
        "two `*` side by side mean no more than one",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://pr-***.example.com:8443",
        "two `*` side by side mean no more than one",
        r#"write "https://pr-*.example.com:8443""#,
    ),
    ("https://*example.com", OPEN.0, r#"write "https://*.example.com""#),
    ("https://*example.com:8443", OPEN.0, r#"write "https://*.example.com:8443""#),
    ("https://exam*.com", OPEN.0, OPEN.1),
    ("https://*-a.com", OPEN.0, OPEN.1),
    ("https://example.*", OPEN.0, OPEN.1),
    ("https://*.*", OPEN.0, OPEN.1),
    ("https://app.example.com*", OPEN.0, OPEN.1),
    ("https://api.*.co.uk", OPEN.0, OPEN.1),
    ("https://*.*.com", OPEN.0, OPEN.1),
    ("https://pr-*.kawasaki.jp", OPEN.0, OPEN.1),
    ("https://pr-*.a.ck", OPEN.0, OPEN.1),
    ("app://pr-*.com", OPEN.0, OPEN.1),
    ("http://pc-*", ONE_LABEL, r#"write "regex:http://pc-[a-z0-9_-]+""#),
    ("http://pc-*:[80,8080]", ONE_LABEL, r#"write "regex:http://pc-[a-z0-9_-]+(:(8080))?""#),
    ("http://pc-*:1-65535", ONE_LABEL, EXPRESSION),
    ("http://localhost*", ONE_LABEL, r#"write "http://localhost:*""#),
    ("http://192.168.1.*", ADDRESS, r#"write "regex:http://192\.168\.1\.[0-9]{1,3}""#),
    (
        "http://192.168.*.*:*",
        ADDRESS,
        r#"write "regex:http://192\.168\.[0-9]{1,3}\.[0-9]{1,3}(:[0-9]+)?""#,
    ),
    ("http://10.*:8080", ADDRESS, r#"write "regex:http://10\.[0-9]{1,3}(\.[0-9]{1,3}){2}:8080""#),
    ("http://192.168.1.1*", ADDRESS, r#"write "regex:http://192\.168\.1\.1[0-9]{1,3}""#),
    ("http://*.168.1.1", ADDRESS, r#"write "regex:http://[0-9]{1,3}\.168\.1\.1""#),
    ("http://1.2.3.4.*", ADDRESS, EXPRESSION),
    ("http://300.1.1.*", ADDRESS, EXPRESSION),
    ("http://[fe80::*]", ADDRESS, r#"write "regex:http://\[fe80::[0-9a-f:]+\]""#),
    (
        "http://[2001:db8::1*]:3000",
        ADDRESS,
        r#"write "regex:http://\[2001:db8::1[0-9a-f]+\]:3000""#,
    ),
    (
        "http://192.168.1.0/24",
        "an origin has one address, and no subnet",
        r#"write "regex:http://192\.168\.1\.[0-9]{1,3}""#,
    ),
    (
        "http://10.0.0.0/8",
        "an origin has one address, and no subnet",
        r#"write "regex:http://10\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}""#,
    ),
    (
        "http://192.168.1.77:8080/29",
        "an origin has one address, and no subnet",
        r#"write "regex:http://192\.168\.1\.(72|73|74|75|76|77|78|79):8080""#,
    ),
    ("http://10.0.0.0/9", "an origin has one address, and no subnet", SUBNET),
    ("http://[fe80::]/64", "an origin has one address, and no subnet", SUBNET),
    (
        "http://10.0.0.1/32",
        "an origin has one address, and no subnet",
        r#"write "http://10.0.0.1""#,
    ),
    (
        "https://pr-*.bücher.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        r#"write "https://pr-*.xn--bcher-kva.example""#,
    ),
    (
        "https://bü-*.a.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        "write the host the way a browser's console shows it",
    ),
    ("http://*.127.0.0.1", "an address has no subdomains", r#"write "http://127.0.0.1""#),
    // The host.
    (
        "https://.example.com",
        "there is nothing before a dot of the host",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://a..example",
        "there is nothing before a dot of the host",
        r#"write "https://a.example""#,
    ),
    (
        "https://*..example.com",
        "there is nothing before a dot of the host",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://a.example.",
        "the host ends with a dot, which makes it another origin",
        r#"write "https://a.example""#,
    ),
    ("https://*.", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    (
        "https://a!.example",
        "`!` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://a%60.example",
        "`%` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://{tenant}.example",
        "`{` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://$host",
        "`$` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
        "a label of the host has 64 bytes, more than 63",
        "use labels of at most 63 bytes",
    ),
    (
        "http://xn--f",
        "`xn--f` is not punycode, so browsers refuse the host",
        "write the host the way a browser's console shows it",
    ),
    (
        "https://*.a.xn--f.example:8443",
        "`xn--f` is not punycode, so browsers refuse the host",
        "write the host the way a browser's console shows it",
    ),
    (
        "https://xn--f.pr-*.a.example",
        "`xn--f` is not punycode, so browsers refuse the host",
        "write the host the way a browser's console shows it",
    ),
    // Addresses.
    (
        "http://127.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://0x7f.0.0.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://0177.0.0.1:8080",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1:8080""#,
    ),
    (
        "http://2130706433",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://127.0.0.01",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://256.0.0.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    (
        "http://1.2.3.4.5",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    (
        "http://example.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    ("http://::1", "an IPv6 address stands in brackets", r#"write "http://[::1]""#),
    ("http://::1:3000", "an IPv6 address stands in brackets", r#"write "http://[::1]:3000""#),
    ("::1:3000", "an origin begins with a scheme", r#"write "http://[::1]:3000""#),
    ("http://::1:2:3", "an IPv6 address stands in brackets", r#"write "http://[::1:2:3]""#),
    ("app:", "an origin has `://` behind its scheme", r#"write "app://""#),
    ("capacitor:/", "an origin has `://` behind its scheme", r#"write "capacitor://""#),
    ("https:", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    ("example.com:", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("localhost:", "an origin begins with a scheme", r#"write "http://localhost""#),
    (
        "http://[0:0:0:0:0:0:0:1]",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[::1]""#,
    ),
    (
        "http://[2001:DB8::1]:80",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "http://[2001:db8::1]""#,
    ),
    (
        "http://[2001:db8:0:0:0::1]:*",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[2001:db8::1]:*""#,
    ),
    (
        "http://[::ffff:127.0.0.1]",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[::ffff:7f00:1]""#,
    ),
    ("http://[::1", "an IPv6 address stands in brackets", r#"write "http://[::1]""#),
    (
        "http://[localhost]",
        "there is no IPv6 address in the brackets",
        r#"write an IPv6 address, as in "http://[::1]""#,
    ),
    (
        "http://[fe80::1%25eth0]",
        "there is no IPv6 address in the brackets",
        r#"write an IPv6 address, as in "http://[::1]""#,
    ),
    // Regular expressions.
    (
        r"regex:https://(a|b\.example",
        "the expression does not compile: unclosed group, at column 9",
        "correct the expression",
    ),
    (
        r"regex:https://(?!evil)[a-z]+\.example",
        "the expression does not compile: look-around, including look-ahead and look-behind, is not supported, at column 9",
        "correct the expression",
    ),
    (
        r"regex:(https)://\1\.example",
        "the expression does not compile: backreferences are not supported, at column 11",
        "correct the expression",
    ),
    (
        r"regex:(?u)https://a\b\.example",
        "the expression does not compile: word boundaries of Unicode are not supported",
        "correct the expression",
    ),
    (
        r"regex: https://a\.example",
        "an origin holds no white space",
        r#"write "regex:https://a\.example""#,
    ),
    (
        "regex:",
        "the expression matches no origin that a browser sends, only texts such as ``",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:example\.com",
        "the expression matches no origin that a browser sends, only texts such as `example.com`",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:https://a\.example$b",
        "the expression matches nothing",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:https://a\.example(/x)?",
        "the expression also matches `https://a.example/x`, which is not an origin",
        "use classes that hold nothing but what the host may have there, such as `[a-z0-9-]+` for a label",
    ),
];

#[test]
fn mistakes_are_explained() {
    for (pattern, problem, remedy) in MISTAKES {
        let error = OriginPattern::parse(pattern).expect_err(pattern);
        assert_eq!(error.to_string(), *problem, "{pattern}");
        assert_eq!(error.remedy(), *remedy, "{pattern}");
    }
}

#[test]
fn what_is_to_be_written_is_a_pattern() {
    for (pattern, _, remedy) in MISTAKES {
        // Everything between quotation marks, in any sentence.
        for (index, quoted) in remedy.split('"').enumerate() {
            if index % 2 == 1 {
                assert!(OriginPattern::parse(quoted).is_ok(), "{pattern}: {quoted}");
            }
        }
    }
}

/// Advice never lets in more than what was meant, and it lets that in.
#[test]
fn advised_expressions_match_what_was_meant() {
    for (pattern, accepts, rejects) in [
        (
            "http://192.168.1.*",
            &["http://192.168.1.1", "http://192.168.1.255"][..],
            &[
                "http://192.168.1.256",
                "http://192.168.2.1",
                "http://192.168.1.1:80",
                "http://192.168.1",
            ][..],
        ),
        (
            "http://10.*",
            &["http://10.0.0.1", "http://10.255.1.9"],
            &["http://11.0.0.1", "http://110.0.0.1"],
        ),
        (
            "http://pc-*:[80,8080]",
            &["http://pc-1", "http://pc-1:8080"],
            &["http://pc-", "http://pc-1.a", "http://pc-1:8081"],
        ),
        (
            "http://[fe80::*]:*",
            &["http://[fe80::1]", "http://[fe80::1:2]:8080"],
            &["http://[fe81::1]"],
        ),
        ("http://192.168.1.0/24", &["http://192.168.1.7"], &["http://192.168.2.7"]),
    ] {
        let remedy = OriginPattern::parse(pattern).unwrap_err().remedy();
        let advised =
            remedy.strip_prefix("write \"").and_then(|rest| rest.strip_suffix('"')).unwrap();
        let advised = OriginPattern::parse(advised).unwrap();
        for origin in accepts {
            assert!(advised.matches(origin.as_bytes()), "{pattern}: {origin}");
        }
        for origin in rejects {
            assert!(!advised.matches(origin.as_bytes()), "{pattern}: {origin}");
        }
    }
}

#[test]
fn what_could_never_match_is_refused() {
    for (pattern, problem, _) in MISTAKES {
        // Requests are not searched for punycode.
        let is_refused_late = problem.contains("is not punycode");
        assert_eq!(
            Origin::parse(pattern.as_bytes()).is_none(),
            !is_refused_late || pattern.contains('*'),
            "{pattern}"
        );
    }
}

#[test]
fn expressions_may_not_match_beyond_one_origin() {
    for expression in [
        r"https://a\.example/",
        r"https://a\.example:443",
        r"http://a\.example:80",
        r"file://a",
        r"https://(a\.example)?",
        r"[a-z]+://[a-z.]*",
        r"wss?://a\.example",
        r"https://(a|b/)\.example",
        r"https://a\.example,?https://b\.example",
        r"https://a\.example(,https://b\.example)?",
        r"https://a\.example\s*",
        r"\s*https://a\.example",
        r"(https://)?a\.example",
        r"https://([a-z]+:[a-z]+@)?a\.example",
        r"https://[a-z/]+\.example",
        r"https://[!-~]+\.example",
        r"https://[a-z?#]+\.example",
        r"https://a\.example(\x00)?",
        r"https://a\.example\n?",
        r"(?s)https://a\.example(\n|x)",
        r"(?x)https://a\.example [/]?",
        r"https://(ü|u)\.example",
        r"https://A\.example",
        r"(null)?",
        r"\*",
    ] {
        let pattern = format!("regex:{expression}");
        let error = OriginPattern::parse(&pattern).expect_err(expression).to_string();
        assert!(
            error.starts_with("the expression also matches")
                || error.starts_with("the expression matches no origin"),
            "{expression}: {error}"
        );
    }
}

#[test]
fn sound_expressions_are_accepted() {
    for expression in [
        r"https://a\.example",
        r"https?://a\.example",
        r"https://a\.example(:[0-9]+)?",
        r"https://a\.example(:\d{4,5})?",
        r"https://[a-z0-9-]+\.a\.example",
        r"https://([a-z0-9-]+\.)*a\.example",
        r"https://[\w.-]+\.a\.example",
        r"(?i)https://a\.example",
        r"(?x) https:// a \.example # a comment",
        r"(?:^https://a\.example$)|^https://b\.example$",
        r"https://\[[0-9a-f:]+\]",
        r"https://10\.0\.0\.[0-9]{1,3}",
        r"(chrome|moz)-extension://[a-z0-9-]+",
        r"app://\.?",
        r"(app|capacitor)://([a-z]+)?",
    ] {
        let pattern = format!("regex:{expression}");
        let pattern = OriginPattern::parse(&pattern).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(pattern.violations(false), [], "{expression}");
    }
}

#[test]
fn hostile_expressions_are_refused() {
    let nested = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    let long = format!("https://{}", "a".repeat(3000));
    let alternatives = format!("https://({}b)", "a|".repeat(1100));
    for expression in [
        r"((a{1000}){1000}){1000}",
        r"https://[a-z]*a[a-z]{30}\.example",
        r"https://([a-z0-9]{1,63}\.){1,1000}example",
        r"https://(a*)*(b*)*(([a-z]*c){50}){50}",
        r"https://(?:(?:[a-z]{0,255}){0,255}){0,255}",
        &nested,
        &long,
        &alternatives,
    ] {
        let pattern = format!("regex:{expression}");
        let error = OriginPattern::parse(&pattern).expect_err(expression).to_string();
        assert!(
            error == "the compiled expression would be too large"
                || error.starts_with("the expression does not compile: exceed")
                || error.starts_with("the expression has "),
            "{error}"
        );
    }
}
