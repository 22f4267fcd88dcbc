//! The program that the service runs: this one, where nobody but root can change it.

use std::path::Path;
use std::str::FromStr;

use diagnostics::Failure;

/// What a path may hold besides letters and digits, so that systemd takes it as it is (systemd.service(5)).
const PUNCTUATION: &[u8] = b"/._+-";
/// What the service does not see of the host (ProtectHome=, PrivateTmp= of systemd.exec(5)).
const UNSEEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// The absolute path of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(String);

impl Program {
    /// Where make install and the package have it.
    #[must_use]
    pub fn usual() -> [Self; 2] {
        ["/usr/sbin/ssm-keepalive", "/usr/local/sbin/ssm-keepalive"].map(|path| Self(path.to_owned()))
    }

    /// This program.
    ///
    /// # Errors
    /// `program` when the service could not run it.
    pub fn own() -> Result<Self, Failure> {
        let path = std::env::current_exe().map_err(|error| refused(Path::new("/proc/self/exe"), &error))?;
        path.to_str().and_then(|path| path.parse().ok()).ok_or_else(|| {
            refused(&path, &"a service can run no program from there; install it to /usr/sbin")
        })
    }

    /// Makes sure that nobody but root can change it.
    ///
    /// # Errors
    /// `program` when somebody else can.
    pub fn trust(&self) -> Result<(), Failure> {
        trusted_path::verify(Path::new(&self.0)).map_err(|error| Failure::new("program", error))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Program {
    type Err = ();

    fn from_str(path: &str) -> Result<Self, ()> {
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(&byte);
        let is_seen = !UNSEEN.iter().any(|folder| Path::new(path).starts_with(folder));
        let fits = path.starts_with('/') && path.bytes().all(kept) && is_seen;
        fits.then(|| Self(path.to_owned())).ok_or(())
    }
}

fn refused(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new("program", format!("{}: {error}", diagnostics::one_line(&path.display().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_a_path_that_systemd_takes_as_it_is_and_that_a_service_sees() {
        for path in ["/usr/sbin/ssm-keepalive", "/opt/a-b_c/x.y+1", "/homes/x"] {
            assert!(path.parse::<Program>().is_ok(), "{path}");
        }
        for path in
            ["", "ssm-keepalive", "/a b", "/a%n", "/a$b", "/a (deleted)", "/home/me/x", "/root/x", "/tmp/x"]
        {
            assert!(path.parse::<Program>().is_err(), "{path}");
        }
    }
}
