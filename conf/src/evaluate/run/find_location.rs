//! The phase that finds the location of a path, as `ngx_http_core_find_location` does.

use super::Run;
use crate::evaluate::{Kind, LevelId, Location, Value};

impl<'c> Run<'c> {
    /// The location of the path below a level, and whether the search ends with it.
    pub(super) fn find_location(&mut self, at: LevelId) -> (LevelId, bool) {
        let path = self.path.clone().unwrap_or_default();
        let locations = &self.config.levels[at].locations;
        let mut longest: Option<(usize, LevelId, bool)> = None;
        for &id in locations {
            match self.location(id) {
                Some(Location::Exact(exact)) if *exact == path => return (id, true),
                Some(Location::Prefix { path: prefix, skips_regexes })
                    if path.starts_with(prefix.as_str())
                        && longest.is_none_or(|(length, ..)| prefix.len() > length) =>
                {
                    longest = Some((prefix.len(), id, *skips_regexes));
                }
                _ => {}
            }
        }
        let mut found = at;
        if let Some((_, id, skips_regexes)) = longest {
            let (inner, is_final) = self.find_location(id);
            if is_final || skips_regexes {
                return (inner, is_final);
            }
            found = inner;
        }
        for &id in locations {
            let Some(Location::Regex(regex)) = self.location(id) else { continue };
            let site = self.config.levels[id].site;
            if self.search(regex, &Value::text(path.as_str()), site, false) {
                return (self.find_location(id).0, true);
            }
        }
        (found, false)
    }

    fn location(&self, id: LevelId) -> Option<&'c Location> {
        match &self.config.levels[id].kind {
            Kind::Location(location) => Some(location),
            _ => None,
        }
    }
}
