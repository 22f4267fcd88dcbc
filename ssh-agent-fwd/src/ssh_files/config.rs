//! The hosts in the words of ssh_config(5).

use std::fmt::Write;
use std::path::Path;

use super::{Host, Plan};

/// The section of `~/.ssh/config`. Of several values of an option ssh(1) takes the first, so the section stands first;
/// its last line matches every host, as the beginning of a file does, so that what follows means what it did.
pub(super) fn section(plan: &Plan) -> String {
    let mut text = String::new();
    for host in &plan.hosts {
        let _ = writeln!(text, "Host {}\n{}", host.alias, host_lines(host, &plan.socket));
    }
    text + "Host *\n"
}

/// The options of one host.
pub(crate) fn host_lines(host: &Host, socket: &Path) -> String {
    let options = [
        ("HostName", host.address.to_string()),
        ("User", host.user.to_string()),
        ("Port", host.port.to_string()),
        ("IdentityAgent", socket.display().to_string()),
        // The host's own name, also behind a gate; it is looked up as it is, without a port.
        ("HostKeyAlias", host.hostname.to_string()),
        ("CheckHostIP", "no".to_owned()),
        ("BatchMode", "yes".to_owned()),
        // A key that a host brings itself is in no policy.
        ("UpdateHostKeys", "no".to_owned()),
    ];
    options.map(|(option, value)| format!("    {option} {value}\n")).concat()
}
