//! The test hosts themselves: what the tests of the tools rely on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use assert_cmd::assert::OutputAssertExt;
use bed::{Bed, Host, Network, Package, Repository, Running, capture, eventually};
use predicates::prelude::*;
use predicates::str::contains;

/// A service that does nothing.
const SLEEPER: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// A command that says when it is there, and does nothing more.
const LINGERS: [&str; 3] = ["sh", "-c", "echo ready $$; exec sleep infinity"];

/// In the environment of a test of this file that another one starts.
const HELD: &str = "BED_HELD";

/// What the machine shows of hosts: mounts, network interfaces and names of network namespaces.
fn traces() -> [String; 3] {
    let links = Command::new("ip").args(["-o", "-br", "link"]).output().expect("ip");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
    let names = fs::read_dir("/run/netns").map(|names| names.flatten().map(|name| format!("{name:?}")));
    [mounts, String::from_utf8_lossy(&links.stdout).into_owned(), names.into_iter().flatten().collect()]
}

/// The control groups that exist, by the names that keepers give them.
fn groups() -> BTreeSet<String> {
    let list = "mount -t cgroup2 cgroup2 /mnt && ls /mnt";
    let listed = Command::new("unshare").args(["--mount", "sh", "-c", list]).output().expect("unshare");
    assert!(listed.status.success(), "{listed:?}");
    let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
    lines.lines().filter(|name| name.starts_with("privtools-bed.")).map(str::to_owned).collect()
}

fn group_of(network: &Network) -> String {
    network.group().rsplit('/').next().expect("a name").to_owned()
}

fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_host_runs_units_of_its_own() {
    let Some(host) = Host::boot() else { return };
    host.run(&["cat", "/proc/1/comm"]).success().stdout("systemd\n");
    host.unit("sleeper.service", SLEEPER);
    host.run(&["systemctl", "start", "sleeper"]).success();
    host.run(&["systemctl", "is-active", "sleeper"]).success().stdout("active\n");
    host.unit("sleeper.service.d/own.conf", "[Service]\nRestart=always\n");
    host.run(&["systemctl", "show", "-P", "Restart", "sleeper"]).stdout("always\n");
    host.run(&["systemctl", "is-active", "ssh", "rsyslog", "dbus"]).success();
    host.run(&["hostname"]).stdout("host\n");
}

#[test]
fn a_command_runs_inside_and_in_the_hosts_own_control_group() {
    let Some(host) = Host::boot() else { return };
    host.run(&["cat", "/proc/self/cgroup"]).success().stdout(contains("0::/commands\n"));
    host.run(&["pwd"]).stdout("/\n");
    host.run(&["env"]).stdout("PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\n");
    host.run(&["sh", "-c", "kill -TERM $$"]).interrupted();
    host.run(&["nosuchprogram"]).failure();
    let mut command = host.command(&["env"]);
    command.env("EXTRA", "1");
    capture(command).assert().stdout(contains("EXTRA=1\n"));
    let outside = fs::read_link("/proc/self/ns/pid").expect("a namespace");
    host.run(&["readlink", "/proc/self/ns/pid"]).stdout(contains(&*outside.to_string_lossy()).not());
}

#[test]
fn files_are_as_they_were_asked_for() {
    let Some(host) = Host::boot() else { return };
    let uid = host.user("agent");
    host.write("/srv/new/folder/file", "text\n", 0o640, "agent:root");
    assert_eq!(host.read("/srv/new/folder/file"), "text\n");
    host.run(&["stat", "-c", "%a %u %g", "/srv/new/folder/file"]).stdout(format!("640 {uid} 0\n"));
    host.run(&["stat", "-c", "%a %u %g", "/srv/new/folder"]).stdout("755 0 0\n");
    host.write("/srv/new/folder/file", "other\n", 0o600, "root:root");
    assert_eq!(host.read("/srv/new/folder/file"), "other\n");
    host.install("dropuid");
    host.run(&["stat", "-c", "%a %u %g", "/usr/bin/dropuid"]).stdout("755 0 0\n");
    host.run(&["dropuid", "agent", "--", "id", "-u"]).success().stdout(format!("{uid}\n"));
    assert!(!Path::new("/srv/new").exists(), "the machine's own /srv");
}

