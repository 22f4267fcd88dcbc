//! What the hosts of one test share: a bridge that leads nowhere else, and a process that keeps it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::unistd::geteuid;

use super::{Host, Image, image};
use crate::capture::{capture, spawn};
use crate::running::DEADLINE;

/// The search path of what sets hosts up.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The options of unshare(1) for a keeper. If that is killed, so is the keeper.
const NAMESPACES: [&str; 7] =
    ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];

/// A network of hosts. It and they are apart from the machine's and from all other networks, so
/// that every one has the same addresses. Clones are the same network.
#[derive(Clone)]
pub struct Network(Arc<Keeper>);

/// The process in whose namespaces the hosts are; it takes everything down when its input ends.
struct Keeper {
    process: Child,
    pid: i32,
    group: String,
    hosts: AtomicU8,
}

impl Network {
    /// The address of the machine in the network.
    pub const ADDRESS: &str = "10.77.0.1";

    /// Makes a network; `None`, and a word on stderr that says so, when this process may not.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn new() -> Option<Self> {
        if !may() {
            return None;
        }
        // Told here, not in the middle of a boot.
        image::folder(Image::Own);
        let mut command = machine("unshare");
        command.args(NAMESPACES).arg("--").arg(script("keep"));
        // A group of its own: an interrupt from the terminal leaves it the time to clean up.
        let mut process = spawn(command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()));
        let line = announced(&mut process).expect("tests/bed/host/keep says what it needs");
        let (pid, group) = line.split_once(' ').expect("PID CGROUP");
        let (pid, group) = (pid.parse().expect("a pid"), group.to_owned());
        Some(Self(Arc::new(Keeper { process, pid, group, hosts: AtomicU8::new(0) })))
    }

    /// Boots a host of that name in it.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        let [host] = self.boot([name]);
        host
    }

    /// The same with this root file system.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn host_of(&self, name: &str, image: Image) -> Host {
        let host = Host::start(self, name, self.0.hosts.fetch_add(1, Ordering::Relaxed), image);
        host.await_running();
        host
    }

    /// Boots several at once.
    ///
    /// # Panics
    /// When one does not come up.
    #[must_use]
    pub fn boot<const N: usize>(&self, names: [&str; N]) -> [Host; N] {
        let number = || self.0.hosts.fetch_add(1, Ordering::Relaxed);
        let hosts = names.map(|name| Host::start(self, name, number(), Image::Own));
        hosts.iter().for_each(Host::await_running);
        hosts
    }

    /// A command of the machine's, in the network of the hosts: for an operator who reaches them.
    /// It has the address [`Self::ADDRESS`] there.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace().display())).arg("--").args(words);
        command.env_clear().envs([("PATH", PATH), ("LANG", "C.UTF-8")]);
        command
    }

    /// Moves the calling thread into the network, where it can listen for the hosts. What it starts
    /// from then on is there too.
    ///
    /// # Panics
    /// When that fails.
    pub fn enter(&self) {
        let namespace = File::open(self.namespace()).expect("the keeper has a network");
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter it");
    }

    /// The process that keeps it, as the machine numbers it.
    #[must_use]
    pub fn keeper(&self) -> i32 {
        self.0.pid
    }

    /// A path that the keeper sees, from outside.
    pub(super) fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.0.pid))
    }

    /// The folder of its control group, as the keeper sees it.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.0.group
    }

    /// For a command of the machine's in all namespaces of the keeper; it comes next.
    pub(super) fn enter_all(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.pid.to_string(), "--mount", "--net", "--pid", "--"]);
        command.env("PATH", PATH);
        command
    }

    fn namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.0.pid))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends within its own bound, and says on stderr what it could not remove.
        let _ = self.process.wait();
    }
}

/// Whether this process may have hosts; says so when not.
fn may() -> bool {
    let needs = if geteuid().is_root() {
        let tried = capture(unshared());
        if tried.status.success() {
            return true;
        }
        let said = String::from_utf8_lossy(&tried.stderr);
        assert!(said.contains("Operation not permitted"), "{said}");
        "namespaces of its own (CAP_SYS_ADMIN)"
    } else {
        "root"
    };
    let name = thread::current().name().unwrap_or("a test").to_owned();
    // Not through eprintln!, whose words libtest keeps to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {name} needs {needs}");
    false
}

fn unshared() -> Command {
    let mut command = machine("unshare");
    command.args(NAMESPACES).args(["--uts", "--ipc", "--cgroup", "true"]);
    command
}

/// A program of the machine's in the mount namespace that the tests started in, whatever the
/// calling thread has laid over it since ([`crate::Bed`]).
pub(crate) fn machine(program: &str) -> Command {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let mut command = if namespace("thread-self") == namespace("self") {
        Command::new(program)
    } else {
        let mut command = Command::new("nsenter");
        command.args(["--target", &std::process::id().to_string(), "--mount", "--", program]);
        command
    };
    command.env("PATH", PATH);
    command
}

/// A script beside this file.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bed/host").join(name)
}

/// The first line that a child prints; `None` when it ends without one.
///
/// # Panics
/// When none comes.
pub(super) fn announced(child: &mut Child) -> Option<String> {
    let output = child.stdout.take().expect("a pipe");
    let (send, receive) = channel();
    thread::spawn(move || {
        let line = BufReader::new(output).lines().next();
        let _ = send.send(line.and_then(Result::ok));
    });
    receive.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("it said nothing for {DEADLINE:?}")
    })
}
