//! What sudoers-install runs on the hosts of a cluster, on real hosts: without ssh, whose part is to hand a
//! command line to the login's shell.

#[path = "sudoers_remote/site.rs"]
mod site;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use bed::{Running, capture, eventually, sudo_rs, tool};
use site::{ADMIN, AGENT, CUT, HELPER, KEPT, PASSWORD, Parts, Site, TARGET, drop_in, sha256, with_input};
use sudoers_install::remote::{
    Action, Change, ChangeFacts, Elevation, FileName, HelperFault, HelperState, State, UserName,
};

/// Installs, says so again, tells, removes, says so again.
fn goes_round(site: &Site) {
    let installed = site.expect(Action::Install, State::Installed, "ok");
    assert_eq!((installed.probe, installed.sha256), (Some(true), Some(sha256(&site.text(HELPER)))));
    assert_eq!(site.sh(&format!("stat -c '%a %U %G %h' {TARGET}")), "440 root root 1");
    assert_eq!(site.names(), "zz-sudo-helper-ai-agent");
    let inode = site.sh(&format!("stat -c %i {TARGET}"));
    site.expect(Action::Install, State::Unchanged, "ok");
    assert_eq!(site.sh(&format!("stat -c %i {TARGET}")), inode, "it was not written again");
    let status = site.expect(Action::Status, State::Status, "ok");
    assert_eq!((status.probe, status.pending, status.sha256.is_some()), (Some(true), false, true));
    assert!(site.effective());
    site.expect(Action::Remove, State::Removed, "ok");
    assert!(!site.effective());
    assert_eq!(site.names(), "");
    site.expect(Action::Remove, State::Absent, "ok");
    site.expect(Action::Status, State::Status, "absent");
}

#[test]
fn the_rule_comes_stays_and_goes() {
    let Some(site) = Site::boot() else { return };
    goes_round(&site);
}

#[test]
fn every_shell_will_do() {
    let Some(mut site) = Site::boot() else { return };
    // As root's and the login's shell.
    site.host.run(&["ln", "-sf", "bash", "/bin/sh"]).success();
    site.shell = vec!["/bin/bash", "--posix", "-c"];
    goes_round(&site);
    let Ok(busybox) = std::fs::read("/usr/bin/busybox") else {
        panic!("busybox is missing: install the Debian package busybox-static")
    };
    site.host.write("/usr/bin/busybox", busybox, 0o755, "root");
    site.host.run(&["ln", "-sf", "busybox", "/bin/sh"]).success();
    site.shell = vec!["/usr/bin/busybox", "sh", "-c"];
    goes_round(&site);
    // Nor do coreutils or util-linux matter: these come first in the scripts' PATH.
    let tools =
        "cat chmod chown cut env grep head id ln ls mv od rm sed sha256sum sleep sync timeout tr uname";
    for name in tools.split(' ') {
        site.host.run(&["ln", "-sf", "/usr/bin/busybox", &format!("/usr/sbin/{name}")]).success();
    }
    goes_round(&site);
    let facts = site.survey(ADMIN, None);
    assert_eq!((facts.login.as_str(), facts.passwordless_root), (ADMIN, false));
}

#[test]
fn the_probe_runs_as_the_user_by_whatever_program_can_do_that() {
    let Some(site) = Site::boot() else { return };
    site.expect(Action::Install, State::Installed, "ok");
    let busybox = std::fs::read("/usr/bin/busybox").expect("the Debian package busybox-static");
    site.host.write("/usr/bin/busybox", busybox, 0o755, "root");
    for other in [
        "true",
        "mv /usr/bin/setpriv /root/",
        "mv /usr/sbin/runuser /root/",
        "ln -sf /usr/bin/busybox /usr/sbin/su",
        "ln -sf /usr/bin/busybox /usr/sbin/setpriv",
    ] {
        site.sh(other);
        let status = site.expect(Action::Status, State::Status, "ok");
        assert_eq!(status.probe, Some(true), "{other}");
        let parts = site.parts();
        let programs = site.programs_as_agent(&site.command(&site.order(Action::Status, &parts)));
        // su(1) and runuser(1) hand variables of their own down.
        assert_eq!(programs.len(), 1, "{other}: {programs:?}");
        assert!(programs[0].starts_with("/usr/bin/sudo "), "{other}: {programs:?}");
        assert!(other != "true" || programs[0].ends_with(" 0 vars"), "{other}: {programs:?}");
    }
}

