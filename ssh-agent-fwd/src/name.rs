//! Names and paths from outside, each checked once: none can leave its place in a line of ssh_config(5) or of
//! known_hosts (sshd(8)), in a path, or among arguments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod path;

pub use path::{AbsolutePath, BadPath, SocketPath};

/// What a name may be made of, besides ASCII letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grammar {
    what: &'static str,
    longest: usize,
    begins: &'static str,
    holds: &'static str,
}

/// What is no such name. Its sentence does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadName(Grammar);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Grammar { what, longest, begins, holds } = self.0;
        write!(f, "{what} has 1 to {longest} letters (A-Z, a-z), digits and {holds}")?;
        let or = if begins.is_empty() { String::new() } else { format!(" or one of {begins}") };
        write!(f, ", and begins with a letter or a digit{or}")
    }
}

impl std::error::Error for BadName {}

impl Grammar {
    fn check(self, text: &str) -> Result<String, BadName> {
        let fits = |c: char, also: &str| c.is_ascii_alphanumeric() || also.contains(c);
        let begins = text.chars().next().is_some_and(|c| fits(c, self.begins));
        let holds = text.len() <= self.longest && text.chars().all(|c| fits(c, self.holds));
        if begins && holds { Ok(text.to_owned()) } else { Err(BadName(self)) }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $longest:literal, $begins:literal, $holds:literal;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            const GRAMMAR: Grammar =
                Grammar { what: $what, longest: $longest, begins: $begins, holds: $holds };

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::GRAMMAR.check(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

names! {
    /// An instance of this program; also the name of its folder in /run.
    Name: "the name of an instance", 64, "_", "_.-";
    /// A word after `Host`, the first of a `known_hosts` line, and what `ssh` is called with: neither a pattern nor
    /// an option (ssh_config(5), PATTERNS).
    Alias: "a host's alias", 255, "_", "_.-";
    /// The name or address of a host; no token of ssh_config(5) (`%h`), no pattern, no list.
    HostName: "a host's name or address", 255, "_:", "_.:-";
    /// Whom `ssh` logs in as.
    RemoteUser: "a remote user's name", 128, "_", "_.@+-";
    /// An account or a group of this host.
    AccountName: "an account's name", 256, "_", "_.@$-";
    /// What an SSHSIG signature is for, such as `git` (PROTOCOL.sshsig, section 2: never empty).
    Namespace: "a namespace", 128, "_", "_.@+:/=-";
    /// A file in the folder of systemd's credentials (systemd.exec(5), LoadCredential=).
    CredentialName: "a credential's name", 255, "_", "_.@-";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of these leaves its place in some file, path or argument vector.
    const HOSTILE: [&str; 30] = [
        "",
        " ",
        "a b",
        "a\tb",
        "a\nProxyCommand x",
        "a\r",
        "a\0",
        "-oProxyCommand=x",
        "*",
        "?",
        "!a",
        "a,b",
        "a*",
        "#a",
        "a#b",
        "\"a\"",
        "a\"",
        "'a'",
        "%h",
        "a%h",
        "${HOME}",
        "$(x)",
        "`x`",
        "@cert-authority",
        "|1|a|b",
        "..",
        ".",
        "../a",
        "a;b",
        "é",
    ];

    fn refused<T: FromStr<Err = BadName>>() {
        for text in HOSTILE {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_name_leaves_its_place() {
        refused::<Name>();
        refused::<Alias>();
        refused::<HostName>();
        refused::<RemoteUser>();
        refused::<AccountName>();
        refused::<Namespace>();
        refused::<CredentialName>();
    }

    #[test]
    fn the_names_in_use_are_taken() {
        for (name, taken) in [
            ("default", "default".parse::<Name>().is_ok()),
            ("git", "git".parse::<Alias>().is_ok()),
            ("git.example.org", "git.example.org".parse::<HostName>().is_ok()),
            ("2001:db8::1", "2001:db8::1".parse::<HostName>().is_ok()),
            ("::1", "::1".parse::<HostName>().is_ok()),
            ("bob@example.org", "bob@example.org".parse::<RemoteUser>().is_ok()),
            ("_apt", "_apt".parse::<AccountName>().is_ok()),
            ("git", "git".parse::<Namespace>().is_ok()),
            ("ssh-key_1", "ssh-key_1".parse::<CredentialName>().is_ok()),
        ] {
            assert!(taken, "{name}");
        }
    }

    #[test]
    fn a_name_has_a_longest_and_the_error_says_it_without_the_text() {
        assert!("a".repeat(64).parse::<Name>().is_ok());
        let error = "a".repeat(65).parse::<Name>().expect_err("too long").to_string();
        assert_eq!(
            error,
            "the name of an instance has 1 to 64 letters (A-Z, a-z), digits and _.-, and begins with a letter or a \
             digit or one of _"
        );
    }

    #[test]
    fn json_reads_names_by_the_same_grammar() {
        assert_eq!(serde_json::from_str::<Alias>("\"git\"").expect("read").as_str(), "git");
        assert!(serde_json::from_str::<Alias>("\"a\\nb\"").is_err());
    }
}
