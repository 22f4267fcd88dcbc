//! Why apt-get(8) or dpkg(1) failed, by their words under `LC_ALL=C.UTF-8`: apt-get's exit status
//! is 100 whatever happened.

use crate::apt::comparison::MISMATCH;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Another process holds a lock of dpkg or apt.
    Busy,
    /// No room on a disk.
    DiskFull,
    /// An earlier dpkg was interrupted: `package repair` finishes it.
    Interrupted,
    /// dpkg asked about a configuration file and found nobody to answer.
    Conffile,
    /// There is no such package, or none to install by this name.
    NotFound,
    /// The plan changes a package that the administrator holds (apt-mark(8)).
    Held,
    /// Dependencies that cannot be met.
    Unmet,
    /// apt-get would do more than the plan that was let pass: its plan has changed since.
    MoreThanAllowed,
    /// Something could not be fetched.
    Network,
    /// Anything else, such as a maintainer script that failed.
    Failed,
}

/// Words of apt-get and dpkg; the first that are found decide, so a cause stands before what follows from it.
const WORDS: [(Failure, &str); 24] = [
    (Failure::Busy, "E: Could not get lock "),
    (Failure::Busy, "is another process using it?"),
    (Failure::Busy, "locked by another process"),
    (Failure::DiskFull, "No space left on device"),
    (Failure::DiskFull, "E: You don't have enough free space in "),
    (Failure::Interrupted, "E: dpkg was interrupted, you must manually run"),
    (Failure::Conffile, " at conffile prompt"),
    (Failure::NotFound, "E: Unable to locate package "),
    (Failure::NotFound, "E: Couldn't find any package by "),
    (Failure::NotFound, " has no installation candidate"),
    (Failure::Held, "E: Held packages were changed and -y was used"),
    (Failure::MoreThanAllowed, "E: Packages need to be removed but remove is disabled"),
    (Failure::MoreThanAllowed, "E: Packages were downgraded and -y was used"),
    (Failure::MoreThanAllowed, "E: Essential packages were removed and -y was used"),
    (Failure::MoreThanAllowed, MISMATCH),
    (Failure::MoreThanAllowed, "E: Removing essential system-critical packages is not permitted"),
    (Failure::Unmet, "E: Unable to correct problems, you have held broken packages"),
    (Failure::Unmet, "E: Error, pkgProblemResolver::Resolve generated breaks"),
    (Failure::Unmet, "E: Unable to satisfy dependencies"),
    (Failure::Unmet, "E: Unmet dependencies"),
    (Failure::Network, "Failed to fetch "),
    (Failure::Network, "E: Unable to fetch some archives"),
    (Failure::Network, "E: Some index files failed to download"),
    (Failure::Network, "Temporary failure resolving "),
];

impl Failure {
    /// A word for machines; it never changes.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::DiskFull => "disk-full",
            Self::Interrupted => "interrupted",
            Self::Conffile => "conffile",
            Self::NotFound => "not-found",
            Self::Held => "held",
            Self::Unmet => "unmet",
            Self::MoreThanAllowed => "more-than-allowed",
            Self::Network => "network",
            Self::Failed => "failed",
        }
    }
}

/// Why a run that failed did, by its standard error.
#[must_use]
pub fn classify(stderr: &str) -> Failure {
    WORDS.iter().find(|(_, words)| stderr.contains(words)).map_or(Failure::Failed, |(failure, _)| *failure)
}

/// Whether an `update` that returned 0 fetched less than all, as apt does when it does not know
/// `APT::Update::Error-Mode`.
#[must_use]
pub fn update_failed_quietly(stderr: &str) -> bool {
    let failed = |line: &str| {
        line.starts_with("W: Failed to fetch ") || line.starts_with("W: Some index files failed to download")
    };
    stderr.lines().any(failed)
}

