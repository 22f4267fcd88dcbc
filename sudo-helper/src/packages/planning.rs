//! What a change of packages would do, before it is done.

use std::collections::BTreeSet;
use std::time::Duration;

use super::last_look::hook;
use super::{Change, failed, not_started};
use crate::answer::{Exit, Failure, Ran};
use crate::apt::arguments::{APT_GET, Allowance, ENVIRONMENT, Request, arguments, simulation_arguments};
use crate::apt::guard::guard;
use crate::apt::plan::{BadPlan, MAX_SIMULATION, Plan};
use crate::apt::unfinished::{DPKG_QUERY, MAX_LIST, Unfinished, configured, list_arguments};
use crate::operation::PackageVerb;
use crate::package_name::PackageName;
use crate::policy::is_protected;
use crate::process::{Finished, Stopping, Task};
use crate::tail::{Tail, Tailed};

/// How long apt-get(8) or dpkg-query(1) may take to tell.
const TELLING: Duration = Duration::from_secs(120);
/// How long one that was told to end has.
const GRACE: Duration = Duration::from_secs(10);
/// What an approver is shown of a plan that is empty: it may not be when it is done.
const NOTHING: &str = "nothing would change now";

/// What would be done.
#[derive(Debug, Default)]
pub struct Planned {
    /// What would be installed and removed.
    pub plan: Plan,
    /// Whether the policy has a part of it under approval.
    pub approval: bool,
    allowance: Allowance,
    configures: BTreeSet<String>,
    reinstalls: Vec<String>,
    simulated: bool,
}

impl Planned {
    /// Each change in a line; empty also for what has no plan.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let configures = self.configures.iter().map(|name| format!("configure {name}"));
        self.plan.lines().into_iter().chain(configures).collect()
    }

    /// The lines that a person approves.
    #[must_use]
    pub fn lines_for_approval(&self) -> Vec<String> {
        let lines = self.lines();
        if lines.is_empty() && self.simulated { vec![NOTHING.to_owned()] } else { lines }
    }
}

