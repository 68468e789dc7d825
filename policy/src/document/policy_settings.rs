//! The keys of a policy as a whole: a function for each of them, as `rule.rs` has for a rule.

use super::{
    keys::PolicyKey,
    mistake_kind::{MistakeKind, StaticObstacle},
    node::{Node, Value, truth},
    place::Location,
    policy_origins::PolicyOrigins,
    quote::quote,
    reader::{Reader, contains, get, is_empty_list},
};
use crate::{
    OriginCheck, PreflightMode, UpstreamHeaders,
    headers::timing_allow_origin::TimingAllowOrigins,
    origin::{Origin, OriginPattern},
    origin_check::OwnOrigin,
    policy::PolicySettings,
};

/// Reads the keys of one policy that do not belong to a rule.
pub(super) struct PolicySettingsBuilder<'n> {
    settings: PolicySettings,
    /// The mapping of the policy, for keys that depend on others.
    map: &'n [(Node, Node)],
    enforce: bool,
    own_origins: Vec<OwnOrigin>,
}

impl<'n> PolicySettingsBuilder<'n> {
    /// For the policy with this mapping.
    pub(super) fn new(map: &'n [(Node, Node)]) -> Self {
        Self { settings: PolicySettings::default(), map, enforce: false, own_origins: Vec::new() }
    }

    /// The settings. They are complete only if there was no error.
    pub(super) fn finish(self) -> PolicySettings {
        let origin_check = self.enforce.then(|| OriginCheck::new(self.own_origins));
        PolicySettings { origin_check, ..self.settings }
    }

    /// Reads a key. No key may be read twice.
    pub(super) fn read_key(
        &mut self,
        reader: &mut Reader,
        origins: &mut PolicyOrigins<'_>,
        location: Location<'_>,
        key: PolicyKey,
        node: &Node,
    ) {
        let settings = &mut self.settings;
        match key {
            PolicyKey::DenyOrigins => deny_origins(reader, origins, location, node),
            PolicyKey::UpstreamHeaders => {
                settings.upstream_headers =
                    upstream_headers(reader, location, node).unwrap_or_default();
            }
            PolicyKey::Preflight => {
                settings.preflight = preflight(reader, location, node).unwrap_or_default();
            }
            PolicyKey::PreflightStatus => {
                if let Some(status) = preflight_status(reader, location, node) {
                    settings.preflight_status = status;
                }
            }
            PolicyKey::Enforce => {
                self.enforce = reader.boolean(location, node).unwrap_or_default();
            }
            PolicyKey::OwnOrigins => {
                self.own_origins = own_origins(reader, location, node, self.map);
            }
            PolicyKey::StaticOrigin => {
                settings.static_origin = static_origin(reader, location, node, self.map);
            }
        }
    }

    /// Reads a `timing_allow_origin` that lists origins.
    pub(super) fn read_timing_allow_origins(
        &mut self,
        reader: &mut Reader,
        location: Location<'_>,
        node: &Node,
    ) {
        let origins = timing_allow_origins(reader, location, node, self.map);
        self.settings.timing_allow_origins = Some(TimingAllowOrigins(origins));
    }
}

fn deny_origins(
    reader: &mut Reader,
    origins: &mut PolicyOrigins<'_>,
    location: Location<'_>,
    node: &Node,
) {
    reader.entries(location, node, |reader, location, node, text| {
        origins.denies = true;
        if text == "*" {
            reader.report(location, node, MistakeKind::DeniesEveryOrigin);
        } else {
            origins.deny(reader, location, text);
        }
    });
}

fn upstream_headers(
    reader: &mut Reader,
    location: Location<'_>,
    node: &Node,
) -> Option<UpstreamHeaders> {
    let known = [
        ("replace", UpstreamHeaders::Replace),
        ("keep", UpstreamHeaders::Keep),
        ("merge", UpstreamHeaders::Merge),
    ];
    reader.choice(location, node, &known)
}

fn preflight(reader: &mut Reader, location: Location<'_>, node: &Node) -> Option<PreflightMode> {
    let known = [("answer", PreflightMode::Answer), ("forward", PreflightMode::Forward)];
    reader.choice(location, node, &known)
}

fn preflight_status(reader: &mut Reader, location: Location<'_>, node: &Node) -> Option<u16> {
    reader.choice(location, node, &[("200", 200), ("204", 204)])
}

