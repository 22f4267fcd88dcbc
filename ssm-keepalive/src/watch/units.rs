//! The two units of the watch, written and read back to the byte: a service that looks once, and its timer.

use std::time::Duration;

use super::program::Program;
use crate::span::Span;
use crate::unit::Unit;
use diagnostics::Failure;

/// The service.
pub const SERVICE: &str = "ssm-keepalive-watch.service";
/// The timer.
pub const TIMER: &str = "ssm-keepalive-watch.timer";
/// What has the timer started at boot, as `systemctl enable` does.
pub const WANTED_BY: &str = "timers.target.wants";

/// The first line of each file of ours.
const MARKER: &str =
    "# Written by ssm-keepalive, see ssm-keepalive(8); 'ssm-keepalive remove' takes it back.";
/// Before what the service runs.
const EXEC: &str = "ExecStart=";
/// Before the span between two looks.
const EVERY: &str = "OnUnitInactiveSec=";

/// Longest span between two looks.
const EVERY_MOST: Duration = Duration::from_secs(60);
/// How much of that span systemd may be late.
const LATE: u32 = 10;
/// Shortest and longest --asleep-for.
const SHORTEST: Span = Span::from_micros(1_000_000);
const LONGEST: Span = Span::from_micros(86_400_000_000);

/// The rest of the service: it talks to systemd, looks at /proc and /var/log, and writes its memory. Nothing of it
/// needs a capability: the owner of the files is root, and so is who asks systemd.
///
/// No ProtectProc=: without CAP_SYS_PTRACE it hides the agent's processes. LogLevelMax= keeps what systemd says of each
/// start, each minute, out of the journal.
const HARDENED: &str = "\
SyslogIdentifier=ssm-keepalive
LogLevelMax=notice
TimeoutStartSec=5min
StateDirectory=ssm-keepalive
StateDirectoryMode=0700
RuntimeDirectory=ssm-keepalive
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
UMask=0077
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
DevicePolicy=closed
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
";

/// The span, if an agent may be asleep for so long.
///
/// # Errors
/// `asleep-for` when it is below one second or above one day.
pub fn bounded(asleep_for: Span) -> Result<Duration, Failure> {
    let fits = (SHORTEST..=LONGEST).contains(&asleep_for);
    asleep_for.duration().filter(|_| fits).ok_or_else(|| {
        let error = format!("--asleep-for {asleep_for}: it may be from {SHORTEST} to {LONGEST}");
        Failure::new("asleep-for", error)
    })
}

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What it runs.
    pub program: Program,
    /// Whom it is for.
    pub unit: Unit,
    /// For how long that has to be asleep.
    pub asleep_for: Span,
}

impl Watch {
    /// What the service runs, with its words, as `systemctl show` has it.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} watch --unit {} --asleep-for {}", self.program.as_str(), self.unit, word(self.asleep_for))
    }

    /// The text of the service. It may look each second, which systemd's start limit takes for a failure.
    #[must_use]
    pub fn service(&self) -> String {
        // systemd.service(5) takes a backslash for the beginning of an escape.
        let words = self.words().replace('\\', r"\\");
        format!(
            "{MARKER}\n\n[Unit]\nDescription=Restart the SSM agent if it is asleep\n\
             Documentation=man:ssm-keepalive(8)\nStartLimitIntervalSec=0\n\n[Service]\nType=oneshot\n{EXEC}{words}\n{HARDENED}"
        )
    }

    /// The text of the timer.
    #[must_use]
    pub fn timer(&self) -> String {
        let every = self.every();
        let late = every.duration().unwrap_or(EVERY_MOST) / LATE;
        let late = Span::from_micros(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        format!(
            "{MARKER}\n\n[Unit]\nDescription=Look whether the SSM agent is asleep\n\
             Documentation=man:ssm-keepalive(8)\n\n[Timer]\nOnActiveSec={every}\n{EVERY}{every}\n\
             AccuracySec={late}\n\n[Install]\nWantedBy=timers.target\n"
        )
    }

    /// The span between two looks.
    fn every(&self) -> Span {
        let most = Span::from_micros(u64::try_from(EVERY_MOST.as_micros()).unwrap_or(u64::MAX));
        self.asleep_for.min(most)
    }

    /// The watch whose service has this text; `None` when it is not as it was written.
    #[must_use]
    pub fn of_service(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let words = text.lines().find_map(|line| line.strip_prefix(EXEC))?.replace(r"\\", r"\");
        let [program, _, _, unit, _, asleep_for] = words.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let watch = Self {
            program: program.parse().ok()?,
            unit: unit.parse().ok()?,
            asleep_for: asleep_for.parse().ok()?,
        };
        (watch.service() == text).then_some(watch)
    }

    /// Whether a timer of ours has this text.
    #[must_use]
    pub fn wrote_timer(text: &[u8]) -> bool {
        let Some(every) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.lines().find_map(|line| line.strip_prefix(EVERY)?.parse::<Span>().ok()))
        else {
            return false;
        };
        let [program, _] = Program::usual();
        let [unit, _] = Unit::known();
        Self { program, unit, asleep_for: every }.timer().as_bytes() == text
    }
}

