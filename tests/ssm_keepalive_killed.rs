//! ssm-keepalive killed at each of its system calls: the agent is never worse off than before.

use std::collections::BTreeSet;

use bed::agent::{Agent, Kind};
use bed::{Call, signalled, traced};

/// For sh: has the folder $0 hold the file $1 with the text $2, or be gone where there is none.
const RESET: &str = "rm -rf \"$0\"; if test -n \"$2\"; then mkdir -p \"$0\"; printf %s \"$2\" >\"$1\"; fi";
/// What an operator made by hand.
const BY_HAND: &str = "[Service]\nRestart=always\nRestartSec=1min\n";
/// What counts once it is installed.
const OURS: [&str; 3] = ["always", "10s", "0"];

/// Calls that change nothing outside of the process, and that no other process waits for.
const HARMLESS: [&str; 19] = [
    "brk",
    "close",
    "fcntl",
    "fstat",
    "getdents64",
    "geteuid",
    "getpgid",
    "getpid",
    "getrandom",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "newfstatat",
    "openat",
    "read",
    "rt_sigaction",
    "rt_sigprocmask",
    "statx",
];

fn is_harmless(call: &str) -> bool {
    let kind = call.split_once('(').map_or("", |(kind, _)| kind);
    HARMLESS.contains(&kind) && !call.contains("O_CREAT")
}

/// The first call that may change a file of systemd's; before it there is but the lock.
fn first_change(calls: &[String]) -> usize {
    let kinds = ["mkdir", "unlink", "rename", "link", "symlink", "truncate", "chmod", "chown", "write"];
    let changes = |call: &String| {
        kinds.iter().any(|kind| call.starts_with(kind)) || call.contains("O_EXCL") || call.contains("O_TRUNC")
    };
    calls.iter().position(changes).expect("it changes something")
}

/// A host whose agent has what `before` says in its drop-in, and the two states that it may be in.
struct Bench {
    agent: Agent,
    before: String,
    words: Vec<&'static str>,
    old: [String; 3],
    new: [String; 3],
}

