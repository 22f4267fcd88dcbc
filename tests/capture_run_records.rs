//! capture-run, end to end: the files that it leaves, who may have touched them, and what they say.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::records::{Records, ended, read, reader};
use bed::{capture, eventually, spawn, tool};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use predicates::prelude::*;
use serde_json::{Value, json};

/// A group that is not root's.
const OTHER_GROUP: u32 = 1003;

/// ubuntu's number.
const UBUNTU: u32 = 1000;

/// The user of another file.
const OTHER: u32 = 1001;

/// A command as ubuntu, in a folder of its own.
fn as_ubuntu(records: &Records, words: &str) -> Command {
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    let mut command = records.any(&words);
    command.uid(UBUNTU).gid(UBUNTU).current_dir(records.path("own"));
    command
}

/// A bed with that folder.
fn with_own_folder() -> Option<Records> {
    let records = Records::new()?;
    records.folder("own", UBUNTU, 0o755);
    Some(records)
}

#[track_caller]
fn refused(assert: Assert, reason: &str) {
    let one_line = predicate::str::is_match(r"\Acapture-run: [^\n]*\n\z").expect("a pattern");
    assert.code(125).stdout("").stderr(one_line).stderr(predicate::str::contains(reason));
}

/// Makes a FIFO of root's.
fn fifo(path: &Path) {
    mkfifo(path, Mode::from_bits_truncate(0o600)).expect("a new FIFO");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").mode() & 0o7777
}

/// Reads a file over and over while `work` goes on, and passes on each thing that it holds.
fn watched(path: &Path, check: impl Fn(&[u8]) + Send + 'static, work: impl FnOnce()) {
    let over = Arc::new(AtomicBool::new(false));
    let (path, stop) = (path.to_owned(), Arc::clone(&over));
    let watching = thread::spawn(move || {
        let mut looks = 0_u32;
        while !stop.load(Ordering::Acquire) {
            check(&fs::read(&path).expect("it is always there"));
            looks += 1;
        }
        looks
    });
    work();
    over.store(true, Ordering::Release);
    let looks = watching.join().expect("each look was as it should be");
    assert!(looks > 100, "{looks} looks");
}

mod status {
    use super::*;

    #[test]
    fn a_stale_one_is_gone_before_the_command_starts() {
        let Some(records) = Records::new() else { return };
        for options in ["", "--kill-tree", "--result result"] {
            records.file("status", "0\n", 0, 0o644);
            records.file("result", "{}\n", 0, 0o644);
            records.sh(options, "wc -c < status; exit 3").code(3).stdout("0\n");
            assert_eq!(records.status(), "3\n");
        }
        // Before the exec itself, too.
        records.file("status", "0\n", 0, 0o644);
        capture(records.command("", &["no_such_command"])).assert().code(127);
        assert_eq!(records.status(), "127\n");
    }

