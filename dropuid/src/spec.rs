//! `USER[:GROUP]`, as chroot(1) reads its `--userspec`.

use std::ffi::OsStr;
use std::fmt;

use accounts::parse_id;

/// Longer names exist in no account database (useradd(8) stops at 256).
const MAX_NAME: usize = 256;

/// A user or a group as the operator wrote it: a name, a number or both, never anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    text: String,
    number: Option<u32>,
}

impl Principal {
    /// Accepts what can stand as a name in passwd(5) or group(5) and what is a decimal number below
    /// 2^32-1 without sign or leading zero.
    ///
    /// # Errors
    /// For anything else: see [`SpecError`].
    pub fn new(text: &str) -> Result<Self, SpecError> {
        if text.is_empty() {
            return Err(SpecError::Empty);
        }
        let number = parse_id(text);
        // A compat entry of passwd(5) begins with a sign; getent(1) would take a dash for an option.
        let signed = text.starts_with(['-', '+']);
        let foreign = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | ',' | '/');
        if text.len() > MAX_NAME || signed || text.contains(foreign) {
            return Err(SpecError::NotAName(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), number })
    }

    /// The text, to be looked up as a name.
    #[must_use]
    pub fn as_name(&self) -> &str {
        &self.text
    }

    /// The number, if the text is one.
    #[must_use]
    pub fn as_number(&self) -> Option<u32> {
        self.number
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whom to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The user.
    pub user: Principal,
    /// The only group, in place of all of the user's.
    pub group: Option<Principal>,
}

/// Why a spec was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecError {
    /// There is nothing: as a rule an unset shell variable.
    Empty,
    /// A colon without a user before it.
    NoUser,
    /// More than one colon.
    TwoColons,
    /// Bytes that are no UTF-8.
    NotText,
    /// Neither a name nor a number.
    NotAName(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the user is empty (an unset shell variable?); nothing was run"),
            Self::NoUser => f.write_str("there is no user before the colon"),
            Self::TwoColons => f.write_str("USER[:GROUP] has one colon at most"),
            Self::NotText => f.write_str("the user is not valid UTF-8"),
            Self::NotAName(text) => {
                write!(f, "'{text}' is neither a name nor a decimal number below 4294967295")
            }
        }
    }
}

impl std::error::Error for SpecError {}

impl Spec {
    /// Reads `USER`, `USER:` or `USER:GROUP`.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn parse(spec: &OsStr) -> Result<Self, SpecError> {
        let spec = spec.to_str().ok_or(SpecError::NotText)?;
        let (user, group) = match spec.split_once(':') {
            Some((_, group)) if group.contains(':') => return Err(SpecError::TwoColons),
            Some(("", _)) => return Err(SpecError::NoUser),
            Some((user, group)) => (user, group),
            None => (spec, ""),
        };
        let group = if group.is_empty() { None } else { Some(Principal::new(group)?) };
        Ok(Self { user: Principal::new(user)?, group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(spec: &str) -> Result<Spec, SpecError> {
        Spec::parse(OsStr::new(spec))
    }

    #[test]
    fn accepted_forms() {
        let table = [
            ("ubuntu", "ubuntu", None, None),
            ("ubuntu:", "ubuntu", None, None),
            ("0day", "0day", None, None),
            ("1000", "1000", Some(1000), None),
            ("0", "0", Some(0), None),
            ("4294967294", "4294967294", Some(4_294_967_294), None),
            ("ubuntu:devs", "ubuntu", None, Some("devs")),
            ("1000:1001", "1000", Some(1000), Some("1001")),
            ("DOM\\user", "DOM\\user", None, None),
        ];
        for (spec, user, number, group) in table {
            let parsed = parse(spec).expect(spec);
            assert_eq!(parsed.user.as_name(), user);
            assert_eq!(parsed.user.as_number(), number, "{spec}");
            assert_eq!(parsed.group.as_ref().map(Principal::as_name), group);
        }
    }

    #[test]
    fn refused_forms() {
        for spec in
            ["", ":", ":devs", "a:b:c", "-1", "+1000", "a b", " a", "a\t", "a\n", "a/b", "a,b", "a:-1"]
        {
            assert!(parse(spec).is_err(), "{spec:?} was accepted");
        }
        assert!(Principal::new("a\0b").is_err());
        assert!(parse(&"a".repeat(MAX_NAME + 1)).is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(spec in ".*") {
            let _ = parse(&spec);
        }
    }
}
