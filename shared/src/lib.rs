//! What the processes of one nginx share: tables of atomic numbers, which the module puts into shared memory.
//!
//! A process can die at any instruction. Nothing that it leaves makes a table unreadable.
#![forbid(unsafe_code)]

pub mod files;
pub mod refusals;
