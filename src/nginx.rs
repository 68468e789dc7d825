//! nginx's C interface in Rust. Nothing in this folder knows the rest of the module.

pub(crate) mod clock;
pub(crate) mod conf;
pub(crate) mod fail_points;
pub(crate) mod headers_in;
pub(crate) mod headers_out;
pub(crate) mod layout;
pub(crate) mod panic;
pub(crate) mod phases;
pub(crate) mod process;
pub(crate) mod request_bits;
pub(crate) mod request_target;
pub(crate) mod shared_memory;
pub(crate) mod thread;
