//! A policy document with the lines that are suggested, as the engine reads it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use cors_policy::document::{self, Mistake};
use cors_policy::{Decision, OriginHeader, Policy};
use serde_yaml::Value;

use crate::input::{self, MAX_STREAM, Unusable};

/// A document that grows by lines which pass the check.
pub(super) struct Amendment {
    /// As the engine names it.
    path: PathBuf,
    file: String,
    /// The document with the lines so far.
    value: Value,
    /// Its policies, with the lines so far.
    policies: Vec<Policy>,
}

impl Amendment {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has mistakes.
    pub(super) fn read(file: &Path) -> Result<Self, Unusable> {
        let path = input::name(file).into_owned();
        let name = path.display().to_string();
        let other = |error: String| Unusable::Other(format!("{name}: {error}"));
        if file.extension().is_some_and(|extension| extension == "conf") {
            let advice = "this is no policy document; give the file that cors_policy_file names";
            return Err(other(advice.to_owned()));
        }
        let mut text = Vec::new();
        let stream = match input::open_stream(file) {
            Some(stream) => stream,
            None => File::open(file).map(|file| Box::new(file) as _),
        };
        stream
            .and_then(|stream| stream.take(MAX_STREAM).read_to_end(&mut text))
            .map_err(|error| other(error.to_string()))?;
        let policies = document::parse(&text, &path)
            .map_err(|report| Unusable::from(report).without_warnings())?
            .value;
        let value = serde_yaml::from_slice(&text).map_err(|error| other(error.to_string()))?;
        Ok(Self { path, file: name, value, policies })
    }

    /// The name of the document.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Whether the document has a policy.
    pub(super) fn has(&self, policy: &str) -> bool {
        self.policy(policy).is_some()
    }

    fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name() == name)
    }

    /// Whether a policy allows an origin.
    pub(super) fn allows(&self, policy: &str, origin: &str) -> bool {
        self.policy(policy).is_some_and(|policy| allows(policy, origin))
    }

    /// The rule of a policy that allows an origin; the first one if none does. `None` for a policy without
    /// `rules`.
    pub(super) fn rule_of(&self, policy: &str, origin: Option<&str>) -> Option<usize> {
        let has_rules = self.value.get("policies")?.get(policy)?.get("rules").is_some();
        let rule = || {
            let origin = OriginHeader::One(origin?.as_bytes());
            self.policy(policy)?.decide(origin).rule()
        };
        has_rules.then(|| rule().unwrap_or(0))
    }

    /// Adds as many of the origins to a list as the engine takes. Gives the others, each with the reason.
    pub(super) fn add(
        &mut self,
        policy: &str,
        rule: Option<usize>,
        origins: &[&str],
    ) -> Vec<(String, String)> {
        match (self.try_all(policy, rule, origins), origins) {
            (Ok(()), _) | (Err(_), []) => Vec::new(),
            (Err(reason), [origin]) => vec![((*origin).to_owned(), reason)],
            (Err(_), _) => {
                let (first, second) = origins.split_at(origins.len() / 2);
                let mut refused = self.add(policy, rule, first);
                refused.extend(self.add(policy, rule, second));
                refused
            }
        }
    }

    /// Adds all origins, or none.
    fn try_all(
        &mut self,
        policy: &str,
        rule: Option<usize>,
        origins: &[&str],
    ) -> Result<(), String> {
        let mut value = self.value.clone();
        let list = value.get_mut("policies").and_then(|policies| policies.get_mut(policy));
        let list = match rule {
            Some(rule) => list.and_then(|it| it.get_mut("rules")?.get_mut(rule)),
            None => list,
        };
        let keys = list.and_then(Value::as_mapping_mut).ok_or("the document has no such list")?;
        let entry = keys.entry("allow_origins".into()).or_insert(Value::Sequence(Vec::new()));
        if !entry.is_sequence() {
            *entry = Value::Sequence(vec![std::mem::take(entry)]);
        }
        if let Value::Sequence(list) = entry {
            list.extend(origins.iter().map(|&origin| Value::from(origin)));
        }
        let text = serde_yaml::to_string(&value).map_err(|error| error.to_string())?;
        let policies = document::parse(text.as_bytes(), &self.path)
            .map_err(|report| report.errors().next().map(reason).unwrap_or_default())?
            .value;
        let amended = policies.iter().find(|it| it.name() == policy);
        if !amended.is_some_and(|amended| origins.iter().all(|origin| allows(amended, origin))) {
            return Err("the policy refuses it even if it is listed; see deny_origins".to_owned());
        }
        (self.value, self.policies) = (value, policies);
        Ok(())
    }
}

/// Why the check refuses a line, and what to write instead. Place and value would be those of the line.
fn reason(mistake: &Mistake) -> String {
    format!("{}; {}", mistake.problem(), mistake.remedy())
}

fn allows(policy: &Policy, origin: &str) -> bool {
    policy.decide(OriginHeader::One(origin.as_bytes())).decision() == Decision::Allowed
}
