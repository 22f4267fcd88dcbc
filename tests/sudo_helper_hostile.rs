//! sudo-helper against a caller who wants more than its policy lists: a root shell, root's files,
//! another's turn, a record that lies or is not there. reference/sudo.md 1e, 3 and 5.

use std::fs;
use std::process::Command;

use bed::helped::{AGENT, ALICE, Answer, Helped, POLICY};
use bed::{Repository, Running, capture, eventually};
use serde_json::{Value, json};

const HELPER: &[&str] = &["sudo", "-n", "sudo-helper"];

/// A script of the policy that tells all that a program can have from whoever started it.
const LOOK: &str = r"#!/bin/sh
exec 2>&1
nice; ionice -p $$; chrt -p $$ | sed 's/^pid [0-9]*//'
pwd; for file in limits oom_score_adj personality timerslack_ns; do cat /proc/self/$file; done
grep -E '^(Uid|Gid|Groups|Umask|Sig(Blk|Ign)|NoNewPrivs|Cpus_allowed):' /proc/self/status
readlink /proc/self/fd/0; ls /proc/self/fd; tty
tr '\0' '\n' </proc/self/environ
";

/// Ends when it is let go; says in files that it began and that it ended.
const SLOW: &str = r"#!/bin/sh
touch /run/slow.began; until [ -e /run/slow.go ]; do sleep 0.01; done; echo done; touch /run/slow.done
";

/// A host with commands that tell what they get.
fn boot() -> Option<Helped> {
    let host = Helped::boot()?;
    host.write("/usr/local/sbin/look", LOOK, 0o755, "root");
    host.write("/usr/local/sbin/slow", SLOW, 0o755, "root");
    host.policy(&policy());
    Some(host)
}

fn policy() -> Value {
    json!({
        "services": {"ssh": ["status"]},
        "packages": {"hello": ["install"]},
        "package_actions": ["update"],
        "commands": {
            "look": {"argv": ["/usr/local/sbin/look"]},
            "slow": {"argv": ["/usr/local/sbin/slow"]},
            "echo": {"argv": ["/usr/bin/echo", "{text}"], "params": {"text": {"regex": "[a-z ]*"}}},
            "file": {"argv": ["/usr/bin/cat", "{file}"],
                     "params": {"file": {"type": "file", "beneath": "/srv/logs"}}},
        },
    })
}

/// `PRELUDE… sudo -n sudo-helper WORDS…` as the agent.
fn after(host: &Helped, prelude: &[&str], words: &[&str]) -> Command {
    host.command_as(AGENT, &[prelude, HELPER, words].concat())
}

/// What the script sees.
fn look(answer: Answer) -> String {
    answer.success()["stdout"].as_str().expect("a text").to_owned()
}

fn rule(host: &Helped, lines: &str) {
    host.write("/etc/sudoers.d/zzz-agent", lines.replace("AGENT", AGENT), 0o440, "root");
    host.run(&["visudo", "-c"]).success();
}

/// The records in the journal, by the keys of the record.
fn records(host: &Helped) -> Vec<Value> {
    let ours = |entry: &Value| entry["SYSLOG_IDENTIFIER"] == "sudo-helper" && entry["_UID"] == "0";
    host.journal().into_iter().filter(ours).collect()
}

fn record_of<'a>(records: &'a [Value], answer: &Value, event: &str) -> &'a Value {
    let is_it = |record: &&Value| {
        record["SUDO_HELPER_REQUEST_ID"] == answer["request_id"] && record["SUDO_HELPER_EVENT"] == event
    };
    records.iter().find(is_it).unwrap_or_else(|| panic!("no {event} of {answer} in {records:#?}"))
}

