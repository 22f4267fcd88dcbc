//! What `up` would do, in sentences.

use std::fmt::Write;

use serde_json::json;

use super::Wanted;
use crate::exit::Exit;
use crate::manifest::{Entry, KeySource};
use crate::report::Report;

/// Says it, and does nothing. No key is read.
pub(super) fn tell(wanted: &Wanted<'_>, report: Report) -> Exit {
    let words = words(wanted);
    let sentences: Vec<&str> = words.lines().collect();
    let object = json!({"name": wanted.manifest.name.as_str(), "dry_run": true, "sentences": sentences});
    report.success(super::told::OP, object, &words.trim_end())
}

fn words(wanted: &Wanted<'_>) -> String {
    let (manifest, user) = (&wanted.manifest, &wanted.user);
    let mut said = String::new();
    let mut say = |line: String| {
        let _ = writeln!(said, "{}", diagnostics::one_line(&line));
    };
    say(format!("{} would be served as the instance {}.", user.name, manifest.name));
    say(format!("ssh-agent and ssh-agent-fwd serve would be started below {}.", manifest.folder().display()));
    say(format!(
        "{} would be the socket for {} (uid {}).",
        manifest.public_socket().display(),
        user.name,
        user.uid
    ));
    if !manifest.agent_socket().starts_with(manifest.folder()) {
        say(format!("{} would lead to the agent's socket, for root.", manifest.agent_socket().display()));
    }
    manifest.entries.iter().for_each(|entry| say(of_entry(entry)));
    if wanted.call.system_ssh_config {
        say(format!("/etc/ssh would have a file of hosts and one of their keys, for {} alone.", user.name));
    } else {
        let home = user.home.as_str();
        say(format!(
            "{home}/.ssh/config and {home}/.ssh/known_hosts would have a section for this instance."
        ));
    }
    manifest.entries.iter().filter_map(erased).for_each(say);
    said
}

fn of_entry(entry: &Entry) -> String {
    let from = match &entry.key {
        KeySource::Pem(_) => "from the manifest".to_owned(),
        KeySource::Path(path) => format!("from {}", path.as_str()),
        KeySource::Fd(fd) => format!("from descriptor {fd}"),
        KeySource::Credential(name) => format!("from the credential {name}"),
    };
    let at = if entry.any_host {
        "any host".to_owned()
    } else {
        format!("{} (by {} keys)", entry.hostname, entry.known_host_keys.len())
    };
    let signing = match &entry.namespaces[..] {
        [] => String::new(),
        namespaces => {
            let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
            format!(", and would sign for {}", names.join(", "))
        }
    };
    format!("The key of {}, {from}, would log {} in at {at}{signing}.", entry.host, entry.user)
}

fn erased(entry: &Entry) -> Option<String> {
    let KeySource::Path(path) = &entry.key else { return None };
    entry.erase.then(|| format!("{} would be erased, once all of this is there.", path.as_str()))
}
