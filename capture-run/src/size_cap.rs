//! `--max-size`: a log that keeps the head and the tail of what it was given.
//!
//! Up to the cap the log is the bytes, nothing else. Beyond it the log is
//!
//! ```text
//! 0           cap/2      ring                  cap
//! | head      | marker   | the newest bytes    |
//! ```
//!
//! The tail is a ring in the file itself, so that memory stays small and a log whose writer was killed
//! still has its newest bytes. [`CappedLog::finish`] puts the ring in order. The marker is one line of
//! its own of fixed width; a newline stands before it when the head does not end in one. It is text in
//! a log that the command can write to: what it says is for people, [`CappedLog::omitted`] is the truth.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Width of the marker with its newline, in bytes.
const MARKER: usize = 104;
/// Bytes moved at once to put the ring in order.
const BLOCK: usize = 64 * 1024;
/// The marker until the log is finished; all that a reader has after a SIGKILL.
const UNFINISHED: &str =
    "[capture-run: output left out here; log unfinished: below, the newest output ends where older begins]";

/// The size in bytes that a log may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeCap(u64);

impl SizeCap {
    /// The smallest cap: less would be mostly marker.
    pub const MIN: u64 = 4096;

    /// A cap of this many bytes; `None` when that is less than [`MIN`](Self::MIN).
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes >= Self::MIN).then_some(Self(bytes))
    }

    /// The cap in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    fn head(self) -> u64 {
        self.0 / 2
    }
}

/// A log file that never grows beyond its cap.
///
/// After an error the log can be written to again. What the failed write had stored is kept; the rest
/// of it is not, and is no part of [`omitted`](Self::omitted) either.
#[derive(Debug)]
pub struct CappedLog {
    file: File,
    cap: SizeCap,
    /// Bytes at the start of the file that are the output as it came, the cap at most.
    plain: u64,
    ring: Option<Ring>,
}

/// The part of the file after the marker.
#[derive(Debug)]
struct Ring {
    /// Its offset in the file, right after the marker.
    start: u64,
    len: u64,
    /// Index of the oldest byte, which the next one replaces.
    next: u64,
    omitted: u64,
    /// 1 when the marker line needs a newline before it.
    newline: u64,
    /// Whether the marker of an unfinished log stands in the file.
    marked: bool,
}

impl CappedLog {
    /// A log in `file`: a regular file, empty, open for reading and writing, not for appending.
    pub fn new(file: File, cap: SizeCap) -> Self {
        Self { file, cap, plain: 0, ring: None }
    }

    /// Adds `bytes` to the log.
    ///
    /// # Errors
    ///
    /// Those of the file (ENOSPC, EIO). The bytes before the error are in the log.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let rest = self.write_plain(bytes)?;
        if rest.is_empty() {
            return Ok(());
        }
        let ring = match self.ring.take() {
            Some(ring) => ring,
            None => Ring::after_head(&self.file, self.cap)?,
        };
        self.ring.insert(ring).write(&self.file, rest)
    }

    /// Puts the tail in order and completes the marker; `true` when bytes were left out.
    ///
    /// The file is not synced. More may be written later; then finish again.
    ///
    /// # Errors
    ///
    /// Those of the file. The tail is then partly out of order and, if that can be written, the marker
    /// says so.
    pub fn finish(&mut self) -> io::Result<bool> {
        match &mut self.ring {
            None => Ok(false),
            Some(ring) => ring.finish(&self.file).map(|()| true),
        }
    }

    /// How many bytes were left out.
    pub fn omitted(&self) -> u64 {
        self.ring.as_ref().map_or(0, |ring| ring.omitted)
    }

    /// The file, to sync it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes what fits below the cap and returns the rest.
    fn write_plain<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let (mut now, rest) = split_at_most(bytes, self.cap.bytes() - self.plain);
        while !now.is_empty() {
            let count = write_some(&self.file, now, self.plain)?;
            self.plain += count as u64;
            now = now.get(count..).unwrap_or_default();
        }
        Ok(rest)
    }
}

