//! Whether a rule has effect: the helper is run as its user would run it, other commands are checked only.

mod account_state;
mod obstacle;
mod question;

use std::path::Path;
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Uid};
use supervise::Credentials;
use supervise::bounded::{Ran, Run, run, run_as};

use crate::account::Account;
use crate::command_line::CommandLine;
use crate::drop_in::{DropIn, Grant};
use crate::helper::Helper;
use crate::remote::Nonce;
use crate::sudoers::{SYSTEM, Sudoers};
use diagnostics::Failure;

/// The sudo that users call.
pub const SUDO: &str = "/usr/bin/sudo";
/// How long sudo and the helper may take, all proofs together.
const LIMIT: Duration = Duration::from_secs(10);
/// How many proofs are begun when a signal ends each.
const MOST_PROOFS: usize = 8;
/// The code for a proof that a signal has ended: nothing is known of the rule's effect then.
pub const KILLED: &str = "proof-killed";
/// How many bytes of their words are kept.
const MAX_WORDS: usize = 64 << 10;

/// What running the helper showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ran as root without a password, and it is the file that the rule names.
    Proven,
    /// It did not, and why.
    NotProven(Failure),
}

/// How it is known that a rule has effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The helper was run.
    Proven,
    /// sudo lists the commands and no later rule is against them; they were not run.
    Checked,
}

impl Effect {
    /// The words for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Checked => "checked, not run",
        }
    }
}

/// Runs `sudo -k -n -- HELPER probe NONCE` with the user's ids, in a session of its own, with an empty
/// environment, in `/`, without input and for 10 s at most. To be called from the only thread.
#[must_use]
pub fn prove(account: &Account, helper: &Helper) -> Verdict {
    match ask(account, helper) {
        Ok(()) => Verdict::Proven,
        Err(failure) => Verdict::NotProven(failure),
    }
}

fn ask(account: &Account, helper: &Helper) -> Result<(), Failure> {
    let nonce = Nonce::fresh().map_err(|error| not_proven(format!("/dev/urandom: {error}")))?;
    let words = ["-k", "-n", "--"].map(Into::into).into_iter();
    let probe = [helper.path.clone().into_os_string(), "probe".into(), nonce.as_str().into()];
    let argv: Vec<_> = [SUDO.into()].into_iter().chain(words).chain(probe).collect();
    let credentials = credentials(account)?;
    let end = Instant::now() + LIMIT;
    for _ in 0..MOST_PROOFS {
        let limit = end.saturating_duration_since(Instant::now());
        if limit.is_zero() {
            break;
        }
        let run = Run { argv: &argv, env: &[], stdin: b"", limit, output: MAX_WORDS };
        let ran = run_as(&run, &credentials)
            .map_err(|error| not_proven(format!("{SUDO} cannot be run: {error}")))?;
        match (question::judge(&ran.stdout, nonce.as_str(), helper), ran.status) {
            // However sudo ended: its real uid is the account's, whose processes may kill it (kill(2)).
            (Ok(()), _) => return Ok(()),
            _ if ran.timed_out => return Err(no_answer(account)),
            (Err(error), Some(0)) => return Err(not_proven(error)),
            (Err(_), Some(_)) => return Err(not_proven(format!("sudo says: {}", ran.words()))),
            (Err(_), None) => {}
        }
    }
    Err(killed(account))
}

fn no_answer(account: &Account) -> Failure {
    let user = account.name.escape_debug();
    not_proven(format!(
        "no answer within {} s: sudo or the helper waits for something, or a process of '{user}' has stopped sudo",
        LIMIT.as_secs()
    ))
}

/// root.sh says the same.
fn killed(account: &Account) -> Failure {
    let (user, uid) = (account.name.escape_debug(), account.uid);
    let error = format!(
        "signals ended sudo before the helper had answered, so that the rule for '{user}' is not proven: a \
         process of that account may have sent them; stop them all (pkill -STOP -u {uid}, or loginctl \
         terminate-user {uid}), and run this again"
    );
    Failure::new(KILLED, error)
}

fn not_proven(why: impl std::fmt::Display) -> Failure {
    Failure::new("not-proven", why)
}

