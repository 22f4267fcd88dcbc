//! capture-run, end to end: kinds of standard output, outputs that fail or stall, and the tail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::records::{Records, ended, read, reader};
use bed::{Status, capture, eventually, spawn, tool};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::mkfifo;
use predicates::prelude::*;
use serde_json::json;

/// A program for python3: writes the file `input` in pieces of random sizes, to both descriptors, by
/// writev(2), with which nothing else here writes.
const WRITER: &str = r#"
import os, random
data, at = open("input", "rb").read(), 0
sizes = random.Random(7)
while at < len(data):
    size = sizes.choice([1, 2, 7, 80, 511, 4096, 5000, 65536, 200000])
    at += os.writev(sizes.choice([1, 2]), [data[at:at + size]])
"#;

/// Options under which standard output is fed in different ways.
const FEEDS: [&str; 3] = ["", "--kill-tree", "--mask KEY"];

/// Random bytes, as a file too: NUL, invalid UTF-8, and no newline at the end.
fn input(records: &Records, size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let random = File::open("/dev/urandom").expect("a device");
    random.take(size).read_to_end(&mut bytes).expect("random bytes");
    bytes.extend(b"\0\xff\xc3\r\x1b[");
    records.file("input", &bytes, 0, 0o644);
    bytes
}

fn writer(records: &Records, options: &str) -> Command {
    let mut command = records.command(options, &[tool("python3"), "-c", WRITER]);
    command.env("KEY", "a value that does not occur");
    command
}

/// What differs, in words: the bytes themselves are too many to print.
#[track_caller]
fn same(got: &[u8], expected: &[u8], what: &str) {
    let differ = got.iter().zip(expected).position(|(one, other)| one != other);
    assert!(got == expected, "{what}: {} bytes, not {}; differ at {differ:?}", got.len(), expected.len());
}

/// A pseudo-terminal that changes no byte: its keyboard's side and its line.
fn raw_terminal() -> (PtyMaster, File) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a pty");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a pty");
    let name = ptsname_r(&master).expect("a name");
    let flags = OFlag::O_NOCTTY.bits();
    let line = OpenOptions::new().read(true).write(true).custom_flags(flags).open(name).expect("a line");
    let mut settings = tcgetattr(&line).expect("settings");
    cfmakeraw(&mut settings);
    tcsetattr(&line, SetArg::TCSANOW, &settings).expect("settings");
    (master, line)
}

fn flags(fd: impl AsFd) -> OFlag {
    OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL).expect("an open descriptor"))
}

mod kinds {
    use super::*;

    const SIZE: u64 = 3 << 20;

    /// Runs the writer on an output, and compares LOG and what `source` reads with the input. The
    /// flags of the output's description, which others share, stay as they are.
    fn passes(records: &Records, what: &str, make: impl Fn() -> (OwnedFd, Option<Box<dyn Read + Send>>)) {
        let expected = input(records, SIZE);
        for options in FEEDS {
            let (output, source) = make();
            let watch = output.try_clone().expect("a descriptor");
            let before = flags(&watch);
            let source = source.map(reader);
            let mut run = spawn(writer(records, options).stdout(output));
            assert_eq!(ended(&mut run), 0, "{what} {options}");
            assert_eq!(flags(&watch), before, "{what} {options}");
            drop(watch);
            same(&records.bytes("log"), &expected, &format!("LOG, stdout {what} {options}"));
            if let Some(source) = source {
                same(&read(source), &expected, &format!("{what} {options}"));
            }
            assert_eq!(records.status(), "0\n");
        }
    }

