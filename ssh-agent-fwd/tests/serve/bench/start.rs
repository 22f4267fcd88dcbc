//! Starting the program: as it is, or in surroundings that are made for it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Bench, PATIENCE, Serve, bounded};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ssh-agent-fwd");

impl Bench {
    /// Serves with these rules.
    pub fn serve(&self, rules: &[String]) -> Serve {
        self.serve_at(rules, "{}")
    }

    /// Serves with these rules and this rate.
    pub fn serve_at(&self, rules: &[String], rate: &str) -> Serve {
        self.write_policy(rules, rate);
        self.serve_by_policy(&[])
    }

    /// Serves with the policy that was written, and these words.
    pub fn serve_by_policy(&self, words: &[&str]) -> Serve {
        self.serve_by_policy_saying(Stdio::piped(), words)
    }

    /// The same, with this standard error.
    pub fn serve_by_policy_saying(&self, stderr: Stdio, words: &[&str]) -> Serve {
        let policy = self.policy();
        let words = [&["--policy", policy.to_str().expect("a path")], words].concat();
        self.started(self.command(&words).stderr(stderr))
    }

    /// The same, with what these words make of the command that follows them.
    pub fn serve_by_policy_below(&self, below: &[&str], words: &[&str]) -> Serve {
        let policy = self.policy();
        self.serve_below(below, &[&["--policy", policy.to_str().expect("a path")], words].concat())
    }

    /// The same, in a mount namespace where `dev` of this folder is /dev.
    pub fn serve_with_dev(&self, words: &[&str]) -> Serve {
        let dev = self.folder.path().join("dev");
        self.serve_by_policy_below(&below_dev(dev.to_str().expect("a path")), words)
    }

    /// What it says when it does not serve there.
    pub fn refused_with_dev(&self, words: &[&str]) -> String {
        let dev = self.folder.path().join("dev");
        let below = below_dev(dev.to_str().expect("a path"));
        let mut command = Command::new(below[0]);
        let own = self.command(&[&["--policy", self.policy().to_str().expect("a path")], words].concat());
        command.args(&below[1..]).arg(own.get_program()).args(own.get_args());
        refusal(&mut command)
    }

    /// The same, in a user namespace that has the first uids and gids, so many, and no other.
    pub fn serve_in_user_namespace(&self, ids: u32, words: &[&str]) -> Serve {
        let (notify, ready) = self.notify();
        let policy = self.policy();
        let own = self.command(&[&["--policy", policy.to_str().expect("a path")], words].concat());
        let mut command = Command::new("unshare");
        command.args(["--user", "sh", "-c", r#"echo; read go; exec "$@" </dev/null"#, "sh"]);
        command.arg(own.get_program()).args(own.get_args()).env("NOTIFY_SOCKET", notify);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unshare");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        stdout.read_line(&mut String::new()).expect("it is in its namespace");
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{map}", child.id()), format!("0 0 {ids}\n")).expect("mapped");
        }
        child.stdin.take().expect("its input").write_all(b"\n").expect("told");
        awaited(Serve::of(child, self.socket()), &ready)
    }

    pub fn write_policy(&self, rules: &[String], rate: &str) {
        let (rules, uid) = (rules.join(", "), crate::USER);
        self.write_text(&format!(r#"{{"clients": [{{"uid": {uid}}}], "keys": [{rules}], "rate": {rate}}}"#));
    }

    pub fn write_text(&self, policy: &str) {
        fs::write(self.policy(), policy).expect("written");
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.json")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen"]).arg(self.socket()).arg("--agent").arg(self.agent_socket());
        command.args(words).stderr(Stdio::piped()).stdin(Stdio::null());
        command
    }

    /// Serves with these words, and is ready.
    pub fn serve_with(&self, words: &[&str]) -> Serve {
        self.started(&mut self.command(words))
    }

    /// Serves on a kernel that answers a system call with this error, by strace(1).
    pub fn serve_without(&self, call: &str, error: &str, words: &[&str]) -> Serve {
        let inject = format!("inject={call}:error={error}");
        self.serve_below(&answering(&inject), words)
    }

    fn serve_below(&self, below: &[&str], words: &[&str]) -> Serve {
        let own = self.command(words);
        let mut command = Command::new(below[0]);
        command.args(&below[1..]).arg(own.get_program()).args(own.get_args());
        self.started(command.stderr(Stdio::piped()).stdin(Stdio::null()))
    }

    /// When it is ready.
    fn started(&self, command: &mut Command) -> Serve {
        let (notify, ready) = self.notify();
        let child = command.env("NOTIFY_SOCKET", notify).spawn().expect("started");
        awaited(Serve::of(child, self.socket()), &ready)
    }

    /// Where it says that it is ready.
    fn notify(&self) -> (PathBuf, UnixDatagram) {
        let notify = self.folder.path().join("notify");
        let _ = fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).expect("bound");
        ready.set_read_timeout(Some(PATIENCE)).expect("set");
        (notify, ready)
    }

    /// What it says when it does not serve.
    pub fn refused(&self, words: &[&str]) -> String {
        let more: &[&str] =
            if words.is_empty() && self.socket().exists() { &["--allow-user", "5"] } else { words };
        refusal(&mut self.command(more))
    }
}

/// What makes this folder /dev for the command that follows.
fn below_dev(dev: &str) -> [&str; 6] {
    ["unshare", "--mount", "sh", "-c", r#"mount --bind "$0" /dev && exec "$@""#, dev]
}

fn refusal(command: &mut Command) -> String {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = bounded(command.spawn().expect("started"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("words")
}

fn awaited(serve: Serve, ready: &UnixDatagram) -> Serve {
    let mut word = [0; 16];
    if ready.recv(&mut word).is_err() {
        panic!("not ready: {}", serve.end());
    }
    serve
}

/// A kernel that answers system calls as this says, by strace(1).
pub const fn answering(inject: &str) -> [&str; 8] {
    // -D: what is traced stays the child.
    ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", inject]
}
