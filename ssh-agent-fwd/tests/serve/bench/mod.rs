//! A real agent in a folder of its own, the program before it, and clients that are not root.

mod child;
mod question;
mod serve;
mod server;
mod start;

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use child::{Child, bounded};
pub use question::{Person, Question};
pub use serve::Serve;
pub use server::{Site, account};
pub use start::answering;

pub use crate::client::{
    Client, FAILURE, LIST, PATIENCE, SIGN_RESPONSE, bind, frame, login, login_in, read, sign, sshsig, string,
};
use crate::run_folder::run_folder;

/// Between two looks at what no event tells of.
const BREATH: Duration = Duration::from_millis(2);

/// A key of the agent's.
pub struct Key {
    /// `ssh-ed25519 AAAA…`.
    pub line: String,
    /// Its bytes.
    pub blob: Vec<u8>,
    file: PathBuf,
}

impl Key {
    /// Its private half, as root has it.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// The folder and the agent in it.
pub struct Bench {
    folder: TempDir,
    agent: RefCell<Option<std::process::Child>>,
    person: Option<Person>,
}

impl Bench {
    /// With an agent that runs; `None` without root.
    pub fn new() -> Option<Self> {
        let bench = Self::in_folder()?;
        bench.start_agent();
        Some(bench)
    }

    /// The same, with a person whom the agent asks.
    pub fn confirming() -> Option<Self> {
        let mut bench = Self::in_folder()?;
        bench.person = Some(Person::new(&bench.folder.path().join("agent")));
        bench.start_agent();
        Some(bench)
    }

    fn in_folder() -> Option<Self> {
        let folder = run_folder(0o755)?;
        fs::create_dir(folder.path().join("agent")).expect("made");
        fs::set_permissions(folder.path().join("agent"), PermissionsExt::from_mode(0o700)).expect("set");
        Some(Self { folder, agent: RefCell::new(None), person: None })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("public.sock")
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.folder.path().join("agent/agent.sock")
    }

    /// Starts the agent, which listens when it has said where.
    pub fn start_agent(&self) {
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(self.agent_socket()).stdout(Stdio::piped());
        if let Some(person) = &self.person {
            command
                .env("SSH_ASKPASS", person.program())
                .env("SSH_ASKPASS_REQUIRE", "force")
                .env("DISPLAY", ":0");
        }
        let mut child = command.spawn().expect("ssh-agent");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(line.starts_with("SSH_AUTH_SOCK="), "{line}");
        *self.agent.borrow_mut() = Some(child);
    }

    /// Kills it, so that its socket stays, and takes that away.
    pub fn kill_agent(&mut self) {
        let mut child = self.agent.borrow_mut().take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
        fs::remove_file(self.agent_socket()).expect("removed");
    }

    /// Makes a key and gives it to the agent, by its standard input.
    pub fn add_key(&self, comment: &str) -> Key {
        self.add_key_with(comment, &[])
    }

    /// One that is used only when the person says so.
    pub fn add_key_to_confirm(&self, comment: &str) -> Key {
        self.add_key_with(comment, &["-c"])
    }

    /// The next question to the person.
    pub fn question(&self) -> Question<'_> {
        self.person.as_ref().expect("a person").question()
    }

    /// One that is added with these words of ssh-add(1).
    pub fn add_key_with(&self, comment: &str, words: &[&str]) -> Key {
        self.add(comment, comment, words)
    }

    /// One whose file has a name apart from its comment.
    pub fn add_key_called(&self, name: &str, comment: &str) -> Key {
        self.add(name, comment, &[])
    }

    fn add(&self, name: &str, comment: &str, words: &[&str]) -> Key {
        let file = self.folder.path().join("agent").join(name);
        let path = file.to_str().expect("a path");
        let make = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path];
        Child::of("ssh-keygen", &make, 0, &self.agent_socket()).run("");
        let private = fs::read_to_string(&file).expect("read");
        Child::of("ssh-add", &[&["-q"], words, &["-"]].concat(), 0, &self.agent_socket()).run(&private);
        let line = fs::read_to_string(format!("{path}.pub")).expect("read");
        let line: Vec<&str> = line.split(' ').take(2).collect();
        let line = line.join(" ");
        let blob = line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key").as_bytes().to_vec();
        Key { line, blob, file }
    }

    /// The key's public half, where everybody can read it.
    pub fn public_key(&self, key: &Key) -> PathBuf {
        let path = self.folder.path().join("key.pub");
        fs::copy(key.file.with_extension("pub"), &path).expect("copied");
        path
    }

    /// How many keys the agent has.
    pub fn keys_of_the_agent(&self) -> usize {
        Child::of("ssh-add", &["-L"], 0, &self.agent_socket()).run("").lines().count()
    }

    /// The process of the agent.
    pub fn agent_pid(&self) -> u32 {
        self.agent.borrow().as_ref().expect("it runs").id()
    }
}

/// Waits for what no event tells of.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(BREATH);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(mut child) = self.agent.borrow_mut().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
