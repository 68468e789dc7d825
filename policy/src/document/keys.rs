//! The keys of a policy: one table for the validation, for the nginx block and for the schema.

/// The shape of a key's value. With it, a directive of an nginx block can turn its arguments into a
/// [`Node`](super::Node).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// [`Value::Bool`](super::Value::Bool): `true` or `false`, in nginx `on` or `off`.
    Boolean,
    /// [`Value::List`](super::Value::List) of texts. One text counts as a list of one.
    List,
    /// A [`Boolean`](Self::Boolean), or a [`List`](Self::List) of texts.
    BooleanOrList,
    /// One text or number.
    Scalar,
    /// [`Value::List`](super::Value::List) of mappings, each of them a rule.
    Rules,
}

/// The language in which a key is written. A remedy has to be in the same language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Yaml,
    Nginx,
}

/// A key, by the place where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rule(RuleKey),
    Policy(PolicyKey),
    Rules,
    /// The only key that may stand in a policy and in each of its rules.
    DangerouslyAllow,
}

/// A key of a rule. A policy with only one rule may have it directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleKey {
    AllowOrigins,
    AllowOriginsFile,
    AllowMethods,
    AllowHeaders,
    ExposeHeaders,
    AllowCredentials,
    MaxAge,
    AllowPrivateNetwork,
    TimingAllowOrigin,
}

/// A key of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyKey {
    DenyOrigins,
    UpstreamHeaders,
    Preflight,
    PreflightStatus,
    Enforce,
    OwnOrigins,
    StaticOrigin,
}

/// The description of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeySpec {
    pub(super) key: Key,
    pub(super) name: &'static str,
    pub(super) kind: KeyKind,
    /// The expected value of YAML, as a noun phrase.
    expects: &'static str,
    /// An example of its value, as YAML and as arguments of a directive.
    pub(super) yaml: &'static str,
    pub(super) nginx: &'static str,
    /// The meaning of the key, for editors.
    #[cfg_attr(not(feature = "schema"), allow(dead_code))]
    pub(super) meaning: &'static str,
}

impl Key {
    pub(super) fn from_name(name: &str) -> Option<&'static KeySpec> {
        KEYS.iter().find(|spec| spec.name == name)
    }

    /// Whether an entry of `rules` may have the key.
    pub(super) fn is_in_rules(self) -> bool {
        matches!(self, Self::Rule(_) | Self::DangerouslyAllow)
    }
}

impl KeySpec {
    /// The key with an example of its value.
    pub(super) fn example(&self, language: Language) -> String {
        match language {
            Language::Yaml => format!("{}: {}", self.name, self.yaml),
            Language::Nginx => format!("{} {};", self.name, self.nginx),
        }
    }

    /// The expected value, as a noun phrase.
    pub(super) fn expects(&self, language: Language) -> &'static str {
        match (self.kind, language) {
            (KeyKind::Boolean, Language::Nginx) => "`on` or `off`",
            (KeyKind::BooleanOrList, Language::Nginx) => "`on`, `off` or origins",
            _ => self.expects,
        }
    }

    /// Whether the value can be `true` or `false`.
    pub(super) fn takes_booleans(&self) -> bool {
        matches!(self.kind, KeyKind::Boolean | KeyKind::BooleanOrList)
    }

    /// Whether the value is a list of origins without patterns.
    pub(super) fn takes_exact_origins(&self) -> bool {
        matches!(
            self.key,
            Key::Policy(PolicyKey::OwnOrigins) | Key::Rule(RuleKey::TimingAllowOrigin)
        )
    }

    /// Whether the value is a list of origin patterns.
    pub(super) fn takes_origins(&self) -> bool {
        matches!(self.key, Key::Rule(RuleKey::AllowOrigins) | Key::Policy(PolicyKey::DenyOrigins))
    }
}

