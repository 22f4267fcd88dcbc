//! capture-run, end to end: what `--timestamps`, `--strip-ansi`, `--max-size` and `--mask` make of it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use assert_cmd::assert::OutputAssertExt;
use bed::records::{Records, ended, exactly, read, reader};
use bed::{capture, eventually, spawn};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use predicates::prelude::*;
use serde_json::json;

fn matches(pattern: &str, text: &str) -> bool {
    predicate::str::is_match(pattern).expect("a pattern").eval(text)
}

/// The time and the space before each line.
const STAMP: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ";

mod timestamps {
    use super::*;

    #[test]
    fn every_line_of_log_begins_with_the_time_and_stdout_is_as_written() {
        let Some(records) = Records::new() else { return };
        let script = "printf 'one\\n\\ntw'; echo o >&2; printf 'no end'";
        records.sh("--timestamps", script).code(0).stdout("one\n\ntwo\nno end").stderr("");
        let log = records.log();
        let expected = format!(r"\A{STAMP}one\n{STAMP}\n{STAMP}two\n{STAMP}no end\z");
        assert!(matches(&expected, &log), "{log}");
    }

    #[test]
    fn the_time_is_that_of_arrival() {
        let Some(records) = Records::new() else { return };
        let mut run = spawn(
            records
                .script("--timestamps", "echo one; read line; echo two")
                .stdin(Stdio::piped())
                .stdout(Stdio::null()),
        );
        let now = || utc(&records);
        let before = now();
        eventually("the first line", || records.has("log") && records.log().ends_with("one\n"));
        let between = now();
        drop(run.stdin.take());
        assert_eq!(ended(&mut run), 0);
        let after = now();
        let log = records.log();
        let stamps: Vec<&str> = log.lines().map(|line| line.split(' ').next().expect("a time")).collect();
        assert!(stamps[0] <= between.as_str() && between.as_str() <= stamps[1], "{log} {between}");
        assert!(stamps[1] <= after.as_str() && before <= after, "{log} {after}");
    }

