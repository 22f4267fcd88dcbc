//! Every process below this one: finding them and ending them.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::ended::Ended;
use crate::signals::Signals;
use crate::sys;

/// How long the end of a tree may take: a process in an uninterruptible wait does not die sooner.
const TREE_LIMIT: Duration = Duration::from_secs(10);

/// How many times a growing tree is walked before it is killed as far as it is known.
const FREEZE_ROUNDS: usize = 64;

/// How long one round waits for a child's end before it looks at the tree again, in milliseconds.
const ROUND: u8 = 100;

/// What ending a tree came to.
pub(crate) struct TreeEnd {
    /// Whether nothing of it is left.
    pub clean: bool,
    /// How the command ended, when this is where it was reaped.
    pub command: Option<Ended>,
}

/// Kills all descendants, adopted orphans included, until none is left. The process must be a
/// subreaper (PR_SET_CHILD_SUBREAPER), or orphans go elsewhere.
pub(crate) fn end_all(command: Option<Pid>, signals: &Signals) -> TreeEnd {
    let deadline = Instant::now() + TREE_LIMIT;
    let mut end = TreeEnd { clean: false, command: None };
    while Instant::now() < deadline {
        kill_tree();
        let (ended, left) = reap(command);
        end.command = end.command.or(ended);
        if !left {
            end.clean = true;
            break;
        }
        let _ = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], PollTimeout::from(ROUND));
        drain(signals);
    }
    end
}

/// Stops what it finds before it kills, so that no process can fork faster than it is found.
fn kill_tree() {
    let mut known = HashSet::new();
    for _ in 0..FREEZE_ROUNDS {
        let mut fresh = descendants(std::process::id().cast_signed());
        fresh.retain(|pid| known.insert(*pid));
        if fresh.is_empty() {
            break;
        }
        for pid in &fresh {
            let _ = sys::kill(*pid, libc::SIGSTOP);
        }
    }
    // Looked up again: what was found first may have been reaped, and its number taken by another.
    for pid in descendants(std::process::id().cast_signed()) {
        let _ = sys::kill(pid, libc::SIGKILL);
    }
}

/// Reaps every child that has ended: how `command` ended, if it is among them, and whether any
/// child is left.
pub(crate) fn reap(command: Option<Pid>) -> (Option<Ended>, bool) {
    let mut found = None;
    loop {
        match sys::wait4(-1, libc::WNOHANG) {
            Ok(Some((pid, status, usage))) if Some(pid) == command => {
                found = Ended::from_wait(status, &usage);
            }
            Ok(Some(_)) => {}
            Ok(None) => return (found, true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return (found, false),
        }
    }
}

fn drain(signals: &Signals) {
    while poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).is_ok_and(|n| n > 0)
    {
        if signals.next().is_err() {
            return;
        }
    }
}

/// All processes below `root`, nearest first (proc_pid_task(5), `children`).
fn descendants(root: i32) -> Vec<i32> {
    let mut found = children(root);
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children(*pid));
        next += 1;
    }
    found
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers = lists.flat_map(|list| list.split_ascii_whitespace().map(str::parse).collect::<Vec<_>>());
    numbers.flatten().collect()
}
