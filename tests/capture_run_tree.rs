//! capture-run, end to end: limits of time, signals, and what becomes of everything that was started.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::OutputAssertExt;
use bed::records::{Kin, Records, cgroup, cgroup_of, children, ended, kin, own_cgroup};
use bed::{Change, LISTENER, Running, Status, Terminal, capture, eventually, signal, spawn, tool};
use predicates::prelude::*;
use serde_json::json;

/// ubuntu's number.
const UBUNTU: u32 = 1000;

mod timeouts {
    use super::*;

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_124() {
        let Some(records) = Records::new() else { return };
        for (options, script, code, word) in [
            ("--timeout 0.1", "exec sleep 600", 124, "timeout"),
            ("--timeout=0.1s", "echo; sleep 600", 124, "timeout"),
            ("--timeout 0.1 --foreground", "exec sleep 600", 124, "timeout"),
            ("--timeout 0.1 --kill-tree", "exec sleep 600", 124, "timeout"),
            ("--idle-timeout 0.1", "exec sleep 600", 124, "idle-timeout"),
            ("--idle-timeout 0.1 --foreground", "exec sleep 600", 124, "idle-timeout"),
            ("--idle-timeout 0.1 --timeout 1h", "echo; exec sleep 600", 124, "idle-timeout"),
            ("--timeout 0.1 --idle-timeout 1h", "exec sleep 600", 124, "timeout"),
            ("--timeout 0.2", "trap 'exit 9' TERM; sleep 600 & wait", 124, "timeout"),
            ("--timeout 0.7 -k 0.1", "trap '' TERM; sleep 600; sleep 600", 137, "timeout"),
            (
                "--idle-timeout 0.1 --kill-after 0.1",
                "trap '' TERM; sleep 600; sleep 600",
                137,
                "idle-timeout",
            ),
            (
                "--timeout 0.7 -k 0.1 --foreground",
                "trap '' TERM; while :; do sleep 0.05; done",
                137,
                "timeout",
            ),
            ("--timeout 0.1 -k 1h", "exec sleep 600", 124, "timeout"),
            ("--timeout 0.1 -s KILL", "exec sleep 600", 137, "timeout"),
            ("--timeout 0.1 --signal 9", "exec sleep 600", 137, "timeout"),
            ("--timeout 0.1 -s 0 -k 0.1", "exec sleep 600", 137, "timeout"),
            ("--timeout 0.1 --signal=sigusr1", "exec sleep 600", 124, "timeout"),
            ("--timeout 0.1", "kill -STOP $$; exit 3", 124, "timeout"),
            ("--timeout 0.1 --foreground", "kill -STOP $$; exit 3", 124, "timeout"),
            ("--timeout 0.1", "(kill -STOP 0); exit 3", 124, "timeout"),
            ("--timeout 0.1", "sleep 0.01 & sleep 600", 124, "timeout"),
            ("--timeout 0.3", "timeout 600 sleep 600", 124, "timeout"),
            ("--timeout 0.1 --map-exit 124=75", "exec sleep 600", 75, "timeout"),
        ] {
            records.sh(&format!("{options} --result result"), script).code(code).stderr("");
            assert_eq!(records.status(), format!("{code}\n"), "{options} {script}");
            let record = records.result();
            assert_eq!(
                (&record["result"], &record["status"]),
                (&json!(word), &json!(code)),
                "{options} {script}"
            );
            if !options.contains("foreground") {
                records.nothing_is_left();
            }
        }
    }

    #[test]
    fn a_command_in_time_has_its_own_status() {
        let Some(records) = Records::new() else { return };
        for options in
            ["--timeout 1h", "--timeout 1d -k 1", "--timeout 0", "--timeout inf", "--idle-timeout 1m"]
        {
            records.sh(&format!("{options} --result result"), "exit 3").code(3);
            assert_eq!(records.result()["result"], "exit-code", "{options}");
        }
    }

