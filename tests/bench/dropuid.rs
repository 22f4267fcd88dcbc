//! dropuid beside what else becomes another user and runs a command.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use accounts::passwd;
use bed::benchmarks::NOTHING;
use nix::sys::signal::{Signal, kill};
use nix::unistd::geteuid;

use crate::Plan;
use crate::process::{descendant, eventually, installed, memory, timed};
use crate::samples::{QUANTILES, Samples};
use crate::table::{Bound, Figure, Row, Table, Target};

/// Accounts of every Debian; none of them is anybody's.
const USERS: [&str; 3] = ["nobody", "games", "daemon"];

const TRUE: &str = "/bin/true";

/// Longer than it is looked at, not for ever when nobody ends it.
const SLEEPING: &[&str] = &["/bin/sleep", "60"];

/// From the start of the command until what waits for it is idle.
const SETTLING: Duration = Duration::from_millis(50);

/// A program beside ours.
struct Peer {
    name: &'static str,
    program: &'static str,
    /// The Debian package.
    package: &'static str,
    /// How our added time has to compare.
    target: Target,
    words: fn(&passwd::Row) -> Vec<String>,
}

const FASTER: Target = Target::Ratio(Bound::Below(1.0));
const HALF: Target = Target::Ratio(Bound::AtMost(0.5));

const PEERS: [Peer; 8] = [
    Peer {
        name: "setpriv --init-groups",
        program: "setpriv",
        package: "util-linux",
        target: HALF,
        words: |user| setpriv(user, "--init-groups"),
    },
    Peer {
        name: "setpriv --clear-groups",
        program: "setpriv",
        package: "util-linux",
        target: FASTER,
        words: |user| setpriv(user, "--clear-groups"),
    },
    Peer {
        name: "gosu",
        program: "gosu",
        package: "gosu",
        target: FASTER,
        words: |user| words(&[&user.name]),
    },
    Peer {
        name: "su-exec",
        program: "su-exec",
        package: "su-exec, not in Debian",
        target: FASTER,
        words: |user| words(&[&user.name]),
    },
    Peer {
        name: "runuser -u",
        program: "runuser",
        package: "util-linux",
        target: FASTER,
        words: |user| words(&["-u", &user.name, "--"]),
    },
    Peer {
        name: "sudo -n -u",
        program: "sudo",
        package: "sudo",
        target: FASTER,
        words: |user| words(&["-n", "-u", &user.name, "--"]),
    },
    Peer {
        name: "chpst -u",
        program: "chpst",
        package: "runit",
        target: Target::Open,
        words: |user| words(&["-u", &user.name]),
    },
    Peer {
        name: "s6-setuidgid",
        program: "s6-setuidgid",
        package: "s6",
        target: Target::Open,
        words: |user| words(&[&user.name]),
    },
];

