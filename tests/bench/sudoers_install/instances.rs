//! Many sshd on one test host, each in a mount namespace with an /etc and a lock of sudoers-install of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

use bed::Host;

/// The port before that of the first.
pub const PORTS: u16 = 2200;

/// Who logs in, with a sudo rule that asks for a password.
pub const LOGIN: &str = "admin";

/// That password.
pub const PASSWORD: &str = "correct horse";

/// Who gets the rule.
pub const GRANTEE: &str = "agent";

/// The rule, and where both tools put it.
pub const RULE: &str = "agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper";
pub const DROP_IN: &str = "/etc/sudoers.d/zz-sudo-helper-agent";

const HELPER: &str = "/usr/bin/sudo-helper";
const PYTHON: &str = "/usr/bin/python3";

/// For python3: where its modules are.
const LIBRARY: &str = "import os; print(os.path.dirname(os.__file__))";

/// While this file is there every session begins with five seconds of nothing (sshd(8), SSHRC).
const SSHRC: (&str, &str) = ("/etc/ssh/sshrc", "sleep 5\n");

/// For sh: accounts, $1 with the password $2 and $3 with none.
const ACCOUNTS: &str = r#"
for user in "$1" "$3"; do useradd --create-home --shell /bin/bash --password '*' "$user"; done
echo "$1:$2" | chpasswd
"#;

/// For sh: starts $1 instances; the port of the first is one above $2.
const START: &str = r#"
install -m 0600 /dev/null /run/sudoers-install.lock
for number in $(seq "$1"); do
  folder=/run/instances/$number; mkdir -p "$folder/upper" "$folder/work"
  unshare --mount --propagation private sh -ec '
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc
    install -m 0600 /dev/null "$0/lock"; mount --bind "$0/lock" /run/sudoers-install.lock
    exec /usr/sbin/sshd -p "$1" -o "PidFile=$0/pid"' "$folder" "$(($2 + number))"
done
"#;

/// For sh: runs the words after it in the namespace of each instance, and prints how often they succeeded.
const EACH: &str = r#"
count=0
for pid in /run/instances/*/pid; do
  if nsenter --target "$(cat "$pid")" --mount "$@"; then count=$((count + 1)); fi
done
echo "$count"
"#;

/// Makes the host what all instances begin with; whether Ansible can work there.
pub fn furnish(host: &Host, helper: &Path, key: &str) -> io::Result<bool> {
    host.write(HELPER, fs::read(helper)?, 0o755, "root:root");
    done(host.command(&["sh", "-ec", ACCOUNTS, "sh", LOGIN, PASSWORD, GRANTEE]))?;
    host.write(&format!("/etc/sudoers.d/{LOGIN}"), format!("{LOGIN} ALL=(ALL) ALL\n"), 0o440, "root:root");
    let owner = format!("{LOGIN}:{LOGIN}");
    host.write(&format!("/home/{LOGIN}/.ssh/authorized_keys"), key, 0o600, &owner);
    complete_python(host)
}

/// Test hosts have a minimal installation of python3, of the same release as the machine's.
fn complete_python(host: &Host) -> io::Result<bool> {
    let Ok(output) = Command::new(PYTHON).args(["-I", "-c", LIBRARY]).output() else { return Ok(false) };
    let library = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let Some(relative) = library.strip_prefix('/').filter(|_| output.status.success()) else {
        return Ok(false);
    };
    let archive = Command::new("tar").args(["-C", "/", "-c", "--exclude=*/test", relative]).output()?;
    host.write("/run/python.tar", archive.stdout, 0o600, "root:root");
    done(host.command(&["tar", "-C", "/", "-xf", "/run/python.tar", "--skip-old-files"]))?;
    done(host.command(&["rm", "/run/python.tar"]))?;
    Ok(archive.status.success())
}

/// The running ones.
pub struct Instances<'a> {
    host: &'a Host,
}

impl<'a> Instances<'a> {
    /// Starts `count` of them.
    pub fn start(host: &'a Host, count: u16) -> io::Result<Self> {
        done(host.command(&["sh", "-ec", START, "sh", &count.to_string(), &PORTS.to_string()]))?;
        Ok(Self { host })
    }

    /// Takes the rule from all of them.
    pub fn clear(&self) -> io::Result<()> {
        self.each(&["rm", "-f", DROP_IN]).map(|_| ())
    }

    /// How many have it.
    pub fn with_rule(&self) -> io::Result<u16> {
        self.each(&["grep", "-qsxF", RULE, DROP_IN])
    }

    /// Whether they answer late from now on. Each /etc is its own from the start, so this goes to each.
    pub fn slow(&self, late: bool) -> io::Result<()> {
        let (path, script) = SSHRC;
        if late {
            self.each(&["sh", "-c", "printf %s \"$0\" >\"$1\"", script, path]).map(|_| ())
        } else {
            self.each(&["rm", path]).map(|_| ())
        }
    }

    fn each(&self, words: &[&str]) -> io::Result<u16> {
        let output = done(self.host.command(&[&["sh", "-c", EACH, "sh"][..], words].concat()))?;
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
    }
}

fn done(mut command: Command) -> io::Result<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("on the test host: {}: {}", output.status, said.trim())))
}
