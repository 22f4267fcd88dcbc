//! Hosts that take one connection each, and what a user needs to log in there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use accounts::passwd::Row as Account;
use tempfile::TempDir;

use super::{Bench, Child, Key, Serve};
use crate::sshd::Server;

/// A user that can read no private key, and the hosts that it knows, in a folder outside of /run.
pub struct Site {
    folder: TempDir,
    account: Account,
    servers: Vec<Server>,
}

impl Site {
    /// Without hosts; `None` where there is no sshd(8).
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn new() -> Option<Self> {
        if !Server::is_there() {
            eprintln!("skipped: no sshd");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
        let site = Self { folder, account: account(), servers: Vec::new() };
        site.append("config", "");
        Some(site)
    }

    /// A folder that is the user's.
    pub fn home(&self) -> PathBuf {
        let home = self.folder.path().join("home");
        if !home.exists() {
            fs::create_dir(&home).expect("made");
            std::os::unix::fs::chown(&home, Some(self.account.uid), Some(self.account.uid)).expect("given");
        }
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A host of this name with this host key, which lets this key in as root, once; `options` are ssh(1)'s.
    pub fn add_host(&mut self, name: &str, host: &Key, key: &Key, options: &str) {
        let server = Server::start(host.file(), &key.line).expect("sshd is there");
        let port = server.port();
        self.servers.push(server);
        self.append("known_hosts", &format!("{name} {}\n", host.line));
        let known = self.path("known_hosts");
        let block = format!(
            "Host {name}\nHostName 127.0.0.1\nPort {port}\nUser root\nHostKeyAlias {name}\nBatchMode yes\n\
             UserKnownHostsFile {}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n{options}\n",
            known.display()
        );
        self.append("config", &block);
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path(name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + text).expect("written");
    }

    /// Serves this policy to the user.
    pub fn serve(&self, bench: &Bench, rules: &[String]) -> Serve {
        bench.write_policy(rules, "{}");
        bench.serve_by_policy(&["--allow-user", &self.account.name, "--mode", "666"])
    }

    /// What comes of ssh(1) with these words.
    pub fn ssh(&self, serve: &Serve, words: &[&str]) -> Output {
        let config = self.path("config");
        let words = [&["-F", config.to_str().expect("a path")], words].concat();
        Child::of("ssh", &words, self.account.uid, serve.socket()).output()
    }

    /// What comes of git(1) with these words, in the user's home.
    pub fn git(&self, serve: &Serve, words: &[&str]) -> Output {
        let mut child = Child::of("git", words, self.account.uid, serve.socket());
        let ssh = format!("ssh -F {}", self.path("config").display());
        child.surroundings(&self.home(), &[("GIT_SSH_COMMAND", &ssh), ("GIT_CONFIG_NOSYSTEM", "1")]);
        child.output()
    }

    /// Waits until every host has served its connection.
    pub fn wait(self) {
        self.servers.into_iter().for_each(Server::wait);
    }
}

/// Some account that is not root's: ssh(1) and ssh-keygen(1) want to know whose they are.
pub fn account() -> Account {
    let accounts = accounts::Database::read().expect("accounts").local_accounts();
    accounts.into_iter().find(|row| ![0, 65_534].contains(&row.uid)).expect("an account")
}
