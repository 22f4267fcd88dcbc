//! The last look before dpkg(1) begins: apt-get(8) asks a hook, with dpkg's lock held, and does nothing
//! unless the hook finds that it is about to do the plan that was let pass.
//!
//! The simulation holds no lock, so another program can change what apt-get(8) then decides. apt has
//! the hook for such questions (`DPkg::Pre-Install-Pkgs`, apt.conf(5)); it runs for removals too
//! (measured, apt 2.6.1). Hooks of the machine's own run before this one.

use crate::apt::plan::Plan;
use crate::run_folder::RUN_FOLDER;

/// The hook's file in [`RUN_FOLDER`], which root alone may enter.
pub const HOOK: &str = "compare-plan";

/// apt keeps the options of a hook by the first word of its command: this spelling of sh(1) is no
/// other hook's.
const SHELL: &str = "/bin/./sh";

/// The hook; `@` stands for the plan. Of an installation it compares name and new version, of a
/// removal the name; the rest of both depends on what is installed, and what is only configured is
/// configured by `dpkg --configure --pending` in any case.
const SCRIPT: &str = r#"expected='@'
actual=$(sed -e '1,/^$/d' -e '/ [*][*]CONFIGURE[*][*]$/d' \
  -e 's/^\([^ ]*\) .* [*][*]REMOVE[*][*]$/\1 removed/' \
  -e 's/^\([^ ]*\) [^ ]* [^ ]* [^ ]* [<=>] \([^ ]*\) [^ ]* [^ ]* \/.*$/\1 \2/' | LC_ALL=C sort)
[ "$actual" = "$expected" ] && exit 0
echo 'sudo-helper: apt-get was about to do something else than the plan that was let pass' >&2
exit 1
"#;

/// The settings of apt-get(8) that have it ask.
#[must_use]
pub fn settings() -> [String; 2] {
    // Version 3 is what tells of architectures, and with them fixes the fields of a line.
    [
        format!("DPkg::Tools::Options::{SHELL}::Version=3"),
        format!("DPkg::Pre-Install-Pkgs::={SHELL} {RUN_FOLDER}/{HOOK}"),
    ]
}

/// What the hook is for a plan. Names and versions hold no character that sh(1) reads otherwise.
#[must_use]
pub fn script(plan: &Plan) -> String {
    let installs = plan.installs.iter().map(|install| format!("{} {}", install.package.name, install.to));
    let removals =
        plan.removes.iter().chain(&plan.purges).map(|removal| format!("{} removed", removal.package.name));
    let mut lines: Vec<String> = installs.chain(removals).collect();
    lines.sort_unstable();
    SCRIPT.replacen('@', &lines.join("\n"), 1)
}

/// Whether the hook has said no; nothing was changed then.
#[must_use]
pub fn refused(stderr: &str) -> bool {
    // A maintainer script can write the first line, but then dpkg has failed.
    stderr.contains(&format!("E: Failure running script {SHELL} ")) && !stderr.contains(DPKG_FAILED)
}

/// apt's word when dpkg has been at work.
const DPKG_FAILED: &str = "E: Sub-process /usr/bin/dpkg ";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// As apt 2.6.1 told its hook.
    const TOLD: &str = "VERSION 3\nAPT::Architecture=amd64\nDir=/\n\n\
        ep - - none < 1:2-3 all none /srv/repo/./ep_1:2-3_all.deb\n\
        hello 2 all none > 1 all none /srv/repo/./hello_1_all.deb\n\
        tool 1 all none = 1 all none /srv/repo/./tool_1_all.deb\n\
        old 1 all none > - - none **REMOVE**\n\
        ep - - none < 1:2-3 all none **CONFIGURE**\n\
        bad 1 all none = 1 all none **CONFIGURE**\n";
    const PLAN: &str = "Remv old [1]\nInst tool [1] (1 l [all])\nInst ep (1:2-3 l [all])\n\
        Inst hello [2] (1 l [all])\nConf ep (1:2-3 l [all])\nConf bad (1 l [all])\n";

    /// Whether the hook for a plan lets pass what apt tells it.
    fn passes(plan: &str, told: &str) -> bool {
        let plan = Plan::parse(plan).expect("a plan");
        let mut hook = Command::new("/bin/sh");
        let hook = hook.args(["-c", &script(&plan)]).stdin(Stdio::piped()).stderr(Stdio::null());
        let mut hook = hook.spawn().expect("it starts");
        hook.stdin.take().expect("a pipe").write_all(told.as_bytes()).expect("it reads");
        hook.wait().expect("it ends").success()
    }

    #[test]
    fn only_what_was_let_pass_passes() {
        assert!(passes(PLAN, TOLD));
        let conf = "VERSION 3\nDir=/\n\nbad 1 all none = 1 all none **CONFIGURE**\n";
        assert!(passes("Conf bad (1 l [all])\n", conf));
        for (what, told) in [
            ("one more", format!("{TOLD}more - - none < 1 all none /x.deb\n")),
            ("one more goes", format!("{TOLD}more 1 all none > - - none **REMOVE**\n")),
            ("another version", TOLD.replace("ep - - none < 1:2-3", "ep - - none < 1:2-4")),
            ("removed, not installed", TOLD.replace("/srv/repo/./tool_1_all.deb", "**REMOVE**")),
            ("a line of another kind", format!("{TOLD}more 1 all none > 2 all none **OTHER**\n")),
            ("nothing", "VERSION 3\n\n".to_owned()),
            ("an older protocol", "VERSION 2\n\nep - < 1:2-3 /srv/repo/./ep_1:2-3_all.deb\n".to_owned()),
        ] {
            assert!(!passes(PLAN, &told), "{what}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_script_that_claims_one() {
        let refusal = "E: Sub-process /bin/./sh /run/x returned an error code (1)\n\
            E: Failure running script /bin/./sh /run/x\n";
        assert!(refused(refusal));
        assert!(!refused(&format!("{refusal}E: Sub-process /usr/bin/dpkg returned an error code (1)\n")));
        assert!(!refused("E: Failure running script /usr/sbin/dpkg-preconfigure --apt || true\n"));
    }
}