impl Ring {
    /// The ring of a file that is full: what stands after the marker's place is its first content, and
    /// no byte has to move.
    fn after_head(file: &File, cap: SizeCap) -> io::Result<Self> {
        let mut last = [0];
        file.read_exact_at(&mut last, cap.head() - 1)?;
        let newline = u64::from(last != *b"\n");
        let start = cap.head() + newline + MARKER as u64;
        let omitted = start - cap.head();
        Ok(Self { start, len: cap.bytes() - start, next: 0, omitted, newline, marked: false })
    }

    fn write(&mut self, file: &File, bytes: &[u8]) -> io::Result<()> {
        if !self.marked {
            self.mark(file, UNFINISHED)?;
            self.marked = true;
        }
        // What these bytes themselves would push out again is not worth writing.
        let excess = (bytes.len() as u64).saturating_sub(self.len);
        let (_, mut rest) = split_at_most(bytes, excess);
        let mut skipped = excess;
        while !rest.is_empty() {
            let (now, _) = split_at_most(rest, self.len - self.next);
            let count = write_some(file, now, self.start + self.next)?;
            self.next = (self.next + count as u64) % self.len;
            self.omitted += count as u64 + std::mem::take(&mut skipped);
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn finish(&mut self, file: &File) -> io::Result<()> {
        let ordered = rotate(file, self.start, self.next, self.len - self.next);
        // In order or not: to rotate once more would not mend it.
        self.next = 0;
        let fate = if ordered.is_ok() { "" } else { "; what follows could not be put in order" };
        let marked = self.mark(file, &format!("[capture-run: {} bytes left out here{fate}]", self.omitted));
        // A later write makes it a ring again.
        self.marked = false;
        ordered.and(marked)
    }

    /// Writes the marker line, padded to its width.
    fn mark(&self, file: &File, text: &str) -> io::Result<()> {
        let newline = if self.newline == 1 { "\n" } else { "" };
        let line = format!("{newline}{text:<width$}\n", width = MARKER - 1);
        file.write_all_at(line.as_bytes(), self.start - line.len() as u64)
    }
}

/// The first `most` bytes, or all, and the rest.
fn split_at_most(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len())))
}

/// Writes at least one byte; interruptions are not errors.
fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Moves the `left` bytes at `start` behind the `right` bytes that follow them.
///
/// Swaps equal blocks from the front until the shorter side fits in memory (Gries and Mills). Each byte
/// is moved about once, and a process killed here leaves blocks that can still be read.
fn rotate(file: &File, mut start: u64, mut left: u64, mut right: u64) -> io::Result<()> {
    while left.min(right) > BLOCK as u64 {
        let count = left.min(right);
        swap(file, start, start + left, count)?;
        if left <= right {
            right -= count
        } else {
            left -= count
        }
        start += count;
    }
    if left <= right { shift_down(file, start, left, right) } else { shift_up(file, start, left, right) }
}

/// Swaps `count` bytes at `a` with those at `b`.
fn swap(file: &File, a: u64, b: u64, count: u64) -> io::Result<()> {
    let (mut at_a, mut at_b) = (vec![0; BLOCK], vec![0; BLOCK]);
    for done in (0..count).step_by(BLOCK) {
        let size = block_size(count - done);
        file.read_exact_at(&mut at_a[..size], a + done)?;
        file.read_exact_at(&mut at_b[..size], b + done)?;
        file.write_all_at(&at_b[..size], a + done)?;
        file.write_all_at(&at_a[..size], b + done)?;
    }
    Ok(())
}

/// [`rotate`] for a `left` that fits in memory: the right side moves down, from its front.
fn shift_down(file: &File, start: u64, left: u64, right: u64) -> io::Result<()> {
    let mut saved = vec![0; block_size(left)];
    file.read_exact_at(&mut saved, start)?;
    let mut block = vec![0; BLOCK];
    // Nothing to put behind: the bytes would move onto themselves.
    let right_to_move = if left == 0 { 0 } else { right };
    for done in (0..right_to_move).step_by(BLOCK) {
        let part = &mut block[..block_size(right - done)];
        file.read_exact_at(part, start + left + done)?;
        file.write_all_at(part, start + done)?;
    }
    file.write_all_at(&saved, start + right)
}

