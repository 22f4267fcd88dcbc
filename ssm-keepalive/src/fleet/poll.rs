//! Waiting for commands to end on their nodes: list-command-invocations for each command, all pages at once, and
//! get-command-invocation only where that does not tell enough.

mod pace;
mod row;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::aws::{Aws, AwsError};
use crate::fleet::instance::InstanceId;
use crate::fleet::outcome::Outcome;
use crate::fleet::send::Sent;
use diagnostics::Failure;

use pace::Pace;
pub use row::Output;
use watch::{Ask, Watch};

/// How long a request to stop may go unnoticed during a pause.
const GLANCE: Duration = Duration::from_millis(50);

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Deadline<'a> {
    /// No longer than until then; what is being asked at that moment is still heard.
    pub at: Instant,
    /// Nor when this is set: the call under way is the last one.
    pub stop: &'a AtomicBool,
}

impl Deadline<'_> {
    fn is_over(&self) -> bool {
        self.is_stopped() || Instant::now() >= self.at
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits so long, or until it is over.
    fn pause(&self, length: Duration) {
        let until = self.at.min(Instant::now() + length);
        while !self.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// What is known of one node in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What became of the command; it may not have ended.
    pub outcome: Outcome,
    /// The exit status of the script, when AWS tells.
    pub exit: Option<i32>,
    /// What the script wrote.
    pub output: Output,
    /// Why no more is known: AWS would not tell.
    pub failure: Option<Failure>,
}

/// Waits until the commands have ended on all of their nodes. `heard` is called with each change.
#[must_use]
pub fn await_ends(
    aws: &Aws,
    sent: &[Sent],
    deadline: &Deadline<'_>,
    heard: &mut dyn FnMut(&InstanceId, &Outcome),
) -> BTreeMap<InstanceId, Ended> {
    let mut watch = Watch::of(sent);
    let mut pace = Pace::default();
    let mut call = |ask: &Ask| aws.call(ask.operation(), &ask.input());
    while !watch.is_over() && !deadline.is_over() {
        let news = ask_all(&mut watch, deadline, &mut call, heard);
        if !watch.is_over() {
            deadline.pause(pace.next(news, fastrand::f64()));
        }
    }
    watch.ends()
}

/// Asks everything once, as long as there is time; whether there is news.
fn ask_all(
    watch: &mut Watch,
    deadline: &Deadline<'_>,
    call: &mut dyn FnMut(&Ask) -> Result<Value, AwsError>,
    heard: &mut dyn FnMut(&InstanceId, &Outcome),
) -> bool {
    let mut news = false;
    for ask in watch.polls() {
        if !deadline.is_over() && watch.still_asks(&ask) {
            news |= watch.hear(&ask, call(&ask), heard);
        }
    }
    for ask in watch.fetches() {
        if !deadline.is_over() && watch.still_fetches() {
            watch.hear_output(&ask, call(&ask));
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fleet::aws::tests::aws;

    const COMMAND: &str = "0123abcd-0000-4000-8000-0123456789ab";

    fn sent() -> Sent {
        let instances = (0..3).map(|n| format!("i-{n:08}").parse().expect("an id")).collect();
        Sent { command: COMMAND.parse().expect("an id"), instances }
    }

    #[test]
    fn nothing_is_asked_any_more_once_the_time_is_over() {
        let go = AtomicBool::new(false);
        let deadline = Deadline { at: Instant::now() + Duration::from_millis(200), stop: &go };
        let (mut watch, mut fetched) = (Watch::of(&[sent()]), 0);
        let rows = sent().instances.into_iter().map(|id| {
            json!({"CommandId": COMMAND, "InstanceId": id, "Status": "Success", "StatusDetails": "Success"})
        });
        let list = json!({"CommandInvocations": rows.collect::<Vec<_>>()});
        let mut call = |ask: &Ask| {
            if matches!(ask, Ask::Get(..)) {
                fetched += 1;
                // The time is over while it is asked.
                deadline.pause(Duration::from_secs(1000));
            }
            Ok(list.clone())
        };
        let _ = ask_all(&mut watch, &deadline, &mut call, &mut |_, _| {});
        assert!(fetched <= 1, "{fetched} were asked after");
    }

    #[test]
    fn a_deadline_that_is_over_has_nobody_asked() {
        let (folder, aws) = aws("touch \"${0%/*}/asked\"; echo '{}'");
        let go = AtomicBool::new(false);
        let ends = await_ends(&aws, &[sent()], &Deadline { at: Instant::now(), stop: &go }, &mut |_, _| {});
        assert!(ends.len() == 3 && ends.values().all(|ended| ended.outcome == Outcome::Unseen), "{ends:?}");
        assert!(!folder.path().join("asked").exists());
    }

    #[test]
    fn an_output_that_comes_later_than_its_status_is_awaited() {
        // The list has none, nor has the first answer of each node.
        let (_folder, aws) = aws(r#"input=${4#file://} here=${0%/*}
            id=$(sed 's/.*"InstanceId":"\([^"]*\)".*/\1/' "$input") head='"CommandId":"COMMAND","Status":"Success"'
            case $2 in
            list-*) printf '{"CommandInvocations":['
                for n in 0 1; do printf '{%s,"InstanceId":"i-0000000%s"},' "$head" $n; done
                printf '{%s,"InstanceId":"i-00000002"}]}' "$head" ;;
            *) text=; [ -e "$here/$id" ] && text=late; : > "$here/$id"
                printf '{%s,"InstanceId":"%s","StandardOutputContent":"%s"}' "$head" "$id" "$text" ;;
            esac"#.replace("COMMAND", COMMAND).as_str());
        let go = AtomicBool::new(false);
        let deadline = Deadline { at: Instant::now() + Duration::from_secs(600), stop: &go };
        let ends = await_ends(&aws, &[sent()], &deadline, &mut |_, _| {});
        assert!(ends.len() == 3 && ends.values().all(|ended| ended.output.text == "late"), "{ends:?}");
    }

    #[test]
    fn a_pause_ends_with_the_deadline_or_the_request_to_stop() {
        let long = Duration::from_secs(1000);
        let (go, stop) = (AtomicBool::new(false), AtomicBool::new(true));
        let over = Deadline { at: Instant::now(), stop: &go };
        over.pause(long);
        assert!(over.is_over() && !over.is_stopped());
        let stopped = Deadline { at: Instant::now() + long, stop: &stop };
        stopped.pause(long);
        assert!(stopped.is_over());
        let running = Deadline { at: Instant::now() + long, stop: &go };
        running.pause(Duration::from_millis(1));
        assert!(!running.is_over());
    }
}
