//! The files of root's in /etc/ssh, of a private copy of which ssh(1) is shown.

use std::fs;
use std::process::{Command, Output};

use ssh_agent_fwd::system_files;

use crate::bench::{Bench, KEY, behind_gate, git, plan};

/// Runs one of the ignored tests below with an /etc/ssh of its own, in which the given shell script was run.
fn inside(test: &str, setup: &str) {
    if Bench::new().is_none() {
        return;
    }
    let script = "mount -t tmpfs -o mode=755 none /etc/ssh; mkdir /etc/ssh/ssh_config.d; \
                  echo 'Include /etc/ssh/ssh_config.d/*.conf' >/etc/ssh/ssh_config; umask 22; eval \"$1\"; shift; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec", script, "sh", setup]);
    command.arg(std::env::current_exe().expect("a path"));
    command.args(["--exact", "--ignored", "--test-threads=1", &format!("system::{test}")]);
    let output = command.output().expect("run");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn ssh(uid: u32, words: &[&str]) -> Output {
    let ids = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()];
    Command::new("setpriv").args(ids).arg("--").arg("ssh").args(words).env_clear().output().expect("run")
}

fn user() -> ssh_agent_fwd::name::AccountName {
    "daemon".parse().expect("a name")
}

#[test]
fn the_served_user_alone_sees_the_hosts_and_nothing_is_left() {
    inside("hosts_of_two_instances", "");
}

#[test]
#[ignore = "in a private /etc/ssh"]
fn hosts_of_two_instances() {
    let all = |uid| ["git", "hub", "other"].map(|host| ssh(uid, &["-G", host]).stdout);
    let (before, others) = (all(1), all(2));
    let listed = || fs::read_dir("/etc/ssh/ssh_config.d").expect("listed").count();
    fs::write("/etc/ssh/ssh_config.d/zz.conf", "ServerAliveInterval 7\n").expect("written");
    let (with_zz, others_with_zz) = (all(1), all(2));
    assert_ne!(before, with_zz);
    assert_ne!(others, others_with_zz);
    system_files::install(&git("default"), &user()).expect("installed");
    system_files::install(&plan("two", &[&behind_gate("hub")]), &user()).expect("installed");
    system_files::install(&git("default"), &user()).expect("installed");
    for (host, name) in [("git", "default"), ("hub", "two")] {
        let output = ssh(1, &["-G", host]);
        let seen = String::from_utf8(output.stdout).expect("text");
        for option in [
            "hostname ssh-gate-demo",
            "user git",
            "port 2201",
            &format!("identityagent /run/ssh-agent-fwd/{name}/public.sock"),
            "hostkeyalias git.example.org",
            "checkhostip no",
            "batchmode yes",
            "updatehostkeys false",
            &format!("globalknownhostsfile /etc/ssh/ssh-agent-fwd-{name}.known_hosts"),
            "serveraliveinterval 7",
        ] {
            assert!(seen.lines().any(|line| line == option), "{option}: {seen}");
        }
    }
    assert_eq!(all(1)[2], with_zz[2]);
    assert_eq!(all(2), others_with_zz);
    let known = fs::read_to_string("/etc/ssh/ssh-agent-fwd-default.known_hosts").expect("read");
    assert!(known.ends_with(&format!("\ngit.example.org {KEY}\n")), "{known}");
    fs::write("/etc/ssh/ssh_config.d/.ssh-agent-fwd-two.conf.12-0.tmp", "left").expect("written");
    for name in ["default", "two", "two"] {
        system_files::remove(&name.parse().expect("a name")).expect("removed");
    }
    assert_eq!((all(1), all(2)), (with_zz, others_with_zz));
    assert_eq!((listed(), fs::read_dir("/etc/ssh").expect("listed").count()), (1, 2));
}

#[test]
fn what_would_have_no_effect_or_is_not_ours_is_told() {
    for setup in [
        ": >/etc/ssh/ssh_config",
        "rm /etc/ssh/ssh_config",
        "echo mine >/etc/ssh/ssh_config.d/ssh-agent-fwd-default.conf",
        "echo mine >/etc/ssh/ssh-agent-fwd-default.known_hosts",
        "ln -s /etc/hosts /etc/ssh/ssh-agent-fwd-default.known_hosts",
        "chmod 777 /etc/ssh/ssh_config.d",
    ] {
        inside("it_is_refused", setup);
    }
}

#[test]
#[ignore = "in a private /etc/ssh"]
fn it_is_refused() {
    let folder = || crate::bench::nodes(std::path::Path::new("/etc/ssh"));
    let before = folder();
    let failure = system_files::install(&git("default"), &user()).expect_err("refused");
    assert_eq!(failure.code, "system-files");
    assert!(failure.error.starts_with("/etc/ssh"), "{failure}");
    assert_eq!(folder(), before);
}