/// A run that strace(1) watches from outside: its answer, if any, and whether the helper ran, and
/// every program and process that it started, with their environments, but for the one process that
/// does the work out of the caller's cgroup.
fn traced(command: &Command) -> (Option<Answer>, bool, Vec<String>) {
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-v",
        "-s",
        "4096",
        "-e",
        "trace=execve,fork,vfork,clone,clone3",
        "-e",
        "signal=none",
    ]);
    strace.arg("-o").arg(trace.path()).arg("--").arg(command.get_program()).args(command.get_args());
    strace.env_clear();
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let answer = Answer::if_any(strace);
    let text = fs::read_to_string(trace.path()).expect("a trace");
    let mut lines = text.lines().skip_while(|line| !line.contains(r#"execve("/usr/bin/sudo-helper""#));
    let ran = lines.next().is_some();
    let started =
        |line: &&str| ["execve(", "fork(", "clone(", "clone3("].iter().any(|call| line.contains(call));
    // sudo itself, which is another process, only waits by now.
    let mut started = lines.filter(started).peekable();
    started.next_if(|line| line.contains("clone3({flags=CLONE_INTO_CGROUP,"));
    (answer, ran, started.map(str::to_owned).collect())
}

const FAKES: &str = "/home/ai-agent/bin";

/// What a program could be made to do something else by.
const ENVIRONMENT: [(&str, &str); 58] = [
    ("LD_PRELOAD", "/home/ai-agent/evil.so"),
    ("LD_LIBRARY_PATH", FAKES),
    ("LD_AUDIT", "/home/ai-agent/evil.so"),
    ("LD_DEBUG", "all"),
    ("LD_DEBUG_OUTPUT", "/tmp/pwned"),
    ("GLIBC_TUNABLES", "glibc.malloc.check=3:glibc.malloc.tcache_count=0"),
    ("MALLOC_CHECK_", "3"),
    ("MALLOC_TRACE", "/tmp/pwned"),
    ("MALLOC_ARENA_MAX", "1"),
    ("GCONV_PATH", FAKES),
    ("LOCPATH", FAKES),
    ("NLSPATH", "/home/ai-agent/%N"),
    ("HOSTALIASES", "/etc/shadow"),
    ("RES_OPTIONS", "debug"),
    ("PATH", FAKES),
    ("IFS", "/"),
    ("ENV", "/home/ai-agent/evil.sh"),
    ("BASH_ENV", "/home/ai-agent/evil.sh"),
    ("BASH_FUNC_cat%%", "() { touch /tmp/pwned; }"),
    ("SHELLOPTS", "xtrace"),
    ("PS4", "$(touch /tmp/pwned)"),
    ("PERL5OPT", "-Mevil"),
    ("PERL5LIB", FAKES),
    ("PYTHONPATH", FAKES),
    ("SYSTEMD_PAGER", "/home/ai-agent/evil.sh"),
    ("SYSTEMD_PAGERSECURE", "0"),
    ("PAGER", "/home/ai-agent/evil.sh"),
    ("LESSOPEN", "|/home/ai-agent/evil.sh"),
    ("EDITOR", "/home/ai-agent/evil.sh"),
    ("SYSTEMD_EDITOR", "/home/ai-agent/evil.sh"),
    ("SYSTEMD_COLORS", "1"),
    ("SYSTEMD_LOG_LEVEL", "debug"),
    ("SYSTEMD_UNIT_PATH", FAKES),
    ("SYSTEMD_OFFLINE", "1"),
    ("SYSTEMD_IN_CHROOT", "1"),
    ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/home/ai-agent/bus"),
    ("DBUS_SESSION_BUS_ADDRESS", "unixexec:path=/home/ai-agent/evil.sh"),
    ("NOTIFY_SOCKET", "/home/ai-agent/notify"),
    ("LISTEN_FDS", "3"),
    ("LISTEN_PID", "1"),
    ("JOURNAL_STREAM", "1:1"),
    ("XDG_RUNTIME_DIR", "/home/ai-agent"),
    ("XDG_CONFIG_HOME", "/home/ai-agent"),
    ("APT_CONFIG", "/home/ai-agent/apt.conf"),
    ("DEBIAN_FRONTEND", "readline"),
    ("DPKG_ROOT", "/home/ai-agent"),
    ("DPKG_ADMINDIR", "/home/ai-agent"),
    ("DPKG_MAINTSCRIPT_PACKAGE", "sudo"),
    ("http_proxy", "http://127.0.0.1:1"),
    ("LC_ALL", "../../home/ai-agent"),
    ("LANG", "xx_XX@\u{1b}[2J"),
    ("TERM", "../../evil"),
    ("COLUMNS", "1"),
    ("TZ", ":/etc/shadow"),
    ("TMPDIR", "/etc/shadow"),
    ("RUST_BACKTRACE", "full"),
    ("HOME", "/home/ai-agent"),
    ("SHELL", "/home/ai-agent/evil.sh"),
];

/// What only sudo may say; with SETENV sudo lets its caller say it, which sudo-helper(8) warns of.
const IDENTITY: [(&str, &str); 6] = [
    ("SUDO_UID", "0"),
    ("SUDO_GID", "0"),
    ("SUDO_USER", "root"),
    ("SUDO_COMMAND", "/bin/true"),
    ("DOAS_USER", "root"),
    ("PKEXEC_UID", "0"),
];

#[test]
fn no_variable_of_the_callers_reaches_what_is_run_nor_says_who_calls() {
    let Some(host) = boot() else { return };
    let _repository = Repository::of(&host);
    let evil = "#!/bin/sh\ntouch /tmp/pwned\n";
    for name in ["sudo-helper", "systemctl", "apt-get", "look", "cat", "sh", "systemd-run", "../evil.sh"] {
        host.write(&format!("{FAKES}/{name}"), evil, 0o755, AGENT);
    }
    let conf = "APT::Update::Pre-Invoke {\"touch /tmp/pwned\";}; DPkg::Pre-Invoke {\"touch /tmp/pwned\";};";
    host.write("/home/ai-agent/apt.conf", conf, 0o644, AGENT);
    let plain = look(host.ask("run look"));
    let systemctl = traced(&after(&host, &[], &["service", "status", "ssh"])).2;
    let named: Vec<String> = ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let all = named.iter().map(String::as_str);
    let forged: Vec<String> = IDENTITY.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let before: Vec<&str> =
        ["/usr/bin/env"].into_iter().chain(all.clone()).chain(forged.iter().map(String::as_str)).collect();
    let setenv = "AGENT ALL=(root) NOPASSWD: SETENV: /usr/bin/sudo-helper\n";
    let keep =
        "Defaults:AGENT env_keep += \"*\", !secure_path\nAGENT ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n";
    let keep_all = "Defaults:AGENT !env_reset, env_delete -= \"*\", !secure_path\n";
    let sudo = ["/usr/bin/sudo", "-n"];
    let helper = ["/usr/bin/sudo-helper"];
    for (what, lines, words) in [
        ("as sudo is", "", [&before[..], &sudo, &helper].concat()),
        ("env_keep", keep, [&before[..], &sudo, &helper].concat()),
        ("!env_reset", keep_all, [&before[..], &sudo, &helper].concat()),
        ("-E", setenv, [&before[..], &sudo, &["-E"], &helper].concat()),
        ("SETENV", setenv, [&sudo[..], &all.collect::<Vec<_>>(), &helper].concat()),
    ] {
        rule(&host, lines);
        let command = |operation: &str| {
            let operation: Vec<&str> = operation.split(' ').collect();
            host.command_as(AGENT, &[&words[..], &operation].concat())
        };
        let answer = Answer::of(command("run look")).success();
        assert_eq!(answer["stdout"], *plain, "{what}");
        let records = records(&host);
        let record = record_of(&records, &answer, "result");
        assert_eq!(
            (&record["SUDO_HELPER_UID"], &record["SUDO_HELPER_USER"]),
            (&json!("1000"), &json!(AGENT)),
            "{what}"
        );
        let (answer, _, started) = traced(&command("service status ssh"));
        answer.expect(what).success();
        let arguments = |lines: &[String]| -> Vec<String> {
            let words = |line: &String| Some(line.split_once("execve(")?.1.split_once("\"]")?.0.to_owned());
            lines.iter().filter_map(words).collect()
        };
        assert_eq!(arguments(&started), arguments(&systemctl), "{what}");
        assert!(!arguments(&started).is_empty(), "{what}");
        Answer::of(command("package update")).success();
        host.run(&["test", "!", "-e", "/tmp/pwned"]).success();
    }
}

#[test]
fn each_limit_of_the_callers_is_lifted_or_named() {
    let Some(host) = boot() else { return };
    let plain = look(host.ask("run look"));
    // Else pam_limits(8) would set some of them first.
    rule(&host, "Defaults:AGENT !pam_session\n");
    let limits = [
        ("nofile", "12"),
        ("fsize", "0"),
        ("cpu", "1"),
        ("as", "60000000"),
        ("data", "20000000"),
        ("nproc", "1"),
        ("stack", "131072"),
        ("memlock", "0"),
        ("sigpending", "0"),
        ("msgqueue", "0"),
        ("rss", "0"),
        ("locks", "0"),
        ("rttime", "1"),
        ("nice", "0"),
        ("rtprio", "0"),
        ("core", "0"),
    ];
    for (name, value) in limits {
        let soft = format!("--{name}={value}:");
        assert_eq!(look(Answer::of(after(&host, &["prlimit", &soft], &["run", "look"]))), plain, "{soft}");
        let hard = format!("--{name}={value}:{value}");
        // Lifting these takes CAP_SYS_RESOURCE, which the host has when this machine has it.
        let answer = Answer::of(after(&host, &["prlimit", &hard], &["run", "look"]));
        if answer.json["success"] == false {
            let said = answer.failure(1, "surroundings");
            let error = said["error"].as_str().expect("a text");
            assert!(error.contains(&format!("hard limit {name} is {value}")), "{error}");
        }
    }
    // As little as this may leave nobody to answer; then nothing was done either.
    for limit in ["as=1", "data=0", "stack=4096", "nofile=0", "nofile=3", "nofile=4", "nofile=6", "nofile=8"]
    {
        for limit in [format!("--{limit}:"), format!("--{limit}")] {
            if let Some(answer) = Answer::if_any(after(&host, &["prlimit", &limit], &["run", "look"])) {
                assert!(
                    answer.json["success"] == true || answer.json["code"] == "surroundings",
                    "{answer:?}"
                );
            }
        }
    }
}

#[test]
fn whatever_else_a_process_inherits_is_the_usual_again() {
    let Some(host) = boot() else { return };
    let plain = look(host.ask("run look"));
    rule(&host, "Defaults:AGENT !pam_session, !pam_setcred\n");
    let hostile: [&[&str]; 21] = [
        &["env", "--ignore-signal"],
        &["env", "--block-signal"],
        &["nice", "-n", "19"],
        &["chrt", "--batch", "0"],
        &["chrt", "--idle", "0"],
        &["chrt", "--reset-on-fork", "--other", "0"],
        &["taskset", "1"],
        &["ionice", "-c", "3"],
        &["ionice", "-c", "2", "-n", "7"],
        &[
            "setarch",
            "--addr-no-randomize",
            "--read-implies-exec",
            "--3gb",
            "--uname-2.6",
            "--sticky-timeouts",
        ],
        &["sh", "-c", "umask 0; exec \"$@\"", "sh"],
        &["sh", "-c", "umask 0777; exec \"$@\"", "sh"],
        &["sh", "-c", "echo 1000 >/proc/self/oom_score_adj; exec \"$@\"", "sh"],
        &["sh", "-c", "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; exec \"$@\"", "sh"],
        &["sh", "-c", "mkdir -p /tmp/shut; cd /tmp/shut; chmod 0 /tmp/shut; exec \"$@\"", "sh"],
        &["bash", "-c", "for fd in {3..250}; do eval \"exec $fd</dev/zero\"; done; exec \"$@\"", "sh"],
        &[
            "perl",
            "-e",
            "alarm 1; my $t = pack('q4', 1, 0, 1, 0); syscall(38, $_, $t, 0) for 0..2; exec @ARGV",
        ],
        &[
            "perl",
            "-e",
            "syscall(157, 29, 1, 0, 0, 0); syscall(157, 1, 9, 0, 0, 0); syscall(157, 41, 1, 0, 0, 0); exec @ARGV",
        ],
        &["sh", "-c", "exec \"$@\" <&-", "sh"],
        &["sh", "-c", "exec \"$@\" 2>&-", "sh"],
        &["sh", "-c", "exec \"$@\" <>/dev/full 2>/dev/full", "sh"],
    ];
    for prelude in hostile {
        let answer = Answer::of(after(&host, prelude, &["run", "look"]));
        assert_eq!(look(answer), plain, "{prelude:?}");
    }
    let said = host.on_terminal(AGENT, &[HELPER, &["run", "look"]].concat()).rest().join("");
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(answer["stdout"], *plain);
}

#[test]
fn what_is_refused_starts_nothing() {
    let Some(host) = boot() else { return };
    host.run(&["useradd", "--system", "ai-agent2"]).success();
    let long = "x".repeat(100_000);
    let many: Vec<&str> = ["package", "install"].into_iter().chain(["hello"; 10_000]).collect();
    let mebibyte: Vec<&str> = ["service", "status"].into_iter().chain([&long[..]; 11]).collect();
    let (usage, denied) = ((2, "usage"), (3, "denied"));
    let refused: &[((i32, &str), &[&str])] = &[
        (usage, &[]),
        (usage, &[""]),
        (usage, &["service"]),
        (usage, &["service", "status"]),
        (usage, &["service", "status", ""]),
        (usage, &["service", "status", "ssh", "cron"]),
        (usage, &["service", "status", "ssh cron"]),
        (usage, &["service", "status", "ssh\n"]),
        (usage, &["service", "status", "ssh\u{1b}[2J"]),
        (usage, &["service", "status", "*"]),
        (usage, &["service", "status", "s?h"]),
        (usage, &["service", "status", "[s]sh"]),
        (usage, &["service", "status", "/etc/systemd/system/ssh.service"]),
        (usage, &["service", "status", "../ssh"]),
        (usage, &["service", "status", "ѕѕh"]),
        (usage, &["service", "status", "ssh\u{200b}"]),
        (usage, &["service", "status", "@"]),
        (usage, &["service", "status", "ssh@"]),
        (usage, &["service", "status", "reboot.target"]),
        (usage, &["service", "status", "user.slice"]),
        (usage, &["service", "status", "-H", "evil", "ssh"]),
        (usage, &["service", "status", "-Hevil", "ssh"]),
        (usage, &["service", "-M", "evil", "status", "ssh"]),
        (usage, &["service", "status", "--root=/", "ssh"]),
        (usage, &["service", "status", "ssh", "--now"]),
        (usage, &["service", "status", "ssh", "--force"]),
        (usage, &["service", "status", "--", "-H"]),
        (usage, &["service", "status", "--", "--host=evil"]),
        (usage, &["service", "mask", "ssh"]),
        (usage, &["service", "edit", "ssh"]),
        (usage, &["service", "link", "/home/ai-agent/evil.service"]),
        (usage, &["service", "daemon-reload"]),
        (usage, &["service", "set-environment", "LD_PRELOAD=/home/ai-agent/evil.so"]),
        (denied, &["service", "status", "1"]),
        (denied, &["service", "status", "sshd"]),
        (denied, &["service", "status", "SSH"]),
        (denied, &["service", "status", "ssh.socket"]),
        (denied, &["service", "status", "ssh.service.service"]),
        (denied, &["service", "status", "ssh@1"]),
        (denied, &["service", "stop", "ssh"]),
        ((3, "denied-builtin"), &["service", "start", "debug-shell"]),
        ((3, "denied-builtin"), &["service", "start", "emergency"]),
        ((3, "denied-builtin"), &["service", "start", "systemd-reboot"]),
        (usage, &["package", "install"]),
        (usage, &["package", "install", ""]),
        (usage, &["package", "install", "hello", "hello"]),
        (usage, &["package", "install", "hello-"]),
        (usage, &["package", "install", "hello=1"]),
        (usage, &["package", "install", "hello/stable"]),
        (usage, &["package", "install", "hello:i386"]),
        (usage, &["package", "install", "h.*"]),
        (usage, &["package", "install", "task^"]),
        (usage, &["package", "install", "./evil.deb"]),
        (usage, &["package", "install", "/home/ai-agent/evil.deb"]),
        (usage, &["package", "install", "-o", "Dpkg::Pre-Invoke=touch /tmp/pwned", "hello"]),
        (usage, &["package", "install", "-oAPT::Update::Pre-Invoke::=touch /tmp/pwned", "hello"]),
        (usage, &["package", "install", "-c", "/home/ai-agent/apt.conf", "hello"]),
        (usage, &["package", "install", "--", "-s"]),
        (usage, &["package", "install", "--allow-downgrades", "hello"]),
        (usage, &["package", "update", "evil"]),
        (usage, &["package", "purge", "hello"]),
        (usage, &["package", "source", "hello"]),
        (usage, &["package", "install", "he llo"]),
        (usage, &["package", "install", "hеllo"]),
        (denied, &["package", "remove", "hello"]),
        (denied, &["package", "install", "hello", "curl"]),
        (denied, &["package", "upgrade"]),
        (denied, &["package", "repair"]),
        ((3, "denied-builtin"), &["package", "install", "sudo"]),
        ((3, "denied-builtin"), &["package", "remove", "sudo-helper"]),
        ((3, "denied-builtin"), &["package", "install", "hello", "sudo-rs"]),
        (usage, &["run"]),
        (usage, &["run", "../look"]),
        (usage, &["run", "/usr/local/sbin/look"]),
        (usage, &["run", "look", "now"]),
        (denied, &["run", "sh"]),
        ((3, "bad-value"), &["run", "look", "text=1"]),
        ((3, "bad-value"), &["run", "echo"]),
        ((3, "bad-value"), &["run", "echo", "text=a\nb"]),
        ((3, "bad-value"), &["run", "echo", "text=-e"]),
        ((3, "bad-value"), &["run", "echo", "text=$(id)"]),
        ((3, "bad-value"), &["run", "file", "file=../../etc/shadow"]),
        ((3, "bad-value"), &["run", "file", "file=/etc/shadow"]),
        (usage, &["--", "--help"]),
        (usage, &["--root=/", "list"]),
        (usage, &["list", "--policy", "/etc/shadow"]),
        (usage, &["wait", "1"]),
        (usage, &["wait", "../../etc/shadow"]),
        (usage, &["probe", "../../etc"]),
        (denied, &["worker", "0"]),
        (denied, &["compare-plan"]),
        (denied, &["worker", "00000000000000000000000000000000"]),
        (denied, &["approve", "00000000000000000000000000000000"]),
        (denied, &["deny", "00000000000000000000000000000000"]),
        (denied, &["pending"]),
        (denied, &["pending", "--watch"]),
        (usage, &many),
        (usage, &mebibyte),
    ];
    for (expected, words) in refused {
        let (answer, ran, started) = traced(&after(&host, &[], words));
        let shown = words.iter().take(6).map(|word| &word[..word.len().min(60)]).collect::<Vec<_>>();
        let Some(answer) = answer else {
            // The kernel's own limit on what may be passed, or sudo's.
            assert!(words.len() > 10 && !ran, "{shown:?}");
            continue;
        };
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (expected.0, Some(expected.1)),
            "{shown:?} {answer:?}"
        );
        assert!(ran && started.is_empty(), "{shown:?} started {started:#?}");
        assert!(answer.json.to_string().len() < 2000, "{shown:?}");
    }
    // What is allowed does start something: the trace can tell.
    let (answer, ran, started) = traced(&after(&host, &[], &["service", "status", "ssh"]));
    assert!(answer.is_some_and(|answer| answer.status == 0) && ran && !started.is_empty());
}

