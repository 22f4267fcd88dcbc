//! A client of another user's, which keeps its connection, and what it asks.

mod requests;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::libc;

pub use requests::{FAILURE, LIST, SIGN_RESPONSE, bind, frame, login, login_in, sign, sshsig, string};

/// Longest wait for what must come, far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

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
