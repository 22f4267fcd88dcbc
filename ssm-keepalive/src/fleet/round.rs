//! One script on many instances: sent and awaited.

use std::collections::BTreeMap;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::aws::Aws;
use super::instance::InstanceId;
use super::interrupt::Interrupt;
use super::nonce::Nonce;
use super::outcome::Outcome;
use super::poll::{Deadline, await_ends};
use super::progress::Progress;
use super::reply::{Question, Reply, heard, unfinished};
use super::script::Request;
use super::send::{
    DELIVERY, MAX_INSTANCES, MaxConcurrency, MaxErrors, Order, Refused, Sent, interrupted, send,
};
use diagnostics::Failure;

/// How long is waited beyond what AWS may take by its own limits.
const MARGIN: Duration = Duration::from_secs(60);
/// How many commands are sent at the same time; one aws call costs about a second of a processor.
const AT_ONCE: usize = 4;

/// A command for some of them, and what its answers are known by.
struct Batch {
    sent: Sent,
    nonce: Nonce,
}

/// Limits of a round, of all instances together.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// On how many at a time; all when not given.
    pub max_concurrency: Option<MaxConcurrency>,
    /// After how many failures no other is begun with. When it is not given, none with a limit of those at a time:
    /// somebody wants to see the first ones end well. All at once leaves none out.
    pub max_errors: Option<MaxErrors>,
}

impl Limits {
    fn any(&self) -> bool {
        self.max_concurrency.is_some() || self.max_errors.is_some()
    }

    /// How many may fail; `None` for any number.
    fn most_errors(&self, all: usize) -> Option<usize> {
        let given = self.max_errors.clone();
        given.or_else(|| self.max_concurrency.as_ref().map(|_| MaxErrors::default())).map(|most| most.of(all))
    }

    fn concurrency(&self) -> MaxConcurrency {
        self.max_concurrency.clone().unwrap_or_default()
    }
}

/// How a script is sent.
pub struct Round<'a> {
    /// Through this.
    pub aws: &'a Aws,
    /// How many seconds it may run on an instance.
    pub document_timeout: u32,
    /// On how many, and after how many failures no more.
    pub limits: Limits,
    /// Looked at while waiting.
    pub interrupt: &'a Interrupt,
    /// Told of those that have ended.
    pub progress: &'a Progress,
}