    #[test]
    fn a_reader_never_sees_a_part_or_an_older_one() {
        let Some(records) = Records::new() else { return };
        let last = Mutex::new(0);
        records.file("status", "", 0, 0o644);
        let check = move |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if !text.is_empty() {
                let whole = text.len() == 4 && text.ends_with('\n');
                let number: i32 = text.trim_end().parse().unwrap_or(-1);
                let mut last = last.lock().expect("nobody panicked");
                assert!(whole && number >= *last, "{text:?} after {last}");
                *last = number;
            }
        };
        watched(&records.path("status"), check, || {
            for code in (100..=255).chain([255; 150]) {
                records.sh("", &format!("exit {code}")).code(code);
                assert_eq!(records.status(), format!("{code}\n"));
            }
        });
    }

    #[test]
    fn mode_and_owner_of_the_file_stay() {
        let Some(records) = Records::new() else { return };
        let status = records.path("status");
        for (before, after) in
            [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o755, 0o644), (0o4711, 0o600), (0o400, 0o400)]
        {
            for group in [0, OTHER_GROUP] {
                records.file("status", "0\n", 0, 0o600);
                chown(&status, Some(0), Some(group)).expect("root may");
                fs::set_permissions(&status, Permissions::from_mode(before)).expect("root may");
                records.sh("", "exit 3").code(3);
                let metadata = fs::metadata(&status).expect("it is there");
                assert_eq!(mode(&status), after, "{before:o}");
                assert_eq!((metadata.uid(), metadata.gid()), (0, group), "{before:o}");
                assert_eq!(records.status(), "3\n");
            }
        }
    }

    #[test]
    fn a_new_one_is_made_as_a_redirection_makes_it() {
        let Some(records) = Records::new() else { return };
        for (umask, expected) in [("022", 0o644), ("077", 0o600), ("027", 0o640), ("000", 0o666)] {
            records.clear(&["status"]);
            records.caller(&format!("umask {umask}; capture-run log status -- true")).code(0);
            assert_eq!(mode(&records.path("status")), expected, "{umask}");
        }
    }

    #[test]
    fn it_is_replaced_whole_and_nothing_else_is_left() {
        let Some(records) = Records::new() else { return };
        records.folder("records", 0, 0o755);
        records.file("records/s", "0\n", 0, 0o644);
        let old = File::open(records.path("records/s")).expect("it is there");
        let words = "capture-run --result records/r records/l records/s -- true";
        capture(records.any(&words.split(' ').collect::<Vec<_>>())).assert().code(0);
        assert_eq!(old.metadata().expect("open").len(), 0, "who has the old one open sees it empty");
        assert_eq!(old.metadata().expect("open").nlink(), 0, "and it was not written again");
        let entries = fs::read_dir(records.path("records")).expect("a folder");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["l", "r", "s"]);
    }

    #[test]
    fn a_link_of_an_unprivileged_user_stays_one() {
        let Some(records) = with_own_folder() else { return };
        records.file("own/real", "0\n", UBUNTU, 0o640);
        symlink("real", records.path("own/status")).expect("a new link");
        capture(as_ubuntu(&records, "capture-run log status -- false")).assert().code(1);
        assert!(records.path("own/status").is_symlink());
        assert_eq!(records.text("own/real"), "1\n");
        assert_eq!(mode(&records.path("own/real")), 0o640);
    }

    #[test]
    fn a_file_with_two_names_is_written_in_place() {
        let Some(records) = Records::new() else { return };
        records.file("status", "0\n", 0, 0o644);
        fs::hard_link(records.path("status"), records.path("second")).expect("a new name");
        let before = fs::metadata(records.path("status")).expect("it is there").ino();
        records.sh("", "exit 3").code(3);
        assert_eq!((records.status(), records.text("second")), ("3\n".into(), "3\n".into()));
        assert_eq!(fs::metadata(records.path("second")).expect("it is there").ino(), before);
    }

    #[test]
    fn a_fifo_with_a_reader_gets_it() {
        let Some(records) = Records::new() else { return };
        fifo(&records.path("status"));
        let script = "exec 9<>status; capture-run log status -- sh -c 'exit 3'; echo $?; head -n 1 <&9";
        records.caller(script).stdout("3\n3\n").stderr("");
    }

    #[test]
    fn a_fifo_without_a_reader_runs_nothing() {
        let Some(records) = Records::new() else { return };
        fifo(&records.path("pipe"));
        for line in [
            "capture-run log pipe touch ran",
            "capture-run pipe status touch ran",
            "capture-run --result pipe log status touch ran",
        ] {
            let run = capture(records.any(&line.split(' ').collect::<Vec<_>>())).assert();
            refused(run, "pipe is a FIFO that nobody reads");
            assert!(!records.has("ran"));
        }
    }

    #[test]
    fn a_fifo_as_log_gets_all_of_the_output() {
        let Some(records) = Records::new() else { return };
        fifo(&records.path("log"));
        let expected: String = (1..=100_000).map(|i| format!("{i}\n")).collect();
        let reader = format!("exec 9<>log; head -c {} <&9 > copy &", expected.len());
        records.caller(&format!("{reader} capture-run log status -- seq 100000 >/dev/null; wait")).code(0);
        assert!(records.text("copy") == expected);
        assert_eq!(records.status(), "0\n");
    }

    #[test]
    fn devices_and_descriptors_are_written_directly() {
        let Some(records) = Records::new() else { return };
        let before = fs::metadata("/dev/null").expect("a device").rdev();
        for (line, expected) in [
            ("capture-run log /dev/null -- sh -c 'exit 3'; echo $?", "3\n"),
            ("capture-run /dev/null status -- sh -c 'echo out; exit 3'; cat status", "out\n3\n"),
            ("capture-run log /dev/fd/7 -- sh -c 'exit 4' 7> st; cat st", "4\n"),
            ("capture-run log /proc/self/fd/7 -- sh -c 'exit 4' 7> st; cat st", "4\n"),
            ("capture-run log /dev/fd/7 -- sh -c 'echo out; exit 5' 7>&1 | cat", "out\n5\n"),
            ("capture-run log /dev/stdout -- sh -c 'echo out; exit 5' | cat", "out\n5\n"),
            ("capture-run /dev/fd/7 status -- echo out 7> copy; cat copy", "out\nout\n"),
            ("capture-run /dev/stderr status -- echo out 2>&1 >/dev/null", "out\n"),
            ("capture-run --result /dev/fd/7 log status -- true 7> r; grep -c '\"state\"' r", "1\n"),
        ] {
            records.caller(line).stdout(expected).stderr("");
        }
        assert_eq!(fs::metadata("/dev/null").expect("a device").rdev(), before);
    }

    #[test]
    fn anothers_file_in_a_sticky_folder_is_written_in_place() {
        let Some(records) = with_own_folder() else { return };
        let status = records.file("open/status", "0\n", OTHER, 0o666);
        let before = fs::metadata(&status).expect("it is there").ino();
        capture(as_ubuntu(&records, "capture-run log /mnt/open/status -- false")).assert().code(1).stderr("");
        let after = fs::metadata(&status).expect("it is there");
        assert_eq!((after.uid(), after.ino(), after.mode() & 0o7777), (OTHER, before, 0o666));
        assert_eq!(records.text("open/status"), "1\n");
        // Its own file there is replaced.
        let own = records.file("open/own", "0\n", UBUNTU, 0o666);
        let before = fs::metadata(&own).expect("it is there").ino();
        capture(as_ubuntu(&records, "capture-run log /mnt/open/own -- false")).assert().code(1).stderr("");
        assert_ne!(fs::metadata(&own).expect("it is there").ino(), before);
        assert_eq!((mode(&own), records.text("open/own")), (0o666, "1\n".into()));
    }

    /// fs.protected_regular makes O_CREAT fail for another's file in a sticky folder.
    #[test]
    fn an_existing_file_is_not_opened_with_o_creat() {
        let Some(records) = Records::new() else { return };
        for name in ["log", "status", "result"] {
            records.file(name, "old\n", 0, 0o644);
        }
        let strace = [tool("strace"), "-f", "-qq", "-e", "trace=open,openat,creat", "-o", "trace"];
        let run = ["capture-run", "--result", "result", "log", "status", "true"];
        capture(records.any(&[&strace[..], &run].concat())).assert().code(0);
        let trace = records.text("trace");
        for name in ["log", "status", "result"] {
            let opened: Vec<&str> =
                trace.lines().filter(|line| line.contains(&format!("\"{name}\""))).collect();
            assert!(!opened.is_empty(), "{name} in {trace}");
            assert!(opened.iter().all(|line| !line.contains("O_CREAT")), "{opened:?}");
        }
    }

    #[test]
    fn on_a_full_disk_it_stays_empty_and_the_commands_own_is_returned() {
        let Some(records) = Records::new() else { return };
        let folder = records.small("small", 64);
        for (options, code, expected) in [
            ("", 0, 0),
            ("", 3, 3),
            ("--log-error=warn", 0, 0),
            ("--log-error=fail", 0, 125),
            ("--log-error=fail", 3, 3),
        ] {
            fs::write(folder.join("status"), "").expect("room for an empty file");
            records.fill(&folder);
            let line = format!("capture-run {options} log small/status -- sh -c 'echo out; exit {code}'");
            let says =
                predicate::str::is_match(r"\Acapture-run: small/status: [^\n]*\n\z").expect("a pattern");
            records.caller(&line).code(expected).stdout("out\n").stderr(says);
            assert_eq!(records.text("small/status"), "", "{options} {code}");
            assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2, "no temporary file is left");
        }
    }

    #[test]
    fn whenever_we_are_killed_it_is_empty_or_whole() {
        let Some(records) = Records::new() else { return };
        let (mut round, mut seen) = (0, [0, 0]);
        // On a slow machine it takes longer until one comes to its end.
        while round < 300 || seen.contains(&0) {
            records.file("status", "0\n", 0, 0o644);
            let mut child = spawn(records.script("", "exit 7").stdout(Stdio::null()));
            // No event: any moment is a good one.
            thread::sleep(Duration::from_micros(round * 20));
            child.kill().expect("it was not waited for");
            let _ = ended(&mut child);
            let status = records.status();
            assert!(["0\n", "", "7\n"].contains(&status.as_str()), "{status:?}");
            seen[0] += u32::from(status.is_empty());
            seen[1] += u32::from(status == "7\n");
            round += 1;
            assert!(round < 5000, "both are met: {seen:?}");
        }
    }
}

