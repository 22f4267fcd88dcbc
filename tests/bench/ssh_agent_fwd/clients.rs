//! The clients: a process of their own, for the kernel tells the forwarder whose they are.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::messages::LIST;

/// Longest reply, in bytes.
const MAX_REPLY: usize = 4096;

/// What they do, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Each signs on its one connection.
    Sign,
    /// Each makes a connection for every signature.
    ConnectAndSign,
    /// Each makes a connection for every list.
    ConnectAndList,
}

impl Work {
    const ALL: [Self; 3] = [Self::Sign, Self::ConnectAndSign, Self::ConnectAndList];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::ConnectAndSign => "connect-sign",
            Self::ConnectAndList => "connect-list",
        }
    }
}

/// `bench agent-clients SOCKET REQUEST CLIENTS SECONDS sign|connect-sign|connect-list`: prints how often in a second.
/// `bench agent-clients SOCKET REQUEST CLIENTS SECONDS hold`: holds connections open until its input ends.
pub fn run([socket, request, clients, seconds, word]: [&str; 5]) -> io::Result<()> {
    let (socket, sign) = (Path::new(socket), fs::read(request)?);
    let clients: usize = clients.parse().map_err(io::Error::other)?;
    let span = Duration::from_secs_f64(seconds.parse().map_err(io::Error::other)?);
    let mut stdout = io::stdout();
    match Work::ALL.into_iter().find(|work| work.word() == word) {
        Some(work) => writeln!(stdout, "{}", work_for(span, work, clients, socket, &sign)?),
        None => {
            let held = (0..clients).map(|_| hold(socket, &sign)).collect::<io::Result<Vec<_>>>()?;
            writeln!(stdout, "{}", held.len())?;
            io::stdin().read(&mut [0]).map(drop)
        }
    }
}

/// A connection that was used.
fn hold(socket: &Path, sign: &[u8]) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    ask(&mut stream, &LIST)?;
    ask(&mut stream, sign)?;
    Ok(stream)
}

fn work_for(span: Duration, work: Work, clients: usize, socket: &Path, sign: &[u8]) -> io::Result<f64> {
    let start = Barrier::new(clients);
    let counts: io::Result<Vec<u32>> = thread::scope(|scope| {
        let spawned: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    count_for(span, work, socket, sign)
                })
            })
            .collect();
        let joined = spawned.into_iter().map(|client| client.join());
        joined.map(|count| count.unwrap_or_else(|_| Err(io::Error::other("a client panicked")))).collect()
    });
    let count: u32 = counts?.into_iter().sum();
    Ok(f64::from(count) / span.as_secs_f64())
}

fn count_for(span: Duration, work: Work, socket: &Path, sign: &[u8]) -> io::Result<u32> {
    let connect = || UnixStream::connect(socket);
    let mut open = if work == Work::Sign { Some(connect()?) } else { None };
    let (until, mut count) = (Instant::now() + span, 0);
    while Instant::now() < until {
        match (&mut open, work) {
            (Some(open), _) => ask(open, sign)?,
            (None, Work::ConnectAndList) => ask(&mut connect()?, &LIST)?,
            (None, _) => ask(&mut connect()?, sign)?,
        }
        count += 1;
    }
    Ok(count)
}

/// A reply that is what was asked for.
fn ask(stream: &mut UnixStream, request: &[u8]) -> io::Result<()> {
    stream.write_all(request)?;
    let (mut length, mut reply) = ([0; 4], [0; MAX_REPLY]);
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    let reply = reply.get_mut(..length).ok_or_else(|| io::Error::other("a reply that is too long"))?;
    stream.read_exact(reply)?;
    // The type of the answer is one above that of the request (RFC 9987 section 8.1).
    match reply.first() {
        Some(kind) if Some(*kind) == request.get(4).map(|asked| asked + 1) => Ok(()),
        kind => Err(io::Error::other(format!("a reply of type {kind:?}"))),
    }
}
