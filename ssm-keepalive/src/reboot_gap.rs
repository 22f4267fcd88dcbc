//! Whether an agent that has asked for a reboot would be started before it comes.

use crate::drop_in::DropIn;
use crate::properties::Properties;
use crate::span::Span;

/// The stable word for it.
pub const CODE: &str = "reboot-not-awaited";
/// The agent asks by status 194, and reboots by `shutdown -r +1` (upstream's rebooter_unix.go); then systemd stops it.
const AFTER_REBOOT: Span = Span::from_micros(65_000_000);

/// The sentence about it; `None` when the agent is not started before.
///
/// `recorded` is what our drop-in says that held before it, if it is there.
#[must_use]
pub fn warning(recorded: Option<&DropIn>, now: &Properties) -> Option<&'static str> {
    if now.awaits_reboot() {
        return None;
    }
    if recorded.is_some_and(had) {
        return Some(
            "RestartPreventExitStatus=194 is gone: systemd would start an agent that waits for a reboot; look at the \
             drop-ins with 'systemctl cat'",
        );
    }
    let is_late = now.restart_sec.is_some_and(|wait| wait >= AFTER_REBOOT);
    (!is_late).then_some(
        "the unit has no RestartPreventExitStatus=194: systemd would start an agent that has asked for a reboot before \
         that comes, a minute later; install --restart-sec 65s, or more, lets the reboot come first",
    )
}

/// Whether the unit had it when the drop-in was written.
fn had(drop_in: &DropIn) -> bool {
    let lines: Vec<&str> = drop_in.before.iter().map(crate::drop_in::Value::as_str).collect();
    Properties::parse(&lines.join("\n")).awaits_reboot()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop_in::values;

    #[test]
    fn an_agent_that_asks_for_a_reboot_is_not_started_before_it() {
        let with = |prevent: &str, wait: &str| {
            Properties::parse(&format!("RestartPreventExitStatus={prevent}\nRestartUSec={wait}\n"))
        };
        let recorded = |prevent: &str| DropIn {
            before: values(&with(prevent, "100ms")),
            ..DropIn::plain(Span::from_micros(10_000_000))
        };
        for (before, prevent, wait, expected) in [
            (Some("194"), "194", "10s", None),
            (Some(""), "1 194 SIGTERM", "10s", None),
            (None, "194", "100ms", None),
            (None, "", "100ms", Some("--restart-sec 65s")),
            (Some(""), "1", "10s", Some("--restart-sec 65s")),
            (Some(""), "", "64s", Some("--restart-sec 65s")),
            (Some(""), "", "1min 5s", None),
            (Some("1 194"), "1", "1min 5s", Some("is gone")),
        ] {
            let recorded = before.map(recorded);
            let said = warning(recorded.as_ref(), &with(prevent, wait));
            assert_eq!(said.is_some(), expected.is_some(), "{before:?} {prevent} {wait}: {said:?}");
            assert!(
                expected.is_none_or(|expected| said.is_some_and(|said| said.contains(expected))),
                "{said:?}"
            );
        }
    }
}
