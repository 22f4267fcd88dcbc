//! The private mount namespace of one test.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::{Assert, OutputAssertExt};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::geteuid;

use crate::accounts;
use crate::capture::{apart_from_forks, capture};
use crate::programs::program;

/// Where a bed keeps what it makes; anybody may enter it.
pub const SCRATCH: &str = "/mnt";

/// The search path of the commands of a bed: the programs under test come first.
const PATH: &str = "/mnt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A host of its own, as seen by the thread that made it and by what that starts.
pub struct Bed {
    /// The namespace is the thread's: no other may believe to be in it.
    of_one_thread: PhantomData<*const ()>,
}

impl Bed {
    /// Opens a bed with these programs under test in its PATH; `None`, and a word on stderr that
    /// says so, when this process may not.
    ///
    /// # Panics
    /// When a program is not built or a mount fails.
    #[must_use]
    pub fn new(under_test: &[&str]) -> Option<Self> {
        if !geteuid().is_root() {
            return skipped();
        }
        // Opened now: the folder that they are in may be covered by what follows.
        let open = |name: &&str| File::open(program(name)).expect("a program that was built can be read");
        let opened: Vec<File> = under_test.iter().map(open).collect();
        match unshare(CloneFlags::CLONE_NEWNS) {
            Err(Errno::EPERM) => return skipped(),
            other => other.expect("a mount namespace"),
        }
        heed_signals();
        mounted(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        for folder in [SCRATCH, "/home", "/run/user"] {
            in_memory(folder);
        }
        let bed = Self { of_one_thread: PhantomData };
        bed.furnish();
        bed.folder("bin", 0, 0o755);
        for (name, mut program) in under_test.iter().zip(opened) {
            let mut bytes = Vec::new();
            program.read_to_end(&mut bytes).expect("a program can be read");
            bed.file(&format!("bin/{name}"), bytes, 0, 0o755);
        }
        Some(bed)
    }

    fn furnish(&self) {
        self.folder("etc", 0, 0o755);
        for (name, text, mode) in [
            ("passwd", accounts::PASSWD, 0o644),
            ("group", accounts::GROUP, 0o644),
            ("shadow", &accounts::shadow(), 0o640),
            ("nsswitch.conf", accounts::NSSWITCH, 0o644),
            ("sudoers", accounts::SUDOERS, 0o440),
        ] {
            let (own, real) = (self.file(&format!("etc/{name}"), text, 0, mode), format!("/etc/{name}"));
            if Path::new(&real).exists() {
                self.bind(&own, &real);
            }
        }
        if Path::new("/etc/sudoers.d").exists() {
            in_memory("/etc/sudoers.d");
        }
        for (name, uid) in [("ubuntu", 1000), ("other", 1001)] {
            owned(Path::new("/home").join(name), uid, 0o750, |path| fs::create_dir(path));
        }
        self.folder("open", 0, 0o1777);
        self.folder("closed", 0, 0o700);
    }

    /// Lays `own` over `real`.
    pub fn bind(&self, own: &Path, real: &str) {
        mounted(Some(own), real, None, MsFlags::MS_BIND);
    }

    /// Lays an empty folder in memory over `folder`.
    pub fn empty(&self, folder: &str) {
        in_memory(folder);
    }

    /// Replaces the text of a file of /etc that the bed has laid there.
    pub fn etc(&self, name: &str, text: &str) {
        fs::write(self.path("etc").join(name), text).expect("the bed's own file can be written");
    }

    /// A path in the scratch folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(SCRATCH).join(name)
    }

    /// A new folder in the scratch folder.
    pub fn folder(&self, name: &str, uid: u32, mode: u32) -> PathBuf {
        owned(self.path(name), uid, mode, |path| fs::create_dir(path))
    }

    /// A new file in the scratch folder.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>, uid: u32, mode: u32) -> PathBuf {
        let _apart = apart_from_forks();
        owned(self.path(name), uid, mode, |path| fs::write(path, contents))
    }

    /// A command with its arguments, searched in the bed's PATH, with root's bare environment.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let (program, arguments) = words.split_first().expect("a command");
        let mut command = Command::new(program);
        command.args(arguments).current_dir("/").env_clear();
        command.envs([("PATH", PATH), ("HOME", "/root"), ("USER", "root"), ("LC_ALL", "C.UTF-8")]);
        command
    }

    /// Runs such a command without input and takes what it says.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Assert {
        capture(self.command(words)).assert()
    }
}

/// Signals that a caller may ignore: a shell without job control does so with SIGINT and SIGQUIT of
/// background jobs, nohup(1) with SIGHUP.
const OFTEN_IGNORED: [Signal; 10] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGCHLD,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// What the commands of a bed inherit must not depend on who runs the tests.
fn heed_signals() {
    for ignored in OFTEN_IGNORED {
        // SAFETY: SIG_DFL runs no code of ours; no test installs a handler that this would replace.
        unsafe { signal(ignored, SigHandler::SigDfl) }.expect("a signal that may be set");
    }
}

fn skipped() -> Option<Bed> {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not through eprintln!, whose words libtest keeps to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {name} needs root");
    None
}

fn owned(path: PathBuf, uid: u32, mode: u32, make: impl FnOnce(&Path) -> std::io::Result<()>) -> PathBuf {
    make(&path).and_then(|()| chown(&path, Some(uid), Some(uid))).expect("the bed can be written");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the bed's own file");
    path
}

fn in_memory(folder: &str) {
    mounted(Some(Path::new("tmpfs")), folder, Some("tmpfs"), MsFlags::empty());
}

fn mounted(source: Option<&Path>, target: &str, kind: Option<&str>, flags: MsFlags) {
    let data = kind.map(|_| "mode=0755");
    mount(source, target, kind, flags, data)
        .unwrap_or_else(|errno| panic!("mounting over {target}: {errno}"));
}
