//! What is written, and that nothing is left of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::bench::{Bench, KEY, behind_gate, git, plan};

const NOTICE: &str =
    "# Written by ssh-agent-fwd(8): `up` replaces, and `down` removes, all up to the end mark.";

#[test]
fn a_user_without_files_gets_them_and_nothing_is_left_afterwards() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.nodes();
    bench.install(&git("default")).expect("installed");
    let config = format!(
        "# BEGIN ssh-agent-fwd default file-made folder-made\n{NOTICE}\nHost git\n    HostName ssh-gate-demo\n    \
         User git\n    Port 2201\n    IdentityAgent /run/ssh-agent-fwd/default/public.sock\n    \
         HostKeyAlias git.example.org\n    CheckHostIP no\n    BatchMode yes\n    UpdateHostKeys no\n\n\
         Host *\n# END ssh-agent-fwd default\n"
    );
    assert_eq!(fs::read_to_string(bench.ssh("config")).expect("read"), config);
    let known = format!(
        "# BEGIN ssh-agent-fwd default file-made folder-made\n{NOTICE}\ngit.example.org {KEY}\n\
         # END ssh-agent-fwd default\n"
    );
    assert_eq!(fs::read_to_string(bench.ssh("known_hosts")).expect("read"), known);
    for (path, mode) in
        [(bench.ssh(""), 0o40700), (bench.ssh("config"), 0o100600), (bench.ssh("known_hosts"), 0o100600)]
    {
        let metadata = fs::metadata(&path).expect("there");
        assert_eq!(
            (metadata.mode(), metadata.uid(), metadata.gid()),
            (mode, bench.user.uid, bench.user.gid),
            "{path:?}"
        );
    }
    bench.remove("default").expect("removed");
    assert_eq!(bench.nodes(), before);
    bench.remove("default").expect("nothing to do");
    assert_eq!(bench.nodes(), before);
}

#[test]
fn a_second_call_changes_nothing_not_even_the_file() {
    let Some(bench) = Bench::new() else { return };
    bench.install(&git("default")).expect("installed");
    let file =
        || fs::metadata(bench.ssh("config")).map(|file| (file.ino(), file.mtime_nsec())).expect("there");
    let first = file();
    bench.install(&git("default")).expect("installed");
    assert_eq!(file(), first);
    bench.remove("other").expect("nothing to do");
    assert_eq!(file(), first);
    bench.user_does("chmod 644 .ssh/config; chmod 755 .ssh");
    bench.install(&git("default")).expect("installed");
    assert_eq!(fs::metadata(bench.ssh("config")).expect("there").mode(), 0o100600);
    assert_eq!(fs::metadata(bench.ssh("")).expect("there").mode(), 0o40700);
}

#[test]
fn files_that_were_there_come_back_byte_for_byte() {
    for (config, known) in [
        (&b"Host *\n    User x"[..], &b"a ssh-ed25519 AAAA"[..]),
        (b"", b"\n"),
        (b"Port 1\r\n\0\xff\n\n", b"|1|x|y ssh-rsa AAAA\n"),
    ] {
        let Some(bench) = Bench::new() else { return };
        bench.user_does("mkdir -m 700 .ssh; umask 77; touch .ssh/config .ssh/known_hosts");
        fs::write(bench.ssh("config"), config).expect("written");
        fs::write(bench.ssh("known_hosts"), known).expect("written");
        let before = bench.nodes();
        bench.install(&git("default")).expect("installed");
        let text = fs::read(bench.ssh("config")).expect("read");
        assert!(text.ends_with(config) && text.len() > config.len());
        bench.remove("default").expect("removed");
        assert_eq!(bench.nodes(), before);
    }
}

#[test]
fn instances_live_side_by_side_and_the_last_one_takes_what_was_made() {
    for [first, second] in [["one", "two"], ["two", "one"]] {
        let Some(bench) = Bench::new() else { return };
        let before = bench.nodes();
        bench.install(&git("one")).expect("installed");
        let one = bench.nodes();
        bench.install(&plan("two", &[&behind_gate("hub")])).expect("installed");
        let text = fs::read_to_string(bench.ssh("config")).expect("read");
        assert_eq!(text.matches("Host git\n").count() + text.matches("Host hub\n").count(), 2);
        bench.remove(first).expect("removed");
        if first == "two" {
            assert_eq!(bench.nodes(), one);
        }
        bench.remove(second).expect("removed");
        assert_eq!(bench.nodes(), before);
    }
}