/// Whether apt-get(8) or dpkg(1) failed at once because another process holds a lock of theirs:
/// nothing was changed, and it may be tried again.
#[must_use]
pub fn lock_held(stderr: &str) -> bool {
    let says = |text: &str| stderr.contains(text);
    let apt = says("E: Could not get lock ") && (says("E: Unable to lock ") || says("E: Unable to acquire "));
    let dpkg = stderr.starts_with("dpkg: error: dpkg ") && says(" locked by another process");
    // A maintainer script may meet a lock, too, but then dpkg was at work.
    (apt || dpkg) && !says("E: Sub-process ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: &str = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 26251 (apt-get)\n\
        E: Unable to lock directory /var/lib/apt/lists/\n";
    const FRONTEND: &str = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (dpkg)\n\
        E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n";

    /// Words of apt 2.6.1 and dpkg 1.21.22; the last of `unmet` is apt 3's.
    #[test]
    fn why_it_failed() {
        for (stderr, code) in [
            (LISTS, "busy"),
            (FRONTEND, "busy"),
            (
                "E: Unable to lock the administration directory (/var/lib/dpkg/), is another process using it?",
                "busy",
            ),
            ("dpkg: error: dpkg frontend lock was locked by another process with pid 574", "busy"),
            ("E: Unable to locate package nosuch", "not-found"),
            ("E: Package 'virtual-x' has no installation candidate", "not-found"),
            (
                "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ",
                "interrupted",
            ),
            (
                "dpkg: error processing package cf (--configure):\n end of file on stdin at conffile prompt\n\
                 E: Sub-process /usr/bin/dpkg returned an error code (1)",
                "conffile",
            ),
            ("E: Held packages were changed and -y was used without --allow-change-held-packages.", "held"),
            ("E: Unable to correct problems, you have held broken packages.", "unmet"),
            (
                "E: Error, pkgProblemResolver::Resolve generated breaks, this may be caused by held packages.",
                "unmet",
            ),
            ("E: Unmet dependencies. Try 'apt --fix-broken install' with no packages", "unmet"),
            ("E: Unable to satisfy dependencies. Reached two conflicting assignments:", "unmet"),
            ("E: Packages need to be removed but remove is disabled.", "more-than-allowed"),
            ("E: Packages were downgraded and -y was used without --allow-downgrades.", "more-than-allowed"),
            ("E: Failed to fetch http://x/InRelease  Could not connect to x:80", "network"),
            (
                "E: Failed to fetch file:/srv/x.deb  Error writing to file - write (28: No space left on device)",
                "disk-full",
            ),
            ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk-full"),
            (
                "dpkg: error processing package x (--configure):\n installed x package post-installation script \
                 subprocess returned error exit status 3\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
                "failed",
            ),
            (
                "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (30: Read-only file system)",
                "failed",
            ),
            ("", "failed"),
        ] {
            assert_eq!(classify(stderr).code(), code, "{stderr}");
        }
    }

    #[test]
    fn an_update_that_says_it_went_well() {
        let warned = "W: Failed to fetch http://x/InRelease  Could not connect\n\
            W: Some index files failed to download. They have been ignored, or old ones used instead.\n";
        assert!(update_failed_quietly(warned));
        assert!(!update_failed_quietly("W: Download is performed unsandboxed as root as file 'x'\n"));
    }

    #[test]
    fn only_a_lock_that_let_nothing_begin_is_tried_again() {
        assert!(lock_held(LISTS) && lock_held(FRONTEND));
        assert!(lock_held("dpkg: error: dpkg frontend lock was locked by another process with pid 574\n"));
        assert!(!lock_held("E: Unable to lock directory /var/lib/apt/lists/\n"));
        let script = "E: Sub-process /usr/bin/dpkg returned an error code (1)\n";
        assert!(!lock_held(&format!("{FRONTEND}{script}")));
        assert!(!lock_held("it: dpkg: error: dpkg frontend lock was locked by another process with pid 5\n"));
    }
}
