//! What the daemons have of the process that started them: nothing.

use std::fs;
use std::process::Command;

use crate::bench::{Bench, PROGRAM, pem, start};

/// A caller with as much as can be inherited: ignored signals, an environment, a folder, descriptors, a umask.
const CALLER: &str = "trap '' HUP INT TERM USR1 CHLD PIPE; export SECRET=x; cd \"$1\"; umask 000; exec 7<\"$1\" 9>&1; \
                      exec \"$0\" up -q";

#[test]
fn they_inherit_nothing() {
    let Some(bench) = Bench::new() else { return };
    let mut command = Command::new("sh");
    command.args(["-c", CALLER, PROGRAM]).arg(bench.folder.path());
    let input = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    let output = start(&mut command, &input).wait_with_output().expect("ended");
    assert!(output.status.success(), "{output:?}");
    for file in ["agent/agent.pid", "serve.pid"] {
        let process = format!("/proc/{}", bench.pid(file));
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(format!("{process}/{name}")).expect(name)).into_owned()
        };
        assert!(!read("environ").contains("SECRET"), "{file}");
        assert_eq!(fs::read_link(format!("{process}/cwd")).expect("a folder").to_str(), Some("/"));
        let status = read("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim_start_matches(':').trim().to_owned()
        };
        assert_eq!(field("NoNewPrivs"), "1", "{file}");
        assert_eq!(field("Umask"), "0077", "{file}");
        // Of signals each daemon ignores what it wants to, and not what the caller did.
        let ignored = u64::from_str_radix(&field("SigIgn"), 16).expect("a mask");
        for signal in [nix::libc::SIGTERM, nix::libc::SIGHUP, nix::libc::SIGUSR1] {
            assert_eq!(ignored & (1 << (signal - 1)), 0, "{file}: {signal}");
        }
        let limits = read("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{file}");
        let session =
            nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(bench.pid(file)))).expect("a session");
        assert_eq!(session.as_raw(), bench.pid(file), "{file}");
        for descriptor in fs::read_dir(format!("{process}/fd")).expect("descriptors") {
            let target = fs::read_link(descriptor.expect("one").path()).expect("a file");
            let target = target.to_string_lossy().into_owned();
            let is_own = target == "/dev/null"
                // What was heard until it was ready; nobody reads it any more.
                || ["socket:", "anon_inode:", "pipe:"].iter().any(|kind| target.starts_with(kind))
                || (file == "serve.pid" && target == bench.current().to_string_lossy());
            assert!(is_own, "{file}: {target}");
        }
    }
}

/// In a mount namespace of its own nobody reads /dev/log, whatever the machine has.
const NO_SYSLOG: &str = r#"if test -e /dev/log; then mount --bind /dev/null /dev/log; fi; exec "$0" "$@""#;

#[test]
fn a_record_that_nobody_reads_is_warned_of_and_where_it_is_required_nothing_starts() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    let up = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", NO_SYSLOG, PROGRAM, "up"]).args(words);
        start(&mut command, &manifest).wait_with_output().expect("ended")
    };
    let refused = up(&["--record-required"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("record-unavailable"), "{said}");
    let warned = up(&[]);
    let said = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(warned.status.success() && said.contains("/dev/log"), "{said}");
}

/// A caller's limit would have a user fill the agent, and then root's own questions wait.
#[test]
fn the_agent_has_as_many_descriptors_as_the_caller_s_hard_limit_lets_it() {
    let Some(bench) = Bench::new() else { return };
    let mut command = Command::new("prlimit");
    command.args(["--nofile=64:2048", PROGRAM, "up", "-q"]);
    let child = start(&mut command, &bench.manifest(&[pem(&bench.key("a"))]).to_string());
    assert!(child.wait_with_output().expect("ended").status.success());
    let limits =
        fs::read_to_string(format!("/proc/{}/limits", bench.pid("agent/agent.pid"))).expect("limits");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    assert_eq!(files.split_whitespace().next(), Some("2048"), "{limits}");
}
