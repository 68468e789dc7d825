//! Origins of a pattern that another expression takes out of it.

use std::rc::Rc;

use cors_policy::origin::OriginPattern;

use super::Finder;
use crate::import::nginx::audience::Remark;
use crate::import::nginx::overlaps::Parties;
use crate::import::nginx::profile::Cors;
use crate::import::nginx::survey::TooMuch;

/// The most origins and patterns that are kept apart from others, for one level.
const MAX_KNOWN: usize = 200;

impl Finder<'_, '_> {
    /// Looks for origins of a pattern that another expression takes out of it.
    pub(super) fn add_overlaps(&mut self) -> Result<(), TooMuch> {
        let groups = &self.audience.groups;
        let mut wide: Vec<_> = groups
            .iter()
            .filter(|group| !group.is_exact && group.profile.cors.is_readable())
            .map(|group| (group.pattern.clone(), group.site, Rc::clone(&group.profile)))
            .collect();
        if let Some(others) = &self.audience.others {
            let site = others.site.unwrap_or(self.config.levels[others.level].site);
            wide.push(("*".to_owned(), site, Rc::new(others.clone())));
        }
        if wide.is_empty() || self.expressions.is_empty() {
            return Ok(());
        }
        let known =
            groups.iter().filter(|group| group.is_exact || !group.profile.cors.is_readable());
        let expressions = self.expressions.iter();
        let parties = Parties {
            allowed: wide.iter().map(|(pattern, ..)| pattern.clone()).collect(),
            known: known.take(MAX_KNOWN).map(|group| group.pattern.clone()).collect(),
            expressions: expressions
                .map(|it| (it.regex.pattern().to_owned(), it.regex.ignores_case()))
                .collect(),
        };
        let Ok(origins) = self.context.overlaps.find(parties) else {
            let (pattern, site, _) = wide.swap_remove(0);
            self.audience.remarks.push((site, Remark::Unknown { pattern }));
            return Ok(());
        };
        for origin in origins.iter() {
            let found = self.ask(origin)?;
            let matches = |pattern: &str| {
                OriginPattern::parse(pattern).is_ok_and(|parsed| parsed.matches(origin.as_bytes()))
            };
            let first = wide.iter().find(|(pattern, ..)| matches(pattern));
            let Some((pattern, site, profile)) = first else { continue };
            if found.cors.is_readable() && gets_less(&found.cors, &profile.cors) {
                let (origin, pattern) = (origin.clone(), pattern.clone());
                self.audience.remarks.push((*site, Remark::Differs { origin, pattern }));
            }
        }
        Ok(())
    }
}

/// Whether an origin that may read gets less than another one.
fn gets_less(cors: &Cors, other: &Cors) -> bool {
    let may_use_credentials =
        |cors: &Cors| !cors.is_star && cors.credentials.as_deref() == Some("true");
    match (may_use_credentials(cors), may_use_credentials(other)) {
        (false, true) => true,
        (true, false) => false,
        _ => {
            (&cors.methods, &cors.headers, &cors.expose)
                != (&other.methods, &other.headers, &other.expose)
        }
    }
}