#[test]
fn words_that_are_no_text_are_answered_too() {
    let Some(host) = boot() else { return };
    for words in [
        r"service status $'\xff\xfe'",
        r"$'\xff'",
        r"run echo $'text=\xc0\x80'",
        r"package install $'he\x80llo'",
        r"--policy $'\xff' explain service status ssh",
        r"check-policy $'/tmp/\xff\n'",
    ] {
        let script = format!("sudo -n sudo-helper {words}");
        let answer = Answer::of(host.command_as(AGENT, &["bash", "-c", &script]));
        assert!(matches!(answer.status, 2..=4), "{words}: {answer:?}");
    }
}

#[test]
fn an_alias_does_not_lead_to_what_is_denied() {
    let Some(host) = boot() else { return };
    for (alias, unit) in [
        ("harmless.service", "/lib/systemd/system/debug-shell.service"),
        ("quiet.service", "/lib/systemd/system/emergency.service"),
        ("other.service", "/lib/systemd/system/rsyslog.service"),
        ("moment.service", "/lib/systemd/system/reboot.target"),
    ] {
        host.run(&["ln", "-s", unit, &format!("/etc/systemd/system/{alias}")]).success();
    }
    host.run(&["systemctl", "daemon-reload"]).success();
    let all = json!(["status", "start", "stop", "restart", "reload", "enable", "disable"]);
    host.policy(&json!({"services": {"harmless": all, "quiet": all, "other": all, "moment": all}}));
    for verb in ["status", "start", "stop", "restart", "reload", "enable", "disable"] {
        host.ask(&format!("service {verb} harmless")).failure(3, "denied-builtin");
        host.ask(&format!("service {verb} quiet")).failure(3, "denied-builtin");
        host.ask(&format!("service {verb} other")).failure(3, "denied");
    }
    let answer = host.ask("service start moment");
    assert_eq!(answer.json["success"], false, "{answer:?}");
    host.run(&["systemctl", "is-active", "rsyslog"]).success();
    host.run(&["systemctl", "is-active", "debug-shell"]).failure();
}

