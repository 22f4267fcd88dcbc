//! `exec`: a command with an agent of its own, by root for a user, and by a user for itself.

#[path = "../up/bench/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another test's, of which some is needed here")]
mod bench;
#[path = "../client/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another test's, of which some is needed here")]
mod client;
mod hardened;
#[path = "../run_folder/mod.rs"]
mod run_folder;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use supervise::ProcessHandle;

use bench::{Bench, Key, PATIENCE, USER, pem, processes, start, words};

/// Who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Root,
    User,
}

const CALLERS: [Caller; 2] = [Caller::Root, Caller::User];

/// For a shell: prints where the command's own folder is, and which keys the user sees.
const LOOK: &str = "dirname $(dirname $SSH_AUTH_SOCK); $AS_USER ssh-add -l";

/// A manifest with one key, and where the caller's program is.
struct Place {
    bench: Bench,
    key: Key,
    program: PathBuf,
}

impl Place {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        let key = bench.key("a");
        // Where the user can come to it.
        let program = bench.home.path().join("ssh-agent-fwd");
        bench::copy_program(&program);
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set");
        Some(Self { bench, key, program })
    }

    fn manifest(&self) -> String {
        self.bench.manifest(&[pem(&self.key)]).to_string()
    }

    /// The manifest as a file of the caller's.
    fn file(&self, caller: Caller) -> PathBuf {
        let (folder, owner) = match caller {
            Caller::Root => (self.bench.folder.path(), 0),
            Caller::User => (self.bench.home.path(), USER.1),
        };
        let path = folder.join("m.json");
        fs::write(&path, self.manifest()).expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
        chown(&path, Some(owner), Some(owner)).expect("given");
        path
    }

    fn command(&self, caller: Caller, manifest: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["exec", "--manifest"]).arg(manifest).arg("--").args(words);
        command.env_remove("XDG_RUNTIME_DIR").env("SSH_AUTH_SOCK", "/none").current_dir("/");
        match caller {
            Caller::Root => command.env("AS_USER", "setpriv --reuid 1 --regid 1 --clear-groups"),
            Caller::User => command.uid(USER.1).gid(USER.1).env("AS_USER", ""),
        };
        command
    }

    fn run(&self, caller: Caller, words: &[&str]) -> Output {
        start(&mut self.command(caller, Path::new("-"), words), &self.manifest())
            .wait_with_output()
            .expect("ended")
    }

    /// One that says where its folder is, and then waits.
    fn begin(&self, caller: Caller, script: &str) -> (Child, PathBuf, BufReader<std::process::ChildStdout>) {
        let script = format!("dirname $(dirname $SSH_AUTH_SOCK); {script}");
        let mut child =
            start(&mut self.command(caller, Path::new("-"), &["sh", "-c", &script]), &self.manifest());
        let mut said = BufReader::new(child.stdout.take().expect("words"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        (child, PathBuf::from(line.trim_end()), said)
    }
}

/// Neither the folder nor a process that has it in its arguments.
fn is_gone(folder: &Path) -> bool {
    !folder.exists() && processes(folder.to_str().expect("a path")).is_empty()
}

#[test]
fn the_command_has_an_agent_and_nothing_is_left_of_it() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let before = place.bench.snapshot();
        let output = place.run(caller, &["sh", "-c", LOOK]);
        assert!(output.status.success(), "{caller:?}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (folder, keys) = said.split_once('\n').expect("two lines");
        assert!(keys.contains(&place.key.fingerprint), "{caller:?}: {said}");
        assert!(is_gone(Path::new(folder)), "{caller:?}: {folder}");
        assert_eq!(place.bench.snapshot(), before, "{caller:?}: no ssh files");
    }
}

