//! `sudoers-install cluster` against real hosts with sshd and sudo, some of them in trouble.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use assert_cmd::assert::OutputAssertExt;
use bed::{Host, Network, Operator, Running, Terminal, capture, eventually, spawn};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

/// The account that gets the rule.
const AGENT: &str = "ai-agent";
/// The login: sudo with the password.
const ADMIN: &str = "admin";
const PASSWORD: &str = "battery' $(staple) \\horse";
const RULE: &str = "/etc/sudoers.d/zz-sudo-helper-ai-agent";
const NOPASSWD_ALL: &str = "admin ALL=(ALL) NOPASSWD: ALL\n";
/// All names in the folder.
const NAMES: [&str; 3] = ["sh", "-c", "ls -A /etc/sudoers.d | grep -v README | tr '\\n' ' '"];

/// Hosts that an operator reaches.
struct Site<const N: usize> {
    hosts: [Host; N],
    operator: Operator,
}

impl<const N: usize> Site<N> {
    fn boot(names: [&str; N]) -> Option<Self> {
        let network = Network::new()?;
        let hosts = network.boot(names);
        let operator = Operator::of(&network);
        thread::scope(|scope| {
            for host in &hosts {
                scope.spawn(|| furnish(host, &operator));
            }
        });
        operator.knows(&hosts.iter().collect::<Vec<_>>());
        let entry =
            |host: &Host| format!("{}: {{hostname: {}, user: {ADMIN}}}\n", host.name(), host.address());
        operator.write("inventory.yaml", &hosts.iter().map(entry).collect::<String>());
        Some(Self { hosts, operator })
    }

    fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name() == name).expect("a host of that name")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let own = ["cluster", "--inventory", "/root/inventory.yaml", "--user", AGENT];
        self.operator.command("sudoers-install", &[&own[..], arguments].concat())
    }

    /// Without a terminal and without anything on standard input.
    fn run(&self, arguments: &[&str]) -> Output {
        capture(self.command(arguments))
    }

    /// With the password on standard input.
    fn with(&self, password: &str, arguments: &[&str]) -> Output {
        let arguments = [&["--password-fd", "0"], arguments].concat();
        with_input(self.command(&arguments), format!("{password}\n").as_bytes())
    }
}

fn furnish(host: &Host, operator: &Operator) {
    host.install("sudo-helper");
    host.user(AGENT);
    host.user(ADMIN);
    host.run(&["usermod", "-aG", "sudo", ADMIN]).success();
    set_password(host, PASSWORD);
    operator.may_enter(host, ADMIN);
}

fn set_password(host: &Host, password: &str) {
    host.run(&["sh", "-c", "printf '%s\\n' \"$0\" | chpasswd", &format!("{ADMIN}:{password}")]).success();
}

fn passwordless(host: &Host) {
    host.write("/etc/sudoers.d/admin", NOPASSWD_ALL, 0o440, "root:root");
}

fn with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("a child can be waited for")
}

/// The objects of `--json`, by alias.
fn rows(output: &Output) -> BTreeMap<String, Value> {
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

#[track_caller]
fn assert_told(output: &Output, expected: &[(&str, &str)]) {
    let failed = |code: &str| {
        !["configured", "installed", "removed", "absent", "skipped", "would-install", "would-remove"]
            .contains(&code)
    };
    let outcome = |code: &str| if failed(code) { "failed".to_owned() } else { code.to_owned() };
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(alias, code)| ((*alias).to_owned(), (outcome(code), (*code).to_owned())))
        .collect();
    assert_eq!(told(output), expected, "{output:?}");
    let any = expected.values().any(|(outcome, _)| outcome == "failed");
    assert_eq!(output.status.code(), Some(i32::from(any)), "{output:?}");
}