fn credentials(account: &Account) -> Result<Credentials, Failure> {
    let groups = account.groups().map_err(not_proven)?.into_iter().map(Gid::from_raw).collect();
    Credentials::new(Uid::from_raw(account.uid), Gid::from_raw(account.gid), groups).map_err(|error| {
        not_proven(format!("the proof is not run as '{}': {error}", account.name.escape_debug()))
    })
}

/// Makes sure that a rule that stands in `file` has effect. To be called from the only thread.
///
/// # Errors
/// When it has none, by the failure's word: `orphaned` (its user or program is gone), `helper-changed` and
/// `command-changed` (the program is no longer one that a rule may name), `no-includedir`, `overridden`,
/// `account-expired`, `not-proven`; `proof-killed` ([`KILLED`]) when nothing is known of it.
pub fn confirm(drop_in: &DropIn, file: &Path) -> Result<Effect, Failure> {
    let account = account_of(drop_in)?;
    let helper = match &drop_in.grant {
        Grant::Helper(path) => Some(helper_at(path)?),
        Grant::Commands(commands) => {
            commands.iter().try_for_each(|command| command_stands(command, &account))?;
            None
        }
    };
    let sudoers = Sudoers::read(Path::new(SYSTEM))?;
    obstacle::folder(&sudoers)?;
    let Some(helper) = helper else {
        obstacle::later_rule(&sudoers, &account, &drop_in.grant, file)?;
        account_state::examine(&account)?;
        return listed(&account, &drop_in.grant).map(|()| Effect::Checked);
    };
    let Verdict::NotProven(failure) = prove(&account, &helper) else { return Ok(Effect::Proven) };
    // Why is told best by what is in the way; sudo's words are the same for many causes.
    obstacle::later_rule(&sudoers, &account, &drop_in.grant, file)?;
    account_state::examine(&account)?;
    if failure.code == KILLED {
        return Err(failure);
    }
    let user = account.name.escape_debug();
    let path = helper.path.display();
    Err(Failure::new(failure.code, format!("'{user}' cannot run {path} without a password: {failure}")))
}

fn account_of(drop_in: &DropIn) -> Result<Account, Failure> {
    let user = drop_in.user.escape_debug();
    let account = Account::named(&drop_in.user)
        .map_err(|failure| Failure::new("orphaned", format!("the rule is for '{user}': {failure}")))?;
    if account.uid == drop_in.uid {
        return Ok(account);
    }
    let error = format!("the rule is for uid {}, but '{user}' is uid {} now", drop_in.uid, account.uid);
    Err(Failure::new("orphaned", error))
}

fn helper_at(path: &Path) -> Result<Helper, Failure> {
    if !path.exists() {
        let error = format!("{} is gone: install sudo-helper again, or remove the rule", path.display());
        return Err(Failure::new("orphaned", error));
    }
    Helper::examine(path).map_err(|failure| Failure::new("helper-changed", failure))
}

fn command_stands(command: &CommandLine, account: &Account) -> Result<(), Failure> {
    if !Path::new(&command.program).exists() {
        let error = format!("{} is gone: install it again, or remove the rule", command.program);
        return Err(Failure::new("orphaned", error));
    }
    command.judge(account).map_err(|failure| Failure::new("command-changed", failure))
}

/// sudo's own list of what the user may run names each program.
fn listed(account: &Account, grant: &Grant) -> Result<(), Failure> {
    let Grant::Commands(commands) = grant else { return Ok(()) };
    let argv = [SUDO, "-n", "-l", "-U", &account.name].map(Into::into);
    let env = [("LC_ALL", "C")];
    let ran = run(&Run { argv: &argv, env: &env, stdin: b"", limit: LIMIT, output: MAX_WORDS });
    let ran = ran.map_err(|error| not_proven(format!("{SUDO} cannot be run: {error}")))?;
    let missing = commands.iter().find(|command| !names(&ran, &command.program));
    match (ran.status, missing) {
        (Some(0), None) => Ok(()),
        (Some(0), Some(command)) => {
            let user = account.name.escape_debug();
            Err(not_proven(format!("sudo does not list {} for '{user}'", command.program)))
        }
        _ => Err(not_proven(format!("sudo -l says: {}", ran.words()))),
    }
}

fn names(ran: &Ran, program: &str) -> bool {
    let text = String::from_utf8_lossy(&ran.stdout);
    text.lines().any(|line| line.contains("NOPASSWD:") && line.contains(program))
}
