//! moto, another implementation of the API: a second opinion on what the CLI takes.
//!
//! It has SendCommand, GetCommandInvocation and ListCommands, runs nothing, and says at once that all
//! went well; to what it does not have it answers HTTP 500 with HTML.

use std::process::Command;

use super::venv;
use crate::running::Running;

/// For sh: what it says goes to the pipe that is read.
const SERVE: &str = r#"exec "$0" -H 127.0.0.1 -p 0 2>&1"#;

/// In the line that says where it listens.
const LISTENS: &str = "Running on ";

/// A server of moto's, killed when this is dropped.
pub struct Moto {
    _process: Running,
    url: String,
}

impl Moto {
    /// Starts it on a free port of the loopback address.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SERVE]).arg(venv::folder("moto").join("bin/moto_server"));
        command.env_clear().env("PATH", "/usr/bin:/bin");
        let process = Running::start(command);
        let url = std::iter::from_fn(|| process.line()).find_map(|line| {
            let (_, url) = line.split_once(LISTENS)?;
            Some(url.trim().to_owned())
        });
        Self { url: url.expect("moto_server says where it listens"), _process: process }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
