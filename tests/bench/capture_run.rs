//! capture-run beside GNU tee, and beside the shell function that it replaces.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Plan;
use crate::process::{cpu_until_end, eventually, installed, memory};
use crate::samples::{QUANTILES, Samples};
use crate::sink::{Kind, Sink};
use crate::table::{Bound, Figure, Row, Table, Target};

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;

/// What `--quick` divides volumes by.
const QUICK: usize = 16;

/// One pipeline.
struct Case {
    figure: &'static str,
    /// Bytes in all.
    volume: usize,
    /// Bytes a write.
    size: usize,
    stdout: Kind,
    /// LOG is appended to.
    append: bool,
    /// LOG is on a disk.
    disk: bool,
    throughput: Bound,
    cpu: Option<Bound>,
}

impl Case {
    /// What is run, as one would type it: ours, and tee.
    fn typed(&self, count: usize, rest: &str) -> [String; 2] {
        let producer = format!("bench produce {count} {}{rest}", self.size);
        let output = match self.stdout {
            Kind::Pipe => " | bench consume",
            Kind::Null => " >/dev/null",
            Kind::Append => " >>OUTPUT",
            Kind::Socket => " # stdout: a socket, read by bench consume",
            Kind::Terminal => " # stdout: a terminal, read by bench consume",
        };
        let [ours, tees] = if self.append { [" --append", " -a"] } else { [""; 2] };
        [
            format!("capture-run{ours} LOG STATUS -- {producer}{output}"),
            format!("{producer} 2>&1 | tee{tees} LOG{output}"),
        ]
    }
}

/// What most cases have in common.
const PIPE: Case = Case {
    figure: "64 KiB writes, stdout a pipe",
    volume: GIB,
    size: 64 * 1024,
    stdout: Kind::Pipe,
    append: false,
    disk: false,
    throughput: NOT_SLOWER,
    cpu: None,
};

const NOT_SLOWER: Bound = Bound::AtLeast(1.0);

const CASES: [Case; 9] = [
    Case { throughput: Bound::AtLeast(2.3), cpu: Some(Bound::AtMost(0.4)), ..PIPE },
    Case { figure: "4 KiB writes, stdout a pipe", size: 4096, ..PIPE },
    Case {
        figure: "64 KiB writes, stdout /dev/null",
        stdout: Kind::Null,
        throughput: Bound::AtLeast(2.0),
        ..PIPE
    },
    Case {
        figure: "10 million lines of 80 bytes, stdout a pipe",
        volume: 800_000_000,
        size: 80,
        throughput: Bound::AtLeast(1.2),
        cpu: Some(Bound::AtMost(0.6)),
        ..PIPE
    },
    Case { figure: "64 KiB writes, LOG O_APPEND", append: true, ..PIPE },
    Case { figure: "64 KiB writes, stdout a file O_APPEND", stdout: Kind::Append, ..PIPE },
    Case { figure: "64 KiB writes, stdout a socket", stdout: Kind::Socket, ..PIPE },
    // A terminal is a hundred times slower than a pipe.
    Case { figure: "64 KiB writes, stdout a terminal", volume: 64 * MIB, stdout: Kind::Terminal, ..PIPE },
    Case { figure: "64 KiB writes, LOG on ext4", disk: true, ..PIPE },
];

/// A loop of short calls.
struct Start {
    figure: &'static str,
    disk: bool,
    /// Everything runs on one core.
    one_core: bool,
    target: Target,
}

const BELOW_FUNCTION: Target = Target::Ratio(Bound::Below(1.0));

const STARTS: [Start; 3] = [
    Start { figure: "time added to /bin/true", disk: false, one_core: false, target: BELOW_FUNCTION },
    // On others the function's tee starts beside the command; where all cores are busy it does not.
    Start {
        figure: "time added to /bin/true, on one core",
        disk: false,
        one_core: true,
        target: BELOW_FUNCTION,
    },
    // No target: the function does not sync STATUS, and so does not keep it through a power cut.
    Start { figure: "time added to /bin/true, on ext4", disk: true, one_core: false, target: Target::Open },
];