    #[test]
    fn a_pipe_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        passes(&records, "a pipe", || {
            let (source, output) = io::pipe().expect("a pipe");
            (output.into(), Some(Box::new(source)))
        });
    }

    #[test]
    fn a_pipe_that_does_not_block_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        passes(&records, "a nonblocking pipe", || {
            let (source, output) = io::pipe().expect("a pipe");
            fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("an open pipe");
            (output.into(), Some(Box::new(source)))
        });
    }

    #[test]
    fn a_fifo_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        let path = records.path("fifo");
        mkfifo(&path, Mode::from_bits_truncate(0o600)).expect("a new FIFO");
        passes(&records, "a FIFO", || {
            let both = OpenOptions::new().read(true).write(true).open(&path).expect("both sides");
            let source = File::open(&path).expect("a reader");
            let output = OpenOptions::new().write(true).open(&path).expect("a writer");
            drop(both);
            (output.into(), Some(Box::new(source)))
        });
    }

    #[test]
    fn a_socket_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        passes(&records, "a socket", || {
            let (source, output) = UnixStream::pair().expect("a pair");
            (output.into(), Some(Box::new(source)))
        });
    }

    #[test]
    fn a_terminal_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        passes(&records, "a terminal", || {
            let (master, line) = raw_terminal();
            (line.into(), Some(Box::new(File::from(OwnedFd::from(master)))))
        });
    }

    #[test]
    fn the_null_device_costs_log_nothing() {
        let Some(records) = Records::new() else { return };
        passes(&records, "/dev/null", || {
            let output = OpenOptions::new().write(true).open("/dev/null").expect("a device");
            (output.into(), None)
        });
    }

    #[test]
    fn a_file_gets_every_byte() {
        let Some(records) = Records::new() else { return };
        let path = records.path("copy");
        for append in [false, true] {
            passes(&records, "a file", || {
                let _ = fs::remove_file(&path);
                let output = OpenOptions::new().create(true).append(append).write(true).open(&path);
                (output.expect("a new file").into(), None)
            });
            same(&records.bytes("copy"), &records.bytes("input"), "the file");
        }
    }

    #[test]
    fn what_a_file_already_holds_stays() {
        let Some(records) = Records::new() else { return };
        for redirection in ["{ echo before; RUN; } > copy", "echo before > copy; RUN >> copy"] {
            let run = "capture-run log status -- sh -c 'echo out; echo err >&2'";
            records.caller(&redirection.replace("RUN", run)).code(0);
            assert_eq!(records.text("copy"), "before\nout\nerr\n");
        }
    }

    #[test]
    fn log_and_stdout_may_be_appended_to_one_file() {
        let Some(records) = Records::new() else { return };
        let expected = input(&records, 100_000);
        let mut run = writer(&records, "--append");
        let log = OpenOptions::new().create(true).append(true).open(records.path("log")).expect("a new file");
        assert_eq!(ended(&mut spawn(run.stdout(log))), 0);
        assert_eq!(records.bytes("log").len(), 2 * expected.len());
    }
}

mod failures {
    use super::*;

    /// One word on stderr, that begins with `about`.
    fn says(about: &str) -> impl Predicate<str> {
        predicate::str::is_match(format!(r"\Acapture-run: {about}: [^\n]*\n\z")).expect("a pattern")
    }

    const NUMBERS: &str = "seq 1 200000; exit 3";

    fn numbers() -> String {
        (1..=200_000).map(|i| format!("{i}\n")).collect()
    }

    /// A run whose stdout is all of the numbers.
    #[track_caller]
    fn stdout_is_complete(run: &Assert) {
        same(&run.get_output().stdout, numbers().as_bytes(), "stdout");
    }

    #[test]
    fn a_reader_that_goes_away_ends_neither_log_nor_command() {
        let Some(records) = Records::new() else { return };
        for options in FEEDS {
            let run = format!("capture-run {options} --result result log status -- sh -c '{NUMBERS}'");
            let script = format!("export KEY=does-not-occur; {run} | head -n 1; echo \"${{PIPESTATUS[0]}}\"");
            records.caller(&script).code(0).stdout("1\n3\n").stderr("");
            assert!(records.log() == numbers(), "{options}");
            assert_eq!(records.status(), "3\n");
            assert_eq!(records.result()["stdout_closed"], true);
            assert_eq!(records.result()["bytes"], numbers().len());
        }
    }

