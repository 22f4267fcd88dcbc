//! capture-run, end to end: what the command finds, what its caller gets, and who may call.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::records::{Records, ended, exactly, read, reader};
use bed::{Status, capture, eventually, spawn};
use predicates::prelude::*;

/// Ways to run a command: in our group, below a watcher, with and without a limit.
const WAYS: [&str; 4] = ["", "--kill-tree", "--timeout 1h", "--foreground --timeout 1h"];

/// One line of capture-run's own.
fn one_line() -> impl Predicate<str> {
    predicate::str::is_match(r"\Acapture-run: [^\n]*\n\z").expect("a pattern")
}

/// Status 125 and one line that says why.
#[track_caller]
fn refused(assert: Assert, reason: &str) {
    assert.code(125).stdout("").stderr(one_line()).stderr(predicate::str::contains(reason));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

mod status {
    use super::*;

    #[test]
    fn every_exit_code_is_returned_and_recorded() {
        let Some(records) = Records::new() else { return };
        for code in 0..=255 {
            let options = WAYS[code % WAYS.len()];
            records.sh(options, &format!("exit {code}")).code(i32::try_from(code).expect("small"));
            assert_eq!(records.status(), format!("{code}\n"));
        }
    }

    #[test]
    fn death_by_signal_is_128_and_its_number() {
        let Some(records) = Records::new() else { return };
        let harmless = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
        let stopping = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
        let deadly =
            |signal: &i32| ![harmless, stopping].concat().contains(signal) && ![32, 33].contains(signal);
        for signal in (1..=64).filter(deadly) {
            let options = WAYS[usize::try_from(signal).expect("small") % 2];
            let code = 128 + signal;
            // /bin/kill: the shell's own knows no real-time signals.
            records.sh(options, &format!("ulimit -c 0; /bin/kill -{signal} $$")).code(code);
            assert_eq!(records.status(), format!("{code}\n"));
        }
    }

    /// Commands that cannot be executed, their status and what is said of them.
    fn exec_failures(records: &Records, options: &str) {
        records.file("plain", "#!/bin/sh\n", 0, 0o644);
        records.file("lost", "#!/no/such/interpreter\n", 0, 0o755);
        records.folder("directory", 0, 0o755);
        for (command, code, says) in [
            ("no_such_command", 127, "'no_such_command': not found in PATH"),
            ("./no_such_file", 127, "'./no_such_file': no such file"),
            ("", 127, "''"),
            ("./plain", 126, "'./plain': Permission denied"),
            ("./directory", 126, "'./directory': Permission denied"),
            (".", 126, "Permission denied"),
            ("./lost", 126, "'./lost': its interpreter does not exist"),
        ] {
            records.file("status", "0\n", 0, 0o600);
            let run = capture(records.command(options, &[command])).assert();
            run.code(code).stdout("").stderr(one_line()).stderr(predicate::str::contains(says));
            assert_eq!(records.status(), format!("{code}\n"), "{command}");
            assert_eq!(records.log(), "", "{command}");
        }
    }

    #[test]
    fn what_cannot_be_executed_is_126_and_what_is_not_there_127() {
        let Some(records) = Records::new() else { return };
        exec_failures(&records, "");
    }

    #[test]
    fn that_is_so_below_a_watcher_too() {
        let Some(records) = Records::new() else { return };
        exec_failures(&records, "--kill-tree");
    }

    #[test]
    fn a_script_without_a_first_line_runs_in_the_shell() {
        let Some(records) = Records::new() else { return };
        records.file("script", "echo \"$1\"; exit 9\n", 0, 0o755);
        capture(records.command("", &["./script", "a b"])).assert().code(9).stdout("a b\n").stderr("");
    }

    #[test]
    fn usage_errors_run_nothing_and_touch_nothing() {
        let Some(records) = Records::new() else { return };
        for (line, reason) in [
            ("", "LOG is missing"),
            ("log", "STATUS is missing"),
            ("log status", "COMMAND is missing"),
            ("log status --", "COMMAND is missing"),
            ("--bogus log status touch ran", "--bogus"),
            ("-z log status touch ran", "-z"),
            ("--timeout x log status touch ran", "'x' is not a duration"),
            ("--timeout -1 log status touch ran", "'-1' is not a duration"),
            ("--timeout", "timeout"),
            ("--kill-after 1x log status touch ran", "'1x' is not a duration"),
            ("--idle-timeout 1e3 log status touch ran", "'1e3' is not a duration"),
            ("--drain-max never log status touch ran", "'never' is not a duration"),
            ("--signal NOPE log status touch ran", "'NOPE' is not a signal"),
            ("--signal 65 log status touch ran", "'65' is not a signal"),
            ("--map-exit 256=1 log status touch ran", "'256=1' is not"),
            ("--map-exit 1 log status touch ran", "'1' is not"),
            ("--mode 888 log status touch ran", "'888' is not an octal mode"),
            ("--mode 4755 log status touch ran", "'4755' is not an octal mode"),
            ("--max-size 4095 log status touch ran", "'4095' is not a size"),
            ("--output-error loud log status touch ran", "'loud' is not a mode"),
            ("--log-error=maybe log status touch ran", "'maybe' is not warn or fail"),
            ("--append --max-size 1M log status touch ran", "exclude each other"),
            ("--foreground --kill-tree log status touch ran", "exclude each other"),
            ("--result-argv log status touch ran", "needs --result"),
        ] {
            let words: Vec<&str> = ["capture-run"].into_iter().chain(line.split_ascii_whitespace()).collect();
            refused(capture(records.any(&words)).assert(), reason);
            for name in ["ran", "log", "status"] {
                assert!(!records.has(name), "{name} after {line}");
            }
        }
    }

    #[test]
    fn files_that_cannot_be_opened_run_nothing() {
        let Some(records) = Records::new() else { return };
        records.folder("folder", 0, 0o755);
        for (line, reason) in [
            ("missing/log status touch ran", "missing"),
            ("log missing/status touch ran", "missing"),
            ("--result missing/r log status touch ran", "missing"),
            ("folder status touch ran", "folder"),
            ("log folder touch ran", "folder"),
            ("folder/.. status touch ran", "does not name a file"),
            ("log / touch ran", "does not name a file"),
            ("log /dev/fd/77 touch ran", "/dev/fd/77"),
            ("/dev/fd/77 status touch ran", "/dev/fd/77"),
            ("one one touch ran", "same file"),
            ("--result one one status touch ran", "same file"),
            ("--result one log one touch ran", "same file"),
            ("--max-size 1M /dev/null status touch ran", "needs a regular file"),
        ] {
            let words: Vec<&str> = ["capture-run"].into_iter().chain(line.split_ascii_whitespace()).collect();
            refused(capture(records.any(&words)).assert(), reason);
            assert!(!records.has("ran"), "{line}");
        }
    }

    #[test]
    fn chosen_statuses_are_mapped_in_both_places() {
        let Some(records) = Records::new() else { return };
        for (options, script, code) in [
            ("--map-exit 194=1", "exit 194", 1),
            ("--map-exit 194=1", "exit 193", 193),
            ("--map-exit 1=2 --map-exit 2=3", "exit 1", 2),
            ("--map-exit 143=7", "kill $$", 7),
            ("--map-exit 3=0 --map-exit 4=0", "exit 4", 0),
            ("--map-exit 127=5", "exec no_such_command", 5),
        ] {
            records.sh(options, script).code(code);
            assert_eq!(records.status(), format!("{code}\n"));
        }
        capture(records.command("--map-exit 127=5", &["no_such_command"])).assert().code(5);
        assert_eq!(records.status(), "5\n");
    }
}

mod arguments {
    use super::*;

    #[test]
    fn they_reach_the_command_byte_for_byte() {
        let Some(records) = Records::new() else { return };
        let long = "x".repeat(120 * 1024);
        let words: [&OsStr; 12] = [
            OsStr::new(""),
            OsStr::new(" a  b "),
            OsStr::new("line\nbreak"),
            OsStr::new("$HOME `id` $(id) \"'\\"),
            OsStr::new("-a"),
            OsStr::new("--timeout"),
            OsStr::new("--"),
            OsStr::new("*"),
            OsStr::new(";touch ran"),
            OsStr::from_bytes(b"\xff\xfe\x80"),
            OsStr::new("é"),
            OsStr::new(&long),
        ];
        let mut expected = Vec::new();
        words.iter().for_each(|word| expected.extend([word.as_bytes(), b"\0"].concat()));
        for options in WAYS {
            let mut command = records.script(options, r#"printf '%s\0' "$@""#);
            let output = capture({
                command.arg("sh").args(words);
                command
            });
            assert_eq!(output.status.code(), Some(0));
            assert!(output.stdout == expected, "{options}: {}", text(&output.stdout));
        }
        assert!(!records.has("ran"));
    }

    #[test]
    fn options_end_at_the_first_operand() {
        let Some(records) = Records::new() else { return };
        for line in [
            "capture-run log status echo --append -- --help",
            "capture-run log status -- echo --append -- --help",
            "capture-run -- log status echo --append -- --help",
            "capture-run -- log status -- echo --append -- --help",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            capture(records.any(&words)).assert().code(0).stdout("--append -- --help\n").stderr("");
        }
    }
}

mod streams {
    use super::*;

    #[test]
    fn standard_output_and_error_keep_their_order() {
        let Some(records) = Records::new() else { return };
        let script = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";
        let expected: String = (0..3000).map(|i| format!("out {i}\nerr {i}\n")).collect();
        for options in WAYS {
            let run = records.sh(options, script).code(0).stderr("");
            assert!(text(&run.get_output().stdout) == expected, "stdout with {options}");
            assert!(records.log() == expected, "LOG with {options}");
        }
    }

    /// A command that writes one byte and waits for a line before it ends.
    const ONE_BYTE: &str = "printf x; read line; echo $line";

    #[test]
    fn a_byte_is_not_held_back() {
        let Some(records) = Records::new() else { return };
        for options in ["", "--kill-tree", "--output-error=warn", "--strip-ansi", "--max-size 1M"] {
            let mut child =
                spawn(records.script(options, ONE_BYTE).stdin(Stdio::piped()).stdout(Stdio::piped()));
            let (first, stdout) = exactly(1, child.stdout.take().expect("a pipe"));
            assert_eq!(first, b"x");
            eventually("a byte in LOG", || records.log() == "x");
            child.stdin.take().expect("a pipe").write_all(b"go\n").expect("it reads");
            assert_eq!(read(reader(stdout)), b"go\n");
            assert_eq!(ended(&mut child), 0);
        }
    }

    #[test]
    fn a_byte_is_not_held_back_from_a_file_either() {
        let Some(records) = Records::new() else { return };
        let copy = File::create(records.path("copy")).expect("a new file");
        let mut child = spawn(records.script("", ONE_BYTE).stdin(Stdio::piped()).stdout(copy));
        eventually("a byte in both", || {
            records.has("log") && records.log() == "x" && records.text("copy") == "x"
        });
        drop(child.stdin.take());
        assert_eq!(ended(&mut child), 0);
    }

    #[test]
    fn nothing_of_its_own_is_in_log_or_on_stdout() {
        let Some(records) = Records::new() else { return };
        for options in ["", "--kill-tree --result result --result-argv", "--timeout 1h --kill-after 1"] {
            records.sh(options, "echo hello").code(0).stdout("hello\n").stderr("");
            assert_eq!(records.log(), "hello\n");
        }
        records.sh("--timeout 0.05", "printf tail; sleep 600").code(124).stdout("tail").stderr("");
        assert_eq!(records.log(), "tail");
    }

    #[test]
    fn closed_standard_descriptors_are_survived() {
        let Some(records) = Records::new() else { return };
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
            for options in ["", "--kill-tree"] {
                let script =
                    format!("capture-run {options} log status -- sh -c 'echo kept; exit 3' {closed}");
                records.caller(&script).code(3).stderr("");
                assert_eq!(records.log(), "kept\n", "{closed}");
                assert_eq!(records.status(), "3\n", "{closed}");
            }
            records.caller(&format!("capture-run --bogus {closed}")).code(125).stdout("");
            records.caller(&format!("capture-run log status -- no_such {closed}")).code(127).stdout("");
        }
    }

    #[test]
    fn help_and_version_need_no_root() {
        let Some(records) = Records::new() else { return };
        for option in ["--help", "-h"] {
            let run = records.caller(&format!("setpriv --reuid 1000 --clear-groups capture-run {option}"));
            let help = text(&run.code(0).stderr("").get_output().stdout);
            assert!(help.starts_with("Usage: capture-run "), "{help}");
        }
        for option in ["--version", "-V"] {
            let version = predicate::str::is_match(r"\Acapture-run \d+\.\d+\.\d+( \([0-9a-f]{12}\))?\n\z")
                .expect("a pattern");
            capture(records.any(&["capture-run", option])).assert().code(0).stdout(version).stderr("");
        }
        for lost in [">&-", "> /dev/full"] {
            let run = records.caller(&format!("capture-run --help {lost}"));
            run.stderr(predicate::str::contains("panic").not());
        }
    }
}

mod inherited {
    use super::*;

    #[test]
    fn the_command_finds_what_it_would_find_without_us() {
        let Some(records) = Records::new() else { return };
        let input = records.file("input", b"in\0put \xff", 0, 0o644);
        records.folder("elsewhere", 0, 0o755);
        let script = "pwd; umask; env -0 | sort -z; cat; ls -ld . >/dev/null";
        let prepared = |mut command: Command| {
            command.current_dir(records.path("elsewhere")).env("ODD.NAME-1", "a\nb=c").env("EMPTY", "");
            command.env("RAW", OsStr::from_bytes(b"\xff\xfe"));
            let mut child = spawn(
                command
                    .stdin(File::open(&input).expect("a file"))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null()),
            );
            let stdout = reader(child.stdout.take().expect("a pipe"));
            assert_eq!(ended(&mut child), 0);
            read(stdout)
        };
        for umask in ["0022", "0077", "0000"] {
            let with_umask = |line: &str| {
                records.any(&["sh", "-c", &format!("umask {umask}; exec {line} sh -c '{script}'")])
            };
            let plain = prepared(with_umask(""));
            assert!(text(&plain).contains(&format!("/mnt/elsewhere\n{umask}\n")), "{}", text(&plain));
            for options in WAYS {
                let ours = prepared(with_umask(&format!("capture-run {options} log status --")));
                assert!(ours == plain, "{options}: {} is not {}", text(&ours), text(&plain));
            }
        }
    }

    #[test]
    fn it_reads_our_standard_input_in_the_background_too() {
        let Some(records) = Records::new() else { return };
        for options in WAYS {
            let run = format!("capture-run {options} log status -- cat");
            records.caller(&format!("echo data | {run}")).code(0).stdout("data\n");
            records.caller(&format!("echo data | {{ {run} <&0 & wait $!; }}")).code(0).stdout("data\n");
        }
    }

    #[test]
    fn ignored_and_blocked_signals_are_as_the_caller_had_them() {
        let Some(records) = Records::new() else { return };
        let masks = |command: Command| {
            let output = capture(command);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            let status = Status::read(&output.stdout);
            ["SigIgn", "SigBlk", "SigCgt"].map(|name| status.mask(name))
        };
        for how in [
            "--default-signal",
            "--ignore-signal=HUP",
            "--ignore-signal=INT --ignore-signal=QUIT",
            "--ignore-signal=PIPE",
            "--ignore-signal=CHLD",
            "--ignore-signal=TERM --ignore-signal=USR1 --ignore-signal=WINCH",
            "--ignore-signal=CONT --ignore-signal=TSTP",
            "--block-signal=ALRM --block-signal=TERM",
            "--block-signal=CHLD --block-signal=PIPE",
            "--block-signal=USR1 --ignore-signal=USR1",
        ] {
            let words: Vec<&str> = ["env"].into_iter().chain(how.split(' ')).collect();
            let show = ["cat", "/proc/self/status"];
            let plain = masks(records.any(&[&words[..], &show].concat()));
            assert!(how == "--default-signal" || plain != [0, 0, 0], "{how} does something");
            for options in WAYS {
                let run = ["capture-run"].into_iter().chain(options.split_ascii_whitespace());
                let run: Vec<&str> = run.chain(["log", "status", "--"]).collect();
                let ours = masks(records.any(&[&words[..], &run, &show].concat()));
                assert_eq!(ours, plain, "{how} {options}");
            }
        }
    }

    #[test]
    fn a_caller_that_ignores_the_end_of_children_gets_the_status() {
        let Some(records) = Records::new() else { return };
        for options in WAYS {
            let command =
                format!("env --ignore-signal=CHLD capture-run {options} log status -- sh -c 'exit 3'");
            records.caller(&command).code(3);
            assert_eq!(records.status(), "3\n");
        }
    }

    #[test]
    fn a_caller_with_a_child_that_we_know_nothing_of_gets_the_status() {
        let Some(records) = Records::new() else { return };
        for options in WAYS {
            let start =
                format!("sleep 0.05 & exec capture-run {options} log status -- sh -c 'sleep 0.3; exit 3'");
            records.caller(&start).code(3);
        }
    }

    #[test]
    fn pipes_within_the_command_end_quietly() {
        let Some(records) = Records::new() else { return };
        for options in WAYS {
            records.sh(options, "yes | head -n 1").code(0).stdout("y\n").stderr("");
            assert_eq!(records.log(), "y\n", "no 'Broken pipe' of yes with {options}");
        }
    }

    #[test]
    fn descriptors_of_ours_do_not_reach_the_command() {
        let Some(records) = Records::new() else { return };
        // Those of the caller do, and whoever runs the tests may have some open.
        let plain = capture(records.any(&["ls", "/proc/self/fd"]));
        for options in ["", "--kill-tree", "--result result --timeout 1h"] {
            let ours = capture(records.command(options, &["ls", "/proc/self/fd"]));
            assert_eq!(text(&ours.stdout), text(&plain.stdout), "{options}");
        }
        records.caller("capture-run log status -- sh -c 'cat <&7' 7< <(echo data)").stdout("data\n");
    }
}

