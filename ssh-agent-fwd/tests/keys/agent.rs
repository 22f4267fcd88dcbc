//! What leads to the agent's keys: its socket, for root, and nothing else.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use ssh_agent_fwd::agent::{PID_FILE, SOCKET, start};
use ssh_agent_fwd::daemon::Life;
use ssh_agent_fwd::load::load;
use ssh_agent_fwd::process::Process;

use crate::bench::{Bench, as_stranger, run, skip};

#[test]
fn it_answers_in_its_folder_and_says_which_process_it_is() {
    let Some(bench) = Bench::with_agent() else { return };
    let socket = fs::symlink_metadata(bench.agent_socket()).expect("a socket");
    assert!(socket.file_type().is_socket());
    assert_eq!((socket.uid(), socket.mode() & 0o777), (0, 0o600));
    let pid_file = bench.agent_folder().join(PID_FILE);
    assert_eq!(Process::read(&pid_file).expect("read"), Some(bench.agent()));
    assert_eq!(fs::metadata(pid_file).expect("there").mode() & 0o777, 0o600);
    let program = fs::read_link(bench.proc("exe")).expect("a program");
    assert!(program.ends_with("ssh-agent"), "{}", program.display());
    let said = bench.ssh_add(&["-l"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "The agent has no identities.\n");
}

#[test]
fn it_has_given_up_what_could_lead_to_its_keys() {
    // Neither is to reach it.
    let Some(leaking) = File::open("/dev/null").ok() else { return };
    fcntl(&leaking, FcntlArg::F_SETFD(FdFlag::empty())).expect("set");
    let Some(bench) = Bench::with_agent() else { return };
    let status = fs::read_to_string(bench.proc("status")).expect("read");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    // ssh-agent is set-gid on Debian; no_new_privs has it run without that.
    assert_eq!(field("Gid:"), ["0"; 4]);
    assert_eq!(field("SigBlk:"), ["0000000000000000"]);
    assert_eq!(field("Umask:"), ["0077"]);
    let limits = fs::read_to_string(bench.proc("limits")).expect("read");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    assert_eq!(fs::read(bench.proc("environ")).expect("read"), b"");
    assert_eq!(fs::read_link(bench.proc("cwd")).expect("read"), Path::new("/"));
    let mut open: Vec<(i32, String)> = fs::read_dir(bench.proc("fd"))
        .expect("a list")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let number = path.file_name().and_then(OsStr::to_str).expect("text").parse().expect("a number");
            (number, fs::read_link(path).expect("a link").display().to_string())
        })
        .collect();
    open.sort();
    let kinds: Vec<&str> = open.iter().map(|(_, what)| what.split(':').next().unwrap_or_default()).collect();
    let (standard, others) = kinds.split_at(3);
    assert_eq!(standard, ["/dev/null", "pipe", "pipe"], "{open:?}");
    // Where it listens, and whom it serves.
    assert!(!others.is_empty() && others.iter().all(|what| *what == "socket"), "{open:?}");
    assert!(leaking.as_raw_fd() > 2);
}

#[test]
fn it_has_a_session_of_its_own_without_a_terminal() {
    let Some(bench) = Bench::with_agent() else { return };
    let stat = fs::read_to_string(bench.proc("stat")).expect("read");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<i64> =
        fields.split_whitespace().skip(1).take(4).map(|n| n.parse().expect("a number")).collect();
    let pid = i64::from(bench.agent().pid);
    assert_eq!(fields[1..], [pid, pid, 0], "group, session, terminal");
}

#[test]
fn somebody_else_gets_nothing_of_it() {
    let Some(bench) = Bench::with_agent() else { return };
    let key = bench.key("key", "-t ed25519");
    load(&bench.agent_socket(), &key.material()).expect("loaded");
    let socket = bench.agent_socket();
    let own = |path: &str| bench.proc(path);
    for path in
        [&key.file, &socket, &bench.agent_folder(), &own("mem"), &own("environ"), &own("maps"), &own("fd/3")]
    {
        let said = as_stranger(&["cat".as_ref(), path.as_os_str()]);
        assert!(!said.status.success() && said.stdout.is_empty(), "{}: {said:?}", path.display());
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(words.contains("ermission denied") || words.contains("not permitted"), "{words}");
    }
    let said = as_stranger(&[
        "env".as_ref(),
        OsStr::new(&format!("SSH_AUTH_SOCK={}", socket.display())),
        "ssh-add".as_ref(),
        "-l".as_ref(),
    ]);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    let pid = bench.agent().pid.to_string();
    let killed = as_stranger(&["kill".as_ref(), "-SEGV".as_ref(), pid.as_ref()]);
    assert!(!killed.status.success(), "a core is asked for by a signal");
    assert!(bench.agent().is_alive());
    trace(&pid);
}

