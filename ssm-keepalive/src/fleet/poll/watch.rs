//! What is known of each node, and what is to be asked next. Decides only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Ended;
use super::row::{Output, Row};
use crate::fleet::aws::{AwsError, Kind};
use crate::fleet::instance::InstanceId;
use crate::fleet::outcome::Outcome;
use crate::fleet::send::{CommandId, Sent};
use diagnostics::Failure;

/// How often in a row AWS may fail to answer before no more is asked; the CLI has tried each time more than once.
const TROUBLES: u32 = 20;
/// How often the output of a node is asked for.
const FETCHES: u8 = 5;

/// What AWS tells of one command's node, or of all of its nodes.
type Answer = Result<Value, AwsError>;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// After all nodes of a command.
    List(CommandId),
    /// After one.
    Get(CommandId, InstanceId),
}

impl Ask {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::List(_) => "list-command-invocations",
            Self::Get(..) => "get-command-invocation",
        }
    }

    pub(super) fn input(&self) -> Value {
        match self {
            // No MaxResults: it would keep the CLI from asking for the pages after the first.
            Self::List(command) => json!({"CommandId": command, "Details": true}),
            Self::Get(command, instance) => json!({"CommandId": command, "InstanceId": instance}),
        }
    }
}

#[derive(Debug)]
struct Host {
    command: CommandId,
    outcome: Outcome,
    exit: Option<i32>,
    output: Output,
    /// How often its output may still be asked for; 0 when nothing is missing.
    fetches: u8,
    failure: Option<Failure>,
}

impl Host {
    fn wants(&self) -> bool {
        !self.outcome.is_final() || self.fetches > 0
    }
}

/// All nodes of all commands.
#[derive(Debug)]
pub(super) struct Watch {
    hosts: BTreeMap<InstanceId, Host>,
    commands: Vec<CommandId>,
    /// Whether all nodes of a command can be asked after at once.
    lists: bool,
    /// How often in a row AWS did not answer, and why at last.
    troubles: u32,
    trouble: Option<Failure>,
    given_up: bool,
    /// Why no output can be asked for.
    unfetched: Option<Failure>,
}

impl Watch {
    pub(super) fn of(sent: &[Sent]) -> Self {
        let host = |sent: &Sent| Host {
            command: sent.command.clone(),
            outcome: Outcome::Unseen,
            exit: None,
            output: Output::default(),
            fetches: 0,
            failure: None,
        };
        let hosts =
            sent.iter().flat_map(|sent| sent.instances.iter().map(move |id| (id.clone(), host(sent))));
        let commands = sent.iter().map(|sent| sent.command.clone()).collect();
        Self {
            hosts: hosts.collect(),
            commands,
            lists: true,
            troubles: 0,
            trouble: None,
            given_up: false,
            unfetched: None,
        }
    }

    /// Nothing more is to be learnt.
    pub(super) fn is_over(&self) -> bool {
        self.given_up || !self.hosts.values().any(Host::wants)
    }

    /// Questions after what has not ended.
    pub(super) fn polls(&self) -> Vec<Ask> {
        let open = || self.hosts.iter().filter(|(_, host)| !host.outcome.is_final());
        if self.lists {
            let is_open = |command: &&CommandId| open().any(|(_, host)| host.command == **command);
            return self.commands.iter().filter(is_open).cloned().map(Ask::List).collect();
        }
        open().map(|(id, host)| Ask::Get(host.command.clone(), id.clone())).collect()
    }

    /// Questions after the output of what has ended.
    pub(super) fn fetches(&self) -> Vec<Ask> {
        let missing = self.hosts.iter().filter(|(_, host)| host.fetches > 0 && !self.given_up);
        missing.map(|(id, host)| Ask::Get(host.command.clone(), id.clone())).collect()
    }

    /// Whether an answer in between has not made the question needless.
    pub(super) fn still_asks(&self, ask: &Ask) -> bool {
        !self.given_up && (self.lists || matches!(ask, Ask::Get(..)))
    }

    /// The same for one of [`Watch::fetches`].
    pub(super) fn still_fetches(&self) -> bool {
        !self.given_up && self.unfetched.is_none()
    }

