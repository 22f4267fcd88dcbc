//! What AWS knows of the nodes: which there are, and which answer.

mod moment;

use std::collections::BTreeSet;
use std::fmt;

use diagnostics::one_line;
use serde_json::{Value, json};

use crate::fleet::aws::{Aws, Kind};
use crate::fleet::instance::InstanceId;
use crate::fleet::target::Target;
use diagnostics::Failure;

/// The operation that is called.
const DESCRIBE: &str = "describe-instance-information";
/// How many ids are asked for at a time; the API takes 100 values of a filter.
const BATCH: usize = 50;
/// Most characters that are kept of a text that a node tells of itself.
const MAX_TEXT: usize = 256;

/// Which nodes are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// These.
    Ids(Vec<InstanceId>),
    /// Those that all of these select.
    Targets(Vec<Target>),
    /// All of the account and region that are online.
    AllOnline,
}

/// Whether a node answers (PingStatus of the SSM API).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ping {
    /// It told of itself within the last minutes.
    Online,
    /// It did not.
    ConnectionLost,
    /// It did not for long; deprecated.
    Inactive,
    /// Another word, escaped.
    Unknown(String),
}

impl Ping {
    fn read(words: String) -> Self {
        match words.as_str() {
            "Online" => Self::Online,
            "ConnectionLost" => Self::ConnectionLost,
            "Inactive" => Self::Inactive,
            _ => Self::Unknown(words),
        }
    }
}

impl fmt::Display for Ping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "Online",
            Self::ConnectionLost => "ConnectionLost",
            Self::Inactive => "Inactive",
            Self::Unknown(words) => words,
        })
    }
}

/// A node. Its texts are escaped and bounded, and empty when AWS does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub id: InstanceId,
    /// Whether it answers.
    pub ping: Ping,
    /// When it last did, RFC 3339 in UTC.
    pub last_ping: Option<String>,
    /// The version of its agent.
    pub agent_version: String,
    /// `Linux`, `Windows` or `MacOS`.
    pub platform: String,
    /// How it names itself: its host name.
    pub name: String,
}

impl Node {
    fn read(row: &Value) -> Option<Self> {
        let text = |key: &str| {
            one_line(&row[key].as_str().unwrap_or_default().chars().take(MAX_TEXT).collect::<String>())
        };
        Some(Self {
            id: row["InstanceId"].as_str()?.parse().ok()?,
            ping: Ping::read(text("PingStatus")),
            last_ping: moment::rfc3339(&row["LastPingDateTime"]),
            agent_version: text("AgentVersion"),
            platform: text("PlatformType"),
            name: text("ComputerName"),
        })
    }
}

/// What was learnt of the nodes that are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Those that AWS knows, in the order in which they were asked for, otherwise by id.
    pub nodes: Vec<Node>,
    /// Those of the ids that AWS does not know.
    pub unknown: Vec<InstanceId>,
    /// Why the other ids are neither the one nor the other: AWS would not tell. They may be there all the same.
    pub warning: Option<Failure>,
}

/// Looks the nodes up.
///
/// # Errors
/// Those of the CLI. With ids, an endpoint that does not tell is a warning only.
pub fn describe(aws: &Aws, chosen: &Chosen) -> Result<Described, Failure> {
    let filters = match chosen {
        Chosen::Ids(ids) => return by_id(aws, ids),
        Chosen::Targets(targets) => targets.iter().map(Target::filter).collect(),
        Chosen::AllOnline => vec![json!({"Key": "PingStatus", "Values": ["Online"]})],
    };
    let answer = aws.call(DESCRIBE, &json!({"Filters": filters})).map_err(|error| Failure::from(&error))?;
    Ok(all(&answer))
}

/// What came back for a filter.
fn all(answer: &Value) -> Described {
    let (mut nodes, odd) = read(answer);
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes.dedup_by(|a, b| a.id == b.id);
    let warning = (odd > 0).then(|| {
        let error = format!("AWS tells of {odd} more nodes without an id that is one; they are left out");
        Failure::new("odd-instance", error)
    });
    Described { nodes, unknown: Vec::new(), warning }
}

