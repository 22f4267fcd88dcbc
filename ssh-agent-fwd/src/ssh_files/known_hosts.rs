//! The hosts' keys in the format of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use super::Plan;

/// A line for every key of every host, each once; nothing when no host has a key.
pub(crate) fn lines(plan: &Plan) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for host in &plan.hosts {
        for key in &host.keys {
            let line = format!("{} {}\n", host.hostname, key.0);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    (!lines.is_empty()).then(|| lines.concat())
}
