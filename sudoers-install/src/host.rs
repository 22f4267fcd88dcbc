//! A host of an inventory, in names that are safe to hand to ssh(1).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// Longest name of a host (RFC 1035 2.3.4), and longest alias.
const MAX_NAME: usize = 253;
/// Longest label of a host's name (RFC 1035 2.3.4).
const MAX_LABEL: usize = 63;
/// Longest login name; useradd(8) allows 256 at most.
const MAX_LOGIN: usize = 256;
/// Longest name of an interface in an IPv6 zone (linux/if.h, IFNAMSIZ without the final NUL).
const MAX_ZONE: usize = 15;

/// One host, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What a person calls it; no two hosts of an inventory share it.
    pub alias: Alias,
    /// What ssh(1) connects to; may be a name of the user's ssh_config(5).
    pub hostname: HostName,
    /// `-l`; without it, ssh_config(5) or the local account decides.
    pub login: Option<LoginName>,
    /// `-p`; without it, ssh_config(5) or 22.
    pub port: Option<Port>,
    /// `-i`: the file of a key. Whether it is there is ssh's to find out.
    pub identity: Option<PathBuf>,
    /// `-o ProxyCommand=`: a line for the local user's shell, as ssh_config(5) says.
    pub proxy_command: Option<String>,
    /// Further words for ssh(1), each one argument, from an allow-list; they come before `--`.
    pub ssh_args: Vec<String>,
    /// The groups that it is in, those above them included, sorted; never `all`.
    pub groups: Vec<String>,
}

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadName(&'static str);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadName {}

/// What a person calls a host or a group: printable, nothing that a pattern reads otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(String);

impl Alias {
    /// Reads an alias.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(BadName("a name has 1 to 253 bytes"));
        }
        if text.contains(['[', ']']) {
            return Err(BadName(
                "ranges like web[1:5] are not read here; write the hosts out, or run \
                 'ansible-inventory --list | sudoers-install cluster --inventory -'",
            ));
        }
        let colon = text.contains(':') && text.parse::<Ipv6Addr>().is_err();
        let printable =
            |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !"!,*?{}\"'`\\".contains(c));
        if text.starts_with('-') || colon || !text.chars().all(printable) {
            return Err(BadName(
                "a name holds printable characters, no spaces, no quotes, none of ':!,*?{}\\', and no '-' first",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The alias.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What ssh(1) connects to: a DNS name, or a complete IPv4 or IPv6 address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// Reads a name or an address.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let good = if text.contains(':') {
            is_ipv6(text)
        } else if ends_in_a_number(text) {
            // inet_aton(3) would read 127.1 and 017.0.0.1 as an address that nobody meant.
            text.parse::<Ipv4Addr>().is_ok()
        } else {
            text.len() <= MAX_NAME && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
        };
        let rule = "a host is a DNS name, or a whole IPv4 or IPv6 address (no brackets, no port, no 'user@')";
        if good { Ok(Self(text.to_owned())) } else { Err(BadName(rule)) }
    }

    /// The name or address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn ends_in_a_number(text: &str) -> bool {
    let last = text.rsplit('.').find(|label| !label.is_empty());
    last.is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A label may hold `_`, as names of ssh_config(5) and of Windows do.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// An address with or without a zone (RFC 4007 11).
fn is_ipv6(text: &str) -> bool {
    let zone_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let (address, zone) = text.split_once('%').unwrap_or((text, "lo"));
    address.parse::<Ipv6Addr>().is_ok() && (1..=MAX_ZONE).contains(&zone.len()) && zone.bytes().all(zone_byte)
}

/// A login name that is safe as the operand of `-l`, and as `%r` in a ProxyCommand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

impl LoginName {
    /// Reads a login name: letters, digits, `._@+-`, and one `\` between domain and user.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
        let part = |part: &str| !part.is_empty() && part.bytes().all(plain);
        let (domain, user) = text.split_once('\\').unwrap_or(("domain", text));
        if text.len() > MAX_LOGIN || text.starts_with('-') || !part(domain) || !part(user) {
            return Err(BadName(
                "a login name has 1 to 256 letters, digits and '._@+-' (or DOMAIN\\user), and no '-' first",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A TCP port that can be connected to, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// Reads a port: decimal digits, no sign, no leading zero.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let decimal = text.starts_with(|c: char| matches!(c, '1'..='9'));
        match text.parse() {
            Ok(port) if decimal => Ok(Self(port)),
            _ => Err(BadName("a port is a decimal number from 1 to 65535")),
        }
    }

    /// The number, never 0.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
