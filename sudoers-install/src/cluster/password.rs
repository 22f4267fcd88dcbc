//! The one password: asked for or read once, kept from core dumps, and gone when it is no longer needed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use zeroize::Zeroizing;

use crate::quoted::without;
use diagnostics::Failure;

use super::terminal::with_settings_kept;

/// Longest password that sudo takes (SUDO_CONV_REPL_MAX in sudo_plugin.h).
const MAX_PASSWORD: usize = 1023;
/// How long a line on `--password-fd` is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// A password, with the newline that ends it. Not printable, and overwritten when it is dropped.
pub struct Password(Zeroizing<Vec<u8>>);

/// Where it comes from; opened before anything is done, so that a bad number is told at once.
pub enum Origin {
    /// The terminal.
    Terminal,
    /// The first line of this.
    Descriptor(File),
}

impl Origin {
    /// `--password-fd`, if given.
    ///
    /// # Errors
    /// When it is not open for reading.
    pub fn of(descriptor: Option<i32>) -> Result<Self, Failure> {
        let Some(number) = descriptor else { return Ok(Self::Terminal) };
        let failed = |error: io::Error| {
            Failure::new("password-fd", format!("--password-fd {number} cannot be read: {error}"))
        };
        let file = supervise::handed_down(number).map_err(failed)?;
        let flags = fcntl(&file, FcntlArg::F_GETFL).map_err(|errno| failed(errno.into()))?;
        if flags & OFlag::O_ACCMODE.bits() == OFlag::O_WRONLY.bits() {
            return Err(failed(Errno::EBADF.into()));
        }
        Ok(Self::Descriptor(file.into()))
    }

    /// Asks for it, or reads it.
    ///
    /// # Errors
    /// When there is none, or it is empty.
    pub fn password(self, hosts: usize) -> Result<Password, Failure> {
        let line = match self {
            Self::Terminal => ask(hosts)?,
            Self::Descriptor(file) => read_line(&file, PATIENCE)?,
        };
        Password::of(line)
    }
}

impl Password {
    pub(super) fn of(mut line: Zeroizing<Vec<u8>>) -> Result<Self, Failure> {
        if line.is_empty() {
            return Err(Failure::new("empty-password", "the password is empty: nothing was installed"));
        }
        // What follows a line would be tried as a second password; sudo's own buffer ends at a NUL.
        if line.len() > MAX_PASSWORD || line.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(Failure::new(
                "bad-password",
                format!("a password is one line of at most {MAX_PASSWORD} bytes: nothing was installed"),
            ));
        }
        line.push(b'\n');
        Ok(Self(line))
    }

    /// All that sudo gets on its standard input.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.0
    }

    /// What a host says that has got it, without it: [`without`].
    pub fn take_out_of(&self, said: &mut String) {
        let text = Zeroizing::new(std::mem::take(said));
        *said = String::from_utf8_lossy(&without(text.as_bytes(), self.line())).into_owned();
    }
}

/// Neither this process nor what it starts leaves a core file, and no other process of the user's may look into
/// this one (ptrace(2), prctl(2) PR_SET_DUMPABLE). To be called before an ssh is started that a password may go
/// through: it has its limits from us.
///
/// # Errors
/// Those of setrlimit(2) and prctl(2).
pub fn keep_from_dumps() -> Result<(), Failure> {
    let set = setrlimit(Resource::RLIMIT_CORE, 0, 0).and_then(|()| prctl::set_dumpable(false));
    set.map_err(|errno| Failure::new("memory", format!("core dumps cannot be turned off: {errno}")))
}

fn ask(hosts: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let plural = if hosts == 1 { "" } else { "s" };
    let prompt = format!("sudo password for {hosts} host{plural}: ");
    // It sends itself SIGINT for the key while the terminal still shows nothing (rpassword 7.5).
    let asked = with_settings_kept(|| rpassword::prompt_password(prompt)).flatten();
    asked.map(|text| Zeroizing::new(text.into_bytes())).map_err(|error| {
        Failure::new(
            "no-terminal",
            format!("the password cannot be asked for at /dev/tty ({error}): use --password-fd"),
        )
    })
}

