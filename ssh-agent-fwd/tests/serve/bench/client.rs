//! Clients of other users.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, frame};

/// A connection.
pub struct Client {
    pub stream: UnixStream,
}

impl Client {
    /// The kernel keeps the ids that the thread has when it connects (unix(7), SO_PEERCRED).
    pub fn connect(socket: &Path, uid: u32) -> Self {
        let socket = socket.to_owned();
        let connected = thread::spawn(move || {
            become_user(uid);
            UnixStream::connect(socket).expect("connected")
        });
        let stream = connected.join().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        Self { stream }
    }

    /// The reply to a request.
    pub fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(&frame(request)).expect("written");
        read(&mut self.stream).expect("a reply")
    }
}

/// The next message; `None` when the connection is closed.
pub fn read(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            return None;
        }
        other => other.expect("a message"),
    }
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).expect("all of it");
    Some(body)
}

/// This thread's ids, and no other's: the system call, not the function of the C library.
#[allow(unsafe_code)]
fn become_user(uid: u32) {
    // SAFETY: setresgid(2) and setresuid(2) take numbers, and keep what is -1.
    let gid = unsafe { libc::syscall(libc::SYS_setresgid, uid, uid, uid) };
    assert_eq!(gid, 0);
    // SAFETY: as above.
    let uid = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
    assert_eq!(uid, 0);
}

/// A program with this agent.
pub struct Child(Command);

impl Child {
    pub fn of(program: &str, words: &[&str], uid: u32, agent: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(words).env("SSH_AUTH_SOCK", agent).uid(uid).gid(uid);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    /// Where it runs, and what more it finds in its environment; nothing of root's home.
    pub fn surroundings(&mut self, folder: &Path, environment: &[(&str, &str)]) {
        self.0.current_dir(folder).env("HOME", folder).envs(environment.iter().copied());
    }

    /// What it prints, when it has read this.
    pub fn run(mut self, input: &str) -> String {
        let mut child = self.0.spawn().expect("started");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
        let output = bounded(child);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("words")
    }

    /// What comes of it, whatever that is.
    pub fn output(mut self) -> Output {
        bounded(self.0.stdin(Stdio::null()).spawn().expect("started"))
    }
}

/// What comes of a child, which is killed when it does not end.
pub fn bounded(child: std::process::Child) -> Output {
    let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
    let (sender, output) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match output.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("ended"),
        Err(_) => {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("a child does not end");
        }
    }
}
