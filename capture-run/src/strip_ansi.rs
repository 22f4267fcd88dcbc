//! `--strip-ansi`: terminal control sequences (ECMA-48) taken out of the log.
//!
//! Removed are control sequences (`ESC [` … final), the strings OSC, DCS, SOS, PM and APC (`ESC ]` …
//! ST, OSC also … BEL), and the two- and three-byte escapes (`ESC` intermediates final). The 8-bit
//! forms (0x80 to 0x9F) stay, for they are parts of UTF-8 characters.
//!
//! Only a complete sequence is removed. The output comes from a program that is not trusted, and a
//! terminal's rule (swallow until the terminator) would let one `ESC ]` hide the rest of the log. So
//! a sequence that is too long, or meets a byte that cannot be part of it, is text: nothing of it is
//! lost.

/// Longest control sequence or escape that is removed, in bytes.
pub const MAX_SEQUENCE: usize = 256;
/// Longest OSC, DCS, SOS, PM or APC string that is removed, in bytes.
pub const MAX_STRING: usize = 4096;

const BEL: u8 = 0x07;
const ESC: u8 = 0x1b;
/// Bytes searched for an ESC at once; `contains` on a block is vectorised, `position` is not.
const BLOCK: usize = 1024;

/// A filter that removes terminal control sequences from a stream of bytes.
///
/// The result does not depend on how the stream is cut into pushes. At most [`MAX_STRING`] bytes are
/// held back.
#[derive(Debug, Default)]
pub struct StripAnsi {
    place: Place,
    /// The bytes of the sequence under way, to be given back if it turns out to be none.
    kept: Vec<u8>,
}

/// Where in a sequence the stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    #[default]
    Text,
    Escape,
    EscapeIntermediates,
    CsiParameters,
    CsiIntermediates,
    /// In a string, which BEL may end too if it is an OSC.
    String {
        osc: bool,
    },
    /// After an ESC in a string, which `\` makes the terminator ST.
    StringEscape,
}

/// What a byte does to the sequence under way.
enum Step {
    More(Place),
    Complete,
    Impossible,
}

impl Place {
    fn step(self, byte: u8) -> Step {
        use Place::*;
        match (self, byte) {
            (Escape, b'[') => Step::More(CsiParameters),
            (Escape, b']') => Step::More(String { osc: true }),
            (Escape, b'P' | b'X' | b'^' | b'_') => Step::More(String { osc: false }),
            (Escape | EscapeIntermediates, 0x20..=0x2f) => Step::More(EscapeIntermediates),
            (Escape | EscapeIntermediates, 0x30..=0x7e) => Step::Complete,
            (CsiParameters, 0x30..=0x3f) => Step::More(CsiParameters),
            (CsiParameters | CsiIntermediates, 0x20..=0x2f) => Step::More(CsiIntermediates),
            (CsiParameters | CsiIntermediates, 0x40..=0x7e) => Step::Complete,
            (String { osc: true }, BEL) | (StringEscape, b'\\') => Step::Complete,
            (String { .. }, ESC) => Step::More(StringEscape),
            // ECMA-48's command string without the newline, and UTF-8, which titles and links use.
            (String { .. }, 0x08 | 0x09 | 0x0b..=0x0d | 0x20..=0x7e | 0x80..) => Step::More(self),
            _ => Step::Impossible,
        }
    }

    /// The number of bytes at which a sequence that has come here counts as text.
    fn bound(self) -> usize {
        match self {
            Place::String { .. } => MAX_STRING,
            // This ESC ends the string, one way or the other.
            Place::StringEscape => MAX_STRING + 1,
            _ => MAX_SEQUENCE,
        }
    }
}

impl StripAnsi {
    /// A filter that stands outside any sequence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `input` to `output` without its control sequences; one that is not complete yet is
    /// held back.
    pub fn push(&mut self, mut input: &[u8], output: &mut Vec<u8>) {
        while let Some((&byte, rest)) = input.split_first() {
            if self.place == Place::Text {
                let (text, sequence) = input.split_at(find_escape(input));
                output.extend_from_slice(text);
                input = sequence.get(1..).unwrap_or_default();
                if !sequence.is_empty() {
                    self.begin();
                }
            } else {
                self.step(byte, output);
                input = rest;
            }
        }
    }

    /// Whether a sequence is under way.
    pub fn is_holding(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Appends what was held back, as text: the stream has ended, or fell silent.
    pub fn flush(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.kept);
        self.place = Place::Text;
    }

    fn begin(&mut self) {
        self.kept.push(ESC);
        self.place = Place::Escape;
    }

    fn step(&mut self, byte: u8, output: &mut Vec<u8>) {
        match self.place.step(byte) {
            Step::More(place) => {
                self.kept.push(byte);
                self.place = place;
                if self.kept.len() >= place.bound() {
                    self.flush(output);
                }
            }
            Step::Complete => {
                self.kept.clear();
                self.place = Place::Text;
            }
            Step::Impossible => self.refuse(byte, output),
        }
    }