    /// Takes the answer to one of [`Watch::polls`]; whether there is news.
    pub(super) fn hear(
        &mut self,
        ask: &Ask,
        answer: Answer,
        heard: &mut dyn FnMut(&InstanceId, &Outcome),
    ) -> bool {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.fail(ask, &error),
        };
        (self.troubles, self.trouble) = (0, None);
        let rows = match ask {
            Ask::List(command) => Row::listed(command, &answer),
            Ask::Get(command, id) => {
                Row::got(command, &answer).into_iter().filter(|row| row.instance == *id).collect()
            }
        };
        let mut news = false;
        for row in rows {
            let Some(host) = self.hosts.get_mut(&row.instance) else { continue };
            if host.outcome.is_final() || host.outcome == row.outcome {
                continue;
            }
            news = true;
            heard(&row.instance, &row.outcome);
            // A status may be there before its output; what is cut is whole elsewhere only where it was listed.
            let is_cut = row.output.cut && matches!(ask, Ask::List(_));
            let is_missing = is_cut || row.output.text.is_empty();
            if row.outcome.is_final() && row.outcome.has_run() && is_missing {
                match &self.unfetched {
                    Some(why) => host.failure = Some(why.clone()),
                    None => host.fetches = FETCHES,
                }
            }
            (host.outcome, host.exit, host.output) = (row.outcome, row.exit, row.output);
        }
        news
    }

    fn fail(&mut self, ask: &Ask, error: &AwsError) -> bool {
        match (error.kind, ask) {
            // Not there yet (eventual consistency).
            (Kind::InvocationDoesNotExist | Kind::InvalidCommandId, _) => {}
            (Kind::NotImplemented | Kind::AccessDenied, Ask::List(_)) => {
                self.lists = false;
                return true;
            }
            _ => self.count(error),
        }
        false
    }

    fn count(&mut self, error: &AwsError) {
        self.troubles += 1;
        self.trouble = Some(error.into());
        self.given_up |= is_lasting(error.kind) || self.troubles >= TROUBLES;
    }

    /// Takes the answer to one of [`Watch::fetches`].
    pub(super) fn hear_output(&mut self, ask: &Ask, answer: Answer) {
        let Ask::Get(command, id) = ask else { return };
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.fetches = host.fetches.saturating_sub(1);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                host.failure = Some((&error).into());
                return self.fail_output(&error);
            }
        };
        (self.troubles, self.trouble, host.failure) = (0, None, None);
        match Row::got(command, &answer) {
            Some(row) if row.instance == *id && row.outcome.is_final() && !row.output.text.is_empty() => {
                (host.output, host.fetches) = (row.output, 0);
            }
            // The list is ahead of it.
            _ => {}
        }
    }

    fn fail_output(&mut self, error: &AwsError) {
        match error.kind {
            // Not there yet (eventual consistency).
            Kind::InvocationDoesNotExist | Kind::InvalidCommandId => {}
            // It is the same for every node, and what is listed goes on.
            Kind::NotImplemented | Kind::AccessDenied if self.lists => {
                let why = Failure::from(error);
                for host in self.hosts.values_mut().filter(|host| host.fetches > 0) {
                    (host.fetches, host.failure) = (0, Some(why.clone()));
                }
                self.unfetched = Some(why);
            }
            _ => self.count(error),
        }
    }

    /// What is known of each.
    pub(super) fn ends(self) -> BTreeMap<InstanceId, Ended> {
        let ended = |host: Host| {
            let unheard = if host.wants() { self.trouble.clone() } else { None };
            let failure = host.failure.or(unheard);
            Ended { outcome: host.outcome, exit: host.exit, output: host.output, failure }
        };
        self.hosts.into_iter().map(|(id, host)| (id, ended(host))).collect()
    }
}

/// Asking again would not help.
fn is_lasting(kind: Kind) -> bool {
    matches!(kind, Kind::AccessDenied | Kind::Credentials | Kind::NotImplemented | Kind::Usage)
}

#[cfg(test)]
mod tests;