/// That the agent may run the helper, and nothing more, and that nothing is left beside the rule.
#[track_caller]
fn assert_granted(host: &Host) {
    host.run_as(AGENT, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"]).success();
    host.run_as(AGENT, &["sudo", "-k", "-n", "true"]).failure();
    host.run(&["stat", "-c", "%a %u %g", RULE]).stdout("440 0 0\n");
    host.run(&["visudo", "-c"]).success();
    host.run(&NAMES).stdout(contains("zz-sudo-helper-ai-agent").and(contains(".zz").not()));
}

#[track_caller]
fn assert_untouched(host: &Host) {
    host.run(&NAMES).stdout(contains("zz-sudo-helper").not());
}

/// How often sudo on a host was given a wrong password.
fn wrong_passwords(host: &Host) -> usize {
    let wrong = |entry: &Value| {
        entry["MESSAGE"]
            .as_str()
            .is_some_and(|message| message.contains("pam_unix(sudo:auth): authentication failure"))
    };
    host.journal().iter().filter(|entry| wrong(entry)).count()
}

#[test]
fn each_trouble_is_told_and_the_rest_is_installed() {
    let names = [
        "web", "done", "open", "other", "full", "broken", "cut", "frozen", "refusing", "changed", "stalled",
        "spared",
    ];
    let Some(site) = Site::boot(names) else { return };
    let host = |name| site.host(name);
    assert_told(&site.with(PASSWORD, &["--json", "--limit", "done"]), &[("done", "installed")]);
    passwordless(host("open"));
    set_password(host("other"), "another one");
    host("full")
        .run(&["mount", "-t", "tmpfs", "-o", "size=4k,mode=750", "tmpfs", "/etc/sudoers.d"])
        .success();
    host("full")
        .run(&["sh", "-c", "dd if=/dev/zero of=/etc/sudoers.d/fill. bs=4k count=1 status=none"])
        .success();
    host("broken").write("/etc/sudoers.d/broken", "what is this\n", 0o440, "root:root");
    host("cut").cut();
    host("refusing").refuse();
    host("changed").change_host_keys();
    host("stalled").write(&format!("/home/{ADMIN}/.bashrc"), "sleep infinity\n", 0o644, ADMIN);
    host("frozen").freeze();
    let output = site.with(PASSWORD, &["--json", "--keep-going", "--skip", "spared"]);
    host("frozen").thaw();
    let expected = [
        ("web", "installed"),
        ("done", "configured"),
        ("open", "installed"),
        ("other", "password-refused"),
        ("full", "not-changed"),
        ("broken", "installed"),
        ("cut", "unreachable"),
        ("frozen", "timed-out"),
        ("refusing", "refused"),
        ("changed", "changed-key"),
        ("stalled", "timed-out"),
        ("spared", "skipped"),
    ];
    assert_told(&output, &expected);
    let rows = rows(&output);
    assert!(
        rows["open"]["warnings"][0].as_str().is_some_and(|words| words.contains("NOPASSWD: ALL")),
        "{rows:?}"
    );
    assert!(rows["broken"]["warnings"].to_string().contains("broken"), "{rows:?}");
    assert!(rows["full"]["error"].as_str().is_some_and(|words| words.contains("write")), "{rows:?}");
    assert!(rows.values().all(|row| row["error"].is_string() == (row["outcome"] == "failed")), "{rows:?}");
    for name in ["web", "done"] {
        assert_granted(host(name));
    }
    host("broken")
        .run_as(AGENT, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"])
        .success();
    assert_eq!(host("broken").read("/etc/sudoers.d/broken"), "what is this\n");
    for name in ["other", "full", "frozen", "refusing", "changed", "stalled", "spared"] {
        assert_untouched(host(name));
    }
    assert_eq!(wrong_passwords(host("other")), 1, "one attempt");
    host("full").run(&["ls", "-A", "/etc/sudoers.d"]).stdout("fill.\n");
    let visited = |host: &Host| {
        host.journal()
            .iter()
            .any(|entry| entry["SYSLOG_IDENTIFIER"] == "sshd" && entry.to_string().contains("10.77.0.1"))
    };
    assert!(visited(host("web")) && !visited(host("spared")), "a skipped host is not contacted");
}

#[test]
fn nothing_to_do_asks_nothing() {
    let Some(site) = Site::boot(["one", "two", "off"]) else { return };
    passwordless(site.host("one"));
    passwordless(site.host("two"));
    let first = site.run(&["--json", "--skip", "off"]);
    assert_told(&first, &[("one", "installed"), ("two", "installed"), ("off", "skipped")]);
    site.host("off").refuse();
    // There is neither a terminal nor a descriptor with a password.
    let again = site.run(&["--json"]);
    assert_told(&again, &[("one", "configured"), ("two", "configured"), ("off", "refused")]);
    let done = site.run(&["--json", "--skip", "off"]);
    assert_told(&done, &[("one", "configured"), ("two", "configured"), ("off", "skipped")]);
    // The probe counts, not the file alone.
    site.host("one").write(
        "/etc/sudoers.d/zzz",
        format!("{AGENT} ALL=(root) PASSWD: ALL\n"),
        0o440,
        "root:root",
    );
    assert_told(&site.run(&["--json", "status", "--limit", "one"]), &[("one", "not-effective")]);
    site.host("one").run(&["rm", "/etc/sudoers.d/zzz"]).success();
    // As does the text, not the probe alone.
    site.host("one").run(&["sh", "-c", &format!("echo '# by hand' >>{RULE}")]).success();
    assert_told(&site.run(&["--json", "status", "--limit", "one"]), &[("one", "differs")]);
}

#[test]
fn status_dry_run_and_remove_follow_each_other() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    passwordless(site.host("one"));
    let both = |code| [("one", code), ("two", code)];
    let dry = site.run(&["--json", "--dry-run"]);
    assert_told(&dry, &both("would-install"));
    assert_eq!(
        (&rows(&dry)["one"]["password"], &rows(&dry)["two"]["password"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    for host in &site.hosts {
        assert_untouched(host);
    }
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &both("not-configured"));
    let output = site.with(PASSWORD, &[]);
    output.clone().assert().success().stdout(contains("2 hosts: 2 installed\n").and(contains("HOST")));
    assert!(String::from_utf8_lossy(&output.stderr).contains("two: installed"), "{output:?}");
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &both("configured"));
    assert_told(&site.with(PASSWORD, &["--json", "install"]), &both("configured"));
    assert_told(&site.run(&["--json", "--dry-run", "remove"]), &both("would-remove"));
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &both("removed"));
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &both("absent"));
    for host in &site.hosts {
        assert_untouched(host);
    }
}

