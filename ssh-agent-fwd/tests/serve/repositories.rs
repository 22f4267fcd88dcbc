//! git(1), by a user that can read no private key.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::bench::{Bench, Key, Site};
use crate::rule;

const HOST: &str = "git.example.org";

fn well(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn signing(key: &Key) -> String {
    rule(key, r#""namespaces": ["git"]"#)
}

/// A commit of the user's that is signed, in a repository at home; how git ended.
fn commit(site: &Site, bench: &Bench, serve: &crate::bench::Serve, key: &Key) -> Output {
    let home = site.home();
    let public = bench.public_key(key);
    let allowed = home.join("allowed_signers");
    fs::write(&allowed, format!("me@example.org {}\n", key.line)).expect("written");
    well(&site.git(serve, &["init", "-q", "work"]));
    let options = [
        "gpg.format=ssh".to_owned(),
        format!("user.signingKey={}", public.display()),
        format!("gpg.ssh.allowedSignersFile={}", allowed.display()),
        "user.name=me".to_owned(),
        "user.email=me@example.org".to_owned(),
    ];
    for option in options {
        let (name, value) = option.split_once('=').expect("an option");
        well(&site.git(serve, &["-C", "work", "config", name, value]));
    }
    site.git(serve, &["-C", "work", "commit", "-q", "-S", "--allow-empty", "-m", "signed"])
}

#[test]
fn git_signs_a_commit_that_can_be_verified() {
    let Some(bench) = Bench::new() else { return };
    let Some(site) = Site::new() else { return };
    let key = bench.add_key("one");
    let serve = site.serve(&bench, &[signing(&key)]);
    well(&commit(&site, &bench, &serve, &key));
    let verified = site.git(&serve, &["-C", "work", "verify-commit", "HEAD"]);
    well(&verified);
    assert!(String::from_utf8_lossy(&verified.stderr).contains("Good \"git\" signature"), "{verified:?}");
    assert!(serve.end().contains(r#""namespace":"git""#));
}

#[test]
fn git_does_not_sign_with_a_key_that_is_for_logins() {
    let Some(bench) = Bench::new() else { return };
    let Some(site) = Site::new() else { return };
    let key = bench.add_key("one");
    let serve = site.serve(&bench, &[rule(&key, r#""users": ["git"], "any_host": true"#)]);
    assert!(!commit(&site, &bench, &serve, &key).status.success());
    assert!(serve.end().contains(r#""reason":"namespace-not-allowed""#));
}

#[test]
fn git_clones_over_ssh() {
    let Some(bench) = Bench::new() else { return };
    let Some(mut site) = Site::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let origin = site.path("origin");
    let root = |words: &[&str]| {
        let mut git = Command::new("git");
        let identity = ["-c", "user.name=root", "-c", "user.email=root@example.org"];
        git.args(identity).args(words).stdin(Stdio::null()).env("GIT_CONFIG_NOSYSTEM", "1");
        well(&crate::bench::bounded(git.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git")))
    };
    let origin = origin.to_str().expect("a path");
    root(&["init", "-q", origin]);
    root(&["-C", origin, "commit", "-q", "--allow-empty", "-m", "first"]);
    site.add_host(HOST, &host, &key, "");
    let hosts = format!(r#""users": ["root"], "hosts": [{{"name": "{HOST}", "keys": ["{}"]}}]"#, host.line);
    let serve = site.serve(&bench, &[rule(&key, &hosts)]);
    well(&site.git(&serve, &["clone", "-q", &format!("{HOST}:{origin}"), "copy"]));
    assert_eq!(well(&site.git(&serve, &["-C", "copy", "log", "--format=%s"])), "first");
    site.wait();
    let record = serve.end();
    assert!(record.contains(r#""outcome":"signed""#), "{record}");
}
