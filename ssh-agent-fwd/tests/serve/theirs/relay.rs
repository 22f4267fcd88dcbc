//! What stands before an agent.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bench::{Bench, Key, Serve};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// socat(1), as a socket for everybody.
    Socat,
    /// ssh-agent-filter(1), with a socket for everybody.
    Filter,
    /// `serve`, with a socket for everybody: who may connect is for it alone to say.
    Ours,
}

/// One that runs, until it is dropped.
pub struct Relay {
    socket: PathBuf,
    process: Process,
}

enum Process {
    Theirs(Child, #[expect(dead_code, reason = "what it says has a reader")] Box<dyn Read>),
    Ours(Serve),
}

impl Kind {
    /// Starts it for these keys; `None` when it says that it cannot.
    pub fn start(self, bench: &Bench, keys: &[&Key]) -> Option<Relay> {
        match self {
            Self::Socat => socat(bench),
            Self::Filter => filter(bench, keys),
            Self::Ours => {
                let serve = bench.serve_by_policy(&["--mode", "666"]);
                Some(Relay { socket: serve.socket().to_owned(), process: Process::Ours(serve) })
            }
        }
    }
}

fn socat(bench: &Bench) -> Option<Relay> {
    let socket = bench.socket();
    let mut command = Command::new(tool("/usr/bin/socat"));
    command.args(["-d", "-d"]).arg(format!("UNIX-LISTEN:{},fork,mode=666", socket.display()));
    command.arg(format!("UNIX-CONNECT:{}", bench.agent_socket().display()));
    let mut child = command.stderr(Stdio::piped()).spawn().expect("socat");
    let mut words = BufReader::new(child.stderr.take().expect("its words"));
    let listens = words.by_ref().lines().map_while(Result::ok).any(|line| line.contains(" listening on "));
    if !listens {
        child.wait().expect("ended");
        return None;
    }
    Some(Relay { socket, process: Process::Theirs(child, Box::new(words)) })
}

fn filter(bench: &Bench, keys: &[&Key]) -> Option<Relay> {
    let mut command = Command::new(tool("/usr/bin/ssh-agent-filter"));
    for key in keys {
        command.args(["-k", key.line.split(' ').nth(1).expect("a key")]);
    }
    command.arg("-d").env("SSH_AUTH_SOCK", bench.agent_socket()).current_dir(bench.folder());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("ssh-agent-filter");
    let mut words = BufReader::new(child.stdout.take().expect("its words"));
    let socket = words.by_ref().lines().map_while(Result::ok).find_map(|line| {
        let path = line.strip_prefix("SSH_AUTH_SOCK='")?.split('\'').next()?;
        Some(PathBuf::from(path))
    });
    let Some(socket) = socket else {
        child.wait().expect("ended");
        return None;
    };
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).expect("its mode");
    Some(Relay { socket, process: Process::Theirs(child, Box::new(words)) })
}

/// A program of a package that the tests ask for by name (`tests/bed/packages`).
fn tool(path: &str) -> &str {
    assert!(Path::new(path).exists(), "{path} is missing: install the Debian package of that name");
    path
}

impl Relay {
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Theirs(child, _) => child.id(),
            Process::Ours(serve) => serve.pid(),
        }
    }

    /// Kills it, so that it cleans nothing up.
    pub fn kill(self) -> PathBuf {
        self.socket.clone()
    }

    /// Ends it, and takes away what it leaves.
    pub fn end(self) {
        let socket = self.kill();
        let _ = fs::remove_file(socket);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ours is killed by its own.
        if let Self::Theirs(child, _) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
