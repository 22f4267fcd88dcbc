//! The table of programs that give more than they seem to: a row for each class, by what they give.

mod containers;
mod daemons;
mod files;
mod network;
mod packages;
mod projects;
mod services;
mod shells;
mod starters;
mod system;

use super::row::Row;

/// All rows. A name stands in one of them.
pub(super) const ROWS: [&[Row]; 10] = [
    shells::ROWS,
    starters::ROWS,
    projects::ROWS,
    network::ROWS,
    files::ROWS,
    services::ROWS,
    daemons::ROWS,
    packages::ROWS,
    containers::ROWS,
    system::ROWS,
];