#[test]
fn a_wrong_password_costs_one_attempt_in_all() {
    let Some(site) = Site::boot(["one", "two", "three"]) else { return };
    let output = site.with("wrong", &["--json"]);
    assert_told(&output, &[("one", "password-refused"), ("two", "not-tried"), ("three", "not-tried")]);
    let attempts = || site.hosts.iter().map(wrong_passwords).collect::<Vec<_>>();
    assert_eq!(attempts(), [1, 0, 0]);
    let output = site.with("wrong", &["--json", "--keep-going"]);
    assert_told(
        &output,
        &[("one", "password-refused"), ("two", "password-refused"), ("three", "password-refused")],
    );
    assert_eq!(attempts(), [2, 1, 1]);
    for host in &site.hosts {
        assert_untouched(host);
    }
}

#[test]
fn an_empty_password_or_none_changes_nothing_anywhere() {
    let Some(site) = Site::boot(["asks", "asks-not"]) else { return };
    passwordless(site.host("asks-not"));
    let empty = site.with("", &["--json"]);
    empty
        .clone()
        .assert()
        .code(1)
        .stderr(contains("the password is empty"))
        .stdout(contains("\"code\":\"empty-password\""));
    site.run(&[]).assert().code(1).stderr(contains("--password-fd"));
    site.run(&["--password-fd", "77"]).assert().code(1).stderr(contains("--password-fd 77"));
    for host in &site.hosts {
        assert_untouched(host);
        assert_eq!(wrong_passwords(host), 0);
    }
}

