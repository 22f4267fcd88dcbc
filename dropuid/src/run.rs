//! The sequence: resolve, drop, verify, exec.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use accounts::{Database, DatabaseError};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getpgrp, getpid, getppid, setsid};
use supervise::{Command, Credentials, DropError, ExecFailure, Group, Held, Inherited, Signals};

use crate::account::{ResolveError, Target, resolve};
use crate::cli::{Options, Terminal};
use crate::environment::{self, Environment};
use crate::own_executable::{self, Unsafe};
use crate::{env_files, explain, own_stdio, terminal};

/// The status of a call that ran nothing.
pub const OWN_FAILURE: u8 = 125;

/// Nobody else may write what the command creates, as under sudo.
const UMASK: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);

/// Why nothing was run.
#[derive(Debug)]
pub enum RunError {
    /// The program's own file gives privileges.
    OwnFile(Unsafe),
    /// Real, effective and saved ids differ: something is setuid here.
    MixedIds,
    /// The account databases gave no answer.
    Database(DatabaseError),
    /// The spec means nobody who may run a command.
    Resolve(ResolveError),
    /// Neither root nor the user.
    NotRoot(String),
    /// The user already, but with other groups than wanted.
    OtherGroups(String),
    /// The command could type into the caller's terminal.
    Terminal,
    /// A descriptor to be kept is not open.
    ClosedFd(u32),
    /// The ids could not be dropped, or not for certain.
    Drop(DropError),
    /// An env file is missing or wrong.
    EnvFile(env_files::EnvFileError),
    /// A system call failed.
    Call(&'static str, io::Error),
    /// The command could not be executed.
    Exec(ExecFailure),
}

impl RunError {
    /// 126 or 127 for the command's own fault, 125 for anything else.
    #[must_use]
    pub fn status(&self) -> u8 {
        if let Self::Exec(failure) = self { failure.status() } else { OWN_FAILURE }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnFile(why) => why.fmt(f),
            Self::MixedIds => {
                f.write_str("real, effective and saved ids differ; run it as root or as the user itself")
            }
            Self::Database(error) => error.fmt(f),
            Self::Resolve(error) => error.fmt(f),
            Self::NotRoot(user) => write!(f, "only root can become '{user}'; nothing was run"),
            Self::OtherGroups(user) => write!(
                f,
                "this is '{user}' already, but with groups or capabilities that only root can take away; nothing was run"
            ),
            Self::Terminal => f.write_str(
                "the command could type into this terminal (TIOCSTI); use --new-session, \
                 or --share-tty if you trust it, or set dev.tty.legacy_tiocsti=0",
            ),
            Self::ClosedFd(fd) => write!(f, "--keep-fd {fd}: that descriptor is not open"),
            Self::Drop(error) => error.fmt(f),
            Self::EnvFile(error) => error.fmt(f),
            Self::Call(call, error) => write!(f, "{call} failed: {error}"),
            Self::Exec(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

fn called(call: &'static str) -> impl Fn(nix::errno::Errno) -> RunError {
    move |errno| RunError::Call(call, errno.into())
}

/// What has to be done to become the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// We are root: drop.
    Drop,
    /// We are the target already.
    Nothing,
}

/// Everything that is known before ids change.
pub struct Plan<'a> {
    /// The call.
    pub options: &'a Options,
    /// Whom the command runs as.
    pub target: Target,
    /// What has to be done.
    pub step: Step,
    /// The environment, still without env files.
    pub environment: Environment,
    /// The account databases.
    pub database: Database,
}

/// Does what the options ask for. Returns only the status of `--explain`, of a command that was
/// waited for, or a failure.
///
/// # Errors
/// See [`RunError`].
pub fn run(options: &Options) -> Result<u8, RunError> {
    let plan = prepare(options)?;
    if let Some(format) = options.explain {
        return explain::explain(plan, format);
    }
    if plan.step == Step::Drop && options.own_stdio {
        let user = plan.target.credentials.uid();
        own_stdio::hand_over(user).map_err(|error| RunError::Call("fchown of a standard pipe", error))?;
    }
    if options.verbose && plan.step == Step::Drop {
        diagnostics::say(&format!(
            "🔒 Auto-dropping privileges from root to {} user...",
            plan.target.display_name()
        ));
    }
    // A process group leader cannot start a session (setsid(2)): its child can.
    if options.wait || (options.terminal == Terminal::NewSession && getpgrp() == getpid()) {
        return wait(&plan);
    }
    if options.terminal == Terminal::NewSession {
        setsid().map_err(called("setsid"))?;
    }
    match become_command(&plan, None)? {}
}

fn prepare(options: &Options) -> Result<Plan<'_>, RunError> {
    own_executable::verify().map_err(RunError::OwnFile)?;
    let held = Held::read().map_err(RunError::Drop)?;
    if !held.agree() {
        return Err(RunError::MixedIds);
    }
    let database = Database::read().map_err(RunError::Database)?;
    let target = resolve(&options.spec, &options.drop_groups, &database).map_err(RunError::Resolve)?;
    let step = if held.is_already(&target.credentials) {
        Step::Nothing
    } else if held.is_root() {
        Step::Drop
    } else if held.uids[1] == target.credentials.uid() {
        return Err(RunError::OtherGroups(target.display_name()));
    } else {
        return Err(RunError::NotRoot(target.display_name()));
    };
    let guarded = step == Step::Drop && options.terminal == Terminal::Guarded && options.explain.is_none();
    if guarded && terminal::is_exposed() {
        return Err(RunError::Terminal);
    }
    let environment = environment::build(&environment::Sources {
        callers: std::env::vars_os().collect(),
        kept: &options.kept,
        callers_homes: callers_homes(&database, &held),
        target: &target,
        runtime_dir: runtime_dir(&target.credentials),
    });
    Ok(Plan { options, target, step, environment, database })
}

/// The caller's home by its account and by its own word.
fn callers_homes(database: &Database, held: &Held) -> Vec<PathBuf> {
    let by_account = database.local_home(held.uids[0].as_raw()).map(PathBuf::from);
    by_account.into_iter().chain(std::env::var_os("HOME").map(PathBuf::from)).collect()
}

/// The target's own folder for sockets and the like (pam_systemd(8)), when it has one.
fn runtime_dir(credentials: &Credentials) -> Option<PathBuf> {
    let folder = PathBuf::from(format!("/run/user/{}", credentials.uid()));
    let metadata = fs::symlink_metadata(&folder).ok()?;
    (metadata.is_dir() && metadata.uid() == credentials.uid().as_raw()).then_some(folder)
}

/// Keeps our own ids, and stays until the command has ended.
fn wait(plan: &Plan<'_>) -> Result<u8, RunError> {
    let failed = |error| RunError::Call("waiting for the command", error);
    let inherited = Inherited::take().map_err(failed)?;
    let group = match plan.options.terminal {
        Terminal::NewSession => Group::OwnSession,
        Terminal::Guarded | Terminal::Shared => Group::Callers,
    };
    let parent = Parent { pid: getpid(), inherited };
    let child = supervise::fork(group, || match become_command(plan, Some(&parent)) {
        Ok(never) => match never {},
        Err(error) => {
            diagnostics::complain("dropuid", &error);
            error.status()
        }
    })
    .map_err(failed)?;
    let signals = Signals::all(&inherited).map_err(failed)?;
    supervise::attend(&child, &signals).map(|ended| ended.outcome.status()).map_err(failed)
}

/// What a forked child knows of the process that waits for it.
struct Parent {
    pid: nix::unistd::Pid,
    inherited: Inherited,
}

/// Drops, verifies, and replaces this process by the command.
fn become_command(plan: &Plan<'_>, parent: Option<&Parent>) -> Result<Infallible, RunError> {
    take_ids(plan)?;
    if let Some(parent) = parent {
        die_with(parent)?;
    }
    let mut environment = plan.environment.clone();
    for file in &plan.options.env_files {
        let assignments = env_files::load(file).map_err(RunError::EnvFile)?;
        environment::overlay(&mut environment, assignments, plan.options.env_allow.as_deref());
    }
    let path = environment::settle_path(&mut environment, supervise::default_path);
    let command = Command::new(plan.options.command.iter().cloned(), environment, path)
        .map_err(|error| RunError::Call("building the command", error.into()))?;
    close_descriptors(&plan.options.keep_fds)?;
    restrict_umask();
    match parent {
        Some(parent) => parent.inherited.with_empty_mask().restore(),
        None => Inherited::restore_with_empty_mask(),
    }
    .map_err(|error| RunError::Call("restoring signals", error))?;
    let failure = command.exec();
    // What is said now must not kill us when nobody reads it.
    let _ = supervise::ignore_sigpipe();
    Err(RunError::Exec(failure))
}

/// Takes the target's ids up and verifies them, and seals the way back through setuid programs.
pub fn take_ids(plan: &Plan<'_>) -> Result<(), RunError> {
    let credentials = &plan.target.credentials;
    match plan.step {
        Step::Drop => credentials.assume(),
        Step::Nothing => credentials.verify_held(),
    }
    .map_err(RunError::Drop)?;
    if plan.options.no_new_privs {
        nix::sys::prctl::set_no_new_privs().map_err(called("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    }
    Ok(())
}

/// The kernel forgets this on every change of ids (PR_SET_PDEATHSIG), so it comes after the last.
fn die_with(parent: &Parent) -> Result<(), RunError> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::SIGKILL).map_err(called("prctl(PR_SET_PDEATHSIG)"))?;
    if getppid() == parent.pid {
        Ok(())
    } else {
        Err(RunError::Call("waiting", io::Error::other("the waiting process was killed")))
    }
}

fn close_descriptors(kept: &[u32]) -> Result<(), RunError> {
    for fd in kept.iter().filter(|fd| **fd >= supervise::FIRST_OTHER) {
        if fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err() {
            return Err(RunError::ClosedFd(*fd));
        }
    }
    supervise::close_others_on_exec(kept).map_err(|error| RunError::Call("closing descriptors", error))
}

fn restrict_umask() {
    // The mask can only be read by setting it (umask(2)); nothing is created in between.
    let callers = umask(UMASK);
    if callers != UMASK {
        umask(callers | UMASK);
    }
}