    #[test]
    fn the_signal_is_the_one_that_was_chosen_and_the_last_words_are_kept() {
        let Some(records) = Records::new() else { return };
        for (options, name) in
            [("", "TERM"), ("-s INT", "INT"), ("--signal SIGHUP", "HUP"), ("-s 10", "USR1")]
        {
            let options = format!("--timeout 0.7 {options}");
            let script = "for s in TERM INT HUP USR1; do trap \"echo got $s; exit 9\" $s; done
                          while :; do :; done";
            records.sh(&options, script).code(124).stdout(format!("got {name}\n"));
            assert_eq!(records.log(), format!("got {name}\n"));
        }
    }

    #[test]
    fn output_puts_the_idle_timeout_off() {
        let Some(records) = Records::new() else { return };
        // Two seconds in all, twice as long as the limit.
        let script = "for i in 1 2 3 4 5 6 7 8 9 10; do printf $i; sleep 0.2; done; exit 3";
        for options in ["--idle-timeout 1", "--idle-timeout 1 --foreground"] {
            records.sh(options, script).code(3).stdout("12345678910");
        }
        records.sh("--idle-timeout 1 --result result", "echo x; exec sleep 600").code(124).stdout("x\n");
        assert_eq!(records.result()["result"], "idle-timeout");
    }

    #[test]
    fn it_works_with_sigalrm_blocked_and_as_the_first_process() {
        let Some(records) = Records::new() else { return };
        let run = "capture-run --timeout 0.1 log status -- sleep 600";
        records.caller(&format!("env --block-signal=ALRM {run}")).code(124);
        records.caller(&format!("unshare --pid --fork {run}")).code(124);
        records.caller("unshare --pid --fork capture-run log status -- sh -c 'exit 3'").code(3);
    }

    #[test]
    fn in_the_foreground_only_the_command_is_told() {
        let Some(records) = Records::new() else { return };
        let script = "sleep 603 >/dev/null 2>&1 & exec sleep 600";
        records.sh("--foreground --timeout 0.7", script).code(124);
        assert!(records.find("sleep 603").is_some(), "its child lives on, as timeout(1) says");
        assert!(records.find("sleep 600").is_none());
    }

    #[test]
    fn a_command_that_was_stopped_by_others_is_ended_too() {
        let Some(records) = Records::new() else { return };
        let mut run = spawn(records.script("--timeout 2", "exec sleep 604").stdout(Stdio::null()));
        signal(records.found("sleep 604"), libc::SIGSTOP);
        assert_eq!(ended(&mut run), 124);
        records.nothing_is_left();
    }
}

mod signals {
    use super::*;

