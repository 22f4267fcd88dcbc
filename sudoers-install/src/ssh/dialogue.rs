//! A program that is spoken with: it hears more once it has answered.

use std::ffi::OsString;
use std::io::{self, PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use supervise::bounded::Ran;

use super::attended::{Attended, Heard};

/// A running program whose standard input is open. It is killed with its process group when this is dropped.
#[derive(Debug)]
pub struct Dialogue {
    child: Attended,
    stdin: PipeWriter,
}

impl Dialogue {
    /// Starts it as [`supervise::bounded::run`] does; `output` bytes of each of its streams are kept.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(argv: &[OsString], env: &[(&str, &str)], output: usize) -> io::Result<Self> {
        let (reader, stdin) = io::pipe()?;
        // What it does not read does not hold us up.
        fcntl(&stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let (program, arguments) = argv.split_first().ok_or(Errno::EINVAL)?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(env.iter().copied())
            .current_dir("/")
            .process_group(0)
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child: Attended::child(child, output)?, stdin })
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
    pub fn hear(&mut self, end: Instant, enough: impl Fn(&[u8]) -> bool) -> io::Result<Heard> {
        self.child.hear(end, enough)
    }

    /// Writes all of `bytes` to its standard input.
    ///
    /// # Errors
    /// Those of poll(2) and write(2): EPIPE when it reads no more.
    pub fn say(&mut self, mut bytes: &[u8], end: Instant) -> io::Result<Heard> {
        while !bytes.is_empty() {
            match self.child.await_room(end, self.stdin.as_fd())? {
                Heard::It => {}
                over => return Ok(over),
            }
            match self.stdin.write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Heard::It)
    }

    /// Closes its standard input and waits for its end, no longer than until `end`.
    ///
    /// # Errors
    /// Those of waiting and reading.
    pub fn end(self, end: Instant) -> io::Result<Ran> {
        drop(self.stdin);
        self.child.end(end)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        // What follows its last word is not waited for.
        let mut last = shell("echo word");
        assert_eq!(last.hear(soon(), |said| said == b"word\n").expect("heard"), Heard::It);
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
