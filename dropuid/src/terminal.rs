//! The caller's terminal: a command that shares it may type into it (TIOCSTI, tty_ioctl(4)).

use std::fs;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::tcgetsid;

/// Absent before Linux 6.2, which always allowed it; 0 where it needs CAP_SYS_ADMIN.
const LEGACY_TIOCSTI: &str = "/proc/sys/dev/tty/legacy_tiocsti";

/// Whether a command that stays in our session could type into the terminal of our caller.
///
/// Having a controlling terminal is enough, whatever 0 to 2 are: /dev/tty opens it again.
#[must_use]
pub fn is_exposed() -> bool {
    has_controlling_terminal() && tiocsti_works(fs::read_to_string(LEGACY_TIOCSTI).ok().as_deref())
}

fn has_controlling_terminal() -> bool {
    match open(
        "/dev/tty",
        OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
        Mode::empty(),
    ) {
        Ok(_) => true,
        Err(Errno::ENXIO) => false,
        // No such device node: the descriptors still tell, since TIOCGSID knows only our own terminal.
        Err(_) => {
            let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
            [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter().any(|fd| tcgetsid(fd).is_ok())
        }
    }
}

fn tiocsti_works(setting: Option<&str>) -> bool {
    setting.is_none_or(|setting| setting.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_zero_switches_tiocsti_off() {
        assert!(!tiocsti_works(Some("0\n")));
        assert!(tiocsti_works(Some("1\n")));
        assert!(tiocsti_works(None));
    }
}
