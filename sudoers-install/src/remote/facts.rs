//! The answer of a script: `key=value` lines between two lines that hold the question's nonce.
//!
//! Start-up files of the login's shell may print what they like before. Values from outside come in
//! hexadecimal digits, so that none of them can be a line of its own, or after a colon when they are plain.

use std::collections::BTreeMap;
use std::fmt;

use super::operand::{Nonce, ProgramPath, Sha256Hex};

/// Most bytes of standard output that are to be read for an answer, noise included.
pub const MAX_ANSWER: usize = 256 << 10;
/// Most lines of an answer.
const MAX_FACTS: usize = 64;
/// Longest stable word.
const MAX_WORD: usize = 64;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactsError {
    /// The first line is missing: the script did not run.
    NoAnswer,
    /// The last line is missing: it ended early, or is longer than what is read of it.
    CutOff,
    /// A line that no script prints, or a key that is missing, twice there or unknown.
    Malformed(String),
}

impl fmt::Display for FactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("the host gave no answer; can the login run /bin/sh there?"),
            Self::CutOff => f.write_str("the answer of the host was cut off"),
            Self::Malformed(what) => {
                write!(f, "the answer of the host is not understood: {}", what.escape_debug())
            }
        }
    }
}

impl std::error::Error for FactsError {}

/// The lines of an answer that have not been read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts(BTreeMap<String, String>);

impl Facts {
    /// Finds the answer in what a host printed.
    ///
    /// # Errors
    /// See [`FactsError`].
    pub fn parse(stdout: &[u8], nonce: &str) -> Result<Self, FactsError> {
        let stdout = stdout.get(..MAX_ANSWER).unwrap_or(stdout);
        let begin = format!("sudoers-install {nonce} begin");
        let end = format!("sudoers-install {nonce} end");
        // A terminal, or what start-up files have left of one, may have added carriage returns.
        let mut lines =
            stdout.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // The noise before may lack its newline.
        lines.find(|line| line.ends_with(begin.as_bytes())).ok_or(FactsError::NoAnswer)?;
        let answer: Vec<&[u8]> = lines.take(MAX_FACTS + 1).collect();
        let whole = answer.iter().position(|line| *line == end.as_bytes());
        let answer = whole.and_then(|length| answer.get(..length)).ok_or(FactsError::CutOff)?;
        let mut facts = BTreeMap::new();
        for line in answer {
            let fact = std::str::from_utf8(line).ok().and_then(|line| line.split_once('='));
            let fresh =
                fact.is_some_and(|(key, value)| facts.insert(key.to_owned(), value.to_owned()).is_none());
            if !fresh {
                return Err(FactsError::Malformed(String::from_utf8_lossy(line).into_owned()));
            }
        }
        Ok(Self(facts))
    }

    /// All of an answer, as `read` takes it: nothing else may have been said.
    ///
    /// # Errors
    /// See [`FactsError`].
    pub(super) fn whole<T>(
        stdout: &[u8],
        nonce: &Nonce,
        read: impl FnOnce(&mut Self) -> Result<T, FactsError>,
    ) -> Result<T, FactsError> {
        let mut facts = Self::parse(stdout, nonce.as_str())?;
        let answer = read(&mut facts)?;
        facts.finish()?;
        Ok(answer)
    }

    fn finish(self) -> Result<(), FactsError> {
        self.0.into_keys().next().map_or(Ok(()), |key| Err(FactsError::Malformed(key)))
    }

    fn take(&mut self, key: &str) -> Result<String, FactsError> {
        self.0.remove(key).ok_or_else(|| FactsError::Malformed(format!("no {key}")))
    }

