//! sudoers-install killed at each of its system calls: the old state, or the new one, which says that it is
//! not proven.

#[path = "sudoers_install/site.rs"]
mod site;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bed::{Call, traced};
use serde_json::{Value, json};
use site::{AGENT, FILE, Said, Site};

/// A second place for the helper, which the old rule names.
const OTHER: &str = "/usr/local/bin/sudo-helper";
/// The command.
const INSTALL: [&str; 5] = ["sudoers-install", "install", "--user", AGENT, "--replace-legacy"];
/// A rule that it replaces, and its file.
const LEGACY: &str = "ai-agent ALL=(ALL) NOPASSWD: /home/ai-agent/.local/bin/systems-manager-helper\n";
const LEGACY_FILE: &str = "/etc/sudoers.d/systems-manager-ai-agent";
/// For sh: what others see after it was killed.
const LOOK: &str = "setpriv --reuid alice --regid alice --init-groups sudo -n /usr/bin/id -u 2>&1
    visudo -c >/dev/null && echo fine; cat /etc/sudoers.d/zz-sudo-helper-ai-agent 2>/dev/null | sha256sum
    ls -A /etc/sudoers.d | tr '\\n' ' '; echo; sudoers-install status --json";
/// What is there while the new rule is not proven.
const PREVIOUS: &str = ".zz-sudo-helper-ai-agent.previous";
/// Hosts that share the work.
const HOSTS: usize = 3;

/// Where the lock is taken; nothing but its file may have been changed before.
fn first_that_counts(calls: &[String]) -> usize {
    let locked = calls.iter().position(|call| call.starts_with("flock(")).expect("it locks");
    let changes = ["O_CREAT", "O_WRONLY", "O_RDWR", "rename", "link", "truncate", "mkdir", "chmod", "chown"];
    for call in &calls[..locked] {
        let harmless = ["/dev/null", "/dev/tty", "\"sudoers-install.lock\""];
        let harmless = call.starts_with("readlink") || harmless.iter().any(|name| call.contains(name));
        assert!(harmless || !changes.iter().any(|change| call.contains(change)), "{call}");
    }
    locked + 1
}

/// What is there before.
#[derive(Clone, Copy)]
struct Before {
    /// Another rule for the helper.
    rule: bool,
    /// The original's rule.
    legacy: bool,
    /// sudo-rs instead of sudo.
    sudo_rs: bool,
}

const NOTHING: Before = Before { rule: false, legacy: false, sudo_rs: false };

/// A host with the old state, and what tells the states apart.
struct Bench {
    site: Site,
    legacy: bool,
    old: Option<String>,
    new: String,
}

impl Bench {
    fn boot(before: Before) -> Option<Self> {
        let site = if before.sudo_rs { Site::boot_sudo_rs()? } else { Site::boot()? };
        site.run(&["cp", "/usr/bin/sudo-helper", OTHER]).success();
        site.install_for(AGENT, &[]).done();
        let new = site.read(FILE);
        site.run(&["rm", FILE]).success();
        let old = before.rule.then(|| {
            site.install_for(AGENT, &["--helper", OTHER]).done();
            site.read(FILE)
        });
        Some(Self { site, legacy: before.legacy, old, new })
    }

