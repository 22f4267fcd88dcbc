//! How a rule and a file's name spell the account that the rule is for.

use std::fmt::{self, Display, Write};

use sha2::{Digest, Sha256};

use crate::account::Account;

/// Longest part of a name that a file's name repeats, in bytes: with the rest, it stays below NAME_MAX.
const MAX_STEM: usize = 64;
/// Longest name that a rule repeats, in bytes: sudo-rs reads 255 of a name.
const MAX_PLAIN: usize = 64;
/// Bytes of the digest that tell names apart whose stems would be the same.
const TAG_BYTES: usize = 4;
/// Plain names that sudo's own lexer reads as a keyword (sudoers(5), "sudoedit"; the digests in that of 1.8,
/// plugins/sudoers/toke.l).
const KEYWORDS: [&str; 6] = ["sudoedit", "list", "sha224", "sha256", "sha384", "sha512"];

/// The user of a rule as sudoers(5) reads it: a plain name, else `#uid`, which every sudo reads alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToken {
    uid: u32,
    name: String,
}

impl UserToken {
    /// That of an account.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        Self { uid: account.uid, name: account.name.clone() }
    }

    /// What a comment beside the rule says, where the rule does not show the name.
    #[must_use]
    pub fn comment(&self) -> Option<String> {
        let escaped = escape(&self.name);
        (!is_plain(&self.name))
            .then(|| format!("#{} is {escaped}, a name that sudo could read otherwise.", self.uid))
    }
}

impl Display for UserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(&self.name) { f.write_str(&self.name) } else { write!(f, "#{}", self.uid) }
    }
}

/// Whether every sudo reads the name as that of one user. A dollar sign may only end it, for sudo-rs.
fn is_plain(name: &str) -> bool {
    let start = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.@-".contains(&byte);
    let short = name.len() <= MAX_PLAIN && !KEYWORDS.contains(&name);
    start && short && name.strip_suffix('$').unwrap_or(name).bytes().all(rest)
}

/// The part of a file's name that stands for a user: `[A-Za-z0-9_-]` only, for sudo skips names with a
/// dot or a final tilde (sudoers(5), `@includedir`).
///
/// A name that is not used as it is ends in `_` and the start of its SHA-256; so does every name that
/// looks as if it did. So two names share a stem only when their digests start alike.
#[must_use]
pub fn stem(name: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.len() <= MAX_STEM && name.bytes().all(kept) && !looks_tagged(name) {
        return name.to_owned();
    }
    let bytes = name.bytes().take(MAX_STEM);
    let mut stem: String = bytes.map(|byte| if kept(byte) { char::from(byte) } else { '_' }).collect();
    stem.push('_');
    for byte in Sha256::digest(name).iter().take(TAG_BYTES) {
        let _ = write!(stem, "{byte:02x}");
    }
    stem
}

fn looks_tagged(name: &str) -> bool {
    let tag = name.rsplit_once('_').map(|(_, tag)| tag);
    tag.is_some_and(|tag| tag.len() == 2 * TAG_BYTES && tag.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A name as a word of a comment: bytes that a comment could be ended or continued with as `%XX`.
#[must_use]
pub fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.@$-".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The name that [`escape`] has given this text for; `None` when it has given it for none.
#[must_use]
pub fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|name| escape(name) == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(name: &str) -> UserToken {
        UserToken::of(&Account { uid: 1 << 31, gid: 1, name: name.to_owned() })
    }

    #[test]
    fn a_plain_name_is_used_and_any_other_is_a_number_with_a_comment() {
        for name in ["alice", "_apt", "john.doe", "a@b", "host$", "a-1", "all", "defaults"] {
            assert_eq!((token(name).to_string().as_str(), token(name).comment()), (name, None));
        }
        for name in [
            "DOM\\bob", "jane doe", "ALL", "a,b", "BUILD", "Defaults", "%x", "-x", "#5", "0day", "é", "+n",
            "sudoedit", "list", "sha256", "a=b", "a!b", "a$b", "a$$", "$", "\"q\"", "",
        ] {
            assert_eq!(token(name).to_string(), "#2147483648", "{name}");
            assert!(token(name).comment().is_some(), "{name}");
        }
        assert!(token(&"a".repeat(65)).comment().is_some());
        let comment = token("DOM\\bob\\").comment().expect("a comment");
        assert_eq!(comment, "#2147483648 is DOM%5Cbob%5C, a name that sudo could read otherwise.");
    }

    #[test]
    fn a_stem_is_the_name_or_says_that_it_is_not() {
        for name in ["alice", "A-b_c", "a_1234567", "a_123456789", "a_1234567g"] {
            assert_eq!(stem(name), name);
        }
        assert_eq!(stem("john.doe"), "john_doe_30f69670");
        // The same name without a dot is another user, whose file is another.
        assert_ne!(stem("john_doe_30f69670"), "john_doe_30f69670");
        let [long, longer] = [250, 256].map(|length| stem(&"a".repeat(length)));
        assert_ne!(long, longer);
        assert!(longer.len() <= MAX_STEM + 9, "{longer}");
    }

    proptest! {
        #[test]
        fn stems_are_names_of_files_that_sudo_reads_and_differ(
            names in prop::array::uniform2("[a-b._~/ é_0-1]{0,12}(_[0-9a-f]{8})?"),
        ) {
            let stems = [stem(&names[0]), stem(&names[1])];
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            prop_assert!(stems.iter().all(|stem| !stem.is_empty() && stem.chars().all(plain)));
            prop_assert_eq!(names[0] == names[1], stems[0] == stems[1]);
            // Nor is there a second step: what one name's stem is, no other name is used as.
            prop_assert!(stem(&stems[0]) != stems[0] || stems[0] == names[0]);
        }

        #[test]
        fn an_escaped_name_is_one_word_and_comes_back(name in any::<String>()) {
            let escaped = escape(&name);
            prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
            prop_assert_eq!(unescape(&escaped), Some(name));
        }

        #[test]
        fn what_no_name_was_escaped_to_is_none(text in "[%a0-9F]{0,8}") {
            prop_assert!(unescape(&text).is_none_or(|name| escape(&name) == text));
        }
    }
}
