//! What the process that is the user holds, and what is made of its answers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diagnostics::Failure;
use nix::libc;
use ssh_agent_fwd::ssh_files::{Budget, Reply, Task, carry_out};
use supervise::ProcessHandle;

use crate::bench::{Bench, git};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has a script do the work of the program.
fn by_script(bench: &Bench, script: &str) -> Result<Reply, Failure> {
    within(bench, script, &Budget::default())
}

fn within(bench: &Bench, script: &str, budget: &Budget) -> Result<Reply, Failure> {
    let program = bench.beside("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set");
    carry_out(&program, Task::Remove("default".parse().expect("a name")), &bench.user, budget)
}

#[test]
fn it_has_the_user_s_ids_and_groups_its_order_and_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    let home = bench.home().display();
    let look = format!(
        "PATH=/usr/bin:/bin; exec 2>&1 >{home}/seen; echo \"$*\"; pwd; id -u; id -g; id -G; \
         grep -E '^(Cap|NoNew)' /proc/self/status; ls /proc/self/fd; readlink /proc/self/fd/0; \
         tr '\\0' '\\n' </proc/$$/environ; cut -d' ' -f7 /proc/$$/stat; cat"
    );
    by_script(&bench, &look).expect_err("no answer");
    let seen = fs::read_to_string(bench.home().join("seen")).expect("written");
    let mut groups = vec![bench.user.gid];
    groups.extend(
        bench.user.credentials.groups().iter().map(|gid| gid.as_raw()).filter(|gid| *gid != bench.user.gid),
    );
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let none = "0000000000000000";
    let expected = format!(
        "as-user\n/\n{}\n{}\n{}\nCapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\nCapAmb:\t{none}\n\
         NoNewPrivs:\t1\n0\n1\n2\n3\n/memfd:stdin (deleted)\n0\n\
         {{\"uid\":{},\"parent\":{},\"home\":\"{home}\",\"task\":{{\"Remove\":\"default\"}}}}",
        bench.user.uid,
        bench.user.gid,
        groups.join(" "),
        bench.user.uid,
        std::process::id()
    );
    // 3 is the folder that ls(1) reads.
    assert_eq!(seen, expected);
}

#[test]
fn its_answer_is_not_believed_to_be_more_than_words() {
    let Some(bench) = Bench::new() else { return };
    for (script, code, says) in [
        ("exit 0", "as-user", "ended with status 0 and without a word"),
        ("kill -9 $$", "as-user", "a signal ended it"),
        (r#"echo '{"Ok":"Changed"}'; exit 3"#, "as-user", "gave no answer"),
        (r#"echo '{"Ok":"Changed"}{"Ok":"Changed"}'"#, "as-user", "gave no answer"),
        (r#"echo '{"Ok":{"Keys":-1}}'"#, "as-user", "gave no answer"),
        (r#"printf '{"Err":["made-up","a\\n\\u001b[2Jb"]}'"#, "as-user", r"a\u{a}\u{1b}[2Jb"),
        (r#"echo '{"Err":["ssh-file","x"]}'"#, "ssh-file", "x"),
        ("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxx; done | head -c 1000000", "as-user", "gave no answer"),
    ] {
        let failure = by_script(&bench, script).expect_err(script);
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.error.contains(says) && !failure.error.contains('\n'), "{failure}");
    }
    assert_eq!(by_script(&bench, r#"echo '{"Ok":"Changed"}'"#), Ok(Reply::Changed));
}

/// The user could stop each of its processes in turn.
#[test]
fn after_one_that_did_not_end_in_time_no_other_one_is_waited_for() {
    let Some(bench) = Bench::new() else { return };
    let budget = Budget::of(Duration::from_millis(50));
    for says in ["did not end in time", "was not tried"] {
        let failure = within(&bench, "while :; do sleep 1000; done", &budget).expect_err(says);
        assert_eq!(failure.code, "as-user");
        assert!(failure.error.contains(says), "{failure}");
    }
}

#[test]
fn nothing_that_it_started_is_left() {
    let Some(bench) = Bench::new() else { return };
    let pid = bench.home().join("pid");
    let script = format!("sleep 1000 & echo $! >{}; echo '{{\"Ok\":\"Changed\"}}'", pid.display());
    assert_eq!(by_script(&bench, &script), Ok(Reply::Changed));
    let pid: i32 = fs::read_to_string(pid).expect("written").trim().parse().expect("a pid");
    if let Ok(left) = ProcessHandle::open(pid) {
        assert!(left.wait(Instant::now() + PATIENCE).expect("waited"), "it runs on");
    }
}

/// The bit of SIGXFSZ in a mask of signals (proc(5)): what it sets last before it reads its order.
const BLOCKED: u64 = 1 << (libc::SIGXFSZ - 1);

#[test]
fn it_cannot_be_traced_by_the_user_and_ends_with_whoever_started_it() {
    let Some(bench) = Bench::new() else { return };
    let program = crate::bench::program();
    let program = program.to_str().expect("text");
    // The program has a number as well, which may be either.
    let spare = if program.ends_with("/9") { 8 } else { 9 };
    let words = bench.words(&[program, "as-user"]).join(" ");
    let script = format!("exec {spare}<&0; {words} <&{spare} {spare}>&- & echo $!; wait");
    crate::bench::inherit_program();
    let mut starter = Command::new("sh");
    starter.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut starter = starter.spawn().expect("run");
    let mut pid = String::new();
    BufReader::new(starter.stdout.take().expect("piped")).read_line(&mut pid).expect("a line");
    let pid: i32 = pid.trim().parse().expect("a pid");
    let handle = ProcessHandle::open(pid).expect("it waits for its order");
    let until = Instant::now() + PATIENCE;
    while !is_blocking(pid) {
        assert!(Instant::now() < until, "it does not get ready");
        std::thread::yield_now();
    }
    // Of a process that cannot be traced, root's (proc(5)).
    assert_eq!(fs::metadata(format!("/proc/{pid}/fd")).expect("there").uid(), 0);
    // Still open: it is not the end of its order that ends it.
    let order = starter.stdin.take();
    starter.kill().expect("killed");
    starter.wait().expect("ended");
    assert!(handle.wait(until).expect("waited"), "it runs on");
    drop(order);
}

fn is_blocking(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("there");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).expect("a mask");
    u64::from_str_radix(mask, 16).expect("a number") & BLOCKED != 0
}

/// Its starter has ended before it could hear of that, and another one may be at work there by now.
#[test]
fn it_does_nothing_for_somebody_who_has_ended() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.nodes();
    let output =
        bench.in_mounts_of_its_own(Task::Install(git("default")), "(sh -c '\"$@\"; true' sh \"$@\") || true");
    assert!(String::from_utf8_lossy(&output.stdout).contains("has ended"), "{output:?}");
    assert_eq!(bench.nodes(), before);
}

#[test]
fn it_is_not_root_and_not_somebody_else() {
    let Some(bench) = Bench::new() else { return };
    let program = env!("CARGO_BIN_EXE_ssh-agent-fwd");
    for uid in [0, 54_321] {
        let order = format!(
            r#"{{"uid":{uid},"parent":1,"home":"{}","task":{{"Remove":"default"}}}}"#,
            bench.home().display()
        );
        let file = bench.beside("order");
        fs::write(&file, order).expect("written");
        let mut command = Command::new(program);
        let output =
            command.arg("as-user").stdin(fs::File::open(&file).expect("opened")).output().expect("run");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("this process is uid 0"), "{output:?}");
    }
}