#[test]
fn the_status_is_the_command_s() {
    let Some(place) = Place::new() else { return };
    for caller in CALLERS {
        for (words, status) in [
            (&["true"][..], 0),
            (&["sh", "-c", "exit 77"], 77),
            (&["sh", "-c", "kill -KILL $$"], 137),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["no-such-program-0f1e"], 127),
            (&["/etc/passwd"], 126),
        ] {
            let output = place.run(caller, words);
            assert_eq!(output.status.code(), Some(status), "{caller:?} {words:?}: {output:?}");
        }
    }
}

#[test]
fn its_own_failure_is_125_and_the_command_does_not_run() {
    let Some(place) = Place::new() else { return };
    let mark = place.bench.home.path().join("mark");
    let touch = ["touch", mark.to_str().expect("a path")];
    let other = place.manifest().replace("\"user\":\"daemon\"", "\"user\":\"bin\"");
    let bad = place.manifest().replace("PRIVATE KEY", "PUBLIC");
    for (caller, manifest, code) in
        [(Caller::User, &other, "not-root"), (Caller::Root, &bad, "key"), (Caller::User, &bad, "key")]
    {
        let output = start(&mut place.command(caller, Path::new("-"), &touch), manifest);
        let output = output.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(125), "{caller:?}: {output:?}");
        assert!(words(&output).contains(code), "{output:?}");
        assert!(!mark.exists());
    }
}

#[test]
fn a_signal_is_for_the_command_and_everything_goes_with_it() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let script = "trap 'echo heard; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
        let (mut child, folder, mut said) = place.begin(caller, script);
        let mut line = String::new();
        said.read_line(&mut line).expect("ready");
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("signalled");
        line.clear();
        said.read_line(&mut line).expect("a line");
        assert_eq!(line, "heard\n");
        assert_eq!(child.wait().expect("ended").code(), Some(3), "{caller:?}");
        assert!(is_gone(&folder), "{caller:?}");
    }
}

#[test]
fn when_it_is_killed_nothing_is_left_either() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let (mut child, folder, _said) = place.begin(caller, "exec sleep 5");
        let daemons: Vec<ProcessHandle> = processes(folder.to_str().expect("a path"))
            .into_iter()
            .filter_map(|pid| ProcessHandle::open(pid).ok())
            .collect();
        assert!(!daemons.is_empty(), "{caller:?}: the agent");
        child.kill().expect("killed");
        child.wait().expect("ended");
        let until = Instant::now() + PATIENCE;
        assert!(daemons.iter().all(|daemon| daemon.wait(until).expect("waited")), "{caller:?}");
        while folder.exists() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(is_gone(&folder), "{caller:?}");
    }
}

/// strace(1) kills it when it connects for the first time: to its agent, before there is a forwarder.
#[test]
fn when_it_is_killed_while_it_starts_the_agent_ends_too_and_the_next_one_sweeps() {
    let Some(place) = Place::new() else { return };
    let exec = place.command(Caller::Root, Path::new("-"), &["true"]);
    let mut command = Command::new("strace");
    command.args(["-D", "-o", "/dev/null", "-e", "inject=connect:signal=KILL:when=1"]);
    command.arg(exec.get_program()).args(exec.get_args());
    let mut child = start(&mut command, &place.manifest());
    let folder = PathBuf::from(format!("{}/.exec-{}", bench::RUN, child.id()));
    assert!(!child.wait().expect("ended").success());
    assert!(folder.join("1/agent/agent.pid").exists(), "there was an agent");
    let until = Instant::now() + PATIENCE;
    while !processes(folder.to_str().expect("a path")).is_empty() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(place.run(Caller::Root, &["true"]).status.success());
    assert!(is_gone(&folder));
}

#[test]
fn its_socket_is_the_user_s_alone_and_its_agent_root_s() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let script = "stat -c '%a %u' $SSH_AUTH_SOCK; setpriv --reuid 2 --regid 2 --clear-groups ssh-add -l 2>&1; \
                      $AS_USER env SSH_AUTH_SOCK=$(dirname $SSH_AUTH_SOCK)/agent/agent.sock ssh-add -l 2>&1";
        let output = place.run(caller, &["sh", "-c", script]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("600 1\n"), "{caller:?}: {said}");
        if caller == Caller::Root {
            assert!(!said.contains(&place.key.fingerprint), "{caller:?}: {said}");
        }
    }
}

