//! How sudo-helper runs programs, whatever surroundings and end its caller has in mind for it.

use bed::helped::{AGENT, Answer, Helped};
use bed::{Running, eventually};
use serde_json::{Map, Value, json};

/// What every program is to find, of what proc(5) tells.
const LOOK: [&str; 10] = [
    "/usr/bin/cat",
    "/proc/self/status",
    "/proc/self/stat",
    "/proc/self/limits",
    "/proc/self/oom_score_adj",
    "/proc/self/personality",
    "/proc/self/timerslack_ns",
    "/proc/self/cmdline",
    "/proc/self/environ",
    "-",
];

/// For sh: everything that a caller can have sudo(8) pass on, and then sudo itself with `$@`.
const HOSTILE: &str = r#"
mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone
umask 0; trap '' HUP INT QUIT PIPE TERM XFSZ USR1 CHLD
echo 777 >/proc/self/oom_score_adj
exec prlimit --nofile=50: --cpu=100: --fsize=4096: --nproc=200: --stack=1048576: --data=900000000: --core=unlimited --memlock=65536: \
  nice -n 15 ionice -c 3 taskset -c 0 chrt --idle 0 setarch --addr-no-randomize \
  env EVIL=1 LANG=xx TERM=evil TZ=Evil/Zone LC_ALL=C DISPLAY=:9 PAGER=/tmp/evil PATH=/tmp:$PATH "$@" </etc/passwd
"#;

fn script(host: &Helped, name: &str, text: &str) -> (String, Value) {
    let path = format!("/usr/local/bin/{name}");
    host.write(&path, format!("#!/bin/sh\n{text}\n"), 0o755, "root");
    (name.to_owned(), json!({"argv": [path]}))
}

fn commands<const N: usize>(commands: [(String, Value); N]) -> Value {
    commands.into_iter().collect::<Map<_, _>>().into()
}

fn hostile<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["sh", "-c", HOSTILE, "sh"], words].concat()
}

fn text_of<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().expect("a text")
}

/// The value of a line `KEY:\tVALUE` of proc(5).
fn field<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{key} in {text}")).trim()
}

