//! A program, run by absolute path: limited in time and in output, and gone afterwards with all that it started.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout};
use supervise::{Credentials, Group, Inherited};

/// Most bytes of standard input: as many as a pipe takes at once (PIPE_BUF of pipe(7)).
pub const MAX_STDIN: usize = 4096;
/// Bytes that are read at a time.
const CHUNK: usize = 4096;

/// What to run and what it may use.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The absolute path and the arguments.
    pub argv: &'a [OsString],
    /// The whole environment.
    pub env: &'a [(&'a str, &'a str)],
    /// Standard input, at most [`MAX_STDIN`] bytes; it is at its end after them.
    pub stdin: &'a [u8],
    /// How long it may take; it is killed then, with its process group.
    pub limit: Duration,
    /// How many bytes of each of its output streams are kept; the rest is read and dropped.
    pub output: usize,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
}

impl Ran {
    /// Its own words: the first line that says something, of standard error before standard output,
    /// without control characters.
    #[must_use]
    pub fn words(&self) -> String {
        let texts = [&self.stderr, &self.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let line = texts.iter().flat_map(|text| text.lines()).map(str::trim).find(|line| !line.is_empty());
        match (line, self.timed_out, self.status) {
            (Some(line), ..) => diagnostics::one_line(line),
            (None, true, _) => "it did not end in time".to_owned(),
            (None, _, Some(status)) => format!("it ended with status {status} and without a word"),
            (None, _, None) => "a signal ended it".to_owned(),
        }
    }
}

/// Runs it in a process group of its own, in `/`. May be called from several threads.
///
/// # Errors
/// When it cannot be started or waited for, or when `stdin` is longer than [`MAX_STDIN`].
pub fn run(run: &Run<'_>) -> io::Result<Ran> {
    let (program, arguments) = run.argv.split_first().ok_or(Errno::EINVAL)?;
    let stdin = input(run.stdin)?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(run.env.iter().copied())
        .current_dir("/")
        .process_group(0)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().map(OwnedFd::from);
    let streams = [stdout, child.stderr.take().map(OwnedFd::from)].map(|stream| stream.map(PipeReader::from));
    attend(Pid::from_raw(child.id().cast_signed()), streams, run)
}

/// Runs it with a user's ids, in a session of its own without a terminal. To be called from the only
/// thread of the process.
///
/// # Errors
/// As for [`run`]. An id that cannot be taken up, or a program that cannot be run, ends the child with
/// status 125, and with a word on its standard error.
pub fn run_as(run: &Run<'_>, credentials: &Credentials) -> io::Result<Ran> {
    let null = std::fs::File::open("/dev/null")?;
    let (stdout, out) = io::pipe()?;
    let (stderr, err) = io::pipe()?;
    let environment = run.env.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let command = supervise::Command::new(run.argv.iter().cloned(), environment, OsString::new());
    let command = command.map_err(|_| Errno::EINVAL)?;
    let become_it = || -> io::Result<()> {
        dup2_stdin(&null)?;
        dup2_stdout(&out)?;
        dup2_stderr(&err)?;
        std::env::set_current_dir("/")?;
        Inherited::restore_with_empty_mask()?;
        credentials.assume().map_err(io::Error::other)?;
        Err(io::Error::other(command.exec()))
    };
    let child = supervise::fork(Group::OwnSession, || {
        let why = become_it().map_or_else(|error| error.to_string(), |()| String::new());
        let _ = writeln!(io::stderr(), "{why}");
        125
    })?;
    drop((out, err));
    attend(child.pid(), [Some(stdout), Some(stderr)], run)
}

/// Standard input that holds the bytes already, and nothing after them.
fn input(bytes: &[u8]) -> io::Result<Stdio> {
    if bytes.is_empty() {
        return Ok(Stdio::null());
    }
    if bytes.len() > MAX_STDIN {
        return Err(Errno::E2BIG.into());
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(bytes)?;
    Ok(reader.into())
}

/// Reads both streams until the child has ended or its time is over, kills what is left of its group,
/// and reaps it.
fn attend(pid: Pid, streams: [Option<PipeReader>; 2], run: &Run<'_>) -> io::Result<Ran> {
    let [stdout, stderr] = streams;
    let (ended, teller) = io::pipe()?;
    // A zombie keeps its pid and group from naming anything else, so it is not reaped there.
    let waiter = thread::Builder::new().spawn(move || {
        while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
        drop(teller);
    })?;
    let mut kept = [stdout, stderr].map(|stream| Kept { stream, bytes: Vec::new() });
    let read = gather(&mut kept, &ended, run);
    let _ = killpg(pid, Signal::SIGKILL);
    let _ = waiter.join();
    let status = reap(pid)?;
    let timed_out = !read?;
    // What it wrote before its end is in the pipes still; what it started may hold them open.
    for stream in &mut kept {
        stream.drain(run.output)?;
    }
    let [stdout, stderr] = kept.map(|stream| stream.bytes);
    Ok(Ran { status, stdout, stderr, timed_out })
}

fn reap(pid: Pid) -> io::Result<Option<i32>> {
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Some(status)),
            Ok(WaitStatus::Signaled(..)) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// One stream and what was kept of it; the stream is gone once it is at its end.
struct Kept {
    stream: Option<PipeReader>,
    bytes: Vec<u8>,
}

impl Kept {
    fn read(&mut self, most: usize) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut chunk = [0; CHUNK];
        let length = match stream.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        };
        let room = most.saturating_sub(self.bytes.len()).min(length);
        self.bytes.extend_from_slice(&chunk[..room]);
        if length == 0 {
            self.stream = None;
        }
        Ok(())
    }

