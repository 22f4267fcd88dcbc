//! `status`, `list`, `drop` and `load`, of instances that are really up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use nix::libc;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, PROGRAM};
use crate::instance::{Instance, PATIENCE, program_for_all};

/// Who is served by nobody.
const STRANGER: u32 = 12_345;

#[test]
fn keys_are_dropped_at_once_and_loaded_again_under_the_same_policy() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "drop");
    let (one, two) = (bench.make_key("one"), bench.make_key("two"));
    instance.up(&[&one, &two]);
    assert_eq!(instance.condition(), ("ready".to_owned(), 0));
    let (status, _) = instance.json("status");
    assert_eq!((&status["keys"], &status["keys_of_the_user"]), (&2.into(), &2.into()), "{status}");

    let (dropped, exit) = instance.json("drop");
    assert_eq!((exit, &dropped["dropped"]), (0, &2.into()), "{dropped}");
    assert_eq!(instance.condition(), ("no-keys".to_owned(), 1));
    let (list, exit) = instance.json("list");
    let keys = list["keys"].as_array().expect("keys");
    assert_eq!((exit, keys.len()), (0, 2));
    assert!(
        keys.iter().all(|key| key["loaded"] == false && key["rules"][0]["hosts"][0] == "git.example.org")
    );
    let again = instance.words("drop");
    assert_eq!(
        (again.status, again.stdout),
        (Some(0), format!("the instance {} had no keys\n", instance.name))
    );

    let manifest = instance.manifest(&[&one, &two]);
    let loaded = Answer::of(&["load", "--json"], manifest.as_bytes());
    assert_eq!(
        (loaded.status, loaded.json()["keys"].as_array().map(Vec::len)),
        (Some(0), Some(2)),
        "{loaded:?}"
    );
    assert_eq!(instance.condition(), ("ready".to_owned(), 0));
    let twice = Answer::of(&["load"], manifest.as_bytes());
    assert_eq!(twice.status, Some(0), "that they are there already is no fault: {twice:?}");
    let (status, _) = instance.json("status");
    assert_eq!(status["keys"], 2);
}

#[test]
fn the_file_of_a_key_is_erased_when_it_is_loaded_again_if_its_entry_says_so() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "erase");
    let key = bench.make_key("one");
    instance.up(&[&key]);
    for is_erased in [false, true] {
        let mut manifest: Value = serde_json::from_str(&instance.manifest(&[&key])).expect("JSON");
        manifest["name"] = "another".into();
        manifest["entries"][0]["key"] = json!({"path": key.file.to_str().expect("a path")});
        manifest["entries"][0]["erase"] = is_erased.into();
        instance.words("drop");
        let loaded = Answer::of(&["load", "--name", &instance.name], manifest.to_string().as_bytes());
        assert_eq!(loaded.status, Some(0), "{loaded:?}");
        assert_eq!(loaded.stdout, format!("keys loaded into the instance {}: 1\n", instance.name));
        assert_eq!(key.file.exists(), !is_erased);
        assert_eq!(instance.condition(), ("ready".to_owned(), 0));
    }
}

#[test]
fn keys_are_dropped_also_when_it_is_not_known_any_more_which_process_has_them() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "unknown");
    instance.up(&[&bench.make_key("one")]);
    let pid_file = instance.folder().join("current/agent/agent.pid");
    let aside = pid_file.with_extension("aside");
    fs::rename(&pid_file, &aside).expect("renamed");
    let (dropped, exit) = instance.json("drop");
    fs::rename(&aside, &pid_file).expect("renamed back");
    assert_eq!((exit, &dropped["dropped"]), (0, &1.into()), "{dropped}");
    assert_eq!(instance.condition(), ("no-keys".to_owned(), 1));
}

#[test]
fn what_each_key_may_sign_is_listed() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "list");
    let key = bench.make_key("one");
    instance.up(&[&key]);
    let (list, exit) = instance.json("list");
    let listed = &list["keys"][0];
    assert_eq!(
        (exit, &listed["loaded"], &listed["type"]),
        (0, &true.into(), &"ssh-ed25519".into()),
        "{list}"
    );
    let fingerprint =
        Command::new("ssh-keygen").arg("-lf").arg(&key.file).output().expect("ssh-keygen").stdout;
    let fingerprint = String::from_utf8(fingerprint).expect("words");
    let shown = listed["fingerprint"].as_str().expect("a fingerprint");
    assert!(fingerprint.contains(shown), "{fingerprint}");
    let words = instance.words("list").stdout;
    assert!(words.starts_with(&format!("{shown} ssh-ed25519 ")), "{words}");
    assert!(words.ends_with("\n  logins as git at git.example.org\n  signatures for git\n"), "{words}");
}

#[test]
fn a_key_that_the_policy_does_not_name_is_not_loaded() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "unnamed");
    let (known, unknown) = (bench.make_key("known"), bench.make_key("unknown"));
    instance.up(&[&known]);
    instance.words("drop");
    let answer = Answer::of(&["load", "--json"], instance.manifest(&[&unknown, &known]).as_bytes());
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert!(answer.stderr.starts_with("ssh-agent-fwd: not-in-policy: "), "{answer:?}");
    let object = answer.json();
    assert_eq!((&object["code"], &object["not_in_policy"][0]), (&"not-in-policy".into(), &"host-0".into()));
    assert_eq!(object["keys"][0]["host"], "host-1");
    let (list, _) = instance.json("list");
    assert_eq!(list["keys"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(instance.condition(), ("ready".to_owned(), 0));
}

#[test]
fn a_dead_daemon_is_told_apart_from_two() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.make_key("one");
    for (name, first, second, word) in [
        ("agent", "agent_pid", "forwarder_pid", "agent-dead"),
        ("forwarder", "forwarder_pid", "agent_pid", "forwarder-dead"),
    ] {
        let instance = Instance::new(&bench, name);
        instance.up(&[&key]);
        instance.kill(first);
        assert_eq!(instance.condition(), (word.to_owned(), 1));
        let (status, _) = instance.json("status");
        assert_eq!((&status["code"], &status[first]), (&word.into(), &Value::Null));
        instance.kill(second);
        assert_eq!(instance.condition(), ("stale".to_owned(), 1));
        let dropped = instance.json("drop");
        assert_eq!((dropped.1, &dropped.0["dropped"]), (0, &0.into()), "a dead agent has no keys");
        fs::remove_file(bench.folder().join("host")).expect("removed");
    }
}