#[test]
fn the_options_of_sudo_are_refused_or_change_nothing() {
    let Some(host) = boot() else { return };
    let plain = look(host.ask("run look"));
    let helper = "/usr/bin/sudo-helper";
    for options in [
        "-u nobody",
        "-u ai-agent",
        "-u #0 -g root",
        "-u #-1",
        "-u #4294967295",
        "-g root",
        "-g ai-agent",
        "-P",
        "-k",
        "-K",
        "-E",
        "-H",
        "-i",
        "-s",
        "-D /root",
        "-D /tmp",
        "-R /",
        "-R /home/ai-agent",
        "-C 200",
        "-T 1",
        "-A",
        "-S",
        "-B",
        "-N",
        "-r unconfined_r",
        "-t unconfined_t",
        "-h other",
        "--preserve-env=PATH",
        "-U root",
        "-p %u",
        "-b",
    ] {
        let words: Vec<&str> = ["sudo", "-n"].into_iter().chain(options.split(' ')).collect();
        let command = host.command_as(AGENT, &[&words[..], &[helper, "run", "look"]].concat());
        if let Some(answer) = Answer::if_any(command) {
            // sudo lets everybody be themselves.
            if options.starts_with("-g") || options == "-u ai-agent" {
                answer.failure(1, "not-root");
                continue;
            }
            assert_eq!(
                (answer.status, answer.json["stdout"].as_str()),
                (0, Some(&*plain)),
                "{options} {answer:?}"
            );
            let harmless = [
                "-u #0 -g root",
                "-P",
                "-k",
                "-H",
                "-A",
                "-S",
                "-B",
                "-N",
                "-p %u",
                "-b",
                "-r unconfined_r",
                "-t unconfined_t",
            ];
            assert!(harmless.contains(&options), "{options}");
        }
    }
    let files = "cd ~ai-agent; cp -L /usr/bin/sudo-helper copy; ln -s /usr/bin/sudo-helper link; ln /usr/bin/sudo-helper hard; :";
    host.run_as(AGENT, &["sh", "-c", files]).success();
    for path in [
        "/home/ai-agent/copy",
        "/home/ai-agent/link",
        "/home/ai-agent/hard",
        "/proc/self/fd/0",
        "/dev/stdin",
        "/bin/sh",
        "/usr/bin/sudo-helpe[r]",
        "/usr/bin/sudo-helper/",
        "/usr/bin/sudo-helper\n",
        "sudoedit",
        "/usr/bin/../local/sbin/look",
    ] {
        let run = format!("exec sudo -n '{path}' run look </usr/bin/sudo-helper");
        assert!(Answer::if_any(host.command_as(AGENT, &["sh", "-c", &run])).is_none(), "{path}");
    }
    host.run_as(AGENT, &["sudo", "-n", "-e", "/etc/sudo-helper/policy.json"]).failure();
    host.run_as(AGENT, &["sudo", "-n", "-l", "-U", "root"]).failure();
    // Without sudo it is a program like any other, whatever it is called by.
    for zero in ["", "sudo-helper", "worker", "--help", "/usr/bin/sudo", "\u{1b}[2J"] {
        for path in [helper, "/home/ai-agent/copy", "/home/ai-agent/link"] {
            let run = ["bash", "-c", "exec -a \"$0\" \"$@\"", zero, path, "run", "look"];
            Answer::of(host.command_as(AGENT, &run)).failure(1, "not-root");
        }
    }
}

/// What makes a policy of root's one that cannot be trusted or read, and what the answer names.
const BAD_POLICIES: [(&str, &str); 30] = [
    ("chown ai-agent $P", "policy.json does not belong to root"),
    ("chmod 0664 $P; chgrp ai-agent $P", "policy.json can be written by others"),
    ("chmod 0646 $P", "policy.json can be written by others"),
    ("chown ai-agent $D", "/etc/sudo-helper does not belong to root"),
    ("chgrp ai-agent $D; chmod 0775 $D", "/etc/sudo-helper can be written by others"),
    ("chmod 1777 $D", "/etc/sudo-helper can be written by others"),
    ("chmod 0757 /etc", "/etc can be written by others"),
    ("mv $P /tmp/mine; ln -s /tmp/mine $P", "policy.json is a symbolic link"),
    ("mv $P $D/other; ln -s other $P", "policy.json is a symbolic link"),
    ("mv $D /tmp/mine; ln -s /tmp/mine $D", "/tmp can be written by others"),
    (
        "mv $D $D.mine; ln -s $D.mine $D; chown -h ai-agent $D",
        "/etc/sudo-helper is a symbolic link that is not root's",
    ),
    (
        "mv $D $D.mine; chown ai-agent $D.mine; ln -s $D.mine $D",
        "/etc/sudo-helper.mine does not belong to root",
    ),
    (
        "rm $P; cp /etc/passwd /etc/mine; chown ai-agent /etc/mine; ln /etc/mine $P",
        "policy.json does not belong to root",
    ),
    ("rm $P; mkfifo -m 0644 $P", "policy.json is not a regular file"),
    ("rm $P; mkdir $P", "policy.json"),
    ("rm $P; mknod -m 0644 $P c 1 5", "policy.json is not a regular file"),
    ("rm -r $D; : >$D", "/etc/sudo-helper: Not a directory"),
    ("head -c 65537 /dev/zero | tr '\\0' ' ' >$P", "policy.json is longer than 65536 bytes"),
    (": >$P", "line 1, column 0"),
    ("head -c 100 /dev/zero >$P", "line 1, column 1"),
    ("(printf '\\357\\273\\277'; cat $P) >$P.new; mv $P.new $P", "begins with a byte order mark"),
    ("printf '{\"services\": {\"ssh\\0\": [\"status\"]}}' >$P", "line 1, column 19"),
    ("printf '{\"services\": {\"ssh\": [\"status\"]}}\\377' >$P", "not UTF-8"),
    ("(printf '{\"services\": '; head -c 60000 /dev/zero | tr '\\0' '[') >$P", "line 1, column"),
    ("echo '{\"services\": {\"ssh\": [\"status\"], \"ssh\": [\"status\", \"stop\"]}}' >$P", "at services"),
    ("echo '{\"services\": {\"ssh\": [\"status\"]}, \"services\": {}}' >$P", "services"),
    ("echo '{\"services\": {\"ssh\": [\"status\"]}, \"sevices\": {}}' >$P", "unknown field `sevices`"),
    ("echo '{\"services\": {\"ssh\": [\"status\"]}} {}' >$P", "line 1, column 35: trailing characters"),
    (
        "printf '{\"services\":\\n {\"ssh\": [\"status\",\\n \"mask\"]}}' >$P",
        "line 3, column 7, at services.ssh[1]",
    ),
    ("echo '{\"services\": {\"ssh\": [\"status\"], \"debug-shell\": [\"start\"]}}' >$P", "debug-shell"),
];

