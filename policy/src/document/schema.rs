//! The JSON Schema of the document, for editors.
//!
//! Made from the table of keys that the validation reads, so that neither knows a key that the
//! other does not.

use serde_json::{Map, Value as Json, json};

use super::{
    keys::{KEYS, Key, KeySpec, PolicyKey, RuleKey},
    node::{Node, Value},
    place::MAX_NAME,
    validate::MAX_RULES,
    yaml,
};
use crate::origin::Guard;

/// The JSON Schema (draft 2020-12) of a policy document.
///
/// It knows the keys, the types and the few words that some values are; what makes an origin, a
/// method or a header name is left to the validation.
pub fn schema() -> Json {
    let is_rule_key = |spec: &&KeySpec| matches!(spec.key, Key::Rule(_));
    let requires = |name: &str| json!({ "required": [name] });
    let names_origins = json!([requires("allow_origins"), requires("allow_origins_file")]);
    // Beside rules, a list of origins that may see timings is one of the policy.
    let is_timing = |spec: &&KeySpec| spec.key == Key::Rule(RuleKey::TimingAllowOrigin);
    let boolean_timing = json!({
        "required": ["timing_allow_origin"],
        "properties": { "timing_allow_origin": { "type": "boolean" } },
    });
    let rule_keys: Vec<Json> = KEYS
        .iter()
        .filter(|spec| is_rule_key(spec) && !is_timing(spec))
        .map(|spec| requires(spec.name))
        .chain([boolean_timing])
        .collect();
    let rule_shape = |spec: &KeySpec| match spec.key {
        Key::Rule(RuleKey::TimingAllowOrigin) => object(boolean()),
        key => shape(key),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CORS policies",
        "type": "object",
        "required": ["version", "policies"],
        "additionalProperties": false,
        "properties": {
            "version": { "const": 1, "description": "The version of this format." },
            "policies": {
                "type": "object",
                "description": "The policies by their names.",
                "minProperties": 1,
                "propertyNames": {
                    "pattern": "^[A-Za-z0-9_.-]+$",
                    "maxLength": MAX_NAME,
                    "not": { "const": "off" },
                },
                "additionalProperties": { "$ref": "#/$defs/policy" },
            },
        },
        "$defs": {
            "policy": {
                "type": "object",
                "additionalProperties": false,
                "properties": properties(KEYS.iter(), |spec| shape(spec.key)),
                "oneOf": [
                    { "required": ["rules"], "not": { "anyOf": rule_keys } },
                    { "not": requires("rules"), "anyOf": names_origins },
                ],
                "dependentSchemas": {
                    "own_origins": {
                        "required": ["enforce"],
                        "properties": { "enforce": { "const": true } },
                    },
                },
            },
            "rule": {
                "type": "object",
                "additionalProperties": false,
                "properties":
                    properties(KEYS.iter().filter(|spec| spec.key.is_in_rules()), rule_shape),
                "anyOf": names_origins,
            },
            "boolean": { "type": "boolean" },
            "texts": {
                "anyOf": [
                    { "type": "array", "items": { "type": "string", "minLength": 1 } },
                    { "type": "string", "minLength": 1 },
                ],
            },
        },
    })
}

fn properties<'k>(
    keys: impl Iterator<Item = &'k KeySpec>,
    shape: impl Fn(&KeySpec) -> Map<String, Json>,
) -> Json {
    let property = |spec: &KeySpec| {
        let mut shape = shape(spec);
        shape.insert("description".into(), spec.meaning.into());
        shape.insert("examples".into(), json!([example(spec)]));
        (spec.name.to_owned(), Json::Object(shape))
    };
    Json::Object(keys.map(property).collect())
}

