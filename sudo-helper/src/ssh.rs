//! `sudo-helper ssh`, a forced command (sshd(8), AUTHORIZED_KEYS FILE FORMAT): what the client asked
//! for becomes the arguments of sudo(8), without a shell.
//!
//! sshd joins the client's words with spaces, whatever they hold; so only words that no shell would
//! read otherwise pass, and the helper judges them again as root.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// sudo, which asks for no password here.
const SUDO: &str = "/usr/bin/sudo";

/// Most bytes in all.
pub const MAX_COMMAND: usize = 4096;
/// Most words, the optional leading ones included.
pub const MAX_WORDS: usize = 32;
/// Longest word in bytes.
pub const MAX_WORD: usize = 256;

/// What a client may write first, as it would without a forced command.
const LEAD: [&str; 3] = ["sudo", "-n", "sudo-helper"];

/// Options that may stand before an operation.
const OPTIONS: [&str; 2] = ["--dry-run", "--no-wait"];
/// Operations, which change something.
const OPERATIONS: [&str; 3] = ["service", "package", "run"];
/// Questions, and the wait for an approval.
const QUESTIONS: [&str; 3] = ["list", "explain", "wait"];

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadCommand {
    /// Nothing was asked for: a shell.
    Nothing,
    /// Longer than [`MAX_COMMAND`].
    Long,
    /// A byte that no word may hold, and where it stands, from 1.
    Byte(u8, usize),
    /// More than [`MAX_WORDS`].
    TooManyWords,
    /// A word longer than [`MAX_WORD`], which one, from 1.
    LongWord(usize),
    /// A first word that is nothing for callers over SSH.
    Subcommand(String),
    /// An option that is not for callers over SSH, or not in this place.
    Option(String),
}

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str(
                "no operation: this key gives no shell, only service, package, run, list, explain and wait",
            ),
            Self::Long => write!(f, "the command is longer than {MAX_COMMAND} bytes"),
            Self::Byte(byte, place) => write!(
                f,
                "byte {place} of the command is '{}': words hold only letters, digits and '=.+:@_-/,'",
                byte.escape_ascii()
            ),
            Self::TooManyWords => write!(f, "the command has more than {MAX_WORDS} words"),
            Self::LongWord(place) => write!(f, "word {place} of the command is longer than {MAX_WORD} bytes"),
            Self::Subcommand(word) => write!(
                f,
                "'{word}' cannot be asked for over SSH: service, package, run, list, explain and wait can"
            ),
            Self::Option(word) => write!(
                f,
                "the option '{word}' cannot be given here over SSH: --dry-run and --no-wait can, before service, \
                 package and run, and --json after list"
            ),
        }
    }
}

impl std::error::Error for BadCommand {}

/// The words of SSH_ORIGINAL_COMMAND, less an optional leading `sudo -n sudo-helper`.
///
/// # Errors
/// See [`BadCommand`].
pub fn words(original: &[u8]) -> Result<Vec<String>, BadCommand> {
    if original.len() > MAX_COMMAND {
        return Err(BadCommand::Long);
    }
    if let Some(place) = original.iter().position(|byte| !is_separator(*byte) && !is_plain(*byte)) {
        return Err(BadCommand::Byte(original[place], place + 1));
    }
    let words = original.split(|byte| is_separator(*byte)).filter(|word| !word.is_empty());
    // Plain bytes are ASCII: each is a character.
    let words: Vec<String> = words.map(|word| word.iter().copied().map(char::from).collect()).collect();
    if words.len() > MAX_WORDS {
        return Err(BadCommand::TooManyWords);
    }
    if let Some(place) = words.iter().position(|word| word.len() > MAX_WORD) {
        return Err(BadCommand::LongWord(place + 1));
    }
    let words = words.strip_prefix(&LEAD.map(str::to_owned)).unwrap_or(&words);
    check(words)?;
    Ok(words.to_vec())
}

/// The command that carries the words out: `sudo -n -- OWN_PATH WORD…`.
#[must_use]
pub fn command(own_path: &Path, words: &[String]) -> Vec<OsString> {
    [SUDO, "-n", "--"]
        .into_iter()
        .map(OsString::from)
        .chain([own_path.into()])
        .chain(words.iter().map(OsString::from))
        .collect()
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether no shell reads it otherwise: what names and `KEY=VALUE` need, and nothing else.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"=.+:@_-/,".contains(&byte)
}

