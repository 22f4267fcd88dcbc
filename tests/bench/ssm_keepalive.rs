//! ssm-keepalive: `status` beside the systemctl that it asks, and `deploy` to many instances beside the slowest of
//! them. The instances are one test host with a stand-in agent, which really runs each command, and others that answer
//! what it has answered, each after a time of its own; AWS is an endpoint of the tests', the `aws` is the real one.

mod status;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bed::agent::{Agent, Kind};
use bed::aws::{Aws, Cli};
use bed::benchmarks::NOTHING;
use bed::ssm::{Behaviour, Endpoint, Node, Operation};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::Plan;
use crate::process::{installed, timed};
use crate::table::{Bound, Figure, Row, Table, Target};

pub use status::status;

/// What the bed makes hosts with, and the packages that have it.
const TOOLS: [(&str, &str); 4] =
    [("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("nsenter", "util-linux"), ("aws", "awscli")];
/// How many instances.
const INSTANCES: u32 = 200;
/// How long the slowest of them takes for the first command, and for the proof.
const SLOWEST: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(1)];
/// What is run.
const DEPLOY: [&str; 3] = ["ssm-keepalive", "deploy", "--all-online"];
/// The longest pause between two looks, in seconds.
const INTERVAL: f64 = 5.0;
/// What the wall time may be of the slowest instance's, beside one interval and the processor time of aws.
const OVERHEAD: f64 = 1.3;

/// Prints the rows of ssm-keepalive.
pub fn measure<W: Write>(table: &mut Table<W>, plan: Plan, ours: &Path) -> io::Result<()> {
    table.section("ssm-keepalive")?;
    if let Some((_, package)) = TOOLS.iter().find(|(tool, _)| installed(tool).is_none()) {
        return table.unmeasured(&format!("no fleet without the package {package}"));
    }
    let Some(agent) = Agent::boot(Kind::Package) else {
        return table.unmeasured("no host with systemd can be booted here; run as root");
    };
    agent.write(status::BENCH, fs::read(env::current_exe()?)?, 0o755, "root:root");
    let _ = agent.call("install");
    status::rows(table, plan, &agent)?;
    deploy(table, plan, ours, &Arc::new(agent))
}

/// `deploy` to all of them.
fn deploy<W: Write>(table: &mut Table<W>, plan: Plan, ours: &Path, agent: &Arc<Agent>) -> io::Result<()> {
    let count = if plan.quick { INSTANCES / 10 } else { INSTANCES };
    let endpoint = Endpoint::start();
    let id = |number: u32| format!("i-{number:08}");
    for number in 0..count {
        let node = if number == 0 { Node::host(&id(0), agent) } else { Node::like(&id(number), &id(0)) };
        let lasting = |slowest: Duration| slowest.mul_f64(f64::from(number) / f64::from(count - 1));
        endpoint.add(
            node.behaves(
                SLOWEST.map(|slowest| Behaviour { lasting: lasting(slowest), ..Behaviour::default() }),
            ),
        );
    }
    let aws = Aws::new(Cli::Debian, &endpoint.url());
    let ours = ours.to_str().ok_or_else(|| io::Error::other("the path of the program is no UTF-8"))?;
    let mut command = aws.command(&[ours, DEPLOY[1], DEPLOY[2]]);
    command.stdout(Stdio::null());
    let before = cpu()?;
    let (wall, status) = timed(&mut command)?;
    let cpu = cpu()? - before;
    if !status.success() {
        return Err(io::Error::other(format!("deploy ended with {status}")));
    }
    let slowest: f64 = SLOWEST.iter().map(Duration::as_secs_f64).sum();
    let calls = |operation| u32::try_from(endpoint.calls_of(operation).len()).unwrap_or(u32::MAX);
    table.note(&format!(
        "deploy to {count} instances, of which the slowest takes {slowest} s for both commands; aws took {cpu:.1} s of \
         the processors"
    ))?;
    table.columns()?;
    let typed = DEPLOY.join(" ");
    let bound = slowest * OVERHEAD + INTERVAL + cpu;
    table.row(&Row {
        figure: "time of deploy, all proven",
        ours: Figure::seconds(wall.as_secs_f64()),
        peer: Some(("slowest x 1.3 + interval + aws", Figure::seconds(bound))),
        target: Target::Ratio(Bound::AtMost(1.0)),
        commands: [&typed, NOTHING],
    })?;
    for (figure, operation, target) in [
        ("calls of send-command", Operation::SendCommand, Target::Open),
        ("calls of list-command-invocations", Operation::ListCommandInvocations, Target::Open),
        ("calls of get-command-invocation", Operation::GetCommandInvocation, Target::Own(Bound::AtMost(0.0))),
    ] {
        let (ours, commands) = (Figure::count(calls(operation)), [&*typed, NOTHING]);
        table.row(&Row { figure, ours, peer: None, target, commands })?;
    }
    Ok(())
}

/// The processor time of all children so far, in seconds.
fn cpu() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64())
}
