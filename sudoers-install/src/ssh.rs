//! The user's own ssh(1), and how it is called. What its end means is [`reach`]'s to say.

mod reach;
mod session;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise::bounded::{self, Run};

use crate::host::Host;
use diagnostics::Failure;

pub use reach::Reach;
pub use session::{Answered, NewKeys, Opened, Question, ReadySession, Session};

/// Where the engine may be.
const PROGRAMS: [&str; 3] = ["/usr/bin/ssh", "/bin/ssh", "/usr/local/bin/ssh"];
/// How long ssh may take to read its configuration.
const CONFIGURATION: Duration = Duration::from_secs(10);
/// Most that is kept of what it says of that.
const CONFIGURATION_SIZE: usize = 64 << 10;

/// Its environment is the user's, but for these: messages in English, and no question in a window.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("SSH_ASKPASS_REQUIRE", "never")];

/// What comes first, and cannot be set otherwise by the user's configuration or an inventory: ssh takes the first
/// value of each option (ssh_config(5)). Nothing is asked, nothing forwarded, no command of the
/// configuration's run instead of ours, no session left behind for others, and no word lost that tells why. One that
/// has died is known to have after 15 s without an answer. A host
/// behind a forward on localhost shows its key as any other does. KnownHostsCommand, VerifyHostKeyDNS and the key
/// exchange of GSSAPI are left to the user: each is a check of the host, by somebody whom the user has chosen.
const FIXED: [&str; 14] = [
    "BatchMode=yes",
    "ConnectTimeout=3",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "LogLevel=INFO",
    "RemoteCommand=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "NoHostAuthenticationForLocalhost=no",
    "ControlMaster=no",
    "ControlPath=none",
];

/// Which host keys are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeys {
    /// Those that are known. This is what `ask` comes to where nobody can be asked (`BatchMode`).
    Known,
    /// Those that are known, and new ones; never changed ones.
    AcceptNew,
}

