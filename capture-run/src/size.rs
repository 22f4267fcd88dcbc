//! `SIZE` as the coreutils read it: bytes, or K, M, G and T in powers of 1024.

/// Reads a size in bytes.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let (number, shift) = match text.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(number) => (number, 10 * (1 + "KMGT".find(&text[text.len() - 1..])?)),
        None => (text, 0),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| plain)?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(parse("4096"), Some(4096));
        assert_eq!(parse("8K"), Some(8192));
        assert_eq!(parse("3M"), Some(3 << 20));
        assert_eq!(parse("2G"), Some(2 << 30));
        assert_eq!(parse("1T"), Some(1 << 40));
        for text in ["", "K", "-1", "+1", "1k", "1KB", "1.5M", "99999999999T"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
