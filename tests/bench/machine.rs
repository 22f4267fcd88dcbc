//! What the figures hold for: the machine, its name service, and the versions of the peers.

use std::fs;
use std::io;
use std::process::Command;
use std::thread::available_parallelism;

/// The Debian packages of the peers, and of what measures them.
const PEERS: [&str; 16] = [
    "ansible-core",
    "awscli",
    "bash",
    "coreutils",
    "gosu",
    "openssh-client",
    "python3",
    "runit",
    "s6",
    "socat",
    "ssh-agent-filter",
    "strace",
    "su-exec",
    "sudo",
    "systemd",
    "util-linux",
];

/// Some lines.
pub fn describe() -> io::Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    // What follows the version is the name of a build.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let cores = available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = value_of(&cpus, "model name").unwrap_or("unknown cpu");
    let mut lines = format!("Linux {kernel}, {model}, {cores} cores, load {load}");
    let switch = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    for database in ["passwd", "group", "initgroups"] {
        let order = value_of(&switch, database).unwrap_or("no line");
        lines.push_str(&format!("\nnsswitch.conf: {database}: {order}"));
    }
    lines.push_str(&format!("\npeers, by Debian package: {}", versions()));
    Ok(lines)
}

/// Of each package that is installed.
fn versions() -> String {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n"]).args(PEERS);
    // It ends with 1 where one of them is not known.
    let Ok(output) = query.output() else { return "unknown, for dpkg-query does not run here".to_owned() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
    installed.join(", ")
}

/// What follows the colon in the first line of that name.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}
