//! What ssh(1) reads of the whole system: a file of root's in /etc/ssh for the hosts of an instance, and one for their
//! keys. The served user cannot change them, though its own `~/.ssh/config` comes first and can say otherwise.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use diagnostics::{Failure, one_line};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, UnlinkatFlags, unlinkat};
use trusted_path::{Named, PathError, Sticky, walk};

use crate::name::{AccountName, Name};
use crate::ssh_files::{Plan, host_lines, known_hosts_lines};

const CONFIG: &str = "/etc/ssh/ssh_config";
const FOLDER: &str = "/etc/ssh";
/// What Debian and others have in [`CONFIG`] include.
const DROP_INS: &str = "/etc/ssh/ssh_config.d";
/// Largest [`CONFIG`] that is read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// Largest file of ours, in bytes: as many host keys as a manifest may hold.
const MAX_OURS: usize = 16 << 20;
const NOTICE: &str = "# Written by ssh-agent-fwd(8) for the instance ";

/// The two files of an instance.
fn files(name: &Name) -> [PathBuf; 2] {
    [
        Path::new(FOLDER).join(format!("ssh-agent-fwd-{name}.known_hosts")),
        Path::new(DROP_INS).join(format!("ssh-agent-fwd-{name}.conf")),
    ]
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let path = one_line(&path.display().to_string());
    Failure::new("system-files", format!("{path}: {}", one_line(&why.to_string())))
}

/// Writes the files, in the place of those that the instance has there already, for logins by this user alone. The
/// caller sees to it that no other process does so for the same instance.
///
/// # Errors
/// `system-files` when ssh_config(5) would not include them, when a file of the name is not ours, or when one cannot
/// be written; the one that was written before is then taken away again, or stays as the new one if it replaced one.
pub fn install(plan: &Plan, user: &AccountName) -> Result<(), Failure> {
    included()?;
    let [keys, config] = files(&plan.name);
    for path in [&keys, &config] {
        place(path)?;
    }
    replace(&keys, &keys_text(plan))?;
    replace(&config, &config_text(plan, user, &keys)).inspect_err(|_| {
        if !config.exists() {
            let _ = take_away(&keys);
        }
    })
}

/// Takes the files of an instance away, and what a process that was killed has left beside them. That there is none is
/// no error.
///
/// # Errors
/// `system-files` when one is not ours or cannot be removed.
pub fn remove(name: &Name) -> Result<(), Failure> {
    let [keys, config] = files(name);
    // The hosts first: they name the keys' file.
    let removed = [&config, &keys].map(|path| take_away(path));
    removed.into_iter().collect()
}

fn config_text(plan: &Plan, user: &AccountName, keys: &Path) -> String {
    let mut text = notice(plan);
    for host in &plan.hosts {
        text += &format!(
            "Match localuser {user} originalhost {}\n{}",
            host.alias,
            host_lines(host, &plan.socket)
        );
        text += &format!("    GlobalKnownHostsFile {}\n", keys.display());
    }
    text
}

fn keys_text(plan: &Plan) -> String {
    notice(plan) + &known_hosts_lines(plan).unwrap_or_default()
}

fn notice(plan: &Plan) -> String {
    format!("{NOTICE}{}\n", plan.name)
}

/// Whether ssh(1) reads the drop-ins.
fn included() -> Result<(), Failure> {
    let path = Path::new(CONFIG);
    let text = trusted_path::read(path, MAX_CONFIG).map_err(|error| failed(path, &error))?;
    if String::from_utf8_lossy(&text).lines().any(includes_drop_ins) {
        return Ok(());
    }
    Err(failed(path, &format_args!("put a line `Include {DROP_INS}/*.conf` before all others: it has none")))
}

