//! The module's configuration of an `http`, `server`, `location` or `if` block.

use core::cell::Cell;
use core::ptr;
use std::sync::Arc;

use cors_policy::KeptAnswer;
use nginx_sys::{
    NGX_HTTP_LIF_CONF, NGX_HTTP_MAIN_CONF, NGX_HTTP_SRV_CONF, ngx_conf_t, ngx_http_complex_value_t,
    ngx_str_t,
};

use super::policies::{Policies, PolicyEntry};
use super::rendered_policy::{RenderedPolicy, RenderedResponses};

/// The value of `cors_policy` in one block.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Setting {
    #[default]
    Unset,
    Off,
    /// A reference to a policy, as [`Policies::add_reference`] returns it.
    Named(usize),
    /// [`LocationConf::name`] names the policy.
    Variable,
}

/// The value of `cors_policy_dry_run` in one block.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DryRun {
    #[default]
    Unset,
    Off,
    On,
    /// [`LocationConf::dry_run_value`] says it for each request.
    Variable,
}

/// What `cors_policy_status` shows.
#[derive(Clone, Copy)]
pub(crate) struct StatusPage {
    /// Whether it shows the origins that are refused.
    pub(crate) shows_origins: bool,
}

/// The kind of block that a directive is in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Block {
    /// `http`, which all of its servers inherit from.
    #[default]
    Http,
    Server,
    Location,
    If,
}

impl Block {
    /// The block of the directive that `cf` is at.
    pub(crate) fn of(cf: &ngx_conf_t) -> Self {
        match cf.cmd_type as u32 {
            NGX_HTTP_LIF_CONF => Self::If,
            NGX_HTTP_MAIN_CONF => Self::Http,
            NGX_HTTP_SRV_CONF => Self::Server,
            // `limit_except` too.
            _ => Self::Location,
        }
    }
}

/// The policy that a location applies.
///
/// It is in the location's configuration. Where variables name the policy, or the policy can be
/// replaced, each request has one of its own in its pool.
#[derive(Clone, Copy)]
pub(crate) struct LocationPolicy {
    /// The location that applies the policy. It is in the configuration that the request is served with.
    pub(crate) location: *const LocationConf,
    /// The entry of a policy that can be replaced. Only in the location's configuration.
    pub(crate) entry: *const PolicyEntry,
    /// The policy, if it cannot be replaced.
    policy: *const RenderedPolicy,
    /// The responses of the policy, once it is known; null without a policy.
    pub(crate) responses: *const RenderedResponses,
    /// The decision of a policy that can be replaced. Only in a request.
    pub(crate) decided: Option<Decided>,
    pub(crate) is_dry_run: bool,
    /// Whether the policy is known, and whether it is a dry run. Otherwise variables of the location say so,
    /// or the policy can be replaced and has not decided yet.
    pub(crate) is_final: bool,
}

/// What a policy that can be replaced has decided, and about which `Origin`.
#[derive(Clone, Copy)]
pub(crate) struct Decided {
    pub(crate) answer: KeptAnswer,
    pub(crate) origin: Option<ngx_str_t>,
    /// The policies of the configuration that the request is served with.
    pub(crate) policies: *const Policies,
}

impl Default for LocationPolicy {
    fn default() -> Self {
        Self {
            location: ptr::null(),
            entry: ptr::null(),
            policy: ptr::null(),
            responses: ptr::null(),
            decided: None,
            is_dry_run: false,
            is_final: true,
        }
    }
}

impl LocationPolicy {
    pub(crate) fn new(location: &LocationConf, entry: Option<&PolicyEntry>) -> Self {
        let is_dry_run = location.dry_run == DryRun::On;
        let mut new = Self { location, is_dry_run, ..Self::default() };
        match entry {
            Some(entry) if entry.is_watched() => new.entry = entry,
            Some(entry) => {
                // The entry keeps the policy.
                let policy = entry.policy();
                new.policy = Arc::as_ptr(&policy);
                new.responses = Arc::as_ptr(policy.responses());
            }
            None => {}
        }
        new
    }

