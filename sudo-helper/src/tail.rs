//! The end of a stream, in bounded memory.

use std::collections::VecDeque;

/// Most continuation bytes of one UTF-8 character (RFC 3629 3).
const MAX_CONTINUATION_BYTES: usize = 3;

/// Keeps the last bytes of what is pushed, at most as many as its limit.
#[derive(Debug)]
pub struct Tail {
    limit: usize,
    kept: VecDeque<u8>,
    truncated: bool,
}

/// What was kept, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tailed {
    /// The last bytes of the stream; each invalid sequence became U+FFFD, so that the text can have
    /// up to three times as many bytes as the limit.
    pub text: String,
    /// Whether the stream was longer than what is kept.
    pub truncated: bool,
    /// Whether something that was kept is not UTF-8.
    pub lossy: bool,
}

impl Tail {
    /// Keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: VecDeque::new(), truncated: false }
    }

    /// Takes the next bytes of the stream; the oldest make room.
    pub fn push(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(self.limit)..];
        let surplus = (self.kept.len() + new.len()).saturating_sub(self.limit);
        self.truncated |= surplus > 0 || new.len() < bytes.len();
        self.kept.drain(..surplus);
        self.kept.extend(new);
    }

    /// The text. A character that the limit cut through is left out whole.
    #[must_use]
    pub fn finish(mut self) -> Tailed {
        let kept = &*self.kept.make_contiguous();
        let cut = if self.truncated { continuation_bytes(kept) } else { 0 };
        let text = String::from_utf8_lossy(&kept[cut..]);
        let lossy = matches!(text, std::borrow::Cow::Owned(_));
        Tailed { text: text.into_owned(), truncated: self.truncated, lossy }
    }
}

/// How many bytes at the start can only be the rest of a character.
fn continuation_bytes(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_CONTINUATION_BYTES).take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tail(limit: usize, pieces: &[&[u8]]) -> Tailed {
        let mut tail = Tail::new(limit);
        pieces.iter().for_each(|piece| tail.push(piece));
        tail.finish()
    }

    fn tailed(text: &str, truncated: bool, lossy: bool) -> Tailed {
        Tailed { text: text.to_owned(), truncated, lossy }
    }

    #[test]
    fn the_end_is_kept() {
        assert_eq!(tail(5, &[]), tailed("", false, false));
        assert_eq!(tail(5, &[b"ab", b"cde"]), tailed("abcde", false, false));
        assert_eq!(tail(5, &[b"ab", b"cdef"]), tailed("bcdef", true, false));
        assert_eq!(tail(5, &[b"ab", b"0123456789"]), tailed("56789", true, false));
        assert_eq!(tail(0, &[b""]), tailed("", false, false));
        assert_eq!(tail(0, &[b"a"]), tailed("", true, false));
    }

    #[test]
    fn a_character_is_cut_whole() {
        assert_eq!(tail(4, &["a\u{20ac}b".as_bytes()]), tailed("\u{20ac}b", true, false));
        assert_eq!(tail(3, &["a\u{20ac}b".as_bytes()]), tailed("b", true, false));
        assert_eq!(tail(3, &["\u{1f600}".as_bytes()]), tailed("", true, false));
    }

    #[test]
    fn what_is_not_utf8_is_replaced_and_said() {
        assert_eq!(tail(9, &[b"a\xffb"]), tailed("a\u{fffd}b", false, true));
        assert_eq!(tail(9, &[b"\xe2", b"\x82"]), tailed("\u{fffd}", false, true));
        assert_eq!(tail(9, &["\u{fffd}".as_bytes()]), tailed("\u{fffd}", false, false));
        assert_eq!(tail(9, &[b"\x80"]), tailed("\u{fffd}", false, true));
    }

    proptest! {
        #[test]
        fn as_the_whole_stream_cut_at_its_end(
            limit in 0_usize..40,
            pieces in vec(vec(any::<u8>(), 0..30), 0..8),
        ) {
            let whole = pieces.concat();
            let mut tail = Tail::new(limit);
            for piece in &pieces {
                tail.push(piece);
                prop_assert!(tail.kept.len() <= limit);
            }
            let result = tail.finish();
            let mut end = &whole[whole.len().saturating_sub(limit)..];
            if whole.len() > limit {
                for _ in 0..3 {
                    if let [0x80..=0xbf, rest @ ..] = end {
                        end = rest;
                    }
                }
            }
            prop_assert_eq!(result.truncated, whole.len() > limit);
            prop_assert_eq!(result.lossy, std::str::from_utf8(end).is_err());
            prop_assert_eq!(result.text, String::from_utf8_lossy(end));
        }

        #[test]
        fn text_stays_text(text in any::<String>(), limit in 0_usize..40) {
            let result = tail(limit, &text.as_bytes().chunks(3).collect::<Vec<_>>());
            prop_assert!(!result.lossy);
            prop_assert!(text.ends_with(&result.text));
            prop_assert!(!result.truncated || result.text.len() + 3 >= limit);
        }
    }
}