mod callers {
    use super::*;

    #[test]
    fn make_gets_output_and_status() {
        let Some(records) = Records::new() else { return };
        let recipe = "seq 1 20000; echo err >&2; exit 3";
        let seq: String = (1..=20000).map(|i| format!("{i}\n")).collect();
        let expected = format!("{seq}err\n");
        records.file("Makefile", format!("all:\n\t@capture-run log status -- sh -c '{recipe}'\n"), 0, 0o644);
        let run = capture(records.any(&["make", "-s"])).assert();
        let run = run.code(2).stderr(predicate::str::contains("Error 3"));
        assert!(text(&run.get_output().stdout) == expected);
        assert!(records.log() == expected);
        assert_eq!(records.status(), "3\n");
        // make sets O_APPEND on its stdout, a file here.
        records.caller("make -s > copy").code(2);
        assert!(records.text("copy") == expected);
    }

    #[test]
    fn a_pipeline_gets_the_output_and_pipefail_the_status() {
        let Some(records) = Records::new() else { return };
        let script = "set -o pipefail; capture-run log status -- sh -c 'seq 1 9999; exit 6' | tail -n 1";
        records.caller(script).code(6).stdout("9999\n").stderr("");
        assert_eq!(records.status(), "6\n");
    }

    #[test]
    fn under_set_e_the_status_is_written_first() {
        let Some(records) = Records::new() else { return };
        let script = "set -e; capture-run log status -- sh -c 'echo out; exit 5'; echo not reached";
        records.caller(script).code(5).stdout("out\n");
        assert_eq!(records.status(), "5\n");
        records.caller("set -C; capture-run log status -- sh -c 'exit 4'").code(4);
        assert_eq!(records.status(), "4\n", "noclobber does not matter");
    }