    const FORWARDED: [i32; 8] = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGCONT,
        libc::SIGWINCH,
        libc::SIGALRM,
    ];

    /// In our group, and in one of its own.
    const GROUPS: [&str; 3] = ["", "--kill-tree", "--timeout 1h"];

    fn listener(records: &Records, options: &str) -> Command {
        records.command(options, &[tool("python3"), "-c", LISTENER])
    }

    #[test]
    fn each_reaches_the_command_once_and_its_end_is_awaited() {
        let Some(records) = Records::new() else { return };
        for options in GROUPS {
            let run = Running::start(listener(&records, options));
            let command = run.ready();
            assert_eq!(kin(command).group == kin(run.pid()).group, options.is_empty());
            for number in FORWARDED {
                run.signal(number);
                assert_eq!(run.line(), Some(number.to_string()), "{options}");
            }
            run.signal(libc::SIGTERM);
            assert_eq!(run.rest(), ["15"], "{options}");
            assert_eq!(run.status(), 42);
            assert_eq!(records.status(), "42\n");
            assert!(records.log().ends_with("\n15\n"), "{}", records.log());
        }
    }

    #[test]
    fn what_a_trap_says_last_is_kept() {
        let Some(records) = Records::new() else { return };
        for options in GROUPS {
            let script = "trap 'sleep 0.2; seq 20000; exit 42' TERM; echo ready $$; while :; do :; done";
            let run = Running::start(records.script(options, script));
            let _ = run.ready();
            run.signal(libc::SIGTERM);
            assert_eq!(run.rest().len(), 20_000, "{options}");
            assert_eq!(run.status(), 42);
            assert_eq!(records.log().lines().count(), 20_001);
            assert!(records.log().ends_with("\n20000\n"));
            assert_eq!(records.status(), "42\n");
        }
    }

    #[test]
    fn a_command_that_dies_of_one_has_128_and_its_number() {
        let Some(records) = Records::new() else { return };
        for options in GROUPS {
            for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
                let run = Running::start(records.script(options, "echo ready $$; exec sleep 600"));
                let _ = run.ready();
                run.signal(number);
                assert_eq!(run.status(), 128 + number, "{options}");
                assert_eq!(records.status(), format!("{}\n", 128 + number));
            }
        }
    }

    #[test]
    fn a_command_that_does_not_heed_it_is_killed_after_the_grace() {
        let Some(records) = Records::new() else { return };
        for options in ["-k 0.2", "-k 0.2 --kill-tree", "--kill-after 0.2 --timeout 1h"] {
            let run =
                Running::start(records.script(options, "trap '' TERM; echo ready $$; while :; do :; done"));
            let _ = run.ready();
            run.signal(libc::SIGTERM);
            assert_eq!(run.status(), 137, "{options}");
            assert_eq!(records.status(), "137\n");
            records.nothing_is_left();
        }
    }

    #[test]
    fn one_that_the_caller_ignores_is_not_forwarded() {
        let Some(records) = Records::new() else { return };
        for options in GROUPS {
            let run = format!("env --ignore-signal=HUP capture-run {options} log status --");
            let line: Vec<&str> = run.split_ascii_whitespace().collect();
            let run = Running::start(records.any(&[&line[..], &[tool("python3"), "-c", LISTENER]].concat()));
            let _ = run.ready();
            run.signal(libc::SIGHUP);
            run.signal(libc::SIGUSR1);
            assert_eq!(run.line().as_deref(), Some("10"), "{options}");
            run.signal(libc::SIGTERM);
            assert_eq!((run.rest(), run.status()), (vec!["15".to_owned()], 42));
        }
    }

    #[test]
    fn a_key_of_the_terminal_reaches_the_command_once() {
        let Some(records) = Records::new() else { return };
        for (options, shares_group) in
            [("", true), ("--kill-tree", false), ("--foreground --timeout 1h", true)]
        {
            records.file("heard", "", 0, 0o600);
            let words = format!("capture-run {options} log status -- sh -c");
            let words: Vec<&str> =
                Terminal::session().into_iter().chain(words.split_ascii_whitespace()).collect();
            let script = ["exec python3 -c \"$1\" > heard", "sh", LISTENER];
            let mut run = Terminal::open().run(records.any(&[&words[..], &script].concat()));
            let heard = || records.text("heard").lines().skip(1).collect::<Vec<_>>().join(" ");
            eventually("the command", || records.text("heard").starts_with("ready "));
            // setsid(1) either waits for capture-run or has become it.
            let became = Status::of(run.pid()).field("Name") == "capture-run";
            let ours = if became { run.pid() } else { children(run.pid())[0] };
            // We are stopped meanwhile, so that the command has one before it could get another.
            signal(ours, libc::SIGSTOP);
            eventually("our stop", || Status::of(ours).field("State").starts_with('T'));
            run.write(b"\x03");
            eventually("the key", || {
                let ours_has_it = Status::of(ours).has_signal("ShdPnd", libc::SIGINT);
                ours_has_it && (!shares_group || heard() == "2")
            });
            // Signals that wait are read in the order of their numbers: SIGINT before SIGCONT.
            signal(ours, libc::SIGCONT);
            eventually("what comes next", || heard().ends_with("18"));
            assert_eq!(heard(), "2 18", "{options}");
            signal(ours, libc::SIGTERM);
            assert_eq!(run.status(), 42);
            assert_eq!(records.status(), "42\n");
        }
    }

    #[test]
    fn suspended_we_stop_with_the_command_and_go_on_with_it() {
        let Some(records) = Records::new() else { return };
        for options in GROUPS {
            // The kernel stops nobody in a group that nobody outside of it could continue.
            let mut command = records.script(options, "echo ready $$; exec sleep 611");
            command.process_group(0);
            let run = Running::start(command);
            let command = run.ready();
            let is_stopped = || Status::of(command).field("State").starts_with('T');
            run.signal(libc::SIGTSTP);
            assert_eq!(run.changed(), Change::Stopped);
            eventually("the command to stop", is_stopped);
            run.signal(libc::SIGCONT);
            assert_eq!(run.changed(), Change::Continued);
            eventually("the command to go on", || !is_stopped());
            run.signal(libc::SIGTERM);
            assert_eq!(run.status(), 143);
        }
    }

    #[test]
    fn sigpipe_to_us_leaves_nothing_running() {
        let Some(records) = Records::new() else { return };
        let run = Running::start(records.script("", "echo ready $$; exec sleep 600"));
        let _ = run.ready();
        run.signal(libc::SIGPIPE);
        assert_eq!(run.status(), 128 + libc::SIGPIPE);
        records.nothing_is_left();
    }
}

