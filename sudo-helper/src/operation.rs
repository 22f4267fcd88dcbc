//! What can be asked for: one typed value an operation, and its one spelling.

use std::collections::BTreeMap;
use std::fmt;

use diagnostics::nearest;
use serde::{Deserialize, Serialize};

use crate::package_name::{BadPackageName, PackageName};
use crate::unit_name::{BadUnitName, UnitName};

/// Most packages in one request.
pub const MAX_PACKAGES: usize = 64;
/// Most `KEY=VALUE` words in one request.
pub const MAX_VALUES: usize = 32;
/// Longest `VALUE` in bytes.
pub const MAX_VALUE_LENGTH: usize = 4096;
/// Longest name of a command or of a parameter.
const MAX_WORD_LENGTH: usize = 64;

/// What to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceVerb {
    /// Ask how it is.
    Status,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Have it read its configuration again.
    Reload,
    /// Start it at boot.
    Enable,
    /// Do not start it at boot.
    Disable,
}

/// What to do with named packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageVerb {
    /// Install or upgrade them.
    Install,
    /// Remove them; their configuration stays.
    Remove,
}

/// What to do with the package system as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageAction {
    /// Fetch the lists of packages.
    Update,
    /// Upgrade what is installed; nothing is removed.
    Upgrade,
    /// Remove what was installed for others and is needed by none.
    Autoremove,
    /// Erase downloads that cannot be had any more.
    Autoclean,
    /// Finish what was interrupted: `dpkg --configure -a` and `apt-get -f install`.
    Repair,
}

/// The name of a command of the policy, or of one of its parameters: `[a-z0-9][a-z0-9_-]*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Word(String);

impl Word {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes or has another character.
    pub fn parse(text: &str) -> Result<Self, BadOperation> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let start = text.bytes().next().is_some_and(plain);
        let rest = text.bytes().all(|byte| plain(byte) || matches!(byte, b'_' | b'-'));
        if start && rest && text.len() <= MAX_WORD_LENGTH {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadOperation::Word(text.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Word {
    type Error = BadOperation;

    fn try_from(text: String) -> Result<Self, BadOperation> {
        Self::parse(&text)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One operation. Whether it is allowed, the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `service VERB NAME`.
    Service(ServiceVerb, UnitName),
    /// `package install|remove NAME…`: at least one, in the caller's order, none twice.
    Packages(PackageVerb, Vec<PackageName>),
    /// `package ACTION`.
    Package(PackageAction),
    /// `run NAME [KEY=VALUE]…`: any text without NUL; its parameter's type judges it.
    Run(Word, BTreeMap<Word, String>),
}

/// Why words are no operation. Everything quoted is as the caller wrote it: escape it before it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadOperation {
    /// No words.
    Nothing,
    /// The first word is no kind of operation.
    Category(String),
    /// Not a verb of this category.
    Verb(&'static str, String),
    /// A name is missing after these words.
    NameMissing(String),
    /// A word too many.
    Extra(String),
    /// Not a unit's name.
    Unit(String, BadUnitName),
    /// Not a package's name.
    Package(String, BadPackageName),
    /// The same package or parameter twice.
    Twice(String),
    /// Too many names or values.
    TooMany(usize),
    /// Not the name of a command or parameter.
    Word(String),
    /// Not `KEY=VALUE`.
    NoValue(String),
    /// A value that is longer than any may be.
    LongValue(String),
}

impl fmt::Display for BadOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("an operation is missing: service, package or run"),
            Self::Category(word) => {
                write!(f, "'{word}' is no operation: service, package and run are (sudo-helper --help)")
            }
            Self::Verb(category, word) => {
                let meant = nearest(word, verbs(category)).map(|meant| format!("; '{meant}' is"));
                write!(f, "'{word}' is nothing that {category} does{}", meant.unwrap_or_default())
            }
            Self::NameMissing(words) => write!(f, "a name is missing after '{words}'"),
            Self::Extra(word) => write!(f, "'{word}' is a word too many"),
            Self::Unit(name, why) => write!(f, "'{name}': {why}"),
            Self::Package(name, why) => write!(f, "'{name}': {why}"),
            Self::Twice(name) => write!(f, "'{name}' is named twice"),
            Self::TooMany(limit) => write!(f, "at most {limit} names or values at once"),
            Self::Word(word) => {
                write!(
                    f,
                    "'{word}' is no name: lower-case letters, digits, '_' and '-', at most {MAX_WORD_LENGTH}"
                )
            }
            Self::NoValue(word) => write!(f, "'{word}' is not KEY=VALUE"),
            Self::LongValue(key) => write!(f, "the value of '{key}' is longer than {MAX_VALUE_LENGTH} bytes"),
        }
    }
}

impl std::error::Error for BadOperation {}

/// What a category does, in words.
fn verbs(category: &str) -> Vec<&'static str> {
    if category == "service" {
        ServiceVerb::ALL.iter().map(|verb| verb.word()).collect()
    } else {
        let verbs = PackageVerb::ALL.iter().map(|verb| verb.word());
        verbs.chain(PackageAction::ALL.iter().map(|action| action.word())).collect()
    }
}