/// How ssh is called.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Whether the operator has said that new host keys are accepted, whatever the configuration says.
    pub accept_new_host_keys: bool,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// With the ssh of the system.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(accept_new_host_keys: bool) -> Result<Self, Failure> {
        let found = PROGRAMS.iter().map(Path::new).find(|path| path.is_file());
        let program = found.ok_or_else(|| {
            Failure::new(
                "no-ssh",
                "there is no ssh in /usr/bin, /bin or /usr/local/bin: install openssh-client",
            )
        })?;
        // What is not UTF-8 has no meaning to ssh.
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let own = |(name, _): &(String, String)| !ENVIRONMENT.iter().any(|(ours, _)| ours == name);
        let mut environment: Vec<_> = std::env::vars_os().filter_map(text).filter(own).collect();
        environment.extend(ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self { program: program.to_owned(), accept_new_host_keys, environment })
    }

    /// Whether a new key of this host is accepted. A configuration that accepts any key counts as one that
    /// accepts none: a password may be sent there.
    fn accepts_new_keys(&self, host: &Host) -> bool {
        if self.accept_new_host_keys {
            return true;
        }
        let mut argv = words(host, self, None);
        argv.insert(1, "-G".into());
        argv.extend(["--".into(), host.hostname.as_str().into()]);
        let env = self.environment();
        let run =
            Run { argv: &argv, env: &env, stdin: b"", limit: CONFIGURATION, output: CONFIGURATION_SIZE };
        bounded::run(&run).is_ok_and(|ran| says_accept_new(&String::from_utf8_lossy(&ran.stdout)))
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// Whether `ssh -G` says that new host keys are accepted, and no others.
fn says_accept_new(configuration: &str) -> bool {
    configuration.lines().any(|line| line.trim() == "stricthostkeychecking accept-new")
}

/// The argument vector of a session that runs `command`.
fn argv(host: &Host, options: &Options, host_keys: HostKeys, command: &str) -> Vec<OsString> {
    let mut argv = words(host, options, Some(host_keys));
    // After `--` no name of a host is read as an option.
    argv.extend(["--".into(), host.hostname.as_str().into(), command.into()]);
    argv
}

/// All before the host; with the configuration's word on host keys where there is no other.
fn words(host: &Host, options: &Options, host_keys: Option<HostKeys>) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec![options.program.clone().into(), "-T".into()];
    let mut option = |text: &str| argv.extend(["-o".into(), text.into()]);
    FIXED.iter().for_each(|text| option(text));
    match host_keys {
        None => {}
        Some(HostKeys::Known) => option("StrictHostKeyChecking=yes"),
        Some(HostKeys::AcceptNew) => option("StrictHostKeyChecking=accept-new"),
    }
    if let Some(command) = &host.proxy_command {
        option(&format!("ProxyCommand={command}"));
    }
    if let Some(port) = host.port {
        argv.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(identity) = &host.identity {
        argv.extend(["-i".into(), identity.clone().into()]);
    }
    argv.extend(host.ssh_args.iter().map(OsString::from));
    if let Some(login) = &host.login {
        argv.extend(["-l".into(), login.as_str().into()]);
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Alias, HostName, LoginName, Port};

    fn host() -> Host {
        Host {
            alias: Alias::parse("web1").expect("an alias"),
            hostname: HostName::parse("web1.example.com").expect("a name"),
            login: None,
            port: None,
            identity: None,
            proxy_command: None,
            ssh_args: Vec::new(),
            groups: Vec::new(),
        }
    }

    fn words(host: &Host, host_keys: HostKeys) -> Vec<String> {
        let options =
            Options { program: "/usr/bin/ssh".into(), accept_new_host_keys: false, environment: Vec::new() };
        argv(host, &options, host_keys, "true")
            .into_iter()
            .map(|word| word.into_string().expect("text"))
            .collect()
    }

    #[test]
    fn a_host_is_never_read_as_an_option_and_keys_are_never_taken_unseen() {
        let mut host = host();
        let plain = words(&host, HostKeys::Known);
        assert_eq!(plain[..2], ["/usr/bin/ssh", "-T"]);
        assert_eq!(
            plain[plain.len() - 5..],
            ["-o", "StrictHostKeyChecking=yes", "--", "web1.example.com", "true"]
        );
        // The user's own shared connection is not known to have been made to a known key.
        for option in
            ["BatchMode=yes", "NoHostAuthenticationForLocalhost=no", "ControlMaster=no", "ControlPath=none"]
        {
            assert!(plain.contains(&option.to_owned()), "{option}");
        }
        assert!(!plain.iter().any(|word| word == "-l"));
        host.login = Some(LoginName::parse("op").expect("a login"));
        host.port = Some(Port::parse("2222").expect("a port"));
        host.identity = Some("/home/op/key".into());
        host.proxy_command = Some("nc %h %p".to_owned());
        host.ssh_args = vec!["-o".to_owned(), "StrictHostKeyChecking=no".to_owned()];
        let full = words(&host, HostKeys::AcceptNew);
        let tail = [
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "ProxyCommand=nc %h %p",
            "-p",
            "2222",
            "-i",
            "/home/op/key",
            // ssh takes the first value of an option.
            "-o",
            "StrictHostKeyChecking=no",
            "-l",
            "op",
            "--",
            "web1.example.com",
            "true",
        ];
        assert_eq!(full[full.len() - tail.len()..], tail);
    }

    #[test]
    fn a_configuration_that_accepts_new_keys_is_known_by_what_ssh_says_of_it() {
        for (said, accepts) in [
            ("no", false),
            ("off", false),
            ("false", false),
            ("ask", false),
            ("yes", false),
            ("accept-new", true),
        ] {
            let configuration = format!("user op\nstricthostkeychecking {said}\nport 22\n");
            assert_eq!(says_accept_new(&configuration), accepts, "{said}");
        }
        assert!(!says_accept_new(""), "an ssh that does not tell");
    }
}
