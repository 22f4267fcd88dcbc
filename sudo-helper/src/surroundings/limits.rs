//! Resource limits (getrlimit(2)): what operations need, and what they cannot do without.

use std::fmt;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

const KIB: rlim_t = 1 << 10;
const MIB: rlim_t = 1 << 20;
const GIB: rlim_t = 1 << 30;
/// Longer than any operation may take, in seconds.
const HOUR: rlim_t = 3600;

/// What one limit is to be.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    resource: Resource,
    /// As ulimit and limits.conf(5) call it.
    name: &'static str,
    /// The soft limit.
    soft: rlim_t,
    /// The hard limit, at least.
    hard: rlim_t,
    /// With a soft limit below this, an operation could end half-way.
    floor: rlim_t,
}

const fn unlimited(resource: Resource, name: &'static str, floor: rlim_t) -> Wanted {
    Wanted { resource, name, soft: RLIM_INFINITY, hard: RLIM_INFINITY, floor }
}

/// What systemd-system.conf(5) gives its services, or more. RSS and LOCKS have had no effect since
/// Linux 2.6, and low values of NICE, RTPRIO, RTTIME and MSGQUEUE only forbid what no operation does:
/// hence no floor; a child may still read them.
const WANTED: [Wanted; 16] = [
    unlimited(Resource::RLIMIT_CPU, "cpu", HOUR),
    unlimited(Resource::RLIMIT_FSIZE, "fsize", 4 * GIB),
    unlimited(Resource::RLIMIT_DATA, "data", 2 * GIB),
    unlimited(Resource::RLIMIT_AS, "as", 2 * GIB),
    unlimited(Resource::RLIMIT_RSS, "rss", 0),
    unlimited(Resource::RLIMIT_NPROC, "nproc", KIB),
    unlimited(Resource::RLIMIT_LOCKS, "locks", 0),
    unlimited(Resource::RLIMIT_SIGPENDING, "sigpending", 64),
    unlimited(Resource::RLIMIT_RTTIME, "rttime", 0),
    // The kernel's defaults of the first process (include/asm-generic/resource.h, MQ_BYTES_MAX).
    Wanted { resource: Resource::RLIMIT_MSGQUEUE, name: "msgqueue", soft: 819_200, hard: 819_200, floor: 0 },
    Wanted { resource: Resource::RLIMIT_NICE, name: "nice", soft: 0, hard: 0, floor: 0 },
    Wanted { resource: Resource::RLIMIT_RTPRIO, name: "rtprio", soft: 0, hard: 0, floor: 0 },
    Wanted {
        resource: Resource::RLIMIT_STACK,
        name: "stack",
        soft: 8 * MIB,
        hard: RLIM_INFINITY,
        floor: MIB,
    },
    Wanted { resource: Resource::RLIMIT_CORE, name: "core", soft: 0, hard: 0, floor: 0 },
    // More than 1024 descriptors at once break programs that call select(2).
    Wanted { resource: Resource::RLIMIT_NOFILE, name: "nofile", soft: 1024, hard: 524_288, floor: 256 },
    Wanted {
        resource: Resource::RLIMIT_MEMLOCK,
        name: "memlock",
        soft: 8 * MIB,
        hard: 8 * MIB,
        floor: 64 * KIB,
    },
];

/// Why a limit is not as it must be.
#[derive(Debug)]
pub enum LimitError {
    /// It is too low, and root may not raise it here.
    TooLow {
        /// As limits.conf(5) calls it.
        name: &'static str,
        /// The hard limit, in the unit of getrlimit(2).
        hard: u64,
        /// The least that is needed.
        floor: u64,
    },
    /// It cannot be read or set.
    Call(&'static str, Errno),
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLow { name, hard, floor } => write!(
                f,
                "the caller's hard limit {name} is {hard}, at least {floor} is needed, and raising it \
                 takes CAP_SYS_RESOURCE, which is missing here; call from a session without that limit"
            ),
            Self::Call(name, errno) => write!(f, "cannot restore the limit {name}: {}", errno.desc()),
        }
    }
}

impl std::error::Error for LimitError {}

/// Sets every limit that is not as it is wanted.
pub(super) fn restore() -> Result<(), LimitError> {
    WANTED.iter().try_for_each(restore_one)
}

