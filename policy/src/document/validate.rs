//! The one validation: from a tree to compiled policies, or to all mistakes in its order.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    slice,
    str::FromStr,
    sync::Arc,
};

use super::{
    keys::{KEYS, Key, KeySpec, PolicyKey, RuleKey},
    node::{Node, Value},
    origins_file::{self, Line, OriginsFile},
    report::{Expected, Mistake, MistakeKind, Mistakes, Report, Syntax, quote, truth},
    yaml::Failure,
};
use crate::nearest;
use crate::{
    Policy, PreflightMode, UpstreamHeaders,
    headers::{
        MethodError,
        allow_credentials::AllowCredentials,
        allow_headers::{self, AllowHeaders},
        allow_methods::{self, AllowMethods},
        allow_private_network::AllowPrivateNetwork,
        expose_headers::{self, ExposeHeaders},
        max_age::MaxAge,
        timing_allow_origin::TimingAllowOrigin,
    },
    origin::{Danger, MatcherBuilder, OriginPattern, Rank},
    policy::{Options, RuleSettings},
};

pub(super) const MAX_NAME: usize = 64;

/// Far fewer than a [`Rank`] can count, and far more than anyone can survey.
pub(super) const MAX_RULES: usize = 1000;

/// Someone who wants to see every pattern that is accepted, in the order of the document.
pub(super) trait Patterns {
    fn visit(
        &mut self,
        policy: &str,
        rank: Rank,
        pattern: &OriginPattern<'_>,
        text: &str,
        site: &Site<'_>,
    );
}

/// Nobody.
impl Patterns for () {
    fn visit(&mut self, _: &str, _: Rank, _: &OriginPattern<'_>, _: &str, _: &Site<'_>) {}
}

/// A path into the document, as it is written in messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'p> {
    Document,
    Key(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn key<'p>(&'p self, key: &'p str) -> Place<'p> {
        Place::Key(self, key)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Index(list, index) => write!(f, "{list}[{index}]"),
            Self::Key(parent, key) => {
                if !matches!(parent, Self::Document) {
                    write!(f, "{parent}.")?;
                }
                if is_name(key) { f.write_str(key) } else { f.write_str(&quote(key)) }
            }
        }
    }
}

/// Whether this can name a policy, `off` apart.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Where something stands, for a message about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'s> {
    pub(super) file: &'s Arc<Path>,
    pub(super) line: Option<u32>,
    pub(super) place: &'s Place<'s>,
    key: Option<&'static KeySpec>,
}

impl<'s> Site<'s> {
    fn at(self, line: Option<u32>) -> Self {
        Self { line, ..self }
    }
}

/// The keys that have stood in a mapping so far, and their lines.
type Seen<'n> = HashMap<&'n str, Option<u32>>;

pub(super) struct Validator<P> {
    file: Arc<Path>,
    syntax: Syntax,
    patterns: P,
    mistakes: Mistakes,
}

/// One policy on its way.
struct Draft<'n> {
    name: &'n str,
    open: Vec<Danger>,
    matcher: MatcherBuilder,
    denies: bool,
    files: Vec<PathBuf>,
}

