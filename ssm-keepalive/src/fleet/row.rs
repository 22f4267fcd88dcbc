//! What became of each instance, for people and for programs.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::answer::Answer;
use super::instance::InstanceId;
use super::node::Node;
use super::reply::{NotHeard, Reply};
use super::script::Op;
use super::send::CommandId;
use super::survey::LeftOut;
use crate::span::Span;
use crate::unit::Unit;

/// What is asked of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// That systemd brings the agents back, after this span.
    Install(Span),
    /// That what was installed goes.
    Remove,
    /// How it is.
    Status,
}

impl Asked {
    /// What an instance is to do first.
    #[must_use]
    pub fn op(self) -> Op {
        match self {
            Self::Install(_) => Op::Install,
            Self::Remove => Op::Remove,
            Self::Status => Op::Prove,
        }
    }

    /// What proves it then; `None` for what is a proof itself.
    #[must_use]
    pub fn proof(self) -> Option<Op> {
        match self {
            Self::Install(_) => Some(Op::Prove),
            Self::Remove => Some(Op::Gone),
            Self::Status => None,
        }
    }

    /// The word for it beside the bar.
    #[must_use]
    pub fn step(self) -> &'static str {
        match self {
            Self::Install(_) => "install",
            Self::Remove => "remove",
            Self::Status => "status",
        }
    }

    /// The operation's name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        if self == Self::Status { "fleet-status" } else { "deploy" }
    }
}

/// How an instance has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As it was asked for, and proven.
    Proven(&'static str),
    /// With `--dry-run`: it would be asked.
    WouldAsk,
    /// Otherwise; a stable word, and a sentence whose foreign text is escaped.
    Failed {
        /// The word.
        code: String,
        /// The sentence.
        error: String,
    },
}

impl End {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Proven(code) => code,
            Self::WouldAsk => "would-ask",
            Self::Failed { code, .. } => code,
        }
    }

    fn failed(code: &str, error: impl Into<String>) -> Self {
        Self::Failed { code: code.to_owned(), error: error.into() }
    }

    fn not_heard(not_heard: &NotHeard) -> Self {
        Self::failed(not_heard.failure.code, not_heard.failure.error.clone())
    }
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub instance: InstanceId,
    /// What Systems Manager knows of it.
    pub node: Option<Node>,
    /// How it has ended.
    pub end: End,
    /// What it said last of itself.
    pub answer: Option<Answer>,
    /// The commands that asked it.
    pub commands: Vec<CommandId>,
    /// A command goes on there without us.
    pub in_flight: bool,
}

impl Row {
    /// Of an instance that nothing is sent to.
    #[must_use]
    pub fn left_out(left: LeftOut) -> Self {
        let LeftOut { instance, node, failure } = left;
        let end = End::failed(failure.code, failure.error);
        Self { instance, node, end, answer: None, commands: Vec::new(), in_flight: false }
    }

    /// Of one that would be asked.
    #[must_use]
    pub fn would_ask(instance: InstanceId, node: Option<Node>) -> Self {
        Self { instance, node, end: End::WouldAsk, answer: None, commands: Vec::new(), in_flight: false }
    }

    /// Of one that was asked; `proof` is its answer to the second command, where there was one.
    #[must_use]
    pub fn asked(
        asked: Asked,
        instance: InstanceId,
        node: Option<Node>,
        first: &Reply,
        proof: Option<&Reply>,
    ) -> Self {
        let replies = || [Some(first), proof].into_iter().flatten();
        Self {
            end: end(asked, first, proof),
            answer: replies().filter_map(|reply| reply.heard.as_ref().ok()).next_back().cloned(),
            commands: replies().filter_map(|reply| reply.command.clone()).collect(),
            in_flight: replies().any(Reply::is_in_flight),
            instance,
            node,
        }
    }

    /// Whether it is as it was asked for.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !matches!(self.end, End::Failed { .. })
    }

    /// Why not; empty when there is no why.
    #[must_use]
    pub fn error(&self) -> &str {
        if let End::Failed { error, .. } = &self.end { error } else { "" }
    }

    /// The object of `--json`.
    #[must_use]
    pub fn json(&self, asked: Asked) -> Value {
        let span = |span: Option<Span>| span.map(|span| span.to_string());
        let mut object = json!({
            "op": asked.name(), "instance": self.instance.as_str(), "success": self.is_good(),
            "code": self.end.code(), "commands": self.commands,
        });
        let Value::Object(members) = &mut object else { return object };
        if !self.is_good() {
            members.insert("error".to_owned(), self.error().into());
        }
        if let Some(node) = &self.node {
            members.insert("name".to_owned(), node.name.clone().into());
            members.insert("ping".to_owned(), node.ping.to_string().into());
            members.insert("last_ping".to_owned(), node.last_ping.clone().into());
            members.insert("agent_version".to_owned(), node.agent_version.clone().into());
        }
        if let Some(answer) = &self.answer {
            members.insert("unit".to_owned(), json!(answer.unit.as_ref().map(Unit::as_str)));
            members.insert("restart".to_owned(), answer.restart.clone().into());
            members.insert("restart_sec".to_owned(), span(answer.restart_sec).into());
            members.insert("start_limit_interval".to_owned(), span(answer.limit_interval).into());
            members.insert("winner".to_owned(), json!(answer.winner));
        }
        object
    }
}

/// How it has ended.
fn end(asked: Asked, first: &Reply, proof: Option<&Reply>) -> End {
    let answer = match &first.heard {
        Err(not_heard) => return End::not_heard(not_heard),
        Ok(answer) if asked == Asked::Status => return status_end(answer),
        Ok(answer) if !answer.is_ok() => return End::failed(&answer.code, &answer.words),
        Ok(answer) => answer,
    };
    let unproven = |why: &str| End::failed("not-proven", format!("it says that it is done, but {why}"));
    match (asked, proof.map(|proof| &proof.heard)) {
        (_, None) => unproven("it was not asked for a proof"),
        (_, Some(Err(not_heard))) => unproven(&format!("there is no proof: {}", not_heard.failure)),
        (Asked::Remove, Some(Ok(proof))) if proof.is_ok() => {
            End::Proven(if answer.changed { "removed" } else { "not-installed" })
        }
        (Asked::Install(_), Some(Ok(proof))) if proof.unit != answer.unit => {
            unproven("a second command found another unit")
        }
        (Asked::Install(span), Some(Ok(proof))) if holds(proof) && proof.restart_sec == Some(span) => {
            End::Proven(if answer.changed { "installed" } else { "unchanged" })
        }
        (_, Some(Ok(proof))) => {
            unproven(&format!("a second command found otherwise: {} ({})", proof.words, proof.code))
        }
    }
}

fn status_end(answer: &Answer) -> End {
    match (answer.is_ok(), holds(answer)) {
        (true, true) => End::Proven("proven"),
        (true, false) => End::failed("not-proven", "it calls that proven which its own values deny"),
        (false, _) => End::failed(&answer.code, &answer.words),
    }
}

/// Whether the values are those that bring an agent back.
fn holds(answer: &Answer) -> bool {
    answer.is_ok() && answer.restart == "always" && answer.limit_interval == Some(Span::from_micros(0))
}
