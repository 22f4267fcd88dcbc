//! The agent's end: one connection to it for every connection of a client, because the agent remembers session-binds by
//! connection (ssh-agent.c, process_ext_session_bind).

use std::fmt;
use std::io::{self, BufReader, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt};
use nix::sys::time::TimeVal;

use crate::timed::Timed;
use crate::wire::frame::{FrameError, read_frame, write_frame};

/// How long the agent is waited for: longer than it takes a person to confirm a signature (ssh-add -c).
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is waited for by root's own questions, which nobody has to confirm.
const OWN_PATIENCE: Duration = Duration::from_secs(5);

/// What is read ahead of a reply, in bytes: more than a signature has. A longer reply is read past it.
const BUFFER: usize = 1024;

/// The agent, for one client.
#[derive(Debug)]
pub enum Upstream {
    /// Nothing was asked of it yet; it does not know of the client.
    Unasked,
    /// The connection.
    Open(BufReader<Timed>),
    /// It failed. Another connection would know nothing of this one's session-binds: there is none.
    Gone,
}

/// Why the agent does not answer.
#[derive(Debug)]
pub enum NoReply {
    /// It cannot be reached.
    Unreachable(io::Error),
    /// It does not take the request.
    Request(io::Error),
    /// Its reply does not come.
    Reply(FrameError),
    /// It has ended the connection.
    Closed,
    /// It failed before, on this connection.
    Gone,
}

impl NoReply {
    /// Whether somebody was there, and has closed the connection unanswered. Which call sees it first is a race.
    #[must_use]
    pub fn is_turned_away(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Request(error) | Self::Reply(FrameError::Io(error)) => {
                matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
            }
            Self::Unreachable(_) | Self::Reply(_) | Self::Gone => false,
        }
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "the agent cannot be reached: {error}"),
            Self::Request(error) => write!(f, "the agent does not take the request: {error}"),
            Self::Reply(error) => write!(f, "the agent's reply does not come: {error}"),
            Self::Closed => f.write_str("the agent has closed the connection instead of a reply"),
            Self::Gone => f.write_str("the agent failed before on this connection: open another one"),
        }
    }
}

impl std::error::Error for NoReply {}

impl Upstream {
    /// Sends the request as it is, and reads the reply into `reply`.
    ///
    /// # Errors
    /// See [`NoReply`]; after any of them the connection is of no use any more.
    pub fn ask(&mut self, agent: &Path, request: &[u8], reply: &mut Vec<u8>) -> Result<(), NoReply> {
        self.ask_and(agent, request, reply, || ())
    }

    /// The same, and does something else while the agent works.
    ///
    /// # Errors
    /// As for [`Self::ask`].
    pub fn ask_and(
        &mut self,
        agent: &Path,
        request: &[u8],
        reply: &mut Vec<u8>,
        meanwhile: impl FnOnce(),
    ) -> Result<(), NoReply> {
        let asked = self.send(agent, request).and_then(|stream| {
            meanwhile();
            receive(stream, reply)
        });
        if asked.is_err() {
            *self = Self::Gone;
        }
        asked
    }

    fn send(&mut self, agent: &Path, request: &[u8]) -> Result<&mut BufReader<Timed>, NoReply> {
        if let Self::Unasked = self {
            let stream = open(agent, PATIENCE).map_err(NoReply::Unreachable)?;
            *self = Self::Open(BufReader::with_capacity(BUFFER, stream));
        }
        let Self::Open(stream) = self else { return Err(NoReply::Gone) };
        write_frame(stream.get_mut(), request).map_err(NoReply::Request)?;
        Ok(stream)
    }
}

/// One question of this program's own, on a connection of its own: the reply to it.
///
/// # Errors
/// See [`NoReply`]; of an agent that says nothing within 5 s as well.
pub fn ask_once(agent: &Path, request: &[u8]) -> Result<Vec<u8>, NoReply> {
    let mut stream = open(agent, OWN_PATIENCE).map_err(NoReply::Unreachable)?;
    write_frame(&mut stream, request).map_err(NoReply::Request)?;
    let mut reply = Vec::new();
    receive(&mut BufReader::new(stream), &mut reply)?;
    Ok(reply)
}

fn receive(stream: &mut BufReader<Timed>, reply: &mut Vec<u8>) -> Result<(), NoReply> {
    match read_frame(stream, reply) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NoReply::Closed),
        Err(error) => Err(NoReply::Reply(error)),
    }
}

/// Connects; connect(2), too, waits no longer than SO_SNDTIMEO (socket(7)).
fn open(agent: &Path, patience: Duration) -> io::Result<Timed> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let seconds = TimeVal::new(patience.as_secs().try_into().unwrap_or(i64::MAX), 0);
    setsockopt(&socket, sockopt::SendTimeout, &seconds)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(agent)?)?;
    Ok(Timed::new(UnixStream::from(socket), patience, patience))
}
