//! The two ways to install an agent, each with its unit and its folders.

/// How an agent was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By the deb or the rpm.
    Package,
    /// By the snap.
    Snap,
}

impl Kind {
    /// The name of its unit.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Package => "amazon-ssm-agent.service",
            Self::Snap => "snap.amazon-ssm-agent.amazon-ssm-agent.service",
        }
    }

    /// The file of its unit: where the deb has it, where snapd writes it.
    #[must_use]
    pub fn fragment(self) -> String {
        match self {
            Self::Package => format!("/usr/lib/systemd/system/{}", self.unit()),
            Self::Snap => format!("/etc/systemd/system/{}", self.unit()),
        }
    }

    /// The file that ssm-keepalive writes.
    #[must_use]
    pub fn drop_in(self) -> String {
        self.beside("restart.conf")
    }

    /// A file in the folder of its drop-ins.
    #[must_use]
    pub fn beside(self, name: &str) -> String {
        format!("/etc/systemd/system/{}.d/{name}", self.unit())
    }

    /// What systemd waits before a start, as the vendor has it.
    #[must_use]
    pub fn vendor_restart_sec(self) -> &'static str {
        match self {
            Self::Package => "1min 30s",
            Self::Snap => "100ms",
        }
    }

    /// Where its programs are.
    pub(super) fn programs(self) -> &'static str {
        match self {
            Self::Package => "/usr/bin",
            Self::Snap => "/snap/amazon-ssm-agent/current",
        }
    }

    /// Where it has its state.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Package => "/var/lib/stand-in/package",
            Self::Snap => "/var/lib/stand-in/snap",
        }
    }

    /// The unit, with the vendor's settings.
    pub(super) fn text(self) -> String {
        let service = match self {
            Self::Package => "KillMode=process\nRestart=always\nRestartPreventExitStatus=194\nRestartSec=90",
            Self::Snap => "Restart=always\nTimeoutStopSec=60\nKillMode=process",
        };
        let (programs, state) = (self.programs(), self.state());
        format!(
            "[Unit]\nDescription=stand-in for the SSM agent\n\n[Service]\nType=simple\n\
             ExecStart={programs}/amazon-ssm-agent /usr/share/stand-in/core {programs} {state}\n{service}\n\n\
             [Install]\nWantedBy=multi-user.target\n"
        )
    }
}
