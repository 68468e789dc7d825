//! Headers that come back by inheritance, where the last `add_header` of a level goes.

use std::collections::HashSet;

use nginx_conf::Site;
use nginx_conf::evaluate::{AddHeader, Level, LevelId};

use super::removal::Removal;
use crate::import::model::Import;
use crate::import::nginx::{Context, places};

/// What an `add_header` is known by.
type Key = (Site, String, String);

fn key(site: Site, name: Option<&str>, value: Option<&str>) -> Key {
    (site, name.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned())
}

/// Names the headers that come back.
pub(super) fn report(context: &Context<'_>, removal: &Removal<'_>, import: &mut Import) {
    let remaining = Remaining::new(context, removal);
    for (id, level) in context.config.levels.iter().enumerate() {
        if !remaining.loses_all(id) {
            continue;
        }
        let (from, inherited) = remaining.inherited(id);
        let names = names_beside(level, &inherited);
        if !names.is_empty() {
            import.findings.warn(
                &context.place(level.site),
                format!(
                    "without its add_header, {} inherits {} of {}",
                    places::describe(context.config, id),
                    names.join(" and "),
                    places::describe(context.config, from),
                ),
            );
        }
    }
}

/// The names of headers, each once, without those that a level sends already.
fn names_beside<'c>(level: &Level, headers: &[&'c AddHeader]) -> Vec<&'c str> {
    let mut names: Vec<&str> = Vec::new();
    for header in headers {
        let is_known = |name: &str| name.eq_ignore_ascii_case(&header.name);
        if !level.header_names().any(is_known) && !names.iter().any(|name| is_known(name)) {
            names.push(&header.name);
        }
    }
    names
}

/// What remains of the `add_header` of all levels.
struct Remaining<'c> {
    context: &'c Context<'c>,
    /// The directives that go.
    gone: HashSet<Key>,
    /// The blocks that go, by the file and where they begin.
    removed_blocks: HashSet<(usize, usize)>,
}

impl<'c> Remaining<'c> {
    fn new(context: &'c Context<'c>, removal: &Removal<'_>) -> Self {
        Self {
            context,
            gone: removal
                .removed()
                .filter(|directive| directive.is("add_header"))
                .map(|directive| key(directive.site, directive.arg(0), directive.arg(1)))
                .collect(),
            removed_blocks: removal
                .removed()
                .map(|directive| (directive.site.file, directive.head_end + 1))
                .collect(),
        }
    }

    /// Whether a level stays and loses all the headers that it has of its own.
    fn loses_all(&self, id: LevelId) -> bool {
        let level = &self.context.config.levels[id];
        let block = level.body_start.map(|start| (level.site.file, start));
        level.own_headers > 0
            && !block.is_some_and(|block| self.removed_blocks.contains(&block))
            && self.of_level(id).is_empty()
    }

    /// The headers that a level keeps of its own.
    fn of_level(&self, id: LevelId) -> Vec<&'c AddHeader> {
        let level = &self.context.config.levels[id];
        let own = &level.headers[level.headers.len() - level.own_headers..];
        let is_left = |header: &&AddHeader| {
            let key = key(header.site, Some(&header.name), Some(header.value.source()));
            !self.gone.contains(&key)
        };
        own.iter().filter(is_left).collect()
    }

    /// The headers that a level without any inherits, and from where.
    fn inherited(&self, id: LevelId) -> (LevelId, Vec<&'c AddHeader>) {
        let Some(parent) = self.context.config.levels[id].parent else { return (id, Vec::new()) };
        let left = self.of_level(parent);
        if left.is_empty() { self.inherited(parent) } else { (parent, left) }
    }
}
