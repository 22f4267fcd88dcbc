//! sudo-helper's changes of packages: real apt-get, real dpkg, a repository that the test makes.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use bed::helped::{AGENT, ALICE, Answer, Helped};
use bed::{Host, Package, Repository, Running, capture, eventually};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

/// In a maintainer script: says that it is there, and waits until [`go_on`].
const WAIT: &str = ": >/srv/inside; read -r line </srv/gate";

/// A host with the packages in its repository, and apt that knows of them.
fn host_with(packages: &[Package]) -> Option<Helped> {
    let host = Helped::boot()?;
    Repository::of(&host).add(packages).update();
    host.run(&["mkfifo", "/srv/gate"]).success();
    Some(host)
}

/// The policy: these may be installed and removed, and whatever names no package is allowed.
fn allow(host: &Helped, names: &[&str], limits: Value) {
    let packages: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(["install", "remove"]))).collect();
    let actions = json!(["update", "upgrade", "autoremove", "autoclean", "repair"]);
    host.policy(&json!({"packages": packages, "package_actions": actions, "limits": limits}));
}

/// The state of a package, as dpkg-query(1) abbreviates it, and its version.
fn state(host: &Host, package: &str) -> String {
    let installed = installed(host);
    let line = installed.lines().find_map(|line| line.strip_prefix(&format!("{package} ")));
    line.unwrap_or_default().to_owned()
}

/// Package, state and version of all that is installed, and of what is not whole.
fn installed(host: &Host) -> String {
    let list = host.run(&["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}${Version}\n"]);
    String::from_utf8(list.success().get_output().stdout.clone()).expect("names are ASCII")
}

/// The record of how the request of an answer ended, once it has.
fn result(host: &Host, answer: &Value) -> Value {
    let found = RefCell::new(None);
    eventually("the result is recorded", || {
        let is_it = |entry: &Value| {
            entry["SUDO_HELPER_EVENT"] == "result" && entry["SUDO_HELPER_REQUEST_ID"] == answer["request_id"]
        };
        *found.borrow_mut() = host.journal().into_iter().find(is_it);
        found.borrow().is_some()
    });
    found.into_inner().expect("it was found")
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("no text {key}: {json}"))
}

/// Shows sudo-helper a host whose PID 1 is not systemd (sd_booted(3)), until it is dropped.
fn hide_systemd(host: &Host) -> Hidden<'_> {
    host.run(&["mv", "/run/systemd/system", "/run/systemd/system.away"]).success();
    Hidden(host)
}

struct Hidden<'host>(&'host Host);

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        self.0.run(&["mv", "/run/systemd/system.away", "/run/systemd/system"]).success();
    }
}

/// Whether a sudo-helper is at work.
fn is_at_work(host: &Host) -> bool {
    host.run(&["pgrep", "-x", "sudo-helper"]).get_output().status.success()
}

/// Asks for something that takes its time.
fn ask(host: &Helped, words: &str) -> Running {
    Running::start(host.command_of(AGENT, &words.split(' ').collect::<Vec<_>>()))
}

/// What it answers in the end.
fn answer(asking: Running) -> Answer {
    let line = asking.line().expect("an answer");
    let json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(asking.line(), None, "one line");
    Answer { status: asking.status(), json, stderr: String::new() }
}

