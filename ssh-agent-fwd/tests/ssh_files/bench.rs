//! A home in a folder of its own, and what is done in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use diagnostics::Failure;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use ssh_agent_fwd::manifest::Manifest;
use ssh_agent_fwd::served_user::ServedUser;
use ssh_agent_fwd::ssh_files::{Budget, Order, Plan, Reply, Task, carry_out};
use tempfile::TempDir;

use crate::run_folder::run_folder;

pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// The program, held open: the user need not be able to walk to where it was built.
static PROGRAM: OnceLock<File> = OnceLock::new();

/// Its path in this process, and in those that inherit it.
pub fn program() -> PathBuf {
    let file = PROGRAM.get_or_init(|| File::open(env!("CARGO_BIN_EXE_ssh-agent-fwd")).expect("built"));
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Lets processes that are not confined have it.
pub fn inherit_program() {
    fcntl(PROGRAM.get().expect("open"), FcntlArg::F_SETFD(FdFlag::empty())).expect("inheritable");
}

/// A file, a link or a folder: its mode, its owner and what is in it.
pub type Node = (u32, u32, Vec<u8>);

/// A user and its home, which is gone afterwards.
pub struct Bench {
    folder: TempDir,
    pub user: ServedUser,
}

impl Bench {
    /// `None` without root.
    pub fn new() -> Option<Self> {
        let folder = run_folder(0o755)?;
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("made");
        let home = home.to_str().expect("text").parse().expect("a path");
        let user = ServedUser::resolve(&"daemon".parse().expect("a name"), &home).expect("an account");
        chown(user.home.as_path(), Some(user.uid), Some(user.gid)).expect("given");
        Some(Self { folder, user })
    }

    pub fn home(&self) -> &Path {
        self.user.home.as_path()
    }

    /// A place beside the home, which is root's.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ssh(&self, name: &str) -> PathBuf {
        self.home().join(".ssh").join(name)
    }

    /// Runs a script as the user, in its home.
    pub fn user_does(&self, script: &str) {
        let output = self.as_user(&["sh", "-ec", script]).output().expect("run");
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// A command as the user, in its home.
    pub fn as_user(&self, words: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(self.setpriv()).args(words).current_dir(self.home());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home()).stdin(Stdio::null());
        command
    }

    /// The words that run a command as the user.
    pub fn words(&self, command: &[&str]) -> Vec<String> {
        let command = command.iter().map(ToString::to_string);
        ["setpriv".to_owned()].into_iter().chain(self.setpriv()).chain(command).collect()
    }

    fn setpriv(&self) -> [String; 5] {
        let (uid, gid) = (self.user.uid, self.user.gid);
        [
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".into(),
            "--inh-caps=-all".into(),
            "--".into(),
        ]
    }

    pub fn carry_out(&self, task: Task) -> Result<Reply, Failure> {
        carry_out(&program(), task, &self.user, &Budget::default())
    }

    pub fn install(&self, plan: &Plan) -> Result<Reply, Failure> {
        self.carry_out(Task::Install(plan.clone()))
    }

    pub fn remove(&self, name: &str) -> Result<Reply, Failure> {
        self.carry_out(Task::Remove(name.parse().expect("a name")))
    }

    /// The same, in a shell script of root's with mounts of its own, in which `"$@"` is the user's work there. Its
    /// order is on standard input and in `../order`.
    pub fn in_mounts_of_its_own(&self, task: Task, script: &str) -> Output {
        let order = Order { uid: self.user.uid, parent: 0, home: self.user.home.clone(), task };
        fs::write(self.beside("order"), serde_json::to_vec(&order).expect("written")).expect("written");
        // The shell is who waits for the answer; the file stays the same one, which is open already.
        let parent =
            r#"sed "s/\"parent\":0/\"parent\":$$/" "$ORDER" >"$ORDER.new"; cat "$ORDER.new" >"$ORDER""#;
        let script = &format!("{parent}; {script}");
        let program = program();
        inherit_program();
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-ec", script, "sh", "setpriv"]);
        command.args(self.setpriv()).arg(program).arg("as-user");
        command
            .env("ORDER", self.beside("order"))
            .env("HOME_OF_USER", self.home())
            .env("USER_ID", self.user.uid.to_string());
        command.stdin(File::open(self.beside("order")).expect("opened"));
        command.output().expect("run")
    }

    /// All that is in the home.
    pub fn nodes(&self) -> BTreeMap<PathBuf, Node> {
        nodes(self.home())
    }
}

/// All that is below a folder, and the folder itself.
pub fn nodes(folder: &Path) -> BTreeMap<PathBuf, Node> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).expect("there");
        let mut content = Vec::new();
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
        } else if metadata.is_symlink() {
            content = fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes();
        } else if metadata.is_file() && metadata.len() < 1 << 20 {
            content = fs::read(&path).expect("read");
        }
        found.insert(path, (metadata.mode(), metadata.uid(), content));
    }
    found
}

/// The plan of an instance with these hosts, as JSON without the key.
pub fn plan(name: &str, hosts: &[&str]) -> Plan {
    let key = r#""key": {"fd": 3}"#;
    let entries: Vec<String> = hosts.iter().map(|host| format!("{{{host}, {key}}}")).collect();
    let text = format!(r#"{{"name": "{name}", "user": "daemon", "entries": [{}]}}"#, entries.join(","));
    Plan::of(&Manifest::parse(text.as_bytes()).expect("a manifest"))
}

/// `git`, behind a gate.
pub fn git(name: &str) -> Plan {
    plan(name, &[&behind_gate("git")])
}

/// A host of this alias, behind a gate.
pub fn behind_gate(alias: &str) -> String {
    format!(
        r#""host": "{alias}", "hostname": "git.example.org", "user": "git", "port": 22,
           "gate": {{"hostname": "ssh-gate-demo", "port": 2201}}, "known_host_keys": ["{KEY}"]"#
    )
}
