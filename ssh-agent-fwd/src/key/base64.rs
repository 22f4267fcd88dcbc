//! Base64 of RFC 4648 section 4, with padding: one spelling for every sequence of bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Stands for the characters that the last bytes do not need.
const PAD: u8 = b'=';

/// The bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let character =
                if at > group.len() { PAD } else { ALPHABET[(bits >> (18 - 6 * at)) as usize & 63] };
            text.push(char::from(character));
        }
    }
    text
}

/// The six bits that a character stands for.
pub(crate) fn value(character: u8) -> Option<u32> {
    u32::try_from(ALPHABET.iter().position(|known| *known == character)?).ok()
}

/// The bytes of a text; `None` for everything that [`encode`] does not write.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<4>() else { return None };
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for group in groups {
        let pads = group.iter().rev().take_while(|&&character| character == PAD).count();
        let mut bits = 0;
        for character in &group[..group.len() - pads] {
            bits = bits << 6 | value(*character)?;
        }
        bits <<= 6 * pads;
        bytes.extend_from_slice(bits.to_be_bytes()[1..].get(..3_usize.checked_sub(pads)?)?);
    }
    // Bits that count for nothing, and padding before the end, would be second spellings.
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn no_second_spelling_is_read() {
        for text in [
            "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 8", "Zm8\n", "Zm-_",
            "Zm8é", "=m8=", "Z=8=",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn what_is_read_is_written_so(text in "[A-Za-z0-9+/=]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