/// Writes to a file that the kernel makes.
fn tell(host: &Host, path: &str, word: &str) {
    fs::write(outside(host, path), word).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// A path of the host's as the test itself sees it.
fn outside(host: &Host, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{path}", host.leader()))
}

/// Waits until a script has come to [`WAIT`].
fn await_inside(host: &Host) {
    let inside = outside(host, "/srv/inside");
    eventually("the script is there", || fs::remove_file(&inside).is_ok());
}

/// Lets a script go on that waits.
fn go_on(host: &Host) {
    host.run(&["sh", "-c", "echo >/srv/gate"]).success();
}

mod changes {
    use super::*;

    #[test]
    fn packages_are_installed_and_removed_by_name() {
        let names = ["one", "two", "three"];
        let Some(host) = host_with(&names.map(|name| Package::new(name, "1.0"))) else { return };
        allow(&host, &names, json!({}));
        let answer = host.ask("package install one two").success();
        assert_eq!((&answer["returncode"], &answer["truncated"]), (&json!(0), &json!(false)));
        assert_eq!(answer["plan"], json!(["install one 1.0", "install two 1.0"]));
        assert_eq!(
            (&answer["argv"][0], text(&answer, "op")),
            (&json!("/usr/bin/apt-get"), "package install one two")
        );
        assert!(text(&answer, "stdout").contains("Setting up two (1.0)"), "{answer}");
        assert_eq!((state(&host, "one"), state(&host, "two")), ("ii 1.0".into(), "ii 1.0".into()));
        let again = host.ask("package install one").success();
        assert_eq!(again["plan"], json!([]));
        let more = host.ask("--dry-run package install one three").success();
        assert_eq!(more["plan"], json!(["install three 1.0"]));
        let absent = host.ask("package remove three").success();
        assert_eq!(absent["plan"], json!([]));
        let removed = host.ask("package remove two one").success();
        assert_eq!(removed["plan"], json!(["remove one 1.0", "remove two 1.0"]));
        assert_eq!((state(&host, "one"), state(&host, "two")), (String::new(), String::new()));
        let end = result(&host, &answer);
        assert_eq!(
            (&end["SUDO_HELPER_RETURNCODE"], &end["SUDO_HELPER_DECISION"]),
            (&json!("0"), &json!("allowed"))
        );
    }

    #[test]
    fn what_apt_does_not_have_is_not_found() {
        let Some(host) = host_with(&[Package::new("there", "1")]) else { return };
        allow(&host, &["nosuch", "there"], json!({}));
        let answer = host.ask("package install there nosuch").failure(1, "not-found");
        assert!(text(&answer, "stderr").contains("E: Unable to locate package nosuch\n"), "{answer}");
        assert_eq!(answer["returncode"], 100);
        assert_eq!(state(&host, "there"), "");
        let compat = host.ask("--compat-exit package install nosuch");
        assert_eq!((compat.status, &compat.json["success"]), (0, &json!(false)), "{compat:?}");
        host.ask("package remove nosuch").failure(1, "not-found");
    }

    #[test]
    fn an_update_finds_what_there_is_and_an_upgrade_installs_it() {
        let Some(host) = host_with(&[Package::new("tool", "1.0")]) else { return };
        allow(&host, &["tool"], json!({}));
        host.run(&["sh", "-c", "rm -r /var/lib/apt/lists/*"]).success();
        host.ask("package install tool").failure(1, "not-found");
        let updated = host.ask("package update").success();
        assert_eq!((&updated["returncode"], &updated["plan"]), (&json!(0), &json!([])));
        host.ask("package install tool").success();
        Repository::of(&host).add(&[Package::new("tool", "1.1")]);
        host.ask("package update").success();
        let upgraded = host.ask("package upgrade").success();
        assert_eq!(upgraded["plan"], json!(["upgrade tool from 1.0 to 1.1"]));
        assert_eq!(state(&host, "tool"), "ii 1.1");
    }

    #[test]
    fn an_update_that_does_not_reach_a_source_fails() {
        let Some(host) = host_with(&[Package::new("tool", "1.0")]) else { return };
        allow(&host, &["tool"], json!({}));
        for source in ["http://192.0.2.1/debian", "http://deb.invalid/debian", "file:/srv/nosuch"] {
            let line = format!("deb [trusted=yes] {source} ./\n");
            host.write("/etc/apt/sources.list.d/gone.list", line, 0o644, "root");
            let answer = host.ask("package update").failure(1, "network");
            assert!(text(&answer, "stderr").contains("Failed to fetch"), "{answer}");
        }
        host.run(&["rm", "/etc/apt/sources.list.d/gone.list", "/srv/repo/tool_1.0_all.deb"]).success();
        host.ask("package install tool").failure(1, "network");
    }

    #[test]
    fn autoremove_takes_what_nothing_needs_and_nothing_protected() {
        let needs = |name: &str, what: &str| Package::new(name, "1").field("Depends", what);
        let packages = [
            Package::new("libx", "1"),
            needs("tool", "libx"),
            needs("daily", "other"),
            Package::new("other", "1"),
        ];
        let Some(host) = host_with(&packages) else { return };
        allow(&host, &["tool", "daily"], json!({}));
        host.ask("package install tool").success();
        host.ask("package install daily").success();
        host.ask("package remove tool").success();
        let removed = host.ask("package autoremove").success();
        assert_eq!(removed["plan"], json!(["remove libx 1"]));
        assert_eq!((state(&host, "libx"), state(&host, "other")), (String::new(), "ii 1".into()));
        host.run(&["apt-mark", "auto", "openssh-server"]).success();
        let before = installed(&host);
        let refused = host.ask("package autoremove").failure(3, "denied-plan");
        assert!(text(&refused, "error").contains("openssh-server"), "{refused}");
        assert_eq!(installed(&host), before);
    }

    #[test]
    fn autoclean_erases_only_what_cannot_be_had_any_more() {
        let Some(host) = host_with(&[Package::new("tool", "2.0")]) else { return };
        allow(&host, &["tool"], json!({}));
        let archives = "/var/cache/apt/archives";
        host.run(&["cp", "/srv/repo/tool_2.0_all.deb", archives]).success();
        let gone = Package::new("gone", "1.0");
        let repository = Repository::of(&host);
        repository.add(std::slice::from_ref(&gone));
        host.run(&["cp", "/srv/repo/gone_1.0_all.deb", archives]).success();
        repository.remove(&gone);
        host.ask("package autoclean").success();
        host.run(&["ls", archives]).stdout(contains("tool_2.0_all.deb").and(contains("gone").not()));
    }

    #[test]
    fn a_changed_configuration_file_is_kept_without_a_question() {
        let version =
            |version: &str, text: &str| Package::new("tool", version).conffile("/etc/tool.conf", text);
        let Some(host) = host_with(&[version("1.0", "first\n"), Package::new("other", "1")]) else { return };
        allow(&host, &["tool", "other"], json!({}));
        host.ask("package install tool").success();
        host.write("/etc/tool.conf", "mine\n", 0o644, "root");
        Repository::of(&host).add(&[version("1.1", "second\n")]).update();
        host.ask("package install tool").success();
        assert_eq!((state(&host, "tool"), host.read("/etc/tool.conf")), ("ii 1.1".into(), "mine\n".into()));
        assert_eq!(host.read("/etc/tool.conf.dpkg-dist"), "second\n");
        host.ask("package install other").success();
    }

    #[test]
    fn names_that_apt_reads_otherwise_never_reach_it() {
        let Some(host) = host_with(&[Package::new("hello", "1.0"), Package::new("hello", "2.0")]) else {
            return;
        };
        allow(&host, &["hello"], json!({}));
        host.ask("package install hello").success();
        let before = installed(&host);
        host.run(&["cp", "/srv/repo/hello_1.0_all.deb", "/x.deb"]).success();
        // Whoever starts it would be seen.
        host.write("/usr/bin/apt-get", "#!/bin/sh\necho \"$@\" >>/srv/started\nexit 100\n", 0o755, "root");
        for name in [
            "hello-",
            "hello+",
            "hell*",
            "hell?",
            "[h]ello",
            "hell.",
            "^hello",
            "hello=1.0",
            "hello/stable",
            "hello:amd64",
            "hello:all",
            "./x.deb",
            "/x.deb",
            "x.deb",
            "hello^",
            "~nhello",
            "?name(hello)",
            "-s",
            "--purge",
            "-oDir=/tmp",
            "--allow-downgrades",
            "",
            " ",
            "hello\n",
            "hello\nother",
            "HELLO",
            "h\u{435}llo",
            "hello\u{a0}",
        ] {
            for verb in ["install", "remove"] {
                for words in [vec!["package", verb, name], vec!["package", verb, "hello", name]] {
                    let answer = Answer::of(host.command_of(AGENT, &words));
                    assert!([2, 3].contains(&answer.status), "{words:?}: {answer:?}");
                }
            }
        }
        for words in
            ["package update hello", "package upgrade hello", "package autoremove -y", "package repair x"]
        {
            host.ask(words).failure(2, "usage");
        }
        host.run(&["test", "-e", "/srv/started"]).failure();
        assert_eq!(installed(&host), before);
    }
}

mod scripts {
    use super::*;

    /// Installs the package `it` with this postinst.
    fn install(postinst: &str, limits: Value) -> Option<(Helped, Answer)> {
        let host = host_with(&[Package::new("it", "1").script("postinst", postinst)])?;
        allow(&host, &["it"], limits);
        let answer = host.ask("package install it");
        Some((host, answer))
    }

    /// Whether there is a terminal, how much there is to read, and what ps(1) says.
    const LOOKS: &str = r#"
        { tty -s && echo tty || echo no tty
          sh -c 'exec </dev/tty' 2>/dev/null && echo opened || echo not opened
          wc -c
          ps -o tty= -p $$
        } >/srv/looked"#;

    #[test]
    fn a_script_has_no_terminal_and_an_empty_input() {
        let Some(host) = host_with(&[Package::new("it", "1").script("postinst", LOOKS)]) else { return };
        allow(&host, &["it"], json!({}));
        let ask = ["sudo", "-n", "sudo-helper", "package", "install", "it"];
        for without_systemd in [false, true] {
            let _hidden = without_systemd.then(|| hide_systemd(&host));
            let running = host.on_terminal(AGENT, &ask);
            let lines = running.rest();
            assert_eq!(running.status(), 0, "{lines:?}");
            assert_eq!(host.read("/srv/looked"), "no tty\nnot opened\n0\n?\n");
            host.run(&["rm", "/srv/looked"]).success();
            host.ask("package remove it").success();
        }
    }

    /// What a script sees beside what dpkg itself adds; PWD is the shell's.
    const ENVIRONMENT: [&str; 11] = [
        "APT_LISTCHANGES_FRONTEND=none",
        "DEBIAN_FRONTEND=noninteractive",
        "DEBIAN_PRIORITY=critical",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "NEEDRESTART_MODE=l",
        "PAGER=cat",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD=/",
        "TERM=dumb",
        "UCF_FORCE_CONFFOLD=1",
    ];

    #[test]
    fn a_script_sees_the_helpers_environment_and_nothing_of_the_callers() {
        let package = Package::new("it", "1").script("postinst", "env | sort >/srv/env");
        let Some(host) = host_with(&[package]) else { return };
        allow(&host, &["it"], json!({}));
        let evil = [
            "LC_EVIL",
            "LANG",
            "TERM",
            "TZ",
            "COLORTERM",
            "DISPLAY",
            "HTTP_PROXY",
            "APT_CONFIG",
            "DPKG_ROOT",
        ];
        let evil = evil.map(|name| format!("{name}=evil"));
        let mut words = vec!["env", "DEBIAN_FRONTEND=evil", "PATH=/usr/bin:/evil"];
        words.extend(evil.iter().map(String::as_str));
        words.extend(["sudo", "-n", "sudo-helper", "package", "install", "it"]);
        Answer::of(host.command_as(AGENT, &words)).success();
        let seen = host.read("/srv/env");
        let ours: Vec<&str> = seen.lines().filter(|line| !line.starts_with("DPKG_")).collect();
        assert_eq!(ours, ENVIRONMENT);
        assert!(!seen.contains("evil"), "{seen}");
    }

    #[test]
    fn a_script_that_fails_is_told_of_in_its_own_words() {
        let Some((host, answer)) = install("echo it is broken >&2; exit 3", json!({})) else { return };
        let answer = answer.failure(1, "failed");
        assert_eq!(answer["returncode"], 100);
        assert!(text(&answer, "stderr").contains("it is broken\n"), "{answer}");
        assert!(text(&answer, "stderr").contains("returned error exit status 3"), "{answer}");
        assert_eq!(state(&host, "it"), "iF 1");
        let end = result(&host, &answer);
        assert_eq!(end["SUDO_HELPER_RETURNCODE"], "100");
        assert_eq!(end["SUDO_HELPER_CODE"], "failed");
    }

    /// 10 MB to each output, and then what is in memory.
    const WRITES: &str = "head -c 10000000 /dev/zero | tr '\\0' x
        head -c 10000000 /dev/zero | tr '\\0' y >&2
        echo end
        cat /proc/[0-9]*/status >/srv/status";

    #[test]
    fn of_a_script_that_writes_much_the_end_is_kept() {
        let Some((host, answer)) = install(WRITES, json!({"output_bytes": 2000})) else { return };
        let answer = answer.success();
        assert_eq!(answer["truncated"], true);
        assert_eq!((text(&answer, "stdout").len(), text(&answer, "stderr").len()), (2000, 2000));
        assert!(text(&answer, "stdout").ends_with("xxxend\n"), "{answer}");
        // Neither the one that waits for the answer nor the one that reads all this keeps it.
        let status = host.read("/srv/status");
        let ours = status.split("Name:").filter(|process| process.starts_with("\tsudo-helper\n"));
        let peak = |process: &str| {
            let line = process.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
            line.trim().trim_end_matches(" kB").parse::<u32>().expect("KiB")
        };
        let peaks: Vec<u32> = ours.map(peak).collect();
        assert!(peaks.len() >= 2 && peaks.iter().all(|kib| *kib < 9000), "{peaks:?}");
    }

    #[test]
    fn what_a_script_writes_that_is_no_text_is_lossy() {
        let Some((_host, answer)) = install(r"printf 'a\377\033[2J\0b\n' >&2", json!({})) else { return };
        let answer = answer.success();
        assert_eq!(answer["lossy"], true);
        assert!(text(&answer, "stderr").contains("a\u{fffd}\u{1b}[2J\0b\n"), "{answer}");
    }

    #[test]
    fn what_a_script_leaves_running_is_not_waited_for_and_lives_on() {
        let daemon = "setsid sh -c 'echo $$ >/srv/pid; exec sleep infinity' & \
                      while ! [ -s /srv/pid ]; do sleep 0.01; done";
        let Some(host) = host_with(&[Package::new("it", "1").script("postinst", daemon)]) else { return };
        allow(&host, &["it"], json!({}));
        for without_systemd in [false, true] {
            let _hidden = without_systemd.then(|| hide_systemd(&host));
            host.ask("package install it").success();
            let pid = host.read("/srv/pid").trim().to_owned();
            let output = format!("/proc/{pid}/fd/1");
            host.run(&["readlink", &output]).success().stdout(contains("pipe:"));
            eventually("no worker is left", || !is_at_work(&host));
            host.run(&["kill", "-0", &pid]).success();
            host.run(&["rm", "/srv/pid"]).success();
            host.ask("package remove it").success();
        }
    }
}

mod locks {
    use super::*;

    /// Opens a file $1 and holds a lock on it as apt and dpkg do, until its input ends.
    const HOLD: &str = "
import fcntl, os, sys
file = open(sys.argv[1], 'a')
fcntl.lockf(file, fcntl.LOCK_EX)
print('ready', os.getpid(), flush=True)
sys.stdin.read()
";

    pub const FRONTEND: &str = "/var/lib/dpkg/lock-frontend";
    const DPKG: &str = "/var/lib/dpkg/lock";
    const LISTS: &str = "/var/lib/apt/lists/lock";
    const ARCHIVES: &str = "/var/cache/apt/archives/lock";

    pub fn hold(host: &Host, path: &str) -> Running {
        let holder = Running::start(host.command(&["python3", "-c", HOLD, path]));
        holder.ready();
        holder
    }

    #[test]
    fn a_lock_that_another_program_holds_for_long_is_busy() {
        let Some(host) = host_with(&[Package::new("it", "1")]) else { return };
        for (lock, words) in [
            (FRONTEND, "package install it"),
            (FRONTEND, "package repair"),
            (DPKG, "package repair"),
            (LISTS, "package update"),
            (ARCHIVES, "package install it"),
            (ARCHIVES, "package autoclean"),
        ] {
            for lock_wait_s in [0, 1] {
                allow(&host, &["it"], json!({"lock_wait_s": lock_wait_s}));
                let _holder = hold(&host, lock);
                let answer = host.ask(words).failure(7, "busy");
                assert_eq!(result(&host, &answer)["SUDO_HELPER_CODE"], "busy");
                assert_eq!(state(&host, "it"), "");
            }
        }
    }

    #[test]
    fn a_lock_that_is_released_in_time_is_waited_for() {
        let Some(host) = host_with(&[Package::new("it", "1")]) else { return };
        allow(&host, &["it"], json!({}));
        for (lock, words) in [
            (FRONTEND, "package install it"),
            (FRONTEND, "package remove it"),
            (LISTS, "package update"),
            (ARCHIVES, "package install it"),
            (ARCHIVES, "package autoclean"),
            (FRONTEND, "package repair"),
            (DPKG, "package repair"),
        ] {
            let holder = hold(&host, lock);
            let asking = ask(&host, words);
            eventually(&format!("{words} waits for {lock}"), || waits(&host));
            assert_eq!(holder.status(), 0);
            answer(asking).success();
        }
        assert_eq!(state(&host, "it"), "ii 1");
    }

    /// Whether sudo-helper has asked to be told of a lock's end.
    pub fn waits(host: &Host) -> bool {
        let look =
            "for process in $(pgrep -x sudo-helper); do ls -l /proc/$process/fd; done | grep -q inotify";
        host.run(&["sh", "-c", look]).get_output().status.success()
    }

    #[test]
    fn two_changes_at_once_are_done_one_after_the_other() {
        let waits = Package::new("waits", "1").script("postinst", WAIT);
        let Some(host) = host_with(&[waits, Package::new("it", "1")]) else { return };
        allow(&host, &["waits", "it"], json!({}));
        let first = ask(&host, "package install waits");
        await_inside(&host);
        let second = ask(&host, "package install it");
        eventually("the second waits for its turn", || {
            host.read("/proc/locks").lines().any(|line| line.contains("-> FLOCK"))
        });
        assert_eq!(state(&host, "it"), "");
        // Nobody sees a change of packages in what is only looked at.
        host.ask("--dry-run package install it").success();
        go_on(&host);
        answer(first).success();
        answer(second).success();
        assert_eq!((state(&host, "waits"), state(&host, "it")), ("ii 1".into(), "ii 1".into()));
    }

    #[test]
    fn a_second_change_that_may_not_wait_is_busy() {
        let waits = Package::new("waits", "1").script("postinst", WAIT);
        let Some(host) = host_with(&[waits, Package::new("it", "1")]) else { return };
        allow(&host, &["waits", "it"], json!({"lock_wait_s": 0}));
        let first = ask(&host, "package install waits");
        await_inside(&host);
        for words in ["package install it", "package update", "package autoclean", "package repair"] {
            host.ask(words).failure(7, "busy");
        }
        go_on(&host);
        answer(first).success();
        assert_eq!(state(&host, "it"), "");
    }

    #[test]
    fn a_dry_run_shows_the_plan_and_changes_nothing_even_while_all_is_locked() {
        let Some(host) =
            host_with(&[Package::new("libx", "1"), Package::new("it", "1").field("Depends", "libx")])
        else {
            return;
        };
        allow(&host, &["it"], json!({"lock_wait_s": 0}));
        let _holders = [FRONTEND, DPKG, LISTS, ARCHIVES].map(|lock| hold(&host, lock));
        let before = everything(&host);
        let answer = host.ask("--dry-run package install it").success();
        assert_eq!(
            (&answer["plan"], &answer["dry_run"]),
            (&json!(["install it 1", "install libx 1"]), &json!(true))
        );
        assert_eq!(answer["argv"][0], "/usr/bin/apt-get");
        host.ask("--dry-run package upgrade").success();
        host.ask("--dry-run package update").success();
        host.ask("--dry-run package remove nosuch").failure(3, "denied");
        assert_eq!(everything(&host), before);
    }

    /// The state of dpkg and apt, with the time of the last change of each file.
    fn everything(host: &Host) -> String {
        let find = ["find", "/var/lib/dpkg", "/var/lib/apt", "/etc", "/usr/share", "-printf", "%p %s %T@\n"];
        let found = host.run(&find).success();
        installed(host) + &String::from_utf8_lossy(&found.get_output().stdout)
    }
}

mod plans {
    use super::*;

    fn conflicts(name: &str, with: &str) -> Package {
        Package::new(name, "1").field("Conflicts", with)
    }

    fn depends(name: &str, on: &str) -> Package {
        Package::new(name, "1").field("Depends", on)
    }

    #[test]
    fn what_would_remove_or_downgrade_what_the_policy_does_not_name_is_refused() {
        let packages = [
            Package::new("libx", "1"),
            Package::new("libx", "2"),
            depends("named", "libx"),
            depends("unnamed", "libx"),
            conflicts("rival", "unnamed"),
            conflicts("lockout", "openssh-server"),
            conflicts("coup", "sudo"),
            conflicts("shell", "bash"),
            depends("deep", "rival"),
            depends("older", "libx (= 1)"),
            Package::new("sudo", "0.1"),
        ];
        let Some(host) = host_with(&packages) else { return };
        host.run(&["apt-get", "-y", "-q", "install", "named", "unnamed"]).success();
        let (install, both) = (["install"], ["install", "remove"]);
        host.policy(&json!({
            "packages": {"rival": install, "lockout": install, "coup": install, "shell": install, "deep": install, "libx": both, "named": both},
            "package_actions": ["upgrade"],
        }));
        let before = installed(&host);
        let refused = |words: &str, names: &[&str]| {
            for words in [words.to_owned(), format!("--dry-run {words}")] {
                let answer = host.ask(&words).failure(3, "denied-plan");
                assert!(
                    names.iter().all(|name| text(&answer, "error").contains(name)),
                    "{names:?}: {answer}"
                );
                assert_eq!(answer["returncode"], Value::Null);
                assert_eq!(installed(&host), before, "{words}");
            }
        };
        refused("package install rival", &["remove", " unnamed"]);
        refused("package install deep", &["remove", " unnamed"]);
        refused("package remove libx", &["remove", " unnamed"]);
        refused("package install lockout", &["protected", " openssh-server"]);
        refused("package install coup", &["protected", " sudo"]);
        // What Debian itself calls essential, apt-get does not remove for another package: no plan.
        let unmet = host.ask("package install shell").failure(1, "unmet");
        assert!(text(&unmet, "stdout").contains("shell : Conflicts: bash"), "{unmet}");
        assert_eq!(installed(&host), before);
        let pin = |package: &str, version: &str| {
            let text = format!("Package: {package}\nPin: version {version}\nPin-Priority: 1001\n");
            host.write("/etc/apt/preferences.d/pin", text, 0o644, "root");
        };
        pin("sudo", "0.1");
        refused("package upgrade", &["protected", " sudo"]);
        pin("libx", "1");
        host.policy(
            &json!({"packages": {"rival": ["install"], "older": ["install"]}, "package_actions": ["upgrade"]}),
        );
        refused("package upgrade", &["downgrade", " libx"]);
        refused("package install older", &["downgrade", " libx"]);
        host.ask("package remove openssh-server").failure(3, "denied-builtin");
        host.ask("package install sudo").failure(3, "denied-builtin");
    }

    #[test]
    fn what_the_policy_names_may_go_and_go_back() {
        let packages = [depends("tool", "libx"), Package::new("libx", "2"), conflicts("rival", "tool")];
        let Some(host) = host_with(&packages) else { return };
        allow(&host, &["tool", "libx", "rival"], json!({}));
        host.ask("package install tool").success();
        let removed = host.ask("package remove libx").success();
        assert_eq!(removed["plan"], json!(["remove libx 2", "remove tool 1"]));
        host.ask("package install tool").success();
        let replaced = host.ask("package install rival").success();
        assert_eq!(replaced["plan"], json!(["install rival 1", "remove tool 1"]));
        host.write(
            "/etc/apt/preferences.d/pin",
            "Package: libx\nPin: version 1\nPin-Priority: 1001\n",
            0o644,
            "root",
        );
        Repository::of(&host).add(&[Package::new("libx", "1")]).update();
        let back = host.ask("package install libx").success();
        assert_eq!(back["plan"], json!(["downgrade libx from 2 to 1"]));
        assert_eq!(state(&host, "libx"), "ii 1");
    }
}

mod names {
    use super::*;

    #[test]
    fn a_name_that_apt_does_not_know_is_no_pattern_and_no_suffix() {
        let packages = ["xdockerzioy", "hello", "g++"].map(|name| Package::new(name, "1"));
        let provider = Package::new("provider", "1").field("Provides", "virtual");
        let Some(host) = host_with(&[&packages[..], &[provider]].concat()) else { return };
        allow(&host, &["docker.io", "hello+", "virtual", "g++"], json!({}));
        for without_pattern_only in [false, true] {
            let before = installed(&host);
            let unknown = host.ask("package install docker.io");
            if without_pattern_only {
                let error = text(&unknown.failure(3, "denied-plan"), "error").to_owned();
                assert!(error.contains("other packages than those of these names: docker.io"), "{error}");
            } else {
                let answer = unknown.failure(1, "not-found");
                assert!(text(&answer, "stderr").contains("Unable to locate package docker.io"), "{answer}");
                host.ask("package remove docker.io").failure(1, "not-found");
            }
            for words in ["package install hello+", "package remove hello+", "package install virtual"] {
                let answer = host.ask(words).failure(3, "denied-plan");
                assert!(text(&answer, "error").contains("these names"), "{words}: {answer}");
            }
            // Beside a name that is one.
            let pattern = without_pattern_only.then_some("docker.io");
            for name in ["virtual"].into_iter().chain(pattern) {
                for words in ["package install g++", "--dry-run package install g++"] {
                    let answer = host.ask(&format!("{words} {name}")).failure(3, "denied-plan");
                    let refused = format!("than those of these names: {name}");
                    assert!(text(&answer, "error").ends_with(&refused), "{words} {name}: {answer}");
                }
            }
            assert_eq!(installed(&host), before);
            host.ask("package install g++").success();
            assert_eq!(state(&host, "g++"), "ii 1");
            host.ask("package remove g++").success();
            // As before apt 2.0, which does not know the option.
            replace_apt_get(
                &host,
                r#"for word; do shift; [ "$word" = APT::Cmd::Pattern-Only=true ] && word=Old=1; set -- "$@" "$word"; done"#,
            );
        }
    }
}

/// Has a script run before the real apt-get.
fn replace_apt_get(host: &Host, script: &str) {
    host.run(&["sh", "-c", "[ -e /usr/bin/apt-get.real ] || mv /usr/bin/apt-get /usr/bin/apt-get.real"])
        .success();
    let script = format!("#!/bin/sh\n{script}\nexec /usr/bin/apt-get.real \"$@\"\n");
    host.write("/usr/bin/apt-get", script, 0o755, "root");
}

/// Between a simulation and the apt-get that follows, while `/srv/moment` holds a script, runs that once.
const MOMENT: &str =
    r#"[ "$1" = -s ] || ! mv /srv/moment /srv/now 2>/dev/null || sh -e /srv/now >/srv/said 2>&1"#;

/// Puts a package into the repository when the script that this returns is run.
fn later(host: &Host, package: &Package, file: &str) -> String {
    let repository = Repository::of(host);
    repository.add(std::slice::from_ref(package));
    host.run(&["mkdir", "/srv/later"]).success();
    host.run(&["cp", "/srv/repo/Packages", &format!("/srv/repo/{file}"), "/srv/later"]).success();
    repository.remove(package).update();
    "cp /srv/later/* /srv/repo; /usr/bin/apt-get.real -qq update".to_owned()
}

mod races {
    use super::*;

    /// The moment between the plan and what apt-get makes of it.
    fn at_the_moment(host: &Host, script: &str) {
        let script = script.replace("apt-get", "/usr/bin/apt-get.real -qq -y");
        host.write("/srv/moment", script, 0o644, "root");
    }

    #[test]
    fn what_changes_after_the_plan_is_judged_before_it_is_done() {
        let needs_libx = |name: &str| Package::new(name, "1").field("Depends", "libx");
        let packages = [Package::new("libx", "1"), needs_libx("named"), needs_libx("unnamed")];
        let Some(host) = host_with(&[&packages[..], &[Package::new("tool", "1")]].concat()) else { return };
        allow(&host, &["libx", "named", "tool"], json!({}));
        replace_apt_get(&host, MOMENT);
        // Another package that the removal would take along.
        host.ask("package install named").success();
        at_the_moment(&host, "apt-get install unnamed");
        let refused = host.ask("package remove libx").failure(3, "denied-plan");
        assert!(text(&refused, "error").contains(" unnamed"), "{refused}");
        assert_eq!((state(&host, "libx"), state(&host, "unnamed")), ("ii 1".into(), "ii 1".into()));
        // A version that is as good as the one that was planned.
        let script = later(&host, &Package::new("tool", "2"), "tool_2_all.deb");
        host.write("/srv/moment", script, 0o644, "root");
        let installed = host.ask("package install tool").success();
        assert_eq!((state(&host, "tool"), &installed["plan"]), ("ii 2".into(), &json!(["install tool 2"])));
        // Something else each time.
        host.ask("package remove tool").success();
        let again = "cp /srv/now /srv/moment; n=$(ls /srv/repo | wc -l)
            dpkg-deb -R /srv/repo/tool_2_all.deb /srv/deb
            sed -i \"s/^Version.*/Version: $n/\" /srv/deb/DEBIAN/control
            dpkg-deb -Znone -b /srv/deb /srv/repo/tool_${n}_all.deb; rm -r /srv/deb
            cd /srv/repo; dpkg-deb -f tool_${n}_all.deb >>Packages
            printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' tool_${n}_all.deb \\
              $(stat -c %s tool_${n}_all.deb) $(sha256sum tool_${n}_all.deb | cut -d' ' -f1) >>Packages
            apt-get update";
        at_the_moment(&host, again);
        let refused = host.ask("package install tool").failure(1, "more-than-allowed");
        assert!(text(&refused, "stderr").contains("something else than the plan"), "{refused}");
        assert_eq!(state(&host, "tool"), "");
    }

    #[test]
    fn what_the_own_hooks_of_a_machine_are_told_stays_as_it_was() {
        let Some(host) = host_with(&[Package::new("it", "1")]) else { return };
        allow(&host, &["it"], json!({}));
        let hook = "DPkg::Pre-Install-Pkgs {\"/bin/sh -c 'cat >/srv/told'\";};\n";
        host.write("/etc/apt/apt.conf.d/own", hook, 0o644, "root");
        host.ask("package install it").success();
        assert_eq!(host.read("/srv/told"), "/srv/repo/./it_1_all.deb\n");
    }
}

mod approvals {
    use super::*;

    fn approve(host: &Helped, id: &str) {
        host.ask_as(ALICE, &format!("approve {id}")).success();
    }

    /// Leaves a request that nobody has approved yet: its id, and the plan that an approver sees.
    fn left(host: &Helped, words: &str) -> (String, Value) {
        let id = text(&host.ask(&format!("{words} --no-wait")).failure(8, "pending"), "id").to_owned();
        let pending = host.ask_as(ALICE, "pending").success();
        let requests = pending["pending"].as_array().expect("a list");
        let request = requests.iter().find(|request| request["id"] == *id).expect("it waits");
        (id, request["plan"].clone())
    }

    /// Has it approved and done.
    fn done(host: &Helped, id: &str) -> Value {
        approve(host, id);
        host.ask(&format!("wait {id}")).success()
    }

    fn allow_with(host: &Helped, names: &[&str], approval: &[&str], timeout_s: u32) {
        let packages: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!(["install", "remove"]))).collect();
        host.policy(&json!({
            "packages": packages,
            "package_actions": ["update", "upgrade", "autoremove", "repair"],
            "approval": {"approvers": [ALICE], "operations": approval, "timeout_s": timeout_s},
        }));
    }

    fn depends(name: &str, version: &str, on: &str) -> Package {
        Package::new(name, version).field("Depends", on)
    }

    #[test]
    fn what_a_package_brings_or_takes_along_waits_as_if_it_were_asked_for() {
        let packages = [
            Package::new("docker.io", "1"),
            depends("tool", "1", "docker.io"),
            depends("deep", "1", "tool"),
            Package::new("wall", "1"),
            Package::new("rival", "1").field("Conflicts", "wall"),
            depends("needs", "1", "wall"),
            Package::new("other", "1"),
        ];
        let Some(host) = host_with(&packages) else { return };
        let names = ["docker.io", "tool", "deep", "wall", "rival", "needs", "other"];
        let operations = ["package install docker.io", "package remove wall"];
        let waits = |words: &str, plan: Value| {
            allow_with(&host, &names, &operations, 600);
            assert_eq!(host.ask(&format!("--dry-run {words}")).success()["approval"], true, "{words}");
            let before = installed(&host);
            let (id, shown) = left(&host, words);
            assert_eq!((shown, installed(&host)), (plan, before), "{words}");
            done(&host, &id);
        };
        waits("package install deep", json!(["install deep 1", "install docker.io 1", "install tool 1"]));
        host.ask_as(AGENT, "package install other").success();
        host.ask("package install needs").success();
        waits("package install rival", json!(["install rival 1", "remove needs 1", "remove wall 1"]));
        Repository::of(&host).add(&[Package::new("docker.io", "2")]).update();
        waits("package upgrade", json!(["upgrade docker.io from 1 to 2"]));
        host.ask("package remove rival").success();
        host.ask("package install needs").success();
        host.ask("package remove needs").success();
        waits("package autoremove", json!(["remove wall 1"]));
        // One that dpkg alone has installed lacks what it needs.
        host.run(&["dpkg", "-P", "deep", "tool", "docker.io"]).success();
        host.run(&["dpkg", "-i", "--force-depends", "/srv/repo/tool_1_all.deb"]);
        waits("package repair", json!(["install docker.io 2"]));
        assert_eq!((state(&host, "docker.io"), state(&host, "tool")), ("ii 2".into(), "ii 1".into()));
    }

    #[test]
    fn a_plan_that_changes_while_another_program_has_the_lock_is_judged_again() {
        let Some(host) = host_with(&[Package::new("docker.io", "1"), Package::new("tool", "1")]) else {
            return;
        };
        let repository = Repository::of(&host);
        allow_with(&host, &["tool", "docker.io"], &["package install docker.io"], 600);
        let (id, _) = left(&host, "package install docker.io");
        approve(&host, &id);
        for (words, code, newer) in [
            ("package install tool", "approval-missing", depends("tool", "2", "docker.io")),
            (&format!("wait {id}"), "approval-changed", Package::new("docker.io", "2")),
        ] {
            let holder = locks::hold(&host, locks::FRONTEND);
            let asking = ask(&host, words);
            eventually("it waits for the lock", || locks::waits(&host));
            repository.add(&[newer]).update();
            assert_eq!(holder.status(), 0);
            answer(asking).failure(8, code);
            assert_eq!((state(&host, "tool"), state(&host, "docker.io")), (String::new(), String::new()));
        }
    }

    #[test]
    fn an_approval_that_ends_while_another_program_has_the_lock_is_worth_nothing() {
        let Some(host) = host_with(&[Package::new("tool", "1")]) else { return };
        allow_with(&host, &["tool"], &["package install tool"], 10);
        let (id, _) = left(&host, "package install tool");
        let waits = host.read("/proc/uptime");
        let seconds = |uptime: &str| uptime.split('.').next().and_then(|text| text.parse::<u64>().ok());
        approve(&host, &id);
        let holder = locks::hold(&host, locks::FRONTEND);
        let asking = ask(&host, &format!("wait {id}"));
        eventually("it waits for the lock", || locks::waits(&host));
        eventually("the approval is over", || {
            seconds(&host.read("/proc/uptime")) > seconds(&waits).map(|seconds| seconds + 11)
        });
        assert_eq!(holder.status(), 0);
        answer(asking).failure(8, "approval-expired");
        assert_eq!(state(&host, "tool"), "");
    }

    #[test]
    fn what_changes_after_the_approved_plan_is_not_done() {
        let Some(host) = host_with(&[Package::new("tool", "1")]) else { return };
        allow_with(&host, &["tool"], &["package install tool"], 600);
        replace_apt_get(&host, MOMENT);
        let (id, _) = left(&host, "package install tool");
        approve(&host, &id);
        let script = later(&host, &Package::new("tool", "2"), "tool_2_all.deb");
        host.write("/srv/moment", script, 0o644, "root");
        host.ask(&format!("wait {id}")).failure(8, "approval-changed");
        assert_eq!(state(&host, "tool"), "");
    }

    #[test]
    fn a_plan_names_what_is_only_configured_and_says_when_nothing_would_change() {
        let it = Package::new("it", "1").script("postinst", "[ -e /srv/mended ]");
        let Some(host) = host_with(&[it, Package::new("other", "1")]) else { return };
        let operations = ["package repair", "package install other"];
        allow_with(&host, &["it", "other"], &operations, 600);
        host.ask("package install it").failure(1, "failed");
        assert_eq!(left(&host, "package install other").1, json!(["install other 1", "configure it"]));
        let (id, plan) = left(&host, "package repair");
        assert_eq!(plan, json!(["configure it"]));
        host.write("/srv/mended", "", 0o644, "root");
        let repaired = done(&host, &id);
        assert_eq!((&repaired["plan"], state(&host, "it")), (&json!([]), "ii 1".into()));
        let (id, plan) = left(&host, "package repair");
        assert_eq!(plan, json!(["nothing would change now"]));
        assert_eq!(done(&host, &id)["plan"], json!([]));
    }

    #[test]
    fn a_repair_that_finds_more_to_do_than_was_approved_stops() {
        // With /srv/later in the repository.
        let script = "[ -e /srv/mended ] && cp /srv/later/* /srv/repo && apt-get -qq update";
        let packages = [
            Package::new("it", "1").script("postinst", script),
            depends("tool", "1", "libx"),
            Package::new("libx", "1"),
        ];
        let Some(host) = host_with(&packages) else { return };
        allow_with(&host, &["it", "tool", "libx"], &["package repair"], 600);
        let _ = later(&host, &Package::new("libx", "2"), "libx_2_all.deb");
        host.run(&["dpkg", "-i", "--force-depends", "/srv/repo/tool_1_all.deb"]);
        host.run(&["dpkg", "-i", "/srv/repo/it_1_all.deb"]).failure();
        let (id, plan) = left(&host, "package repair");
        assert_eq!(plan, json!(["install libx 1", "configure it"]));
        host.write("/srv/mended", "", 0o644, "root");
        approve(&host, &id);
        let stopped = host.ask(&format!("wait {id}")).failure(8, "approval-changed");
        assert_eq!(stopped["earlier_steps"][0]["argv"][0], "/usr/bin/dpkg", "{stopped}");
        assert_eq!((state(&host, "it"), state(&host, "libx")), ("ii 1".into(), String::new()));
    }

    #[test]
    fn apts_own_words_come_with_a_plan_that_there_is_not() {
        let Some(host) = host_with(&[Package::new("tool", "1")]) else { return };
        allow_with(&host, &["nosuch"], &["package install nosuch"], 600);
        for words in ["package install nosuch", "--dry-run package install nosuch"] {
            let answer = host.ask(words).failure(1, "not-found");
            assert!(text(&answer, "stderr").contains("E: Unable to locate package nosuch\n"), "{answer}");
            assert_eq!(answer["returncode"], 100, "{answer}");
        }
    }
}