/// Who copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copier {
    Ours,
    Tee,
}

/// The programs, and where logs go.
struct Setting<'a> {
    ours: &'a Path,
    tee: &'a Path,
    bench: PathBuf,
    memory: &'a Path,
    disk: Option<&'a Path>,
}

/// A pipeline that runs.
struct Running {
    copier: Child,
    /// tee's producer; that of capture-run is its own child.
    producer: Option<Child>,
    consumer: Option<Child>,
}

/// What one run cost.
struct Cost {
    wall: Duration,
    /// Of the copier alone.
    cpu: Duration,
}

/// Prints the rows of capture-run.
pub fn measure<W: Write>(
    table: &mut Table<W>,
    plan: Plan,
    ours: &Path,
    memory: &Path,
    disk: Option<&Path>,
) -> io::Result<()> {
    table.section("capture-run")?;
    // Where the coreutils are uutils (Ubuntu since 25.10), GNU's have a prefix.
    let Some(tee) = installed("gnutee").or_else(|| installed("tee")) else {
        return table.unmeasured("tee is not installed (package coreutils)");
    };
    table.note(&format!(
        "peer: {}; logs in memory where nothing else is said; run_with_capture is the shell \
         function that capture-run replaces; it stands in tests/bench/capture_run.rs",
        version(&tee)?
    ))?;
    table.columns()?;
    let setting = Setting { ours, tee: &tee, bench: env::current_exe()?, memory, disk };
    for case in &CASES {
        setting.compare(table, plan, case)?;
    }
    for volume in [16 * MIB, GIB] {
        setting.compare_memory(table, if plan.quick { volume / QUICK } else { volume })?;
    }
    for start in &STARTS {
        setting.compare_start(table, plan, start)?;
    }
    Ok(())
}

fn version(tee: &Path) -> io::Result<String> {
    let output = Command::new(tee).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("tee of unknown version").to_owned())
}