    fn drain(&mut self, most: usize) -> io::Result<()> {
        while self.bytes.len() < most && readable(self.stream.as_ref())? {
            self.read(most)?;
        }
        Ok(())
    }
}

fn readable(stream: Option<&PipeReader>) -> io::Result<bool> {
    let Some(stream) = stream else { return Ok(false) };
    let mut wanted = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut wanted, PollTimeout::ZERO)? > 0)
}

/// Whether it ended in time.
fn gather(kept: &mut [Kept; 2], ended: &PipeReader, run: &Run<'_>) -> io::Result<bool> {
    let deadline = Instant::now() + run.limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let open: Vec<usize> = (0..kept.len()).filter(|index| kept[*index].stream.is_some()).collect();
        let fds = open.iter().filter_map(|index| kept[*index].stream.as_ref()).map(|stream| stream.as_fd());
        let mut wanted: Vec<PollFd<'_>> =
            fds.chain([ended.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut wanted, timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = wanted.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        for (index, _) in open.iter().zip(&ready).filter(|(_, ready)| **ready) {
            kept[*index].read(run.output)?;
        }
        if ready.last() == Some(&true) {
            return Ok(true);
        }
        // A stream that never rests does not hold the limit up.
        if left.is_zero() {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str, stdin: &[u8], limit: Duration, output: usize) -> io::Result<Ran> {
        let argv = ["/bin/sh", "-c", script].map(OsString::from);
        run(&Run { argv: &argv, env: &[("PATH", "/usr/bin:/bin")], stdin, limit, output })
    }

    fn ran(script: &str, stdin: &[u8]) -> Ran {
        shell(script, stdin, LIMIT, 100).expect("it runs")
    }

    #[test]
    fn both_streams_and_the_status_are_told() {
        let ran = ran("cat; echo bad >&2; exit 7", b"good");
        assert_eq!((ran.status, ran.timed_out), (Some(7), false));
        assert_eq!((&ran.stdout[..], &ran.stderr[..]), (&b"good"[..], &b"bad\n"[..]));
    }

    #[test]
    fn the_environment_is_what_was_given_and_stdin_ends() {
        let ran = ran("cat; echo \"$PATH ${HOME-unset} $(pwd)\"", b"");
        assert_eq!(ran.stdout, b"/usr/bin:/bin unset /\n");
    }

    #[test]
    fn too_much_output_is_dropped_and_does_not_hold_it_up() {
        let ran = ran("head -c 1000000 /dev/zero; echo end >&2", b"");
        assert_eq!((ran.status, ran.stdout.len(), &ran.stderr[..]), (Some(0), 100, &b"end\n"[..]));
    }

    #[test]
    fn a_slow_one_is_killed() {
        let script = "echo $$; sleep 1000 & wait";
        let ran = shell(script, b"", Duration::from_millis(300), 100).expect("it runs");
        assert_eq!((ran.status, ran.timed_out), (None, true));
        assert!(!ran.stdout.is_empty());
        let endless = shell("while :; do echo xxxxxxxx; done", b"", Duration::from_millis(50), 10);
        assert!(endless.expect("it runs").timed_out);
    }

    #[test]
    fn what_it_started_and_left_behind_does_not_hold_it_up() {
        let ran = ran("sleep 1000 & echo done", b"");
        assert_eq!((ran.status, &ran.stdout[..]), (Some(0), &b"done\n"[..]));
    }

    #[test]
    fn a_missing_program_and_too_long_an_input_are_errors() {
        let argv = ["/no/such/program".into()];
        let missing = Run { argv: &argv, env: &[], stdin: b"", limit: LIMIT, output: 1 };
        assert_eq!(run(&missing).expect_err("missing").kind(), io::ErrorKind::NotFound);
        assert!(shell("cat", &[b'x'; MAX_STDIN + 1], LIMIT, 1).is_err());
        assert_eq!(shell("wc -c", &[b'x'; MAX_STDIN], LIMIT, 9).expect("it runs").stdout, b"4096\n");
    }

    #[test]
    fn its_words_are_one_line() {
        let words = |script| ran(script, b"").words();
        assert_eq!(words("echo out; printf '\\n a\\033[1mb \\nc' >&2"), "a\\u{1b}[1mb");
        assert_eq!(words("echo out"), "out");
        assert_eq!(words("exit 3"), "it ended with status 3 and without a word");
        assert_eq!(words("kill -9 $$"), "a signal ended it");
    }
}