mod bounds {
    use super::*;

    #[test]
    fn a_script_that_takes_too_long_goes_on_and_what_it_leaves_is_repaired() {
        let script = format!("[ -e /srv/mended ] || {{ {WAIT}; exit 1; }}");
        let Some(host) = host_with(&[Package::new("it", "1").script("postinst", &script)]) else { return };
        allow(&host, &["it"], json!({"timeout_s": 1}));
        let answer = host.ask("package install it").failure(6, "timed-out");
        await_inside(&host);
        go_on(&host);
        assert_eq!(result(&host, &answer)["SUDO_HELPER_CODE"], "timed-out");
        assert_eq!(state(&host, "it"), "iF 1");
        host.write("/srv/mended", "", 0o644, "root");
        allow(&host, &["it"], json!({}));
        let repaired = host.ask("package repair").success();
        assert_eq!(
            (state(&host, "it"), &repaired["earlier_steps"][0]["returncode"]),
            ("ii 1".into(), &json!(0))
        );
    }

    #[test]
    fn an_apt_get_that_takes_too_long_before_dpkg_is_stopped() {
        let Some(host) = host_with(&[Package::new("it", "1")]) else { return };
        allow(&host, &["it"], json!({"timeout_s": 1}));
        host.write(
            "/etc/apt/apt.conf.d/slow",
            "DPkg::Pre-Invoke {\"exec sleep infinity\";};\n",
            0o644,
            "root",
        );
        let answer = host.ask("package install it").failure(6, "timed-out");
        assert!(text(&answer, "error").contains("'package repair'"), "{answer}");
        assert_eq!((&answer["timed_out"], &answer["still_running"]), (&json!(true), &Value::Null));
        assert_eq!(state(&host, "it"), "");
    }