mod trust {
    use super::*;

    /// The three places for a file, all of which root must be able to trust.
    fn as_each_file(records: &Records, path: &str) -> [Command; 3] {
        [["", path, "status"], ["", "log", path], ["--result", "log", "status"]].map(
            |[option, log, status]| {
                let mut words = vec!["capture-run"];
                if option.is_empty() {
                    words.extend([log, status]);
                } else {
                    words.extend([option, path, log, status]);
                }
                records.any(&[&words[..], &["touch", "ran"]].concat())
            },
        )
    }

    fn furnished() -> Option<Records> {
        let records = Records::new()?;
        records.folder("agent", UBUNTU, 0o755);
        fs::create_dir(records.path("agent/roots")).expect("root may");
        records.folder("wide", 0, 0o777);
        records.folder("group", 0, 0o775);
        records.folder("safe", 0, 0o755);
        records.file("safe/agents", "", UBUNTU, 0o600);
        records.file("safe/wide", "", 0, 0o666);
        records.file("safe/group", "", 0, 0o664);
        records.file("safe/target", "keep\n", 0, 0o600);
        symlink("target", records.path("safe/link")).expect("a new link");
        symlink("/mnt/safe", records.path("safe_too")).expect("a new link");
        records.file("open/agents", "", UBUNTU, 0o644);
        records.file("open/own", "", 0, 0o644);
        records.file("open/twice", "", 0, 0o600);
        fs::hard_link(records.path("open/twice"), records.path("open/again")).expect("a new name");
        symlink("/mnt/safe/target", records.path("open/roots_link")).expect("a new link");
        for name in ["open/agents_link", "open/agents_folder"] {
            symlink("/mnt/safe", records.path(name)).expect("a new link");
            std::os::unix::fs::lchown(records.path(name), Some(UBUNTU), Some(UBUNTU)).expect("root may");
        }
        fs::create_dir(records.path("open/agents_own")).expect("root may");
        chown(records.path("open/agents_own"), Some(UBUNTU), Some(UBUNTU)).expect("root may");
        fifo(&records.path("open/pipe"));
        Some(records)
    }

