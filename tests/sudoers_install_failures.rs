//! What keeps a rule from having effect is named, and the state before is back.

#[path = "sudoers_install/site.rs"]
mod site;

use std::thread;

use bed::Running;
use site::{AGENT, CONTROL, FILE, Site};

/// For sh: a helper of other manners in /opt/other/helper.
const OTHER_HELPER: &str = "mkdir -p /opt/other; printf '#!/bin/sh\\n%s\\n' \"$1\" >/opt/other/helper
    chmod 0755 /opt/other/helper";
const OTHER: &str = "/opt/other/helper";

/// The control account's rule works.
fn control_works(site: &Site) {
    site.run_as(CONTROL, &["sudo", "-n", "/usr/bin/id", "-u"]).success().stdout("0\n").stderr("");
}

/// What makes a proof fail, the failure's word, and what its sentence names.
const OBSTACLES: [(&str, &str, &str, &str); 8] = [
    ("an expired account", "chage -E 0 ai-agent", "account-expired", "has expired"),
    (
        "an aged password",
        "chage -d 2000-01-01 -M 10 -I 5 ai-agent",
        "account-expired",
        "password has expired",
    ),
    (
        "a later rule in the folder",
        "printf 'ai-agent ALL=(ALL) ALL\\n' >/etc/sudoers.d/zzz; chmod 0440 /etc/sudoers.d/zzz",
        "overridden",
        "/etc/sudoers.d/zzz:1 ",
    ),
    (
        "a later rule for a group",
        "groupadd -f ops; usermod -aG ops ai-agent; printf '%%ops ALL=(ALL) ALL\\n' >>/etc/sudoers",
        "overridden",
        "asks for a password",
    ),
    (
        "a later prohibition",
        "printf '\\n\\nai-agent ALL = !/usr/bin/sudo-helper\\n' >/etc/sudoers.d/zzz; chmod 0440 /etc/sudoers.d/zzz",
        "overridden",
        "/etc/sudoers.d/zzz:3 ",
    ),
    ("no includedir", "sed -i '/includedir/d' /etc/sudoers", "no-includedir", "@includedir /etc/sudoers.d"),
    ("no visudo", "mv /usr/sbin/visudo /root/", "no-visudo", "visudo"),
    ("a folder of everybody's", "chmod 0777 /etc/sudoers.d", "folder", "can be written by others"),
];

#[test]
fn what_is_in_the_way_is_named_and_nothing_is_changed() {
    let Some(site) = Site::boot() else { return };
    site.run(&["cp", "-a", "/etc", "/root/etc"]).success();
    let restore =
        "for f in sudoers sudoers.d shadow group gshadow; do rm -rf /etc/$f; cp -a /root/etc/$f /etc/; done
        chmod 0750 /etc/sudoers.d; test -e /usr/sbin/visudo || mv /root/visudo /usr/sbin/";
    for (what, script, code, named) in OBSTACLES {
        for commands in [&[][..], &["--command", "/usr/bin/whoami"]] {
            // A prohibition of sudo-helper is none of other commands.
            if what == "a later prohibition" && !commands.is_empty() {
                continue;
            }
            site.run(&["sh", "-ec", script]).success();
            let (before, main) = (site.folder(), site.read("/etc/sudoers"));
            let said = site.install_for(AGENT, commands);
            let by_hand = said.objects()[0]["by_hand"].clone();
            assert!(
                by_hand.as_str().is_some_and(|text| text.contains("visudo -f /etc/sudoers.d/zz-")),
                "{what}"
            );
            assert!(said.stderr.contains("ai-agent ALL=(root) NOPASSWD: "), "{what}: {said:?}");
            let sentence = said.failure(code);
            assert!(sentence.contains(named), "{what}: {sentence}");
            assert_eq!((site.folder(), site.read("/etc/sudoers")), (before, main), "{what}");
            site.run(&["sh", "-ec", restore]).success();
            control_works(&site);
        }
    }
    // A locked password, or one to be changed, keeps nobody out who need not give it.
    site.run(&["usermod", "-L", AGENT]).success();
    site.run(&["chage", "-d", "0", AGENT]).success();
    site.install_for(AGENT, &[]).done();
}

