//! ssh-agent-fwd, with a policy and a record, beside the agent itself and beside what else stands before an agent.

mod clients;
mod forwarders;
mod messages;

use std::io::{self, Write};
use std::path::Path;

use nix::unistd::geteuid;

use crate::Plan;
use crate::process::installed;
use crate::samples::Samples;
use crate::table::{Bound, Figure, Row, Table, Target};

use clients::Work;
use forwarders::{Bed, Forwarder, Kind};

pub use clients::run as clients;

/// What must be there, and the packages that have it.
const TOOLS: [(&str, &str); 3] =
    [("ssh-agent", "openssh-client"), ("ssh-add", "openssh-client"), ("setpriv", "util-linux")];
/// Clients at once.
const CLIENTS: [u32; 3] = [1, 8, 64];
/// Open connections while memory is measured.
const OPEN: u32 = 64;
/// What a process with that many may take up, in KiB.
const MOST_MEMORY: f64 = 4096.0;

/// One kind of work, and what of it is wanted beside whom.
struct Case {
    work: Work,
    figure: &'static str,
    beside: Kind,
    target: Bound,
}

const CASES: [Case; 3] = [
    Case {
        work: Work::Sign,
        figure: "rate of signing on an open connection",
        beside: Kind::Direct,
        target: Bound::AtLeast(0.95),
    },
    Case {
        work: Work::ConnectAndSign,
        figure: "rate of connecting and signing",
        beside: Kind::Direct,
        target: Bound::AtLeast(0.85),
    },
    Case {
        work: Work::ConnectAndList,
        figure: "rate of connecting and listing",
        beside: Kind::Socat,
        target: Bound::AtLeast(5.0),
    },
];

/// Prints the rows of ssh-agent-fwd.
pub fn measure<W: Write>(table: &mut Table<W>, plan: Plan, ours: &Path) -> io::Result<()> {
    table.section("ssh-agent-fwd")?;
    if !geteuid().is_root() {
        return table.unmeasured("not root, and the clients are another user than the agent");
    }
    if let Some((_, package)) = TOOLS.iter().find(|(tool, _)| installed(tool).is_none()) {
        return table.unmeasured(&format!("there is no agent without the package {package}"));
    }
    let bed = Bed::make()?;
    let forwarders = Kind::ALL.into_iter().map(|kind| bed.start(kind, ours));
    let forwarders = forwarders.collect::<io::Result<Vec<Option<Forwarder>>>>()?;
    let (rounds, seconds) = if plan.quick { (1, 0.1) } else { (7, 0.4) };
    table.note(&format!(
        "{rounds} interleaved rounds of {seconds} s, medians; an ed25519 key; ssh-agent-fwd has a policy with a host, \
         writes a record to a file and has its rate limit raised"
    ))?;
    table.columns()?;
    for case in CASES {
        for clients in CLIENTS {
            compare(table, &case, clients, &forwarders, (rounds, seconds))?;
        }
    }
    compare_memory(table, &forwarders)
}

fn compare<W: Write>(
    table: &mut Table<W>,
    case: &Case,
    clients: u32,
    forwarders: &[Option<Forwarder>],
    (rounds, seconds): (u32, f64),
) -> io::Result<()> {
    let mut samples: Vec<Samples> = forwarders.iter().map(|_| Samples::default()).collect();
    for _ in 0..rounds {
        for (forwarder, samples) in forwarders.iter().zip(&mut samples) {
            if let Some(forwarder) = forwarder {
                samples.add(forwarder.work(case.work, clients, seconds)?);
            }
        }
    }
    let figure = &format!("{}, {clients} at once", case.figure);
    let rate = |samples: &Samples| Figure::of_rounds(samples, Samples::median, Figure::per_second);
    let typed = |kind: Kind| kind.typed(&format!("{clients} {seconds} {}", case.work.word()));
    let ours = rate(&samples[0]);
    for ((kind, forwarder), samples) in Kind::ALL.into_iter().zip(forwarders).zip(&samples).skip(1) {
        match forwarder {
            None => {
                table.missing(figure, kind.name(), &format!("not installed (package {})", kind.name()))?
            }
            Some(_) => {
                let target = if kind == case.beside { Target::Ratio(case.target) } else { Target::Open };
                let peer = Some((kind.name(), rate(samples)));
                let commands = [&*typed(Kind::Ours), &typed(kind)];
                table.row(&Row { figure, ours, peer, target, commands })?;
            }
        }
    }
    Ok(())
}

/// After all that work, with open connections that have been used.
fn compare_memory<W: Write>(table: &mut Table<W>, forwarders: &[Option<Forwarder>]) -> io::Result<()> {
    let sizes = |forwarder: &Forwarder| {
        let held = forwarder.hold(OPEN)?;
        let (kib, processes) = forwarder.processes()?;
        held.release()?;
        io::Result::Ok((kib, processes))
    };
    let sizes = forwarders
        .iter()
        .map(|forwarder| forwarder.as_ref().map(sizes).transpose())
        .collect::<io::Result<Vec<_>>>()?;
    let Some((kib, processes)) = sizes[0] else { return Ok(()) };
    for (kind, theirs) in Kind::ALL.into_iter().zip(&sizes).skip(1) {
        let Some((their_kib, their_processes)) = *theirs else { continue };
        let own = |figure: String, ours, theirs, target: Target| {
            (figure, ours, Some((kind.name(), theirs)), target)
        };
        // What is wanted is told once.
        let bound = |most| if kind == Kind::Direct { Target::Own(most) } else { Target::Open };
        for (figure, ours, peer, target) in [
            own(
                format!("resident memory, {OPEN} connections"),
                Figure::kib(kib),
                Figure::kib(their_kib),
                bound(Bound::Below(MOST_MEMORY)),
            ),
            own(
                format!("processes, {OPEN} connections"),
                Figure::count(processes),
                Figure::count(their_processes),
                bound(Bound::AtMost(1.0)),
            ),
        ] {
            let [held, by_peer] = [Kind::Ours, kind].map(|kind| kind.typed(&format!("{OPEN} 0 hold")));
            table.row(&Row { figure: &figure, ours, peer, target, commands: [&held, &by_peer] })?;
        }
    }
    Ok(())
}
