//! The directives that policies make superfluous.

use std::collections::{HashMap, HashSet};

use nginx_conf::Directive;
use nginx_conf::evaluate::LevelId;

use super::directives::{is_about_cors, is_part_of_preflight, used};
use super::scope::Scope;
use crate::import::nginx::{Context, State, places};

/// A directive, and where it is.
struct Node<'c> {
    directive: &'c Directive,
    parent: Option<usize>,
    level: LevelId,
    /// How many nodes it has in it, at any depth. They follow it.
    inner: usize,
    is_removed: bool,
}

/// What a policy makes superfluous.
pub(super) struct Removal<'c> {
    scope: Scope<'c>,
    nodes: Vec<Node<'c>>,
    /// How many directives use a variable.
    uses: HashMap<String, usize>,
    /// Variables that a removed directive used.
    touched: HashSet<String>,
}

impl<'c> Removal<'c> {
    /// All directives, of which none is marked.
    pub(super) fn new(context: &'c Context<'c>, states: &'c [State]) -> Self {
        let mut removal = Self {
            scope: Scope { config: context.config, states },
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

    /// Marks the directives that go: first those about CORS, and then what they leave without a purpose.
    pub(super) fn run(&mut self) {
        for at in 0..self.nodes.len() {
            let Node { directive, level, .. } = self.nodes[at];
            if is_about_cors(directive)
                && self.scope.is_under_policy(level)
                && !self.scope.is_needed(directive, level)
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
        let directive = self.nodes[at].directive;
        match directive.name.as_str() {
            "if" => self.is_superfluous_if(at),
            "set" => directive.arg(0).is_some_and(|variable| self.is_unused(variable)),
            "map" => directive.arg(1).is_some_and(|variable| self.is_unused(variable)),
            _ => false,
        }
    }

    /// Whether nothing is left in an `if`, or nothing but the answer to preflights.
    fn is_superfluous_if(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        let inner = &self.nodes[at + 1..=at + node.inner];
        let children = || inner.iter().filter(|child| child.parent == Some(at));
        let removed = children().filter(|child| child.is_removed).count();
        let mut left = children().filter(|child| !child.is_removed).peekable();
        if left.peek().is_none() {
            return removed > 0;
        }
        let is_for_options =
            node.directive.args.iter().any(|arg| arg.to_ascii_lowercase().contains("options"));
        is_for_options
            && self.scope.is_under_policy(node.level)
            && left.all(|child| is_part_of_preflight(child.directive))
    }

    /// Whether a variable has lost all its uses.
    fn is_unused(&self, variable: &str) -> bool {
        let variable = variable.trim_start_matches('$');
        self.uses.get(variable).copied().unwrap_or_default() == 0
            && self.touched.contains(variable)
            // A program can use every variable.
            && self.scope.config.scripts.is_empty()
    }

    /// The directives that go.
    pub(super) fn removed(&self) -> impl Iterator<Item = &'c Directive> {
        self.nodes.iter().filter(|node| node.is_removed).map(|node| node.directive)
    }
}