    #[test]
    fn what_ignores_the_interrupt_is_never_killed_and_its_end_is_recorded() {
        let script = format!("trap '' INT TERM HUP; {WAIT}");
        let Some(host) = host_with(&[Package::new("it", "1").script("postinst", &script)]) else { return };
        allow(&host, &["it"], json!({"timeout_s": 1}));
        let answer = host.ask("package install it").failure(6, "timed-out");
        assert_eq!((&answer["timed_out"], &answer["still_running"]), (&json!(true), &json!(true)));
        let pid = answer["pid"].to_string();
        assert_eq!(host.read(&format!("/proc/{pid}/comm")), "apt-get\n");
        await_inside(&host);
        // Others wait for it, as for any other change.
        allow(&host, &["it"], json!({"lock_wait_s": 0}));
        host.ask("package remove it").failure(7, "busy");
        let open = ["ls", "/run/sudo-helper/open"];
        host.run(&open).stdout(contains(text(&answer, "request_id")));
        go_on(&host);
        let end = result(&host, &answer);
        assert_eq!(
            (&end["SUDO_HELPER_CODE"], &end["SUDO_HELPER_RETURNCODE"]),
            (&json!("timed-out"), &json!("0"))
        );
        assert_eq!(state(&host, "it"), "ii 1");
        eventually("nothing is open", || host.run(&open).get_output().stdout.is_empty());
    }
}