/// [`rotate`] for a `right` that fits in memory: the left side moves up, from its back.
fn shift_up(file: &File, start: u64, left: u64, right: u64) -> io::Result<()> {
    let mut saved = vec![0; block_size(right)];
    file.read_exact_at(&mut saved, start + left)?;
    let mut block = vec![0; BLOCK];
    let mut todo = left;
    while todo > 0 {
        let part = &mut block[..block_size(todo)];
        todo -= part.len() as u64;
        file.read_exact_at(part, start + todo)?;
        file.write_all_at(part, start + todo + right)?;
    }
    file.write_all_at(&saved, start)
}

/// `count`, at most [`BLOCK`].
fn block_size(count: u64) -> usize {
    usize::try_from(count).map_or(BLOCK, |count| count.min(BLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    fn log(cap: u64) -> CappedLog {
        CappedLog::new(tempfile::tempfile().expect("a temporary file"), SizeCap::new(cap).expect("a cap"))
    }

    fn content(log: &CappedLog) -> Vec<u8> {
        let length = log.file.metadata().expect("metadata").len();
        let mut bytes = vec![0; length as usize];
        log.file.read_exact_at(&mut bytes, 0).expect("readable");
        bytes
    }

    /// The same file, refusing every write.
    fn read_only(log: &CappedLog) -> File {
        use std::os::fd::AsRawFd;
        File::open(format!("/proc/self/fd/{}", log.file.as_raw_fd())).expect("readable")
    }

    /// Bytes of which every place is known by what stands there.
    fn bytes(count: usize) -> Vec<u8> {
        (0..).flat_map(|n: u32| format!("{n:07}\n").into_bytes()).take(count).collect()
    }

    /// What the file must hold after `output` when the marker says `text`.
    fn expected(output: &[u8], cap: usize, text: impl Fn(u64) -> String) -> (Vec<u8>, u64) {
        if output.len() <= cap {
            return (output.to_vec(), 0);
        }
        let mut file = output[..cap / 2].to_vec();
        if !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        let tail = cap - file.len() - MARKER;
        let omitted = (output.len() - cap / 2 - tail) as u64;
        file.extend(format!("{:<103}\n", text(omitted)).into_bytes());
        file.extend(&output[output.len() - tail..]);
        (file, omitted)
    }

    fn finished(omitted: u64) -> String {
        format!("[capture-run: {omitted} bytes left out here]")
    }

    #[track_caller]
    fn check(log: &CappedLog, output: &[u8], cap: usize) {
        let (file, omitted) = expected(output, cap, finished);
        assert!(content(log) == file, "{}", String::from_utf8_lossy(&content(log)));
        assert_eq!(log.omitted(), omitted);
    }

    #[test]
    fn caps_have_a_minimum() {
        assert_eq!(SizeCap::new(SizeCap::MIN - 1), None);
        assert_eq!(SizeCap::new(SizeCap::MIN).map(SizeCap::bytes), Some(4096));
    }

    #[test]
    fn markers_fit_their_width() {
        assert!(UNFINISHED.len() < MARKER);
        assert!(finished(u64::MAX).len() + "; what follows could not be put in order".len() < MARKER);
    }

    #[test]
    fn up_to_the_cap_the_log_is_the_bytes() {
        for size in [0, 1, 2048, 4095, 4096] {
            let mut log = log(4096);
            log.write(&bytes(size)).expect("written");
            assert!(!log.finish().expect("finished"));
            check(&log, &bytes(size), 4096);
        }
    }

    #[test]
    fn one_byte_more_leaves_out_the_middle() {
        for (cap, write) in [(4096, 4097), (4096, 1), (4097, 7), (5001, 100), (300_000, 1000)] {
            for size in [cap + 1, cap + 1000, 2 * cap, 5 * cap + 3] {
                let mut log = log(cap as u64);
                bytes(size).chunks(write).for_each(|chunk| log.write(chunk).expect("written"));
                assert!(log.finish().expect("finished"));
                check(&log, &bytes(size), cap);
            }
        }
    }

    #[test]
    fn an_unfinished_log_says_so() {
        let mut log = log(4096);
        log.write(&bytes(4096)).expect("written");
        log.write(b"x").expect("written");
        let (file, _) = expected(&bytes(4097), 4096, |_| UNFINISHED.to_owned());
        let ring = 2048 + MARKER;
        assert_eq!(content(&log)[..ring], file[..ring]);
        assert_eq!(content(&log)[ring], b'x');
        assert_eq!(content(&log)[ring + 1..], bytes(4096)[ring + 1..]);
    }

    #[test]
    fn a_log_can_go_on_after_finish() {
        let mut log = log(4096);
        for size in [3000, 4096, 5000, 5001, 20_000] {
            let done =
                log.plain + log.ring.as_ref().map_or(0, |ring| ring.omitted - (4096 - 2048 - ring.len));
            log.write(&bytes(size)[done as usize..]).expect("written");
            log.finish().expect("finished");
            log.finish().expect("finished again");
            check(&log, &bytes(size), 4096);
        }
    }

    #[test]
    fn failed_writes_count_for_nothing() {
        let mut log = log(4096);
        let fail = |log: &mut CappedLog, from: usize, to: usize| {
            let bad = read_only(log);
            let good = std::mem::replace(&mut log.file, bad);
            let omitted = log.omitted();
            assert!(log.write(&bytes(to)[from..to]).is_err());
            assert!(log.ring.is_none() || log.finish().is_err());
            log.file = good;
            assert!(log.ring.as_ref().is_none_or(|ring| log.omitted() == omitted.max(ring.start - 2048)));
        };
        for (from, to) in [(0, 2000), (2000, 4096), (4096, 4100), (4100, 5000), (5000, 6100)] {
            fail(&mut log, from, to);
            log.write(&bytes(to)[from..to]).expect("written");
            log.finish().expect("finished");
            check(&log, &bytes(to), 4096);
        }
    }

    #[test]
    fn a_full_disk_leaves_a_prefix() {
        use nix::fcntl::{FcntlArg, SealFlag, fcntl};
        use nix::sys::memfd::{MFdFlags, memfd_create};
        let fd = memfd_create("log", MFdFlags::MFD_ALLOW_SEALING).expect("a memfd");
        let file = File::from(fd);
        file.set_len(8192).expect("sized");
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW)).expect("sealed");
        let mut log = CappedLog::new(file, SizeCap::new(100_000).expect("a cap"));
        assert!(log.write(&bytes(9000)).is_err());
        assert_eq!((log.plain, log.omitted()), (8192, 0));
        assert!(log.write(b"more").is_err());
        assert!(!log.finish().expect("finished"));
        assert_eq!(content(&log), bytes(8192));
    }

    #[test]
    fn a_log_that_is_not_readable_keeps_its_head() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("log");
        let mut log =
            CappedLog::new(File::create(&path).expect("created"), SizeCap::new(4096).expect("a cap"));
        assert!(log.write(&bytes(5000)).is_err());
        let mut kept = Vec::new();
        File::open(&path).and_then(|mut file| file.read_to_end(&mut kept)).expect("readable");
        assert_eq!(kept, bytes(4096));
    }

    #[test]
    fn rotation_takes_any_sides() {
        let block = BLOCK as u64;
        let sides = [0, 1, 5, block - 1, block, block + 1, 2 * block, 3 * block + 7];
        for (left, right) in sides.iter().flat_map(|left| sides.map(|right| (*left, right))) {
            let file = tempfile::tempfile().expect("a temporary file");
            let before = bytes((left + right + 20) as usize);
            file.write_all_at(&before, 0).expect("written");
            rotate(&file, 10, left, right).expect("rotated");
            let mut after = before.clone();
            after[10..10 + (left + right) as usize].rotate_left(left as usize);
            let mut found = vec![0; before.len()];
            file.read_exact_at(&mut found, 0).expect("readable");
            assert!(found == after, "{left} {right}");
        }
    }

    proptest! {
        #[test]
        fn any_writes_agree_with_the_model(
            cap in 4096_usize..6000,
            sizes in prop::collection::vec(prop_oneof![0_usize..50, 0_usize..3000, 2000_usize..9000], 0..30),
        ) {
            let mut log = log(cap as u64);
            let output = bytes(sizes.iter().sum());
            let mut rest = output.as_slice();
            for size in sizes {
                let (now, later) = rest.split_at(size);
                log.write(now).expect("written");
                rest = later;
                prop_assert!(content(&log).len() <= cap);
            }
            let truncated = log.finish().expect("finished");
            let (file, omitted) = expected(&output, cap, finished);
            prop_assert_eq!((truncated, log.omitted()), (output.len() > cap, omitted));
            prop_assert!(content(&log) == file);
        }
    }
}
