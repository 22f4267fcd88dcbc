//! The keys that say how a host is reached: ours, and the variables of Ansible that mean the same.

use std::path::{Path, PathBuf};

use super::tree::{Entry, Node, Value};
use super::{Fault, quoted, ssh_arguments};
use crate::host::{HostName, LoginName, Port};

/// The keys of the two layouts that are not Ansible's; both of the last mean the same.
const OUR_KEYS: &str = "hostname, user, port, proxy_command, identity_file (or key_path)";
/// How an encrypted value of Ansible begins (ansible-vault(1)).
const VAULT: &str = "$ANSIBLE_VAULT;";

/// Whose keys a mapping holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Ours: nothing else may be there.
    Ours,
    /// Ansible's: what is not about ssh is none of our business.
    Ansible,
}

/// One thing that a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Hostname(HostName),
    Login(LoginName),
    Port(Port),
    Identity(PathBuf),
    ProxyCommand(String),
    CommonArgs(Vec<String>),
    ExtraArgs(Vec<String>),
}

/// One thing that a key says, and where.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) line: u64,
    pub(super) said: Said,
}

impl Setting {
    /// Whether the two are about the same thing.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.said) == std::mem::discriminant(&other.said)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Hostname,
    Login,
    Port,
    Identity,
    ProxyCommand,
    CommonArgs,
    ExtraArgs,
}

/// Reads the mapping of a host, or the variables of a group. `home` is what `~` stands for.
pub(super) fn read(node: &Node, keys: Keys, home: Option<&Path>) -> Result<Vec<Setting>, Fault> {
    let entries: &[Entry] = match &node.value {
        Value::Null => &[],
        Value::Mapping(entries) => entries,
        _ => return Err(Fault::at(node.line, "keys and values belong here, as in 'user: ops'")),
    };
    let mut settings: Vec<Setting> = Vec::new();
    for entry in entries {
        let Some(setting) = setting(entry, keys, home)? else { continue };
        if let Some(first) = settings.iter().find(|first| first.rivals(&setting)) {
            if first.said != setting.said {
                let what = format!("{} contradicts {} on line {}", setting.key, first.key, first.line);
                return Err(Fault::at(entry.line, what));
            }
            continue;
        }
        settings.push(setting);
    }
    Ok(settings)
}

fn setting(entry: &Entry, keys: Keys, home: Option<&Path>) -> Result<Option<Setting>, Fault> {
    let fault = |what: String| Fault::at(entry.line, what);
    if is_password(&entry.key) {
        return if is_plaintext(&entry.node) {
            let advice = "remove it; the password is asked for once, and kept nowhere";
            Err(fault(format!("{} holds a password in plain text: {advice}", quoted(&entry.key))))
        } else {
            Ok(None)
        };
    }
    let Some(kind) = kind(&entry.key, keys) else {
        return match keys {
            Keys::Ansible => Ok(None),
            Keys::Ours => Err(fault(format!("{} is unknown; a host has {OUR_KEYS}", quoted(&entry.key)))),
        };
    };
    let text = match (&entry.node.value, keys) {
        (Value::Scalar(text), _) => text,
        (Value::Null, Keys::Ours) => return Ok(None),
        // Ansible would forget the group's value here, so this cannot just count as not there.
        (Value::Null, Keys::Ansible) => {
            return Err(fault(format!("{} has no value; write one, or remove the line", entry.key)));
        }
        _ => return Err(fault(format!("{} has to be a single value", entry.key))),
    };
    if keys == Keys::Ansible {
        refuse_unfinished(text).map_err(|what| fault(format!("{}: {what}", entry.key)))?;
    }
    let said = said(kind, text, home).map_err(|what| fault(format!("{}: {what}", entry.key)))?;
    Ok(Some(Setting { key: entry.key.clone(), line: entry.line, said }))
}

