//! Waiting for a child as a shell would: its signals, its stops, its end.

use std::io;

use crate::child::{Child, Event};
use crate::ended::Ended;
use crate::signals::{Signals, relayed};
use crate::sys;

/// Stays with the child until it has ended: relays signals, stops when it stops, goes on with it.
/// Idle in one read(2).
///
/// # Errors
/// Those of read(2) and wait4(2).
pub fn attend(child: &Child, signals: &Signals) -> io::Result<Ended> {
    loop {
        let delivery = signals.next()?;
        if delivery.signal != libc::SIGCHLD {
            if relayed(delivery, child.pid(), child.shares_group()) {
                child.signal(delivery.signal);
            }
            continue;
        }
        // One SIGCHLD may stand for several changes (signal(7), "standard signals do not queue").
        while let Some(event) = child.look()? {
            match event {
                Event::Ended(ended) => return Ok(ended),
                Event::Stopped => stop_ourselves(),
                Event::Continued => {}
            }
        }
    }
}

/// SIGSTOP cannot be blocked: our caller sees us stopped, and its SIGCONT is relayed afterwards.
fn stop_ourselves() {
    let _ = sys::kill(std::process::id().cast_signed(), libc::SIGSTOP);
}
