//! Where an invocation stands at a moment: a pure function of what is known of it.

use std::time::{Duration, Instant};

use super::behaviour::{Behaviour, End};
use super::run::{Over, Progress, Ran};

/// The agent's exit code for what it killed (appconfig.CommandStoppedPreemptivelyExitCode).
const STOPPED: i32 = 137;

/// What is known of an invocation.
pub(super) struct Known<'a> {
    pub(super) sent: Instant,
    pub(super) behaviour: &'a Behaviour,
    /// The text of the script.
    pub(super) script: &'a str,
    /// Of its run, if it has one.
    pub(super) progress: Option<Progress>,
    pub(super) cancelled: Option<Instant>,
    pub(super) delivery_timeout: Duration,
    pub(super) execution_timeout: Duration,
}

/// Where an invocation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Pending,
    Delayed,
    InProgress {
        since: Instant,
    },
    Cancelling {
        since: Instant,
    },
    /// `since` is `None` when it never began.
    Ended {
        since: Option<Instant>,
        at: Instant,
        ending: Ending,
        ran: Ran,
    },
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Success,
    Failed,
    Cancelled,
    ExecutionTimedOut,
    DeliveryTimedOut,
    Undeliverable,
    Terminated,
}

impl Known<'_> {
    /// Where it stands at that moment.
    pub(super) fn stage(&self, now: Instant) -> Stage {
        let delivered = self.delivered(now);
        match self.cancelled {
            Some(at) if !self.ended_before(at) => self.cancelled_at(at, delivered, now),
            _ => self.undisturbed(delivered, now),
        }
    }

    fn undisturbed(&self, delivered: Option<Instant>, now: Instant) -> Stage {
        let taken = self.sent + self.behaviour.pending;
        let lasting = self.behaviour.lasting;
        match (&self.behaviour.end, &self.progress) {
            (End::DeliveryTimedOut, _) => {
                let waits = if now < taken { Stage::Pending } else { Stage::Delayed };
                return never(now, waits, self.sent + self.delivery_timeout, Ending::DeliveryTimedOut);
            }
            (End::Undeliverable, _) => {
                return never(now, Stage::Pending, taken + lasting, Ending::Undeliverable);
            }
            (End::Terminated, _) => return never(now, Stage::Pending, taken + lasting, Ending::Terminated),
            (_, Some(Progress { over: Some((at, Over::NotDelivered)), .. })) => {
                return never(now, Stage::Pending, *at, Ending::DeliveryTimedOut);
            }
            _ => {}
        }
        let Some(since) = delivered else { return Stage::Pending };
        match self.result(since) {
            Some((at, ending, ran)) if at <= now => Stage::Ended { since: Some(since), at, ending, ran },
            _ => Stage::InProgress { since },
        }
    }

    fn cancelled_at(&self, at: Instant, delivered: Option<Instant>, now: Instant) -> Stage {
        let ended = |since, at| Stage::Ended { since, at, ending: Ending::Cancelled, ran: stopped() };
        match (delivered, self.progress.as_ref()) {
            (None, _) => ended(None, at),
            (since @ Some(_), None) => ended(since, at),
            (Some(since), Some(progress)) => match progress.over {
                Some((over, _)) if over.max(at) <= now => ended(Some(since), over.max(at)),
                _ => Stage::Cancelling { since },
            },
        }
    }

    /// When the agent got it, if that was before `now`.
    fn delivered(&self, now: Instant) -> Option<Instant> {
        let taken = self.sent + self.behaviour.pending;
        let taken = match &self.progress {
            Some(progress) => taken.max(progress.delivered?),
            None => taken,
        };
        (taken <= now).then_some(taken)
    }

    fn ended_before(&self, moment: Instant) -> bool {
        matches!(self.undisturbed(self.delivered(moment), moment), Stage::Ended { .. })
    }

    /// When and how it ends that was delivered then; `None` as long as that is open.
    fn result(&self, since: Instant) -> Option<(Instant, Ending, Ran)> {
        let least = since + self.behaviour.lasting;
        let scripted = |ran: Ran| Some((least, ending(&ran), ran));
        match &self.behaviour.end {
            End::Silent => None,
            End::Claims(claim) => scripted(claim(self.script)),
            End::Cancelled => Some((least, Ending::Cancelled, stopped())),
            End::ExecutionTimedOut => {
                let at = since + self.execution_timeout.min(self.behaviour.lasting);
                Some((at, Ending::ExecutionTimedOut, stopped()))
            }
            _ => {
                let (at, over) = self.progress.as_ref()?.over.clone()?;
                let (ending, ran) = self.ran(over)?;
                Some((at.max(least), ending, ran))
            }
        }
    }

    fn ran(&self, over: Over) -> Option<(Ending, Ran)> {
        match over {
            Over::Ran(ran) => {
                let ran = match &self.behaviour.end {
                    End::Altered(alter) => alter(ran),
                    _ => ran,
                };
                Some((ending(&ran), ran))
            }
            Over::TimedOut(ran) => Some((Ending::ExecutionTimedOut, Ran { code: STOPPED, ..ran })),
            Over::Cancelled => Some((Ending::Cancelled, stopped())),
            Over::NotDelivered => None,
        }
    }
}