#[test]
fn an_account_passes_sudo_and_the_journal_says_so() {
    let Some(host) = Host::boot() else { return };
    let uid = host.user("agent");
    host.run_as("agent", &["id", "-un"]).success().stdout("agent\n");
    host.run_as("agent", &["sudo", "-n", "id", "-u"]).failure();
    host.write("/etc/sudoers.d/agent", "agent ALL=(root) NOPASSWD: /usr/bin/id\n", 0o440, "root:root");
    host.run_as("agent", &["sudo", "-n", "id", "-u"]).success().stdout("0\n").stderr("");
    let journal = host.journal();
    let by_sudo = |command: &str| {
        let said = |entry: &&serde_json::Value| {
            entry["SYSLOG_IDENTIFIER"] == "sudo"
                && entry["MESSAGE"].as_str().is_some_and(|message| message.contains(command))
        };
        journal.iter().find(said).unwrap_or_else(|| panic!("no entry with {command}")).clone()
    };
    assert_eq!(by_sudo("COMMAND=/usr/bin/id -u")["_UID"], uid.to_string());
    eventually("rsyslog writes it", || host.read("/var/log/auth.log").contains("COMMAND=/usr/bin/id -u"));
}

#[test]
fn hosts_of_one_network_reach_each_other_until_cut() {
    let Some(network) = Network::new() else { return };
    let [web1, web2] = network.boot(["web1", "web2"]);
    assert_ne!(web1.address(), web2.address());
    let banner = format!("read -r line </dev/tcp/{}/22; echo \"$line\"", web2.address());
    let greets = || contains("SSH-2.0-");
    let limited = ["timeout", "1", "bash", "-c", &banner];
    web1.run(&["bash", "-c", &banner]).success().stdout(greets());
    capture(network.command(&["bash", "-c", &banner])).assert().success().stdout(greets());
    web2.cut();
    web1.run(&limited).failure().stdout("");
    web2.heal();
    web1.run(&["bash", "-c", &banner]).success().stdout(greets());
    // Nothing else can be reached, and apt has nothing to ask for.
    web1.run(&["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80"]).failure().stderr(contains("unreachable"));
    assert_eq!(web1.read("/etc/apt/sources.list"), "");
}

#[test]
fn a_thread_may_listen_for_hosts() {
    let Some(network) = Network::new() else { return };
    let host = network.host("client");
    let within = network.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        within.enter();
        let listener = TcpListener::bind((Network::ADDRESS, 8080)).expect("an address of the network");
        send.send(()).expect("the test waits");
        let (mut stream, _) = listener.accept().expect("a caller");
        stream.write_all(b"hello\n").expect("it reads");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("text");
        rest
    });
    receive.recv().expect("it listens");
    let call = format!("exec 3<>/dev/tcp/{}/8080; echo thanks >&3; head -n1 <&3", Network::ADDRESS);
    host.run(&["bash", "-c", &call]).success().stdout("hello\n");
    assert_eq!(server.join().expect("a server"), "thanks\n");
}

#[test]
fn a_reboot_keeps_files_and_address() {
    let Some(mut host) = Host::boot() else { return };
    host.write("/etc/kept", "kept\n", 0o644, "root:root");
    host.unit("kept.service", &format!("{SLEEPER}[Install]\nWantedBy=multi-user.target\n"));
    host.run(&["systemctl", "enable", "kept"]).success();
    host.run(&["touch", "/run/gone"]).success();
    let (leader, address, boot) = (host.leader(), host.address(), "/proc/sys/kernel/random/boot_id");
    assert!(!host.read(boot).is_empty());
    host.reboot();
    assert_ne!(host.leader(), leader);
    assert_eq!(host.address(), address);
    assert_eq!(host.read("/etc/kept"), "kept\n");
    host.run(&["systemctl", "is-active", "kept"]).success();
    host.run(&["test", "-e", "/run/gone"]).failure();
    host.run(&["ip", "-br", "addr", "show", "eth0"]).stdout(contains(address));
}

