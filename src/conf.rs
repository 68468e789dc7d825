//! The configuration: which policies there are, and which one is in force where.

use core::cell::Cell;
use core::ptr::{self, NonNull};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use cors_policy::{Decision, Policy, document};
use nginx_sys::{NGX_CONF_UNSET, ngx_conf_t, ngx_flag_t, ngx_http_complex_value_t};

use crate::conf_ext::{ConfExt, Place};
use crate::counters::{Counters, Kind, Table};
use crate::in_force::InForce;

/// What stands in `http`.
#[derive(Default)]
pub(crate) struct MainConf {
    // Boxed, so that their addresses hold while the table grows.
    policies: BTreeMap<String, Box<Definition>>,
    uses: Vec<Use>,
    /// The index of the variable in which a request remembers its policy; see `in_force`.
    pub(crate) slot: Option<usize>,
    /// Whether any policy is put in force anywhere.
    pub(crate) used: bool,
    /// Whether any `if` has a setting.
    pub(crate) has_if: bool,
    /// Whether any location serves the counters.
    pub(crate) has_status: bool,
    /// The counters of all policies, in shared memory; set when nginx has made that.
    pub(crate) counters: Option<NonNull<Table>>,
}

/// A policy of the configuration.
pub(crate) struct Definition {
    pub(crate) policy: Policy,
    /// Where it is defined.
    place: Place,
    /// Its counters, in shared memory; set when nginx has made that, before the first request.
    counters: Cell<*const Counters>,
}

impl Definition {
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
    pub(crate) fn load(&mut self, cf: &mut ngx_conf_t, path: &Path) -> Result<(), Rejected> {
        match document::load(path) {
            Ok(policies) => policies.into_iter().try_for_each(|policy| {
                let place = Place::new(path.to_owned(), policy.line());
                self.define(cf, policy, place)
            }),
            Err(report) => {
                for mistake in report.mistakes() {
                    cf.log_emerg(mistake);
                }
                if report.omitted() > 0 {
                    cf.log_emerg(format_args!("and {} more mistakes", report.omitted()));
                }
                Err(Rejected)
            }
        }
    }

    /// Adds a policy, which is defined at `place`.
    pub(crate) fn define(
        &mut self,
        cf: &mut ngx_conf_t,
        policy: Policy,
        place: Place,
    ) -> Result<(), Rejected> {
        match self.policies.entry(policy.name().to_owned()) {
            Entry::Occupied(first) => {
                cf.log_emerg(format_args!(
                    "CORS policy \"{}\" is defined in {} and again in {place}, \
                     give one of them another name",
                    policy.name(),
                    first.get().place
                ));
                Err(Rejected)
            }
            Entry::Vacant(vacant) => {
                let counters = Cell::new(ptr::null());
                vacant.insert(Box::new(Definition { policy, place, counters }));
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
                None => "load the file that defines it with \"cors_policy_file\"".to_owned(),
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
        self.policies.get(name).map(|definition| &**definition)
    }

    /// All policies, by their names.
    pub(crate) fn policies(&self) -> impl ExactSizeIterator<Item = &Definition> {
        self.policies.values().map(|definition| &**definition)
    }

    /// Takes the shared memory into use.
    pub(crate) fn set_counters(&mut self, table: &Table) {
        self.counters = Some(NonNull::from(table));
        let is_used = |name: &[u8]| {
            core::str::from_utf8(name).is_ok_and(|name| self.policies.contains_key(name))
        };
        for (name, definition) in &self.policies {
            let counters = table.claim(name, is_used).map_or(ptr::null(), ptr::from_ref);
            definition.counters.set(counters);
        }
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
    }
}
