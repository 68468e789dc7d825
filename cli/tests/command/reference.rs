//! docs/policy.md describes the policy document that there is: its keys, their types, defaults and
//! places, the guards and the limits, as the schema has them.

use std::{collections::BTreeMap, fs};

use crate::run::{fences, project, run};
use serde_json::Value;

fn page() -> String {
    fs::read_to_string(project().join("docs/policy.md")).unwrap()
}

fn schema() -> Value {
    run(&["schema"]).json()
}

/// The descriptions of a key on the page and in the schema.
#[derive(Debug, PartialEq)]
struct Key {
    kind: String,
    default: String,
    place: String,
}

/// The part of the page below a heading, up to the next heading of its level or above.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let level = heading.split(' ').next().unwrap().len();
    let start = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let below = &page[start + heading.len() + 2..];
    let is_end = |line: &&str| {
        let hashes = line.len() - line.trim_start_matches('#').len();
        (1..=level).contains(&hashes) && line[hashes..].starts_with(' ')
    };
    let end = below.lines().find(is_end).and_then(|line| below.find(&format!("\n{line}\n")));
    &below[..end.unwrap_or(below.len())]
}

/// The keys as the page describes them: a heading each, and the three lines below it.
fn described() -> BTreeMap<String, Key> {
    let page = page();
    let keys = section(&page, "## Keys");
    let names = keys.lines().filter_map(|line| line.strip_prefix("### "));
    let key = |name: &str| {
        let text = section(&page, &format!("### {name}"));
        let line = |label: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(label));
            line.unwrap_or_else(|| panic!("{name}: no line `{label}`")).trim().to_owned()
        };
        Key { kind: line("Type:"), default: line("Default:"), place: line("Place:") }
    };
    names.map(|name| (name.to_owned(), key(name))).collect()
}

/// The keys as the schema has them.
fn known() -> BTreeMap<String, Key> {
    let schema = schema();
    let keys = |of: &str| schema["$defs"][of]["properties"].as_object().unwrap().clone();
    let in_rule = keys("rule");
    let key = |name: &str, shape: &Value| Key {
        kind: type_of(shape),
        default: default_of(shape),
        place: if in_rule.contains_key(name) { "policy or rule" } else { "policy" }.to_owned(),
    };
    keys("policy").iter().map(|(name, shape)| (name.clone(), key(name, shape))).collect()
}

/// The values of an enumeration, each once: numbers may be texts too.
fn words(values: &Value) -> Vec<String> {
    let mut words = Vec::new();
    for word in values.as_array().unwrap().iter().map(plain) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_list(shape: &Value) -> bool {
    shape["$ref"] == "#/$defs/texts" || shape["anyOf"][0]["type"] == "array"
}

fn type_of(shape: &Value) -> String {
    if is_list(shape) {
        return "list".to_owned();
    }
    if shape["anyOf"][0]["$ref"] == "#/$defs/boolean" {
        return "boolean".to_owned();
    }
    match (&shape["$ref"], &shape["type"], &shape["enum"], &shape["anyOf"][0]["type"]) {
        (reference, ..) if reference == "#/$defs/boolean" => "boolean".to_owned(),
        (_, of, ..) if of == "string" => "text".to_owned(),
        (_, of, ..) if of == "array" => "list of rules".to_owned(),
        (_, _, Value::Array(_), _) => format!("`{}`", words(&shape["enum"]).join("` or `")),
        (.., first) if first == "integer" => "time".to_owned(),
        _ => panic!("no name for the type of {shape}"),
    }
}

fn default_of(shape: &Value) -> String {
    match (shape.get("default"), shape.get("minItems")) {
        (Some(Value::Array(list)), _) => {
            format!("`[{}]`", list.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        (Some(value), _) => format!("`{}`", plain(value)),
        (None, None) if is_list(shape) => "`[]`".to_owned(),
        (None, _) => "–".to_owned(),
    }
}

#[test]
fn every_key_is_described_and_every_description_is_of_a_key() {
    let (described, known) = (described(), known());
    assert_eq!(
        described.keys().collect::<Vec<_>>(),
        known.keys().collect::<Vec<_>>(),
        "the headings below `## Keys`, and the keys of the schema"
    );
    for (name, key) in known {
        let Key { kind, default, place } = &described[&name];
        // Behind the type the page may say more about it.
        let rest = kind.strip_prefix(&key.kind);
        assert!(
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', ':'])),
            "{name}: Type: {}, and not {kind}",
            key.kind
        );
        assert_eq!((default, place), (&key.default, &key.place), "{name}: Default: and Place:");
    }
}

#[test]
fn every_key_has_an_example() {
    let page = page();
    let examples: String = fences(&page, "yaml").into_iter().map(|(_, text)| text).collect();
    for name in known().keys() {
        assert!(examples.contains(&format!(" {name}:")), "{name}");
    }
}

/// The first cells of the rows of a table.
fn rows(text: &str) -> Vec<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `"));
    cells.filter_map(|rest| rest.split_once('`')).map(|(cell, _)| cell.to_owned()).collect()
}

#[test]
fn every_guard_is_described() {
    let page = page();
    let key = &schema()["$defs"]["policy"]["properties"]["dangerously_allow"];
    let known = words(&key["anyOf"][1]["enum"]);
    assert_eq!(rows(section(&page, "### dangerously_allow")), known);
    let security = fs::read_to_string(project().join("docs/security.md")).unwrap();
    assert_eq!(rows(section(&security, "## What the guards are for")), known);
}

#[test]
fn the_limits_are_those_of_the_schema() {
    let page = page();
    let schema = schema();
    let policy = &schema["$defs"]["policy"]["properties"];
    let name = &schema["properties"]["policies"]["propertyNames"]["maxLength"];
    let limits = section(&page, "## Limits");
    for row in [
        format!("| name of a policy | {name} bytes |"),
        format!("| `rules` | {} |", policy["rules"]["maxItems"]),
    ] {
        assert!(limits.contains(&row), "{row}");
    }
}
