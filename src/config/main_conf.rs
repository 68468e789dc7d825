//! The module's configuration of `http`.

use std::path::Path;

use cors_policy::document::Level;
use nginx_sys::{ngx_conf_t, ngx_cycle_t, ngx_msec_t};

use super::location::LocationConf;
use super::policies::{FileIndex, Policies};
use super::watch::Watch;
use crate::nginx::conf::{ConfExt, Logged, SourceLine};

/// The module's configuration of `http`.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) policies: Policies,
    /// The files that `cors_policy_file` names, each once.
    files: Vec<Watch>,
    /// The index of the variable in which a request remembers its policy.
    pub(crate) variable: Option<usize>,
    /// Whether any `cors_policy` sets a policy.
    pub(crate) used: bool,
    /// Whether the policy of some location may be known only at the end of the rewrite phase: it is
    /// set in an `if`, or variables name it.
    pub(crate) needs_preaccess: bool,
    /// Whether a policy is set in an `if`.
    pub(crate) has_if: bool,
    /// Whether any location serves the counters.
    pub(crate) has_status: bool,
    /// The configurations of servers with a `cors_policy` in the `server` block itself.
    pub(crate) servers: Vec<*const LocationConf>,
}

impl MainConf {
    /// Reads the policies of a document, for the directive that `cf` is at.
    ///
    /// With an interval in milliseconds, the workers watch the document. A document that is named
    /// twice is read once, and watched if either directive says so.
    ///
    /// # Errors
    ///
    /// If the document or a policy has mistakes, which are logged.
    pub(crate) fn load(
        &mut self,
        cf: &mut ngx_conf_t,
        path: &Path,
        interval: Option<ngx_msec_t>,
    ) -> Result<(), Logged> {
        if let Some(index) = self.files.iter().position(|known| known.is_of(path)) {
            self.files[index].watch_also(interval);
            self.policies.set_watched(FileIndex(index), self.files[index].is_watched());
            return Ok(());
        }
        let index = FileIndex(self.files.len());
        let mut file = Watch::new(path, index, interval);
        let policies = match file.load() {
            Ok(policies) => policies,
            Err(report) => {
                for mistake in report.mistakes() {
                    match mistake.level() {
                        Level::Error => cf.log_emerg(mistake),
                        Level::Warning => cf.log_warn(mistake.at_place()),
                    }
                }
                if let Some(rest) = report.rest() {
                    cf.log_emerg(rest);
                }
                return Err(Logged);
            }
        };
        for warning in &policies.warnings {
            cf.log_warn(warning.at_place());
        }
        for policy in policies.value {
            let line = SourceLine::new(path.to_owned(), policy.line());
            self.policies.define(cf, policy, line, Some(index), file.is_watched())?;
        }
        self.files.push(file);
        Ok(())
    }

    /// Starts to watch the files that are to be watched, in a process that serves requests.
    pub(crate) fn start_watching(&mut self, cycle: &ngx_cycle_t) {
        let policies = &raw mut self.policies;
        for file in &mut self.files {
            file.start(policies, cycle);
        }
    }
}
