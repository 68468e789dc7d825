//! The lines to remove from the files, and those to add.

mod directives;
mod inherited;
mod removal;
mod scope;
mod text;

use std::collections::HashMap;
use std::path::PathBuf;

use nginx_conf::Site;

use self::removal::Removal;
use self::text::Edits;
use super::{Applied, Context, State, places};
use crate::import::model::{FileChange, Import};

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
    inherited::report(context, &removal, import);
    let mut edits: HashMap<usize, Edits> = HashMap::new();
    for directive in removal.removed() {
        let edits = edits.entry(directive.site.file).or_default();
        edits.removed.push(directive.span.clone());
    }
    add_directives(context, applied, &mut edits, import);
    write_changes(context, edits, import);
}

/// Adds the directives that apply the policies.
fn add_directives(
    context: &Context<'_>,
    applied: &[Applied],
    edits: &mut HashMap<usize, Edits>,
    import: &mut Import,
) {
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
}

/// Changes the text of each file.
fn write_changes(context: &Context<'_>, edits: HashMap<usize, Edits>, import: &mut Import) {
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