impl Stage {
    /// `Status`.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Delayed => "Delayed",
            Self::InProgress { .. } => "InProgress",
            Self::Cancelling { .. } => "Cancelling",
            Self::Ended { ending, .. } => match ending {
                Ending::Success => "Success",
                Ending::Cancelled => "Cancelled",
                Ending::ExecutionTimedOut | Ending::DeliveryTimedOut => "TimedOut",
                Ending::Failed | Ending::Undeliverable | Ending::Terminated => "Failed",
            },
        }
    }

    /// `StatusDetails`.
    pub(super) fn details(&self) -> &'static str {
        match self {
            Self::Ended { ending, .. } => match ending {
                Ending::ExecutionTimedOut => "ExecutionTimedOut",
                Ending::DeliveryTimedOut => "DeliveryTimedOut",
                Ending::Undeliverable => "Undeliverable",
                Ending::Terminated => "Terminated",
                _ => self.status(),
            },
            _ => self.status(),
        }
    }

    /// When it began.
    pub(super) fn since(&self) -> Option<Instant> {
        match self {
            Self::Pending | Self::Delayed => None,
            Self::InProgress { since } | Self::Cancelling { since } => Some(*since),
            Self::Ended { since, .. } => *since,
        }
    }

    /// When it was over, and what it said.
    pub(super) fn ended(&self) -> Option<(Instant, &Ran)> {
        match self {
            Self::Ended { at, ran, .. } => Some((*at, ran)),
            _ => None,
        }
    }
}

/// One that never begins: how it waits, and how and when that is over.
fn never(now: Instant, waits: Stage, at: Instant, ending: Ending) -> Stage {
    if now < at { waits } else { Stage::Ended { since: None, at, ending, ran: unanswered() } }
}

fn ending(ran: &Ran) -> Ending {
    if ran.code == 0 { Ending::Success } else { Ending::Failed }
}

fn stopped() -> Ran {
    Ran { code: STOPPED, ..Ran::default() }
}

/// -1: it has not run (ResponseCode).
fn unanswered() -> Ran {
    Ran { code: -1, ..Ran::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// One that is delivered a second after it was sent, and over after two more.
    fn stage(end: End, progress: Option<Progress>, cancelled: Option<u32>, now: u32) -> Stage {
        let sent = Instant::now();
        let behaviour = Behaviour { pending: SECOND, lasting: 2 * SECOND, end, ..Behaviour::default() };
        let known = Known {
            sent,
            behaviour: &behaviour,
            script: "",
            progress: progress
                .map(|progress| Progress { delivered: progress.delivered.map(|_| sent), ..progress }),
            cancelled: cancelled.map(|after| sent + after * SECOND),
            delivery_timeout: 30 * SECOND,
            execution_timeout: 60 * SECOND,
        };
        known.stage(sent + now * SECOND)
    }

    #[test]
    fn it_is_pending_then_in_progress_then_over() {
        let details = |end, now| stage(end, None, None, now).details();
        let claims = || End::Claims(std::sync::Arc::new(|_| Ran::default()));
        assert_eq!(
            [0, 1, 2, 3].map(|now| details(claims(), now)),
            ["Pending", "InProgress", "InProgress", "Success"]
        );
        assert_eq!([1, 30].map(|now| details(End::DeliveryTimedOut, now)), ["Delayed", "DeliveryTimedOut"]);
        assert_eq!([2, 3].map(|now| details(End::Terminated, now)), ["Pending", "Terminated"]);
        assert_eq!(details(End::Silent, 9999), "InProgress");
    }

    #[test]
    fn a_cancel_ends_what_is_not_over() {
        let details = |progress, cancelled, now| stage(End::Ran, progress, Some(cancelled), now).details();
        let delivered = Progress { delivered: Some(Instant::now()), ..Progress::default() };
        assert_eq!(details(None, 0, 0), "Cancelled", "it was pending");
        assert_eq!(details(Some(delivered.clone()), 2, 2), "Cancelling", "its script still runs");
        let over = Progress { over: Some((Instant::now(), Over::Ran(Ran::default()))), ..delivered };
        assert_eq!(details(Some(over), 4, 5), "Success", "it was over before");
    }

    #[test]
    fn a_run_is_told_of_when_the_node_is_to_tell_of_it() {
        let over = Over::Ran(Ran { code: 4, ..Ran::default() });
        let progress = || {
            Some(Progress {
                delivered: Some(Instant::now()),
                over: Some((Instant::now(), over.clone())),
                cancelled: false,
            })
        };
        let told = [0, 2, 3].map(|now| stage(End::Ran, progress(), None, now).details());
        assert_eq!(told, ["Pending", "InProgress", "Failed"]);
        let lost = Progress { over: Some((Instant::now(), Over::NotDelivered)), ..Progress::default() };
        assert_eq!(stage(End::Ran, Some(lost), None, 9).details(), "DeliveryTimedOut");
    }
}
