use std::sync::Barrier;
use std::thread;

use super::*;

/// How often a race is run.
const ROUNDS: usize = 50;

/// Runs two at the same moment.
fn race<A: Send, B: Send>(one: impl FnOnce() -> A + Send, two: impl FnOnce() -> B + Send) -> (A, B) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            two()
        });
        start.wait();
        (one(), other.join().expect("ended"))
    })
}

#[test]
fn an_approved_request_is_taken_once() {
    let bed = Bed::new();
    let id = bed.submit_detached();
    bed.store.approve(id, alice()).expect("approved");
    let (request, by) = fetch(&bed.store, id).expect("taken");
    assert_eq!((request.id, request.subject, by), (id, subject(AGENT), alice()));
    assert!(matches!(fetch(&bed.store, id), Err(ApprovalError::Unknown(_))));
    assert!(matches!(bed.store.approve(id, alice()), Err(ApprovalError::Unknown(_))));
    assert!(bed.names().is_empty(), "{:?}", bed.names());
}

#[test]
fn of_many_who_fetch_one_gets_it() {
    let bed = Bed::new();
    for _ in 0..ROUNDS {
        let id = bed.submit_detached();
        bed.store.approve(id, alice()).expect("approved");
        let (one, two) = race(|| fetch(&bed.store, id), || fetch(&bed.store, id));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let loser = one.err().or(two.err()).expect("one lost");
        assert!(matches!(loser, ApprovalError::Busy(_) | ApprovalError::Unknown(_)), "{loser:?}");
    }
}

#[test]
fn what_is_not_approved_is_not_taken() {
    let bed = Bed::new();
    let claim = bed.submit();
    assert!(matches!(bed.store.take(claim, &subject(AGENT)), Err(ApprovalError::NotApproved(_))));
    let claim = bed.submit();
    bed.store.deny(claim.request().id, alice()).expect("denied");
    assert!(matches!(bed.store.take(claim, &subject(AGENT)), Err(ApprovalError::NotApproved(_))));
}

#[test]
fn an_approval_for_something_else_is_spent() {
    let changes: [fn(&mut Subject); 6] = [
        |subject| subject.uid += 1,
        |subject| subject.operation[2] = "docker.io2".into(),
        |subject| subject.argv.push("--purge".into()),
        |subject| subject.plan[1] = "Inst runc 1.2".into(),
        |subject| subject.plan.push("Inst evil 1".into()),
        |subject| subject.plan.reverse(),
    ];
    let bed = Bed::new();
    for change in changes {
        let claim = bed.submit();
        let id = claim.request().id;
        bed.store.approve(id, alice()).expect("approved");
        let mut changed = subject(AGENT);
        change(&mut changed);
        assert!(matches!(bed.store.take(claim, &changed), Err(ApprovalError::Changed(_))));
        assert!(bed.names().is_empty());
    }
}

#[test]
fn others_learn_nothing_of_a_request() {
    let bed = Bed::new();
    let id = bed.submit_detached();
    let unknown = RequestId::random().expect("random");
    let [theirs, none] = [id, unknown].map(|id| {
        let error = bed.store.claim(id, AGENT + 1).expect_err("not theirs");
        (error.code(), error.to_string().replace(&id.to_string(), "ID"))
    });
    assert_eq!(theirs, none);
    bed.store.claim(id, AGENT).expect("its own");
    let blocking = bed.submit();
    assert!(matches!(bed.store.claim(blocking.request().id, AGENT), Err(ApprovalError::Unknown(_))));
}

#[test]
fn one_process_waits_for_a_request() {
    let bed = Bed::new();
    let id = bed.submit_detached();
    let claim = bed.store.claim(id, AGENT).expect("claimed");
    assert!(matches!(bed.store.claim(id, AGENT), Err(ApprovalError::Busy(_))));
    drop(claim);
    // A process that another test starts holds it until it executes its program.
    while let Err(error) = bed.store.claim(id, AGENT) {
        assert!(matches!(error, ApprovalError::Busy(_)), "{error}");
        thread::yield_now();
    }
}

