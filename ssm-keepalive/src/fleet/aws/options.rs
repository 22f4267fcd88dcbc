//! As whom the CLI asks, and where.

use diagnostics::one_line;

/// `--profile` and `--region`, when they are given.
#[derive(Debug, Clone, Default)]
pub(super) struct Options(Vec<(&'static str, String)>);

impl Options {
    pub(super) fn new(profile: Option<&str>, region: Option<&str>) -> Self {
        let given = [("--profile", profile), ("--region", region)];
        Self(given.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect())
    }

    /// One word each: a value that begins with '-' is no option.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}"))
    }

    /// ` --profile 'P' --region 'R'`, to be put after a command that somebody copies: quoted for sh(1), and what a
    /// terminal would not show is escaped.
    pub(super) fn for_shell(&self) -> String {
        let shown = |(name, value): &(&str, String)| {
            let between = if value.starts_with('-') { '=' } else { ' ' };
            format!(" {name}{between}'{}'", one_line(value).replace('\'', r"'\''"))
        };
        self.0.iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_them_as_they_were_given() {
        assert_eq!(Options::default().for_shell(), "");
        assert_eq!(
            Options::new(Some("p"), Some("eu-west-1")).for_shell(),
            " --profile 'p' --region 'eu-west-1'"
        );
        for odd in ["it's $HOME `id` \"x\" \\n *", "'", "é", ""] {
            let script = format!("printf '%s\n'{}", Options::new(None, Some(odd)).for_shell());
            let said = Command::new("/bin/sh").args(["-c", &script]).output().expect("run");
            assert_eq!(String::from_utf8_lossy(&said.stdout), format!("--region\n{odd}\n"));
        }
    }

    #[test]
    fn no_value_is_an_option_or_moves_the_cursor() {
        let odd = Options::new(Some("-p q"), Some("a\u{1b}[2J\u{200b}"));
        assert_eq!(odd.for_shell(), " --profile='-p q' --region 'a\\u{1b}[2J\\u{200b}'");
        assert_eq!(odd.words().next().as_deref(), Some("--profile=-p q"));
    }
}