    #[test]
    fn what_another_user_could_change_is_refused_before_the_command() {
        let Some(records) = furnished() else { return };
        // A reader, so that it is not the lack of one that is refused.
        let _reader =
            OpenOptions::new().read(true).write(true).open(records.path("open/pipe")).expect("a FIFO");
        for (path, reason) in [
            ("agent/new", "agent does not belong to root"),
            ("agent/roots/new", "agent does not belong to root"),
            ("agent/../safe/new", "agent does not belong to root"),
            ("wide/new", "wide can be written by others"),
            ("group/new", "group can be written by others"),
            ("safe/link", "is a symbolic link"),
            ("safe/agents", "does not belong to root"),
            ("safe/wide", "can be written by others"),
            ("safe/group", "can be written by others"),
            ("open/agents", "does not belong to root"),
            ("open/twice", "has another name"),
            ("open/again", "has another name"),
            ("open/roots_link", "is a symbolic link"),
            ("open/agents_link", "is a symbolic link"),
            ("open/agents_folder/new", "symbolic link that is not root's"),
            ("open/agents_own/new", "agents_own does not belong to root"),
            ("open/pipe", "is not a regular file"),
            ("/home/ubuntu/new", "/home/ubuntu does not belong to root"),
        ] {
            for path in [path.to_owned(), Path::new("/mnt").join(path).display().to_string()] {
                for command in as_each_file(&records, &path) {
                    refused(capture(command).assert(), reason);
                    assert!(!records.has("ran"), "{path}");
                    assert_eq!(records.text("safe/target"), "keep\n", "{path}");
                }
            }
        }
        assert!(!records.has("safe/new"));
    }

