//! One script on many instances: sent, awaited, and what each has answered.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, NoAnswer};
use super::aws::Aws;
use super::instance::InstanceId;
use super::interrupt::Interrupt;
use super::nonce::Nonce;
use super::outcome::Outcome;
use super::poll::{Deadline, Ended, await_ends};
use super::progress::Progress;
use super::script::{Op, Request};
use super::send::{
    CommandId, DELIVERY, MAX_INSTANCES, MaxConcurrency, MaxErrors, Order, Refused, Sent, send,
};
use crate::failure::Failure;
use crate::span::Span;
use crate::unit::Unit;

/// How long is waited beyond what AWS may take by its own limits.
const MARGIN: Duration = Duration::from_secs(60);
/// How many commands are sent at the same time; one aws call costs about a second of a processor.
const AT_ONCE: usize = 4;

/// A request with a nonce of its own, which no instance has seen before.
///
/// # Errors
/// `random` when the system has no random bytes.
pub fn request(op: Op, unit: Option<&Unit>, restart_sec: Span) -> Result<Request, Failure> {
    let nonce =
        Nonce::fresh().map_err(|error| Failure::new("random", format!("no random bytes: {error}")))?;
    Ok(Request { op, unit: unit.cloned(), restart_sec, nonce })
}

/// What an instance has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command that asked it; `None` when it was not sent.
    pub command: Option<CommandId>,
    /// The answer, or why there is none.
    pub heard: Result<Answer, NotHeard>,
}

impl Reply {
    /// Whether the script says that all is done.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.heard.as_ref().is_ok_and(Answer::is_ok)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotHeard {
    /// Why.
    pub failure: Failure,
    /// The command goes on without us.
    pub in_flight: bool,
}

/// How a script is sent.
pub struct Round<'a> {
    /// Through this.
    pub aws: &'a Aws,
    /// How many seconds it may run on an instance.
    pub document_timeout: u32,
    /// On how many at a time; all when not given.
    pub max_concurrency: Option<MaxConcurrency>,
    /// After how many failures no other is begun with: see [`Round::max_errors`] when not given.
    pub max_errors: Option<MaxErrors>,
    /// Looked at while waiting.
    pub interrupt: &'a Interrupt,
    /// Told of those that have ended.
    pub progress: &'a Progress,
}

