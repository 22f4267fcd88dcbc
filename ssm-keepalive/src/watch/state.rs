//! What the watch remembers, in a file: `/var/lib/ssm-keepalive/watch.json`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkdir;
use serde::{Deserialize, Serialize};
use trusted_path::PathError;

use super::clock::Now;
use super::decision::{Asleep, MOST, Memory, Process};
use crate::transaction::{Contents, Entry};
use diagnostics::Failure;

/// Its folder; the service has it from StateDirectory= (systemd.exec(5)).
pub const FOLDER: &str = "/var/lib/ssm-keepalive";
/// The file.
const NAME: &str = "watch.json";
/// Largest file that is read, in bytes.
const MAX_FILE: usize = 4096;

/// The file's text. Times are in milliseconds from the boot on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    boot: String,
    asleep: Option<TextOfAsleep>,
    restarts: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextOfAsleep {
    main_pid: i32,
    began: u64,
    since: u64,
}

/// The folder, open.
#[derive(Debug)]
pub struct Store(OwnedFd);

impl Store {
    /// Opens the folder, made if there is none; nobody but root can write there.
    ///
    /// # Errors
    /// `state` when somebody else can, or when it cannot be opened.
    pub fn open() -> Result<Self, Failure> {
        match mkdir(FOLDER, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed(&errno)),
        }
        trusted_path::verify(Path::new(FOLDER)).map_err(|error| failed(&error))?;
        let folder = File::open(FOLDER).map_err(|error| failed(&error))?;
        Ok(Self(folder.into()))
    }

    fn entry(&self) -> Entry<'_> {
        Entry::new(&self.0, Path::new(FOLDER), NAME)
    }

    /// What it remembers; `None` when nobody can tell, because the file is not as it was written.
    ///
    /// # Errors
    /// `state` when the file is not root's alone, or cannot be read.
    pub fn load(&self, now: &Now) -> Result<Option<Memory>, Failure> {
        match trusted_path::read(&self.entry().path(), MAX_FILE) {
            Ok(bytes) => Ok(read(&bytes, now)),
            Err(PathError::Call(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Some(Memory::default()))
            }
            Err(PathError::TooLong(..)) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Has it remember this.
    ///
    /// # Errors
    /// `state` when a step fails; the file is as it was then, or whole.
    pub fn save(&self, memory: &Memory, now: &Now) -> Result<(), Failure> {
        let text = Contents::private(written(memory, now));
        self.entry()
            .sweep()
            .and_then(|()| self.entry().set(Some(&text)))
            .map_err(|failure| Failure::new("state", failure))
    }
}

/// Removes what is remembered, and the folder when it is empty.
///
/// # Errors
/// `state` when that fails.
pub fn forget() -> Result<(), Failure> {
    let folder: OwnedFd = match File::open(FOLDER) {
        Ok(folder) => folder.into(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(&error)),
    };
    let store = Store(folder);
    let removed = store.entry().sweep().and_then(|()| store.entry().set(None));
    removed.map_err(|failure| Failure::new("state", failure))?;
    match std::fs::remove_dir(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(failed(&error)),
        _ => Ok(()),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("state", format!("{FOLDER}: {error}"))
}

fn written(memory: &Memory, now: &Now) -> String {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let asleep = memory.asleep.map(|Asleep { process, since }| TextOfAsleep {
        main_pid: process.pid,
        began: process.began,
        since: millis(since),
    });
    let restarts = memory.restarts.iter().copied().map(millis).collect();
    let text = Text { boot: now.boot.clone(), asleep, restarts };
    // Strings and numbers alone: this cannot fail.
    serde_json::to_string(&text).unwrap_or_default() + "\n"
}

/// `None` for a text that this program cannot have written by now.
fn read(bytes: &[u8], now: &Now) -> Option<Memory> {
    let text: Text = serde_json::from_slice(bytes).ok()?;
    if text.restarts.len() > MOST {
        return None;
    }
    if text.boot != now.boot {
        // When they were before this boot nobody knows; they count as made when it began.
        return Some(Memory { asleep: None, restarts: vec![Duration::ZERO; text.restarts.len()] });
    }
    // Of the clock's last millisecond no more than the whole ones were written.
    let past = |millis: u64| Some(Duration::from_millis(millis)).filter(|at| *at <= now.since_boot);
    let restarts = text.restarts.iter().copied().map(past).collect::<Option<_>>()?;
    let asleep = match text.asleep {
        None => None,
        Some(TextOfAsleep { main_pid, began, since }) => {
            Some(Asleep { process: Process { pid: main_pid, began }, since: past(since)? })
        }
    };
    Some(Memory { asleep, restarts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        Now { boot: "one".to_owned(), since_boot: Duration::from_secs(seconds) }
    }

    fn memory() -> Memory {
        let process = Process { pid: 7, began: 100 };
        let asleep = Some(Asleep { process, since: Duration::from_secs(3) });
        Memory { asleep, restarts: vec![Duration::from_secs(1), Duration::from_millis(2500)] }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for memory in [memory(), Memory::default(), Memory::spent(Duration::from_secs(5))] {
            assert_eq!(read(written(&memory, &now(5)).as_bytes(), &now(5)), Some(memory));
        }
    }

    #[test]
    fn restarts_of_an_earlier_boot_count_as_made_when_this_one_began() {
        let text = written(&memory(), &Now { boot: "other".to_owned(), ..now(1_000_000) });
        let expected = Memory { asleep: None, restarts: vec![Duration::ZERO; 2] };
        assert_eq!(read(text.as_bytes(), &now(5)), Some(expected));
    }

    #[test]
    fn what_cannot_have_been_written_tells_nothing() {
        let text = written(&memory(), &now(5));
        let many = written(&Memory { restarts: vec![Duration::ZERO; MOST + 1], ..memory() }, &now(5));
        for (text, at) in [
            (text.clone(), 2),
            (String::new(), 5),
            (text[..text.len() / 2].to_owned(), 5),
            (text.replace("\"restarts\":[1000,2500]", "\"restarts\":[]}"), 5),
            (text.replace("1000", "-1000"), 5),
            (text.replace("1000", "5001"), 5),
            (text.replace("\"since\":3000", "\"since\":5001"), 5),
            (text.replace("\"boot\"", "\"reboot\""), 5),
            (text.replace('7', "\"7\""), 5),
            (many, 5),
        ] {
            assert_eq!(read(text.as_bytes(), &now(at)), None, "{text}");
        }
    }
}
