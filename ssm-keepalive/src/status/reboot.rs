//! Whether this host is about to reboot, as by the agent's own `shutdown -r +1`.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where systemd-logind keeps what shutdown(8) has scheduled.
const SCHEDULED: &str = "/run/systemd/shutdown/scheduled";
/// Most bytes of it that are read.
const MAX_FILE: u64 = 4096;
/// A reboot later than this is somebody's plan for tonight, and says nothing of the agent.
const SOON: Duration = Duration::from_secs(10 * 60);

/// Whether anything is scheduled; what cannot be looked at may be there.
pub(super) fn is_scheduled() -> bool {
    !matches!(File::open(SCHEDULED), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Whether it is.
pub(super) fn is_soon() -> bool {
    let mut text = String::new();
    let read = File::open(SCHEDULED).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
    read.is_ok() && says_soon(&text, SystemTime::now())
}

/// Whether the file says so: `USEC=` of the real time and `MODE=`.
fn says_soon(text: &str, now: SystemTime) -> bool {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let is_reboot = value("MODE").is_some_and(|mode| ["reboot", "kexec", "soft-reboot"].contains(&mode));
    let micros: Option<u64> = value("USEC").and_then(|usec| usec.parse().ok());
    let at = micros.and_then(|micros| UNIX_EPOCH.checked_add(Duration::from_micros(micros)));
    is_reboot && at.is_some_and(|at| at.duration_since(now).is_ok_and(|left| left <= SOON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reboot_within_minutes_is_soon_and_nothing_else_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        for (text, soon) in [
            ("USEC=1060000000\nWARN_WALL=1\nMODE=reboot\n", true),
            ("USEC=1060000000\nMODE=kexec\n", true),
            ("USEC=1060000000\nMODE=poweroff\n", false),
            ("USEC=1600000000\nMODE=reboot\n", true),
            ("USEC=1600000001\nMODE=reboot\n", false),
            ("USEC=999000000\nMODE=reboot\n", false),
            ("MODE=reboot\n", false),
            ("USEC=soon\nMODE=reboot\n", false),
            ("", false),
        ] {
            assert_eq!(says_soon(text, now), soon, "{text:?}");
        }
    }
}
