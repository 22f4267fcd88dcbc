//! A key that comes in the stream is written to pipes and sockets alone, and is in no file afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::bench::{Bench, Key, PROGRAM, pem, start};

/// Every call that writes, and every one that opens what may then be written through memory.
const CALLS: &str =
    "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,openat,open,creat,link,linkat";

/// What gives a key away: a part of its text, and the secret itself (PROTOCOL.key: the seed stands before the public
/// half, which is there twice).
fn secrets(key: &Key) -> [Vec<u8>; 2] {
    let text = fs::read_to_string(&key.file).expect("read");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('-')).collect();
    let secret = lines[lines.len() - 2].as_bytes().to_vec();
    let blob = key.line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key").as_bytes().to_vec();
    let public = &blob[blob.len() - 32..];
    let script = format!("grep -v '^-' '{}' | base64 -d", key.file.display());
    let output = Command::new("sh").args(["-c", &script]).output().expect("run").stdout;
    let at = output.windows(32).rposition(|there| there == public).expect("the public half");
    [secret, output[at - 32..at].to_vec()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// What strace(1) has written in hexadecimal, or not.
fn text(hex: &str) -> String {
    if !hex.contains("\\x") {
        return hex.to_owned();
    }
    let digits = hex.split("\\x").skip(1);
    digits.map(|digits| char::from(u8::from_str_radix(&digits[..2], 16).expect("a byte"))).collect()
}

/// The strings of a line of strace(1) that are paths of what is opened to be written.
fn opened(line: &str) -> Option<String> {
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "creat("].iter().any(|flag| line.contains(flag));
    (writes && line.contains("open") || line.contains("creat(")).then(|| line.split('"').nth(1).map(text))?
}

#[test]
fn nothing_that_up_starts_writes_the_key_anywhere_but_into_pipes_and_sockets() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let log = bench.folder.path().join("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", CALLS, "-o"]).arg(&log);
    command.args([PROGRAM, "up", "-q", "--manifest", "-"]);
    // It ends with all that it follows: after `down`.
    let mut strace = start(&mut command, &bench.manifest(&[pem(&key)]).to_string());
    let mut line = String::new();
    BufReader::new(strace.stdout.take().expect("a pipe")).read_line(&mut line).expect("read");
    assert!(line.starts_with("SSH_AUTH_SOCK="), "{line}");
    assert_eq!(bench.fingerprints(), std::slice::from_ref(&key.fingerprint));
    let calls = fs::read_to_string(&log).expect("a log");
    let files: BTreeSet<String> = calls.lines().filter_map(opened).collect();
    let secrets = secrets(&key);
    for path in &files {
        // /dev/null and what is gone by now do not count.
        let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let bytes = if is_file { fs::read(path).expect("read") } else { Vec::new() };
        let found = secrets.iter().any(|secret| bytes.windows(secret.len()).any(|there| there == secret));
        assert!(!found, "{path}");
    }
    assert!(files.iter().any(|path| path.contains("policy.json") || path.contains("instance")), "{files:?}");
    assert!(bench.down().status.success());
    assert!(strace.wait().expect("ended").success());
    let calls = fs::read_to_string(&log).expect("a log");
    let secrets = secrets.map(|secret| hex(&secret));
    let mut seen = [0; 2];
    for call in calls.lines() {
        for (secret, seen) in secrets.iter().zip(&mut seen) {
            if call.contains(secret) {
                // `PID write(3<pipe:[1]>, "…")`
                let to = text(call.split(['<', '>']).nth(1).unwrap_or_default());
                let passes = ["pipe:", "socket:", "UNIX"].iter().any(|kind| to.starts_with(kind));
                assert!(passes, "the key is written to {to}");
                *seen += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "the text to ssh-add, the secret to the agent: {seen:?}");
    assert!(!files.iter().any(|path| path.starts_with("/tmp/") && path.contains("key")), "{files:?}");
}

#[test]
fn a_key_that_is_in_the_manifest_is_in_no_file_of_the_instance_or_of_the_home() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    bench.is_up(&[pem(&key)]);
    let [text, secret] = secrets(&key);
    let home = bench.home.path().to_str().expect("a path").to_owned();
    for folder in [bench.instance().to_str().expect("a path"), &home] {
        let files = crate::bench::run("find", &[folder, "-type", "f"]);
        assert!(files.lines().count() > 0, "{folder}");
        for path in files.lines() {
            let bytes = fs::read(path).expect("read");
            let has = |secret: &[u8]| bytes.windows(secret.len()).any(|there| there == secret);
            assert!(!has(&text) && !has(&secret) && !has(b"PRIVATE"), "{path}");
        }
    }
}
