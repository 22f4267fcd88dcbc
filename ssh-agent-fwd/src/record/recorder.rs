//! Who writes lines: a thread, from a queue of its own, so that no client waits for a log; or, where a record is
//! required, whoever has one, before the reply.

use std::io;

use super::output::{NotWritten, Output, Sink};
use super::queue::{Queue, Room};
use super::required::{Required, Right};
use super::{Record, line};

/// Takes records and writes them, or counts them as lost and writes the count.
#[derive(Debug)]
pub enum Recorder {
    /// A thread writes.
    Queued(Queue),
    /// Whoever has a record writes it.
    Required(Required),
}

/// A place for the line of one record, until this is used or dropped.
#[derive(Debug)]
pub struct Place<'a>(Taken<'a>);

#[derive(Debug)]
enum Taken<'a> {
    /// In the queue.
    Room(Room<'a>),
    /// Who has it writes the line itself.
    Right(Right<'a>),
}

impl Place<'_> {
    /// Records it there. Where a record is required this waits until the line is handed over, a second at most;
    /// otherwise it waits for nothing and cannot fail.
    ///
    /// # Errors
    /// When a record that is required is not written.
    pub fn record(self, record: &Record) -> Result<(), NotWritten> {
        let line = line::of(record);
        match self.0 {
            Taken::Room(room) => {
                room.put(&line);
                Ok(())
            }
            Taken::Right(right) => right.write(&line),
        }
    }
}

impl Recorder {
    /// Records there; `required`: no record, no signature.
    ///
    /// # Errors
    /// When there can be no thread, or no socket.
    pub fn start(sink: Sink, required: bool) -> io::Result<Self> {
        let output = Output::open(sink)?;
        if required {
            return Ok(Self::Required(Required::new(output)));
        }
        Queue::start(output).map(Self::Queued)
    }

    /// Whether a reply waits for its record.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }

    /// A place that no other line can take, for what must not go unseen. Where all are taken this waits, some seconds
    /// at most; `None` when there is none even then.
    #[must_use]
    pub fn reserve(&self) -> Option<Place<'_>> {
        match self {
            Self::Queued(queue) => queue.reserve().map(|room| Place(Taken::Room(room))),
            Self::Required(required) => Some(Place(Taken::Right(required.reserve()))),
        }
    }

    /// A place among the lines of this user; `None` when there are too many of them, and one more is counted as lost for
    /// this reason.
    #[must_use]
    pub fn share(&self, uid: u32, reason: &'static str) -> Option<Place<'_>> {
        match self {
            Self::Queued(queue) => queue.share(uid, reason).map(|room| Place(Taken::Room(room))),
            Self::Required(required) => required.share(uid, reason).map(|right| Place(Taken::Right(right))),
        }
    }

    /// A place that no other line can take; where there is none, one among the lines of this user.
    #[must_use]
    pub fn reserve_or_share(&self, uid: u32, reason: &'static str) -> Option<Place<'_>> {
        self.reserve().or_else(|| self.share(uid, reason))
    }

    /// Whether there is one of [`Self::share`]. What /proc shows of a process is not worth reading for a line that is lost.
    #[must_use]
    pub fn has_share(&self, uid: u32) -> bool {
        match self {
            Self::Queued(queue) => queue.has_share(uid),
            Self::Required(required) => required.has_share(uid),
        }
    }

    /// Writes what waits, and nothing after it; what is not written within some seconds is given up.
    pub fn finish(&self) {
        match self {
            Self::Queued(queue) => queue.finish(),
            Self::Required(required) => required.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_every_place_is_taken_a_line_is_one_of_its_user_s() {
        let recorder = Recorder::start(Sink::Stderr, false).expect("started");
        let taken: Vec<Place<'_>> = std::iter::from_fn(|| recorder.reserve()).collect();
        assert!(!taken.is_empty());
        assert!(recorder.reserve_or_share(0, "policy").is_some());
    }
}