fn shape(key: Key) -> Map<String, Json> {
    let texts = || json!({ "$ref": "#/$defs/texts" });
    object(match key {
        Key::Rule(key) => match key {
            RuleKey::AllowOrigins => json!({ "$ref": "#/$defs/texts", "minItems": 1 }),
            RuleKey::AllowOriginsFile => json!({ "type": "string", "minLength": 1 }),
            RuleKey::AllowMethods => {
                json!({
                    "$ref": "#/$defs/texts",
                    "minItems": 1,
                    "default": ["GET", "HEAD", "POST"],
                })
            }
            RuleKey::AllowHeaders | RuleKey::ExposeHeaders => texts(),
            RuleKey::AllowCredentials | RuleKey::AllowPrivateNetwork => boolean(),
            RuleKey::TimingAllowOrigin => json!({
                "anyOf": [{ "$ref": "#/$defs/boolean" }, { "$ref": "#/$defs/texts", "minItems": 1 }],
                "default": false,
            }),
            RuleKey::MaxAge => json!({
                "anyOf": [
                    { "type": "integer", "minimum": 0 },
                    { "type": "string", "pattern": "^([0-9]+[yMwdhms] *)*[0-9]*$", "minLength": 1 },
                ],
            }),
        },
        Key::Policy(key) => match key {
            PolicyKey::DenyOrigins => texts(),
            PolicyKey::UpstreamHeaders => {
                json!({ "enum": ["replace", "keep", "merge"], "default": "replace" })
            }
            PolicyKey::Preflight => json!({ "enum": ["answer", "forward"], "default": "answer" }),
            PolicyKey::PreflightStatus => {
                json!({ "enum": [200, 204, "200", "204"], "default": 204 })
            }
            PolicyKey::Enforce | PolicyKey::StaticOrigin => boolean(),
            PolicyKey::OwnOrigins => json!({ "$ref": "#/$defs/texts", "minItems": 1 }),
        },
        Key::DangerouslyAllow => {
            let guard = json!({ "enum": Guard::ALL.map(Guard::as_str) });
            json!({ "anyOf": [{ "type": "array", "items": guard }, guard] })
        }
        Key::Rules => json!({
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_RULES,
            "items": { "$ref": "#/$defs/rule" },
        }),
    })
}

fn boolean() -> Json {
    json!({ "$ref": "#/$defs/boolean", "default": false })
}

fn object(shape: Json) -> Map<String, Json> {
    match shape {
        Json::Object(shape) => shape,
        _ => unreachable!("every shape is an object"),
    }
}