impl Change<'_> {
    /// What apt-get will be asked, as an approver sees it.
    ///
    /// # Errors
    /// When the operation is not about packages, or apt-get cannot ask this program.
    pub fn argv(&self, planned: &Planned) -> Result<Vec<String>, Failure> {
        let words = arguments(self.request()?, planned.allowance, &hook()?);
        Ok([APT_GET.to_owned()].into_iter().chain(words).chain(planned.reinstalls.iter().cloned()).collect())
    }

    /// What is known without a simulation.
    ///
    /// # Errors
    /// When the operation is not about packages, or a repair cannot tell what is half unpacked.
    pub fn unplanned(&self) -> Result<Planned, Failure> {
        let unfinished = self.unfinished()?;
        Ok(Planned { reinstalls: unfinished.reinstall_arguments(), ..Planned::default() })
    }

    /// What would be done, let pass by the policy; empty for what has no plan.
    ///
    /// # Errors
    /// When the simulation fails, or the plan does what the policy does not allow.
    pub fn plan(&self) -> Result<Planned, Failure> {
        let request = self.request()?;
        if !request.has_plan() {
            return Ok(Planned::default());
        }
        let unfinished = self.unfinished()?;
        let reinstalls = unfinished.reinstall_arguments();
        let simulation = self.simulate(request, &reinstalls)?;
        let bad = |error: BadPlan| Failure::new(Exit::Failed, "plan", &error);
        let plan = Plan::parse(&simulation).map_err(bad)?;
        let mut configures = configured(&simulation, &plan).map_err(bad)?;
        configures.extend(unfinished.configures);
        let allowance = self.guarded(&plan, request, &self.present(&plan, request)?)?;
        let approval = self.policy.plan_needs_approval(&plan);
        Ok(Planned { plan, approval, allowance, configures, reinstalls, simulated: true })
    }

    fn guarded(
        &self,
        plan: &Plan,
        request: Request<'_>,
        present: &BTreeSet<String>,
    ) -> Result<Allowance, Failure> {
        let allowed = |verb: PackageVerb| {
            move |name: &str| {
                PackageName::parse(name)
                    .is_ok_and(|name| self.policy.package_verb_allowed(verb, &name).is_ok())
            }
        };
        let present = |name: &str| present.contains(name);
        let (removal, install) = (allowed(PackageVerb::Remove), allowed(PackageVerb::Install));
        guard(plan, request, present, removal, install, is_protected)
            .map_err(|refused| Failure::new(Exit::Denied, "denied-plan", &refused))
    }

    fn simulate(&self, request: Request<'_>, reinstalls: &[String]) -> Result<String, Failure> {
        let words = simulation_arguments(request).into_iter().chain(reinstalls.iter().cloned());
        let argv: Vec<String> = [APT_GET.to_owned()].into_iter().chain(words).collect();
        let told = self.told(&argv, MAX_SIMULATION)?;
        if told.returncode() != 0 || told.timed_out {
            // Callers look for apt-get's own words.
            let failure = failed("apt-get -s", &told.stderr.text);
            let capped = |output| capped(output, self.policy.limits().output_bytes);
            let (stdout, stderr) = (capped(told.stdout), capped(told.stderr));
            return Err(failure.of_program(Ran::new(argv, Finished { stdout, stderr, ..told })));
        }
        if told.stdout.truncated {
            return Err(Failure::new(Exit::Failed, "plan", &"the plan of apt-get -s is too long"));
        }
        Ok(told.stdout.text)
    }

    /// The names of the packages on the machine, where the plan does not answer for every name.
    fn present(&self, plan: &Plan, request: Request<'_>) -> Result<BTreeSet<String>, Failure> {
        match request {
            Request::Install(names) if !names.iter().all(|name| plan.installs_package(name.as_str())) => {
                Ok(present_names(&self.list()?))
            }
            _ => Ok(BTreeSet::new()),
        }
    }

    /// What a repair finds.
    fn unfinished(&self) -> Result<Unfinished, Failure> {
        if self.request()? != Request::FixBroken {
            return Ok(Unfinished::default());
        }
        Ok(Unfinished::parse(&self.list()?))
    }

    /// What dpkg-query prints for [`list_arguments`].
    fn list(&self) -> Result<String, Failure> {
        let argv: Vec<String> = [DPKG_QUERY.to_owned()].into_iter().chain(list_arguments()).collect();
        let told = self.told(&argv, MAX_LIST)?;
        if told.returncode() != 0 || told.timed_out {
            return Err(failed("dpkg-query", &told.stderr.text));
        }
        if told.stdout.truncated {
            return Err(Failure::new(Exit::Failed, "plan", &"the list of dpkg-query is too long"));
        }
        Ok(told.stdout.text)
    }

    /// Runs what changes nothing.
    fn told(&self, argv: &[String], output: usize) -> Result<Finished, Failure> {
        let stopping = Stopping::Kill(GRACE);
        let task = Task { argv, environment: ENVIRONMENT, limit: TELLING, stopping, output };
        self.starter.run(&task, |_| ()).map_err(|error| not_started(&error))
    }
}

/// The names of the packages in a list by dpkg-query(1) of which more than the configuration is there.
fn present_names(list: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let (state, package) = line.split_once(' ')?.1.split_once(' ')?;
        let present = !matches!(state, "not-installed" | "config-files");
        present.then(|| package.split(':').next().unwrap_or(package).to_owned())
    };
    list.lines().filter_map(name).collect()
}

/// What a simulation wrote, within the policy's limit.
fn capped(output: Tailed, limit: usize) -> Tailed {
    let mut tail = Tail::new(limit);
    tail.push(output.text.as_bytes());
    let Tailed { text, truncated, .. } = tail.finish();
    Tailed { text, truncated: truncated || output.truncated, lossy: output.lossy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_which_only_the_configuration_is_left_is_not_there() {
        let list = "ok installed bash\nok unpacked libx:amd64\nreinstreq half-installed half\n\
            ok config-files gone\nok not-installed never\nno line\n";
        assert_eq!(Vec::from_iter(present_names(list)), ["bash", "half", "libx"]);
    }
}