mod repairs {
    use super::*;

    /// Kills dpkg, and the script that it waits for.
    const KILL: &str = "kill -KILL $(pgrep -x dpkg); pkill -KILL -f /var/lib/dpkg/.*inst";

    #[test]
    fn a_dpkg_that_was_killed_is_told_of_and_repaired() {
        for (script, left) in [("preinst", "iHR1"), ("postinst", "iF 1")] {
            let waits = format!("[ -e /srv/mended ] || {{ {WAIT}; }}");
            let packages = [Package::new("it", "1").script(script, &waits), Package::new("other", "1")];
            let Some(host) = host_with(&packages) else { return };
            allow(&host, &["it", "other"], json!({}));
            let asking = ask(&host, "package install it");
            await_inside(&host);
            host.run(&["sh", "-c", KILL]);
            answer(asking).failure(1, "failed");
            assert_eq!(state(&host, "it"), left);
            let refused = host.ask("package install other").failure(1, "interrupted");
            assert!(text(&refused, "stderr").contains("dpkg was interrupted"), "{refused}");
            host.write("/srv/mended", "", 0o644, "root");
            let repaired = host.ask("package repair").success();
            assert_eq!(repaired["earlier_steps"][0]["argv"][0], "/usr/bin/dpkg");
            assert_eq!(state(&host, "it"), "ii 1");
            host.ask("package install other").success();
        }
    }

