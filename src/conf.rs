//! The configuration: which policies there are, and which one is in force where.

use core::cell::{Cell, RefCell};
use core::ptr;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use nginx_sys::{NGX_CONF_UNSET, ngx_conf_t, ngx_flag_t, ngx_http_complex_value_t, ngx_msec_t};

use crate::conf_ext::{ConfExt, Place};
use crate::counters::Counters;
use crate::in_force::InForce;
use crate::ready::ReadyPolicy;
use crate::shared_zone::SharedTable;
use crate::watch::Watch;

/// What stands in `http`.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) policies: Policies,
    /// The files that `cors_policy_file` names, each once.
    pub(crate) files: Vec<Watch>,
    /// The index of the variable in which a request remembers its policy; see `in_force`.
    pub(crate) slot: Option<usize>,
    /// Whether any policy is put in force anywhere.
    pub(crate) used: bool,
    /// Whether what is in force may be known only at the end of the rewrite phase: an `if` has a
    /// setting, or variables name a policy.
    pub(crate) is_late: bool,
    /// Whether any location serves the counters.
    pub(crate) has_status: bool,
    /// The configurations of servers that have a setting themselves.
    pub(crate) servers: Vec<*const LocationConf>,
}

/// The policies of a configuration, by name.
#[derive(Default)]
pub(crate) struct Policies {
    // Locations point to definitions, so that each keeps its address and is changed only in its
    // cells.
    by_name: BTreeMap<String, Box<Definition>>,
    uses: Vec<Use>,
    /// The counters of all policies, in shared memory; set when nginx has made that.
    counters: Option<SharedTable>,
}

/// The place of a file in [`MainConf::files`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIndex(usize);

/// A policy of the configuration.
pub(crate) struct Definition {
    policy: RefCell<Arc<ReadyPolicy>>,
    /// The file that defines it; `None` for `cors_policy_define`.
    file: Option<FileIndex>,
    /// Whether the file is watched, so that the policy can be replaced while nginx runs.
    is_watched: Cell<bool>,
    /// Where it is defined.
    place: RefCell<Place>,
    /// Its counters, in shared memory; set when nginx has made that, before the first request.
    counters: Cell<*const Counters>,
}

impl Definition {
    fn new(policy: ReadyPolicy, place: Place, file: Option<FileIndex>, is_watched: bool) -> Self {
        Self {
            policy: RefCell::new(Arc::new(policy)),
            file,
            is_watched: Cell::new(is_watched),
            place: RefCell::new(place),
            counters: Cell::new(ptr::null()),
        }
    }

    /// The policy, as it is now.
    pub(crate) fn policy(&self) -> Arc<ReadyPolicy> {
        self.policy.borrow().clone()
    }

    /// Whether the policy can be replaced while nginx runs.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.get()
    }

    /// The counters, if there is room for them.
    pub(crate) fn counters(&self) -> Option<&Counters> {
        // SAFETY: null, or in the shared memory of the configuration cycle that this belongs to.
        unsafe { self.counters.get().as_ref() }
    }

    fn set_counters(&self, counters: Option<&Counters>) {
        let counters = counters.map_or(ptr::null(), ptr::from_ref);
        self.counters.set(counters);
        self.policy.borrow().responses().set_counters(counters);
    }

    /// Gives the policy that was replaced.
    fn replace(&self, policy: ReadyPolicy, place: Place) -> Arc<ReadyPolicy> {
        policy.responses().set_counters(self.counters.get());
        self.place.replace(place);
        self.policy.replace(Arc::new(policy))
    }
}

/// A `cors_policy name`.
struct Use {
    name: String,
    place: Place,
}

/// The configuration has a mistake, which is logged.
pub(crate) struct Rejected;

impl MainConf {
    /// Takes over the policies of a document, for the directive that `cf` stands at.
    ///
    /// With an interval in milliseconds, the workers watch it. A document that is named twice is
    /// read once, and watched if either says so.
    pub(crate) fn load(
        &mut self,
        cf: &mut ngx_conf_t,
        path: &Path,
        interval: Option<ngx_msec_t>,
    ) -> Result<(), Rejected> {
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
                    cf.log_emerg(mistake);
                }
                if let Some(rest) = report.rest() {
                    cf.log_emerg(rest);
                }
                return Err(Rejected);
            }
        };
        for policy in policies {
            let place = Place::new(path.to_owned(), policy.line());
            self.policies.define(cf, policy, place, Some(index), file.is_watched())?;
        }
        self.files.push(file);
        Ok(())
    }
}

