//! Searches of expressions, and the groups that they leave behind.

use super::Run;
use crate::{
    Site,
    evaluate::{Regex, Tested, Unknown, Value, regex::Groups},
};

/// `$1` and so on.
#[derive(Clone, Debug, Default)]
pub(super) struct Captures {
    texts: Vec<String>,
    is_part_of_origin: bool,
    unknown: Option<Unknown>,
}

impl Captures {
    /// Those of an expression that matches, as is taken for granted, and of which no more is known.
    fn unknown(unknown: Unknown) -> Self {
        Self { unknown: Some(unknown), ..Self::default() }
    }

    /// The text of a group, from 1.
    pub(super) fn get(&self, number: usize) -> Value {
        if let Some(unknown) = &self.unknown {
            return Value::Unknown(unknown.clone());
        }
        Value::Known {
            text: self.texts.get(number - 1).cloned().unwrap_or_default(),
            is_part_of_origin: self.is_part_of_origin,
        }
    }
}

impl Run<'_> {
    /// Searches an expression, and keeps what its groups match. An `if` or `rewrite` that does not match
    /// (`forgets`) takes away what was kept before.
    pub(super) fn search(
        &mut self,
        regex: &Regex,
        value: &Value,
        site: Site,
        forgets: bool,
    ) -> bool {
        let Value::Known { text, .. } = value else { return false };
        let is_origin = self.look(value, Tested::Regex(regex.clone()), site);
        if !self.config.steps.take_search(regex) {
            return false;
        }
        match regex.groups(text) {
            Ok(Some(groups)) => {
                self.capture_groups(groups, is_origin);
                true
            }
            Ok(None) => {
                if forgets {
                    self.captures = Captures::default();
                }
                false
            }
            Err(unknown) => {
                let condition = format!("{text} ~ {}", regex.pattern());
                self.decide_match(condition, &unknown, site)
            }
        }
    }

    /// What is taken for the match of an expression that cannot be searched.
    pub(super) fn decide_match(
        &mut self,
        condition: String,
        unknown: &Unknown,
        site: Site,
    ) -> bool {
        let decision = self.decisions.decide(condition, unknown, site);
        self.captures =
            if decision { Captures::unknown(unknown.clone()) } else { Captures::default() };
        decision
    }

    /// Keeps what the groups of an expression matched.
    pub(super) fn capture_groups(&mut self, groups: Groups, is_part_of_origin: bool) {
        for (name, text) in groups.named {
            self.assigned.insert(name, Value::Known { text, is_part_of_origin });
        }
        self.captures = Captures { texts: groups.numbered, is_part_of_origin, unknown: None };
    }
}