#[test]
fn an_agent_that_does_not_answer_is_told_in_bounded_time_and_drop_ends_it() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "stopped");
    instance.up(&[&bench.make_key("one")]);
    instance.signal("agent_pid", libc::SIGSTOP);
    let begun = Instant::now();
    assert_eq!(instance.condition(), ("agent-silent".to_owned(), 1));
    assert!(begun.elapsed() < PATIENCE, "root's own questions wait for less than a client's");
    let (dropped, exit) = instance.json("drop");
    assert_eq!((exit, &dropped["success"]), (0, &true.into()), "{dropped}");
    assert_eq!(instance.condition(), ("agent-dead".to_owned(), 1));
}

#[test]
fn a_socket_that_is_not_the_forwarder_s_is_told() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "socket");
    instance.up(&[&bench.make_key("one")]);
    let (status, _) = instance.json("status");
    let socket = status["socket"].as_str().expect("a socket").to_owned();
    let aside = instance.folder().join("aside");
    fs::rename(&socket, &aside).expect("renamed");
    assert_eq!(instance.condition(), ("socket-gone".to_owned(), 1));
    fs::write(&socket, "").expect("written");
    assert_eq!(instance.condition(), ("socket-gone".to_owned(), 1), "it is another file");
    fs::rename(&aside, &socket).expect("renamed back");
    assert_eq!(instance.condition(), ("ready".to_owned(), 0));
}

#[test]
fn a_user_that_gets_no_list_is_told() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "silent");
    instance.up(&[&bench.make_key("one")]);
    fs::copy(bench.policy(&[]), instance.folder().join("current/policy.json")).expect("another policy");
    instance.signal("forwarder_pid", libc::SIGHUP);
    let until = Instant::now() + PATIENCE;
    while instance.condition().0 == "ready" && Instant::now() < until {}
    assert_eq!(instance.condition(), ("forwarder-silent".to_owned(), 1));
    let (status, _) = instance.json("status");
    assert!(
        status["why_no_list"].as_str().is_some_and(|why| why.contains("the user gets no list")),
        "{status}"
    );
}

#[test]
fn a_caller_that_ignores_sigchld_gets_the_same_answers() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "sigchld");
    let key = bench.make_key("one");
    instance.up(&[&key]);
    let manifest = bench.folder().join("manifest");
    fs::write(&manifest, instance.manifest(&[&key])).expect("written");
    fs::set_permissions(&manifest, PermissionsExt::from_mode(0o600)).expect("set");
    let manifest = manifest.to_str().expect("a path");
    for words in [["status", "--name", &instance.name], ["load", "--manifest", manifest]] {
        let mut command = Command::new("env");
        let output = command.args(["--ignore-signal=CHLD", PROGRAM]).args(words).output().expect("env");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn what_a_killed_up_left_is_stale_and_no_instance_is_absent() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "stale");
    assert_eq!(instance.condition(), ("absent".to_owned(), 4));
    for command in ["list", "drop", "check"] {
        let (object, exit) = instance.json(command);
        assert_eq!((exit, &object["code"]), (4, &"absent".into()), "{command}: {object}");
    }
    let load = Answer::of(&["load", "--json"], instance.manifest(&[&bench.make_key("one")]).as_bytes());
    assert_eq!((load.status, &load.json()["code"]), (Some(4), &"absent".into()));
    assert!(!instance.folder().exists());
    assert!(!instance.folder().with_file_name(format!(".{}.lock", instance.name)).exists());

    fs::create_dir_all(instance.folder().join("7/agent")).expect("made");
    assert_eq!(instance.condition(), ("stale".to_owned(), 1));
    let (object, exit) = instance.json("list");
    assert_eq!((exit, &object["code"]), (1, &"stale".into()));
    instance.down();
    assert_eq!(instance.condition(), ("absent".to_owned(), 4));
}

#[test]
fn check_takes_the_policy_of_the_instance() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "check");
    instance.up(&[&bench.make_key("one")]);
    let answer = Answer::of(&["check", "--json", "--name", &instance.name], b"\0\0\0\x01\x0b");
    let object = answer.json();
    assert_eq!(
        (answer.status, &object["code"], &object["messages"]),
        (Some(1), &"no-sign-request".into(), &1.into())
    );
    let policy = object["policy"].as_str().expect("a path");
    assert!(policy.starts_with(instance.folder().to_str().expect("a path")), "{policy}");
}

#[test]
fn nobody_but_root_is_told() {
    let Some(bench) = Bench::new() else { return };
    let program = program_for_all(bench.folder());
    for words in [&["status"][..], &["list"], &["drop"], &["load"], &["check"]] {
        let mut command = Command::new(&program);
        let output = command.args(words).arg("--json").uid(STRANGER).gid(STRANGER).output().expect("started");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&object["op"], &object["code"]), (&words[0].into(), &"not-root".into()));
        assert!(output.stderr.starts_with(b"ssh-agent-fwd: not-root: "), "{output:?}");
    }
}
