//! What an allowed operation gives away beyond its name.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::operation::{PackageAction, PackageVerb, ServiceVerb};
use crate::unit_name::UnitName;

/// A way past the list of allowed operations that the list itself cannot close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Containers: their users are root.
    RootEquivalent,
    /// Scripts of packages run as root.
    MaintainerScripts,
    /// A firewall or its like goes.
    DropsDefence,
    /// The way into the machine may close.
    Lockout,
    /// The record of what happens stops.
    HidesTracks,
    /// What runs inside is ended.
    KillsWorkloads,
    /// Another unit starts it again.
    Reactivates,
    /// Whoever writes its files decides what runs.
    Config,
    /// The program of a command does more than its name says; the text says what.
    PowerfulProgram(&'static str),
    /// A command takes a value that its program may read as an option.
    Options,
}

impl Risk {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RootEquivalent => "root-equivalent",
            Self::MaintainerScripts => "maintainer-scripts",
            Self::DropsDefence => "drops-defence",
            Self::Lockout => "lockout",
            Self::HidesTracks => "hides-tracks",
            Self::KillsWorkloads => "kills-workloads",
            Self::Reactivates => "reactivates",
            Self::Config => "config",
            Self::PowerfulProgram(_) => "powerful-program",
            Self::Options => "options",
        }
    }

    /// One sentence for the operator, without its full stop.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::RootEquivalent => {
                "whoever may talk to it, by its socket or its group, is root on this machine"
            }
            Self::MaintainerScripts => {
                "scripts of the packages run as root, from every source that apt is configured with"
            }
            Self::DropsDefence => "the machine loses a defence",
            Self::Lockout => "a mistake here can close the way into the machine",
            Self::HidesTracks => "what happens afterwards may not be recorded",
            Self::KillsWorkloads => "what it runs for others is ended with it",
            Self::Reactivates => "a socket starts the service again at the next connection",
            Self::Config => {
                "it runs what its unit, its configuration and its program say: whoever may write one of them decides"
            }
            Self::PowerfulProgram(what) => what,
            Self::Options => "a value may begin with '-', and the program may read it as an option",
        }
    }

    /// The risks of an operation on a unit.
    pub(super) fn of_service(verb: ServiceVerb, unit: &UnitName) -> Vec<Self> {
        use ServiceVerb::{Disable, Enable, Reload, Restart, Start, Stop};

        let bare = unit.as_str().rsplit_once('.').map_or(unit.as_str(), |(bare, _)| bare);
        let bare = bare.split('@').next().unwrap_or(bare);
        let starts = matches!(verb, Start | Restart | Enable);
        let stops = matches!(verb, Stop | Disable);
        let rules: [(bool, &str, Self); 7] = [
            (starts, CONTAINER_SERVICES, Self::RootEquivalent),
            (stops, DEFENCE_SERVICES, Self::DropsDefence),
            (stops || verb == Restart, ACCESS_SERVICES, Self::Lockout),
            (stops || verb == Restart, FIREWALL_SERVICES, Self::Lockout),
            (stops, LOGGING_SERVICES, Self::HidesTracks),
            (verb == Stop || verb == Restart, CONTAINER_SERVICES, Self::KillsWorkloads),
            (stops || unit.as_str().ends_with(".socket") && starts, SOCKET_STARTED, Self::Reactivates),
        ];
        let known = rules.iter().filter(|(applies, names, _)| *applies && has(names, bare));
        let mut risks: Vec<Self> = known.map(|(.., risk)| *risk).collect();
        if starts || verb == Reload {
            risks.push(Self::Config);
        }
        risks.sort_unstable();
        risks.dedup();
        risks
    }

    /// The risks of installing or removing a package.
    pub(super) fn of_package(verb: PackageVerb, name: &str) -> Vec<Self> {
        match verb {
            PackageVerb::Install if has(CONTAINER_PACKAGES, name) => {
                vec![Self::RootEquivalent, Self::MaintainerScripts]
            }
            PackageVerb::Install => vec![Self::MaintainerScripts],
            PackageVerb::Remove if has(DEFENCE_PACKAGES, name) => vec![Self::DropsDefence],
            PackageVerb::Remove if has(LOGGING_SERVICES, name) => vec![Self::HidesTracks],
            PackageVerb::Remove if has(CONTAINER_PACKAGES, name) => vec![Self::KillsWorkloads],
            PackageVerb::Remove => Vec::new(),
        }
    }

    /// The risks of an action on the package system.
    pub(super) fn of_action(action: PackageAction) -> Vec<Self> {
        match action {
            PackageAction::Upgrade | PackageAction::Autoremove | PackageAction::Repair => {
                vec![Self::MaintainerScripts]
            }
            PackageAction::Update | PackageAction::Autoclean => Vec::new(),
        }
    }
}

