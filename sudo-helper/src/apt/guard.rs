//! Whether a plan stays within the policy.

use std::fmt;

use crate::apt::arguments::{Allowance, Request};
use crate::apt::plan::{PackageId, Plan};
use crate::package_name::PackageName;

/// Why a plan is refused: every package at fault, by what would happen to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Protected packages that it would remove or downgrade.
    pub protected: Vec<PackageId>,
    /// Packages that it would remove and that the policy does not let be removed.
    pub removed: Vec<PackageId>,
    /// Packages that it would downgrade and that the policy does not let be installed.
    pub downgraded: Vec<PackageId>,
    /// Names that were asked for and that apt-get(8) does not read as names.
    pub misread: Vec<PackageName>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn part<T: ToString>(what: &str, packages: &[T]) -> Option<String> {
            let names: Vec<String> = packages.iter().map(T::to_string).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        }
        let parts: Vec<String> = [
            part("remove or downgrade, though protected,", &self.protected),
            part("remove, which the policy does not allow,", &self.removed),
            part("downgrade, which the policy does not allow,", &self.downgraded),
            part("install other packages than those of these names:", &self.misread),
        ]
        .into_iter()
        .flatten()
        .collect();
        write!(f, "apt-get would {}", parts.join("; and "))
    }
}

impl std::error::Error for Refused {}

/// Lets a plan pass, and says what apt-get(8) must be allowed for it.
///
/// Refused is a plan that removes, purges or downgrades a protected package, whoever names it, or
/// another package that the policy does not name for that. Packages are judged by name, whatever
/// their architecture. `autoremove` is there to remove packages that nobody names and has its own
/// switch in the policy: for it the rule about unnamed removals does not hold, the others do.
///
/// Refused is, too, an install whose names apt-get(8) does not read as names of packages: the policy
/// was asked about these. `present` says of which names there is a package on the machine.
///
/// # Errors
/// See [`Refused`].
pub fn guard(
    plan: &Plan,
    request: Request<'_>,
    present: impl Fn(&str) -> bool,
    removal_allowed: impl Fn(&str) -> bool,
    downgrade_allowed: impl Fn(&str) -> bool,
    protected: impl Fn(&str) -> bool,
) -> Result<Allowance, Refused> {
    let unnamed_removals = request == Request::Autoremove;
    let mut refused = Refused { misread: misread(plan, request, present), ..Refused::default() };
    for package in plan.removals() {
        if protected(&package.name) {
            refused.protected.push(package.clone());
        } else if !unnamed_removals && !removal_allowed(&package.name) {
            refused.removed.push(package.clone());
        }
    }
    for package in plan.downgrades() {
        if protected(&package.name) {
            refused.protected.push(package.clone());
        } else if !downgrade_allowed(&package.name) {
            refused.downgraded.push(package.clone());
        }
    }
    if refused != Refused::default() {
        return Err(refused);
    }
    Ok(Allowance { removal: !plan.removals().is_empty(), downgrade: !plan.downgrades().is_empty() })
}

