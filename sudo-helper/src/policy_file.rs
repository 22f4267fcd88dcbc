//! Where the policy is, and who may have written it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use trusted_path::PathError;

use crate::answer::{Exit, Failure};
use crate::policy::Policy;

/// The policy of this machine.
pub const POLICY: &str = "/etc/sudo-helper/policy.json";

/// Loads this machine's policy, which only root can have written.
///
/// # Errors
/// When there is none, it cannot be trusted or is broken: everything is denied then.
pub fn load() -> Result<Policy, Failure> {
    match trusted_path::read(Path::new(POLICY), Policy::MAX_BYTES) {
        Ok(text) => parse(Path::new(POLICY), &text),
        Err(PathError::Call(_, error)) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(PathError::Call(path, error)) => {
            let error = format!("{}: {error}; everything is denied until it can be read", path.display());
            Err(unusable(&error))
        }
        Err(error) => Err(unusable(&format_args!(
            "{error}; everything is denied until {POLICY} is itself a regular file of root's, of at most {} bytes, \
             that nobody else can write, in folders that nobody else can write",
            Policy::MAX_BYTES
        ))),
    }
}

/// Loads a policy that somebody wants to look at, and that decides nothing. To be called with the
/// rights of whoever asks.
///
/// # Errors
/// When it cannot be read or is broken.
pub fn load_from(path: &Path) -> Result<Policy, Failure> {
    let call = |error: io::Error| {
        unreadable(&format_args!("{}: {error}", path.display().to_string().escape_debug()))
    };
    // Not to wait for a FIFO, nor to get a terminal.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(call)?;
    if !file.metadata().map_err(call)?.is_file() {
        return Err(call(io::Error::other("not a regular file")));
    }
    let mut text = Vec::new();
    let most = u64::try_from(Policy::MAX_BYTES).unwrap_or(u64::MAX) + 1;
    file.take(most).read_to_end(&mut text).map_err(call)?;
    parse(path, &text)
}

fn parse(path: &Path, text: &[u8]) -> Result<Policy, Failure> {
    let path = path.display().to_string();
    Policy::parse(text).map_err(|error| unusable(&format_args!("{}: {error}", path.escape_debug())))
}

fn unusable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Policy, "bad-policy", error)
}

/// What the kernel said, and nothing of what the file holds.
fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Policy, "unreadable-policy", error)
}

fn missing() -> Failure {
    let error = format!(
        "{POLICY} is missing, so everything is denied; as root: \
         mkdir -p /etc/sudo-helper && sudo-helper default-policy > {POLICY}"
    );
    Failure::new(Exit::Policy, "no-policy", &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_told_from_one_that_is_no_policy() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("broken"), "{").expect("written");
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
        for (path, code, says) in [
            (at("broken"), "bad-policy", "line 1"),
            (at("no\nne"), "unreadable-policy", "no\\nne: No such file"),
            (at("broken/x"), "unreadable-policy", "Not a directory"),
            (at("fifo"), "unreadable-policy", "not a regular file"),
            (at(""), "unreadable-policy", "not a regular file"),
            ("/dev/zero".into(), "unreadable-policy", "not a regular file"),
        ] {
            let failure = load_from(&path).expect_err(says);
            assert_eq!((failure.code(), failure.exit()), (code, Exit::Policy), "{failure}");
            assert!(failure.to_string().contains(says), "{failure}");
        }
    }
}
