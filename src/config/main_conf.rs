//! The module's configuration of `http`.

use core::ffi::c_void;
use core::ptr;
use std::path::Path;

use cors_policy::document::Level;
use cors_shared::files::FileState;
use nginx_sys::{
    NGX_ERROR, NGX_OK, ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_msec_t, ngx_shm_zone_t,
};

use super::file_zone::{self, InForce, SharedFiles, nginx_conf};
use super::location::LocationConf;
use super::policies::{FileIndex, Policies};
use super::watch::Watch;
use crate::nginx::conf::{ConfExt, Logged, SourceLine};
use crate::nginx::panic;

/// The module's configuration of `http`.
pub(crate) struct MainConf {
    pub(crate) policies: Policies,
    /// The cycle of the configuration, set before the shared memory.
    cycle: *const ngx_cycle_t,
    /// The files that `cors_policy_file` names, each once.
    files: Vec<Watch>,
    /// The files that are in force, once nginx has made the shared memory.
    shared_files: Option<SharedFiles>,
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

impl Default for MainConf {
    fn default() -> Self {
        Self {
            policies: Policies::default(),
            cycle: ptr::null(),
            files: Vec::new(),
            shared_files: None,
            variable: None,
            used: false,
            needs_preaccess: false,
            has_if: false,
            has_status: false,
            servers: Vec::new(),
        }
    }
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

    /// Notes what is in force, and starts to watch the files that are to be watched, in a process that serves
    /// requests.
    pub(crate) fn start_watching(&mut self, cycle: &ngx_cycle_t) {
        if let Some(shared) = self.shared_files {
            shared.note_in_force(self.files_in_force());
        }
        let policies = &raw mut self.policies;
        for file in &mut self.files {
            file.start(policies, self.shared_files, cycle);
        }
    }

    /// The files that are in force in this process: every document, and behind it its lists.
    fn files_in_force(&self) -> impl Iterator<Item = InForce<'_>> {
        let lists = self.policies.lists().iter().map(|list| (nginx_conf(), list));
        self.files.iter().flat_map(Watch::in_force).chain(lists)
    }

    /// Each of these files once, and what is known of it.
    pub(crate) fn file_states(&self) -> impl Iterator<Item = (&Path, FileState)> {
        let is_first = |(index, (_, file)): &(usize, InForce<'_>)| {
            self.files_in_force().take(*index).all(|(_, other)| other.path != file.path)
        };
        self.files_in_force().enumerate().filter(is_first).filter_map(|(_, (_, file))| {
            let states = self.of_path(&file.path).filter_map(|(shared, it)| shared.state(it));
            Some((&*file.path, states.reduce(FileState::and)?))
        })
    }

    /// The mistakes of the version of a file that was refused last, one a line.
    pub(crate) fn mistakes(&self, path: &Path) -> Vec<String> {
        let texts = self.of_path(path).map(|(shared, it)| shared.mistakes(it));
        let mut mistakes = Vec::new();
        for line in texts.collect::<Vec<_>>().iter().flat_map(|text| text.lines()) {
            if !mistakes.iter().any(|other| other == line) {
                mistakes.push(line.to_owned());
            }
        }
        mistakes
    }

    /// The file with this path, of each document that has it.
    fn of_path(&self, path: &Path) -> impl Iterator<Item = (&SharedFiles, InForce<'_>)> {
        let all = self.files_in_force().filter(move |(_, file)| file.path == path);
        all.filter_map(|it| Some((self.shared_files.as_ref()?, it)))
    }

    /// Asks nginx for the shared memory of the files, if there are any.
    ///
    /// # Errors
    ///
    /// `NGX_ERROR` if nginx refuses, which it logs.
    pub(crate) fn add_file_zone(&mut self, cf: &mut ngx_conf_t) -> Result<(), ngx_int_t> {
        if self.files_in_force().next().is_none() {
            return Ok(());
        }
        self.cycle = cf.cycle;
        file_zone::add(cf, ptr::from_mut(self).cast(), init_file_zone)
    }
}

/// Makes the table of files in new shared memory.
unsafe extern "C" fn init_file_zone(zone: *mut ngx_shm_zone_t, _kept: *mut c_void) -> ngx_int_t {
    // SAFETY: nginx passes a zone that `add_file_zone` made, whose memory is mapped and begins with a slab
    // pool; the data is its `MainConf`.
    let (zone, main) = unsafe { (&*zone, &mut *(*zone).data.cast::<MainConf>()) };
    // SAFETY: there is always a cycle, and it has a log.
    let log = unsafe { (*ngx_cycle).log };
    let done = panic::catch(log, || {
        main.shared_files = Some(SharedFiles::create(zone, main.files_in_force(), main.cycle)?);
        Some(())
    });
    match done.flatten() {
        Some(()) => NGX_OK as ngx_int_t,
        None => NGX_ERROR as ngx_int_t,
    }
}
