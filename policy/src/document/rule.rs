//! One rule: a function for each of its keys, which returns the type of the response header.

use std::path::Path;

use super::{
    keys::{Language, RuleKey},
    mistake_kind::MistakeKind,
    node::{Node, Value},
    open_guards::OpenGuards,
    place::Location,
    policy_origins::{PolicyOrigins, RuleOrigins},
    policy_settings::{is_true, lists_timing_origins},
    reader::{Reader, contains, get, is_empty_list},
};
use crate::{
    headers::{
        MethodError,
        allow_credentials::AllowCredentials,
        allow_headers::{self, AllowHeaders},
        allow_methods::{self, AllowMethods},
        allow_private_network::AllowPrivateNetwork,
        expose_headers::{self, ExposeHeaders},
        is_forbidden_request_header, is_permission_header,
        max_age::MaxAge,
        timing_allow_origin::TimingAllowOrigin,
    },
    origin::Rank,
    policy::RuleSettings,
};

/// Reads the keys of one rule.
pub(super) struct RuleBuilder {
    settings: RuleSettings,
    origins: RuleOrigins,
}

impl RuleBuilder {
    /// For the rule of this rank and mapping, which opens these guards for itself.
    pub(super) fn new(rank: Rank, map: &[(Node, Node)], open: OpenGuards) -> Self {
        // Guards depend on credentials, wherever in the rule the key appears.
        let credentials = is_true(map, "allow_credentials");
        let has_list = get(map, "allow_origins").is_some();
        Self {
            settings: RuleSettings::default(),
            origins: RuleOrigins { rank, credentials, open, has_list, ..RuleOrigins::default() },
        }
    }

    /// The rule, and the guards that it opens. It is complete only if there was no error.
    pub(super) fn finish(self) -> (RuleSettings, OpenGuards) {
        let RuleOrigins { any, null, file, open, .. } = self.origins;
        (RuleSettings { any, null, file, ..self.settings }, open)
    }

    /// Reads the rule's own `dangerously_allow`, in the policy of this name.
    pub(super) fn read_guards(
        &mut self,
        reader: &mut Reader,
        policy: &str,
        location: Location<'_>,
        node: &Node,
    ) {
        self.origins.open.read(reader, policy, location, node);
    }

    /// Reads a key. No key may be read twice.
    pub(super) fn read_key(
        &mut self,
        reader: &mut Reader,
        origins: &mut PolicyOrigins<'_>,
        location: Location<'_>,
        key: RuleKey,
        node: &Node,
    ) {
        let settings = &mut self.settings;
        match key {
            RuleKey::AllowOrigins => {
                allow_origins(reader, origins, location, node, &mut self.origins);
            }
            RuleKey::AllowOriginsFile => {
                allow_origins_file(reader, origins, location, node, &mut self.origins);
            }
            RuleKey::AllowMethods => {
                settings.allow_methods = allow_methods(reader, location, node).unwrap_or_default();
            }
            RuleKey::AllowHeaders => {
                settings.allow_headers = allow_headers(reader, location, node).unwrap_or_default();
            }
            RuleKey::ExposeHeaders => {
                let credentials = self.origins.credentials;
                settings.expose_headers =
                    expose_headers(reader, location, node, credentials).unwrap_or_default();
            }
            RuleKey::AllowCredentials => {
                settings.allow_credentials =
                    reader.boolean(location, node).map(AllowCredentials).unwrap_or_default();
            }
            RuleKey::MaxAge => settings.max_age = max_age(reader, location, node),
            RuleKey::AllowPrivateNetwork => {
                let allow = reader.boolean(location, node).unwrap_or_default();
                if allow {
                    reader.report(location, node, MistakeKind::NobodyAsks);
                }
                settings.allow_private_network = AllowPrivateNetwork(allow);
            }
            RuleKey::TimingAllowOrigin if lists_timing_origins(node) => {
                let belongs = timing_belongs(reader.language());
                reader.add(location, None, MistakeKind::MisplacedKey { belongs });
            }
            RuleKey::TimingAllowOrigin => {
                settings.timing_allow_origin =
                    reader.boolean(location, node).map(TimingAllowOrigin).unwrap_or_default();
            }
        }
    }
}

