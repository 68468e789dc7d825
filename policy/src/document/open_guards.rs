//! The guards that a `dangerously_allow` opens, and whether any origin needs them.

use super::{
    mistake_kind::MistakeKind,
    node::{Node, Value},
    place::Location,
    quote::quote,
    reader::{Reader, get, unknown_value},
};
use crate::origin::{Guard, UnknownGuard};

/// The guards that a policy or a rule opens.
#[derive(Debug, Default)]
pub(super) struct OpenGuards {
    entries: Vec<Entry>,
    /// The place of warnings about the entries, among all mistakes.
    position: usize,
}

#[derive(Debug)]
struct Entry {
    guard: Guard,
    /// The index in the list; `None` for a text in place of a list.
    index: Option<usize>,
    line: Option<u32>,
    /// Whether something is allowed only because of this entry.
    is_needed: bool,
}

impl OpenGuards {
    /// Of the mapping of a policy or a rule, wherever in it `dangerously_allow` appears. Mistakes in
    /// the key are left to [`OpenGuards::read`].
    pub(super) fn of(map: &[(Node, Node)]) -> Self {
        let entry = |index, node: &Node| {
            let Value::String(text) = &node.value else { return None };
            let guard = text.parse().ok()?;
            Some(Entry { guard, index, line: node.line, is_needed: false })
        };
        let entries = match get(map, "dangerously_allow") {
            Some(Node { value: Value::List(list), .. }) => {
                let entries = list.iter().enumerate();
                entries.filter_map(|(index, node)| entry(Some(index), node)).collect()
            }
            Some(node) => entry(None, node).into_iter().collect(),
            None => Vec::new(),
        };
        Self { entries, position: 0 }
    }

    /// Whether the guard is open. If so, its entry is needed.
    pub(super) fn opens(&mut self, guard: Guard) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.guard == guard);
        entry.is_some_and(|entry| {
            entry.is_needed = true;
            true
        })
    }

    /// Reads the key of the policy `policy` or of one of its rules. Notes each guard, and reports what is
    /// not the name of one.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
        policy: &str,
        location: Location<'_>,
        node: &Node,
    ) {
        let mut noted = Vec::new();
        reader.entries(location, node, |reader, location, node, text| match text.parse() {
            Ok(guard) if noted.contains(&guard) => {}
            Ok(guard) => {
                noted.push(guard);
                reader.add_guard(guard, policy, location);
            }
            Err(UnknownGuard) => {
                let known = Guard::ALL.map(Guard::as_str);
                reader.report(location, node, unknown_value(text, &known));
            }
        });
        self.position = reader.position();
    }

    /// Warns of entries that nothing needed. `location` is that of the policy or the rule, whose
    /// origins have all been read.
    pub(super) fn finish(self, reader: &mut Reader, location: Location<'_>) {
        let key = location.path.key("dangerously_allow");
        // The last one first, since each is inserted before those that are already there.
        for entry in self.entries.iter().rev().filter(|entry| !entry.is_needed) {
            let path = entry.index.map_or(key, |index| key.index(index));
            let value = Some(quote(entry.guard.as_str()));
            let location = location.at(&path, entry.line);
            reader.insert(self.position, location, value, MistakeKind::OpensNothing);
        }
    }
}