impl<P: Patterns> Validator<P> {
    pub(super) fn new(file: &Path, syntax: Syntax, patterns: P) -> Self {
        Self { file: file.into(), syntax, patterns, mistakes: Mistakes::default() }
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, Report> {
        self.mistakes.into_result(value)
    }

    pub(super) fn failure(&mut self, failure: Failure) {
        let file = self.file.clone();
        let site = Site { file: &file, line: failure.line, place: &Place::Document, key: None };
        self.add(site, failure.text.as_deref().map(quote), failure.kind);
    }

    fn add(&mut self, site: Site<'_>, value: Option<String>, kind: MistakeKind) {
        let syntax = self.syntax;
        self.mistakes.add(|| Mistake {
            file: site.file.clone(),
            line: site.line,
            place: site.place.to_string(),
            value,
            kind,
            key: site.key,
            syntax,
        });
    }

    /// Adds a mistake about a value as a whole.
    fn refuse(&mut self, site: Site<'_>, node: &Node, kind: MistakeKind) {
        self.add(site, written(node), kind);
    }

    fn wrong_type(&mut self, site: Site<'_>, node: &Node, expected: Expected) {
        let kind = match &node.value {
            Value::Tagged(tag) => MistakeKind::Tag(tag.clone()),
            Value::Null => MistakeKind::NoValue,
            value => MistakeKind::WrongType { expected, found: found(value) },
        };
        self.refuse(site, node, kind);
    }

    fn wrong_key_type(&mut self, site: Site<'_>, node: &Node) {
        let expects = site.key.map_or("a value", |key| key.expects);
        self.wrong_type(site, node, Expected::Key(expects));
    }

    pub(super) fn document(&mut self, root: &Node) -> Vec<Policy> {
        const KNOWN: [&str; 2] = ["version", "policies"];
        let file = self.file.clone();
        let site = Site { file: &file, line: root.line, place: &Place::Document, key: None };
        let map = match &root.value {
            Value::Map(map) => map,
            Value::Null => {
                self.add(site.at(None), None, MistakeKind::EmptyDocument);
                return Vec::new();
            }
            _ => {
                self.wrong_type(site, root, Expected::Document);
                return Vec::new();
            }
        };
        if get(map, "version").is_none() {
            self.add(site, None, MistakeKind::MissingVersion);
        }
        if get(map, "policies").is_none() {
            self.add(site, None, MistakeKind::NoPolicies);
        }
        let mut policies = Vec::new();
        let mut seen = Seen::new();
        for (key_node, node) in map {
            let Some(key) = self.key(site, key_node, &mut seen) else { continue };
            let place = site.place.key(key);
            let site = Site { place: &place, line: node.line, ..site };
            match key {
                "version" => match &node.value {
                    Value::Number(version) if version == "1" => {}
                    _ => self.refuse(site, node, MistakeKind::UnsupportedVersion),
                },
                "policies" => policies = self.policies(site, node),
                _ => {
                    let site = site.at(key_node.line);
                    if Key::from_name(key).is_some() {
                        let belongs = "to a policy, below `policies` and a name";
                        self.add(site, None, MistakeKind::MisplacedKey { belongs });
                    } else {
                        self.add(site, None, unknown_key(key, &KNOWN));
                    }
                }
            }
        }
        policies
    }

    fn policies(&mut self, site: Site<'_>, node: &Node) -> Vec<Policy> {
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => {
                self.add(site, None, MistakeKind::NoPolicies);
                return Vec::new();
            }
            _ => {
                self.wrong_type(site, node, Expected::Policies);
                return Vec::new();
            }
        };
        if map.is_empty() {
            self.add(site, None, MistakeKind::NoPolicies);
        }
        let mut policies = Vec::new();
        let mut seen = Seen::new();
        for (key, node) in map {
            let Some(name) = self.key(site, key, &mut seen) else { continue };
            let place = site.place.key(name);
            let site = Site { place: &place, line: key.line, ..site };
            policies.extend(self.policy(site, name, node));
        }
        policies
    }

    /// One policy outside of a document.
    pub(super) fn named_policy(&mut self, name: &str, node: &Node) -> Option<Policy> {
        let file = self.file.clone();
        let place = Place::Document.key(name);
        let site = Site { file: &file, line: node.line, place: &place, key: None };
        self.policy(site, name, node)
    }

