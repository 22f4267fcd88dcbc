//! The policy as a whole.

mod decisions;
mod properties;
mod refusals;

use super::*;
use crate::operation::Operation;

/// Every key of the shape.
const FULL: &str = r#"{
 "services": {"nginx": ["status", "restart"], "snapd.socket": ["start"], "nothing": []},
 "packages": {"curl": ["install", "remove"], "docker.io": ["install"], "openssh-server": ["install"]},
 "package_actions": ["update", "autoclean"],
 "commands": {"reboot": {"argv": ["/usr/sbin/reboot"], "approval": true, "timeout_s": 60},
              "read-log": {"argv": ["/usr/bin/tail", "-n", "{lines}", "{file}"],
                           "params": {"lines": {"regex": "[0-9]{1,4}"},
                                      "file": {"type": "file", "beneath": "/var/log/nginx"}}}},
 "approval": {"approvers": ["alice", "bob@example.org"], "timeout_s": 300,
              "operations": ["package install docker.io", "service restart nginx", "package update", "run read-log"]},
 "limits": {"output_bytes": 4096, "timeout_s": 90, "lock_wait_s": 0},
 "audit_required": true}"#;

fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn decide(policy: &Policy, line: &str) -> Result<Grant, Denial> {
    policy.decide(&Operation::parse(&line.split(' ').collect::<Vec<_>>()).expect(line))
}