    #[test]
    fn what_only_root_can_change_is_used() {
        let Some(records) = furnished() else { return };
        for path in
            ["safe/new", "safe/../safe/new", "safe_too/new", "./safe/new", "open/own", "open/new", "new"]
        {
            for command in as_each_file(&records, path) {
                capture(command).assert().code(0).stderr("");
                assert!(records.has("ran"), "{path}");
                records.clear(&["ran"]);
            }
        }
    }

    #[test]
    fn files_of_mktemp_in_a_sticky_folder_are_used() {
        let Some(records) = Records::new() else { return };
        let script = "log=$(mktemp /mnt/open/log.XXXXXX) status=$(mktemp /mnt/open/status.XXXXXX)
            chmod 644 $log $status; capture-run $log $status -- sh -c 'echo out; exit 3'
            cat $log $status; stat -c %a $log $status";
        records.caller(script).code(0).stdout("out\nout\n3\n644\n644\n").stderr("");
    }

    #[test]
    fn an_unprivileged_user_may_use_what_it_can_open() {
        let Some(records) = with_own_folder() else { return };
        records.folder("wide", 0, 0o777);
        records.file("open/log", "", OTHER, 0o666);
        for line in [
            "capture-run /mnt/open/log /mnt/open/status -- true",
            "capture-run /mnt/wide/l /mnt/wide/s -- true",
        ] {
            capture(as_ubuntu(&records, line)).assert().code(0).stderr("");
        }
        refused(
            capture(as_ubuntu(&records, "capture-run /mnt/closed/l s -- touch ran")).assert(),
            "/mnt/closed",
        );
        refused(capture(as_ubuntu(&records, "capture-run /mnt/l s -- touch ran")).assert(), "/mnt/l");
        assert!(!records.has("own/ran"));
    }
}

mod log {
    use super::*;

    #[test]
    fn an_unprivileged_user_may_name_a_link_to_a_file_that_is_not_there_yet() {
        let Some(records) = with_own_folder() else { return };
        symlink("real", records.path("own/log")).expect("a new link");
        symlink("real_status", records.path("own/status")).expect("a new link");
        capture(as_ubuntu(&records, "capture-run log status -- echo new")).assert().code(0).stderr("");
        assert_eq!(
            (records.text("own/real"), records.text("own/real_status")),
            ("new\n".into(), "0\n".into())
        );
    }

    #[test]
    fn it_is_emptied_unless_it_is_appended_to() {
        let Some(records) = Records::new() else { return };
        records.file("log", "a much longer text of before\n", 0, 0o644);
        records.sh("", "echo one").code(0);
        assert_eq!(records.log(), "one\n");
        records.sh("--append", "echo two").code(0);
        records.sh("-a", "echo three").code(0);
        assert_eq!(records.log(), "one\ntwo\nthree\n");
    }

