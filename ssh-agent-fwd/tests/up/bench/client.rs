//! A client of the user's that keeps its connection, and what it asks (RFC 9987).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use nix::libc;

use super::PATIENCE;

/// SSH_AGENT_SIGN_RESPONSE.
pub const SIGN_RESPONSE: u8 = 14;

/// A connection.
pub struct Client(UnixStream);

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
        Self(stream)
    }

    /// The reply to a request.
    pub fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        string(&mut frame, request);
        self.0.write_all(&frame).expect("written");
        let mut length = [0; 4];
        self.0.read_exact(&mut length).expect("a reply");
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut reply).expect("all of it");
        reply
    }
}

/// This thread's ids, and no other's: the system call, not the function of the C library.
#[allow(unsafe_code)]
fn become_user(uid: u32) {
    // SAFETY: setresuid(2) takes numbers.
    let changed = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
    assert_eq!(changed, 0);
}

/// Appends a string of RFC 4251.
fn string(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
    buffer.extend_from_slice(bytes);
}

/// SSH_AGENTC_SIGN_REQUEST for what git signs (PROTOCOL.sshsig section 3).
pub fn git_signature(key: &[u8]) -> Vec<u8> {
    let mut data = b"SSHSIG".to_vec();
    for field in [&b"git"[..], b"", b"sha512", &[3; 64]] {
        string(&mut data, field);
    }
    let mut body = vec![13];
    string(&mut body, key);
    string(&mut body, &data);
    body.extend_from_slice(&[0; 4]);
    body
}