#[test]
fn one_prompt_serves_all_hosts() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    let own = ["cluster", "--inventory", "/root/inventory.yaml", "--user", AGENT];
    let mut command = site.operator.wrapped(&Terminal::session(), "sudoers-install", &own);
    command.env("TERM", "xterm");
    let mut running = Terminal::open().run(command);
    // The prompt has no newline; the survey of both is what comes before it.
    let asked = || sudo_asks(running.pid());
    eventually("it asks", asked);
    running.write(format!("{PASSWORD}\n").as_bytes());
    let said = running.rest().join("\n");
    assert_eq!(said.matches("sudo password for 2 hosts: ").count(), 1, "{said}");
    assert!(said.contains("2 hosts: 2 installed") && !said.contains(PASSWORD), "{said}");
    assert!(said.contains("/2 hosts"), "a bar: {said}");
    for host in &site.hosts {
        assert_granted(host);
    }
}

/// Whether a child of `pid` reads the terminal: /proc/PID/wchan of a process that waits for a key.
fn sudo_asks(pid: i32) -> bool {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let pids = children.split_whitespace().map(str::to_owned).chain([pid.to_string()]);
    pids.into_iter().any(|pid| {
        fs::read_to_string(format!("/proc/{pid}/stack")).is_ok_and(|stack| stack.contains("n_tty_read"))
    })
}

#[test]
fn the_granted_login_is_told_the_password_only_when_allowed() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    let own = |more: &[&str]| {
        let call = ["cluster", "--json", "--inventory", "/root/inventory.yaml", "--password-fd", "0"];
        let command = site.operator.command("sudoers-install", &[&call, more].concat());
        with_input(command, format!("{PASSWORD}\n").as_bytes())
    };
    let refused = own(&[]);
    assert_told(&refused, &[("one", "login-grantee"), ("two", "login-grantee")]);
    assert_eq!(rows(&refused)["one"]["user"], ADMIN);
    assert_told(&own(&["--allow-login-grantee"]), &[("one", "installed"), ("two", "installed")]);
    site.host("one")
        .run_as(ADMIN, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"])
        .success();
}

#[test]
fn what_is_missing_on_a_host_is_named_without_a_prompt() {
    let Some(site) = Site::boot(["helper", "folder", "account", "sudo", "visudo"]) else { return };
    site.host("helper").run(&["rm", "/usr/bin/sudo-helper"]).success();
    site.host("folder").run(&["chown", AGENT, "/usr/bin/sudo-helper"]).success();
    site.host("account").run(&["userdel", "--remove", AGENT]);
    site.host("sudo").run(&["sh", "-c", "rm /usr/bin/sudo"]).success();
    site.host("visudo").run(&["sh", "-c", "rm /usr/sbin/visudo"]).success();
    let output = site.run(&["--json"]);
    let expected = [
        ("helper", "helper-missing"),
        ("folder", "helper-untrusted"),
        ("account", "unknown-user"),
        ("sudo", "no-sudo"),
        ("visudo", "no-visudo"),
    ];
    assert_told(&output, &expected);
    let error = rows(&output)["helper"]["error"].to_string();
    assert!(error.contains("/usr/bin/sudo-helper is not there: install the package sudo-helper"), "{error}");
}

#[test]
fn host_keys_are_checked_whatever_the_configuration_says() {
    let Some(site) = Site::boot(["known", "changed", "new"]) else { return };
    let plain = |arguments: &[&str]| site.with(PASSWORD, &[&["--json", "--dry-run"], arguments].concat());
    site.operator.knows(&[site.host("known"), site.host("changed")]);
    site.host("changed").change_host_keys();
    let strict = [("known", "would-install"), ("changed", "changed-key"), ("new", "unknown-key")];
    assert_told(&plain(&[]), &strict);
    // A user who accepts any key does not send passwords to whoever has one.
    site.operator.write(
        ".ssh/config",
        "Host *\n  StrictHostKeyChecking no\n  RemoteCommand echo no\n  RequestTTY force\n",
    );
    assert_told(&plain(&[]), &strict);
    let accepting = [("known", "would-install"), ("changed", "changed-key"), ("new", "would-install")];
    assert_told(&plain(&["--accept-new-host-keys"]), &accepting);
    // It is known from then on.
    assert_told(&plain(&[]), &accepting);
    site.host("known").run(&["sh", "-c", &format!("rm /home/{ADMIN}/.ssh/authorized_keys")]).success();
    assert_told(&plain(&["--limit", "known"]), &[("known", "auth-failed")]);
}