/// What is answered for want of a policy that can be read and used.
fn unusable(answer: Answer) -> Value {
    let code = if answer.json["code"] == "unreadable-policy" { "unreadable-policy" } else { "bad-policy" };
    answer.failure(4, code)
}

#[test]
fn a_policy_that_another_could_have_written_or_that_is_broken_allows_nothing() {
    let Some(host) = boot() else { return };
    host.ask("service status ssh").success();
    for (change, named) in BAD_POLICIES {
        let script = format!("P={POLICY}; D=${{P%/*}}; cp -a $D /root/as-it-was; {change}");
        host.run(&["sh", "-ec", &script]).success();
        let (answer, _, started) = traced(&after(&host, &[], &["service", "status", "ssh"]));
        let answer = unusable(answer.expect(change));
        let error = answer["error"].as_str().expect("a text");
        assert!(error.contains(named), "{change}: {error}");
        assert!(started.is_empty(), "{change}: {started:#?}");
        for words in ["list", "check-policy", "run look", "package update", "--dry-run service status ssh"] {
            unusable(host.ask(words));
        }
        let back = "chmod 0755 /etc; rm -rf /etc/sudo-helper /etc/sudo-helper.mine /etc/mine /tmp/mine; \
            mv /root/as-it-was /etc/sudo-helper";
        host.run(&["sh", "-ec", back]).success();
    }
    host.ask("service status ssh").success();
}

#[test]
fn a_run_folder_that_is_not_roots_alone_is_not_used() {
    let Some(host) = boot() else { return };
    host.ask("run look").success();
    for change in [
        "chmod 0755 $R",
        "chmod 0770 $R",
        "chown ai-agent $R",
        "mv $R /run/x; ln -s /run/x $R",
        "rm -r $R; : >$R",
        "rm -r $R; mkfifo $R",
        "chmod 0755 $R/open",
        "chown ai-agent $R/open",
        "rm -r $R/open; ln -s /etc $R/open",
    ] {
        let script = format!("R=/run/sudo-helper; cp -a $R /root/as-it-was; {change}");
        host.run(&["sh", "-ec", &script]).success();
        let (answer, _, started) = traced(&after(&host, &[], &["run", "look"]));
        let answer = answer.expect(change).failure(1, "unusable");
        assert!(
            answer["error"].as_str().is_some_and(|error| error.contains("/run/sudo-helper")),
            "{change}: {answer}"
        );
        assert!(started.is_empty(), "{change}: {started:#?}");
        let back = "rm -rf /run/sudo-helper /run/x; mv /root/as-it-was /run/sudo-helper";
        host.run(&["sh", "-ec", back]).success();
    }
    host.ask("run look").success();
}

#[test]
fn what_a_child_writes_stays_in_its_string() {
    let Some(host) = boot() else { return };
    let said = "\"}\n{\"success\":true,\"returncode\":0,\"code\":\"x\"}\n\r\u{1b}[2J\u{2028}\\u0000\0";
    host.write("/run/said", [said.as_bytes(), b"\xff"].concat(), 0o644, "root");
    host.write(
        "/usr/local/sbin/forge",
        "#!/bin/sh\ncat /run/said; cat /run/said >&2; exit 3\n",
        0o755,
        "root",
    );
    host.policy(&json!({"commands": {"forge": {"argv": ["/usr/local/sbin/forge"]}}}));
    let answer = host.ask("run forge").failure(1, "failed");
    let expected = json!(format!("{said}\u{fffd}"));
    assert_eq!((&answer["stdout"], &answer["stderr"]), (&expected, &expected));
    assert_eq!((&answer["returncode"], &answer["lossy"]), (&json!(3), &json!(true)));
}

const SECRET: &str = "/root/secret.json";

/// Files of root's that the agent cannot read, and one in its own folder of a folder of root's.
fn secrets(host: &Helped) {
    host.write(SECRET, "{\"SECRET\": \"SECRET\"}", 0o600, "root");
    host.write("/srv/logs/agent/mine", "mine", 0o644, AGENT);
    host.run(&["chown", AGENT, "/srv/logs/agent"]).success();
    host.run(&["chmod", "0700", "/root"]).success();
}

#[test]
fn no_answer_shows_what_only_root_may_read() {
    let Some(host) = boot() else { return };
    secrets(&host);
    let links = "cd /srv/logs/agent; ln -s /root/secret.json link; ln -s /root up; ln -s /proc/self/fd fd; mkfifo fifo; \
        ln -s /srv/logs/agent/mine to-mine; ln /root/secret.json hard; :";
    host.run(&["sh", "-c", links]).success();
    let shadow = host.read("/etc/shadow").lines().next().expect("an entry").to_owned();
    let files = [
        "/root/secret.json",
        "/etc/shadow",
        "/etc/sudoers",
        "/root",
        "/proc/1/environ",
        "/proc/1/root/root/secret.json",
        "/proc/self/root/root/secret.json",
        "/srv/logs/agent/link",
        "/srv/logs/agent/fifo",
        "/run/sudo-helper",
        "/dev/stdin",
        "/proc/self/fd/0",
        "/dev/zero",
        "/proc/self/mem",
        "/proc/self/environ",
        "/proc/kcore",
        "/nothing",
    ];
    for file in files {
        for words in [&["check-policy", file][..], &["explain", "--policy", file, "service", "status", "ssh"]]
        {
            let answer = unusable(Answer::of(after(&host, &[], words))).to_string();
            assert!(!answer.contains("SECRET") && !answer.contains(&shadow), "{answer}");
        }
    }
    for file in ["link", "up/secret.json", "fd/0", "fifo", "to-mine", "hard", "nothing", "mine/mine"] {
        let answer = host.ask(&format!("run file file=agent/{file}")).failure(1, "file").to_string();
        assert!(!answer.contains("SECRET"), "{answer}");
    }
    assert_eq!(host.ask("run file file=agent/mine").success()["stdout"], "mine");
}

/// For python3: puts a link to a secret in the place of a file, and back, for as long as it may.
const SWAP: &str = r#"
import os, sys
os.chdir("/srv/logs/agent")
os.mkdir("real"); open("real/secret.json", "w").write("mine")
print("ready", os.getpid(), flush=True)
while True:
    os.symlink("/root/secret.json", "new"); os.rename("new", "file")
    os.link("mine", "new"); os.rename("new", "file")
    os.symlink("/root", "folder"); os.unlink("folder")
    os.rename("real", "folder"); os.rename("folder", "real")
    open("copy", "w").write("mine"); os.rename("copy", "file")