    #[test]
    fn a_full_device_as_log_costs_one_word() {
        let Some(records) = Records::new() else { return };
        for (options, own, code) in [
            ("", 3, 3),
            ("", 0, 0),
            ("--log-error=warn", 0, 0),
            ("--log-error=fail", 0, 125),
            ("--log-error fail", 3, 3),
        ] {
            let script = format!("seq 1 200000; exit {own}");
            let line = format!("capture-run {options} --result result /dev/full status -- sh -c '{script}'");
            let run = records.caller(&line).code(code).stderr(says("/dev/full"));
            stdout_is_complete(&run);
            assert_eq!(records.status(), format!("{code}\n"), "{options}");
            let said = records.result()["log_error"].as_str().map(str::to_owned).expect("an error");
            assert!(said.contains("No space left"), "{said}");
        }
    }

    #[test]
    fn a_full_disk_keeps_what_fits() {
        let Some(records) = Records::new() else { return };
        records.small("small", 64);
        for options in FEEDS {
            let line = format!(
                "export KEY=does-not-occur; capture-run {options} small/log status -- sh -c '{NUMBERS}'"
            );
            let run = records.caller(&line).code(3).stderr(says("small/log"));
            stdout_is_complete(&run);
            let log = records.text("small/log");
            assert!(!log.is_empty() && numbers().starts_with(&log), "{} bytes", log.len());
            assert_eq!(records.status(), "3\n");
        }
    }

    #[test]
    fn a_full_device_as_stdout_costs_one_word() {
        let Some(records) = Records::new() else { return };
        for options in FEEDS {
            let line =
                format!("export KEY=does-not-occur; capture-run {options} log status -- sh -c '{NUMBERS}'");
            records.caller(&format!("{line} > /dev/full")).code(3).stderr(says("standard output"));
            assert!(records.log() == numbers());
            assert_eq!(records.status(), "3\n");
        }
    }

    #[test]
    fn output_error_modes_are_those_of_tee() {
        let Some(records) = Records::new() else { return };
        // A command that goes on after its output was lost would write the file.
        let script = "trap '' PIPE; seq 1 200000 2>/dev/null; echo rc $? >> seq; exit 3";
        for (mode, closed_says, closed_goes_on, full_goes_on) in [
            ("", false, true, true),
            ("--output-error=warn", true, true, true),
            ("--output-error=warn-nopipe", false, true, true),
            ("--output-error=exit", true, false, false),
            ("--output-error=exit-nopipe", false, true, false),
        ] {
            for (outputs, says_so, goes_on) in [
                ("log status -- COMMAND | true", closed_says, closed_goes_on),
                ("log status -- COMMAND > /dev/full", true, full_goes_on),
                ("/dev/full status -- COMMAND", true, full_goes_on),
            ] {
                records.clear(&["seq"]);
                let outputs =
                    outputs.replace("COMMAND", &format!("sh -c \"{}\"", script.replace('$', "\\$")));
                let run = records.caller(&format!("set -o pipefail; capture-run {mode} {outputs}")).code(3);
                let said = String::from_utf8_lossy(&run.get_output().stderr).lines().count();
                assert_eq!(said, usize::from(says_so), "{mode} {outputs}");
                assert_eq!(records.text("seq") == "rc 0\n", goes_on, "{mode} {outputs}");
                assert_eq!(records.status(), "3\n");
                if goes_on && outputs.starts_with("log") {
                    assert!(records.log() == numbers(), "{mode} {outputs}");
                }
            }
        }
    }

    #[test]
    fn with_exit_the_command_meets_a_closed_pipe() {
        let Some(records) = Records::new() else { return };
        let line = "set -o pipefail; capture-run --output-error=exit log status -- yes | head -n 1";
        records.caller(line).code(141).stdout("y\n");
        assert_eq!(records.status(), "141\n");
    }

