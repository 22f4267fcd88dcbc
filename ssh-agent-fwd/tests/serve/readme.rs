//! What README.md says can be copied: its manifests are manifests, and its commits are signed.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use ssh_agent_fwd::manifest::{KeySource, Manifest};

use crate::bench::{Bench, Key, Serve};
use crate::rule;

const README: &str = include_str!("../../../README.md");

/// The block of README.md that is marked like this.
fn block(mark: &str) -> &'static str {
    let fence = format!("\n```{mark}\n");
    let (_, after) = README.split_once(&fence).unwrap_or_else(|| panic!("README.md has no block {mark}"));
    after.split_once("```").expect("a block has an end").0
}

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text.as_bytes()).unwrap_or_else(|failure| panic!("{failure}: {text}"))
}

#[test]
fn the_manifests_are_manifests() {
    let plain = manifest(block("json agent manifest"));
    assert_eq!((plain.name.as_str(), plain.user.as_str()), ("default", "node"));
    assert_eq!(plain.home.as_str(), "/home/node");
    assert!(matches!(plain.entries[0].key, KeySource::Path(_)));
    let gate = manifest(block("json agent gate")).entries.remove(0).gate.expect("a gate");
    assert_eq!((gate.hostname.as_str(), gate.port.get()), ("ssh-gate-demo", 2201));
    let host = manifest(block("json agent host"));
    let KeySource::Credential(credential) = &host.entries[0].key else { panic!("{:?}", host.entries[0].key) };
    let unit = block("ini agent unit");
    assert!(unit.contains(&format!("\nLoadCredential={credential}:")), "the unit has the credential: {unit}");
}

#[test]
fn the_key_is_put_into_the_manifest_on_its_way_to_the_container() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("m.json"), block("json agent manifest")).expect("written");
    let generated = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", "deploy"])
        .current_dir(folder.path())
        .status();
    assert!(generated.expect("ssh-keygen").success());
    let (way, end) = block("bash agent container").split_once(" | ").expect("a pipe");
    assert_eq!(end, "docker exec -i -u 0 C ssh-agent-fwd up --manifest -\n");
    let output = Command::new("bash").args(["-c", way]).current_dir(folder.path()).output().expect("bash");
    let sent = String::from_utf8(output.stdout).expect("text");
    assert!(matches!(manifest(&sent).entries[0].key, KeySource::Pem(_)), "{:?}", output.stderr);
}

/// A repository of this user's with something to commit.
struct Repository<'a> {
    folder: &'a Path,
    user: u32,
}

impl Repository<'_> {
    fn run(&self, program: &str, words: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder).uid(self.user).gid(self.user).env("HOME", self.folder);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("SSH_AUTH_SOCK");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "node")
                .env(format!("GIT_{role}_EMAIL"), "node@example.org");
        }
        command.output().expect("started")
    }

    fn git(&self, words: &[&str]) -> Output {
        let output = self.run("git", words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        output
    }
}

/// Runs the block with this socket, as the user, in a repository; whether git then finds the commit well signed.
fn is_commit_signed(bench: &Bench, key: &Key, serve: &Serve, user: u32) -> bool {
    let folder = bench.folder().join("repository");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("signers"), format!("node@example.org {}\n", key.line)).expect("written");
    chown(&folder, Some(user), Some(user)).expect("the user's");
    let repository = Repository { folder: &folder, user };
    repository.git(&["init", "-q"]);
    repository.git(&["add", "signers"]);
    let socket = serve.socket().to_str().expect("a path");
    let text = block("bash agent sign").replace("/run/ssh-agent-fwd/default/public.sock", socket);
    if !repository.run("bash", &["-e", "-c", &text]).status.success() {
        return false;
    }
    repository.git(&["-c", "gpg.ssh.allowedSignersFile=signers", "verify-commit", "HEAD"]);
    true
}

#[test]
fn commits_are_signed_by_a_key_for_git_and_by_no_other() {
    for (namespace, expected) in [("git", true), ("file", false)] {
        let Some(bench) = Bench::new() else { return };
        let key = bench.add_key("one");
        let accounts = accounts::Database::read().expect("accounts").local_accounts();
        let user = accounts.iter().find(|row| ![0, 65_534].contains(&row.uid)).expect("an account").uid;
        let rule = rule(&key, &format!(r#""namespaces": ["{namespace}"]"#));
        bench.write_text(&format!(r#"{{"clients": [{{"uid": {user}}}], "keys": [{rule}]}}"#));
        let serve = bench.serve_by_policy(&[]);
        assert_eq!(is_commit_signed(&bench, &key, &serve, user), expected, "{namespace}: {}", serve.end());
    }
}
