//! The last look before dpkg(1) begins: apt-get(8) asks a hook, with dpkg's lock held, and does nothing
//! unless the hook finds that it is about to do the plan that was let pass.
//!
//! The simulation holds no lock, so another program can change what apt-get(8) then decides. apt has
//! the hook for such questions (`DPkg::Pre-Install-Pkgs`, apt.conf(5)); it runs for removals too
//! (measured, apt 2.6.1). Hooks of the machine's own run before this one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::apt::plan::{PackageId, Plan};

/// The word that makes this program the hook.
pub const WORD: &str = "compare-plan";
/// Longest question in bytes; apt's whole configuration and a line a package are in it.
pub const MAX_QUESTION: usize = 16 * 1024 * 1024;

/// What the hook says, and apt-get(8) passes on, when it is asked about something else.
pub const MISMATCH: &str = "apt-get was about to do something else than the plan that was let pass";

/// This program as a hook of apt's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook(String);

impl Hook {
    /// The program at `path`; `None` when apt or its shell would read the path as more than one word.
    #[must_use]
    pub fn new(path: &Path) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
        let path = path.to_str().filter(|path| path.starts_with('/') && path.bytes().all(plain))?;
        Some(Self(path.to_owned()))
    }

    /// The settings of apt-get(8) that have it ask.
    #[must_use]
    pub fn settings(&self) -> [String; 2] {
        // Version 3 tells of architectures. apt keeps a hook's options by the first word of its command.
        [
            format!("DPkg::Tools::Options::{}::Version=3", self.0),
            format!("DPkg::Pre-Install-Pkgs::={} {WORD}", self.0),
        ]
    }
}

/// One change, as both the plan and the question have it: what else they tell of it depends on what
/// is installed. What is only configured `dpkg --configure --pending` configures in any case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Install { package: String, version: String },
    Remove { package: String },
}

/// Why apt-get(8) must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// It would do something else.
    Steps,
    /// Its question is not understood.
    Question,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps => f.write_str(MISMATCH),
            Self::Question => write!(f, "the question of apt-get is not understood; {MISMATCH}"),
        }
    }
}

/// Whether what apt-get(8) asks about is the plan.
///
/// # Errors
/// See [`Mismatch`].
pub fn compare(plan: &Plan, question: &str) -> Result<(), Mismatch> {
    let asked = asked(question).ok_or(Mismatch::Question)?;
    if asked == planned(plan) { Ok(()) } else { Err(Mismatch::Steps) }
}

fn planned(plan: &Plan) -> BTreeSet<Step> {
    let installs = plan.installs.iter().map(|install| Step::Install {
        package: install.package.to_string(),
        version: install.to.to_string(),
    });
    let removals = plan.removes.iter().chain(&plan.purges);
    installs.chain(removals.map(|removal| Step::Remove { package: removal.package.to_string() })).collect()
}

/// The steps of a question of version 3 (apt-pkg/deb/dpkgpm.cc, SendPkgsInfo).
fn asked(question: &str) -> Option<BTreeSet<Step>> {
    let (head, steps) = question.split_once("\n\n")?;
    let mut head = head.lines();
    if head.next() != Some("VERSION 3") {
        return None;
    }
    let native = head.find_map(|line| line.strip_prefix("APT::Architecture="))?;
    let mut asked = BTreeSet::new();
    for line in steps.lines() {
        asked.extend(step(line, native)?);
    }
    Some(asked)
}

/// `NAME VERSION ARCHITECTURE MULTIARCH < VERSION ARCHITECTURE MULTIARCH WHAT`, old before new; the outer
/// `None` when it is not understood.
fn step(line: &str, native: &str) -> Option<Option<Step>> {
    let fields: Vec<&str> = line.splitn(9, ' ').collect();
    let [name, _, old, _, _, version, new, _, what] = fields[..] else { return None };
    let package = |architecture: &str| {
        let foreign = ![native, "all"].contains(&architecture);
        PackageId { name: name.to_owned(), architecture: foreign.then(|| architecture.to_owned()) }
            .to_string()
    };
    match what {
        "**CONFIGURE**" => Some(None),
        "**REMOVE**" => Some(Some(Step::Remove { package: package(old) })),
        file if file.starts_with('/') => {
            Some(Some(Step::Install { package: package(new), version: version.to_owned() }))
        }
        _ => None,
    }
}

