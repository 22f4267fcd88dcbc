//! What an interrupted dpkg(1) has left: packages that are unpacked and not configured, and packages
//! that are half unpacked.
//!
//! Neither `dpkg --configure -a` nor `apt-get -f install` mends the second kind, and both return 0
//! (measured, apt 2.6.1): they have to be unpacked again.

use std::collections::BTreeSet;

use crate::apt::plan::{BadPlan, Plan};
use crate::apt::simulation::named;
use crate::package_name::PackageName;

/// dpkg-query(1), which waits for no lock.
pub const DPKG_QUERY: &str = "/usr/bin/dpkg-query";
/// Longest list of packages in bytes that is read; ten thousand packages fill half of it.
pub const MAX_LIST: usize = 1 << 20;
/// What dpkg-query(1) prints of a package that has to be reinstalled.
const REQUIRED: &str = "reinstreq";
/// The states that `dpkg --configure -a` ends.
const UNCONFIGURED: [&str; 4] = ["unpacked", "half-configured", "triggers-awaited", "triggers-pending"];

/// What a repair finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// What `dpkg --configure -a` would configure, by name.
    pub configures: BTreeSet<String>,
    /// What has to be unpacked again, with its architecture where dpkg names one.
    pub reinstalls: Vec<String>,
}

/// The arguments that list every package, its state and whether it has to be reinstalled.
#[must_use]
pub fn list_arguments() -> Vec<String> {
    ["-W", "-f", "${db:Status-Eflag} ${db:Status-Status} ${binary:Package}\n"].map(str::to_owned).to_vec()
}

impl Unfinished {
    /// Reads what dpkg-query(1) prints for [`list_arguments`].
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let mut unfinished = Self::default();
        for line in list.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(flag), Some(state), Some(package)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if !is_name(package) {
                continue;
            }
            if flag == REQUIRED {
                unfinished.reinstalls.push(package.to_owned());
            } else if UNCONFIGURED.contains(&state) {
                let name = package.split(':').next().unwrap_or(package);
                unfinished.configures.insert(name.to_owned());
            }
        }
        unfinished
    }

    /// What apt-get(8) is told beside `install -f`, so that it unpacks again what is half unpacked.
    #[must_use]
    pub fn reinstall_arguments(&self) -> Vec<String> {
        if self.reinstalls.is_empty() {
            return Vec::new();
        }
        ["--reinstall", "--"].map(str::to_owned).into_iter().chain(self.reinstalls.iter().cloned()).collect()
    }
}

/// What apt-get(8) would configure although it does not install it: the `Conf` lines of a simulation
/// without an `Inst`. (Their version is that of the candidate, which dpkg need not have unpacked.)
///
/// # Errors
/// When such a line is not understood.
pub fn configured(simulation: &str, plan: &Plan) -> Result<BTreeSet<String>, BadPlan> {
    let lines = simulation.lines().filter_map(|line| Some((line, line.strip_prefix("Conf ")?)));
    let names = lines.map(|(line, rest)| named(rest).ok_or_else(|| BadPlan::line(line)));
    let mut configured: BTreeSet<String> = names.collect::<Result<_, _>>()?;
    for install in &plan.installs {
        configured.remove(&install.package.name);
    }
    Ok(configured)
}

/// A package's name, and its architecture where dpkg names one.
fn is_name(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "all"));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    PackageName::parse(name).is_ok() && !architecture.is_empty() && architecture.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_half_unpacked_is_unpacked_again() {
        let whole = Unfinished::parse("ok installed curl\nok config-files vim\nok installed libc6:amd64\n");
        assert_eq!((whole.reinstall_arguments(), &whole), (Vec::new(), &Unfinished::default()));
        assert_eq!(Unfinished::parse(""), Unfinished::default());
        let list = "ok installed curl\nreinstreq half-installed git\nreinstreq unpacked libc6:i386\n\
            reinstreq half-installed g++\nreinstreq half-installed -s\nreinstreq half-installed \n";
        let left = Unfinished::parse(list);
        assert_eq!(left.reinstall_arguments().join(" "), "--reinstall -- git libc6:i386 g++");
        assert!(left.configures.is_empty());
    }

    #[test]
    fn what_dpkg_would_configure() {
        let list = "ok unpacked a2\nok half-configured b2:amd64\nok half-configured b2:i386\nok installed x2\n\
            ok triggers-awaited c2\nok triggers-pending d2\nok half-installed e2\nok not-installed f2\n";
        let names: Vec<String> = Unfinished::parse(list).configures.into_iter().collect();
        assert_eq!(names, ["a2", "b2", "c2", "d2"]);
    }

    #[test]
    fn what_is_configured_without_being_installed() {
        let simulation = "Inst one (1 l [all])\nConf one (1 l [all])\nConf two (2 l [all])\nRemv three [1]\n";
        let plan = Plan::parse(simulation).expect("a plan");
        assert_eq!(configured(simulation, &plan), Ok(BTreeSet::from(["two".to_owned()])));
        assert_eq!(configured("Conf $(id)\n", &plan), Err(BadPlan::Line("Conf $(id)".into())));
    }
}