"#;

#[test]
fn a_file_that_is_swapped_for_a_link_is_never_followed() {
    let Some(host) = boot() else { return };
    secrets(&host);
    let swapping = Running::start(host.command_as(AGENT, &["python3", "-uc", SWAP]));
    swapping.ready();
    let ask = "(yes agent/file | head -100; yes agent/folder/secret.json | head -100) | \
        xargs -P 4 -I FILE sudo -n sudo-helper run file file=FILE || :";
    let output = capture(host.command_as(AGENT, &["sh", "-c", ask]));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(answers.len(), 200);
    assert!(!text.contains("SECRET"), "{text}");
    let (read, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["success"] == true);
    assert!(read.iter().all(|answer| answer["stdout"] == "mine"), "{read:?}");
    assert!(refused.iter().all(|answer| answer["code"] == "file"), "{refused:?}");
    assert!(!read.is_empty() && !refused.is_empty(), "no race: {} {}", read.len(), refused.len());
}

/// For python3: fills a pipe that nobody reads, and runs the words with it as standard output, and as
/// standard error; ends when its input does.
const FULL: &str = r#"
import os, sys
r, w = os.pipe(); os.set_blocking(w, False)
try:
    while True: os.write(w, b"x" * 512)
except BlockingIOError: pass
os.set_blocking(w, True)
if os.fork() == 0:
    os.dup2(w, 1); os.dup2(w, 2); os.execvp(sys.argv[1], sys.argv[1:])
os.close(w); print("ready", os.getpid(), flush=True)
sys.stdin.read()
"#;

#[test]
fn whoever_does_not_read_the_answer_changes_neither_what_is_done_nor_its_record() {
    let Some(host) = boot() else { return };
    let results = |host: &Helped| {
        let done = |record: &&Value| {
            record["SUDO_HELPER_EVENT"] == "result" && record["SUDO_HELPER_RETURNCODE"] == "0"
        };
        records(host).iter().filter(done).count()
    };
    let mut expected = 0;
    for output in [
        "exec \"$@\" >&-",
        "exec \"$@\" <&- >&- 2>&-",
        "exec \"$@\" >/dev/full 2>/dev/full",
        "mkfifo /tmp/fifo; exec 3<>/tmp/fifo; exec \"$@\" >/tmp/fifo 3<&-",
        "\"$@\" | :; exit 1",
        "exec \"$@\" </dev/full >/dev/zero; exit 1",
    ] {
        let _ = capture(after(&host, &["sh", "-c", output, "sh"], &["run", "look"]));
        expected += 1;
        assert_eq!(results(&host), expected, "{output}");
    }
    let full = Running::start(after(&host, &["python3", "-uc", FULL], &["run", "look"]));
    full.ready();
    eventually("it is done, and recorded, before anybody reads of it", || results(&host) == expected + 1);
    host.ask("run look").success();
    full.status();
    eventually("nobody is left", || capture(host.command(&["pgrep", "-x", "sudo-helper"])).stdout.is_empty());
}

/// Has the agent do something to the sudo of an operation that has begun; then lets that go on to
/// its end, and returns whether it got there and its result is recorded.
fn ends_well(host: &Helped, prelude: &str, attack: &str) -> (bool, bool) {
    host.run(&["sh", "-c", "rm -f /run/slow.*"]).success();
    // Below a shell: nsenter(1) would stop with its own child, and not go on with it.
    let words = ["sh", "-c", "\"$@\" & echo ready $!; wait", "sh"];
    let running = Running::start(after(host, &words, &["run", "slow"]));
    let sudo = running.ready().to_string();
    eventually("it has begun", || capture(host.command(&["test", "-e", "/run/slow.began"])).status.success());
    let before = records(host).len();
    host.run_as(AGENT, &["bash", "-c", &format!("{prelude}{attack}"), &sudo]).success();
    let _ = running.status();
    host.run(&["touch", "/run/slow.go"]).success();
    let left = || capture(host.command(&["pgrep", "-x", "slow|sudo-helper"])).stdout.is_empty();
    eventually("nothing of it runs any more", left);
    let done = |record: &Value| {
        record["SUDO_HELPER_OPERATION"] == "run slow"
            && record["SUDO_HELPER_EVENT"] == "result"
            && record["SUDO_HELPER_RETURNCODE"] == "0"
    };
    let recorded = records(host)[before..].iter().any(done);
    (capture(host.command(&["test", "-e", "/run/slow.done"])).status.success(), recorded)
}

#[test]
fn a_storm_of_signals_to_sudo_does_not_end_an_operation() {
    let Some(host) = boot() else { return };
    // The helper itself is root's: the agent cannot signal it. SIGCONT alone is for a whole session.
    let helper = "helper=$(pgrep -x sudo-helper); for signal in 0 TERM KILL STOP; do \
        kill -$signal $helper 2>/dev/null && exit 1; done; ";
    let storm = "for round in 1 2 3 4 5; do for signal in STOP CONT TSTP CONT TTIN CONT TTOU CONT HUP INT QUIT \
        TERM USR1 USR2 PIPE WINCH CHLD 34 64 CONT; do kill -$signal $0; done; done 2>&-; kill -KILL $0 || :";
    assert_eq!(ends_well(&host, helper, storm), (true, true));
}

#[test]
fn a_sudo_that_is_made_to_kill_the_helper_does_not_end_an_operation() {
    let Some(host) = boot() else { return };
    // sudo takes it for the end of its own command_timeout: HUP, TERM, and KILL two seconds later.
    assert_eq!(ends_well(&host, "", "kill -ALRM $0"), (true, true));
}

#[test]
fn of_two_hundred_calls_at_once_each_is_answered_and_others_are_too() {
    let Some(host) = boot() else { return };
    let all = "mkdir /tmp/all; for call in $(seq 200); do \
        sudo -n sudo-helper service status ssh >/tmp/all/$call 2>&1 & done; echo ready $$; wait";
    let calls = Running::start(host.command_as(AGENT, &["bash", "-c", all]));
    calls.ready();
    Answer::of(host.command_of(ALICE, &["service", "status", "ssh"])).success();
    assert_eq!(calls.status(), 0);
    let answers = host.run(&["sh", "-c", "cat /tmp/all/*"]).success();
    let text = String::from_utf8_lossy(&answers.get_output().stdout).into_owned();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(answers.len(), 200);
    let answered = |answer: &&Value| answer["success"] == true || answer["code"] == "too-many-calls";
    assert_eq!(answers.iter().filter(answered).count(), 200, "{answers:#?}");
    let left = host.run(&["find", "/run/sudo-helper", "-type", "f", "-path", "*/open/*"]).success();
    assert!(left.get_output().stdout.is_empty());
}

#[test]
fn a_user_has_thirty_two_calls_at_a_time_and_an_approver_still_decides() {
    let Some(host) = boot() else { return };
    let mut policy = policy();
    policy["commands"]["look"]["approval"] = json!(true);
    policy["approval"] = json!({"approvers": [ALICE]});
    host.policy(&policy);
    let left = host.ask("run look --no-wait").failure(8, "pending");
    let id = left["id"].as_str().expect("an id");
    let many = "for call in $(seq 32); do sudo -n sudo-helper run slow & done; echo ready $$; wait";
    let calls = Running::start(host.command_as(AGENT, &["bash", "-c", many]));
    calls.ready();
    eventually("all of them run", || capture(host.command(&["pgrep", "-cx", "slow"])).stdout == b"32\n");
    for words in ["list", "service status ssh", "run look", &format!("wait {id}")] {
        host.ask(words).failure(7, "too-many-calls");
    }
    let records = records(&host);
    assert!(records.iter().any(|record| record["SUDO_HELPER_CODE"] == "too-many-calls"), "{records:#?}");
    host.ask_as(ALICE, "pending").success();
    host.ask_as(ALICE, &format!("approve {id}")).success();
    host.run(&["touch", "/run/slow.go"]).success();
    assert_eq!(calls.rest().iter().filter(|line| line.contains("\"success\":true")).count(), 32);
    host.ask(&format!("wait {id}")).success();
}

