//! `status` on a host: what it adds to the two questions that it has for systemctl.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use bed::agent::Agent;
use bed::benchmarks::NOTHING;
use ssm_keepalive::properties::ASKED;

use crate::Plan;
use crate::process::timed;
use crate::samples::{QUANTILES, Samples};
use crate::table::{Bound, Figure, Row, Table, Target};

/// Where this program is on the host.
pub const BENCH: &str = "/usr/local/bin/bench";
/// The program, and its question.
const OURS: [&str; 2] = ["/usr/bin/ssm-keepalive", "status"];
/// The same and its peer, as one would type them.
const TYPED: &str = "ssm-keepalive status";
const THEIRS: &str = "systemctl show --property PROPERTIES -- UNIT # for each of both";
/// Both units are asked for.
const UNITS: [&str; 2] = ["snap.amazon-ssm-agent.amazon-ssm-agent.service", "amazon-ssm-agent.service"];
/// What may be added to systemctl, in milliseconds.
const MOST: f64 = 15.0;

/// Prints the rows.
pub fn rows<W: Write>(table: &mut Table<W>, plan: Plan, agent: &Agent) -> io::Result<()> {
    let rounds = if plan.quick { 20 } else { 200 };
    let mut command = agent.command(&[BENCH, "agent-status", &rounds.to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let samples: Result<Vec<Samples>, _> = lines.lines().map(str::parse).collect();
    let samples: Option<[Samples; 2]> = samples.ok().and_then(|samples| samples.try_into().ok());
    let [ours, systemctl] = samples.filter(|_| output.status.success()).ok_or_else(|| {
        io::Error::other(format!("the measurement on the host ended with {}: {lines}", output.status))
    })?;
    table.note(&format!("{rounds} interleaved rounds of status, and of systemctl show for both units"))?;
    table.columns()?;
    for (name, quantile) in QUANTILES {
        let figure = &format!("time of status, {name}");
        let [whole, alone] =
            [&ours, &systemctl].map(|samples| Figure::of_rounds(samples, quantile, Figure::ms));
        let (peer, target) = (Some(("systemctl show", alone)), Target::Open);
        table.row(&Row { figure, ours: whole, peer, target, commands: [TYPED, THEIRS] })?;
        let figure = &format!("time added to systemctl, {name}");
        let added = Figure::of_rounds(&ours, quantile, |whole| Figure::ms(whole - quantile(&systemctl)));
        let target = Target::Own(Bound::Below(MOST));
        table.row(&Row { figure, ours: added, peer: None, target, commands: [TYPED, NOTHING] })?;
    }
    Ok(())
}

/// `bench agent-status ROUNDS`, on the host: prints the seconds of ours and of systemctl, a line each.
pub fn status(rounds: &str) -> io::Result<()> {
    let rounds: u32 = rounds.parse().map_err(io::Error::other)?;
    let mut ours = quiet(&OURS);
    let mut systemctl =
        UNITS.map(|unit| quiet(&["/usr/bin/systemctl", "show", "--property", ASKED, "--", unit]));
    let mut samples = [Samples::default(), Samples::default()];
    // The first round is for what is read from the disk once.
    for round in 0..=rounds {
        let whole = seconds(&mut ours)?;
        let alone = systemctl.iter_mut().map(seconds).sum::<io::Result<f64>>()?;
        if round > 0 {
            samples[0].add(whole);
            samples[1].add(alone);
        }
    }
    let mut stdout = io::stdout().lock();
    samples.iter().try_for_each(|samples| writeln!(stdout, "{samples}"))
}

fn quiet(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    command
}

fn seconds(command: &mut Command) -> io::Result<f64> {
    let (time, status) = timed(command)?;
    if status.success() {
        Ok(time.as_secs_f64())
    } else {
        Err(io::Error::other(format!("{command:?}: {status}")))
    }
}
