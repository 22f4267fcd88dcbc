//! What the journal has of a run.

use bed::Host;
use bed::readme::block;
use serde_json::Value;

/// Of what was asked of sudo-helper, in the order in which it happened.
const ASKED: [&str; 8] = [
    "decision=denied operation=\"service stop nginx\"",
    "operation=\"usage error\"",
    "operation=\"approve ",
    "decision=denied code=denied",
    "decision=allowed operation=\"service restart nginx\"",
    "decision=denied operation=\"service stop ssh\"",
    "user=alice login_uid=unset decision=allowed operation=\"package install docker.io\"",
    "decision=allowed returncode=0",
];

/// Of what was asked of the forwarder.
const SIGNED: [&str; 4] = [
    "\"reason\":\"user-not-allowed\"",
    "\"reason\":\"host-not-allowed\"",
    "\"reason\":\"namespace-not-allowed\"",
    "\"decision\":\"allow\",\"reason\":\"hostbound\"",
];

/// One of README.md's looks at the journal.
fn look(host: &Host, which: usize) -> String {
    let looks: Vec<&str> = block("bash quick journal").lines().collect();
    assert_eq!(looks.len(), 4, "{looks:?}");
    let said = host.run(&["bash", "-c", looks[which]]).success();
    let said = String::from_utf8_lossy(&said.get_output().stdout).into_owned();
    // What the agent, and what it ran as root, has said under the names of others.
    assert!(!said.contains("forged") && !said.contains("\"success\":"), "{said}");
    said
}

/// Asserts that all that was asked for is there, from those who were asked.
pub fn what_was_asked_for(host: &Host) {
    assert_in_order(&look(host, 1), &ASKED);
    assert_in_order(&look(host, 2), &SIGNED);
}

/// Asserts that each run is there, of which the second was cancelled; and that the SSM agent was brought back.
pub fn runs_and_the_way_in(host: &Host) {
    let said = look(host, 0);
    let lines: Vec<&str> = said.lines().collect();
    let ["begins: fix the build", record, "begins: fix the build"] = lines[..] else { panic!("{said}") };
    let record: Value = serde_json::from_str(record).unwrap_or_else(|error| panic!("{error}: {record}"));
    assert_eq!((&record["result"], &record["status"]), (&"success".into(), &0.into()), "{record}");
    assert_in_order(&look(host, 3), &["Scheduled restart job", "Started "]);
}

fn assert_in_order(said: &str, expected: &[&str]) {
    let mut rest = said;
    for text in expected {
        let at = rest.find(text).unwrap_or_else(|| panic!("{text} is not where it should be: {said}"));
        rest = &rest[at + text.len()..];
    }
}
