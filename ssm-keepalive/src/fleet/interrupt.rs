//! Ctrl-C: what is not sent yet is not sent, and what is under way is told.

use std::collections::BTreeSet;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::send::CommandId;
use super::told;
use crate::exit::Exit;
use crate::report;
use diagnostics::Failure;

/// What is taken as a wish to end.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Whether somebody has asked for the end, and what is under way then.
#[derive(Debug, Clone)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    under_way: Arc<Mutex<BTreeSet<CommandId>>>,
}

impl Interrupt {
    /// Listens from now on. After the first signal what AWS is being asked is still awaited; the second one ends this
    /// process at once. `options` are those of aws(1), for how to look again.
    ///
    /// # Errors
    /// `signals` when the system refuses it.
    pub fn listen(options: &str) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new("signals", format!("Ctrl-C cannot be heard: {error}"))
        };
        let signals = supervise::heeded(&SIGNALS);
        // All threads that come later have it, and the children of none.
        signals.thread_block().map_err(|errno| failed(&errno))?;
        let interrupt = Self { asked: Arc::default(), under_way: Arc::default() };
        let heard = interrupt.clone();
        let options = options.to_owned();
        thread::Builder::new()
            .spawn(move || heard.hear(signals, &options))
            .map_err(|error| failed(&error))?;
        Ok(interrupt)
    }

    /// For what waits.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// Whether it came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Commands that would go on without us.
    pub fn begin<'a>(&self, commands: impl Iterator<Item = &'a CommandId>) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).extend(commands.cloned());
    }

    /// Commands of which all is known.
    pub fn end<'a>(&self, commands: impl Iterator<Item = &'a CommandId>) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for command in commands {
            under_way.remove(command);
        }
    }

    fn hear(&self, signals: SigSet, options: &str) {
        if signals.wait().is_err() {
            return;
        }
        self.asked.store(true, Ordering::SeqCst);
        report::complain(
            &"it ends when AWS has answered what it is asked just now; a second signal ends it at once",
        );
        if signals.wait().is_err() {
            return;
        }
        for command in self.under_way.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            report::complain(&told::goes_on(command, options));
        }
        process::exit(Exit::Interrupted as i32);
    }
}
