//! The validation of a document: from a tree of nodes to compiled policies, or to all mistakes in
//! the order of the document.

use std::path::Path;

use super::{
    keys::{Key, Language, RuleKey},
    mistake_kind::{Expected, MistakeKind},
    node::{Node, NodeLine, Value},
    open_guards::OpenGuards,
    pattern_site::PatternVisitor,
    place::{Location, is_name},
    policy_origins::{PolicyOrigins, lists_origins},
    policy_settings::{PolicySettingsBuilder, lists_timing_origins},
    quote::quote,
    reader::{Reader, SeenKeys, get},
    report::{Accepted, Report},
    rule::RuleBuilder,
    source_file::SourceFile,
    unknown_key::{Scope, unknown_key},
    yaml::Failure,
};
use crate::{
    Policy,
    origin::Rank,
    policy::{PolicyParts, RuleSettings},
};

/// Far fewer than a [`Rank`] can count, and far more than anyone can survey.
pub(super) const MAX_RULES: usize = 1000;

pub(super) struct Validator<'v> {
    reader: Reader,
    visitor: PatternVisitor<'v>,
}

impl<'v> Validator<'v> {
    /// For a YAML file.
    pub(super) fn new(file: &Path, visitor: PatternVisitor<'v>) -> Self {
        Self { reader: Reader::new(file, Language::Yaml, &[]), visitor }
    }

    /// For a block of nginx.conf, whose nodes have these lines.
    pub(super) fn of_block(file: &Path, lines: &[NodeLine], visitor: PatternVisitor<'v>) -> Self {
        Self { reader: Reader::new(file, Language::Nginx, lines), visitor }
    }

    /// Notes that the document was read, or tried to.
    pub(super) fn add_file(&mut self, file: SourceFile) {
        self.reader.add_file(file);
    }

    /// The value and the warnings, or all mistakes if there are errors.
    pub(super) fn finish<T>(self, value: T) -> Result<Accepted<T>, Report> {
        self.reader.finish(value)
    }

    /// Adds the mistake that the file cannot be read at all.
    pub(super) fn failure(&mut self, failure: Failure) {
        let file = self.reader.file();
        let location = Location::root(&file).at_line(failure.line);
        self.reader.add(location, failure.text.as_deref().map(quote), failure.kind);
    }

    /// The policies of a whole document.
    pub(super) fn document(&mut self, root: &Node) -> Vec<Policy> {
        let file = self.reader.file();
        let location = Location::root(&file).at_line(root.line);
        let map = match &root.value {
            Value::Map(map) => map,
            Value::Null => {
                self.reader.add(location.at_line(None), None, MistakeKind::EmptyDocument);
                return Vec::new();
            }
            _ => {
                self.reader.wrong_type(location, root, Expected::Document);
                return Vec::new();
            }
        };
        if get(map, "version").is_none() {
            self.reader.add(location, None, MistakeKind::MissingVersion);
        }
        if get(map, "policies").is_none() {
            self.reader.add(location, None, MistakeKind::NoPolicies);
        }
        let mut policies = Vec::new();
        let mut seen = SeenKeys::new();
        for (key_node, node) in map {
            let Some(key) = self.reader.key(location, key_node, &mut seen) else { continue };
            let path = location.path.key(key);
            let location = location.at(&path, node.line);
            match key {
                "version" => match &node.value {
                    Value::Number(version) if version == "1" => {}
                    _ => self.reader.report(location, node, MistakeKind::UnsupportedVersion),
                },
                "policies" => policies = self.policies(location, node),
                _ => {
                    let kind = if Key::from_name(key).is_some() {
                        let belongs = "to a policy, below `policies` and a name";
                        MistakeKind::MisplacedKey { belongs }
                    } else {
                        unknown_key(key, node, Scope::Document, self.reader.language())
                    };
                    self.reader.add(location.at_line(key_node.line), None, kind);
                }
            }
        }
        policies
    }