#[test]
fn sudo_rs_will_do() {
    let Some(site) = Site::boot() else { return };
    for (name, mode, path) in [("sudo", 0o4755, "/usr/bin/sudo"), ("visudo", 0o755, "/usr/sbin/visudo")] {
        site.host.write(path, std::fs::read(sudo_rs(name)).expect("a program"), mode, "root");
    }
    goes_round(&site);
    site.expect(Action::Install, State::Installed, "ok");
    site.host.write("/etc/sudoers.d/zzz", "ai-agent ALL=(ALL) PASSWD: ALL\n", 0o440, "root");
    site.expect(Action::Install, State::Refused, "not-proven");
    site.expect(Action::Remove, State::Removed, "ok");
    site.expect(Action::Install, State::Reverted, "not-proven");
    site.host.run(&["rm", "/etc/sudoers.d/zzz"]).success();
    site.expect(Action::Install, State::Installed, "ok");
    assert!(!site.survey(AGENT, None).passwordless_root);
}

#[test]
fn a_survey_tells_what_the_login_can_do() {
    let Some(site) = Site::boot() else { return };
    let facts = site.survey(ADMIN, Some(AGENT));
    assert_eq!((facts.login.as_str(), &facts.grantee), (ADMIN, &Some((AGENT.to_owned(), site.uid))));
    assert!(!facts.passwordless_root);
    assert_eq!(facts.helper, HelperState::Good);
    assert_eq!(facts.visudo.map(|path| path.to_string()).as_deref(), Some("/usr/sbin/visudo"));
    assert_eq!(site.survey(ADMIN, Some("nobody-here")).grantee, None);
    site.expect(Action::Install, State::Installed, "ok");
    assert!(!site.survey(AGENT, None).passwordless_root, "any command, not ours");
    site.sh("touch /etc/sudoers.d/systems-manager-x.y");
    // Debian lets everybody read the names, most systems do not.
    for (mode, legacy) in [("755", vec!["systems-manager-x.y".to_owned()]), ("750", Vec::new())] {
        site.sh(&format!("chmod {mode} /etc/sudoers.d"));
        assert_eq!(site.survey(ADMIN, None).legacy, legacy, "{mode}");
    }
    // Any command: another thing than the rule, and it is told apart.
    site.expect(Action::Remove, State::Removed, "ok");
    site.host.write("/etc/sudoers.d/zzz", format!("{ADMIN} ALL=(ALL) NOPASSWD: ALL\n"), 0o440, "root");
    assert!(site.survey(ADMIN, Some(AGENT)).passwordless_root);
    assert!(!site.effective());
}

#[test]
fn nothing_that_a_login_prints_first_is_an_answer() {
    let Some(mut site) = Site::boot() else { return };
    let noise = "echo state=installed; echo 'sudoers-install 0123456789abcdef begin'; printf 'no newline'\n";
    site.host.write("/root/.noise", noise, 0o644, "root");
    site.shell = vec!["/usr/bin/env", "BASH_ENV=/root/.noise", "/bin/bash", "-c"];
    site.expect(Action::Status, State::Status, "absent");
}

