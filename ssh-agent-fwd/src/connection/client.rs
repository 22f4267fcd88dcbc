//! The client's end: messages with a time for each.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::policy::Limits;
use crate::timed::Timed;
use crate::wire::frame::{FrameError, read_frame, write_frame};

/// What is read ahead of a request, in bytes: more than a login has. A longer request is read past it.
const BUFFER: usize = 1024;

/// The client.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<Until>,
    limits: Limits,
}

/// A stream that is read until a moment and no longer, however slowly bytes come.
#[derive(Debug)]
struct Until {
    stream: Timed,
    /// The whole wait, until something of it has passed: that for the next request is the same every time.
    span: Option<Duration>,
    moment: Instant,
}

impl Client {
    /// This one. A client that does not read is waited for as long as one that does not write, at every write(2).
    #[must_use]
    pub fn new(stream: UnixStream, limits: Limits) -> Self {
        let stream = Timed::new(stream, limits.idle, limits.stall);
        let reader = BufReader::with_capacity(BUFFER, Until { stream, span: None, moment: Instant::now() });
        Self { reader, limits }
    }

    /// The next message; `false` when there is none any more. It may be long in coming, but not long in the coming.
    ///
    /// # Errors
    /// As for [`read_frame`].
    pub fn read(&mut self, body: &mut Vec<u8>) -> Result<bool, FrameError> {
        if self.reader.buffer().is_empty() {
            self.wait_at_most(self.limits.idle);
            if self.fill().map_err(FrameError::Io)? == 0 {
                return Ok(false);
            }
        }
        self.wait_at_most(self.limits.stall);
        read_frame(&mut self.reader, body)
    }

    /// Answers. A client that has closed its other half still gets it.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn write(&mut self, body: &[u8]) -> io::Result<()> {
        write_frame(&mut self.reader.get_mut().stream, body)
    }

    fn wait_at_most(&mut self, span: Duration) {
        let until = self.reader.get_mut();
        (until.span, until.moment) = (Some(span), Instant::now() + span);
    }

    fn fill(&mut self) -> io::Result<usize> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(<[u8]>::len),
            }
        }
    }
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = || self.moment.saturating_duration_since(Instant::now());
        let left = self.span.take().unwrap_or_else(left);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.wait_to_read(left);
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn limits(idle_ms: u64, stall_ms: u64) -> Limits {
        let (idle, stall) = (Duration::from_millis(idle_ms), Duration::from_millis(stall_ms));
        Limits { idle, stall, ..Limits::default() }
    }

    fn client(limits: Limits) -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        (Client::new(ours, limits), theirs)
    }

    fn is_late(read: &Result<bool, FrameError>) -> bool {
        use io::ErrorKind::{TimedOut, WouldBlock};
        matches!(read, Err(FrameError::Io(error)) if matches!(error.kind(), TimedOut | WouldBlock))
    }

    #[test]
    fn messages_come_one_by_one_and_the_last_ones_after_the_end_of_writing() {
        let (mut client, mut theirs) = client(limits(60_000, 60_000));
        theirs.write_all(b"\0\0\0\x01\x0b\0\0\0\x02\x1b\x01").expect("written");
        theirs.shutdown(std::net::Shutdown::Write).expect("shut");
        let mut body = Vec::new();
        for expected in [&b"\x0b"[..], b"\x1b\x01"] {
            assert!(client.read(&mut body).expect("a message"));
            assert_eq!(body, expected);
            client.write(&body).expect("answered");
        }
        assert!(!client.read(&mut body).expect("the end"));
    }

    #[test]
    fn who_says_nothing_is_waited_for_as_long_as_one_may_rest() {
        let (mut client, _theirs) = client(limits(20, 60_000));
        assert!(is_late(&client.read(&mut Vec::new())));
    }

    #[test]
    fn a_message_that_has_begun_must_end_however_its_bytes_trickle() {
        let (mut client, mut theirs) = client(limits(60_000, 50));
        theirs.write_all(b"\0\0\x01\0").expect("written");
        let trickle = std::thread::spawn(move || {
            while theirs.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        assert!(is_late(&client.read(&mut Vec::new())));
        drop(client);
        trickle.join().expect("ended with the connection");
    }

    #[test]
    fn who_does_not_read_does_not_hold_a_thread() {
        let (mut client, _theirs) = client(limits(60_000, 20));
        let reply = vec![0; 128 * 1024];
        let refused = (0..100).find_map(|_| client.write(&reply).err());
        assert!(refused.is_some(), "the buffers of the kernel are full");
    }
}
