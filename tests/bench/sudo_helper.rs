//! sudo-helper beside the same helper in Python, on a test host: both ask systemctl twice, and what
//! counts is what they add to it. The original, and so Python, asks one question after the other, ours
//! both at once; from each is taken what systemctl takes when it is asked in the same way.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use bed::Host;
use bed::benchmarks::NOTHING;
use sudo_helper::operation::ServiceVerb;
use sudo_helper::systemctl;
use sudo_helper::unit_name::UnitName;

use crate::Plan;
use crate::process::{installed, timed};
use crate::samples::{QUANTILES, Samples};
use crate::table::{Bound, Figure, Row, Table, Target};

/// A unit of every test host.
const UNIT: &str = "ssh";
const POLICY: &str = r#"{"services": {"ssh": ["status"]}}"#;

/// Where the programs are on the host.
const HELPER: &str = "/usr/bin/sudo-helper";
const STAND_IN: &str = "/usr/local/lib/stand_in.py";
const PYTHON: &str = "/usr/bin/python3";
const BENCH: &str = "/usr/local/bin/bench";

const PEER: &str = "python3 argparse+subprocess";

/// What the bed makes hosts with, and the packages that have it.
const TOOLS: [(&str, &str); 3] =
    [("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("nsenter", "util-linux")];

/// For python3: the folder of a module that the minimal installation of test hosts does not have.
const JSON_FOLDER: &str = "import json; print(json.__path__[0])";

/// Prints the rows of sudo-helper.
pub fn measure<W: Write>(table: &mut Table<W>, plan: Plan, ours: &Path) -> io::Result<()> {
    table.section("sudo-helper")?;
    if let Some((_, package)) = TOOLS.iter().find(|(tool, _)| installed(tool).is_none()) {
        return table.unmeasured(&format!("no host with systemd without the package {package}"));
    }
    let Some(host) = Host::boot() else {
        return table.unmeasured("no host with systemd can be booted here; run as root");
    };
    let python = furnish(&host, ours)?;
    let rounds = if plan.quick { 20 } else { 300 };
    let mut command = host.command(&[BENCH, "status", &rounds.to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let measured = read(&lines).filter(|_| output.status.success()).ok_or_else(|| {
        io::Error::other(format!("the measurement on the host ended with {}: {lines}", output.status))
    })?;
    table.note(&format!("{rounds} interleaved rounds of service status"))?;
    table.note(
        "time added to systemctl: the whole time, minus that of the same two systemctl, show and status, \
         started in the same way without a helper: ours both at once, Python's one after the other",
    )?;
    for (name, quantile) in QUANTILES {
        let [at_once, in_turn] =
            [&measured.at_once, &measured.in_turn].map(|samples| Figure::ms(quantile(samples)));
        table.note(&format!("systemctl itself, {name}: at once {at_once}, one after the other {in_turn}"))?;
    }
    table.columns()?;
    // With SUDO_UID it leaves the caller's cgroup, which Python's does not.
    let asked = format!("sudo-helper service status {UNIT}");
    let for_agent = format!("SUDO_UID=1000 SUDO_USER=agent {asked}");
    for (caller, command, ours) in
        [("root", asked, &measured.ours), ("SUDO_UID", for_agent, &measured.for_agent)]
    {
        rows(table, (caller, &command), ours, &measured, python)?;
    }
    Ok(())
}

fn rows<W: Write>(
    table: &mut Table<W>,
    (caller, command): (&str, &str),
    ours: &Samples,
    measured: &Measured,
    python: bool,
) -> io::Result<()> {
    for (name, quantile) in QUANTILES {
        let figure = &format!("time added to systemctl, {caller}, {name}");
        let added = |whole: &Samples, systemctl: &Samples| {
            Figure::of_rounds(whole, quantile, |whole| Figure::ms(whole - quantile(systemctl)))
        };
        let ours = added(ours, &measured.at_once);
        let (target, commands) = (Target::Own(Bound::Below(2.0)), [command, NOTHING]);
        table.row(&Row { figure, ours, peer: None, target, commands })?;
        if python {
            let peer = Some((PEER, added(&measured.theirs, &measured.in_turn)));
            let theirs = format!("python3 tests/bench/stand_in.py service status {UNIT}");
            let (target, commands) = (Target::Ratio(Bound::Below(0.05)), [command, &*theirs]);
            table.row(&Row { figure, ours, peer, target, commands })?;
        } else {
            table.missing(figure, PEER, "python3 is not installed (package python3)")?;
        }
    }
    Ok(())
}

/// Puts everything on the host; whether Python is there too.
fn furnish(host: &Host, ours: &Path) -> io::Result<bool> {
    host.write(HELPER, fs::read(ours)?, 0o755, "root:root");
    host.write(BENCH, fs::read(env::current_exe()?)?, 0o755, "root:root");
    host.write("/etc/sudo-helper/policy.json", POLICY, 0o644, "root:root");
    let Ok(output) = Command::new(PYTHON).args(["-I", "-c", JSON_FOLDER]).output() else { return Ok(false) };
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || !Path::new(&folder).is_absolute() {
        return Ok(false);
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            host.write(&path.display().to_string(), fs::read(&path)?, 0o644, "root:root");
        }
    }
    host.write(STAND_IN, include_str!("stand_in.py"), 0o644, "root:root");
    Ok(true)
}

/// What the host has measured.
#[derive(Default)]
struct Measured {
    /// systemctl alone, both questions at once.
    at_once: Samples,
    /// systemctl alone, one question after the other.
    in_turn: Samples,
    /// sudo-helper, called by root.
    ours: Samples,
    /// sudo-helper as sudo calls it for an agent.
    for_agent: Samples,
    /// Python's.
    theirs: Samples,
}

impl Measured {
    fn all(&mut self) -> [&mut Samples; 5] {
        [&mut self.at_once, &mut self.in_turn, &mut self.ours, &mut self.for_agent, &mut self.theirs]
    }
}

/// `bench status ROUNDS`, on the host: prints the seconds of [`Measured`], a line each.
pub fn status(rounds: &str) -> io::Result<()> {
    let rounds: u32 = rounds.parse().map_err(io::Error::other)?;
    let unit = UnitName::parse(UNIT).map_err(io::Error::other)?;
    let questions =
        [systemctl::show_arguments(&unit), systemctl::arguments(ServiceVerb::Status, &unit, false)];
    let mut systemctl = questions.map(|arguments| {
        let mut command = Command::new(systemctl::PROGRAM);
        command.args(arguments).env_clear().envs(systemctl::ENVIRONMENT.iter().copied());
        // Through pipes, as both helpers read it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    });
    let [mut ours, mut for_agent, mut theirs] = [&[HELPER][..], &[HELPER], &[PYTHON, STAND_IN]].map(helper);
    for_agent.env("SUDO_UID", "1000").env("SUDO_USER", "agent");
    let python = Path::new(STAND_IN).exists();
    let mut measured = Measured::default();
    // The first round is for what is read from the disk, and compiled, once.
    for round in 0..=rounds {
        let seconds = [
            at_once(&mut systemctl)?,
            in_turn(&mut systemctl)?,
            seconds_of(&mut ours)?,
            seconds_of(&mut for_agent)?,
            if python { seconds_of(&mut theirs)? } else { 0.0 },
        ];
        if round > 0 {
            measured.all().into_iter().zip(seconds).for_each(|(samples, seconds)| samples.add(seconds));
        }
    }
    let mut stdout = io::stdout().lock();
    measured.all().into_iter().try_for_each(|samples| writeln!(stdout, "{samples}"))
}

fn helper(program: &[&str]) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["service", "status", UNIT]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The time until what all have to say is read.
fn at_once(commands: &mut [Command]) -> io::Result<f64> {
    let start = Instant::now();
    let children = commands.iter_mut().map(Command::spawn).collect::<io::Result<Vec<_>>>()?;
    let outputs = children.into_iter().map(Child::wait_with_output).collect::<io::Result<Vec<Output>>>()?;
    let time = start.elapsed();
    for (command, output) in commands.iter().zip(outputs) {
        succeeded(command, time, output.status)?;
    }
    Ok(time.as_secs_f64())
}

fn in_turn(commands: &mut [Command]) -> io::Result<f64> {
    commands.iter_mut().map(|command| at_once(std::slice::from_mut(command))).sum()
}

fn seconds_of(command: &mut Command) -> io::Result<f64> {
    let (time, status) = timed(command)?;
    succeeded(command, time, status)
}

fn succeeded(command: &Command, time: Duration, status: ExitStatus) -> io::Result<f64> {
    if status.success() {
        Ok(time.as_secs_f64())
    } else {
        Err(io::Error::other(format!("{command:?} ended with {status}")))
    }
}

/// The lines that [`status`] has printed.
fn read(lines: &str) -> Option<Measured> {
    let lines: Vec<Samples> = lines.lines().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [at_once, in_turn, ours, for_agent, theirs] = lines.try_into().ok()?;
    Some(Measured { at_once, in_turn, ours, for_agent, theirs })
}
