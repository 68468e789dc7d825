//! The conditions of `if`.

use super::Run;
use crate::{
    Site,
    evaluate::{Regex, Template, Test, Tested, Unknown, Value, template::Values},
};

impl Run<'_> {
    /// Whether the condition of an `if` holds.
    pub(super) fn holds(&mut self, test: &Test, site: Site) -> bool {
        match test {
            Test::Set(variable) => self.is_set(variable, site),
            Test::Equal { variable, text, negated } => {
                self.is_equal(variable, text, site) != *negated
            }
            Test::Match { variable, regex, negated } => {
                self.is_match(variable, regex, site) != *negated
            }
            Test::File { operator, path, negated } => {
                let condition = format!("{operator} {path}");
                let unknown = Unknown::File(path.clone());
                self.decisions.decide(condition, &unknown, site) != *negated
            }
            Test::Unknown(text) => {
                let unknown = Unknown::Refused(format!("if {text}"));
                self.decisions.decide(text.clone(), &unknown, site)
            }
        }
    }

    fn is_set(&mut self, variable: &str, site: Site) -> bool {
        let value = self.variable(variable);
        if let Value::Known { is_part_of_origin: true, .. } = value {
            self.look(&value, Tested::Part, site);
        }
        match value {
            Value::Known { text, .. } => !text.is_empty() && text != "0",
            Value::Unknown(unknown) => {
                self.decisions.decide(format!("${variable}"), &unknown, site)
            }
        }
    }

    fn is_equal(&mut self, variable: &str, text: &Template, site: Site) -> bool {
        let left = self.variable(variable);
        let right = text.fill(self);
        match (&left, &right) {
            (Value::Known { text: left_text, .. }, Value::Known { text: right_text, .. }) => {
                self.look(&left, Tested::Text(right_text.clone()), site);
                self.look(&right, Tested::Text(left_text.clone()), site);
                left_text == right_text
            }
            (Value::Unknown(unknown), _) | (_, Value::Unknown(unknown)) => {
                let condition = format!("${variable} = {}", text.source());
                self.decisions.decide(condition, unknown, site)
            }
        }
    }

    fn is_match(&mut self, variable: &str, regex: &Regex, site: Site) -> bool {
        let value = self.variable(variable);
        match &value {
            Value::Known { .. } => self.search(regex, &value, site, true),
            Value::Unknown(unknown) => {
                let operator = if regex.ignores_case() { "~*" } else { "~" };
                let condition = format!("${variable} {operator} {}", regex.pattern());
                self.decide_match(condition, unknown, site)
            }
        }
    }
}