#[test]
fn instances_that_come_at_once_lose_nothing_of_each_other() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.nodes();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    std::thread::scope(|scope| {
        for name in names {
            let bench = &bench;
            scope.spawn(move || bench.install(&plan(name, &[&behind_gate(name)])).expect("installed"));
        }
    });
    let text = fs::read_to_string(bench.ssh("config")).expect("read");
    assert!(names.iter().all(|name| text.contains(&format!("\nHost {name}\n"))), "{text}");
    std::thread::scope(|scope| {
        for name in names {
            let bench = &bench;
            scope.spawn(move || bench.remove(name).expect("removed"));
        }
    });
    assert_eq!(bench.nodes(), before);
}

#[test]
fn what_the_user_has_put_there_meanwhile_stays() {
    let Some(bench) = Bench::new() else { return };
    bench.install(&git("default")).expect("installed");
    bench.user_does("echo 'Host mine' >>.ssh/config; touch .ssh/id");
    bench.remove("default").expect("removed");
    assert_eq!(fs::read_to_string(bench.ssh("config")).expect("read"), "Host mine\n");
    assert!(bench.ssh("id").exists() && !bench.ssh("known_hosts").exists());
}

#[test]
fn what_a_call_that_was_killed_has_left_goes_with_the_next_one() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.nodes();
    bench.install(&git("default")).expect("installed");
    bench.user_does("touch .ssh/.config.ssh-agent-fwd .ssh/.known_hosts.ssh-agent-fwd");
    bench.remove("default").expect("removed");
    assert_eq!(bench.nodes(), before);
}

#[test]
fn the_next_plan_replaces_the_section_and_what_it_has_no_more_goes() {
    let Some(bench) = Bench::new() else { return };
    bench.install(&git("default")).expect("installed");
    let anywhere = r#""host": "hub", "hostname": "hub.example.org", "user": "git", "any_host": true"#;
    bench.install(&plan("default", &[anywhere])).expect("installed");
    let text = fs::read_to_string(bench.ssh("config")).expect("read");
    assert!(
        text.contains("Host hub\n    HostName hub.example.org\n") && !text.contains("Host git"),
        "{text}"
    );
    assert!(!bench.ssh("known_hosts").exists());
    bench.remove("default").expect("removed");
    assert!(!bench.ssh("").exists());
}

#[test]
fn marks_that_the_user_has_broken_are_told_and_nothing_is_lost() {
    let Some(bench) = Bench::new() else { return };
    bench.install(&git("default")).expect("installed");
    for (script, says) in [
        ("sed -i '/^# END/d' .ssh/config", "line 1 has no end"),
        ("sed -i '/^# BEGIN/d' .ssh/config", "ends a section"),
        ("sed -i 'p' .ssh/config", "line 1 has no end"),
        ("cat .ssh/config .ssh/config >x; mv x .ssh/config", "second section"),
        ("sed -i 's/^# BEGIN/  &/' .ssh/config", "line 1 is a mark"),
    ] {
        bench.user_does("cp .ssh/config saved");
        bench.user_does(script);
        let broken = bench.nodes();
        for done in [bench.install(&git("default")), bench.install(&git("other")), bench.remove("default")] {
            let failure = done.expect_err(script);
            assert_eq!(failure.code, "ssh-section", "{failure}");
            assert!(failure.error.contains(says) && failure.error.contains(".ssh/config: "), "{failure}");
        }
        assert_eq!(bench.nodes(), broken, "{script}");
        bench.user_does("mv saved .ssh/config");
    }
}

#[test]
fn a_setgid_home_with_a_wide_umask_gives_private_files() {
    let Some(bench) = Bench::new() else { return };
    fs::set_permissions(bench.home(), PermissionsExt::from_mode(0o2777)).expect("set");
    bench.install(&git("default")).expect("installed");
    assert_eq!(fs::metadata(bench.ssh("")).expect("there").mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(bench.ssh("config")).expect("there").mode(), 0o100600);
}