#[test]
fn a_helper_that_others_could_change_is_refused() {
    let Some(site) = Site::boot() else { return };
    for (code, spoil, mend) in [
        ("helper-writable", "chmod o+w /usr/bin/sudo-helper", "chmod o-w /usr/bin/sudo-helper"),
        ("helper-writable", "chmod g+w /usr/bin", "chmod g-w /usr/bin"),
        ("helper-owner", "chown ai-agent /usr/bin/sudo-helper", "chown root /usr/bin/sudo-helper"),
        ("helper-links", "ln /usr/bin/sudo-helper /usr/bin/other", "rm /usr/bin/other"),
        ("helper-mode", "chmod a-x /usr/bin/sudo-helper", "chmod 755 /usr/bin/sudo-helper"),
        (
            "helper-symlink",
            "mv /usr/bin/sudo-helper /usr/bin/x; ln -s x /usr/bin/sudo-helper",
            "mv -f /usr/bin/x /usr/bin/sudo-helper",
        ),
        ("helper-missing", "mv /usr/bin/sudo-helper /root/", "mv /root/sudo-helper /usr/bin/"),
    ] {
        site.sh(spoil);
        let facts = site.expect(Action::Install, State::Refused, code);
        let at = if spoil.ends_with("/usr/bin") { "/usr/bin" } else { HELPER };
        assert_eq!((facts.words.as_str(), site.names().as_str()), (at, ""), "{spoil}");
        let HelperState::Bad(_, found) = site.survey(ADMIN, None).helper else { panic!("{spoil}") };
        assert_eq!(found, at);
        site.sh(mend);
    }
    site.sh("mv /usr/bin/sudo-helper /root/");
    assert_eq!(site.survey(ADMIN, None).helper, HelperState::Bad(HelperFault::Missing, HELPER.to_owned()));
}

#[test]
fn what_has_no_effect_is_taken_back() {
    let Some(site) = Site::boot() else { return };
    let other = "/usr/local/bin/sudo-helper";
    site.sh("chown root:root /usr/local /usr/local/bin; chmod 755 /usr/local /usr/local/bin; cp -p /usr/bin/sudo-helper /usr/local/bin/");
    for (code, spoil, mend) in [
        (
            "not-proven",
            "echo 'ai-agent ALL=(ALL) PASSWD: ALL' >/etc/sudoers.d/zzz; chmod 440 /etc/sudoers.d/zzz",
            "rm /etc/sudoers.d/zzz",
        ),
        ("not-proven", "chage -E 0 ai-agent", "chage -E -1 ai-agent"),
        (
            "not-included",
            "cp -p /etc/sudoers /root/; sed -i /includedir/d /etc/sudoers",
            "cp -p /root/sudoers /etc/sudoers",
        ),
        (
            "no-account",
            "cp -p /etc/passwd /root/; sed -i /^ai-agent/d /etc/passwd",
            "cp -p /root/passwd /etc/passwd",
        ),
    ] {
        site.sh(spoil);
        let state = if code == "no-account" { State::Refused } else { State::Reverted };
        let facts = site.expect(Action::Install, state, code);
        assert!(
            !facts.words.is_empty() && !site.names().contains("zz-sudo-helper"),
            "{code}: {}",
            site.names()
        );
        site.sh(mend);
        // And where there is an older one.
        site.expect(Action::Install, State::Installed, "ok");
        let before = site.sh(&format!("stat -c '%i %a' {TARGET}"));
        site.sh(spoil);
        let parts = Parts::new(site.text(other), other);
        let facts = site.change(&site.order(Action::Install, &parts));
        assert_eq!((facts.state, facts.code.as_str()), (state, code), "{facts:?}");
        assert_eq!((facts.sha256, facts.pending), (Some(sha256(&site.text(HELPER))), false));
        assert_eq!(site.sh(&format!("stat -c '%i %a' {TARGET}")), before, "{code}");
        site.sh(mend);
        assert!(site.effective());
        site.expect(Action::Remove, State::Removed, "ok");
    }
    // Nothing is wrong with the other one by itself.
    let parts = Parts::new(site.text(other), other);
    assert_eq!(site.change(&site.order(Action::Install, &parts)).state, State::Installed);
}

