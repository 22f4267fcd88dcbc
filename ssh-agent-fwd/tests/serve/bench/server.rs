//! A real sshd(8) that takes one connection.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

const PROGRAM: &str = "/usr/sbin/sshd";

/// A server, until it has served one connection.
pub struct Server {
    port: u16,
    served: JoinHandle<()>,
}

impl Server {
    /// With this host key, letting this key in as root; `None` where there is no sshd(8).
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn start(folder: &Path, host_key: &Path, key: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            eprintln!("skipped: no {PROGRAM}");
            return None;
        }
        // Where it locks its unprivileged half in (sshd(8), FILES).
        let _ = fs::DirBuilder::new().mode(0o755).create("/run/sshd");
        let keys = folder.join("authorized_keys");
        fs::write(&keys, format!("{key}\n")).expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let mut command = Command::new(PROGRAM);
        command.args(["-i", "-e", "-f", "/dev/null", "-h"]).arg(host_key);
        let keys = format!("AuthorizedKeysFile={}", keys.display());
        for option in [keys.as_str(), "PermitRootLogin=prohibit-password", "StrictModes=no", "UsePAM=no"] {
            command.args(["-o", option]);
        }
        let served = thread::spawn(move || {
            let (connection, _) = listener.accept().expect("a connection");
            let connection = OwnedFd::from(connection);
            let other = connection.try_clone().expect("cloned");
            command.stdin(connection).stdout(other).stderr(Stdio::null());
            command.status().expect("sshd");
        });
        Some(Self { port, served })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// When the connection has ended.
    pub fn wait(self) {
        self.served.join().expect("served");
    }
}

/// A file of known hosts with this one key for the name.
pub fn known_hosts(folder: &Path, name: &str, key: &str) -> PathBuf {
    let path = folder.join("known_hosts");
    fs::write(&path, format!("{name} {key}\n")).expect("written");
    path
}
