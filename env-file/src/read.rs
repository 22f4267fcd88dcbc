//! Reading a file that a hostile user may own.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// The largest file that is read, in bytes: room for a thousand keys, no burden on memory.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a file was not read. `Display` goes after the file's name: `FILE cannot be opened: ...`.
#[derive(Debug)]
pub enum ReadError {
    /// open(2) failed.
    Open(io::Error),
    /// It is a directory, FIFO, socket or device.
    NotRegular,
    /// It holds more than [`MAX_FILE_BYTES`].
    TooLarge,
    /// fstat(2) or read(2) failed.
    Read(io::Error),
}

impl ReadError {
    /// Whether there is no such file, so that an optional one may be passed over.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ReadError::Open(e) if e.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Open(e) => write!(f, "cannot be opened: {e}"),
            ReadError::NotRegular => f.write_str("is not a regular file; name one"),
            ReadError::TooLarge => write!(f, "is larger than {MAX_FILE_BYTES} bytes; shorten it"),
            ReadError::Read(e) => write!(f, "cannot be read: {e}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Open(e) | ReadError::Read(e) => Some(e),
            ReadError::NotRegular | ReadError::TooLarge => None,
        }
    }
}

/// The bytes of the regular file at `path`, at most [`MAX_FILE_BYTES`] of them.
///
/// Symbolic links are followed: whoever calls this has dropped its privileges before. A FIFO or a
/// leased file (fcntl(2), `F_SETLEASE`) is refused and not waited for.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let flags = OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(open_error)?;
    if !file.metadata().map_err(ReadError::Read)?.is_file() {
        return Err(ReadError::NotRegular);
    }
    bounded(file)
}

/// All of `source`, which may grow while it is read, or lie about its size as files of /proc do.
fn bounded(source: impl Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Read)?;
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

fn open_error(e: io::Error) -> ReadError {
    // What open(2) says of a socket.
    if e.raw_os_error() == Some(Errno::ENXIO as i32) { ReadError::NotRegular } else { ReadError::Open(e) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use nix::sys::stat::Mode;

    /// A directory of its own for one test, removed at the end.
    struct Dir(PathBuf);

    impl Dir {
        fn new(test: &str) -> Dir {
            let dir = std::env::temp_dir().join(format!("env-file-{test}-{}", std::process::id()));
            fs::create_dir(&dir).expect("a new directory");
            Dir(dir)
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("the directory can be removed");
        }
    }

    #[test]
    fn a_regular_file_is_read_whole_also_through_a_link() {
        let dir = Dir::new("regular");
        fs::write(dir.at("env"), b"A=1\n\xff\0").expect("write");
        std::os::unix::fs::symlink("env", dir.at("link")).expect("link");
        assert_eq!(read(&dir.at("link")).expect("readable"), b"A=1\n\xff\0");
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let dir = Dir::new("kinds");
        nix::unistd::mkfifo(&dir.at("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).expect("mkfifo");
        let _listener = UnixListener::bind(dir.at("socket")).expect("bind");
        for path in [dir.at("fifo"), dir.at("socket"), dir.0.clone(), "/dev/null".into()] {
            // A thread, so that a hang fails the test and does not stop it.
            let (send, receive) = std::sync::mpsc::channel();
            let shown = path.display().to_string();
            std::thread::spawn(move || send.send(read(&path)));
            let outcome = receive.recv_timeout(std::time::Duration::from_secs(5));
            assert!(matches!(outcome, Ok(Err(ReadError::NotRegular))), "{shown}: {outcome:?}");
        }
    }

    #[test]
    fn the_bound_is_exact() {
        let dir = Dir::new("bound");
        let file = File::create(dir.at("env")).expect("create");
        file.set_len(MAX_FILE_BYTES).expect("grow");
        assert_eq!(read(&dir.at("env")).expect("at the bound").len() as u64, MAX_FILE_BYTES);
        file.set_len(MAX_FILE_BYTES + 1).expect("grow");
        assert!(matches!(read(&dir.at("env")), Err(ReadError::TooLarge)));
        // A file that grows for ever, whatever fstat said of it.
        assert!(matches!(bounded(io::repeat(b'A')), Err(ReadError::TooLarge)));
    }

    #[test]
    fn only_a_missing_file_is_not_found() {
        let dir = Dir::new("missing");
        fs::write(dir.at("env"), b"").expect("write");
        assert!(read(&dir.at("none")).expect_err("missing").is_not_found());
        assert!(!read(&dir.at("env/below")).expect_err("below a file").is_not_found());
        assert!(!read(&dir.0).expect_err("a directory").is_not_found());
    }

    #[test]
    fn errors_are_the_rest_of_a_sentence() {
        let dir = Dir::new("words");
        let said = format!("{}", read(&dir.at("none")).expect_err("missing"));
        assert!(said.starts_with("cannot be opened: No such file"), "{said}");
        assert_eq!(ReadError::TooLarge.to_string(), "is larger than 1048576 bytes; shorten it");
        assert_eq!(ReadError::NotRegular.to_string(), "is not a regular file; name one");
    }
}