/// All keys of a policy, in the order of the documentation.
pub(super) static KEYS: [KeySpec; 18] = [
    KeySpec {
        key: Key::Rule(RuleKey::AllowOrigins),
        name: "allow_origins",
        kind: KeyKind::List,
        expects: "a list of origin patterns",
        yaml: r#"["https://app.example.com"]"#,
        nginx: "https://app.example.com",
        meaning: "The origins that may read responses. Each entry is an origin, an origin with `*` \
                  in place of the leftmost labels, a part of a label, the host or the port, or with \
                  several ports as in `[3000,5173]`, `regex:` and a regular expression for the \
                  whole origin, or `*`.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::AllowOriginsFile),
        name: "allow_origins_file",
        kind: KeyKind::Scalar,
        expects: "the path of a file",
        yaml: "partners.txt",
        nginx: "partners.txt",
        meaning: "A file with more origin patterns, one a line, with `#` comments. Relative to \
                  this file.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::AllowMethods),
        name: "allow_methods",
        kind: KeyKind::List,
        expects: "a list of methods, or \"*\"",
        yaml: "[GET, PUT]",
        nginx: "GET PUT",
        meaning: "Access-Control-Allow-Methods, sent as written. GET, HEAD and POST are allowed in \
                  any case.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::AllowHeaders),
        name: "allow_headers",
        kind: KeyKind::List,
        expects: "a list of header names, or \"*\"",
        yaml: "[Authorization, Content-Type]",
        nginx: "Authorization Content-Type",
        meaning: "Access-Control-Allow-Headers: the headers that requests may carry. `*` \
                  covers every name.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::ExposeHeaders),
        name: "expose_headers",
        kind: KeyKind::List,
        expects: "a list of header names, or \"*\"",
        yaml: "[ETag]",
        nginx: "ETag",
        meaning: "Access-Control-Expose-Headers: the response headers that pages may read.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::AllowCredentials),
        name: "allow_credentials",
        kind: KeyKind::Boolean,
        expects: "true or false",
        yaml: "true",
        nginx: "on",
        meaning: "Access-Control-Allow-Credentials: whether cookies and HTTP authentication may go \
                  along.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::MaxAge),
        name: "max_age",
        kind: KeyKind::Scalar,
        expects: "a time",
        yaml: "10m",
        nginx: "10m",
        meaning: "Access-Control-Max-Age: for how long browsers may remember the answer to a \
                  preflight, in seconds or as nginx writes times. 0 turns that off; no more \
                  than 86400 is sent.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::AllowPrivateNetwork),
        name: "allow_private_network",
        kind: KeyKind::Boolean,
        expects: "true or false",
        yaml: "false",
        nginx: "off",
        meaning: "Whether public pages may reach this server at a private address \
                  (Access-Control-Allow-Private-Network). No browser asks for it any more.",
    },
    KeySpec {
        key: Key::Rule(RuleKey::TimingAllowOrigin),
        name: "timing_allow_origin",
        kind: KeyKind::BooleanOrList,
        expects: "true, false or a list of origins",
        yaml: "true",
        nginx: "on",
        meaning: "Whether allowed origins may see detailed timing too (Timing-Allow-Origin). Of a \
                  policy also a list of origins, or `*`, which every response names.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::DenyOrigins),
        name: "deny_origins",
        kind: KeyKind::List,
        expects: "a list of origin patterns",
        yaml: r#"["https://old.example.com"]"#,
        nginx: "https://old.example.com",
        meaning: "Origins that are refused even where a rule allows them.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::UpstreamHeaders),
        name: "upstream_headers",
        kind: KeyKind::Scalar,
        expects: "replace, keep or merge",
        yaml: "replace",
        nginx: "replace",
        meaning: "`replace`: CORS response headers that anything else has set are removed. `keep`: \
                  a response that already has Access-Control-Allow-Origin is left as it is. \
                  `merge`: the headers that the application exposes are added.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::Preflight),
        name: "preflight",
        kind: KeyKind::Scalar,
        expects: "answer or forward",
        yaml: "answer",
        nginx: "answer",
        meaning: "`answer`: preflights are answered before the application sees them. `forward`: \
                  the application answers them.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::PreflightStatus),
        name: "preflight_status",
        kind: KeyKind::Scalar,
        expects: "200 or 204",
        yaml: "204",
        nginx: "204",
        meaning: "The status of an answered preflight.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::Enforce),
        name: "enforce",
        kind: KeyKind::Boolean,
        expects: "true or false",
        yaml: "true",
        nginx: "on",
        meaning: "Whether requests of foreign pages are answered with 403 and never reach the \
                  application.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::OwnOrigins),
        name: "own_origins",
        kind: KeyKind::List,
        expects: "a list of origins",
        yaml: r#"["http://localhost:8080"]"#,
        nginx: "http://localhost:8080",
        meaning: "The origins of the service itself, with `enforce`. Requests to other hosts are \
                  answered with 403.",
    },
    KeySpec {
        key: Key::Policy(PolicyKey::StaticOrigin),
        name: "static_origin",
        kind: KeyKind::Boolean,
        expects: "true or false",
        yaml: "true",
        nginx: "on",
        meaning: "Whether every response names the one origin of the policy, whoever asks, so that \
                  caches keep one response.",
    },
    KeySpec {
        key: Key::DangerouslyAllow,
        name: "dangerously_allow",
        kind: KeyKind::List,
        expects: "a list of guards",
        yaml: "[insecure_origins]",
        nginx: "insecure_origins",
        meaning: "Opens one guard each, for this policy, or in a rule for this rule.",
    },
    KeySpec {
        key: Key::Rules,
        name: "rules",
        kind: KeyKind::Rules,
        expects: "a list of rules",
        yaml: r#"[{allow_origins: ["https://app.example.com"]}]"#,
        nginx: r#"[{allow_origins: ["https://app.example.com"]}]"#,
        meaning: "Rules in place of the keys of one rule. The first rule with an origin that \
                  matches decides.",
    },
];
