//! The configuration: from `nginx.conf` and policy files to the policy of each location.

pub(crate) mod cycles;
pub(crate) mod define;
pub(crate) mod file_zone;
pub(crate) mod location;
pub(crate) mod main_conf;
pub(crate) mod policies;
pub(crate) mod rendered_policy;
pub(crate) mod shared_zone;
pub(crate) mod watch;
pub(crate) mod watched_file;
