//! What the process that is the user is told, and what it answers.

use std::path::{Path, PathBuf};
use std::time::Instant;

use diagnostics::{Failure, one_line};
use serde::{Deserialize, Serialize};
use supervise::bounded::{Ran, Run, run_confined};

use super::{Budget, Plan};
use crate::instance::Turn;
use crate::name::{AbsolutePath, Name};
use crate::served_user::ServedUser;

/// Most bytes of its answer that are read.
const MAX_ANSWER: usize = 16 << 10;
/// The word for it, which no help shows.
const WORD: &str = "as-user";
/// Its word for no list.
pub(crate) const UNPROVEN: &str = "proof";
/// Its word for no list where somebody closes the connection instead.
pub(crate) const TURNED_AWAY: &str = "turned-away";
/// Every word for what can be wrong that it may answer.
const CODES: [&str; 7] = ["as-user", "home", "ssh-folder", "ssh-file", "ssh-section", UNPROVEN, TURNED_AWAY];

/// What the process that is the user is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Who it is.
    pub uid: u32,
    /// The process that waits for its answer.
    pub parent: u32,
    /// Where its home is.
    pub home: AbsolutePath,
    /// What it is to do.
    pub task: Task,
}

/// What there is to do as the user.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// Put this into the files.
    Install(Plan),
    /// Take the sections of this instance out.
    Remove(Name),
    /// Ask this socket for its list.
    Prove(PathBuf),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The files are as they are to be.
    Changed,
    /// There is a list, of so many keys.
    Keys(usize),
}

/// What it writes to standard output: what was done, or a code and a sentence.
pub(crate) type Answer = Result<Reply, (String, String)>;

/// Has `program`, run as the user, do it: without a capability, without a descriptor or a variable of this process,
/// and no longer than the call's budget has left; it and what it started are gone then. Another process of the user's may stop it or answer
/// for it, so that the answer says no more than the user could itself. Files are changed by one at a time, for which
/// root holds a lock.
///
/// # Errors
/// What it answers; `as-user` when that is nothing; `busy` and `instance` as for [`Turn`].
pub fn carry_out(program: &Path, task: Task, user: &ServedUser, budget: &Budget) -> Result<Reply, Failure> {
    let Some(left) = budget.left() else { return Err(skipped(user)) };
    let since = Instant::now();
    let changes = !matches!(task, Task::Prove(_));
    let order = Order { uid: user.uid, parent: std::process::id(), home: user.home.clone(), task };
    let order = serde_json::to_vec(&order).map_err(|error| no_answer(user, &error.to_string()))?;
    let argv = [program.into(), WORD.into()];
    let turn = if changes { Some(Turn::take_home(user.uid, left)) } else { None };
    budget.spend(since);
    let turn = turn.transpose()?;
    let Some(limit) = budget.left() else { return Err(skipped(user)) };
    let run = Run { argv: &argv, env: &[], stdin: &order, limit, output: MAX_ANSWER };
    let since = Instant::now();
    let ran = run_confined(&run, &user.credentials).map_err(|error| no_answer(user, &error.to_string()));
    budget.spend(since);
    if ran.as_ref().is_ok_and(|ran| ran.timed_out) {
        budget.is_over();
    }
    let given_back = turn.map_or(Ok(()), Turn::remove);
    let reply = understood(&ran?, user)?;
    given_back.map(|()| reply)
}

fn understood(ran: &Ran, user: &ServedUser) -> Result<Reply, Failure> {
    if ran.timed_out {
        let why = "it did not end in time and was killed: its home does not answer, or another process of the user's has \
                   stopped it";
        return Err(no_answer(user, why));
    }
    match serde_json::from_slice::<Answer>(&ran.stdout) {
        Ok(Ok(reply)) if ran.status == Some(0) => Ok(reply),
        Ok(Err((code, error))) => {
            let code = CODES.into_iter().find(|known| *known == code).unwrap_or("as-user");
            Err(Failure::new(code, one_line(&error)))
        }
        _ => Err(no_answer(user, &ran.words())),
    }
}

/// What came before has used up the time that there is for this user.
fn skipped(user: &ServedUser) -> Failure {
    let why = "was not tried: what was before it has used up the time that a call has for this";
    Failure::new("as-user", format!("work as the user {} {why}", user.name))
}

/// The process that is the user has not said what became of its work.
pub(super) fn no_answer(user: &ServedUser, why: &str) -> Failure {
    let error = format!("the process that works as the user {} gave no answer: {}", user.name, one_line(why));
    Failure::new("as-user", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_killed_is_not_believed_and_the_operator_hears_why() {
        let user = ServedUser::resolve(&"daemon".parse().expect("a name"), &"/srv".parse().expect("a path"));
        let stdout = br#"{"Ok":"Changed"}"#.to_vec();
        let ran = Ran { status: None, stdout, stderr: Vec::new(), timed_out: true };
        let failure = understood(&ran, &user.expect("there")).expect_err("killed");
        assert_eq!(failure.code, "as-user");
        assert!(failure.error.contains("daemon gave no answer: it did not end in time"), "{failure}");
    }
}
