//! A stand-in for the SSM agent on a test host: its processes under their real names, and its units with
//! the settings of the deb and of the snap.

mod kind;
mod said;

use std::ops::{Deref, DerefMut};

use crate::capture::capture;
use crate::host::{Host, Image, Network};
use crate::running::eventually;

pub use kind::Kind;
pub use said::Said;

/// The program under test.
const PROGRAM: &str = "ssm-keepalive";

/// For sh, as the agent's core, with the folders of its programs and of its state: starts the worker again
/// and again, or ends as `mode` says. Like the real one it ends the worker that an earlier core has left.
const CORE: &str = r#"cd "$2" || exit
echo "$$" >>started
word='' value='' child=''
read -r word value <mode
case $word in exit) exit "$value" ;; esac
if read -r left <worker && read -r name <"/proc/$left/comm" && test "$name" = ssm-agent-worke; then
  kill -KILL "$left"
fi
trap 'kill "$child"; exit 0' TERM
while :; do
  case $word in
    asleep) sleep infinity & ;;
    *) "$1/ssm-agent-worker" /usr/share/stand-in/worker "$1" & ;;
  esac
  child=$!
  echo "$child" >worker
  wait "$child"
done
"#;

/// For sh, as the worker: runs each script that comes in by a FIFO, in a process group of its own.
const WORKER: &str = r#"rm -f commands; mkfifo commands; exec 3<>commands
while read -r script <&3; do
  setsid --fork "$1/ssm-document-worker" /usr/share/stand-in/document "$script" 3<&-
done
"#;

/// For sh: runs one script, and says how it ended.
const DOCUMENT: &str = r#"sh "$1" >"$1.out" 2>&1
echo "$?" >"$1.ended"
"#;

/// For sh: the programs in the folder $1 are shells, so that the kernel gives their names to processes.
const FURNISH: &str = r#"mkdir -p "$1" "$2"
for name in amazon-ssm-agent ssm-agent-worker ssm-document-worker; do cp -L /bin/sh "$1/$name"; done
touch "$2/mode" "$2/worker" "$2/started"
"#;

/// A host with ssm-keepalive in /usr/bin and an agent that runs.
pub struct Agent {
    host: Host,
    kind: Kind,
}

impl Agent {
    /// Boots it; `None`, said so, where that is impossible.
    #[must_use]
    pub fn boot(kind: Kind) -> Option<Self> {
        Self::absent(kind).map(|agent| Self::on(agent.host, kind))
    }

    /// Has an agent run on a host, whoever brings ssm-keepalive there.
    #[must_use]
    pub fn on(host: Host, kind: Kind) -> Self {
        let agent = Self { host, kind };
        agent.furnish(kind);
        agent.run(&["systemctl", "enable", "--quiet", "--now", kind.unit()]).success();
        agent.await_worker();
        agent
    }