    /// A policy, if it has no mistakes. `site` is where its name stands.
    fn policy(&mut self, site: Site<'_>, name: &str, node: &Node) -> Option<Policy> {
        let mistakes = self.mistakes.count();
        if !is_name(name) || name == "off" {
            self.add(site, None, MistakeKind::PolicyName);
        }
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => {
                self.add(site, None, MistakeKind::NoOrigins);
                return None;
            }
            _ => {
                self.wrong_type(site.at(node.line), node, Expected::Policy);
                return None;
            }
        };
        let mut draft = Draft {
            name,
            open: get(map, "dangerously_allow").map(dangers).unwrap_or_default(),
            matcher: MatcherBuilder::new(),
            denies: false,
            files: Vec::new(),
        };
        let has_rules = get(map, "rules").is_some();
        if !has_rules && !names_origins(map) {
            self.add(site, None, MistakeKind::NoOrigins);
        }
        let mut options = Options::default();
        let mut direct = RuleDraft::new(map);
        let mut rules = Vec::new();
        let mut seen = Seen::new();
        for (key_node, node) in map {
            let Some(key) = self.key(site, key_node, &mut seen) else { continue };
            let place = site.place.key(key);
            let Some(spec) = Key::from_name(key) else {
                let site = Site { place: &place, line: key_node.line, ..site };
                self.unknown_policy_key(site, key);
                continue;
            };
            let site = Site { place: &place, line: node.line, key: Some(spec), ..site };
            match spec.key {
                Key::Rules => rules = self.rules(site, node, &mut draft),
                Key::Policy(key) => self.policy_key(site, key, node, &mut draft, &mut options),
                Key::Rule(_) if has_rules => {
                    self.add(site.at(key_node.line), None, MistakeKind::RuleKeyBesideRules);
                }
                Key::Rule(key) => self.rule_key(site, key, node, 1, &mut direct, &mut draft),
            }
        }
        if !has_rules {
            rules = vec![direct.settings];
        }
        if self.mistakes.count() > mistakes {
            return None;
        }
        let Draft { matcher, denies, files, .. } = draft;
        match matcher.build() {
            Ok(matcher) => {
                Some(Policy::new(name, site.line, rules, matcher, denies, options, files))
            }
            Err(error) => {
                self.add(site, None, MistakeKind::Matcher(error));
                None
            }
        }
    }

    fn rules(&mut self, site: Site<'_>, node: &Node, draft: &mut Draft<'_>) -> Vec<RuleSettings> {
        let Value::List(list) = &node.value else {
            self.wrong_key_type(site, node);
            return Vec::new();
        };
        if list.is_empty() {
            self.add(site, None, MistakeKind::NoRules);
        }
        if list.len() > MAX_RULES {
            self.add(site, None, MistakeKind::TooManyRules { limit: MAX_RULES });
            return Vec::new();
        }
        let mut rules: Vec<RuleSettings> = Vec::with_capacity(list.len());
        for (index, node) in list.iter().enumerate() {
            let place = Place::Index(site.place, index);
            let site = Site { place: &place, line: node.line, key: None, ..site };
            if let Some(hidden_by) = rules.iter().position(|rule| rule.any) {
                self.add(site, None, MistakeKind::UnreachableRule { hidden_by });
            }
            rules.push(self.rule(site, node, (index + 1) as Rank, draft));
        }
        rules
    }

    fn rule(
        &mut self,
        site: Site<'_>,
        node: &Node,
        rank: Rank,
        draft: &mut Draft<'_>,
    ) -> RuleSettings {
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => &[][..],
            _ => {
                self.wrong_type(site, node, Expected::Rule);
                return RuleSettings::default();
            }
        };
        if !names_origins(map) {
            self.add(site, None, MistakeKind::NoOrigins);
        }
        let mut direct = RuleDraft::new(map);
        let mut seen = Seen::new();
        for (key_node, node) in map {
            let Some(key) = self.key(site, key_node, &mut seen) else { continue };
            let place = site.place.key(key);
            let spec = Key::from_name(key);
            let site = Site { place: &place, line: node.line, key: spec, ..site };
            match spec.map(|spec| spec.key) {
                Some(Key::Rule(key)) => self.rule_key(site, key, node, rank, &mut direct, draft),
                Some(Key::Policy(_)) => {
                    let belongs = "to the policy, beside `rules`";
                    self.add(site.at(key_node.line), None, MistakeKind::MisplacedKey { belongs });
                }
                Some(Key::Rules) | None => {
                    let known = key_names(|key| matches!(key, Key::Rule(_)));
                    let site = Site { key: None, ..site };
                    self.add(site.at(key_node.line), None, unknown_key(key, &known));
                }
            }
        }
        direct.settings
    }

    fn unknown_policy_key(&mut self, site: Site<'_>, key: &str) {
        self.add(site, None, unknown_key(key, &key_names(|_| true)));
    }

    fn policy_key(
        &mut self,
        site: Site<'_>,
        key: PolicyKey,
        node: &Node,
        draft: &mut Draft<'_>,
        options: &mut Options,
    ) {
        match key {
            PolicyKey::DenyOrigins => {
                let Some(list) = self.list(site, node) else { return };
                for (place, node) in list.entries(site.place) {
                    let site = Site { place: &place, line: node.line, ..site };
                    let Some(text) = self.entry(site, node) else { continue };
                    draft.denies = true;
                    if text == "*" {
                        self.refuse(site, node, MistakeKind::DeniesEveryOrigin);
                    } else {
                        self.pattern(site, text, 0, None, draft);
                    }
                }
            }
            PolicyKey::UpstreamHeaders => {
                let known =
                    [("replace", UpstreamHeaders::Replace), ("keep", UpstreamHeaders::Keep)];
                if let Some(value) = self.choice(site, node, &known) {
                    options.upstream_headers = value;
                }
            }
            PolicyKey::Preflight => {
                let known =
                    [("answer", PreflightMode::Answer), ("forward", PreflightMode::Forward)];
                if let Some(value) = self.choice(site, node, &known) {
                    options.preflight = value;
                }
            }
            PolicyKey::PreflightStatus => {
                if let Some(value) = self.choice(site, node, &[("200", 200), ("204", 204)]) {
                    options.preflight_status = value;
                }
            }
            PolicyKey::Enforce => {
                if let Some(value) = self.boolean(site, node) {
                    options.enforce = value;
                }
            }
            PolicyKey::DangerouslyAllow => {
                let Some(list) = self.list(site, node) else { return };
                for (place, node) in list.entries(site.place) {
                    let site = Site { place: &place, line: node.line, ..site };
                    let Some(text) = self.entry(site, node) else { continue };
                    if Danger::from_str(text).is_err() {
                        let known = Danger::ALL.map(Danger::as_str);
                        self.refuse(site, node, unknown_value(text, &known));
                    }
                }
            }
        }
    }

    fn rule_key(
        &mut self,
        site: Site<'_>,
        key: RuleKey,
        node: &Node,
        rank: Rank,
        rule: &mut RuleDraft,
        draft: &mut Draft<'_>,
    ) {
        match key {
            RuleKey::AllowOrigins => {
                let Some(list) = self.list(site, node) else { return };
                if list.nodes.is_empty() {
                    self.add(site, None, MistakeKind::EmptyList);
                }
                for (place, node) in list.entries(site.place) {
                    let site = Site { place: &place, line: node.line, ..site };
                    if let Some(text) = self.entry(site, node) {
                        self.pattern(site, text, rank, Some(rule), draft);
                    }
                }
            }
            RuleKey::AllowOriginsFile => self.origins_file(site, node, rank, rule, draft),
            RuleKey::AllowMethods => {
                // Both spellings together can only be meant.
                let lists_patch = holds(node, "PATCH");
                let methods = self.names(site, node, None, |method| match method {
                    "*" => Ok(()),
                    "patch" if !lists_patch => Err(MistakeKind::Method(MethodError::Patch)),
                    _ => allow_methods::check(method).map_err(MistakeKind::Method),
                });
                let Some(methods) = methods else { return };
                if matches!(&node.value, Value::List(list) if list.is_empty()) {
                    self.add(site, None, MistakeKind::EmptyList);
                }
                rule.settings.allow_methods = match methods.first() {
                    Some(star) if &**star == "*" => AllowMethods::Any,
                    _ => AllowMethods::Listed(methods),
                };
            }
            RuleKey::AllowHeaders => {
                let headers = self.names(site, node, Some("Authorization"), |name| match name {
                    "*" => Ok(()),
                    _ => allow_headers::check(name).map_err(MistakeKind::HeaderName),
                });
                if let Some(headers) = headers {
                    rule.settings.allow_headers = AllowHeaders::new(headers);
                }
            }
            RuleKey::ExposeHeaders => {
                let credentials = rule.credentials;
                let headers = self.names(site, node, Some("Authorization"), |name| match name {
                    "*" if credentials => Err(MistakeKind::ExposesEverythingWithCredentials),
                    "*" => Ok(()),
                    _ => expose_headers::check(name).map_err(MistakeKind::HeaderName),
                });
                if let Some(headers) = headers {
                    rule.settings.expose_headers = ExposeHeaders(headers);
                }
            }
            RuleKey::AllowCredentials => {
                if let Some(value) = self.boolean(site, node) {
                    rule.settings.allow_credentials = AllowCredentials(value);
                }
            }
            RuleKey::MaxAge => match &node.value {
                Value::Number(text) | Value::String(text) => match MaxAge::parse(text) {
                    Ok(max_age) => rule.settings.max_age = Some(max_age),
                    Err(error) => self.refuse(site, node, MistakeKind::MaxAge(error)),
                },
                _ => self.wrong_key_type(site, node),
            },
            RuleKey::AllowPrivateNetwork => {
                if let Some(value) = self.boolean(site, node) {
                    rule.settings.allow_private_network = AllowPrivateNetwork(value);
                }
            }
            RuleKey::TimingAllowOrigin => {
                if let Some(value) = self.boolean(site, node) {
                    rule.settings.timing_allow_origin = TimingAllowOrigin(value);
                }
            }
        }
    }

    /// One origin pattern of a policy; of a rule, unless it denies.
    fn pattern(
        &mut self,
        site: Site<'_>,
        text: &str,
        rank: Rank,
        rule: Option<&mut RuleDraft>,
        draft: &mut Draft<'_>,
    ) {
        let pattern = match OriginPattern::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => {
                return self.add(site, Some(quote(text)), MistakeKind::Pattern(error));
            }
        };
        if let Some(rule) = rule {
            rule.settings.any |= matches!(pattern, OriginPattern::Any);
            rule.settings.null |= matches!(pattern, OriginPattern::Null);
            // Only what is allowed can be dangerous.
            for guard in pattern.guards(rule.credentials) {
                if !draft.open.contains(&guard.opened_by()) {
                    self.add(site, Some(quote(text)), MistakeKind::Guard(guard));
                }
            }
        }
        draft.matcher.add(rank, &pattern);
        self.patterns.visit(draft.name, rank, &pattern, text, &site);
    }

    fn origins_file(
        &mut self,
        site: Site<'_>,
        node: &Node,
        rank: Rank,
        rule: &mut RuleDraft,
        draft: &mut Draft<'_>,
    ) {
        let name = match &node.value {
            Value::String(name) if !name.trim().is_empty() => name,
            Value::String(_) => return self.add(site, None, MistakeKind::NoValue),
            _ => return self.wrong_key_type(site, node),
        };
        let path = self.file.parent().unwrap_or(Path::new("")).join(name);
        draft.files.push(path.clone());
        let file: Arc<Path> = path.into();
        let mistakes = self.mistakes.count();
        let mut lines = 0_usize;
        let read = OriginsFile::open(&file).and_then(|list| {
            draft.matcher.reserve(list.length());
            list.read(|number, line| {
                let site = Site { file: &file, line: Some(number), ..site };
                lines += 1;
                match line {
                    Line::TooLong => {
                        let kind = MistakeKind::LineTooLong { limit: origins_file::MAX_LINE };
                        self.add(site, None, kind);
                    }
                    Line::Pattern(bytes) => match std::str::from_utf8(bytes) {
                        Ok(text) => self.pattern(site, text, rank, Some(rule), draft),
                        Err(_) => {
                            let shown = quote(&String::from_utf8_lossy(bytes));
                            self.add(site, Some(shown), MistakeKind::NotUtf8);
                        }
                    },
                }
            })
        });
        let site = Site { file: &file, line: None, ..site };
        if let Err(kind) = read {
            self.add(site, None, kind);
        } else if lines == 0 && !rule.lists_origins && self.mistakes.count() == mistakes {
            self.add(site, None, MistakeKind::NoOrigins);
        }
    }

    /// The entries of a list of methods or header names, those with mistakes left out. `*` stands
    /// alone, or beside what it does not cover.
    fn names(
        &mut self,
        site: Site<'_>,
        node: &Node,
        not_covered: Option<&str>,
        check: impl Fn(&str) -> Result<(), MistakeKind>,
    ) -> Option<Vec<Box<str>>> {
        let list = self.list(site, node)?;
        let star = holds(node, "*") && check("*").is_ok();
        let covered = |text: &str| {
            star && text != "*" && !not_covered.is_some_and(|name| text.eq_ignore_ascii_case(name))
        };
        let mut names = Vec::with_capacity(list.nodes.len());
        for (place, node) in list.entries(site.place) {
            let site = Site { place: &place, line: node.line, ..site };
            let Some(text) = self.entry(site, node) else { continue };
            match check(text) {
                Ok(()) if covered(text) => self.refuse(site, node, MistakeKind::CoveredByStar),
                Ok(()) => names.push(text.into()),
                Err(kind) => self.refuse(site, node, kind),
            }
        }
        Some(names)
    }

    /// The nodes of a list, or the one text that stands for a list of one.
    fn list<'n>(&mut self, site: Site<'_>, node: &'n Node) -> Option<List<'n>> {
        match &node.value {
            Value::List(nodes) => Some(List { nodes, is_one_text: false }),
            Value::String(text) => {
                let entries = split(text);
                if entries.len() > 1 {
                    self.refuse(site, node, MistakeKind::SeveralInOne { entries });
                    return None;
                }
                Some(List { nodes: slice::from_ref(node), is_one_text: true })
            }
            _ => {
                self.wrong_key_type(site, node);
                None
            }
        }
    }

    /// The text of an entry of a list, unless it is something else or nothing.
    fn entry<'n>(&mut self, site: Site<'_>, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::String(text) if !text.trim().is_empty() => return Some(text),
            Value::String(_) | Value::Null => self.add(site, None, MistakeKind::EmptyEntry),
            _ => self.wrong_type(site, node, Expected::Entry),
        }
        None
    }

    fn boolean(&mut self, site: Site<'_>, node: &Node) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            Some(value)
        } else {
            self.wrong_key_type(site, node);
            None
        }
    }

    /// One of a few words or numbers.
    fn choice<T: Copy>(
        &mut self,
        site: Site<'_>,
        node: &Node,
        known: &[(&'static str, T)],
    ) -> Option<T> {
        let (Value::String(text) | Value::Number(text)) = &node.value else {
            self.wrong_key_type(site, node);
            return None;
        };
        let found = known.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            self.refuse(site, node, unknown_value(text, &words));
        }
        found.map(|(_, value)| *value)
    }

    /// The text of a key, unless something is wrong with it. `seen` is for the keys of one
    /// mapping.
    fn key<'n>(&mut self, site: Site<'_>, key: &'n Node, seen: &mut Seen<'n>) -> Option<&'n str> {
        let text = match &key.value {
            Value::String(text) => text,
            Value::Tagged(tag) => {
                self.add(site.at(key.line), None, MistakeKind::Tag(tag.clone()));
                return None;
            }
            _ => {
                self.refuse(site.at(key.line), key, MistakeKind::KeyNotText);
                return None;
            }
        };
        let kind = if text == "<<" {
            MistakeKind::MergeKey
        } else if let Some(first) = seen.get(text.as_str()) {
            MistakeKind::DuplicateKey { first: *first }
        } else {
            seen.insert(text, key.line);
            return Some(text);
        };
        let place = site.place.key(text);
        self.add(Site { place: &place, line: key.line, ..site }, None, kind);
        None
    }
}

