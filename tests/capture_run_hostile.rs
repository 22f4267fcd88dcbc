//! capture-run against commands that know how it works.

use bed::records::Records;
use bed::{capture, tool};
use predicates::prelude::*;

use assert_cmd::assert::OutputAssertExt;

/// Leaves its own process group for that of its child.
const LEAVES_ITS_GROUP: &str = "
import os, signal
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    while True: signal.pause()
while os.getpgid(child) != child: pass
os.setpgid(0, child)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: signal.pause()
";

/// A child of its own traces it, so that its end is not seen before the tracer's.
const IS_TRACED: &str = "
import ctypes, os, signal
c = ctypes.CDLL(None)
c.prctl(0x59616d61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)
me = os.getpid()
ready, done = os.pipe()
if os.fork() == 0:
    os.setsid()
    c.ptrace(0x4206, me, None, None)
    os.write(done, b'1')
    null = os.open('/dev/null', os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while True: signal.pause()
os.read(ready, 1)
while True: signal.pause()
";

fn python<'a>(options: &[&'a str], code: &'a str) -> Vec<&'a str> {
    [&["capture-run"][..], options, &["--result", "r", "log", "status", tool("python3"), "-c", code]].concat()
}

#[test]
fn a_command_that_leaves_its_group_is_killed_all_the_same() {
    let Some(records) = Records::new() else { return };
    let words = python(&["--timeout", "1", "-k", "1"], LEAVES_ITS_GROUP);
    capture(records.any(&words)).assert().code(137);
    assert_eq!(records.status(), "137\n");
    assert!(records.text("r").contains("\"signal\":\"SIGKILL\""));
    records.nothing_is_left();
}

#[test]
fn a_tracer_cannot_put_the_end_off() {
    let Some(records) = Records::new() else { return };
    capture(records.any(&python(&["--timeout", "1", "-k", "1"], IS_TRACED))).assert().code(137);
    assert_eq!(records.status(), "137\n");
    records.nothing_is_left();
}

#[test]
fn a_command_that_cannot_be_executed_is_no_hang_under_a_watcher() {
    let Some(records) = Records::new() else { return };
    for (options, program, code) in [("--kill-tree", "nosuch", 127), ("--timeout 9", "/etc/passwd", 126)] {
        records.command(options, &[program]).assert().code(code);
        assert_eq!(records.status(), format!("{code}\n"));
    }
}

#[test]
fn words_that_nobody_reads_hold_nothing_up() {
    let Some(records) = Records::new() else { return };
    // Standard output and error are one pipe, whose reader waits until STATUS is there.
    let script = "capture-run --timeout 1 -k 1 --drain-max 1 /dev/full status -- yes 2>&1 |
                  { until [ -s status ]; do read -r line <clock; done; }";
    records.caller("mkfifo clock").code(0);
    let ticking = format!("while :; do echo; sleep 0.1; done >clock & {script}; kill $!");
    records.caller(&ticking).code(predicate::always());
    assert_eq!(records.status(), "124\n");
}

#[test]
fn no_byte_is_lost_when_nothing_is_waited_for() {
    let Some(records) = Records::new() else { return };
    let script = "for i in $(seq 300); do
                    capture-run --drain-timeout 0 log status -- printf hello | cat >out
                    [ \"$(cat log out)\" = hellohello ] || echo lost
                  done";
    records.caller(script).code(0).stdout("");
}
