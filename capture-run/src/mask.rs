//! `--mask` and `--mask-file`: secret values become `***`, also across the borders of reads.
//!
//! The occurrences of all values are found, those that overlap too, and what they cover together is
//! hidden: with the values `secretAAA` and `AAAtoken`, all of `secretAAAtoken` is one `***`. Values
//! that merely touch become one `***` each.
//!
//! Only literal occurrences are found. An encoded value (base64, percent, JSON escapes, a value broken
//! by line wrapping) is not, nor can any filter find what a program hides on purpose.
//!
//! The cost is linear in the stream, however it is cut: a byte takes amortised constant time in an
//! Aho-Corasick automaton whose state lives on between pushes. The bytes that are held back are not
//! even stored: they are the prefix of a value, and the state says which.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{AhoCorasick, Anchored, BuildError, Input, MatchKind};
use std::collections::{BTreeSet, VecDeque};
use std::{error, fmt};

/// What stands in the output for a hidden value.
pub const MARK: &[u8] = b"***";
/// Shortest value of one line, in bytes.
pub const MIN_VALUE: usize = 4;
/// Shortest line of a value of several lines, in bytes; shorter ones (braces, say) stay visible.
pub const MIN_LINE: usize = 8;
/// Bytes of a value that the fast search looks for, so that its worst case does not grow with values.
const HEAD: usize = 16;

/// The value has nothing that could be hidden without hiding half the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort;

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shorter than {MIN_VALUE} bytes, or of several lines with none of {MIN_LINE} bytes")
    }
}

impl error::Error for TooShort {}

