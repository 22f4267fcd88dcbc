//! Test hosts: real accounts, real setuid programs and real terminals, and the machine left as found.
//!
//! A [`Bed`] is a private mount namespace for the thread that opens it, which libtest gives to each
//! test. Processes that the test starts live in it too. What it lays over the machine (/etc/passwd
//! and its like, /home, /mnt, /run/user) is in memory and gone with the last of them.

mod bed;
mod capture;
mod host;
mod operator;
mod packages;
mod programs;
mod repository;
mod running;
mod snapshot;
mod status;
mod sudo_rs;
mod terminal;
mod traced;

pub mod accounts;
pub mod agent;
pub mod aws;
pub mod benchmarks;
pub mod completions;
pub mod debs;
pub mod env_forms;
pub mod helped;
pub mod manual;
pub mod readme;
pub mod records;
pub mod site;
pub mod specs;
pub mod ssm;

pub use bed::{Bed, SCRATCH};
pub use capture::{capture, spawn};
pub use host::{Host, Network};
pub use operator::Operator;
pub use packages::tool;
pub use programs::{PROGRAMS, program, workspace};
pub use repository::{Package, Repository};
pub use running::{Change, DEADLINE, LISTENER, Running, eventually, signal};
pub use snapshot::Snapshot;
pub use status::Status;
pub use sudo_rs::sudo_rs;
pub use terminal::{Settings, Terminal};
pub use traced::{Call, Traced, signalled, stopped, traced};