impl ServiceVerb {
    /// Every verb, in the order of the help text.
    pub const ALL: [Self; 7] =
        [Self::Status, Self::Start, Self::Stop, Self::Restart, Self::Reload, Self::Enable, Self::Disable];

    /// The word for it, which is systemctl(1)'s too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

impl PackageVerb {
    /// Both verbs.
    pub const ALL: [Self; 2] = [Self::Install, Self::Remove];

    /// The word for it, which is apt-get(8)'s too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Remove => "remove",
        }
    }
}

impl PackageAction {
    /// Every action, in the order of the help text.
    pub const ALL: [Self; 5] = [Self::Update, Self::Upgrade, Self::Autoremove, Self::Autoclean, Self::Repair];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Upgrade => "upgrade",
            Self::Autoremove => "autoremove",
            Self::Autoclean => "autoclean",
            Self::Repair => "repair",
        }
    }
}

impl Operation {
    /// Reads an operation from its words. Every word counts: one too many is refused.
    ///
    /// # Errors
    /// See [`BadOperation`].
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, BadOperation> {
        let mut words = words.iter().map(AsRef::as_ref);
        match words.next().ok_or(BadOperation::Nothing)? {
            "service" => parse_service(words),
            "package" => parse_package(words),
            "run" => parse_run(words),
            other => Err(BadOperation::Category(other.to_owned())),
        }
    }

    /// Its words; [`Self::parse`] reads them back.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Service(verb, unit) => vec!["service".into(), verb.word().into(), unit.short().into()],
            Self::Packages(verb, names) => {
                let names = names.iter().map(ToString::to_string);
                ["package", verb.word()].into_iter().map(str::to_owned).chain(names).collect()
            }
            Self::Package(action) => vec!["package".into(), action.word().into()],
            Self::Run(name, values) => {
                let values = values.iter().map(|(key, value)| format!("{key}={value}"));
                ["run".to_owned(), name.to_string()].into_iter().chain(values).collect()
            }
        }
    }
}

/// One line for people and logs; the values of `run` are quoted and escaped.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Run(name, values) = self else { return f.write_str(&self.words().join(" ")) };
        write!(f, "run {name}")?;
        values.iter().try_for_each(|(key, value)| write!(f, " {key}={value:?}"))
    }
}

fn parse_service<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Operation, BadOperation> {
    let verb = words.next().ok_or_else(|| BadOperation::NameMissing("service".to_owned()))?;
    let verb = ServiceVerb::ALL
        .into_iter()
        .find(|known| known.word() == verb)
        .ok_or_else(|| BadOperation::Verb("service", verb.to_owned()))?;
    let name = words.next().ok_or_else(|| BadOperation::NameMissing(format!("service {}", verb.word())))?;
    nothing_left(words)?;
    let unit = UnitName::parse(name).map_err(|why| BadOperation::Unit(name.to_owned(), why))?;
    Ok(Operation::Service(verb, unit))
}