    /// What strace(1) does to the copier's system calls, which the command does not make.
    #[test]
    fn interrupted_calls_and_busy_outputs_change_nothing() {
        let Some(records) = Records::new() else { return };
        let expected = input(&records, 1 << 20);
        let run = ["capture-run", "log", "status", tool("python3"), "-c", WRITER];
        for inject in [
            // The first one of the main thread lets the command begin, through a pipe of its own.
            "write:error=EAGAIN:when=2",
            "write:error=EAGAIN:when=2+3",
            "write:error=EINTR:when=1+2",
            "tee:error=EINTR:when=1+2",
            "tee:error=EAGAIN:when=3",
            "tee:error=EINVAL:when=1",
            "ppoll:error=EINTR:when=1..5",
        ] {
            let strace = [tool("strace"), "-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}")];
            let run = capture(records.any(&[&strace[..], &run].concat())).assert().code(0).stderr("");
            same(&run.get_output().stdout, &expected, inject);
            same(&records.bytes("log"), &expected, inject);
            assert_eq!(records.status(), "0\n", "{inject}");
        }
    }

    /// The kernel claims to have taken one byte of LOG: exactly the rest must be written again.
    #[test]
    fn after_a_short_write_the_rest_follows() {
        let Some(records) = Records::new() else { return };
        let expected = input(&records, 1 << 20);
        for (count, when) in [(1, "1"), (5, "1..5")] {
            let inject = format!("inject=write:retval=1:when={when}");
            let strace = [tool("strace"), "-f", "-qq", "-o", "/dev/null", "-P", "/mnt/log", "-e", &inject];
            let run = ["capture-run", "log", "status", tool("python3"), "-c", WRITER];
            let run = capture(records.any(&[&strace[..], &run].concat())).assert().code(0).stderr("");
            same(&run.get_output().stdout, &expected, "stdout");
            same(&records.bytes("log"), &expected[count..], "LOG");
        }
    }
}

mod tail {
    use super::*;

    #[test]
    fn a_daemon_that_keeps_the_output_open_holds_nobody_up() {
        let Some(records) = Records::new() else { return };
        // The last one by default: 2 s.
        for options in ["--drain-timeout 0.2", "--drain-timeout 0", "--kill-tree --drain-timeout 0.1", ""] {
            let run = records.sh(&format!("{options} --result result"), "sleep 600 & echo out; exit 3");
            run.code(3).stdout("out\n").stderr("");
            assert_eq!((records.log().as_str(), records.status().as_str()), ("out\n", "3\n"));
            assert_eq!(records.result()["leaked"], true, "{options}");
            assert!(records.find("sleep 600").is_some(), "it was left alone");
        }
    }

    #[test]
    fn a_process_substitution_loses_no_byte() {
        let Some(records) = Records::new() else { return };
        let expected: String = (1..=3000).map(|i| format!("{i}\n")).collect();
        let script = "exec > >(tee -a own.log) 2>&1; seq 3000; exit 4";
        for round in 0..100 {
            let options = ["--result result", "--kill-tree --result result"][round % 2];
            records.clear(&["own.log"]);
            let run = capture(records.command(options, &["bash", "-c", script])).assert().code(4);
            same(&run.get_output().stdout, expected.as_bytes(), "stdout");
            same(&records.bytes("log"), expected.as_bytes(), "LOG");
            assert_eq!((records.status(), &records.result()["leaked"]), ("4\n".into(), &json!(false)));
        }
        // One that begins only when the command has long ended.
        let late = "exec > >(sleep 0.5; cat) 2>&1; seq 3000; exit 4";
        capture(records.command("", &["bash", "-c", late])).assert().code(4).stdout(expected.clone());
        same(&records.bytes("log"), expected.as_bytes(), "LOG");
    }

