//! A command with its arguments, as a rule of `--command` allows it: this program, these words, no other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::account::Account;
use crate::escape_hatch::{self, Arguments, Hatch, LOGS};
use crate::helper::plain_path;
use diagnostics::Failure;

mod prepared;

/// Longest command, in bytes: sudo-rs reads 1024 of a rule's.
const MAX_LENGTH: usize = 1000;
/// What arguments hold beside letters and digits: what sudoers(5) and shells read as it is, once
/// [`SPECIAL`] is escaped.
const PLAIN: &str = "/._+@%~-:=,#";
/// What sudoers(5) reads otherwise in an argument unless a backslash precedes it.
const SPECIAL: [char; 4] = [',', ':', '=', '#'];
/// How sudoers(5) says that a command has no arguments; without it, it may have any.
const NO_ARGUMENTS: &str = "\"\"";

/// A program and its arguments, all literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program's absolute path, as the rule names it.
    pub program: String,
    /// Its arguments; without any, the rule allows none.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// Reads a command: words between spaces, without quoting.
    ///
    /// # Errors
    /// `bad-command`, with the character or word at fault.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let refuse = |why: &str| {
            let error = format!("--command '{}': {why}", text.escape_debug());
            Err(Failure::new("bad-command", error))
        };
        if text.len() > MAX_LENGTH {
            let error = format!("--command: a command has at most {MAX_LENGTH} bytes");
            return Err(Failure::new("bad-command", error));
        }
        if let Some(why) = text.chars().find_map(refused_character) {
            return refuse(&why);
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
        let Some(program) = words.next() else { return refuse("there is no command") };
        if program == "ALL" {
            return refuse("ALL is any command: name each one, with its arguments");
        }
        if !program.starts_with('/') {
            return refuse("the program needs its absolute path: see command -v");
        }
        if let Err(failure) = plain_path(Path::new(&program)) {
            return refuse(&failure.error);
        }
        Ok(Self { program, arguments: words.collect() })
    }

    /// The command as a rule of sudoers(5) has it.
    #[must_use]
    pub fn to_sudoers(&self) -> String {
        let mut text = self.program.clone();
        if self.arguments.is_empty() {
            return text + " " + NO_ARGUMENTS;
        }
        for argument in &self.arguments {
            text.push(' ');
            for c in argument.chars() {
                if SPECIAL.contains(&c) {
                    text.push('\\');
                }
                text.push(c);
            }
        }
        text
    }

    /// Reads what [`Self::to_sudoers`] has written; `None` for anything else.
    #[must_use]
    pub fn from_sudoers(text: &str) -> Option<Self> {
        let plain = text.strip_suffix(NO_ARGUMENTS).unwrap_or(text).replace('\\', "");
        Self::parse(&plain).ok().filter(|command| command.to_sudoers() == text)
    }

    /// Whether a rule for this very command gives the account no more than the command: it is no way to a
    /// shell, an editor, a pager or files of the caller's choice, and nobody but root can change the program.
    ///
    /// # Errors
    /// `escape-hatch`, `command-untrusted`, `command-missing`, `accounts`.
    pub fn judge(&self, account: &Account) -> Result<(), Failure> {
        self.refuse_hatch(escape_hatch::hatch(&self.program, self.allowed()))?;
        let path = Path::new(&self.program);
        let program = &self.program;
        let real = path.canonicalize().map_err(|error| {
            let error = format!("--command '{self}': {program}: {error}");
            Failure::new("command-missing", error)
        })?;
        trusted_path::verify(path).and_then(|()| trusted_path::verify(&real)).map_err(|error| {
            let error = diagnostics::one_line(&error.to_string());
            let error = format!("--command '{self}': {error}: who can change it would be root; install it where only root can write");
            Failure::new("command-untrusted", error)
        })?;
        let metadata = fs::metadata(&real);
        if !metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0) {
            let error = format!("--command '{self}': {program} is no executable file");
            return Err(Failure::new("command-missing", error));
        }
        self.refuse_hatch(escape_hatch::behind(&self.program, &real.to_string_lossy(), self.allowed()))?;
        self.refuse_prepared(account)
    }

    /// What the operator has to judge: a program of which nothing is known here, by its name or by that of
    /// the file that it leads to.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let real = fs::canonicalize(&self.program).ok();
        if escape_hatch::knows(&self.program, real.as_deref().and_then(Path::to_str)) {
            return None;
        }
        Some(format!("--command '{self}': {}; {}", escape_hatch::UNKNOWN, escape_hatch::JUDGE))
    }

    fn allowed(&self) -> Arguments<'_> {
        if self.arguments.is_empty() { Arguments::None } else { Arguments::Exactly(&self.arguments) }
    }

    /// Refuses a log that the account could exchange before a program of the table shows it.
    fn refuse_prepared(&self, account: &Account) -> Result<(), Failure> {
        let logs = self.arguments.iter().filter(|argument| argument.starts_with(LOGS));
        let logs: Vec<&Path> = logs.map(Path::new).filter(|_| self.warning().is_none()).collect();
        if logs.is_empty() {
            return Ok(());
        }
        let groups = account.groups().map_err(|error| Failure::new("accounts", error.to_string()))?;
        let found = logs.into_iter().find_map(|log| prepared::writable_folder(log, account.uid, &groups));
        let Some(folder) = found else { return Ok(()) };
        let (name, folder) = (account.name.escape_debug(), folder.display());
        let error = format!(
            "--command '{self}': '{name}' can make names in {folder}, and so put a link to any file there; let root own the folder"
        );
        Err(Failure::new("escape-hatch", error))
    }

    fn refuse_hatch(&self, hatch: Option<Hatch>) -> Result<(), Failure> {
        match hatch {
            None => Ok(()),
            Some(Hatch { why, instead }) => {
                Err(Failure::new("escape-hatch", format!("--command '{self}': {why}; {instead}")))
            }
        }
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

fn refused_character(c: char) -> Option<String> {
    if c == ' ' || c.is_ascii_alphanumeric() || PLAIN.contains(c) {
        return None;
    }
    let why = match c {
        '*' | '?' | '[' | ']' => "is a wildcard: it would match spaces too, so name each command in full",
        '\'' | '"' | '\\' => "cannot be quoted or escaped here: a word holds no spaces",
        '$' | '`' | '&' | '|' | ';' | '<' | '>' | '(' | ')' | '{' | '}' | '!' | '^' => {
            "means nothing here: sudo runs the program without a shell"
        }
        _ => "is not understood alike by every sudo: arguments hold letters, digits and /._+@%~-:=,#",
    };
    Some(format!("'{}' {why}", c.escape_debug()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent() -> Account {
        Account { uid: 4321, gid: 4321, name: "agent".to_owned() }
    }

    fn command(text: &str) -> CommandLine {
        CommandLine::parse(text).unwrap_or_else(|failure| panic!("{failure}"))
    }

    #[test]
    fn words_are_literal_and_escaped() {
        for (text, rule) in [
            ("/usr/bin/apt update", "/usr/bin/apt update"),
            ("  /usr/bin/apt   update ", "/usr/bin/apt update"),
            ("/usr/sbin/reboot", "/usr/sbin/reboot \"\""),
            ("/opt/x a,b c:d e=f #g %h ~i @j k+l", "/opt/x a\\,b c\\:d e\\=f \\#g %h ~i @j k+l"),
        ] {
            assert_eq!(command(text).to_sudoers(), rule);
            assert_eq!(CommandLine::from_sudoers(rule), Some(command(text)));
        }
        for rule in
            ["/usr/sbin/reboot", "/opt/x a,b", "/opt/x  a", "/opt/x a\\b", "/opt/x a \"\"", "ALL", "", "\"\""]
        {
            assert_eq!(CommandLine::from_sudoers(rule), None, "{rule}");
        }
    }

    #[test]
    fn what_sudo_or_a_shell_would_read_otherwise_is_refused() {
        let long = format!("/x {}", "a".repeat(MAX_LENGTH));
        for (text, part) in [
            ("", "there is no command"),
            ("   ", "there is no command"),
            ("ALL", "ALL is any command"),
            ("apt update", "absolute path"),
            ("!/usr/bin/apt", "'!'"),
            ("/usr/bin/apt *", "wildcard"),
            ("/usr/bin/apt instal?", "wildcard"),
            ("/usr/bin/[a]pt", "wildcard"),
            ("/usr/bin/apt 'a b'", "quoted"),
            ("/usr/bin/apt \"\"", "quoted"),
            ("/usr/bin/a\\ b", "quoted"),
            ("/usr/bin/apt ^.*$", "without a shell"),
            ("/usr/bin/apt; id", "without a shell"),
            ("/usr/bin/apt update\nroot ALL=(ALL) ALL", "'\\n'"),
            ("/usr/bin/apt\tupdate", "'\\t'"),
            ("/usr/bin/apt \0", "not understood alike"),
            ("/usr/bin/apt \u{e9}", "not understood alike"),
            ("/usr/bin/../bin/apt update", "'..'"),
            ("/usr/bin//apt update", "'//'"),
            ("/usr/bin/", "'//'"),
            ("/usr/bin/a=b", "'='"),
            ("/usr/bin/apt,/bin/sh", "','"),
            (&long, "at most 1000 bytes"),
        ] {
            let failure = CommandLine::parse(text).expect_err(text);
            assert_eq!(failure.code, "bad-command");
            assert!(failure.error.contains(part), "{text:?}: {failure}");
            assert!(!failure.error.contains(char::is_control), "{failure}");
        }
    }

    #[test]
    fn a_command_is_judged_with_its_arguments_and_its_file() {
        for (text, code) in [
            ("/bin/sh", "escape-hatch"),
            ("/usr/bin/apt", "escape-hatch"),
            ("/usr/bin/systemctl status nginx", "escape-hatch"),
            ("/no/such/program", "command-missing"),
            ("/proc/version", "command-missing"),
            ("/etc", "command-missing"),
        ] {
            assert_eq!(command(text).judge(&agent()).expect_err(text).code, code, "{text}");
        }
        command("/usr/bin/apt-get update").judge(&agent()).expect("passes");
        command("/usr/bin/true").judge(&agent()).expect("passes");
    }

    #[test]
    fn who_can_change_the_program_is_named_and_a_link_counts_as_what_it_leads_to() {
        use std::os::unix::fs::{chown, symlink};
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir_in("/run").expect("a folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
        let program = folder.path().join("tool");
        fs::write(&program, "#!/bin/true\n").expect("written");
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set");
        let line = command(&format!("{} go", program.display()));
        line.judge(&agent()).expect("root's");
        chown(&program, Some(1000), None).expect("given away");
        let failure = line.judge(&agent()).expect_err("not root's");
        assert_eq!(failure.code, "command-untrusted");
        assert!(failure.error.contains("tool does not belong to root"), "{failure}");
        let link = folder.path().join("innocent");
        symlink("/bin/sh", &link).expect("a link");
        let failure = command(&link.display().to_string()).judge(&agent()).expect_err("a shell");
        assert_eq!(failure.code, "escape-hatch");
        assert!(failure.error.contains("is a shell"), "{failure}");
    }

    proptest! {
        #[test]
        fn whatever_is_read_comes_back_from_its_rule(text in "/[a-z/.]{1,8}( [ -~]{0,8}){0,4}") {
            if let Ok(command) = CommandLine::parse(&text) {
                let rule = command.to_sudoers();
                prop_assert!(!rule.contains(['\n', '*', '?', '[']));
                prop_assert_eq!(CommandLine::from_sudoers(&rule), Some(command));
            }
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
            if let Err(failure) = CommandLine::parse(&text) {
                prop_assert!(!failure.error.contains(char::is_control));
            }
        }
    }
}
