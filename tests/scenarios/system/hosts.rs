//! The hosts of the scenario, and those who work on them: root, alice, and somebody at a desk with `aws`.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use assert_cmd::assert::Assert;
use bed::agent::{Agent, Kind, Said};
use bed::aws::{Aws, Cli};
use bed::debs::deb;
use bed::readme::block;
use bed::ssm::{Endpoint, Node};
use bed::{Host, Network, PROGRAMS, Package, Repository, capture, eventually};
use serde_json::Value;

/// The account of README.md that is not trusted.
pub const AGENT: &str = "ai-agent";
/// How AWS calls web1.
const INSTANCE: &str = "i-0123456789abcdef0";
/// Alice's folder with the packages.
const DEBS: &str = "/srv/debs";
/// As a cloud's images have it for whoever administers them.
const ADMINISTRATOR: &str = "alice ALL=(ALL) NOPASSWD: ALL\n";

/// OpenSSH 9.8 and later: a line about the host on standard output.
const LATER_KEYSCAN: &str = "ssh-keyscan() { echo '# host:22 SSH-2.0'; command ssh-keyscan \"$@\"; }\n";

/// Three hosts, AWS, and a desk.
pub struct System {
    /// The one of the quick start.
    pub web1: Arc<Agent>,
    /// The one that the agent may sign in to.
    build: Host,
    /// The one that comes last.
    pub web2: Host,
    aws: Aws,
    _endpoint: Endpoint,
}

impl System {
    /// Boots them as an operator finds them; `None`, said so, where that is impossible.
    pub fn boot() -> Option<Self> {
        let network = Network::new()?;
        let [web1, build, web2] = network.boot(["web1", "build", "web2"]);
        for host in [&web1, &build, &web2] {
            let known =
                format!("{} build.example.org\n{} web2.example.org\n", build.address(), web2.address());
            host.run(&["sh", "-c", "printf %s \"$0\" >>/etc/hosts", &known]).success();
        }
        administered(&web1);
        administered(&web2);
        for host in [&build, &web2] {
            host.user("deploy");
            // The image has one key for all that are made of it, and by it a host is told from others.
            host.change_host_keys();
        }
        web1.unit("nginx.service", "[Service]\nExecStart=/bin/sleep infinity\n");
        Repository::of(&web1).add(&[Package::new("docker.io", "20.10")]).update();
        for package in PROGRAMS.into_iter().chain(["privtools"]) {
            let file = deb(package);
            let name = file.file_name().and_then(OsStr::to_str).expect("a name");
            web1.write(&format!("{DEBS}/{name}"), fs::read(&file).expect("a package"), 0o644, "root:root");
        }
        web1.run(&["chown", "alice", DEBS]).success();
        let web1 = Arc::new(Agent::on(web1, Kind::Package));
        let endpoint = Endpoint::start();
        endpoint.add(Node::host(INSTANCE, &web1).tag("role", "agents"));
        let aws = Aws::new(Cli::Debian, &endpoint.url());
        let system = Self { web1, build, web2, aws, _endpoint: endpoint };
        system.alice_reaches_web2();
        Some(system)
    }

    /// From one host to the other by a key of her own, as administrators do.
    fn alice_reaches_web2(&self) {
        let keygen = "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && \
                      ssh-keyscan -t ed25519 web2.example.org 2>/dev/null >~/.ssh/known_hosts";
        let keygen = format!("mkdir -m 0700 ~/.ssh && {keygen}");
        self.alice(&keygen).success();
        let key = self.web1.read("/home/alice/.ssh/id_ed25519.pub");
        self.web2.write("/home/alice/.ssh/authorized_keys", key, 0o600, "alice:alice");
    }

    /// What alice does on web1, without what only root has in its PATH.
    pub fn alice(&self, text: &str) -> Assert {
        let environment = ["env", "-C", DEBS, "HOME=/home/alice", "PATH=/usr/local/bin:/usr/bin:/bin"];
        self.web1.run_as("alice", &[&environment[..], &["bash", "-e", "-c", text]].concat())
    }

    /// Follows the quick start on web1, as root.
    pub fn provision(&self) {
        for mark in ["packages", "policy", "keys", "manifest", "dispatch"] {
            let text = format!("{LATER_KEYSCAN}{}", block(&format!("bash quick {mark}")));
            self.web1.run(&["env", "-C", DEBS, "bash", "-e", "-o", "pipefail", "-c", &text]).success();
        }
        let key = self.web1.read("/root/keys/deploy.pub");
        // The key is good at both hosts, and for root on one; the policy names one account on one host.
        for host in [&self.build, &self.web2] {
            host.write("/home/deploy/.ssh/authorized_keys", &key, 0o600, "deploy:deploy");
        }
        self.build.write("/root/.ssh/authorized_keys", &key, 0o600, "root:root");
        self.may_not(&self.web2);
        for (login, account) in
            [("deploy@web2.example.org", "deploy\n"), ("root@build.example.org", "root\n")]
        {
            let by_root =
                ["ssh", "-i", "/root/keys/deploy", "-o", "StrictHostKeyChecking=no", login, "id -un"];
            self.web1.run(&by_root).success().stdout(account);
        }
    }

    /// The agent has nothing of root's on a host, or is not there at all.
    pub fn may_not(&self, host: &Host) {
        host.run(&["sh", "-c", "setpriv --reuid=ai-agent --clear-groups sudo -n true"]).failure();
    }

    /// A command of somebody's at a desk.
    pub fn desk(&self, text: &str) -> Command {
        self.aws.command(&["bash", "-e", "-c", text])
    }

    /// What the agent does in its next run.
    pub fn agent(&self, script: &str) {
        self.web1.write("/home/ai-agent/agent", script, 0o700, "ai-agent:ai-agent");
    }

    /// Sends the run of README.md; the id of the command.
    pub fn run(&self) -> String {
        let sent = Said::of(self.desk(block("bash quick run"))).success();
        let sent: Value = serde_json::from_str(&sent.stdout).expect("JSON");
        sent["Command"]["CommandId"].as_str().expect("an id").to_owned()
    }

    /// What AWS says of it, once it is over.
    pub fn outcome(&self, command: &str) -> Value {
        let words = ["get-command-invocation", "--command-id", command, "--instance-id", INSTANCE];
        let said = || serde_json::from_str::<Value>(&self.aws.ssm(&words).success().stdout).expect("JSON");
        let is_over = |said: &Value| {
            !["Pending", "InProgress", "Cancelling"].contains(&said["Status"].as_str().unwrap_or(""))
        };
        eventually("the command is over", || is_over(&said()));
        said()
    }

    /// How many run as the agent on web1.
    pub fn processes_of_the_agent(&self) -> usize {
        let found = capture(self.web1.command(&["pgrep", "-u", AGENT]));
        String::from_utf8_lossy(&found.stdout).lines().count()
    }
}

fn administered(host: &Host) {
    host.user("alice");
    host.write("/etc/sudoers.d/alice", ADMINISTRATOR, 0o440, "root:root");
}
