//! The rule on every host of an inventory: each is surveyed, then changed by one question to root there.

mod consent;
mod decision;
mod outcome;
mod password;
mod progress;
mod reply;
mod schedule;
mod table;
mod terminal;
mod visit;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::cli::{ClusterAction, ClusterCall};
use crate::exit::Exit;
use crate::host::Host;
use crate::inventory::{self, Source};
use crate::remote::{Elevation, ProgramPath, UserName};
use crate::ssh::Options;
use diagnostics::Failure;

use decision::Asked;
use outcome::{Outcome, Row};
use password::{Origin, Password};
use progress::Progress;
use schedule::{Caution, Told};
use visit::{HELD, Plan, Surveyed, Waiting};

/// How long a host that has the password is waited for before the next one gets it: sudo(8) refuses a wrong one
/// within some seconds.
const VERDICT: Duration = Duration::from_secs(15);

/// `cluster`: rows on standard output, a line for each host on standard error.
#[must_use]
pub fn run(call: &ClusterCall) -> Exit {
    let (exit, failure) = match Cluster::prepare(call).and_then(Cluster::work) {
        Ok(exit) => return exit,
        Err(failure) if failure.code == "usage" => (Exit::Usage, failure),
        Err(failure) => (Exit::Failed, failure),
    };
    if call.json {
        let _ = diagnostics::print(&format!("{}\n", failure.object()), Exit::Failed as u8);
    }
    diagnostics::complain("sudoers-install", &failure);
    exit
}

/// A call whose words and inventory are good.
struct Cluster<'a> {
    call: &'a ClusterCall,
    plan: Plan,
    hosts: Vec<Host>,
    skipped: Vec<Host>,
    password: Origin,
}

impl<'a> Cluster<'a> {
    fn prepare(call: &'a ClusterCall) -> Result<Self, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::new("usage", error);
        let stdin = call.inventory.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if stdin && call.password_fd == Some(0) {
            return Err(usage(&"standard input cannot be both the inventory and the password"));
        }
        let helper = call.helper.to_str().ok_or_else(|| usage(&"--helper is no path of plain characters"))?;
        let helper = ProgramPath::parse(helper).map_err(|error| usage(&format!("--helper: {error}")))?;
        let grantee = call.user.as_deref().map(UserName::parse).transpose();
        let grantee = grantee.map_err(|error| usage(&format!("--user: {error}")))?;
        let password = Origin::of(call.password_fd)?;
        password::keep_from_dumps()?;
        // Nothing that this process has open is for ssh, its proxies or agents.
        supervise::close_others_on_exec(&[]).map_err(|error| {
            Failure::new("descriptors", format!("descriptors cannot be kept from ssh: {error}"))
        })?;
        let asked = Asked { action: call.action, dry_run: call.dry_run, replace_legacy: call.replace_legacy };
        let options = Options::find(call.accept_new_host_keys)?;
        let (hosts, skipped) = hosts(call, stdin)?;
        Ok(Self {
            call,
            plan: Plan { options, helper, grantee, asked, held: AtomicUsize::new(0) },
            hosts,
            skipped,
            password,
        })
    }

    fn work(self) -> Result<Exit, Failure> {
        let aliases: Vec<String> =
            self.hosts.iter().chain(&self.skipped).map(|host| host.alias.to_string()).collect();
        let progress = Progress::new(aliases.len(), self.call.json);
        for host in &self.skipped {
            progress.ended(Row::new(host, None, Outcome::Skipped));
        }
        let jobs = usize::from(self.call.jobs);
        progress.step("survey");
        let surveyed = schedule::all(&self.hosts, jobs, |host| goes_on(self.plan.survey(host), &progress));
        let asked_for = |waiting: &Waiting<'_>| waiting.ready.elevation == Elevation::Password;
        let (by_password, passwordless): (Vec<_>, Vec<_>) =
            surveyed.into_iter().flatten().partition(asked_for);
        let by_password = self.consented(by_password, &progress)?;
        progress.pause();
        // Read before anything is changed: an empty one changes nothing anywhere.
        let password =
            if by_password.is_empty() { None } else { Some(self.password.password(by_password.len())?) };
        progress.step(step_word(self.call.action));
        change_all(&self.plan, passwordless, jobs, &progress);
        if let Some(password) = password {
            let caution =
                if self.call.keep_going { Caution::KeepGoing } else { Caution::StopAtWrong(VERDICT) };
            change_by_password(&self.plan, by_password, &password, jobs, caution, &progress);
        }
        Ok(progress.end(&aliases))
    }