/// ptrace(2), by a program that is made for it.
fn trace(pid: &str) {
    for argv in [["strace", "-p"], ["gdb", "-p"]] {
        let is_there = Command::new(argv[0]).arg("--version").stdout(Stdio::null()).status();
        if !is_there.is_ok_and(|status| status.success()) {
            skip(&format!("no {}", argv[0]));
            continue;
        }
        let said = as_stranger(&[argv[0].as_ref(), argv[1].as_ref(), pid.as_ref()]);
        assert!(String::from_utf8_lossy(&said.stderr).contains("not permitted"), "{said:?}");
    }
}

#[test]
fn no_module_is_loaded_and_no_helper_started_for_one() {
    let Some(bench) = Bench::with_agent() else { return };
    let provider = library();
    assert_eq!(smartcard(&bench.agent_socket(), &provider), [5]);
    assert_eq!(children(bench.agent().pid), "", "a helper runs");
    assert!(bench.agent().is_alive());
    // What is asked for would start one: of an agent that is started as usual.
    let socket = bench.path("agent/usual.sock");
    let mut command = Command::new("ssh-agent");
    let mut usual = command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::piped()).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(usual.stdout.take().expect("a pipe")).read_line(&mut line).expect("it listens");
    smartcard(&socket, &provider);
    let helper = children(usual.id().cast_signed());
    usual.kill().expect("killed");
    usual.wait().expect("ended");
    if helper.is_empty() {
        skip("the comparison: this ssh-agent has no helper for PKCS#11");
    }
}

/// A library where ssh-agent looks for modules unless told otherwise (ssh-agent.c, DEFAULT_ALLOWED_PROVIDERS).
fn library() -> String {
    let needed = run(Command::new("ldd").arg("/bin/sh"));
    let mut paths = needed.split_whitespace().filter(|word| word.starts_with('/') && word.contains("libc."));
    fs::canonicalize(paths.next().expect("the C library")).expect("a path").display().to_string()
}

/// The body of the reply to SSH_AGENTC_ADD_SMARTCARD_KEY (RFC 9987 section 5.2.5).
fn smartcard(socket: &Path, provider: &str) -> Vec<u8> {
    let mut body = vec![20];
    body.extend(u32::try_from(provider.len()).expect("short").to_be_bytes());
    body.extend(provider.as_bytes());
    body.extend([0; 4]);
    let mut agent = UnixStream::connect(socket).expect("connected");
    agent.write_all(&u32::try_from(body.len()).expect("short").to_be_bytes()).expect("asked");
    agent.write_all(&body).expect("asked");
    let mut header = [0; 4];
    agent.read_exact(&mut header).expect("a reply");
    let mut reply = vec![0; u32::from_be_bytes(header) as usize];
    agent.read_exact(&mut reply).expect("a reply");
    reply
}

fn children(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("read")
}

#[test]
fn an_agent_that_cannot_serve_is_gone_and_says_why_in_its_own_words() {
    let Some(bench) = Bench::with_agent() else { return };
    let socket = bench.agent_folder().join(SOCKET);
    fs::remove_file(bench.agent_folder().join(PID_FILE)).expect("removed");
    let failure = start(&bench.agent_folder(), Life::ItsOwn).expect_err("there is one");
    assert_eq!(failure.code, "agent-not-started");
    assert!(failure.error.contains("Address already in use"), "{failure}");
    // The pid file of the one that could not: it is nobody's any more.
    let left = Process::read(&bench.agent_folder().join(PID_FILE)).expect("read").expect("written");
    assert!(!left.is_alive());
    assert!(socket.exists() && bench.agent().is_alive(), "the first one serves on");
}

#[test]
fn a_pid_file_that_is_there_already_is_not_replaced_and_no_agent_started() {
    let Some(bench) = Bench::new() else { return };
    let pid_file = bench.agent_folder().join(PID_FILE);
    fs::write(&pid_file, "1 1\n").expect("written");
    let failure = start(&bench.agent_folder(), Life::ItsOwn).expect_err("it is there");
    assert!(failure.error.contains("File exists"), "{failure}");
    assert_eq!(fs::read_to_string(&pid_file).expect("read"), "1 1\n");
    assert!(!bench.agent_socket().exists());
    let failure = start(&bench.path("none"), Life::ItsOwn).expect_err("no folder");
    assert!(failure.error.contains("No such file"), "{failure}");
}