/// The names that apt-get(8) has read otherwise: as a pattern or the name of something that others
/// provide, so that there is no package of the name, neither before nor after; a final `+` as "install",
/// when no package has that very name. (What it says of that itself, "Note, selecting", it keeps to
/// itself with -q.)
fn misread(plan: &Plan, request: Request<'_>, present: impl Fn(&str) -> bool) -> Vec<PackageName> {
    let installs = |name: &str| plan.installs_package(name);
    let suffix = |name: &&PackageName| {
        name.as_str().strip_suffix('+').is_some_and(installs) && !installs(name.as_str())
    };
    match request {
        Request::Install(names) => {
            let nowhere = |name: &str| !installs(name) && !present(name);
            names.iter().filter(|name| nowhere(name.as_str()) || suffix(name)).cloned().collect()
        }
        Request::Remove(names) => names.iter().filter(suffix).cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [&str; 0] = [];

    fn judge(
        lines: &str,
        request: Request<'_>,
        removal: &[&str],
        downgrade: &[&str],
    ) -> Result<Allowance, String> {
        judge_with(&[], lines, request, removal, downgrade)
    }

    fn judge_with(
        present: &[&str],
        lines: &str,
        request: Request<'_>,
        removal: &[&str],
        downgrade: &[&str],
    ) -> Result<Allowance, String> {
        let plan = Plan::parse(lines).expect("a plan");
        let among = |names: &[&str], name: &str| names.contains(&name);
        let protected = |name: &str| matches!(name, "sudo" | "systemd");
        let (removal, downgrade) = (|name: &str| among(removal, name), |name: &str| among(downgrade, name));
        guard(&plan, request, |name| among(present, name), removal, downgrade, protected)
            .map_err(|refused| refused.to_string())
    }

    #[test]
    fn what_the_policy_names_passes_with_what_it_needs() {
        let names = [PackageName::parse("curl").expect("a name")];
        let request = Request::Install(&names);
        let install = "Inst curl [1] (2 x [all])\nInst libcurl (2 x [all])\n";
        assert_eq!(judge(install, request, &NOBODY, &NOBODY), Ok(Allowance::default()));
        let removal = Allowance { removal: true, downgrade: false };
        let curl = ["curl"];
        assert_eq!(judge_with(&curl, "Remv curl [1]", request, &curl, &NOBODY), Ok(removal));
        assert_eq!(judge_with(&curl, "Purg curl:i386 [1]", request, &curl, &NOBODY), Ok(removal));
        let downgrade = Allowance { removal: false, downgrade: true };
        assert_eq!(judge("Inst curl [2] (1 x [all])", request, &NOBODY, &["curl"]), Ok(downgrade));
    }

    #[test]
    fn every_package_at_fault_is_named() {
        let lines =
            "Remv git [1]\nPurg curl [1]\nRemv sudo [1]\nInst systemd [2] (1 x [a])\nInst jq [2] (1 x [a])\n";
        assert_eq!(
            judge(lines, Request::Remove(&[]), &["sudo"], &["curl", "systemd"]),
            Err("apt-get would remove or downgrade, though protected, sudo, systemd; and remove, which the \
                 policy does not allow, curl, git; and downgrade, which the policy does not allow, jq"
                .to_owned())
        );
    }

    #[test]
    fn an_upgrade_of_a_protected_package_passes() {
        let lines = "Inst sudo [1] (2 x [all])\n";
        assert_eq!(judge(lines, Request::Upgrade, &NOBODY, &NOBODY), Ok(Allowance::default()));
    }

    #[test]
    fn autoremove_removes_what_nobody_names_but_nothing_protected() {
        let passed = judge("Remv less [1]", Request::Autoremove, &NOBODY, &NOBODY);
        assert_eq!(passed, Ok(Allowance { removal: true, downgrade: false }));
        assert!(judge("Remv less [1]\nRemv sudo [1]", Request::Autoremove, &NOBODY, &NOBODY).is_err());
        assert!(judge("Inst less [2] (1 x [a])", Request::Autoremove, &NOBODY, &NOBODY).is_err());
        assert!(judge("Remv less [1]", Request::FixBroken, &NOBODY, &NOBODY).is_err());
    }

    #[test]
    fn a_name_that_apt_reads_otherwise_is_refused() {
        let names = |words: &str| -> Vec<PackageName> {
            words.split(' ').map(|word| PackageName::parse(word).expect(word)).collect()
        };
        let inst = |name: &str| format!("Inst {name} (1 x [all])\n");
        let asked = names("docker.io g++");
        let install = Request::Install(&asked);
        let none: &[&str] = &[];
        for (present, request, lines, refused) in [
            (none, install, inst("docker.io") + &inst("g++") + &inst("libx"), ""),
            (&["g++"], install, inst("docker.io") + &inst("libx"), ""),
            (&["docker.io"], install, inst("g++"), ""),
            (&["docker.io", "g++"], install, String::new(), ""),
            // There is what it takes for a name already.
            (&["xdockerzioy", "g++"], install, String::new(), "docker.io"),
            (none, install, inst("xdockerzioy"), "docker.io, g++"),
            // Beside a name that it reads as one.
            (none, install, inst("xdockerzioy") + &inst("g++"), "docker.io"),
            (none, install, inst("docker.io") + &inst("gpp-provider"), "g++"),
            (none, install, inst("docker.io") + &inst("g+"), "g++"),
            (&["docker.io", "g++"], install, inst("g+"), "g++"),
            (none, Request::Remove(&asked), inst("g+"), "g++"),
            (none, Request::Remove(&asked), inst("exim"), ""),
            (none, Request::Upgrade, inst("xdockerzioy"), ""),
        ] {
            let judged = judge_with(present, &lines, request, &NOBODY, &NOBODY);
            let error = judged.err().unwrap_or_default();
            let said = error.rsplit(": ").next().unwrap_or_default();
            assert_eq!(said, refused, "{present:?} {request:?} {lines}");
        }
    }
}
