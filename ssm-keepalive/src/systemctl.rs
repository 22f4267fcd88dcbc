//! systemctl(1) and systemd-run(1), the only way in which anything is asked of systemd.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use supervise::bounded::{Ran, Run, run};

use crate::properties::{ASKED, Properties};
use crate::unit::Unit;
use diagnostics::Failure;

/// Where they are; /bin is a folder of its own where /usr is not merged, as on Debian 9 and Ubuntu 18.04.
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];
const SYSTEMD_RUN: [&str; 2] = ["/usr/bin/systemd-run", "/bin/systemd-run"];
/// How long systemd may take to answer; starting a unit may take its TimeoutStartSec=.
const TIME: Duration = Duration::from_secs(100);
/// How much it may say, in bytes.
const OUTPUT: usize = 64 << 10;
/// All of its environment. No pager, no colours, English.
const ENVIRONMENT: [(&str, &str); 3] =
    [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8"), ("SYSTEMD_PAGER", "")];

/// Whether systemd is process 1 here (sd_booted(3)).
#[must_use]
pub fn is_booted() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// What systemd knows of a unit, which may be absent.
///
/// # Errors
/// `systemctl` when it does not answer.
pub fn show(unit: &Unit) -> Result<Properties, Failure> {
    let output = ask(&["show", "--property", ASKED, "--", unit.as_str()])?;
    Ok(Properties::parse(&output))
}

/// These properties of any unit, which may be absent, by name.
///
/// # Errors
/// `systemctl` when it does not answer.
pub fn values(unit: &str, properties: &str) -> Result<HashMap<String, String>, Failure> {
    let output = ask(&["show", "--property", properties, "--", unit])?;
    let pairs = output.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// Has systemd read all unit files again.
///
/// # Errors
/// `systemctl` when it does not.
pub fn daemon_reload() -> Result<(), Failure> {
    ask(&["daemon-reload"]).map(drop)
}

/// Runs systemctl(1) with these words to its end; its standard output.
///
/// # Errors
/// `systemctl` with its own words when it fails.
pub fn ask(words: &[&str]) -> Result<String, Failure> {
    let ran = call(first(&SYSTEMCTL), words)?;
    match ran.status {
        Some(0) => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        _ => Err(Failure::new("systemctl", format!("systemctl {}: {}", words.join(" "), ran.words()))),
    }
}

/// Has systemd run systemctl(1) with these words later, apart from this process; what systemd-run(1) says to it.
///
/// # Errors
/// `systemctl` when it cannot be run.
pub fn later(options: &[&str], words: &[&str]) -> Result<Ran, Failure> {
    call(first(&SYSTEMD_RUN), &[options, &[first(&SYSTEMCTL)], words].concat())
}

/// The first that is there, or the usual one, about which it is said then that it is not.
fn first<'a>(paths: &[&'a str]) -> &'a str {
    paths.iter().find(|path| Path::new(path).exists()).unwrap_or(&paths[0])
}

fn call(program: &str, words: &[&str]) -> Result<Ran, Failure> {
    let argv: Vec<OsString> = [program].iter().chain(words).map(OsString::from).collect();
    run(&Run { argv: &argv, env: &ENVIRONMENT, stdin: b"", limit: TIME, output: OUTPUT })
        .map_err(|error| Failure::new("systemctl", format!("{program} cannot be run: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_where_it_is_first_found() {
        let place = tempfile::tempdir().expect("a folder");
        let [usr, bin] = ["usr", "bin"].map(|name| place.path().join(name).display().to_string());
        let paths = [usr.as_str(), &bin];
        assert_eq!(first(&paths), usr);
        std::fs::write(&bin, "").expect("written");
        assert_eq!(first(&paths), bin);
        std::fs::write(&usr, "").expect("written");
        assert_eq!(first(&paths), usr);
    }
}
