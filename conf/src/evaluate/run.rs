//! The way of one request, phase by phase.
//!
//! [`Run`] goes through the phases in the order of nginx: [`find_location`], [`rewrite`] with its
//! [`conditions`], and [`response`]; [`handing_over`] leads to other locations from there. Texts get
//! their values from [`variables`] and [`search`]. [`decisions`] takes the place of what is not known,
//! and [`origin_tests`] notes what is asked about the request's origin.

mod conditions;
mod decisions;
mod find_location;
mod handing_over;
mod origin_tests;
mod response;
mod rewrite;
mod search;
mod variables;

use std::collections::HashMap;

use self::{decisions::Decisions, rewrite::End, search::Captures};
use super::{
    answer::{Answer, Content, OriginTest},
    config::Config,
    hand_over::HandedOver,
    location::LevelId,
    request::Request,
    value::Value,
};

/// The most ways that are gone where conditions are unknown.
pub const MAX_ANSWERS: usize = 32;

/// How many locations a request may come to, as in nginx.
const MAX_CYCLES: usize = 11;

/// Where a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At a server, which finds the location of the path.
    Server(LevelId),
    /// At a level that it is known to reach. The server's rewrite phase comes first.
    Level(LevelId),
}

impl Config {
    /// The answers to a request: one, unless conditions are unknown. The first one takes unknown
    /// conditions for false. There are at most [`MAX_ANSWERS`].
    #[must_use]
    pub fn evaluate(&self, request: &Request, start: Start) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut decisions = Decisions::default();
        for _ in 0..MAX_ANSWERS {
            let mut run = Run::new(self, request, decisions);
            let answer = run.answer(start);
            if !answers.contains(&answer) {
                answers.push(answer);
            }
            match run.decisions.of_next_way() {
                Some(next) => decisions = next,
                None => break,
            }
        }
        answers
    }
}

/// A request on its way.
struct Run<'c> {
    config: &'c Config,
    request: &'c Request,
    /// The path as `rewrite` has left it; `None` if it is not known.
    path: Option<String>,
    args: String,
    /// Variables that `set` or a group of an expression assigned.
    assigned: HashMap<String, Value>,
    /// Values of maps, which nginx keeps.
    mapped: HashMap<usize, Value>,
    captures: Captures,
    /// How deep in variables of variables this is.
    depth: usize,
    decisions: Decisions,
    tests: Vec<OriginTest>,
    handed_over: HandedOver,
}

impl<'c> Run<'c> {
    fn new(config: &'c Config, request: &'c Request, decisions: Decisions) -> Self {
        Self {
            config,
            request,
            path: request.path.clone(),
            args: request.query.clone(),
            assigned: HashMap::new(),
            mapped: HashMap::new(),
            captures: Captures::default(),
            depth: 0,
            decisions,
            tests: Vec::new(),
            handed_over: HandedOver::default(),
        }
    }

    /// The method, which `error_page` may change.
    fn method(&self) -> &'c str {
        if self.handed_over.is_get { "GET" } else { &self.request.method }
    }

    fn answer(&mut self, start: Start) -> Answer {
        let (server, mut location) = match start {
            Start::Server(server) => (Some(server), server),
            Start::Level(level) => (self.config.server_of(level), level),
        };
        if let Some(server) = server {
            if let (End::Return(status), _) = self.rewrite_phase(server) {
                return self.respond(server, status, Content::Return);
            }
        }
        let mut level = location;
        for _ in 0..MAX_CYCLES {
            if let (Some(server), Start::Server(_)) = (server, start) {
                location = self.find_location(server).0;
            }
            level = self.level_for_method(location);
            // The codes of a server do not run again where no location is found.
            let end = if Some(level) == server {
                End::Next
            } else {
                let (end, last) = self.rewrite_phase(level);
                level = last;
                end
            };
            match end {
                End::Return(status) => return self.respond(level, status, Content::Return),
                End::Next => return self.content(level),
                End::Changed if matches!(start, Start::Level(_)) => {
                    return self.bare(level, 200, Content::Elsewhere);
                }
                End::Changed => {}
            }
        }
        self.respond(level, 500, Content::Error)
    }

    /// The level of a location, or of the `limit_except` in it.
    fn level_for_method(&self, location: LevelId) -> LevelId {
        match &self.config.levels[location].limit_except {
            Some((methods, limited)) if !methods.iter().any(|it| it == self.method()) => *limited,
            _ => location,
        }
    }
}
