//! Accounts and groups: who has a name or a number, and which groups that one is in.
//!
//! The programs are linked statically and run as root. The C library's own look-up is never called in
//! their process: it loads the modules that nsswitch.conf(5) names, which a static program cannot do
//! safely, and runs their code with root's ids. The local files are read here, and a child, getent(1),
//! is asked where they have not the last word.
//!
//! "There is none" and "it cannot be known" are never the same answer: `Ok(None)` and an error.
//!
//! * [`Database`]: the look-up;
//! * [`passwd`], [`group`], [`nsswitch`]: the files;
//! * [`is_in_shadow`]: whether shadow(5) has it;
//! * [`parse_id`]: the one spelling of a uid or a gid.

#![forbid(unsafe_code)]

mod database;
mod error;
mod getent;
pub mod group;
mod id;
pub mod nsswitch;
pub mod passwd;

pub use database::Database;
pub use error::DatabaseError;
pub use getent::is_in_shadow;
pub use id::parse_id;