    #[test]
    fn its_mode_stays_and_a_new_one_is_private() {
        let Some(records) = Records::new() else { return };
        let log = records.path("log");
        for (umask, options, expected) in [
            ("022", "", 0o600),
            ("000", "", 0o600),
            ("0277", "", 0o400),
            ("077", "--mode 0644", 0o644),
            ("077", "--mode=640 --append", 0o640),
        ] {
            records.clear(&["log"]);
            records.caller(&format!("umask {umask}; capture-run {options} log status -- echo x")).code(0);
            assert_eq!((mode(&log), records.log()), (expected, "x\n".into()), "{umask} {options}");
        }
        for kept in [0o644, 0o640, 0o600] {
            records.file("log", "old", 0, kept);
            chown(&log, Some(0), Some(OTHER_GROUP)).expect("root may");
            records.sh("--mode 0400", "true").code(0);
            let metadata = fs::metadata(&log).expect("it is there");
            assert_eq!((mode(&log), metadata.gid(), metadata.len()), (kept, OTHER_GROUP, 0));
        }
    }

    #[test]
    fn links_are_followed_for_an_unprivileged_user_unless_told_otherwise() {
        let Some(records) = with_own_folder() else { return };
        records.file("own/real", "old\n", UBUNTU, 0o644);
        symlink("real", records.path("own/log")).expect("a new link");
        symlink("real_status", records.path("own/status")).expect("a new link");
        let run = |line| capture(as_ubuntu(&records, line)).assert();
        refused(run("capture-run --no-follow log st -- touch ran"), "symbolic link");
        refused(run("capture-run --no-follow l status -- touch ran"), "symbolic link");
        assert_eq!(records.text("own/real"), "old\n");
        assert!(!records.has("own/ran"));
        run("capture-run log st -- echo new").code(0);
        assert_eq!(records.text("own/real"), "new\n");
        run("capture-run --no-follow l st -- echo new").code(0).stderr("");
    }

    #[test]
    fn two_runs_do_not_share_one() {
        let Some(records) = Records::new() else { return };
        let mut first = spawn(
            records.script("", "echo first; read line; exit 3").stdin(Stdio::piped()).stdout(Stdio::null()),
        );
        eventually("the first run", || records.has("log") && records.log() == "first\n");
        for line in ["capture-run log other touch ran", "capture-run log status touch ran"] {
            let run = capture(records.any(&line.split(' ').collect::<Vec<_>>())).assert();
            refused(run, "log in use: log is held by another run");
        }
        assert!(!records.has("ran"));
        assert_eq!(records.log(), "first\n");
        let run = records.caller("capture-run --append log other -- sh -c 'echo second; exit 4'");
        run.code(4)
            .stdout("second\n")
            .stderr("capture-run: log is held by another run; appending to it too\n");
        assert_eq!(records.log(), "first\nsecond\n");
        drop(first.stdin.take());
        assert_eq!(ended(&mut first), 3);
        assert_eq!(records.status(), "3\n");
    }

    #[test]
    fn its_lock_tells_whether_a_run_goes_on() {
        let Some(records) = Records::new() else { return };
        for options in ["", "--kill-tree", "--timeout 1h"] {
            // What the command leaves behind does not hold it.
            let script = "sleep 601 >/dev/null 2>&1 & echo ready; read line || :";
            let mut run = spawn(records.script(options, script).stdin(Stdio::piped()).stdout(Stdio::null()));
            eventually("the run", || records.has("log") && records.log() == "ready\n");
            let log = File::open(records.path("log")).expect("it is there");
            assert!(matches!(log.try_lock(), Err(TryLockError::WouldBlock)), "{options}");
            drop(run.stdin.take());
            assert_eq!(ended(&mut run), 0);
            log.try_lock().expect("nobody holds it");
            assert!(records.find("sleep 601").is_some(), "{options}");
            records.clear(&["log"]);
        }
    }

    #[test]
    fn its_lock_is_gone_when_we_were_killed() {
        let Some(records) = Records::new() else { return };
        for options in ["", "--kill-tree", "--timeout 1h"] {
            let mut run = spawn(records.script(options, "echo ready; sleep 600").stdout(Stdio::null()));
            eventually("the run", || records.has("log") && records.log() == "ready\n");
            run.kill().expect("it was not waited for");
            assert_eq!(ended(&mut run), 137);
            records.sh("", "echo next").code(0).stdout("next\n").stderr("");
            records.clear(&["log"]);
        }
    }
}