#[test]
fn a_file_that_sudo_does_not_read_is_not_proven_by_another_rule() {
    let Some(site) = Site::boot() else { return };
    let passed = "cp -p /etc/sudoers /root/; echo 'ai-agent ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers";
    for spoil in ["/includedir/d", "s,^\\([@#]includedir\\).*,\\1 /etc/sudoers.d2,"] {
        site.sh(&format!("{passed}; mkdir -p /etc/sudoers.d2; sed -i '{spoil}' /etc/sudoers"));
        assert!(site.effective(), "by that rule");
        let facts = site.expect(Action::Install, State::Reverted, "not-included");
        assert!(facts.words.contains("@includedir /etc/sudoers.d"), "{facts:?}");
        site.host.write(TARGET, site.text(HELPER), 0o440, "root");
        site.expect(Action::Install, State::Refused, "not-included");
        site.expect(Action::Status, State::Status, "not-included");
        site.sh(&format!("rm {TARGET}; cp -p /root/sudoers /etc/sudoers"));
    }
    // With the rule that is read, the other one does no harm.
    site.sh(passed);
    site.expect(Action::Install, State::Installed, "ok");
}

#[test]
fn only_the_text_that_was_approved_and_that_visudo_reads_is_put_in_place() {
    let Some(site) = Site::boot() else { return };
    let mut parts = site.parts();
    parts.text.push_str("ai-agent ALL=(ALL) NOPASSWD: ALL\n");
    let facts = site.change(&site.order(Action::Install, &parts));
    assert_eq!((facts.state, facts.code.as_str()), (State::Refused, "other-text"));
    let parts = Parts::new(
        "# sudoers-install 1 uid=1 user=x kind=helper\nai-agent ALL=(root NOPASSWD: x\n".into(),
        HELPER,
    );
    let facts = site.change(&site.order(Action::Install, &parts));
    assert_eq!((facts.state, facts.code.as_str()), (State::Refused, "visudo"), "{facts:?}");
    assert!(facts.words.contains("syntax error"), "{facts:?}");
    // Right by itself and wrong with what is there.
    site.host.write("/etc/sudoers.d/team", "Cmnd_Alias TEAM = /bin/a\n", 0o440, "root");
    let mut parts = site.parts();
    parts.text.push_str("Cmnd_Alias TEAM = /bin/b\n");
    parts.sha256 = sha256(&parts.text);
    let facts = site.change(&site.order(Action::Install, &parts));
    assert_eq!((facts.state, facts.code.as_str()), (State::Reverted, "visudo"), "{facts:?}");
    site.host.run(&["rm", "/etc/sudoers.d/team"]).success();
    let parts = site.parts();
    let mut order = site.order(Action::Install, &parts);
    order.uid += 1;
    assert_eq!(site.change(&order).code, "other-uid");
    assert_eq!(site.names(), "");
}

#[test]
fn files_of_others_are_neither_replaced_nor_removed() {
    let Some(site) = Site::boot() else { return };
    let text = site.text(HELPER);
    for make in [
        format!("echo 'ai-agent ALL=(ALL) ALL' >{TARGET}"),
        format!("ln -s /root/x {TARGET}"),
        format!("mkdir {TARGET}"),
        format!("printf '%s%s\\n' '{text}' '# by hand' >{TARGET}"),
        format!("printf '%s%s\\n' '{text}' 'x ALL=(ALL) ALL' >{TARGET}"),
        format!("printf '%s%s' '{text}' '{text}' >{TARGET}"),
    ] {
        site.sh(&make);
        let before = site.sh(&format!("ls -ldi --time-style=full-iso {TARGET}"));
        site.expect(Action::Install, State::Refused, "foreign-file");
        site.expect(Action::Remove, State::Refused, "foreign-file");
        assert_eq!(site.sh(&format!("ls -ldi --time-style=full-iso {TARGET}")), before, "{make}");
        site.sh(&format!("rm -r {TARGET}"));
    }
    // Broken ones are reported and left as they are.
    site.host.write("/etc/sudoers.d/broken", "what is this\n", 0o440, "root");
    let facts = site.expect(Action::Install, State::Installed, "ok");
    assert!(facts.foreign.iter().any(|line| line.contains("/etc/sudoers.d/broken")), "{facts:?}");
    assert_eq!(site.host.read("/etc/sudoers.d/broken"), "what is this\n");
}

