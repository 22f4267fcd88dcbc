//! The file that a rule is in: what is written, and what counts as written by this program.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::account::{Account, check_name};
use crate::command_line::CommandLine;
use crate::helper::{Helper, plain_path};
use crate::user_token::{UserToken, escape, stem, unescape};

/// How the first line begins. The number is the form's: another form gets another number.
const MARKER: &str = "# sudoers-install 1 ";
/// What stands between the user and the command of a rule: every sudo from 1.8 on, and sudo-rs, reads it.
const BY_ROOT: &str = " ALL=(root) NOPASSWD: ";
/// Largest file that can be ours, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// What a file allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The helper, with any arguments: it judges them itself.
    Helper(PathBuf),
    /// These commands and no others, one rule each.
    Commands(Vec<CommandLine>),
}

/// A file of /etc/sudoers.d that this program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// The account's uid when it was written.
    pub uid: u32,
    /// The account's name.
    pub user: String,
    /// The user as the rule names it: see [`UserToken`].
    pub token: String,
    /// What it may run.
    pub grant: Grant,
}

impl DropIn {
    /// One that allows the helper.
    #[must_use]
    pub fn helper(account: &Account, helper: &Helper) -> Self {
        Self::new(account, Grant::Helper(helper.path.clone()))
    }

    /// One that allows these commands; each is named once, in the order given.
    #[must_use]
    pub fn commands(account: &Account, commands: &[CommandLine]) -> Self {
        let mut once: Vec<CommandLine> = Vec::new();
        for command in commands {
            if !once.contains(command) {
                once.push(command.clone());
            }
        }
        Self::new(account, Grant::Commands(once))
    }

    fn new(account: &Account, grant: Grant) -> Self {
        let token = UserToken::of(account).to_string();
        Self { uid: account.uid, user: account.name.clone(), token, grant }
    }

