//! nginx.conf.
//!
//! The configuration is not compared with known texts but followed: [`nginx_conf::evaluate`] says what
//! nginx answers to an origin and a method. [`audience`] asks it for the origins that the configuration
//! names, for examples of its expressions, and for origins that nobody names; [`policy`] makes a policy
//! of the answers; [`edit`] changes the files.

mod audience;
mod edit;
mod finder;
mod overlaps;
mod places;
mod policy;
mod profile;
mod readings;
mod sample;
mod survey;

use std::path::Path;
use std::sync::Arc;

use cors_policy::FieldName;
use nginx_conf::evaluate::{Config, Kind, LevelId, Location};
use nginx_conf::{Disk, Reading, Site};

use super::model::{Import, Place, Policy};
use super::source::Source;
use crate::input::Unusable;

/// Reads a configuration, with its includes, or a part of one.
///
/// # Errors
///
/// If a file is not a configuration, or if following it takes too long.
pub(crate) fn import(source: &Source, import: &mut Import) -> Result<(), Unusable> {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let reading = nginx_conf::read_text(source.text.as_bytes(), &source.name, folder, &Disk)
        .map_err(|error| Unusable::Other(error.to_string()))?;
    let mut config = Config::new(&reading.directives);
    config.limit_steps(survey::MAX_STEPS);
    let context = Context::new(&reading, &config);
    context.report_unread(import);
    let results = context.policies(import).map_err(|survey::TooMuch| {
        Unusable::Other(format!(
            "{}: following this configuration takes too long; import it in parts",
            source.name.display()
        ))
    })?;
    let applied = context.apply(&results, import);
    let mut states: Vec<_> = results.iter().map(State::of).collect();
    context.keep_policies(&mut states, import);
    edit::edit(&context, &states, &applied, import);
    Ok(())
}

/// A configuration that is imported.
struct Context<'c> {
    reading: &'c Reading,
    config: &'c Config,
    /// The files' names, for places.
    names: Vec<Arc<Path>>,
    entries: policy::Entries,
    overlaps: overlaps::Overlaps,
    readings: readings::Readings,
}

/// Whether a policy applies to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none.
    None,
    /// Not until its origins are known.
    Open,
    /// It does.
    Applied,
}

impl State {
    fn of(result: &Option<Policy>) -> Self {
        match result {
            None => Self::None,
            Some(policy) if is_finished(policy) => Self::Applied,
            Some(_) => Self::Open,
        }
    }
}

/// The directive that a level gets.
struct Applied {
    level: LevelId,
    directive: String,
}

impl<'c> Context<'c> {
    fn new(reading: &'c Reading, config: &'c Config) -> Self {
        let names = reading.files.iter().map(|file| Arc::from(file.path.as_path())).collect();
        Self {
            reading,
            config,
            names,
            entries: policy::Entries::default(),
            overlaps: overlaps::Overlaps::default(),
            readings: readings::Readings::default(),
        }
    }

    fn place(&self, site: Site) -> Place {
        Place { file: Arc::clone(&self.names[site.file]), line: Some(site.line) }
    }

    /// What is not followed.
    fn report_unread(&self, import: &mut Import) {
        for missing in &self.reading.missing {
            import.findings.warn(
                &self.place(missing.site),
                format!("{} is not there; what it says about CORS is missing here", missing.path),
            );
        }
        for (text, site) in &self.config.templates {
            import.findings.warn(
                &self.place(*site),
                format!("a template's \"{text}\" is not followed; import what it becomes"),
            );
        }
        for script in &self.config.scripts {
            let text = &self.reading.file(script.site).text[script.span.clone()];
            let text = String::from_utf8_lossy(text).to_ascii_lowercase();
            let place = self.place(script.site);
            let directive = &script.directive;
            if text.contains("access-control-") {
                import.findings.ask(
                    &place,
                    format!(
                        "which origins does {directive} let in? It names CORS headers, and is not \
                         followed"
                    ),
                );
            } else if !directive.ends_with("_block") {
                import.findings.warn(
                    &place,
                    format!(
                        "{directive} is not followed; if it sends CORS headers, write them down"
                    ),
                );
            }
        }
    }

