//! Hosts that an operator reaches, as `sudoers-install cluster` finds them, and what it says of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use assert_cmd::assert::OutputAssertExt;
use serde_json::Value;

use crate::capture::{capture, spawn};
use crate::host::{Host, Network};
use crate::operator::Operator;

/// The account that gets the rule.
pub const AGENT: &str = "ai-agent";
/// The login: sudo with the password.
pub const ADMIN: &str = "admin";
/// The password of [`ADMIN`].
pub const PASSWORD: &str = "battery' $(staple) \\horse";
/// The rule's file.
pub const RULE: &str = "/etc/sudoers.d/zz-sudo-helper-ai-agent";
/// What root can be had with by [`ADMIN`] without a password.
pub const NOPASSWD_ALL: &str = "admin ALL=(ALL) NOPASSWD: ALL\n";
/// All names in the folder.
const NAMES: [&str; 3] = ["sh", "-c", "ls -A /etc/sudoers.d | grep -v README | tr '\\n' ' '"];
/// Outcomes that are no failure; the code of such a row is the same word.
const GOOD: [&str; 7] =
    ["configured", "installed", "removed", "absent", "skipped", "would-install", "would-remove"];

/// Hosts with sudo-helper, [`AGENT`] and [`ADMIN`], and an operator who may log in as the latter.
pub struct Site<const N: usize> {
    /// The hosts, in the order of the inventory.
    pub hosts: [Host; N],
    /// Who knows their keys and has them in /root/inventory.yaml.
    pub operator: Operator,
}

impl<const N: usize> Site<N> {
    /// Boots them; `None`, said so, where that is impossible.
    #[must_use]
    pub fn boot(names: [&str; N]) -> Option<Self> {
        let network = Network::new()?;
        let hosts = network.boot(names);
        let operator = Operator::of(&network);
        thread::scope(|scope| {
            for host in &hosts {
                scope.spawn(|| furnish(host, &operator));
            }
        });
        operator.knows(&hosts.iter().collect::<Vec<_>>());
        let site = Self { hosts, operator };
        site.logs_in_as(ADMIN);
        Some(site)
    }

    /// The inventory names this login for each host.
    pub fn logs_in_as(&self, login: &str) {
        let entry =
            |host: &Host| format!("{}: {{hostname: {}, user: {login}}}\n", host.name(), host.address());
        self.operator.write("inventory.yaml", &self.hosts.iter().map(entry).collect::<String>());
    }

    /// A host by its name.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name() == name).expect("a host of that name")
    }

    /// `sudoers-install cluster` for [`AGENT`] on all of them.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.operator.command("sudoers-install", &[&WORDS[..], arguments].concat())
    }

    /// The same after words that run it.
    #[must_use]
    pub fn wrapped(&self, before: &[&str], arguments: &[&str]) -> Command {
        self.operator.wrapped(before, "sudoers-install", &[&WORDS[..], arguments].concat())
    }

    /// Without a terminal and without anything on standard input.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        capture(self.command(arguments))
    }

    /// With the password, as a line on standard input.
    #[must_use]
    pub fn with(&self, password: &str, arguments: &[&str]) -> Output {
        let arguments = [&["--password-fd", "0"], arguments].concat();
        with_input(self.command(&arguments), format!("{password}\n").as_bytes())
    }
}

/// What each call begins with.
const WORDS: [&str; 5] = ["cluster", "--inventory", "/root/inventory.yaml", "--user", AGENT];

fn furnish(host: &Host, operator: &Operator) {
    host.install("sudo-helper");
    host.user(AGENT);
    host.user(ADMIN);
    host.run(&["usermod", "-aG", "sudo", ADMIN]).success();
    set_password(host, ADMIN, PASSWORD);
    operator.may_enter(host, ADMIN);
}

/// Gives an account of a host this password, whatever bytes that has.
///
/// # Panics
/// When the host does not take it.
pub fn set_password(host: &Host, account: &str, password: impl AsRef<[u8]>) {
    let line = [account.as_bytes(), b":", password.as_ref(), b"\n"].concat();
    with_input(host.command(&["chpasswd"]), &line).assert().success();
}

/// Lets [`ADMIN`] have root without a password.
pub fn passwordless(host: &Host) {
    host.write("/etc/sudoers.d/admin", NOPASSWD_ALL, 0o440, "root:root");
}

/// Runs a command with this on its standard input, and takes what it says.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    // Who does not read it need not.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("a child can be waited for")
}

/// The objects of `--json`, by alias.
///
/// # Panics
/// When they are not one object a host.
#[must_use]
pub fn rows(output: &Output) -> BTreeMap<String, Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let row =
        |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let rows: Vec<Value> = text.lines().map(row).collect();
    let count = rows.len();
    let by_alias: BTreeMap<String, Value> = rows
        .into_iter()
        .map(|row| (row["alias"].as_str().unwrap_or_else(|| panic!("{row}")).to_owned(), row))
        .collect();
    assert_eq!(by_alias.len(), count, "one object a host");
    by_alias
}

/// Outcome and code of each host.
fn told(output: &Output) -> BTreeMap<String, (String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().expect("a word").to_owned();
    let told = |(alias, row): (String, Value)| (alias, (text(&row, "outcome"), text(&row, "code")));
    rows(output).into_iter().map(told).collect()
}

/// Asserts the code of each host, and that the exit status is 0 only where none has failed.
///
/// # Panics
/// When it is otherwise.
#[track_caller]
pub fn assert_told(output: &Output, expected: &[(&str, &str)]) {
    let outcome = |code: &str| if GOOD.contains(&code) { code.to_owned() } else { "failed".to_owned() };
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(alias, code)| ((*alias).to_owned(), (outcome(code), (*code).to_owned())))
        .collect();
    assert_eq!(told(output), expected, "{output:?}");
    let any = expected.values().any(|(outcome, _)| outcome == "failed");
    assert_eq!(output.status.code(), Some(i32::from(any)), "{output:?}");
}

/// The names in /etc/sudoers.d.
#[must_use]
pub fn names(host: &Host) -> String {
    String::from_utf8_lossy(&host.run(&NAMES).success().get_output().stdout).into_owned()
}

/// Asserts that the agent may run the helper, and nothing more, and that nothing is left beside the rule.
///
/// # Panics
/// When it is otherwise.
#[track_caller]
pub fn assert_granted(host: &Host) {
    host.run_as(AGENT, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"]).success();
    host.run_as(AGENT, &["sudo", "-k", "-n", "true"]).failure();
    host.run(&["stat", "-c", "%a %u %g", RULE]).stdout("440 0 0\n");
    host.run(&["visudo", "-c"]).success();
    let names = names(host);
    assert!(names.contains("zz-sudo-helper-ai-agent") && !names.contains(".zz"), "{names}");
}

/// Asserts that nothing of ours is there.
///
/// # Panics
/// When something is.
#[track_caller]
pub fn assert_untouched(host: &Host) {
    assert!(!names(host).contains("zz-sudo-helper"), "{}", names(host));
}

/// How often sudo on a host was given a wrong password.
#[must_use]
pub fn wrong_passwords(host: &Host) -> usize {
    let wrong = |entry: &Value| {
        entry["MESSAGE"]
            .as_str()
            .is_some_and(|message| message.contains("pam_unix(sudo:auth): authentication failure"))
    };
    host.journal().iter().filter(|entry| wrong(entry)).count()
}
