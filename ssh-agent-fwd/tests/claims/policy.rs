//! The policy that `up` has written, changed by root while it serves; and what else only root's side may do.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::bench::{
    Bench, Client, Key, PATIENCE, PROGRAM, SIGN_RESPONSE, USER, git_signature, pem, run, start,
};

/// An `up` that stays, and what it and its daemons say.
struct Foreground {
    child: Child,
    said: Receiver<String>,
}

impl Foreground {
    fn up(bench: &Bench, key: &Key) -> Self {
        let notify = bench.folder.path().join("notify");
        let ready = UnixDatagram::bind(&notify).expect("bound");
        ready.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut command = Command::new(PROGRAM);
        command.args(["up", "--foreground", "-q"]).env("NOTIFY_SOCKET", &notify);
        let mut child = start(&mut command, &bench.manifest(&[pem(key)]).to_string());
        ready.recv(&mut [0; 16]).expect("ready");
        let (sender, said) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        thread::spawn(move || stderr.lines().try_for_each(|line| sender.send(line.expect("words"))));
        Self { child, said }
    }

    /// Has the forwarder read its policy again, until this is said.
    fn hang_up(&self, bench: &Bench, says: &str) {
        kill(Pid::from_raw(bench.pid("serve.pid")), Signal::SIGHUP).expect("signalled");
        while !self.said.recv_timeout(PATIENCE).expect(says).contains(says) {}
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().try_into().expect("a pid")), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Changes what the file is, not what it says.
type Change<'a> = &'a dyn Fn(&Path);

/// Whether git would get a signature.
fn signs(bench: &Bench, key: &Key) -> bool {
    let blob = key.line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key");
    Client::connect(&bench.socket(), USER.1).ask(&git_signature(blob.as_bytes()))[0] == SIGN_RESPONSE
}

#[test]
fn what_root_changes_in_the_policy_counts_after_a_hup_and_what_is_broken_does_not() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let foreground = Foreground::up(&bench, &key);
    let path: PathBuf = bench.current().join("policy.json");
    let metadata = fs::metadata(&path).expect("there");
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o600, 0));
    assert!(signs(&bench, &key));
    let text = fs::read_to_string(&path).expect("read");
    let mut policy: Value = serde_json::from_str(&text).expect("an object");
    policy["keys"][0]["namespaces"] = json!(["file"]);
    let narrower = policy.to_string();
    fs::write(&path, &narrower).expect("written");
    foreground.hang_up(&bench, "the policy was read again");
    assert!(!signs(&bench, &key), "narrowed");
    // None of these brings back what was taken away.
    let mode =
        |mode| move |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set");
    let given = |path: &Path| chown(path, Some(USER.1), None).expect("given");
    let gone = |path: &Path| fs::remove_file(path).expect("removed");
    let none = |_: &Path| {};
    let changes: [(&str, &str, Change); 6] = [
        ("cut", &text[..text.len() / 2], &none),
        ("of a member that is not known", "{\"keys\": [], \"more\": 1}", &none),
        ("writable for all", &text, &mode(0o666)),
        ("writable for the group", &text, &mode(0o620)),
        ("the user's", &text, &given),
        ("gone", &text, &gone),
    ];
    for (what, text, change) in changes {
        fs::write(&path, text).expect("written");
        change(&path);
        foreground.hang_up(&bench, "the policy of before stays");
        assert!(!signs(&bench, &key), "{what}");
        assert_eq!(bench.fingerprints(), std::slice::from_ref(&key.fingerprint), "{what}: it serves on");
        let _ = fs::remove_file(&path);
        fs::write(&path, &narrower).expect("written");
        mode(0o600)(&path);
    }
    fs::write(&path, &text).expect("written");
    foreground.hang_up(&bench, "the policy was read again");
    assert!(signs(&bench, &key), "and as it was");
}

