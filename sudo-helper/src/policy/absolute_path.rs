//! Paths that a policy names: absolute, and in one spelling.

use std::path::Path;

use serde::Deserialize;

use super::error::printable;

/// Longest path in bytes (limits.h, PATH_MAX, less the NUL).
const MAX_LENGTH: usize = 4095;

/// An absolute path without `.`, `..`, empty parts, or characters that need quoting anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct AbsolutePath(String);

impl AbsolutePath {
    /// As written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is there is the kernel's, and may be something else for each process.
    pub(super) fn is_kernels(&self) -> bool {
        ["/proc", "/sys", "/dev"].iter().any(|kernel| Path::new(&self.0).starts_with(kernel))
    }

    /// The last part; empty for `/`.
    pub(super) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl TryFrom<String> for AbsolutePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("'{}' {why}", printable(&text)));
        let Some(rest) = text.strip_prefix('/') else { return refuse("is not an absolute path") };
        if text.len() > MAX_LENGTH {
            return refuse("is too long");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte)) {
            return refuse("holds more than letters, digits and '/._+-'");
        }
        if !rest.is_empty() && rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("has a part that is empty, '.' or '..'");
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (text, name) in [("/", ""), ("/usr/sbin/reboot", "reboot"), ("/usr/bin/g++-12.1_x", "g++-12.1_x")]
        {
            assert_eq!(AbsolutePath::try_from(text.to_owned()).expect(text).name(), name);
        }
        let long = format!("/{}", "a".repeat(4095));
        for text in [
            "",
            "reboot",
            "./reboot",
            "//",
            "/usr//bin/x",
            "/usr/./x",
            "/usr/../x",
            "/usr/bin/",
            "/a b",
            "/a\n",
            "/a*",
            "/{slot}",
            "/ä",
            "/a:b",
            &long,
        ] {
            assert!(AbsolutePath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
