//! What standard output or standard error is when a service of systemd's runs this: the journal, which takes the
//! importance of a line from its beginning (sd-daemon(3)).

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

/// How much a line matters (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Something that a person should see.
    Warning = 4,
    /// Something out of the usual.
    Notice = 5,
    /// Nothing out of the usual.
    Info = 6,
}

impl Level {
    /// What a line begins with that goes by this stream, empty for one that is not the journal; `None` for a line that is
    /// not to go there. LogLevelMax= of systemd.exec(5) does not see to it: journald may miss it while a host boots.
    #[must_use]
    pub fn prefix(self, stream: impl AsFd) -> Option<String> {
        match (is_journal(stream.as_fd()), self) {
            (false, _) => Some(String::new()),
            (true, Self::Info) => None,
            (true, _) => Some(format!("<{}>", self as u8)),
        }
    }
}

/// Whether it is what systemd says that it has connected (JOURNAL_STREAM of systemd.exec(5)).
fn is_journal(stream: BorrowedFd) -> bool {
    let Ok(said) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(metadata) = stream.try_clone_to_owned().map(File::from).and_then(|file| file.metadata()) else {
        return false;
    };
    said == format!("{}:{}", metadata.dev(), metadata.ino())
}
