//! Sending to a log's socket in bounded time.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// How long a daemon that takes nothing is waited for, in seconds.
const PATIENCE: i64 = 2;

/// A socket that is connected to the one at `path`; sending over it takes two seconds at most.
pub(super) fn connected(path: &Path, kind: SockType) -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, SendTimeout, &TimeVal::seconds(PATIENCE))?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(fd)
}

/// Sends all of `message`; a datagram socket sends it whole or not at all.
pub(super) fn send_all(fd: &OwnedFd, mut message: &[u8]) -> io::Result<()> {
    while !message.is_empty() {
        match send(fd.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => message = &message[sent..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Sends the first of several forms of a message, each shorter than the one before, that is not
/// too long for the socket (unix(7), EMSGSIZE).
pub(super) fn send_shortened(fd: &OwnedFd, forms: impl IntoIterator<Item = Vec<u8>>) -> io::Result<()> {
    let mut sent = Err(Errno::EMSGSIZE.into());
    for form in forms {
        sent = send_all(fd, &form);
        if !sent.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EMSGSIZE)) {
            break;
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn a_daemon_that_takes_nothing_is_not_waited_for_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let _daemon = UnixDatagram::bind(&path).expect("bound");
        let fd = connected(&path, SockType::Datagram).expect("connected");
        let error = (0..10_000).find_map(|_| send_all(&fd, b"x").err()).expect("the queue is bounded");
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    }

    #[test]
    fn what_is_too_long_is_sent_shorter() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).expect("bound");
        let fd = connected(&path, SockType::Datagram).expect("connected");
        let forms = [1 << 26, 1 << 25, 100, 10].map(|length| vec![b'x'; length]);
        send_shortened(&fd, forms).expect("sent");
        let mut buffer = [0; 1000];
        assert_eq!(daemon.recv(&mut buffer).expect("a datagram"), 100);
        assert!(send_shortened(&fd, [vec![b'x'; 1 << 26]]).is_err());
    }

    #[test]
    fn a_daemon_that_went_is_an_error_not_a_signal() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let daemon = UnixListener::bind(&path).expect("bound");
        let fd = connected(&path, SockType::Stream).expect("connected");
        drop(daemon);
        assert!(send_all(&fd, b"x").is_err());
    }
}
