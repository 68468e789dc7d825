//! Advice on keys that a policy does not have.
//!
//! Many of them are words of other software that decides about CORS. One table knows these words; a
//! key is looked up in it in any case, and with `-`, `_` or nothing between its words.

use super::{
    keys::{KEYS, Key, KeyKind, KeySpec, Language},
    mistake_kind::MistakeKind,
    node::{Node, Value, truth},
    reader::split,
};
use crate::{headers::max_age::MaxAge, nearest};

/// The mapping that a key stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The document as a whole, with `version` and `policies`.
    Document,
    Policy,
    /// An entry of `rules`.
    Rule,
}

impl Scope {
    fn has(self, key: Key) -> bool {
        match self {
            Self::Document => false,
            Self::Policy => true,
            Self::Rule => key.is_in_rules(),
        }
    }

    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Document => vec!["version", "policies"],
            _ => KEYS.iter().filter(|spec| self.has(spec.key)).map(|spec| spec.name).collect(),
        }
    }
}

/// What a policy has in place of a word of other software.
#[derive(Clone, Copy, Debug)]
enum Counterpart {
    /// A key for the same value.
    Key(&'static str),
    /// `allow_origins`, where each expression begins with `regex:`.
    Expressions,
    /// `preflight`, which is `forward` for true and `answer` for false.
    Forward,
    /// A key that does the same with a value of another kind, of which an example is shown.
    Example(&'static str),
    /// No key. The sentence says what there is instead.
    None(&'static str),
}

use Counterpart::{Example, Expressions, Forward, Key as Is, None as No};

const PLACES: &str = "remove it: a policy applies where nginx.conf has `cors_policy` with its name";
const FUNCTIONS: &str =
    "remove it, and list patterns in `allow_origins`: a policy calls no functions";
const VARY: &str = "remove it: `Vary` is sent wherever a response depends on the request";
const WRAPPER: &str =
    "write `policies`, below it the name of a policy, and below that the keys of the policy";
const LOG: &str = "remove it: nginx logs denied origins in its error log at `info`";
const ALWAYS: &str = "remove it: every response of the policy gets its headers";
const REQUEST: &str = "remove it: browsers send this header, and the policy answers it";

/// Words of other software in lower case, without anything between their parts, and without `cors`
/// or `accesscontrol` before them.
///
/// They are those of Envoy, Istio, Gateway API, Kong, Traefik, ingress-nginx, APISIX, Spring, rs/cors,
/// gin, expressjs/cors, Flask-CORS, django-cors-headers, Starlette, S3, Google Cloud Storage and R2, of
/// the origin checks of Django and the Model Context Protocol's SDKs, and the names of the headers.
const COUNTERPARTS: &[(&str, Counterpart)] = &[
    ("allowedorigin", Is("allow_origins")),
    ("allowedoriginpatterns", Is("allow_origins")),
    ("allowedorigins", Is("allow_origins")),
    ("alloworigin", Is("allow_origins")),
    ("alloworiginlist", Is("allow_origins")),
    ("alloworiginpatterns", Is("allow_origins")),
    ("alloworiginstringmatch", Is("allow_origins")),
    ("origin", Is("allow_origins")),
    ("origins", Is("allow_origins")),
    ("originwhitelist", Is("allow_origins")),
    ("allowedoriginregex", Expressions),
    ("allowedoriginregexes", Expressions),
    ("alloworiginlistregex", Expressions),
    ("alloworiginregex", Expressions),
    ("alloworiginsbyregex", Expressions),
    ("allowedmethods", Is("allow_methods")),
    ("method", Is("allow_methods")),
    ("methods", Is("allow_methods")),
    ("allowedheaders", Is("allow_headers")),
    ("headers", Is("allow_headers")),
    ("exposedheaders", Is("expose_headers")),
    ("responseheader", Is("expose_headers")),
    ("allowcredential", Is("allow_credentials")),
    ("credentials", Is("allow_credentials")),
    ("supportscredentials", Is("allow_credentials")),
    ("maxageseconds", Is("max_age")),
    ("preflightmaxage", Is("max_age")),
    ("allowprivatenetworkaccess", Is("allow_private_network")),
    ("privatenetwork", Is("allow_private_network")),
    ("timingalloworigins", Is("timing_allow_origin")),
    ("csrftrustedorigins", Is("allow_origins")),
    ("trustedorigins", Is("allow_origins")),
    ("allowedhosts", Example("own_origins")),
    ("trustedhosts", Example("own_origins")),
    ("enablednsrebindingprotection", Example("own_origins")),
    ("dnsrebindingprotection", Example("own_origins")),
    ("optionssuccessstatus", Is("preflight_status")),
    ("optionsresponsestatuscode", Is("preflight_status")),
    ("optionspassthrough", Forward),
    ("preflightcontinue", Forward),
    ("forwardnotmatchingpreflights", No("`preflight` says who answers all preflights")),
    ("unmatchedpreflights", No("`preflight` says who answers all preflights")),
    ("allowallorigins", No("list `*` in `allow_origins`, which is every origin")),
    ("allowwildcard", No("remove it: `*` in a pattern of `allow_origins` needs no permission")),
    ("alloworiginfunc", No(FUNCTIONS)),
    ("alloworiginrequestfunc", No(FUNCTIONS)),
    ("alloworiginsbymetadata", No(FUNCTIONS)),
    ("alloworiginvaryrequestfunc", No(FUNCTIONS)),
    ("alloworiginwithcontextfunc", No(FUNCTIONS)),
    ("enable", No(PLACES)),
    ("enablecors", No(PLACES)),
    ("enabled", No(PLACES)),
    ("filterenabled", No(PLACES)),
    ("urlsregex", No(PLACES)),
    ("shadowenabled", No("remove it: `cors_policy_dry_run` in nginx.conf tries a policy out")),
    ("addvaryheader", No(VARY)),
    ("vary", No(VARY)),
    ("varyheader", No(VARY)),
    ("alwayssend", No(ALWAYS)),
    ("interceptexceptions", No(ALWAYS)),
    (
        "sendwildcard",
        No("remove it: `*` is sent wherever every origin is allowed without credentials"),
    ),
    ("automaticoptions", No("remove it: preflights are answered unless `preflight` forwards them")),
    ("debug", No(LOG)),
    ("logger", No(LOG)),
    ("corsrules", No(WRAPPER)),
    ("id", No("remove it: rules have no names")),
    ("requestheaders", No(REQUEST)),
    ("requestmethod", No(REQUEST)),
    ("requestprivatenetwork", No(REQUEST)),
    ("configuration", No(WRAPPER)),
    ("configurations", No(WRAPPER)),
    ("cors", No(WRAPPER)),
    ("policy", No(WRAPPER)),
];

/// The mistake of a key that does not belong where it stands. `node` is its value.
pub(super) fn unknown_key(key: &str, node: &Node, scope: Scope, language: Language) -> MistakeKind {
    if let Some(advice) = advice(key, node, scope, language) {
        return MistakeKind::ForeignKey { advice };
    }
    let known = scope.names();
    MistakeKind::UnknownKey { nearest: nearest(key, known.iter().copied()), known }
}

/// What to write in place of a key that other software has.
pub(super) fn advice(key: &str, node: &Node, scope: Scope, language: Language) -> Option<String> {
    let (counterpart, spec) = match counterpart(key)? {
        No(sentence) => return Some(sentence.to_owned()),
        counterpart @ Is(name) => (counterpart, Key::from_name(name)?),
        Expressions => (Expressions, Key::from_name("allow_origins")?),
        Forward => (Forward, Key::from_name("preflight")?),
        Example(name) => (Example(name), Key::from_name(name)?),
    };
    let written = match counterpart {
        Expressions => written(spec, language, r#"["regex:…"]"#, "regex:…"),
        Forward => match truth_of(node) {
            Some(true) => written(spec, language, "forward", "forward"),
            Some(false) => written(spec, language, "answer", "answer"),
            None => spec.example(language),
        },
        Example(_) => spec.example(language),
        Is(_) if scope == Scope::Policy && lists_origins_of(spec, node) => spec.name.to_owned(),
        Is(_) | No(_) => of_value(spec, node, language),
    };
    let place = match (scope, language) {
        (Scope::Document, _) => ", in a policy: below `policies` and a name",
        (scope, _) if scope.has(spec.key) => "",
        (_, Language::Yaml) => ", in the policy: beside `rules`",
        (_, Language::Nginx) => ", in the policy: beside its `rule` blocks",
    };
    Some(format!("write `{written}`{place}"))
}

fn counterpart(key: &str) -> Option<Counterpart> {
    let key = key.rsplit('/').next().unwrap_or(key);
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    let without = |prefix| letters.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    let find = |word: &str| {
        let own = KEYS.iter().find(|spec| {
            spec.key != Key::Rules && word.bytes().eq(spec.name.bytes().filter(|b| *b != b'_'))
        });
        let of_others = || COUNTERPARTS.iter().find(|(known, _)| *known == word);
        own.map(|spec| Is(spec.name)).or_else(|| of_others().map(|(_, counterpart)| *counterpart))
    };
    find(&letters).or_else(|| find(without("cors")?)).or_else(|| find(without("accesscontrol")?))
}

/// The key with a value that means the same, or without a value if it need not change, or with an
/// example.
fn of_value(spec: &KeySpec, node: &Node, language: Language) -> String {
    let example = || spec.example(language);
    match spec.kind {
        KeyKind::Boolean | KeyKind::BooleanOrList => match truth_of(node) {
            Some(true) => written(spec, language, "true", "on"),
            Some(false) => written(spec, language, "false", "off"),
            None => example(),
        },
        KeyKind::Scalar => match text_of(node) {
            Some(text) if spec.name == "max_age" => match MaxAge::parse(text) {
                Ok(_) if language == Language::Nginx && text.contains(' ') => example(),
                Ok(_) => written(spec, language, text, text),
                Err(_) => example(),
            },
            Some(text @ ("200" | "204")) => written(spec, language, text, text),
            _ => example(),
        },
        KeyKind::List => match &node.value {
            Value::String(text) => {
                let entries = split(text);
                match entries.len() {
                    0 => example(),
                    1 => spec.name.to_owned(),
                    _ => {
                        let list = format!("[{}]", entries.join(", "));
                        written(spec, language, &list, &entries.join(" "))
                    }
                }
            }
            Value::List(list)
                if list.iter().all(|entry| matches!(entry.value, Value::String(_))) =>
            {
                spec.name.to_owned()
            }
            _ => example(),
        },
        KeyKind::Rules => example(),
    }
}

/// Whether a key that takes a boolean has a list here, which a policy may have for it.
fn lists_origins_of(spec: &KeySpec, node: &Node) -> bool {
    spec.kind == KeyKind::BooleanOrList
        && matches!(node.value, Value::List(_) | Value::String(_))
        && truth_of(node).is_none()
}

/// The key with this value, as YAML or as a directive.
fn written(spec: &KeySpec, language: Language, yaml: &str, nginx: &str) -> String {
    match language {
        Language::Yaml => format!("{}: {yaml}", spec.name),
        Language::Nginx => format!("{} {nginx};", spec.name),
    }
}

/// The text or number of a value. In nginx.conf that is a list of one.
fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text),
        Value::List(list) => match list.as_slice() {
            [entry] => text_of(entry),
            _ => None,
        },
        _ => None,
    }
}

fn truth_of(node: &Node) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => truth(text_of(node)?),
    }
}
