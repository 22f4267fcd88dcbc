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
/// # Errors
/// See [`Refused`].
pub fn guard(
    plan: &Plan,
    request: Request<'_>,
    removal_allowed: impl Fn(&str) -> bool,
    downgrade_allowed: impl Fn(&str) -> bool,
    protected: impl Fn(&str) -> bool,
) -> Result<Allowance, Refused> {
    let unnamed_removals = request == Request::Autoremove;
    let mut refused = Refused { misread: misread(plan, request), ..Refused::default() };
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
/// provide, so that it would install none of what was asked for; a final `+` as "install", when no
/// package has that very name.
fn misread(plan: &Plan, request: Request<'_>) -> Vec<PackageName> {
    let installs = |name: &str| plan.installs.iter().any(|install| install.package.name == name);
    let suffix = |name: &&PackageName| {
        name.as_str().strip_suffix('+').is_some_and(installs) && !installs(name.as_str())
    };
    match request {
        Request::Install(names) if !plan.installs.is_empty() => {
            let none = !names.iter().any(|name| installs(name.as_str()));
            names.iter().filter(|name| none || suffix(name)).cloned().collect()
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
        let plan = Plan::parse(lines).expect("a plan");
        let protected = |name: &str| matches!(name, "sudo" | "systemd");
        guard(&plan, request, |name| removal.contains(&name), |name| downgrade.contains(&name), protected)
            .map_err(|refused| refused.to_string())
    }

    #[test]
    fn what_the_policy_names_passes_with_what_it_needs() {
        let names = [PackageName::parse("curl").expect("a name")];
        let request = Request::Install(&names);
        let install = "Inst curl [1] (2 x [all])\nInst libcurl (2 x [all])\n";
        assert_eq!(judge(install, request, &NOBODY, &NOBODY), Ok(Allowance::default()));
        let removal = Allowance { removal: true, downgrade: false };
        assert_eq!(judge("Remv curl [1]", request, &["curl"], &NOBODY), Ok(removal));
        assert_eq!(judge("Purg curl:i386 [1]", request, &["curl"], &NOBODY), Ok(removal));
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
        for (request, lines, refused) in [
            (Request::Install(&asked), inst("docker.io") + &inst("libx"), ""),
            (Request::Install(&asked), inst("g++"), ""),
            (Request::Install(&asked), String::new(), ""),
            (Request::Install(&asked), inst("xdockerzioy"), "docker.io, g++"),
            (Request::Install(&asked), inst("docker.io") + &inst("g+"), "g++"),
            (Request::Remove(&asked), inst("g+"), "g++"),
            (Request::Remove(&asked), inst("exim"), ""),
            (Request::Upgrade, inst("xdockerzioy"), ""),
        ] {
            let judged = judge(&lines, request, &NOBODY, &NOBODY);
            let error = judged.err().unwrap_or_default();
            assert_eq!(error.rsplit(": ").next().unwrap_or_default(), refused, "{request:?} {lines}");
        }
    }
}