/// Only what is for callers over SSH: no option that names a file, no answer to an approval.
fn check(words: &[String]) -> Result<(), BadCommand> {
    let options = words.iter().take_while(|word| word.starts_with('-'));
    let count = options.clone().count();
    if let Some(option) = options.into_iter().find(|word| !OPTIONS.contains(&word.as_str())) {
        return Err(BadCommand::Option(option.clone()));
    }
    let (subcommand, operands) = words[count..].split_first().ok_or(BadCommand::Nothing)?;
    let question = QUESTIONS.contains(&subcommand.as_str());
    if !question && !OPERATIONS.contains(&subcommand.as_str()) {
        return Err(BadCommand::Subcommand(subcommand.clone()));
    }
    if let Some(option) = words[..count].first().filter(|_| question) {
        return Err(BadCommand::Option(option.clone()));
    }
    let is_bad = |word: &&String| word.starts_with('-') && !(subcommand == "list" && *word == "--json");
    operands.iter().find(is_bad).map_or(Ok(()), |option| Err(BadCommand::Option(option.clone())))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn line(original: &str) -> Result<String, BadCommand> {
        words(original.as_bytes()).map(|words| words.join(" "))
    }

    #[test]
    fn what_callers_may_ask_for() {
        for (original, expected) in [
            ("service restart nginx", "service restart nginx"),
            ("sudo -n sudo-helper service status getty@tty1.service", "service status getty@tty1.service"),
            ("  package\tinstall  curl g++ ", "package install curl g++"),
            ("run read-log file=access.log lines=10", "run read-log file=access.log lines=10"),
            ("--dry-run package remove curl", "--dry-run package remove curl"),
            ("--no-wait run reboot", "--no-wait run reboot"),
            ("--dry-run --no-wait service stop x", "--dry-run --no-wait service stop x"),
            ("list", "list"),
            ("list --json", "list --json"),
            ("explain service stop nginx", "explain service stop nginx"),
            ("wait 0123456789abcdef0123456789abcdef", "wait 0123456789abcdef0123456789abcdef"),
        ] {
            assert_eq!(line(original).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_for_callers() {
        let subcommand = |word: &str| BadCommand::Subcommand(word.to_owned());
        let option = |word: &str| BadCommand::Option(word.to_owned());
        for (original, why) in [
            ("", BadCommand::Nothing),
            (" \t ", BadCommand::Nothing),
            ("sudo -n sudo-helper", BadCommand::Nothing),
            ("--dry-run", BadCommand::Nothing),
            ("approve 00", subcommand("approve")),
            ("deny 00", subcommand("deny")),
            ("pending", subcommand("pending")),
            ("probe x", subcommand("probe")),
            ("ssh", subcommand("ssh")),
            ("worker", subcommand("worker")),
            ("default-policy", subcommand("default-policy")),
            ("check-policy /etc/shadow", subcommand("check-policy")),
            ("/bin/sh", subcommand("/bin/sh")),
            ("sudo sudo-helper list", subcommand("sudo")),
            ("sudo -n /usr/bin/sudo-helper list", subcommand("sudo")),
            ("sudo -n -- sudo-helper list", subcommand("sudo")),
            ("sudo -n sudo-helper sudo -n sudo-helper list", subcommand("sudo")),
            ("sudo-helper list", subcommand("sudo-helper")),
            ("--compat-exit service stop x", option("--compat-exit")),
            ("--help", option("--help")),
            ("-n list", option("-n")),
            ("-- service stop x", option("--")),
            ("--dry-run list", option("--dry-run")),
            ("--no-wait wait 00", option("--no-wait")),
            ("explain --policy /etc/shadow service stop x", option("--policy")),
            ("explain --policy=/etc/shadow service stop x", option("--policy=/etc/shadow")),
            ("list --policy=/etc/shadow", option("--policy=/etc/shadow")),
            ("service --json stop x", option("--json")),
            ("package install -s curl", option("-s")),
            ("package install -- curl", option("--")),
            ("service stop x --dry-run", option("--dry-run")),
        ] {
            assert_eq!(line(original), Err(why), "{original:?}");
        }
    }

    #[test]
    fn what_a_shell_would_read_otherwise() {
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric()) {
            let mut original = b"service stop a".to_vec();
            original.push(byte);
            let passes = b" \t=.+:@_-/,".contains(&byte);
            assert_eq!(words(&original).is_ok(), passes, "{:?}", char::from(byte));
            if !passes {
                assert_eq!(words(&original), Err(BadCommand::Byte(byte, 15)));
            }
        }
    }

    #[test]
    fn limits() {
        let name = "a".repeat(MAX_WORD);
        assert!(words(format!("service stop {name}").as_bytes()).is_ok());
        assert_eq!(line(&format!("service stop {name}a")), Err(BadCommand::LongWord(3)));
        let names = vec!["x"; MAX_WORDS - 2].join(" ");
        assert!(words(format!("package install {names}").as_bytes()).is_ok());
        assert_eq!(line(&format!("package install {names} x")), Err(BadCommand::TooManyWords));
        let spaces = " ".repeat(MAX_COMMAND - 4);
        assert!(words(format!("list{spaces}").as_bytes()).is_ok());
        assert_eq!(line(&format!("list{spaces} ")), Err(BadCommand::Long));
    }

    #[test]
    fn errors_hold_no_control_character() {
        let error = words(b"list\x1b[2J").expect_err("refused").to_string();
        assert_eq!(
            error,
            "byte 5 of the command is '\\x1b': words hold only letters, digits and '=.+:@_-/,'"
        );
    }

    #[test]
    fn sudo_runs_the_helper_by_its_own_path() {
        let words = words(b"service restart nginx").expect("words");
        let command = command(Path::new("/usr/bin/sudo-helper"), &words);
        let expected = ["/usr/bin/sudo", "-n", "--", "/usr/bin/sudo-helper", "service", "restart", "nginx"];
        assert_eq!(command, expected.map(OsString::from));
    }

    proptest! {
        #[test]
        fn only_plain_words_of_known_subcommands_pass(
            lead in "(sudo -n sudo-helper )?((--dry-run|--no-wait|--json) )?(service|list|run|explain|ssh|)",
            rest in vec(prop_oneof![Just(b' '), Just(b'-'), Just(b'a'), any::<u8>()], 0..20),
        ) {
            let original = [lead.as_bytes(), &rest].concat();
            if let Ok(words) = words(&original) {
                for word in &words {
                    prop_assert!(!word.is_empty() && word.len() <= MAX_WORD);
                    prop_assert!(word.bytes().all(is_plain));
                    let known = OPTIONS.contains(&word.as_str()) || word == "--json";
                    prop_assert!(known || !word.starts_with('-'));
                }
                let first = words.iter().find(|word| !word.starts_with('-')).map(String::as_str);
                prop_assert!(first.is_some_and(|word| OPERATIONS.contains(&word) || QUESTIONS.contains(&word)));
            }
        }

        #[test]
        fn any_bytes_are_judged(original in vec(any::<u8>(), 0..64)) {
            let _ = words(&original).map_err(|refused| refused.to_string());
        }
    }
}
