//! Where policies are in force, and where the directives of today are still needed.

use nginx_conf::Directive;
use nginx_conf::evaluate::{Config, Kind, LevelId};

use crate::import::nginx::State;

/// The levels of a configuration, with the policies that they get.
pub(super) struct Scope<'c> {
    pub(super) config: &'c Config,
    /// Of each level.
    pub(super) states: &'c [State],
}

impl Scope<'_> {
    /// The location, server or `http` around a level.
    fn place_around(&self, level: LevelId) -> LevelId {
        let levels = &self.config.levels;
        match (&levels[level].kind, levels[level].parent) {
            (Kind::If | Kind::LimitExcept, Some(parent)) => self.place_around(parent),
            _ => level,
        }
    }

    /// Whether a policy takes the place of what a level says.
    pub(super) fn is_under_policy(&self, level: LevelId) -> bool {
        let level = self.place_around(level);
        // Its lines may be there for those below it.
        self.states[level] == State::Applied || self.has_policy_below(level)
    }

    /// Whether a place that no policy applies to needs a directive of this level.
    pub(super) fn is_needed(&self, directive: &Directive, level: LevelId) -> bool {
        let levels = &self.config.levels;
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
            at = self.config.levels[level].parent;
        }
        false
    }

    /// Whether a location or server in a level has a policy and no headers of its own.
    fn has_policy_below(&self, level: LevelId) -> bool {
        let levels = &self.config.levels;
        if !matches!(levels[level].kind, Kind::Http | Kind::Server(_)) {
            return false;
        }
        levels.iter().enumerate().any(|(id, inner)| {
            inner.parent == Some(level)
                && (self.states[id] == State::Applied || self.has_policy_below(id))
        })
    }
}
