//! Lines that wait for the thread that writes them. Those that were paid for with a token have room of their own,
//! which is theirs before there is a line; all others have their users' shares.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::lost::{TOLD_EVERY, tell};
use super::output::{Output, Weight};
use super::shares::{LostOf, Owner, Shares};
use crate::sys;

/// Most lines that wait of those that have room of their own.
const QUEUE: usize = 1024;
/// How long room is waited for: longer than the thread waits for a reader that stalls.
const ROOM_PATIENCE: Duration = Duration::from_secs(3);
/// How long the end of the process waits for what is still to be written.
pub(crate) const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// Lines for which memory is kept when none waits.
const KEPT: usize = 16;
/// Without a line for so long, the memory that the busy time before took is given back.
const REST: Duration = Duration::from_millis(100);
/// The stack of the thread, in bytes: it only writes.
const STACK: usize = 64 * 1024;

/// Lines that wait, and who writes them.
#[derive(Debug)]
pub struct Queue {
    waiting: Arc<Waiting>,
    /// Closed by the thread when it has written everything.
    written: Mutex<Receiver<()>>,
}

#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<State>,
    is_work: Condvar,
    is_room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    /// Their texts, one after the other: a heap in which every line had its own piece would be full of holes.
    texts: VecDeque<u8>,
    /// Lines that have room of their own, those that are still to come among them.
    paid: usize,
    shares: Shares,
    /// The thread sleeps: only then is it worth a system call to wake it.
    is_asleep: bool,
    /// It has written since memory was given back last.
    has_worked: bool,
    is_over: bool,
}

#[derive(Debug)]
struct Line {
    place: Place,
    length: usize,
}

/// What the line takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Room,
    Share(Owner),
}

/// What the thread has to do.
enum Work {
    Line(Weight),
    Lost(Vec<LostOf>),
    Over,
}

/// Room for one line, until this is used or dropped.
#[derive(Debug)]
pub struct Room<'a> {
    queue: &'a Queue,
    place: Place,
}

impl Room<'_> {
    /// Has the line written.
    pub fn put(self, line: &str) {
        let waiting = &self.queue.waiting;
        waiting.state().push(self.place, line);
        waiting.wake();
        // The thread gives it back, when it takes the line.
        std::mem::forget(self);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.queue.waiting.state().leave(self.place, &self.queue.waiting.is_room);
    }
}

impl State {
    fn push(&mut self, place: Place, text: &str) {
        self.texts.extend(text.as_bytes());
        self.lines.push_back(Line { place, length: text.len() });
    }

    /// Gives a place back; nobody waits for one unless all were taken.
    fn leave(&mut self, place: Place, is_room: &Condvar) {
        match place {
            Place::Room if self.paid == QUEUE => {
                self.paid -= 1;
                is_room.notify_all();
            }
            Place::Room => self.paid -= 1,
            Place::Share(owner) => self.shares.leave(owner),
        }
    }

    /// The place of the first line, whose text is put there.
    fn pop(&mut self, text: &mut Vec<u8>) -> Option<Place> {
        let Line { place, length } = self.lines.pop_front()?;
        text.clear();
        text.extend(self.texts.drain(..length));
        Some(place)
    }
}

impl Queue {
    /// With a thread that writes there.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(mut output: Output) -> io::Result<Self> {
        let (writing, written): (SyncSender<()>, _) = sync_channel(0);
        let waiting = Arc::new(Waiting::default());
        let of_thread = Arc::clone(&waiting);
        thread::Builder::new().name("record".to_owned()).stack_size(STACK).spawn(move || {
            of_thread.write_all(&mut output);
            drop(writing);
        })?;
        Ok(Self { waiting, written: Mutex::new(written) })
    }

    /// Room for a line, which is surely written then as far as the log takes it; waits some seconds where there is none.
    pub fn reserve(&self) -> Option<Room<'_>> {
        let state = self.waiting.state();
        let is_full = |state: &mut State| state.paid >= QUEUE && !state.is_over;
        let waited = self.waiting.is_room.wait_timeout_while(state, ROOM_PATIENCE, is_full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_room = state.paid < QUEUE;
        state.paid += usize::from(is_room);
        drop(state);
        // Made only where there is room: dropping one gives a place back.
        is_room.then(|| Room { queue: self, place: Place::Room })
    }

    /// Room in the share of this user; `None` when there is none, and a line is counted as lost for this reason.
    pub fn share(&self, uid: u32, reason: &'static str) -> Option<Room<'_>> {
        let owner = self.waiting.state().shares.take(uid, reason, Instant::now());
        if owner.is_none() {
            self.waiting.wake();
        }
        owner.map(|owner| Room { queue: self, place: Place::Share(owner) })
    }

    /// Whether there is room in the share of this user.
    pub fn has_share(&self, uid: u32) -> bool {
        self.waiting.state().shares.has_room(uid, Instant::now())
    }

    /// Writes what waits, and nothing after it; what is not written within some seconds is given up.
    pub fn finish(&self) {
        self.waiting.state().is_over = true;
        self.waiting.wake();
        self.waiting.is_room.notify_all();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = written.recv_timeout(LAST_PATIENCE);
    }
}

impl Waiting {
    fn write_all(&self, output: &mut Output) {
        let mut text = Vec::new();
        loop {
            match self.next(&mut text) {
                // What cannot be written is counted, which is all that can be done about it.
                Work::Line(weight) => drop(output.write(&String::from_utf8_lossy(&text), weight)),
                Work::Lost(lost) => tell(&lost, output),
                Work::Over => return output.finish(),
            }
        }
    }

    fn next(&self, text: &mut Vec<u8>) -> Work {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let told_at = state.shares.lost_at().map(|since| since + TOLD_EVERY);
            if told_at.is_some_and(|at| at <= now || state.is_over && state.lines.is_empty()) {
                return Work::Lost(state.shares.take_lost());
            }
            if let Some(place) = state.pop(text) {
                state.has_worked = true;
                state.leave(place, &self.is_room);
                return Work::Line(if place == Place::Room { Weight::Paid } else { Weight::Free });
            }
            if state.is_over {
                return Work::Over;
            }
            state = self.sleep(state, told_at.map(|at| at.saturating_duration_since(now)));
        }
    }

    /// Until there is a line, or for so long. The first time after work, what that took is given back soon.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, limit: Option<Duration>) -> MutexGuard<'a, State> {
        state.is_asleep = true;
        let limit = if state.has_worked { Some(limit.map_or(REST, |limit| limit.min(REST))) } else { limit };
        let mut state = match limit {
            Some(limit) => {
                let waited = self.is_work.wait_timeout(state, limit);
                let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                if state.has_worked && timeout.timed_out() && state.lines.is_empty() {
                    state.has_worked = false;
                    state.lines.shrink_to(KEPT);
                    state.texts.shrink_to(0);
                    sys::give_memory_back();
                }
                state
            }
            None => self.is_work.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.is_asleep = false;
        state
    }

    fn wake(&self) {
        if self.state().is_asleep {
            self.is_work.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Sink;

    #[test]
    fn who_finds_no_room_waits_for_it() {
        let queue = Queue::start(Output::open(Sink::Stderr).expect("opened")).expect("a thread");
        let mut rooms: Vec<Room<'_>> = (0..QUEUE).map(|_| queue.reserve().expect("room")).collect();
        assert!(queue.reserve().is_none(), "there is no more of it");
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.reserve().is_some());
            drop(rooms.pop());
            assert!(waits.join().expect("it ended"));
        });
        drop(rooms);
        assert_eq!(queue.waiting.state().paid, 0);
    }
}