#[test]
fn a_call_that_cannot_begin_contacts_nobody() {
    let Some(network) = Network::new() else { return };
    let operator = Operator::of(&network);
    operator.write("bad.yaml", "web1: {hostname: 10.0.0.1, password: secret}\n");
    operator.write("good.yaml", "web1: {hostname: 10.77.0.200}\n");
    let call = |arguments: &[&str]| {
        capture(operator.command("sudoers-install", &[&["cluster"], arguments].concat())).assert()
    };
    call(&["--inventory", "/root/none.yaml"]).code(1).stderr(contains("/root/none.yaml"));
    call(&["--inventory", "/root/bad.yaml"])
        .code(1)
        .stderr(contains("bad.yaml:1").and(contains("secret").not()));
    call(&[]).code(1).stderr(contains("inventory"));
    call(&["--inventory", "/root/good.yaml", "--limit", "none"]).code(1);
    for usage in [
        ["--user", "ALL"],
        ["--user", "a,b"],
        ["--helper", "sudo-helper"],
        ["--helper", "/usr/bin/a b"],
        ["--jobs", "0"],
    ] {
        call(&[&["--inventory", "/root/good.yaml"], &usage[..]].concat()).code(2);
    }
    call(&["--inventory", "-", "--password-fd", "0"]).code(2);
    // As with a file of that name that is no program.
    let hidden = operator.wrapped(
        &["sh", "-ec", "mount --bind /dev/null /usr/bin/ssh; exec \"$0\" \"$@\""],
        "sudoers-install",
        &["cluster", "--inventory", "/root/good.yaml"],
    );
    capture(hidden).assert().code(1).stderr(contains("there is no ssh"));
    call(&["--inventory", "/root/good.yaml"]).code(1).stderr(contains("web1: failed (unreachable)"));
}

/// Where the password must not be, while it is used: what each process of the machine and of its hosts
/// shows to others.
fn seen_in_proc(password: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        for name in ["cmdline", "environ"] {
            let path = entry.path().join(name);
            let bytes = fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).contains(password) {
                seen.push(path.display().to_string());
            }
        }
    }
    seen
}

#[test]
fn the_password_is_seen_nowhere() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    // In no other process of this machine, the test itself included.
    let password = format!("kept-{}", site.operator.path("x").display().to_string().replace('/', "_"));
    site.hosts.iter().for_each(|host| set_password(host, &password));
    site.hosts.iter().for_each(|host| {
        host.run(&["sh", "-c", "journalctl --rotate; journalctl --vacuum-time=1s; : >/var/log/auth.log"])
            .success();
    });
    let (ended, looks) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                assert_eq!(seen_in_proc(&password), [] as [String; 0]);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let output = site.with(&password, &["--json"]);
        ended.store(true, Ordering::Release);
        watch.join().expect("not seen");
        assert_told(&output, &[("one", "installed"), ("two", "installed")]);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(!said.iter().any(|text| text.contains(&password)));
    });
    assert!(looks.load(Ordering::Relaxed) > 10);
    for host in &site.hosts {
        host.run(&["journalctl", "--sync"]).success();
        let find = "! grep -rlaF -- \"$0\" /tmp /var /run /root /home /etc /dev/shm 2>/dev/null";
        host.run(&["sh", "-c", find, &password]).success();
        assert!(!host.journal().iter().any(|entry| entry.to_string().contains(&password)));
    }
    let mut find = Command::new("grep");
    find.args(["-rlaF", "--", &password]).arg(site.operator.path("."));
    capture(find).assert().code(1);
}

/// The pids of a host's processes whose command line holds a text.
fn on_host(host: &Host, text: &str) -> bool {
    let outside = fs::read_link(format!("/proc/{}/ns/pid", host.leader())).expect("a namespace");
    fs::read_dir("/proc").expect("/proc").flatten().any(|entry| {
        let here = fs::read_link(entry.path().join("ns/pid")).is_ok_and(|namespace| namespace == outside);
        here && fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
    })
}

/// A visudo that waits where the condition in /run/gate holds, until that is gone.
const SLOW_VISUDO: &str = r#"#!/bin/sh
if [ -e /run/gate ] && eval "$(cat /run/gate)"; then while [ -e /run/gate ]; do sleep 0.05; done; fi
exec /usr/sbin/visudo.real "$@"
"#;

