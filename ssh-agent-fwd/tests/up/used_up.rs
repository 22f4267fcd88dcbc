//! A user that has used up its connections: what root is told of it.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::bench::{Bench, Client, PATIENCE, PROGRAM, USER, pem};

/// As many as a user may have unless the policy says otherwise.
const CONNECTIONS: usize = 128;
/// SSH_AGENTC_REQUEST_IDENTITIES, and the type of its answer.
const LIST: [u8; 1] = [11];
const IDENTITIES_ANSWER: u8 = 12;

fn status(bench: &Bench) -> (Value, Option<i32>) {
    let output = Command::new(PROGRAM).args(["status", "--json", "--name", &bench.name]).output();
    let output = output.expect("run");
    (serde_json::from_slice(&output.stdout).expect("an object"), output.status.code())
}

#[test]
fn root_is_told_that_it_serves_and_that_the_user_has_no_connection_left() {
    let Some(bench) = Bench::new() else { return };
    bench.is_up(&[pem(&bench.key("a"))]);
    let mut clients: Vec<Client> =
        (0..CONNECTIONS).map(|_| Client::connect(&bench.socket(), USER.1)).collect();
    // The answer says that the client has its seat.
    for client in &mut clients {
        assert_eq!(client.ask(&LIST)[0], IDENTITIES_ANSWER);
    }
    let (told, exit) = status(&bench);
    assert_eq!((&told["condition"], exit), (&"connections-used-up".into(), Some(1)), "{told}");
    let why = told["why_no_list"].as_str().expect("a reason");
    assert!(why.contains(&format!("the policy allows {} {CONNECTIONS} connections", USER.0)), "{why}");
    // Where the policy does not name the user that is no reason.
    let policy = bench.current().join("policy.json");
    let text = std::fs::read_to_string(&policy).expect("read");
    let mut other: Value = serde_json::from_str(&text).expect("an object");
    other["clients"] = serde_json::json!([{"uid": USER.1 + 1}]);
    std::fs::write(&policy, other.to_string()).expect("written");
    assert_eq!(status(&bench).0["condition"], "forwarder-silent");
    std::fs::write(&policy, text).expect("written");
    drop(clients);
    // A seat is free when the other end has seen that it was left.
    let until = Instant::now() + PATIENCE;
    while status(&bench).0["condition"] != "ready" {
        assert!(Instant::now() < until, "{:?}", status(&bench));
    }
}