    /// Gives back what is no sequence; an ESC that broke it off may begin another.
    fn refuse(&mut self, byte: u8, output: &mut Vec<u8>) {
        let broken_by_escape = self.place == Place::StringEscape;
        if broken_by_escape {
            self.kept.pop();
        }
        self.flush(output);
        if broken_by_escape {
            self.begin();
            // From `Escape`, so this goes no deeper than once.
            self.step(byte, output);
        } else if byte == ESC {
            self.begin();
        } else {
            output.push(byte);
        }
    }
}

/// The index of the first ESC, or the length.
fn find_escape(input: &[u8]) -> usize {
    let clear = input.chunks(BLOCK).take_while(|block| !block.contains(&ESC)).map(<[u8]>::len).sum();
    let rest = input.get(clear..).unwrap_or_default();
    clear + rest.iter().position(|&byte| byte == ESC).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strip(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut filter, mut output) = (StripAnsi::new(), Vec::new());
        for chunk in chunks {
            filter.push(chunk, &mut output);
            assert!(filter.kept.len() <= MAX_STRING);
        }
        filter.flush(&mut output);
        output
    }

    #[track_caller]
    fn check(input: &str, expected: &str) {
        let output = strip(&[input.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&output), expected);
        let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(strip(&bytes), output, "byte by byte");
    }

    #[test]
    fn complete_sequences_are_removed() {
        check("a\x1b[31mred\x1b[0m\x1b[?25l\x1b[1 q\x1b[Kb", "aredb");
        check("\x1b]0;title ü\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink");
        check("\x1bPq#0\x1b\\a\x1bXs\x1b\\b\x1b^p\x1b\\c\x1b_a\x1b\\d", "abcd");
        check("\x1b7a\x1b8\x1bMb\x1bc\x1b(Bc\x1b#8\x1b%G\x1b=\x1b\\", "abc");
    }

    #[test]
    fn other_bytes_pass() {
        check("\0\x07\x08\r\n\t\x0e\x7f é \u{9b}31m", "\0\x07\x08\r\n\t\x0e\x7f é \u{9b}31m");
        assert_eq!(strip(&[b"\xff\x9b31m\xc3"]), b"\xff\x9b31m\xc3");
    }

    #[test]
    fn what_is_not_complete_is_text() {
        for text in
            ["\x1b", "a\x1b[", "\x1b[31", "\x1b]0;t", "\x1bPx\x1b", "\x1b(", "\x1b[1 2m", "\x1b[\u{e9}m"]
        {
            check(text, text);
        }
        check("\x1b]0;hidden\nrest\x07", "\x1b]0;hidden\nrest\x07");
        check("\x1b[3\n1m", "\x1b[3\n1m");
        check("\x1b[3\x181m\x1b]x\x1ay\x07", "\x1b[3\x181m\x1b]x\x1ay\x07");
        check("\x1bPx\x07y\x1b\\", "\x1bPx\x07y");
    }

    #[test]
    fn an_escape_within_a_sequence_begins_another() {
        check("\x1b\x1b[0ma", "\x1ba");
        check("\x1b[3\x1b[0ma", "\x1b[3a");
        check("\x1b]0;t\x1b[0ma\x07", "\x1b]0;ta\x07");
        check("\x1b]0;t\x1b\x1b\\a", "\x1b]0;t\x1ba");
        check("\x1b]0;t\x1b\na", "\x1b]0;t\x1b\na");
    }

    #[test]
    fn too_long_is_text() {
        let csi = |n| format!("\x1b[{}", "1".repeat(n - 2));
        check(&format!("{}m", csi(MAX_SEQUENCE - 1)), "");
        check(&format!("{}m", csi(MAX_SEQUENCE)), &format!("{}m", csi(MAX_SEQUENCE)));
        let osc = |n| format!("\x1b]{}", "x".repeat(n - 2));
        for end in ["\x07", "\x1b\\"] {
            check(&format!("{}{end}", osc(MAX_STRING - 1)), "");
        }
        check(&format!("{}\x07y", osc(MAX_STRING)), &format!("{}\x07y", osc(MAX_STRING)));
        let rest = "the log\n".repeat(9999);
        check(&format!("\x1b]{rest}"), &format!("\x1b]{rest}"));
    }

    #[test]
    fn holding_is_said() {
        let (mut filter, mut output) = (StripAnsi::new(), Vec::new());
        filter.push(b"a\x1b[3", &mut output);
        assert!(filter.is_holding());
        filter.push(b"1mb", &mut output);
        assert!(!filter.is_holding());
        assert_eq!(output, b"ab");
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            pieces in prop::collection::vec("[\x1b\x1b\x1b\\[\\]P\\\\0-9m;\x07\x18\n (é]{0,5}", 0..30),
        ) {
            let whole = pieces.concat();
            let chunks: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            let once = strip(&[whole.as_bytes()]);
            prop_assert_eq!(&strip(&chunks), &once);
            // What has no ESC is never lost.
            let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
            prop_assert_eq!(lines(&once), lines(whole.as_bytes()));
        }

        #[test]
        fn text_without_escapes_is_unchanged(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let text: Vec<u8> = bytes.into_iter().filter(|&byte| byte != ESC).collect();
            prop_assert_eq!(strip(&[&text]), text);
        }
    }
}
