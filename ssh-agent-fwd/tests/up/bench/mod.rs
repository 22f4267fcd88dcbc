//! An instance of a test's own, its user's home, and keys.

mod traced;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

pub use traced::{calls, signalled};

pub use crate::client::{Client, PATIENCE, SIGN_RESPONSE};
use crate::client::{sign, sshsig};
use crate::run_folder::run_folder;

/// Whom the manifests serve: an account that every host has.
pub const USER: (&str, u32) = ("daemon", 1);
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ssh-agent-fwd");
pub const RUN: &str = "/run/ssh-agent-fwd";

/// A key, and where its private half is.
pub struct Key {
    pub file: PathBuf,
    /// `ssh-ed25519 AAAA…`.
    pub line: String,
    pub fingerprint: String,
}

/// An instance that is not there yet, its user's home, and a folder of root's.
pub struct Bench {
    pub name: String,
    pub folder: TempDir,
    pub home: TempDir,
}

/// Everything that an `up` may touch.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    instance: Vec<String>,
    processes: Vec<i32>,
    home: BTreeMap<PathBuf, Vec<u8>>,
}

impl Bench {
    /// `None` without root.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = run_folder(0o700)?;
        let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = tempfile::tempdir().expect("a home");
        fs::create_dir(home.path().join(".ssh")).expect("made");
        fs::write(home.path().join(".ssh/config"), "Host other\n    User me\n").expect("written");
        for (path, mode) in [("", 0o755), (".ssh", 0o700), (".ssh/config", 0o600)] {
            let path = home.path().join(path);
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
            chown(&path, Some(USER.1), Some(USER.1)).expect("given away");
        }
        Some(Self { name, folder, home })
    }

    pub fn key(&self, name: &str) -> Key {
        let file = self.folder.path().join(name);
        let path = file.to_str().expect("a path");
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
        let line = fs::read_to_string(file.with_extension("pub")).expect("read");
        let line = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let fingerprint = run("ssh-keygen", &["-l", "-f", path]);
        let fingerprint = fingerprint.split(' ').nth(1).expect("a fingerprint").to_owned();
        Key { file, line, fingerprint }
    }

    /// A manifest with an entry for each of these.
    pub fn manifest(&self, keys: &[Value]) -> Value {
        let entry = |(number, key): (usize, &Value)| {
            let host = format!("host-{number}");
            json!({"host": host, "hostname": "git.example.org", "user": "git", "any_host": true, "key": key,
                   "namespaces": ["git"]})
        };
        let entries: Vec<Value> = keys.iter().enumerate().map(entry).collect();
        let home = self.home.path().to_str().expect("a path");
        json!({"name": self.name, "user": USER.0, "home": home, "rate": {"burst": 1000, "per_s": 1000}, "entries": entries})
    }

    pub fn instance(&self) -> PathBuf {
        Path::new(RUN).join(&self.name)
    }

    pub fn socket(&self) -> PathBuf {
        self.instance().join("public.sock")
    }

    /// Starts `up`, with the manifest on its standard input, to its end.
    pub fn start_up(&self, manifest: &Value, words: &[&str]) -> Child {
        start(Command::new(PROGRAM).arg("up").args(words), &manifest.to_string())
    }

    /// It ends when its output is at its end: when nobody has it open.
    pub fn up(&self, manifest: &Value, words: &[&str]) -> Output {
        self.start_up(manifest, words).wait_with_output().expect("ended")
    }

    /// `up` with these keys, without warnings, which succeeds.
    pub fn is_up(&self, keys: &[Value]) {
        let output = self.up(&self.manifest(keys), &["-q"]);
        assert!(output.status.success(), "{output:?}");
    }

    pub fn down(&self) -> Output {
        Command::new(PROGRAM).args(["down", "--name", &self.name]).output().expect("run")
    }

    /// What the user's `ssh-add -l` says.
    pub fn listed(&self) -> Output {
        self.as_user("ssh-add", &["-l"])
    }

    /// A program of the user's with the public socket.
    pub fn as_user(&self, program: &str, words: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(words).env("SSH_AUTH_SOCK", self.socket()).uid(USER.1).gid(USER.1).current_dir("/");
        command.stdin(Stdio::null()).output().expect("run")
    }

    /// Which keys the user sees, by their fingerprints.
    pub fn fingerprints(&self) -> Vec<String> {
        let output = self.listed();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("words");
        text.lines().map(|line| line.split(' ').nth(1).expect("a fingerprint").to_owned()).collect()
    }

    /// The processes of the instance.
    pub fn processes(&self) -> Vec<i32> {
        let within = format!("{}/", self.instance().display());
        processes(&within)
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut instance = Vec::new();
        walk(&self.instance(), &mut |path| instance.push(path.display().to_string()));
        let lock = Path::new(RUN).join(format!(".{}.lock", self.name));
        instance.extend(lock.exists().then(|| lock.display().to_string()));
        instance.sort();
        let mut home = BTreeMap::new();
        walk(self.home.path(), &mut |path| {
            home.insert(path.to_owned(), fs::read(path).unwrap_or_default());
        });
        Snapshot { instance, processes: self.processes(), home }
    }

    /// The folder of the generation that serves.
    pub fn current(&self) -> PathBuf {
        self.instance().join(fs::read_link(self.instance().join("current")).expect("a link"))
    }

    /// The process of this pid file of the generation that serves.
    pub fn pid(&self, file: &str) -> i32 {
        let text = fs::read_to_string(self.current().join(file)).expect("a pid file");
        text.split(' ').next().expect("a number").parse().expect("a number")
    }
}

impl Snapshot {
    /// Nothing of the instance is there, and the home is as it was.
    pub fn is_nothing_but(&self, home: &Self) -> bool {
        self.instance.is_empty() && self.processes.is_empty() && self.home == home.home
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.down();
    }
}

/// The processes in whose arguments this stands.
pub fn processes(within: &str) -> Vec<i32> {
    let numbers = fs::read_dir("/proc").expect("proc").filter_map(|entry| {
        let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let words = fs::read(format!("/proc/{number}/cmdline")).ok()?;
        String::from_utf8_lossy(&words).contains(within).then_some(number)
    });
    let mut numbers: Vec<i32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

fn walk(folder: &Path, seen: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    seen(folder);
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() { walk(&path, seen) } else { seen(&path) }
    }
}

/// Starts it with this on its standard input.
pub fn start(command: &mut Command, input: &str) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    // It may refuse its words, or be killed, before it reads.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    child
}

pub fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output().expect("run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("words")
}

/// By another process: what this one has open to write may be open in a child of another test's, and busy then.
pub fn copy_program(path: &Path) {
    run("cp", &[PROGRAM, path.to_str().expect("a path")]);
}

pub fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("words")
}

/// A request for a signature of git's.
pub fn git_signature(key: &[u8]) -> Vec<u8> {
    sign(key, &sshsig("git"))
}

/// A key in the manifest itself.
pub fn pem(key: &Key) -> Value {
    json!({"pem": fs::read_to_string(&key.file).expect("read")})
}

/// Runs this in a mount namespace of its own; `$0` is the program.
pub fn apart(script: &str, input: &str) -> Output {
    let script = format!("mount --make-rprivate /; {script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, PROGRAM]);
    start(&mut command, input).wait_with_output().expect("ended")
}
