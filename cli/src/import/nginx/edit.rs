//! The lines to remove from the files, and those to add.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;

use nginx_conf::evaluate::{AddHeader, Kind, LevelId, Template};
use nginx_conf::{Directive, Site};

use super::{Applied, Context, State, is_cors_header, places};
use crate::import::model::{FileChange, Import};

/// A directive, and where it is.
struct Node<'c> {
    directive: &'c Directive,
    parent: Option<usize>,
    level: LevelId,
    /// How many nodes it has in it, at any depth. They follow it.
    inner: usize,
    is_removed: bool,
}

/// Changes the files so that they apply the policies.
pub(super) fn edit(
    context: &Context<'_>,
    states: &[State],
    applied: &[Applied],
    import: &mut Import,
) {
    if applied.is_empty() {
        return;
    }
    let mut removal = Removal::new(context, states);
    removal.run();
    removal.report_inherited(import);
    let mut edits: HashMap<usize, Edits> = HashMap::new();
    for node in removal.nodes.iter().filter(|node| node.is_removed) {
        let edits = edits.entry(node.directive.site.file).or_default();
        edits.removed.push(node.directive.span.clone());
    }
    let http = &context.config.levels[0];
    let mut add = |site: Site, offset: Option<usize>, text: &str| match offset {
        Some(offset) => edits.entry(site.file).or_default().added.push((offset, text.to_owned())),
        None => import.findings.note(
            &context.place(site),
            format!("this is a part of a configuration; write `{text}` into the block around it"),
        ),
    };
    if !names_document(context) {
        add(http.site, http.body_start, "cors_policy_file cors.yaml;");
    }
    for Applied { level, directive } in applied {
        let level = &context.config.levels[*level];
        add(level.site, level.body_start, directive);
    }
    let mut files: Vec<_> = edits.into_iter().collect();
    files.sort_by_key(|(file, _)| *file);
    for (file, edits) in files {
        let source = &context.reading.files[file];
        let old = String::from_utf8_lossy(&source.text).into_owned();
        // Offsets are those of the bytes.
        if old.len() != source.text.len() {
            import.findings.warn(
                &context.place(Site { file, line: 1 }),
                "this file is not text in UTF-8, so that its changes are not shown",
            );
            continue;
        }
        let new = edits.apply(&old);
        import.changes.push(FileChange { file: PathBuf::from(&*source.path), old, new });
    }
}

/// Whether the configuration has the document of this name already.
fn names_document(context: &Context<'_>) -> bool {
    let directives = places::directives_of_module(&context.reading.directives, context.config);
    directives.iter().any(|(_, it)| it.is("cors_policy_file") && it.arg(0) == Some("cors.yaml"))
}

/// What a policy makes superfluous.
struct Removal<'c> {
    context: &'c Context<'c>,
    states: &'c [State],
    nodes: Vec<Node<'c>>,
    /// How many directives use a variable.
    uses: HashMap<String, usize>,
    /// Variables that a removed directive used.
    touched: HashSet<String>,
}

impl<'c> Removal<'c> {
    fn new(context: &'c Context<'c>, states: &'c [State]) -> Self {
        let mut removal = Self {
            context,
            states,
            nodes: Vec::new(),
            uses: HashMap::new(),
            touched: HashSet::new(),
        };
        let levels = places::written(context.config);
        let outermost = levels.get(&(0, 0)).copied().unwrap_or_default();
        removal.walk(&context.reading.directives, None, outermost, &levels);
        for at in 0..removal.nodes.len() {
            for variable in used(removal.nodes[at].directive) {
                *removal.uses.entry(variable).or_default() += 1;
            }
        }
        removal
    }

    fn walk(
        &mut self,
        directives: &'c [Directive],
        parent: Option<usize>,
        level: LevelId,
        levels: &HashMap<(usize, usize), LevelId>,
    ) {
        for directive in directives {
            let at = self.nodes.len();
            self.nodes.push(Node { directive, parent, level, inner: 0, is_removed: false });
            let start = (directive.site.file, directive.head_end + 1);
            let inner = levels.get(&start).copied().unwrap_or(level);
            self.walk(directive.block(), Some(at), inner, levels);
            self.nodes[at].inner = self.nodes.len() - at - 1;
        }
    }

