//! The configuration: which policies there are, and which one is in force where.

use core::cell::{Cell, RefCell};
use core::ptr;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use cors_policy::{Decision, Policy, document};
use nginx_sys::{NGX_CONF_UNSET, ngx_conf_t, ngx_flag_t, ngx_http_complex_value_t, ngx_msec_t};

use crate::conf_ext::{ConfExt, Place};
use crate::counters::{Counters, Kind, SharedTable};
use crate::in_force::InForce;
use crate::ready::ReadyPolicy;
use crate::watch::Watch;

/// What stands in `http`.
#[derive(Default)]
pub(crate) struct MainConf {
    // Locations point to them, so that each keeps its address and is changed only in its cells.
    policies: BTreeMap<String, Rc<Definition>>,
    uses: Vec<Use>,
    /// The index of the variable in which a request remembers its policy; see `in_force`.
    pub(crate) slot: Option<usize>,
    /// Whether any policy is put in force anywhere.
    pub(crate) used: bool,
    /// Whether what is in force may be known only at the end of the rewrite phase: an `if` has a
    /// setting, or variables name a policy.
    pub(crate) is_late: bool,
    /// Whether any location serves the counters.
    pub(crate) has_status: bool,
    /// The files whose policies are replaced when they change.
    pub(crate) watches: Vec<Watch>,
    /// The counters of all policies, in shared memory; set when nginx has made that.
    pub(crate) counters: Option<SharedTable>,
}

/// A policy of the configuration.
pub(crate) struct Definition {
    name: String,
    /// `None` while the watched file that defined it does so no longer.
    policy: RefCell<Option<Arc<ReadyPolicy>>>,
    /// Whether the policy can be replaced while nginx runs.
    pub(crate) is_watched: bool,
    /// Where it is defined.
    place: RefCell<Place>,
    /// Its counters, in shared memory; set when nginx has made that, before the first request.
    counters: Cell<*const Counters>,
}

