//! An instance of a name that no other test has, up for an account that is not root, and down at the end.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;
use serde_json::{Value, json};
use supervise::ProcessHandle;
use tempfile::TempDir;

use crate::bench::{Answer, Bench, Key};

/// Longest wait for what must come, far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The instance, down when this goes.
pub struct Instance {
    pub name: String,
    user: String,
    home: TempDir,
    host: Key,
}

impl Instance {
    /// Not up yet.
    pub fn new(bench: &Bench, name: &str) -> Self {
        let accounts = accounts::Database::read().expect("accounts").local_accounts();
        let is_served =
            |row: &accounts::passwd::Row| ![0, 65_534].contains(&row.uid) && ![0, 65_534].contains(&row.gid);
        let account = accounts.into_iter().find(is_served).expect("an account");
        let home = tempfile::tempdir().expect("a home");
        chown(home.path(), Some(account.uid), Some(account.gid)).expect("given");
        let name = format!("operator-{name}-{}", std::process::id());
        Self { name, user: account.name, home, host: bench.make_key("host") }
    }

    pub fn folder(&self) -> PathBuf {
        Path::new("/run/ssh-agent-fwd").join(&self.name)
    }

    /// A manifest with an entry for each of these keys.
    pub fn manifest(&self, keys: &[&Key]) -> String {
        let entry = |(index, key): (usize, &&Key)| {
            json!({
                "host": format!("host-{index}"),
                "hostname": "git.example.org",
                "user": "git",
                "known_host_keys": [self.host.line],
                "key": {"pem": fs::read_to_string(&key.file).expect("a key")},
                "namespaces": ["git"],
            })
        };
        let entries: Vec<Value> = keys.iter().enumerate().map(entry).collect();
        let home = self.home.path().to_str().expect("a path");
        json!({"name": self.name, "user": self.user, "home": home, "entries": entries}).to_string()
    }

    /// Has it up with these keys.
    pub fn up(&self, keys: &[&Key]) {
        let answer = Answer::of(&["up"], self.manifest(keys).as_bytes());
        assert_eq!(answer.status, Some(0), "{answer:?}");
    }

    /// The answer of a command about it, in words.
    pub fn words(&self, command: &str) -> Answer {
        Answer::of(&[command, "--name", &self.name], &[])
    }

    /// The answer in JSON, and the exit status.
    pub fn json(&self, command: &str) -> (Value, i32) {
        let answer = Answer::of(&[command, "--json", "--name", &self.name], &[]);
        (answer.json(), answer.status.expect("a status"))
    }

    /// The condition that `status` tells, once in words and once in JSON, and its exit status.
    pub fn condition(&self) -> (String, i32) {
        let (object, status) = self.json("status");
        let condition = object["condition"].as_str().expect("a condition").to_owned();
        let words = self.words("status");
        assert_eq!(words.status, Some(status), "{words:?}");
        assert!(words.stdout.starts_with(&format!("{}: {condition}: ", self.name)), "{words:?}");
        assert_eq!(object["success"], status == 0);
        assert_eq!(object["what_helps"].is_null(), condition == "ready");
        assert_eq!(words.stdout.contains("\n  what helps  "), condition != "ready");
        (condition, status)
    }

    /// Kills a daemon of it, which is awaited: `forwarder_pid` or `agent_pid`.
    pub fn kill(&self, which: &str) {
        let process = self.signal(which, libc::SIGKILL);
        assert!(process.wait(Instant::now() + PATIENCE).expect("awaited"));
    }

    /// Signals a daemon of it.
    pub fn signal(&self, which: &str, signal: i32) -> ProcessHandle {
        let (object, _) = self.json("status");
        let pid = object[which].as_i64().expect("a pid");
        let process = ProcessHandle::open(pid.try_into().expect("a pid")).expect("it runs");
        process.signal(signal).expect("signalled");
        process
    }

    pub fn down(&self) {
        let answer = self.words("down");
        assert_eq!(answer.status, Some(0), "{answer:?}");
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let answer = self.words("down");
        if !std::thread::panicking() {
            assert_eq!(answer.status, Some(0), "{answer:?}");
            assert!(!self.folder().exists());
        }
    }
}

/// Lets everybody run the program in this folder.
pub fn program_for_all(folder: &Path) -> PathBuf {
    let copy = folder.join("program");
    fs::set_permissions(folder, PermissionsExt::from_mode(0o711)).expect("set");
    fs::copy(crate::bench::PROGRAM, &copy).expect("copied");
    fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("set");
    copy
}
