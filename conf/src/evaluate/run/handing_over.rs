//! The way to a location that answers in the place of another one.

use super::{MAX_CYCLES, Run, rewrite::End};
use crate::evaluate::{
    Answer, Content, LevelId,
    hand_over::{self, Overwrite, Target},
};

impl Run<'_> {
    /// The answer of the location to which `try_files` leads where there is no file.
    pub(super) fn fall_back(&mut self, level: LevelId) -> Answer {
        let target = self.config.levels[level].fallback.as_ref();
        match target.and_then(|target| self.find_target(level, target)) {
            // The path is that of a file in the end.
            Some(found) if found == level => self.respond(level, 405, Content::Error),
            Some(_) if self.handed_over.fallbacks == MAX_CYCLES => {
                self.respond(level, 500, Content::Error)
            }
            Some(found) => {
                self.handed_over.fallbacks += 1;
                self.answer_of_location(found)
            }
            None => self.bare(level, 200, Content::Elsewhere),
        }
    }

    /// The answer of the location to which `error_page` leads, if it does.
    pub(super) fn error_page(&mut self, level: LevelId, status: u16) -> Option<Answer> {
        let pages = &self.config.levels[level].error_pages;
        let page = pages.iter().find(|page| page.is_for(status))?;
        if status < 300 || std::mem::replace(&mut self.handed_over.for_error, true) {
            return None;
        }
        let Some(found) = self.find_target(level, &page.target) else {
            return Some(self.bare(level, status, Content::Elsewhere));
        };
        self.handed_over.status = match page.overwrite {
            Overwrite::Original => Some(status),
            Overwrite::Status(other) => Some(other),
            Overwrite::Target => None,
        };
        self.handed_over.is_get = matches!(page.target, Target::Path(_)) && self.method() != "HEAD";
        Some(self.answer_of_location(found))
    }

    /// The location to which a request is handed over, if it is known.
    fn find_target(&mut self, level: LevelId, target: &Target) -> Option<LevelId> {
        let server = self.config.server_of(level)?;
        match target {
            Target::Named(name) => hand_over::find_named(&self.config.levels, server, name),
            Target::Path(path) => {
                let path = path.fill(self);
                self.path = Some(path.known()?.to_owned());
                Some(self.find_location(server).0)
            }
            Target::Address => None,
        }
    }

    /// The answer of a location without its server.
    fn answer_of_location(&mut self, location: LevelId) -> Answer {
        let (end, level) = self.rewrite_phase(location);
        match end {
            End::Return(status) => self.respond(level, status, Content::Return),
            End::Next => self.content(level),
            End::Changed => self.bare(level, 200, Content::Elsewhere),
        }
    }
}