/// The byte strings to hide.
#[derive(Clone, Default)]
pub struct Secrets {
    patterns: BTreeSet<Vec<u8>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("count", &self.patterns.len()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Nothing to hide yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    ///
    /// One line, ended or not, is hidden as it is, without its line end. A value of several lines is
    /// hidden line by line, each line of at least [`MIN_LINE`] bytes: programs indent and prefix the
    /// lines of a key. The `\r` before a line end is not part of the line.
    ///
    /// # Errors
    ///
    /// [`TooShort`] when nothing of the value would be hidden; the set is then unchanged.
    pub fn add(&mut self, value: &[u8]) -> Result<(), TooShort> {
        let body = value.strip_suffix(b"\n").unwrap_or(value);
        let min = if body.contains(&b'\n') { MIN_LINE } else { MIN_VALUE };
        let lines = body.split(|&byte| byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let long: Vec<Vec<u8>> = lines.filter(|line| line.len() >= min).map(<[u8]>::to_vec).collect();
        if long.is_empty() {
            return Err(TooShort);
        }
        self.patterns.extend(long);
        Ok(())
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

/// A filter that replaces secrets in a stream of bytes.
///
/// Held back is only the longest suffix of the stream that could still become a secret. The result
/// does not depend on how the stream is cut into pushes.
pub struct Mask {
    plan: Plan,
    stream: Stream,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

impl Mask {
    /// A filter for these secrets; without any, everything passes.
    ///
    /// Takes about 100 bytes of memory for each byte of the secrets: bound the files they come from.
    pub fn new(secrets: &Secrets) -> Self {
        let plan = match Matcher::new(secrets) {
            _ if secrets.is_empty() => Plan::PassAll,
            Ok(matcher) => Plan::Match(Box::new(matcher)),
            // Only some hundred megabytes of secrets lead here; what cannot be searched is not shown.
            Err(_) => Plan::HideAll,
        };
        let state = match &plan {
            Plan::Match(matcher) => matcher.start,
            _ => StateID::default(),
        };
        let stream = Stream { state, seen: 0, released: 0, marked: 0, runs: VecDeque::new() };
        Self { plan, stream }
    }

    /// Appends `input` to `output`, secrets replaced, up to what must be held back.
    pub fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        match &self.plan {
            Plan::PassAll => output.extend_from_slice(input),
            Plan::HideAll => {}
            Plan::Match(matcher) => self.stream.push(matcher, input, output),
        }
    }

    /// Whether bytes are held back that [`flush`](Self::flush) would show.
    pub fn is_holding(&self) -> bool {
        self.stream.released < self.stream.seen
    }

    /// Appends what is held back: the stream has ended, or was silent for too long.
    ///
    /// The stream may go on. Of a secret that a flush has cut in two the first part was shown, but the
    /// rest is still hidden; what was hidden before the flush stays hidden.
    pub fn flush(&mut self, output: &mut Vec<u8>) {
        if let Plan::Match(matcher) = &self.plan {
            let window = self.stream.window(matcher, &[]);
            self.stream.settle(self.stream.seen, &window, output);
        }
    }
}

enum Plan {
    PassAll,
    HideAll,
    Match(Box<Matcher>),
}

/// What does not change while the stream flows.
struct Matcher {
    patterns: Vec<Vec<u8>>,
    nfa: NFA,
    start: StateID,
    /// By state.
    places: Vec<Place>,
    /// Finds the first bytes of the patterns, many times faster than the automaton walks.
    heads: AhoCorasick,
    longest_head: usize,
}

/// What the stream looked like to come to a state: it ends in `patterns[pattern][..depth]`, and in no
/// longer prefix of a pattern.
#[derive(Clone, Copy, Default)]
struct Place {
    pattern: usize,
    depth: usize,
    /// The length of the longest pattern that ends here.
    ends: usize,
}

impl Matcher {
    fn new(secrets: &Secrets) -> Result<Self, BuildError> {
        let patterns: Vec<Vec<u8>> = secrets.patterns.iter().cloned().collect();
        let nfa = NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(&patterns)?;
        let heads: BTreeSet<&[u8]> = patterns.iter().map(|pattern| head(pattern)).collect();
        let longest_head = heads.iter().map(|head| head.len()).max().unwrap_or(0);
        let heads = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(heads)?;
        // A contiguous NFA has an unanchored start state.
        let start = nfa.start_state(Anchored::No).unwrap_or_default();
        let mut matcher = Self { patterns, nfa, start, places: Vec::new(), heads, longest_head };
        matcher.places = matcher.walk();
        Ok(matcher)
    }

    /// The places of all states: a state is a prefix of a pattern, and that prefix leads to it.
    fn walk(&self) -> Vec<Place> {
        let mut places = vec![Place::default(); self.start.as_usize() + 1];
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut state = self.start;
            for (before, &byte) in pattern.iter().enumerate() {
                state = self.nfa.next_state(Anchored::No, state, byte);
                let slot = state.as_usize();
                if slot >= places.len() {
                    places.resize(slot + 1, Place::default());
                }
                places[slot] = Place { pattern: index, depth: before + 1, ends: self.ends(state) };
            }
        }
        places
    }

    fn ends(&self, state: StateID) -> usize {
        let count = if self.nfa.is_match(state) { self.nfa.match_len(state) } else { 0 };
        let lengths = (0..count).map(|i| self.nfa.pattern_len(self.nfa.match_pattern(state, i)));
        lengths.max().unwrap_or(0)
    }

    fn place(&self, state: StateID) -> Place {
        self.places.get(state.as_usize()).copied().unwrap_or_default()
    }

    /// The end of the stream that could become a secret.
    fn held(&self, state: StateID) -> &[u8] {
        let Place { pattern, depth, .. } = self.place(state);
        self.patterns.get(pattern).and_then(|pattern| pattern.get(..depth)).unwrap_or_default()
    }

    /// The first place from `at` on where a secret may begin, seen from the start state.
    fn skip(&self, input: &[u8], at: usize) -> usize {
        // From here on the head itself may be cut off by the end of the input.
        let tail = (input.len() + 1).saturating_sub(self.longest_head);
        if at >= tail {
            return at;
        }
        let found = self.heads.find(Input::new(input).range(at..));
        found.map_or(tail, |found| found.start().min(tail))
    }
}

fn head(pattern: &[u8]) -> &[u8] {
    pattern.get(..HEAD).unwrap_or(pattern)
}

/// How far a stream has come; positions count bytes from its start.
struct Stream {
    state: StateID,
    /// All bytes that came in.
    seen: u64,
    /// Bytes whose fate is decided: shown, or covered by a mark.
    released: u64,
    /// The end of the last run for which a mark was put out.
    marked: u64,
    /// Covered runs within the held bytes, in order and disjoint, so at most a quarter of them.
    runs: VecDeque<Run>,
}

/// Bytes that occurrences cover together.
#[derive(Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
}

impl Stream {
    fn push(&mut self, matcher: &Matcher, input: &[u8], output: &mut Vec<u8>) {
        let window = self.window(matcher, input);
        let before = self.seen;
        let mut at = 0;
        while at < input.len() {
            if self.state == matcher.start {
                at = matcher.skip(input, at);
            }
            self.state = matcher.nfa.next_state(Anchored::No, self.state, input[at]);
            at += 1;
            if matcher.nfa.is_match(self.state) {
                let place = matcher.place(self.state);
                let end = before + at as u64;
                self.cover(Run { start: end - place.ends as u64, end });
                self.settle(end - place.depth as u64, &window, output);
            }
        }
        self.seen = before + input.len() as u64;
        let held = matcher.held(self.state).len();
        self.settle(self.seen - held as u64, &window, output);
    }

    /// The bytes that a push may have to show.
    fn window<'a>(&self, matcher: &'a Matcher, input: &'a [u8]) -> Window<'a> {
        let held = matcher.held(self.state);
        Window { start: self.seen - held.len() as u64, held, input }
    }

    /// Adds a run that ends later than all others.
    fn cover(&mut self, mut run: Run) {
        while let Some(last) = self.runs.back().filter(|last| last.end > run.start) {
            run.start = run.start.min(last.start);
            self.runs.pop_back();
        }
        self.runs.push_back(run);
    }

    /// Puts out everything before `boundary`, where the earliest secret to come may begin.
    fn settle(&mut self, boundary: u64, window: &Window<'_>, output: &mut Vec<u8>) {
        // A run that begins among released bytes cannot wait for an earlier one: that is out already.
        while let Some(&run) =
            self.runs.front().filter(|run| run.start <= boundary || run.start < self.released)
        {
            self.runs.pop_front();
            self.show(run.start, window, output);
            // A run that overlaps the last one marked goes on in the same mark.
            if run.start >= self.marked || self.marked < self.released {
                output.extend_from_slice(MARK);
            }
            self.released = self.released.max(run.end);
            self.marked = self.released;
        }
        self.show(boundary, window, output);
    }

    fn show(&mut self, until: u64, window: &Window<'_>, output: &mut Vec<u8>) {
        if self.released < until {
            window.copy(self.released, until, output);
            self.released = until;
        }
    }
}

/// The bytes held back from earlier pushes, and those of this one, as one.
struct Window<'a> {
    start: u64,
    held: &'a [u8],
    input: &'a [u8],
}

impl Window<'_> {
    fn copy(&self, from: u64, until: u64, output: &mut Vec<u8>) {
        let border = self.start + self.held.len() as u64;
        output.extend_from_slice(part(self.held, self.start, from, until));
        output.extend_from_slice(part(self.input, border, from, until));
    }
}

