//! visudo(8), the judge of what sudo can read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise::bounded::{Ran, Run, run};

use diagnostics::Failure;

/// Where systems have it, first found first taken.
const PLACES: [&str; 3] = ["/usr/sbin/visudo", "/usr/bin/visudo", "/usr/local/sbin/visudo"];
/// How long it may take; it reads local files only, but names may be looked up over the network.
const LIMIT: Duration = Duration::from_secs(30);
/// How many bytes of its words are kept.
const MAX_WORDS: usize = 64 << 10;
/// Its words in the language that they are compared in.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flavour {
    /// The one of sudo.ws, with its version.
    Sudo(String),
    /// The one of sudo-rs, with its version.
    SudoRs(String),
}

/// A visudo that was found and that only root can have written.
#[derive(Debug, Clone)]
pub struct Visudo {
    path: PathBuf,
    flavour: Flavour,
}

impl Visudo {
    /// Finds it.
    ///
    /// # Errors
    /// When there is none, when others than root may change it, and when it does not tell what it is.
    pub fn find() -> Result<Self, Failure> {
        let path = PLACES.map(Path::new).into_iter().find(|path| path.exists()).ok_or_else(|| {
            Failure::new("no-visudo", format!("there is no {}; install the package sudo", PLACES[0]))
        })?;
        trusted_path::verify(path).map_err(|error| Failure::new("no-visudo", format!("visudo: {error}")))?;
        let said = ask(path, &["-V".into()])?;
        let flavour = flavour(&String::from_utf8_lossy(&said.stdout)).ok_or_else(|| {
            let error = format!("{} does not tell its version but says: {}", path.display(), said.words());
            Failure::new("no-visudo", error)
        })?;
        Ok(Self { path: path.to_owned(), flavour })
    }

    /// Whose it is.
    #[must_use]
    pub fn flavour(&self) -> &Flavour {
        &self.flavour
    }

    /// Has it read one file alone, strictly: an alias that nobody defined is an error.
    ///
    /// # Errors
    /// When it finds fault with the file; its first words are in the failure.
    pub fn check_file(&self, file: &Path) -> Result<(), Failure> {
        let said = ask(&self.path, &[self.check(), vec!["-f".into(), file.into()]].concat())?;
        if said.status == Some(0) {
            return Ok(());
        }
        Err(Failure::new("invalid-rule", format!("visudo refuses {}: {}", file.display(), said.words())))
    }

    /// What it says against the whole configuration, each line once, sorted; nothing when all is well.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn check_all(&self) -> Result<Vec<String>, Failure> {
        let said = ask(&self.path, &self.check())?;
        let mut lines = complaints(&[&said.stderr[..], b"\n", &said.stdout].concat());
        if lines.is_empty() && said.status != Some(0) {
            lines.push(said.words());
        }
        Ok(lines)
    }

    /// sudo-rs knows no strict check.
    fn check(&self) -> Vec<OsString> {
        match self.flavour {
            Flavour::Sudo(_) => vec!["-c".into(), "-s".into()],
            Flavour::SudoRs(_) => vec!["-c".into()],
        }
    }
}

fn ask(path: &Path, arguments: &[OsString]) -> Result<Ran, Failure> {
    let argv = [&[path.into()], arguments].concat();
    let said = run(&Run { argv: &argv, env: &ENVIRONMENT, stdin: b"", limit: LIMIT, output: MAX_WORDS });
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new("no-visudo", format!("{} cannot be asked: {why}", path.display()))
    };
    match said {
        Ok(said) if said.timed_out => Err(failed(&format!("no answer within {} s", LIMIT.as_secs()))),
        Ok(said) => Ok(said),
        Err(error) => Err(failed(&error)),
    }
}

/// The first line of `visudo -V`.
fn flavour(said: &str) -> Option<Flavour> {
    let line = said.lines().next()?.trim();
    let version = |text: &str| text.split_whitespace().next().map(diagnostics::one_line);
    if let Some(rest) = line.strip_prefix("visudo-rs ") {
        return version(rest).map(Flavour::SudoRs);
    }
    line.strip_prefix("visudo version ").and_then(version).map(Flavour::Sudo)
}

/// The lines that are no praise, without colours and control characters.
fn complaints(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let mut lines: Vec<String> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.ends_with(": parsed OK"))
        .map(diagnostics::one_line)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The complaints that were not there before.
#[must_use]
pub fn added<'a>(before: &[String], after: &'a [String]) -> Vec<&'a str> {
    after.iter().filter(|line| !before.contains(line)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_told_apart() {
        let cases = [
            ("visudo version 1.9.13p3\nvisudo grammar version 50\n", Some(Flavour::Sudo("1.9.13p3".into()))),
            ("visudo-rs 0.2.15\n", Some(Flavour::SudoRs("0.2.15".into()))),
            ("vi 8\n", None),
            ("", None),
            ("visudo version \n", None),
        ];
        for (said, expected) in cases {
            assert_eq!(flavour(said), expected, "{said:?}");
        }
    }

    #[test]
    fn praise_is_no_complaint() {
        let said = b"/etc/sudoers: parsed OK\n/etc/sudoers.d/a:1:9: syntax error\nb\n  ^~\nb\n\x1b[1mx\n";
        let found = complaints(said);
        assert_eq!(found, ["  ^~", "/etc/sudoers.d/a:1:9: syntax error", "\\u{1b}[1mx", "b"]);
        assert_eq!(added(&found[..2], &found), ["\\u{1b}[1mx", "b"]);
        assert_eq!(added(&found, &found), [""; 0]);
    }
}