#[test]
fn a_rule_pasted_by_hand_is_taken_over_and_left_alone_by_remove() {
    let Some(site) = Site::boot() else { return };
    site.host.write(TARGET, format!("{AGENT} ALL=(root) NOPASSWD: {HELPER}\n"), 0o640, "root");
    site.expect(Action::Remove, State::Refused, "foreign-file");
    site.expect(Action::Install, State::Installed, "ok");
    assert_eq!(site.host.read(TARGET), site.text(HELPER));
    assert_eq!(site.sh(&format!("stat -c '%a %U %G %h' {TARGET}")), "440 root root 1");
}

#[test]
fn a_name_that_sudo_takes_for_another_account_too_gets_no_rule() {
    let Some(site) = Site::boot() else { return };
    site.expect(Action::Install, State::Installed, "ok");
    let survey = || {
        let facts = site.survey(ADMIN, Some(AGENT));
        (facts.known, facts.alike)
    };
    assert_eq!(survey(), (None, None));
    let first = format!("sed -i '1i first:x:{}:100::/:/bin/sh' /etc/passwd", site.uid);
    for (spoil, mend, other) in [
        (
            "echo 'AI-Agent:x:4000:100::/:/bin/sh' >>/etc/passwd",
            "sed -i /^AI-Agent/d /etc/passwd",
            "AI-Agent",
        ),
        (&first, "sed -i /^first/d /etc/passwd", "first"),
    ] {
        site.sh(spoil);
        let (known, alike) = survey();
        assert_eq!(known.or(alike).as_deref(), Some(other));
        for action in [Action::Install, Action::Status] {
            let facts = site.act(action);
            assert_eq!(facts.code, "ambiguous-user", "{facts:?}");
            assert!(facts.words.contains(&format!("'{other}'")), "{facts:?}");
        }
        assert_eq!(site.host.read(TARGET), site.text(HELPER));
        site.sh(mend);
    }
    site.expect(Action::Install, State::Unchanged, "ok");
    // Where that cannot be found out, it is not taken for granted.
    site.sh("mv /usr/bin/grep /root/");
    site.expect(Action::Install, State::Refused, "tools");
    site.sh("mv /root/grep /usr/bin/");
    site.sh("echo 'AI-Agent:x:4000:100::/:/bin/sh' >>/etc/passwd");
    site.expect(Action::Remove, State::Removed, "ok");
    // A rule with the uid is one account's only.
    let drop_in = drop_in(4000, "AI-Agent", HELPER);
    let mut parts = Parts::new(drop_in.render(), HELPER);
    parts.user = UserName::parse("AI-Agent").expect("a name");
    parts.file = FileName::parse(&drop_in.file_name()).expect("a name");
    site.sh("printf '%s:*:19000::::::\n' AI-Agent >>/etc/shadow");
    let facts = site.change(&Change { uid: 4000, ..site.order(Action::Install, &parts) });
    assert_eq!((facts.state, facts.probe), (State::Installed, Some(true)), "{facts:?}");
}

#[test]
fn a_limit_that_root_may_not_lift_is_named() {
    let Some(mut site) = Site::boot() else { return };
    site.shell = vec![
        "/usr/bin/setpriv",
        "--bounding-set=-sys_resource",
        "/bin/bash",
        "-c",
        "ulimit -f 0; exec /bin/bash -c \"$0\"",
    ];
    let facts = site.expect(Action::Install, State::Refused, "write");
    assert!(facts.words.contains("a limit on the size of files that root may not lift"), "{facts:?}");
    assert_eq!(site.names(), "");
}

#[test]
fn a_folder_that_hands_a_group_down_makes_no_difference() {
    let Some(site) = Site::boot() else { return };
    site.sh("chgrp daemon /etc/sudoers.d; chmod 2750 /etc/sudoers.d");
    goes_round(&site);
}