    /// That of a location where no variable names it, for one request.
    pub(crate) fn known(location: &LocationConf) -> Self {
        Self { is_final: true, ..location.policy }
    }

    /// The policy, if there is one and it cannot be replaced.
    pub(crate) fn policy(&self) -> Option<&RenderedPolicy> {
        // SAFETY: null, or in the configuration that this belongs to.
        unsafe { self.policy.as_ref() }
    }

    /// The responses of the policy, if there is one.
    pub(crate) fn responses(&self) -> Option<&RenderedResponses> {
        // SAFETY: null, or in the configuration, or held by the request that this belongs to.
        unsafe { self.responses.as_ref() }
    }
}

/// The module's configuration of a block.
pub(crate) struct LocationConf {
    pub(crate) setting: Setting,
    /// Text with variables that names the policy of each request; null for other settings.
    pub(crate) name: *mut ngx_http_complex_value_t,
    /// The block that has the setting: this one, or one around it.
    pub(crate) block: Block,
    /// Whether an `if` in this location has a setting.
    pub(crate) has_if: Cell<bool>,
    pub(crate) dry_run: DryRun,
    /// Text with variables that says for each request whether it is a dry run; null for other settings.
    pub(crate) dry_run_value: *mut ngx_http_complex_value_t,
    /// The policy that this location applies, unless variables name it.
    pub(crate) policy: LocationPolicy,
    /// Whether `policy` is the same for every request in this location, and a dry run for all or none.
    pub(crate) is_static: bool,
    /// `cors_policy_status`, if it is in this location.
    pub(crate) status: Option<StatusPage>,
    /// `MainConf::variable`.
    pub(crate) variable: Option<usize>,
    /// The configuration of the `server` around a location; null in `http`.
    server: *const Self,
    /// In a server: whether a location or an `if` in it has a setting of its own.
    has_settings_inside: Cell<bool>,
}

impl Default for LocationConf {
    fn default() -> Self {
        Self {
            setting: Setting::Unset,
            name: ptr::null_mut(),
            block: Block::Http,
            has_if: Cell::new(false),
            dry_run: DryRun::Unset,
            dry_run_value: ptr::null_mut(),
            policy: LocationPolicy::default(),
            is_static: false,
            status: None,
            variable: None,
            server: ptr::null(),
            has_settings_inside: Cell::new(false),
        }
    }
}

impl LocationConf {
    /// Whether the setting is in a location, and not inherited from a server or `http`.
    pub(crate) fn is_set_in_location(&self) -> bool {
        matches!(self.block, Block::Location | Block::If)
    }

    /// Whether this is the configuration of a server that can answer a preflight by itself: no other
    /// block in it says which policy applies.
    pub(crate) fn is_whole_server(&self) -> bool {
        ptr::eq(self.server, self)
            && matches!((self.setting, self.block), (Setting::Named(_), Block::Server))
            && matches!(self.dry_run, DryRun::Unset | DryRun::Off)
            && !self.has_settings_inside.get()
    }

    /// Inherits from the block around it, as `ngx_conf_merge_ptr_value` does, and looks up the policy.
    ///
    /// `variable` is the index of the variable in which requests remember their policy.
    pub(crate) fn merge(&mut self, policies: &Policies, variable: Option<usize>, outer: &Self) {
        self.server = if outer.server.is_null() { self } else { outer.server };
        let is_set = self.setting != Setting::Unset || self.dry_run != DryRun::Unset;
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
        if self.dry_run == DryRun::Unset {
            self.dry_run = outer.dry_run;
            self.dry_run_value = outer.dry_run_value;
        }
        // nginx keeps the content handler of a location in its `if` blocks.
        self.status = self.status.or(outer.status);
        let entry = match self.setting {
            Setting::Named(reference) => policies.referenced(reference),
            Setting::Unset | Setting::Off | Setting::Variable => None,
        };
        self.policy = LocationPolicy::new(self, entry);
        let has_policy = self.policy.responses().is_some();
        self.is_static = self.setting != Setting::Variable
            && self.policy.entry.is_null()
            && !(has_policy && self.dry_run == DryRun::Variable);
        self.policy.is_final = self.is_static;
        self.variable = variable;
    }
}