/// Where a list of origins that may see timings belongs.
fn timing_belongs(language: Language) -> &'static str {
    match language {
        Language::Yaml => "to the policy, beside `rules`, if it lists origins",
        Language::Nginx => "to the policy, beside its `rule` blocks, if it lists origins",
    }
}

fn allow_origins(
    reader: &mut Reader,
    origins: &mut PolicyOrigins<'_>,
    location: Location<'_>,
    node: &Node,
    rule: &mut RuleOrigins,
) {
    if is_empty_list(node) {
        reader.add(location, None, MistakeKind::EmptyList);
    }
    reader.entries(location, node, |reader, location, _, text| {
        origins.allow(reader, location, text, rule);
    });
}

fn allow_origins_file(
    reader: &mut Reader,
    origins: &mut PolicyOrigins<'_>,
    location: Location<'_>,
    node: &Node,
    rule: &mut RuleOrigins,
) {
    match &node.value {
        Value::String(name) if !name.trim().is_empty() => {
            let document = reader.file();
            let path = document.parent().unwrap_or(Path::new("")).join(name);
            origins.allow_file(reader, location, path, rule);
        }
        Value::String(_) => reader.add(location, None, MistakeKind::NoValue),
        _ => reader.wrong_key_type(location, node),
    }
}

fn allow_methods(reader: &mut Reader, location: Location<'_>, node: &Node) -> Option<AllowMethods> {
    if is_empty_list(node) {
        reader.add(location, None, MistakeKind::EmptyList);
    }
    let methods = reader.names(location, node, None, |method| {
        let checked = if method == "*" { Ok(()) } else { allow_methods::check(method) };
        match checked {
            // Beside the usual spelling, another one is no mistake.
            Err(MethodError::OtherCase(upper)) if contains(node, upper) => Ok(None),
            checked => checked.map(|()| None).map_err(MistakeKind::Method),
        }
    })?;
    Some(AllowMethods::new(methods))
}

fn allow_headers(reader: &mut Reader, location: Location<'_>, node: &Node) -> Option<AllowHeaders> {
    let headers = reader.names(location, node, Some("Authorization"), |name| match name {
        "*" => Ok(None),
        _ => {
            allow_headers::check(name).map_err(MistakeKind::HeaderName)?;
            Ok(if is_forbidden_request_header(name) {
                Some(MistakeKind::UnsettableHeader)
            } else if is_permission_header(name) {
                Some(MistakeKind::PermissionHeader)
            } else {
                None
            })
        }
    })?;
    Some(AllowHeaders::new(headers))
}

fn expose_headers(
    reader: &mut Reader,
    location: Location<'_>,
    node: &Node,
    credentials: bool,
) -> Option<ExposeHeaders> {
    let headers = reader.names(location, node, Some("Authorization"), |name| match name {
        "*" if credentials => Err(MistakeKind::ExposesEverythingWithCredentials),
        "*" => Ok(None),
        _ => expose_headers::check(name).map(|()| None).map_err(MistakeKind::HeaderName),
    })?;
    Some(ExposeHeaders(headers))
}

fn max_age(reader: &mut Reader, location: Location<'_>, node: &Node) -> Option<MaxAge> {
    let text = reader.scalar(location, node)?;
    let parsed = MaxAge::parse(text);
    match parsed {
        Ok(max_age) if max_age.is_capped => {
            reader.report(location, node, MistakeKind::MaxAgeCapped);
        }
        Ok(_) => {}
        Err(error) => reader.report(location, node, MistakeKind::MaxAge(error)),
    }
    parsed.ok()
}