    /// The same on a host whose systemd is 254 or later; `None`, said so, where there is none either.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn boot_newer(kind: Kind) -> Option<Self> {
        let host = Network::new()?.host_of("newer", Image::Newer);
        host.install(PROGRAM);
        let agent = Self { host, kind };
        let version = agent.said(&["systemctl", "--version"]).success().stdout;
        let number = version.split(' ').nth(1).and_then(|number| number.parse().ok());
        if number.is_none_or(|number: u32| number < 254) {
            eprintln!("skipped: no test host with systemd 254: {version}");
            return None;
        }
        Some(Self::on(agent.host, kind))
    }

    /// A host where that agent is not there.
    #[must_use]
    pub fn absent(kind: Kind) -> Option<Self> {
        let host = Host::boot()?;
        host.install(PROGRAM);
        Some(Self { host, kind })
    }

    /// The agent of this kind, too: its programs and its unit, not started.
    pub fn furnish(&self, kind: Kind) {
        for (name, text) in [("core", CORE), ("worker", WORKER), ("document", DOCUMENT)] {
            self.write(&format!("/usr/share/stand-in/{name}"), text, 0o644, "root:root");
        }
        self.run(&["sh", "-ec", FURNISH, "sh", kind.programs(), kind.state()]).success();
        self.write(&kind.fragment(), kind.text(), 0o644, "root:root");
        self.reload();
    }

    /// Has systemd read its units.
    pub fn reload(&self) {
        self.run(&["systemctl", "daemon-reload"]).success();
    }

    /// Puts a drop-in of the operator's beside the one of ssm-keepalive, and has systemd read it.
    pub fn drop_in(&self, name: &str, text: &str) {
        self.write(&self.kind.beside(name), text, 0o644, "root:root");
        self.reload();
    }

    /// From its next start on: empty as usual, `asleep` without a worker, `exit N` ends at once.
    pub fn mode(&self, mode: &str) {
        self.write(&format!("{}/mode", self.kind.state()), format!("{mode}\n"), 0o644, "root:root");
    }

    /// A property of its unit, as `systemctl show` prints it.
    #[must_use]
    pub fn property(&self, name: &str) -> String {
        self.property_of(self.kind.unit(), name)
    }

    /// The same of another unit.
    #[must_use]
    pub fn property_of(&self, unit: &str, name: &str) -> String {
        let said = self.said(&["systemctl", "show", "--value", "--property", name, unit]).success();
        said.stdout.trim_end().to_owned()
    }

    /// `Restart`, `RestartUSec`, `StartLimitIntervalUSec` as they count.
    #[must_use]
    pub fn effective(&self) -> [String; 3] {
        ["Restart", "RestartUSec", "StartLimitIntervalUSec"].map(|name| self.property(name))
    }

    /// Awaits a value of a property.
    ///
    /// # Panics
    /// When it never comes.
    pub fn await_property(&self, name: &str, value: &str) {
        eventually(&format!("{name} is {value}"), || self.property(name) == value);
    }

    /// The pid of the core inside; 0 for none.
    #[must_use]
    pub fn main_pid(&self) -> String {
        self.property("MainPID")
    }

    /// Whether the worker takes commands.
    #[must_use]
    pub fn takes_commands(&self) -> bool {
        let look = r#"read -r worker <"$0/worker" && kill -0 "$worker" && test -p "$0/commands""#;
        capture(self.command(&["sh", "-c", look, self.kind.state()])).status.success()
    }

    /// Awaits that the worker takes commands.
    ///
    /// # Panics
    /// When it never does.
    pub fn await_worker(&self) {
        eventually("the worker is there", || self.takes_commands());
    }

    /// Kills the core with SIGKILL.
    pub fn kill(&self) {
        self.run(&["kill", "-KILL", &self.main_pid()]).success();
    }

    /// How often the core has been started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.read(&format!("{}/started", self.kind.state())).lines().count()
    }

    /// Runs a script as Run Command does: below the worker, in the agent's control group. The script is the
    /// file `path`; it is over when `path.ended` has its status, and `path.out` what it said.
    pub fn send_command(&self, path: &str, script: &str) {
        self.write(path, script, 0o700, "root:root");
        let send = r#"echo "$0" >"$1/commands""#;
        self.run(&["sh", "-c", send, path, self.kind.state()]).success();
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        capture(self.command(&["test", "-e", path])).status.success()
    }

    /// What is in the folder of its drop-ins, names and contents; empty where there is no folder.
    #[must_use]
    pub fn drop_ins(&self) -> String {
        let list = "cd \"$0\" 2>/dev/null || exit 0; echo folder; for f in $(ls -A); do stat -c '%n %a %u:%g' \"$f\"; \
                    cat \"$f\"; done";
        self.said(&["sh", "-c", list, &self.kind.beside("")]).success().stdout
    }

    /// `ssm-keepalive WORDS` as root; words are split at spaces.
    #[must_use]
    pub fn call(&self, words: &str) -> Said {
        self.said(&[&[PROGRAM], &words.split(' ').collect::<Vec<_>>()[..]].concat())
    }

    /// What a command of root's says.
    #[must_use]
    pub fn said(&self, words: &[&str]) -> Said {
        Said::of(self.command(words))
    }
}

impl Deref for Agent {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Agent {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}
