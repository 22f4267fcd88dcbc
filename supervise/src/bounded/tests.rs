use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn shell<T>(script: &str, stdin: &[u8], limit: Duration, output: usize, by: impl FnOnce(&Run<'_>) -> T) -> T {
    let argv = ["/bin/sh", "-c", script].map(OsString::from);
    by(&Run { argv: &argv, env: &[("PATH", "/usr/bin:/bin")], stdin, limit, output })
}

fn ran(script: &str, stdin: &[u8]) -> Ran {
    shell(script, stdin, LIMIT, 100, run).expect("it runs")
}

fn asked(script: &str, limit: Duration) -> Result<Answer, NoAnswer> {
    shell(script, b"", limit, 100, ask)
}

#[test]
fn both_streams_and_the_status_are_told() {
    let ran = ran("cat; echo bad >&2; exit 7", b"good");
    assert_eq!((ran.status, ran.timed_out), (Some(7), false));
    assert_eq!((&ran.stdout[..], &ran.stderr[..]), (&b"good"[..], &b"bad\n"[..]));
    let answer = asked("echo good; echo bad >&2; exit 7", LIMIT).expect("an answer");
    assert_eq!(answer, Answer { outcome: Outcome::Exited(7), stdout: b"good\n".to_vec() });
}

#[test]
fn the_environment_is_what_was_given_and_stdin_ends() {
    let script = "cat; echo \"$PATH ${HOME-unset} $(pwd)\"";
    assert_eq!(ran(script, b"").stdout, b"/usr/bin:/bin unset /\n");
    assert_eq!(asked(script, LIMIT).expect("an answer").stdout, b"/usr/bin:/bin unset /\n");
}

#[test]
fn too_much_output_is_dropped_and_does_not_hold_it_up() {
    let ran = ran("head -c 1000000 /dev/zero; echo end >&2", b"");
    assert_eq!((ran.status, ran.stdout.len(), &ran.stderr[..]), (Some(0), 100, &b"end\n"[..]));
}

#[test]
fn too_much_output_is_no_answer() {
    for script in ["while :; do echo xxxxxxxxxxxxxxxx; done", "head -c 101 /dev/zero"] {
        let error = asked(script, LIMIT).expect_err(script);
        assert!(matches!(error, NoAnswer::TooMuchOutput(100)), "{script}: {error}");
    }
    assert_eq!(asked("head -c 100 /dev/zero", LIMIT).expect("an answer").stdout.len(), 100);
}

#[test]
fn a_slow_one_is_killed() {
    let script = "echo $$; sleep 1000 & wait";
    let ran = shell(script, b"", Duration::from_millis(300), 100, run).expect("it runs");
    assert_eq!((ran.status, ran.timed_out), (None, true));
    assert!(!ran.stdout.is_empty());
    let endless = shell("while :; do echo xxxxxxxx; done", b"", Duration::from_millis(50), 10, run);
    assert!(endless.expect("it runs").timed_out);
    for script in ["trap '' TERM; while :; do sleep 60; done", "exec >&-; while :; do sleep 60; done"] {
        let error = asked(script, Duration::from_millis(50)).expect_err(script);
        assert!(matches!(error, NoAnswer::TimedOut(_)), "{script}: {error}");
    }
}

#[test]
fn what_it_started_and_left_behind_does_not_hold_it_up_and_is_gone() {
    let ran = ran("sleep 1000 & echo $!", b"");
    assert_eq!(ran.status, Some(0));
    let left: i32 = String::from_utf8_lossy(&ran.stdout).trim().parse().expect("a pid");
    // Its end is awaited; ESRCH, when it has been reaped already.
    if let Ok(left) = sys::pidfd_open(left) {
        let timeout = PollTimeout::try_from(LIMIT).expect("a timeout");
        assert_eq!(poll(&mut [PollFd::new(left.as_fd(), PollFlags::POLLIN)], timeout), Ok(1));
    }
}

#[test]
fn a_missing_program_is_an_error() {
    let argv = ["/no/such/program".into()];
    let missing = Run { argv: &argv, env: &[], stdin: b"", limit: LIMIT, output: 1 };
    assert_eq!(run(&missing).expect_err("missing").kind(), io::ErrorKind::NotFound);
    assert!(matches!(ask(&missing), Err(NoAnswer::Call(_))));
}

#[test]
fn an_input_of_any_length_is_there_before_it_is_read_and_cannot_be_changed() {
    let long = vec![b'x'; 1 << 20];
    let script = "wc -c; (echo y >/dev/stdin) 2>/dev/null || echo sealed";
    let ran = shell(script, &long, LIMIT, 99, run).expect("it runs");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "1048576\nsealed\n");
}

#[test]
fn its_words_are_one_line() {
    let words = |script: &str| ran(script, b"").words();
    assert_eq!(words("echo out; printf '\\n a\\033[1mb \\nc' >&2"), "a\\u{1b}[1mb");
    assert_eq!(words("echo out"), "out");
    let sudo = "echo 'sudo: unable to resolve host web1: Name or service not known' >&2";
    assert_eq!(
        words(&format!("{sudo}; echo; echo 'sudo: a password is required' >&2")),
        "sudo: a password is required"
    );
    assert_eq!(words(sudo), "sudo: unable to resolve host web1: Name or service not known");
    assert_eq!(words("exit 3"), "it ended with status 3 and without a word");
    assert_eq!(words("kill -9 $$"), "a signal ended it");
}
