//! What `load` gives to the agent, and what it does not.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::bench::{Answer, Bench, PROGRAM, succeed};
use crate::instance::Instance;

/// PEM does not show which key it is.
#[test]
fn a_pem_key_that_the_policy_does_not_name_never_comes_to_the_agent() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "pem");
    let known = bench.make_key("known");
    instance.up(&[&known]);
    let unknown = bench.make_key("unknown");
    fs::remove_file(&unknown.file).expect("removed");
    let mut command = Command::new("ssh-keygen");
    succeed(command.args(["-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f"]).arg(&unknown.file));
    let log = bench.folder().join("calls");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-e", "trace=execve", "-o"]).arg(&log).args([PROGRAM, "load"]);
    let mut child = traced.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("strace");
    let manifest = instance.manifest(&[&unknown, &known]);
    child.stdin.take().expect("its input").write_all(manifest.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ended");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not-in-policy"), "{output:?}");
    let calls = fs::read_to_string(log).expect("a log");
    assert_eq!(calls.matches("/ssh-add\", [").count(), 1, "{calls}");
    let (list, _) = instance.json("list");
    assert_eq!(list["keys"].as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn a_load_that_fails_midway_says_which_keys_it_has_loaded() {
    let Some(bench) = Bench::new() else { return };
    let instance = Instance::new(&bench, "midway");
    let (one, two) = (bench.make_key("one"), bench.make_key("two"));
    instance.up(&[&one, &two]);
    instance.words("drop");
    let text = fs::read_to_string(&two.file).expect("read");
    let last = text.lines().rev().nth(1).expect("a line");
    fs::write(&two.file, text.replace(&format!("{last}\n"), "")).expect("written");
    let answer = Answer::of(&["load", "--json"], instance.manifest(&[&one, &two]).as_bytes());
    assert_eq!(answer.status, Some(1), "{answer:?}");
    let object = answer.json();
    assert_eq!((&object["code"], &object["keys"][0]["host"]), (&"key-not-loaded".into(), &"host-0".into()));
    assert!(answer.stderr.ends_with("the keys of host-0\n"), "{answer:?}");
}