/// The example of a key, which is YAML, as JSON.
fn example(spec: &KeySpec) -> Json {
    yaml::read(spec.yaml.as_bytes()).map_or(Json::Null, |node| to_json(&node))
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(text) => text.parse::<i64>().map_or(Json::Null, Json::from),
        Value::String(text) | Value::Tagged(text) => text.as_str().into(),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => map
            .iter()
            .filter_map(|(key, node)| match &key.value {
                Value::String(key) => Some((key.clone(), to_json(node))),
                _ => None,
            })
            .collect::<Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn validator() -> jsonschema::Validator {
        jsonschema::draft202012::new(&schema()).unwrap()
    }

    #[test]
    fn it_is_a_schema_and_knows_the_keys_that_the_validation_knows() {
        assert!(jsonschema::meta::is_valid(&schema()));
        let schema = schema();
        let names = |definition: &str| -> Vec<String> {
            let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
            properties.keys().cloned().collect()
        };
        let mut known: Vec<_> = document::keys().map(str::to_owned).collect();
        known.sort();
        assert_eq!(names("policy"), known);
        for name in names("rule") {
            // The validation takes the same keys, a rule at a time.
            let text = format!("version: 1\npolicies: {{a: {{rules: [{{{name}: }}]}}}}");
            let report = document::parse(text.as_bytes(), "a".as_ref()).unwrap_err();
            for mistake in &report {
                assert!(
                    !matches!(
                        mistake.kind(),
                        document::MistakeKind::UnknownKey { .. }
                            | document::MistakeKind::MisplacedKey { .. }
                    ),
                    "{mistake}"
                );
            }
        }
    }

    #[test]
    fn every_key_has_a_meaning_and_an_example_that_both_accept() {
        for spec in &KEYS {
            assert!(spec.meaning.ends_with('.'), "{}", spec.name);
            let origins = match spec.key {
                Key::Rules | Key::Rule(RuleKey::AllowOrigins) => "",
                _ => "allow_origins: [\"https://a.example\"]",
            };
            let enforce = match spec.key {
                Key::Policy(PolicyKey::OwnOrigins) => "enforce: true",
                _ => "",
            };
            let text = format!(
                "version: 1\npolicies:\n  a:\n    {}: {}\n    {origins}\n    {enforce}\n",
                spec.name, spec.yaml
            );
            let directory = crate::test_directory::TestDirectory::new("schema");
            directory.write("partners.txt", "https://b.example\n");
            let file = directory.write("cors.yaml", &text);
            let warnings = document::load(&file).unwrap().warnings;
            // No origin of this document needs a guard.
            assert_eq!(warnings.is_empty(), spec.key != Key::DangerouslyAllow, "{text}");
            let json = to_json(&yaml::read(text.as_bytes()).unwrap());
            let errors: Vec<_> =
                validator().iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{text}: {errors:?}");
        }
    }

    #[test]
    fn it_accepts_what_the_validation_only_warns_of() {
        for policy in [
            "{allow_origins: ['*'], max_age: 90000}",
            "{allow_origins: ['*'], max_age: 2d}",
            "{allow_origins: ['*'], allow_headers: [DNT, Access-Control-Allow-Origin]}",
            "{allow_origins: ['*'], allow_private_network: true}",
            "{allow_origins: ['*'], dangerously_allow: [null_origin]}",
            "{rules: [{allow_origins: ['*'], dangerously_allow: null_origin}]}",
        ] {
            let text = format!("version: 1\npolicies: {{a: {policy}}}");
            let read = document::parse(text.as_bytes(), "a".as_ref()).unwrap();
            assert!(!read.warnings.is_empty(), "{policy}");
            let json = to_json(&yaml::read(text.as_bytes()).unwrap());
            assert!(validator().is_valid(&json), "{policy}");
        }
        for policy in [
            "{allow_origins: ['*'], timing_allow_origin: '*'}",
            "{rules: [{allow_origins: ['*']}], timing_allow_origin: ['https://a.b']}",
            "{allow_origins: ['https://a.b'], upstream_headers: merge, static_origin: true}",
        ] {
            let text = format!("version: 1\npolicies: {{a: {policy}}}");
            let read = document::parse(text.as_bytes(), "a".as_ref()).unwrap();
            assert_eq!(read.warnings, [], "{policy}");
            assert!(
                validator().is_valid(&to_json(&yaml::read(text.as_bytes()).unwrap())),
                "{text}"
            );
        }
        // Guards stand beside rules as well as in them.
        let text = "version: 1\npolicies: {a: {dangerously_allow: [null_origin], \
                    rules: [{allow_origins: ['null'], dangerously_allow: []}]}}";
        assert_eq!(document::parse(text.as_bytes(), "a".as_ref()).unwrap().warnings, []);
        assert!(validator().is_valid(&to_json(&yaml::read(text.as_bytes()).unwrap())));
    }

    #[test]
    fn it_refuses_what_the_validation_refuses_by_type() {
        for (sentence, policy) in [
            ("unknown key", "{allow_origin: [a]}"),
            ("no origins", "{allow_methods: [GET]}"),
            ("empty list of origins", "{allow_origins: []}"),
            ("empty entry", "{allow_origins: ['']}"),
            ("null entry", "{allow_origins: [null]}"),
            ("boolean as a word", "{allow_origins: ['*'], allow_credentials: yes}"),
            ("time as a list", "{allow_origins: ['*'], max_age: [1]}"),
            ("time below zero", "{allow_origins: ['*'], max_age: -1}"),
            ("time that is none", "{allow_origins: ['*'], max_age: soon}"),
            ("unknown status", "{allow_origins: ['*'], preflight_status: 201}"),
            ("unknown word", "{allow_origins: ['*'], preflight: ignore}"),
            ("unknown guard", "{allow_origins: ['*'], dangerously_allow: [everything]}"),
            ("rules beside rule keys", "{rules: [{allow_origins: ['*']}], max_age: 1}"),
            ("no rules", "{rules: []}"),
            ("policy key in a rule", "{rules: [{allow_origins: ['*'], enforce: true}]}"),
            ("own origins without enforce", "{allow_origins: ['*'], own_origins: ['http://a.b']}"),
            (
                "own origins without enforcing",
                "{allow_origins: ['*'], enforce: false, own_origins: ['http://a.b']}",
            ),
            ("no own origins", "{allow_origins: ['*'], enforce: true, own_origins: []}"),
            ("no origins for timings", "{allow_origins: ['*'], timing_allow_origin: []}"),
            ("number for timings", "{allow_origins: ['*'], timing_allow_origin: 1}"),
            (
                "origins for timings in a rule",
                "{rules: [{allow_origins: ['*'], timing_allow_origin: ['http://a.b']}]}",
            ),
            (
                "boolean for timings beside rules",
                "{rules: [{allow_origins: ['*']}], timing_allow_origin: true}",
            ),
            ("unknown way to treat headers", "{allow_origins: ['*'], upstream_headers: add}"),
        ] {
            let text = format!("version: 1\npolicies: {{a: {policy}}}");
            assert!(document::parse(text.as_bytes(), "a".as_ref()).is_err(), "{sentence}");
            let json = to_json(&yaml::read(text.as_bytes()).unwrap());
            assert!(!validator().is_valid(&json), "{sentence}");
        }
        for text in [
            "policies: {a: {allow_origins: ['*']}}",
            "version: 2\npolicies: {a: {allow_origins: ['*']}}",
            "version: 1",
            "version: 1\npolicies: {}",
            "version: 1\npolicies: {off: {allow_origins: ['*']}}",
            "version: 1\npolicies: {a b: {allow_origins: ['*']}}",
        ] {
            assert!(document::parse(text.as_bytes(), "a".as_ref()).is_err(), "{text}");
            assert!(
                !validator().is_valid(&to_json(&yaml::read(text.as_bytes()).unwrap())),
                "{text}"
            );
        }
    }
}
