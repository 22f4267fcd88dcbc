//! A program that is spoken with: it hears more once it has answered.

use std::ffi::OsString;
use std::io::{self, PipeWriter, Write};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::attended::{Attended, Excess, Turn};
use super::{Ran, spawn};

/// What waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What was waited for.
    It,
    /// The program ended before.
    Ended,
    /// The time was over before.
    Late,
}

impl Turn {
    /// Why there is no other one, if so.
    fn over(self) -> Option<Heard> {
        if self.ended { Some(Heard::Ended) } else { self.late.then_some(Heard::Late) }
    }
}

/// A running program whose standard input is open. It is killed with its process group when this is dropped.
#[derive(Debug)]
pub struct Dialogue {
    child: Attended,
    stdin: PipeWriter,
}

impl Dialogue {
    /// Starts it as [`super::run`] does; `output` bytes of each of its streams are kept.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(argv: &[OsString], env: &[(&str, &str)], output: usize) -> io::Result<Self> {
        let (reader, stdin) = io::pipe()?;
        // What it does not read does not hold us up.
        fcntl(&stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let (child, streams) = spawn(argv, env, reader.into(), Stdio::piped())?;
        Ok(Self { child: Attended::of(child, streams, output)?, stdin })
    }

    /// What it has written to standard output.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        self.child.stdout()
    }

    /// What it has written to standard error.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        self.child.stderr()
    }

    /// Waits until `enough` says that standard output holds what is waited for.
    ///
    /// # Errors
    /// Those of poll(2) and read(2).
    pub fn hear(&mut self, until: Instant, enough: impl Fn(&[u8]) -> bool) -> io::Result<Heard> {
        let mut over = None;
        loop {
            if enough(self.stdout()) {
                return Ok(Heard::It);
            }
            if let Some(over) = over {
                return Ok(over);
            }
            let turn = self.child.turn(until, None)?;
            if turn.ended {
                self.child.drain()?;
            }
            over = turn.over();
        }
    }

    /// Writes all of `bytes` to its standard input.
    ///
    /// # Errors
    /// Those of poll(2) and write(2): EPIPE when it reads no more.
    pub fn say(&mut self, mut bytes: &[u8], until: Instant) -> io::Result<Heard> {
        while !bytes.is_empty() {
            let turn = self.child.turn(until, Some(self.stdin.as_fd()))?;
            if let Some(over) = turn.over() {
                return Ok(over);
            }
            if turn.writable {
                bytes = &bytes[self.write(bytes)?..];
            }
        }
        Ok(Heard::It)
    }

    /// How many bytes it takes at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stdin.write(bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                Ok(0)
            }
            other => other,
        }
    }

    /// Closes its standard input and waits for its end, no longer than until then.
    ///
    /// # Errors
    /// Those of waiting and reading.
    pub fn end(self, until: Instant) -> io::Result<Ran> {
        drop(self.stdin);
        self.child.capture(until, Excess::Dropped).map(Ran::from)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags};

    use super::super::ready::ready;
    use super::*;

    fn shell(script: &str) -> Dialogue {
        let argv = ["/bin/sh", "-c", script].map(OsString::from);
        Dialogue::begin(&argv, &[("PATH", "/usr/bin:/bin")], 1 << 20).expect("it starts")
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn it_answers_before_it_hears_more() {
        let mut shell = shell("read -r a; echo \"<$a>\"; echo aside >&2; cat; exit 3");
        assert_eq!(shell.say(b"first\n", soon()).expect("said"), Heard::It);
        assert_eq!(shell.hear(soon(), |said| said.ends_with(b"<first>\n")).expect("heard"), Heard::It);
        assert_eq!(shell.say(b"second", soon()).expect("said"), Heard::It);
        let ran = shell.end(soon()).expect("it ends");
        assert_eq!((ran.status, &ran.stdout[..], ran.timed_out), (Some(3), &b"<first>\nsecond"[..], false));
        assert_eq!(ran.stderr, b"aside\n");
    }

    #[test]
    fn more_than_a_pipe_holds_is_said_while_it_answers() {
        let mut shell = shell("cat");
        let bytes = vec![b'x'; 300_000];
        assert_eq!(shell.say(&bytes, soon()).expect("said"), Heard::It);
        assert_eq!(shell.end(soon()).expect("it ends").stdout, bytes);
    }

    #[test]
    fn its_end_and_the_limit_are_told_apart() {
        assert_eq!(shell("exit 0").hear(soon(), |_| false).expect("heard"), Heard::Ended);
        let mut deaf = shell("echo here; exec sleep 1000");
        assert_eq!(deaf.hear(soon(), |said| said == b"here\n").expect("heard"), Heard::It);
        let late = Instant::now() + Duration::from_millis(200);
        assert_eq!(deaf.say(&vec![b'x'; 300_000], late).expect("said"), Heard::Late);
        assert_eq!(deaf.hear(late, |_| false).expect("heard"), Heard::Late);
    }

    #[test]
    fn the_last_word_before_its_end_is_heard() {
        let mut last = shell("head -c 60000 /dev/zero; echo word");
        // More than is read at a time waits in the pipe.
        let ended = PollFd::new(last.child.ended(), PollFlags::POLLIN);
        assert_eq!(ready([Some(ended)], soon()).expect("polled"), [true]);
        assert_eq!(last.hear(soon(), |said| said.ends_with(b"word\n")).expect("heard"), Heard::It);
    }

    #[test]
    fn one_that_is_dropped_is_gone() {
        let mut shell = shell("echo $$; exec sleep 1000");
        shell.hear(soon(), |said| said.ends_with(b"\n")).expect("heard");
        let pid = String::from_utf8_lossy(shell.stdout()).trim().to_owned();
        drop(shell);
        assert!(!std::path::Path::new("/proc").join(pid).exists());
    }
}