    fn policies(&mut self, location: Location<'_>, node: &Node) -> Vec<Policy> {
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => {
                self.reader.add(location, None, MistakeKind::NoPolicies);
                return Vec::new();
            }
            _ => {
                self.reader.wrong_type(location, node, Expected::Policies);
                return Vec::new();
            }
        };
        if map.is_empty() {
            self.reader.add(location, None, MistakeKind::NoPolicies);
        }
        let mut policies = Vec::new();
        let mut seen = SeenKeys::new();
        for (key, node) in map {
            let Some(name) = self.reader.key(location, key, &mut seen) else { continue };
            let path = location.path.key(name);
            policies.extend(self.policy(location.at(&path, key.line), name, node));
        }
        policies
    }

    /// One policy outside of a document.
    pub(super) fn named_policy(&mut self, name: &str, node: &Node) -> Option<Policy> {
        let file = self.reader.file();
        let root = Location::root(&file);
        let path = root.path.key(name);
        self.policy(root.at(&path, node.line), name, node)
    }

    /// A policy, if it has no mistakes. `location` is that of its name.
    fn policy(&mut self, location: Location<'_>, name: &str, node: &Node) -> Option<Policy> {
        let reader = &mut self.reader;
        let (errors, position) = (reader.errors(), reader.position());
        if !is_name(name) || name == "off" {
            reader.add(location, None, MistakeKind::PolicyName);
        }
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => {
                reader.add(location, None, MistakeKind::NoOrigins);
                return None;
            }
            _ => {
                reader.wrong_type(location.at_line(node.line), node, Expected::Policy);
                return None;
            }
        };
        let has_rules = get(map, "rules").is_some();
        if !has_rules && !lists_origins(map) {
            reader.add(location, None, MistakeKind::NoOrigins);
        }
        let mut origins = PolicyOrigins::new(name, map, &mut *self.visitor);
        let mut settings = PolicySettingsBuilder::new(map);
        let mut only_rule = RuleBuilder::new(1, map, OpenGuards::default());
        let mut rules = Vec::new();
        let mut seen = SeenKeys::new();
        for (key_node, node) in map {
            let Some(key) = reader.key(location, key_node, &mut seen) else { continue };
            let path = location.path.key(key);
            let Some(spec) = Key::from_name(key) else {
                let kind = unknown_key(key, node, Scope::Policy, reader.language());
                reader.add(location.at(&path, key_node.line), None, kind);
                continue;
            };
            let location = Location { key: Some(spec), ..location.at(&path, node.line) };
            match spec.key {
                Key::Rules => rules = read_rules(reader, &mut origins, location, node),
                Key::Policy(key) => {
                    settings.read_key(reader, &mut origins, location, key, node);
                }
                Key::DangerouslyAllow => {
                    origins.open.read(reader, name, location, node);
                }
                Key::Rule(RuleKey::TimingAllowOrigin) if lists_timing_origins(node) => {
                    settings.read_timing_allow_origins(reader, location, node);
                }
                Key::Rule(_) if has_rules => {
                    let location = location.at_line(key_node.line);
                    reader.add(location, None, MistakeKind::RuleKeyBesideRules);
                }
                Key::Rule(key) => only_rule.read_key(reader, &mut origins, location, key, node),
            }
        }
        if !has_rules {
            rules = vec![only_rule.finish().0];
        }
        if reader.errors() > errors {
            return None;
        }
        let PolicyOrigins { matcher, denies, files, open, covered, lists, .. } = origins;
        open.finish(reader, location);
        let covered = covered.find();
        let mut lines = covered.lines(&lists, &matcher);
        let built = matcher.build_noting(&mut |number, origin| {
            covered.note_repeated(&mut lines, &lists, number, origin);
        });
        match built {
            Ok(matcher) => {
                covered.report(reader, location, position, lines, &lists);
                let settings = settings.finish();
                let line = location.line;
                let parts = PolicyParts { name, line, rules, matcher, denies, files, settings };
                (reader.errors() == errors).then(|| Policy::new(parts))
            }
            Err(error) => {
                reader.add(location, None, MistakeKind::Matcher(error));
                None
            }
        }
    }
}

fn read_rules(
    reader: &mut Reader,
    origins: &mut PolicyOrigins<'_>,
    location: Location<'_>,
    node: &Node,
) -> Vec<RuleSettings> {
    let Value::List(list) = &node.value else {
        reader.wrong_key_type(location, node);
        return Vec::new();
    };
    if list.is_empty() {
        reader.add(location, None, MistakeKind::NoRules);
    }
    if list.len() > MAX_RULES {
        reader.add(location, None, MistakeKind::TooManyRules { limit: MAX_RULES });
        return Vec::new();
    }
    let mut rules: Vec<RuleSettings> = Vec::with_capacity(list.len());
    for (index, node) in list.iter().enumerate() {
        let path = location.path.index(index);
        let location = Location { key: None, ..location.at(&path, node.line) };
        if let Some(hidden_by) = rules.iter().position(|rule| rule.any) {
            reader.add(location, None, MistakeKind::UnreachableRule { hidden_by });
        }
        let rank = (index + 1) as Rank;
        origins.covered.note_rule(reader, location, rank);
        rules.push(read_rule(reader, origins, location, node, rank));
    }
    rules
}

fn read_rule(
    reader: &mut Reader,
    origins: &mut PolicyOrigins<'_>,
    location: Location<'_>,
    node: &Node,
    rank: Rank,
) -> RuleSettings {
    let map = match &node.value {
        Value::Map(map) => map,
        Value::Null => &[][..],
        _ => {
            reader.wrong_type(location, node, Expected::Rule);
            return RuleSettings::default();
        }
    };
    let errors = reader.errors();
    if !lists_origins(map) {
        reader.add(location, None, MistakeKind::NoOrigins);
    }
    let mut rule = RuleBuilder::new(rank, map, OpenGuards::of(map));
    let mut seen = SeenKeys::new();
    for (key_node, node) in map {
        let Some(key) = reader.key(location, key_node, &mut seen) else { continue };
        let path = location.path.key(key);
        let spec = Key::from_name(key);
        match spec.map(|spec| spec.key) {
            Some(Key::Rule(key)) => {
                let location = Location { key: spec, ..location.at(&path, node.line) };
                rule.read_key(reader, origins, location, key, node);
            }
            Some(Key::DangerouslyAllow) => {
                let location = Location { key: spec, ..location.at(&path, node.line) };
                rule.read_guards(reader, origins.policy, location, node);
            }
            Some(Key::Policy(_)) => {
                let location = Location { key: spec, ..location.at(&path, key_node.line) };
                let belongs = match reader.language() {
                    Language::Yaml => "to the policy, beside `rules`",
                    Language::Nginx => "to the policy, beside its `rule` blocks",
                };
                reader.add(location, None, MistakeKind::MisplacedKey { belongs });
            }
            Some(Key::Rules) | None => {
                let kind = unknown_key(key, node, Scope::Rule, reader.language());
                reader.add(location.at(&path, key_node.line), None, kind);
            }
        }
    }
    let (settings, open) = rule.finish();
    // An entry may be meant for an origin that is still mistaken.
    if reader.errors() == errors {
        open.finish(reader, location);
    }
    settings
}