    #[test]
    fn what_is_in_the_pipe_at_the_end_is_read_whatever_the_patience() {
        let Some(records) = Records::new() else { return };
        let expected = input(&records, 400_000);
        for options in
            ["--drain-timeout 0", "--drain-timeout 0 --drain-max 0", "--drain-timeout 0 --kill-tree"]
        {
            for _ in 0..10 {
                // Somebody holds the pipe, so that its end does not come.
                let run = records.sh(options, "sleep 600 & cat input; exit 3").code(3);
                same(&records.bytes("log"), &expected, &format!("LOG {options}"));
                if !options.contains("max") {
                    same(&run.get_output().stdout, &expected, &format!("stdout {options}"));
                }
            }
        }
    }

    #[test]
    fn a_thousand_short_commands_lose_nothing() {
        let Some(records) = Records::new() else { return };
        let script = "for i in {1..1000}; do capture-run log status -- printf 'Bingo %d\n' $i; cat log; done";
        let expected: String = (1..=1000).map(|i| format!("Bingo {i}\nBingo {i}\n")).collect();
        let run = records.caller(script).code(0).stderr("");
        same(&run.get_output().stdout, expected.as_bytes(), "stdout and LOG");
    }

    #[test]
    fn what_a_chatty_grandchild_says_puts_the_drain_off() {
        let Some(records) = Records::new() else { return };
        // It talks for two seconds, the patience is one.
        let script = "(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; echo $i; done) & echo 0; exit 3";
        let expected: String = (0..=10).map(|i| format!("{i}\n")).collect();
        let run = records.sh("--drain-timeout 1 --result result", script).code(3);
        run.stdout(expected.clone());
        assert_eq!(records.log(), expected);
        assert_eq!(records.result()["leaked"], false, "it came to its end");
    }

    #[test]
    fn but_not_for_ever() {
        let Some(records) = Records::new() else { return };
        let script = "(while :; do echo x; sleep 0.02; done) & exit 3";
        for options in
            ["--drain-max 0.5", "--drain-timeout inf --drain-max 0.5", "--kill-tree --drain-max 0.3"]
        {
            records.sh(&format!("{options} --result result"), script).code(3).stderr("");
            assert_eq!(records.result()["leaked"], true, "{options}");
            assert_eq!(records.status(), "3\n");
            assert!(records.log().starts_with("x\n"), "{options}");
        }
    }

    #[test]
    fn with_inf_the_last_one_is_awaited() {
        let Some(records) = Records::new() else { return };
        // By default two seconds of silence are enough.
        let script = "(sleep 3; echo late) & exit 3";
        let run = records.sh("--drain-timeout inf --result result", script).code(3);
        run.stdout("late\n");
        assert_eq!((records.log().as_str(), &records.result()["leaked"]), ("late\n", &json!(false)));
        let run = records.sh("--drain-timeout 0.3 --result result", script).code(3);
        run.stdout("");
        assert_eq!(records.result()["leaked"], true);
    }

    #[test]
    fn a_second_word_from_the_caller_ends_the_patience() {
        let Some(records) = Records::new() else { return };
        let script = "sleep 600 & echo out; exit 3";
        let mut run =
            spawn(records.script("--drain-timeout inf --result result", script).stdout(Stdio::null()));
        let pid = run.id().cast_signed();
        // The command was reaped: from here on nothing but the caller can end it.
        eventually("the end of the command", || {
            records.has("log")
                && records.log() == "out\n"
                && records.find(&format!("sh -c {script}")).is_none()
        });
        eventually("the run to end", || {
            bed::signal(pid, libc::SIGTERM);
            run_has_ended(pid)
        });
        assert_eq!(ended(&mut run), 3);
        assert_eq!((records.status().as_str(), &records.result()["leaked"]), ("3\n", &json!(true)));
    }

