//! An operator on the machine, with a home, keys and an inventory of hosts of a [`Network`].

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use tempfile::TempDir;

use crate::capture::{apart_from_forks, capture};
use crate::host::{Host, Network};
use crate::programs::program;

/// For sh: the folder $0 is root's home for the command after it, which keeps its pid.
const AT_HOME: &str = r#"mount --bind "$0" /root; cd /; exec "$@""#;

/// One who may log in to hosts by a key, and is root's account on the machine with another home.
pub struct Operator {
    network: Network,
    home: TempDir,
}

impl Operator {
    /// Makes one who knows no host yet.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let ssh = home.path().join(".ssh");
        fs::create_dir(&ssh).expect("a folder");
        fs::set_permissions(&ssh, PermissionsExt::from_mode(0o700)).expect("set");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(ssh.join("id_ed25519"));
        capture(keygen).assert().success();
        Self { network: network.clone(), home }
    }

    /// A path in the operator's home, from outside.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file in the home.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Trusts the keys that these hosts show now, and no others.
    ///
    /// # Panics
    /// When that fails.
    pub fn knows(&self, hosts: &[&Host]) {
        let lines: String = hosts.iter().map(|host| host.known_host()).collect();
        self.write(".ssh/known_hosts", &lines);
    }

    /// Lets the operator in to an account of a host.
    ///
    /// # Panics
    /// When that fails.
    pub fn may_enter(&self, host: &Host, account: &str) {
        let key = fs::read_to_string(self.path(".ssh/id_ed25519.pub")).expect("a key");
        let home = if account == "root" { "/root".to_owned() } else { format!("/home/{account}") };
        host.run(&["install", "-d", "-m", "700", "-o", account, &format!("{home}/.ssh")]).success();
        host.write(&format!("{home}/.ssh/authorized_keys"), key, 0o600, account);
    }

    /// A program under test with its arguments, at home and in the network.
    #[must_use]
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        self.wrapped(&[], name, arguments)
    }

    /// The same after words that run it, such as those of [`crate::Terminal::session`].
    ///
    /// # Panics
    /// When a path is not UTF-8.
    #[must_use]
    pub fn wrapped(&self, before: &[&str], name: &str, arguments: &[&str]) -> Command {
        let home = self.home.path().to_str().expect("text");
        let program = self.own(name);
        let own = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", AT_HOME, home];
        let mut command = self.network.command(&[&own[..], before, &[&program], arguments].concat());
        command.env("HOME", "/root");
        command
    }

    /// A copy of a program under test, at home: what was below /root is hidden there.
    fn own(&self, name: &str) -> String {
        let _apart = apart_from_forks();
        let copy = self.path(name);
        if !copy.exists() {
            fs::copy(program(name), &copy).expect("a program that was built can be copied");
        }
        format!("/root/{name}")
    }
}
