//! Programs of other users.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PATIENCE;

/// A program with this agent.
pub struct Child(Command);

impl Child {
    pub fn of(program: &str, words: &[&str], uid: u32, agent: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(words).env("SSH_AUTH_SOCK", agent).uid(uid).gid(uid);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    /// Where it runs, and what more it finds in its environment; nothing of root's home.
    pub fn surroundings(&mut self, folder: &Path, environment: &[(&str, &str)]) {
        self.0.current_dir(folder).env("HOME", folder).envs(environment.iter().copied());
    }

    /// What it prints, when it has read this.
    pub fn run(mut self, input: &str) -> String {
        let mut child = self.0.spawn().expect("started");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
        let output = bounded(child);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("words")
    }

    /// What comes of it, whatever that is.
    pub fn output(mut self) -> Output {
        bounded(self.0.stdin(Stdio::null()).spawn().expect("started"))
    }
}

/// What comes of a child, which is killed when it does not end.
pub fn bounded(child: std::process::Child) -> Output {
    let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
    let (sender, output) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match output.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("ended"),
        Err(_) => {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("a child does not end");
        }
    }
}