/// The older names are read by Ansible still (`ansible-doc -t connection ssh`).
fn kind(key: &str, keys: Keys) -> Option<Kind> {
    let kind = match (keys, key) {
        (Keys::Ours, "hostname") | (Keys::Ansible, "ansible_host" | "ansible_ssh_host") => Kind::Hostname,
        (Keys::Ours, "user") | (Keys::Ansible, "ansible_user" | "ansible_ssh_user") => Kind::Login,
        (Keys::Ours, "port") | (Keys::Ansible, "ansible_port" | "ansible_ssh_port") => Kind::Port,
        (Keys::Ours, "identity_file" | "key_path")
        | (Keys::Ansible, "ansible_ssh_private_key_file" | "ansible_private_key_file") => Kind::Identity,
        (Keys::Ours, "proxy_command") => Kind::ProxyCommand,
        (Keys::Ansible, "ansible_ssh_common_args") => Kind::CommonArgs,
        (Keys::Ansible, "ansible_ssh_extra_args") => Kind::ExtraArgs,
        _ => return None,
    };
    Some(kind)
}

fn said(kind: Kind, text: &str, home: Option<&Path>) -> Result<Said, String> {
    let named = |error: crate::host::BadName| format!("{} is none: {error}", quoted(text));
    Ok(match kind {
        Kind::Hostname => Said::Hostname(HostName::parse(text).map_err(named)?),
        Kind::Login => Said::Login(LoginName::parse(text).map_err(named)?),
        Kind::Port => Said::Port(Port::parse(text).map_err(named)?),
        Kind::Identity => Said::Identity(identity(text, home)?),
        Kind::ProxyCommand => Said::ProxyCommand(printable(text)?.to_owned()),
        Kind::CommonArgs => Said::CommonArgs(ssh_arguments::parse(printable(text)?)?),
        Kind::ExtraArgs => Said::ExtraArgs(ssh_arguments::parse(printable(text)?)?),
    })
}

/// `~user` stays: ssh(1) knows where that is. A relative path counts from the current folder, as with ssh.
fn identity(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let path = printable(text)?;
    let below = match path.strip_prefix('~') {
        Some("") => "",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => return Ok(PathBuf::from(path)),
    };
    let home = home.ok_or("$HOME names no folder, so '~' stands for nothing; write the whole path")?;
    Ok(home.join(below))
}

fn printable(text: &str) -> Result<&str, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it holds a control character or a line break".to_owned());
    }
    Ok(text)
}

/// What `ansible-inventory --list` prints has its templates still (measured with ansible-core 2.19).
fn refuse_unfinished(text: &str) -> Result<(), String> {
    if text.contains("{{") || text.contains("{%") {
        return Err(
            "templates ({{ }}) are not expanded here, nor in what 'ansible-inventory --list' prints; \
                    write the value out"
                .to_owned(),
        );
    }
    if text.starts_with(VAULT) {
        return Err("it is encrypted with ansible-vault; write it out, it is no secret".to_owned());
    }
    Ok(())
}

/// `ansible_become_pass`, `ansible_ssh_password`, `ansible_ssh_private_key_passphrase` and their like.
fn is_password(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let secret = ["_pass", "_password", "_passphrase"].iter().any(|end| key.ends_with(end));
    matches!(&*key, "password" | "pass" | "ansible_private_key") || (key.starts_with("ansible_") && secret)
}

