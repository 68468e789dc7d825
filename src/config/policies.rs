//! The policies of a configuration, by name: who defines them, who refers to them, and replacing them.

use core::cell::{Cell, RefCell};
use core::ffi::c_void;
use core::ptr;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use cors_policy::document::SourceFile;
use nginx_sys::{NGX_ERROR, NGX_OK, ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_shm_zone_t};

use super::rendered_policy::RenderedPolicy;
use super::shared_zone::{self, PolicyCounters, PolicyOrigins, SharedTable};
use crate::nginx::conf::{ConfExt, Logged, SourceLine};
use crate::nginx::panic;

/// The policies of a configuration, by name.
pub(crate) struct Policies {
    // Locations point to entries: each keeps its address, and only its cells change.
    by_name: BTreeMap<String, Box<PolicyEntry>>,
    references: Vec<PolicyReference>,
    /// Each `allow_origins_file` of a `cors_policy_define`.
    lists: Vec<SourceFile>,
    /// The counters of all policies, set once nginx has made the shared memory.
    counters: Option<SharedTable>,
    /// The cycle of the configuration, set together with the shared memory.
    cycle: *const ngx_cycle_t,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            by_name: BTreeMap::new(),
            references: Vec::new(),
            lists: Vec::new(),
            counters: None,
            cycle: ptr::null(),
        }
    }
}

/// The number of a file that `cors_policy_file` names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIndex(pub(super) usize);

/// A policy of the configuration.
pub(crate) struct PolicyEntry {
    policy: RefCell<Arc<RenderedPolicy>>,
    /// The file that defines the policy; `None` for `cors_policy_define`.
    file: Option<FileIndex>,
    /// Whether the file is watched, so that the policy can be replaced while nginx runs.
    is_watched: Cell<bool>,
    /// The line of the definition.
    line: RefCell<SourceLine>,
    /// The policy's counters, set before the first request.
    counters: Cell<PolicyCounters>,
    /// Where the policy's refused origins are counted, set together with the counters.
    origins: Cell<Option<PolicyOrigins>>,
}

impl PolicyEntry {
    fn new(
        policy: RenderedPolicy,
        line: SourceLine,
        file: Option<FileIndex>,
        is_watched: bool,
    ) -> Self {
        Self {
            policy: RefCell::new(Arc::new(policy)),
            file,
            is_watched: Cell::new(is_watched),
            line: RefCell::new(line),
            counters: Cell::new(PolicyCounters::NONE),
            origins: Cell::new(None),
        }
    }

    /// The current policy.
    pub(crate) fn policy(&self) -> Arc<RenderedPolicy> {
        self.policy.borrow().clone()
    }

    /// Whether the policy can be replaced while nginx runs.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.get()
    }

    /// The policy's counters.
    pub(crate) fn counters(&self) -> PolicyCounters {
        self.counters.get()
    }

    /// The number of the policy among the refused origins, if it has counters in the current cycle.
    pub(crate) fn number(&self) -> Option<u32> {
        self.counters.get().get()?;
        Some(self.origins.get()?.policy())
    }

    fn set_counters(&self, counters: PolicyCounters, origins: Option<PolicyOrigins>) {
        self.counters.set(counters);
        self.origins.set(origins);
        self.policy.borrow().responses().set_counters(counters, origins);
    }

    /// Returns the policy that was replaced.
    fn replace(&self, policy: RenderedPolicy, line: SourceLine) -> Arc<RenderedPolicy> {
        policy.responses().set_counters(self.counters.get(), self.origins.get());
        self.line.replace(line);
        self.policy.replace(Arc::new(policy))
    }
}

/// A `cors_policy name` directive.
struct PolicyReference {
    name: String,
    line: SourceLine,
}

