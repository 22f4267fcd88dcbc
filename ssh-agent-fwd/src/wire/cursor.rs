//! The data types of RFC 4251 section 5, read from a slice that ends where the message ends.

/// The length before a string, in bytes.
const LENGTH: usize = 4;

/// Reads fields one after the other. A field that is not there whole is `None`, and nothing is consumed.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the start of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next so many bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    /// `byte`.
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// `boolean`: everything but 0 is true.
    pub fn boolean(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    /// `uint32`, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    /// `string`: its bytes, without the length before them.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = usize::try_from(ahead.u32()?).ok()?;
        let string = ahead.bytes(length)?;
        *self = ahead;
        Some(string)
    }

    /// `string` that is text: UTF-8 without NUL, at which a program in C would stop reading.
    pub fn text(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        let text = std::str::from_utf8(ahead.string()?).ok().filter(|text| !text.contains('\0'))?;
        *self = ahead;
        Some(text)
    }

    /// So many strings, as they stand: their lengths are in the bytes.
    pub fn strings(&mut self, count: usize) -> Option<&'a [u8]> {
        let mut ahead = *self;
        for _ in 0..count {
            ahead.string()?;
        }
        self.bytes(self.rest.len() - ahead.rest.len())
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing is left.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a `string`. It must be shorter than 4 GiB, as whatever came out of a frame is.
pub fn put_string(into: &mut Vec<u8>, string: &[u8]) {
    into.reserve(LENGTH + string.len());
    into.extend_from_slice(&(string.len() as u32).to_be_bytes());
    into.extend_from_slice(string);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_in_order() {
        let mut cursor = Cursor::new(b"\x07\x00\x02\x01\x02\x03\x04\x00\x00\x00\x03abc\x00\x00\x00\x00z");
        assert_eq!(cursor.byte(), Some(7));
        assert_eq!((cursor.boolean(), cursor.boolean()), (Some(false), Some(true)));
        assert_eq!(cursor.u32(), Some(0x0102_0304));
        assert_eq!(cursor.string(), Some(&b"abc"[..]));
        assert_eq!(cursor.string(), Some(&b""[..]));
        assert!(!cursor.is_at_end());
        assert_eq!(cursor.rest(), b"z");
        assert_eq!(cursor.byte(), Some(b'z'));
        assert!(cursor.is_at_end());
    }

    #[test]
    fn a_field_that_is_not_there_whole_is_not_read() {
        for bytes in [&b""[..], b"\0", b"\0\0\0", b"\0\0\0\x01", b"\0\0\0\x03ab", b"\xff\xff\xff\xffabc"] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!((cursor.string(), cursor.text(), cursor.strings(1)), (None, None, None), "{bytes:?}");
            assert_eq!(cursor.bytes(bytes.len() + 1), None, "{bytes:?}");
            assert_eq!(cursor.rest(), bytes, "nothing is consumed");
        }
        assert_eq!(Cursor::new(b"").byte(), None);
        assert_eq!(Cursor::new(b"").boolean(), None);
        assert_eq!(Cursor::new(b"\0\0\0").u32(), None);
    }

    #[test]
    fn text_is_utf_8_without_nul() {
        for (bytes, text) in [
            (&b"git"[..], Some("git")),
            (b"", Some("")),
            ("gît".as_bytes(), Some("gît")),
            (b"git\0", None),
            (b"\0git", None),
            (b"\xff", None),
        ] {
            let mut message = Vec::new();
            put_string(&mut message, bytes);
            assert_eq!(Cursor::new(&message).text(), text, "{bytes:?}");
        }
    }

    #[test]
    fn several_strings_are_read_as_they_stand_or_not_at_all() {
        let bytes = b"\0\0\0\x01a\0\0\0\0\0\0\0\x02bcx";
        let mut cursor = Cursor::new(bytes);
        assert_eq!(cursor.strings(4), None);
        assert_eq!(cursor.strings(0), Some(&b""[..]));
        assert_eq!(cursor.strings(3), Some(&bytes[..15]));
        assert_eq!(cursor.rest(), b"x");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        ) {
            let mut message = Vec::new();
            strings.iter().for_each(|string| put_string(&mut message, string));
            let mut cursor = Cursor::new(&message);
            for string in &strings {
                prop_assert_eq!(cursor.string(), Some(string.as_slice()));
            }
            prop_assert!(cursor.is_at_end());
            prop_assert_eq!(Cursor::new(&message).strings(strings.len()), Some(message.as_slice()));
        }

        #[test]
        fn whatever_stands_there_a_string_lies_in_it(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut cursor = Cursor::new(&bytes);
            match cursor.string() {
                None => prop_assert_eq!(cursor.rest(), bytes.as_slice()),
                Some(string) => {
                    let end = LENGTH + string.len();
                    prop_assert_eq!(string, &bytes[LENGTH..end]);
                    prop_assert_eq!(cursor.rest(), &bytes[end..]);
                }
            }
        }
    }
}