impl Bench {
    /// `before` gives the text, on a host where the program was not run yet.
    fn boot(before: impl Fn(&Agent) -> String, words: &[&'static str]) -> Option<Self> {
        let agent = Agent::boot(Kind::Package)?;
        let before = before(&agent);
        let mut bench =
            Self { agent, before, words: words.to_vec(), old: Default::default(), new: Default::default() };
        bench.reset();
        bench.old = bench.agent.effective();
        let _ = bench.agent.said(words).success();
        bench.new = bench.agent.effective();
        Some(bench)
    }

    /// The old state, whatever is there.
    fn reset(&self) {
        let folder = Kind::Package.beside("");
        self.agent.run(&["sh", "-ec", RESET, &folder, &Kind::Package.drop_in(), &self.before]).success();
        self.agent.reload();
    }

    /// The names beside the drop-in.
    fn names(&self) -> BTreeSet<String> {
        let said = self.agent.said(&["ls", "-A", &Kind::Package.beside("")]);
        said.stdout.lines().map(str::to_owned).collect()
    }

    /// What systemd goes by is the old or the new, with and without reading it again, and no mixture.
    fn look(&self, when: &str) -> bool {
        for reload in [false, true] {
            if reload {
                self.agent.reload();
            }
            let found = self.agent.effective();
            assert!([&self.old, &self.new].contains(&&found), "{when}: {found:?}");
        }
        // systemd reads what is named *.conf, and nothing else that is left.
        let names = self.names();
        assert!(
            names.iter().all(|name| name == "restart.conf" || name.starts_with('.')),
            "{when}: {names:?}"
        );
        assert_eq!(self.agent.property("ActiveState"), "active", "{when}");
        self.agent.effective() == self.new
    }

    /// The next run finishes, and leaves nothing behind.
    fn next(&self, when: &str) {
        let _ = self.agent.call("install").success();
        assert_eq!(self.agent.effective(), OURS, "{when}");
        assert_eq!(self.names(), ["restart.conf".to_owned()].into(), "{when}");
        let _ = self.agent.call("verify").success();
        let _ = self.agent.call("remove").success();
        assert!(!self.names().iter().any(|name| name.starts_with('.')), "{when}");
    }
}

/// Kills it at one call after another; both states must have been met.
fn killed_at_each(before: impl Fn(&Agent) -> String, words: &[&'static str]) {
    let Some(bench) = Bench::boot(before, words) else { return };
    let pid = bench.agent.main_pid();
    bench.reset();
    let calls = traced(|words| bench.agent.command(words), &bench.words, None).calls;
    let (mut seen, mut examined) = (BTreeSet::new(), BTreeSet::new());
    let first = first_change(&calls);
    for when in first..calls.len() {
        // Killed on entry: a call before that changed nothing outside leaves what was met already.
        if when > first && is_harmless(&calls[when - 1]) {
            continue;
        }
        let Some(call) = Call::of(&calls, when) else { continue };
        bench.reset();
        let said = format!("{} of {}: {}", when + 1, calls.len(), calls[when]);
        // How often it waits differs from run to run: the last of a kind may not come.
        if !traced(|words| bench.agent.command(words), &bench.words, Some(&call)).killed {
            continue;
        }
        // What is in the folder, and what systemd has read of it, is all that a killed run leaves.
        let left = (bench.agent.drop_ins().replace(char::is_numeric, "N"), bench.agent.effective());
        if examined.insert(left) {
            seen.insert(bench.look(&said));
            bench.next(&said);
        }
    }
    assert_eq!(seen, [false, true].into(), "both states");
    assert_eq!(bench.agent.main_pid(), pid, "the agent was never ended");
}

#[test]
fn at_each_call_of_the_first_install() {
    killed_at_each(|_| String::new(), &["ssm-keepalive", "install"]);
}

#[test]
fn at_each_call_where_a_drop_in_made_by_hand_is_adopted() {
    killed_at_each(|_| BY_HAND.to_owned(), &["ssm-keepalive", "install"]);
}

#[test]
fn at_each_call_of_remove() {
    let installed = |agent: &Agent| {
        let _ = agent.call("install").success();
        agent.read(&Kind::Package.drop_in())
    };
    killed_at_each(installed, &["ssm-keepalive", "remove"]);
}

/// Sends one signal after another to an install at its rename and the calls after it: it ends by that, in this state.
fn signalled_after_the_rename(agent: &Agent, expected: &[String; 3], names: &str) {
    let install = ["ssm-keepalive", "install"];
    let calls = traced(|words| agent.command(words), &install, None).calls;
    let renamed = calls.iter().position(|call| call.starts_with("rename")).expect("it renames");
    for (when, name) in (renamed..renamed + 4).zip(["TERM", "INT", "HUP", "TERM"]) {
        let _ = agent.call("remove").success();
        let call = Call::of(&calls, when).expect("a call");
        let ended = signalled(|words| agent.command(words), &install, Some(&call), name);
        assert!([129, 130, 143].contains(&ended.status), "{name} at {}: {}", calls[when], ended.status);
        assert_eq!(agent.effective(), *expected, "{name} at {}", calls[when]);
        assert_eq!(agent.said(&["ls", "-A", &Kind::Package.beside("")]).stdout, names, "{name}");
    }
}

#[test]
fn a_signal_between_the_rename_and_the_proof_waits_until_the_new_state_is_proven_or_the_old_one_back() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    signalled_after_the_rename(&agent, &OURS.map(str::to_owned), "restart.conf\n");
    let _ = agent.call("remove").success();
    agent.write("/etc/systemd/system/service.d/zzz.conf", "[Service]\nRestartSec=5min\n", 0o644, "root:root");
    agent.reload();
    signalled_after_the_rename(&agent, &agent.effective(), "");
}

/// Whatever there is of the watch on a host, for sh.
const WATCH: &str = "ls -A /etc/systemd/system /etc/systemd/system/timers.target.wants /var/lib 2>/dev/null | grep \
                     ssm-keepalive; systemctl list-units --all --plain --no-legend 'ssm-keepalive*'";

#[test]
fn at_each_change_of_an_install_with_a_watch_and_of_its_remove() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let (old, pid) = (agent.effective(), agent.main_pid());
    let install = ["ssm-keepalive", "install", "--watch"];
    let remove = ["ssm-keepalive", "remove"];
    let ours = OURS.map(str::to_owned);
    for (prepare, words) in [(&remove[..], &install[..]), (&install, &remove)] {
        let _ = agent.said(prepare).success();
        let calls = traced(|words| agent.command(words), words, None).calls;
        let changes = |call: &String| {
            ["rename", "mkdirat", "symlink", "unlink", "clone", "vfork"]
                .iter()
                .any(|kind| call.starts_with(kind))
        };
        let first = first_change(&calls);
        for when in (first..calls.len()).filter(|when| changes(&calls[*when])) {
            let _ = agent.said(prepare).success();
            let call = Call::of(&calls, when).expect("a call");
            if !traced(|words| agent.command(words), words, Some(&call)).killed {
                continue;
            }
            let said = format!("{words:?} at {}", calls[when]);
            assert!([&old, &ours].contains(&&agent.effective()), "{said}");
            // The next run completes it, or takes it away.
            let _ = agent.call(if when % 2 == 0 { "install --watch" } else { "install" }).success();
            assert_eq!(agent.effective(), ours, "{said}");
            let _ = agent.call("remove").success();
            assert_eq!(agent.said(&["sh", "-c", WATCH]).stdout, "", "{said}");
            assert_eq!((agent.effective(), agent.main_pid()), (old.clone(), pid.clone()), "{said}");
        }
    }
}
