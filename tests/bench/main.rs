//! `bench [dropuid|capture-run|sudo-helper|sudoers-install|ssm-keepalive|ssh-agent-fwd] [--quick]`: our programs and
//! their peers side by side in one run. `bench --write FILE [--quick]`: all of them, and what they came to in FILE.
//!
//! It writes a table to standard output and never fails because of a figure in it. The programs are
//! found beside this one, as `cargo build --release` leaves them.

#![forbid(unsafe_code)]

mod capture_run;
mod dropuid;
mod flow;
mod folders;
mod machine;
mod process;
mod report;
mod samples;
mod sink;
mod ssh_agent_fwd;
mod ssm_keepalive;
mod sudo_helper;
mod sudoers_install;
mod table;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bed::PROGRAMS;
use folders::Folders;
use table::Table;

const USAGE: &str = "usage: bench [dropuid|capture-run|sudo-helper|sudoers-install|ssm-keepalive|ssh-agent-fwd] \
                     [--quick], or bench --write FILE [--quick]";

/// Which tools are measured, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    dropuid: bool,
    capture_run: bool,
    sudo_helper: bool,
    sudoers_install: bool,
    ssm_keepalive: bool,
    ssh_agent_fwd: bool,
    /// A few rounds with little data: to see that it works.
    pub quick: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // What the pipelines that are measured are made of.
        ["produce", count, size, rest @ ..] => flow::produce(count, size, rest == ["hold"])?,
        ["consume"] => flow::consume()?,
        // The measurements that a test host makes.
        ["status", rounds] => sudo_helper::status(rounds)?,
        ["agent-status", rounds] => ssm_keepalive::status(rounds)?,
        // Clients of another user than root.
        ["agent-clients", words @ ..] => {
            let words = words.try_into().map_err(|_| io::Error::other(USAGE))?;
            ssh_agent_fwd::clients(words)?;
        }
        // The second process: see folders.rs.
        ["measure", memory, disk, words @ ..] => {
            let (plan, report) = plan(words).ok_or_else(|| io::Error::other(USAGE))?;
            measure(plan, Path::new(memory), Some(Path::new(disk)).filter(|_| *disk != "-"), report)?;
        }
        words if plan(words).is_some() => return Folders::make()?.with_second_process(words),
        _ => return Err(io::Error::other(USAGE)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured, and the file that is to tell of it: of all programs, or of none.
fn plan<'a>(words: &[&'a str]) -> Option<(Plan, Option<&'a Path>)> {
    let (words, report) = match words {
        ["--write", file, rest @ ..] => (rest, Some(Path::new(*file))),
        words => (words, None),
    };
    let (flags, tools): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with('-'));
    if flags.iter().any(|flag| *flag != "--quick") {
        return None;
    }
    let [dropuid, capture_run, sudo_helper, sudoers_install, ssm_keepalive, ssh_agent_fwd] =
        match tools.as_slice() {
            [] => [true; 6],
            [tool] if PROGRAMS.contains(tool) && report.is_none() => PROGRAMS.map(|known| known == *tool),
            _ => return None,
        };
    let quick = !flags.is_empty();
    let plan =
        Plan { dropuid, capture_run, sudo_helper, sudoers_install, ssm_keepalive, ssh_agent_fwd, quick };
    Some((plan, report))
}

fn measure(plan: Plan, memory: &Path, disk: Option<&Path>, report: Option<&Path>) -> io::Result<()> {
    let mut machine = machine::describe()?;
    if plan.quick {
        machine.push_str("\n--quick: few rounds and little data; the figures mean little");
    }
    let mut table = Table::new(io::stdout().lock(), report.is_some());
    table.note(&machine)?;
    if plan.dropuid {
        dropuid::measure(&mut table, plan, &program("dropuid")?, memory)?;
    }
    if plan.capture_run {
        capture_run::measure(&mut table, plan, &program("capture-run")?, memory, disk)?;
    }
    if plan.sudo_helper {
        sudo_helper::measure(&mut table, plan, &program("sudo-helper")?)?;
    }
    if plan.sudoers_install {
        let (ours, helper) = (program("sudoers-install")?, program("sudo-helper")?);
        sudoers_install::measure(&mut table, plan, &ours, &helper, memory)?;
    }
    if plan.ssm_keepalive {
        ssm_keepalive::measure(&mut table, plan, &program("ssm-keepalive")?)?;
    }
    if plan.ssh_agent_fwd {
        ssh_agent_fwd::measure(&mut table, plan, &program("ssh-agent-fwd")?)?;
    }
    report.map_or(Ok(()), |file| report::write(file, &machine, &table.finish()))
}

/// A built program: `<target>/<triple>/release/NAME`, from `<target>/<triple>/<profile>/bench`.
fn program(name: &str) -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    let target =
        own.ancestors().nth(2).ok_or_else(|| io::Error::other("bench stands in no target folder"))?;
    let program = target.join("release").join(name);
    if program.exists() {
        return Ok(program);
    }
    Err(io::Error::other(format!("{} is missing: run cargo build --release", program.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_of_all_programs_or_is_not_written() {
        let all = plan(&["--write", "FILE", "--quick"]).expect("a plan");
        assert!(all.0.dropuid && all.0.ssh_agent_fwd && all.0.quick);
        assert_eq!(all.1, Some(Path::new("FILE")));
        let one = plan(&["dropuid"]).expect("a plan");
        assert!(one.0.dropuid && !one.0.ssh_agent_fwd && one.1.is_none());
        for words in [&["--write", "FILE", "dropuid"][..], &["--write"], &["dropuid", "--write", "FILE"]] {
            assert!(plan(words).is_none(), "{words:?}");
        }
    }
}
