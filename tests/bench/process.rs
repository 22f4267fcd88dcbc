//! Processes: where their programs are, what they cost.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Nothing that is awaited takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// Between two looks at what no event tells of.
const BREATH: Duration = Duration::from_millis(2);

/// The path of an installed program.
pub fn installed(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// Runs a command to its end and takes the time.
pub fn timed(command: &mut Command) -> io::Result<(Duration, ExitStatus)> {
    let start = Instant::now();
    let status = command.spawn()?.wait()?;
    Ok((start.elapsed(), status))
}

/// Waits for the end of a child and takes the processor time of it alone, user and system: its own
/// clock, unlike wait4(2), leaves out the children that it has waited for.
pub fn cpu_until_end(child: &mut Child) -> io::Result<(Duration, ExitStatus)> {
    let pid = pid(child);
    // It stays a zombie, whose clock can still be read.
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    let cpu = clock_gettime(clock_getcpuclockid(pid)?)?;
    Ok((cpu.into(), child.wait()?))
}

/// A line of /proc/PID/status in KiB: `VmRSS`, or `VmHWM`, the most that it ever was. It counts from
/// the last execve(2), unlike ru_maxrss, which begins with what the parent had.
pub fn memory(child: &Child, line: &str) -> io::Result<u32> {
    memory_of(child.id(), line)
}

/// The same of any process.
pub fn memory_of(pid: u32, line: &str) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok());
    kib.ok_or_else(|| io::Error::other(format!("no {line} of process {pid}")))
}

/// A descendant of a process that runs a program of that name.
pub fn descendant(pid: u32, name: &str) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()).find_map(|child| {
        let called = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        if called.trim() == name {
            return Some(Pid::from_raw(child));
        }
        descendant(child.cast_unsigned(), name)
    })
}

/// Looks until there is something.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(BREATH);
    }
    Err(io::Error::other(format!("{what} did not come about in {DEADLINE:?}")))
}

/// The process id of a child.
pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}
