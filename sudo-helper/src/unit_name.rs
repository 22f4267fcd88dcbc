//! Names of systemd units, in one spelling: with their suffix.

use std::fmt;

use serde::Deserialize;

/// Longest name that systemd takes (unit-name.h, UNIT_NAME_MAX, less the NUL).
const MAX_LENGTH: usize = 255;

/// The suffix that systemctl(1) adds to a bare name.
const SERVICE: &str = ".service";

/// Unit types whose names may be asked for (systemd.unit(5)).
const SUFFIXES: [&str; 5] = [SERVICE, ".socket", ".timer", ".path", ".mount"];

/// Types that are none of a caller's business: they stand for states of the whole machine or for
/// other processes.
const REFUSED_SUFFIXES: [&str; 6] = [".target", ".slice", ".scope", ".device", ".swap", ".automount"];

/// A unit's full name, such as `nginx.service` or `getty@tty1.service`.
///
/// No option, no path, no pattern: what it names is one unit whatever systemctl(1) thinks of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UnitName(String);

/// Why a text is no unit's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadUnitName {
    /// Nothing, or too long.
    Length,
    /// It begins with `-` or `.`.
    Start,
    /// A character outside `A-Z a-z 0-9 : _ . \ @ -`.
    Character,
    /// `name@` without an instance, or more than one `@`.
    Template,
    /// A target, slice, scope or other type that is not for callers.
    Type,
}

impl fmt::Display for BadUnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a unit's name has 1 to 255 characters",
            Self::Start => "a unit's name begins with a letter, a digit, ':', '_' or '\\'",
            Self::Character => "a unit's name holds only letters, digits and ':_.\\@-'",
            Self::Template => "a template's instance is named whole, such as getty@tty1",
            Self::Type => "only services, sockets, timers, paths and mounts can be named",
        })
    }
}

impl std::error::Error for BadUnitName {}

impl UnitName {
    /// Reads a name as systemctl(1) would complete it: without a known suffix it is a service.
    ///
    /// # Errors
    /// See [`BadUnitName`].
    pub fn parse(text: &str) -> Result<Self, BadUnitName> {
        let start = text.bytes().next().ok_or(BadUnitName::Length)?;
        if matches!(start, b'-' | b'.') {
            return Err(BadUnitName::Start);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte)) {
            return Err(BadUnitName::Character);
        }
        if REFUSED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            return Err(BadUnitName::Type);
        }
        let known = SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
        let full = if known { text.to_owned() } else { format!("{text}{SERVICE}") };
        if full.len() > MAX_LENGTH {
            return Err(BadUnitName::Length);
        }
        match full.split_once('@') {
            Some((prefix, rest)) if prefix.is_empty() || rest.starts_with('.') || rest.contains('@') => {
                Err(BadUnitName::Template)
            }
            _ => Ok(Self(full)),
        }
    }

    /// The full name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people say it: a service without its suffix.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.strip_suffix(SERVICE).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for UnitName {
    type Error = BadUnitName;

    fn try_from(text: String) -> Result<Self, BadUnitName> {
        Self::parse(&text)
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_a_service() {
        for (text, full, short) in [
            ("nginx", "nginx.service", "nginx"),
            ("nginx.service", "nginx.service", "nginx"),
            ("snapd.socket", "snapd.socket", "snapd.socket"),
            ("php8.2-fpm", "php8.2-fpm.service", "php8.2-fpm"),
            ("getty@tty1", "getty@tty1.service", "getty@tty1"),
            ("1", "1.service", "1"),
            ("dev-sda\\x2d1", "dev-sda\\x2d1.service", "dev-sda\\x2d1"),
        ] {
            let name = UnitName::parse(text).expect(text);
            assert_eq!((name.as_str(), name.short()), (full, short));
        }
    }

    #[test]
    fn what_is_not_one_unit_is_refused() {
        let long = "a".repeat(248);
        for (text, why) in [
            ("", BadUnitName::Length),
            (&long, BadUnitName::Length),
            ("-H", BadUnitName::Start),
            (".service", BadUnitName::Start),
            ("..", BadUnitName::Start),
            ("g*d", BadUnitName::Character),
            ("a?", BadUnitName::Character),
            ("[ab]", BadUnitName::Character),
            ("/tmp/evil.service", BadUnitName::Character),
            ("nginx\n", BadUnitName::Character),
            ("nginx ssh", BadUnitName::Character),
            ("nginх", BadUnitName::Character),
            ("nginx\0", BadUnitName::Character),
            ("tpl@", BadUnitName::Template),
            ("tpl@.service", BadUnitName::Template),
            ("@x", BadUnitName::Template),
            ("a@b@c", BadUnitName::Template),
            ("reboot.target", BadUnitName::Type),
            ("user.slice", BadUnitName::Type),
            ("init.scope", BadUnitName::Type),
        ] {
            assert_eq!(UnitName::parse(text), Err(why), "{text:?}");
        }
    }
}
