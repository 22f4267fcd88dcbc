//! The numbers of users and groups.

/// (uid_t) -1 means "leave unchanged" to setresuid(2), so that it can be nobody's id.
const NO_ID: u32 = u32::MAX;

/// A uid or a gid in decimal, `0|[1-9][0-9]*` below 2^32-1: without sign, space or leading zero.
#[must_use]
pub fn parse_id(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse::<u32>().ok())?.filter(|id| *id != NO_ID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_have_one_spelling() {
        for (text, id) in [("0", 0), ("1000", 1000), ("4294967294", u32::MAX - 1)] {
            assert_eq!(parse_id(text), Some(id));
        }
        for text in [
            "",
            "-1",
            "+1",
            "-0",
            " 1",
            "1 ",
            "01",
            "00",
            "01000",
            "1x",
            "0x1",
            "1e3",
            "١",
            "4294967295",
            "4294967296",
            "18446744073709551616",
        ] {
            assert_eq!(parse_id(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_but_the_last_is_a_number(id in 0..u32::MAX) {
            prop_assert_eq!(parse_id(&id.to_string()), Some(id));
            prop_assert_eq!(parse_id(&format!("0{id}")), None);
            prop_assert_eq!(parse_id(&format!("+{id}")), None);
        }
    }
}
