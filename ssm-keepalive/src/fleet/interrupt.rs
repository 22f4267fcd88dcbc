//! Ctrl-C: what is under way is told, and where to look again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;
use crate::failure::Failure;

/// Whether somebody has asked for the end.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes SIGINT, SIGTERM and SIGHUP as such. The second one ends the process at once: AWS may be slow to answer.
    ///
    /// # Errors
    /// `signals` when the system refuses it.
    pub fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let listen = |signal| -> io::Result<()> {
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked)).map(drop)
        };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            listen(signal)
                .map_err(|error| Failure::new("signals", format!("Ctrl-C cannot be heard: {error}")))?;
        }
        Ok(Self(asked))
    }

    /// For what waits.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether it came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
