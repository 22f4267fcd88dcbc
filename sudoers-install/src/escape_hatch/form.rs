//! The forms of arguments that make a program safe to allow.

/// Folders of files that are no secrets, and in which only the system makes names.
const OPEN_FOLDERS: [&str; 4] = ["/var/log/", "/sys/", "/usr/", "/boot/"];

/// One word of the arguments that is no option.
#[derive(Debug)]
pub(super) enum Word {
    /// One of these.
    Is(&'static [&'static str]),
    /// The name of a unit, a package or a container: no path, no option.
    Name,
    /// Digits.
    Number,
    /// A path of a file that is no secret, in a folder of the system.
    SystemPath,
    /// Whatever it is.
    Anything,
}

/// The options that a form allows.
#[derive(Debug)]
pub(super) enum Options {
    /// These; one that ends in `=` with any plain value.
    Only(&'static [&'static str]),
    /// Any that names no path.
    Plain,
}

/// One form: options in any place, and these words in this order.
#[derive(Debug)]
pub(super) struct Form {
    /// An option without which it is not safe.
    pub needs: Option<&'static str>,
    pub options: Options,
    pub words: &'static [Word],
    /// Whether there may be more words such as the last.
    pub more: bool,
}

impl Word {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(words) => words.contains(&text),
            Self::Name => is_name(text),
            Self::Number => text.bytes().all(|byte| byte.is_ascii_digit()),
            Self::SystemPath => is_system_path(text),
            Self::Anything => true,
        }
    }
}

impl Options {
    fn allow(&self, option: &str) -> bool {
        match self {
            Self::Plain => !option.contains('/'),
            Self::Only(known) => known.iter().any(|known| match option.strip_prefix(known) {
                Some("") => !known.ends_with('='),
                Some(value) => known.ends_with('=') && !value.contains('/'),
                None => false,
            }),
        }
    }
}

impl Form {
    pub(super) fn matches(&self, arguments: &[String]) -> bool {
        let option = |argument: &&String| argument.starts_with('-');
        let (options, words): (Vec<&String>, Vec<&String>) = arguments.iter().partition(option);
        let needed = self.needs.is_none_or(|needed| options.iter().any(|option| *option == needed));
        let allowed = |option: &&String| Some(option.as_str()) == self.needs || self.options.allow(option);
        needed && options.iter().all(allowed) && self.words_match(&words)
    }

    fn words_match(&self, words: &[&String]) -> bool {
        let enough = words.len() >= self.words.len();
        let last = self.words.last().filter(|_| self.more);
        let expected = self.words.iter().map(Some).chain(std::iter::repeat(last));
        enough && words.iter().zip(expected).all(|(word, expected)| expected.is_some_and(|e| e.matches(word)))
    }
}

/// No path, no pattern, and no `+` or `-` at the end, which apt-get(8) reads as install and remove.
fn is_name(text: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@:+-".contains(&byte);
    let start = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    start && text.bytes().all(kept) && !text.ends_with(['+', '-'])
}

fn is_system_path(text: &str) -> bool {
    let normal = !text.split('/').any(|element| element == ".." || element == ".") && !text.contains("//");
    normal && OPEN_FOLDERS.iter().any(|folder| text.starts_with(folder))
}