fn own_origins(
    reader: &mut Reader,
    location: Location<'_>,
    node: &Node,
    map: &[(Node, Node)],
) -> Vec<OwnOrigin> {
    if !is_true(map, "enforce") {
        reader.add(location, None, MistakeKind::OwnOriginsWithoutEnforce);
    }
    if is_empty_list(node) {
        reader.add(location, None, MistakeKind::EmptyList);
    }
    let mut own = Vec::new();
    reader.entries(location, node, |reader, location, _, text| {
        let Some(origin) = exact_origin(reader, location, text) else { return };
        if matches!(origin.scheme(), b"http" | b"https") {
            own.push(OwnOrigin::new(&origin));
        } else {
            reader.add(location, Some(quote(text)), MistakeKind::NotAWebOrigin);
        }
    });
    own
}

fn timing_allow_origins(
    reader: &mut Reader,
    location: Location<'_>,
    node: &Node,
    map: &[(Node, Node)],
) -> Vec<Box<str>> {
    if is_empty_list(node) {
        reader.add(location, None, MistakeKind::EmptyList);
    }
    if let Some(rule) = rules(map).position(|rule| is_true(rule, "timing_allow_origin")) {
        reader.add(location, None, MistakeKind::TimingInRuleToo { rule });
    }
    let has_star = contains(node, "*");
    let mut origins = Vec::new();
    reader.entries(location, node, |reader, location, node, text| match text {
        "*" => origins.push(text.into()),
        _ if exact_origin(reader, location, text).is_none() => {}
        _ if has_star => reader.report(location, node, MistakeKind::CoveredByStar),
        _ => origins.push(text.into()),
    });
    origins
}

fn static_origin(
    reader: &mut Reader,
    location: Location<'_>,
    node: &Node,
    map: &[(Node, Node)],
) -> Option<Box<str>> {
    if !reader.boolean(location, node)? {
        return None;
    }
    match only_origin(map) {
        Ok(origin) => Some(origin.into()),
        Err(obstacle) => {
            reader.add(location, None, MistakeKind::NoStaticOrigin(obstacle));
            None
        }
    }
}

/// The one exact origin of a policy's one rule.
fn only_origin(map: &[(Node, Node)]) -> Result<&str, StaticObstacle> {
    let mut rules = rules(map);
    let rule = match (rules.next(), rules.next()) {
        (Some(_), Some(_)) => return Err(StaticObstacle::SeveralRules),
        (Some(rule), None) => rule,
        (None, _) => map,
    };
    if get(map, "deny_origins").is_some_and(|node| !is_empty_list(node)) {
        return Err(StaticObstacle::DenyOrigins);
    }
    if get(rule, "allow_origins_file").is_some() {
        return Err(StaticObstacle::File);
    }
    let entry = match get(rule, "allow_origins").map(|node| &node.value) {
        Some(Value::List(list)) => match &list[..] {
            [entry] => entry,
            _ => return Err(StaticObstacle::SeveralOrigins),
        },
        Some(Value::String(text)) => return only_exact(text),
        _ => return Err(StaticObstacle::SeveralOrigins),
    };
    match &entry.value {
        Value::String(text) => only_exact(text),
        _ => Err(StaticObstacle::NotExact),
    }
}

fn only_exact(text: &str) -> Result<&str, StaticObstacle> {
    match OriginPattern::parse(text) {
        Ok(OriginPattern::Exact(_)) => Ok(text),
        // What is wrong with a text that is not a pattern is said where it stands.
        Ok(_) | Err(_) => Err(StaticObstacle::NotExact),
    }
}

/// Reads an entry that has to be an exact origin.
fn exact_origin<'t>(
    reader: &mut Reader,
    location: Location<'_>,
    text: &'t str,
) -> Option<Origin<'t>> {
    let kind = match OriginPattern::parse(text) {
        Ok(OriginPattern::Exact(origin)) => return Some(origin),
        Ok(_) => MistakeKind::NotAnExactOrigin,
        Err(error) => MistakeKind::Pattern { error, closed: Vec::new() },
    };
    reader.add(location, Some(quote(text)), kind);
    None
}

/// The mappings in `rules`.
fn rules(map: &[(Node, Node)]) -> impl Iterator<Item = &[(Node, Node)]> {
    let list = match get(map, "rules").map(|node| &node.value) {
        Some(Value::List(list)) => &list[..],
        _ => &[],
    };
    list.iter().map(|node| match &node.value {
        Value::Map(map) => &map[..],
        _ => &[],
    })
}

/// Whether a key is true. A value such as `yes` is a mistake, but shows what is meant.
pub(super) fn is_true(map: &[(Node, Node)], key: &str) -> bool {
    match get(map, key).map(|node| &node.value) {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => truth(text).unwrap_or(false),
        _ => false,
    }
}

/// Whether a value of `timing_allow_origin` lists origins, and is not a boolean.
pub(super) fn lists_timing_origins(node: &Node) -> bool {
    match &node.value {
        Value::List(_) => true,
        Value::String(text) => truth(text).is_none(),
        _ => false,
    }
}
