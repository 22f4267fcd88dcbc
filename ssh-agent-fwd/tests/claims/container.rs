//! `up` as `docker exec -i` runs it: a process beside the container's own first process, which reaps nobody, with a pipe
//! on its standard input that the caller closes, and pipes whose ends the caller waits for.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::bench::{Bench, pem, start};
use crate::home;

/// Its first process does nothing until its standard input ends.
const INIT: &str = "mount -t tmpfs -o mode=755 tmpfs /run; echo ready; exec cat";

/// A container that runs; gone, with all that runs in it, when this is dropped.
struct Container {
    unshare: Child,
    first: String,
}

impl Container {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args([
            "--pid",
            "--fork",
            "--kill-child",
            "--mount",
            "--mount-proc",
            "--propagation",
            "private",
        ]);
        command.args(["sh", "-ec", INIT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut unshare = command.spawn().expect("unshare");
        let mut line = String::new();
        BufReader::new(unshare.stdout.take().expect("a pipe")).read_line(&mut line).expect("read");
        assert_eq!(line, "ready\n");
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let first = std::fs::read_to_string(children).expect("read").trim().to_owned();
        Self { unshare, first }
    }

    /// A command of root's in it, with this on its standard input; it has ended when all its outputs are closed.
    fn exec(&self, words: &[&str], input: &str) -> Output {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.first,
            "--pid",
            "--mount",
            "--",
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ]);
        start(command.args(words), input).wait_with_output().expect("ended")
    }

    fn says(&self, script: &str) -> String {
        let output = self.exec(&["sh", "-ec", script], "");
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).expect("words")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.unshare.stdin.take());
        let _ = self.unshare.wait();
    }
}

/// Says what both daemons read, and whose children they are.
const DAEMONS: &str = r#"
cd /run/ssh-agent-fwd/NAME/current
for file in serve.pid agent/agent.pid; do
    pid=$(cut -d' ' -f1 $file)
    readlink /proc/$pid/fd/0
    grep PPid: /proc/$pid/status
done
"#;

/// All that is not dead already, but for the first and this.
const ALIVE: &str = r#"
for stat in /proc/[0-9]*/stat; do
    read -r pid name state rest <$stat || continue
    test $pid = 1 -o $pid = $$ -o $state = Z || echo "$pid $name"
done
"#;

#[test]
fn a_running_container_is_provisioned_through_a_pipe_and_cleared_again() {
    let Some(bench) = Bench::new() else { return };
    let container = Container::new();
    let program = crate::bench::PROGRAM;
    let before = bench.snapshot();
    let (first, second) = (bench.key("first"), bench.key("second"));
    for key in [&first, &second] {
        // The second replaces the first, whose daemons nobody reaps.
        let manifest = bench.manifest(&[pem(key)]).to_string();
        let output = container.exec(&[program, "up", "--manifest", "-"], &manifest);
        assert!(output.status.success(), "{output:?}");
        let line = format!("SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;\n", bench.socket().display());
        assert_eq!(String::from_utf8_lossy(&output.stdout), line);
        let daemons = container.says(&DAEMONS.replace("NAME", &bench.name));
        assert_eq!(daemons, "/dev/null\nPPid:\t1\n".repeat(2), "detached from whoever called");
        let list = format!(
            "setpriv --reuid=1 --regid=1 --clear-groups env SSH_AUTH_SOCK={} ssh-add -L",
            bench.socket().display()
        );
        assert_eq!(container.says(&list).trim().rsplit_once(' ').expect("a comment").0, key.line);
    }
    assert_eq!(container.says(ALIVE).lines().count(), 2, "an agent and a forwarder");
    let status = container.exec(&[program, "status", "--name", &bench.name], "");
    assert!(status.status.success(), "{status:?}");
    let down = container.exec(&[program, "down", "--name", &bench.name], "");
    assert!(down.status.success(), "{down:?}");
    assert_eq!(container.says(ALIVE), "");
    assert_eq!(container.says("find /run -mindepth 1"), "", "in {}", home(&bench));
    assert!(bench.snapshot().is_nothing_but(&before));
}

#[test]
fn a_stream_that_ends_half_way_provisions_nothing() {
    let Some(bench) = Bench::new() else { return };
    let container = Container::new();
    let before = bench.snapshot();
    let manifest = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    for length in [0, 1, manifest.len() / 2, manifest.len() - 1] {
        let output = container.exec(&[crate::bench::PROGRAM, "up", "--manifest", "-"], &manifest[..length]);
        assert_eq!(output.status.code(), Some(1), "{length}: {output:?}");
        assert!(!format!("{output:?}").contains("PRIVATE"), "{output:?}");
    }
    assert_eq!(
        (container.says(ALIVE), container.says("find /run -mindepth 1")),
        (String::new(), String::new())
    );
    assert!(bench.snapshot().is_nothing_but(&before));
}
