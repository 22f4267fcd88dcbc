//! A folder of root's, keys that ssh-keygen makes in it, and an agent.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ssh_agent_fwd::manifest::KeySource;
use ssh_agent_fwd::material::Material;
use ssh_agent_fwd::process::Process;
use tempfile::TempDir;

use crate::run_folder::run_folder;

/// SIGKILL.
const KILL: i32 = 9;
/// Somebody who is not root.
pub const STRANGER: u32 = 12_346;

/// The folder, and the agent if there is one.
pub struct Bench {
    folder: TempDir,
    agent: Option<Process>,
}

/// A key that ssh-keygen made.
pub struct Key {
    /// Its file, root's alone.
    pub file: PathBuf,
    /// `ssh-ed25519 AAAA…`
    pub line: String,
}

impl Key {
    pub fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("read")
    }

    pub fn source(&self) -> KeySource {
        source(&self.file)
    }

    pub fn material(&self) -> Material {
        Material::read(&self.source()).expect("a key").0
    }

    /// A line that only the private half has.
    pub fn secret_line(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len() - 3].to_owned()
    }
}

/// A key that is a path.
pub fn source(path: &Path) -> KeySource {
    KeySource::Path(path.to_str().expect("text").parse().expect("a path"))
}

/// Says why a test does not run.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

impl Bench {
    /// Without an agent; `None` without root.
    pub fn new() -> Option<Self> {
        let folder = run_folder(0o755)?;
        fs::create_dir(folder.path().join("agent")).expect("made");
        fs::set_permissions(folder.path().join("agent"), PermissionsExt::from_mode(0o700)).expect("set");
        Some(Self { folder, agent: None })
    }

    /// With an agent.
    pub fn with_agent() -> Option<Self> {
        let mut bench = Self::new()?;
        bench.agent = Some(
            ssh_agent_fwd::agent::start(&bench.agent_folder(), ssh_agent_fwd::daemon::Life::ItsOwn)
                .expect("an agent"),
        );
        Some(bench)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn agent_folder(&self) -> PathBuf {
        self.path("agent")
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.agent_folder().join(ssh_agent_fwd::agent::SOCKET)
    }

    pub fn agent(&self) -> Process {
        self.agent.expect("it runs")
    }

    /// Kills it.
    pub fn end_agent(&mut self) {
        let agent = self.agent.take().expect("it runs");
        agent.end(KILL, Duration::from_secs(10)).expect("ended");
    }

    /// A file of the agent's in /proc.
    pub fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.agent().pid.to_string()).join(name)
    }

    /// Makes a key of this kind: the words of ssh-keygen.
    pub fn key(&self, name: &str, words: &str) -> Key {
        self.key_with_passphrase(name, words, "")
    }

    pub fn key_with_passphrase(&self, name: &str, words: &str, passphrase: &str) -> Key {
        let file = self.path(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-C", name, "-N", passphrase, "-f"]).arg(&file).args(words.split(' '));
        run(&mut command);
        let line = fs::read_to_string(file.with_extension("pub")).expect("read");
        let line: Vec<&str> = line.split_whitespace().take(2).collect();
        Key { file, line: line.join(" ") }
    }

    /// What `ssh-add` says to these words.
    pub fn ssh_add(&self, words: &[&str]) -> Output {
        let mut command = Command::new("ssh-add");
        command.args(words).env("SSH_AUTH_SOCK", self.agent_socket()).stdin(Stdio::null());
        command.output().expect("run")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(agent) = self.agent {
            let _ = agent.end(KILL, Duration::from_secs(10));
        }
    }
}

/// What it writes; it has to succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A program as somebody who is not root.
pub fn as_stranger(argv: &[&OsStr]) -> Output {
    let id = STRANGER.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]).args(argv);
    command.stdin(Stdio::null()).output().expect("run")
}

/// This program again, as a test that is ignored otherwise.
pub fn again(test: &str) -> Vec<String> {
    let program = std::env::current_exe().expect("a path");
    let program = program.to_str().expect("text").to_owned();
    vec![program, "--exact".into(), "--ignored".into(), "--nocapture".into(), test.into()]
}
