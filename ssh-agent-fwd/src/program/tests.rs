use super::*;

const SOON: Duration = Duration::from_secs(20);

fn run(argv: &[&str], stdin: &[u8], limit: Duration) -> Ran {
    let argv: Vec<OsString> = argv.iter().map(Into::into).collect();
    let env = [("GIVEN", OsStr::new("by us"))];
    Program { argv: &argv, env: &env, stdio: [None; 3], kept: &[] }.run(stdin, limit).expect("run")
}

fn shell(script: &str, stdin: &[u8]) -> Ran {
    run(&["/bin/sh", "-c", script], stdin, SOON)
}

#[test]
fn it_reads_what_it_is_given_and_says_how_it_ended() {
    let ran = shell("cat; echo aside >&2; exit 3", b"text");
    assert_eq!((ran.ended, &*ran.stdout, &*ran.stderr), (Ended::Status(3), "text", "aside\n"));
    assert_eq!(shell("kill -KILL $$", b"").ended, Ended::Signal(9));
    // More than a pipe holds.
    let long = vec![b'x'; 300_000];
    assert_eq!(shell("wc -c", &long).stdout.trim(), "300000");
    assert_eq!(shell("exec <&-; exit 0", &long).ended, Ended::Status(0));
}

#[test]
fn one_that_does_not_end_is_killed() {
    for argv in [["/bin/sleep", "1000"].as_slice(), &["/bin/sh", "-c", "trap '' TERM; sleep 1000"]] {
        assert_eq!(run(argv, &vec![b'x'; 300_000], Duration::from_millis(100)).ended, Ended::Late);
    }
}

#[test]
fn it_has_nothing_of_ours_and_no_terminal() {
    let ran =
        shell("env; pwd; umask; ulimit -c; (: >/dev/tty) 2>&1 | grep -c tty; echo /proc/self/fd/*", b"");
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("PWD=")).collect();
    // The last descriptor is that of the folder which is listed.
    let fds = "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2";
    assert_eq!(lines[..5], ["GIVEN=by us", "/", "0077", "0", "1"], "{lines:?}");
    assert!(lines[5].starts_with(fds) && lines[5].split(' ').count() <= 4, "{lines:?}");
}

#[test]
fn why_it_was_not_started_is_said() {
    for (program, why) in
        [("/no/such/program", "no such file"), ("/etc", "Permission denied"), ("/a\0b", "a NUL")]
    {
        let argv = [program.into()];
        let failure = Program { argv: &argv, env: &[], stdio: [None; 3], kept: &[] }
            .start(|| Ok(()))
            .expect_err("not started");
        assert_eq!(failure.code, "program-not-started");
        assert!(failure.error.contains(why), "{failure}");
    }
    let argv = ["/bin/true".into()];
    let program = Program { argv: &argv, env: &[], stdio: [None; 3], kept: &[] };
    let failure = program.start(|| Err(io::Error::other("not today"))).expect_err("not started");
    assert_eq!(failure.error, "/bin/true cannot be started: not today");
}

#[test]
fn a_program_of_openssh_is_found_where_only_root_can_replace_it() {
    if locate("ssh-add").is_err_and(|failure| failure.code != "openssh-missing") {
        panic!("{:?}", locate("ssh-add"));
    }
    assert_eq!(locate("no-such-program").expect_err("none").code, "openssh-missing");
}