    /// The time as date(1) writes it in that form.
    fn utc(records: &Records) -> String {
        let output = capture(records.any(&["date", "-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

mod strip_ansi {
    use super::*;

    #[test]
    fn sequences_are_gone_from_log_only() {
        let Some(records) = Records::new() else { return };
        let script = r"printf '\033[1;31mred\033[0m \033]0;title\007plain \033(Bé\0\r\n'";
        let raw = "\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}plain \u{1b}(Bé\0\r\n";
        records.sh("--strip-ansi", script).code(0).stdout(raw).stderr("");
        assert_eq!(records.log(), "red plain é\0\r\n");
    }

    #[test]
    fn a_sequence_in_pieces_is_gone_and_one_without_an_end_is_not() {
        let Some(records) = Records::new() else { return };
        // Each piece is awaited in stdout before the next one is written.
        let pieces: [&[u8]; 5] = [b"a\x1b", b"[3", b"1mb", b"\x1b]0;hid", b"den\nrest"];
        let (run, input, mut output) = fed(records.command("--strip-ansi", &["cat"]));
        let mut run = run;
        let mut input = input;
        for piece in pieces {
            input.write_all(piece).expect("it reads");
            let (got, rest) = exactly(piece.len(), output);
            assert_eq!(got, piece);
            output = rest;
        }
        drop(input);
        assert_eq!(ended(&mut run), 0);
        assert_eq!(records.log(), "ab\u{1b}]0;hidden\nrest");
    }
}

/// Starts a command with pipes on both sides.
fn fed(mut command: Command) -> (std::process::Child, std::process::ChildStdin, std::process::ChildStdout) {
    let mut run = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let (input, output) = (run.stdin.take().expect("a pipe"), run.stdout.take().expect("a pipe"));
    (run, input, output)
}

mod max_size {
    use super::*;

    fn numbers(count: u32) -> String {
        (1..=count).map(|i| format!("{i}\n")).collect()
    }

    /// Head, marker line and tail of a log that was capped.
    fn parts(log: &str) -> (&str, &str, &str) {
        let at = log.find("[capture-run: ").unwrap_or_else(|| panic!("no marker in {} bytes", log.len()));
        let (head, rest) = log.split_at(at);
        let (marker, tail) = rest.split_once('\n').expect("the marker is a line");
        (head, marker, tail)
    }

    #[test]
    fn up_to_the_cap_nothing_changes() {
        let Some(records) = Records::new() else { return };
        for count in [0, 1, 4095, 4096] {
            records.sh("--max-size 4096 --result result", &format!("head -c {count} /dev/zero")).code(0);
            assert_eq!(records.bytes("log"), vec![0; count]);
            assert_eq!(records.result()["log_truncated"], false);
        }
        records.sh("--max-size 4096 --result result", "head -c 4097 /dev/zero").code(0);
        assert_eq!(records.result()["log_truncated"], true);
    }

    #[test]
    fn beyond_it_head_and_tail_stay_and_the_command_goes_on() {
        let Some(records) = Records::new() else { return };
        for (cap, size) in [("4K", 4096), ("10000", 10_000), ("64K", 65_536), ("1M", 1 << 20)] {
            let run = records.sh(&format!("--max-size {cap} --result result"), "seq 400000; exit 9");
            let all = numbers(400_000);
            let run = run.code(9).stderr("");
            assert!(run.get_output().stdout == all.as_bytes(), "stdout is whole");
            let log = records.log();
            assert_eq!(log.len(), size);
            let (head, marker, tail) = parts(&log);
            assert!(all.starts_with(head.trim_end()) && head.len() >= size / 2, "{cap}");
            assert!(all.ends_with(tail) && tail.len() > size / 2 - 200, "{cap}");
            let left_out: usize = all.len() - head.trim_end().len() - tail.len();
            let said = marker.trim_end();
            let number = said.trim_start_matches("[capture-run: ").split(' ').next();
            let number: usize = number.and_then(|word| word.parse().ok()).expect("a number");
            assert!(
                number.abs_diff(left_out) <= 1 && said.ends_with("bytes left out here]"),
                "{said} {left_out}"
            );
            assert_eq!(records.result()["log_truncated"], true);
        }
    }

    #[test]
    fn log_is_never_larger_while_it_grows() {
        let Some(records) = Records::new() else { return };
        let log = records.file("log", "", 0, 0o600);
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let watching = thread::spawn(move || {
            let (mut largest, mut looks) = (0, 0);
            while !stop.load(Ordering::Acquire) {
                largest = largest.max(fs::metadata(&log).expect("it is there").len());
                looks += 1;
            }
            (largest, looks)
        });
        let mut run =
            spawn(records.script("--max-size 64K --timestamps", "seq 3000000").stdout(Stdio::null()));
        assert_eq!(ended(&mut run), 0);
        over.store(true, Ordering::Release);
        let (largest, looks) = watching.join().expect("it only looks");
        assert_eq!(largest, 65_536);
        assert!(looks > 100, "{looks}");
    }

    #[test]
    fn a_capped_log_of_a_run_that_was_killed_has_the_newest_output() {
        let Some(records) = Records::new() else { return };
        let mut run = spawn(
            records.script("--max-size 8K", "seq 100000; echo newest; exec sleep 600").stdout(Stdio::null()),
        );
        eventually("the last line", || records.has("log") && records.log().contains("newest\n"));
        run.kill().expect("it was not waited for");
        let _ = ended(&mut run);
        assert!(records.log().contains("log unfinished"), "{}", records.log());
    }
}

mod mask {
    use super::*;

    const KEY: &str = "s3cret-value";

    /// Runs a script with these options and `KEY` in the environment.
    fn sh(records: &Records, options: &str, script: &str) -> assert_cmd::assert::Assert {
        let mut command = records.script(options, script);
        command.env("KEY", KEY).env("OTHER", "value-too").env("SHORT", "abc").env("EMPTY", "");
        capture(command).assert()
    }

    #[track_caller]
    fn hidden(records: &Records, options: &str, script: &str, expected: &str) {
        sh(records, options, script).code(0).stdout(expected.to_owned()).stderr("");
        assert_eq!(records.log(), expected);
    }

    #[test]
    fn a_value_is_hidden_in_log_and_on_stdout() {
        let Some(records) = Records::new() else { return };
        hidden(&records, "--mask KEY", r#"echo "a $KEY b$KEY$KEY" "$OTHER""#, "a *** b****** value-too\n");
        hidden(&records, "--mask KEY", r#"printf %s "$KEY""#, "***");
        hidden(&records, "--mask KEY", r#"echo "${KEY%?}""#, "s3cret-valu\n");
        hidden(&records, "--mask KEY --mask OTHER", r#"echo "$OTHER $KEY" >&2"#, "*** ***\n");
    }

    #[test]
    fn the_command_itself_gets_it() {
        let Some(records) = Records::new() else { return };
        sh(&records, "--mask KEY", &format!("[ \"$KEY\" = {KEY} ]")).code(0);
    }

    #[test]
    fn values_that_overlap_are_hidden_together() {
        let Some(records) = Records::new() else { return };
        // "s3cret-value" and "value-too" share "value".
        hidden(&records, "--mask KEY --mask OTHER", "echo x s3cret-value-too y", "x *** y\n");
    }

    #[test]
    fn a_value_in_two_writes_is_hidden() {
        let Some(records) = Records::new() else { return };
        for cut in 1..KEY.len() {
            let script = format!("printf 'a%s' '{}'; printf '%s\\n' '{}'", &KEY[..cut], &KEY[cut..]);
            hidden(&records, "--mask KEY", &script, "a***\n");
        }
    }

    #[test]
    fn a_value_across_the_borders_of_reads_is_hidden() {
        let Some(records) = Records::new() else { return };
        // 2 MiB of it at an odd length per line: no buffer size is a multiple.
        let script =
            r#"i=0; while [ $i -lt 20000 ]; do printf '%s%s%s.' "$KEY" "$i" "$KEY"; i=$((i + 1)); done"#;
        let run = sh(&records, "--mask KEY", script).code(0);
        let expected: String = (0..20_000).map(|i| format!("***{i}***.")).collect();
        assert!(run.get_output().stdout == expected.as_bytes());
        assert!(records.log() == expected);
        // And in large writes.
        let script = r#"yes "$KEY" | head -n 200000"#;
        let run = sh(&records, "--mask KEY", script).code(0);
        let expected = "***\n".repeat(200_000);
        assert!(run.get_output().stdout == expected.as_bytes());
        assert!(records.log() == expected);
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_line_by_line() {
        let Some(records) = Records::new() else { return };
        records.file("key", "KEY='-----BEGIN-----\nMIIEabcd\nxy\n-----END-----\n'\n", 0, 0o600);
        let script = "printf ' -----BEGIN-----\\n> MIIEabcd\\nxy\\n-----END-----\\n'";
        hidden(&records, "--mask-file key", script, " ***\n> ***\nxy\n***\n");
    }

    #[test]
    fn the_values_of_a_file_are_hidden() {
        let Some(records) = Records::new() else { return };
        records.file("keys", "# two\nexport A=first-one\nB='second one'\n", 0, 0o600);
        records.file("more", "C=third\n", 0, 0o600);
        let script = "echo first-one second one, third, A B C";
        hidden(&records, "--mask-file keys --mask-file=more", script, "*** ***, ***, A B C\n");
    }

    #[test]
    fn what_cannot_be_hidden_runs_nothing_and_no_value_is_said() {
        let Some(records) = Records::new() else { return };
        records.file("short", "LONG=s3cret-value\nTOKEN=abc\n", 0, 0o600);
        records.file("bad", "s3cret-value\n", 0, 0o600);
        records.file("worse", "K=s3cret-value extra\n", 0, 0o600);
        records.file("large", format!("K={}\n", KEY.repeat(1000)), 0, 0o600);
        records.file("lines", "K='ab\ncd\n'\n", 0, 0o600);
        records.folder("folder", 0, 0o755);
        mkfifo(&records.path("pipe"), Mode::from_bits_truncate(0o600)).expect("a new FIFO");
        for (options, reason) in [
            ("--mask UNSET", "--mask UNSET: that variable is not set"),
            ("--mask EMPTY", "EMPTY is under 4 bytes"),
            ("--mask SHORT", "SHORT is under 4 bytes"),
            ("--mask KEY --mask SHORT", "SHORT is under 4 bytes"),
            ("--mask-file missing", "missing"),
            ("--mask-file short", "TOKEN is under 4 bytes"),
            ("--mask-file bad", "bad"),
            ("--mask-file worse", "worse"),
            ("--mask-file large", "more than"),
            ("--mask-file lines", "K is under 4 bytes"),
            ("--mask-file folder", "folder"),
            ("--mask-file pipe", "pipe"),
        ] {
            let run = sh(&records, options, "touch ran").code(125).stdout("");
            let one_line = predicate::str::is_match(r"\Acapture-run: [^\n]*\n\z").expect("a pattern");
            let run = run.stderr(one_line).stderr(predicate::str::contains(reason));
            run.stderr(predicate::str::contains("s3cret").not())
                .stderr(predicate::str::contains("abc").not());
            assert!(!records.has("ran"), "{options}");
        }
    }

    #[test]
    fn no_record_shows_a_value() {
        let Some(records) = Records::new() else { return };
        sh(&records, "--mask KEY --result result", r#"echo "$KEY"; exit 3"#).code(3);
        for name in ["log", "status", "result"] {
            assert!(!records.text(name).contains(KEY), "{name}");
        }
    }

    #[test]
    fn a_prefix_that_is_held_back_comes_after_a_silence() {
        let Some(records) = Records::new() else { return };
        for (options, written) in [("--mask KEY", "x s3cret"), ("--mask KEY --strip-ansi", "x s3")] {
            let mut command = records.script(options, &format!("printf '{written}'; read line; echo end"));
            command.env("KEY", KEY);
            let (mut run, input, output) = fed(command);
            // Nothing else is written, so only silence can bring it.
            let (got, output) = exactly(written.len(), output);
            assert_eq!(String::from_utf8_lossy(&got), written);
            eventually("the prefix in LOG", || records.log() == written);
            drop(input);
            assert_eq!(read(reader(output)), b"end\n");
            assert_eq!(ended(&mut run), 0);
        }
    }

    #[test]
    fn no_prefix_is_shown_while_more_comes() {
        let Some(records) = Records::new() else { return };
        // One byte a write, each awaited by nobody, without a silence of 100 ms.
        let script = r#"for c in s 3 c r e t - v a l u e; do printf $c; done; echo"#;
        hidden(&records, "--mask KEY", script, "***\n");
    }
}

mod together {
    use super::*;

    #[test]
    fn the_order_is_strip_mask_timestamp_cap() {
        let Some(records) = Records::new() else { return };
        // Strip before mask: colours within a value do not save it.
        let mut command = records.script(
            "--strip-ansi --mask KEY --timestamps --result result",
            r"printf 's3cret\033[1m-value\n2026-or-so\n'",
        );
        let year = stamp(&records)[..5].to_owned();
        command.env("KEY", "s3cret-value");
        capture(command).assert().code(0).stdout("s3cret\u{1b}[1m-value\n2026-or-so\n").stderr("");
        let log = records.log();
        assert!(matches(&format!(r"\A{STAMP}\*\*\*\n{STAMP}2026-or-so\n\z"), &log), "{log}");
        // Mask before timestamp: a value that looks like the year does not hide the time.
        let mut command = records.script("--mask YEAR --timestamps", &format!("echo {year}x"));
        command.env("YEAR", &year);
        capture(command).assert().code(0).stdout("***x\n");
        assert!(matches(&format!(r"\A{STAMP}\*\*\*x\n\z"), &records.log()), "{}", records.log());
        // Timestamp before cap: the cap counts what is written.
        records.sh("--timestamps --max-size 4096", "seq 1000").code(0);
        assert_eq!(records.bytes("log").len(), 4096);
        assert!(records.log().starts_with(&year));
        // Strip before cap: what is stripped does not count.
        let script = r"i=0; while [ $i -lt 1000 ]; do printf '\033[31m\033[0m'; i=$((i + 1)); done; echo all";
        records.sh("--strip-ansi --max-size 4096 --result result", script).code(0);
        assert_eq!((records.log().as_str(), &records.result()["log_truncated"]), ("all\n", &json!(false)));
    }

    fn stamp(records: &Records) -> String {
        records.sh("--timestamps", "echo").code(0);
        records.log()
    }
}