/// One line, without its end.
fn read_line(mut file: &File, patience: Duration) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: io::Error| Failure::new("password-fd", format!("--password-fd: {error}"));
    let end = Instant::now() + patience;
    // Room from the start: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD + 2));
    while line.len() <= MAX_PASSWORD {
        await_input(file, end).map_err(failed)?;
        let mut byte = Zeroizing::new([0]);
        // Byte by byte, so that what follows the line is not taken from others who read there.
        match file.read(&mut *byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(line)
}

fn await_input(file: &File, end: Instant) -> io::Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::TimedOut, "no line came")),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write, pipe};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Password, Failure> {
        let (reader, mut writer) = pipe().expect("a pipe");
        writer.write_all(bytes).expect("written");
        drop(writer);
        let line = read_line(&File::from(OwnedFd::from(reader)), Duration::from_secs(60))?;
        Password::of(line)
    }

    fn code(bytes: &[u8]) -> &'static str {
        read(bytes).map(|_| ()).expect_err("refused").code
    }

    #[test]
    fn one_line_is_the_password() {
        for bytes in [b"secret\n".as_slice(), b"secret", b"secret\nand more\n"] {
            assert_eq!(read(bytes).expect("read").line(), b"secret\n");
        }
        assert_eq!(read(b" with space \xff\n").expect("read").line(), b" with space \xff\n");
        let long = [b'x'; MAX_PASSWORD];
        assert_eq!(read(&long).expect("read").line().len(), MAX_PASSWORD + 1);
    }

    #[test]
    fn what_sudo_would_read_otherwise_is_refused() {
        assert_eq!(code(b""), "empty-password");
        assert_eq!(code(b"\n"), "empty-password");
        assert_eq!(code(b"\nsecret\n"), "empty-password");
        assert_eq!(code(b"sec\0ret\n"), "bad-password");
        assert_eq!(code(b"secret\r\n"), "bad-password");
        assert_eq!(code(&[b'x'; MAX_PASSWORD + 1]), "bad-password");
        assert_eq!(code(&[b'x'; 8 * MAX_PASSWORD]), "bad-password");
    }

    #[test]
    fn what_follows_the_line_is_left_there() {
        let (reader, mut writer) = pipe().expect("a pipe");
        writer.write_all(b"secret\nrest").expect("written");
        drop(writer);
        let mut file = File::from(OwnedFd::from(reader));
        assert_eq!(*read_line(&file, Duration::from_secs(60)).expect("read"), b"secret");
        let mut rest = String::new();
        file.read_to_string(&mut rest).expect("read");
        assert_eq!(rest, "rest");
    }

    #[test]
    fn a_line_that_does_not_come_is_not_waited_for_for_ever() {
        let (reader, _writer) = pipe().expect("a pipe");
        let file = File::from(OwnedFd::from(reader));
        let error = read_line(&file, Duration::ZERO).expect_err("nothing there").to_string();
        assert!(error.contains("no line came"), "{error}");
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_told_at_once() {
        assert!(matches!(Origin::of(None), Ok(Origin::Terminal)));
        assert_eq!(Origin::of(Some(99_999)).err().expect("refused").code, "password-fd");
        assert_eq!(Origin::of(Some(-1)).err().expect("refused").code, "password-fd");
        let (reader, writer) = pipe().expect("a pipe");
        assert!(matches!(Origin::of(Some(reader.as_raw_fd())), Ok(Origin::Descriptor(_))));
        assert_eq!(Origin::of(Some(writer.as_raw_fd())).err().expect("not to be read").code, "password-fd");
    }

    #[test]
    fn a_socket_will_do_and_a_file_is_read_on_where_the_caller_was() {
        let (here, mut there) = UnixStream::pair().expect("sockets");
        there.write_all(b"secret\n").expect("written");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"a title\nsecret\n").expect("written");
        file.seek(SeekFrom::Start(8)).expect("at the second line");
        for number in [here.as_raw_fd(), file.as_raw_fd()] {
            let Ok(Origin::Descriptor(file)) = Origin::of(Some(number)) else { panic!("{number}") };
            assert_eq!(*read_line(&file, Duration::from_secs(60)).expect("read"), b"secret");
        }
    }
}
