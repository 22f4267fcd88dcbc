//! What the fuzz target of sudoers-install's inventories does with its input.

use std::collections::BTreeSet;
use std::path::Path;

use sudoers_install::host::Host;
use sudoers_install::inventory::{parse, select};

/// An inventory of any layout.
pub fn inventory(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let hosts = match parse(&text, "fuzz", Some(Path::new("/home/op"))) {
        Ok(hosts) => hosts,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("fuzz") && !said.contains(char::is_control), "{said:?}");
            return;
        }
    };
    let aliases: BTreeSet<_> = hosts.iter().map(|host| host.alias.as_str().to_owned()).collect();
    assert!(!hosts.is_empty() && aliases.len() == hosts.len(), "a host twice, or none");
    hosts.iter().for_each(check_host);
    for host in hosts.iter().take(4) {
        let alias = host.alias.to_string();
        let only = select(hosts.clone(), Some(&alias), &[]).expect("it is there");
        assert!(only.contains(host));
        if let Ok(others) = select(hosts.clone(), None, std::slice::from_ref(&alias)) {
            assert!(others.len() == hosts.len() - 1 && !others.contains(host));
        }
    }
}

/// No word that reaches ssh(1) is one that it reads otherwise.
fn check_host(host: &Host) {
    let names = [host.alias.as_str(), host.hostname.as_str()];
    let login = host.login.as_ref().map(|login| login.as_str());
    for name in names.into_iter().chain(login) {
        let bad = |c: char| c.is_control() || c.is_whitespace() || "'\"`$;&|<>(){}".contains(c);
        assert!(!name.is_empty() && !name.starts_with('-'), "{name:?}");
        assert!(
            !host.hostname.as_str().contains(bad) && !login.unwrap_or_default().contains(bad),
            "{host:?}"
        );
    }
    assert!(host.port.is_none_or(|port| port.get() > 0));
    let paths = host.identity.iter().map(|path| path.to_string_lossy());
    let command = host.proxy_command.iter().map(|command| command.as_str().into());
    let words = host.ssh_args.iter().map(|word| word.as_str().into());
    for text in paths.chain(command).chain(words) {
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    }
    let mut words = host.ssh_args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if ["-4", "-6", "-C"].contains(&word) {
            continue;
        }
        let operand = words.next().expect("an operand");
        assert!(["-o", "-J"].contains(&word) && !operand.starts_with('-'), "{:?}", host.ssh_args);
        let lower = operand.to_ascii_lowercase();
        let unchecked = lower.starts_with("stricthostkeychecking") && !lower.ends_with("=yes");
        assert!(!unchecked || lower.ends_with("=ask"), "{operand}");
    }
}
