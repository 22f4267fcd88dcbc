//! A host of a cluster, and what root's script says there.

#![allow(dead_code, reason = "not every file of tests needs all of it")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use bed::{Host, capture, spawn, tool};
use sudoers_install::account::Account;
use sudoers_install::drop_in::{DropIn, Grant};
use sudoers_install::remote::{
    Action, Change, ChangeFacts, Elevation, FileName, Nonce, ProgramPath, Sha256Hex, State, Survey,
    SurveyFacts, UserName,
};
use sudoers_install::user_token::UserToken;

/// The account that gets the rule.
pub const AGENT: &str = "ai-agent";
/// An administrator: sudo with the password.
pub const ADMIN: &str = "admin";
pub const PASSWORD: &str = "correct horse' $(battery) \\staple";
pub const HELPER: &str = "/usr/bin/sudo-helper";
pub const TARGET: &str = "/etc/sudoers.d/zz-sudo-helper-ai-agent";
/// What is there while it is not proven.
pub const KEPT: &str = "/etc/sudoers.d/.zz-sudo-helper-ai-agent.previous";
/// Lists all names in the folder, those with a dot first included.
const NAMES: [&str; 3] = ["sh", "-c", "ls -A /etc/sudoers.d | grep -v README | tr '\\n' ' '"];

/// A host with the helper, the account and an administrator.
pub struct Site {
    /// The host.
    pub host: Host,
    /// The account's uid.
    pub uid: u32,
    /// The login's shell, before the command line.
    pub shell: Vec<&'static str>,
}

impl Site {
    pub fn boot() -> Option<Self> {
        let host = Host::boot()?;
        host.install("sudo-helper");
        host.user(ADMIN);
        host.run(&["usermod", "-aG", "sudo", ADMIN]).success();
        let shadow = format!("{ADMIN}:{PASSWORD}\n");
        host.run(&["sh", "-c", "printf %s \"$0\" | chpasswd", &shadow]).success();
        let uid = host.user(AGENT);
        Some(Self { host, uid, shell: vec!["/bin/bash", "-c"] })
    }

    /// What sudoers-install writes.
    pub fn text(&self, helper: &str) -> String {
        drop_in(self.uid, AGENT, helper).render()
    }

