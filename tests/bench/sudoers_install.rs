//! `sudoers-install cluster` beside Ansible's copy with validate: the same rule, on the same hosts, from
//! the same inventory, with the same sudo password. A host is an sshd with an /etc of its own; all of
//! them share one test host, and with the operator the cores of this machine.

mod instances;
mod operator;

use std::io::{self, Write};
use std::path::Path;

use bed::Host;
use bed::benchmarks::NOTHING;

use crate::Plan;
use crate::process::installed;
use crate::samples::Samples;
use crate::table::{Bound, Figure, Row, Table, Target};
use instances::Instances;
use operator::{Operator, Tool};

/// How many hosts, how many rounds, how many with `--quick`.
const SIZES: [(u16, u16, u16); 2] = [(5, 5, 1), (50, 3, 1)];

/// Hosts that answer late, as many as are asked at a time.
const SLOW: u16 = 16;

/// What the bed makes hosts with, and the packages that have it.
const TOOLS: [(&str, &str); 4] =
    [("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("nsenter", "util-linux"), ("ssh", "openssh-client")];

/// Prints the rows of sudoers-install.
pub fn measure<W: Write>(
    table: &mut Table<W>,
    plan: Plan,
    ours: &Path,
    helper: &Path,
    memory: &Path,
) -> io::Result<()> {
    table.section("sudoers-install")?;
    if let Some((_, package)) = TOOLS.iter().find(|(tool, _)| installed(tool).is_none()) {
        return table.unmeasured(&format!("no hosts without the package {package}"));
    }
    let Some(host) = Host::boot() else {
        return table.unmeasured("no host with systemd can be booted here; run as root");
    };
    let operator = Operator::new(host.network(), ours, memory)?;
    let most = SIZES.iter().map(|(count, ..)| *count).max().unwrap_or(SLOW);
    let python = instances::furnish(&host, helper, operator.key())?;
    let instances = Instances::start(&host, most)?;
    operator.knows(&host, most)?;
    table.note(&format!(
        "the time until the rule is on all hosts, median of the rounds; each host an sshd with an /etc of its \
         own, all of them on the cores of this machine, so that ssh and sudo are part of each figure; {} hosts \
         at a time, but Ansible as it comes 5; tuned: as many, no facts, pipelining",
        operator::AT_A_TIME
    ))?;
    table.columns()?;
    for (count, rounds, quick) in SIZES {
        let rounds = if plan.quick { quick } else { rounds };
        beside_ansible(table, &operator, &instances, count, rounds, python)?;
    }
    slow_hosts(table, &operator, &instances)
}

fn beside_ansible<W: Write>(
    table: &mut Table<W>,
    operator: &Operator<'_>,
    instances: &Instances<'_>,
    count: u16,
    rounds: u16,
    python: bool,
) -> io::Result<()> {
    let peers = [(Tool::Ansible, Target::Ratio(Bound::AtMost(0.2))), (Tool::AnsibleTuned, Target::Open)];
    let why_not = match (operator::ansible(), python) {
        (None, _) => Some("ansible-playbook is not installed (package ansible-core)"),
        (_, false) => Some("python3 of the hosts cannot be completed (package python3)"),
        _ => None,
    };
    let mut tools = vec![Tool::Ours];
    if why_not.is_none() {
        tools.extend(peers.iter().map(|(tool, _)| *tool));
    }
    let mut samples: Vec<Samples> = tools.iter().map(|_| Samples::default()).collect();
    for _ in 0..rounds {
        for (tool, samples) in tools.iter().zip(&mut samples) {
            samples.add(installation(operator, instances, *tool, count)?);
        }
    }
    let figure = &format!("time to install on {count} hosts");
    let time = |samples: &Samples| Figure::of_rounds(samples, Samples::median, Figure::seconds);
    let (ours, typed) = (time(&samples[0]), Tool::Ours.typed(count));
    if let Some(why) = why_not {
        table.row(&Row { figure, ours, peer: None, target: Target::Open, commands: [&typed, NOTHING] })?;
        table.missing(figure, Tool::Ansible.name(), why)?;
    }
    for ((tool, target), theirs) in peers.into_iter().zip(&samples[1..]) {
        let peer = Some((tool.name(), time(theirs)));
        table.row(&Row { figure, ours, peer, target, commands: [&typed, &tool.typed(count)] })?;
    }
    // What the last round left is not ours.
    installation(operator, instances, Tool::Ours, count)?;
    let again = Figure::seconds(operator.seconds(Tool::Ours, count)?);
    let bare = Figure::seconds(operator.seconds(Tool::Bare, count)?);
    table.row(&Row {
        figure: &format!("time where nothing is to do on {count} hosts"),
        ours: again,
        peer: Some((Tool::Bare.name(), bare)),
        target: Target::Open,
        commands: [&typed, &Tool::Bare.typed(count)],
    })
}

/// Hosts that answer late: the time is that of one of them.
fn slow_hosts<W: Write>(
    table: &mut Table<W>,
    operator: &Operator<'_>,
    instances: &Instances<'_>,
) -> io::Result<()> {
    instances.slow(true)?;
    let one = installation(operator, instances, Tool::Ours, 1)?;
    let ours = installation(operator, instances, Tool::Ours, SLOW)?;
    instances.slow(false)?;
    table.row(&Row {
        figure: &format!("time to install on {SLOW} slow hosts"),
        ours: Figure::seconds(ours),
        peer: Some(("ours on one of them", Figure::seconds(one))),
        target: Target::Ratio(Bound::AtMost(1.5)),
        commands: [&Tool::Ours.typed(SLOW), &Tool::Ours.typed(1)],
    })
}

/// The seconds of one run over hosts that have no rule, all of which have it after.
fn installation(
    operator: &Operator<'_>,
    instances: &Instances<'_>,
    tool: Tool,
    count: u16,
) -> io::Result<f64> {
    instances.clear()?;
    let seconds = operator.seconds(tool, count)?;
    let found = instances.with_rule()?;
    if found == count {
        return Ok(seconds);
    }
    Err(io::Error::other(format!("{}: the rule is on {found} hosts, not on {count}", tool.name())))
}
