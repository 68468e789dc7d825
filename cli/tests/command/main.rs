//! The `cors-policy` command, run as its users run it.

mod check;
mod check_formats;
mod check_lists;
mod check_nginx;
mod ci;
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
mod suggest;
mod version;