impl Policies {
    /// Adds a policy that `line` defines.
    pub(crate) fn define(
        &mut self,
        cf: &mut ngx_conf_t,
        policy: RenderedPolicy,
        line: SourceLine,
        file: Option<FileIndex>,
        is_watched: bool,
    ) -> Result<(), Logged> {
        match self.by_name.entry(policy.name().to_owned()) {
            Entry::Occupied(first) => {
                cf.log_emerg(format_args!(
                    "CORS policy \"{}\" is defined in {} and again in {line}, \
                     give one of them another name",
                    policy.name(),
                    first.get().line.borrow()
                ));
                Err(Logged)
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Box::new(PolicyEntry::new(policy, line, file, is_watched)));
                Ok(())
            }
        }
    }

    /// Notes lists of origins that a `cors_policy_define` names.
    pub(super) fn add_lists(&mut self, lists: Vec<SourceFile>) {
        self.lists.extend(lists);
    }

    /// Each `allow_origins_file` of a `cors_policy_define`.
    pub(super) fn lists(&self) -> &[SourceFile] {
        &self.lists
    }

    pub(super) fn set_watched(&self, file: FileIndex, is_watched: bool) {
        for entry in self.by_name.values().filter(|it| it.file == Some(file)) {
            entry.is_watched.set(is_watched);
        }
    }

    /// Notes that the directive that `cf` is at refers to a policy; returns the number of the
    /// reference.
    ///
    /// The policy is looked up after all of `http` is read, so its definition may follow.
    pub(crate) fn add_reference(&mut self, cf: &ngx_conf_t, name: &str) -> usize {
        self.references.push(PolicyReference { name: name.to_owned(), line: cf.source_line() });
        self.references.len() - 1
    }

    /// Checks that every referenced policy is defined.
    ///
    /// # Errors
    ///
    /// If one is not, which is logged.
    pub(crate) fn check_references(&self, cf: &mut ngx_conf_t) -> Result<(), Logged> {
        let mut unknown =
            self.references.iter().filter(|it| !self.by_name.contains_key(&it.name)).peekable();
        if unknown.peek().is_none() {
            return Ok(());
        }
        for PolicyReference { name, line } in unknown {
            let remedy = match self.nearest(name) {
                Some(nearest) => format!("did you mean \"{nearest}\"?"),
                None => "define it with \"cors_policy_define\", or load the file that does with \
                         \"cors_policy_file\""
                    .to_owned(),
            };
            cf.log_emerg_at(line, format_args!("unknown CORS policy \"{name}\", {remedy}"));
        }
        Err(Logged)
    }

    /// The policy of a reference, by its number.
    pub(super) fn referenced(&self, reference: usize) -> Option<&PolicyEntry> {
        self.get(&self.references[reference].name)
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        cors_policy::nearest(name, self.names())
    }

    /// The policy of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&PolicyEntry> {
        self.by_name.get(name).map(|entry| &**entry)
    }

    /// All policies with their names, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &PolicyEntry)> {
        self.by_name.iter().map(|(name, entry)| (name.as_str(), &**entry))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether a policy refuses requests, or may do so after a change of its file.
    pub(crate) fn may_refuse(&self) -> bool {
        self.by_name.values().any(|it| it.is_watched() || it.policy().enforce())
    }

    /// The memory of the counters.
    pub(crate) fn shared_table(&self) -> Option<&SharedTable> {
        self.counters.as_ref()
    }

    /// How many policies there are.
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Replaces the policies of a watched file; returns those that were replaced.
    ///
    /// # Errors
    ///
    /// If the new policies do not fit the configuration: a message. Then nothing has changed.
    pub(crate) fn replace(
        &mut self,
        file: FileIndex,
        path: &Path,
        policies: Vec<RenderedPolicy>,
    ) -> Result<Vec<Arc<RenderedPolicy>>, String> {
        let is_from = |entry: &PolicyEntry| entry.file == Some(file);
        for policy in &policies {
            if let Some(other) = self.get(policy.name()).filter(|it| !is_from(it)) {
                return Err(format!(
                    "policy \"{}\" is defined in {} too",
                    policy.name(),
                    other.line.borrow()
                ));
            }
        }
        let names: HashSet<String> =
            policies.iter().map(|policy| policy.name().to_owned()).collect();
        for PolicyReference { name, line } in &self.references {
            if self.get(name).is_some_and(is_from) && !names.contains(name) {
                return Err(format!("policy \"{name}\" is missing, and is in force at {line}"));
            }
        }

        // No location refers to a policy that is gone, and requests hold what they need of it.
        let mut replaced = Vec::new();
        self.by_name.retain(|name, entry| {
            let is_gone = is_from(entry) && !names.contains(name);
            if is_gone {
                replaced.push(entry.policy());
            }
            !is_gone
        });
        let mut is_new = false;
        for policy in policies {
            let line = SourceLine::new(path.to_owned(), policy.line());
            match self.by_name.entry(policy.name().to_owned()) {
                Entry::Occupied(known) => replaced.push(known.get().replace(policy, line)),
                Entry::Vacant(vacant) => {
                    vacant.insert(Box::new(PolicyEntry::new(policy, line, Some(file), true)));
                    is_new = true;
                }
            }
        }
        if is_new {
            self.claim_counters(|entry| entry.counters().get().is_none());
        }
        Ok(replaced)
    }

    /// Asks nginx for the shared memory of the counters, once all policies are known.
    ///
    /// # Errors
    ///
    /// `NGX_ERROR` if nginx refuses, which it logs.
    pub(crate) fn add_shared_zone(&mut self, cf: &mut ngx_conf_t) -> Result<(), ngx_int_t> {
        self.cycle = cf.cycle;
        shared_zone::add(cf, self.count(), ptr::from_mut(self).cast(), init_shared_zone)
    }

    /// Uses this table for the counters.
    fn set_counters(&mut self, table: SharedTable) {
        self.counters = Some(table);
        self.claim_counters(|_| true);
    }

    /// Finds the counters of the policies that `wanted` selects.
    fn claim_counters(&self, wanted: impl Fn(&PolicyEntry) -> bool) {
        let Some(shared) = &self.counters else { return };
        let (names, entries): (Vec<&str>, Vec<&PolicyEntry>) =
            self.iter().filter(|(_, entry)| wanted(entry)).unzip();
        shared.with_lock(|table| {
            let is_used = |name: &[u8]| {
                core::str::from_utf8(name).is_ok_and(|name| self.by_name.contains_key(name))
            };
            for (entry, counters) in entries.iter().zip(table.claim(&names, is_used)) {
                entry.set_counters(shared.counters_of(counters), shared.origins_of(counters));
            }
        });
    }
}

/// Makes the table of the counters in new shared memory, or finds it in the memory that nginx kept.
unsafe extern "C" fn init_shared_zone(zone: *mut ngx_shm_zone_t, kept: *mut c_void) -> ngx_int_t {
    // SAFETY: nginx passes a zone that `add_shared_zone` made, whose memory is mapped and begins with
    // a slab pool; the data is its `Policies`.
    let (zone, policies) = unsafe { (&*zone, &mut *(*zone).data.cast::<Policies>()) };
    // SAFETY: there is always a cycle, and it has a log.
    let log = unsafe { (*ngx_cycle).log };
    let done = panic::catch(log, || {
        // `kept` is data of the previous cycle. Only whether there is any matters; it is not read.
        let table = match kept.is_null() {
            true => SharedTable::create(zone, &policies.names().collect::<Vec<_>>()),
            false => SharedTable::of(zone),
        }?;
        policies.set_counters(table.of_cycle(policies.cycle));
        Some(())
    });
    match done.flatten() {
        Some(()) => NGX_OK as ngx_int_t,
        None => NGX_ERROR as ngx_int_t,
    }
}
