//! What the figures hold for: the machine and its name service.

use std::fs;
use std::io;
use std::thread::available_parallelism;

/// Some lines.
pub fn describe() -> io::Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = value_of(&cpus, "model name").unwrap_or("unknown cpu");
    let mut lines = format!("Linux {}, {model}, {cores} cores, load {load}", kernel.trim());
    let switch = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    for database in ["passwd", "group", "initgroups"] {
        let order = value_of(&switch, database).unwrap_or("no line");
        lines.push_str(&format!("\nnsswitch.conf: {database}: {order}"));
    }
    Ok(lines)
}

/// What follows the colon in the first line of that name.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}