impl Setting<'_> {
    fn folder(&self, disk: bool) -> Option<&Path> {
        if disk { self.disk } else { Some(self.memory) }
    }

    fn compare<W: Write>(&self, table: &mut Table<W>, plan: Plan, case: &Case) -> io::Result<()> {
        let throughput = &*format!("throughput, {}", case.figure);
        let Some(folder) = self.folder(case.disk) else {
            return table.missing(throughput, "GNU tee", "no ext4 here");
        };
        let (rounds, volume) = if plan.quick { (3, case.volume / QUICK) } else { (7, case.volume) };
        let count = volume / case.size;
        let mut walls = [Samples::default(), Samples::default()];
        let mut cpus = walls.clone();
        for round in 0..rounds {
            // Neither is always the one that comes after the other.
            let order =
                if round % 2 == 0 { [Copier::Ours, Copier::Tee] } else { [Copier::Tee, Copier::Ours] };
            for copier in order {
                let cost = self.run(case, copier, count, folder)?;
                walls[copier as usize].add(cost.wall.as_secs_f64());
                cpus[copier as usize].add(cost.cpu.as_secs_f64());
            }
        }
        let bytes = bytes(count * case.size);
        let speed = |wall| Figure::gigabytes_a_second(bytes / wall);
        let [ours, theirs] = walls.each_ref().map(|walls| Figure::of_rounds(walls, Samples::median, speed));
        let typed = case.typed(count, "");
        let commands = typed.each_ref().map(String::as_str);
        table.row(&Row {
            figure: throughput,
            ours,
            peer: Some(("GNU tee", theirs)),
            target: Target::Ratio(case.throughput),
            commands,
        })?;
        let [ours, theirs] =
            cpus.each_ref().map(|cpus| Figure::of_rounds(cpus, Samples::median, Figure::seconds));
        table.row(&Row {
            figure: &format!("processor time of copying, {}", case.figure),
            ours,
            peer: Some(("GNU tee", theirs)),
            target: case.cpu.map_or(Target::Open, Target::Ratio),
            commands,
        })
    }

    fn run(&self, case: &Case, copier: Copier, count: usize, folder: &Path) -> io::Result<Cost> {
        let files = Files::new(folder);
        let sink = case.stdout.open(&files.output)?;
        let start = Instant::now();
        let mut running = self.start(case, copier, count, &files, sink, false)?;
        let (cpu, status) = cpu_until_end(&mut running.copier)?;
        let others = running.end()?;
        let wall = start.elapsed();
        for status in others.into_iter().chain([status]) {
            if !status.success() {
                return Err(io::Error::other(format!("{}: {copier:?} ended with {status}", case.figure)));
            }
        }
        files.check(count * case.size, case.stdout == Kind::Append)?;
        Ok(Cost { wall, cpu })
    }

    /// Starts `producer 2>&1 | tee LOG > sink`, or what capture-run makes of it. To `hold`: the
    /// producer stays until its standard input is closed.
    fn start(
        &self,
        case: &Case,
        copier: Copier,
        count: usize,
        files: &Files,
        sink: Sink,
        hold: bool,
    ) -> io::Result<Running> {
        let mut words = vec!["produce".to_owned(), count.to_string(), case.size.to_string()];
        words.extend(hold.then(|| "hold".to_owned()));
        let stdin = if hold { Stdio::piped() } else { Stdio::null() };
        let Sink { output, consumer } = sink;
        match copier {
            Copier::Ours => {
                let mut command = Command::new(self.ours);
                command.args(case.append.then_some("--append")).arg(&files.log).arg(&files.status).arg("--");
                command.arg(&self.bench).args(words).stdin(stdin).stdout(output);
                Ok(Running { copier: command.spawn()?, producer: None, consumer })
            }
            Copier::Tee => {
                let (reader, writer) = io::pipe()?;
                let mut command = Command::new(&self.bench);
                command.args(words).stdin(stdin).stdout(writer.try_clone()?).stderr(writer);
                let producer = command.spawn()?;
                let mut command = Command::new(self.tee);
                command.args(case.append.then_some("-a")).arg(&files.log).stdin(reader).stdout(output);
                Ok(Running { copier: command.spawn()?, producer: Some(producer), consumer })
            }
        }
    }

    /// The most memory that each ever had, read when all is copied and the producer has not ended.
    fn compare_memory<W: Write>(&self, table: &mut Table<W>, volume: usize) -> io::Result<()> {
        let count = volume / PIPE.size;
        let peak = |copier| {
            let files = Files::new(self.memory);
            let sink = PIPE.stdout.open(&files.output)?;
            let mut running = self.start(&PIPE, copier, count, &files, sink, true)?;
            let copied =
                || fs::metadata(&files.log).is_ok_and(|log| log.len() == volume as u64).then_some(());
            eventually("the end of the log", copied)?;
            let peak = memory(&running.copier, "VmHWM");
            // The end of its input ends the producer.
            drop(running.producer.as_mut().unwrap_or(&mut running.copier).stdin.take());
            running.copier.wait()?;
            running.end()?;
            peak.map(Figure::kib)
        };
        let (ours, theirs) = (peak(Copier::Ours)?, peak(Copier::Tee)?);
        let figure = format!("peak resident memory, {} MiB copied", volume / MIB);
        let target = Target::Own(Bound::Below(3072.0));
        let typed = PIPE.typed(count, " hold");
        let commands = typed.each_ref().map(String::as_str);
        table.row(&Row { figure: &figure, ours, peer: Some(("GNU tee", theirs)), target, commands })
    }

    /// What each adds to /bin/true from its start to its end, all called by one bash.
    fn compare_start<W: Write>(&self, table: &mut Table<W>, plan: Plan, start: &Start) -> io::Result<()> {
        const PEER: &str = "run_with_capture";
        let Some(bash) = installed("bash") else {
            return table.missing(start.figure, PEER, "not installed (package bash)");
        };
        let Some(folder) = self.folder(start.disk) else {
            return table.missing(start.figure, PEER, "no ext4 here");
        };
        let files = Files::new(folder);
        let mut command = Command::new(bash);
        command.args(["-c", LOOP, "bash", if plan.quick { "50" } else { "500" }]);
        command.arg(self.ours).arg(&files.log).arg(&files.status);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        let output = if start.one_core { on_one_core(|| command.output()) } else { command.output() }?;
        let mut columns = [Samples::default(), Samples::default(), Samples::default()];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            for (column, micros) in columns.iter_mut().zip(line.split(' ')) {
                column.add(micros.parse::<f64>().map_err(io::Error::other)? / 1e6);
            }
        }
        let [plain, function, ours] = &columns;
        for (name, quantile) in QUANTILES {
            let added = |samples: &Samples| {
                Figure::of_rounds(samples, quantile, |whole| Figure::ms(whole - quantile(plain)))
            };
            let peer = Some((PEER, added(function)));
            let figure = format!("{}, {name}", start.figure);
            let commands = ["capture-run LOG STATUS -- /bin/true", "run_with_capture LOG STATUS /bin/true"];
            table.row(&Row { figure: &figure, ours: added(ours), peer, target: start.target, commands })?;
        }
        Ok(())
    }
}

