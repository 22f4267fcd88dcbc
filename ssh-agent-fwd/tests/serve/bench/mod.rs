//! A real agent in a folder of its own, the program before it, and clients that are not root.

mod client;
mod requests;
mod server;

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub use client::{Child, Client, read};
pub use requests::{FAILURE, LIST, SIGN_RESPONSE, bind, frame, login, login_in, sign, sshsig, string};
pub use server::{Server, known_hosts};

/// Longest wait for what must come, far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = env!("CARGO_BIN_EXE_ssh-agent-fwd");

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
}

/// The program, serving.
pub struct Serve {
    child: Option<std::process::Child>,
    stderr: BufReader<ChildStderr>,
    said: String,
    socket: PathBuf,
}

impl Bench {
    /// With an agent that runs; `None` without root.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        let folder = tempfile::tempdir_in("/run").expect("a folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
        fs::create_dir(folder.path().join("agent")).expect("made");
        fs::set_permissions(folder.path().join("agent"), PermissionsExt::from_mode(0o700)).expect("set");
        let bench = Self { folder, agent: RefCell::new(None) };
        bench.start_agent();
        Some(bench)
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
        let file = self.folder.path().join("agent").join(comment);
        let path = file.to_str().expect("a path");
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path];
        Child::of("ssh-keygen", &words, 0, &self.agent_socket()).run("");
        let private = fs::read_to_string(&file).expect("read");
        Child::of("ssh-add", &["-q", "-"], 0, &self.agent_socket()).run(&private);
        let line = fs::read_to_string(file.with_extension("pub")).expect("read");
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
        let policy = self.policy();
        self.serve_with(&[&["--policy", policy.to_str().expect("a path")], words].concat())
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
        let notify = self.folder.path().join("notify");
        let _ = fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).expect("bound");
        ready.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut child = self.command(words).env("NOTIFY_SOCKET", &notify).spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("its words"));
        let mut serve = Serve { child: Some(child), stderr, said: String::new(), socket: self.socket() };
        let mut word = [0; 16];
        if ready.recv(&mut word).is_err() {
            panic!("not ready: {}", serve.finish());
        }
        serve
    }

    /// What it says when it does not serve.
    pub fn refused(&self, words: &[&str]) -> String {
        let more: &[&str] =
            if words.is_empty() && self.socket().exists() { &["--allow-user", "5"] } else { words };
        let output = self.command(more).output().expect("run");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("words")
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

impl Serve {
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Kills it, so that it cleans nothing up.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }

    /// A client of this user.
    pub fn connect(&self, uid: u32) -> Client {
        Client::connect(&self.socket, uid)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().expect("a pid")), signal).expect("signalled");
    }

    /// Has it read its policy again, until it says this.
    pub fn hang_up(&mut self, says: &str) {
        self.signal(Signal::SIGHUP);
        let mut line = String::new();
        while !line.contains(says) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).expect("a line"), 0, "{}", self.said);
            self.said.push_str(&line);
        }
    }

    /// Ends it; all that it said.
    pub fn end(mut self) -> String {
        self.finish()
    }

    fn finish(&mut self) -> String {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("it runs");
        self.stderr.read_to_string(&mut self.said).expect("words");
        let status = child.wait().expect("ended");
        assert!(status.success(), "{status}: {}", self.said);
        self.said.clone()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
