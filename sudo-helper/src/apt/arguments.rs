//! How apt-get(8) and dpkg(1) are called without a human: no prompt, no terminal, no configuration
//! file replaced.
//!
//! `Dpkg::Use-Pty=0` alone leaves maintainer scripts the caller's terminal: the child must also have
//! a session of its own and /dev/null on stdin.

use crate::apt::comparison::Hook;
use crate::operation::{Operation, PackageAction, PackageVerb};
use crate::package_name::PackageName;

/// apt-get, whose output and options are stable; apt(8)'s are not.
pub const APT_GET: &str = "/usr/bin/apt-get";

/// dpkg, for the first step of a repair.
pub const DPKG: &str = "/usr/bin/dpkg";

/// The whole environment of both.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("UCF_FORCE_CONFFOLD", "1"),
    // List what should be restarted: `a` would restart services that no policy names.
    ("NEEDRESTART_MODE", "l"),
];

/// Nobody at a terminal, one answer to each question about a configuration file, and a name is a name.
const SETTINGS: [&str; 5] = [
    "Dpkg::Use-Pty=0",
    "Dpkg::Options::=--force-confdef",
    "Dpkg::Options::=--force-confold",
    "Acquire::Retries=3",
    // Without it apt-get reads a name that it does not know as a regular expression: `docker.io`
    // installed `xdockerzioy`. Older than apt 2.0 it does not know this: guard() is left.
    "APT::Cmd::Pattern-Only=true",
];

/// The caller has waited for dpkg's locks already, and looked at the plan since.
const NO_WAIT: &str = "DPkg::Lock::Timeout=0";

/// The locks of the lists of packages, of the downloads and of dpkg(1); all of fcntl(2).
const LOCKS: [&str; 4] = [
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
];

/// What apt-get(8) is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Install or upgrade these.
    Install(&'a [PackageName]),
    /// Remove these.
    Remove(&'a [PackageName]),
    /// Fetch the lists of packages.
    Update,
    /// Upgrade what is installed, without removing anything; never `dist-upgrade`.
    Upgrade,
    /// Remove what was installed for others and is needed by none.
    Autoremove,
    /// Erase downloads that cannot be had any more.
    Autoclean,
    /// Mend broken dependencies: the second step of a repair, after [`configure_arguments`].
    FixBroken,
}

/// What the plan that was let pass needs and apt-get(8) would refuse, or does unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// It removes packages.
    pub removal: bool,
    /// It downgrades packages.
    pub downgrade: bool,
}

impl<'a> Request<'a> {
    /// The request of an operation; none for one that is not about packages.
    #[must_use]
    pub fn of(operation: &'a Operation) -> Option<Self> {
        Some(match operation {
            Operation::Packages(PackageVerb::Install, names) => Self::Install(names),
            Operation::Packages(PackageVerb::Remove, names) => Self::Remove(names),
            Operation::Package(PackageAction::Update) => Self::Update,
            Operation::Package(PackageAction::Upgrade) => Self::Upgrade,
            Operation::Package(PackageAction::Autoremove) => Self::Autoremove,
            Operation::Package(PackageAction::Autoclean) => Self::Autoclean,
            Operation::Package(PackageAction::Repair) => Self::FixBroken,
            Operation::Service(..) | Operation::Run(..) => return None,
        })
    }

    /// Whether it changes what is installed, so that there is a plan to simulate.
    #[must_use]
    pub fn has_plan(self) -> bool {
        !matches!(self, Self::Update | Self::Autoclean)
    }

    /// The locks that its programs take.
    #[must_use]
    pub fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Update => &LOCKS[..1],
            Self::Autoclean => &LOCKS[1..2],
            _ => &LOCKS,
        }
    }

    /// Whether removing is what it is for.
    fn removes(self) -> bool {
        matches!(self, Self::Remove(_) | Self::Autoremove)
    }

    fn words(self) -> (&'static str, &'a [PackageName]) {
        match self {
            Self::Install(names) => ("install", names),
            Self::Remove(names) => ("remove", names),
            Self::Update => ("update", &[]),
            Self::Upgrade => ("upgrade", &[]),
            Self::Autoremove => ("autoremove", &[]),
            Self::Autoclean => ("autoclean", &[]),
            Self::FixBroken => ("install", &[]),
        }
    }
}

/// The arguments of the simulation whose output [`Plan::parse`](super::plan::Plan::parse) reads.
///
/// It takes no lock and works while another holds it. Without `-y` on purpose: with it apt-get(8)
/// refuses a plan that downgrades, or removes an essential package, before it prints it. It does
/// not notice an interrupted dpkg; the act itself does.
#[must_use]
pub fn simulation_arguments(request: Request<'_>) -> Vec<String> {
    command_line(&["-s", "-q"], Vec::new(), request, &[])
}

