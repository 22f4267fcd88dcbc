//! A real sshd(8) that takes one connection.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/sshd";
/// sshd(8) locks its unprivileged half into /run/sshd and writes to /run/utmp: in a /run of its own it leaves nothing.
const IN_OWN_RUN: &str = r#"mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$0" "$@""#;

/// A server, until it has served one connection.
pub struct Server {
    port: u16,
    folder: TempDir,
    served: JoinHandle<()>,
}

impl Server {
    /// Whether there is an sshd(8).
    pub fn is_there() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// With this host key, letting this key in as root; `None` where there is no sshd(8). Its files are outside of /run.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn start(host_key: &Path, key: &str) -> Option<Self> {
        if !Self::is_there() {
            eprintln!("skipped: no {PROGRAM}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let [keys, private] = ["authorized_keys", "host"].map(|name| folder.path().join(name));
        fs::copy(host_key, &private).expect("copied");
        fs::write(&keys, format!("{key}\n")).expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", IN_OWN_RUN, PROGRAM, "-i", "-e", "-f", "/dev/null", "-h"])
            .arg(private);
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
        Some(Self { port, folder, served })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// When the connection has ended.
    pub fn wait(self) {
        self.served.join().expect("served");
        drop(self.folder);
    }
}

/// A file of known hosts with this one key for the name.
pub fn known_hosts(folder: &Path, name: &str, key: &str) -> PathBuf {
    let path = folder.join("known_hosts");
    fs::write(&path, format!("{name} {key}\n")).expect("written");
    path
}
