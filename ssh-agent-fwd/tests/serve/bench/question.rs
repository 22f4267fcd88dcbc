//! A person who is asked before a signature (ssh-add(1), -c): a program that waits for the test.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// Where the program tells that it asks, and where it gets its answer.
pub struct Person {
    asked: File,
    answer: File,
    program: PathBuf,
}

/// A question that waits.
pub struct Question<'a>(&'a Person);

impl Person {
    /// In this folder.
    pub fn new(folder: &Path) -> Self {
        let fifo = |name: &str| {
            let path = folder.join(name);
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("made");
            // Open for both, it waits for nobody (fifo(7)).
            let file = OpenOptions::new().read(true).write(true).open(&path).expect("opened");
            (path, file)
        };
        let ((asked_at, asked), (answer_at, answer)) = (fifo("asked"), fifo("answer"));
        let program = folder.join("askpass");
        let (asked_at, answer_at) = (asked_at.display(), answer_at.display());
        let script = format!("#!/bin/sh\necho asked >{asked_at}\nread answer <{answer_at}\necho $answer\n");
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("set");
        Self { asked, answer, program }
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Waits for the next question.
    pub fn question(&self) -> Question<'_> {
        let mut waited = [PollFd::new(self.asked.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut waited, 60_000_u16), Ok(1), "nobody asks");
        let mut line = [0; 6];
        (&self.asked).read_exact(&mut line).expect("a question");
        Question(self)
    }
}

impl Question<'_> {
    /// Says yes.
    pub fn confirm(self) {
        (&self.0.answer).write_all(b"yes\n").expect("answered");
    }
}