mod result {
    use super::*;

    fn word(record: &Value, key: &str) -> String {
        record[key].as_str().unwrap_or_else(|| panic!("{key} in {record}")).to_owned()
    }

    /// RFC 3339 in UTC, as seconds do not go backwards in text either.
    fn is_time(text: &str) -> bool {
        predicate::str::is_match(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z").expect("a pattern").eval(text)
    }

    #[test]
    fn it_says_running_while_the_command_runs() {
        let Some(records) = Records::new() else { return };
        for options in ["--result result", "--kill-tree --result result"] {
            // capture-run writes it as soon as the command runs: who reads it waits for that.
            let script = "echo $$; until grep -q '}' result; do :; done; cat result";
            let output = records.sh(options, script).code(0).get_output().stdout.clone();
            let output = String::from_utf8_lossy(&output).into_owned();
            let (pid, record) = output.split_once('\n').expect("two lines");
            let record: Value = serde_json::from_str(record).expect("JSON");
            assert_eq!(record["state"], "running");
            assert_eq!(record["pid"].to_string(), pid);
            assert!(is_time(&word(&record, "started_at")), "{record}");
            for key in ["result", "exit_code", "signal", "status", "ended_at", "wall_s", "user_s", "system_s"]
            {
                assert!(record.get(key).is_some_and(Value::is_null), "{key} in {record}");
            }
        }
    }

    #[test]
    fn it_has_every_field_at_the_end() {
        let Some(records) = Records::new() else { return };
        let mut command = records.script(
            "--result result",
            "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; printf 12345; exit 3",
        );
        command.current_dir(records.folder("elsewhere", 0, 0o755));
        capture(command).assert().code(3);
        let text = records.text("elsewhere/result");
        assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
        let record: Value = serde_json::from_str(&text).expect("JSON");
        for (key, value) in [
            ("state", json!("exited")),
            ("result", json!("exit-code")),
            ("exit_code", json!(3)),
            ("signal", json!(null)),
            ("status", json!(3)),
            ("bytes", json!(5)),
            ("log_truncated", json!(false)),
            ("log_error", json!(null)),
            ("stdout_closed", json!(false)),
            ("leaked", json!(false)),
            ("user", json!("root")),
            ("cwd", json!("/mnt/elsewhere")),
            ("host", json!(nix::unistd::gethostname().expect("a name").to_string_lossy())),
        ] {
            assert_eq!(record[key], value, "{key} in {record}");
        }
        assert!(record.get("argv").is_none(), "{record}");
        let (start, end) = (word(&record, "started_at"), word(&record, "ended_at"));
        assert!(is_time(&start) && is_time(&end) && start <= end, "{record}");
        let number = |key| record[key].as_f64().unwrap_or_else(|| panic!("{key} in {record}"));
        assert!(number("wall_s") > 0.0 && number("wall_s") < 60.0, "{record}");
        assert!(number("user_s") > 0.0 && number("system_s") >= 0.0, "{record}");
        assert!((100.0..1e6).contains(&number("max_rss_kib")), "{record}");
        assert!(number("pid") > 1.0, "{record}");
    }

    #[test]
    fn the_user_is_the_one_who_captures() {
        let Some(records) = with_own_folder() else { return };
        capture(as_ubuntu(&records, "capture-run --result r log status -- true")).assert().code(0);
        let record: Value = serde_json::from_str(&records.text("own/r")).expect("JSON");
        // Two names have that number; the first one is what getpwuid(3) gives.
        assert_eq!(record["user"], "ubuntu");
    }

    #[test]
    fn each_end_has_its_word() {
        let Some(records) = Records::new() else { return };
        for (options, script, code, word, exit_code, signal) in [
            ("", "exit 0", 0, "success", json!(0), json!(null)),
            ("", "exit 200", 200, "exit-code", json!(200), json!(null)),
            ("", "kill $$", 143, "signal", json!(null), json!("SIGTERM")),
            ("--kill-tree", "kill -KILL $$", 137, "signal", json!(null), json!("SIGKILL")),
            ("--kill-tree", "exit 200", 200, "exit-code", json!(200), json!(null)),
            ("--timeout 0.05", "exec sleep 600", 124, "timeout", json!(null), json!("SIGTERM")),
            ("--timeout 0.05 -s KILL", "exec sleep 600", 137, "timeout", json!(null), json!("SIGKILL")),
            ("--idle-timeout 0.05", "exec sleep 600", 124, "idle-timeout", json!(null), json!("SIGTERM")),
            ("--map-exit 3=0", "exit 3", 0, "exit-code", json!(3), json!(null)),
        ] {
            records.sh(&format!("{options} --result result"), script).code(code);
            let record = records.result();
            assert_eq!(record["state"], "exited");
            assert_eq!(record["result"], word, "{record}");
            assert_eq!(record["status"], code, "{record}");
            assert_eq!((&record["exit_code"], &record["signal"]), (&exit_code, &signal), "{record}");
        }
        for (command, code) in [("no_such_command", 127), ("/", 126)] {
            capture(records.command("--result result", &[command])).assert().code(code);
            let record = records.result();
            assert_eq!((&record["result"], &record["status"]), (&json!("exec-failed"), &json!(code)));
            assert_eq!((&record["pid"], &record["exit_code"]), (&Value::Null, &Value::Null));
        }
    }

    #[test]
    fn a_core_file_has_a_word_of_its_own() {
        let Some(records) = Records::new() else { return };
        let script = "ulimit -c unlimited && exec kill -SEGV $$";
        // Whether there is one depends on the machine's core_pattern and limits.
        let probe = format!(
            "import os
pid = os.fork()
if pid == 0: os.execlp('sh', 'sh', '-c', '''{script}''')
print(int(os.WCOREDUMP(os.waitpid(pid, 0)[1])))"
        );
        let dumped = capture(records.any(&[tool("python3"), "-c", &probe])).stdout == b"1\n";
        let expected = if dumped { "core-dump" } else { "signal" };
        for options in ["--result result", "--kill-tree --result result"] {
            records.sh(options, script).code(139);
            let record = records.result();
            assert_eq!((&record["result"], &record["signal"]), (&json!(expected), &json!("SIGSEGV")));
        }
    }

    #[test]
    fn the_arguments_are_named_only_when_asked_for() {
        let Some(records) = Records::new() else { return };
        let run = |options| {
            capture(records.command(options, &["echo", "a \"prompt\"", "é\n", ""])).assert().code(0);
            assert!(!records.has("argv"));
            records.result()
        };
        assert!(!run("--result result").to_string().contains("prompt"));
        assert_eq!(run("--result result --result-argv")["argv"], json!(["echo", "a \"prompt\"", "é\n", ""]));
    }

    #[test]
    fn a_reader_never_sees_a_part_of_it() {
        let Some(records) = Records::new() else { return };
        records.file("result", "", 0, 0o644);
        let check = |bytes: &[u8]| {
            let whole = bytes.is_empty() || serde_json::from_slice::<Value>(bytes).is_ok();
            assert!(whole, "{:?}", String::from_utf8_lossy(bytes));
        };
        watched(&records.path("result"), check, || {
            for _ in 0..150 {
                records.sh("--result result --result-argv", "exit 3").code(3);
                assert_eq!(records.result()["state"], "exited");
            }
        });
    }

    #[test]
    fn what_was_killed_stays_running_on_record() {
        let Some(records) = Records::new() else { return };
        let mut run = spawn(records.script("--result result", "echo; sleep 600").stdout(Stdio::piped()));
        eventually("the record", || {
            records.has("result") && records.text("result").ends_with('\n') && records.log() == "\n"
        });
        let stdout = reader(run.stdout.take().expect("a pipe"));
        run.kill().expect("it was not waited for");
        assert_eq!(ended(&mut run), 137);
        assert_eq!(read(stdout), b"\n");
        assert_eq!(records.result()["state"], "running");
        assert_eq!(records.status(), "");
    }
}