    fn kind(&self) -> &'static str {
        match self.grant {
            Grant::Helper(_) => "helper",
            Grant::Commands(_) => "commands",
        }
    }

    /// The file's name: it sorts behind others, for the last rule that matches decides.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("zz-sudo-{}-{}", self.kind(), stem(&self.user))
    }

    /// The rules, each a line without its end.
    #[must_use]
    pub fn rule_lines(&self) -> Vec<String> {
        let line = |command: &str| format!("{}{BY_ROOT}{command}", self.token);
        match &self.grant {
            Grant::Helper(path) => vec![line(&path.to_string_lossy())],
            Grant::Commands(commands) => commands.iter().map(|command| line(&command.to_sudoers())).collect(),
        }
    }

    /// The file's text.
    #[must_use]
    pub fn render(&self) -> String {
        let account = Account { uid: self.uid, gid: self.uid, name: self.user.clone() };
        let (uid, user, kind) = (self.uid, escape(&self.user), self.kind());
        let mut text = format!(
            "{MARKER}uid={uid} user={user} kind={kind}\n\
             # Written by sudoers-install(8). Leave it as it is: what is changed by hand is not its own any more.\n"
        );
        if let Some(comment) = UserToken::of(&account).comment() {
            text.push_str(&format!("# {comment}\n"));
        }
        for line in self.rule_lines() {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Reads a file that this program has written; `None` for any other, one that was changed by hand
    /// included: what comes back renders to the same bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (first, rest) = text.split_once('\n')?;
        let mut words = first.strip_prefix(MARKER)?.split(' ');
        let uid = words.next()?.strip_prefix("uid=")?.parse().ok()?;
        let name = unescape(words.next()?.strip_prefix("user=")?)?;
        check_name(&name).ok()?;
        let account = Account { uid, gid: uid, name };
        let rules = rest.lines().filter_map(|line| Some(line.split_once(BY_ROOT)?.1));
        let grant = match words.next()? {
            "kind=helper" => {
                let mut rules = rules;
                Grant::Helper(plain_path(&PathBuf::from(rules.next()?)).ok()?.into())
            }
            "kind=commands" => {
                let commands = rules.map(CommandLine::from_sudoers).collect::<Option<Vec<_>>>()?;
                Grant::Commands(Some(commands).filter(|commands| !commands.is_empty())?)
            }
            _ => return None,
        };
        Some(Self::new(&account, grant)).filter(|drop_in| uid != 0 && drop_in.render() == text)
    }

    /// The same for a file under its name, which stands for one account and one kind of rule. folder.sh
    /// judges alike.
    #[must_use]
    pub fn of_file(name: &str, text: &str) -> Option<Self> {
        Self::parse(text).filter(|drop_in| drop_in.file_name() == name)
    }

    /// Whether a text is the rules alone, as they are pasted by hand.
    #[must_use]
    pub fn is_bare(&self, text: &str) -> bool {
        text.lines().eq(self.rule_lines())
    }

    /// SHA-256 of the text, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(self.render()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(name: &str) -> Account {
        Account { uid: 1001, gid: 1001, name: name.to_owned() }
    }

    fn helper_for(name: &str) -> DropIn {
        let path = PathBuf::from("/usr/bin/sudo-helper");
        DropIn::helper(&account(name), &Helper { path, sha256: String::new() })
    }

    #[test]
    fn what_is_written_for_the_helper() {
        let drop_in = helper_for("john.doe");
        assert_eq!(drop_in.file_name(), "zz-sudo-helper-john_doe_30f69670");
        assert_eq!(
            drop_in.render(),
            "# sudoers-install 1 uid=1001 user=john.doe kind=helper\n\
             # Written by sudoers-install(8). Leave it as it is: what is changed by hand is not its own any more.\n\
             john.doe ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n"
        );
        let text = helper_for("DOM\\bob\\").render();
        assert!(text.starts_with("# sudoers-install 1 uid=1001 user=DOM%5Cbob%5C kind=helper\n"), "{text}");
        assert!(text.ends_with("\n#1001 ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n"), "{text}");
        assert!(text.contains("# #1001 is DOM%5Cbob%5C, a name"), "{text}");
    }

    #[test]
    fn what_is_written_for_commands() {
        let commands = ["/usr/bin/apt update", "/usr/sbin/reboot", "/usr/bin/apt update"]
            .map(|text| CommandLine::parse(text).expect(text));
        let drop_in = DropIn::commands(&account("alice"), &commands);
        assert_eq!(drop_in.file_name(), "zz-sudo-commands-alice");
        let rules = ["apt update", "reboot"];
        assert_eq!(drop_in.rule_lines().len(), rules.len(), "each once");
        let text = drop_in.render();
        assert!(text.starts_with("# sudoers-install 1 uid=1001 user=alice kind=commands\n"), "{text}");
        assert!(text.ends_with(
            "\nalice ALL=(root) NOPASSWD: /usr/bin/apt update\nalice ALL=(root) NOPASSWD: /usr/sbin/reboot \"\"\n"
        ));
        assert_eq!(DropIn::parse(&text), Some(drop_in));
    }

    #[test]
    fn only_what_this_program_has_written_is_its_own() {
        let text = helper_for("alice").render();
        assert_eq!(DropIn::parse(&text), Some(helper_for("alice")));
        for (part, other) in [
            ("uid=1001", "uid=0"),
            ("uid=1001", "uid=01001"),
            ("user=alice", "user=bob"),
            ("user=alice", "user=%61lice"),
            ("user=alice", "user=ALL"),
            ("kind=helper", "kind=commands"),
            ("kind=helper", "kind=helper more"),
            ("# sudoers-install 1", "# sudoers-install 2"),
            ("(root)", "(ALL)"),
            ("NOPASSWD: /usr", "NOPASSWD:/usr"),
            ("/usr/bin/sudo-helper", "/usr/bin/sudo-helper, /bin/sh"),
            ("/usr/bin/sudo-helper", "/usr/bin/../../tmp/x"),
            ("alice ALL=", "ALL ALL="),
            ("sudo-helper\n", "sudo-helper"),
            ("sudo-helper\n", "sudo-helper\n\n"),
            ("sudo-helper\n", "sudo-helper\r\n"),
            ("sudo-helper\n", "sudo-helper\nalice ALL=(ALL) NOPASSWD: ALL\n"),
            ("Written by", "Rewritten by"),
        ] {
            let changed = text.replace(part, other);
            assert_ne!(changed, text, "{part}");
            assert_eq!(DropIn::parse(&changed), None, "{changed}");
        }
        for text in ["", "\n", "alice ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n", "# sudoers-install 1 \n"]
        {
            assert_eq!(DropIn::parse(text), None, "{text:?}");
        }
        let nothing = DropIn::commands(&account("alice"), &[]).render();
        assert_eq!(DropIn::parse(&nothing), None, "no rule");
    }

    #[test]
    fn the_digest_is_that_of_the_text() {
        let digest = helper_for("alice").sha256();
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(digest, helper_for("bob").sha256());
    }

    proptest! {
        #[test]
        fn whatever_the_name_each_grant_is_one_line_and_comes_back(
            uid in 1..u32::MAX,
            name in "[^\u{0}-\u{1f},:/\u{7f}-\u{9f}]{1,40}|[a-z%\\\\# .=\"!()]{1,12}",
            commands in prop::option::of(prop::collection::vec("/opt/[a-z]{1,5}( [a-z0-9/._+@%~:=,#-]{1,8}){0,3}", 1..4)),
        ) {
            prop_assume!(check_name(&name).is_ok());
            let account = Account { uid, gid: 5, name };
            let drop_in = match commands {
                None => DropIn::new(&account, Grant::Helper("/usr/local/bin/sudo-helper".into())),
                Some(texts) => {
                    let read = |text: &String| CommandLine::parse(text).expect(text);
                    DropIn::commands(&account, &texts.iter().map(read).collect::<Vec<_>>())
                }
            };
            let text = drop_in.render();
            let rules: Vec<&str> = text.lines().filter(|line| !line.starts_with("# ")).collect();
            prop_assert_eq!(&rules, &drop_in.rule_lines());
            prop_assert!(rules.iter().all(|rule| rule.matches(" ALL=(root) NOPASSWD: /").count() == 1));
            prop_assert!(text.ends_with('\n') && text.lines().all(|line| !line.ends_with('\\')));
            prop_assert!(!drop_in.file_name().contains(['.', '~', '/']));
            prop_assert_eq!(DropIn::parse(&text), Some(drop_in));
        }

        #[test]
        fn no_text_is_too_strange_to_be_someone_elses(text in any::<String>()) {
            prop_assert_eq!(DropIn::parse(&text), None);
        }
    }
}