impl Round<'_> {
    /// Sends it to all and waits for all. Every instance is in the answer.
    pub fn ask(&self, request: &Request, instances: &[InstanceId]) -> BTreeMap<InstanceId, Reply> {
        let mut replies = BTreeMap::new();
        let limits_all = self.max_concurrency.is_some() || self.max_errors.is_some();
        // AWS keeps to limits within a command: with limits for all there is one at a time.
        let together = if limits_all { MAX_INSTANCES } else { instances.len().max(1) };
        for some in instances.chunks(together) {
            if let Some(failure) = self.not_begun(&replies, instances.len()) {
                replies.extend(some.iter().map(|id| (id.clone(), not_sent(failure.clone()))));
                continue;
            }
            replies.extend(self.ask_some(request, some));
        }
        replies
    }

    /// With a limit of those at a time somebody wants to see the first ones end well; all at once leaves none out.
    fn max_errors(&self) -> MaxErrors {
        match (&self.max_errors, &self.max_concurrency) {
            (Some(given), _) => given.clone(),
            (None, Some(_)) => MaxErrors::default(),
            (None, None) => MaxErrors::unlimited(),
        }
    }

    /// Why no further instance is asked.
    fn not_begun(&self, replies: &BTreeMap<InstanceId, Reply>, all: usize) -> Option<Failure> {
        if self.interrupt.came() {
            return Some(Failure::new("interrupted", "not sent, since a signal ended the call"));
        }
        let failed = replies.values().filter(|reply| !reply.has_succeeded()).count();
        let most = self.max_errors().of(all);
        (failed > most).then(|| {
            let error = format!("not sent, since {failed} others failed, more than --max-errors allows");
            Failure::new("not-tried", error)
        })
    }

    fn ask_some(&self, request: &Request, instances: &[InstanceId]) -> BTreeMap<InstanceId, Reply> {
        let order = Order {
            script: request.text(),
            document_timeout: self.document_timeout,
            max_concurrency: self.max_concurrency.clone().unwrap_or_default(),
            max_errors: self.max_errors(),
            comment: format!("ssm-keepalive {}", request.op),
        };
        let (sent, refused) = self.send_all(&order, instances);
        let mut replies = BTreeMap::new();
        for refused in refused {
            for instance in refused.instances {
                self.progress.ended();
                replies.insert(instance, not_sent(refused.failure.clone()));
            }
        }
        let deadline = Deadline { at: Instant::now() + self.longest(), stop: self.interrupt.flag() };
        let mut ended = await_ends(self.aws, &sent, &deadline, &mut |_, outcome| {
            if outcome.is_final() {
                self.progress.ended();
            }
        });
        for Sent { command, instances } in sent {
            for instance in instances {
                let heard = match ended.remove(&instance) {
                    Some(ended) => heard(&request.nonce, &command, ended),
                    None => Err(unfinished(&command, &Outcome::Unseen, None)),
                };
                replies.insert(instance, Reply { command: Some(command.clone()), heard });
            }
        }
        replies
    }

    /// Batches of as many as a command may have.
    fn send_all(&self, order: &Order, instances: &[InstanceId]) -> (Vec<Sent>, Vec<Refused>) {
        let batches: Vec<&[InstanceId]> = instances.chunks(MAX_INSTANCES).collect();
        let (mut sent, mut refused) = (Vec::new(), Vec::new());
        for some in batches.chunks(AT_ONCE) {
            if self.interrupt.came() {
                let failure = Failure::new("interrupted", "not sent, since a signal ended the call");
                refused.extend(
                    some.iter().map(|batch| Refused { instances: batch.to_vec(), failure: failure.clone() }),
                );
                continue;
            }
            let results = thread::scope(|scope| {
                let sending = some
                    .iter()
                    .map(|batch| scope.spawn(|| send(self.aws, order, batch, self.interrupt.flag())));
                let sending: Vec<_> = sending.collect();
                sending
                    .into_iter()
                    .zip(some)
                    .flat_map(|(sending, batch)| {
                        sending.join().unwrap_or_else(|_| {
                            let failure =
                                Failure::new("send", "sending the command failed within this program");
                            vec![Err(Refused { instances: batch.to_vec(), failure })]
                        })
                    })
                    .collect::<Vec<_>>()
            });
            for result in results {
                match result {
                    Ok(one) => sent.push(one),
                    Err(one) => refused.push(one),
                }
            }
        }
        (sent, refused)
    }

    /// How long AWS may take at most: each instance waits for those before it, is looked for, and runs the script.
    fn longest(&self) -> Duration {
        let concurrency = self.max_concurrency.clone().unwrap_or_default().of(MAX_INSTANCES).max(1);
        let turns = u32::try_from(MAX_INSTANCES.div_ceil(concurrency)).unwrap_or(u32::MAX);
        let one = Duration::from_secs(u64::from(self.document_timeout)) + DELIVERY;
        one.saturating_mul(turns).saturating_add(MARGIN)
    }
}

/// What a command that has ended, or was left, says of an instance.
fn heard(nonce: &Nonce, command: &CommandId, ended: Ended) -> Result<Answer, NotHeard> {
    let Ended { outcome, output, failure, .. } = ended;
    if !outcome.is_final() {
        return Err(unfinished(command, &outcome, failure));
    }
    let answer = Answer::read(nonce, &output.text);
    let is_answer = matches!(outcome, Outcome::Success | Outcome::Failed);
    match (answer, failure) {
        // The script answers whenever it can, also when it ends with an error.
        (Ok(answer), _) if is_answer => Ok(answer),
        (_, Some(failure)) => Err(NotHeard { failure, in_flight: false }),
        (Err(why), None) if outcome == Outcome::Success => Err(not_answered(why, command)),
        _ => {
            let failure = Failure::new(outcome.code(), format!("the command {}", outcome.sentence()));
            Err(NotHeard { failure, in_flight: false })
        }
    }
}