#[test]
fn a_full_disk_changes_nothing() {
    let Some(site) = Site::boot() else { return };
    site.sh("mount -t tmpfs -o size=64k,mode=755 tmpfs /etc/sudoers.d; cat /dev/zero >/etc/sudoers.d/fill.x || true");
    let facts = site.act(Action::Install);
    assert_eq!(facts.state, State::Refused, "{facts:?}");
    assert!(["write", "other-text"].contains(&facts.code.as_str()), "{facts:?}");
    assert_eq!(site.names(), "fill.x");
    site.sh("rm /etc/sudoers.d/fill.x");
    site.expect(Action::Install, State::Installed, "ok");
}

#[test]
fn what_a_killed_run_has_left_is_finished_or_taken_back() {
    let Some(site) = Site::boot() else { return };
    site.sh("chown root:root /usr/local /usr/local/bin; chmod 755 /usr/local /usr/local/bin; cp -p /usr/bin/sudo-helper /usr/local/bin/");
    let (text, old) = (site.text(HELPER), site.text("/usr/local/bin/sudo-helper"));
    let write = |path: &str, text: &str| site.host.write(path, text, 0o440, "root");
    // New over none, new over old, old under both names, a mark and nothing else, temporaries.
    let states: [&dyn Fn(); 5] = [
        &|| (write(TARGET, &text), write(KEPT, "")).0,
        &|| (write(TARGET, &text), write(KEPT, &old)).0,
        &|| (write(TARGET, &old), site.host.run(&["ln", TARGET, KEPT]).success()).0,
        &|| write(KEPT, ""),
        &|| write("/etc/sudoers.d/.zz-sudo-helper-ai-agent.77.tmp", &text),
    ];
    for (number, make) in states.iter().enumerate() {
        make();
        let facts = site.act(Action::Status);
        assert_eq!(facts.pending, number != 4, "{number}: {facts:?}");
        let facts = site.act(Action::Install);
        assert_eq!(
            (facts.state, &facts.sha256),
            (State::Installed, &Some(sha256(&text))),
            "{number}: {facts:?}"
        );
        assert_eq!(site.names(), "zz-sudo-helper-ai-agent", "{number}");
        site.expect(Action::Remove, State::Removed, "ok");
    }
    // One that cannot be proven goes, and the old one is back.
    write(TARGET, &text);
    write(KEPT, &old);
    site.host.write("/etc/sudoers.d/zzz", "ai-agent ALL=(ALL) PASSWD: ALL\n", 0o440, "root");
    let facts = site.expect(Action::Install, State::Reverted, "not-proven");
    assert_eq!(facts.sha256, Some(sha256(&old)));
    assert_eq!(site.names(), "zz-sudo-helper-ai-agent zzz");
}

#[test]
fn old_rules_go_once_the_new_one_is_proven() {
    let Some(site) = Site::boot() else { return };
    let old = "/etc/sudoers.d/systems-manager-ai-agent";
    let other = "/etc/sudoers.d/systems-manager-admin";
    let rule = "ai-agent ALL=(ALL) NOPASSWD: /usr/local/bin/systems-manager-helper, /home/ai-agent/.local/bin/systems-manager-helper\n";
    site.host.write(old, rule, 0o440, "root");
    site.host.write(other, rule.replace("ai-agent ALL", "admin ALL"), 0o440, "root");
    let facts = site.expect(Action::Install, State::Installed, "ok");
    assert_eq!(facts.legacy, ["systems-manager-admin", "systems-manager-ai-agent"]);
    let parts = site.parts();
    let order = Change { replace_legacy: true, ..site.order(Action::Install, &parts) };
    let facts = site.change(&order);
    assert_eq!((facts.state, facts.legacy), (State::Installed, vec!["systems-manager-admin".to_owned()]));
    assert_eq!(site.change(&order).state, State::Unchanged);
}

