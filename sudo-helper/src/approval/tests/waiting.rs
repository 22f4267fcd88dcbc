use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::*;

/// Long enough for what comes before its end, on a busy machine too.
const SHORT: Duration = Duration::from_millis(700);
/// The folder for [`a_requester`].
const RUN: &str = "APPROVAL_TEST_RUN";

#[test]
fn a_decision_wakes_the_one_who_waits() {
    let bed = Bed::new();
    for approved in [true, false] {
        let claim = bed.submit();
        let id = claim.request().id;
        let outcome = thread::scope(|scope| {
            let waiting = scope.spawn(|| bed.store.await_decision(&claim, &ALWAYS_THERE));
            if approved {
                bed.store.approve(id, alice()).expect("approved");
            } else {
                bed.store.deny(id, alice()).expect("denied");
            }
            waiting.join().expect("ended").expect("waited")
        });
        match outcome {
            Outcome::Approved if approved => {
                assert_eq!(bed.store.take(claim, &subject(AGENT)).expect("taken").1, alice());
            }
            Outcome::Denied(by) if !approved => assert_eq!(by, alice()),
            other => panic!("{other:?}"),
        }
        assert!(bed.names().is_empty());
    }
}

#[test]
fn time_is_over_for_both_sides() {
    let bed = Bed::new();
    let approved = bed.store.submit(&asking(AGENT, SHORT)).expect("submitted");
    bed.store.approve(approved.request().id, alice()).expect("approved");
    let claim = bed.store.submit(&asking(AGENT, SHORT)).expect("submitted");
    let id = claim.request().id;
    assert!(matches!(bed.store.await_decision(&claim, &ALWAYS_THERE), Ok(Outcome::Expired)));
    assert!(matches!(bed.store.take(approved, &subject(AGENT)), Err(ApprovalError::Expired(_))));
    assert!(matches!(bed.store.approve(id, alice()), Err(ApprovalError::Unknown(_))));
    assert!(bed.names().is_empty());
}

#[test]
fn what_is_over_is_there_for_nobody() {
    let bed = Bed::new();
    let id = bed.store.submit_detached(&asking(AGENT, Duration::ZERO)).expect("submitted").id;
    assert_eq!(bed.names().len(), 2);
    assert!(matches!(bed.store.approve(id, alice()), Err(ApprovalError::Unknown(_))));
    assert!(matches!(bed.store.claim(id, AGENT), Err(ApprovalError::Unknown(_))));
    assert!(bed.names().is_empty());
}

#[test]
fn approval_or_end_never_both() {
    let bed = Bed::new();
    for micros in 0..50 {
        let claim = bed.store.submit(&asking(AGENT, Duration::from_micros(micros * 20))).expect("submitted");
        let id = claim.request().id;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| match bed.store.await_decision(&claim, &ALWAYS_THERE) {
                Ok(Outcome::Approved) => bed.store.take(claim, &subject(AGENT)).is_ok(),
                Ok(Outcome::Expired) => false,
                other => panic!("{other:?}"),
            });
            let approved = bed.store.approve(id, alice()).is_ok();
            let taken = waiting.join().expect("ended");
            assert!(approved || !taken);
        });
        assert!(bed.names().is_empty());
    }
}

#[test]
fn a_request_ends_with_the_process_that_waits() {
    let bed = Bed::new();
    let claim = bed.submit();
    let id = claim.request().id;
    assert_eq!(bed.store.pending().expect("read").len(), 1);
    drop(claim);
    bed.until(0);
    assert!(matches!(bed.store.approve(id, alice()), Err(ApprovalError::Unknown(_))));
    assert!(bed.names().is_empty());
}

#[test]
fn a_caller_that_is_gone_ends_the_wait() {
    for detached in [false, true] {
        let bed = Bed::new();
        let claim = if detached {
            let id = bed.submit_detached();
            bed.store.claim(id, AGENT).expect("claimed")
        } else {
            bed.submit()
        };
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let watch = [writer.as_fd()];
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                bed.store.await_decision(&claim, &Watch { readable: &[], hang_up: &watch }).expect("waited")
            });
            drop(reader);
            assert!(matches!(waiting.join().expect("ended"), Outcome::CallerGone));
        });
        assert_eq!(bed.store.pending().expect("read").len(), usize::from(detached));
    }
}

#[test]
fn a_decision_is_not_given_to_nobody() {
    let bed = Bed::new();
    let claim = bed.submit();
    bed.store.approve(claim.request().id, alice()).expect("approved");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(b"!").expect("written");
    let watch = Watch { readable: &[reader.as_fd()], hang_up: &[] };
    assert!(matches!(bed.store.await_decision(&claim, &watch), Ok(Outcome::CallerGone)));
    assert!(bed.names().is_empty());
}

#[test]
fn a_watch_shows_every_change() {
    let bed = Bed::new();
    let (sender, shown) = mpsc::channel();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let callers = [writer.as_fd()];
    let watch = Watch { readable: &[], hang_up: &callers };
    thread::scope(|scope| {
        let (store, watch) = (&bed.store, &watch);
        let watching = scope.spawn(move || {
            store.watch(watch, |requests| {
                let states: Vec<State> = requests.iter().map(|request| request.state.clone()).collect();
                sender.send(states).map_or(ControlFlow::Break(()), ControlFlow::Continue)
            })
        });
        let next = || shown.recv_timeout(LONG).expect("shown");
        assert_eq!(next(), []);
        let first = bed.submit();
        assert_eq!(next(), [State::Pending]);
        let second = bed.submit_detached();
        assert_eq!(next(), [State::Pending, State::Pending]);
        bed.store.approve(second, alice()).expect("approved");
        assert_eq!(next(), [State::Pending, State::Approved(alice())]);
        drop(first);
        assert_eq!(next(), [State::Approved(alice())], "its requester is gone");
        fetch(&bed.store, second).expect("taken");
        assert_eq!(next(), []);
        bed.store.submit_detached(&asking(AGENT, SHORT)).expect("submitted");
        assert_eq!(next(), [State::Pending]);
        assert_eq!(next(), [], "its time is over");
        drop(reader);
        watching.join().expect("ended").expect("watched");
    });
}

/// Not a test: a process for [`a_killed_process_waits_no_more`].
#[test]
#[ignore = "a process of another test"]
fn a_requester() {
    let Some(run) = std::env::var_os(RUN) else { return };
    let store = store_in(run.into());
    let claim = store.submit(&asking(AGENT, LONG)).expect("submitted");
    let _ = store.await_decision(&claim, &ALWAYS_THERE);
}

#[test]
fn a_killed_process_waits_no_more() {
    let bed = Bed::new();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "approval::tests::waiting::a_requester", "--ignored"])
        .env(RUN, bed.run.path().join("run"))
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let mut ids = Vec::new();
    bed.store
        .watch(&ALWAYS_THERE, |requests| match requests {
            [request] => {
                ids.push(request.id);
                child.kill().expect("killed");
                ControlFlow::Continue(())
            }
            _ if ids.is_empty() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        })
        .expect("watched");
    child.wait().expect("ended");
    assert!(matches!(bed.store.approve(ids[0], alice()), Err(ApprovalError::Unknown(_))));
    assert!(bed.names().is_empty());
}