    #[test]
    fn broken_dependencies_are_mended_as_far_as_the_policy_goes() {
        let tool = Package::new("tool", "1").field("Depends", "libx");
        let libx = Package::new("libx", "1");
        let Some(host) = host_with(&[tool, libx.clone(), Package::new("other", "1")]) else { return };
        let repository = Repository::of(&host);
        allow(&host, &["other"], json!({}));
        host.run(&["dpkg", "-i", "--force-depends", "/srv/repo/tool_1_all.deb"]);
        host.ask("package install other").failure(1, "unmet");
        let mended = host.ask("package repair").success();
        assert_eq!(mended["plan"], json!(["install libx 1"]));
        assert_eq!((state(&host, "tool"), state(&host, "libx")), ("ii 1".into(), "ii 1".into()));
        repository.remove(&libx).update();
        host.run(&["dpkg", "-r", "--force-depends", "libx"]).success();
        let before = installed(&host);
        let refused = host.ask("package repair").failure(3, "denied-plan");
        assert!(
            text(&refused, "error").contains("remove") && text(&refused, "error").contains(" tool"),
            "{refused}"
        );
        assert_eq!(installed(&host), before);
        allow(&host, &["other", "tool"], json!({}));
        let mended = host.ask("package repair").success();
        assert_eq!(mended["plan"], json!(["remove tool 1"]));
        host.ask("package install other").success();
    }

