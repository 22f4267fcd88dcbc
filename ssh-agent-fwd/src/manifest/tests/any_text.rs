//! Whatever the text is.

use proptest::prelude::*;

use super::{example, read};

proptest! {
    #[test]
    fn whatever_is_cut_out_or_doubled_no_key_is_in_the_error(from in 0_usize..600, length in 0_usize..200, twice: bool) {
        let text = example();
        let (from, to) = (from.min(text.len()), (from + length).min(text.len()));
        let middle = if twice { text[from..to].repeat(2) } else { String::new() };
        let text = [&text[..from], &middle, &text[to..]].concat();
        if let Err(failure) = read(&text) {
            prop_assert!(!failure.error.contains("SECRET"), "{}", failure);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[{"a-z:, 0-9}\]]{0,60}"#) {
        let _ = read(&text);
    }
}