impl Policies {
    /// Adds a policy, which is defined at `place`.
    pub(crate) fn define(
        &mut self,
        cf: &mut ngx_conf_t,
        policy: ReadyPolicy,
        place: Place,
        file: Option<FileIndex>,
        is_watched: bool,
    ) -> Result<(), Rejected> {
        match self.by_name.entry(policy.name().to_owned()) {
            Entry::Occupied(first) => {
                cf.log_emerg(format_args!(
                    "CORS policy \"{}\" is defined in {} and again in {place}, \
                     give one of them another name",
                    policy.name(),
                    first.get().place.borrow()
                ));
                Err(Rejected)
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Box::new(Definition::new(policy, place, file, is_watched)));
                Ok(())
            }
        }
    }

    fn set_watched(&self, file: FileIndex, is_watched: bool) {
        for definition in self.by_name.values().filter(|it| it.file == Some(file)) {
            definition.is_watched.set(is_watched);
        }
    }

    /// Notes that the directive that `cf` stands at puts a policy in force.
    ///
    /// The policy itself is looked up when all of `http` has been read, so that its definition may
    /// follow.
    pub(crate) fn put_in_force(&mut self, cf: &ngx_conf_t, name: &str) -> Setting {
        self.uses.push(Use { name: name.to_owned(), place: cf.place() });
        Setting::Named(self.uses.len() - 1)
    }

    /// Checks that every name that is used is defined.
    pub(crate) fn check_uses(&self, cf: &mut ngx_conf_t) -> Result<(), Rejected> {
        let mut unknown =
            self.uses.iter().filter(|u| !self.by_name.contains_key(&u.name)).peekable();
        if unknown.peek().is_none() {
            return Ok(());
        }
        for Use { name, place } in unknown {
            let remedy = match self.nearest(name) {
                Some(nearest) => format!("did you mean \"{nearest}\"?"),
                None => "define it with \"cors_policy_define\", or load the file that does with \
                         \"cors_policy_file\""
                    .to_owned(),
            };
            cf.log_emerg_at(place, format_args!("unknown CORS policy \"{name}\", {remedy}"));
        }
        Err(Rejected)
    }

    /// The policy of a `cors_policy`, as [`Setting::Named`] keeps it.
    fn used(&self, index: usize) -> Option<&Definition> {
        self.get(&self.uses[index].name)
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        cors_policy::nearest(name, self.names())
    }

    /// The policy of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name).map(|definition| &**definition)
    }

    /// All policies and their names, sorted by these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Definition)> {
        self.by_name.iter().map(|(name, definition)| (name.as_str(), &**definition))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether a policy refuses requests, or may come to.
    pub(crate) fn may_refuse(&self) -> bool {
        self.by_name.values().any(|it| it.is_watched() || it.policy().enforce())
    }

    /// How many policies there are.
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Replaces the policies that came from a watched file by what it says now, and gives those
    /// that were replaced.
    ///
    /// # Errors
    ///
    /// What is wrong, if these policies do not fit the configuration; then nothing has changed.
    pub(crate) fn replace(
        &mut self,
        file: FileIndex,
        path: &Path,
        policies: Vec<ReadyPolicy>,
    ) -> Result<Vec<Arc<ReadyPolicy>>, String> {
        let is_from = |definition: &Definition| definition.file == Some(file);
        for policy in &policies {
            if let Some(other) = self.get(policy.name()).filter(|it| !is_from(it)) {
                return Err(format!(
                    "policy \"{}\" is defined in {} too",
                    policy.name(),
                    other.place.borrow()
                ));
            }
        }
        let names: HashSet<String> =
            policies.iter().map(|policy| policy.name().to_owned()).collect();
        for Use { name, place } in &self.uses {
            if self.get(name).is_some_and(is_from) && !names.contains(name) {
                return Err(format!("policy \"{name}\" is missing, and is in force at {place}"));
            }
        }

        // No location refers to those that are gone, and requests hold what they need of them.
        let mut replaced = Vec::new();
        self.by_name.retain(|name, definition| {
            let is_gone = is_from(definition) && !names.contains(name);
            if is_gone {
                replaced.push(definition.policy());
            }
            !is_gone
        });
        let mut is_new = false;
        for policy in policies {
            let place = Place::new(path.to_owned(), policy.line());
            match self.by_name.entry(policy.name().to_owned()) {
                Entry::Occupied(known) => replaced.push(known.get().replace(policy, place)),
                Entry::Vacant(vacant) => {
                    vacant.insert(Box::new(Definition::new(policy, place, Some(file), true)));
                    is_new = true;
                }
            }
        }
        if is_new {
            self.claim_counters(|definition| definition.counters().is_none());
        }
        Ok(replaced)
    }

    /// Takes the shared memory into use.
    pub(crate) fn set_counters(&mut self, table: SharedTable) {
        self.counters = Some(table);
        self.claim_counters(|_| true);
    }

    /// Finds the counters of the policies of which `wanted` says so.
    fn claim_counters(&self, wanted: impl Fn(&Definition) -> bool) {
        let Some(table) = &self.counters else { return };
        let (names, definitions): (Vec<&str>, Vec<&Definition>) =
            self.iter().filter(|(_, definition)| wanted(definition)).unzip();
        table.with_lock(|table| {
            let is_used = |name: &[u8]| {
                core::str::from_utf8(name).is_ok_and(|name| self.by_name.contains_key(name))
            };
            for (definition, counters) in definitions.iter().zip(table.claim(&names, is_used)) {
                definition.set_counters(counters);
            }
        });
    }
}

