//! sudoers-install on a host, and root's script of its cluster mode on the same one: they exclude each other,
//! and nobody else can keep either of them from its work.

#[path = "sudoers_remote/site.rs"]
mod site;

use std::process::Command;
use std::thread;

use bed::{Running, capture, eventually};
use serde_json::Value;
use site::{AGENT, CUT, HELPER, Parts, Site, TARGET};
use sudoers_install::remote::{Action, Change, ChangeFacts, State};

/// The file whose lock they take.
const LOCK: &str = "/run/sudoers-install.lock";
/// For sh: holds the lock of $0 until it is ended.
const HOLD: &str = "umask 077; exec flock \"$0\" sh -c 'echo held; exec sleep infinity'";

/// A host with both.
fn boot() -> Option<Site> {
    let site = Site::boot()?;
    site.host.install("sudoers-install");
    Some(site)
}

/// The last object that a local run prints.
fn local(site: &Site, words: &[&str]) -> Value {
    let output = capture(site.host.command(&[&["sudoers-install"], words, &["--json"]].concat()));
    let stdout = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let line = stdout.lines().last().unwrap_or_else(|| panic!("no object: {output:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A process that holds a lock.
fn holder(command: Command) -> Running {
    let holder = Running::start(command);
    assert_eq!(holder.line().as_deref(), Some("held"));
    holder
}

#[test]
fn no_account_can_keep_root_from_the_rules() {
    let Some(site) = boot() else { return };
    let install = ["install", "--user", AGENT];
    site.sh("chmod 0755 /etc/sudoers.d");
    let _held = holder(site.host.command_as(AGENT, &["sh", "-c", HOLD, "/etc/sudoers.d"]));
    assert_eq!(local(&site, &install)["changed"], true);
    site.expect(Action::Status, State::Status, "ok");
    site.expect(Action::Remove, State::Removed, "ok");
    site.expect(Action::Install, State::Installed, "ok");
    assert_eq!(local(&site, &["remove"])["changed"], true);
    // Nor is their own lock anybody's who cannot open the file.
    site.host.run_as(AGENT, &["flock", "-n", LOCK, "true"]).failure();
    assert_eq!(site.sh(&format!("stat -c '%a %U %G' {LOCK}")), "600 root root");
    // A file that somebody else might hold is no lock, and neither is what a link leads to.
    for spoil in [
        "install -m 0644 /dev/null",
        "install -m 0620 /dev/null",
        "install -m 0600 -o ai-agent /dev/null",
        "ln -s /root/other",
        "mkdir -m 0700",
    ] {
        site.sh(&format!("rm -rf {LOCK}; {spoil} {LOCK}"));
        assert_eq!(local(&site, &install)["code"], "lock", "{spoil}");
        site.expect(Action::Install, State::Refused, "lock");
    }
    assert_eq!(site.names(), "");
    assert_eq!(site.sh("ls /root/other 2>/dev/null || echo none"), "none");
}

/// The wait has no end but its own: this takes as long as that.
#[test]
fn a_run_that_does_not_end_is_waited_for_and_then_told() {
    let Some(site) = boot() else { return };
    let _held = holder(site.host.command(&["sh", "-c", HOLD, LOCK]));
    thread::scope(|scope| {
        for words in [&["install", "--user", AGENT][..], &["remove"]] {
            let site = &site;
            scope.spawn(move || {
                let said = local(site, words);
                assert_eq!((&said["success"], &said["code"]), (&false.into(), &"busy".into()), "{said}");
            });
        }
        // What changes nothing waits for nobody.
        assert_eq!(local(&site, &["install", "--user", AGENT, "--dry-run"])["change"], "new");
        assert_eq!(local(&site, &["status"])["state"], "not-installed");
        site.expect(Action::Install, State::Refused, "busy");
    });
    assert_eq!(site.names(), "");
}

/// A helper that says that it was asked, and answers nothing until it may.
const SILENT: &str = "#!/bin/sh\n: >/run/asked; while [ ! -e /run/go ]; do sleep 0.1; done\n";

impl Site {
    /// A silent helper is in the place of the real one.
    fn silence(&self) {
        self.sh("rm -f /run/asked /run/go /run/enough; cp -p /usr/bin/sudo-helper /root/");
        self.host.write(HELPER, SILENT, 0o755, "root:root");
    }

    fn is_asked(&self) -> bool {
        capture(self.host.command(&["test", "-e", "/run/asked"])).status.success()
    }

    /// The real helper is back.
    fn restore(&self) {
        self.sh(": >/run/go; mv -f /root/sudo-helper /usr/bin/");
    }
}

/// Both ways to begin an installation and to have it killed while its rule is being proven.
fn killed_by_turns(site: &Site, remote: bool) {
    site.silence();
    if remote {
        let parts = site.parts();
        let line = site.order(Action::Install, &parts).command().expect("a command line");
        let cut = site.host.run(&["python3", "-c", CUT, &line, "9", "/run/asked", "all"]);
        cut.success().stdout("cut\n");
    } else {
        let script = "echo ready $$; exec sudoers-install install --user ai-agent";
        let running = Running::start(site.host.command(&["sh", "-c", script]));
        let pid = running.ready().to_string();
        eventually("the helper is asked", || site.is_asked());
        site.host.run(&["kill", "-KILL", &pid]).success();
        let _ = running.rest();
    }
    site.restore();
    assert_eq!(local(site, &["status"])["state"], "not-proven");
    let status = site.act(Action::Status);
    assert!(status.pending && site.host.read(TARGET) == site.text(HELPER), "{status:?}");
}

#[test]
fn each_finishes_or_takes_back_what_the_other_was_killed_in() {
    let Some(site) = boot() else { return };
    for remote in [true, false] {
        let install = |site: &Site| {
            if remote {
                local(site, &["install", "--user", AGENT])["changed"] == true
            } else {
                site.act(Action::Install).state == State::Installed
            }
        };
        killed_by_turns(&site, remote);
        let inode = site.sh(&format!("stat -c %i {TARGET}"));
        // Proven now, and not written again; a local run tells that it has changed nothing.
        assert_eq!(install(&site), !remote);
        assert_eq!(site.sh(&format!("stat -c %i {TARGET}")), inode);
        assert_eq!(site.names(), "zz-sudo-helper-ai-agent");
        site.expect(Action::Remove, State::Removed, "ok");
        // What can no longer be proven is taken back.
        killed_by_turns(&site, remote);
        site.sh("chage -E 0 ai-agent");
        assert!(!install(&site));
        assert_eq!(site.names(), "");
        site.sh("chage -E -1 ai-agent");
        killed_by_turns(&site, remote);
        if remote {
            assert_eq!(local(&site, &["remove"])["changed"], true);
        } else {
            // It does not know whether that was meant: the state before is none.
            site.expect(Action::Remove, State::Absent, "ok");
        }
        assert_eq!(site.names(), "");
    }
}

/// For sh: once the helper is asked, sends signal $0 to every sudo that is there, until it is enough. Its real uid is the agent's, so that
/// the agent may (kill(2)).
const ATTACK: &str = "while [ ! -e /run/asked ]; do :; done
    while [ ! -e /run/enough ]; do
    for p in /proc/[0-9]*; do read -r name <$p/comm && [ \"$name\" = sudo ] && kill -$0 ${p#/proc/}; done
    done 2>/dev/null";

/// The proofs have an end when their sudo is killed or stopped: this takes as long as that.
#[test]
fn the_agent_can_keep_its_own_rule_from_being_proven_and_no_more() {
    thread::scope(|scope| {
        for signal in ["KILL", "STOP"] {
            scope.spawn(move || disturbed(signal));
        }
    });
}

fn disturbed(signal: &str) {
    let Some(site) = boot() else { return };
    let old = "/etc/sudoers.d/systems-manager-ai-agent";
    let rule = "ai-agent ALL=(ALL) NOPASSWD: /home/ai-agent/.local/bin/systems-manager-helper\n";
    site.host.write(old, rule, 0o440, "root");
    let code = if signal == "KILL" { "proof-killed" } else { "not-proven" };
    for remote in [false, true] {
        site.silence();
        let attack = Running::start(site.host.command_as(AGENT, &["sh", "-c", ATTACK, signal]));
        if remote {
            let parts = site.parts();
            let order = Change { replace_legacy: true, ..site.order(Action::Install, &parts) };
            let facts = site.change(&order);
            assert_eq!((facts.state, facts.code.as_str()), (State::Reverted, code), "{signal}");
        } else {
            let said = local(&site, &["install", "--user", AGENT, "--replace-legacy"]);
            assert_eq!(said["code"], code, "{said}");
            // Its way to root is still there, and that is said.
            let error = said["error"].as_str().expect("a sentence");
            assert!(error.contains("a process of") && error.contains(&format!("rm {old}")), "{error}");
        }
        assert_eq!(site.names(), "systems-manager-ai-agent", "{signal}");
        site.sh(": >/run/enough");
        let _ = attack.rest();
        site.restore();
    }
    let done = local(&site, &["install", "--user", AGENT, "--replace-legacy"]);
    assert_eq!(
        (&done["changed"], site.names().as_str()),
        (&true.into(), "zz-sudo-helper-ai-agent"),
        "{done}"
    );
}

/// A helper that kills its sudo, which has no terminal and so is its parent, where the marks stand.
const KILLING: &str = r#"#!/bin/sh
BEFORE
printf '{"success":true,"nonce":"%s","path":"/usr/bin/sudo-helper","sha256":"%s"}\n' "$2" "$(sha256sum <"$0" | cut -c1-64)"
AFTER
"#;

#[test]
fn a_proof_that_was_killed_is_no_proof_against_the_rule() {
    let Some(site) = boot() else { return };
    assert_eq!(local(&site, &["install", "--user", AGENT])["changed"], true);
    for (before, after, proven) in [
        (":", "kill -KILL $PPID", true),
        ("[ -e /run/asked ] || { : >/run/asked; kill -KILL $PPID; exit; }", ":", true),
        ("kill -KILL $PPID; exit", ":", false),
    ] {
        site.host.write(
            HELPER,
            KILLING.replace("BEFORE", before).replace("AFTER", after),
            0o755,
            "root:root",
        );
        site.sh("rm -f /run/asked");
        let said = local(&site, &["status"]);
        let expected = if proven { ("effective", "proven") } else { ("proof-killed", "unproven") };
        assert_eq!((&said["state"], &said["effective"]), (&expected.0.into(), &expected.1.into()), "{said}");
        site.sh("rm -f /run/asked");
        let facts = site.act(Action::Status);
        let code = if proven { "ok" } else { "proof-killed" };
        assert_eq!((facts.code.as_str(), facts.probe), (code, Some(proven)), "{before} {after}: {facts:?}");
        assert!(proven || facts.words.contains(&format!("pkill -STOP -u {}", site.uid)), "{facts:?}");
    }
}

/// SIGALRM is not handed on: sudo kills what it runs.
#[test]
fn no_signal_that_sudo_hands_on_ends_root_s_script_half_way() {
    let Some(site) = boot() else { return };
    for shell in ["dash", "bash"] {
        site.sh(&format!("ln -sf {shell} /bin/sh"));
        site.silence();
        let parts = site.parts();
        let order = site.order(Action::Install, &parts);
        let line = order.command().expect("a command line");
        let script = "echo ready $$; exec /bin/bash -c \"$0\"";
        let running = Running::start(site.host.command(&["bash", "-c", script, &line]));
        let sudo = running.ready().to_string();
        eventually("the helper is asked", || site.is_asked());
        for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "TSTP"] {
            site.host.run(&["kill", &format!("-{signal}"), &sudo]).success();
        }
        site.restore();
        let said = running.rest().join("\n") + "\n";
        let facts = ChangeFacts::parse(said.as_bytes(), order.nonce).expect("an answer");
        assert_eq!((facts.state, facts.code.as_str()), (State::Reverted, "not-proven"), "{facts:?}");
        assert_eq!(site.names(), "");
    }
}

#[test]
fn nothing_runs_with_the_agent_s_ids_but_sudo() {
    let Some(site) = boot() else { return };
    let parts = site.parts();
    for command in [
        site.host.command(&["sudoers-install", "install", "--user", AGENT]),
        site.host.command(&["sudoers-install", "status"]),
        site.command(&site.order(Action::Install, &parts)),
    ] {
        assert_eq!(site.programs_as_agent(&command), ["/usr/bin/sudo 0 vars"], "{command:?}");
    }
}

/// For sh: what a caller can hand down, before it becomes the command.
const SURROUNDINGS: [&str; 10] = [
    "exec <&- >&3 2>&-",
    "umask 0777",
    "umask 0",
    "mkdir -p /root/gone; cd /root/gone; rmdir /root/gone",
    "cd /home/ai-agent",
    "export PATH=/home/ai-agent TMPDIR=/home/ai-agent HOME=/home/ai-agent IFS=/ ENV=/home/ai-agent/env LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 POSIXLY_CORRECT=1 TZ=:/home/ai-agent/tz apart=/home/ai-agent/apart",
    "export HUGE=$(head -c 100000 /dev/zero | tr '\\0' x)",
    "trap '' HUP INT QUIT TERM CHLD PIPE TSTP",
    "ulimit -S -c 0; ulimit -S -n 32; ulimit -S -s 1024; ulimit -S -t 20",
    "renice -n 19 $$ >/dev/null",
];

#[test]
fn nothing_that_a_caller_hands_down_matters() {
    let Some(site) = boot() else { return };
    let programs = "for p in apart env sudo visudo id cvtsudoers; do printf '#!/bin/sh\\n: >/run/fooled\\n' >$p; chmod 755 $p; done";
    site.sh(&format!("cd /home/ai-agent; {programs}; chown ai-agent *"));
    let parts = site.parts();
    let remote = |action| site.order(action, &parts).command().expect("a command line");
    for surroundings in SURROUNDINGS {
        let within = |line: &str| {
            let script = format!("exec 3>&1; {surroundings}; {line}");
            capture(site.host.command(&["/bin/bash", "-c", &script]))
        };
        let said = |line: &str| String::from_utf8_lossy(&within(line).stdout).into_owned();
        let done = said("exec /usr/bin/sudoers-install install --user ai-agent --json");
        assert!(done.contains("\"effective\":\"proven\""), "{surroundings}: {done}");
        assert_eq!(site.sh(&format!("stat -c '%a %u:%g %h' {TARGET}")), "440 0:0 1", "{surroundings}");
        assert!(
            said("exec /usr/bin/sudoers-install status").contains("effective (proven)"),
            "{surroundings}"
        );
        for (action, state) in [(Action::Remove, State::Removed), (Action::Install, State::Installed)] {
            let output = within(&remote(action));
            let facts = ChangeFacts::parse(&output.stdout, &parts.nonce);
            let facts = facts.unwrap_or_else(|error| panic!("{surroundings}: {error}: {output:?}"));
            assert_eq!((facts.state, facts.code.as_str()), (state, "ok"), "{surroundings}: {facts:?}");
        }
        assert_eq!(site.sh(&format!("stat -c '%a %u:%g %h' {TARGET}")), "440 0:0 1", "{surroundings}");
        assert!(
            said("exec /usr/bin/sudoers-install remove --json").contains("\"changed\":true"),
            "{surroundings}"
        );
        assert_eq!(site.names(), "", "{surroundings}");
    }
    assert_eq!(site.sh("ls /run/fooled 2>/dev/null || echo no"), "no");
}

/// For python3: the command has a pipe that is full and that nobody reads as its output.
const UNREAD: &str = r#"
import fcntl, os, subprocess, sys
reader, writer = os.pipe()
os.write(writer, bytes(fcntl.fcntl(writer, 1032)))
child = subprocess.Popen(sys.argv[1:], stdout=writer)
print("running", flush=True)
sys.stdin.read()
child.kill()
"#;

#[test]
fn an_output_that_nobody_reads_holds_no_other_run_up() {
    let Some(site) = boot() else { return };
    let parts = site.parts();
    let line = site.order(Action::Install, &parts).command().expect("a command line");
    for words in [
        &["sudoers-install", "install", "--user", AGENT][..],
        &["sudoers-install", "remove"],
        &["/bin/bash", "-c", &line],
    ] {
        let present = !words.contains(&"remove");
        let stuck = Running::start(site.host.command(&[&["python3", "-c", UNREAD], words].concat()));
        assert_eq!(stuck.line().as_deref(), Some("running"));
        eventually("it is done", || (site.names() == "zz-sudo-helper-ai-agent") == present);
        // It would be `busy` else.
        site.sh(&format!("flock -w 20 {LOCK} true"));
        drop(stuck);
    }
}

#[test]
fn where_nothing_can_be_written_nothing_is_changed() {
    let Some(site) = boot() else { return };
    let install = ["install", "--user", AGENT];
    let old = site.text("/usr/local/bin/sudo-helper");
    site.sh("cp -p /usr/bin/sudo-helper /root/; chown -R root:root /usr/local; chmod -R go-w /usr/local; cp -p /usr/bin/sudo-helper /usr/local/bin/");
    for with_old in [false, true] {
        for remote in [false, true] {
            let mut failed = 0;
            // One file more at a time: the root folder is the first.
            for most in 1 + usize::from(with_old).. {
                site.sh(&format!("mount -t tmpfs -o mode=0755,nr_inodes={most} tmpfs /etc/sudoers.d"));
                if with_old {
                    site.sh(&format!("printf %s '{old}' >{TARGET}; chmod 0440 {TARGET}"));
                }
                let before =
                    site.sh("cd /etc/sudoers.d; ls -lAi --time-style=full-iso; cat $(ls -A) </dev/null");
                let code = if remote {
                    site.act(Action::Install).code
                } else {
                    local(&site, &install)["code"].as_str().unwrap_or("ok").to_owned()
                };
                let after =
                    site.sh("cd /etc/sudoers.d; ls -lAi --time-style=full-iso; cat $(ls -A) </dev/null");
                site.sh("umount /etc/sudoers.d");
                if code == "ok" {
                    break;
                }
                assert_eq!(
                    (code.as_str(), after),
                    (if remote { "write" } else { "folder" }, before),
                    "{most}"
                );
                failed += 1;
            }
            // For the new file, and for what keeps the old state.
            assert_eq!(failed, 2, "old: {with_old}, remote: {remote}");
        }
    }
    assert_eq!(local(&site, &install)["changed"], true);
    site.sh("mount --bind /etc/sudoers.d /etc/sudoers.d; mount -o remount,bind,ro /etc/sudoers.d");
    let before = site.sh("ls -lAi --time-style=full-iso /etc/sudoers.d");
    assert_eq!(
        local(&site, &[&install[..], &["--helper", "/usr/local/bin/sudo-helper"]].concat())["code"],
        "folder"
    );
    assert_eq!(local(&site, &["remove"])["code"], "folder");
    let parts = Parts::new(old, "/usr/local/bin/sudo-helper");
    assert_eq!(site.change(&site.order(Action::Install, &parts)).code, "write");
    assert_eq!(site.act(Action::Remove).code, "write");
    // What is in place already needs nothing written.
    site.expect(Action::Install, State::Unchanged, "ok");
    assert_eq!(local(&site, &install)["changed"], false);
    assert_eq!(site.sh("ls -lAi --time-style=full-iso /etc/sudoers.d"), before);
}