    pub fn order<'a>(&self, action: Action, parts: &'a Parts) -> Change<'a> {
        Change {
            action,
            sudo: &parts.sudo,
            elevation: Elevation::Passwordless,
            nonce: &parts.nonce,
            file: &parts.file,
            user: &parts.user,
            uid: self.uid,
            helper: &parts.helper,
            text: &parts.text,
            sha256: &parts.sha256,
            replace_legacy: false,
        }
    }

    pub fn parts(&self) -> Parts {
        Parts::new(self.text(HELPER), HELPER)
    }

    /// Root's command line, by the login shell of root.
    pub fn command(&self, change: &Change<'_>) -> Command {
        let line = change.command().expect("operands that can be quoted");
        self.host.command(&[&self.shell[..], &[&line]].concat())
    }

    pub fn change(&self, change: &Change<'_>) -> ChangeFacts {
        let output = capture(self.command(change));
        let facts = ChangeFacts::parse(&output.stdout, change.nonce);
        let facts = facts.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(output.status.code(), Some(i32::from(facts.code != "ok")), "{facts:?} {output:?}");
        facts
    }

    pub fn act(&self, action: Action) -> ChangeFacts {
        self.change(&self.order(action, &self.parts()))
    }

    /// Asserts what an action comes to.
    pub fn expect(&self, action: Action, state: State, code: &str) -> ChangeFacts {
        let facts = self.act(action);
        assert_eq!((facts.state, facts.code.as_str()), (state, code), "{facts:?}");
        facts
    }

    pub fn survey(&self, login: &str, grantee: Option<&str>) -> SurveyFacts {
        let (nonce, helper) = (Nonce::fresh().expect("random"), ProgramPath::parse(HELPER).expect("a path"));
        let grantee = grantee.map(|name| UserName::parse(name).expect("a name"));
        let survey = Survey { nonce: &nonce, helper: &helper, grantee: grantee.as_ref() };
        let line = survey.command().expect("a command line");
        let output = capture(self.host.command_as(login, &[&self.shell[..], &[&line]].concat()));
        let facts = SurveyFacts::parse(&output.stdout, &nonce);
        facts.unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    pub fn names(&self) -> String {
        let output = capture(self.host.command(&NAMES));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn sh(&self, script: &str) -> String {
        let assert = self.host.run(&["/bin/bash", "-euc", script]).success();
        String::from_utf8_lossy(&assert.get_output().stdout).trim().to_owned()
    }

    /// What is run by processes that have just taken up the agent's ids, and with how many variables: the agent
    /// could trace any that is not root's. The session of the caller is left by then (setsid(2)).
    pub fn programs_as_agent(&self, command: &Command) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("calls");
        let mut traced = Command::new(tool("strace"));
        traced.args(["-f", "-qq", "-e", "trace=execve,setuid,setresuid,setsid"]);
        traced.args(["-e", "status=successful", "-o"]).arg(&log).arg("--");
        traced.arg(command.get_program()).args(command.get_args());
        traced.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = capture(traced);
        assert!(output.status.success(), "{output:?}");
        let log = std::fs::read_to_string(log).expect("a log");
        assert!(log.contains(" setsid()"), "{log}");
        let ids = [format!(" setuid({})", self.uid), format!(" setresuid({0}, {0}, {0})", self.uid)];
        let mut became = BTreeSet::new();
        let mut programs = Vec::new();
        for line in log.lines() {
            let pid = line.split(' ').next().expect("a pid");
            if ids.iter().any(|call| line.contains(call)) {
                became.insert(pid);
            } else if line.contains(" execve(") && became.remove(pid) {
                let words: Vec<&str> = line.split(['"', '*']).collect();
                programs.push(format!("{}{}", words[1], words[words.len() - 2].trim_end()));
            }
        }
        programs
    }

    /// Whether the rule has effect.
    pub fn effective(&self) -> bool {
        let probe = ["sudo", "-k", "-n", "--", HELPER, "probe", "Abcdefgh"];
        capture(self.host.command_as(AGENT, &probe)).status.success()
    }
}

/// Operands of one order.
pub struct Parts {
    pub sudo: ProgramPath,
    pub nonce: Nonce,
    pub file: FileName,
    pub user: UserName,
    pub helper: ProgramPath,
    pub text: String,
    pub sha256: Sha256Hex,
}

impl Parts {
    pub fn new(text: String, helper: &str) -> Self {
        Self {
            sudo: ProgramPath::parse("/usr/bin/sudo").expect("a path"),
            nonce: Nonce::fresh().expect("random"),
            file: FileName::parse("zz-sudo-helper-ai-agent").expect("a name"),
            user: UserName::parse(AGENT).expect("a name"),
            helper: ProgramPath::parse(helper).expect("a path"),
            sha256: sha256(&text),
            text,
        }
    }
}

/// The file of a rule for the helper.
pub fn drop_in(uid: u32, user: &str, helper: &str) -> DropIn {
    let account = Account { uid, gid: uid, name: user.to_owned() };
    let token = UserToken::of(&account).to_string();
    DropIn { uid, user: user.to_owned(), token, grant: Grant::Helper(helper.into()) }
}

pub fn sha256(text: &str) -> Sha256Hex {
    let output = with_input(Command::new("sha256sum"), text.as_bytes());
    Sha256Hex::parse(&String::from_utf8_lossy(&output.stdout)[..64]).expect("a SHA-256")
}

pub fn with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    // Who does not read it need not.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("a child can be waited for")
}

/// For python3: one connection that dies. Runs the command line $1; once the file $3 is there it closes the
/// output and sends signal $2 to the group of the login, or to the one process that it started ($4).
pub const CUT: &str = r#"
import os, signal, subprocess, sys
line, number, point, whom = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
child = subprocess.Popen(["/bin/bash", "-c", line], stdout=subprocess.PIPE, start_new_session=True)
while child.poll() is None and not os.path.lexists(point): pass
print("cut" if child.returncode is None else "late", flush=True)
child.stdout.close()
try: (os.kill if whom == "one" else os.killpg)(child.pid, number)
except ProcessLookupError: pass
child.wait()
"#;