    fn run_has_ended(pid: i32) -> bool {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.is_empty())
    }

    /// Starts a run on a pipe that nobody reads, whose other end comes back too.
    fn stalled(mut command: Command) -> (Child, io::PipeReader) {
        let (source, output) = io::pipe().expect("a pipe");
        (spawn(command.stdout(output)), source)
    }

    #[test]
    fn a_stalled_stdout_delays_status_no_longer_than_drain_max() {
        let Some(records) = Records::new() else { return };
        // More than the reader's pipe holds, less than ours.
        let expected = input(&records, 500_000);
        for options in ["--drain-max 0.5", "--drain-max 0.5 --kill-tree", "--drain-max 0.5 --mask KEY"] {
            let (mut run, source) = stalled(writer(&records, &format!("{options} --result result")));
            assert_eq!(ended(&mut run), 0, "{options}");
            assert_eq!(records.status(), "0\n", "{options}");
            same(&records.bytes("log"), &expected, &format!("LOG {options}"));
            assert_eq!(records.result()["stdout_closed"], true, "{options}");
            let got = read(reader(source));
            assert!(!got.is_empty() && expected.starts_with(&got), "{options}: {} bytes", got.len());
        }
    }

    #[test]
    fn a_stalled_log_delays_status_no_longer_either() {
        let Some(records) = Records::new() else { return };
        mkfifo(&records.path("log"), Mode::from_bits_truncate(0o600)).expect("a new FIFO");
        // Somebody could read it, but does not.
        let run = "capture-run --drain-max 0.5 log status -- sh -c 'head -c 500000 /dev/zero; exit 3'";
        records.caller(&format!("exec 9<>log; {run} >/dev/null")).code(3);
        assert_eq!(records.status(), "3\n");
        let line = format!("exec 9<>log; {} >/dev/null", run.replace("--drain", "--timeout 0.3 --drain"));
        records.caller(&line.replace("exit 3", "exec sleep 600")).code(124);
        assert_eq!(records.status(), "124\n");
    }

    #[test]
    fn a_stalled_stdout_that_is_read_late_gets_everything() {
        let Some(records) = Records::new() else { return };
        let expected = input(&records, 500_000);
        for options in FEEDS {
            let (mut run, source) = stalled(writer(&records, &format!("{options} --drain-timeout 0.1")));
            // The command has ended, and capture-run has what it wrote but nobody who takes it.
            eventually("the end of the command", || records.find(&python()).is_none() && records.has("log"));
            thread::sleep(std::time::Duration::from_millis(500));
            same(&read(reader(source)), &expected, options);
            assert_eq!(ended(&mut run), 0);
            same(&records.bytes("log"), &expected, "LOG");
        }
    }

    fn python() -> String {
        format!("{} -c {WRITER}", tool("python3"))
    }

    #[test]
    fn a_timeout_fires_while_stdout_is_stalled() {
        let Some(records) = Records::new() else { return };
        for options in ["--timeout 1", "--timeout 1 --mask KEY", "--foreground --timeout 1"] {
            let options = format!("{options} --drain-max 0.5 --result result");
            let mut command = records.script(&options, "head -c 500000 /dev/zero; exec sleep 600");
            command.env("KEY", "does-not-occur");
            let (mut run, _source) = stalled(command);
            assert_eq!(ended(&mut run), 124, "{options}");
            assert_eq!(records.status(), "124\n");
            assert_eq!(records.bytes("log").len(), 500_000, "{options}");
        }
    }

    #[test]
    fn a_signal_reaches_the_command_while_stdout_is_stalled() {
        let Some(records) = Records::new() else { return };
        // More than all pipes hold: the command itself is stuck in its write.
        let script = "trap 'exit 42' TERM; cat /dev/zero & wait";
        let (mut run, _source) = stalled(records.script("--kill-tree --drain-max 0.5", script));
        let cat = records.found("cat /dev/zero");
        eventually("a stall", || {
            let full = records.has("log") && records.bytes("log").len() >= 32 * 1024;
            full && resources::calls(cat) == [libc::SYS_write]
        });
        bed::signal(run.id().cast_signed(), libc::SIGTERM);
        assert_eq!(ended(&mut run), 42);
        assert_eq!(records.status(), "42\n");
    }
}