/// What of `bytes`, which begin at `start`, lies between `from` and `until`.
fn part(bytes: &[u8], start: u64, from: u64, until: u64) -> &[u8] {
    let index = |position: u64| {
        usize::try_from(position.saturating_sub(start)).map_or(bytes.len(), |index| index.min(bytes.len()))
    };
    bytes.get(index(from)..index(until)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;

    fn secrets(values: &[&str]) -> Secrets {
        let mut secrets = Secrets::new();
        values.iter().for_each(|value| secrets.add(value.as_bytes()).expect("long enough"));
        secrets
    }

    fn mask(secrets: &Secrets, chunks: &[&[u8]]) -> Vec<u8> {
        let (mut mask, mut output) = (Mask::new(secrets), Vec::new());
        chunks.iter().for_each(|chunk| mask.push(chunk, &mut output));
        mask.flush(&mut output);
        assert!(!mask.is_holding());
        output
    }

    /// Which bytes any occurrence covers, as merged runs.
    fn runs(patterns: &BTreeSet<Vec<u8>>, input: &[u8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for start in 0..input.len() {
            let here = patterns.iter().filter(|pattern| input[start..].starts_with(pattern));
            let Some(longest) = here.map(Vec::len).max() else { continue };
            let run = Run { start: start as u64, end: (start + longest) as u64 };
            match runs.last_mut().filter(|last| run.start < last.end) {
                Some(last) => last.end = last.end.max(run.end),
                None => runs.push(run),
            }
        }
        runs
    }

    fn reference(secrets: &Secrets, input: &[u8]) -> Vec<u8> {
        let (mut output, mut shown) = (Vec::new(), 0);
        for run in runs(&secrets.patterns, input) {
            output.extend_from_slice(&input[shown..run.start as usize]);
            output.extend_from_slice(MARK);
            shown = run.end as usize;
        }
        output.extend_from_slice(&input[shown..]);
        output
    }

    #[track_caller]
    fn check(values: &[&str], input: &str, expected: &str) {
        let secrets = secrets(values);
        assert_eq!(String::from_utf8_lossy(&mask(&secrets, &[input.as_bytes()])), expected);
        assert_eq!(String::from_utf8_lossy(&reference(&secrets, input.as_bytes())), expected);
        let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(String::from_utf8_lossy(&mask(&secrets, &bytes)), expected, "byte by byte");
    }

    #[test]
    fn occurrences_are_hidden() {
        check(&["hunter22"], "a hunter22 b hunter2", "a *** b hunter2");
        check(&["hunter22"], "hunter22hunter22", "******");
        check(&["secretAAA", "AAAtoken"], "xsecretAAAtoken", "x***");
        check(&["abcabc"], "abcabcabc", "***");
        check(&["abcd", "xabcdy"], "xabcdy xabcdz abcd", "*** x***z ***");
        check(&["abcd", "XabcdYabcdZ"], "XabcdYabcdQ", "X***Y***Q");
        check(&["aaaa"], "aaaaaaaaab aaa", "***b aaa");
        check(&["a\0\u{fc}b"], "\0a\0\u{fc}b", "\0***");
        check(&[], "secret", "secret");
    }

    #[test]
    fn values_are_taken_line_by_line() {
        let mut secrets = Secrets::new();
        for short in ["", "abc", "abc\n", "abc\r\n", "\n", "\n\n\n", "1234567\nabcdefg"] {
            assert_eq!(secrets.add(short.as_bytes()), Err(TooShort), "{short:?}");
            assert!(secrets.is_empty());
        }
        secrets.add(b"abcd\n").expect("one line of 4");
        secrets.add(b"{\r\n  12345678\r\n}\n\n").expect("one line of 8");
        let patterns: Vec<&[u8]> = secrets.patterns.iter().map(Vec::as_slice).collect();
        assert_eq!(patterns, [&b"  12345678"[..], b"abcd"]);
        assert_eq!(format!("{secrets:?} {:?}", Mask::new(&secrets)), "Secrets { count: 2, .. } Mask { .. }");
    }

    #[test]
    fn only_what_could_become_a_secret_is_held() {
        let secrets = secrets(&["secretAAA", "AAAtoken"]);
        let (mut mask, mut output) = (Mask::new(&secrets), Vec::new());
        mask.push(b"x secretAA", &mut output);
        assert_eq!((output.as_slice(), mask.is_holding()), (&b"x "[..], true));
        mask.push(b"A", &mut output);
        assert_eq!((output.as_slice(), mask.is_holding()), (&b"x ***"[..], false));
        mask.push(b"toke", &mut output);
        assert_eq!((output.as_slice(), mask.is_holding()), (&b"x ***"[..], true));
        mask.push(b"N sec", &mut output);
        assert_eq!((output.as_slice(), mask.is_holding()), (&b"x ***tokeN "[..], true));
        mask.flush(&mut output);
        assert_eq!((output.as_slice(), mask.is_holding()), (&b"x ***tokeN sec"[..], false));
    }

    #[test]
    fn a_flush_shows_no_more_than_it_must() {
        let secrets = secrets(&["secretAAA", "AAAtoken", "abcd", "XabcdYYYY"]);
        let (mut mask, mut output) = (Mask::new(&secrets), Vec::new());
        for part in ["secretAAA", "tok", "en secr", "etAAA XabcdY", "YYY", "Y"] {
            mask.push(part.as_bytes(), &mut output);
            mask.flush(&mut output);
        }
        assert_eq!(String::from_utf8_lossy(&output), "***tok*** secr*** X***Y***Y");
    }

    #[test]
    fn a_long_held_prefix_costs_nothing_a_push() {
        let secret = "a".repeat(100 << 10);
        let secrets = secrets(&[&format!("{secret}b"), &secret[..50 << 10], "aaaab"]);
        let (mut mask, mut output) = (Mask::new(&secrets), Vec::new());
        let begun = Instant::now();
        for _ in 0..300_000 {
            mask.push(b"a", &mut output);
        }
        mask.push(b"c", &mut output);
        assert_eq!(output, b"***c");
        // The quadratic way takes minutes.
        assert!(begun.elapsed().as_secs() < 20);
    }

    fn cut<'a>(input: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        places.extend([0, input.len()]);
        places.sort_unstable();
        places.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
    }

    fn any_secrets() -> impl Strategy<Value = Secrets> {
        let value = prop_oneof!["[ab]{4,9}", "[abc]{4,6}", "(ab){9,20}c", "a{4}b{0,40}", "[a-c]{17,40}"];
        prop::collection::vec(value, 0..6)
            .prop_map(|values| secrets(&values.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Text that is likely to hold parts of the secrets.
    fn any_case() -> impl Strategy<Value = (Secrets, Vec<u8>)> {
        let piece = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[abcx]{0,4}");
        (any_secrets(), prop::collection::vec(piece, 0..12)).prop_map(|(secrets, pieces)| {
            let patterns: Vec<&Vec<u8>> = secrets.patterns.iter().collect();
            let mut text = Vec::new();
            for (which, length, noise) in pieces {
                if !patterns.is_empty() {
                    let pattern = patterns[which.index(patterns.len())];
                    text.extend_from_slice(&pattern[..length.index(pattern.len() + 1)]);
                }
                text.extend_from_slice(noise.as_bytes());
            }
            (secrets, text)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_cut_agrees_with_the_reference(
            (secrets, text) in any_case(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let expected = reference(&secrets, &text);
            prop_assert_eq!(mask(&secrets, &[&text]), expected.clone());
            prop_assert_eq!(mask(&secrets, &cut(&text, &cuts)), expected);
        }

        #[test]
        fn held_is_the_longest_proper_prefix((secrets, text) in any_case()) {
            let (mut mask, mut output) = (Mask::new(&secrets), Vec::new());
            for end in 1..=text.len() {
                mask.push(&text[end - 1..end], &mut output);
                let is_prefix = |n: &usize| secrets.patterns.iter()
                    .any(|pattern| pattern.len() > *n && text[..end].ends_with(&pattern[..*n]));
                let held = (0..=end).rev().find(is_prefix).unwrap_or(0);
                // A run that reaches the end and has begun for certain is out as a mark.
                let marked = runs(&secrets.patterns, &text[..end]).last()
                    .is_some_and(|run| run.end == end as u64 && run.start <= (end - held) as u64);
                prop_assert_eq!(mask.is_holding(), held > 0 && !marked);
            }
        }

        #[test]
        fn flushes_never_show_what_was_covered(
            (secrets, text) in any_case(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let (mut mask, mut output, mut expected) = (Mask::new(&secrets), Vec::new(), Vec::new());
            let mut end = 0;
            for chunk in cut(&text, &cuts) {
                mask.push(chunk, &mut output);
                mask.flush(&mut output);
                let begin = end as u64;
                end += chunk.len();
                let found = runs(&secrets.patterns, &text[..end]);
                let hidden = |at: u64| found.iter().any(|run| (run.start..run.end).contains(&at));
                expected.extend((begin..).zip(chunk).filter(|(at, _)| !hidden(*at)).map(|(_, byte)| *byte));
            }
            output.retain(|byte| *byte != b'*');
            prop_assert_eq!(output, expected);
        }
    }
}