/// The value of `cors_policy` at one place.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Setting {
    #[default]
    Unset,
    Off,
    /// An index into `Policies::uses`.
    Named(usize),
    /// The policy that `LocationConf::name` names.
    Variable,
}

/// The kind of block that a setting stands in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Block {
    /// `http`, which all of its servers inherit from.
    #[default]
    Http,
    Server,
    Location,
    If,
}

/// What stands in `http`, a `server`, a `location` or an `if`.
pub(crate) struct LocationConf {
    pub(crate) setting: Setting,
    /// Text with variables that names the policy for each request; null unless the setting says so.
    pub(crate) name: *mut ngx_http_complex_value_t,
    /// Where the setting stands, which may be around this one.
    pub(crate) block: Block,
    /// Whether an `if` in this location has a setting.
    pub(crate) has_if: Cell<bool>,
    /// `cors_policy_dry_run`, as nginx keeps a flag.
    pub(crate) dry_run: ngx_flag_t,
    /// What this location puts in force, where variables do not decide.
    pub(crate) in_force: InForce,
    /// Whether it is that for every request which comes here.
    pub(crate) is_fixed: bool,
    /// `MainConf::slot`, at hand.
    pub(crate) slot: Option<usize>,
    /// The configuration of the `server` around a location; null in `http`.
    server: *const Self,
    /// Of a server: whether a location in it, or an `if`, has a setting of its own.
    has_settings_inside: Cell<bool>,
}

impl Default for LocationConf {
    fn default() -> Self {
        Self {
            setting: Setting::Unset,
            name: ptr::null_mut(),
            block: Block::Http,
            has_if: Cell::new(false),
            dry_run: NGX_CONF_UNSET as ngx_flag_t,
            in_force: InForce::default(),
            is_fixed: false,
            slot: None,
            server: ptr::null(),
            has_settings_inside: Cell::new(false),
        }
    }
}

impl LocationConf {
    /// Whether policies are tried out here, and not applied.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run == 1
    }

    /// Whether the setting stands in a location, as against one that all of a server inherits.
    #[inline]
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.block, Block::Location | Block::If)
    }

    /// Whether this is the configuration of a server that can answer a preflight by itself, since
    /// it is the one place in the server that says which policy applies.
    pub(crate) fn is_whole_server(&self) -> bool {
        ptr::eq(self.server, self)
            && matches!((self.setting, self.block), (Setting::Named(_), Block::Server))
            && !self.is_dry_run()
            && !self.has_settings_inside.get()
    }

    /// Inherits from the block around, as `ngx_conf_merge_ptr_value` does, and finds the policy.
    pub(crate) fn merge(&mut self, main: &MainConf, outer: &Self) {
        self.server = if outer.server.is_null() { self } else { outer.server };
        let is_set = self.setting != Setting::Unset || self.dry_run != NGX_CONF_UNSET as ngx_flag_t;
        if is_set && !ptr::eq(self.server, self) {
            // SAFETY: the configuration of the server around, which lives as long as this one.
            unsafe { &*self.server }.has_settings_inside.set(true);
        }
        if self.setting != Setting::Unset && self.block == Block::If {
            outer.has_if.set(true);
        }
        if self.setting == Setting::Unset {
            self.setting = outer.setting;
            self.name = outer.name;
            self.block = outer.block;
        }
        if self.dry_run == NGX_CONF_UNSET as ngx_flag_t {
            self.dry_run = outer.dry_run;
        }
        let policy = match self.setting {
            Setting::Named(index) => main.policies.used(index),
            Setting::Unset | Setting::Off | Setting::Variable => None,
        };
        self.in_force = InForce::new(self, policy);
        self.is_fixed = self.setting != Setting::Unset
            && self.setting != Setting::Variable
            && self.in_force.is_fixed();
        self.slot = main.slot;
    }
}
