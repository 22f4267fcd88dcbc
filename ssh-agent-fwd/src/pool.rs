//! Threads that accept in a loop, as many as there are clients and a few that wait, up to a bound.

mod seats;

use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

use crate::connection;
use crate::peer::{Peer, Process};
use crate::record::{Kernel, Record};
use crate::shared::Shared;

use seats::{Full, Seats};

/// The stack of a thread, in bytes: nothing recurses, and what is long is on the heap.
const STACK: usize = 256 * 1024;
/// Most threads that wait for a client at once; more of them end.
const SPARE: usize = 4;
/// After accept(2) has failed for want of descriptors or memory, until it is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The threads and their clients.
#[derive(Debug)]
pub struct Pool {
    listener: UnixListener,
    shared: Arc<Shared>,
    seats: Mutex<Seats>,
    /// Threads, and those of them that wait in accept(2).
    threads: AtomicUsize,
    waiting: AtomicUsize,
    connections: AtomicU64,
    /// Every thread holds it, through the pool: it is closed when the last of them has ended.
    _serves: PipeWriter,
}

/// The threads, as whoever started them has them. Its descriptor hangs up when all of them have ended.
#[derive(Debug)]
pub struct Serving {
    listener: UnixListener,
    ended: PipeReader,
}

impl Serving {
    /// Lets in those who have connected by now and nobody after them; a thread that has no client any more ends.
    ///
    /// # Errors
    /// Those of shutdown(2).
    pub fn close(&self) -> io::Result<()> {
        // connect(2) is refused from now on, and accept(2) gives what waits before it says EINVAL (af_unix.c).
        shutdown(self.listener.as_raw_fd(), Shutdown::Read).map_err(io::Error::from)
    }
}

impl AsFd for Serving {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }
}

impl Pool {
    /// Begins to serve whoever connects.
    ///
    /// # Errors
    /// When there can be no thread, or no descriptor.
    pub fn start(listener: UnixListener, shared: Arc<Shared>) -> io::Result<Serving> {
        let (ended, serves) = io::pipe()?;
        let serving = Serving { listener: listener.try_clone()?, ended };
        let pool = Arc::new(Self {
            listener,
            shared,
            seats: Mutex::default(),
            threads: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            _serves: serves,
        });
        pool.spawn()?;
        Ok(serving)
    }

    /// One thread more, unless every connection that there may be has one, and a few the rest, which is refused.
    fn spawn(self: &Arc<Self>) -> io::Result<()> {
        let most = self.shared.policy().limits.connections as usize + SPARE;
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.threads.fetch_add(1, Ordering::SeqCst) >= most {
            self.forget();
            return Ok(());
        }
        let pool = Arc::clone(self);
        let builder = thread::Builder::new().name("client".to_owned()).stack_size(STACK);
        let spawned = builder.spawn(move || pool.run());
        if spawned.is_err() {
            self.forget();
        }
        spawned.map(drop)
    }

    /// A thread that waits ends, or has never begun.
    fn forget(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.threads.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counted as waiting when it begins and, every time, when it accepts.
    fn run(self: &Arc<Self>) {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                // Nobody is let in any more: see Serving::close.
                Err(error) if error.kind() == ErrorKind::InvalidInput => return self.forget(),
                Err(error) => {
                    if !matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) {
                        thread::sleep(PAUSE);
                    }
                    continue;
                }
            };
            // The last one that waited sees to another before it is busy. Where there can be none, clients wait until
            // a thread is free.
            if self.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
                let _ = self.spawn();
            }
            self.receive(stream);
            if self.waiting.fetch_add(1, Ordering::SeqCst) >= SPARE {
                return self.forget();
            }
        }
    }

    fn receive(&self, stream: UnixStream) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        // Who cannot be named is not served, and there is nobody to record.
        let Ok(peer) = Peer::of(&stream) else { return };
        let policy = self.shared.policy();
        if !policy.admits(peer.uid, &peer.groups) {
            return self.refuse(&stream, number, &peer, "not-admitted");
        }
        let taken = self.seats().take(peer.uid, &policy.limits);
        match taken {
            Ok(()) => {
                connection::serve(stream, number, &peer, &self.shared, || self.seats().leave(peer.uid));
            }
            Err(Full::Everybody) => self.refuse(&stream, number, &peer, "too-many-connections"),
            Err(Full::User) => self.refuse(&stream, number, &peer, "too-many-connections-of-user"),
        }
    }

    /// The connection is closed without a word, and the agent never knows of it.
    fn refuse(&self, stream: &UnixStream, connection: u64, peer: &Peer, reason: &'static str) {
        let Some(place) = self.shared.recorder.share(peer.uid, reason) else { return };
        let kernel = Kernel::of(peer, Process::of(stream, peer.pid).facts());
        // There is no reply to hold back: a line that cannot be written is counted.
        let _ = place.record(&Record::Refused { connection, kernel, reason });
    }

    fn seats(&self) -> std::sync::MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
