//! The `cors-policy` command, run as its users run it.

mod check;
mod docs;
mod explain;
mod hostile_import;
mod import;
mod import_nginx;
#[cfg(feature = "probe")]
mod probe;
mod reference;
mod run;
mod schema;
mod version;
