//! Runs of capture-run, and the records that they leave in a folder of root's.

use std::fs;
use std::io::{Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use assert_cmd::assert::{Assert, OutputAssertExt};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::bed::{Bed, SCRATCH};
use crate::capture::{capture, code};
use crate::running::{DEADLINE, eventually};

/// Between two looks at what no event tells of.
const BREATH: Duration = Duration::from_millis(1);

/// The variable by which processes of one test know each other.
const MARK: &str = "BED_RUN";

/// A bed with capture-run and dropuid in it. `log`, `status` and `result` stand in its scratch
/// folder, which is where commands run. What they started ends with it.
pub struct Records {
    bed: Bed,
    mark: String,
}

/// A process of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its arguments, with spaces between them.
    pub words: String,
}

/// What proc_pid_stat(5) says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kin {
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
}

impl Deref for Records {
    type Target = Bed;

    fn deref(&self) -> &Bed {
        &self.bed
    }
}

impl Records {
    /// Opens a bed; `None`, after saying so, without root.
    #[must_use]
    pub fn new() -> Option<Self> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        Bed::new(&["capture-run", "dropuid"]).map(|bed| Self { bed, mark })
    }

    /// Any command, in the scratch folder.
    pub fn any(&self, words: &[&str]) -> Command {
        let mut command = self.bed.command(words);
        command.current_dir(SCRATCH).env(MARK, &self.mark);
        command
    }

    /// `capture-run OPTIONS log status -- COMMAND`.
    pub fn command(&self, options: &str, command: &[&str]) -> Command {
        let head = ["capture-run"].into_iter().chain(options.split_ascii_whitespace());
        let words: Vec<&str> = head.chain(["log", "status", "--"]).chain(command.iter().copied()).collect();
        self.any(&words)
    }

    /// `capture-run OPTIONS log status -- sh -c SCRIPT`.
    pub fn script(&self, options: &str, script: &str) -> Command {
        self.command(options, &["sh", "-c", script])
    }

    /// Runs that to its end.
    pub fn sh(&self, options: &str, script: &str) -> Assert {
        capture(self.script(options, script)).assert()
    }

    /// Runs a script of bash's that calls capture-run itself.
    pub fn caller(&self, script: &str) -> Assert {
        capture(self.any(&["bash", "-c", script])).assert()
    }

    /// What a file in the scratch folder holds.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    /// What LOG holds, as text.
    #[must_use]
    pub fn log(&self) -> String {
        self.text("log")
    }

    /// What STATUS holds.
    #[must_use]
    pub fn status(&self) -> String {
        self.text("status")
    }

    /// What `--result result` holds.
    ///
    /// # Panics
    /// When it is no line of JSON.
    #[must_use]
    pub fn result(&self) -> Value {
        let text = self.text("result");
        assert!(text.ends_with('\n'), "a line: {text:?}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    /// Whether a file is in the scratch folder.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Takes files away where there are any.
    pub fn clear(&self, names: &[&str]) {
        names.iter().for_each(|name| drop(fs::remove_file(self.path(name))));
    }

    /// All processes of this test that are alive, capture-run and its watcher among them.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").expect("/proc");
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid| self.mine(pid)).collect()
    }

    fn mine(&self, pid: i32) -> Option<Process> {
        let mark = format!("{MARK}={}", self.mark);
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        environment.split(|byte| *byte == 0).find(|variable| *variable == mark.as_bytes())?;
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " ");
        // A zombie has neither environment nor words.
        (!words.is_empty()).then_some(Process { pid, words })
    }

    /// The process of this test that runs exactly these words, if it is alive.
    #[must_use]
    pub fn find(&self, words: &str) -> Option<i32> {
        self.processes().into_iter().find(|process| process.words == words).map(|process| process.pid)
    }

    /// Waits for it.
    #[must_use]
    pub fn found(&self, words: &str) -> i32 {
        eventually(words, || self.find(words).is_some());
        self.find(words).expect("it does not end by itself")
    }

    /// Waits until no process of this test is left.
    ///
    /// # Panics
    /// When some stay.
    pub fn nothing_is_left(&self) {
        // One look could miss a process that forks and ends while we look.
        const LOOKS: u32 = 10;
        let (start, mut empty) = (Instant::now(), 0);
        while empty < LOOKS {
            let left = self.processes();
            assert!(start.elapsed() < DEADLINE, "still there: {left:?}");
            empty = if left.is_empty() { empty + 1 } else { 0 };
            thread::sleep(BREATH);
        }
    }

    /// Takes every cgroup v2 hierarchy out of sight.
    pub fn without_cgroups(&self) {
        for folder in cgroup_mounts() {
            umount2(&folder, MntFlags::MNT_DETACH).expect("the bed's own mounts");
        }
    }

    /// A folder in memory of so many KiB.
    ///
    /// # Panics
    /// When it cannot be mounted.
    pub fn small(&self, name: &str, kib: u32) -> PathBuf {
        let folder = self.folder(name, 0, 0o755);
        let data = format!("mode=0755,size={kib}k");
        mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some(data.as_str())).expect("a tmpfs");
        folder
    }

    /// Fills such a folder up.
    ///
    /// # Panics
    /// When nothing can be written at all.
    pub fn fill(&self, folder: &Path) {
        let mut file = fs::File::create(folder.join("filler")).expect("a new file");
        while file.write(&[0; 512]).is_ok_and(|count| count > 0) {}
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            // A watcher ends by itself when the others are gone, and takes its cgroup away.
            let patient = start.elapsed() < DEADLINE / 2;
            for process in left.iter().filter(|process| !(patient && process.is_watcher())) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            thread::sleep(BREATH);
        }
    }
}

