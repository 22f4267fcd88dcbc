//! A real agent in a folder of its own, the program before it, and clients that are not root.

mod client;
mod question;
mod requests;
mod serve;
mod server;

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use client::{Child, Client, bounded, read};
pub use question::{Person, Question};
pub use requests::{FAILURE, LIST, SIGN_RESPONSE, bind, frame, login, login_in, sign, sshsig, string};
pub use serve::Serve;
pub use server::{Server, known_hosts};

/// Longest wait for what must come, far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what no event tells of.
const BREATH: Duration = Duration::from_millis(2);
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

    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn in_folder() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        let folder = tempfile::tempdir_in("/run").expect("a folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
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
        let file = self.folder.path().join("agent").join(comment);
        let path = file.to_str().expect("a path");
        let make = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path];
        Child::of("ssh-keygen", &make, 0, &self.agent_socket()).run("");
        let private = fs::read_to_string(&file).expect("read");
        Child::of("ssh-add", &[&["-q"], words, &["-"]].concat(), 0, &self.agent_socket()).run(&private);
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
        self.serve_by_policy_saying(Stdio::piped(), words)
    }

    /// The same, with this standard error.
    pub fn serve_by_policy_saying(&self, stderr: Stdio, words: &[&str]) -> Serve {
        let policy = self.policy();
        let words = [&["--policy", policy.to_str().expect("a path")], words].concat();
        self.started(self.command(&words).stderr(stderr))
    }

    /// The same, in a mount namespace where `dev` of this folder is /dev.
    pub fn serve_with_dev(&self, words: &[&str]) -> Serve {
        let (policy, dev) = (self.policy(), self.folder.path().join("dev"));
        let words = [&["--policy", policy.to_str().expect("a path")], words].concat();
        let own = self.command(&words);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /dev && exec "$@""#]).arg(dev);
        command.arg(own.get_program()).args(own.get_args()).stderr(Stdio::piped()).stdin(Stdio::null());
        self.started(&mut command)
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

    /// Serves on a kernel that answers a system call with this error: by strace(1).
    pub fn serve_without(&self, call: &str, error: &str, words: &[&str]) -> Serve {
        let own = self.command(words);
        let mut command = Command::new("strace");
        // -D: what is traced stays the child.
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("inject={call}:error={error}"));
        command.arg(own.get_program()).args(own.get_args()).stderr(Stdio::piped()).stdin(Stdio::null());
        self.started(&mut command)
    }

    /// When it is ready.
    fn started(&self, command: &mut Command) -> Serve {
        let notify = self.folder.path().join("notify");
        let _ = fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).expect("bound");
        ready.set_read_timeout(Some(PATIENCE)).expect("set");
        let child = command.env("NOTIFY_SOCKET", &notify).spawn().expect("started");
        let serve = Serve::of(child, self.socket());
        let mut word = [0; 16];
        if ready.recv(&mut word).is_err() {
            panic!("not ready: {}", serve.end());
        }
        serve
    }

    /// What it says when it does not serve.
    pub fn refused(&self, words: &[&str]) -> String {
        let more: &[&str] =
            if words.is_empty() && self.socket().exists() { &["--allow-user", "5"] } else { words };
        let output = bounded(self.command(more).stdout(Stdio::piped()).spawn().expect("started"));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("words")
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