    /// Those to which the password may be sent.
    fn consented<'h>(
        &self,
        waiting: Vec<Waiting<'h>>,
        progress: &Progress,
    ) -> Result<Vec<Waiting<'h>>, Failure> {
        let risky = waiting.iter().filter(|waiting| waiting.would_tell_the_grantee());
        let names: Vec<&str> = risky.map(|waiting| waiting.host.alias.as_str()).collect();
        if names.is_empty() || self.call.allow_login_grantee {
            return Ok(waiting);
        }
        progress.pause();
        if consent::given(&names) {
            return Ok(waiting);
        }
        let (refused, kept) = waiting.into_iter().partition(|waiting| waiting.would_tell_the_grantee());
        let refused: Vec<Waiting<'_>> = refused;
        for waiting in refused {
            progress.ended(waiting.row(Outcome::Failed(Failure::new("login-grantee", consent::REFUSED))));
        }
        Ok(kept)
    }
}

/// The hosts that are asked for, and those of them that are skipped by name.
fn hosts(call: &ClusterCall, stdin: bool) -> Result<(Vec<Host>, Vec<Host>), Failure> {
    let source = match &call.inventory {
        _ if stdin => Source::Stdin,
        Some(path) => Source::File(path.clone()),
        None => Source::default_file()?,
    };
    let all = inventory::load(&source)?;
    let limited = inventory::select(all.clone(), call.limit.as_deref(), &[])?;
    let chosen = inventory::select(all, call.limit.as_deref(), &call.skip)?;
    let skipped = limited.into_iter().filter(|host| !chosen.contains(host)).collect();
    Ok((chosen, skipped))
}

fn step_word(action: ClusterAction) -> &'static str {
    match action {
        ClusterAction::Install => "install",
        ClusterAction::Status => "status",
        ClusterAction::Remove => "remove",
    }
}

/// A host on which more is to be done; the row of one that has ended is told.
fn goes_on<'a>(surveyed: Surveyed<'a>, progress: &Progress) -> Option<Waiting<'a>> {
    match surveyed {
        Surveyed::Ended(row) => {
            progress.ended(row);
            None
        }
        Surveyed::Waiting(waiting) => Some(waiting),
    }
}

/// A host that one worker takes, once.
type Taken<'a> = Mutex<Option<Waiting<'a>>>;

fn take<'a>(slot: &Taken<'a>) -> Option<Waiting<'a>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn change_all(plan: &Plan, waiting: Vec<Waiting<'_>>, jobs: usize, progress: &Progress) {
    let slots: Vec<Taken<'_>> = waiting.into_iter().map(|waiting| Mutex::new(Some(waiting))).collect();
    let _: Vec<()> = schedule::all(&slots, jobs, |slot| {
        if let Some(waiting) = take(slot) {
            progress.ended(plan.act(waiting, None).0);
        }
    });
}

/// Brings hosts together to where only the password is missing; those that have died meanwhile end here, before it
/// is sent anywhere.
fn prepare_all<'a>(
    plan: &Plan,
    waiting: Vec<Waiting<'a>>,
    jobs: usize,
    progress: &Progress,
) -> Vec<Taken<'a>> {
    let slots: Vec<Taken<'_>> = waiting.into_iter().map(|waiting| Mutex::new(Some(waiting))).collect();
    let prepared = schedule::all(&slots, jobs, |slot| goes_on(plan.prepare(take(slot)?), progress));
    prepared.into_iter().flatten().map(|waiting| Mutex::new(Some(waiting))).collect()
}

fn change_by_password(
    plan: &Plan,
    mut waiting: Vec<Waiting<'_>>,
    password: &Password,
    jobs: usize,
    caution: Caution,
    progress: &Progress,
) {
    // Sessions that wait are used up before others are begun.
    waiting.sort_by_key(|waiting| !waiting.is_held());
    let mut caution = Some(caution);
    while let Some(now) = caution
        && !waiting.is_empty()
    {
        let rest = waiting.split_off(waiting.len().min(HELD));
        let slots = prepare_all(plan, waiting, jobs, progress);
        let told = schedule::with_password(&slots, jobs, now, |slot| {
            let Some(waiting) = take(slot) else { return (Told::Nothing, Told::Nothing) };
            let (row, told) = plan.act(waiting, Some(password));
            progress.ended(row);
            (told, told)
        });
        caution = now.after(&told);
        waiting = slots.iter().filter_map(take).chain(rest).collect();
    }
    for waiting in waiting {
        let error = "not tried, since another host refused the password: --keep-going tries each host";
        progress.ended(waiting.row(Outcome::Failed(Failure::new("not-tried", error))));
    }
}
