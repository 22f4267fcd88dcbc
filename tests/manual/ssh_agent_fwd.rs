//! ssh-agent-fwd(8).

use std::fs;
use std::os::unix::fs::chown;
use std::process::Stdio;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::accounts::PASSWD;
use bed::{Bed, capture};
use predicates::str::contains;

use crate::page::examples;

const PAGE: &str = include_str!("../../ssh-agent-fwd/ssh-agent-fwd.8");

/// Whom the manifest serves.
const NODE: u32 = 1300;
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// A bed with node's account and a manifest that has its key inside; its instance is down when this is dropped.
struct Served(Bed);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.command(&["ssh-agent-fwd", "down"]).stdout(Stdio::null()).status();
    }
}

impl Served {
    fn new() -> Option<Self> {
        let bed = Bed::new(&["ssh-agent-fwd", "dropuid"])?;
        bed.etc("passwd", &format!("{PASSWD}node:x:{NODE}:{NODE}::/home/node:/bin/bash\n"));
        bed.etc("group", &format!("{}node:x:{NODE}:\n", bed::accounts::GROUP));
        bed.empty("/run");
        bed.empty("/root");
        fs::create_dir("/home/node").expect("a folder in memory");
        chown("/home/node", Some(NODE), Some(NODE)).expect("its owner's");
        bed.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", "/root/key"])
            .success();
        let manifest = serde_json::json!({"user": "node", "entries": [{
            "host": "git", "hostname": "git.example.org", "user": "git", "known_host_keys": [HOST_KEY],
            "key": {"pem": fs::read_to_string("/root/key").expect("ours")},
        }]});
        bed.run(&["install", "-m", "0600", "/dev/null", "/root/m.json"]).success();
        fs::write("/root/m.json", manifest.to_string()).expect("ours");
        Some(Self(bed))
    }

    /// Runs an example as root does.
    fn run(&self, example: &str) -> Assert {
        let mut shell = self.0.command(&["bash", "-e", "-c", example]);
        shell.current_dir("/root");
        capture(shell).assert()
    }
}

#[test]
fn each_example_does_what_is_said_of_it() {
    let Some(bed) = Served::new() else { return };
    let examples = examples(PAGE);
    let [container, command, asked] = &examples[..] else { panic!("{examples:?}") };
    // What docker would start is started here.
    let up = container.strip_prefix("docker exec -i -u 0 C ").expect("docker");
    bed.run(up).success().stdout(contains("export SSH_AUTH_SOCK;\n"));
    bed.run(command).success().stdout(contains(" deploy (ED25519)\n"));
    let status = bed.run(asked).success();
    let status: serde_json::Value = serde_json::from_slice(&status.get_output().stdout).expect("an object");
    assert_eq!(status["success"], true, "{status}");
    bed.run("ssh-agent-fwd status").success().stdout(contains("default: ready"));
}