/// Whether the hook has said no; nothing was changed then.
#[must_use]
pub fn refused(stderr: &str) -> bool {
    // A maintainer script can write the same, but then dpkg has failed.
    stderr.contains(MISMATCH)
        && stderr.contains("E: Failure running script ")
        && !stderr.contains(DPKG_FAILED)
}

/// apt's word when dpkg has been at work.
const DPKG_FAILED: &str = "E: Sub-process /usr/bin/dpkg ";

#[cfg(test)]
mod tests {
    use super::*;

    /// As apt 2.6.1 told its hook.
    const TOLD: &str = "VERSION 3\nAPT::Architecture=amd64\nDir=/\n\n\
        ep - - none < 1:2-3 all none /srv/a repo/./ep_1:2-3_all.deb\n\
        hello 2 all none > 1 amd64 same /srv/repo/./hello_1_amd64.deb\n\
        tool 1 i386 none = 1 i386 none /srv/repo/./tool_1_i386.deb\n\
        old 1 all none > - - none **REMOVE**\n\
        ep - - none < 1:2-3 all none **CONFIGURE**\n\
        bad 1 all none = 1 all none **CONFIGURE**\n";
    const PLAN: &str = "Remv old [1]\nInst tool:i386 [1] (1 l [i386])\nInst ep (1:2-3 l [all])\n\
        Inst hello [2] (1 l [amd64])\nConf ep (1:2-3 l [all])\nConf bad (1 l [all])\n";

    fn passes(plan: &str, told: &str) -> Result<(), Mismatch> {
        compare(&Plan::parse(plan).expect("a plan"), told)
    }

    #[test]
    fn only_what_was_let_pass_passes() {
        assert_eq!(passes(PLAN, TOLD), Ok(()));
        let conf = "VERSION 3\nAPT::Architecture=amd64\n\nbad 1 all none = 1 all none **CONFIGURE**\n";
        assert_eq!(passes("Conf bad (1 l [all])\n", conf), Ok(()));
        for (what, told) in [
            ("one more", format!("{TOLD}more - - none < 1 all none /x.deb\n")),
            ("one more goes", format!("{TOLD}more 1 all none > - - none **REMOVE**\n")),
            ("another version", TOLD.replace("ep - - none < 1:2-3", "ep - - none < 1:2-4")),
            ("another architecture", TOLD.replace("1 amd64 same", "1 arm64 same")),
            ("removed, not installed", TOLD.replace("/srv/repo/./tool_1_i386.deb", "**REMOVE**")),
            ("nothing", "VERSION 3\nAPT::Architecture=amd64\n\n".to_owned()),
        ] {
            assert_eq!(passes(PLAN, &told), Err(Mismatch::Steps), "{what}");
        }
        for (what, told) in [
            ("a line of another kind", format!("{TOLD}more 1 all none > 2 all none **OTHER**\n")),
            ("a short line", format!("{TOLD}more 1 all\n")),
            ("an older protocol", "VERSION 2\n\nep - < 1:2-3 /srv/repo/./ep_1:2-3_all.deb\n".to_owned()),
            ("no architecture", TOLD.replace("APT::Architecture", "X")),
            ("a question that breaks off", "VERSION 3\nAPT::Architecture=amd64\n".to_owned()),
        ] {
            assert_eq!(passes(PLAN, &told), Err(Mismatch::Question), "{what}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_script_that_claims_one() {
        let refusal = format!(
            "sudo-helper: {MISMATCH}\nE: Sub-process /usr/bin/sudo-helper compare-plan returned an error code (1)\n\
             E: Failure running script /usr/bin/sudo-helper compare-plan\n"
        );
        assert!(refused(&refusal));
        assert!(!refused(&format!("{refusal}E: Sub-process /usr/bin/dpkg returned an error code (1)\n")));
        assert!(!refused("E: Failure running script /usr/sbin/dpkg-preconfigure --apt || true\n"));
    }

    #[test]
    fn a_path_that_is_more_than_a_word_is_no_hook() {
        let hook = Hook::new(Path::new("/usr/bin/sudo-helper")).expect("plain");
        assert_eq!(hook.settings()[1], "DPkg::Pre-Install-Pkgs::=/usr/bin/sudo-helper compare-plan");
        for path in ["/usr/bin/sudo-helper (deleted)", "/a;b", "/a::b", "sudo-helper", "/é"] {
            assert_eq!(Hook::new(Path::new(path)), None, "{path}");
        }
    }
}