impl Process {
    /// Whether it is a watcher of capture-run's: unlike that it holds no standard output.
    fn is_watcher(&self) -> bool {
        let stdout = format!("/proc/{}/fd/1", self.pid);
        self.words.starts_with("capture-run ") && fs::symlink_metadata(stdout).is_err()
    }
}

/// Where cgroup v2 hierarchies are mounted.
fn cgroup_mounts() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let cgroups = mounts.lines().filter(|line| line.contains(" - cgroup2 "));
    cgroups.filter_map(|line| line.split(' ').nth(4).map(PathBuf::from)).collect()
}

/// The folder of our own cgroup in a v2 hierarchy that can be written to, if there is one.
#[must_use]
pub fn cgroup() -> Option<PathBuf> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = cgroup_mounts().first()?.join(own);
    let probe = folder.join(format!("bed-{}", std::process::id()));
    let writable = fs::create_dir(&probe).is_ok() || probe.exists();
    let _ = fs::remove_dir(&probe);
    writable.then_some(folder)
}

/// The folder of the cgroup that a program under test made for this process, if it is in one.
#[must_use]
pub fn cgroup_of(pid: i32) -> Option<PathBuf> {
    let membership = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    own_cgroup(&membership)
}

/// The same from what `cat /proc/self/cgroup` printed.
#[must_use]
pub fn own_cgroup(membership: &str) -> Option<PathBuf> {
    let path = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = cgroup_mounts().first()?.join(path);
    folder.file_name()?.to_str()?.starts_with("privtools-").then_some(folder)
}

/// Children of all threads of a process.
#[must_use]
pub fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers: Vec<String> =
        lists.flat_map(|list| list.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
    numbers.iter().filter_map(|number| number.parse().ok()).collect()
}

/// Parent, group and session of a process.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn kin(pid: i32) -> Kin {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    // The name may hold anything; it ends at the last parenthesis.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let number = |at| fields.split(' ').nth(at).and_then(|field| field.parse().ok()).expect("a number");
    Kin { parent: number(1), group: number(2), session: number(3) }
}

/// Waits for the end of a child: its code, or 128+n.
///
/// # Panics
/// When it does not end; it is then killed.
pub fn ended(child: &mut Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return code(Ok(status));
        }
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("it did not end within {DEADLINE:?}");
        }
        thread::sleep(BREATH);
    }
}

/// Reads everything in another thread.
pub fn reader(mut source: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A terminal reports EIO once its last user has gone: the end, as for a pipe.
        let _ = source.read_to_end(&mut bytes);
        bytes
    })
}

/// What a [`reader`] has read, once its source has ended.
///
/// # Panics
/// When that does not come.
#[must_use]
pub fn read(reader: JoinHandle<Vec<u8>>) -> Vec<u8> {
    eventually("the end of all output", || reader.is_finished());
    reader.join().expect("reading does not panic")
}

/// Reads so many bytes, and gives the source back.
///
/// # Panics
/// When they do not come.
pub fn exactly<R: Read + Send + 'static>(count: usize, mut source: R) -> (Vec<u8>, R) {
    let reading = thread::spawn(move || {
        let mut bytes = vec![0; count];
        source.read_exact(&mut bytes).map(|()| (bytes, source))
    });
    eventually("the first bytes", || reading.is_finished());
    reading.join().expect("reading does not panic").expect("so many bytes")
}
