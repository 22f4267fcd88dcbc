//! Why systemctl(1) failed, by its exit status and its words under `LC_ALL=C.UTF-8`.

use crate::operation::ServiceVerb;

/// What `status` says when the unit does not run (systemctl(1), Exit status).
const NOT_ACTIVE: i32 = 3;
/// What `status` says when there is no such unit.
const NO_SUCH_UNIT: i32 = 4;
/// What a verb that makes a job says when there is no such unit (the LSB's "not installed").
const NOT_INSTALLED: i32 = 5;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is no such unit, or, for `stop`, it is not loaded.
    NotFound,
    /// The unit is masked.
    Masked,
    /// The unit cannot reload.
    NotReloadable,
    /// The unit does not run, so that it cannot reload.
    NotActive,
    /// No systemd to talk to, as in a container.
    NoSystemd,
    /// Anything else: a job that failed, a unit file that systemd refuses.
    Failed,
}

impl Failure {
    /// A word for machines; it never changes.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Masked => "masked",
            Self::NotReloadable => "not-reloadable",
            Self::NotActive => "not-active",
            Self::NoSystemd => "no-systemd",
            Self::Failed => "failed",
        }
    }
}

/// Why `verb` failed, or nothing when it did not: `status` of a unit that does not run is an answer.
#[must_use]
pub fn classify(verb: ServiceVerb, returncode: i32, stderr: &str) -> Option<Failure> {
    let says = |text: &str| stderr.contains(text);
    let status = verb == ServiceVerb::Status;
    Some(match returncode {
        0 => return None,
        NOT_ACTIVE if status => return None,
        NO_SUCH_UNIT if status => Failure::NotFound,
        _ if says("System has not been booted with systemd") => Failure::NoSystemd,
        _ if says("Failed to connect to bus") => Failure::NoSystemd,
        NOT_INSTALLED => Failure::NotFound,
        _ if says(" is masked.") => Failure::Masked,
        _ if says(" is not applicable for unit ") => Failure::NotReloadable,
        _ if says(" is not active, cannot reload.") => Failure::NotActive,
        _ if says(" does not exist.") => Failure::NotFound,
        _ => Failure::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_does_not_run_is_an_answer() {
        assert_eq!(classify(ServiceVerb::Status, 0, ""), None);
        assert_eq!(classify(ServiceVerb::Status, 3, ""), None);
        assert_eq!(classify(ServiceVerb::Stop, 3, ""), Some(Failure::Failed));
    }

    /// Statuses and words of systemd 252.
    #[test]
    fn why_it_failed() {
        use ServiceVerb::{Disable, Enable, Reload, Restart, Start, Status, Stop};
        for (verb, returncode, stderr, code) in [
            (Status, 4, "Unit x.service could not be found.", "not-found"),
            (Status, 1, "Failed to get properties: Unit name tpl@.service is neither valid", "failed"),
            (Start, 5, "Failed to start x.service: Unit x.service not found.", "not-found"),
            (Stop, 5, "Failed to stop x.service: Unit x.service not loaded.", "not-found"),
            (Restart, 1, "Failed to restart x.service: Unit x.service is masked.", "masked"),
            (
                Enable,
                1,
                "Failed to enable unit: Unit file /etc/systemd/system/x.service is masked.",
                "masked",
            ),
            (Enable, 1, "Failed to enable unit: Unit file x.service does not exist.", "not-found"),
            (Disable, 1, "Failed to enable unit, unit x.service does not exist.", "not-found"),
            (
                Reload,
                3,
                "Failed to reload x.service: Job type reload is not applicable for unit x.service.",
                "not-reloadable",
            ),
            (Reload, 1, "x.service is not active, cannot reload.", "not-active"),
            (
                Start,
                1,
                "Job for x.service failed because the control process exited with error code.",
                "failed",
            ),
            (Start, 1, "Failed to start x.service: Unit x.service has a bad unit file setting.", "failed"),
            (
                Status,
                1,
                "System has not been booted with systemd as init system (PID 1). Can't operate.\n\
                 Failed to connect to bus: Host is down",
                "no-systemd",
            ),
        ] {
            let failure = classify(verb, returncode, stderr).expect(stderr);
            assert_eq!(failure.code(), code, "{stderr}");
        }
    }
}
