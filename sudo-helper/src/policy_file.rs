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
        Err(error) => {
            Err(unusable(&format_args!("{error}; everything is denied until only root can write it")))
        }
    }
}

/// Loads a policy that somebody wants to look at, and that decides nothing. To be called with the
/// rights of whoever asks.
///
/// # Errors
/// When it cannot be read or is broken.
pub fn load_from(path: &Path) -> Result<Policy, Failure> {
    let call =
        |error: io::Error| unusable(&format_args!("{}: {error}", path.display().to_string().escape_debug()));
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

fn missing() -> Failure {
    let error = format!(
        "{POLICY} is missing, so everything is denied; as root: \
         mkdir -p /etc/sudo-helper && sudo-helper default-policy > {POLICY}"
    );
    Failure::new(Exit::Policy, "no-policy", &error)
}
