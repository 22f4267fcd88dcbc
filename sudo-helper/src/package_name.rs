//! Names of Debian packages.

use std::fmt;

use serde::Deserialize;

/// Longer than any package of the archive; an operand that is longer is not looked at.
const MAX_LENGTH: usize = 128;

/// A package's name, nothing that apt-get(8) reads otherwise: no version, no suite, no pattern.
///
/// A name may end in `+`, as `g++` does. apt-get(8) reads a final `+` or `-` as install and remove
/// when no package has that very name, so such a name can be used only where the policy lists it,
/// and only `+` can end one: no package of the archive ends in `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PackageName(String);

/// Why a text is no package's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPackageName {
    /// Shorter than two characters (Debian policy 5.6.7), or too long.
    Length,
    /// A character outside `a-z 0-9 + . -`, or a start that is neither letter nor digit.
    Character,
    /// It ends in `-`: apt-get(8) would remove the package.
    Ending,
}

impl fmt::Display for BadPackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a package's name has 2 to 128 characters",
            Self::Character => {
                "a package's name holds only lower-case letters, digits and '+.-', and no '-' first"
            }
            Self::Ending => "a package's name does not end in '-'",
        })
    }
}

impl std::error::Error for BadPackageName {}

impl PackageName {
    /// Reads a name.
    ///
    /// # Errors
    /// See [`BadPackageName`].
    pub fn parse(text: &str) -> Result<Self, BadPackageName> {
        if !(2..=MAX_LENGTH).contains(&text.len()) {
            return Err(BadPackageName::Length);
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_plain = text.bytes().next().is_some_and(plain);
        if !starts_plain || !text.bytes().all(|byte| plain(byte) || b"+.-".contains(&byte)) {
            return Err(BadPackageName::Character);
        }
        if text.ends_with('-') {
            return Err(BadPackageName::Ending);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PackageName {
    type Error = BadPackageName;

    fn try_from(text: String) -> Result<Self, BadPackageName> {
        Self::parse(&text)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_archive() {
        for name in ["curl", "docker.io", "trash-cli", "g++", "0ad", "libstdc++6", "libc6"] {
            assert_eq!(PackageName::parse(name).expect(name).as_str(), name);
        }
    }

    #[test]
    fn what_apt_would_read_otherwise_is_refused() {
        let long = "a".repeat(129);
        for (text, why) in [
            ("", BadPackageName::Length),
            ("a", BadPackageName::Length),
            (&long, BadPackageName::Length),
            ("hello-", BadPackageName::Ending),
            ("-s", BadPackageName::Character),
            ("--reinstall", BadPackageName::Character),
            ("n.*", BadPackageName::Character),
            ("curl/stable", BadPackageName::Character),
            ("curl=1", BadPackageName::Character),
            ("curl:i386", BadPackageName::Character),
            ("task^", BadPackageName::Character),
            ("./x.deb", BadPackageName::Character),
            ("/tmp/x.deb", BadPackageName::Character),
            ("Curl", BadPackageName::Character),
            ("cur\nl", BadPackageName::Character),
            ("сurl", BadPackageName::Character),
            ("~nvim", BadPackageName::Character),
        ] {
            assert_eq!(PackageName::parse(text), Err(why), "{text:?}");
        }
    }
}