    /// The policy of each level, or none.
    ///
    /// # Errors
    ///
    /// If following the configuration takes too long.
    fn policies(&self, import: &mut Import) -> Result<Vec<Option<Policy>>, survey::TooMuch> {
        let is_concerned = self.concerned();
        let mut results: Vec<Option<Policy>> = Vec::new();
        for (id, level) in self.config.levels.iter().enumerate() {
            let is_place = matches!(level.kind, Kind::Http | Kind::Server(_) | Kind::Location(_));
            if !is_place || !is_concerned[id] {
                results.push(None);
                continue;
            }
            // A server whose requests all go to locations says nothing itself.
            let result = if self.is_behind_locations(id) {
                let mut apart = import.findings.apart();
                let result = policy::derive(self, id, &mut apart)?;
                import.findings.go_on_counting(&apart);
                result
            } else {
                policy::derive(self, id, &mut import.findings)?
            };
            results.push(result);
        }
        for id in (0..results.len()).rev() {
            let is_used = || {
                let below = |level: LevelId| self.config.levels[level].parent == Some(id);
                (0..results.len()).any(|level| below(level) && results[level] == results[id])
            };
            if results[id].is_some() && self.is_behind_locations(id) && !is_used() {
                results[id] = None;
            }
        }
        Ok(results)
    }

    /// Which levels, or an `if` of them, or a location that answers for them, send any header of CORS.
    fn concerned(&self) -> Vec<bool> {
        let levels = &self.config.levels;
        let mut concerned: Vec<_> =
            levels.iter().map(|level| level.header_names().any(is_cors_header)).collect();
        for id in 0..levels.len() {
            concerned[id] |= self.config.error_locations(id).iter().any(|page| concerned[*page]);
        }
        for (id, level) in levels.iter().enumerate().rev() {
            if let (Kind::If | Kind::LimitExcept, Some(parent)) = (&level.kind, level.parent) {
                concerned[parent] |= concerned[id];
            }
        }
        concerned
    }

    /// Whether every request that comes here goes on to a location.
    fn is_behind_locations(&self, level: LevelId) -> bool {
        match &self.config.levels[level].kind {
            Kind::Http => !self.config.servers.is_empty(),
            Kind::Server(_) => self.config.levels[level].locations.iter().any(|location| {
                matches!(
                    &self.config.levels[*location].kind,
                    Kind::Location(Location::Prefix { path, .. }) if path == "/"
                )
            }),
            _ => false,
        }
    }

    /// Reports what the module does already. The lines of a level that has a policy stay.
    fn keep_policies(&self, states: &mut [State], import: &mut Import) {
        for (level, site) in places::with_policy(self) {
            if states[level] == State::Applied {
                states[level] = State::Open;
                import.findings.warn(
                    &self.place(site),
                    format!(
                        "{} has a cors_policy already, which stays; what its other lines say is in the \
                         document",
                        places::describe(self.config, level)
                    ),
                );
            }
        }
        for (_, directive) in places::directives_of_module(&self.reading.directives, self.config) {
            if directive.is("cors_policy_file") {
                import.findings.warn(
                    &self.place(directive.site),
                    "the policies of this document stay in force; the names of those that are imported \
                     have to be others",
                );
            }
        }
    }

    /// Adds the policies, and says which level gets which directive: one whose policy is not that of the
    /// level around it.
    fn apply(&self, results: &[Option<Policy>], import: &mut Import) -> Vec<Applied> {
        let mut applied = Vec::new();
        let with_policy = places::with_policy(self);
        for (id, level) in self.config.levels.iter().enumerate() {
            if !matches!(level.kind, Kind::Http | Kind::Server(_) | Kind::Location(_)) {
                continue;
            }
            let around = level.parent.and_then(|parent| results[parent].as_ref());
            let is_inherited = around.is_some_and(is_finished);
            let off = || "cors_policy off;".to_owned();
            let directive = match &results[id] {
                policy if policy.as_ref() == around => continue,
                Some(policy) => {
                    let is_finished = is_finished(policy);
                    let file = self.names[level.site.file].display();
                    let name = places::describe(self.config, id);
                    let comment = format!("{name} ({file}:{})", level.site.line);
                    let policy = Policy { comments: vec![comment], ..policy.clone() };
                    let name = places::policy_name(self.config, id);
                    let name = import.add(&name, policy);
                    // nginx would refuse it, and the lines that it comes from are still needed.
                    match (is_finished, is_inherited) {
                        (true, _) => format!("cors_policy {name};"),
                        (false, true) => off(),
                        (false, false) => continue,
                    }
                }
                None if is_inherited => off(),
                None => continue,
            };
            if !with_policy.contains_key(&id) {
                applied.push(Applied { level: id, directive });
            }
        }
        applied
    }
}

/// Whether a policy has the origins that it needs.
fn is_finished(policy: &Policy) -> bool {
    policy.each_rule().all(|rule| !rule.allow_origins.is_empty())
}

/// Whether a header is one that a policy decides about.
fn is_cors_header(name: &str) -> bool {
    FieldName::ALL.iter().any(|known| name.eq_ignore_ascii_case(known.as_str()))
}
