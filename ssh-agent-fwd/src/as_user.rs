//! The hidden word `as-user`: this program as the user, at work in the user's home.
//!
//! It is started by [`ssh_files::carry_out`](crate::ssh_files::carry_out) and holds no more than the user does. Who
//! else runs it, runs it as itself.

use std::io::{self, Read};
use std::path::Path;

use diagnostics::{Failure, one_line};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{geteuid, getppid};

use crate::exit::Exit;
use crate::harden::harden;
use crate::ssh_files::{Answer, Order, Reply, TURNED_AWAY, Task, UNPROVEN, change_files};
use crate::upstream::ask_once;
use crate::wire::identities::Identities;
use crate::wire::request::LIST;

/// Longest order, in bytes: as many host keys as a manifest may hold.
const MAX_ORDER: u64 = 16 << 20;

/// Does what standard input says, and says on standard output what was done.
#[must_use]
pub fn run() -> Exit {
    let answer: Answer = carry_out().map_err(|failure| (failure.code.to_owned(), failure.error));
    let told = serde_json::to_string(&answer).map(|text| diagnostics::print(&text, 1));
    if answer.is_ok() && told.is_ok_and(|status| status == 0) { Exit::Done } else { Exit::Failed }
}

fn carry_out() -> Result<Reply, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("as-user", one_line(&error.to_string()));
    // Nobody is left to bound it.
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| failed(&errno.desc()))?;
    // Another process of the user's cannot answer for this one by ptrace(2).
    harden().map_err(|error| failed(&error))?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    // Blocked, it is an error of write(2) that a file is too long (setrlimit(2), RLIMIT_FSIZE).
    SigSet::from(Signal::SIGXFSZ).thread_block().map_err(|errno| failed(&errno.desc()))?;
    let mut text = Vec::new();
    io::stdin().take(MAX_ORDER).read_to_end(&mut text).map_err(|error| failed(&error))?;
    let order: Order = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    if geteuid().is_root() || geteuid().as_raw() != order.uid {
        return Err(failed(&format_args!("this process is uid {}, not {}", geteuid(), order.uid)));
    }
    // It may have ended before its end was to be ours.
    if u32::try_from(getppid().as_raw()) != Ok(order.parent) {
        return Err(failed(&"whoever started this process has ended"));
    }
    let home = order.home.as_path();
    match &order.task {
        Task::Install(plan) => change_files(home, &plan.name, Some(plan)).map(|()| Reply::Changed),
        Task::Remove(name) => change_files(home, name, None).map(|()| Reply::Changed),
        Task::Prove(socket) => list(socket).map(Reply::Keys),
    }
}

/// How many keys the list of a forwarder has.
fn list(socket: &Path) -> Result<usize, Failure> {
    let unproven = |code: &'static str, why: &dyn std::fmt::Display| {
        let path = one_line(&socket.display().to_string());
        Failure::new(code, format!("{path}: the user gets no list of keys: {}", one_line(&why.to_string())))
    };
    let reply = ask_once(socket, &LIST)
        .map_err(|why| unproven(if why.is_turned_away() { TURNED_AWAY } else { UNPROVEN }, &why))?;
    Identities::read(&reply).map(|list| list.keys().count()).map_err(|why| unproven(UNPROVEN, &why))
}
