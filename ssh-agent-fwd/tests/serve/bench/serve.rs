//! The program, serving.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Client, PATIENCE};

/// The program, serving. Dropped, it is killed.
pub struct Serve {
    child: Option<Child>,
    words: Words,
    said: String,
    socket: PathBuf,
}

/// What it says, which is not read before somebody asks for it.
enum Words {
    Unread(ChildStderr),
    Read(Receiver<String>),
    Over,
}

impl Serve {
    /// This child, whose standard error is a pipe unless it goes elsewhere.
    pub fn of(mut child: Child, socket: PathBuf) -> Self {
        let words = child.stderr.take().map_or(Words::Over, Words::Unread);
        Self { child: Some(child), words, said: String::new(), socket }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// A client of this user.
    pub fn connect(&self, uid: u32) -> Client {
        Client::connect(&self.socket, uid)
    }

    /// Kills it, so that it cleans nothing up.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().expect("a pid")), signal).expect("signalled");
    }

    /// Has it read its policy again, until it says this.
    pub fn hang_up(&mut self, says: &str) {
        self.signal(Signal::SIGHUP);
        self.hear(says);
    }

    /// Waits until it says this.
    pub fn hear(&mut self, says: &str) {
        while let Some(line) = self.line() {
            if line.contains(says) {
                return;
            }
        }
        panic!("it never says '{says}': {}", self.said);
    }

    /// Ends it; all that it said.
    pub fn end(self) -> String {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Has it retire and waits for that; all that it said.
    pub fn retire(self) -> String {
        self.signal(Signal::SIGUSR1);
        self.wait()
    }

    /// Waits until it has ended, well; all that it said.
    pub fn wait(mut self) -> String {
        while self.line().is_some() {}
        let status = self.child.take().map(ended).expect("it runs");
        assert!(status.success(), "{status}: {}", self.said);
        std::mem::take(&mut self.said)
    }

    /// The next line that it says; `None` when it has ended.
    fn line(&mut self) -> Option<String> {
        if let Words::Unread(_) = self.words
            && let Words::Unread(stderr) = std::mem::replace(&mut self.words, Words::Over)
        {
            let (sender, lines) = channel();
            thread::spawn(move || {
                BufReader::new(stderr).lines().try_for_each(|line| sender.send(line.expect("words")))
            });
            self.words = Words::Read(lines);
        }
        let Words::Read(lines) = &self.words else { return None };
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.said.push_str(&line);
                self.said.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it neither says anything nor ends: {}", self.said),
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How a child ended that must end soon.
fn ended(mut child: Child) -> ExitStatus {
    let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
    let (sender, status) = channel();
    thread::spawn(move || sender.send(child.wait()));
    status
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("it does not end");
        })
        .expect("its status")
}