#[test]
fn nobody_approves_their_own() {
    let bed = Bed::new();
    let id = bed.submit_detached();
    let own = Approver { uid: AGENT, user: "alice".into() };
    assert!(matches!(bed.store.approve(id, own), Err(ApprovalError::Own(_))));
    assert_eq!(bed.store.pending().expect("read")[0].state, State::Pending);
    let unknown = RequestId::random().expect("random");
    assert!(matches!(bed.store.approve(unknown, alice()), Err(ApprovalError::Unknown(_))));
    assert!(matches!(bed.store.deny(unknown, alice()), Err(ApprovalError::Unknown(_))));
}

#[test]
fn of_two_approvals_the_first_counts() {
    let bed = Bed::new();
    for _ in 0..ROUNDS {
        let id = bed.submit_detached();
        let (one, two) = race(|| bed.store.approve(id, alice()), || bed.store.approve(id, bob()));
        let (winner, loser) = if one.is_ok() { (alice(), two) } else { (bob(), one) };
        let loser = loser.expect_err("one is late");
        assert_eq!(loser.code(), "approval-decided");
        assert!(loser.to_string().ends_with(&winner.to_string()), "{loser}");
        assert_eq!(fetch(&bed.store, id).expect("taken").1, winner);
    }
}

#[test]
fn a_denial_stands_against_an_approval() {
    let bed = Bed::new();
    for _ in 0..ROUNDS {
        let id = bed.submit_detached();
        let (_, denied) = race(|| bed.store.approve(id, alice()), || bed.store.deny(id, bob()));
        denied.expect("denied");
        assert!(matches!(bed.store.deny(id, alice()), Err(ApprovalError::Decided(_, State::Denied(_)))));
        assert!(matches!(bed.store.approve(id, alice()), Err(ApprovalError::Decided(_, State::Denied(_)))));
        assert!(matches!(fetch(&bed.store, id), Err(ApprovalError::NotApproved(_))));
        assert!(bed.names().is_empty());
    }
}

#[test]
fn a_request_is_taken_or_denied() {
    let bed = Bed::new();
    for _ in 0..ROUNDS {
        let claim = bed.submit();
        let id = claim.request().id;
        bed.store.approve(id, alice()).expect("approved");
        let (taken, denied) = race(|| bed.store.take(claim, &subject(AGENT)), || bed.store.deny(id, bob()));
        assert!(taken.is_ok() != denied.is_ok(), "{taken:?} {denied:?}");
    }
}

#[test]
fn requests_are_counted() {
    let bed = Bed::new();
    let mut claims: Vec<Claim> = (0..MAX_PENDING_PER_UID).map(|_| bed.submit()).collect();
    let full = bed.store.submit(&asking(AGENT, LONG)).expect_err("full");
    assert!(matches!(full, ApprovalError::FullForUser), "{full}");
    for index in claims.len()..MAX_PENDING {
        let uid = AGENT + u32::try_from(index / MAX_PENDING_PER_UID).expect("small");
        claims.push(bed.store.submit(&asking(uid, LONG)).expect("submitted"));
    }
    let full = bed.store.submit_detached(&asking(AGENT + 100, LONG)).expect_err("full");
    assert!(matches!(full, ApprovalError::Full), "{full}");
    assert_eq!(full.code(), "approval-full");
    assert_eq!(bed.store.pending().expect("read").len(), MAX_PENDING);
    claims.pop();
    bed.until(MAX_PENDING - 1);
    bed.store.submit_detached(&asking(AGENT + 100, LONG)).expect("a place is free");
}

#[test]
fn two_at_once_do_not_pass_the_limit() {
    let bed = Bed::new();
    let _claims: Vec<Claim> = (1..MAX_PENDING_PER_UID).map(|_| bed.submit()).collect();
    let (one, two) =
        race(|| bed.store.submit(&asking(AGENT, LONG)), || bed.store.submit(&asking(AGENT, LONG)));
    assert!(one.is_ok() != two.is_ok());
}