/// A control group of the agent's, as systemd delegates one.
const GROUP: &str = "/sys/fs/cgroup/agent";
/// For sh, with a group as $0: becomes the agent's command in it.
const ENTER: &str =
    r#"echo 0 >$0/cgroup.procs; exec setpriv --init-groups --reuid ai-agent --regid ai-agent -- "$@""#;

fn group(host: &Helped) {
    let make = "mkdir $0; chown -R ai-agent $0";
    host.run(&["sh", "-ec", make, GROUP]).success();
}

fn freeze(host: &Helped, frozen: &str) {
    let write = "echo $1 >$0/cgroup.freeze; until grep -q \"frozen $1\" $0/cgroup.events; do :; done";
    host.run_as(AGENT, &["sh", "-ec", write, GROUP, frozen]).success();
}

fn in_group(host: &Helped, words: &[&str]) -> Command {
    host.command(&[&["sh", "-ec", ENTER, GROUP], HELPER, words].concat())
}

#[test]
fn a_caller_who_freezes_its_own_call_stops_nobody_else() {
    let Some(host) = boot() else { return };
    group(&host);
    let frozen = Running::start(in_group(&host, &["run", "slow"]));
    eventually("it has begun", || capture(host.command(&["test", "-e", "/run/slow.began"])).status.success());
    freeze(&host, "1");
    for words in ["list", "service status ssh", "run look", "package update --dry-run"] {
        host.ask_as(ALICE, words).success();
    }
    freeze(&host, "0");
    host.run(&["touch", "/run/slow.go"]).success();
    let answer: Value = serde_json::from_str(&frozen.rest().join("\n")).expect("an answer");
    assert_eq!((&answer["success"], &answer["stdout"]), (&json!(true), &json!("done\n")));
}

#[test]
fn a_change_of_packages_goes_on_while_its_caller_is_frozen() {
    let Some(host) = boot() else { return };
    let wait = "touch /run/slow.began; until [ -e /run/slow.go ]; do sleep 0.01; done";
    Repository::of(&host).add(&[bed::Package::new("hello", "1").script("postinst", wait)]).update();
    group(&host);
    let frozen = Running::start(in_group(&host, &["package", "install", "hello"]));
    eventually("dpkg is at it", || {
        capture(host.command(&["test", "-e", "/run/slow.began"])).status.success()
    });
    freeze(&host, "1");
    host.run(&["touch", "/run/slow.go"]).success();
    let state = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", "hello"];
    eventually("dpkg has ended", || capture(host.command(&state)).stdout == b"installed");
    let done =
        |record: &Value| record["SUDO_HELPER_EVENT"] == "result" && record["SUDO_HELPER_RETURNCODE"] == "0";
    eventually("it is recorded", || records(&host).iter().any(done));
    freeze(&host, "0");
    let answer: Value = serde_json::from_str(&frozen.rest().join("\n")).expect("an answer");
    assert_eq!(answer["success"], true, "{answer}");
}

#[test]
fn a_call_that_was_frozen_with_a_lock_does_not_deny_operations_to_others() {
    let Some(host) = boot() else { return };
    host.ask("run look").success();
    // Where it would be: in the short time in which a call looks for requests without an end.
    let hold = "flock -x 9; echo ready $$; read line";
    let held = format!("exec 9</run/sudo-helper/open; {hold}");
    let holder = Running::start(host.command(&["bash", "-c", &held]));
    holder.ready();
    host.ask_as(ALICE, "list").success();
    host.ask_as(ALICE, "run look").success();
}

#[test]
fn what_is_approved_is_done_at_once_also_for_a_caller_who_is_frozen_or_killed() {
    let Some(host) = boot() else { return };
    let mut policy = policy();
    policy["commands"]["slow"]["approval"] = json!(true);
    policy["approval"] = json!({"approvers": [ALICE]});
    host.policy(&policy);
    host.run(&["touch", "/run/slow.go"]).success();
    group(&host);
    let waiting = || host.ask_as(ALICE, "pending").success()["pending"].clone();
    let frozen = Running::start(in_group(&host, &["run", "slow"]));
    eventually("it waits", || waiting() != json!([]));
    freeze(&host, "1");
    let id = waiting()[0]["id"].as_str().expect("an id").to_owned();
    host.ask_as(ALICE, &format!("approve {id}")).success();
    let ends = |id: &str| {
        let is_end = |record: &&Value| {
            record["SUDO_HELPER_REQUEST_ID"] == id && record["SUDO_HELPER_EVENT"] == "result"
        };
        records(&host).iter().filter(is_end).map(|record| record["SUDO_HELPER_RETURNCODE"].clone()).collect()
    };
    let ends: &dyn Fn(&str) -> Vec<Value> = &ends;
    eventually("it is done, and recorded", || ends(&id) == ["0"]);
    freeze(&host, "0");
    let answer: Value = serde_json::from_str(&frozen.rest().join("\n")).expect("an answer");
    assert_eq!((&answer["success"], &answer["request_id"]), (&json!(true), &json!(id)));

    // The kernel kills what is in the group, without a word to sudo.
    host.run(&["rm", "-f", "/run/slow.go", "/run/slow.done", "/run/slow.began"]).success();
    let killed = Running::start(in_group(&host, &["run", "slow"]));
    eventually("it waits", || waiting() != json!([]));
    let id = waiting()[0]["id"].as_str().expect("an id").to_owned();
    host.ask_as(ALICE, &format!("approve {id}")).success();
    eventually("it has begun", || capture(host.command(&["test", "-e", "/run/slow.began"])).status.success());
    host.run_as(AGENT, &["sh", "-c", "echo 1 >$0/cgroup.kill", GROUP]).success();
    assert_eq!(killed.status(), 137);
    host.run(&["touch", "/run/slow.go"]).success();
    eventually("it is done, and recorded", || ends(&id) == ["0"]);
}

#[test]
fn a_caller_whose_cgroup_cannot_be_left_only_looks() {
    let Some(host) = boot() else { return };
    group(&host);
    // Nothing of the tree where the helper looks for it.
    let hide = "mkdir /run/tree; mount --bind /sys/fs/cgroup /run/tree; mount -t tmpfs none /sys/fs/cgroup";
    host.run(&["sh", "-ec", hide]).success();
    let ask = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        Answer::of(host.command(&[&["sh", "-ec", ENTER, "/run/tree/agent"], HELPER, &words].concat()))
    };
    for words in ["list", "service status ssh", "package update --dry-run", "explain run look"] {
        ask(words).success();
    }
    let id = "00000000000000000000000000000000";
    let decisions = ["approve", "deny", "wait"].map(|verb| format!("{verb} {id}"));
    let changes = ["run look", "service stop ssh", "package update", "package install hello"];
    for words in changes.into_iter().chain(decisions.iter().map(String::as_str)) {
        ask(words).failure(1, "caller-cgroup");
    }
    assert!(records(&host).iter().any(|record| record["SUDO_HELPER_CODE"] == "caller-cgroup"));
    host.run(&["umount", "/sys/fs/cgroup"]).success();
    ask("run look").success();
}