mod tree {
    use super::*;

    /// What jobs do so that they would survive: process groups and sessions of their own, double
    /// forks, ignored signals, forking all the time, and never staying the same process.
    const JOBS: &str = r#"
        sleep 60001 &
        timeout 600 sleep 60002 &
        setsid sleep 60003 &
        ( ( sleep 60004 & ) & )
        ( setsid sh -c 'setsid sleep 60005 & exit' & ) &
        nohup sleep 60006 > /dev/null 2>&1 &
        sh -c 'trap "" TERM HUP INT QUIT USR1; sleep 60007; sleep 60007' &
        sh -c 'while :; do sleep 0.3 & sleep 0.01; done' > /dev/null 2>&1 &
        sh /mnt/hop.sh > /dev/null 2>&1 &
        touch up
        wait"#;

    const HOP: &str = "sleep 0.01\nsetsid sh /mnt/hop.sh &\n";

    const SLEEPERS: std::ops::RangeInclusive<u32> = 60001..=60007;

    /// Where the jobs run.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Host {
        /// As root, with a writable cgroup v2.
        Cgroup,
        /// As root, without any.
        NoCgroup,
        /// As ubuntu, who may write none.
        Unprivileged,
    }

    /// Who or what ends them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Cancel {
        /// SIGKILL to capture-run alone.
        KillUs,
        /// SIGKILL to the process group of the caller, as SSM does it.
        KillGroup,
        /// SIGTERM to capture-run.
        Tell,
        /// `--timeout`.
        Timeout,
        /// SIGKILL to the watcher.
        KillWatcher,
    }

    struct Job {
        caller: Child,
        ours: i32,
        watcher: i32,
        command: i32,
    }

    /// Starts the jobs in capture-run in a shell, which leads a process group.
    fn start(records: &Records, host: Host, options: &str) -> Job {
        records.file("hop.sh", HOP, 0, 0o644);
        let folder = records.folder("jobs", if host == Host::Unprivileged { UBUNTU } else { 0 }, 0o755);
        let line = format!("capture-run {options} log status -- sh -c \"$JOBS\"; exit $?");
        let mut caller = records.any(&["bash", "-c", &line]);
        caller.env("JOBS", JOBS).current_dir(folder).process_group(0).stdout(Stdio::null());
        if host == Host::Unprivileged {
            caller.uid(UBUNTU).gid(UBUNTU);
        }
        let caller = spawn(&mut caller);
        let pid = caller.id().cast_signed();
        eventually("all jobs", || {
            let here = records.processes();
            let has = |words: &str| here.iter().any(|process| process.words == words);
            has("sh /mnt/hop.sh") && SLEEPERS.clone().all(|seconds| has(&format!("sleep {seconds}")))
        });
        let ours = children(pid)[0];
        let watcher = children(ours)[0];
        let command = children(watcher).into_iter().min().expect("the command");
        Job { caller, ours, watcher, command }
    }

    fn nothing_survives(host: Host, cancel: Cancel) {
        let Some(records) = Records::new() else { return };
        if host == Host::Cgroup && cgroup().is_none() {
            eprintln_skipped("needs a writable cgroup v2");
            return;
        }
        if host == Host::NoCgroup {
            records.without_cgroups();
        }
        let options = if cancel == Cancel::Timeout { "--timeout 4" } else { "--kill-tree" };
        let mut job = start(&records, host, options);
        let folder = cgroup_of(job.command);
        assert_eq!(folder.is_some(), host == Host::Cgroup, "{folder:?}");
        if let Some(folder) = &folder {
            let members = fs::read_to_string(folder.join("cgroup.procs")).expect("it can be read");
            assert!(members.lines().any(|pid| pid == job.command.to_string()), "{members}");
        }
        let group = kin(job.caller.id().cast_signed()).group;
        assert_eq!(kin(job.ours).group, group);
        match cancel {
            Cancel::KillUs => signal(job.ours, libc::SIGKILL),
            Cancel::KillGroup => signal(-group, libc::SIGKILL),
            Cancel::Tell => signal(job.ours, libc::SIGTERM),
            Cancel::Timeout => {}
            Cancel::KillWatcher => signal(job.watcher, libc::SIGKILL),
        }
        let code = match cancel {
            Cancel::KillUs | Cancel::KillGroup | Cancel::KillWatcher => 137,
            Cancel::Tell => 143,
            Cancel::Timeout => 124,
        };
        assert_eq!(ended(&mut job.caller), code, "{cancel:?}");
        records.nothing_is_left();
        let expected = match cancel {
            Cancel::KillUs | Cancel::KillGroup => String::new(),
            _ => format!("{code}\n"),
        };
        assert_eq!(records.text("jobs/status"), expected);
        if let Some(folder) = folder {
            eventually("the end of the cgroup", || !folder.exists());
        }
    }

    fn eprintln_skipped(why: &str) {
        use std::io::Write;
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {name} {why}");
    }

    /// One test for each cancel, on one kind of host.
    macro_rules! nothing_survives {
        ($name:ident, $host:expr) => {
            mod $name {
                use super::*;

                #[test]
                fn sigkill_to_us_alone() {
                    nothing_survives($host, Cancel::KillUs);
                }

                #[test]
                fn sigkill_to_the_callers_group() {
                    nothing_survives($host, Cancel::KillGroup);
                }

                #[test]
                fn sigterm_to_us() {
                    nothing_survives($host, Cancel::Tell);
                }

                #[test]
                fn a_timeout() {
                    nothing_survives($host, Cancel::Timeout);
                }

                #[test]
                fn sigkill_to_the_watcher() {
                    nothing_survives($host, Cancel::KillWatcher);
                }
            }
        };
    }

    nothing_survives!(with_a_cgroup_nothing_survives, Host::Cgroup);
    nothing_survives!(without_a_cgroup_nothing_survives, Host::NoCgroup);
    nothing_survives!(unprivileged_nothing_survives, Host::Unprivileged);

    #[test]
    fn by_default_the_command_is_in_the_callers_group_and_dies_with_it() {
        let Some(records) = Records::new() else { return };
        let line = "capture-run log status -- sh -c 'sleep 605; exit 3'; exit $?";
        let mut caller = spawn(records.any(&["bash", "-c", line]).process_group(0).stdout(Stdio::null()));
        let pid = caller.id().cast_signed();
        let job = records.found("sleep 605");
        assert_eq!(kin(job).group, pid);
        assert_eq!(kin(children(pid)[0]).group, pid);
        signal(-pid, libc::SIGKILL);
        assert_eq!(ended(&mut caller), 137);
        records.nothing_is_left();
    }

    #[test]
    fn a_limit_gives_the_command_a_group_of_its_own_in_the_same_session() {
        let Some(records) = Records::new() else { return };
        for (options, own) in [
            ("--kill-tree", true),
            ("--timeout 1h", true),
            ("--idle-timeout 1h", true),
            ("--foreground --timeout 1h", false),
            ("--foreground --idle-timeout 1h", false),
            ("--result result", false),
        ] {
            let run = Running::start(records.script(options, "echo ready $$; exec sleep 600"));
            let (command, ours) = (kin(run.ready()), kin(run.pid()));
            assert_eq!(command.session, ours.session, "{options}");
            assert_eq!(command.group != ours.group, own, "{options}");
            assert_eq!(command.parent == run.pid(), !own, "{options}");
            run.signal(libc::SIGTERM);
            assert_eq!(run.status(), 143);
        }
    }

    #[test]
    fn the_watcher_is_in_a_third_group_and_holds_no_stream_and_no_log() {
        let Some(records) = Records::new() else { return };
        let mut command = records.script("--kill-tree --result result", "echo ready $$; exec sleep 600");
        let (_source, errors) = std::io::pipe().expect("a pipe");
        let run = Running::start({
            command.stderr(errors);
            command
        });
        let command = run.ready();
        let Kin { parent: watcher, group, session } = kin(command);
        let (watchers, ours) = (kin(watcher), kin(run.pid()));
        assert_eq!((watchers.parent, watchers.session), (run.pid(), session));
        assert!(watchers.group != group && watchers.group != ours.group, "{watchers:?} {ours:?}");
        // What capture-run and the command hold, by device and inode; the watcher's own pipes are
        // those that capture-run shares with it alone.
        let open = |pid: i32| {
            let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("it is alive");
            let files = entries.flatten().map(|entry| fs::metadata(entry.path()).expect("an open file"));
            files.map(|file| (file.dev(), file.ino())).collect::<Vec<_>>()
        };
        let held = open(watcher);
        let streams = open(command);
        let by_path = |name: &str| fs::metadata(records.path(name)).expect("it is there");
        let records_held = ["log", "status", "result"].map(|name| (by_path(name).dev(), by_path(name).ino()));
        let of_ours: Vec<_> = ["1", "2"]
            .iter()
            .map(|fd| fs::metadata(format!("/proc/{}/fd/{fd}", run.pid())).expect("open"))
            .map(|file| (file.dev(), file.ino()))
            .collect();
        assert!(!held.is_empty());
        for file in streams.iter().chain(&of_ours).chain(&records_held) {
            assert!(!held.contains(file), "{file:?} in {held:?}");
        }
        run.signal(libc::SIGTERM);
        assert_eq!(run.status(), 143);
    }

    #[test]
    fn the_end_of_all_output_does_not_wait_for_the_watcher() {
        let Some(records) = Records::new() else { return };
        // The watcher is stopped, so it cannot even react to our end.
        let run = Running::start(records.script("--kill-tree", "echo ready $$; exec sleep 600"));
        let command = run.ready();
        let watcher = kin(command).parent;
        signal(watcher, libc::SIGSTOP);
        run.signal(libc::SIGKILL);
        assert!(run.rest().is_empty(), "and its end has come");
        signal(watcher, libc::SIGCONT);
        drop(run);
        records.nothing_is_left();
    }

    #[test]
    fn a_job_of_another_user_cannot_end_roots_watcher() {
        let Some(records) = Records::new() else { return };
        let script =
            "grep '^[UG]id' /proc/$PPID/status; for s in KILL STOP TERM; do kill -$s $PPID; done; exit 3";
        let command = ["dropuid", "ubuntu", "--", "sh", "-c", script];
        let run = capture(records.command("--kill-tree", &command)).assert().code(3);
        let output = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
        assert!(output.contains("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"), "{output}");
        assert_eq!(output.matches("not permitted").count(), 3, "{output}");
        assert_eq!(records.status(), "3\n");
    }

    #[test]
    fn jobs_of_another_user_end_with_roots_run() {
        let Some(records) = Records::new() else { return };
        records.without_cgroups();
        let script =
            "setsid sleep 606 & (setsid nohup sleep 607 >/dev/null 2>&1 &); exec timeout 600 sleep 608";
        let command = ["dropuid", "ubuntu", "--", "sh", "-c", script];
        let mut run = spawn(records.command("--kill-tree", &command).stdout(Stdio::null()));
        for seconds in 606..=608 {
            let job = records.found(&format!("sleep {seconds}"));
            assert_eq!(Status::of(job).numbers("Uid"), [UBUNTU; 4]);
        }
        run.kill().expect("it was not waited for");
        assert_eq!(ended(&mut run), 137);
        records.nothing_is_left();
    }

    /// At a normal end what was left on purpose lives on.
    fn left_on_purpose(with_cgroup: bool) {
        let Some(records) = Records::new() else { return };
        if !with_cgroup {
            records.without_cgroups();
        }
        let script = "sleep 609 </dev/null >/dev/null 2>&1 & setsid sleep 610 >/dev/null 2>&1 & \
                      echo $PPID; cat /proc/self/cgroup; exit 3";
        for options in ["", "--kill-tree", "--timeout 1h"] {
            let run = records.sh(&format!("{options} --result result"), script).code(3);
            let output = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
            let (parent, membership) = output.split_once('\n').expect("lines");
            let parent: i32 = parent.parse().expect("a number");
            let folder = own_cgroup(membership);
            let expected = with_cgroup && !options.is_empty() && cgroup().is_some();
            assert_eq!(folder.is_some(), expected, "{options}: {folder:?}");
            assert_eq!(records.result()["leaked"], false);
            for job in ["sleep 609", "sleep 610"] {
                let pid = records.found(job);
                let orphaned = || kin(pid).parent != parent;
                eventually("another parent", orphaned);
                assert!(records.find(job).is_some(), "{job} with {options}");
                signal(pid, libc::SIGKILL);
                eventually("its end", || records.find(job).is_none());
            }
            assert!(folder.is_none_or(|folder| !folder.exists()), "{options}");
        }
    }

    #[test]
    fn at_a_normal_end_what_was_left_lives_on() {
        left_on_purpose(true);
    }

    #[test]
    fn at_a_normal_end_what_was_left_lives_on_without_a_cgroup_too() {
        left_on_purpose(false);
    }

    #[test]
    fn no_cgroup_stays_when_something_is_just_ending() {
        let Some(records) = Records::new() else { return };
        // Its output ends a moment before the process does.
        let script = "exec > >(cat) 2>&1; cat /proc/self/cgroup; seq 3000";
        for round in 0..300 {
            let run = capture(records.command("--kill-tree", &["bash", "-c", script])).assert().code(0);
            let folder = own_cgroup(&String::from_utf8_lossy(&run.get_output().stdout));
            assert!(folder.is_none_or(|folder| !folder.exists()), "round {round}");
        }
    }

    #[test]
    fn orphans_of_the_command_are_reaped() {
        let Some(records) = Records::new() else { return };
        let script = "for i in 1 2 3 4 5; do (sleep 0.01 &); done; sleep 0.3; \
                      grep -l zombie /proc/[0-9]*/status 2>/dev/null | while read f; do \
                      grep -q \"^PPid:.$PPID$\" $f && echo zombie; done; exit 3";
        records.sh("--kill-tree", script).code(3).stdout(predicate::str::contains("zombie").not());
    }
}
