//! Who installs: a home with a key and known hosts, and both tools with the same inventory.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bed::{Host, Network};
use nix::unistd::{User, geteuid};

use super::instances::{DROP_IN, GRANTEE, LOGIN, PASSWORD, PORTS, RULE};
use crate::process::{installed, timed};

/// Hosts at a time, but for Ansible as it comes, which takes 5.
pub const AT_A_TIME: u16 = 16;

/// For sh: runs the words after it with the folder $0 as the home $1, and the password as descriptor 3.
/// Ansible's connections to earlier rounds are gone, as at the first run of a day.
const AT_HOME: &str = r#"
mount --bind "$0" "$1"; cd "$1"; rm -rf .ansible; export HOME="$1"; shift; exec 3<password; exec "$@"
"#;

/// What runs a command in namespaces of its own, with which all that it leaves behind ends.
const APART: [&str; 8] =
    ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub enum Tool {
    /// `sudoers-install cluster`.
    Ours,
    /// ansible-playbook as it comes.
    Ansible,
    /// The same with as many hosts at a time as ours, without facts, and without a file for each task.
    AnsibleTuned,
    /// One ssh(1) and one sudo(8) a host, that do nothing.
    Bare,
}

impl Tool {
    /// Its column in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "sudoers-install",
            Self::Ansible => "ansible copy+validate",
            Self::AnsibleTuned => "the same, tuned",
            Self::Bare => "ssh and sudo once a host",
        }
    }

    /// What is run over the first `count` instances.
    fn words(self, count: u16) -> Vec<String> {
        let inventory = &*format!("inventory-{count}.yaml");
        let at_a_time = &*AT_A_TIME.to_string();
        let words = match self {
            Self::Ours => {
                let install = ["./sudoers-install", "cluster", "install", "--inventory", inventory];
                [&install[..], &["--user", GRANTEE, "--password-fd", "3", "--jobs", at_a_time]].concat()
            }
            Self::Ansible => [&ANSIBLE[..], &["-i", inventory]].concat(),
            Self::AnsibleTuned => [&ANSIBLE[..], &["-i", inventory, "--forks", at_a_time]].concat(),
            Self::Bare => vec!["sh", "-ec", BARE, at_a_time, LOGIN, inventory],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// The same as one would type it.
    pub fn typed(self, count: u16) -> String {
        let words = self.words(count).join(" ");
        match self {
            Self::Ours => format!("{} 3<password", words.trim_start_matches("./")),
            Self::Ansible => words,
            Self::AnsibleTuned => {
                TUNED.into_iter().rev().fold(words, |words, (name, value)| format!("{name}={value} {words}"))
            }
            Self::Bare => format!("ssh HOST sudo -k -S true <password # each, {AT_A_TIME} at a time"),
        }
    }
}

/// For sh: [`Tool::Bare`] on the hosts of the inventory $2 as $1, $0 at a time.
const BARE: &str = r#"
sed -n 's/.*ansible_host: \(.*\), ansible_port: \(.*\)}/\1 \2/p' "$2" |
  xargs -P "$0" -L 1 sh -c 'exec ssh -T -o BatchMode=yes -l "$0" -p "$2" -- "$1" sudo -k -S -p "" true <password' "$1"
"#;

/// The peer's program.
pub fn ansible() -> Option<PathBuf> {
    installed("ansible-playbook")
}

/// What makes Ansible faster.
const TUNED: [(&str, &str); 2] = [("ANSIBLE_PIPELINING", "1"), ("ANSIBLE_GATHERING", "explicit")];

const ANSIBLE: [&str; 4] = ["ansible-playbook", "--become-password-file", "password", "playbook.yaml"];

/// The home, and how the tools are started in it.
pub struct Operator<'a> {
    network: &'a Network,
    home: PathBuf,
    /// Over which `home` is laid: ssh(1) asks the name service, not HOME.
    real_home: PathBuf,
    key: String,
}

impl<'a> Operator<'a> {
    /// Makes it, with our program, below `memory`.
    pub fn new(network: &'a Network, ours: &Path, memory: &Path) -> io::Result<Self> {
        let home = memory.join("operator");
        let ssh = home.join(".ssh");
        fs::create_dir_all(&ssh)?;
        fs::set_permissions(&ssh, Permissions::from_mode(0o700))?;
        fs::copy(ours, home.join("sudoers-install"))?;
        fs::write(home.join("password"), format!("{PASSWORD}\n"))?;
        fs::write(home.join("playbook.yaml"), playbook())?;
        // Where it is run from, this one goes before the machine's.
        fs::write(home.join("ansible.cfg"), "[defaults]\n")?;
        let file = ssh.join("id_ed25519");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file);
        if !keygen.status()?.success() {
            return Err(io::Error::other("ssh-keygen made no key"));
        }
        let real_home = User::from_uid(geteuid())?.map_or_else(|| PathBuf::from("/root"), |user| user.dir);
        let key = fs::read_to_string(file.with_extension("pub"))?;
        Ok(Self { network, home, real_home, key })
    }

    /// Its public key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Accepts the keys of the first `count` instances of a host, and writes the inventories of all.
    pub fn knows(&self, host: &Host, count: u16) -> io::Result<()> {
        let address = host.address();
        let key = host.read("/etc/ssh/ssh_host_ed25519_key.pub");
        let known: String =
            (1..=count).map(|number| format!("[{address}]:{} {key}", PORTS + number)).collect();
        fs::write(self.home.join(".ssh/known_hosts"), known)?;
        let mut inventory = format!("all:\n  vars: {{ansible_user: {LOGIN}}}\n  hosts:\n");
        for number in 1..=count {
            let port = PORTS + number;
            inventory += &format!("    host{number}: {{ansible_host: {address}, ansible_port: {port}}}\n");
            fs::write(self.home.join(format!("inventory-{number}.yaml")), &inventory)?;
        }
        Ok(())
    }

    /// The time of one run over the first `count` instances, in seconds.
    pub fn seconds(&self, tool: Tool, count: u16) -> io::Result<f64> {
        let words = tool.words(count);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.command(&words);
        if matches!(tool, Tool::AnsibleTuned) {
            command.envs(TUNED);
        }
        let said = tempfile::NamedTempFile::new_in(&self.home)?;
        command.stdin(Stdio::null()).stdout(said.reopen()?).stderr(said.reopen()?);
        let (time, status) = timed(&mut command)?;
        if status.success() {
            return Ok(time.as_secs_f64());
        }
        let text = String::from_utf8_lossy(&fs::read(said.path())?).into_owned();
        Err(io::Error::other(format!("{} ended with {status}: {text}", tool.name())))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.network.command(&APART);
        command.args(["sh", "-ec", AT_HOME]).arg(&self.home).arg(&self.real_home).args(words);
        // No search for it on each host.
        command.env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3");
        command
    }
}

/// What one writes for Ansible: checked before it is in place.
fn playbook() -> String {
    format!(
        "- hosts: all\n  become: true\n  tasks:\n    - ansible.builtin.copy:\n        \
         content: \"{RULE}\\n\"\n        dest: {DROP_IN}\n        owner: root\n        group: root\n        \
         mode: '0440'\n        validate: /usr/sbin/visudo -c -f %s\n"
    )
}
