//! A managed node, as DescribeInstanceInformation tells of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::clock::epoch;
use super::machine::Machine;
use crate::agent::Agent;

/// How long an agent that is not online has not been heard of.
const SILENT_FOR: Duration = Duration::from_secs(3600);

/// A managed node. Registered with [`super::Endpoint::add`].
#[derive(Debug, Clone)]
pub struct Node {
    /// `i-` and 8 or 17 characters, `mi-` and 17.
    pub id: String,
    /// Whether its agent reports.
    pub ping: Ping,
    /// Its operating system.
    pub platform: Platform,
    /// The version of its agent.
    pub agent_version: String,
    /// Names and values.
    pub tags: Vec<(String, String)>,
    /// Whether a SendCommand that names it is refused as a whole, with InvalidInstanceId: one that is
    /// terminated, or not connected.
    pub refused: bool,
    /// Where its commands run.
    pub machine: Machine,
    /// What it does with its first command, its second one and so on; with all further ones what it does
    /// with the last. None: it runs them.
    pub behaviours: Vec<Behaviour>,
    /// How many commands it has had.
    pub(super) had: usize,
}

/// PingStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// It reports.
    Online,
    /// It does not.
    ConnectionLost,
    /// Deprecated, and still in the API.
    Inactive,
}

/// PlatformType.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Debian.
    Linux,
    /// Not for AWS-RunShellScript.
    Windows,
}

impl Node {
    /// One that is online and runs its commands on a test host.
    #[must_use]
    pub fn host(id: &str, agent: &Arc<Agent>) -> Self {
        Self::on(id, Machine::Host(Arc::clone(agent)))
    }

    /// One that is online and has no machine of its own: each command that it gets runs once on the
    /// machine of the node `of`, and this one says what was said there, with delays of its own.
    ///
    /// So hundreds of nodes cost one run a command, and still no answer is made up.
    #[must_use]
    pub fn like(id: &str, of: &str) -> Self {
        Self::on(id, Machine::Like(of.to_owned()))
    }

    /// One that is online and runs nothing: each of its behaviours says how it ends.
    #[must_use]
    pub fn without_machine(id: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self::on(id, Machine::None).behaves(behaviours)
    }

    fn on(id: &str, machine: Machine) -> Self {
        Self {
            id: id.to_owned(),
            ping: Ping::Online,
            platform: Platform::Linux,
            agent_version: "3.3.1611.0".to_owned(),
            tags: Vec::new(),
            refused: false,
            machine,
            behaviours: Vec::new(),
            had: 0,
        }
    }

    /// The same with that ping status.
    #[must_use]
    pub fn ping(self, ping: Ping) -> Self {
        Self { ping, ..self }
    }

    /// The same with a tag more.
    #[must_use]
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with these behaviours, one for each command in turn.
    #[must_use]
    pub fn behaves(self, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self { behaviours: behaviours.into_iter().collect(), ..self }
    }

    /// What it does with the command that it gets now.
    pub(super) fn next_behaviour(&mut self) -> Behaviour {
        let last = self.behaviours.len().saturating_sub(1);
        let behaviour = self.behaviours.get(self.had.min(last)).cloned().unwrap_or_default();
        self.had += 1;
        behaviour
    }

    /// What it has under a filter's or a target's key; `None` for a key that there is not.
    pub(super) fn values(&self, key: &str) -> Option<Vec<&str>> {
        let tags = self.tags.iter();
        Some(match key {
            "InstanceIds" => vec![&self.id],
            "PingStatus" => vec![self.ping.name()],
            "PlatformTypes" => vec![self.platform.name()],
            "AgentVersion" => vec![&self.agent_version],
            "ResourceType" => vec![self.resource()],
            "ActivationIds" | "IamRole" | "AssociationStatus" => Vec::new(),
            "tag-key" => tags.map(|(name, _)| name.as_str()).collect(),
            _ => {
                let name = key.strip_prefix("tag:")?;
                tags.filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect()
            }
        })
    }

    /// An `InstanceInformation`.
    pub(super) fn information(&self, now: SystemTime) -> Value {
        let heard = if self.ping == Ping::Online { now } else { now - SILENT_FOR };
        let (name, version) = self.platform.system();
        json!({
            "InstanceId": self.id,
            "PingStatus": self.ping.name(),
            "LastPingDateTime": epoch(heard),
            "AgentVersion": self.agent_version,
            "IsLatestVersion": false,
            "PlatformType": self.platform.name(),
            "PlatformName": name,
            "PlatformVersion": version,
            "ResourceType": self.resource(),
            "IPAddress": "10.77.0.10",
            "ComputerName": format!("{}.internal", self.id),
            "AssociationStatus": "Success",
            "SourceId": self.id,
            "SourceType": format!("AWS::{}", if self.is_managed() { "SSM::ManagedInstance" } else { "EC2::Instance" }),
        })
    }

    fn is_managed(&self) -> bool {
        self.id.starts_with("mi-")
    }

    fn resource(&self) -> &'static str {
        if self.is_managed() { "ManagedInstance" } else { "EC2Instance" }
    }
}

impl Ping {
    fn name(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::ConnectionLost => "ConnectionLost",
            Self::Inactive => "Inactive",
        }
    }
}

impl Platform {
    fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }

    fn system(self) -> (&'static str, &'static str) {
        match self {
            Self::Linux => ("Debian GNU/Linux", "12"),
            Self::Windows => ("Microsoft Windows Server 2022 Datacenter", "10.0.20348"),
        }
    }
}