#[test]
fn names_that_no_rule_can_spell_out_are_names_all_the_same() {
    let Some(site) = Site::boot() else { return };
    for (number, name) in ["DOM\\bob", "jane doe", "john.doe"].into_iter().enumerate() {
        let uid = 3001 + u32::try_from(number).expect("a small number");
        let account = format!(
            "printf '%s:x:{uid}:{uid}::/:/bin/sh\\n' '{name}' >>/etc/passwd; echo 'g{uid}:x:{uid}:' >>/etc/group"
        );
        site.sh(&format!("{account}; printf '%s:*:19000::::::\\n' '{name}' >>/etc/shadow"));
        let drop_in = drop_in(uid, name, HELPER);
        let mut parts = Parts::new(drop_in.render(), HELPER);
        parts.user = UserName::parse(name).expect("a name");
        parts.file = FileName::parse(&drop_in.file_name()).expect("a name");
        for state in [State::Installed, State::Unchanged] {
            let facts = site.change(&Change { uid, ..site.order(Action::Install, &parts) });
            assert_eq!((facts.state, facts.probe), (state, Some(true)), "{name}: {facts:?}");
        }
        assert_eq!(site.survey(ADMIN, Some(name)).grantee, Some((name.to_owned(), uid)));
    }
}

/// For python3: looks at the arguments and the environment of all processes until the file /run/enough is
/// there, and says which of the password and the name of the rule's file it has seen.
const WATCH: &str = r#"
import glob, os
wanted, seen = {"password": b"hor" + b"se", "rule": b"zz-sudo-" + b"helper-ai-agent"}, set()
print("watching", flush=True)
while not os.path.exists("/run/enough"):
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try: text = open(path, "rb").read()
        except OSError: continue
        seen |= {name for name, word in wanted.items() if word in text}
for name in sorted(seen): print(name)
"#;

#[test]
fn the_password_is_read_once_and_seen_nowhere() {
    let Some(site) = Site::boot() else { return };
    let parts = site.parts();
    let order = Change { elevation: Elevation::Password, ..site.order(Action::Install, &parts) };
    let line = order.command().expect("a command line");
    let by_admin = |password: &str| {
        let command = site.host.command_as(ADMIN, &["/bin/bash", "-c", &line]);
        with_input(command, format!("{password}\n").as_bytes())
    };
    let refused = by_admin("wrong");
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(1), &b""[..]), "{refused:?}");
    let failures = || {
        let of_pam = |entry: &&serde_json::Value| {
            entry["MESSAGE"]
                .as_str()
                .is_some_and(|text| text.contains("pam_unix(sudo:auth): authentication failure"))
        };
        site.host.journal().iter().filter(of_pam).count()
    };
    assert_eq!((failures(), site.names().as_str()), (1, ""));
    let watch = Running::start(site.host.command(&["python3", "-c", WATCH]));
    assert_eq!(watch.line().as_deref(), Some("watching"));
    let state = |done: Output| {
        let facts = ChangeFacts::parse(&done.stdout, order.nonce);
        facts.unwrap_or_else(|error| panic!("{error}: {done:?}")).state
    };
    assert_eq!((state(by_admin(PASSWORD)), failures()), (State::Installed, 1));
    site.host.write("/run/enough", "", 0o644, "root");
    // The name of the file is an argument, so the watch does see what there is.
    assert_eq!(watch.rest(), ["rule"]);
    // A ticket that is there already counts for nothing.
    site.host.write("/etc/sudoers.d/zzz", "Defaults timestamp_type=global\n", 0o440, "root");
    let ticket = site.host.command_as(ADMIN, &["sudo", "-S", "-p", "", "-v"]);
    assert!(with_input(ticket, format!("{PASSWORD}\n").as_bytes()).status.success());
    site.host.run_as(ADMIN, &["sudo", "-n", "true"]).success();
    assert!(!by_admin("wrong").status.success());
    assert_eq!(failures(), 2);
    assert!(!site.survey(ADMIN, None).passwordless_root);
    // With a rule that asks for none, the line that nobody reads reaches nobody.
    site.host.write("/etc/sudoers.d/zzz", format!("{ADMIN} ALL=(ALL) NOPASSWD: ALL\n"), 0o440, "root");
    assert_eq!(state(by_admin(PASSWORD)), State::Unchanged);
    let found = site.sh(
        "grep -rlaF 'horse' /var/log /run/log /tmp /var/tmp /etc/sudoers.d /home /root 2>/dev/null || true",
    );
    assert_eq!(found, "");
}

