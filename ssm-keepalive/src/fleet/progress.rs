//! What is told while instances are worked on: a bar on a terminal.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the elapsed time is drawn anew.
const TICK: Duration = Duration::from_millis(500);
/// How many instances are done, of how many, and since when.
const BAR: &str = "{msg} [{bar:30}] {pos}/{len} instances, {elapsed_precise}";

/// A bar that shows only where standard error is a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// Hidden with `--json`.
    #[must_use]
    pub fn new(json: bool) -> Self {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// What is done from now on, to so many instances.
    pub fn step(&self, what: &'static str, instances: usize) {
        self.0.set_length(u64::try_from(instances).unwrap_or(u64::MAX));
        self.0.set_position(0);
        self.0.set_message(what);
        // The tick is a thread of its own, made by a call that panics where none can be.
        let tick = || thread::Builder::new().spawn(|| ()).is_ok_and(|tried| tried.join().is_ok());
        if !self.0.is_hidden() && tick() {
            self.0.enable_steady_tick(TICK);
        }
    }

    /// One more is done.
    pub fn ended(&self) {
        self.0.inc(1);
    }

    /// Nothing is drawn any more.
    pub fn end(&self) {
        self.0.disable_steady_tick();
        self.0.finish_and_clear();
    }
}
