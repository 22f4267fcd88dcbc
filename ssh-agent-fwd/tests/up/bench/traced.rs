//! A run that gets a signal where it enters one of its system calls.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{PROGRAM, start};

/// Where the calls begin that are of interest: the lock is taken.
const LOCKED: &str = "flock(";

/// One call of a run, by its kind and how often that came before; strace(1) counts each kind by itself.
#[derive(Debug, Clone)]
pub struct Call {
    pub kind: String,
    number: usize,
}

/// The calls of an `up` with this manifest, from the lock on; what it starts is not traced.
pub fn calls(folder: &Path, manifest: &str) -> Vec<Call> {
    let log = folder.join("calls");
    let output = traced(&log, &[], manifest);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(&log).expect("a log");
    let mut calls: Vec<Call> = Vec::new();
    let mut from = None;
    for line in text.lines() {
        let Some((kind, _)) = line.split_once('(') else { continue };
        if line.starts_with(LOCKED) {
            from.get_or_insert(calls.len() + 1);
        }
        let number = calls.iter().filter(|call| call.kind == kind).count() + 1;
        calls.push(Call { kind: kind.to_owned(), number });
    }
    calls.split_off(from.expect("it takes the lock"))
}

/// An `up` that gets this signal at this call.
pub fn signalled(folder: &Path, manifest: &str, call: &Call, signal: &str) -> Output {
    let inject = format!("--inject={}:signal={signal}:when={}", call.kind, call.number);
    traced(&folder.join("calls"), &[&inject], manifest)
}

fn traced(log: &Path, words: &[&str], manifest: &str) -> Output {
    let mut command = Command::new("strace");
    command.arg("-o").arg(log).args(words).args([PROGRAM, "up", "-q"]);
    start(&mut command, manifest).wait_with_output().expect("ended")
}
