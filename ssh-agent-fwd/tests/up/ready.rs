//! What an `up` gives its user, and what it keeps from it.

use std::fs;

use serde_json::{Value, json};

use crate::bench::{
    Bench, Client, PROGRAM, RUN, SIGN_RESPONSE, USER, apart, copy_program, git_signature, pem, start, words,
};

/// As many cold starts as are worth their time here.
const STARTS: usize = 20;

#[test]
fn a_manifest_on_standard_input_gives_its_user_a_socket_that_answers_at_once() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let before = bench.snapshot();
    let output = bench.up(&bench.manifest(&[pem(&key)]), &["--manifest", "-", "-q"]);
    assert!(output.status.success(), "{output:?}");
    let line = format!("SSH_AUTH_SOCK={RUN}/{}/public.sock; export SSH_AUTH_SOCK;\n", bench.name);
    assert_eq!(String::from_utf8_lossy(&output.stdout), line);
    assert_eq!(words(&output), "");
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
    let config = fs::read_to_string(bench.home.path().join(".ssh/config")).expect("read");
    assert!(config.contains("Host host-0\n") && config.contains("Host other\n"), "{config}");
    assert!(bench.down().status.success());
    assert!(bench.snapshot().is_nothing_but(&before), "{:?}", bench.snapshot());
}

#[test]
fn every_cold_start_is_ready_when_it_says_so() {
    let Some(bench) = Bench::new() else { return };
    let keys = [pem(&bench.key("a"))];
    let before = bench.snapshot();
    for _ in 0..STARTS {
        bench.is_up(&keys);
        assert_eq!(bench.fingerprints().len(), 1);
        assert!(bench.down().status.success());
        assert!(bench.snapshot().is_nothing_but(&before), "{:?}", bench.snapshot());
    }
}

#[test]
fn a_key_file_stays_unless_its_entry_says_that_it_is_erased() {
    let Some(bench) = Bench::new() else { return };
    let (kept, gone) = (bench.key("kept"), bench.key("gone"));
    let mut manifest = bench.manifest(&[json!({"path": kept.file}), json!({"path": gone.file})]);
    manifest["entries"][1]["erase"] = true.into();
    let output = bench.up(&manifest, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(bench.fingerprints(), [kept.fingerprint.clone(), gone.fingerprint.clone()]);
    assert!(kept.file.exists());
    assert!(!gone.file.exists());
    let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
    let host = |key: &str, host: &str| json!({"fingerprint": key, "host": host});
    assert_eq!(said["keys"], json!([host(&kept.fingerprint, "host-0"), host(&gone.fingerprint, "host-1")]));
    assert_eq!(said["socket"], bench.socket().to_str().expect("a path"));
    assert_eq!(said["name"], bench.name);
}

#[test]
fn a_key_that_a_descriptor_brings_signs_and_no_daemon_has_what_the_caller_had_open() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let manifest = bench.manifest(&[json!({"fd": 7})]);
    // The manifest is the shell's input, the key comes by a pipe, and another descriptor is the caller's own business.
    let script = "exec 3<&0 8</etc/hostname; cat \"$1\" | \"$0\" up -q 7<&0 <&3 3<&-";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, PROGRAM]).arg(&key.file);
    let output = start(&mut command, &manifest.to_string()).wait_with_output().expect("ended");
    assert!(output.status.success(), "{output:?}");
    fs::remove_file(&key.file).expect("removed");
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
    let blob = key.line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key");
    let signed = Client::connect(&bench.socket(), USER.1).ask(&git_signature(blob.as_bytes()));
    assert_eq!(signed[0], SIGN_RESPONSE);
    for process in ["serve.pid", "agent/agent.pid"] {
        let open = fs::read_dir(format!("/proc/{}/fd", bench.pid(process))).expect("its descriptors");
        let leads = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
        let open: Vec<_> = open.filter_map(leads).collect();
        assert!(!open.is_empty() && open.iter().all(|path| path != "/etc/hostname"), "{process}: {open:?}");
    }
}

#[test]
fn a_manifest_in_a_file_must_be_root_s_and_private() {
    let Some(bench) = Bench::new() else { return };
    use std::os::unix::fs::{PermissionsExt, chown};
    let path = bench.folder.path().join("m.json");
    fs::write(&path, bench.manifest(&[pem(&bench.key("a"))]).to_string()).expect("written");
    let up = || {
        let mut command = std::process::Command::new(PROGRAM);
        command.args(["up", "-q", "--manifest"]).arg(&path).output().expect("run")
    };
    for (mode, owner) in [(0o644, 0), (0o640, 0), (0o600, USER.1)] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
        chown(&path, Some(owner), None).expect("set");
        let output = up();
        assert_eq!(output.status.code(), Some(1), "{mode:o}");
        assert!(words(&output).contains("manifest-untrusted"), "{output:?}");
    }
    chown(&path, Some(0), None).expect("set");
    assert!(up().status.success());
    assert_eq!(bench.fingerprints().len(), 1);
}

