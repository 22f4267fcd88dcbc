//! The time of this boot: no clock that is set changes it, and it goes on while the host sleeps.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use diagnostics::Failure;

/// Another one for each boot (proc_sys_kernel(5), random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Longest that is read of it, in bytes: a UUID and a newline.
const MAX_ID: u64 = 37;

/// A time of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// Which boot.
    pub boot: String,
    /// How long ago it began (CLOCK_BOOTTIME).
    pub since_boot: Duration,
}

impl Now {
    /// The time.
    ///
    /// # Errors
    /// `clock` when the kernel does not tell.
    pub fn read() -> Result<Self, Failure> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| Failure::new("clock", format!("{what}: {error}"));
        let mut boot = String::new();
        File::open(BOOT_ID)
            .and_then(|file| file.take(MAX_ID).read_to_string(&mut boot))
            .map_err(|error| failed(BOOT_ID, &error))?;
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(|errno| failed("clock_gettime", &errno))?;
        Ok(Self { boot: boot.trim_end().to_owned(), since_boot: now.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_has_a_name_and_its_time_goes_on() {
        let [first, second] = [Now::read().expect("a time"), Now::read().expect("a time")];
        assert!(first.boot == second.boot && first.boot.len() == 36, "{first:?}");
        assert!(!first.since_boot.is_zero() && first.since_boot <= second.since_boot);
    }
}
