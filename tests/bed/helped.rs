//! A test host on which an agent may run sudo-helper, as operators set it up.

use std::ops::{Deref, DerefMut};
use std::process::{Command, Output};

use serde_json::Value;

use crate::capture::capture;
use crate::host::Host;
use crate::running::Running;
use crate::terminal::Terminal;

/// The account that may run sudo-helper without a password, and that is hostile.
pub const AGENT: &str = "ai-agent";
/// An account that the tests' policies name as approver.
pub const ALICE: &str = "alice";
/// Where the policy is.
pub const POLICY: &str = "/etc/sudo-helper/policy.json";

/// A host with sudo-helper in /usr/bin, the accounts [`AGENT`] and [`ALICE`], and the sudoers rules for
/// both. There is no policy yet.
pub struct Helped(Host);

/// One answer of sudo-helper.
#[derive(Debug)]
pub struct Answer {
    /// The exit status.
    pub status: i32,
    /// The one JSON object that it wrote to standard output.
    pub json: Value,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Helped {
    /// Boots it; `None`, said so, where that is impossible.
    #[must_use]
    pub fn boot() -> Option<Self> {
        Host::boot().map(Self::on)
    }

    /// Sets it up on a host.
    #[must_use]
    pub fn on(host: Host) -> Self {
        host.install("sudo-helper");
        for user in [AGENT, ALICE] {
            host.user(user);
            let rule = format!("{user} ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n");
            host.write(&format!("/etc/sudoers.d/zz-{user}"), rule, 0o440, "root");
        }
        Self(host)
    }

    /// Puts a policy in place.
    pub fn policy(&self, policy: &Value) {
        self.0.write(POLICY, policy.to_string(), 0o644, "root");
    }

    /// `sudo -n sudo-helper WORDS` as the agent; words are split at spaces.
    #[must_use]
    pub fn ask(&self, words: &str) -> Answer {
        self.ask_as(AGENT, words)
    }

    /// The same as another account.
    #[must_use]
    pub fn ask_as(&self, user: &str, words: &str) -> Answer {
        Answer::of(self.command_of(user, &words.split(' ').collect::<Vec<_>>()))
    }

    /// The command of [`Self::ask_as`] with words as they are.
    #[must_use]
    pub fn command_of(&self, user: &str, words: &[&str]) -> Command {
        self.0.command_as(user, &[&["sudo", "-n", "sudo-helper"], words].concat())
    }

    /// Runs a user's command on a terminal at which nobody types.
    ///
    /// Not by script(1), which types `^D` when its own input ends. sudo 1.9.13p3 of Debian 12, with
    /// `use_pty`, never ends where it meets a typed byte and the end of its command in one turn of its
    /// loop, and its monitor has not yet exited: it writes the byte, and then awaits more of them
    /// (`write_callback` below `del_io_events`). So did 1 of 600 `sudo -n cat FILE` by script(1) on a busy
    /// machine; and, made to meet them so by SIGSTOP and strace(1), 5 of 11 `sudo sh -c 'sleep 2'` with
    /// a byte typed, and none of 11 without.
    #[must_use]
    pub fn on_terminal(&self, user: &str, words: &[&str]) -> Running {
        Terminal::open().run(self.0.command_as(user, &[&Terminal::session(), words].concat()))
    }
}

impl Answer {
    /// Runs a command that answers as sudo-helper does.
    ///
    /// # Panics
    /// When standard output is not one line with one JSON object.
    #[must_use]
    pub fn of(command: Command) -> Self {
        Self::said(capture(command))
    }

    /// The same where sudo, or the kernel, may have had the last word: `None` when nothing was answered.
    ///
    /// # Panics
    /// When there is no answer and yet a success.
    #[must_use]
    pub fn if_any(command: Command) -> Option<Self> {
        let output = capture(command);
        if !output.stdout.is_empty() {
            return Some(Self::said(output));
        }
        assert!(!output.status.success(), "{output:?}");
        None
    }

    fn said(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).expect("answers are UTF-8");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = stdout.strip_suffix('\n').filter(|line| !line.contains('\n'));
        let line = line.unwrap_or_else(|| panic!("not one line: {stdout:?} {stderr:?}"));
        let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(json["success"].is_boolean(), "{json}");
        assert_eq!(json["success"] == false, json["error"].is_string(), "{json}");
        assert_eq!(json["error"].is_string(), json["code"].is_string(), "{json}");
        let status = output.status.code().unwrap_or_else(|| panic!("{:?}: {json}", output.status));
        Self { status, json, stderr }
    }

    /// Asserts success.
    ///
    /// # Panics
    /// When it is none.
    pub fn success(self) -> Value {
        assert_eq!((self.status, &self.json["success"]), (0, &Value::Bool(true)), "{self:?}");
        self.json
    }

    /// Asserts a failure with this exit status and stable word.
    ///
    /// # Panics
    /// When it is another, or none.
    pub fn failure(self, status: i32, code: &str) -> Value {
        assert_eq!((self.status, self.json["code"].as_str()), (status, Some(code)), "{self:?}");
        self.json
    }
}

impl Deref for Helped {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.0
    }
}

impl DerefMut for Helped {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.0
    }
}
