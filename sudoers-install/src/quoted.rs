//! Words of a host, as they may be shown to the operator: few, on one line, and without the password that it got.

use zeroize::Zeroizing;

/// Most characters that are quoted of one text.
const QUOTED: usize = 300;
/// Most texts of a kind that are quoted of a host.
pub const TEXTS: usize = 5;
/// Shortest password that is looked for in a text, in bytes: a shorter one is in any text.
const FINDABLE: usize = 4;
/// What stands for a password.
const PASSWORD: &[u8] = b"[password]";
/// What stands for a text in which a password cannot be told from other words.
const NOT_SHOWN: &[u8] = b"[not shown]";

/// The beginning of a text.
#[must_use]
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(QUOTED).map_or(text, |(end, _)| &text[..end])
}

/// A text as it may stand in a sentence.
#[must_use]
pub fn quoted(text: &str) -> String {
    diagnostics::one_line(cut(text.trim()))
}

/// A text without a secret, in capitals or not, as it is or in hexadecimal digits; blanks and the newline around the
/// secret do not count. Who changes it otherwise, cannot be kept from showing it.
#[must_use]
pub fn without(said: &[u8], secret: &[u8]) -> Vec<u8> {
    let secret = secret.trim_ascii();
    if secret.len() < FINDABLE {
        return if said.is_empty() { Vec::new() } else { NOT_SHOWN.to_vec() };
    }
    // What a text that was no UTF-8 has become, too.
    let lossy = Zeroizing::new(String::from_utf8_lossy(secret).into_owned());
    let forms = [secret, lossy.as_bytes(), &hexadecimal(secret)];
    let mut kept = Vec::with_capacity(said.len());
    let mut rest = said;
    while let Some((first, after)) = rest.split_first() {
        let begins =
            |form: &&&[u8]| rest.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form));
        if let Some(form) = forms.iter().find(begins) {
            kept.extend_from_slice(PASSWORD);
            rest = &rest[form.len()..];
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept
}

fn hexadecimal(secret: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Room from the start: a buffer that grows leaves copies behind.
    let mut digits = Zeroizing::new(Vec::with_capacity(2 * secret.len()));
    for byte in secret {
        digits.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_line_of_few_characters() {
        assert_eq!(quoted(" a\nb\u{1b}[2J "), "a\\u{a}b\\u{1b}[2J");
        assert_eq!(quoted(&"\u{e9}".repeat(100_000)), "\u{e9}".repeat(QUOTED));
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        for (said, secret, shown) in [
            ("sorry: hunter2", "hunter2\n", "sorry: [password]"),
            ("hunter2hunter2", "hunter2\n", "[password][password]"),
            ("HUNTER2!", "hunter2\n", "[password]!"),
            ("0x68756E74657232.", "hunter2\n", "0x[password]."),
            ("<blanks >", " blanks \n", "<[password] >"),
            ("a snow \u{2603} man", "snow \u{2603}\n", "a [password] man"),
            ("hunter", "hunter2\n", "hunter"),
            ("", "hunter2\n", ""),
            // Of a short one nothing is shown: to take it out letter by letter would tell it.
            ("sorry: abc", "abc\n", "[not shown]"),
            ("sorry:", "  a \n", "[not shown]"),
            ("", "abc\n", ""),
        ] {
            let shown_now = without(said.as_bytes(), secret.as_bytes());
            assert_eq!(String::from_utf8_lossy(&shown_now), shown, "{said:?} {secret:?}");
        }
        assert_eq!(without(b"<latin \xe9\xff>", b"latin \xe9\xff\n"), b"<[password]>");
        assert_eq!(without("<latin \u{fffd}>".as_bytes(), b"latin \xe9\n"), b"<[password]>");
    }
}
