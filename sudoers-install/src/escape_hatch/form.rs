//! The forms of arguments that make a program safe to allow.
//!
//! The caller cannot change the words of a rule, but what they stand for. sudo(8) keeps the caller's working
//! folder, so a relative word that a program takes for a file is a file of the caller's, and a link there
//! leads anywhere: it has no place in a form. What follows an option counts as much as a word of its own.
//!
//! sudo joins the arguments with spaces before it compares them (command_args_match of
//! plugins/sudoers/match_command.c), so a caller may hand over neighbours as one argument: `-u x --no-pager` as
//! `-u 'x --no-pager'`, and `-c /etc/x` as `'-c /etc/x'`, where the path begins with a space and is
//! relative. Hence an option that makes a command safe stands first, and no option is followed by a path.

/// Where logs are: the folder of the system's whose files may be shown.
pub const LOGS: &str = "/var/log/";
/// Folders there that hold secrets: answers to an installer, what people typed, state of services.
const SECRET_LOGS: [&str; 4] = ["installer", "sudo-io", "audit", "private"];
/// What the names of logs that hold secrets begin with, rotated ones too: names that failed to log in, among them
/// passwords that were typed for a name (lastb(1)); what cloud-init ran and printed, as the passwords that it makes.
const SECRET_NAMES: [&str; 2] = ["btmp", "cloud-init"];
/// Settings of sysctl(8) that only tune memory and network.
const TUNING: [&str; 2] = ["vm.", "net."];
/// Those among them that open the kernel to its users.
const NO_TUNING: [&str; 3] = ["vm.mmap_min_addr", "vm.unprivileged_userfaultfd", "net.core.bpf_jit_harden"];

/// One word of the arguments that is no option.
#[derive(Debug)]
pub(super) enum Word {
    /// One of these.
    Is(&'static [&'static str]),
    /// The name of a unit, a package, a container or an interface, where the program takes no file.
    Name,
    /// Digits, with or without a sign before them.
    Number,
    /// The path of a log, in a folder where only the system makes names.
    Log,
    /// An address or a network, with or without the length of its prefix, or `default`.
    Address,
    /// A word of a rule of iptables(8), which names no file but by `/`: an address, or anything without one.
    Rule,
    /// A setting of sysctl(8) to be read, or one to be changed that is no way further.
    Setting,
    /// Text that the program never takes for a file or a program.
    Text,
}

/// The options that a form allows, each written in full.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Those without a value.
    pub flags: &'static [&'static str],
    /// Those with one: `--name=VALUE`, `--name VALUE`, `-nVALUE` or `-n VALUE`.
    pub values: &'static [(&'static str, Word)],
}

/// One form: options in any place, and words in this order.
#[derive(Debug)]
pub(super) struct Form {
    /// The option without which it is not safe: the first argument.
    needs: Option<&'static str>,
    options: Options,
    words: &'static [Word],
    /// What may come after these words, any number of times.
    rest: Option<Word>,
}

impl Form {
    /// These words and nothing else.
    pub(super) const fn of(words: &'static [Word]) -> Self {
        Self { needs: None, options: Options { flags: &[], values: &[] }, words, rest: None }
    }

    /// The same with this option before it.
    pub(super) const fn needs(self, option: &'static str) -> Self {
        Self { needs: Some(option), ..self }
    }

    /// The same with these options, wherever they stand.
    pub(super) const fn with(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// The same with more words of a kind at its end.
    pub(super) const fn rest(self, rest: Word) -> Self {
        Self { rest: Some(rest), ..self }
    }

    pub(super) fn matches(&self, arguments: &[String]) -> bool {
        let arguments = match (self.needs, arguments.split_first()) {
            (None, _) => arguments,
            (Some(needed), Some((first, rest))) if first == needed => rest,
            (Some(_), _) => return false,
        };
        self.words_of(arguments).is_some_and(|words| self.words_match(&words))
    }

    /// The arguments that are no options; `None` when there is an option that the form does not allow.
    fn words_of<'a>(&self, arguments: &'a [String]) -> Option<Vec<&'a str>> {
        let mut words = Vec::new();
        let mut left = arguments.iter().map(String::as_str);
        while let Some(argument) = left.next() {
            if !argument.starts_with('-') {
                words.push(argument);
            } else if self.opens_files() && !words.is_empty() {
                // getopt(3) of musl ends at the first word: what follows is a file, whatever it begins with.
                return None;
            } else if !self.options.allow(argument, &mut left) {
                return None;
            }
        }
        Some(words)
    }

    fn opens_files(&self) -> bool {
        self.words.iter().chain(&self.rest).any(|word| matches!(word, Word::Log))
    }

    fn words_match(&self, words: &[&str]) -> bool {
        let expected = self.words.iter().map(Some).chain(std::iter::repeat(self.rest.as_ref()));
        let all =
            words.iter().zip(expected).all(|(word, expected)| expected.is_some_and(|e| e.matches(word)));
        all && words.len() >= self.words.len()
    }
}

impl Options {
    fn allow<'a>(&self, option: &str, left: &mut impl Iterator<Item = &'a str>) -> bool {
        if self.flags.contains(&option) {
            return true;
        }
        let valued =
            self.values.iter().find_map(|(name, word)| Some((name, word, option.strip_prefix(name)?)));
        let Some((name, word, value)) = valued else { return false };
        match value {
            "" => left.next().is_some_and(|value| !value.starts_with('-') && word.matches(value)),
            value if name.starts_with("--") => {
                value.strip_prefix('=').is_some_and(|value| word.matches(value))
            }
            value => word.matches(value),
        }
    }
}

impl Word {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(words) => words.contains(&text),
            Self::Name => is_name(text),
            Self::Number => is_number(text.strip_prefix(['+', '-']).unwrap_or(text)),
            Self::Log => is_log(text),
            Self::Address => text == "default" || is_address(text),
            Self::Rule => !text.contains('/') || is_address(text),
            Self::Setting => is_setting(text),
            Self::Text => true,
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// No path, no pattern, and no `+` or `-` at the end, which apt-get(8) reads as install and remove.
fn is_name(text: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@:+-".contains(&byte);
    let start = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    start && text.bytes().all(kept) && !text.ends_with(['+', '-'])
}

fn is_log(text: &str) -> bool {
    let Some(path) = text.strip_prefix(LOGS) else { return false };
    let element = |element: &str| !element.is_empty() && element != "." && element != "..";
    let secret = |element: &str| SECRET_NAMES.iter().any(|start| element.starts_with(start));
    let in_secret = SECRET_LOGS.iter().any(|folder| path.split('/').next() == Some(folder));
    path.split('/').all(element) && !in_secret && !path.split('/').any(secret)
}

fn is_address(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let kept = |byte: u8| byte.is_ascii_hexdigit() || b".:".contains(&byte);
    address.contains(['.', ':']) && address.bytes().all(kept) && is_number(prefix)
}

/// In the one spelling that has no second reading: sysctl(8) takes `/` for `.` and opens what results.
fn is_setting(text: &str) -> bool {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let canonical = key.split('.').all(|element| !element.is_empty() && element.bytes().all(kept));
    let tuning = TUNING.iter().any(|start| key.starts_with(start)) && !NO_TUNING.contains(&key);
    canonical && key.contains('.') && value.is_none_or(|value| tuning && !value.contains('/'))
}