/// One rule on its way.
struct RuleDraft {
    settings: RuleSettings,
    /// What `allow_credentials` means, even where it is not written as a boolean: guards depend
    /// on it, wherever in the rule it stands.
    credentials: bool,
    lists_origins: bool,
}

impl RuleDraft {
    fn new(map: &[(Node, Node)]) -> Self {
        let credentials = match get(map, "allow_credentials").map(|node| &node.value) {
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) => truth(text).unwrap_or(false),
            _ => false,
        };
        Self {
            settings: RuleSettings::default(),
            credentials,
            lists_origins: get(map, "allow_origins").is_some(),
        }
    }
}

/// The entries of a list.
struct List<'n> {
    nodes: &'n [Node],
    /// There is one entry, which stands in place of a list.
    is_one_text: bool,
}

impl<'n> List<'n> {
    /// The entries and their places.
    fn entries<'p>(&self, list: &'p Place<'p>) -> impl Iterator<Item = (Place<'p>, &'n Node)> {
        let is_one_text = self.is_one_text;
        self.nodes.iter().enumerate().map(move |(index, node)| {
            (if is_one_text { *list } else { Place::Index(list, index) }, node)
        })
    }
}

/// Whether this is one of the entries of a list, or the one that stands for it.
fn holds(node: &Node, entry: &str) -> bool {
    let is_entry = |node: &Node| matches!(&node.value, Value::String(text) if text == entry);
    match &node.value {
        Value::List(list) => list.iter().any(is_entry),
        _ => is_entry(node),
    }
}

