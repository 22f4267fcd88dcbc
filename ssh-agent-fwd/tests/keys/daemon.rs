//! What goes on when its starter has ended.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use ssh_agent_fwd::daemon::{Daemon, Life, start};
use ssh_agent_fwd::process::Process;

use crate::bench::Bench;

const TERM: i32 = 15;
const SOON: Duration = Duration::from_secs(20);

#[test]
fn it_says_which_process_it_is_before_it_is_its_program_and_has_what_it_is_given() {
    let Some(bench) = Bench::new() else { return };
    let pid_file = bench.path("pid");
    let (reader, writer) = io::pipe().expect("a pipe");
    let (kept, mut word) = io::pipe().expect("a pipe");
    let script = format!(
        "read -r pid rest < {}; [ $pid = $$ ] && echo its pid
         read -r line </proc/self/fd/{}; echo $line $GIVEN; exec sleep 1000",
        pid_file.display(),
        kept.as_raw_fd(),
    );
    let argv: Vec<OsString> = ["/bin/sh", "-c", &script].map(Into::into).into();
    let env = [("GIVEN", OsStr::new("by us"))];
    let stdout = Some(writer.as_fd());
    let keeps = [kept.as_fd()];
    // What this process blocks is not blocked there.
    let blocked: SigSet = [Signal::SIGTERM].into_iter().collect();
    blocked.thread_block().expect("blocked");
    let started = start(&Daemon {
        argv: &argv,
        env: &env,
        life: Life::ItsOwn,
        pid_file: &pid_file,
        stdout,
        stderr: None,
        kept: &keeps,
    });
    blocked.thread_unblock().expect("unblocked");
    let process = started.expect("started");
    drop(writer);
    word.write_all(b"kept\n").expect("written");
    let mut said = BufReader::new(reader);
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        said.read_line(line).expect("a line");
    }
    assert_eq!(lines, ["its pid\n", "kept by us\n"]);
    assert_eq!(Process::read(&pid_file).expect("read"), Some(process));
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("read");
    assert!(status.contains("SigBlk:\t0000000000000000\n"), "{status}");
    process.end(TERM, SOON).expect("ended");
    assert_eq!(said.read(&mut [0]).expect("the end"), 0, "it ended by SIGTERM, and nobody else has the pipe");
}

#[test]
fn one_that_cannot_be_started_says_why_and_is_gone() {
    let Some(bench) = Bench::new() else { return };
    let argv = ["/no/such/program".into()];
    let pid_file = bench.path("pid");
    let daemon = Daemon {
        argv: &argv,
        env: &[],
        life: Life::ItsOwn,
        pid_file: &pid_file,
        stdout: None,
        stderr: None,
        kept: &[],
    };
    let failure = start(&daemon).expect_err("not started");
    assert_eq!(failure.code, "program-not-started");
    assert!(failure.error.contains("no such file"), "{failure}");
    let written = Process::read(&pid_file).expect("read").expect("written");
    assert!(!written.is_alive());
    fs::remove_file(&pid_file).expect("removed");
    let nowhere = bench.path("none/pid");
    let failure = start(&Daemon { pid_file: &nowhere, ..daemon }).expect_err("not started");
    assert!(failure.error.contains("No such file or directory"), "{failure}");
}
