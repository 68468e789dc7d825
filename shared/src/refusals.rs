//! The origins that policies refuse most often, counted in memory that processes share.
//!
//! Clients choose their origins, so there can be any number of them, and the [`Table`] has room for
//! [`CAPACITY`]. It keeps the frequent ones, by the algorithm of Misra and Gries in the form of Anderson, Bevin,
//! Lang, Liberty, Rhodes and Thaler, [A High-Performance Algorithm for Identifying Frequent Items in Data
//! Streams](https://arxiv.org/abs/1705.07001): when the table is full, a quarter of the entries goes at once, those
//! with the lowest counts. What comes later begins with the highest count that has gone (its `error`), as in the
//! Space-Saving algorithm of Metwally, Agrawal and El Abbadi. So of each entry
//!
//! - `count` is at least the true number, and
//! - `count - error` is at most the true number.
//!
//! No error is above 4/3 of the number of refusals, divided by the number of entries that its policy has in a
//! full table. An origin that is refused more often than that is in the table.
//!
//! A policy with few entries keeps them: entries go from the policy that has the most.
//!
//! # Processes
//!
//! Everything is an atomic number. To count an origin that is in the table takes no lock. To [add](Table::add) one
//! takes a lock, which the caller holds. A process that dies meanwhile leaves the table open; whoever adds next
//! mends it. Two processes that count and replace the same entry at the same time may count one request for the
//! wrong origin.

mod entry;
mod index;
mod table;

pub use entry::{Key, MAX_ORIGIN, Refused};
pub use table::{CAPACITY, Table};