fn slow_visudo(host: &Host) {
    host.run(&["mv", "/usr/sbin/visudo", "/usr/sbin/visudo.real"]).success();
    host.write("/usr/sbin/visudo", SLOW_VISUDO, 0o755, "root:root");
}

#[test]
fn a_killed_call_leaves_each_host_as_it_was_or_whole() {
    let Some(site) = Site::boot(["one", "two", "three"]) else { return };
    site.hosts.iter().for_each(passwordless);
    site.hosts.iter().for_each(slow_visudo);
    let absent: [&str; 3] = ["test", "!", "-e"];
    // Killed at: the look at what is there, that at the new text, that at the whole with the rule in place.
    for gate in ["[ \"$*\" = -c ]".to_owned(), "[ \"$2\" = -s ]".to_owned(), format!("[ -e {RULE} ]")] {
        site.hosts.iter().for_each(|host| host.write("/run/gate", &gate, 0o644, "root:root"));
        let running = Running::start(site.command(&["--json", "--jobs", "3"]));
        eventually(&gate, || site.hosts.iter().any(|host| on_host(host, "/usr/sbin/visudo\0-c")));
        running.signal(9);
        assert_eq!(running.status(), 137);
        site.hosts.iter().for_each(|host| drop(host.run(&["rm", "/run/gate"]).success()));
        for host in &site.hosts {
            eventually("root's side ends", || !on_host(host, "zz-sudo-helper-ai-agent"));
            let names = String::from_utf8_lossy(&host.run(&NAMES).success().get_output().stdout).into_owned();
            assert!(!names.contains('.'), "nothing is left beside it: {names}");
            if names.contains("zz-sudo-helper") {
                assert_granted(host);
            }
            host.run(&["visudo", "-c"]).success();
        }
        let again = site.run(&["--json"]);
        assert_eq!(again.status.code(), Some(0), "{again:?}");
        site.hosts.iter().for_each(assert_granted);
        assert_told(
            &site.run(&["--json", "remove"]),
            &[("one", "removed"), ("two", "removed"), ("three", "removed")],
        );
        site.hosts.iter().for_each(|host| drop(host.run(&[&absent[..], &[RULE]].concat()).success()));
    }
}

#[test]
fn a_session_that_dies_on_the_way_is_made_again() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    passwordless(host);
    // The check of the new text waits until the session is gone.
    slow_visudo(host);
    host.write("/run/gate", "[ \"$2\" = -s ]", 0o644, "root:root");
    let running = Running::start(site.command(&["--json"]));
    eventually("root is at work", || on_host(host, "visudo\0-c\0-s"));
    host.run(&["sh", "-c", "pkill -KILL -u admin -x sshd || pkill -KILL -f '^sshd: admin'; rm /run/gate"])
        .success();
    let row: Value = serde_json::from_str(&running.line().expect("a row")).expect("JSON");
    assert!(["installed", "configured"].contains(&row["outcome"].as_str().expect("a word")), "{row}");
    assert_eq!(running.status(), 0);
    assert_granted(host);
}

#[test]
fn old_rules_are_told_and_replaced_when_asked_for() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    passwordless(site.host("one"));
    let old = format!("/etc/sudoers.d/systems-manager-{AGENT}");
    let rule = format!("{AGENT} ALL=(ALL) NOPASSWD: /home/{AGENT}/.local/bin/systems-manager-helper\n");
    site.hosts.iter().for_each(|host| host.write(&old, &rule, 0o440, "root:root"));
    let both = [("one", "installed"), ("two", "installed")];
    let kept = site.with(PASSWORD, &["--json"]);
    assert_told(&kept, &both);
    for row in rows(&kept).values() {
        assert!(row["warnings"].to_string().contains("systems-manager-ai-agent"), "{row}");
    }
    assert_told(&site.with(PASSWORD, &["--json", "--replace-legacy"]), &both);
    for host in &site.hosts {
        host.run(&["test", "-e", &old]).failure();
        assert_granted(host);
    }
}
