//! The directives of the rewrite module, in the order in which they run.

use super::Run;
use crate::{
    Site,
    evaluate::{
        LevelId, Regex, Template, Unknown, Value,
        location::{Code, Flag},
    },
};

/// How the codes of a level end.
pub(super) enum End {
    /// With the next phase.
    Next,
    /// With another path, for which the location is sought.
    Changed,
    /// With a response.
    Return(u16),
}

/// How a block of codes ends.
enum Flow {
    /// With the code behind the block.
    On,
    /// With the end of all codes.
    Break,
    /// With a response of this status.
    Return(u16),
}

/// What the codes of a level have changed so far.
struct Progress {
    /// The level in force: that of the last `if` that holds.
    level: LevelId,
    /// Whether the path is another one, for which the location is sought.
    is_path_changed: bool,
}

impl<'c> Run<'c> {
    /// Runs the codes of a level, and says which level is in force behind them.
    pub(super) fn rewrite_phase(&mut self, level: LevelId) -> (End, LevelId) {
        let mut progress = Progress { level, is_path_changed: false };
        let codes = &self.config.levels[level].codes;
        let end = match self.block(codes, &mut progress) {
            Flow::Return(status) => End::Return(status),
            Flow::On | Flow::Break if progress.is_path_changed => End::Changed,
            Flow::On | Flow::Break => End::Next,
        };
        (end, progress.level)
    }

    fn block(&mut self, codes: &'c [Code], progress: &mut Progress) -> Flow {
        for code in codes {
            if !self.config.steps.take(1) {
                return Flow::Break;
            }
            match self.code(code, progress) {
                Flow::On => {}
                // `break` and the like end the codes around an `if`, too.
                ended => return ended,
            }
        }
        Flow::On
    }

    fn code(&mut self, code: &'c Code, progress: &mut Progress) -> Flow {
        match code {
            Code::Set { variable, value } => {
                let value = value.fill(self);
                self.assigned.insert(variable.clone(), value);
                Flow::On
            }
            Code::If { test, level, then, site } => {
                if !self.holds(test, *site) {
                    return Flow::On;
                }
                if let Some(level) = level {
                    progress.level = *level;
                }
                self.block(then, progress)
            }
            Code::Rewrite { regex, replacement, flag } => {
                if !self.matches_path(regex, self.config.levels[progress.level].site) {
                    return Flow::On;
                }
                self.rewrite(replacement, *flag, progress)
            }
            Code::Return { status } => Flow::Return(*status),
            Code::Break => {
                progress.is_path_changed = false;
                Flow::Break
            }
        }
    }

    /// What a `rewrite` does whose expression matches.
    fn rewrite(&mut self, replacement: &Template, flag: Flag, progress: &mut Progress) -> Flow {
        if let Flag::Redirect(status) = flag {
            return Flow::Return(status);
        }
        self.replace_path(replacement);
        progress.is_path_changed = flag != Flag::Break;
        match flag {
            Flag::Break | Flag::Last => Flow::Break,
            _ => Flow::On,
        }
    }

    fn matches_path(&mut self, regex: &Regex, site: Site) -> bool {
        match self.path.clone() {
            Some(path) => self.search(regex, &Value::text(path), site, true),
            None => {
                let unknown = Unknown::Request("uri".to_owned());
                self.decide_match(format!("uri ~ {}", regex.pattern()), &unknown, site)
            }
        }
    }

    fn replace_path(&mut self, replacement: &Template) {
        let (template, keeps_args) = match replacement.source().strip_suffix('?') {
            Some(source) => (Template::new(source), false),
            None => (replacement.clone(), true),
        };
        let filled = template.fill(self);
        let Some(text) = filled.known().filter(|_| self.path.is_some()) else {
            self.path = None;
            return;
        };
        let (path, args) = match text.split_once('?') {
            Some((path, args)) if keeps_args && !self.args.is_empty() => {
                (path, format!("{args}&{}", self.args))
            }
            Some((path, args)) => (path, args.to_owned()),
            None if keeps_args => (text, self.args.clone()),
            None => (text, String::new()),
        };
        (self.path, self.args) = (Some(path.to_owned()), args);
    }
}