    #[test]
    fn fifty_in_parallel_keep_their_own() {
        let Some(records) = Records::new() else { return };
        let script = r#"
            pids=()
            for i in {1..50}; do
                capture-run "log.$i" "status.$i" -- sh -c "seq $i 5000; exit $i" > "out.$i" &
                pids+=($!)
            done
            for i in {1..50}; do wait "${pids[i-1]}"; echo "$i $?"; done"#;
        let expected: String = (1..=50).map(|i| format!("{i} {i}\n")).collect();
        records.caller(script).code(0).stdout(expected).stderr("");
        for i in 1..=50 {
            let lines: String = (i..=5000).map(|i| format!("{i}\n")).collect();
            assert!(records.text(&format!("log.{i}")) == lines, "log.{i}");
            assert!(records.text(&format!("out.{i}")) == lines, "out.{i}");
            assert_eq!(records.text(&format!("status.{i}")), format!("{i}\n"));
        }
    }

    /// The dispatcher's own shape: files of mktemp(1) in /tmp, made readable, a background job each.
    const DISPATCH: &str = r#"
        set -u
        run_with_capture() { capture-run "$1" "$2" -- "${@:3}"; }
        pids=() files=()
        for agent in one two three four; do
            log=$(mktemp "/tmp/outpost-$agent.log.XXXXXX")
            status=$(mktemp "/tmp/outpost-$agent.status.XXXXXX")
            chmod 644 "$log" "$status"
            run_with_capture "$log" "$status" dropuid ubuntu -- "$PWD/agent.sh" "$agent" "a task" > /dev/null &
            pids+=($!) files+=("$log" "$status")
        done
        for pid in "${pids[@]}"; do wait "$pid"; echo "ended $?"; done
        for file in "${files[@]}"; do stat -c '%a %U' "$file"; done
        for i in 0 2 4 6; do
            awk -F ': ' '/^Run ID: / {print $2; exit}' "${files[i]}"; cat "${files[i+1]}"
        done
        ls -A /tmp | wc -l"#;