#[test]
fn apt_installs_from_the_repository() {
    let Some(host) = Host::boot() else { return };
    let install = |name: &str| host.run(&["apt-get", "-y", "-q", "install", "--", name]);
    let base = Package::new("base", "1.0").file("/usr/share/base/data", "data\n", 0o644);
    let tool = Package::new("tool", "1.0")
        .field("Depends", "base (>= 1.0)")
        .conffile("/etc/tool.conf", "first = 1\n")
        .file("/usr/bin/tool", "#!/bin/sh\necho one\n", 0o755)
        .script("postinst", "echo \"$1 ${2:-first}\" >>/srv/postinst");
    let repository = Repository::of(&host);
    repository.add(&[base, tool.clone()]).update();
    install("tool").success();
    host.run(&["tool"]).stdout("one\n");
    assert_eq!(host.read("/etc/tool.conf"), "first = 1\n");
    assert_eq!(host.read("/usr/share/base/data"), "data\n");
    let newer = Package::new("tool", "1:0.5").file("/usr/bin/tool", "#!/bin/sh\necho two\n", 0o755);
    repository.add(&[newer]).update();
    install("tool").success();
    host.run(&["tool"]).stdout("two\n");
    assert_eq!(host.read("/srv/postinst"), "configure first\n");
    let broken = Package::new("broken", "1").script("postinst", "echo no >&2; exit 1");
    repository.add(&[broken, Package::new("other", "1").field("Conflicts", "tool")]).remove(&tool).update();
    install("broken").code(100).stderr(contains("dpkg"));
    host.run(&["apt-get", "-s", "install", "other"]).stdout(contains("Remv tool"));
    host.run(&["apt-cache", "madison", "tool"]).stdout(contains("1.0").not());
    host.run(&["apt-get", "-y", "install", "nosuchpackage"]).code(100).stderr(contains("Unable to locate"));
}

#[test]
fn nothing_is_left_of_hosts_that_were_dropped() {
    let before = traces();
    let Some(network) = Network::new() else { return };
    let [one, other] = network.boot(["one", "other"]);
    let pids = [one.leader(), other.leader(), network.keeper()];
    let lingering = Running::start(one.command(&LINGERS));
    lingering.ready();
    let group = group_of(&network);
    assert!(pids.iter().all(|pid| exists(*pid)) && groups().contains(&group));
    assert_eq!(traces(), before, "while they run");
    drop(one);
    assert_eq!(lingering.status(), 137);
    assert!(!exists(pids[0]) && exists(pids[1]), "each goes by itself");
    drop((other, network));
    assert!(!pids.iter().any(|pid| exists(*pid)));
    assert!(!groups().contains(&group));
    assert_eq!(traces(), before, "afterwards");
}

/// This test binary again, with the test below that only holds a host; what that says of it.
fn holder() -> (Running, [i32; 3], String) {
    let mut command = Command::new(std::env::current_exe().expect("this file"));
    command.args(["--exact", "held", "--ignored", "--nocapture"]).env(HELD, "1");
    let running = Running::start(command);
    let told = std::iter::from_fn(|| running.line()).find(|line| line.contains("held: ")).expect("a line");
    let words: Vec<&str> = told.split_once("held: ").expect("a list").1.split(' ').collect();
    let pid = |at: usize| words[at].parse().expect("a pid");
    (running, [pid(0), pid(1), pid(2)], words[3].to_owned())
}

#[test]
#[ignore = "is part of other tests"]
fn held() {
    if std::env::var_os(HELD).is_none() {
        return;
    }
    let Some(host) = Host::boot() else { return };
    let lingering = Running::start(host.command(&LINGERS));
    lingering.ready();
    let (network, mut out) = (host.network(), std::io::stdout());
    let (pids, group) =
        (format!("{} {} {}", host.leader(), network.keeper(), lingering.pid()), group_of(network));
    writeln!(out, "held: {pids} {group}").expect("an open output");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn nothing_is_left_of_a_test_that_was_killed() {
    if Host::boot().is_none() {
        return;
    }
    let (running, pids, group) = holder();
    assert!(pids.iter().all(|pid| exists(*pid)) && groups().contains(&group));
    running.signal(9);
    assert_eq!(running.status(), 137);
    eventually("it is gone", || !pids.iter().any(|pid| exists(*pid)) && !groups().contains(&group));
}

#[test]
fn the_next_start_sweeps_what_a_killed_keeper_left() {
    if Host::boot().is_none() {
        return;
    }
    let (running, pids, group) = holder();
    bed::signal(pids[1], 9);
    // The third is a child that nobody waits for.
    eventually("its hosts end with it", || !pids[..2].iter().any(|pid| exists(*pid)));
    let swept = || {
        drop(Network::new());
        !groups().contains(&group)
    };
    // Or by a test beside this one, which is then not done yet.
    eventually("it is swept", swept);
    drop(running);
}

#[test]
fn what_a_test_lays_over_the_machine_does_not_show_on_its_hosts() {
    let Some(bed) = Bed::new(&[]) else { return };
    let Some(host) = Host::boot() else { return };
    bed.etc("passwd", "root:x:0:0:root:/root:/bin/sh\n");
    bed.empty("/var/cache");
    assert!(host.read("/etc/passwd").contains("_apt:"));
    let other = Host::boot().expect("a second one");
    other.run(&["true"]).success();
}
