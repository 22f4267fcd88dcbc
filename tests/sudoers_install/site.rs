//! A host on which rules are to be put in place, and what sudoers-install says there.

use std::ops::Deref;
use std::process::Command;

use bed::{Host, capture};
use serde_json::Value;

/// The account that gets rules, and that is hostile.
pub const AGENT: &str = "ai-agent";
/// An account with a rule that was there before, which must work at every instant.
pub const CONTROL: &str = "alice";
/// The file that is written for [`AGENT`].
pub const FILE: &str = "/etc/sudoers.d/zz-sudo-helper-ai-agent";
/// For sh: what the folder holds, names and contents and modes.
#[allow(dead_code, reason = "not every file of tests needs it")]
const FOLDER: &str = "cd /etc/sudoers.d && find . -mindepth 1 | sort | while read -r f; do \
                      stat -c '%n %a %u:%g' \"$f\"; cat \"$f\"; done";

/// A host with sudo-helper and sudoers-install in /usr/bin and the two accounts.
pub struct Site(Host);

/// How one call went.
#[derive(Debug)]
pub struct Said {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Site {
    /// Boots it; `None`, said so, where that is impossible.
    pub fn boot() -> Option<Self> {
        let host = Host::boot()?;
        for name in ["sudo-helper", "sudoers-install"] {
            host.install(name);
        }
        for user in [AGENT, CONTROL] {
            host.user(user);
        }
        let control = format!("{CONTROL} ALL=(root) NOPASSWD: /usr/bin/id\n");
        host.write("/etc/sudoers.d/control", control, 0o440, "root:root");
        Some(Self(host))
    }

    /// The same with sudo-rs in the place of sudo.
    #[allow(dead_code, reason = "not every file of tests needs it")]
    pub fn boot_sudo_rs() -> Option<Self> {
        let site = Self::boot()?;
        for (name, path) in [("sudo", "/usr/bin/sudo"), ("visudo", "/usr/sbin/visudo")] {
            let mode = if name == "sudo" { 0o4755 } else { 0o755 };
            site.write(path, std::fs::read(bed::sudo_rs(name)).expect("it was built"), mode, "root:root");
        }
        // sudo.ws's, which hosts with sudo-rs do not have.
        site.run(&["rm", "-f", "/usr/bin/cvtsudoers"]).success();
        Some(site)
    }

    /// What a command of root's says.
    pub fn said(&self, words: &[&str]) -> Said {
        Said::of(self.command(words))
    }

    /// `sudoers-install WORDS` as root; words are split at spaces.
    pub fn call(&self, words: &str) -> Said {
        self.said(&[&["sudoers-install"], &words.split(' ').collect::<Vec<_>>()[..]].concat())
    }

    /// `install --user USER --json` with further words.
    pub fn install_for(&self, user: &str, words: &[&str]) -> Said {
        self.said(&[&["sudoers-install", "install", "--json", "--user", user], words].concat())
    }

    /// The one object of `status --json` about a file.
    #[allow(dead_code, reason = "not every file of tests needs it")]
    pub fn state(&self, file: &str) -> Value {
        let said = self.call("status --json");
        let mut about = said.objects().into_iter().filter(|object| object["file"] == file);
        let found = about.next().unwrap_or_else(|| panic!("nothing about {file}: {said:?}"));
        assert_eq!(about.next(), None);
        found
    }

    /// All that the folder of rules holds.
    #[allow(dead_code, reason = "not every file of tests needs it")]
    pub fn folder(&self) -> String {
        self.said(&["sh", "-c", FOLDER]).success().stdout
    }

    /// Whether the agent may run sudo-helper as root without a password.
    #[allow(dead_code, reason = "not every file of tests needs it")]
    pub fn may(&self, program: &str) -> bool {
        let words = ["sudo", "-k", "-n", "--", program, "probe", "abcdefgh"];
        capture(self.command_as(AGENT, &words)).status.success()
    }
}

impl Deref for Site {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.0
    }
}

impl Said {
    /// Runs a command to its end.
    pub fn of(command: Command) -> Self {
        let output = capture(command);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let status = output.status.code().unwrap_or(-1);
        Self { status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts exit status 0.
    pub fn success(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }

    /// The objects, one a line.
    pub fn objects(&self) -> Vec<Value> {
        let object =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.stdout.lines().map(object).collect()
    }

    /// The one object of a success.
    pub fn done(self) -> Value {
        let object = self.success().objects().pop().expect("an object");
        assert_eq!(object["success"], true, "{object}");
        object
    }

    /// The sentence of a failure with this word.
    pub fn failure(self, code: &str) -> String {
        let object = self.objects().pop().unwrap_or_else(|| panic!("no object: {self:?}"));
        assert_eq!((self.status, object["code"].as_str()), (1, Some(code)), "{self:?}");
        assert_eq!(object["success"], false, "{object}");
        let sentence = object["error"].as_str().expect("a sentence").to_owned();
        assert!(self.stderr.starts_with("sudoers-install: "), "{self:?}");
        sentence
    }
}