fn not_answered(why: NoAnswer, command: &CommandId) -> NotHeard {
    let failure = Failure::new(why.code(), format!("{why}: {}", look_again(command)));
    NotHeard { failure, in_flight: false }
}

fn unfinished(command: &CommandId, outcome: &Outcome, failure: Option<Failure>) -> NotHeard {
    let why = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    let error = format!("the command {}{why}: {}", outcome.sentence(), look_again(command));
    NotHeard { failure: Failure::new("in-flight", error), in_flight: true }
}

/// How to look again.
fn look_again(command: &CommandId) -> String {
    format!("'aws ssm list-command-invocations --details --command-id {command}' tells more")
}

fn not_sent(failure: Failure) -> Reply {
    Reply { command: None, heard: Err(NotHeard { failure, in_flight: false }) }
}

#[cfg(test)]
mod tests {
    use super::super::poll::Output;
    use super::*;

    fn ended(outcome: Outcome, text: &str) -> Ended {
        Ended { outcome, exit: None, output: Output { text: text.to_owned(), cut: false }, failure: None }
    }

    fn frame(nonce: &Nonce, code: &str) -> String {
        let lines = ["begin", "op=install", &format!("code={code}"), "unit=", "path=", "restart=always"];
        let more = ["restart_sec=10s", "limit_interval=0", "winner=", "changed=yes", "words=so", "end"];
        lines.iter().chain(&more).map(|line| format!("{nonce} {line}\n")).collect()
    }

    fn hear(nonce: &Nonce, ended: Ended) -> Result<Answer, NotHeard> {
        let command = "01234567-89ab-cdef-0123-456789abcdef".parse().expect("a command");
        heard(nonce, &command, ended)
    }

    #[test]
    fn the_script_s_answer_counts_also_where_it_ended_with_an_error() {
        let nonce = Nonce::fresh().expect("random bytes");
        assert!(
            hear(&nonce, ended(Outcome::Success, &frame(&nonce, "ok"))).is_ok_and(|answer| answer.is_ok())
        );
        let failed = hear(&nonce, ended(Outcome::Failed, &frame(&nonce, "not-effective")));
        assert!(failed.is_ok_and(|answer| answer.code == "not-effective"));
    }

    #[test]
    fn without_an_answer_nothing_is_done_whatever_aws_says() {
        let [nonce, other] = [(); 2].map(|()| Nonce::fresh().expect("random bytes"));
        let good = frame(&nonce, "ok");
        for (outcome, text, code, in_flight) in [
            (Outcome::Success, "", "no-answer", false),
            (Outcome::Success, good.trim_end_matches(&format!("{nonce} end\n")), "answer-cut", false),
            (Outcome::Success, &good.replace("changed=yes", "changed=perhaps"), "answer-malformed", false),
            (Outcome::Success, &frame(&other, "ok"), "no-answer", false),
            (Outcome::Failed, "sh: not found", "failed", false),
            (Outcome::ExecutionTimedOut, &good, "execution-timed-out", false),
            (Outcome::Cancelled, "", "cancelled", false),
            (Outcome::InProgress, &good, "in-flight", true),
            (Outcome::Unseen, "", "in-flight", true),
        ] {
            let not = hear(&nonce, ended(outcome.clone(), text)).expect_err("no answer");
            assert_eq!((not.failure.code, not.in_flight), (code, in_flight), "{outcome}: {text}");
        }
    }

    #[test]
    fn what_aws_does_not_tell_is_a_failure_of_its_own() {
        let untold =
            Ended { failure: Some(Failure::new("throttled", "too much")), ..ended(Outcome::Success, "") };
        let nonce = Nonce::fresh().expect("random bytes");
        assert_eq!(hear(&nonce, untold).expect_err("untold").failure.code, "throttled");
    }
}
