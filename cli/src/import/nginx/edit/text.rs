//! The text of a file without some of its directives, and with others.

use std::collections::HashMap;
use std::ops::Range;

/// Changes of one file.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) removed: Vec<Range<usize>>,
    /// Lines that come behind these offsets.
    pub(super) added: Vec<(usize, String)>,
}

impl Edits {
    /// The text with these changes. A line of which nothing is left but a comment goes, too.
    pub(super) fn apply(&self, old: &str) -> String {
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
