//! What README.md says of ssh-agent-fwd is run as it stands there.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::Bed;
use bed::accounts::PASSWD;
use bed::readme::block;
use predicates::str::contains;

/// Whom the manifests serve, and whom the forge logs in; sshd(8) wants its own.
const ACCOUNTS: &str = "node:x:1300:1300::/home/node:/bin/bash\ngit:x:1301:1301::/home/git:/bin/bash\n\
                        sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n";
const NODE: u32 = 1300;
const GIT: u32 = 1301;
/// The key of a host that README.md has as an example.
const EXAMPLE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const SOCKET: &str = "/run/ssh-agent-fwd/default/public.sock";

/// A bed in which an instance may run; it is down when this is dropped.
struct Served(Bed);

impl std::ops::Deref for Served {
    type Target = Bed;

    fn deref(&self) -> &Bed {
        &self.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.command(&["ssh-agent-fwd", "down"]).stdout(Stdio::null()).status();
    }
}

/// A host with node's account, a key of root's, and a manifest.
fn bed(manifest: &str) -> Option<Served> {
    let bed = Bed::new(&["ssh-agent-fwd"])?;
    bed.etc("passwd", &format!("{PASSWD}{ACCOUNTS}"));
    bed.empty("/run");
    bed.empty("/root");
    for (folder, uid) in [("/home/node", NODE), ("/home/git", GIT)] {
        fs::create_dir(folder).expect("a folder in memory");
        chown(folder, Some(uid), Some(uid)).expect("its owner's");
    }
    fs::create_dir("/root/keys").expect("a folder in memory");
    bed.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", "/root/keys/deploy"])
        .success();
    bed.run(&["install", "-m", "0600", "/dev/null", "/root/m.json"]).success();
    fs::write("/root/m.json", manifest).expect("ours");
    Some(Served(bed))
}

fn shell(bed: &Bed, text: &str, folder: &str) -> Assert {
    let mut command = bed.command(&["bash", "-e", "-o", "pipefail", "-c", text]);
    command.current_dir(folder);
    bed::capture(command).assert()
}

/// The same as node, who has a home and little else.
fn as_node(bed: &Bed, text: &str) -> Assert {
    let words = ["setpriv", "--reuid=1300", "--regid=1300", "--clear-groups", "bash", "-e", "-c", text];
    let mut command = bed.command(&words);
    command.env("HOME", "/home/node").env("SSH_AUTH_SOCK", SOCKET).current_dir("/home/node");
    bed::capture(command).assert()
}

#[test]
fn a_user_is_served_as_long_as_root_says_and_nothing_is_left() {
    let Some(bed) = bed(block("json agent manifest")) else { return };
    let said = ["export SSH_AUTH_SOCK;\n", "default: ready: ", " deploy\n", "keys dropped ", " is down\n"];
    let output = shell(&bed, block("bash agent up"), "/root").success().get_output().stdout.clone();
    let output = String::from_utf8(output).expect("words");
    let places: Option<Vec<usize>> = said.iter().map(|word| output.find(word)).collect();
    assert!(places.is_some_and(|places| places.is_sorted()), "{output}");
    for path in ["/run/ssh-agent-fwd", "/home/node/.ssh"] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert!(Path::new("/root/keys/deploy").exists(), "nobody said that it be erased");
}

#[test]
fn a_container_is_given_keys_through_a_pipe_and_its_user_signs_and_deletes_none() {
    let Some(bed) = bed(block("json agent manifest")) else { return };
    // The other side of `docker exec` is here, and the key is in the folder of the caller's.
    fs::copy("/root/keys/deploy", "/root/deploy").expect("ours");
    let text = block("bash agent container").replace("docker exec -i -u 0 C ", "");
    for _ in 0..2 {
        shell(&bed, &text, "/root")
            .success()
            .stdout(format!("SSH_AUTH_SOCK={SOCKET}; export SSH_AUTH_SOCK;\n"));
    }
    as_node(&bed, "ssh-add -L").success().stdout(contains("ssh-ed25519 "));
    as_node(&bed, "ssh-add -D").failure();
    as_node(&bed, "cat /root/keys/deploy").failure();
    as_node(&bed, "ls /run/ssh-agent-fwd/default/current/agent").failure();
    let sign = "git init -q . && git config user.name node && git config user.email node@example.org && touch a && git add a\n";
    as_node(&bed, &format!("{sign}{}git cat-file commit HEAD", block("bash agent sign")))
        .success()
        .stdout(contains("BEGIN SSH SIGNATURE"));
}

/// A gate on this host that passes whoever comes on to a real sshd(8) with this host key.
fn gate(host_key: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("an address").port();
    // With the thread's own namespace; it ends with the test's process.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = OwnedFd::from(connection.expect("a connection"));
            let other = connection.try_clone().expect("cloned");
            let mut sshd = Command::new("/usr/sbin/sshd");
            sshd.args(["-i", "-f", "/dev/null", "-h", host_key, "-o", "StrictModes=no", "-o", "UsePAM=no"]);
            sshd.stdin(connection).stdout(other).stderr(Stdio::null());
            sshd.status().expect("sshd");
        }
    });
    port
}

#[test]
fn a_repository_is_cloned_through_a_gate_and_not_when_the_gate_leads_elsewhere() {
    let Some(bed) = bed("") else { return };
    fs::create_dir("/run/sshd").expect("a folder in memory");
    for key in ["/root/host", "/root/other"] {
        bed.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]).success();
    }
    let host_key = fs::read_to_string("/root/host.pub").expect("a key");
    let repository = "install -d -o git -g 1301 /home/git/.ssh && cp keys/deploy.pub /home/git/.ssh/authorized_keys\n\
                      git init -q --bare /home/git/tools.git && chown -R git:1301 /home/git";
    shell(&bed, repository, "/root").success();
    for (key, expected) in [("/root/host", true), ("/root/other", false)] {
        let manifest = block("json agent gate").replace(EXAMPLE, host_key.trim());
        let manifest =
            manifest.replace("\"ssh-gate-demo\"", "\"127.0.0.1\"").replace("2201", &gate(key).to_string());
        fs::write("/root/m.json", manifest).expect("ours");
        bed.run(&["ssh-agent-fwd", "up", "--manifest", "/root/m.json"]).success();
        let clone =
            block("bash agent use").lines().find(|line| line.starts_with("git clone ")).expect("a clone");
        let clone = clone.split('#').next().expect("a command");
        let cloned = as_node(&bed, &format!("rm -rf tools\n{clone}"));
        let said = format!("{:?}", cloned.get_output());
        assert_eq!(cloned.get_output().status.success(), expected, "{said}");
        assert_eq!(said.contains("Host key verification failed"), !expected, "{said}");
    }
}
