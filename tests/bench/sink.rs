//! What the standard output of a measured program is.

use std::env;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;

/// The kinds that matter to copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A pipe with a reader, as SSM and shells give it.
    Pipe,
    /// /dev/null.
    Null,
    /// A file that is appended to, as make gives it.
    Append,
    /// A socket, as Node gives it.
    Socket,
    /// A terminal.
    Terminal,
}

/// An open output.
pub struct Sink {
    /// To be the standard output of the measured program.
    pub output: Stdio,
    /// Reads what comes out, to the end.
    pub consumer: Option<Child>,
}

impl Kind {
    /// Opens it; a file is made at `path`.
    pub fn open(self, path: &Path) -> io::Result<Sink> {
        match self {
            Self::Null => Ok(Sink { output: Stdio::null(), consumer: None }),
            Self::Append => {
                let file = OpenOptions::new().append(true).create(true).open(path)?;
                Ok(Sink { output: file.into(), consumer: None })
            }
            Self::Pipe => {
                let (reader, writer) = io::pipe()?;
                Sink::read(reader.into(), writer.into())
            }
            Self::Socket => {
                let (reader, writer) = UnixStream::pair()?;
                Sink::read(reader.into(), writer.into())
            }
            Self::Terminal => {
                let pair = openpty(None, None)?;
                for end in [&pair.master, &pair.slave] {
                    // A copy in any other process would keep the terminal open.
                    fcntl(end.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
                }
                Sink::read(pair.master, pair.slave)
            }
        }
    }
}

impl Sink {
    fn read(reader: OwnedFd, writer: OwnedFd) -> io::Result<Self> {
        let consumer =
            Command::new(env::current_exe()?).arg("consume").stdin(reader).stdout(Stdio::null()).spawn()?;
        Ok(Self { output: writer.into(), consumer: Some(consumer) })
    }
}
