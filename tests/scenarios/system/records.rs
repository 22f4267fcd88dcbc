//! What the journal has of a run.

use bed::Host;
use bed::readme::block;
use serde_json::Value;

/// Of what was asked for, and who answered: in the order in which it happened.
const ASKED: [&str; 12] = [
    "ai-agent : PWD=/home/ai-agent ; USER=root ; COMMAND=/usr/bin/sudo-helper service stop nginx",
    "decision=denied operation=\"service stop nginx\"",
    "operation=\"usage error\"",
    "operation=\"approve ",
    "decision=denied code=denied",
    "\"reason\":\"host-not-allowed\"",
    "\"reason\":\"namespace-not-allowed\"",
    "decision=allowed operation=\"service restart nginx\"",
    "decision=denied operation=\"service stop ssh\"",
    "user=alice login_uid=unset decision=allowed operation=\"package install docker.io\"",
    "decision=allowed returncode=0",
    "\"decision\":\"allow\",\"reason\":\"hostbound\"",
];

/// Asserts that README.md's looks at the journal show everything that the agent asked for, and how its run went.
pub fn all_is_in_the_journal(host: &Host) {
    let look = |line: &str| {
        let said = host.run(&["bash", "-c", line]).success();
        String::from_utf8_lossy(&said.get_output().stdout).into_owned()
    };
    let looks: Vec<&str> = block("bash quick journal").lines().collect();
    let [runs, asked, way_in] = looks[..] else { panic!("{looks:?}") };
    assert_run(&look(runs));
    assert_in_order(&look(asked), &ASKED);
    assert_in_order(&look(way_in), &["Started "]);
}

/// Capture-run's two records, and nothing that the agent has said.
fn assert_run(said: &str) {
    let records: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let states: Vec<&Value> = records.iter().map(|record| &record["state"]).collect();
    assert_eq!(states, ["running", "exited"], "{said}");
    assert_eq!((&records[1]["result"], &records[1]["status"]), (&"success".into(), &0.into()), "{said}");
}

fn assert_in_order(said: &str, expected: &[&str]) {
    let mut rest = said;
    for text in expected {
        let at = rest.find(text).unwrap_or_else(|| panic!("{text} is not where it should be: {said}"));
        rest = &rest[at + text.len()..];
    }
}