mod resources {
    use super::*;

    /// System call numbers that the threads of a process are in.
    pub(super) fn calls(pid: i32) -> Vec<i64> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it is alive");
        let mut tasks: Vec<i32> =
            tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
        tasks.sort_unstable();
        let call = |task| fs::read_to_string(format!("/proc/{pid}/task/{task}/syscall")).unwrap_or_default();
        tasks.iter().filter_map(|task| call(task).split(' ').next()?.trim().parse().ok()).collect()
    }

    /// How often its threads have gone to sleep and been woken.
    fn switches(pid: i32) -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it is alive");
        let count = |task: &fs::DirEntry| {
            let id = task.file_name().to_str().and_then(|id| id.parse().ok()).expect("a number");
            Status::of(id).numbers("voluntary_ctxt_switches")
        };
        tasks.flatten().flat_map(|task| count(&task)).collect()
    }

    #[test]
    fn idle_it_sits_in_one_call_per_thread() {
        let Some(records) = Records::new() else { return };
        for (options, redirection) in [
            ("", ""),
            ("", ">/dev/null"),
            ("--kill-tree", ""),
            ("--idle-timeout 1h", ""),
            ("--timeout 1h --mask HOME", ""),
        ] {
            let script = format!(
                "exec capture-run {options} log status -- sh -c 'echo out; exec sleep 602' {redirection}"
            );
            let run = spawn(records.any(&["bash", "-c", &script]).stdout(Stdio::piped()));
            let pid = run.id().cast_signed();
            let command = records.found("sleep 602");
            eventually("idleness", || {
                records.has("log")
                    && records.log() == "out\n"
                    && calls(pid) == [libc::SYS_ppoll, libc::SYS_tee]
            });
            let watcher = bed::records::kin(command).parent;
            let watched: Vec<i32> = if watcher == pid { vec![pid] } else { vec![pid, watcher] };
            let before: Vec<_> = watched.iter().map(|pid| switches(*pid)).collect();
            // That nothing happens can only be seen in time.
            thread::sleep(std::time::Duration::from_millis(700));
            let after: Vec<_> = watched.iter().map(|pid| switches(*pid)).collect();
            assert_eq!(after, before, "{options} {redirection}");
            bed::signal(command, libc::SIGKILL);
            assert_eq!(ended(&mut { run }), 137);
        }
    }

    /// 3 MiB in KiB.
    const RESIDENT: u32 = 3072;

    #[test]
    fn memory_does_not_grow_with_the_output() {
        let Some(records) = Records::new() else { return };
        // The command looks at its parent when 256 MiB have gone through it.
        let script = "head -c 256M /dev/zero | tr '\\0' '\\n'; cat /proc/$PPID/status > seen";
        for (log, options, output) in [
            ("log", "", "/dev/null"),
            ("log", "", "| cat >/dev/null"),
            ("/dev/null", "--mask SECRET", "| cat >/dev/null"),
            ("log", "--max-size 1M", "/dev/null"),
            ("/dev/null", "--strip-ansi", "/dev/null"),
        ] {
            let output = output.strip_prefix('/').map_or(output.to_owned(), |device| format!("> /{device}"));
            let line =
                format!("SECRET=does-not-occur capture-run {options} {log} status -- sh -c \"$1\" {output}");
            capture(records.any(&["bash", "-c", &line, "bash", script])).assert().code(0);
            let seen = Status::read(&records.bytes("seen"));
            assert_eq!(seen.field("Name"), "capture-run");
            let most = seen.numbers("VmHWM")[0];
            assert!(most < RESIDENT, "{most} KiB with {options} {output}");
            records.clear(&["log", "seen"]);
        }
    }
}
