//! What is changed on the way: masks for both outputs; colours, times and the cap for LOG alone.

use std::time::SystemTime;

use crate::mask::{Mask, Secrets};
use crate::strip_ansi::StripAnsi;
use crate::timestamps::Timestamps;

/// Which filters are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Values to hide in both outputs.
    pub secrets: Secrets,
    /// Remove escape sequences from LOG.
    pub strip_ansi: bool,
    /// Begin each line of LOG with the time.
    pub timestamps: bool,
}

/// The filters with their state, and the buffers that they fill.
#[derive(Debug, Default)]
pub struct Filters {
    mask: Option<Mask>,
    strip: Option<Strip>,
    timestamps: Option<Timestamps>,
    masked: Vec<u8>,
    stamped: Vec<u8>,
}

/// Without its escape sequences LOG is another text than stdout, so it needs a mask of its own.
#[derive(Debug)]
struct Strip {
    filter: StripAnsi,
    mask: Option<Mask>,
    stripped: Vec<u8>,
    masked: Vec<u8>,
}

/// What goes to each output.
#[derive(Debug, PartialEq, Eq)]
pub struct Filtered<'a> {
    /// For standard output.
    pub stdout: &'a [u8],
    /// For LOG.
    pub log: &'a [u8],
}

/// Why data comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Push {
    Data,
    Silence,
    End,
}

impl Filters {
    /// The filters that are wanted.
    #[must_use]
    pub fn new(wanted: &Wanted) -> Self {
        let mask = || (!wanted.secrets.is_empty()).then(|| Mask::new(&wanted.secrets));
        let strip =
            || Strip { filter: StripAnsi::new(), mask: mask(), stripped: Vec::new(), masked: Vec::new() };
        Self {
            mask: mask(),
            strip: wanted.strip_ansi.then(strip),
            timestamps: wanted.timestamps.then(Timestamps::new),
            ..Self::default()
        }
    }

    /// Whether standard output gets the very bytes that the command wrote.
    #[must_use]
    pub fn leave_stdout_alone(&self) -> bool {
        self.mask.is_none()
    }

    /// Whether LOG may get many more bytes than come in.
    #[must_use]
    pub fn lengthen(&self) -> bool {
        self.timestamps.is_some()
    }

    /// Whether something is held back that silence would release.
    #[must_use]
    pub fn are_holding(&self) -> bool {
        let log_mask = self.strip.as_ref().and_then(|strip| strip.mask.as_ref());
        self.mask.iter().chain(log_mask).any(Mask::is_holding)
    }

    /// Sends data through.
    pub fn push<'a>(&'a mut self, input: &'a [u8]) -> Filtered<'a> {
        self.through(input, Push::Data)
    }

    /// Releases what a mask holds back, after a silence.
    pub fn release(&mut self) -> Filtered<'_> {
        self.through(&[], Push::Silence)
    }

    /// Releases everything, at the end.
    pub fn finish(&mut self) -> Filtered<'_> {
        self.through(&[], Push::End)
    }

    fn through<'a>(&'a mut self, input: &'a [u8], push: Push) -> Filtered<'a> {
        let stdout = masked(&mut self.mask, input, push, &mut self.masked);
        let plain = match &mut self.strip {
            None => stdout,
            Some(strip) => {
                strip.stripped.clear();
                strip.filter.push(input, &mut strip.stripped);
                if push == Push::End {
                    strip.filter.flush(&mut strip.stripped);
                }
                masked(&mut strip.mask, &strip.stripped, push, &mut strip.masked)
            }
        };
        let log = match &mut self.timestamps {
            None => plain,
            Some(timestamps) => {
                self.stamped.clear();
                timestamps.push(SystemTime::now(), plain, &mut self.stamped);
                &self.stamped
            }
        };
        Filtered { stdout, log }
    }
}

fn masked<'a>(mask: &mut Option<Mask>, input: &'a [u8], push: Push, output: &'a mut Vec<u8>) -> &'a [u8] {
    let Some(mask) = mask else { return input };
    output.clear();
    mask.push(input, output);
    if push != Push::Data {
        mask.flush(output);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(strip_ansi: bool, timestamps: bool) -> Filters {
        let mut secrets = Secrets::new();
        secrets.add(b"hunter22").expect("long enough");
        Filters::new(&Wanted { secrets, strip_ansi, timestamps })
    }

    #[test]
    fn without_filters_the_bytes_are_the_same() {
        let mut none = Filters::default();
        assert!(none.leave_stdout_alone() && !none.are_holding());
        let bytes = b"\x1b[1m\0\xff";
        assert_eq!(none.push(bytes), Filtered { stdout: bytes, log: bytes });
    }

    #[test]
    fn a_secret_that_colours_cut_is_hidden_in_the_log() {
        let mut filters = filters(true, false);
        let filtered = filters.push(b"hun\x1b[1mter22 hunter22.");
        assert_eq!(filtered, Filtered { stdout: b"hun\x1b[1mter22 ***.", log: b"*** ***." });
    }

    #[test]
    fn what_is_held_back_comes_after_silence_or_at_the_end() {
        let mut filters = filters(false, false);
        assert_eq!(filters.push(b"a hunt").stdout, b"a ");
        assert!(filters.are_holding());
        assert_eq!(filters.release(), Filtered { stdout: b"hunt", log: b"hunt" });
        assert_eq!(filters.push(b" hunter2").log, b" ");
        assert_eq!(filters.finish().log, b"hunter2");
    }

    #[test]
    fn a_sequence_that_never_ends_is_text() {
        let mut filters = filters(true, false);
        assert_eq!(filters.push(b"a\x1b[3").log, b"a");
        assert_eq!(filters.finish().log, b"\x1b[3");
    }

    #[test]
    fn times_are_only_in_the_log() {
        let mut filters = filters(false, true);
        let filtered = filters.push(b"one\n");
        assert_eq!(filtered.stdout, b"one\n");
        assert!(filtered.log.ends_with(b"Z one\n"));
    }
}