fn get<'n>(map: &'n [(Node, Node)], name: &str) -> Option<&'n Node> {
    map.iter()
        .find(|(key, _)| matches!(&key.value, Value::String(text) if text == name))
        .map(|(_, node)| node)
}

fn names_origins(map: &[(Node, Node)]) -> bool {
    get(map, "allow_origins").is_some() || get(map, "allow_origins_file").is_some()
}

/// The dangers that a `dangerously_allow` names; what is wrong with it is reported elsewhere.
fn dangers(node: &Node) -> Vec<Danger> {
    Danger::ALL.into_iter().filter(|danger| holds(node, danger.as_str())).collect()
}

/// The entries that someone meant by one text: a regular expression may hold commas, nothing
/// else may hold commas or spaces.
fn split(text: &str) -> Vec<String> {
    if text.starts_with("regex:") {
        return vec![text.to_owned()];
    }
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .take(10)
        .map(quote)
        .collect()
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
        Value::Tagged(_) => "a tag",
    }
}

/// A value as it was written, cut; of a list or a mapping, only that it is one.
fn written(node: &Node) -> Option<String> {
    match &node.value {
        Value::Null => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(text) => Some(text.clone()),
        Value::String(text) => Some(quote(text)),
        Value::List(_) => Some("[…]".to_owned()),
        Value::Map(_) => Some("{…}".to_owned()),
        Value::Tagged(tag) => Some(quote(tag)),
    }
}

fn key_names(include: impl Fn(Key) -> bool) -> Vec<&'static str> {
    KEYS.iter().filter(|spec| include(spec.key)).map(|spec| spec.name).collect()
}

fn unknown_key(key: &str, known: &[&'static str]) -> MistakeKind {
    MistakeKind::UnknownKey { nearest: nearest(key, known.iter().copied()), known: known.to_vec() }
}

fn unknown_value(value: &str, known: &[&'static str]) -> MistakeKind {
    MistakeKind::UnknownValue {
        nearest: nearest(value, known.iter().copied()),
        known: known.to_vec(),
    }
}
