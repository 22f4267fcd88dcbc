//! The table of programs that give more than they seem to: a row for each class, by what they give.

mod containers;
mod daemons;
mod files;
mod network;
mod packages;
mod projects;
mod readers;
mod shells;
mod starters;
mod system;
mod systemd;
mod units;

use super::row::Row;

/// All rows. A name stands in one of them.
pub(super) const ROWS: [&[Row]; 12] = [
    shells::ROWS,
    starters::ROWS,
    projects::ROWS,
    network::ROWS,
    files::ROWS,
    readers::ROWS,
    units::ROWS,
    systemd::ROWS,
    daemons::ROWS,
    packages::ROWS,
    containers::ROWS,
    system::ROWS,
];

/// Programs that do no more than they are asked for, whatever they are asked: no word of theirs is a file.
pub(super) const HARMLESS: &str =
    "true false id whoami uname arch nproc uptime lsmod reboot poweroff halt shutdown sudo-helper";
