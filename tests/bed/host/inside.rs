//! What a test does on a host: commands, files, accounts, units, and a look at the journal.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Output};

use assert_cmd::assert::{Assert, OutputAssertExt};
use serde_json::Value;

use super::Host;
use crate::capture::capture;
use crate::programs::program;
use crate::running::Running;

/// The environment of the commands of a host, all of it.
const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")];

/// For sh: writes standard input to the file $1 of mode $2 and owner $3, all of it at once.
const WRITE: &str = r#"
umask 022; folder=${1%/*}; mkdir -p "${folder:-/}"; new=$(mktemp "$1.XXXXXX")
cat >"$new"; chown "$3" "$new"; chmod "$2" "$new"; mv -fT "$new" "$1"
"#;

/// For sh: joins the control group $0 and becomes the command after it. What shells add to the
/// environment does not go along, nor does what the caller of the tests ignores.
const ENTER: &str = r#"
echo 0 >"$0" && exec env --default-signal -u PWD -u OLDPWD -u SHLVL -u _ "$@"
"#;

impl Host {
    /// A command with its arguments, inside: in all namespaces of the host, in a control group of
    /// its tree, as root, in `/`, with a PATH and LANG of the host's and no other variable.
    ///
    /// The process that this starts waits for it outside, and a signal to it does not reach inside.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let group = self.network.inside(&format!("{}/commands/cgroup.procs", self.group()));
        let mut command = Command::new("/bin/sh");
        command.env_clear().envs(ENVIRONMENT).args(["-c", ENTER]).arg(group);
        command.args(["nsenter", "--target", &self.leader.to_string(), "--all", "--"]).args(words);
        command
    }

    /// The same as a user of the host, with all groups of that user, and without a login.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn command_as<S: AsRef<OsStr>>(&self, user: &str, words: &[S]) -> Command {
        let [uid, gid] = self.ids(user);
        let mut command = self.command(&["setpriv", "--init-groups"]);
        command.args(["--reuid", &uid, "--regid", &gid, "--"]).args(words);
        command
    }

    /// Runs a command of root's to its end and takes what it says.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Assert {
        self.output(words).assert()
    }

    /// The same as a user of the host.
    pub fn run_as<S: AsRef<OsStr>>(&self, user: &str, words: &[S]) -> Assert {
        capture(self.command_as(user, words)).assert()
    }

    pub(super) fn output<S: AsRef<OsStr>>(&self, words: &[S]) -> Output {
        capture(self.command(words))
    }

    /// What a command prints that is expected to succeed.
    pub(super) fn stdout<S: AsRef<OsStr>>(&self, words: &[S]) -> String {
        let assert = self.run(words).success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    }

    /// Writes a file, and the folders that it needs; `owner` as chown(1) takes it. One that is
    /// there already is replaced, not written to.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>, mode: u32, owner: &str) {
        assert!(path.starts_with('/'), "{path} is not absolute");
        let mode = format!("{mode:04o}");
        let command = self.command(&["sh", "-ec", WRITE, "sh", path, &mode, owner]);
        let mut running = Running::start(command);
        running.write(contents.as_ref());
        assert_eq!(running.status(), 0, "writing {path} on {}", self.name);
    }

    /// What a file holds.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        self.stdout(&["cat", "--", path])
    }

    /// Installs a program under test in /usr/bin, as its package would.
    ///
    /// # Panics
    /// When it is not built.
    pub fn install(&self, name: &str) {
        let contents = fs::read(program(name)).expect("a program that was built can be read");
        self.write(&format!("/usr/bin/{name}"), contents, 0o755, "root:root");
    }

    /// Makes an account with a home and a group of its own and no password; its uid.
    ///
    /// # Panics
    /// When that name is taken.
    pub fn user(&self, name: &str) -> u32 {
        self.run(&["useradd", "--create-home", "--user-group", "--shell=/bin/bash", "--password=*", name])
            .success();
        self.ids(name)[0].parse().expect("a uid")
    }

    /// uid and gid.
    fn ids(&self, user: &str) -> [String; 2] {
        let entry = self.stdout(&["getent", "passwd", user]);
        let fields: Vec<&str> = entry.split(':').collect();
        [fields[2].to_owned(), fields[3].to_owned()]
    }

    /// Writes a unit, or a drop-in by its path below /etc/systemd/system, and has systemd read it.
    ///
    /// # Panics
    /// When that fails.
    pub fn unit(&self, name: &str, text: &str) {
        self.write(&format!("/etc/systemd/system/{name}"), text, 0o644, "root:root");
        self.run(&["systemctl", "daemon-reload"]).success();
    }

    /// The journal, oldest entry first, with its native fields (systemd.journal-fields(7)).
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn journal(&self) -> Vec<Value> {
        self.run(&["journalctl", "--sync"]).success();
        let entries = self.stdout(&["journalctl", "--output=json", "--all", "--no-pager", "--quiet"]);
        entries.lines().map(|line| serde_json::from_str(line).expect("an entry in JSON")).collect()
    }
}