const CONTAINER_SERVICES: &str = "\
    containerd crio docker incus k3s kubelet libvirtd lxd podman snap.docker.dockerd virtqemud";
const CONTAINER_PACKAGES: &str = "\
    containerd containerd.io docker-ce docker.io incus k3s kubelet libvirt-daemon-system lxd moby-engine \
    podman podman-docker";
const FIREWALL_SERVICES: &str = "firewalld netfilter-persistent nftables ufw";
const DEFENCE_SERVICES: &str = "\
    apparmor clamav-daemon crowdsec fail2ban firewalld netfilter-persistent nftables ufw \
    unattended-upgrades";
const DEFENCE_PACKAGES: &str = "\
    apparmor clamav-daemon crowdsec fail2ban firewalld iptables-persistent netfilter-persistent nftables \
    ufw unattended-upgrades";
const ACCESS_SERVICES: &str = "\
    NetworkManager amazon-ssm-agent networking ssh sshd systemd-networkd systemd-resolved tailscaled \
    snap.amazon-ssm-agent.amazon-ssm-agent";
const LOGGING_SERVICES: &str = "auditd rsyslog syslog syslog-ng systemd-journald";
const SOCKET_STARTED: &str = "snapd";

fn has(names: &str, name: &str) -> bool {
    names.split(' ').any(|listed| listed == name)
}

/// `{"code": …, "reason": …}`.
impl Serialize for Risk {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut map = output.serialize_map(Some(2))?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("reason", self.reason())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_with_more_to_them() {
        for (verb, unit, codes) in [
            (ServiceVerb::Status, "docker", &[][..]),
            (ServiceVerb::Start, "docker", &["root-equivalent", "config"]),
            (ServiceVerb::Restart, "docker", &["root-equivalent", "kills-workloads", "config"]),
            (ServiceVerb::Start, "docker.socket", &["root-equivalent", "config"]),
            (ServiceVerb::Stop, "ssh", &["lockout"]),
            (ServiceVerb::Disable, "ssh", &["lockout"]),
            (ServiceVerb::Restart, "sshd", &["lockout", "config"]),
            (ServiceVerb::Stop, "rsyslog", &["hides-tracks"]),
            (ServiceVerb::Stop, "systemd-journald.socket", &["hides-tracks"]),
            (ServiceVerb::Stop, "auditd", &["hides-tracks"]),
            (ServiceVerb::Stop, "fail2ban", &["drops-defence"]),
            (ServiceVerb::Disable, "ufw", &["drops-defence", "lockout"]),
            (ServiceVerb::Stop, "snapd", &["reactivates"]),
            (ServiceVerb::Start, "snapd.socket", &["reactivates", "config"]),
            (ServiceVerb::Reload, "nginx", &["config"]),
            (ServiceVerb::Stop, "nginx", &[]),
        ] {
            let risks = Risk::of_service(verb, &UnitName::parse(unit).expect(unit));
            assert_eq!(risks.iter().map(|risk| risk.code()).collect::<Vec<_>>(), codes, "{verb:?} {unit}");
        }
    }

    #[test]
    fn packages_with_more_to_them() {
        let codes =
            |verb, name| Risk::of_package(verb, name).iter().map(|risk| risk.code()).collect::<Vec<_>>();
        assert_eq!(codes(PackageVerb::Install, "docker.io"), ["root-equivalent", "maintainer-scripts"]);
        assert_eq!(codes(PackageVerb::Install, "curl"), ["maintainer-scripts"]);
        assert_eq!(codes(PackageVerb::Remove, "ufw"), ["drops-defence"]);
        assert_eq!(codes(PackageVerb::Remove, "rsyslog"), ["hides-tracks"]);
        assert!(codes(PackageVerb::Remove, "curl").is_empty());
        assert_eq!(Risk::of_action(PackageAction::Upgrade), [Risk::MaintainerScripts]);
        assert!(Risk::of_action(PackageAction::Update).is_empty());
    }
}