#[test]
fn status_tells_what_has_become_of_each_rule() {
    let Some(site) = Site::boot() else { return };
    site.run(&["cp", "-a", "/etc", "/root/etc"]).success();
    for (what, script, code, named) in OBSTACLES.into_iter().take(6).chain([
        ("the helper is gone", "rm /usr/bin/sudo-helper", "orphaned", "/usr/bin/sudo-helper is gone"),
        (
            "anybody may change it",
            "chmod 0777 /usr/bin/sudo-helper",
            "helper-changed",
            "/usr/bin/sudo-helper",
        ),
        ("the account is gone", "userdel ai-agent", "orphaned", "no account 'ai-agent'"),
        ("another account has the name", "usermod -u 4321 ai-agent", "orphaned", "uid 4321 now"),
        (
            "changed by hand",
            "echo '# more' >>/etc/sudoers.d/zz-sudo-helper-ai-agent",
            "foreign-file",
            "changed",
        ),
    ]) {
        site.install_for(AGENT, &[]).done();
        site.run(&["sh", "-ec", script]).success();
        let state = site.state(FILE);
        assert_eq!((&state["state"], &state["effective"]), (&code.into(), &false.into()), "{what}: {state}");
        assert!(state["error"].as_str().is_some_and(|error| error.contains(named)), "{what}: {state}");
        let words = site.call("status");
        assert!(words.status == 1 && words.stdout.contains(code), "{words:?}");
        // What it wrote it removes, whatever else is gone; what it did not write it names.
        let removed = site.call("remove --json");
        if code == "foreign-file" {
            let object = removed.objects().remove(0);
            assert_eq!((&object["file"], &object["changed"]), (&FILE.into(), &false.into()), "{object}");
            assert!(removed.failure(code).contains("zz-sudo-helper-ai-agent is left alone"));
            site.call("remove --user ai-agent --json").failure(code);
            // Another's rule is another's business.
            site.call("remove --user alice").success();
            site.install_for(AGENT, &[]).failure("foreign-file");
            assert!(site.read(FILE).ends_with("# more\n"));
        } else {
            assert_eq!(removed.success().objects().len(), 1);
            site.run(&["test", "-e", FILE]).failure();
        }
        let restore = "for f in sudoers sudoers.d shadow group gshadow passwd; do
            rm -rf /etc/$f; cp -a /root/etc/$f /etc/; done";
        site.run(&["sh", "-ec", restore]).success();
        site.install("sudo-helper");
    }
}

#[test]
fn the_previous_rule_is_back_when_the_new_one_is_not_proven() {
    for boot in [Site::boot, Site::boot_sudo_rs] {
        let Some(site) = boot() else { return };
        for with_old in [false, true] {
            if with_old {
                site.install_for(AGENT, &[]).done();
            }
            let before = site.folder();
            for (body, named) in [
                ("exit 0", "is no sudo-helper"),
                ("echo no; exit 3", "no"),
                (
                    "echo '{\"success\":true,\"nonce\":\"x\",\"path\":\"/opt/other/helper\",\"sha256\":\"x\"}'",
                    "nonce",
                ),
                ("exec /usr/bin/sudo-helper \"$@\"", "not /opt/other/helper ran but /usr/bin/sudo-helper"),
                ("yes", "no answer within 10 s"),
                ("sleep 1000 & exit 0", "is no sudo-helper"),
            ] {
                site.run(&["sh", "-ec", OTHER_HELPER, "sh", body]).success();
                let sentence = site.install_for(AGENT, &["--helper", OTHER]).failure("not-proven");
                assert!(sentence.contains(named), "{body}: {sentence}");
                assert_eq!(site.folder(), before, "{body}");
                assert_eq!(site.may("/usr/bin/sudo-helper"), with_old);
                control_works(&site);
            }
        }
    }
}