/// Which of them stay while the command runs.
const STAYING: [&str; 2] = ["runuser", "sudo"];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn setpriv(user: &passwd::Row, groups: &str) -> Vec<String> {
    words(&["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string(), groups])
}

/// A way to run a command as the user, and the times it took.
struct Prefix<'a> {
    /// None for our own.
    peer: Option<&'a Peer>,
    words: Vec<OsString>,
    times: Samples,
}

impl Prefix<'_> {
    fn command(&self, command: &[&str]) -> Command {
        let mut words: Vec<&OsStr> = self.words.iter().map(OsString::as_os_str).collect();
        words.extend(command.iter().map(OsStr::new));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The same as one would type it.
    fn typed(&self, command: &[&str]) -> String {
        let program = Path::new(&self.words[0]).file_name().unwrap_or_default();
        let words = [program].into_iter().chain(self.words[1..].iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        format!("{} {}", words.join(" "), command.join(" "))
    }
}

/// Prints the rows of dropuid.
pub fn measure<W: Write>(table: &mut Table<W>, plan: Plan, ours: &Path, scratch: &Path) -> io::Result<()> {
    table.section("dropuid")?;
    if !geteuid().is_root() {
        return table.unmeasured("run as root");
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let user = USERS.iter().find_map(|name| passwd::find(&accounts, |row| row.name == *name));
    let user = user.ok_or_else(|| io::Error::other(format!("none of {USERS:?} is in /etc/passwd")))?;
    let own = Prefix {
        peer: None,
        words: vec![ours.into(), user.name.clone().into(), "--".into()],
        times: Samples::default(),
    };
    let (mut prefixes, absent) = present(own, &user);
    let failing = take_failing(&mut prefixes)?;
    measure_time(table, plan, &mut prefixes)?;
    measure_calls(table, &prefixes, scratch)?;
    measure_waiting(table, ours, &user, &prefixes)?;
    for peer in absent {
        table.missing("all of dropuid", peer.name, &format!("not installed (package {})", peer.package))?;
    }
    for name in failing {
        table.missing("all of dropuid", name, "does not run /bin/true here")?;
    }
    Ok(())
}

/// Ours and those that are installed; those that are not.
fn present<'a>(own: Prefix<'a>, user: &passwd::Row) -> (Vec<Prefix<'a>>, Vec<&'a Peer>) {
    let (mut prefixes, mut absent) = (vec![own], Vec::new());
    for peer in &PEERS {
        let Some(program) = installed(peer.program) else {
            absent.push(peer);
            continue;
        };
        let mut words = vec![program.into_os_string()];
        words.extend((peer.words)(user).into_iter().map(OsString::from));
        prefixes.push(Prefix { peer: Some(peer), words, times: Samples::default() });
    }
    (prefixes, absent)
}

/// Runs each once: what fails says nothing by its time.
fn take_failing(prefixes: &mut Vec<Prefix<'_>>) -> io::Result<Vec<&'static str>> {
    let mut failing = Vec::new();
    for prefix in std::mem::take(prefixes) {
        let (_, status) = timed(&mut prefix.command(&[TRUE]))?;
        match (status.success(), prefix.peer) {
            (true, _) => prefixes.push(prefix),
            (false, Some(peer)) => failing.push(peer.name),
            (false, None) => return Err(io::Error::other(format!("dropuid ended with {status}"))),
        }
    }
    Ok(failing)
}

/// The time that each adds to a plain start of /bin/true.
fn measure_time<W: Write>(table: &mut Table<W>, plan: Plan, prefixes: &mut [Prefix<'_>]) -> io::Result<()> {
    let rounds = if plan.quick { 50 } else { 400 };
    let mut plain = Samples::default();
    let mut bare = Command::new(TRUE);
    bare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut commands: Vec<Command> = prefixes.iter().map(|prefix| prefix.command(&[TRUE])).collect();
    for _ in 0..rounds {
        plain.add(timed(&mut bare)?.0.as_secs_f64());
        for (prefix, command) in prefixes.iter_mut().zip(&mut commands) {
            prefix.times.add(timed(command)?.0.as_secs_f64());
        }
    }
    table.note(&format!(
        "{rounds} rounds; /bin/true itself: p10 {}, median {}",
        Figure::ms(plain.p10()),
        Figure::ms(plain.median())
    ))?;
    table.columns()?;
    let [own, others @ ..] = &*prefixes else { return Ok(()) };
    for (name, quantile) in QUANTILES {
        let figure = &format!("time added to /bin/true, {name}");
        for (prefix, peer) in others.iter().filter_map(|prefix| Some((prefix, prefix.peer?))) {
            let added = |samples: &Samples| {
                Figure::of_rounds(samples, quantile, |whole| Figure::ms(whole - quantile(&plain)))
            };
            let theirs = Some((peer.name, added(&prefix.times)));
            let commands = [&*own.typed(&[TRUE]), &prefix.typed(&[TRUE])];
            table.row(&Row {
                figure,
                ours: added(&own.times),
                peer: theirs,
                target: peer.target,
                commands,
            })?;
        }
    }
    Ok(())
}

/// System calls from the start of each to the end of /bin/true.
fn measure_calls<W: Write>(table: &mut Table<W>, prefixes: &[Prefix<'_>], scratch: &Path) -> io::Result<()> {
    const FIGURE: &str = "system calls, /bin/true's own included";
    let Some(strace) = installed("strace") else {
        return table.missing(FIGURE, "-", "strace is not installed (package strace)");
    };
    let calls = |prefix: &Prefix<'_>| {
        let trace = scratch.join("trace");
        let traced = prefix.command(&[TRUE]);
        let mut command = Command::new(&strace);
        command.args(["-f", "-o"]).arg(&trace).arg("--").arg(traced.get_program()).args(traced.get_args());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        timed(&mut command)?;
        let text = fs::read_to_string(&trace)?;
        fs::remove_file(&trace)?;
        let other = |line: &&str| [" +++ ", " --- ", " resumed>"].iter().any(|mark| line.contains(mark));
        let count = text.lines().filter(|line| !other(line)).count();
        u32::try_from(count).map(Figure::count).map_err(io::Error::other)
    };
    let [own, others @ ..] = prefixes else { return Ok(()) };
    let ours = calls(own)?;
    let typed = |prefix: &Prefix<'_>| format!("strace -f -o trace -- {}", prefix.typed(&[TRUE]));
    let command = &*typed(own);
    let (target, commands) = (Target::Own(Bound::AtMost(100.0)), [command, NOTHING]);
    table.row(&Row { figure: FIGURE, ours, peer: None, target, commands })?;
    for (prefix, peer) in others.iter().filter_map(|prefix| Some((prefix, prefix.peer?))) {
        let theirs = Some((peer.name, calls(prefix)?));
        let commands = [command, &typed(prefix)];
        table.row(&Row { figure: FIGURE, ours, peer: theirs, target: Target::Open, commands })?;
    }
    Ok(())
}

/// The resident memory of what stays while the command runs.
fn measure_waiting<W: Write>(
    table: &mut Table<W>,
    ours: &Path,
    user: &passwd::Row,
    prefixes: &[Prefix<'_>],
) -> io::Result<()> {
    const FIGURE: &str = "resident memory while the command runs";
    let words = vec![ours.into(), "--wait".into(), user.name.clone().into(), "--".into()];
    let own = Prefix { peer: None, words, times: Samples::default() };
    let ours = resident(&own)?;
    let command = &*own.typed(SLEEPING);
    let (target, commands) = (Target::Own(Bound::Below(1740.0)), [command, NOTHING]);
    table.row(&Row { figure: FIGURE, ours, peer: None, target, commands })?;
    for (prefix, peer) in prefixes.iter().filter_map(|prefix| Some((prefix, prefix.peer?))) {
        if STAYING.contains(&peer.program) {
            let theirs = Some((peer.name, resident(prefix)?));
            let commands = [command, &prefix.typed(SLEEPING)];
            table.row(&Row { figure: FIGURE, ours, peer: theirs, target: Target::Open, commands })?;
        }
    }
    Ok(())
}

fn resident(prefix: &Prefix<'_>) -> io::Result<Figure> {
    let mut child = prefix.command(SLEEPING).spawn()?;
    let sleep = eventually("the start of sleep", || descendant(child.id(), "sleep"))?;
    thread::sleep(SETTLING);
    let kib = memory(&child, "VmRSS");
    // Sent to sleep itself: sudo does not hand on signals from its own process group.
    kill(sleep, Signal::SIGTERM)?;
    child.wait()?;
    kib.map(Figure::kib)
}
