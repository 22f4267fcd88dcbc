//! Which of the chosen instances a command is sent to.

use super::aws::Aws;
use super::instance::InstanceId;
use super::node::{Chosen, Described, Node, Ping, describe};
use diagnostics::Failure;

/// What the platform is called whose agents systemd runs.
const LINUX: &str = "Linux";

/// An instance that nothing is sent to, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub instance: InstanceId,
    /// What Systems Manager knows of it.
    pub node: Option<Node>,
    /// Why.
    pub failure: Failure,
}

/// The chosen instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// To be asked; what is known of them, where Systems Manager told.
    pub ready: Vec<(InstanceId, Option<Node>)>,
    /// Not to be asked.
    pub left_out: Vec<LeftOut>,
    /// Why nothing is known of the instances, where it is so.
    pub warning: Option<Failure>,
}

/// Asks Systems Manager for them.
///
/// # Errors
/// That of the API; `no-instances` when nothing fits.
pub fn survey(aws: &Aws, chosen: &Chosen) -> Result<Survey, Failure> {
    let survey = sort(chosen, describe(aws, chosen)?);
    if survey.ready.is_empty() && survey.left_out.is_empty() {
        let error = "no instance fits: 'aws ssm describe-instance-information' lists those that Systems Manager knows";
        return Err(Failure::new("no-instances", error));
    }
    Ok(survey)
}

fn sort(chosen: &Chosen, described: Described) -> Survey {
    let Described { nodes, unknown, warning } = described;
    let mut survey = Survey { ready: Vec::new(), left_out: Vec::new(), warning };
    for node in nodes {
        let instance = node.id.clone();
        match why_not(&node) {
            None => survey.ready.push((instance, Some(node))),
            Some(failure) => survey.left_out.push(LeftOut { instance, node: Some(node), failure }),
        }
    }
    if let (Some(_), Chosen::Ids(ids)) = (&survey.warning, chosen) {
        // Nobody has told whether the others are there: the command will.
        let told = |id: &InstanceId| {
            survey.ready.iter().any(|(ready, _)| ready == id)
                || survey.left_out.iter().any(|left| left.instance == *id)
                || unknown.contains(id)
        };
        let untold: Vec<_> = ids.iter().filter(|id| !told(id)).map(|id| (id.clone(), None)).collect();
        survey.ready.extend(untold);
    }
    survey.left_out.extend(unknown.into_iter().map(|instance| {
        let error = "Systems Manager does not know it here: check the region and the profile, the instance's role, \
                     and whether its agent was ever registered";
        LeftOut { instance, node: None, failure: Failure::new("unknown-instance", error) }
    }));
    survey.ready.sort_by(|one, other| one.0.cmp(&other.0));
    survey
}

fn why_not(node: &Node) -> Option<Failure> {
    if node.platform != LINUX {
        let error = format!("it runs {}, not Linux", node.platform);
        return Some(Failure::new("not-linux", error));
    }
    if node.ping != Ping::Online {
        let last = node.last_ping.as_deref().unwrap_or("an unknown time");
        let error = format!(
            "its agent is {} since {last}: no command reaches it; look at the host itself, with ssm-keepalive status",
            node.ping
        );
        return Some(Failure::new("not-online", error));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> InstanceId {
        format!("i-{number:017x}").parse().expect("an instance")
    }

    fn node(number: u32, ping: Ping, platform: &str) -> Node {
        Node {
            id: id(number),
            ping,
            last_ping: Some("2026-11-21T10:00:00Z".to_owned()),
            agent_version: "3.3.1".to_owned(),
            platform: platform.to_owned(),
            name: "web".to_owned(),
        }
    }

    #[test]
    fn only_linux_instances_that_are_online_are_asked() {
        let described = Described {
            nodes: vec![
                node(3, Ping::Online, "Linux"),
                node(1, Ping::ConnectionLost, "Linux"),
                node(2, Ping::Online, "Windows"),
                node(4, Ping::Inactive, "Linux"),
            ],
            unknown: vec![id(5)],
            warning: None,
        };
        let survey = sort(&Chosen::Ids((1..=5).map(id).collect()), described);
        assert_eq!(survey.ready.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [id(3)]);
        let left: Vec<(InstanceId, &str)> =
            survey.left_out.iter().map(|left| (left.instance.clone(), left.failure.code)).collect();
        let expected = [(1, "not-online"), (2, "not-linux"), (4, "not-online"), (5, "unknown-instance")];
        assert_eq!(left, expected.map(|(number, code)| (id(number), code)));
    }

    #[test]
    fn named_instances_of_which_nothing_can_be_known_are_asked() {
        let described = Described {
            nodes: vec![node(1, Ping::ConnectionLost, "Linux")],
            unknown: vec![id(4)],
            warning: Some(Failure::new("access-denied", "no")),
        };
        let survey = sort(&Chosen::Ids((1..=4).map(id).collect()), described);
        assert_eq!(survey.ready, [(id(2), None), (id(3), None)]);
        let left: Vec<&str> = survey.left_out.iter().map(|left| left.failure.code).collect();
        assert_eq!(left, ["not-online", "unknown-instance"]);
    }
}