/// The arguments of the act. It waits for no lock ([`lock_held`](super::failure::lock_held)), and does
/// nothing but the plan that `hook` holds it to ([`comparison`](super::comparison)).
///
/// What `allowance` does not grant, apt-get(8) itself refuses, too.
#[must_use]
pub fn arguments(request: Request<'_>, allowance: Allowance, hook: &Hook) -> Vec<String> {
    let mut settings = vec![NO_WAIT.to_owned()];
    if request.has_plan() {
        settings.extend(hook.settings());
    }
    let mut flags = Vec::new();
    if request.has_plan() && !request.removes() && !allowance.removal {
        flags.push("--no-remove");
    }
    if request.has_plan() && allowance.downgrade {
        flags.push("--allow-downgrades");
    }
    command_line(&["-y", "-q"], settings, request, &flags)
}

fn command_line(first: &[&str], settings: Vec<String>, request: Request<'_>, flags: &[&str]) -> Vec<String> {
    let error_mode = (request == Request::Update).then_some("APT::Update::Error-Mode=any");
    let settings = settings.iter().map(String::as_str).chain(SETTINGS).chain(error_mode);
    let fix = (request == Request::FixBroken).then_some("-f");
    let (verb, names) = request.words();
    let operands = names.iter().map(PackageName::as_str);
    let end_of_options = (!names.is_empty()).then_some("--");
    (first.iter().copied())
        .chain(settings.flat_map(|setting| ["-o", setting]))
        .chain([verb])
        .chain(fix)
        .chain(flags.iter().copied())
        .chain(end_of_options)
        .chain(operands)
        .map(str::to_owned)
        .collect()
}

/// The arguments of dpkg(1) that finish what was interrupted: the first step of a repair.
#[must_use]
pub fn configure_arguments() -> Vec<String> {
    ["--force-confdef", "--force-confold", "--configure", "-a"].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = "-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
                            -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 \
                            -o APT::Cmd::Pattern-Only=true";
    const COMPARED: &str = "-o DPkg::Tools::Options::/usr/bin/sudo-helper::Version=3 \
                            -o DPkg::Pre-Install-Pkgs::=/usr/bin/sudo-helper compare-plan";

    fn hook() -> Hook {
        Hook::new(std::path::Path::new("/usr/bin/sudo-helper")).expect("plain")
    }

    fn operation(line: &str) -> Operation {
        Operation::parse(&line.split(' ').collect::<Vec<_>>()).expect(line)
    }

    #[test]
    fn each_operation_has_its_arguments() {
        for (line, rest) in [
            ("package install curl g++", "install --no-remove -- curl g++"),
            ("package remove curl", "remove -- curl"),
            ("package update", "-o APT::Update::Error-Mode=any update"),
            ("package upgrade", "upgrade --no-remove"),
            ("package autoremove", "autoremove"),
            ("package autoclean", "autoclean"),
            ("package repair", "install -f --no-remove"),
        ] {
            let operation = operation(line);
            let request = Request::of(&operation).expect(line);
            let arguments = arguments(request, Allowance::default(), &hook()).join(" ");
            let settings =
                if request.has_plan() { format!("{COMPARED} {SETTINGS}") } else { SETTINGS.into() };
            assert_eq!(arguments, format!("-y -q -o DPkg::Lock::Timeout=0 {settings} {rest}"));
        }
        assert_eq!(Request::of(&operation("service stop x")), None);
        assert_eq!(Request::of(&operation("run x")), None);
    }

    #[test]
    fn what_the_plan_needs_is_granted() {
        let operation = operation("package install curl");
        let request = Request::of(&operation).expect("a request");
        let allowance = Allowance { removal: true, downgrade: true };
        let arguments = arguments(request, allowance, &hook()).join(" ");
        let options = format!("-y -q -o DPkg::Lock::Timeout=0 {COMPARED} {SETTINGS}");
        assert_eq!(arguments, format!("{options} install --allow-downgrades -- curl"));
    }

    #[test]
    fn a_simulation_assumes_no_yes() {
        let operation = operation("package remove curl");
        let request = Request::of(&operation).expect("a request");
        assert_eq!(simulation_arguments(request).join(" "), format!("-s -q {SETTINGS} remove -- curl"));
    }

    #[test]
    fn only_what_changes_packages_has_a_plan() {
        for (line, has_plan) in [
            ("update", false),
            ("autoclean", false),
            ("upgrade", true),
            ("repair", true),
            ("autoremove", true),
        ] {
            let operation = operation(&format!("package {line}"));
            assert_eq!(Request::of(&operation).expect(line).has_plan(), has_plan);
        }
    }

    #[test]
    fn dpkg_keeps_configuration_files() {
        assert_eq!(configure_arguments().join(" "), "--force-confdef --force-confold --configure -a");
    }
}