    /// The old state, whatever is there.
    fn reset(&self) {
        let script = "cd /etc/sudoers.d; rm -f zz-* .zz-*
            put() { test -z \"$1\" || { printf %s \"$1\" >/root/old; install -m 0440 /root/old \"$2\"; }; }
            put \"$1\" \"$2\"; put \"$3\" \"$4\"";
        let (old, legacy) = (self.old.as_deref().unwrap_or(""), if self.legacy { LEGACY } else { "" });
        self.site.run(&["sh", "-ec", script, "sh", old, FILE, legacy, LEGACY_FILE]).success();
    }

    /// All that decides what comes next: names, numbers of links, contents. The temporary file has its
    /// writer's number in its name.
    fn snapshot(&self) -> String {
        let script = "cd /etc/sudoers.d; stat -c '%n %h %s %a' $(ls -A); sha256sum $(ls -A)";
        let said = self.site.said(&["sh", "-c", script]).success().stdout;
        let words = said.split_inclusive([' ', '.', '\n']);
        words.filter(|word| !word.ends_with('.') || word.parse::<f64>().is_err()).collect()
    }

    /// What is there: the status' word, and the file is the old or the new one.
    fn look(&self, when: usize) -> Value {
        let said = self.site.said(&["sh", "-c", LOOK]);
        let lines: Vec<&str> = said.stdout.lines().collect();
        let hash = |text: &str| {
            Said::of(self.site.command(&["sh", "-c", "printf %s \"$1\" | sha256sum", "sh", text]))
        };
        // The rule of another account works, without a word against the configuration.
        assert_eq!(lines[..2], ["0", "fine"], "{when}: {said:?}");
        let is = |text: &str| hash(text).stdout.trim() == lines[2];
        let (old, new) = (is(self.old.as_deref().unwrap_or("")), is(&self.new));
        assert!(old != new, "{when}: {said:?}");
        let names: Vec<&str> = lines[3].split_whitespace().collect();
        let pending = names.contains(&PREVIOUS) && new;
        let expected = match (old, pending) {
            (true, _) if self.old.is_none() => "not-installed",
            (true, _) => "effective",
            (false, true) => "not-proven",
            (false, false) => "effective",
        };
        let status: Vec<Value> =
            lines[4..].iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(status[0]["state"], expected, "{when}: {said:?}");
        // All that is there besides is named.
        let named = status.iter().filter(|object| object["state"] == "left-over");
        let named: BTreeSet<&str> =
            named.filter_map(|object| object["file"].as_str()?.rsplit('/').next()).collect();
        let left = names.iter().filter(|name| name.starts_with('.') && !(pending && **name == PREVIOUS));
        assert_eq!(named, left.copied().collect(), "{when}: {said:?}");
        // The original's rule goes last.
        let legacy = names.contains(&"systems-manager-ai-agent");
        assert!(legacy || !self.legacy || (new && !pending), "{when}: {said:?}");
        json!({"new": new, "pending": pending, "legacy": legacy})
    }

    /// The next run ends with the new rule proven, or with none, and leaves nothing behind.
    fn next(&self, when: usize) {
        let files = |site: &Site| site.said(&["ls", "-A", "/etc/sudoers.d"]).stdout;
        if when % 4 == 3 {
            self.site.call("remove").success();
            let files = files(&self.site).replace("systems-manager-ai-agent\n", "");
            assert_eq!(files, "README\ncontrol\n", "{when}");
            return;
        }
        self.site.install_for(AGENT, &["--replace-legacy"]).done();
        assert_eq!(files(&self.site), "README\ncontrol\nzz-sudo-helper-ai-agent\n", "{when}");
        assert_eq!(self.site.read(FILE), self.new);
    }
}

fn killed_at_each(before: Before) {
    let next = AtomicUsize::new(0);
    let seen = thread::scope(|scope| {
        let hosts = [(); HOSTS].map(|()| scope.spawn(|| share(before, &next)));
        hosts.map(|host| host.join().expect("a host"))
    });
    if seen.iter().any(Option::is_none) {
        return;
    }
    let seen: Vec<Value> = seen.into_iter().flatten().flatten().collect();
    // Each of the states was met.
    let state =
        |new, pending, legacy| json!({"new": new, "pending": pending, "legacy": legacy && before.legacy});
    for state in [state(false, false, true), state(true, true, true), state(true, false, false)] {
        assert!(seen.contains(&state), "{state}: {seen:?}");
    }
}

/// Takes one call after another until a run is over before it comes to the call.
fn share(before: Before, next: &AtomicUsize) -> Option<Vec<Value>> {
    let bench = Bench::boot(before)?;
    bench.reset();
    let calls = traced(|words| bench.site.command(words), &INSTALL, None).calls;
    let first = first_that_counts(&calls);
    let (mut seen, mut examined) = (Vec::new(), BTreeSet::new());
    loop {
        let when = first + next.fetch_add(1, Ordering::Relaxed);
        if when >= calls.len() {
            return Some(seen);
        }
        let Some(call) = Call::of(&calls, when) else { continue };
        bench.reset();
        // How often it waits differs from run to run: the last of a kind may not come.
        let killed = traced(|words| bench.site.command(words), &INSTALL, Some(&call)).killed;
        // What the folder holds is all that a killed run leaves: each such state is examined once.
        if killed && examined.insert(bench.snapshot()) {
            seen.push(bench.look(when));
            bench.next(when);
        }
    }
}

#[test]
fn at_each_call_where_there_was_no_rule() {
    killed_at_each(NOTHING);
}

#[test]
fn at_each_call_where_another_rule_and_the_original_s_are_replaced() {
    killed_at_each(Before { rule: true, legacy: true, ..NOTHING });
}

#[test]
fn at_each_call_under_sudo_rs() {
    killed_at_each(Before { rule: true, sudo_rs: true, ..NOTHING });
}

#[test]
fn what_cannot_be_proven_any_more_is_taken_back() {
    for rule in [false, true] {
        let Some(bench) = Bench::boot(Before { rule, ..NOTHING }) else { return };
        bench.reset();
        let calls = traced(|words| bench.site.command(words), &INSTALL, None).calls;
        let renamed = calls.iter().position(|call| call.starts_with("rename")).expect("it renames");
        bench.reset();
        assert!(
            traced(|words| bench.site.command(words), &INSTALL, Call::of(&calls, renamed + 3).as_ref())
                .killed
        );
        assert_eq!(bench.look(renamed), json!({"new": true, "pending": true, "legacy": false}));
        bench.site.run(&["chage", "-E", "0", AGENT]).success();
        let said = bench.site.install_for(AGENT, &[]);
        assert!(said.stderr.contains("the state before it is back"), "{said:?}");
        said.failure("account-expired");
        bench.site.run(&["chage", "-E", "-1", AGENT]).success();
        assert_eq!(bench.look(renamed), json!({"new": false, "pending": false, "legacy": false}));
    }
}