#[test]
fn the_agent_of_up_loads_no_library_and_starts_no_helper_not_even_for_root() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    bench.is_up(&[pem(&key)]);
    let needed = run("ldd", &["/bin/sh"]);
    let library = needed.split_whitespace().find(|word| word.starts_with('/') && word.contains("libc."));
    let library = fs::canonicalize(library.expect("the C library")).expect("a path").display().to_string();
    let agent = bench.pid("agent/agent.pid");
    let log = bench.folder.path().join("calls");
    // What the agent starts and opens while it is asked; attached when strace(1) says so.
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=execve,clone,clone3,fork,vfork,openat", "-p", &agent.to_string(), "-o"]);
    let mut strace = strace.arg(&log).stderr(std::process::Stdio::piped()).spawn().expect("strace");
    let mut line = String::new();
    let mut said = BufReader::new(strace.stderr.take().expect("a pipe"));
    said.read_line(&mut line).expect("read");
    assert!(line.contains("attached"), "{line}");
    for socket in [bench.current().join("agent/agent.sock"), bench.socket()] {
        for kind in [20, 26] {
            let mut request = vec![kind];
            for field in [library.as_bytes(), b""] {
                request.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
                request.extend_from_slice(field);
            }
            let uid = if socket == bench.socket() { USER.1 } else { 0 };
            assert_eq!(Client::connect(&socket, uid).ask(&request), [5]);
        }
    }
    kill(Pid::from_raw(strace.id().try_into().expect("a pid")), Signal::SIGINT).expect("signalled");
    strace.wait().expect("ended");
    let calls = fs::read_to_string(&log).expect("a log");
    for call in ["execve(", "clone", "fork(", &library] {
        assert!(!calls.contains(call), "{calls}");
    }
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
}

#[test]
fn both_daemons_of_up_have_given_up_what_could_lead_to_the_keys() {
    let Some(bench) = Bench::new() else { return };
    bench.is_up(&[pem(&bench.key("a"))]);
    for file in ["serve.pid", "agent/agent.pid"] {
        let pid = bench.pid(file);
        let of_it = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).expect("read");
        assert!(of_it("status").contains("NoNewPrivs:\t1"), "{file}");
        let limits = of_it("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_ascii_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{file}");
        // Not dumpable: what is in it is closed to its own uid without CAP_SYS_PTRACE; this process's is not.
        let memory = |pid: &str| {
            let path = format!("/proc/{pid}/mem");
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", "--"]);
            command.args(["sh", "-c", ": <\"$0\"", &path]).output().expect("run").status.success()
        };
        assert!(!memory(&pid.to_string()), "{file}");
        assert!(memory("self"), "the comparison");
        // Where its words go nobody reads any more, and it has no other stream.
        let leads = |number| fs::read_link(format!("/proc/{pid}/fd/{number}")).expect("open");
        assert_eq!(leads(0), Path::new("/dev/null"), "{file}");
    }
}

#[test]
fn what_the_daemons_say_when_up_has_ended_ends_none_of_them() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.key("a"), bench.key("host"));
    bench.is_up(&[pem(&key)]);
    let pids = ["serve.pid", "agent/agent.pid"].map(|file| bench.pid(file));
    // ssh-agent says that the signature is wrong.
    let blob = host.line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key");
    let mut forged = vec![27];
    for field in [&b"session-bind@openssh.com"[..], blob.as_bytes(), &[1; 32], b"forged"] {
        forged.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
        forged.extend_from_slice(field);
    }
    forged.push(0);
    for _ in 0..3 {
        assert_ne!(Client::connect(&bench.socket(), USER.1).ask(&forged), [6]);
        assert!(signs(&bench, &key));
    }
    // The forwarder says that it has read its policy, and that it cannot.
    let path = bench.current().join("policy.json");
    let text = fs::read_to_string(&path).expect("read");
    let mut policy: Value = serde_json::from_str(&text).expect("an object");
    policy["keys"][0]["namespaces"] = json!(["file"]);
    for (policy, signed) in [(policy.to_string(), false), (text, true)] {
        for text in ["{", &policy] {
            fs::write(&path, text).expect("written");
            kill(Pid::from_raw(pids[0]), Signal::SIGHUP).expect("signalled");
        }
        crate::serving::eventually("the policy is read again", || signs(&bench, &key) == signed);
    }
    assert_eq!(["serve.pid", "agent/agent.pid"].map(|file| bench.pid(file)), pids);
    for pid in pids {
        assert!(Path::new(&format!("/proc/{pid}/fd/0")).exists(), "{pid} lives");
    }
}
