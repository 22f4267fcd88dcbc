//! The plan that apt-get(8) is about to be held to, and the hook that holds it there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::answer::{Exit, Failure};
use crate::apt::comparison::{Hook, MAX_QUESTION, compare};
use crate::apt::plan::{MAX_SIMULATION, Plan};
use crate::own_path::own_path;
use crate::run_folder::{RUN_FOLDER, RunFolder};

/// The plan's file in [`RUN_FOLDER`], which root alone may enter.
const PLAN: &str = "plan.json";

/// This program, for apt-get(8) to ask.
///
/// # Errors
/// When its path is none that apt takes for one word.
pub fn hook() -> Result<Hook, Failure> {
    let path = own_path()?;
    Hook::new(&path).ok_or_else(|| {
        let error = "/proc/self/exe: apt-get cannot ask a program of this name";
        Failure::new(Exit::Failed, "unusable", &error)
    })
}

/// Leaves a plan for the hook. Whoever holds the package lock is the only one to do so.
///
/// # Errors
/// Those of openat(2) and write(2).
pub fn leave(folder: &RunFolder, plan: &Plan) -> io::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(folder.as_fd(), PLAN, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    File::from(file).write_all(&serde_json::to_vec(plan)?)
}

/// The hook itself, with apt's question on standard input: the exit status. apt-get(8) stops at any
/// but 0. Who is not root cannot read the plan.
#[must_use]
pub fn look() -> u8 {
    match looked() {
        Ok(()) => Exit::Success as u8,
        Err(error) => {
            diagnostics::complain("sudo-helper", &error);
            Exit::Failed as u8
        }
    }
}

fn looked() -> io::Result<()> {
    let folder = RunFolder::open(Path::new(RUN_FOLDER))?;
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let plan = whole(File::from(openat(folder.as_fd(), PLAN, flags, Mode::empty())?), MAX_SIMULATION)?;
    let question = String::from_utf8(whole(io::stdin(), MAX_QUESTION)?).map_err(io::Error::other)?;
    compare(&serde_json::from_slice(&plan)?, &question)
        .map_err(|mismatch| io::Error::other(mismatch.to_string()))
}

/// All of it; what is longer is not understood.
fn whole(input: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.take(most as u64 + 1).read_to_end(&mut text)?;
    if text.len() > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}