    fn run(&mut self) {
        for at in 0..self.nodes.len() {
            let Node { directive, level, .. } = self.nodes[at];
            if is_about_cors(directive)
                && self.is_under_policy(level)
                && !self.is_needed(directive, level)
            {
                self.remove(at);
            }
        }
        loop {
            let removed = self.nodes.iter().filter(|node| node.is_removed).count();
            for at in 0..self.nodes.len() {
                if !self.nodes[at].is_removed && self.is_superfluous(at) {
                    self.remove(at);
                }
            }
            if self.nodes.iter().filter(|node| node.is_removed).count() == removed {
                return;
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let end = at + self.nodes[at].inner;
        for node in &mut self.nodes[at..=end] {
            if std::mem::replace(&mut node.is_removed, true) {
                continue;
            }
            for variable in used(node.directive) {
                if let Some(uses) = self.uses.get_mut(&variable) {
                    *uses -= 1;
                }
                self.touched.insert(variable);
            }
        }
    }

    /// Whether nothing is left of a directive's purpose.
    fn is_superfluous(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        let directive = node.directive;
        let is_unused = |variable: &str| {
            let variable = variable.trim_start_matches('$');
            self.uses.get(variable).copied().unwrap_or_default() == 0
                && self.touched.contains(variable)
                // A program can use every variable.
                && self.context.config.scripts.is_empty()
        };
        match directive.name.as_str() {
            "if" => {
                let inner = &self.nodes[at + 1..=at + node.inner];
                let children = || inner.iter().filter(|child| child.parent == Some(at));
                let removed = children().filter(|child| child.is_removed).count();
                let mut left = children().filter(|child| !child.is_removed).peekable();
                if left.peek().is_none() {
                    return removed > 0;
                }
                let is_for_options =
                    directive.args.iter().any(|arg| arg.to_ascii_lowercase().contains("options"));
                is_for_options
                    && self.is_under_policy(node.level)
                    && left.all(|child| is_part_of_preflight(child.directive))
            }
            "set" => directive.arg(0).is_some_and(is_unused),
            "map" => directive.arg(1).is_some_and(is_unused),
            _ => false,
        }
    }

    /// The location, server or `http` around a level.
    fn place_around(&self, level: LevelId) -> LevelId {
        let levels = &self.context.config.levels;
        match (&levels[level].kind, levels[level].parent) {
            (Kind::If | Kind::LimitExcept, Some(parent)) => self.place_around(parent),
            _ => level,
        }
    }

    fn is_under_policy(&self, level: LevelId) -> bool {
        let level = self.place_around(level);
        // Its lines may be there for those below it.
        self.states[level] == State::Applied || self.has_policy_below(level)
    }

    /// Whether a place that no policy applies to needs a directive of this level.
    fn is_needed(&self, directive: &Directive, level: LevelId) -> bool {
        let levels = &self.context.config.levels;
        let level = self.place_around(level);
        // The headers of its application would come back.
        let hides = |id: LevelId| levels[id].hidden_headers().any(|(_, at)| at == directive.site);
        let adds = |id: LevelId| levels[id].headers.iter().any(|it| it.site == directive.site);
        let needs = |id: LevelId| match (self.states[id], &levels[id].kind) {
            (State::Applied, _) | (_, Kind::If | Kind::LimitExcept) => false,
            (State::None, _) => hides(id),
            (State::Open, _) => hides(id) || adds(id) || directive.name.starts_with("more_"),
        };
        (0..levels.len()).any(|id| needs(id) && self.is_within(id, level))
    }

    /// Whether a level is another one, or is in it.
    fn is_within(&self, inner: LevelId, outer: LevelId) -> bool {
        let mut at = Some(inner);
        while let Some(level) = at {
            if level == outer {
                return true;
            }
            at = self.context.config.levels[level].parent;
        }
        false
    }

    /// Whether a location or server in a level has a policy and no headers of its own.
    fn has_policy_below(&self, level: LevelId) -> bool {
        let levels = &self.context.config.levels;
        if !matches!(levels[level].kind, Kind::Http | Kind::Server(_)) {
            return false;
        }
        levels.iter().enumerate().any(|(id, inner)| {
            inner.parent == Some(level)
                && (self.states[id] == State::Applied || self.has_policy_below(id))
        })
    }

    /// Names headers that come back by inheritance, where the last `add_header` of a level goes.
    fn report_inherited(&self, import: &mut Import) {
        let gone: HashSet<_> = self
            .nodes
            .iter()
            .filter(|node| node.is_removed && node.directive.is("add_header"))
            .map(|node| key(node.directive.site, node.directive.arg(0), node.directive.arg(1)))
            .collect();
        let removed_blocks: HashSet<_> = self
            .nodes
            .iter()
            .filter(|node| node.is_removed)
            .map(|node| (node.directive.site.file, node.directive.head_end + 1))
            .collect();
        let levels = &self.context.config.levels;
        for (id, level) in levels.iter().enumerate() {
            let block = level.body_start.map(|start| (level.site.file, start));
            if level.own_headers == 0 || block.is_some_and(|block| removed_blocks.contains(&block))
            {
                continue;
            }
            if !self.left(id, &gone).is_empty() {
                continue;
            }
            let (from, inherited) = self.inherited(id, &gone);
            let mut names: Vec<&str> = Vec::new();
            for header in inherited {
                let is_known = |name: &str| name.eq_ignore_ascii_case(&header.name);
                if !level.header_names().any(is_known) && !names.iter().any(|name| is_known(name)) {
                    names.push(&header.name);
                }
            }
            if !names.is_empty() {
                import.findings.warn(
                    &self.context.place(level.site),
                    format!(
                        "without its add_header, {} inherits {} of {}",
                        places::describe(self.context.config, id),
                        names.join(" and "),
                        places::describe(self.context.config, from),
                    ),
                );
            }
        }
    }

    /// The headers that a level keeps of its own.
    fn left(&self, id: LevelId, gone: &HashSet<Key>) -> Vec<&'c AddHeader> {
        let level = &self.context.config.levels[id];
        let own = &level.headers[level.headers.len() - level.own_headers..];
        let is_left = |header: &&AddHeader| {
            let key = key(header.site, Some(&header.name), Some(header.value.source()));
            !gone.contains(&key)
        };
        own.iter().filter(is_left).collect()
    }

    /// The headers that a level without any inherits, and from where.
    fn inherited(&self, id: LevelId, gone: &HashSet<Key>) -> (LevelId, Vec<&'c AddHeader>) {
        let Some(parent) = self.context.config.levels[id].parent else { return (id, Vec::new()) };
        let left = self.left(parent, gone);
        if left.is_empty() { self.inherited(parent, gone) } else { (parent, left) }
    }
}

/// What an `add_header` is known by.
type Key = (Site, String, String);

fn key(site: Site, name: Option<&str>, value: Option<&str>) -> Key {
    (site, name.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned())
}

/// Whether a directive only sets or hides headers of CORS.
fn is_about_cors(directive: &Directive) -> bool {
    let name = directive.arg(0).unwrap_or_default();
    match directive.name.as_str() {
        "add_header" => {
            is_cors_header(name) || is_vary_origin(name, directive.arg(1).unwrap_or_default())
        }
        "more_set_headers" | "more_clear_headers" => {
            let headers = || directive.args.iter().filter(|arg| !arg.starts_with('-'));
            let decides = |header: &String| {
                let (name, value) = header.split_once(':').unwrap_or((header, ""));
                is_cors_header(name.trim()) || is_vary_origin(name.trim(), value)
            };
            headers().count() > 0 && headers().all(decides)
        }
        other => other.ends_with("_hide_header") && is_cors_header(name),
    }
}

fn is_vary_origin(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("vary") && value.trim().eq_ignore_ascii_case("origin")
}

/// Whether a directive is no more than a part of the answer to a preflight.
fn is_part_of_preflight(directive: &Directive) -> bool {
    match directive.name.as_str() {
        "return" => {
            matches!(directive.arg(0), Some("200" | "204"))
                && directive.arg(1).is_none_or(|text| text.trim().is_empty() || text == "OK")
        }
        "add_header" | "more_set_headers" => {
            let header = directive.arg(0).unwrap_or_default().to_ascii_lowercase();
            ["content-type", "content-length", "vary"].iter().any(|name| header.starts_with(name))
        }
        "break" => true,
        _ => false,
    }
}

/// The variables that a directive uses.
fn used(directive: &Directive) -> Vec<String> {
    let args = match directive.name.as_str() {
        "set" => directive.args.get(1..),
        "map" => directive.args.get(..1),
        _ => Some(&directive.args[..]),
    };
    // A `set` of a variable to a text with itself is no reason to keep it.
    let assigned = directive.arg(0).filter(|_| directive.is("set"));
    let mut used: Vec<String> = Vec::new();
    for arg in args.unwrap_or_default().iter().chain([&directive.name]) {
        for variable in Template::new(arg).variables() {
            let is_itself = assigned.is_some_and(|name| name.trim_start_matches('$') == variable);
            if !is_itself && !used.iter().any(|known| known == variable) {
                used.push(variable.to_owned());
            }
        }
    }
    used
}

/// Changes of one file.
#[derive(Default)]
struct Edits {
    removed: Vec<Range<usize>>,
    /// Lines that come behind these offsets.
    added: Vec<(usize, String)>,
}

impl Edits {
    fn apply(&self, old: &str) -> String {
        let mut is_removed = vec![false; old.len()];
        for range in &self.removed {
            is_removed[range.clone()].fill(true);
        }
        let mut inserted: HashMap<usize, Vec<String>> = HashMap::new();
        for (offset, text) in &self.added {
            let (at, text) = insertion(old, *offset, text);
            inserted.entry(at).or_default().push(text);
        }
        let mut new = String::new();
        let mut start = 0;
        for line in old.split_inclusive('\n') {
            let range = start..start + line.len();
            let has_removed = is_removed[range.clone()].contains(&true);
            let mut kept = String::new();
            for (at, c) in line.char_indices() {
                let at = start + at;
                if let Some(texts) = inserted.remove(&at) {
                    kept.extend(texts);
                }
                if !is_removed[at] {
                    kept.push(c);
                }
            }
            let rest = kept.trim();
            if !has_removed {
                new.push_str(&kept);
            } else if !rest.is_empty() && !rest.starts_with('#') {
                new.push_str(kept.trim_end());
                new.push('\n');
            }
            start = range.end;
        }
        for texts in inserted.into_values() {
            new.extend(texts);
        }
        new
    }
}

/// Where a line goes that comes behind an offset, and its text there.
fn insertion(old: &str, offset: usize, text: &str) -> (usize, String) {
    let line_end = |from: usize| old[from..].find('\n').map_or(old.len(), |at| from + at + 1);
    let is_first = offset == 0;
    let next = if is_first { 0 } else { line_end(offset) };
    let rest = old[offset..next].trim();
    if !is_first && !rest.is_empty() && !rest.starts_with('#') {
        return (offset, format!(" {text}"));
    }
    let indentation = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
    let line_start = old[..offset].rfind('\n').map_or(0, |at| at + 1);
    let outer = indentation(&old[line_start..offset]);
    let first = old[next..].lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let inner = indentation(first);
    let indent = if is_first || inner.len() > outer.len() { inner } else { outer + "    " };
    (next, format!("{indent}{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_and_come_as_a_person_would_write_them() {
        let old =
            "server {\n    # cors\n    a;  # why\n    b; c;\n    if (x) {\n        d;\n    }\n}\n";
        let span = |text: &str| {
            let start = old.find(text).unwrap();
            start..start + text.len()
        };
        let edits = Edits {
            removed: vec![span("a;"), span("b;"), span("if (x) {\n        d;\n    }")],
            added: vec![(8, "cors_policy x;".to_owned())],
        };
        assert_eq!(edits.apply(old), "server {\n    cors_policy x;\n    # cors\n     c;\n}\n");
        let one_line = Edits { removed: Vec::new(), added: vec![(3, "b;".to_owned())] };
        assert_eq!(one_line.apply("x { a; }"), "x { b; a; }");
        assert_eq!(one_line.apply("x {\n}\n"), "x {\n    b;\n}\n");
        let first = Edits { removed: Vec::new(), added: vec![(0, "b;".to_owned())] };
        assert_eq!(first.apply("  a;\n"), "  b;\n  a;\n");
    }
}