/// A span as one word.
fn word(span: Span) -> String {
    span.to_string().replace(' ', "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watch(unit: &str, asleep_for: &str) -> Watch {
        let [program, _] = Program::usual();
        let unit = unit.parse().expect("a service");
        Watch { program, unit, asleep_for: asleep_for.parse().expect("a span") }
    }

    /// Those of the package, which `systemctl enable` is for; `install --watch` writes its own in their place.
    #[test]
    fn the_units_that_are_shipped_are_those_that_are_written() {
        let ours = watch(Unit::PACKAGE, "10m");
        let shipped = |text: &str| format!("{MARKER}\n\n{text}");
        let service = shipped(include_str!("../../systemd/ssm-keepalive-watch.service"));
        let called = ours.words().split(" watch ").next().map(|program| format!("{program} watch"));
        let written = ours.service().replace(&ours.words(), &called.expect("a program"));
        assert_eq!(service.replace("/usr/sbin/ssm-keepalive", ours.program.as_str()), written);
        assert_eq!(shipped(include_str!("../../systemd/ssm-keepalive-watch.timer")), ours.timer());
    }

    #[test]
    fn the_service_names_the_agent_and_the_span_as_systemd_reads_them() {
        let text = watch(Unit::PACKAGE, "1min 30s").service();
        let line =
            "ExecStart=/usr/sbin/ssm-keepalive watch --unit amazon-ssm-agent.service --asleep-for 1min30s";
        assert!(text.lines().any(|other| other == line), "{text}");
        let escaped = watch("a\\x2db.service", "10m").service();
        assert!(escaped.contains(" --unit a\\\\x2db.service "), "{escaped}");
    }

    #[test]
    fn it_looks_each_minute_or_as_often_as_it_has_to() {
        for (asleep_for, every, late) in [("10m", "1min", "6s"), ("1d", "1min", "6s"), ("2s", "2s", "200ms")]
        {
            let text = watch(Unit::SNAP, asleep_for).timer();
            for line in [
                format!("OnActiveSec={every}"),
                format!("OnUnitInactiveSec={every}"),
                format!("AccuracySec={late}"),
                "WantedBy=timers.target".to_owned(),
            ] {
                assert!(text.lines().any(|other| other == line), "{line}: {text}");
            }
        }
    }

    #[test]
    fn an_agent_may_be_asleep_for_a_second_to_a_day() {
        for (span, fits) in
            [("1s", true), ("10m", true), ("1d", true), ("999ms", false), ("25h", false), ("infinity", false)]
        {
            assert_eq!(bounded(span.parse().expect(span)).is_ok(), fits, "{span}");
        }
    }

    #[test]
    fn what_was_changed_since_is_not_ours() {
        let watch = watch(Unit::PACKAGE, "10m");
        let (service, timer) = (watch.service(), watch.timer());
        for (text, other) in [
            (&service, service.replace("PrivateNetwork=yes\n", "")),
            (&service, service.replace("10min", "10m")),
            (&service, service.replace("/usr/sbin", "/tmp")),
            (&service, format!("{service}\n")),
            (&timer, timer.replace("1min", "2min")),
            (&timer, timer.replace("Look", "See")),
        ] {
            assert_ne!(*text, other);
            assert!(Watch::of_service(other.as_bytes()).is_none() && !Watch::wrote_timer(other.as_bytes()));
        }
        assert!(Watch::wrote_timer(timer.as_bytes()) && Watch::of_service(timer.as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in 1_000_000_u64..86_400_000_000, name in "[a-z][a-z\\\\@.]{0,6}[a-z]") {
            let watch = Watch {
                asleep_for: Span::from_micros(micros),
                ..watch(&format!("{name}.service"), "1s")
            };
            prop_assert!(Watch::wrote_timer(watch.timer().as_bytes()));
            prop_assert_eq!(Watch::of_service(watch.service().as_bytes()), Some(watch));
        }
    }
}
