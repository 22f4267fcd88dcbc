//! The user's own ssh(1), and how it is called. What its end means is [`reach`]'s to say.

mod reach;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise::bounded::{self, Ran, Run};

use crate::failure::Failure;
use crate::host::Host;
use crate::remote::MAX_ANSWER;

use reach::has_begun;
pub use reach::{Reach, classify};

/// Where the engine may be.
const PROGRAMS: [&str; 3] = ["/usr/bin/ssh", "/bin/ssh", "/usr/local/bin/ssh"];
/// Most that is kept of each output of a session.
const OUTPUT: usize = MAX_ANSWER;
/// How long ssh may take to read its configuration.
const CONFIGURATION: Duration = Duration::from_secs(10);

/// Its environment is the user's, but for these: messages in English, and no question in a window.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("SSH_ASKPASS_REQUIRE", "never")];

/// What comes first, and cannot be set otherwise by the user's configuration or an inventory: ssh takes the first
/// value of each option (ssh_config(5)). Nothing is asked, nothing forwarded, no command of the
/// configuration's run instead of ours, no session left behind for others, and no word lost that tells why.
const FIXED: [&str; 10] = [
    "BatchMode=yes",
    "ConnectTimeout=3",
    "LogLevel=INFO",
    "RemoteCommand=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
];

/// Which host keys are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeys {
    /// Those that the user's configuration accepts.
    AsConfigured,
    /// Those that are known, and new ones; never changed ones.
    AcceptNew,
    /// Those that are known. For a user whose configuration accepts all.
    Known,
}

/// How ssh is called.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Which host keys it accepts.
    pub host_keys: HostKeys,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// With the ssh of the system.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(accept_new_host_keys: bool) -> Result<Self, Failure> {
        let host_keys = if accept_new_host_keys { HostKeys::AcceptNew } else { HostKeys::AsConfigured };
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
        Ok(Self { program: program.to_owned(), host_keys, environment })
    }

    /// The same for one host: where the user's configuration would accept any key of it, only known
    /// ones are, since a password may be sent there.
    #[must_use]
    pub fn for_host(&self, host: &Host) -> Self {
        if self.host_keys != HostKeys::AsConfigured {
            return self.clone();
        }
        let mut argv = words(host, self);
        argv.insert(1, "-G".into());
        argv.extend(["--".into(), host.hostname.as_str().into()]);
        let ran = self.run(&argv, b"", CONFIGURATION);
        let strict = ran.is_ok_and(|ran| checks_host_keys(&String::from_utf8_lossy(&ran.stdout)));
        Self { host_keys: if strict { self.host_keys } else { HostKeys::Known }, ..self.clone() }
    }

    fn run(&self, argv: &[OsString], stdin: &[u8], limit: Duration) -> io::Result<Ran> {
        let env: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        bounded::run(&Run { argv, env: &env, stdin, limit, output: OUTPUT })
    }
}

/// Whether `ssh -G` says that host keys are checked; not when it says nothing.
fn checks_host_keys(configuration: &str) -> bool {
    let value = configuration.lines().find_map(|line| line.strip_prefix("stricthostkeychecking "));
    matches!(value.map(str::trim), Some("yes" | "true" | "ask" | "accept-new"))
}

/// The argument vector of a session that runs `command`.
#[must_use]
pub fn argv(host: &Host, options: &Options, command: &str) -> Vec<OsString> {
    let mut argv = words(host, options);
    // After `--` no name of a host is read as an option.
    argv.extend(["--".into(), host.hostname.as_str().into(), command.into()]);
    argv
}

/// All before the host.
fn words(host: &Host, options: &Options) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec![options.program.clone().into(), "-T".into()];
    let mut option = |text: &str| argv.extend(["-o".into(), text.into()]);
    FIXED.iter().for_each(|text| option(text));
    match options.host_keys {
        HostKeys::AsConfigured => {}
        HostKeys::AcceptNew => option("StrictHostKeyChecking=accept-new"),
        HostKeys::Known => option("StrictHostKeyChecking=yes"),
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

/// A session, and whether the remote command had begun to answer.
#[derive(Debug)]
pub struct Session {
    /// What became of it.
    pub reach: Reach,
    /// Whether the marker came.
    pub began: bool,
}

/// Runs `command` on a host with `input` as its whole standard input. `marker` is the line that the command
/// prints first.
#[must_use]
pub fn run(
    host: &Host,
    options: &Options,
    command: &str,
    marker: &str,
    input: &[u8],
    limit: Duration,
) -> Session {
    match options.run(&argv(host, options, command), input, limit) {
        Ok(ran) => {
            let began = has_begun(&ran, marker);
            let late = || Reach::TimedOut(format!("the host did not finish within {} s", limit.as_secs()));
            Session { reach: if ran.timed_out { late() } else { classify(ran, marker) }, began }
        }
        Err(error) => {
            let reach = Reach::Failed(format!("{} cannot be run: {error}", options.program.display()));
            Session { reach, began: false }
        }
    }
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

    fn options(host_keys: HostKeys) -> Options {
        Options { program: "/usr/bin/ssh".into(), host_keys, environment: Vec::new() }
    }

    fn words(host: &Host, host_keys: HostKeys) -> Vec<String> {
        argv(host, &options(host_keys), "true")
            .into_iter()
            .map(|word| word.into_string().expect("text"))
            .collect()
    }

    #[test]
    fn a_host_is_never_read_as_an_option_and_keys_are_never_taken_unseen() {
        let mut host = host();
        let plain = words(&host, HostKeys::AsConfigured);
        assert_eq!(plain[..2], ["/usr/bin/ssh", "-T"]);
        assert_eq!(plain[plain.len() - 3..], ["--", "web1.example.com", "true"]);
        assert!(
            plain.contains(&"BatchMode=yes".to_owned()) && plain.contains(&"ConnectTimeout=3".to_owned())
        );
        assert!(!plain.iter().any(|word| word.starts_with("StrictHostKeyChecking") || word == "-l"));
        host.login = Some(LoginName::parse("op").expect("a login"));
        host.port = Some(Port::parse("2222").expect("a port"));
        host.identity = Some("/home/op/key".into());
        host.proxy_command = Some("nc %h %p".to_owned());
        host.ssh_args = vec!["-o".to_owned(), "Compression=yes".to_owned()];
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
            "-o",
            "Compression=yes",
            "-l",
            "op",
            "--",
            "web1.example.com",
            "true",
        ];
        assert_eq!(full[full.len() - tail.len()..], tail);
        assert!(words(&host, HostKeys::Known).contains(&"StrictHostKeyChecking=yes".to_owned()));
        assert!(!full.iter().any(|word| word.eq_ignore_ascii_case("StrictHostKeyChecking=no")));
    }

    #[test]
    fn a_configuration_that_accepts_any_key_is_known_by_what_ssh_says_of_it() {
        for (said, checks) in [
            ("no", false),
            ("off", false),
            ("false", false),
            ("whatever", false),
            ("ask", true),
            ("true", true),
            ("accept-new", true),
        ] {
            let configuration = format!("user op\nstricthostkeychecking {said}\nport 22\n");
            assert_eq!(checks_host_keys(&configuration), checks, "{said}");
        }
        assert!(!checks_host_keys(""), "an ssh that does not tell");
    }
}
