//! The values of variables on the way of a request.

use super::Run;
use crate::evaluate::{
    Map, Tested, Unknown, Value, config::Definition, template::Values, variables::builtin,
};

/// How deep variables may be made of variables.
const MAX_DEPTH: usize = 32;

impl Values for Run<'_> {
    fn variable(&mut self, name: &str) -> Value {
        if let Some(value) = self.assigned.get(name) {
            return value.clone();
        }
        match self.config.variables.get(name) {
            Some(Definition::Map(map)) => self.map(*map),
            Some(Definition::Set) => Value::text(""),
            Some(Definition::Other(directive, site)) => Value::Unknown(Unknown::Directive {
                variable: name.to_owned(),
                directive: directive.clone(),
                site: *site,
            }),
            None if name == "request_method" => Value::text(self.method()),
            None => builtin(name, self.request, self.path.as_deref(), &self.args),
        }
    }

    fn capture(&mut self, number: usize) -> Value {
        self.captures.get(number)
    }
}

impl Run<'_> {
    /// The value of a map's variable.
    fn map(&mut self, number: usize) -> Value {
        let map = &self.config.maps[number];
        if let Some(value) = self.mapped.get(&number).filter(|_| !map.is_volatile) {
            return value.clone();
        }
        if self.depth == MAX_DEPTH {
            return Value::Unknown(Unknown::Refused("a map of itself".to_owned()));
        }
        self.depth += 1;
        let value = self.look_up(number);
        self.depth -= 1;
        self.mapped.insert(number, value.clone());
        value
    }

    /// What a map gives for the text that its source has now.
    fn look_up(&mut self, number: usize) -> Value {
        let map = &self.config.maps[number];
        let source = map.source.fill(self);
        let text = match &source {
            Value::Unknown(_) => return source,
            Value::Known { text, .. } => text,
        };
        self.look(&source, Tested::Map(number), map.site);
        let found = match map.find_text(text) {
            Some(index) => Ok(Some(index)),
            None => self.find_regex(map, text, &source),
        };
        match found {
            Ok(Some(index)) => map.values[index].value.fill(self),
            Ok(None) => map.default.fill(self),
            Err(unknown) => Value::Unknown(unknown),
        }
    }

    /// The first expression of a map that matches. An empty text matches none.
    fn find_regex(
        &mut self,
        map: &Map,
        text: &str,
        source: &Value,
    ) -> Result<Option<usize>, Unknown> {
        if text.is_empty() {
            return Ok(None);
        }
        for (regex, index) in &map.regexes {
            if !self.config.steps.take_search(regex) {
                return Ok(None);
            }
            if let Some(groups) = regex.groups(text)? {
                self.capture_groups(groups, self.has_origin(source));
                return Ok(Some(*index));
            }
        }
        Ok(None)
    }
}