    /// Any text: what follows a colon, or digits, with what is not UTF-8 replaced.
    pub(super) fn text(&mut self, key: &str) -> Result<String, FactsError> {
        let value = self.take(key)?;
        if let Some(plain) = value.strip_prefix(':') {
            return Ok(plain.to_owned());
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = value.as_bytes().chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(|| FactsError::Malformed(format!("{key}={value}")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Any lines.
    pub(super) fn lines(&mut self, key: &str) -> Result<Vec<String>, FactsError> {
        Ok(self.text(key)?.lines().map(str::to_owned).collect())
    }

    /// A stable word.
    pub(super) fn plain(&mut self, key: &str) -> Result<String, FactsError> {
        let value = self.take(key)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || b"-_".contains(&byte);
        let good = (1..=MAX_WORD).contains(&value.len()) && value.bytes().all(plain);
        if good { Ok(value) } else { Err(FactsError::Malformed(format!("{key}={value}"))) }
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<T, FactsError> {
        let value = self.take(key)?;
        let known = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
        known.ok_or_else(|| FactsError::Malformed(format!("{key}={value}")))
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, FactsError> {
        self.word(key, &[("yes", true), ("no", false)])
    }

    pub(super) fn number(&mut self, key: &str) -> Result<u32, FactsError> {
        self.optional_number(key)?.ok_or_else(|| FactsError::Malformed(format!("{key}=")))
    }

    /// A number; `None` when it is empty.
    pub(super) fn optional_number(&mut self, key: &str) -> Result<Option<u32>, FactsError> {
        let value = self.take(key)?;
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { value.parse().ok() } else { None };
        if value.is_empty() || number.is_some() {
            return Ok(number);
        }
        Err(FactsError::Malformed(format!("{key}={value}")))
    }

    /// A path; `None` when it is empty.
    pub(super) fn path(&mut self, key: &str) -> Result<Option<ProgramPath>, FactsError> {
        let value = self.text(key)?;
        if value.is_empty() {
            return Ok(None);
        }
        ProgramPath::parse(&value).map(Some).map_err(|error| FactsError::Malformed(error.to_string()))
    }

    /// A SHA-256; `None` when it is empty.
    pub(super) fn sha256(&mut self, key: &str) -> Result<Option<Sha256Hex>, FactsError> {
        let value = self.take(key)?;
        if value.is_empty() {
            return Ok(None);
        }
        Sha256Hex::parse(&value).map(Some).map_err(|error| FactsError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef";

    fn answer(lines: &str) -> Result<Facts, FactsError> {
        let text = format!("sudoers-install {NONCE} begin\n{lines}sudoers-install {NONCE} end\n");
        Facts::parse(text.as_bytes(), NONCE)
    }

    #[test]
    fn noise_around_the_answer_is_passed_over() {
        let text = format!(
            "Welcome!\nsudoers-install other begin\nstate=installed\nno newline: sudoers-install {NONCE} begin\r\n\
             uid=7\r\nsudoers-install {NONCE} end\r\nuid=8\nlogout\n"
        );
        let mut facts = Facts::parse(text.as_bytes(), NONCE).expect("an answer");
        assert_eq!(facts.number("uid"), Ok(7));
        assert_eq!(facts.finish(), Ok(()));
    }

    #[test]
    fn what_is_no_whole_answer_is_none() {
        let of = |text: &str| Facts::parse(text.as_bytes(), NONCE);
        assert_eq!(of(""), Err(FactsError::NoAnswer));
        assert_eq!(
            of("sudoers-install fedcba98 begin\nsudoers-install fedcba98 end\n"),
            Err(FactsError::NoAnswer)
        );
        assert_eq!(of(&format!("sudoers-install {NONCE} begin\nuid=7\n")), Err(FactsError::CutOff));
        let long = format!("{}\nsudoers-install {NONCE} begin\n", "x".repeat(MAX_ANSWER));
        assert_eq!(of(&long), Err(FactsError::NoAnswer));
        for lines in ["uid\n", "\n", "uid=7\nuid=7\n", &format!("sudoers-install {NONCE} begin\n")] {
            assert!(matches!(answer(lines), Err(FactsError::Malformed(_))), "{lines:?}");
        }
        let many: String = (0..=MAX_FACTS).map(|number| format!("k{number}=\n")).collect();
        assert_eq!(answer(&many), Err(FactsError::CutOff));
    }

    #[test]
    fn each_kind_of_fact_is_read_strictly() {
        let facts = || {
            answer("text=610a62\nsaid=:a b\nodd=616\nword=yes\nnumber=4294967295\nnone=\nlarge=4294967296\n")
                .expect("facts")
        };
        assert_eq!(facts().text("text").as_deref(), Ok("a\nb"));
        assert_eq!(facts().lines("text"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(facts().text("said").as_deref(), Ok("a b"));
        assert_eq!(facts().flag("word"), Ok(true));
        assert_eq!(facts().plain("word").as_deref(), Ok("yes"));
        assert_eq!(facts().number("number"), Ok(u32::MAX));
        assert_eq!(facts().optional_number("none"), Ok(None));
        assert_eq!(facts().path("none"), Ok(None));
        assert_eq!(facts().sha256("none"), Ok(None));
        for wrong in [
            facts().text("odd").err(),
            facts().text("word").err(),
            facts().flag("number").err(),
            facts().plain("none").err(),
            facts().number("none").err(),
            facts().number("large").err(),
            facts().number("word").err(),
            facts().path("text").err(),
            facts().sha256("text").err(),
            facts().text("missing").err(),
            facts().finish().err(),
        ] {
            assert!(matches!(wrong, Some(FactsError::Malformed(_))), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_can_be_a_line_of_its_own(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut facts = answer(&format!("words={digits}\n")).expect("facts");
            prop_assert_eq!(facts.text("words"), Ok(String::from_utf8_lossy(&value).into_owned()));
            prop_assert_eq!(facts.finish(), Ok(()));
        }

        #[test]
        fn any_output_is_read_without_a_panic(noise in "(sudoers-install 0123456789abcdef (begin|end)\n|[a-z_]{0,9}=[0-9a-f]{0,9}\n|.{0,9}){0,12}") {
            let _ = Facts::parse(noise.as_bytes(), NONCE).map(|mut facts| (facts.text("words"), facts.finish()));
        }
    }
}