#[test]
fn what_others_have_broken_is_neither_blamed_nor_mended() {
    for boot in [Site::boot, Site::boot_sudo_rs] {
        let Some(site) = boot() else { return };
        site.write("/etc/sudoers.d/broken", "this is no rule\n", 0o440, "root:root");
        site.write(
            "/etc/sudoers.d/loose",
            "alice ALL=(root) NOPASSWD: /usr/bin/whoami\n",
            0o644,
            "root:root",
        );
        let before = site.folder();
        let said = site.install_for(AGENT, &[]);
        assert!(said.stderr.contains("/etc/sudoers.d/broken"), "{said:?}");
        let done = said.done();
        assert!(done["complaints"].to_string().contains("broken"), "{done}");
        assert!(site.may("/usr/bin/sudo-helper"));
        site.call("remove").success();
        assert_eq!(site.folder(), before);
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let Some(site) = Site::boot() else { return };
    let script = "cp -a /etc/sudoers.d /root/d; mount -t tmpfs -o size=16k,mode=0750 tmpfs /etc/sudoers.d
        cp -a /root/d/control /etc/sudoers.d/";
    site.run(&["sh", "-ec", script]).success();
    site.install_for(AGENT, &["--helper", "/usr/bin/sudo-helper"]).done();
    let fill = "head -c 100000 /dev/zero >/etc/sudoers.d/full.disk || :";
    site.run(&["sh", "-ec", fill]).success();
    let before = site.folder();
    site.run(&["cp", "/usr/bin/sudo-helper", "/usr/local/bin/"]).success();
    let sentence = site.install_for(AGENT, &["--helper", "/usr/local/bin/sudo-helper"]).failure("folder");
    assert!(sentence.contains("No space left"), "{sentence}");
    assert_eq!(site.folder(), before);
    assert!(site.may("/usr/bin/sudo-helper"));
    control_works(&site);
    // A limit that the caller has set is as good as a full disk.
    let limited = ["sh", "-c", "ulimit -f 0; exec sudoers-install install --user alice"];
    assert_ne!(site.said(&limited).status, 0);
    control_works(&site);
}

#[test]
fn runs_at_the_same_time_wait_for_each_other() {
    let Some(site) = Site::boot() else { return };
    thread::scope(|scope| {
        for user in [AGENT, CONTROL, AGENT, CONTROL] {
            let site = &site;
            scope.spawn(move || site.install_for(user, &[]).done());
        }
    });
    assert_eq!(site.call("status --json").success().objects().len(), 2);
    site.run(&["sh", "-c", "ls -A /etc/sudoers.d | grep '^[.]'"]).failure().stdout("");
}

#[test]
fn a_signal_in_the_middle_counts_after_the_end() {
    let Some(site) = Site::boot() else { return };
    site.run(&[
        "sh",
        "-ec",
        OTHER_HELPER,
        "sh",
        "touch /run/asked; while [ ! -e /run/go ]; do sleep 0.1; done",
    ])
    .success();
    let before = site.folder();
    let script = "sudoers-install install --user ai-agent --helper /opt/other/helper & echo ready $!; wait $!; echo $?";
    for (number, status) in [("HUP", "129"), ("TERM", "143"), ("USR1", "138"), ("USR2", "140")] {
        site.run(&["rm", "-f", "/run/asked", "/run/go"]).success();
        let running = Running::start(site.command(&["sh", "-c", script]));
        let pid = running.ready().to_string();
        bed::eventually("the helper is asked", || site.said(&["test", "-e", "/run/asked"]).status == 0);
        site.run(&["kill", &format!("-{number}"), &pid]).success();
        // It waits, and is not lost; so does the program, for the helper.
        let pending = "(SigPnd|ShdPnd):.*[1-9a-f]";
        site.run(&["grep", "-E", pending, &format!("/proc/{pid}/status")]).success();
        site.run(&["touch", "/run/go"]).success();
        assert_eq!(running.rest().last().map(String::as_str), Some(status));
        assert_eq!(site.folder(), before);
    }
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let Some(site) = Site::boot() else { return };
    site.write("/root/secret", "left alone\n", 0o600, "root:root");
    site.run(&["ln", "-s", "/root/secret", FILE]).success();
    let said = site.install_for(AGENT, &[]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(site.read("/root/secret"), "left alone\n");
    assert!(site.call("remove --json").failure("foreign-file").contains("left alone"));
    assert_eq!(site.state(FILE)["state"], "foreign-file");
}
