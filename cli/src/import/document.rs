//! Writing the policy document.

use std::path::Path;

use cors_policy::document::{Mistake, MistakeKind, parse};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::model::Policy;

/// The widest line that is not one long word, in bytes.
const WIDTH: usize = 100;

#[derive(Serialize)]
struct Document<'p> {
    version: u8,
    policies: One<'p>,
}

/// A mapping with one policy.
struct One<'p> {
    name: &'p str,
    policy: &'p Policy,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, self.policy)?;
        map.end()
    }
}

/// The text of a document with these policies, at least one.
///
/// The library writes one policy at a time, each in a document of its own. What these documents have
/// in common, their first lines, is written once, and comments come before the lines of a policy.
///
/// # Errors
///
/// If the library refuses a value, which none of a policy is.
pub(crate) fn write(policies: &[(String, Policy)]) -> Result<String, serde_yaml::Error> {
    let mut text = String::new();
    for (name, policy) in policies {
        let document =
            serde_yaml::to_string(&Document { version: 1, policies: One { name, policy } })?;
        let head = document.split_inclusive('\n').take(2).map(str::len).sum();
        let (head, lines) = document.split_at(head);
        if text.is_empty() {
            text.push_str(head);
        }
        for comment in &policy.comments {
            write_comment(comment, &mut text);
        }
        write_lists_in_rows(lines, &mut text);
    }
    Ok(text)
}

/// The mistakes that the check finds in a document, but for lists of origins that are empty, since
/// nobody knows them yet. There are none unless policies or rules cover each other.
pub(crate) fn mistakes(text: &str) -> Vec<String> {
    let report = match parse(text.as_bytes(), Path::new("cors.yaml")) {
        Ok(_) => return Vec::new(),
        Err(report) => report,
    };
    let is_open = |mistake: &Mistake| {
        *mistake.kind() == MistakeKind::EmptyList && mistake.place().ends_with("allow_origins")
    };
    let errors = report.errors().filter(|mistake| !is_open(mistake));
    errors.map(Mistake::message).collect()
}

/// Writes a comment, over several lines where it is long.
fn write_comment(comment: &str, text: &mut String) {
    const START: &str = "  #";
    let mut line = START.to_owned();
    // A file's own words could hold anything.
    for word in comment.split(|c: char| c.is_whitespace() || c.is_control()) {
        if line.len() > START.len() && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = START.to_owned();
        }
        if !word.is_empty() {
            line.push(' ');
            line.push_str(word);
        }
    }
    text.push_str(&line);
    text.push('\n');
}

/// Writes lines of the library, with lists of scalars in one row where they fit, as people write them.
/// The library itself gives each entry a line.
fn write_lists_in_rows(lines: &str, text: &mut String) {
    let mut lines = lines.lines().peekable();
    while let Some(line) = lines.next() {
        // In a list of rules, the first key follows a dash.
        let key = line.trim_start_matches([' ', '-']);
        let dash = format!("{}- ", " ".repeat(line.len() - key.len()));
        let mut entries = Vec::new();
        // Every other list has scalars for its entries.
        if line.ends_with(':') && key != "rules:" {
            while let Some(entry) = lines.peek().and_then(|next| next.strip_prefix(&dash)) {
                entries.push(entry);
                lines.next();
            }
        }
        let row = format!("{line} [{}]", entries.join(", "));
        if entries.is_empty() {
            text.push_str(line);
        } else if row.len() <= WIDTH && entries.iter().all(|entry| fits_in_row(entry)) {
            text.push_str(&row);
        } else {
            text.push_str(line);
            for entry in entries {
                text.push_str(&format!("\n  {dash}{entry}"));
            }
        }
        text.push('\n');
    }
}

/// Whether a scalar means the same in a list in brackets (YAML 1.2.2, section 7.3.3): the library has
/// quoted it, or it is as simple as names and origins are.
fn fits_in_row(scalar: &str) -> bool {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "-._:/*".contains(c);
    scalar.starts_with(['\'', '"'])
        || (scalar.starts_with(|c: char| c.is_ascii_alphanumeric())
            && scalar.chars().all(is_simple)
            && !scalar.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_yaml::Value;

    use super::*;
    use crate::import::model::{Names, Rule};

    fn rule(origins: &[&str], headers: Names) -> Rule {
        let allow_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        Rule { allow_origins, allow_headers: headers, ..Rule::default() }
    }

    #[test]
    fn a_document_reads_as_people_write_it() {
        let names = Names::Listed(vec!["*".to_owned(), "Authorization".to_owned()]);
        let long: Vec<String> =
            (0..9).map(|index| format!("https://app-{index}.example")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let one = Policy {
            comments: vec!["Ingress api".to_owned(), "word ".repeat(30)],
            preflight_status: Some(200),
            ..Policy::of_rules(vec![rule(
                &["https://a.example", r"regex:https://[a-z]+\.b"],
                names,
            )])
        };
        let two = Policy::of_rules(vec![rule(&long, Names::default()), rule(&["*"], Names::ANY)]);
        let none = Policy::of_rules(vec![rule(&[], Names::default())]);
        let policies =
            [("api".to_owned(), one), ("two".to_owned(), two), ("none".to_owned(), none)];
        let words = ["word"; 19].join(" ");
        assert_eq!(
            write(&policies).unwrap(),
            format!(
                r#"version: 1
policies:
  # Ingress api
  # {words}
  # {}
  api:
    allow_origins:
      - https://a.example
      - regex:https://[a-z]+\.b
    allow_headers: ['*', Authorization]
    preflight_status: 200
  two:
    rules:
    - allow_origins:
        - https://app-0.example
        - https://app-1.example
        - https://app-2.example
        - https://app-3.example
        - https://app-4.example
        - https://app-5.example
        - https://app-6.example
        - https://app-7.example
        - https://app-8.example
    - allow_origins: ['*']
      allow_headers: '*'
  none:
    allow_origins: []
"#,
                ["word"; 11].join(" ")
            )
        );
    }

    #[test]
    fn origins_that_nobody_knows_yet_are_no_mistake() {
        let text = "version: 1\npolicies:\n  a:\n    allow_origins: []\n";
        assert_eq!(mistakes(text), [""; 0]);
        let text = text.replace("[]", "[https://a.example/]");
        assert_eq!(mistakes(&text).len(), 1);
    }

    proptest! {
        /// Whatever a value is, the document says it, by another reading of the library.
        #[test]
        fn every_text_survives(
            texts in prop::collection::vec(
                prop_oneof![
                    "[ -~]{0,24}",
                    select(&["null", "true", "1", "- a", "a: b", "a:", "'a'", "#", "é", "a,b", "*x"][..])
                        .prop_map(str::to_owned),
                ],
                0..6,
            ),
            comment in "\\PC{0,200}",
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let rules = vec![rule(&texts, Names::default()), rule(&texts, Names::ANY)];
            let policy = Policy { comments: vec![comment], ..Policy::of_rules(rules) };
            let text = write(&[("a".to_owned(), policy)]).unwrap();
            let value: Value = serde_yaml::from_str(&text).unwrap();
            for index in 0..2 {
                let origins = &value["policies"]["a"]["rules"][index]["allow_origins"];
                let read: Vec<&str> =
                    origins.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
                prop_assert_eq!(&read, &texts, "{}", text);
            }
        }
    }
}
