//! A real agent in a folder of its own, and the program.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::run_folder::run_folder;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ssh-agent-fwd");

/// A key pair.
pub struct Key {
    /// `ssh-ed25519 AAAA…`.
    pub line: String,
    /// Its private half.
    pub file: PathBuf,
}

/// A folder that only root can change, and an agent in it.
pub struct Bench {
    folder: TempDir,
    agent: Child,
}

impl Bench {
    /// `None` without root, whose files the program takes.
    pub fn new() -> Option<Self> {
        let folder = run_folder(0o700)?;
        let agent = start_agent(&folder.path().join("agent.sock"));
        Some(Self { folder, agent })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.folder().join("agent.sock")
    }

    /// Makes a key.
    pub fn make_key(&self, name: &str) -> Key {
        let file = self.folder().join(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file);
        succeed(&mut command);
        let line = fs::read_to_string(file.with_extension("pub")).expect("read");
        let line: Vec<&str> = line.split(' ').take(2).collect();
        Key { line: line.join(" "), file }
    }

    /// Makes a key and gives it to the agent.
    pub fn add_key(&self, name: &str) -> Key {
        let key = self.make_key(name);
        let mut command = Command::new("ssh-add");
        succeed(command.arg("-q").arg(&key.file).env("SSH_AUTH_SOCK", self.agent_socket()));
        key
    }

    /// Writes a policy of these rules.
    pub fn policy(&self, rules: &[String]) -> PathBuf {
        let path = self.folder().join("policy.json");
        let text = format!(r#"{{"clients": [{{"uid": 12345}}], "keys": [{}]}}"#, rules.join(", "));
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

/// Starts an agent, which listens when it has said where.
fn start_agent(socket: &Path) -> Child {
    let mut command = Command::new("ssh-agent");
    let mut child =
        command.arg("-D").arg("-a").arg(socket).stdout(Stdio::piped()).spawn().expect("ssh-agent");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("SSH_AUTH_SOCK="), "{line}");
    child
}

/// Runs it, and it ends well.
pub fn succeed(command: &mut Command) {
    let output = command.output().expect("started");
    assert!(output.status.success(), "{output:?}");
}

/// What the program answers.
#[derive(Debug)]
pub struct Answer {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Of these words and this input.
    pub fn of(words: &[&str], input: &[u8]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut stdin = child.stdin.take().expect("its input");
        // It may end before it has read all.
        let _ = stdin.write_all(input);
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().expect("ended");
        let text = |bytes| String::from_utf8(bytes).expect("words");
        Self { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// The one object that is the whole answer.
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).expect("JSON")
    }
}