#[test]
fn the_forwarder_has_nothing_open_that_the_caller_had() {
    let Some(place) = Place::new() else { return };
    // The forwarder is the command's sister that is no agent.
    let script = "for sister in $(cat /proc/$PPID/task/$PPID/children); do
        test $sister = $$ || ls -l /proc/$sister/fd /proc/$sister/comm; done";
    let inner = place.command(Caller::Root, &place.file(Caller::Root), &["sh", "-c", script]);
    let mut outer = Command::new("sh");
    outer.args(["-c", "exec 8</etc/hostname 9</etc/passwd; exec \"$@\"", "sh"]);
    let output = outer.arg(inner.get_program()).args(inner.get_args()).output().expect("run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.matches("/comm").count() >= 2 && said.contains("socket:"),
        "{said}"
    );
    assert!(!said.contains("/etc/hostname") && !said.contains("/etc/passwd"), "{said}");
}

/// The command could read standard input or a descriptor once more from the beginning.
#[test]
fn the_command_cannot_read_where_the_keys_came_from() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let manifest = place.file(caller);
        let mut command =
            place.command(caller, Path::new("-"), &["sh", "-c", "cat; readlink /proc/self/fd/0"]);
        command.stdin(fs::File::open(&manifest).expect("open")).stdout(Stdio::piped());
        let output = command.output().expect("run");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "/dev/null\n", "{caller:?}");
        // By descriptor: the key's is closed, another one is kept.
        let by_fd = place.bench.manifest(&[serde_json::json!({"fd": 7})]).to_string();
        fs::write(&manifest, by_fd).expect("written");
        let inner =
            "cat <&7 2>/dev/null && echo open; ls /proc/self/fd/8 /proc/self/fd/7; $AS_USER ssh-add -l";
        let script = "exec 7<\"$1\" 8</dev/null; shift; exec \"$@\"";
        let inner = place.command(caller, &manifest, &["sh", "-c", inner]);
        let mut outer = Command::new("setpriv");
        if caller == Caller::User {
            outer.args(["--reuid", "1", "--regid", "1", "--clear-groups"]);
        }
        let key = place.bench.home.path().join("key");
        fs::copy(&place.key.file, &key).expect("copied");
        chown(&key, Some(USER.1), None).expect("given");
        outer.args(["sh", "-c", script, "sh"]).arg(&key).arg(inner.get_program()).args(inner.get_args());
        outer.env(
            "AS_USER",
            if caller == Caller::Root { "setpriv --reuid 1 --regid 1 --clear-groups" } else { "" },
        );
        let output = outer.output().expect("run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&place.key.fingerprint) && !said.contains("open"), "{caller:?}: {output:?}");
        assert!(
            said.contains("/proc/self/fd/8") && !said.contains("/proc/self/fd/7\n"),
            "{caller:?}: {output:?}"
        );
    }
}

#[test]
fn the_command_has_everything_else_as_the_caller_had_it() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let manifest = place.file(caller);
        let script = "umask; pwd; echo $MARK; cat; grep SigBlk /proc/self/status; echo words >&2";
        let mut command = place.command(caller, &manifest, &["sh", "-c", script]);
        command.env("MARK", "kept").current_dir("/usr");
        let output = start(&mut command, "input\n").wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let own = Command::new("sh").args(["-c", "umask"]).output().expect("run").stdout;
        let expected =
            format!("{}/usr\nkept\ninput\nSigBlk:\t0000000000000000\n", String::from_utf8_lossy(&own));
        assert_eq!(said, expected, "{caller:?}: {output:?}");
        assert_eq!(words(&output), "words\n", "{caller:?}");
    }
}