/// A template or an encrypted value is none; JSON has the latter as `{"__ansible_vault": ...}`.
fn is_plaintext(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Scalar(text) => {
            let template = text.trim().starts_with("{{") && text.trim().ends_with("}}");
            !(text.is_empty() || template || text.starts_with(VAULT))
        }
        Value::Mapping(entries) => !entries.iter().any(|entry| entry.key == "__ansible_vault"),
        Value::List(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn told(text: &str, keys: Keys) -> Result<Vec<Said>, String> {
        let node = tree::parse(text).expect(text);
        let settings = read(&node, keys, Some(Path::new("/home/op"))).map_err(|fault| fault.what)?;
        Ok(settings.into_iter().map(|setting| setting.said).collect())
    }

    #[test]
    fn both_vocabularies_say_the_same() {
        let host = Said::Hostname(HostName::parse("h").expect("a name"));
        let login = Said::Login(LoginName::parse("1001").expect("a name"));
        let port = Said::Port(Port::parse("22").expect("a port"));
        let key = |path: &str| Said::Identity(PathBuf::from(path));
        let args = Said::CommonArgs(vec!["-J".to_owned(), "b".to_owned()]);
        for (keys, text, said) in [
            (Keys::Ours, "hostname: h", &host),
            (Keys::Ansible, "ansible_host: h", &host),
            (Keys::Ansible, "ansible_ssh_host: h", &host),
            (Keys::Ours, "user: 1001", &login),
            (Keys::Ansible, "ansible_user: 1001", &login),
            (Keys::Ours, "port: '22'", &port),
            (Keys::Ansible, "ansible_port: 22", &port),
            (Keys::Ours, "key_path: ~/.ssh/k", &key("/home/op/.ssh/k")),
            (Keys::Ours, "identity_file: '~'", &key("/home/op")),
            (Keys::Ours, "identity_file: ~other/k", &key("~other/k")),
            (Keys::Ours, "identity_file: keys/k", &key("keys/k")),
            (Keys::Ansible, "ansible_ssh_private_key_file: /k", &key("/k")),
            (Keys::Ours, "proxy_command: nc %h %p", &Said::ProxyCommand("nc %h %p".to_owned())),
            (Keys::Ansible, "ansible_ssh_common_args: -J b", &args),
            (Keys::Ansible, "ansible_user: '1001'\nansible_ssh_user: 1001", &login),
            (Keys::Ansible, "ansible_user: 1001\nhttp_port: {a: 1}\nx: '{{ y }}'\npassword:", &login),
        ] {
            assert_eq!(told(text, keys).as_ref(), Ok(&vec![said.clone()]), "{text}");
        }
        assert_eq!(told("hostname:\nuser: null\npassword: ~\nkey_path: ~", Keys::Ours), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (keys, text, what) in [
            (Keys::Ours, "hostname: -x", "hostname: '-x' is none: a host is a DNS name"),
            (Keys::Ours, "user: 'a b'", "user: 'a b' is none: a login name"),
            (Keys::Ours, "user: ''", "user: '' is none"),
            (Keys::Ours, "port: 022", "port: '022' is none"),
            (Keys::Ours, "port: 0x16", "port: '0x16' is none"),
            (Keys::Ours, "port: 70000", "1 to 65535"),
            (Keys::Ours, "port: [22]", "single value"),
            (Keys::Ours, "hostnme: x", "'hostnme' is unknown; a host has hostname, user, port"),
            (Keys::Ours, "ansible_host: x", "'ansible_host' is unknown"),
            (Keys::Ours, "key_path: a\nidentity_file: b", "identity_file contradicts key_path on line 1"),
            (Keys::Ours, "identity_file: \"a\\tb\"", "control character"),
            (Keys::Ours, "proxy_command: \"nc\\nid\"", "control character"),
            (Keys::Ours, "proxy_command: ' '", "it is empty"),
            (Keys::Ansible, "ansible_user: a\nansible_ssh_user: b", "contradicts ansible_user on line 1"),
            (Keys::Ansible, "ansible_host:", "no value"),
            (Keys::Ansible, "ansible_host: '{{ x }}.org'", "ansible-inventory --list"),
            (Keys::Ansible, "ansible_user: |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162", "ansible-vault"),
            (Keys::Ansible, "ansible_ssh_common_args: -o StrictHostKeyChecking=no", "StrictHostKeyChecking"),
            (Keys::Ours, "- a", "keys and values belong here"),
            (Keys::Ours, "x", "keys and values belong here"),
        ] {
            let complaint = told(text, keys).expect_err(text);
            assert!(complaint.contains(what), "{text}: {complaint}");
        }
    }

    #[test]
    fn a_password_in_plain_text_is_refused_and_not_repeated() {
        for key in [
            "password",
            "Password",
            "ansible_password",
            "ansible_ssh_pass",
            "ansible_ssh_password",
            "ansible_become_pass",
            "ansible_become_password",
            "ansible_sudo_pass",
            "ansible_ssh_private_key_passphrase",
        ] {
            for keys in [Keys::Ours, Keys::Ansible] {
                for value in ["hunter2", "12345", "[hunter2]", "{x: hunter2}", "'{{ a }} hunter2'"] {
                    let complaint = told(&format!("{key}: {value}"), keys).expect_err(key);
                    assert!(complaint.contains("password in plain text"), "{complaint}");
                    assert!(!complaint.contains("hunter2"), "{complaint}");
                }
                for value in ["", "''", "'{{ vault_pass }}'", "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61"] {
                    assert_eq!(told(&format!("{key}: {value}"), keys), Ok(vec![]), "{key}: {value}");
                }
            }
        }
        assert_eq!(told("mysql_password: x\nansible_pass_prompt: y", Keys::Ansible), Ok(vec![]));
    }
}
