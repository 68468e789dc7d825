//! Results in the Static Analysis Results Interchange Format, for code scanning.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::path::{Component, Path};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{rest, rest_of_guards};
use crate::{
    check::{
        checked::Checked,
        finding::{Finding, Rule},
    },
    input::Unusable,
    output,
};

/// What a path of a URI cannot hold (RFC 3986, section 3.3).
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where rules are described. Code scanning demands a text.
const HELP: &str = "Each message says what to write instead. docs/policy.md describes the keys of a policy and \
                    the guards, docs/directives.md the directives of nginx.conf.";

/// A result (section 3.27).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'f> {
    rule_id: &'f str,
    rule_index: usize,
    level: &'f str,
    message: Value,
    locations: [Value; 1],
}

/// Prints the results of all files as one run.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(all: &[Checked], strict: bool) -> Result<(), Unusable> {
    let guards: Vec<Finding> =
        all.iter().flat_map(|checked| &checked.guards).map(Finding::from).collect();
    let findings = all.iter().flat_map(|checked| &checked.findings).chain(&guards);
    let mut rules = Vec::new();
    let results: Vec<_> = findings.map(|finding| result(finding, &mut rules)).collect();
    let omitted = all.iter().flat_map(|checked| {
        let name = checked.file.display();
        let notification = move |level, rest: Option<String>| {
            let text = format!("{name}: {}", rest?);
            Some(json!({ "level": level, "message": { "text": text } }))
        };
        let errors = notification("error", rest(checked.omitted));
        errors.into_iter().chain(notification("note", rest_of_guards(checked.omitted_guards)))
    });
    let is_accepted = all.iter().all(|checked| checked.is_accepted(strict));
    output::print_json(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cors-policy",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(descriptor).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": true,
                "exitCode": if is_accepted { 0 } else { 2 },
                "toolExecutionNotifications": omitted.collect::<Vec<_>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))?;
    Ok(())
}

/// A finding as a result. Its rule is added to `rules`, if it is not there.
fn result<'f>(finding: &'f Finding, rules: &mut Vec<Rule>) -> SarifResult<'f> {
    let known = rules.iter().position(|rule| rule.id == finding.rule.id);
    let rule_index = known.unwrap_or_else(|| {
        rules.push(finding.rule);
        rules.len() - 1
    });
    SarifResult {
        rule_id: finding.rule.id,
        rule_index,
        level: finding.level.as_str(),
        message: json!({ "text": finding.text() }),
        locations: [location(finding)],
    }
}

/// A kind of finding (section 3.49).
fn descriptor(rule: &Rule) -> Value {
    let description = json!({ "text": rule.description });
    json!({
        "id": rule.id,
        "shortDescription": description,
        "fullDescription": description,
        "help": { "text": HELP },
    })
}

/// The place of a finding (section 3.28). Columns are not known.
fn location(finding: &Finding) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&finding.file) } });
    if let Some(line) = finding.line {
        physical["region"] = json!({ "startLine": line });
    }
    if finding.place.is_empty() {
        return json!({ "physicalLocation": physical });
    }
    json!({
        "physicalLocation": physical,
        "logicalLocations": [{ "fullyQualifiedName": finding.place }],
    })
}

/// A path as a reference: relative to the working directory, which is the checkout, or absolute.
fn uri(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => {
            Some(utf8_percent_encode(&name.to_string_lossy(), NOT_IN_PATHS).to_string())
        }
        Component::ParentDir => Some("..".to_owned()),
        Component::RootDir => Some(String::new()),
        Component::CurDir | Component::Prefix(_) => None,
    });
    let mut uri = parts.collect::<Vec<_>>().join("/");
    if path.is_absolute() {
        uri.insert_str(0, "file://");
    } else if uri.split('/').next().is_some_and(|first| first.contains(':')) {
        // Otherwise it would be a scheme (section 4.2 of RFC 3986).
        uri.insert_str(0, "./");
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_reference() {
        for (path, expected) in [
            ("cors.yaml", "cors.yaml"),
            ("./policies/a b.yaml", "policies/a%20b.yaml"),
            ("../x#y?z%.yaml", "../x%23y%3Fz%25.yaml"),
            ("/etc/nginx/cors.yaml", "file:///etc/nginx/cors.yaml"),
            ("a:b.yaml", "./a:b.yaml"),
            ("é.yaml", "%C3%A9.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }
}