impl Round<'_> {
    /// Sends it to all and waits for all. Every instance is in the answer.
    pub fn ask(&self, question: Question<'_>, instances: &[InstanceId]) -> BTreeMap<InstanceId, Reply> {
        let mut replies = BTreeMap::new();
        // AWS keeps to limits within a command: with limits for all there is one at a time.
        let together = if self.limits.any() { MAX_INSTANCES } else { instances.len().max(1) };
        for some in instances.chunks(together) {
            match self.errors_left(&replies, instances.len()) {
                Ok(max_errors) => replies.extend(self.ask_some(question, some, &max_errors)),
                Err(failure) => {
                    replies.extend(some.iter().map(|id| (id.clone(), Reply::not_sent(failure.clone()))));
                }
            }
        }
        replies
    }

    /// How many more may fail, or why no further instance is asked.
    fn errors_left(&self, replies: &BTreeMap<InstanceId, Reply>, all: usize) -> Result<MaxErrors, Failure> {
        if self.interrupt.came() {
            return Err(interrupted());
        }
        let Some(most) = self.limits.most_errors(all) else { return Ok(MaxErrors::unlimited()) };
        let failed = replies.values().filter(|reply| !reply.has_succeeded()).count();
        let left = most.checked_sub(failed).ok_or_else(|| {
            let error = format!("not sent, since {failed} others failed, more than --max-errors allows");
            Failure::new("not-tried", error)
        })?;
        Ok(MaxErrors::exactly(left))
    }

    fn ask_some(
        &self,
        question: Question<'_>,
        instances: &[InstanceId],
        max_errors: &MaxErrors,
    ) -> BTreeMap<InstanceId, Reply> {
        let (batches, refused) = self.send_all(question, instances, max_errors);
        let mut replies = BTreeMap::new();
        for refused in refused {
            for instance in refused.instances {
                self.progress.ended();
                replies.insert(instance, Reply::not_sent(refused.failure.clone()));
            }
        }
        let sent: Vec<Sent> = batches.iter().map(|batch| batch.sent.clone()).collect();
        let deadline =
            Deadline { at: Instant::now() + self.longest(instances.len()), stop: self.interrupt.flag() };
        let options = self.aws.options_for_shell();
        let mut ended = await_ends(self.aws, &sent, &deadline, &mut |_, outcome| {
            if outcome.is_final() {
                self.progress.ended();
            }
        });
        for Batch { sent: Sent { command, instances }, nonce } in batches {
            for instance in instances {
                let heard = match ended.remove(&instance) {
                    Some(ended) => heard(question, &nonce, &command, ended, &options),
                    None => Err(unfinished(&command, &Outcome::Unseen, None, &options)),
                };
                replies.insert(instance, Reply { command: Some(command.clone()), heard });
            }
        }
        if !replies.values().any(Reply::is_in_flight) {
            self.interrupt.end(sent.iter().map(|sent| &sent.command));
        }
        replies
    }

    /// Batches of as many as a command may have.
    fn send_all(
        &self,
        question: Question<'_>,
        instances: &[InstanceId],
        max_errors: &MaxErrors,
    ) -> (Vec<Batch>, Vec<Refused>) {
        let batches: Vec<&[InstanceId]> = instances.chunks(MAX_INSTANCES).collect();
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        let send = |batch: &[InstanceId]| self.send_batch(question, batch, max_errors);
        for some in batches.chunks(AT_ONCE) {
            let results: Vec<Result<Batch, Refused>> = thread::scope(|scope| {
                let begun: Vec<_> = some
                    .iter()
                    .map(|batch| (*batch, thread::Builder::new().spawn_scoped(scope, || send(batch)).ok()))
                    .collect();
                // Where there is no thread for it, it is sent from here.
                let ended = |(batch, begun): (&[InstanceId], Option<ScopedJoinHandle<'_, _>>)| {
                    begun.map_or_else(
                        || send(batch),
                        |begun| begun.join().unwrap_or_else(|_| vec![Err(lost(batch))]),
                    )
                };
                begun.into_iter().flat_map(ended).collect()
            });
            for result in results {
                match result {
                    Ok(one) => asked.push(one),
                    Err(one) => refused.push(one),
                }
            }
        }
        (asked, refused)
    }

    fn send_batch(
        &self,
        question: Question<'_>,
        batch: &[InstanceId],
        max_errors: &MaxErrors,
    ) -> Vec<Result<Batch, Refused>> {
        let all = |failure| vec![Err(Refused { instances: batch.to_vec(), failure })];
        let Question { op, unit, restart_sec } = question;
        let nonce = match Nonce::fresh() {
            Ok(nonce) => nonce,
            Err(error) => return all(Failure::new("random", format!("no random bytes: {error}"))),
        };
        let request = Request { op, unit: unit.cloned(), restart_sec, nonce };
        let order = Order {
            script: request.text(),
            document_timeout: self.document_timeout,
            max_concurrency: self.limits.concurrency(),
            max_errors: max_errors.clone(),
            comment: format!("ssm-keepalive {op}"),
        };
        let results = send(self.aws, &order, batch, self.interrupt.flag());
        self.interrupt.begin(results.iter().flatten().map(|sent| &sent.command));
        let known = |sent| Batch { sent, nonce: request.nonce.clone() };
        results.into_iter().map(|result| result.map(known)).collect()
    }

    /// How long AWS may take at most: each instance waits for those before it, is looked for, and runs the script.
    fn longest(&self, instances: usize) -> Duration {
        let size = instances.min(MAX_INSTANCES);
        let concurrency = self.limits.concurrency().of(size);
        let turns = u32::try_from(size.div_ceil(concurrency)).unwrap_or(u32::MAX);
        let one = Duration::from_secs(u64::from(self.document_timeout)) + DELIVERY;
        one.saturating_mul(turns).saturating_add(MARGIN)
    }
}

fn lost(batch: &[InstanceId]) -> Refused {
    let failure = Failure::new("send", "sending the command failed within this program");
    Refused { instances: batch.to_vec(), failure }
}