fn restore_one(wanted: &Wanted) -> Result<(), LimitError> {
    let failed = |errno| LimitError::Call(wanted.name, errno);
    let current = getrlimit(wanted.resource).map_err(failed)?;
    let Some((soft, hard)) = wanted.raised(current) else { return Ok(()) };
    match setrlimit(wanted.resource, soft, hard) {
        // No CAP_SYS_RESOURCE; for nofile also a lower fs.nr_open.
        Err(Errno::EPERM) => {}
        other => return other.map_err(failed),
    }
    let Some((soft, hard)) = wanted.within(current)? else { return Ok(()) };
    setrlimit(wanted.resource, soft, hard).map_err(failed)
}

impl Wanted {
    /// The soft and hard limit to set where both may be raised; `None` when they are as wanted.
    fn raised(&self, current: (rlim_t, rlim_t)) -> Option<(rlim_t, rlim_t)> {
        let new = (self.soft, current.1.max(self.hard));
        (new != current).then_some(new)
    }

    /// The same where the hard limit cannot be raised.
    fn within(&self, current: (rlim_t, rlim_t)) -> Result<Option<(rlim_t, rlim_t)>, LimitError> {
        let hard = current.1;
        let new = (self.soft.min(hard), hard);
        if new.0 < self.floor {
            return Err(LimitError::TooLow { name: self.name, hard, floor: self.floor });
        }
        Ok((new != current).then_some(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: rlim_t = RLIM_INFINITY;

    fn wanted(name: &str) -> Wanted {
        *WANTED.iter().find(|wanted| wanted.name == name).expect("a known limit")
    }

    #[test]
    fn what_is_right_is_left() {
        for (name, current) in [
            ("fsize", (INF, INF)),
            ("nofile", (1024, 524_288)),
            ("nofile", (1024, 1_048_576)),
            ("stack", (8 * MIB, INF)),
            ("core", (0, INF)),
            ("core", (0, 0)),
            ("memlock", (8 * MIB, 8 * MIB)),
        ] {
            assert_eq!(wanted(name).raised(current), None, "{name}");
        }
    }

    #[test]
    fn what_is_not_is_raised_or_lowered() {
        for (name, current, new) in [
            ("fsize", (1, 1), (INF, INF)),
            ("cpu", (100, INF), (INF, INF)),
            ("rttime", (1, INF), (INF, INF)),
            ("msgqueue", (0, 0), (819_200, 819_200)),
            ("rtprio", (99, 99), (0, 99)),
            ("nofile", (50, 50), (1024, 524_288)),
            ("nofile", (1_048_576, 1_048_576), (1024, 1_048_576)),
            ("stack", (INF, INF), (8 * MIB, INF)),
            ("core", (INF, INF), (0, INF)),
        ] {
            assert_eq!(wanted(name).raised(current), Some(new), "{name}");
        }
    }

    #[test]
    fn where_the_hard_limit_stands_the_soft_one_is_raised_to_it() {
        for (name, current, new) in [
            ("nofile", (50, 20_000), Some((1024, 20_000))),
            ("nofile", (256, 256), None),
            ("nofile", (1, 300), Some((300, 300))),
            ("fsize", (0, 8 * GIB), Some((8 * GIB, 8 * GIB))),
            ("cpu", (HOUR, HOUR), None),
            ("rss", (0, 0), None),
        ] {
            assert_eq!(wanted(name).within(current).expect(name), new, "{name}");
        }
    }

    #[test]
    fn a_hard_limit_below_the_floor_is_refused() {
        for (name, hard) in [
            ("nofile", 255),
            ("fsize", 1),
            ("cpu", 100),
            ("as", GIB),
            ("data", GIB),
            ("stack", 64 * KIB),
            ("nproc", 1),
        ] {
            let refused = wanted(name).within((hard, hard));
            assert!(matches!(refused, Err(LimitError::TooLow { .. })), "{name}: {refused:?}");
        }
    }

    #[test]
    fn what_is_wanted_is_consistent() {
        for wanted in &WANTED {
            assert!(wanted.floor <= wanted.soft && wanted.soft <= wanted.hard, "{}", wanted.name);
        }
    }

    #[test]
    fn the_error_names_the_limit() {
        let error = wanted("fsize").within((0, 512)).expect_err("too low").to_string();
        assert!(error.contains("hard limit fsize is 512, at least 4294967296"), "{error}");
    }
}