fn parse_package<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Operation, BadOperation> {
    let verb = words.next().ok_or_else(|| BadOperation::NameMissing("package".to_owned()))?;
    if let Some(action) = PackageAction::ALL.into_iter().find(|known| known.word() == verb) {
        nothing_left(words)?;
        return Ok(Operation::Package(action));
    }
    let verb = PackageVerb::ALL
        .into_iter()
        .find(|known| known.word() == verb)
        .ok_or_else(|| BadOperation::Verb("package", verb.to_owned()))?;
    let mut names = Vec::new();
    for text in words {
        let name = PackageName::parse(text).map_err(|why| BadOperation::Package(text.to_owned(), why))?;
        if names.contains(&name) {
            return Err(BadOperation::Twice(text.to_owned()));
        }
        if names.len() == MAX_PACKAGES {
            return Err(BadOperation::TooMany(MAX_PACKAGES));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(BadOperation::NameMissing(format!("package {}", verb.word())));
    }
    Ok(Operation::Packages(verb, names))
}

fn parse_run<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Operation, BadOperation> {
    let name = words.next().ok_or_else(|| BadOperation::NameMissing("run".to_owned()))?;
    let name = Word::parse(name)?;
    let mut values = BTreeMap::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| BadOperation::NoValue(word.to_owned()))?;
        let key = Word::parse(key)?;
        if value.len() > MAX_VALUE_LENGTH {
            return Err(BadOperation::LongValue(key.to_string()));
        }
        if values.len() == MAX_VALUES {
            return Err(BadOperation::TooMany(MAX_VALUES));
        }
        if values.insert(key.clone(), value.to_owned()).is_some() {
            return Err(BadOperation::Twice(key.to_string()));
        }
    }
    Ok(Operation::Run(name, values))
}

fn nothing_left<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<(), BadOperation> {
    words.next().map_or(Ok(()), |word| Err(BadOperation::Extra(word.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Operation, BadOperation> {
        Operation::parse(&line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn the_words_of_an_operation_are_read_back() {
        for line in [
            "service restart nginx",
            "service status snapd.socket",
            "package install curl docker.io",
            "package remove g++",
            "package update",
            "package repair",
            "run reboot",
            "run read-log file=access.log lines=10",
        ] {
            let operation = parse(line).expect(line);
            assert_eq!(operation.words().join(" "), line);
            assert_eq!(Operation::parse(&operation.words()), Ok(operation));
        }
    }

    #[test]
    fn one_operation_has_one_spelling() {
        assert_eq!(parse("service stop nginx.service").expect("read").words()[2], "nginx");
        assert_eq!(parse("run a z=1 b=2").expect("read").words().join(" "), "run a b=2 z=1");
    }

    #[test]
    fn every_word_counts() {
        for (line, why) in [
            ("", BadOperation::Category(String::new())),
            ("services status x", BadOperation::Category("services".into())),
            ("service", BadOperation::NameMissing("service".into())),
            ("service stop", BadOperation::NameMissing("service stop".into())),
            ("service mask nginx", BadOperation::Verb("service", "mask".into())),
            ("service stop nginx ssh", BadOperation::Extra("ssh".into())),
            ("package update evil", BadOperation::Extra("evil".into())),
            ("package install", BadOperation::NameMissing("package install".into())),
            ("package install curl curl", BadOperation::Twice("curl".into())),
            ("package purge curl", BadOperation::Verb("package", "purge".into())),
            ("run a b", BadOperation::NoValue("b".into())),
            ("run a b=1 b=2", BadOperation::Twice("b".into())),
            ("run A", BadOperation::Word("A".into())),
            ("run ../a", BadOperation::Word("../a".into())),
        ] {
            assert_eq!(parse(line), Err(why), "{line:?}");
        }
        assert_eq!(Operation::parse::<&str>(&[]), Err(BadOperation::Nothing));
    }

    #[test]
    fn values_are_shown_escaped() {
        let operation = Operation::parse(&["run", "a", "k=x\ny \u{1b}[2J \u{202e}"]).expect("read");
        assert_eq!(operation.to_string(), "run a k=\"x\\ny \\u{1b}[2J \\u{202e}\"");
    }
}
