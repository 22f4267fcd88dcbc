//! A real agent with a key, and whoever stands before it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ssh_agent_fwd::key::KeyBlob;
use tempfile::TempDir;

use super::clients::Work;
use super::messages;
use crate::process::{eventually, installed, memory_of};

/// The user whose the clients of ours are; nobody's account need be there.
const USER: u32 = 64_999;

/// Whom clients connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ssh-agent-fwd.
    Ours,
    /// The agent.
    Direct,
    /// socat, which passes everything on, with a process for every client.
    Socat,
    /// ssh-agent-filter.
    Filter,
}

impl Kind {
    /// Ours first.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Direct, Self::Socat, Self::Filter];

    /// The name of its program, and of its package but for the agent's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ssh-agent-fwd",
            Self::Direct => "ssh-agent",
            Self::Socat => "socat",
            Self::Filter => "ssh-agent-filter",
        }
    }

    /// How it is started and what clients then do, as one would type it.
    pub fn typed(self, clients: &str) -> String {
        let server = match self {
            Self::Ours => "ssh-agent-fwd serve --policy POLICY --agent AGENT --listen SOCKET 2>RECORD",
            Self::Direct => "ssh-agent -D -a SOCKET",
            Self::Socat => "socat UNIX-LISTEN:SOCKET,fork,mode=666 UNIX-CONNECT:AGENT",
            Self::Filter => "SSH_AUTH_SOCK=AGENT ssh-agent-filter -d -c key",
        };
        format!("{server} & bench agent-clients SOCKET REQUEST {clients}")
    }
}

/// One of them, with its socket.
pub struct Forwarder {
    socket: PathBuf,
    request: PathBuf,
    user: u32,
    pid: u32,
    /// Nobody stands before the agent.
    _daemon: Option<Daemon>,
}

/// Connections that are held open.
pub struct Held(Child);

/// The folder, the agent in it, and what clients ask.
pub struct Bed {
    folder: TempDir,
    agent: Daemon,
}

/// A child that ends with this.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bed {
    /// With a key and a host's. A folder that nobody but root can change, nor one above it.
    pub fn make() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in("/run")?;
        let path = folder.path();
        fs::set_permissions(path, PermissionsExt::from_mode(0o755))?;
        let agent = Daemon(daemon("ssh-agent").args(["-D", "-a"]).arg(path.join("agent.sock")).spawn()?);
        eventually("the agent's socket", || UnixStream::connect(path.join("agent.sock")).ok())?;
        let (key, host) = (make_key(path, "key")?, make_key(path, "host")?);
        succeed(
            Command::new("ssh-add")
                .arg("-q")
                .arg(path.join("key"))
                .env("SSH_AUTH_SOCK", path.join("agent.sock")),
        )?;
        fs::write(path.join("request"), messages::sign(&blob(&key)?, &blob(&host)?))?;
        let policy = format!(
            r#"{{"clients": [{{"uid": {USER}}}], "rate": {{"burst": 1000000, "per_s": 1000000}}, "keys": [{{"key": "{key}",
             "users": ["git"], "hosts": [{{"name": "git.example.org", "keys": ["{host}"]}}]}}]}}"#
        );
        fs::write(path.join("policy.json"), policy)?;
        Ok(Self { folder, agent })
    }

    /// Starts it, and is ready when its socket is served; `None` where it is not installed.
    pub fn start(&self, kind: Kind, ours: &Path) -> io::Result<Option<Forwarder>> {
        if kind != Kind::Ours && installed(kind.name()).is_none() {
            return Ok(None);
        }
        let (path, agent) = (self.folder.path(), self.folder.path().join("agent.sock"));
        let mut socket = path.join(format!("{}.sock", kind.name()));
        let daemon = match kind {
            Kind::Direct => {
                socket.clone_from(&agent);
                None
            }
            Kind::Ours => {
                let mut command = daemon(ours);
                command.args(["serve", "--policy"]).arg(path.join("policy.json"));
                command.arg("--agent").arg(&agent).arg("--listen").arg(&socket);
                Some(command.stderr(File::create(path.join("record"))?).spawn()?)
            }
            Kind::Socat => {
                let listen = format!("UNIX-LISTEN:{},fork,mode=666", socket.display());
                Some(
                    daemon(kind.name())
                        .arg(listen)
                        .arg(format!("UNIX-CONNECT:{}", agent.display()))
                        .spawn()?,
                )
            }
            Kind::Filter => {
                let mut command = daemon(kind.name());
                command.args(["-d", "-c", "key"]).current_dir(path).env("SSH_AUTH_SOCK", &agent);
                let child = command.spawn()?;
                // It has no option for the name.
                socket = path.join(format!("agent.{}", child.id()));
                Some(child)
            }
        }
        .map(Daemon);
        eventually(kind.name(), || UnixStream::connect(&socket).ok())?;
        let pid = daemon.as_ref().unwrap_or(&self.agent).0.id();
        let user = if kind == Kind::Ours { USER } else { 0 };
        Ok(Some(Forwarder { socket, request: path.join("request"), user, pid, _daemon: daemon }))
    }
}

impl Forwarder {
    /// How often in a second so many clients do it.
    pub fn work(&self, work: Work, clients: u32, seconds: f64) -> io::Result<f64> {
        let output = self.clients(clients, seconds, work.word())?.output()?;
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = line.trim().parse().ok().filter(|_| output.status.success());
        rate.ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::other(format!(
                "{}: the clients ended with {}: {said}",
                self.socket.display(),
                output.status
            ))
        })
    }

    /// So many connections that have been used and stay open.
    pub fn hold(&self, clients: u32) -> io::Result<Held> {
        let mut child = self.clients(clients, 0.0, "hold")?.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(stdout).read_line(&mut line)?;
        let held = Held(child);
        if line.is_empty() { Err(io::Error::other("connections that cannot be held")) } else { Ok(held) }
    }

    /// The resident memory of it and its children, in KiB, and how many they are.
    pub fn processes(&self) -> io::Result<(u32, u32)> {
        let pid = self.pid;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let mut pids: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
        pids.push(pid);
        let kib = pids.iter().map(|pid| memory_of(*pid, "VmRSS")).sum::<io::Result<u32>>()?;
        Ok((kib, u32::try_from(pids.len()).unwrap_or(u32::MAX)))
    }

    fn clients(&self, clients: u32, seconds: f64, word: &str) -> io::Result<Command> {
        // Not by its path: another user can perhaps not reach it.
        let mut command = Command::new("/proc/self/exe");
        command.arg("agent-clients").arg(&self.socket).arg(&self.request);
        command.args([&clients.to_string(), &seconds.to_string(), word]).uid(self.user).gid(self.user);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }
}

impl Held {
    /// Closes them.
    pub fn release(mut self) -> io::Result<()> {
        drop(self.0.stdin.take());
        self.0.wait().map(drop)
    }
}

/// A program that ends with this one.
fn daemon(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// `ssh-ed25519 AAAA…` of a key that is made.
fn make_key(folder: &Path, name: &str) -> io::Result<String> {
    let path = folder.join(name);
    succeed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path))?;
    let line = fs::read_to_string(path.with_extension("pub"))?;
    let key = line.trim().rsplit_once(' ').map(|(key, _)| key.to_owned());
    key.ok_or_else(|| io::Error::other("ssh-keygen made no key"))
}

fn blob(line: &str) -> io::Result<Vec<u8>> {
    let key: KeyBlob = line.parse().map_err(|error| io::Error::other(format!("{error}")))?;
    Ok(key.as_bytes().to_vec())
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {output:?}"))) }
}