#[test]
fn a_job_that_its_front_left_behind_is_removed_and_one_that_waits_is_not() {
    let Some(host) = boot() else { return };
    Repository::of(&host).update();
    host.ask("package update").success();
    let jobs = "/run/sudo-helper/jobs";
    let [stale, waiting] = ["0", "1"].map(|digit| format!("{jobs}/{}", digit.repeat(32)));
    for job in [&stale, &waiting] {
        host.write(job, "{}", 0o600, "root");
    }
    let hold = format!("exec 9<{waiting}; flock -s 9; echo ready $$; read line");
    let front = Running::start(host.command(&["bash", "-c", &hold]));
    front.ready();
    host.ask("package update").success();
    host.run(&["test", "!", "-e", &stale]).success();
    host.run(&["test", "-e", &waiting]).success();
    host.run(&["sh", "-c", &format!("ls {jobs} | wc -l")]).success().stdout("1\n");
}

#[test]
fn the_agent_is_no_worker_and_takes_no_job() {
    let Some(host) = boot() else { return };
    host.ask("list").success();
    let (job, id) =
        ("/run/sudo-helper/jobs/000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f");
    let text = json!({"request_id": id, "operation": ["package", "update"], "approved": null});
    host.run(&["install", "-d", "-m", "0700", "/run/sudo-helper/jobs"]).success();
    host.write(job, text.to_string(), 0o600, "root");
    for prelude in [&[][..], &["env", "-u", "SUDO_UID"], &["env", "SUDO_UID="], &["env", "SUDO_UID=0"]] {
        Answer::of(after(&host, prelude, &["worker", id])).failure(3, "denied");
    }
    host.run(&["test", "-e", job]).success();
}

#[test]
fn a_record_says_what_was_and_only_that() {
    let Some(host) = boot() else { return };
    let forged = "\nMESSAGE=forged\nPRIORITY=0\nSUDO_HELPER_UID=0\n";
    let shell = format!("/home/ai-agent/x{}", forged.replace('/', "_"));
    host.run_as(AGENT, &["cp", "/bin/bash", &shell]).success();
    let script = "sudo -n sudo-helper run echo \"text=$0\"; sudo -n sudo-helper service status \"$0\"; \
        sudo -n sudo-helper run echo 'text=all is well'; :";
    let claim = format!("SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22{forged}");
    let become_it = "exec \"$0\" \"$@\"";
    host.run_as(AGENT, &["env", &claim, "bash", "-c", become_it, &shell, "-c", script, forged]).success();
    let lookalike = "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
        s.connect('/run/systemd/journal/socket'); \
        s.send(b'MESSAGE=event=result uid=0\\nSYSLOG_IDENTIFIER=sudo-helper\\n_UID=0\\nSUDO_HELPER_EVENT=result\\n')";
    host.run_as(AGENT, &["python3", "-c", lookalike]).success();
    let records = records(&host);
    assert!(records.len() >= 6, "{records:#?}");
    for record in &records {
        for (key, value) in
            record.as_object().expect("an entry").iter().filter(|(key, _)| !key.starts_with('_'))
        {
            let value =
                value.as_str().unwrap_or_else(|| panic!("{key} is no text, or is there twice: {record}"));
            assert!(!value.contains(['\n', '\u{1b}']) && value != "forged", "{key}: {record}");
        }
        assert_eq!(record["SUDO_HELPER_UID"], "1000", "{record}");
        assert!(record["MESSAGE"].as_str().is_some_and(|message| message.starts_with("event=")), "{record}");
        assert!(
            record["SUDO_HELPER_PARENTS"].as_str().is_some_and(|parents| parents.contains("forged")),
            "{record}"
        );
        assert!(record["SUDO_HELPER_SSH_CONNECTION_CLAIMED"].is_null(), "{record}");
    }
}

/// For python3: so much that journald takes no more from whoever sends it, and then a request.
const FLOOD: &str = r#"
import socket, subprocess
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect("/run/systemd/journal/socket")
for priority in (4, 6):
    for line in range(65000): log.send(b"MESSAGE=flood\nPRIORITY=%d\nSYSLOG_IDENTIFIER=flood\n" % priority)
for words in (["run", "look"], ["service", "stop", "ssh"]):
    print(subprocess.run(["sudo", "-n", "sudo-helper", *words], capture_output=True, text=True).stdout, end="")
"#;

#[test]
fn a_caller_who_floods_the_journal_does_not_keep_its_records_out() {
    let Some(host) = boot() else { return };
    let mut policy = policy();
    policy["audit_required"] = json!(true);
    host.policy(&policy);
    let user = format!("--uid={AGENT}");
    // As in a session of its own: journald counts by unit.
    let flood =
        host.run(&["systemd-run", "--quiet", "--pipe", "--wait", &user, "python3", "-c", FLOOD]).success();
    let text = String::from_utf8_lossy(&flood.get_output().stdout).into_owned();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect();
    let [done, denied] = &answers[..] else { panic!("{text}") };
    let records = records(&host);
    assert_eq!((&done["success"], &denied["code"]), (&json!(true), &json!("denied")));
    for (answer, event) in [done, denied].into_iter().flat_map(|one| [(one, "request"), (one, "result")]) {
        record_of(&records, answer, event);
    }
}

/// Calls sudo-helper with a full pipe as standard output, and says so when the call is at its end.
const UNREAD: &str = "
import os, subprocess, sys
ours, theirs = os.pipe()
os.set_blocking(theirs, False)
for size in 65536, 1:
    try:
        while True: os.write(theirs, b'x' * size)
    except BlockingIOError: pass
os.set_blocking(theirs, True)
print('full', flush=True)
subprocess.run(['sudo', '-n', 'sudo-helper'] + sys.argv[1:], stdout=theirs, stdin=subprocess.DEVNULL)
";

#[test]
fn whoever_reads_no_answer_keeps_no_process_outside_of_its_cgroup() {
    let Some(host) = boot() else { return };
    group(&host);
    for words in ["bogus", "run look", "list"] {
        let call = ["sh", "-ec", ENTER, GROUP, "python3", "-c", UNREAD];
        let stuck =
            Running::start(host.command(&[&call[..], &words.split(' ').collect::<Vec<_>>()].concat()));
        assert_eq!(stuck.line().as_deref(), Some("full"));
        let helpers = || {
            let all = "for pid in $(pgrep -x sudo-helper); do sed -n 's/^0:://p' /proc/$pid/cgroup; done";
            let output = capture(host.command(&["sh", "-c", all]));
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        eventually("it is answered, and only the front is left", || helpers() == ["/agent"]);
        host.run_as(AGENT, &["sh", "-c", "echo 1 >$0/cgroup.kill", GROUP]).success();
        assert_eq!(stuck.status(), 137);
        eventually("nothing is left", || helpers().is_empty());
    }
    // A cgroup that was killed once is one like any other.
    Answer::of(in_group(&host, &["run", "look"])).success();
    assert!(records(&host).iter().any(|record| record["SUDO_HELPER_OPERATION"] == "run look"));
}

#[test]
fn an_answer_is_whole_in_a_pipe_that_never_waits() {
    let Some(host) = boot() else { return };
    host.write("/usr/local/sbin/look", "#!/bin/sh\nhead -c 200000 /dev/zero | tr '\\0' x\n", 0o755, "root");
    let mut policy = policy();
    policy["limits"] = json!({"output_bytes": 1_000_000});
    host.policy(&policy);
    let call = "
import fcntl, os, struct, subprocess, sys
ours, theirs = os.pipe()
os.set_blocking(theirs, False)
call = subprocess.Popen(['sudo', '-n', 'sudo-helper', 'run', 'look'], stdout=theirs, stdin=subprocess.DEVNULL)
os.close(theirs)
held, FIONREAD = 0, 0x541B
while held < 60000:
    held, = struct.unpack('i', fcntl.ioctl(ours, FIONREAD, b'0000'))
while chunk := os.read(ours, 65536): sys.stdout.buffer.write(chunk)
sys.exit(call.wait())
";
    let answer = Answer::of(host.command_as(AGENT, &["python3", "-c", call])).success();
    assert_eq!(answer["stdout"].as_str().map(str::len), Some(200_000));
}