    #[test]
    fn the_dispatcher_runs_its_agents_as_before() {
        let Some(records) = Records::new() else { return };
        records.empty("/tmp");
        std::fs::set_permissions("/tmp", std::os::unix::fs::PermissionsExt::from_mode(0o1777))
            .expect("the bed's");
        let agent = "#!/bin/bash\nexec > >(tee /dev/null) 2>&1\n\
                     echo \"$(id -un) has $2\"; echo \"Run ID: $1-7\"; [ \"$1\" != three ] || exit 42\n";
        records.file("agent.sh", agent, 0, 0o755);
        let ended = "ended 0\nended 0\nended 42\nended 0\n";
        let files = "644 root\n".repeat(8);
        let read = "one-7\n0\ntwo-7\n0\nthree-7\n42\nfour-7\n0\n";
        records.caller(DISPATCH).code(0).stdout(format!("{ended}{files}{read}8\n")).stderr("");
    }

    #[test]
    fn root_captures_what_an_unprivileged_user_runs() {
        let Some(records) = Records::new() else { return };
        let script = "id -un; echo forged 2>/dev/null > log; echo 0 2>/dev/null > status; exit 7";
        let command = ["dropuid", "ubuntu", "--", "sh", "-c", script];
        for options in WAYS {
            let run = capture(records.command(options, &command)).assert().code(7);
            let output = text(&run.get_output().stdout);
            assert!(output.starts_with("ubuntu\n") && !output.contains("forged\n"), "{output}");
            assert_eq!(records.log(), output);
            assert_eq!(records.status(), "7\n");
        }
    }

    #[test]
    fn an_unprivileged_user_captures_into_files_of_its_own() {
        let Some(records) = Records::new() else { return };
        records.folder("own", 1000, 0o755);
        let line = "cd own; dropuid ubuntu -- capture-run log status -- sh -c 'id -un; exit 3'";
        records.caller(line).code(3).stdout("ubuntu\n").stderr("");
        assert_eq!(records.text("own/log"), "ubuntu\n");
        assert_eq!(records.text("own/status"), "3\n");
        let owner = records.caller("stat -c '%U %a' own/log own/status");
        owner.stdout("ubuntu 600\nubuntu 644\n");
    }
}