impl Definition {
    fn new(policy: ReadyPolicy, place: Place, is_watched: bool) -> Self {
        Self {
            name: policy.name().to_owned(),
            policy: RefCell::new(Some(Arc::new(policy))),
            is_watched,
            place: RefCell::new(place),
            counters: Cell::new(ptr::null()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The policy, as it is now.
    pub(crate) fn policy(&self) -> Option<Arc<ReadyPolicy>> {
        self.policy.borrow().clone()
    }

    fn is_from(&self, path: &Path) -> bool {
        self.place.borrow().file() == path
    }

    /// Counts a decision.
    #[inline]
    pub(crate) fn count(&self, kind: Kind, decision: Decision, dry_run: bool) {
        if let Some(counters) = self.counters() {
            counters.count(kind, decision, dry_run);
        }
    }

    /// The counters, if there is room for them.
    pub(crate) fn counters(&self) -> Option<&Counters> {
        // SAFETY: null, or in the shared memory of the configuration cycle that this belongs to.
        unsafe { self.counters.get().as_ref() }
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
    /// With an interval in milliseconds, the workers watch it.
    pub(crate) fn load(
        &mut self,
        cf: &mut ngx_conf_t,
        path: &Path,
        watch: Option<ngx_msec_t>,
    ) -> Result<(), Rejected> {
        let mut watch = watch.map(|interval| Watch::new(path, interval));
        match document::load(path) {
            Ok(policies) => {
                if let Some(watch) = &mut watch {
                    watch.add_files(policies.iter().flat_map(Policy::files));
                }
                for policy in policies.into_iter().map(ReadyPolicy::new) {
                    let place = Place::new(path.to_owned(), policy.line());
                    self.define(cf, policy, place, watch.is_some())?;
                }
                self.watches.extend(watch);
                Ok(())
            }
            Err(report) => {
                for mistake in report.mistakes() {
                    cf.log_emerg(mistake);
                }
                if let Some(rest) = report.rest() {
                    cf.log_emerg(rest);
                }
                Err(Rejected)
            }
        }
    }

    /// Adds a policy, which is defined at `place`.
    pub(crate) fn define(
        &mut self,
        cf: &mut ngx_conf_t,
        policy: ReadyPolicy,
        place: Place,
        is_watched: bool,
    ) -> Result<(), Rejected> {
        match self.policies.entry(policy.name().to_owned()) {
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
                vacant.insert(Rc::new(Definition::new(policy, place, is_watched)));
                Ok(())
            }
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
            self.uses.iter().filter(|u| !self.policies.contains_key(&u.name)).peekable();
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

    fn nearest(&self, name: &str) -> Option<&str> {
        cors_policy::nearest(name, self.policies.keys().map(String::as_str))
    }

    /// The policy of a name.
    pub(crate) fn policy(&self, name: &str) -> Option<&Definition> {
        let definition = self.policies.get(name).map(|definition| &**definition);
        definition.filter(|definition| definition.policy.borrow().is_some())
    }

    /// All policies that there are, by their names.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Definition> {
        let all = self.policies.values().map(|definition| &**definition);
        all.filter(|definition| definition.policy.borrow().is_some())
    }

    /// Replaces the policies that came from a watched file by what it says now, and gives those
    /// that were replaced.
    ///
    /// # Errors
    ///
    /// What is wrong, if these policies do not fit the configuration; then nothing has changed.
    pub(crate) fn replace(
        &mut self,
        path: &Path,
        policies: Vec<ReadyPolicy>,
    ) -> Result<Vec<Arc<ReadyPolicy>>, String> {
        for policy in &policies {
            if let Some(other) = self.policy(policy.name()).filter(|it| !it.is_from(path)) {
                return Err(format!(
                    "policy \"{}\" is defined in {} too",
                    policy.name(),
                    other.place.borrow()
                ));
            }
        }
        let names: HashSet<&str> = policies.iter().map(|policy| policy.name()).collect();
        let is_there = |name: &str| names.contains(name);
        for Use { name, place } in &self.uses {
            if self.policy(name).is_some_and(|it| it.is_from(path)) && !is_there(name) {
                return Err(format!("policy \"{name}\" is missing, and is in force at {place}"));
            }
        }

        let mut replaced = Vec::new();
        for gone in self.policies.values().filter(|it| it.is_from(path) && !is_there(&it.name)) {
            replaced.extend(gone.policy.take());
        }
        for policy in policies {
            let place = Place::new(path.to_owned(), policy.line());
            match self.policies.entry(policy.name().to_owned()) {
                Entry::Occupied(known) => {
                    replaced.extend(known.get().policy.replace(Some(Arc::new(policy))));
                    known.get().place.replace(place);
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(Rc::new(Definition::new(policy, place, true)));
                }
            }
        }
        self.claim_counters();
        Ok(replaced)
    }

    /// Takes the shared memory into use.
    pub(crate) fn set_counters(&mut self, table: SharedTable) {
        self.counters = Some(table);
        self.claim_counters();
    }

    /// Finds the counters of policies that have none yet.
    fn claim_counters(&self) {
        let Some(table) = &self.counters else { return };
        table.with_lock(|table| {
            let is_used = |name: &[u8]| {
                core::str::from_utf8(name).is_ok_and(|name| self.policies.contains_key(name))
            };
            for definition in self.policies.values().filter(|it| it.counters.get().is_null()) {
                let counters = table.claim(&definition.name, is_used);
                definition.counters.set(counters.map_or(ptr::null(), ptr::from_ref));
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
    /// An index into `MainConf::uses`.
    Named(usize),
    /// The policy that `LocationConf::name` names.
    Variable,
}

/// What stands in a `server`, a `location` or an `if`.
pub(crate) struct LocationConf {
    pub(crate) setting: Setting,
    /// Text with variables that names the policy for each request; null unless the setting says so.
    pub(crate) name: *mut ngx_http_complex_value_t,
    /// Whether the setting stands in a location, as against one that all of a server inherits.
    pub(crate) own: bool,
    /// Whether the setting stands in an `if`.
    pub(crate) in_if: bool,
    /// Whether an `if` in this location has a setting.
    pub(crate) has_if: bool,
    /// `cors_policy_dry_run`, as nginx keeps a flag.
    pub(crate) dry_run: ngx_flag_t,
    /// What this location puts in force, where variables do not decide.
    pub(crate) in_force: InForce,
    /// Whether it is that for every request which comes here.
    pub(crate) is_fixed: bool,
    /// `MainConf::slot`, at hand.
    pub(crate) slot: Option<usize>,
}

impl Default for LocationConf {
    fn default() -> Self {
        Self {
            setting: Setting::Unset,
            name: ptr::null_mut(),
            own: false,
            in_if: false,
            has_if: false,
            dry_run: NGX_CONF_UNSET as ngx_flag_t,
            in_force: InForce::default(),
            is_fixed: false,
            slot: None,
        }
    }
}

impl LocationConf {
    /// Whether policies are tried out here, and not applied.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run == 1
    }

    /// Inherits from the block around, as `ngx_conf_merge_ptr_value` does, and finds the policy.
    pub(crate) fn merge(&mut self, main: &MainConf, outer: &mut Self) {
        outer.has_if |= self.in_if;
        if self.setting == Setting::Unset {
            self.setting = outer.setting;
            self.name = outer.name;
            self.own = outer.own;
        }
        if self.dry_run == NGX_CONF_UNSET as ngx_flag_t {
            self.dry_run = outer.dry_run;
        }
        let policy = match self.setting {
            Setting::Named(index) => main.policy(&main.uses[index].name),
            Setting::Unset | Setting::Off | Setting::Variable => None,
        };
        self.in_force = InForce::new(self, policy);
        self.is_fixed = self.setting != Setting::Unset
            && self.setting != Setting::Variable
            && self.in_force.is_fixed();
        self.slot = main.slot;
    }
}