#[test]
fn the_user_can_use_the_keys_and_read_nothing() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    bench.is_up(&[json!({"path": key.file})]);
    let current = bench.current();
    let path = |name: &str| current.join(name).to_str().expect("a path").to_owned();
    for words in [
        ["cat", &path("instance.json")],
        ["cat", &path("policy.json")],
        ["cat", &path("serve.pid")],
        ["ls", &path("agent")],
        ["cat", key.file.to_str().expect("a path")],
        ["touch", &path("more")],
    ] {
        let output = bench.as_user(words[0], &words[1..]);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        assert!(self::words(&output).contains("Permission denied"), "{output:?}");
    }
    let agent = format!("SSH_AUTH_SOCK={}", path("agent/agent.sock"));
    assert!(!bench.as_user("env", &[&agent, "ssh-add", "-l"]).status.success());
    for process in ["serve.pid", "agent/agent.pid"] {
        let memory = format!("/proc/{}/mem", bench.pid(process));
        assert!(!bench.as_user("cat", &[&memory]).status.success());
    }
    // Git signs with what SSH_AUTH_SOCK leads to.
    let home = bench.home.path();
    fs::write(home.join("text"), "text").expect("written");
    fs::write(home.join("key.pub"), format!("{}\n", key.line)).expect("written");
    let home = |name: &str| home.join(name).to_str().expect("a path").to_owned();
    for (namespace, signs) in [("git", true), ("file", false)] {
        let words =
            ["-Y", "sign", "-n", namespace, "-f", &home("key.pub"), "-O", "hashalg=sha256", &home("text")];
        let output = bench.as_user("ssh-keygen", &words);
        assert_eq!(output.status.success(), signs, "{namespace}: {output:?}");
        let _ = fs::remove_file(home("text.sig"));
    }
}

#[test]
fn a_manifest_without_entries_does_nothing() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let output = bench.up(&bench.manifest(&[]), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let Some(bench) = Bench::new() else { return };
    let (key, before) = (bench.key("a"), bench.snapshot());
    let mut manifest = bench.manifest(&[json!({"path": key.file}), pem(&key)]);
    manifest["entries"][0]["erase"] = true.into();
    manifest["agent_socket"] = "/run/other-agent.sock".into();
    let output = bench.up(&manifest, &["--dry-run", "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!((&object["op"], &object["dry_run"]), (&"up".into(), &true.into()), "{object}");
    assert!(object["sentences"].as_array().is_some_and(|sentences| sentences.len() > 3), "{object}");
    let output = bench.up(&manifest, &["--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        &bench.name,
        "public.sock would be the socket for daemon (uid 1)",
        "/run/other-agent.sock would lead to the agent's socket",
        "host-0, from /run/",
        "host-1, from the manifest, would log git in at any host, and would sign for git",
        ".ssh/config",
        "would be erased",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("PRIVATE"), "{said}");
    assert_eq!(bench.snapshot(), before);
    assert!(key.file.exists());
}

#[test]
fn only_root_may() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.folder.path().join("m.json");
    fs::write(&manifest, bench.manifest(&[pem(&bench.key("a"))]).to_string()).expect("written");
    let program = bench.home.path().join("program");
    copy_program(&program);
    let program = program.to_str().expect("a path");
    let script = format!("{program} down --name {}; echo '{{\"entries\": []}}' | {program} up", bench.name);
    let output = bench.as_user("sh", &["-c", &script]);
    assert!(words(&output).contains("not-root"), "{output:?}");
}

#[test]
fn the_old_names_of_the_sockets_work() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    std::fs::set_permissions(bench.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("set");
    let place = |name: &str| bench.folder.path().join(name);
    let mut manifest = bench.manifest(&[pem(&key)]);
    manifest["agent_socket"] = place("agent.sock").to_str().into();
    manifest["public_socket"] = place("public.sock").to_str().into();
    for _ in 0..2 {
        let output = bench.up(&manifest, &["-q"]);
        assert!(output.status.success(), "{output:?}");
        let public = format!("SSH_AUTH_SOCK={}", place("public.sock").display());
        assert!(bench.as_user("env", &[&public, "ssh-add", "-l"]).status.success());
        let mut root = std::process::Command::new("ssh-add");
        let output = root.arg("-l").env("SSH_AUTH_SOCK", place("agent.sock")).output().expect("run");
        assert!(output.status.success(), "{output:?}");
    }
    assert!(bench.down().status.success());
    assert!(!place("agent.sock").is_symlink() && !place("public.sock").exists());
}

#[test]
fn a_user_who_can_have_root_is_warned_of() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.folder.path().join("group");
    let own = fs::read_to_string("/etc/group").expect("read");
    fs::write(&group, format!("{own}lxd:x:4242:{}\n", USER.0)).expect("written");
    let input = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    let script = format!("mount --bind {} /etc/group && exec \"$0\" up --json", group.display());
    let output = apart(&script, &input);
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
    let warnings = said["warnings"].to_string();
    assert!(warnings.contains("daemon is in the group lxd, and can have root by it"), "{warnings}");
}

#[test]
fn hosts_that_share_a_key_are_warned_of() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.key("a"), bench.key("host"));
    let mut manifest = bench.manifest(&[pem(&key), pem(&key)]);
    for (number, name) in ["one.example.org", "two.example.org"].iter().enumerate() {
        manifest["entries"][number]["hostname"] = (*name).into();
        manifest["entries"][number]["any_host"] = false.into();
        manifest["entries"][number]["known_host_keys"] = json!([host.line]);
    }
    let output = bench.up(&manifest, &[]);
    assert!(words(&output).contains("warning: the host key"), "{output:?}");
}

#[test]
fn why_it_failed_is_said_in_json_too() {
    let Some(bench) = Bench::new() else { return };
    let mut manifest = bench.manifest(&[pem(&bench.key("a"))]);
    manifest["user"] = "no-such-user-0f1e".into();
    let output = bench.up(&manifest, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
    assert_eq!((&said["success"], &said["code"]), (&json!(false), &json!("no-such-user")));
}
