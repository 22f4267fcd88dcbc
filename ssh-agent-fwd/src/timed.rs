//! A stream that nobody is waited for at longer than so long. The socket is told how long only where a call would
//! have to wait: what has come already, and what there is room for, costs one system call.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv, send};

/// The stream.
#[derive(Debug)]
pub struct Timed {
    stream: UnixStream,
    read: Wait,
    write: Wait,
}

/// How long one of its calls may wait.
#[derive(Debug)]
struct Wait {
    most: Duration,
    /// What the socket was told last.
    told: Option<Duration>,
}

impl Wait {
    const fn new(most: Duration) -> Self {
        Self { most, told: None }
    }

    fn is_told(&self) -> bool {
        self.told == Some(self.most)
    }
}

impl Timed {
    /// A stream at which each read(2) and write(2) waits for so long at most. None is zero.
    #[must_use]
    pub const fn new(stream: UnixStream, read: Duration, write: Duration) -> Self {
        Self { stream, read: Wait::new(read), write: Wait::new(write) }
    }

    /// From now on a read(2) waits for so long at most.
    pub const fn wait_to_read(&mut self, most: Duration) {
        self.read.most = most;
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.read.is_told() {
            match recv(self.stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).map_err(io::Error::from) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            self.stream.set_read_timeout(Some(self.read.most))?;
            self.read.told = Some(self.read.most);
        }
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.write.is_told() {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            match send(self.stream.as_raw_fd(), bytes, flags).map_err(io::Error::from) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            self.stream.set_write_timeout(Some(self.write.most))?;
            self.write.told = Some(self.write.most);
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(600);

    fn pair(read: Duration, write: Duration) -> (Timed, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        (Timed::new(ours, read, write), theirs)
    }

    #[test]
    fn what_is_there_is_read_and_what_has_room_is_written_without_a_word_to_the_socket() {
        let (mut timed, mut theirs) = pair(LONG, LONG);
        theirs.write_all(b"a").expect("written");
        assert_eq!(timed.read(&mut [0; 8]).expect("read"), 1);
        assert_eq!(timed.write(b"b").expect("written"), 1);
        assert_eq!(timed.stream.read_timeout().expect("a time"), None);
        assert_eq!(timed.stream.write_timeout().expect("a time"), None);
        theirs.read_exact(&mut [0]).expect("read");
        drop(theirs);
        assert_eq!(timed.read(&mut [0; 8]).expect("the end"), 0);
        assert_eq!(timed.write(b"b").expect_err("nobody is there").kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_read_ends_with_its_time_and_with_what_comes_before() {
        let (mut timed, mut theirs) = pair(LONG, LONG);
        timed.wait_to_read(SOON);
        assert_eq!(timed.read(&mut [0; 8]).expect_err("late").kind(), ErrorKind::WouldBlock);
        timed.wait_to_read(LONG);
        let writer = std::thread::spawn(move || theirs.write_all(b"ab").map(|()| theirs));
        assert_eq!(timed.read(&mut [0; 1]).expect("read"), 1);
        assert_eq!(timed.read(&mut [0; 8]).expect("read"), 1);
        writer.join().expect("joined").expect("written");
    }

    #[test]
    fn a_write_ends_with_its_time() {
        let (mut timed, _theirs) = pair(LONG, SOON);
        let error = timed.write_all(&vec![0; 16 << 20]).expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}