/// Whether the line is `Include` with the drop-ins, a path below /etc/ssh unless it is absolute (ssh_config(5)).
fn includes_drop_ins(line: &str) -> bool {
    let mut words = line.split([' ', '\t', '=', '"']).filter(|word| !word.is_empty());
    let pattern = format!("{DROP_INS}/*.conf");
    words.next().is_some_and(|keyword| keyword.eq_ignore_ascii_case("include"))
        && words.any(|word| Path::new(FOLDER).join(word) == Path::new(&pattern))
}

/// The place of a file of ours, examined; an error when something else stands there.
fn place(path: &Path) -> Result<Named, Failure> {
    let place = walk(path, Sticky::Refused).map_err(|error| failed(path, &error))?;
    match trusted_path::read(path, MAX_OURS) {
        Ok(text) if text.starts_with(NOTICE.as_bytes()) => Ok(place),
        Ok(_) => Err(failed(path, &"this file is not ssh-agent-fwd's: move it away, or choose another name")),
        Err(PathError::Call(_, error)) if error.kind() == ErrorKind::NotFound => Ok(place),
        Err(error) => Err(failed(path, &error)),
    }
}

fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let place = place(path)?;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP | Mode::S_IROTH;
    sweep(path).map_err(|error| failed(path, &error))?;
    place
        .replace(text.as_bytes(), mode, (Uid::from_raw(0), Gid::from_raw(0)))
        .map_err(|error| failed(path, &format_args!("it cannot be written: {error}")))
}

fn take_away(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(FOLDER));
    if !folder.is_dir() {
        return Ok(());
    }
    sweep(path).map_err(|error| failed(path, &error))?;
    let place = place(path)?;
    match unlinkat(&place.folder, place.name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) => {
            let _ = place.sync_folder();
            Ok(())
        }
        Err(nix::errno::Errno::ENOENT) => Ok(()),
        Err(errno) => Err(failed(path, &format_args!("it cannot be removed: {}", errno.desc()))),
    }
}

/// Takes away the new files that did not take their place.
fn sweep(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(FOLDER));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_left(&entry.file_name(), path.file_name().unwrap_or_default()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether it is the temporary name of a file that [`Named::replace`] gives it: `.FILE.PID-ATTEMPT.tmp`.
fn is_left(name: &OsStr, of: &OsStr) -> bool {
    let numbers = name.to_str().zip(of.to_str()).and_then(|(name, of)| {
        name.strip_prefix('.')?.strip_prefix(of)?.strip_prefix('.')?.strip_suffix(".tmp")?.split_once('-')
    });
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(pid, attempt)| is_number(pid) && is_number(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_ins_are_included_by_their_pattern() {
        for (line, expected) in [
            ("Include /etc/ssh/ssh_config.d/*.conf", true),
            ("include=ssh_config.d/*.conf", true),
            ("\tInclude \"/etc/ssh/ssh_config.d/*.conf\"", true),
            ("Include other /etc/ssh/ssh_config.d/*.conf", true),
            ("# Include /etc/ssh/ssh_config.d/*.conf", false),
            ("#Include ssh_config.d/*.conf", false),
            ("Include /etc/ssh/ssh_config.d/other.conf", false),
            ("Host Include", false),
            ("", false),
        ] {
            assert_eq!(includes_drop_ins(line), expected, "{line}");
        }
    }

    #[test]
    fn only_what_is_left_of_this_file_is_swept() {
        let of = OsStr::new("ssh-agent-fwd-a.conf");
        for (name, expected) in [
            (".ssh-agent-fwd-a.conf.12-0.tmp", true),
            (".ssh-agent-fwd-a.conf.b.conf.12-0.tmp", false),
            (".ssh-agent-fwd-ab.conf.12-0.tmp", false),
            ("ssh-agent-fwd-a.conf", false),
            (".ssh-agent-fwd-a.conf.12-.tmp", false),
            (".ssh-agent-fwd-a.conf.x-0.tmp", false),
        ] {
            assert_eq!(is_left(OsStr::new(name), of), expected, "{name}");
        }
    }
}