    #[test]
    fn a_full_disk_is_named() {
        let big = Package::new("big", "1").file("/opt/small/big", vec![b'x'; 1_000_000], 0o644);
        let Some(host) = host_with(&[big, Package::new("it", "1")]) else { return };
        allow(&host, &["big", "it"], json!({}));
        let mount = |options: &str, folder: &str| {
            host.run(&["mkdir", "-p", folder]).success();
            host.run(&["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).success();
        };
        mount("size=64k", "/opt/small");
        let answer = host.ask("package install big").failure(1, "disk-full");
        assert!(text(&answer, "stderr").contains("No space left on device"), "{answer}");
        mount("nr_inodes=1", "/var/lib/dpkg/updates");
        host.ask("package install it").failure(1, "disk-full");
        host.run(&["umount", "/var/lib/dpkg/updates", "/opt/small"]).success();
        host.ask("package install big it").success();
    }
}

mod apart {
    use super::*;

    /// A package that says where its script runs, and waits.
    fn waiting() -> Package {
        Package::new("it", "1").script("postinst", &format!("cat /proc/self/cgroup >/srv/cgroup; {WAIT}"))
    }

    /// A host where it can be installed.
    fn host() -> Option<Helped> {
        let host = host_with(&[waiting()])?;
        allow(&host, &["it"], json!({}));
        Some(host)
    }

    const GROUP: &str = "/sys/fs/cgroup/callers";

    /// Starts to install it, from a control group of the agent's own; with sudo's process id.
    fn install(host: &Host) -> (Running, i32) {
        let script = format!("mkdir -p {GROUP}; echo 0 >{GROUP}/cgroup.procs; exec \"$@\"");
        let enter = [
            "sh",
            "-ec",
            &script,
            "sh",
            "setpriv",
            "--init-groups",
            "--reuid",
            AGENT,
            "--regid",
            AGENT,
            "--",
        ];
        let sudo = ["sh", "-c", "echo ready $$; exec sudo -n sudo-helper package install it"];
        let running = Running::start(host.command(&[&enter[..], &sudo].concat()));
        let pid = running.ready();
        await_inside(host);
        (running, pid)
    }

    /// Asserts that the one change that was begun last was recorded as done, and undoes it.
    fn is_done(host: &Helped, before: usize) {
        let results = || {
            let is_it = |entry: &Value| {
                entry["SUDO_HELPER_EVENT"] == "result"
                    && entry["SUDO_HELPER_OPERATION"] == "package install it"
            };
            host.journal().into_iter().filter(is_it).collect::<Vec<_>>()
        };
        eventually("the end is recorded", || results().len() > before);
        assert_eq!(results()[before]["SUDO_HELPER_RETURNCODE"], "0", "{:?}", results());
        assert_eq!(state(host, "it"), "ii 1");
        let open = ["ls", "/run/sudo-helper/open", "/run/sudo-helper/jobs"];
        eventually("nothing is open", || !is_at_work(host));
        host.run(&open).stdout("/run/sudo-helper/jobs:\n\n/run/sudo-helper/open:\n");
        host.run(&["dpkg", "-P", "it"]).success();
    }

    #[test]
    fn a_change_runs_in_a_unit_outside_the_callers_control_group() {
        let Some(host) = host() else { return };
        let (asking, _) = install(&host);
        let group = host.read("/srv/cgroup");
        let unit =
            |line: &str| line.starts_with("0::/system.slice/sudo-helper-") && line.ends_with(".service");
        assert!(group.lines().any(unit) && !group.contains("callers"), "{group}");
        // Frozen, the caller and what it started wait; what it asked for is done.
        tell(&host, &format!("{GROUP}/cgroup.freeze"), "1");
        go_on(&host);
        eventually("it is installed", || state(&host, "it") == "ii 1");
        eventually("it is recorded", || {
            let ended = |entry: &Value| {
                entry["SUDO_HELPER_EVENT"] == "result" && entry["SUDO_HELPER_CODE"] == Value::Null
            };
            host.journal().iter().any(ended)
        });
        tell(&host, &format!("{GROUP}/cgroup.freeze"), "0");
        answer(asking).success();
        is_done(&host, 0);
        let (asking, _) = install(&host);
        tell(&host, &format!("{GROUP}/cgroup.kill"), "1");
        go_on(&host);
        is_done(&host, 1);
        let _ = asking.rest();
        assert_eq!(asking.status(), 137);
    }

    #[test]
    fn whatever_becomes_of_sudo_the_change_ends_well_and_is_recorded() {
        let Some(host) = host() else { return };
        let mut done = 0;
        for without_systemd in [false, true] {
            let _hidden = without_systemd.then(|| hide_systemd(&host));
            for signal in ["TERM", "HUP", "INT", "QUIT", "KILL"] {
                let (asking, sudo) = install(&host);
                let group = host.read("/srv/cgroup");
                assert_eq!(group.contains("sudo-helper-"), !without_systemd, "{group}");
                host.run(&["kill", "-s", signal, &sudo.to_string()]).success();
                if signal == "KILL" {
                    // And the one that would have printed the answer, which the agent could not do.
                    host.run(&["sh", "-c", "kill -KILL $(pgrep -x -o sudo-helper)"]).success();
                    assert_eq!(asking.status(), 137);
                    go_on(&host);
                } else {
                    go_on(&host);
                    answer(asking).success();
                }
                is_done(&host, done);
                done += 1;
            }
        }
    }

    #[test]
    fn nobody_can_be_a_worker() {
        let Some(host) = host() else { return };
        let worker = |id: &str| Answer::of(host.command_of(AGENT, &["worker", id])).failure(3, "denied");
        let (asking, _) = install(&host);
        let group = host.read("/srv/cgroup");
        let job = group
            .split("sudo-helper-")
            .nth(1)
            .and_then(|rest| rest.split('.').next())
            .expect("a job")
            .to_owned();
        host.run(&["ls", "/run/sudo-helper/jobs"]).success().stdout("");
        let open = host.run(&["ls", "/run/sudo-helper/open"]);
        let request = String::from_utf8_lossy(&open.get_output().stdout).trim().to_owned();
        assert_eq!((job.len(), request.len()), (32, 32), "{job} {request}");
        let guesses = [&job, &request, "0", "", "../open/x", &"0".repeat(32), &"f".repeat(32)];
        for id in guesses {
            worker(id);
        }
        go_on(&host);
        answer(asking).success();
        is_done(&host, 0);
        // A job that is there, too: only root's own unit may take it.
        let job = json!({"request_id": request, "operation": ["package", "install", "it"], "approved": null});
        host.write(&format!("/run/sudo-helper/jobs/{request}"), job.to_string(), 0o600, "root");
        for id in guesses {
            worker(id);
        }
        host.run(&["ls", "/run/sudo-helper/jobs"]).stdout(format!("{request}\n"));
        host.run_as(AGENT, &["sudo-helper", "worker", &request]).code(1).stdout(contains("not-root"));
        assert_eq!(state(&host, "it"), "");
        host.run(&["systemctl", "list-units", "--all", "--plain", "--no-legend", "sudo-helper-*"]).stdout("");
    }

    /// What of the caller's could reach a script: soft limits, priority, masks, the signals up to 28
    /// that are ignored or blocked, folder and groups.
    const SURROUNDINGS: &str = r"{
        for limit in t f d s c n v; do ulimit -S -$limit; done
        nice; umask; pwd; id -G; cat /proc/self/oom_score_adj
        sed -n 's/^Sig\(Blk\|Ign\):.*\(.\{7\}\)$/\1 \2/p' /proc/self/status
        } >/srv/surroundings";

    const SIZE: usize = 3_000_000;

    /// Restored where root may do that; elsewhere a reason to begin nothing.
    const HARD_LIMITS: [&str; 10] =
        ["f 1", "n 8", "n 16", "u 1", "t 1", "d 1000", "v 100000", "s 100", "l 0", "i 0"];

    /// What only a mistake of ours would let through. (With fewer than 16 files sudo itself gives up.)
    const RESTORED: [&str; 13] = [
        "ulimit -S -f 1",
        "ulimit -S -n 16",
        "ulimit -S -u 1",
        "ulimit -S -t 1",
        "ulimit -S -d 1000",
        "ulimit -S -v 100000",
        "ulimit -S -s 100",
        "ulimit -S -l 0 -i 0",
        "trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2 CHLD CONT TSTP XCPU XFSZ",
        "umask 0777",
        "cd /tmp; mkdir gone; cd gone; rmdir ../gone",
        "exec <&- 2>&-",
        "renice -n 19 $$ >/dev/null; echo 1000 >/proc/self/oom_score_adj; taskset -p 1 $$ >/dev/null",
    ];

    #[test]
    fn under_hostile_limits_all_of_it_is_installed_or_nothing_begins() {
        let package = Package::new("it", "1").file("/opt/it", vec![b'x'; SIZE], 0o644);
        let Some(host) = host_with(&[package.script("postinst", SURROUNDINGS)]) else { return };
        allow(&host, &["it"], json!({}));
        let is_installed = |said: &str| {
            assert_eq!(state(&host, "it"), "ii 1", "{said}");
            host.run(&["stat", "-c", "%s", "/opt/it"]).stdout(format!("{SIZE}\n"));
            host.run(&["dpkg", "-P", "it"]).success();
            host.read("/srv/surroundings")
        };
        host.ask("package install it").success();
        let usual = is_installed("without");
        for without_systemd in [false, true] {
            let _hidden = without_systemd.then(|| hide_systemd(&host));
            let under = |hostile: &str| {
                let script = format!("{hostile}; exec sudo -n sudo-helper package install it");
                host.command_as(AGENT, &["bash", "-c", &script])
            };
            for hostile in RESTORED {
                Answer::of(under(hostile)).success();
                assert_eq!(is_installed(hostile), usual, "{hostile}");
            }
            for hostile in HARD_LIMITS.into_iter().filter(|_| without_systemd) {
                let output = capture(under(&format!("ulimit -{hostile}")));
                let said = format!("{hostile}: {output:?}");
                if output.status.success() {
                    assert_eq!(is_installed(&said), usual, "{said}");
                } else {
                    assert_eq!(state(&host, "it"), "", "{said}");
                    let ours = String::from_utf8_lossy(&output.stdout).contains("\"code\":\"surroundings\"");
                    assert!(ours || output.stdout.is_empty(), "{said}");
                }
            }
        }
    }
}