/// The shell of the script ends at each of its forks, one after the other: at every step that it makes.
#[test]
fn a_shell_that_is_killed_at_any_step_leaves_a_state_that_the_next_run_accepts() {
    let Some(site) = Site::boot() else { return };
    let parts = site.parts();
    let order = site.order(Action::Install, &parts);
    let mut left = BTreeSet::new();
    // dash forks for programs and for subshells; each call is counted by itself.
    for call in ["clone", "vfork"] {
        for number in 1.. {
            let output = capture(killed_at(&site.command(&order), call, number));
            if ChangeFacts::parse(&output.stdout, order.nonce)
                .is_ok_and(|facts| facts.state == State::Installed)
            {
                break;
            }
            // Killed in other steps, the next run finds the same.
            let names = site.names().replace(|c: char| c.is_ascii_digit(), "");
            if left.insert(names) {
                site.sh("visudo -c >/dev/null; sudo -n true");
                let facts = site.act(Action::Install);
                assert!(
                    [State::Installed, State::Unchanged].contains(&facts.state),
                    "{call} {number}: {facts:?}"
                );
                assert_eq!(site.names(), "zz-sudo-helper-ai-agent", "{call} {number}");
            }
            site.sh("cd /etc/sudoers.d; rm -f zz-* .zz-*");
        }
    }
    let both = ".zz-sudo-helper-ai-agent.previous zz-sudo-helper-ai-agent";
    for expected in ["", ".zz-sudo-helper-ai-agent..tmp", both, "zz-sudo-helper-ai-agent"] {
        assert!(left.contains(expected), "{left:?}");
    }
}

/// The same command under strace(1), which kills a process at its `number`th call.
fn killed_at(command: &Command, call: &str, number: u32) -> Command {
    let mut traced = Command::new(tool("strace"));
    let inject = format!("inject={call}:signal=KILL:when={number}");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject, "--"]);
    traced.arg(command.get_program()).args(command.get_args());
    traced.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced
}

#[test]
fn a_connection_that_dies_leaves_a_state_that_the_next_run_accepts() {
    let Some(site) = Site::boot() else { return };
    let parts = site.parts();
    let line = site.order(Action::Install, &parts).command().expect("a command line");
    let mut cut = 0;
    for number in ["1", "2", "9", "15"] {
        for point in ["/", KEPT, TARGET] {
            let died = site.host.run(&["python3", "-c", CUT, &line, number, point, "all"]).success();
            cut += usize::from(died.get_output().stdout == b"cut\n");
            // Whatever is left, sudo works and its configuration is whole.
            site.sh("visudo -c >/dev/null; sudo -n true");
            let facts = site.act(Action::Install);
            assert!(
                [State::Installed, State::Unchanged].contains(&facts.state),
                "{number} {point}: {facts:?}"
            );
            assert_eq!(site.names(), "zz-sudo-helper-ai-agent", "{number} {point}");
            site.expect(Action::Remove, State::Removed, "ok");
        }
    }
    assert!(cut > 4, "{cut} of 12 connections died in time");
}

#[test]
fn without_sudo_and_without_a_reader_it_ends_what_it_has_begun() {
    let Some(site) = Site::boot() else { return };
    let parts = site.parts();
    let line = site.order(Action::Install, &parts).command().expect("a command line");
    site.host.run(&["python3", "-c", CUT, &line, "9", KEPT, "one"]).success().stdout("cut\n");
    eventually("the rule is in place and proven", || site.names() == "zz-sudo-helper-ai-agent");
    assert!(site.effective());
}
