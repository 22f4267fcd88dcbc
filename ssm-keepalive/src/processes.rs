//! The processes of a unit: those in its control group (cgroups(7)).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Where systemd's own hierarchy is mounted: v2, hybrid, v1 (systemd's CGROUP_DELEGATION).
const HIERARCHIES: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
/// Most bytes of cgroup.procs that are read.
const MAX_PROCS: u64 = 64 << 10;
/// Most processes that are looked at.
const MAX_PROCESSES: usize = 4096;
/// Longest name that the kernel keeps of a process, in bytes (proc_pid_comm(5)).
const COMM: usize = 15;
/// Most bytes of a process's status that are read; the name and the ids come first.
const MAX_STATUS: u64 = 4096;
/// What readlink(2) adds to a program that was replaced since, as by an update of the agent.
const DELETED: &str = " (deleted)";

/// The part of the agent that talks to Systems Manager.
const WORKER: &str = "ssm-agent-worker";
/// The parts that work for somebody: on a Run Command, on a session.
const BUSY: [&str; 2] = ["ssm-document-worker", "ssm-session-worker"];

/// What the agent's processes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Workers {
    /// Whether the part that talks to Systems Manager runs.
    pub agent: bool,
    /// How many work on a command or a session.
    pub busy: usize,
}

/// The agent's processes in a control group; `None` when they cannot be told, or are too many.
#[must_use]
pub fn workers(control_group: &str) -> Option<Workers> {
    let pids = || HIERARCHIES.iter().find_map(|root| pids(&procs_file(Path::new(root), control_group)?));
    let mut workers = Workers::default();
    let mut unknown = Vec::new();
    for pid in pids()? {
        match Name::of(pid) {
            None => unknown.push(pid),
            // All of the agent is root's: what runs below it as somebody else may call itself what it likes.
            Some(name) if !name.is_root => {}
            Some(name) => {
                workers.agent |= name.is(WORKER);
                workers.busy += usize::from(BUSY.iter().any(|busy| name.is(busy)));
            }
        }
    }
    // One that has ended is in no group any more. One that still is, is hidden (hidepid= of proc(5)).
    let is_hidden = !unknown.is_empty() && pids()?.iter().any(|pid| unknown.contains(pid));
    (!is_hidden).then_some(workers)
}

/// The file that lists a group's processes; `None` for what is no path below the root.
fn procs_file(root: &Path, control_group: &str) -> Option<PathBuf> {
    let below = Path::new(control_group.strip_prefix('/')?);
    let is_below =
        !control_group.ends_with('/') && below.components().all(|part| matches!(part, Component::Normal(_)));
    is_below.then(|| root.join(below).join("cgroup.procs"))
}

fn pids(procs: &Path) -> Option<Vec<i32>> {
    let mut text = String::new();
    File::open(procs).ok()?.take(MAX_PROCS + 1).read_to_string(&mut text).ok()?;
    let pids: Vec<i32> = text.lines().map(str::parse).collect::<Result<_, _>>().ok()?;
    (text.len() as u64 <= MAX_PROCS && pids.len() <= MAX_PROCESSES).then_some(pids)
}

/// What a process is called.
#[derive(Debug)]
struct Name {
    comm: String,
    /// Whether its real, effective, saved and file system uid are root's: a setuid program has another real one.
    is_root: bool,
    /// The last component of its program; `None` when this may not be asked.
    program: Option<String>,
}

impl Name {
    /// `None` when it has ended, or is hidden.
    fn of(pid: i32) -> Option<Self> {
        let of = |what: &str| PathBuf::from(format!("/proc/{pid}/{what}"));
        let mut status = Vec::new();
        File::open(of("status")).ok()?.take(MAX_STATUS).read_to_end(&mut status).ok()?;
        let program = fs::read_link(of("exe")).ok();
        let program = program.and_then(|path| path.file_name()?.to_str().map(str::to_owned));
        Self::read(&String::from_utf8_lossy(&status), program)
    }

    /// Reads proc_pid_status(5).
    fn read(status: &str, program: Option<String>) -> Option<Self> {
        let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(":\t"));
        let is_root = value("Uid")?.split('\t').all(|uid| uid == "0");
        Some(Self { comm: value("Name")?.to_owned(), is_root, program })
    }

    /// Whether it is this program, or a script of that name.
    fn is(&self, program: &str) -> bool {
        let short = program.get(..COMM).unwrap_or(program);
        let own = self.program.as_deref().map(|own| own.strip_suffix(DELETED).unwrap_or(own));
        own == Some(program) || self.comm == short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_file_below_the_hierarchy_and_nowhere_else() {
        let file = |group| procs_file(Path::new("/sys/fs/cgroup"), group);
        assert_eq!(
            file("/system.slice/a.service"),
            Some("/sys/fs/cgroup/system.slice/a.service/cgroup.procs".into())
        );
        for group in ["", "/", "system.slice", "/../../etc", "/system.slice/../x", "/a.service/"] {
            assert_eq!(file(group), None, "{group:?}");
        }
    }

    #[test]
    fn the_processes_of_a_group_are_its_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cgroup.procs");
        for (text, expected) in [("1\n22\n", Some(vec![1, 22])), ("", Some(vec![])), ("1\nx\n", None)] {
            fs::write(&file, text).expect("written");
            assert_eq!(pids(&file), expected, "{text:?}");
        }
        fs::write(&file, "1\n".repeat(MAX_PROCESSES + 1)).expect("written");
        assert_eq!(pids(&file), None, "too many to tell");
        fs::write(&file, "1234567\n".repeat(MAX_PROCESSES * 2 + 1)).expect("written");
        assert_eq!(pids(&file), None, "too long to tell");
    }

    #[test]
    fn a_program_is_known_by_its_file_or_by_what_the_kernel_keeps_of_its_name() {
        let name = |comm: &str, program: Option<&str>| Name {
            comm: comm.into(),
            is_root: true,
            program: program.map(str::to_owned),
        };
        assert!(name("x", Some("ssm-agent-worker")).is(WORKER));
        assert!(name("x", Some("ssm-agent-worker (deleted)")).is(WORKER));
        assert!(name("ssm-agent-worke", Some("dash")).is(WORKER));
        assert!(name("ssm-agent-worke", None).is(WORKER));
        assert!(!name("amazon-ssm-agen", Some("amazon-ssm-agent")).is(WORKER));
        assert!(!name("ssm-agent", None).is(WORKER));
    }

    #[test]
    fn only_a_process_with_no_other_id_than_root_s_is_the_agent_s() {
        for (uids, is_root) in [
            ("0\t0\t0\t0", true),
            ("1000\t1000\t1000\t1000", false),
            ("1000\t0\t0\t0", false),
            ("0\t0\t1000\t0", false),
        ] {
            let status = format!("Name:\tssm-agent-worke\nUmask:\t0022\nUid:\t{uids}\nGid:\t0\t0\t0\t0\n");
            let name = Name::read(&status, None).expect("a name");
            assert_eq!((name.is(WORKER), name.is_root), (true, is_root), "{uids}");
        }
        // A name cannot bring lines of its own: the kernel escapes them.
        assert!(Name::read("Name:\tx\\nUid:\\t0\n", None).is_none());
    }

    #[test]
    fn this_process_has_a_name() {
        let own = Name::of(i32::try_from(std::process::id()).expect("a pid")).expect("a name");
        let program = std::env::current_exe().expect("a program");
        assert_eq!(own.program.as_deref(), program.file_name().and_then(|name| name.to_str()));
        assert!(Name::of(i32::MAX).is_none());
    }
}
