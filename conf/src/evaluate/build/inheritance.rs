//! What a level has of the one around it, and of directives whose order does not matter.

use std::rc::Rc;

use crate::{
    Directive,
    evaluate::{
        AddHeader, Config, Kind, Level, LevelId,
        hand_over::{self, ErrorPage},
        headers::Inheritance,
        location::Hidden,
        more_headers::MoreHeaders,
    },
};

impl Config {
    /// Reads what does not depend on the order of directives.
    pub(super) fn inherit(&mut self, id: LevelId, directives: &[Directive]) {
        let named = |name: &'static str| directives.iter().filter(move |d| d.is(name));
        let own: Vec<_> = named("add_header").filter_map(AddHeader::new).collect();
        let own_more = directives.iter().filter_map(MoreHeaders::new);
        let own_hidden: Vec<_> = directives.iter().filter_map(Hidden::new).collect();
        let own_pages: Vec<_> = named("error_page").filter_map(ErrorPage::new).collect();

        let outermost = Level { kind: Kind::Http, ..self.levels[id].clone() };
        let parent = self.levels[id].parent.map_or(&outermost, |parent| &self.levels[parent]);
        let inherited = Level {
            own_headers: own.len(),
            headers: inheritance(directives).resolve(own, &parent.headers),
            more_headers: parent.more_headers.iter().cloned().chain(own_more).collect(),
            hidden: Hidden::resolve(own_hidden, &parent.hidden),
            denies_all: denies_all(directives).unwrap_or(parent.denies_all),
            asks_for_authentication: asks_for_authentication(directives)
                .unwrap_or(parent.asks_for_authentication),
            error_pages: if own_pages.is_empty() {
                Rc::clone(&parent.error_pages)
            } else {
                own_pages.into()
            },
            fallback: named("try_files").find_map(hand_over::fallback),
            ..self.levels[id].clone()
        };
        self.levels[id] = inherited;
    }
}

/// `add_header_inherit`.
fn inheritance(directives: &[Directive]) -> Inheritance {
    let last = directives.iter().rev().find(|directive| directive.is("add_header_inherit"));
    match last.map(|directive| directive.arg(0)) {
        Some(Some("merge")) => Inheritance::Merge,
        Some(Some("off")) => Inheritance::Off,
        Some(_) => Inheritance::On,
        None => Inheritance::default(),
    }
}

/// Whether the first `allow` or `deny` denies all; `None` if there is none.
fn denies_all(directives: &[Directive]) -> Option<bool> {
    let first = directives.iter().find(|d| d.is("allow") || d.is("deny"))?;
    Some(first.is("deny") && first.arg(0) == Some("all"))
}

/// Whether the last directive about authentication asks for it; `None` if there is none.
fn asks_for_authentication(directives: &[Directive]) -> Option<bool> {
    let of_authentication = ["auth_basic", "auth_request", "auth_jwt"];
    let last = directives.iter().rev().find(|d| of_authentication.contains(&d.name.as_str()))?;
    Some(last.arg(0) != Some("off"))
}