#[test]
fn nothing_that_the_caller_chose_reaches_a_program() {
    let Some(host) = Helped::boot() else { return };
    let (name, io) = script(&host, "io", "ionice -p $$");
    host.policy(&json!({"commands": {
        "look": {"argv": LOOK}, name: io,
        "files": {"argv": ["/usr/bin/ls", "-l", "/proc/self/fd", "/proc/self/cwd"]},
    }}));
    host.run(&["groupadd", "extra"]).success();
    host.run(&["usermod", "-aG", "extra", AGENT]).success();
    let sudo = ["sudo", "-n", "-P", "sudo-helper", "run"];
    let ask = |name: &str| {
        let words = [&sudo[..], &[name]].concat();
        Answer::of(host.command_as(AGENT, &hostile(&words))).success()
    };
    let terminal = |name: &str| {
        let words = [&["sh", "-c", "exec \"$@\" </dev/tty", "sh"], &sudo[..], &[name]].concat();
        let running = host.on_terminal(AGENT, &hostile(&words));
        // The shells before it complain of the working directory.
        let line = running.rest().into_iter().find(|line| line.starts_with('{')).expect("an answer");
        serde_json::from_str::<Value>(&line).expect("JSON")
    };
    for answer in [ask("look"), terminal("look")] {
        let seen = text_of(&answer, "stdout");
        for (key, value) in [
            ("SigBlk", "0000000000000000"),
            ("Groups", "0"),
            ("Umask", "0022"),
            ("Uid", "0\t0\t0\t0"),
            ("Gid", "0\t0\t0\t0"),
            ("NoNewPrivs", "0"),
        ] {
            assert_eq!(field(seen, key), value, "{key}");
        }
        // 32 and 33 are glibc's own: its posix_spawn(3) leaves them ignored, and whoever needs them sets them.
        let ignored = u64::from_str_radix(field(seen, "SigIgn"), 16).expect("a mask");
        assert_eq!(ignored & !(0b11 << 31), 0, "{ignored:x}");
        assert_eq!(
            field(seen, "Cpus_allowed_list"),
            field(&host.read("/proc/1/status"), "Cpus_allowed_list")
        );
        let environ =
            seen.rsplit_once("/proc/self/environ\0-\0").expect("the command line, then the environment").1;
        let expected = "PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root SHELL=/bin/sh LC_ALL=C.UTF-8 \
             TERM=dumb PAGER=cat SYSTEMD_PAGER=cat ";
        assert_eq!(environ.replace('\0', " "), expected);
        assert!(seen.contains("/usr/bin/cat\0/proc/self/status\0"), "the exact words");

        let stat: Vec<&str> =
            seen.lines().find_map(|line| line.split_once(" (cat) ")).expect("stat").1.split(' ').collect();
        let pid = field(seen, "Pid");
        // Fields 5 to 7, 19 and 41 of proc_pid_stat(5): group, session, terminal, nice, scheduling policy.
        assert_eq!([stat[2], stat[3], stat[4], stat[16], stat[38]], [pid, pid, "0", "0", "0"], "{stat:?}");
        let limit = |name: &str| {
            let line = seen.lines().find(|line| line.starts_with(name)).expect(name);
            line[26..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
        };
        for name in ["Max cpu time", "Max file size", "Max data size", "Max address space", "Max processes"] {
            let limit = limit(name);
            let (soft, hard) = limit.split_once(' ').expect("two");
            assert_eq!(soft, hard, "{name}: as high as root may go here");
        }
        assert_eq!(limit("Max stack size"), "8388608 unlimited");
        assert_eq!(limit("Max core file size").split(' ').next(), Some("0"));
        assert_eq!(limit("Max open files").split(' ').next(), Some("1024"));
        assert_eq!(limit("Max locked memory").split(' ').next(), Some("8388608"));
        let rest: Vec<&str> = seen
            .lines()
            .skip_while(|line| !line.starts_with("Max realtime timeout"))
            .skip(1)
            .take(3)
            .collect();
        assert_eq!(rest, ["0", "00000000", "50000"], "OOM score, execution domain, timer slack");
        // `-` is standard input: nothing was there of what the caller wrote.
        assert!(environ.ends_with("SYSTEMD_PAGER=cat\0"));
    }
    let of_init = host.run(&["ionice", "-p", "1"]).success();
    assert_eq!(text_of(&ask("io"), "stdout").as_bytes(), of_init.get_output().stdout);
    for answer in [ask("files"), terminal("files")] {
        let listed = text_of(&answer, "stdout");
        let links: Vec<&str> = listed.lines().filter_map(|line| Some(line.split_once(" -> ")?.1)).collect();
        assert_eq!(links[..2], ["/", "/dev/null"], "{listed}");
        assert!(links[2].starts_with("pipe:") && links[3].starts_with("pipe:"), "{listed}");
        assert_eq!(links.len(), 5, "and the folder that is listed: {listed}");
    }
}

/// Whether root may raise a hard limit on test hosts: CAP_SYS_RESOURCE, 24 of capabilities(7).
fn can_raise(host: &Helped) -> bool {
    let status = host.read("/proc/1/status");
    u64::from_str_radix(field(&status, "CapEff"), 16).expect("a mask") & 1 << 24 != 0
}

#[test]
fn a_hard_limit_is_raised_or_nothing_is_begun() {
    let Some(host) = Helped::boot() else { return };
    host.policy(
        &json!({"commands": commands([script(&host, "limits", "touch /run/ran; cat /proc/self/limits")])}),
    );
    for (limit, name) in
        [("--cpu=100", "Max cpu time"), ("--fsize=4096", "Max file size"), ("--nofile=60", "Max open files")]
    {
        let command =
            host.command_as(AGENT, &["prlimit", limit, "sudo", "-n", "sudo-helper", "run", "limits"]);
        if can_raise(&host) {
            let answer = Answer::of(command).success();
            let line = text_of(&answer, "stdout").lines().find(|line| line.starts_with(name)).expect(name);
            let least = if limit.starts_with("--nofile") { "524288" } else { "unlimited" };
            assert_eq!(line[26..].split_whitespace().nth(1), Some(least), "{line}");
        } else {
            let answer = Answer::of(command).failure(1, "surroundings");
            assert!(text_of(&answer, "error").contains("CAP_SYS_RESOURCE"), "{answer}");
            host.run(&["test", "-e", "/run/ran"]).failure();
        }
    }
}

#[test]
fn systemctl_gets_these_words_and_this_environment_and_no_other() {
    let Some(host) = Helped::boot() else { return };
    // The real one, told of before it runs.
    let told = "#!/bin/sh\n{ tr '\\0' ' ' </proc/$$/environ; printf '|%s' \"$@\"; echo; } >>/run/told\nexec /usr/lib/told/systemctl \"$@\"\n";
    host.run(&["sh", "-ec", "mkdir /usr/lib/told; mv /usr/bin/systemctl /usr/lib/told/"]).success();
    host.write("/usr/bin/systemctl", told, 0o755, "root");
    host.policy(&json!({"services": {"ssh": ["status", "restart"]}}));
    let restart = hostile(&["sudo", "-n", "sudo-helper", "service", "restart", "ssh"]);
    Answer::of(host.command_as(AGENT, &restart)).success();
    let environment = "PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb PAGER=cat SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 \
         SYSTEMD_URLIFY=0 SYSTEMD_EMOJI=0 ";
    let told = host.read("/run/told");
    assert!(
        told.lines().all(|line| line.split_once('|').is_some_and(|(found, _)| found == environment)),
        "{told}"
    );
    let words: Vec<&str> = told.lines().filter_map(|line| Some(line.split_once('|')?.1)).collect();
    let flags = "--system|--no-pager|--no-ask-password|--plain";
    assert_eq!(words[1], format!("{flags}|restart|--|ssh.service"));
    let asks =
        |line: &&&str| line.starts_with(&format!("{flags}|-p|Id,")) && line.ends_with("|show|--|ssh.service");
    assert_eq!(words.iter().filter(asks).count(), words.len() - 1, "{words:?}");
}

#[test]
fn the_end_of_a_long_output_is_kept() {
    let Some(host) = Helped::boot() else { return };
    let (name, both) = script(&host, "both", "seq 200000; seq 300000 >&2; exit 3");
    let (exact, fits) = script(&host, "fits", "head -c 1024 /dev/zero | tr '\\0' x");
    host.policy(&json!({"commands": {name: both, exact: fits}, "limits": {"output_bytes": 1024}}));
    let long = host.ask("run both").failure(1, "failed");
    for (key, end) in [("stdout", "199999\n200000\n"), ("stderr", "299999\n300000\n")] {
        let text = text_of(&long, key);
        assert!(text.ends_with(end) && (1000..=1024).contains(&text.len()), "{long}");
    }
    assert_eq!(long["truncated"], true);
    let whole = host.ask("run fits").success();
    assert_eq!((text_of(&whole, "stdout").len(), &whole["truncated"]), (1024, &json!(false)));
}

#[test]
fn a_program_whose_time_is_over_is_asked_and_then_killed() {
    let Some(host) = Helped::boot() else { return };
    let mut policy = commands([
        script(&host, "polite", "trap 'echo bye; exit 9' TERM; echo here; while :; do sleep 0.05; done"),
        script(&host, "deaf", "trap '' TERM INT HUP; echo here; while :; do sleep 0.05; done"),
    ]);
    for name in ["polite", "deaf"] {
        policy[name]["timeout_s"] = json!(1);
    }
    host.policy(&json!({"commands": policy}));
    std::thread::scope(|scope| {
        let deaf = scope.spawn(|| host.ask("run deaf").failure(6, "timed-out"));
        let polite = host.ask("run polite").failure(6, "timed-out");
        assert_eq!((&polite["stdout"], &polite["returncode"]), (&json!("here\nbye\n"), &json!(9)));
        assert_eq!(text_of(&polite, "error"), "it took longer than 1 s and was stopped");
        let deaf = deaf.join().expect("an answer");
        assert_eq!((&deaf["stdout"], &deaf["returncode"]), (&json!("here\n"), &json!(-9)));
    });
}

/// A command that tells who runs it and waits to be let go on.
const GATED: &str = r#"
    pid=$PPID
    while [ "$pid" -gt 1 ]; do
      [ "$(cat /proc/$pid/comm)" != sudo ] || sudos="$sudos $pid"
      pid=$(sed -n 's/^PPid:\t//p' /proc/$pid/status)
    done
    echo $PPID $sudos >/run/who.new; mv /run/who.new /run/who
    read -r word </run/gate; echo "$word" >/run/done; echo finished; exit 4"#;

#[test]
fn an_operation_ends_well_whoever_ends_its_caller() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"commands": commands([script(&host, "gated", GATED)])}));
    host.run(&["mkfifo", "/run/gate"]).success();
    let line = "sudo -n sudo-helper run gated";
    let piped = || Running::start(host.command_as(AGENT, &["sh", "-c", &format!("{line}; :")]));
    let on_terminal = || host.on_terminal(AGENT, &["sh", "-c", line]);
    let starts: [(&str, &dyn Fn() -> Running); 2] = [("pipe", &piped), ("terminal", &on_terminal)];
    for (how, start) in starts {
        for (signal, which) in [("TERM", 0), ("HUP", 0), ("INT", 0), ("KILL", 0), ("KILL", 1)] {
            host.run(&["rm", "-f", "/run/who", "/run/done"]).success();
            let _running = start();
            eventually("it runs", || host.run(&["cat", "/run/who"]).try_success().is_ok());
            let who = host.read("/run/who");
            let who: Vec<&str> = who.split_whitespace().collect();
            let (helper, sudos) = who.split_first().expect("pids");
            assert!(!sudos.is_empty(), "{how}: {who:?}");
            // As the agent may: sudo(8) keeps the real uid of its caller.
            for sudo in &sudos[which.min(sudos.len() - 1)..] {
                host.run_as(AGENT, &["kill", &format!("-{signal}"), sudo]);
            }
            let is_there =
                |pid: &str| host.run(&["test", "-e", &format!("/proc/{pid}")]).try_success().is_ok();
            if signal == "KILL" {
                eventually("sudo is gone", || !sudos.iter().any(|sudo| is_there(sudo)));
            }
            let name = host.run(&["cat", &format!("/proc/{helper}/comm")]).get_output().stdout.clone();
            assert_eq!(name, b"sudo-helper\n", "{how}, {signal} to {which}..");
            host.run(&["sh", "-c", "echo open >/run/gate"]).success();
            eventually("it ends", || host.run(&["test", "-s", "/run/done"]).try_success().is_ok());
            eventually("the helper ends", || !is_there(helper));
            let journal = host.journal();
            let ours = |entry: &&Value| entry["SYSLOG_IDENTIFIER"] == "sudo-helper";
            let last = journal.iter().rfind(ours).expect("a record");
            assert_eq!(
                (&last["SUDO_HELPER_EVENT"], &last["SUDO_HELPER_RETURNCODE"]),
                (&json!("result"), &json!("4")),
                "{how}, {signal}: {last}"
            );
        }
    }
    // And nothing was broken off.
    host.ask("list").success();
    assert!(!host.journal().iter().any(|entry| entry["SUDO_HELPER_EVENT"] == "aborted"));
}