fn by_id(aws: &Aws, ids: &[InstanceId]) -> Result<Described, Failure> {
    let mut seen = BTreeSet::new();
    let ids: Vec<&InstanceId> = ids.iter().filter(|id| seen.insert(*id)).collect();
    let mut described = Described::default();
    for batch in ids.chunks(BATCH) {
        let filter = json!({"Key": "InstanceIds", "Values": batch});
        match aws.call(DESCRIBE, &json!({"Filters": [filter]})) {
            Ok(answer) => described.add(batch, read(&answer).0),
            Err(error) if matches!(error.kind, Kind::AccessDenied | Kind::NotImplemented | Kind::Server) => {
                described.warning = Some((&error).into());
                break;
            }
            Err(error) => return Err((&error).into()),
        }
    }
    Ok(described)
}

impl Described {
    /// What came back for these ids; what was not asked for is left out.
    fn add(&mut self, asked: &[&InstanceId], mut found: Vec<Node>) {
        for id in asked {
            match found.iter().position(|node| node.id == **id) {
                Some(at) => self.nodes.push(found.swap_remove(at)),
                None => self.unknown.push((*id).clone()),
            }
        }
    }
}

/// The nodes of an answer, and how many of its rows name none.
fn read(answer: &Value) -> (Vec<Node>, usize) {
    let rows = answer["InstanceInformationList"].as_array().map(Vec::as_slice).unwrap_or_default();
    let nodes: Vec<Node> = rows.iter().filter_map(Node::read).collect();
    let odd = rows.len() - nodes.len();
    (nodes, odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InstanceId {
        text.parse().expect("an id")
    }

    fn row(id: &str) -> Value {
        json!({"InstanceId": id, "PingStatus": "Online", "LastPingDateTime": "2026-11-21T22:30:00.1+01:00",
            "AgentVersion": "3.2", "PlatformType": "Linux", "ComputerName": "web1"})
    }

    #[test]
    fn a_row_is_read_whatever_the_node_calls_itself() {
        let mut told = row("i-01234567");
        told["ComputerName"] = json!(format!("a\u{1b}[2J{}", "x".repeat(1000)));
        told["PingStatus"] = json!("Sleepy\n");
        let node = Node::read(&told).expect("a node");
        assert!(node.name.starts_with("a\\u{1b}[2Jx") && node.name.len() < 300, "{node:?}");
        assert_eq!(node.ping, Ping::Unknown("Sleepy\\u{a}".to_owned()));
        assert_eq!(node.last_ping.as_deref(), Some("2026-11-21T21:30:00Z"));
        assert_eq!((node.agent_version.as_str(), node.platform.as_str()), ("3.2", "Linux"));
        let bare = Node::read(&json!({"InstanceId": "i-01234567"})).expect("a node");
        assert_eq!((bare.last_ping, bare.name.as_str()), (None, ""));
        for broken in [json!({}), json!({"InstanceId": "web1"}), json!(null), json!([])] {
            assert_eq!(Node::read(&broken), None);
        }
    }

    #[test]
    fn every_ping_status_is_told_apart() {
        for words in ["Online", "ConnectionLost", "Inactive"] {
            let ping = Ping::read(words.to_owned());
            assert!(!matches!(ping, Ping::Unknown(_)));
            assert_eq!(ping.to_string(), words);
        }
    }

    #[test]
    fn what_a_filter_finds_is_sorted_and_told_once_and_what_has_no_id_is_a_warning() {
        let rows = ["i-00000002", "web1", "i-00000001", "i-00000002"].map(row);
        let found = all(&json!({"InstanceInformationList": rows}));
        let nodes: Vec<&str> = found.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(nodes, ["i-00000001", "i-00000002"]);
        assert_eq!(found.warning.map(|warning| warning.code), Some("odd-instance"));
        let none = all(&json!({}));
        assert_eq!(none, Described::default());
    }

    #[test]
    fn ids_stay_in_order_and_only_what_was_asked_for_is_taken() {
        let asked = ["i-00000002", "i-00000001", "i-00000003"].map(id);
        let rows = ["i-00000001", "i-00000009", "i-00000002"].map(row);
        let answer = json!({"InstanceInformationList": rows});
        let mut described = Described::default();
        described.add(&asked.iter().collect::<Vec<_>>(), read(&answer).0);
        let nodes: Vec<&str> = described.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(nodes, ["i-00000002", "i-00000001"]);
        assert_eq!(described.unknown, [id("i-00000003")]);
    }
}