impl Running {
    /// Waits for those that are left.
    fn end(self) -> io::Result<Vec<ExitStatus>> {
        let left = self.producer.into_iter().chain(self.consumer);
        left.map(|mut child| child.wait()).collect()
    }
}

/// Does something, and what it starts does it too, on the first core that we may use.
fn on_one_core<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let own = Pid::from_raw(0);
    let all = sched_getaffinity(own)?;
    let mut first = CpuSet::new();
    let core = (0..CpuSet::count()).find(|core| all.is_set(*core).unwrap_or(false));
    first.set(core.unwrap_or_default())?;
    sched_setaffinity(own, &first)?;
    let result = work();
    sched_setaffinity(own, &all)?;
    result
}

/// The loop of calls: the microseconds of /bin/true, of the function and of ours, a line each round.
/// The function is that of dispatch-unified.sh, which capture-run replaces.
const LOOP: &str = r#"
run_with_capture() {
  local log_file="$1" status_file="$2"
  shift 2
  set -o pipefail
  "$@" 2>&1 | tee "$log_file"
  local exit_code=$?
  echo "$exit_code" > "$status_file"
  return $exit_code
}
count=$1 ours=$2 log=$3 status=$4
for ((round = 0; round < count; round++)); do
  a=${EPOCHREALTIME/./}
  /bin/true
  b=${EPOCHREALTIME/./}
  run_with_capture "$log" "$status" /bin/true
  c=${EPOCHREALTIME/./}
  "$ours" "$log" "$status" -- /bin/true
  d=${EPOCHREALTIME/./}
  echo "$((b - a)) $((c - b)) $((d - c))"
done
"#;

/// The files of a run; no earlier run has left any, and this one leaves none.
struct Files {
    log: PathBuf,
    status: PathBuf,
    output: PathBuf,
}

impl Files {
    fn new(folder: &Path) -> Self {
        Self { log: folder.join("log"), status: folder.join("status"), output: folder.join("output") }
    }

    /// A run that lost bytes was no run.
    fn check(&self, expected: usize, output_too: bool) -> io::Result<()> {
        for path in [Some(&self.log), Some(&self.output).filter(|_| output_too)].into_iter().flatten() {
            let length = fs::metadata(path)?.len();
            if length != expected as u64 {
                let path = path.display();
                return Err(io::Error::other(format!("{path} has {length} of {expected} bytes: disk full?")));
            }
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in [&self.log, &self.status, &self.output] {
            let _ = fs::remove_file(path);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn bytes(count: usize) -> f64 {
    count as f64
}
